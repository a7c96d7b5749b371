"""Whatever a transition, a frame or a publication calls may fail once: the node says so and lives.

Every function of the package that is called meanwhile raises in turn. FAULT_KINDS sets how many
kinds of error each of them raises; `make soak` tries all.
"""

import os
from itertools import count, islice
from types import SimpleNamespace

import pytest
import rclpy
from bench import wait_for
from diagnostic_msgs.msg import DiagnosticStatus
from injection import Injector
from rclpy.lifecycle import TransitionCallbackReturn as Result
from std_msgs.msg import Header

from ros2_captioner.ros.messages.images import raw_message
from ros2_captioner.ros.node.node import CaptionerNode

ROOMS = ("ros", "stream", "captioner.py", "preprocess.py", "beam_search.py", "images", "drawing")
# What rclpy calls, and what handles failures: there is nobody beyond it.
BOUNDARIES = {
    "on_configure", "on_activate", "on_deactivate", "on_cleanup", "_attempt", "_run", "_receive",
    "described", "frame_step", "survived", "surviving", "guarded", "warning", "error", "_due",
    "_refuse", "received", "refused",
}  # fmt: skip
ERRORS = {OSError: "no space left on device", MemoryError: "out of memory", RuntimeError: "gone"}
FAULT_KINDS = int(os.environ.get("FAULT_KINDS", "1"))
CAMERA = "/camera/image_raw"


