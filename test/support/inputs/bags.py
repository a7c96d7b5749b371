"""Bags written without ROS, by rosbags."""

from contextlib import contextmanager

import cv2
import numpy as np
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.LATEST)
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
STRING = "std_msgs/msg/String"
FORMATS = {
    "mcap-zstd": (StoragePlugin.MCAP, CompressionMode.STORAGE),
    "mcap": (StoragePlugin.MCAP, CompressionMode.NONE),
    "sqlite3": (StoragePlugin.SQLITE3, CompressionMode.NONE),
    "sqlite3-zstd-file": (StoragePlugin.SQLITE3, CompressionMode.FILE),
    "sqlite3-zstd-message": (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
}


def header(seconds, frame_id="camera"):
    time = STORE.types["builtin_interfaces/msg/Time"]
    whole = int(seconds)
    stamp = time(sec=whole, nanosec=round((seconds - whole) * 1e9))
    return STORE.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def raw(picture, seconds):
    """CDR of an Image, rgb8."""
    height, width = picture.shape[:2]
    message = STORE.types[IMAGE](
        header=header(seconds), height=height, width=width, encoding="rgb8", is_bigendian=0,
        step=width * 3, data=np.ascontiguousarray(picture).reshape(-1),
    )  # fmt: skip
    return IMAGE, bytes(STORE.serialize_cdr(message, IMAGE))


def jpeg(picture, seconds):
    """CDR of a CompressedImage, JPEG."""
    data = cv2.imencode(".jpg", picture[:, :, ::-1])[1]
    message = STORE.types[COMPRESSED](header=header(seconds), format="jpeg", data=data)
    return COMPRESSED, bytes(STORE.serialize_cdr(message, COMPRESSED))


def text(words):
    """CDR of a String."""
    message = STORE.types[STRING](data=words)
    return STRING, bytes(STORE.serialize_cdr(message, STRING))


def write_bag(folder, messages, form="mcap-zstd"):
    """``messages``: (topic, seconds, (type, CDR))."""
    plugin, compression = FORMATS[form]
    writer = Writer(folder, version=9, storage_plugin=plugin)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, seconds, (kind, cdr) in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], round(seconds * 1e9), cdr)
    return folder


@contextmanager
def metadata_of(folder):
    """What the metadata of a bag say, to be changed."""
    file = folder / "metadata.yaml"
    whole = yaml.safe_load(file.read_text())
    yield whole["rosbag2_bagfile_information"]
    file.write_text(yaml.safe_dump(whole))


def read_bag(folder):
    """(topic, time in nanoseconds, type, CDR) of every message."""
    with Reader(folder) as reader:
        return [
            (connection.topic, time_ns, connection.msgtype, bytes(cdr))
            for connection, time_ns, cdr in reader.messages(reader.connections)
        ]
