"""Cues and the two formats of subtitles."""

from ros2_captioner.recordings.subtitles import Cue, as_srt, as_vtt, joined


def test_neighbouring_equal_captions_are_one_cue():
    captions = [(0.0, "", "a dog"), (1.0, "", "a dog"), (2.0, "", "a cat"), (3.0, "", "a dog")]
    assert joined(captions, 5.0) == [
        Cue(0.0, 2.0, "a dog"),
        Cue(2.0, 3.0, "a cat"),
        Cue(3.0, 5.0, "a dog"),
    ]


def test_cameras_do_not_end_each_others_cues():
    captions = [(0.0, "/front", "a dog"), (0.5, "/rear", "a cat"), (1.0, "/rear", "a tree")]
    assert joined(captions, 2.0, name_speakers=True) == [
        Cue(0.0, 2.0, "a dog", "/front"),
        Cue(0.5, 1.0, "a cat", "/rear"),
        Cue(1.0, 2.0, "a tree", "/rear"),
    ]
    assert not any(cue.speaker for cue in joined(captions, 2.0))


def test_a_sentence_that_begins_where_the_recording_ends_is_seen():
    captions = [(0.0, "", "a dog"), (2.0, "", "a cat")]
    assert joined(captions, 2.0) == [Cue(0.0, 2.0, "a dog"), Cue(2.0, 2.5, "a cat")]


def test_of_captions_of_one_moment_the_last_is_seen():
    """WebVTT has no cue that ends where it begins; bursts are recorded within a millisecond."""
    captions = [(0.0, "", "a dog"), (1.0, "", "a cat"), (1.0004, "", "a man"), (1.0, "", "a tree")]
    assert joined(captions, 2.0) == [Cue(0.0, 1.0, "a dog"), Cue(1.0, 2.0, "a tree")]


def test_no_captions_give_no_cues():
    assert joined([], 5.0) == []


def test_webvtt_escapes_and_names_the_voice():
    assert as_vtt([Cue(0.0, 3661.5, "a <b> & c", "/front")]) == (
        "WEBVTT\n\n00:00:00.000 --> 01:01:01.500\n<v /front>a &lt;b&gt; &amp; c\n"
    )


def test_subrip_numbers_its_cues():
    assert as_srt([Cue(0.0, 0.9996, "a dog"), Cue(1.0, 2.0, "a cat")]) == (
        "1\n00:00:00,000 --> 00:00:01,000\na dog\n\n2\n00:00:01,000 --> 00:00:02,000\na cat\n\n"
    )
