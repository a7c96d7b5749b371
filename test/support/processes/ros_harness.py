"""Runs the package's nodes as processes and talks to them over real ROS topics and services."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import ListParameters, SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String

from ros2_captioner.ros.messages.images import jpeg_message, raw_message

START_TIMEOUT_S = 30.0
TIMEOUT_S = 15.0


PROCESSES = Path(__file__).parent
SCRIPTS = PROCESSES.parents[2] / "scripts"


class Process:
    """A node of this package in a process of its own; its output goes to a file.

    Args:
        executable: as in ``ros2 run``, or another script.
        log_file: for the output.
        remaps: rules such as ``/from:=/to``.
        parameters: of the node.
    """

    def __init__(self, executable, log_file, remaps=(), **parameters):
        arguments = [sys.executable, str(SCRIPTS / executable), "--ros-args"]
        for rule in remaps:
            arguments += ["-r", rule]
        for name, value in parameters.items():
            arguments += ["-p", f"{name}:={json.dumps(value)}"]
        self._log_file = log_file
        with log_file.open("w") as output:
            self._process = subprocess.Popen(arguments, stdout=output, stderr=output)

    @property
    def log(self):
        return self._log_file.read_text()

    @property
    def alive(self):
        return self._process.poll() is None

    @property
    def resident_mib(self):
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def threads(self):
        return int(self._status("Threads"))

    def wait_for_signals(self):
        """Wait until the process handles SIGTERM: before that, Python itself is starting."""
        mask = 1 << (signal.SIGTERM - 1)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not mask & int(self._status("SigCgt"), 16):
            assert time.monotonic() < deadline, "the process does not handle SIGTERM"
            time.sleep(0.005)

    def _status(self, field):
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))

    def wait_for_log(self, text, timeout_s=START_TIMEOUT_S):
        deadline = time.monotonic() + timeout_s
        while text not in self.log:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.log}"
            time.sleep(0.02)

    def stop(self, number=signal.SIGINT):
        """Send a signal; returns the exit status."""
        self.signal(number)
        return self.exit_status()

    def signal(self, number):
        """Send a signal, unless the process has ended."""
        if self.alive:
            self._process.send_signal(number)

    def exit_status(self):
        try:
            return self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


class Client:
    """A node in the test's process: cameras, listeners and service calls.

    Args:
        listening: subscribe to the captions.
    """

    def __init__(self, listening=True):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("test_client", context=self.context)
        self._executor = rclpy.executors.SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.sentences = self.listen("/scene_caption") if listening else []
        self.details = self.listen("/scene_caption/detail") if listening else []
        self._publishers = {}
        self._clients = {}

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def listen(self, topic):
        """A list to which the topic's strings are appended."""
        received = []
        self.node.create_subscription(String, topic, lambda m: received.append(m.data), 10)
        return received

    def receive(self, kind, topic):
        """A list to which the topic's messages are appended."""
        received = []
        self.node.create_subscription(kind, topic, received.append, 10)
        return received

    def diagnosis(self, name, condition):
        """Wait until the newest status whose name ends so meets a condition; returns it."""
        found = []

        def keep(message):
            found.extend(s for s in message.status if s.name.endswith(name) and condition(s))

        subscription = self.node.create_subscription(DiagnosticArray, "/diagnostics", keep, 10)
        assert self.spin_until(lambda: bool(found)), f"no such status of {name}"
        self.node.destroy_subscription(subscription)
        return found[-1]

    def spin_until(self, condition, timeout_s=TIMEOUT_S):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._executor.spin_once(timeout_sec=0.02)
        return True

    def header(self, frame_id="camera"):
        return Header(stamp=self.node.get_clock().now().to_msg(), frame_id=frame_id)

    def publish(self, topic, message):
        """Publish once a subscriber is there."""
        publisher = self._publishers.get(topic)
        if publisher is None:
            publisher = self.node.create_publisher(type(message), topic, 5)
            self._publishers[topic] = publisher
        assert self.spin_until(lambda: publisher.get_subscription_count() > 0), topic
        publisher.publish(message)

    def vanish(self, topic):
        """End this client's camera on a topic."""
        self.node.destroy_publisher(self._publishers.pop(topic))

    def send(self, frame, topic="/camera/image_raw", **header):
        """Publish a frame as raw Image, or as JPEG on a compressed topic; returns its header."""
        make = jpeg_message if topic.endswith("compressed") else raw_message
        message = make(frame, self.header(**header))
        self.publish(topic, message)
        return message.header

    def caption_of(self, frame, topic="/camera/image_raw", every_s=2.0, **header):
        """Send a frame every so often until its caption comes; returns the parsed detail.

        The first frames of a best-effort camera may be lost while the two sides find each other.
        """
        sent = []

        def answered():
            return [d for d in map(json.loads, self.details) if d["stamp"] in sent]

        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            stamp = self.send(frame, topic, **header).stamp
            sent.append({"sec": stamp.sec, "nanosec": stamp.nanosec})
            if self.spin_until(answered, every_s):
                return answered()[-1]
        raise AssertionError("no caption came")

    def call(self, kind, name, request):
        """Call a service; returns its response and the seconds it took."""
        if name not in self._clients:  # a new one each time would be timed with its discovery
            self._clients[name] = self._known_client(kind, name)
        client = self._clients[name]
        assert self.spin_until(client.service_is_ready), f"no service {name}"
        begun = time.monotonic()
        future = client.call_async(request)
        assert self.spin_until(future.done), f"no answer from {name}"
        taken_s = time.monotonic() - begun
        return future.result(), taken_s

    def _known_client(self, kind, name):
        """A client of whom the node has heard: an answer to one that it has not is lost.

        A node hears of clients in the order in which they are made; so once a second client has an
        answer, the first is known.
        """
        client = self.node.create_client(kind, name)
        second = self.node.create_client(
            ListParameters, f"{name.rpartition('/')[0]}/list_parameters"
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        answered = False
        while not answered:
            assert time.monotonic() < deadline, f"no answer from the node of {name}"
            if self.spin_until(second.service_is_ready, 1.0):
                answered = self.spin_until(second.call_async(ListParameters.Request()).done, 1.0)
        self.node.destroy_client(second)
        return client

    def set_parameters(self, node="/captioner", **values):
        """As ``ros2 param set``; returns the results and the seconds it took."""
        parameters = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        request = SetParameters.Request(parameters=parameters)
        response, taken_s = self.call(SetParameters, f"{node}/set_parameters", request)
        return response.results, taken_s

    def set_together(self, **values):
        """All or none; returns the result."""
        parameters = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        name = "/captioner/set_parameters_atomically"
        return self.call(SetParametersAtomically, name, request)[0].result

    def transition(self, label):
        """A lifecycle transition by name; returns whether it succeeded."""
        identifier = getattr(Transition, f"TRANSITION_{label.upper()}")
        # Shutdown has an identifier for each state it starts from, and one label.
        transition = Transition(id=identifier, label=label.rsplit("_")[-1])
        request = ChangeState.Request(transition=transition)
        return self.call(ChangeState, "/captioner/change_state", request)[0].success

    def state(self):
        """Label of the node's lifecycle state."""
        response, _ = self.call(GetState, "/captioner/get_state", GetState.Request())
        return response.current_state.label


def ros_arguments(*files):
    """The arguments that give a node parameter files."""
    return ["--ros-args", *(word for file in files for word in ("--params-file", str(file)))]


def accounted_for(status):
    """Every frame was captioned or dropped for a reason that is counted."""
    counts = {value.key: value.value for value in status.values}
    dropped = sum(int(n) for key, n in counts.items() if key.startswith("dropped: "))
    return int(counts["received"]) == int(counts["captioned"]) + dropped


BROKEN_IMAGES = {
    "short_data": Image(height=4, width=4, encoding="rgb8", step=12, data=bytes(47)),
    "short_step": Image(height=4, width=4, encoding="rgb8", step=11, data=bytes(48)),
    "bad_size": Image(height=0, width=0, encoding="rgb8", step=0, data=b""),
    "unknown_encoding": Image(height=4, width=4, encoding="rgb9", step=12, data=bytes(48)),
    "too_large": Image(height=10000, width=10000, encoding="rgb8", step=30000, data=bytes(48)),
}
BROKEN_JPEGS = {
    "empty": CompressedImage(format="jpeg", data=b""),
    "truncated": CompressedImage(format="jpeg", data=b"\xff\xd8\xff\xe0" + bytes(100)),
    "undecodable": CompressedImage(format="jpeg", data=bytes(100)),
}


@contextmanager
def running_node(folder, **parameters):
    """The captioner node once it captions; afterwards it must have ended cleanly."""
    process = Process("captioner_node", folder / "node.log", **parameters)
    try:
        process.wait_for_log("captioning")
        yield process
    finally:
        assert process.stop() == 0
        assert "Traceback" not in process.log
