"""A long recording of three cameras, captioned: what is kept, what it costs, what a kill loses.

RECORDING_FRAMES sets its length and RECORDING_PICTURES a folder of photographs for it; `make soak`
sets far more frames. What is timed or weighed is noted as a mark and not asserted here.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")
from bags import STORE, STRING, jpeg, raw, read_bag, write_bag

from ros2_captioner.benchmark.model import measure_model
from ros2_captioner.captions import caption_json
from ros2_captioner.images.bag import ImageBag
from ros2_captioner.images.files import images_in, read_image
from ros2_captioner.images.sources import shrink
from ros2_captioner.recordings.bag_frames import bag_frames
from ros2_captioner.recordings.sampling import Sampling

FRAMES = int(os.environ.get("RECORDING_FRAMES", "12"))
PICTURES = os.environ.get("RECORDING_PICTURES", "")
CAMERAS = ("/front/image_raw", "/left/image_raw/compressed", "/right/image_raw/compressed")
COMPARED = 50  # frames whose captions are found again, one at a time
# Runs the command and tells what it took. Not getrusage's peak: that is the parent's at first.
_MEASURED = """
import json, sys, time
from ros2_captioner.tools.caption_bag import main
begun = time.monotonic()
assert main(sys.argv[1:]) == 0
spent_s = time.monotonic() - begun
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"s": spent_s, "peak_kib": int(status["VmHWM"].split()[0])}))
"""


def pictures(photograph):
    """Photographs without end, at most 640 pixels wide."""
    if PICTURES:
        return (shrink(read_image(path), 640) for path in cycle(images_in(Path(PICTURES))))
    return (np.roll(photograph, 40 * turn, axis=1) for turn in cycle(range(16)))


def record(folder, frames, photograph, form):
    """Three cameras in turn, thirty frames a second together."""
    seen = islice(pictures(photograph), frames)
    return write_bag(
        folder,
        (
            (CAMERAS[turn % 3], turn / 30, (jpeg if turn % 3 else raw)(picture, turn / 30))
            for turn, picture in enumerate(seen)
        ),
        form,
    )


def command(bag, output):
    return [sys.executable, "-c", _MEASURED, str(bag), "--all", "--output", str(output)]


def caption(bag, output):
    done = subprocess.run(command(bag, output), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def benchmark():
    """Captions a second in batches of four."""
    return measure_model("", ["auto"], ["int8"], "auto", [3], [4], 9)[0]["captions_per_s"]


@pytest.mark.parametrize("form", ["mcap-zstd", "sqlite3"])
def test_a_long_recording(form, tmp_path, photograph, captioner, marks):
    short = record(tmp_path / "short", max(3, FRAMES // 10), photograph, form)
    bag = record(tmp_path / "long", FRAMES, photograph, form)
    small = caption(short, tmp_path / "short_captioned")
    before = benchmark()
    found = caption(bag, tmp_path / "long_captioned")
    benchmarked = (before + benchmark()) / 2
    check_output(bag, tmp_path / "long_captioned", captioner)
    rate = FRAMES / found["s"]
    marks(f"{form}: peak memory, times that of a tenth", found["peak_kib"] / small["peak_kib"], "",
          at_most=1.3)  # fmt: skip
    marks(f"{form}: frames/s, times captioner_benchmark's", rate / benchmarked, "", at_least=0.8)


def check_output(bag, output, captioner):
    """Every message of the recording, and one sentence and one detail for each."""
    originals = iter(read_bag(bag))
    told, details = {}, {}
    for topic, time_ns, kind, cdr in read_bag(output):
        camera = topic.split("/")[1]
        if topic.endswith("/scene_caption"):
            told[camera, time_ns] = STORE.deserialize_cdr(cdr, STRING).data
        elif topic.endswith("/detail"):
            details[camera, time_ns] = json.loads(STORE.deserialize_cdr(cdr, STRING).data)
        else:
            assert (topic, time_ns, kind, cdr) == next(originals)
    assert next(originals, None) is None and len(told) == len(details) == FRAMES
    chosen = set(random.Random(0).sample(range(FRAMES), min(COMPARED, FRAMES)))
    for number, frame in enumerate(bag_frames(ImageBag(str(bag)), Sampling(0.0), pytest.fail)):
        if number in chosen:
            key = frame.recorded.topic.split("/")[1], frame.recorded.time_ns
            (alone,) = captioner.caption([frame.picture]).captions
            assert told[key] == alone.text
            same_detail(details[key], caption_json(alone))


def same_detail(detail, alone):
    """Alone and in a batch the last digits differ."""
    assert detail["confidence"] == pytest.approx(alone["confidence"], abs=0.002)
    seen, seen_alone = (
        {each["word"]: each["probability"] for each in found["objects"]}
        for found in (detail, alone)
    )
    assert seen == pytest.approx(seen_alone, abs=0.002)


def test_a_long_recording_is_killed_and_goes_on(tmp_path, photograph):
    bag = record(tmp_path / "long", FRAMES, photograph, "mcap-zstd")
    caption(bag, tmp_path / "whole")
    process = subprocess.Popen(command(bag, tmp_path / "output"), stdout=subprocess.DEVNULL)
    journal = tmp_path / ".output.partial/journal.jsonl"
    deadline = time.monotonic() + 60 + FRAMES
    while not journal.exists() or journal.read_bytes().count(b"\n") < 1 + FRAMES // 8:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    caption(bag, tmp_path / "output")
    assert read_bag(tmp_path / "output") == read_bag(tmp_path / "whole")
