"""A GPU made of host memory, and engines that ONNX Runtime executes at raw addresses.

It stands in for the driver and for TensorRT's runtime, so that what the backend does with memory,
shapes and state is run for real against the real model. It says nothing about speed.
"""

import ctypes
import itertools
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

# Engines of int8 are executed by ONNX Runtime, whose signed products between float16 are far off
# in the last version for Python 3.10. TensorRT computes them itself.
needs_exact_int8 = pytest.mark.skipif(
    tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 24),
    reason=f"ONNX Runtime {onnxruntime.__version__} is inexact for signed int8",
)


VERSION = "10.3.0"  # of TensorRT


class _Code(int):
    name = "cudaSuccess"


class _Failure(int):
    name = "cudaErrorStreamCaptureUnsupported"


class _OutOfMemory(int):
    name = "cudaErrorMemoryAllocation"


_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
}


class Stream:
    """What is queued waits until somebody waits for it, or is written down while recorded."""

    def __init__(self, number):
        self.number, self.waiting, self.recording = number, [], None
        self.recordable = True

    def __int__(self):
        return self.number

    def queue(self, work):
        (self.waiting if self.recording is None else self.recording).append(work)
        return _Code(0)

    def run(self):
        while self.waiting:
            self.waiting.pop(0)()


class Runtime:
    """As ``cuda.bindings.runtime``, each call returning its code first.

    Args:
        records: whether work can be recorded.

    Attributes:
        failing: names of calls, of TensorRT's too, that fail: with a code, None or False.
        memory, graphs, streams: what was allocated and not freed.
        launches: of graphs.
    """

    cudaMemcpyKind = SimpleNamespace(  # noqa: N815
        cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3
    )
    cudaStreamNonBlocking = 1  # noqa: N815
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)  # noqa: N815

    def __init__(self, records=True):
        self.failing = set()
        self.memory, self.graphs, self.streams = {}, set(), {}
        self.launches, self._records, self._numbers = 0, records, itertools.count(7)

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("cuda") and name in super().__getattribute__("failing"):
            return lambda *arguments: (_OutOfMemory(2), None)
        return found

    def _allocate(self, size):
        block = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(block)] = block
        return _Code(0), ctypes.addressof(block)

    def cudaStreamCreateWithFlags(self, flags):  # noqa: N802
        stream = Stream(next(self._numbers))
        self.streams[stream.number] = stream
        return _Code(0), stream

    def cudaStreamDestroy(self, stream):  # noqa: N802
        del self.streams[stream.number]
        return (_Code(0),)

    def cudaStreamBeginCapture(self, stream, mode):  # noqa: N802
        stream.recording, stream.recordable = [], True
        return (_Code(0),)

    def cudaStreamEndCapture(self, stream):  # noqa: N802
        recording, stream.recording = tuple(stream.recording), None
        if not self._records or not stream.recordable:
            return _Failure(900), None
        self.graphs.add(recording)
        return _Code(0), recording

    def cudaGraphInstantiate(self, graph, flags):  # noqa: N802
        executable = list(graph)
        self.graphs.add(id(executable))
        return _Code(0), executable

    def cudaGraphLaunch(self, executable, stream):  # noqa: N802
        self.launches += 1
        for work in executable:
            stream.queue(work)
        return (_Code(0),)

    def cudaGraphDestroy(self, graph):  # noqa: N802
        self.graphs.remove(graph)
        return (_Code(0),)

    def cudaGraphExecDestroy(self, executable):  # noqa: N802
        self.graphs.remove(id(executable))
        return (_Code(0),)

    def cudaStreamSynchronize(self, stream):  # noqa: N802
        stream.run()
        return (_Code(0),)

    def cudaMalloc(self, size):  # noqa: N802
        return self._allocate(size)

    def cudaHostAlloc(self, size, flags):  # noqa: N802
        return self._allocate(size)

    def cudaFree(self, address):  # noqa: N802
        del self.memory[address]
        return (_Code(0),)

    cudaFreeHost = cudaFree  # noqa: N815

    def cudaMemcpyAsync(self, target, source, count, kind, stream):  # noqa: N802
        return (stream.queue(lambda: ctypes.memmove(target, source, count)),)

    def cudaMemcpy2DAsync(self, target, dpitch, source, spitch, width, height, kind, stream):  # noqa: N802
        for row in range(height):
            place = target + row * dpitch, source + row * spitch
            stream.queue(lambda place=place: ctypes.memmove(*place, width))
        return (_Code(0),)

    def cudaGetDeviceProperties(self, device):  # noqa: N802
        return _Code(0), SimpleNamespace(name=b"Simulated", major=8, minor=7)

    def cudaDriverGetVersion(self):  # noqa: N802
        return _Code(0), 12060


class Engine:
    """The ONNX file that stands for an engine."""

    _TYPES = {"uint8": "UINT8", "int32": "INT32", "float16": "HALF", "float32": "FLOAT"}  # noqa: RUF012

    def __init__(self, plan, runtime):
        self._context, self._runtime = Context(plan, runtime), runtime

    def create_execution_context(self):
        failing = "create_execution_context" in self._runtime.failing
        return None if failing else self._context

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name=self._TYPES[self._context.tensors[name][0]])


class Context:
    """Its execution context."""

    def __init__(self, plan, runtime):
        self._runtime, self._settled = runtime, None
        # Biases that ONNX Runtime quantises by itself underflow in float16.
        self._session = onnxruntime.InferenceSession(
            plan,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["WeightBiasQuantization"],
        )
        self.tensors = {
            node.name: (_DTYPES[node.type], node.shape)
            for node in (*self._session.get_inputs(), *self._session.get_outputs())
        }
        self._addresses, self._shapes = {}, {}

    def set_tensor_address(self, name, address):
        self._addresses[name] = address
        return name in self.tensors

    def set_input_shape(self, name, shape):
        self._shapes[name] = shape
        return True

    def execute_async_v3(self, number):
        if "execute_async_v3" in self._runtime.failing:
            return False
        stream = self._runtime.streams[number]
        # A recording keeps the shapes and addresses of its time.
        shapes, addresses = dict(self._shapes), dict(self._addresses)
        if stream.recording is None:
            self._settled = shapes
        elif shapes != self._settled:  # TensorRT wants to run a new shape once before
            stream.recordable = False
        stream.queue(lambda: self._execute(shapes, addresses))
        return True

    def _execute(self, shapes, addresses):
        feeds = {
            node.name: self._array(node.name, shapes[node.name], addresses).copy()
            for node in self._session.get_inputs()
        }
        names = [node.name for node in self._session.get_outputs()]
        for name, result in zip(names, self._session.run(names, feeds), strict=True):
            self._array(name, result.shape, addresses)[...] = result

    def _array(self, name, shape, addresses):
        dtype = np.dtype(self.tensors[name][0])
        size = int(np.prod(shape)) * dtype.itemsize
        block = (ctypes.c_uint8 * size).from_address(addresses[name])
        return np.frombuffer(block, dtype).reshape(shape)


def tensorrt(runtime):
    """As the module ``tensorrt``, as far as the backend's run time goes."""

    class Logger:
        ERROR = 1

        def __init__(self, severity):
            pass

    class TrtRuntime:
        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, plan):
            failing = "deserialize_cuda_engine" in runtime.failing
            return None if failing else Engine(plan, runtime)

    return SimpleNamespace(
        __name__="tensorrt", __version__=VERSION, Logger=Logger, Runtime=TrtRuntime
    )
