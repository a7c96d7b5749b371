"""Whether this machine has an NVIDIA driver and a GPU, for every runtime that wants one."""

from __future__ import annotations

import ctypes

from ros2_captioner.errors import BackendError


def check_driver() -> None:
    """Look for a driver and a GPU without loading anything that dies where there is none.

    Raises:
        BackendError: no driver, or no GPU.
    """
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise BackendError(
            "found no NVIDIA driver (libcuda.so.1); TensorRT and CUDA need one. Install it, or use "
            "backend onnxruntime with device cpu"
        ) from error
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        raise BackendError(
            "the NVIDIA driver reports no usable GPU; look at nvidia-smi, or use backend "
            "onnxruntime with device cpu"
        )
