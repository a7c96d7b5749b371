"""The newest-frame mailbox."""

import threading

from ros2_captioner.ros.mailbox import Letter, Mailbox


def letters(mailbox, resting=(), timeout_s=0.0):
    return [letter.message for letter in mailbox.take(lambda c: c not in resting, timeout_s)]


def test_newest_frame_of_each_camera_oldest_first():
    mailbox = Mailbox()
    assert not mailbox.put(Letter("a", "old", 1.0))
    assert not mailbox.put(Letter("b", "other", 2.0))
    assert mailbox.put(Letter("a", "new", 3.0))
    assert letters(mailbox) == ["other", "new"]
    assert letters(mailbox) == []


def test_resting_camera_keeps_its_frame():
    mailbox = Mailbox()
    mailbox.put(Letter("a", "frame", 1.0))
    assert letters(mailbox, resting="a") == []
    assert letters(mailbox) == ["frame"]


def test_hurry_brings_what_is_not_due_once():
    mailbox = Mailbox()
    mailbox.put(Letter("a", "frame", 1.0))
    mailbox.hurry()
    assert letters(mailbox, resting="a") == ["frame"]
    mailbox.put(Letter("a", "next", 2.0))
    assert letters(mailbox, resting="a") == []


def test_close_wakes_the_taker():
    mailbox = Mailbox()
    taken = []
    taker = threading.Thread(target=lambda: taken.append(mailbox.take(lambda c: True, None)))
    taker.start()
    mailbox.close()
    taker.join(5)
    assert taken == [[]] and mailbox.closed
