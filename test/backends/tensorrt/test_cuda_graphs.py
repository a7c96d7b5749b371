import pytest
import simulated_gpu

from ros2_captioner.backends.tensorrt import cuda_graphs
from ros2_captioner.backends.tensorrt.cuda import Cuda
from ros2_captioner.backends.tensorrt.cuda_graphs import Replay


class Work:
    """Queues two things; knows how often it queued and what was executed."""

    def __init__(self, cuda):
        self._stream, self.queued, self.executed = cuda.stream, 0, []

    def __call__(self):
        self.queued += 1
        for name in "ab":
            self._stream.queue(lambda name=name: self.executed.append(name))


@pytest.fixture
def runtime():
    return simulated_gpu.Runtime()


def queue(cuda, replay, shape, turn, work):
    replay.queue(shape, turn, work)
    cuda.wait()


def test_what_repeats_is_queued_twice_and_then_launched(runtime):
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for _ in range(5):
        queue(cuda, replay, (1, 3), "there", work)
    assert work.queued == 2 and runtime.launches == 4
    assert work.executed == list("ab" * 5)
    del replay
    assert not runtime.graphs


def test_turns_have_graphs_of_their_own(runtime):
    cuda = Cuda(runtime)
    replay, there, back = Replay(cuda), Work(cuda), Work(cuda)
    for _ in range(3):
        queue(cuda, replay, (1, 3), "there", there)
        queue(cuda, replay, (1, 3), "back", back)
    assert (there.queued, back.queued, runtime.launches) == (2, 2, 4)


def test_graphs_of_a_shape_stay_while_others_have_their_turn(runtime):
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for shape in ((1, 3), (1, 3), (2, 3), (2, 3), *[(1, 3), (2, 3)] * 5):
        queue(cuda, replay, shape, "there", work)
    assert work.queued == 4 and runtime.launches == 12
    assert work.executed == list("ab" * 14)


def test_shapes_that_alternate_are_recorded_after_work_of_their_own(runtime):
    """TensorRT must have run a shape last before that is recorded."""
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for shape in [(1, 3), (2, 3)] * 5:
        queue(cuda, replay, shape, "there", work)
    assert work.queued == 4 and runtime.launches == 8
    assert work.executed == list("ab" * 10)


def test_the_shapes_that_were_not_used_for_long_lose_their_graphs(runtime, monkeypatch):
    monkeypatch.setattr(cuda_graphs, "_MOST_SHAPES", 2)
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for batch in (1, 1, 2, 2, 1, 3, 3):
        queue(cuda, replay, (batch, 3), "there", work)
    assert len(runtime.graphs) == 2
    queue(cuda, replay, (1, 3), "there", work)
    assert work.queued == 6  # 2 was dropped, 1 was not


def test_what_cannot_be_recorded_is_queued_each_time():
    runtime = simulated_gpu.Runtime(records=False)
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for _ in range(4):
        queue(cuda, replay, (1, 3), "there", work)
    assert work.executed == list("ab" * 4) and not runtime.launches
    assert work.queued == 5  # one attempt to record, no second


def test_the_stream_goes_with_the_object(runtime):
    cuda = Cuda(runtime)
    assert len(runtime.streams) == 1
    del cuda
    assert not runtime.streams
