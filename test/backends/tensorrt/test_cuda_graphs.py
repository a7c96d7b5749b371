import pytest
import simulated_gpu

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


def test_what_repeats_is_queued_twice_and_then_launched(runtime):
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for _ in range(5):
        replay.queue((1, 3), "there", work)
    assert work.queued == 2 and runtime.launches == 4
    assert work.executed == list("ab" * 5)
    del replay
    assert not runtime.graphs


def test_turns_have_graphs_of_their_own(runtime):
    cuda = Cuda(runtime)
    replay, there, back = Replay(cuda), Work(cuda), Work(cuda)
    for _ in range(3):
        replay.queue((1, 3), "there", there)
        replay.queue((1, 3), "back", back)
    assert (there.queued, back.queued, runtime.launches) == (2, 2, 4)


def test_another_shape_drops_the_graphs(runtime):
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for shape in ((1, 3), (1, 3), (2, 3), (1, 3)):
        replay.queue(shape, "there", work)
    assert work.queued == 4 and runtime.launches == 1 and not runtime.graphs


def test_what_cannot_be_recorded_is_queued_each_time():
    runtime = simulated_gpu.Runtime(records=False)
    cuda = Cuda(runtime)
    replay, work = Replay(cuda), Work(cuda)
    for _ in range(4):
        replay.queue((1, 3), "there", work)
    assert work.executed == list("ab" * 4) and not runtime.launches
    assert work.queued == 5  # one attempt to record, no second
