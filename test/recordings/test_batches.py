import threading

import pytest

from ros2_captioner.recordings.batches import batches_ahead


def numbers(count, threads):
    try:
        for number in range(count):
            threads.add(threading.current_thread().name)
            yield number
    finally:
        threads.add(threading.current_thread().name)


def test_batches_keep_every_frame_in_order():
    assert list(batches_ahead(numbers(9, set()))) == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert list(batches_ahead(numbers(0, set()))) == []


def test_the_next_batch_is_read_while_one_is_used():
    read = threading.Event()

    def frames():
        yield from range(4)
        read.set()
        yield 4

    batches = batches_ahead(frames())
    assert next(batches) == [0, 1, 2, 3]
    assert read.wait(30)
    assert list(batches) == [[4]]


def test_what_reading_raises_is_raised_after_the_batches_before():
    def frames():
        yield from range(5)
        raise OSError("the disk is gone")

    batches = batches_ahead(frames())
    assert next(batches) == [0, 1, 2, 3]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_frames_are_read_and_closed_in_one_thread():
    threads = set()
    batches = batches_ahead(numbers(100, threads))
    next(batches)
    batches.close()
    assert len(threads) == 1 and threads != {threading.current_thread().name}
