"""A GPU made of host memory, and engines that ONNX Runtime executes at raw addresses.

It stands in for the driver and for TensorRT's runtime, so that what the backend does with memory,
shapes and state is run for real against the real model. It says nothing about speed.
"""

import ctypes
from types import SimpleNamespace

import numpy as np
import onnxruntime


class _Code(int):
    name = "cudaSuccess"


_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
}


class Runtime:
    """As ``cuda.bindings.runtime``, each call returning its code first."""

    cudaMemcpyKind = SimpleNamespace(  # noqa: N815
        cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3
    )

    def __init__(self):
        self.memory = {}

    def _allocate(self, size):
        block = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(block)] = block
        return _Code(0), ctypes.addressof(block)

    def cudaStreamCreate(self):  # noqa: N802
        return _Code(0), 7

    def cudaStreamSynchronize(self, stream):  # noqa: N802
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
        ctypes.memmove(target, source, count)
        return (_Code(0),)

    def cudaMemcpy2DAsync(self, target, dpitch, source, spitch, width, height, kind, stream):  # noqa: N802
        for row in range(height):
            ctypes.memmove(target + row * dpitch, source + row * spitch, width)
        return (_Code(0),)

    def cudaGetDeviceProperties(self, device):  # noqa: N802
        return _Code(0), SimpleNamespace(name=b"Simulated", major=8, minor=7)

    def cudaDriverGetVersion(self):  # noqa: N802
        return _Code(0), 12060


class Engine:
    """The ONNX file that stands for an engine."""

    _TYPES = {"uint8": "UINT8", "int32": "INT32", "float16": "HALF", "float32": "FLOAT"}  # noqa: RUF012

    def __init__(self, plan):
        self._context = Context(plan)

    def create_execution_context(self):
        return self._context

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name=self._TYPES[self._context.tensors[name][0]])


class Context:
    """Its execution context."""

    def __init__(self, plan):
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

    def execute_async_v3(self, stream):
        assert stream == 7
        feeds = {
            node.name: self._array(node.name, self._shapes[node.name]).copy()
            for node in self._session.get_inputs()
        }
        names = [node.name for node in self._session.get_outputs()]
        for name, result in zip(names, self._session.run(names, feeds), strict=True):
            self._array(name, result.shape)[...] = result
        return True

    def _array(self, name, shape):
        dtype = np.dtype(self.tensors[name][0])
        size = int(np.prod(shape)) * dtype.itemsize
        block = (ctypes.c_uint8 * size).from_address(self._addresses[name])
        return np.frombuffer(block, dtype).reshape(shape)


def tensorrt():
    """As the module ``tensorrt``, as far as the backend's run time goes."""

    class Logger:
        ERROR = 1

        def __init__(self, severity):
            pass

    class TrtRuntime:
        def __init__(self, logger):
            pass

        def deserialize_cuda_engine(self, plan):
            return Engine(plan)

    return SimpleNamespace(
        __name__="tensorrt", __version__="10.3.0", Logger=Logger, Runtime=TrtRuntime
    )