class Log:
    """The node's logger: keeps every line."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda line, **options: self.lines.append(f"{level}: {line}")


class Stage:
    """A node without an executor: its transitions, callbacks and timers are called by hand."""

    def __init__(self, monkeypatch, captioner):
        self.log = Log()
        monkeypatch.setattr(CaptionerNode, "get_logger", lambda node: self.log)
        monkeypatch.setattr("ros2_captioner.captioner.load_bundle", lambda *_: captioner.bundle)
        monkeypatch.setattr("ros2_captioner.captioner.choose", lambda *_: captioner._failover)
        rclpy.init()
        self.node = CaptionerNode()
        small = {"max_length": 1, "beam_width": 1, "no_repeat_ngram": 0, "always_on": True,
                 "scene_change_threshold": 0.5, "autostart": False}  # fmt: skip
        parameters = [rclpy.Parameter(name, value=value) for name, value in small.items()]
        assert all(result.successful for result in self.node.set_parameters(parameters))
        self._published = []
        self.node._diagnostics = SimpleNamespace(publish=self._published.append)

    def close(self):
        self.node.destroy_node()
        rclpy.shutdown()

    @property
    def state(self):
        return self.node._state_machine.current_state[1]

    def to(self, state):
        """Bring the node into a state by transitions that must all succeed."""
        path = {"unconfigured": 0, "inactive": 1, "active": 2}
        while self.state != state:
            if path[self.state] < path[state]:
                step = "configure" if self.state == "unconfigured" else "activate"
            else:
                step = "deactivate" if self.state == "active" else "cleanup"
            assert getattr(self.node, f"trigger_{step}")() == Result.SUCCESS, self.log.lines

    def message(self, picture):
        """A frame of now; whoever looks at overlays gets one."""
        topics = self.node._outputs._topics[CAMERA][0]
        for output in (*topics._text, *topics._drawn):
            output._listeners = 1
        return raw_message(picture, Header(stamp=self.node.get_clock().now().to_msg()))

    def receive(self, message):
        """A frame arrives and is accounted for."""
        self.node._cameras[0]._receive(message)
        wait_for(lambda: self.accounted_for)

    @property
    def accounted_for(self):
        (camera,) = self.node._statistics._cameras.values()
        return camera.received == camera.captioned + sum(camera.dropped.values())

    @property
    def captioned(self):
        return self.node._statistics._cameras[CAMERA].captioned

    def forget(self):
        """Empty the log, and let each subject speak at once."""
        self.log.lines.clear()
        self.node._faults._log._last_s.clear()
        self.diagnose()

    def diagnose(self):
        """The statuses of /diagnostics."""
        self._published.clear()
        guarded = self.node._faults.surviving("publishing /diagnostics", self.node._diagnose)
        guarded()
        return self._published[-1].status if self._published else []

    def watch(self):
        self.node._faults.surviving("watching the cameras", self.node._watch)()


@pytest.fixture
def stage(monkeypatch, captioner):
    stage = Stage(monkeypatch, captioner)
    yield stage
    stage.close()


@pytest.fixture
def picture(photograph):
    return photograph[::8, ::8]


_turns = count()


def errors():
    """The next kinds in turn; new ones, as an error keeps the frames that it went through."""
    kinds = list(ERRORS)
    for turn in islice(_turns, FAULT_KINDS):
        kind = kinds[turn % len(kinds)]
        yield kind(ERRORS[kind])


def functions_called(stage, work):
    with Injector(ROOMS, BOUNDARIES).seeing() as seen:
        work()
    return dict(seen)


def said(stage, error):
    """Wait for the log to tell of an error; returns whether /diagnostics does too."""
    wait_for(lambda: any(str(error) in line for line in stage.log.lines))
    told = " ".join(f"{s.message} {[v.value for v in s.values]}" for s in stage.diagnose())
    return str(error) in told


TRANSITIONS = {
    "configure": ("unconfigured", "unconfigured"),
    "activate": ("inactive", "inactive"),
    "deactivate": ("active", "unconfigured"),
    "cleanup": ("inactive", "unconfigured"),
}


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_a_transition_in_which_anything_fails(stage, picture, transition, marks):
    before, after = TRANSITIONS[transition]
    trigger = getattr(stage.node, f"trigger_{transition}")
    stage.to(before)
    functions = functions_called(stage, trigger)
    assert len(functions) > 3
    tried = 0
    for name, code in functions.items():
        for error in errors():
            stage.to(before)
            stage.forget()
            with Injector(ROOMS, BOUNDARIES).raising(code, error) as has_raised:
                trigger()
            if not has_raised():  # in the worker's thread it comes when it comes
                continue
            tried += 1
            if stage.node._worker is None or stage.state != "active":
                assert stage.state == after, (name, stage.log.lines)
                assert any(f"cannot {transition}" in line for line in stage.log.lines), name
                status = stage.diagnose()[0]
                assert status.level == DiagnosticStatus.ERROR and str(error) in status.message
                assert str(error) in stage.node._remedy()
            else:
                assert said(stage, error), (name, stage.log.lines)
            stage.to("active")
            assert stage.diagnose()[0].level == DiagnosticStatus.OK
            captioned = stage.captioned
            stage.receive(stage.message(picture))
            assert stage.captioned == captioned + 1, (name, stage.log.lines)
    print(f"{transition}: {len(functions)} functions, {tried} failures")
    marks(f"functions that failed in {transition}", tried, "failures", at_least=3)


def test_a_frame_in_which_anything_fails(stage, picture, marks):
    stage.to("inactive")

    def one_frame():
        stage.to("active")
        stage.receive(stage.message(picture))

    functions = functions_called(stage, one_frame)
    stage.to("inactive")
    functions = {name: code for name, code in functions.items() if "/node/node.py" not in name}
    tried = 0
    for name, code in functions.items():
        for error in errors():
            injector = Injector(ROOMS, BOUNDARIES)
            with injector.tracing():
                stage.to("active")
                stage.forget()
                message = stage.message(picture)
                injector._target, injector._error = code, error
                stage.receive(message)
                has_raised = injector._target is None
                injector._target = None
            if has_raised:
                tried += 1
                assert said(stage, error), (name, stage.log.lines)
            stage.to("inactive")
            stage.to("active")
            captioned = stage.captioned
            stage.receive(stage.message(picture))
            assert stage.captioned == captioned + 1, (name, stage.log.lines)
            stage.to("inactive")
    print(f"a frame: {len(functions)} functions, {tried} failures")
    marks("functions that failed in a frame", tried, "failures", at_least=60)


def test_another_node_of_the_name_is_a_warning(stage):
    stage.to("active")
    stage.node._duplicate.problem = "2 nodes are named /captioner"
    status = stage.diagnose()[0]
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "2 nodes are named /captioner")


@pytest.mark.parametrize("timer", ["watch", "diagnose"])
def test_a_timer_in_which_anything_fails(stage, timer):
    stage.to("active")
    work = getattr(stage, timer)
    functions = functions_called(stage, work)
    for name, code in functions.items():
        for error in errors():
            stage.forget()
            with Injector(ROOMS, BOUNDARIES).raising(code, error) as has_raised:
                work()
            if has_raised():
                assert said(stage, error), (name, stage.log.lines)
            assert stage.diagnose()[0].level == DiagnosticStatus.OK
