"""Models that are killed or fail, in a module that workers of other processes import."""

import os
import signal
import time

from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError

_DEADLINE_S = 120


class DyingOnce:
    """A model whose process, or another one, is killed in a batch: once for all processes.

    Args:
        mark: file that the first to die leaves.
        batch: in which, counted from one.
        victim: process to be killed; 0 for the model's own.
        output: folder that gets its first file before that; None does not wait.
    """

    def __init__(self, mark, batch, victim=0, output=None):
        self._captioner = Captioner.load(device="cpu")
        self._mark, self._batch, self._victim, self._output = mark, batch, victim, output
        self.bundle, self._batches = self._captioner.bundle, 0

    def caption(self, frames, options):
        self._batches += 1
        if self._batches == self._batch and not self._mark.exists():
            self._await_output()
            self._mark.touch()
            os.kill(self._victim or os.getpid(), signal.SIGKILL)
        return self._captioner.caption(frames, options)

    def _await_output(self):
        deadline = time.monotonic() + _DEADLINE_S
        while self._output and not any(self._output.glob("*.parquet")):
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.05)


class Failing:
    """A model that loads, and cannot caption."""

    def __init__(self):
        self._captioner = Captioner.load(device="cpu")
        self.bundle = self._captioner.bundle

    def caption(self, frames, options):
        raise BackendError("no memory is left; expected some")
