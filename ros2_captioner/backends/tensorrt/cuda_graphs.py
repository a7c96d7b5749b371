"""CUDA graphs: what repeats on the stream is recorded once and then launched as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ros2_captioner.backends.tensorrt.cuda import Cuda
from ros2_captioner.errors import BackendError

_MOST_SHAPES = 32  # whose graphs are kept


class Replay:
    """Queues pieces of work, from their second time on as a graph.

    A step of the decoder is some forty short kernels, and queuing them one by one takes longer
    than they run. The first time is left as it is, because TensorRT settles on its kernels then,
    and it does so again after each change of shape: only what follows work of its own shape is
    recorded. Graphs of one shape stay while others have their turn.

    Args:
        cuda: whose stream is recorded.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._settled: Hashable = None
        self._shapes: dict[Hashable, _Turns] = {}
        self._recordable = True

    def queue(self, shape: Hashable, turn: Hashable, work: Callable[[], None]) -> None:
        """Queue the work, which must be the same whenever shape and turn are.

        Args:
            shape: of the tensors; those least recently used lose their graphs.
            turn: tells pieces of work of one shape apart.
            work: queues on the stream and does nothing else.
        """
        turns = self._shapes.pop(shape, None) or _Turns()
        self._shapes[shape] = turns  # the last one used is the last one dropped
        if len(self._shapes) > _MOST_SHAPES:
            del self._shapes[next(iter(self._shapes))]
        seen = turn in turns.seen
        turns.seen.add(turn)
        if seen and turn not in turns.graphs and self._recordable and shape == self._settled:
            self._record(turns, turn, work)
        if turn in turns.graphs:
            turns.graphs[turn].launch()
            return
        unsettled = shape != self._settled
        work()
        self._settled = shape
        if seen and unsettled and self._recordable:
            self._record(turns, turn, work)

    def _record(self, turns: _Turns, turn: Hashable, work: Callable[[], None]) -> None:
        try:
            turns.graphs[turn] = Graph(self._cuda, work)
        except BackendError:  # some engines cannot be recorded, all can be queued
            self._recordable = False


@dataclass
class _Turns:
    """Of one shape, the turns that were queued before and those that were recorded."""

    seen: set[Hashable] = field(default_factory=set)
    graphs: dict[Hashable, Graph] = field(default_factory=dict)


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
        recorded = _recorded(cuda, work)
        try:
            self._executable: Any = cuda.call("cudaGraphInstantiate", recorded, 0)
        finally:
            cuda.call("cudaGraphDestroy", recorded)

    def launch(self) -> None:
        """Queue all of it."""
        self._cuda.call("cudaGraphLaunch", self._executable, self._cuda.stream)

    def __del__(self) -> None:
        if hasattr(self, "_executable"):
            self._cuda.free("cudaGraphExecDestroy", self._executable)


def _recorded(cuda: Cuda, work: Callable[[], None]) -> Any:
    whole = False
    cuda.call("cudaStreamBeginCapture", cuda.stream, cuda.capture_mode)
    try:
        work()
        whole = True
    finally:
        graph = cuda.call("cudaStreamEndCapture", cuda.stream)
        if not whole:
            cuda.call("cudaGraphDestroy", graph)
    return graph
