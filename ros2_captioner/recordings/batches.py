"""Frames in batches, the next of which is read while one is captioned."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
BATCH = 4  # frames; few enough that large ones fit in memory


def batches_ahead(frames: Generator[T, None, None]) -> Iterator[list[T]]:
    """The frames in batches, in their order.

    Reading and decoding keep one processor busy and inference the others, so one waits for the
    other only where it is slower. Frames are made, and their generator is closed, in one thread
    of their own, as SQLite wants it; what they raise is raised here.
    """
    with ThreadPoolExecutor(1, "reader") as reader:

        def read() -> Future[list[T]]:
            return reader.submit(lambda: list(islice(frames, BATCH)))

        coming = read()
        try:
            while batch := coming.result():
                coming = read()
                yield batch
        finally:
            reader.submit(frames.close).result()
