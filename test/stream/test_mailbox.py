"""The newest-frame mailbox."""

import threading

import pytest

from ros2_captioner.stream.frames import ReceivedImage
from ros2_captioner.stream.mailbox import Mailbox


def images(mailbox, resting=(), timeout_s=0.0):
    taken, _ = mailbox.take(lambda c: c not in resting, timeout_s)
    return [received.message for received in taken]


def test_newest_frame_of_each_camera_oldest_first():
    mailbox = Mailbox()
    assert not mailbox.put(ReceivedImage("a", "old", 1.0))
    assert not mailbox.put(ReceivedImage("b", "other", 2.0))
    assert mailbox.put(ReceivedImage("a", "new", 3.0))
    assert images(mailbox) == ["other", "new"]
    assert images(mailbox) == []


def test_resting_camera_keeps_its_frame():
    mailbox = Mailbox()
    mailbox.put(ReceivedImage("a", "frame", 1.0))
    assert images(mailbox, resting="a") == []
    assert images(mailbox) == ["frame"]


def test_a_flush_brings_what_is_not_due_once():
    mailbox = Mailbox()
    mailbox.put(ReceivedImage("a", "frame", 1.0))
    mailbox.flush()
    assert images(mailbox, resting="a") == ["frame"]
    mailbox.put(ReceivedImage("a", "next", 2.0))
    assert images(mailbox, resting="a") == []


def test_who_takes_is_told_of_each_flush_once():
    mailbox = Mailbox()
    mailbox.flush()
    mailbox.flush()
    assert [mailbox.take(lambda c: True, 0.0)[1] for _ in range(2)] == [2, 0]


@pytest.mark.parametrize(
    ("wake", "expected"),
    [
        (lambda mailbox: mailbox.put(ReceivedImage("b", "other", 2.0)), ["other"]),
        (lambda mailbox: mailbox.flush(), ["frame"]),
    ],
)
def test_whoever_waits_is_woken(wake, expected):
    mailbox, looking, taken = Mailbox(), threading.Event(), []
    mailbox.put(ReceivedImage("a", "frame", 1.0))

    def due(camera):
        looking.set()
        return camera == "b"

    def take():
        taken.extend(received.message for received in mailbox.take(due, None)[0])

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    assert looking.wait(5)
    wake(mailbox)  # not before the taker waits: until then it holds the lock
    taker.join(5)
    assert taken == expected


def test_a_closed_mailbox_gives_only_leftovers():
    mailbox = Mailbox()
    mailbox.put(ReceivedImage("a", "frame", 1.0))
    mailbox.close()
    assert images(mailbox) == []
    assert [received.message for received in mailbox.leftovers()] == ["frame"]
    assert mailbox.leftovers() == []


def test_close_wakes_the_taker():
    mailbox = Mailbox()
    taken = []
    taker = threading.Thread(target=lambda: taken.append(mailbox.take(lambda c: True, None)))
    taker.start()
    mailbox.close()
    taker.join(5)
    assert taken == [([], 0)] and mailbox.closed


def test_who_waits_for_the_close_is_told_whether_it_came():
    mailbox = Mailbox()
    assert not mailbox.wait_for_close(0.0)
    threading.Timer(0.05, mailbox.close).start()
    assert mailbox.wait_for_close(5)
