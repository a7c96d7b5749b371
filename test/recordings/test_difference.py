"""What tells one run from another."""

from ros2_captioner.recordings.difference import differing


def test_only_what_differs_is_told():
    one = {"model": "a", "search": {"beam_width": 3, "max_length": 20}, "topics": ["/front"]}
    other = {"model": "a", "search": {"beam_width": 2, "max_length": 20}, "device": "cpu"}
    assert differing(one, other) == (
        {"search": {"beam_width": 3}, "topics": ["/front"], "device": None},
        {"search": {"beam_width": 2}, "topics": None, "device": "cpu"},
    )


def test_what_is_no_object_is_told_whole():
    assert differing("junk", {"model": "a"}) == ("junk", {"model": "a"})
