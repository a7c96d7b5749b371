"""The captioner node with a model that fails on demand; FAULT names how.

load: the model takes a minute to load. hang: an encoding takes three seconds. busy: it spends half
a minute in the runtime. memory: every second one runs out of memory. device: the first model that
is loaded fails for good after its first picture.
"""

import itertools
import os
import time

from ros2_captioner.backends.onnxruntime import OnnxRuntimeBackend
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError
from ros2_captioner.ros.executables import captioner_node

_encode = OnnxRuntimeBackend.encode
_turns = itertools.count()


def _hanging(self, frames):
    time.sleep(3)
    return _encode(self, frames)


def _busy(self, frames):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        encoding = _encode(self, frames)
    return encoding


def _out_of_memory(self, frames):
    if next(_turns) % 2 == 0:
        raise MemoryError("no room for the feature map")
    return _encode(self, frames)


_first = []


def _device_lost(self, frames):
    _first[:] = _first or [self]
    if self is _first[0] and next(_turns) > 0:
        raise BackendError("the device is lost")
    return _encode(self, frames)


def _loading(*arguments):
    print("loading", flush=True)
    time.sleep(60)


if os.environ["FAULT"] == "load":
    Captioner.load = _loading
_FAULTS = {
    "load": _encode,
    "hang": _hanging,
    "busy": _busy,
    "memory": _out_of_memory,
    "device": _device_lost,
}
OnnxRuntimeBackend.encode = _FAULTS[os.environ["FAULT"]]
captioner_node()
