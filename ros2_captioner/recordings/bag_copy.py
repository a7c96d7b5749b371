"""A new bag: the recording as it is, and the captions beside it."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from ros2_captioner.errors import OptionsError
from ros2_captioner.images.bag import connection_key, disagreement, hidden_messages
from ros2_captioner.images.bag_path import DATABASE, check_database_name
from ros2_captioner.recordings.journal import Moment
from ros2_captioner.stream.namespaces import own_namespaces

_STRING = "std_msgs/msg/String"
_VERSION = 8  # the newest that Humble reads: it wants QoS as text, which 9 has as a list
_UNKNOWN_DIGEST = f"RIHS01_{'0' * 64}"  # old bags have none, and rosbags wants one
_Message = tuple[int, Any, Any]  # time in nanoseconds, connection of the new bag, CDR bytes


def caption_topics(cameras: Sequence[str]) -> dict[str, tuple[str, str]]:
    """For each image topic those of the sentence and of the detail."""
    captions = {c: f"{own}/scene_caption" for c, own in own_namespaces(cameras).items()}
    return {camera: (sentence, f"{sentence}/detail") for camera, sentence in captions.items()}


class CaptionedBag:
    """Copies a recording and adds captions at the times of their frames.

    Messages keep their bytes and times, topics their QoS and type, the bag its storage format and
    compression.

    Args:
        source: folder of the bag, or one of its files.
        cameras: whose captions are added.
        target: folder of the new bag, which is not there yet.

    Raises:
        OptionsError: the bag already has a topic of that name, its metadata hide messages, or
            rosbags would write to another path.
    """

    def __init__(self, source: Path, cameras: Sequence[str], target: Path) -> None:
        from rosbags.rosbag2 import Reader, StoragePlugin
        from rosbags.typesys import Stores, get_typestore

        self._reader, self._target = Reader(source), target
        self._store = get_typestore(Stores.LATEST)
        self._topics = caption_topics(cameras)
        with self._reader as reader:
            there = {connection.topic for connection in reader.connections}
            self._extent = _extent(reader)
            hidden = [topic for topic, _ in hidden_messages(reader)]
            self._format = _kept_format(reader)
        if self._format[0] is StoragePlugin.SQLITE3:
            check_database_name(target / f"{target.name}{DATABASE}")
        if hidden:
            raise OptionsError(disagreement(source, hidden))
        if taken := sorted(there & {topic for pair in self._topics.values() for topic in pair}):
            raise OptionsError(
                f"{source} already has captions on {taken}; caption the recording that it was "
                "made from, other --topics, or add --format jsonl"
            )

    def write(self, moments: Iterable[Moment]) -> None:
        """Write the new bag.

        Args:
            moments: in the order of their times.

        Raises:
            OptionsError: the recording cannot be read to its end, or is another one by now.
            OSError: the new bag cannot be written.
        """
        from rosbags.rosbag2 import CompressionFormat, Writer

        with self._opened_again() as reader:
            storage, compression = self._format
            writer = Writer(self._target, version=_VERSION, storage_plugin=storage)
            writer.set_compression(compression, CompressionFormat.ZSTD)
            try:
                with writer:
                    originals = self._originals(reader, writer)
                    captions = self._captions(writer, moments)
                    merged = heapq.merge(originals, captions, key=itemgetter(0))  # by time
                    for time_ns, connection, cdr in merged:
                        writer.write(connection, time_ns, cdr)
            except sqlite3.Error as error:  # such as a full disk
                raise OSError(str(error)) from error

    @contextmanager
    def _opened_again(self) -> Iterator[Any]:
        """The recording, which may have been moved, cut or replaced while it was captioned."""
        try:
            self._reader.open()
        except Exception as error:  # of any kind, for a file that is cut
            raise OptionsError(
                f"{self._reader.path} cannot be read any more: {error}; expected the recording "
                "that was captioned. Put it back and repeat the command"
            ) from error
        with closing(self._reader) as reader:
            if _extent(reader) != self._extent:
                raise OptionsError(
                    f"{reader.path} was replaced while it was captioned; expected a recording that "
                    "stays as it is. Repeat the command"
                )
            yield reader

    def _originals(self, reader: Any, writer: Any) -> Iterator[_Message]:
        copies: dict[str, Any] = {}
        connections = list(reader.connections)
        for each in connections:
            if (key := connection_key(each)) not in copies:
                text, digest = self._definition(each)
                copies[key] = writer.add_connection(
                    each.topic,
                    each.msgtype,
                    msgdef=text,
                    rihs01=digest,
                    serialization_format=each.ext.serialization_format,
                    offered_qos_profiles=each.ext.offered_qos_profiles,
                )
        by_id = {each.id: copies[connection_key(each)] for each in connections}
        try:
            for connection, time_ns, cdr in reader.messages(connections):
                yield time_ns, by_id[connection.id], cdr
        except Exception as error:  # of any kind, where a file is damaged inside
            raise OptionsError(
                f"{reader.path} cannot be copied to its end: {error}; add --format jsonl for the "
                "captions alone"
            ) from error

    def _definition(self, connection: Any) -> tuple[str, str]:
        """A topic's message definition and hash; old bags lack them."""
        text, digest = connection.msgdef.data, connection.digest
        if connection.msgtype in self._store.types:
            text = text or self._store.generate_msgdef(connection.msgtype, ros_version=2)[0]
            digest = digest or self._store.hash_rihs01(connection.msgtype)
        return text, digest or _UNKNOWN_DIGEST

    def _captions(self, writer: Any, moments: Iterable[Moment]) -> Iterator[_Message]:
        outputs = {
            topic: writer.add_connection(topic, _STRING, typestore=self._store)
            for pair in self._topics.values()
            for topic in pair
        }
        string = self._store.types[_STRING]
        for moment in moments:
            texts = (moment.detail["caption"], json.dumps(moment.detail, ensure_ascii=False))
            for topic, text in zip(self._topics[moment.camera], texts, strict=True):
                cdr = self._store.serialize_cdr(string(data=text), _STRING)
                yield moment.time_ns, outputs[topic], cdr


def _extent(reader: Any) -> tuple[int, int, int]:
    """What tells an open recording from another."""
    return reader.start_time, reader.end_time, reader.message_count


def _kept_format(reader: Any) -> tuple[Any, Any]:
    """Storage plugin and compression mode of an open reader, for a writer."""
    from rosbags.rosbag2 import CompressionMode, StoragePlugin

    storage = getattr(reader.storage, "storages", [reader.storage])[0]
    plugin = StoragePlugin.MCAP if hasattr(storage, "chunks") else StoragePlugin.SQLITE3
    if any(chunk.compression for chunk in getattr(storage, "chunks", ())):
        return plugin, CompressionMode.STORAGE
    return plugin, CompressionMode[(reader.compression_mode or "none").upper()]
