"""One engine on the device, with the memory of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.backends.tensorrt.cuda import Cuda, DeviceBuffer, PinnedBuffer
from ros2_captioner.backends.tensorrt.cuda_graphs import Replay
from ros2_captioner.backends.tensorrt.engines import LARGEST
from ros2_captioner.errors import BackendError

_DTYPES = {"UINT8": "uint8", "INT32": "int32", "HALF": "float16", "FLOAT": "float32"}


class Executor:
    """An engine's context with a buffer for each of its tensors, as large as they ever get.

    Args:
        cuda: allocates and copies.
        engine: deserialised; says the tensors' types, which differ between variants.
        graph: the manifest's inputs and outputs.

    Raises:
        BackendError: the engine takes other tensors than the manifest says.
    """

    def __init__(self, cuda: Cuda, engine: Any, graph: Mapping[str, Any]) -> None:
        self._cuda, self._context = cuda, engine.create_execution_context()
        if self._context is None:
            raise BackendError(
                "TensorRT makes no context for an engine; is the GPU's memory full? Look at "
                "nvidia-smi"
            )
        self._inputs = set(graph["inputs"])
        tensors = {**graph["inputs"], **graph["outputs"]}
        self._shapes = {name: tuple(entry["shape"]) for name, entry in tensors.items()}
        self._dtypes = {name: _DTYPES[engine.get_tensor_dtype(name).name] for name in tensors}
        sizes = {name: self._bytes(name, LARGEST) for name in tensors}
        self._device = {name: DeviceBuffer(cuda, size) for name, size in sizes.items()}
        self._host = {name: PinnedBuffer(cuda, size) for name, size in sizes.items()}
        self._bound: dict[str, int] = {}
        for name in tensors:
            self.bind(name, self.address(name))
        self._replay = Replay(cuda)

    def address(self, name: str) -> int:
        """Of a tensor's own buffer on the device."""
        return self._device[name].address

    def row_bytes(self, name: str) -> int:
        """Bytes of one image's part of a tensor whose first axis is B."""
        return self._bytes(name, {"B": 1})

    def bind(self, name: str, address: int) -> None:
        """Let the engine read or write a tensor elsewhere on the device."""
        if not self._context.set_tensor_address(name, address):
            raise BackendError(f"the engine takes no tensor {name!r}; empty the engine cache")
        self._bound[name] = address

    def run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: tuple[str, ...], sizes: Mapping[str, int]
    ) -> dict[str, NDArray[Any]]:
        """Copy inputs to the device, run the engine and copy outputs back.

        Args:
            inputs: those that come from the host; the others are on the device already.
            outputs: those that the host needs.
            sizes: of the dynamic axes.

        Returns:
            The outputs, valid until the next run.
        """
        for name, array in inputs.items():
            self._view(name, sizes)[...] = array
        shape, addresses = tuple(sizes.items()), tuple(self._bound.values())
        self._replay.queue(shape, addresses, lambda: self._queue(tuple(inputs), outputs, sizes))
        self._cuda.wait()
        return {name: self._view(name, sizes) for name in outputs}

    def _queue(
        self, inputs: tuple[str, ...], outputs: tuple[str, ...], sizes: Mapping[str, int]
    ) -> None:
        for name in inputs:
            count = self._bytes(name, sizes)
            self._cuda.to_device(self.address(name), self._host[name].address, count)
        for name in self._inputs:
            if not self._context.set_input_shape(name, self._shape(name, sizes)):
                raise BackendError(f"the engine takes no {name!r} of {dict(sizes)}")
        if not self._context.execute_async_v3(int(self._cuda.stream)):
            raise BackendError("TensorRT failed to run the model")
        for name in outputs:
            count = self._bytes(name, sizes)
            self._cuda.to_host(self._host[name].address, self.address(name), count)

    def _view(self, name: str, sizes: Mapping[str, int]) -> NDArray[Any]:
        return self._host[name].view(self._shape(name, sizes), self._dtypes[name])

    def _shape(self, name: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(sizes[size] if isinstance(size, str) else size for size in self._shapes[name])

    def _bytes(self, name: str, sizes: Mapping[str, int]) -> int:
        return int(np.prod(self._shape(name, sizes))) * np.dtype(self._dtypes[name]).itemsize
