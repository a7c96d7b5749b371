"""CUDA graphs: what repeats on the stream is recorded once and then launched as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ros2_captioner.backends.tensorrt.cuda import Cuda
from ros2_captioner.errors import BackendError


class Replay:
    """Queues pieces of work, from their second time on as a graph.

    A step of the decoder is some forty short kernels, and queuing them one by one takes longer
    than they run. The first time is left as it is, because TensorRT settles on its kernels then.

    Args:
        cuda: whose stream is recorded.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._shape: Hashable = None
        self._seen: set[Hashable] = set()
        self._graphs: dict[Hashable, Graph] = {}
        self._recordable = True

    def queue(self, shape: Hashable, turn: Hashable, work: Callable[[], None]) -> None:
        """Queue the work, which must be the same whenever shape and turn are.

        Args:
            shape: of the tensors; graphs of another shape are dropped.
            turn: tells pieces of work of one shape apart.
            work: queues on the stream and does nothing else.
        """
        if shape != self._shape:
            self._shape, self._graphs = shape, {}
            self._seen.clear()
        if turn in self._seen and turn not in self._graphs and self._recordable:
            self._record(turn, work)
        if turn in self._graphs:
            self._graphs[turn].launch()
        else:
            work()
        self._seen.add(turn)

    def _record(self, turn: Hashable, work: Callable[[], None]) -> None:
        try:
            self._graphs[turn] = Graph(self._cuda, work)
        except BackendError:  # some engines cannot be recorded, all can be queued
            self._recordable = False


class Graph:
    """A recording of what was queued, freed with the object.

    Args:
        cuda: whose stream is recorded.
        work: queues on it; nothing of it is executed yet.

    Raises:
        BackendError: something that was queued cannot be recorded.
    """

    def __init__(self, cuda: Cuda, work: Callable[[], None]) -> None:
        self._cuda = cuda
        cuda.call("cudaStreamBeginCapture", cuda.stream, cuda.capture_mode)
        try:
            work()
        finally:
            recorded = cuda.call("cudaStreamEndCapture", cuda.stream)
        try:
            self._executable: Any = cuda.call("cudaGraphInstantiate", recorded, 0)
        finally:
            cuda.call("cudaGraphDestroy", recorded)

    def launch(self) -> None:
        """Queue all of it."""
        self._cuda.call("cudaGraphLaunch", self._executable, self._cuda.stream)

    def __del__(self) -> None:
        if hasattr(self, "_executable"):
            self._cuda.call("cudaGraphExecDestroy", self._executable)
