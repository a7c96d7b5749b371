"""CUDA graphs: what repeats on the stream is recorded once and then launched as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ros2_captioner.backends.tensorrt.cuda import Cuda
from ros2_captioner.errors import BackendError

_MOST_SHAPES = 32  # whose graphs are kept


class Replay:
    """Queues pieces of work, from their second time on as a graph.

    A step of the decoder is some forty short kernels, and queuing them one by one takes longer
    than they run. TensorRT settles on its kernels as it is queued, after each change of shape
    anew: so what is recorded has just been queued. Graphs of one shape stay while others have
    their turn.

    Args:
        cuda: whose stream is recorded.
    """

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self._graphs: dict[Hashable, dict[Hashable, Graph]] = {}  # by shape, then by turn
        self._recordable = True

    def queue(self, shape: Hashable, turn: Hashable, work: Callable[[], None]) -> None:
        """Queue the work, which must be the same whenever shape and turn are.

        Args:
            shape: of the tensors; those least recently used lose their graphs.
            turn: tells pieces of work of one shape apart.
            work: queues on the stream and does nothing else.
        """
        graphs = self._graphs.pop(shape, {})
        self._graphs[shape] = graphs  # the last one used is the last one dropped
        if len(self._graphs) > _MOST_SHAPES:
            del self._graphs[next(iter(self._graphs))]
        if turn in graphs:
            graphs[turn].launch()
            return
        work()
        if self._recordable:
            try:
                graphs[turn] = Graph(self._cuda, work)
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
