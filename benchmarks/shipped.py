"""The shipped model in a process of its own, as a robot runs it: without torch and its threads.

Reads lines of "beam-width cameras" from standard input; answers each with the milliseconds of one
call of the captioner.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from ros2_captioner.benchmark.timing import fixed_length, synthetic_frames, timed
from ros2_captioner.captioner import Captioner


class ShippedModel:
    """That process, seen from the one that compares; a context that ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.shipped"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> ShippedModel:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def call(self, beam_width: int, cameras: int = 1) -> float:
        """Milliseconds of captioning as many frames together, measured there."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{beam_width} {cameras}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def main() -> None:
    """Answer until standard input ends."""
    captioner, frames = Captioner.load(backend="onnxruntime", device="cpu"), synthetic_frames(8)
    for line in sys.stdin:
        width, cameras = map(int, line.split())
        call = partial(captioner.caption, frames[:cameras], fixed_length(width))
        print(timed(call)(), flush=True)


if __name__ == "__main__":
    main()
