"""Image messages of a rosbag2 recording, mcap or sqlite3, as they lie in it."""

from __future__ import annotations

import errno
import shlex
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import FrameError, OptionsError
from ros2_captioner.images.bag_path import EXPECTED_BAG, METADATA, bag_path

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_STAMP = 4  # offset in bytes: behind the CDR head, first field of the header of both types
_SHORTEST = _STAMP + 8
_FOREIGN = ("flatbuffer", "jsonschema", "protobuf", "ros1msg")  # kinds of definitions in mcap
_RESCUE = (
    "Of a file that was cut, 'mcap recover' or sqlite3's '.recover' may save what is left; to one "
    "that has no index, 'mcap compress' adds it; where one was lost or renamed, 'ros2 bag reindex' "
    "makes a bag of the others"
)


class Recorded(NamedTuple):
    """One message.

    Attributes:
        topic: it was recorded on.
        time_ns: of recording, nanoseconds.
        cdr: serialised as on the wire.
    """

    topic: str
    time_ns: int
    cdr: bytes


class ImageBag:
    """The image topics of a recording.

    Args:
        folder: of the bag, with its ``metadata.yaml``.
        topics: to be read; empty reads all image topics.
        hold: keeps the bag open until it is closed itself. Without it each reading opens the bag
            anew, which unpacks it where its files are compressed.

    Attributes:
        path: of the folder, as given.
        types: ROS type by topic.
        messages_total: of the topics.
        start_ns: time of the recording's first message, nanoseconds.
        end_ns: of its last.

    Raises:
        OptionsError: rosbags is not installed, the folder is no bag or its name no UTF-8, it lacks
            a topic or has images of two types on one, its metadata hide images from rosbags, it
            holds no message of any topic, or there is no room to unpack it.
    """

    def __init__(
        self, folder: str, topics: Sequence[str] = (), hold: ExitStack | None = None
    ) -> None:
        try:
            from rosbags.rosbag2 import Reader
        except ImportError as error:
            raise OptionsError(
                f"bags are read with rosbags, which is not installed; type: {pip_line('rosbags')}"
            ) from error
        self.path = folder
        path = bag_path(folder)
        self._open: Callable[[], Any] = lambda: Reader(path)
        try:
            if hold is not None:
                held = hold.enter_context(self._open())
                self._open = lambda: nullcontext(held)
            with self._open() as reader:
                counts: Counter[tuple[str, str]] = Counter()
                for each in reader.connections:
                    counts[each.topic, each.msgtype] += each.msgcount
                self.start_ns, self.end_ns = reader.start_time, reader.end_time - 1
                hidden = hidden_messages(reader)
        except Exception as error:  # of any kind, for a file that is cut or encrypted
            raise _unreadable(folder, error) from error
        if of_images := [
            topic for topic, kind in hidden if kind in IMAGE_TYPES and topic in (topics or [topic])
        ]:
            raise OptionsError(disagreement(path, of_images))
        self.types = _image_types(folder, counts, topics)
        self.messages_total = sum(counts[item] for item in self.types.items())
        if not self.messages_total:
            told = f", as its {METADATA} says" if path.is_dir() else ""
            raise OptionsError(
                f"{folder} holds no message on {sorted(self.types)}{told}; expected a recording of "
                "images"
            )

    def messages(self) -> Iterator[Recorded]:
        """All messages of the topics in the order of their recording.

        Raises:
            OptionsError: the bag cannot be read to its end, or holds no message.
        """
        read = 0
        try:
            with self._open() as reader:
                for connection, time_ns, cdr in reader.messages(self._images_of(reader)):
                    read += 1
                    yield Recorded(connection.topic, time_ns, bytes(cdr))
        except Exception as error:  # of any kind, where a file is damaged inside
            raise OptionsError(
                f"{self.path} is damaged and cannot be read to its end: {_said(error)} after "
                f"{read} messages; expected a whole recording. {_RESCUE}"
            ) from error
        if not read:
            raise OptionsError(
                f"{self.path}: found no message; expected a whole recording. {_RESCUE}"
            )

    def message_at(self, topic: str, time_ns: int) -> Recorded:
        """The message of a topic that was recorded at a time.

        Raises:
            OptionsError: there is none, or the bag is damaged there.
        """
        try:
            with self._open() as reader:
                wanted = [c for c in self._images_of(reader) if c.topic == topic]
                found = reader.messages(wanted, start=time_ns, stop=time_ns + 1)
                return next(Recorded(topic, time_ns, bytes(cdr)) for _, _, cdr in found)
        except Exception as error:  # as above
            raise OptionsError(
                f"{self.path} has no message on {topic} at {time_ns} ns: {_said(error)}; expected "
                "the recording that was captioned"
            ) from error

    def _images_of(self, reader: Any) -> list[Any]:
        """Connections of the topics; others may have the name of a topic and another type."""
        return [each for each in reader.connections if self.types.get(each.topic) == each.msgtype]


