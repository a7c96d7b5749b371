"""Captions as subtitles: WebVTT and SubRip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_SHORTEST_S = 0.5  # that a sentence shows which begins where the recording ends


class Cue(NamedTuple):
    """A sentence and when it shows.

    Attributes:
        start_s: from the start of the recording.
        end_s: likewise.
        text: the sentence.
        speaker: camera that it is of; empty where there is only one.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


def joined(
    captions: Iterable[tuple[float, str, str]], end_s: float, *, name_speakers: bool = False
) -> list[Cue]:
    """Cues of captions by their start, neighbouring equal captions of a camera as one.

    A cue lasts until its camera's next one, the last until the end and long enough to be seen.

    Args:
        captions: start in seconds, camera and sentence, in the order of time.
        end_s: of the recording.
        name_speakers: put the camera into the cues.
    """
    ended: list[Cue] = []
    shown: dict[str, Cue] = {}
    for precise_s, camera, text in captions:
        start_s = round(precise_s, 3)  # as it is written: players pass over cues without a length
        before = shown.get(camera)
        if before and before.text == text:
            continue
        if before and start_s > before.start_s:
            ended.append(before._replace(end_s=start_s))
        shown[camera] = Cue(start_s, start_s, text, camera if name_speakers else "")
    last = [cue._replace(end_s=max(end_s, cue.start_s + _SHORTEST_S)) for cue in shown.values()]
    return sorted([*ended, *last])


def as_vtt(cues: Iterable[Cue]) -> str:
    """The cues as WebVTT; a camera is the cue's voice."""
    text = "WEBVTT\n"
    for cue in cues:
        voice = f"<v {_escaped(cue.speaker)}>" if cue.speaker else ""
        times = f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}"
        text += f"\n{times}\n{voice}{_escaped(cue.text)}\n"
    return text


def as_srt(cues: Iterable[Cue]) -> str:
    """The cues as SubRip."""
    text = ""
    for number, cue in enumerate(cues, 1):
        speaker = f"{cue.speaker}: " if cue.speaker else ""
        times = f"{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}"
        text += f"{number}\n{times}\n{speaker}{cue.text}\n\n"
    return text


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{point}{milliseconds:03d}"
