"""Device memory, pinned memory and one stream, through cuda-python."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import BackendError, described


def import_cuda() -> Any:
    """The module ``cuda.bindings.runtime``.

    Raises:
        BackendError: cuda-python is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise BackendError(
            f"cuda-python does not import ({error}); type: {pip_line('cuda-python')}; on JetPack 6 "
            "'cuda-python==12.6.*'"
        ) from error
    return runtime


def call(runtime: Any, function: str, *arguments: Any) -> Any:
    """A function's result, of a runtime as of `import_cuda`.

    Raises:
        BackendError: it failed, or cuda-python has it no more, or with other arguments.
    """
    try:
        code, *results = getattr(runtime, function)(*arguments)
    except Exception as error:  # cuda-python's errors share no base
        raise BackendError(f"{function} failed: {described(error)}") from error
    if int(code):
        raise BackendError(f"{function} failed: {code.name}")
    return results[0] if results else None


class Cuda:
    """CUDA runtime calls that raise instead of returning codes, on a stream of their own.

    The stream goes with the object.

    Args:
        runtime: see `import_cuda`.
    """

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._kinds = runtime.cudaMemcpyKind
        self.capture_mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        # Apart from the default stream, whose work could not be recorded with this one's.
        self.stream = self.call("cudaStreamCreateWithFlags", runtime.cudaStreamNonBlocking)

    def call(self, function: str, *arguments: Any) -> Any:
        """See `call`."""
        return call(self._runtime, function, *arguments)

    def free(self, function: str, *arguments: Any) -> None:
        """As `call`, of what frees something; what a lost device does not free goes with it."""
        with contextlib.suppress(BackendError):
            self.call(function, *arguments)

    def to_device(self, target: int, source: int, count: int) -> None:
        """Queue a copy of ``count`` bytes from pinned memory."""
        kind = self._kinds.cudaMemcpyHostToDevice
        self.call("cudaMemcpyAsync", target, source, count, kind, self.stream)

    def to_host(self, target: int, source: int, count: int) -> None:
        """Queue a copy of ``count`` bytes into pinned memory."""
        kind = self._kinds.cudaMemcpyDeviceToHost
        self.call("cudaMemcpyAsync", target, source, count, kind, self.stream)

    def repeat_rows(self, target: int, source: int, rows: int, row_bytes: int, times: int) -> None:
        """Queue copies on the device: every row of ``source`` so many times in a row."""
        kind = self._kinds.cudaMemcpyDeviceToDevice
        for turn in range(times):
            self.call(
                "cudaMemcpy2DAsync",
                target + turn * row_bytes,
                times * row_bytes,
                source,
                row_bytes,
                row_bytes,
                rows,
                kind,
                self.stream,
            )

    def wait(self) -> None:
        """Until all that was queued is done."""
        self.call("cudaStreamSynchronize", self.stream)

    def __del__(self) -> None:
        if hasattr(self, "stream"):
            self.free("cudaStreamDestroy", self.stream)


class DeviceBuffer:
    """Memory on the device, freed with the object.

    Args:
        cuda: allocates it.
        size: bytes.

    Attributes:
        address: on the device.
    """

    def __init__(self, cuda: Cuda, size: int) -> None:
        self._cuda = cuda
        self.address: int = int(cuda.call("cudaMalloc", size))

    def __del__(self) -> None:
        if hasattr(self, "address"):
            self._cuda.free("cudaFree", self.address)


class PinnedBuffer:
    """Host memory that the device copies from and to by itself, freed with the object.

    Args:
        cuda: allocates it.
        size: bytes.

    Attributes:
        address: on the host.
    """

    def __init__(self, cuda: Cuda, size: int) -> None:
        self._cuda = cuda
        self.address: int = int(cuda.call("cudaHostAlloc", size, 0))
        self._bytes = (ctypes.c_uint8 * size).from_address(self.address)

    def view(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Its beginning as an array, not copied."""
        count = int(np.prod(shape))
        return np.frombuffer(memoryview(self._bytes), np.dtype(dtype), count).reshape(shape)

    def __del__(self) -> None:
        if hasattr(self, "address"):
            self._cuda.free("cudaFreeHost", self.address)