def _unreadable(folder: str, error: Exception) -> OptionsError:
    """Why a bag cannot be opened, by what rosbags raised."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return OptionsError(
            f"{folder}: no room in {tempfile.gettempdir()} to unpack its compressed files; "
            "expected some, type: export TMPDIR=FOLDER"
        )
    if isinstance(error, KeyError) and error.args[0] in _FOREIGN:  # as rosbags says it
        return OptionsError(
            f"{folder} holds messages that are defined in {error.args[0]}; expected those "
            "of ROS 2 alone. Where there are such too, type for each file: mcap filter "
            "FILE --include-topic-regex TOPIC --output NEW.mcap"
        )
    return OptionsError(f"bag is {folder!r}: {_said(error)}; {EXPECTED_BAG}. {_RESCUE}")


def _image_types(
    folder: str, counts: Counter[tuple[str, str]], topics: Sequence[str]
) -> dict[str, str]:
    """ROS type by topic, of the topics named or of all that hold images.

    Args:
        folder: names the bag in errors.
        counts: messages by topic and type; of a topic's types that of images may hold none.
        topics: as of `ImageBag`.

    Raises:
        OptionsError: a topic holds no images, or images of two types.
    """
    fewest_first = sorted(counts, key=lambda item: counts[item])
    images = {topic: kind for topic, kind in fewest_first if kind in IMAGE_TYPES}
    missing = sorted(set(topics) - set(images))
    if missing or not images:
        raise OptionsError(
            f"{folder} holds no images on {missing or 'any topic'}; its topics are "
            f"{sorted({topic for topic, _ in counts})}"
        )
    types = {topic: kind for topic, kind in images.items() if topic in (topics or images)}
    mixed = {
        topic for topic, kind in +counts if kind in IMAGE_TYPES and kind != types.get(topic, kind)
    }
    if mixed:
        raise OptionsError(
            f"{folder} holds images of two types on {sorted(mixed)}; expected one on each "
            "topic, so name others with topics"
        )
    return types


def connection_key(connection: Any) -> str:
    """What rosbags tells the topics of a bag apart by."""
    return repr((connection.topic, connection.msgtype, connection.ext))


def hidden_messages(reader: Any) -> set[tuple[str, str]]:
    """Topic and type of messages that an open reader of rosbags passes over in silence.

    It reads from the files of a bag only what the metadata tell with the same topic, type and QoS.
    """
    files = getattr(reader.storage, "storages", None)
    if files is None:  # a single file, which is read without metadata
        return set()
    told, stored = reader.connections, [each for file in files for each in file.connections]
    keys = [{connection_key(each) for each in side} for side in (told, stored)]
    return {
        (each.topic, each.msgtype)
        for side, others in ((told, keys[1]), (stored, keys[0]))
        for each in side
        if each.msgcount and connection_key(each) not in others
    }


def disagreement(folder: Path, topics: Iterable[str]) -> str:
    """The error about messages that the metadata of a bag hide."""
    return (
        f"{folder}: {METADATA} and the files tell different names, types or QoS of "
        f"{sorted(set(topics))}, so messages would be left out; expected equal ones, type: "
        f"ros2 bag reindex {shlex.quote(str(folder))}"
    )


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def restamped(cdr: bytes, sec: int, nanosec: int) -> bytes:
    """A serialised image message with another time in its header.

    Raises:
        FrameError: it is too short to have a header.
    """
    if len(cdr) < _SHORTEST:
        raise FrameError("short_data", f"found {len(cdr)} bytes; expected a serialised message")
    order = "<" if cdr[1] & 1 else ">"
    stamp = struct.pack(f"{order}iI", sec, nanosec)
    return cdr[:_STAMP] + stamp + cdr[_STAMP + len(stamp) :]
