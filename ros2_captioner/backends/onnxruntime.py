"""ONNX Runtime on a CPU, or on CUDA where onnxruntime-gpu is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ros2_captioner.beam_search import StepOutput
from ros2_captioner.bundle import Bundle, Tensor, check_tensors
from ros2_captioner.errors import BackendError, BundleError

if TYPE_CHECKING:
    import onnxruntime

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
}


@dataclass(frozen=True)
class Encoding:
    """Encoder outputs of B pictures: features ``[B, L, D]``, keys ``[B, L, A]``, state ``[B, H]``.

    Attributes:
        constants: inputs of every step, by name.
        state: initial state tensors, by the step's input name.
    """

    constants: Mapping[str, NDArray[Any]]
    state: Mapping[str, NDArray[Any]]


class OnnxRuntimeBackend:
    """See `ros2_captioner.backends.base.Backend`.

    Args:
        bundle: verified model.
        precision: ``auto`` or one that the bundle carries.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        BackendError: ONNX Runtime is not installed, or does not offer the device.
        BundleError: a graph does not load or differs from the manifest.
    """

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, precision: str = "auto", device: str = "auto") -> None:
        self.device = _choose_device(device)
        self.precision = _choose_precision(bundle, precision, self.device)
        self._state: dict[str, str] = dict(bundle.manifest["graphs"]["decoder"]["state"])
        self._encoder = self._open(bundle, "encoder")
        self._decoder = self._open(bundle, "decoder")
        self._encoder_outputs = [output.name for output in self._encoder.get_outputs()]
        self._decoder_outputs = [output.name for output in self._decoder.get_outputs()]

    def _open(self, bundle: Bundle, part: str) -> onnxruntime.InferenceSession:
        file = bundle.graph(self.precision, part)
        session = _session(file, self.device)
        found = {
            node.name: Tensor(_DTYPES.get(node.type, node.type), tuple(node.shape))
            for node in (*session.get_inputs(), *session.get_outputs())
        }
        check_tensors(bundle, part, file, found)
        return session

    def encode(self, frames: NDArray[np.uint8]) -> Encoding:
        """uint8 ``[B, S, S, 3]`` to an `Encoding`."""
        outputs = _run(self._encoder, self._encoder_outputs, {"frames": frames})
        found = dict(zip(self._encoder_outputs, outputs, strict=True))
        state = {name: found.pop(f"{name}0") for name in self._state}
        return Encoding(found, state)

    def start(self, encoding: Encoding, beam_width: int) -> OnnxRuntimeStepper:
        """A stepper whose rows all begin from the pictures' initial state."""
        state = {
            name: np.repeat(value[:, None], beam_width, axis=1)
            for name, value in encoding.state.items()
        }
        return OnnxRuntimeStepper(
            self._decoder, self._decoder_outputs, self._state, encoding.constants, state
        )


class OnnxRuntimeStepper:
    """`ros2_captioner.beam_search.Stepper` that feeds the state of one step into the next."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        outputs: list[str],
        state_names: Mapping[str, str],
        constants: Mapping[str, NDArray[Any]],
        state: Mapping[str, NDArray[Any]],
    ) -> None:
        self._session = session
        self._outputs = outputs
        self._state_names = state_names
        self._constants = constants
        self._state = dict(state)
        self._dtype = next(iter(state.values())).dtype

    def step(self, tokens: NDArray[np.int32], parents: NDArray[np.int64]) -> StepOutput:
        """See `ros2_captioner.beam_search.Stepper.step`."""
        reorder = np.eye(parents.shape[1], dtype=self._dtype)[parents]
        feeds = {"tokens": tokens, "reorder": reorder, **self._constants, **self._state}
        outputs = _run(self._session, self._outputs, feeds)
        found = dict(zip(self._outputs, outputs, strict=True))
        self._state = {name: found[output] for name, output in self._state_names.items()}
        return StepOutput(found["log_probs"], found["ids"], found["attention"].astype(np.float32))


def _run(
    session: onnxruntime.InferenceSession, outputs: list[str], feeds: dict[str, NDArray[Any]]
) -> list[NDArray[Any]]:
    try:
        return list(session.run(outputs, feeds))
    except Exception as error:  # ONNX Runtime's errors share no base but Exception
        raise BackendError(f"ONNX Runtime failed to run the model: {error}") from error


def _session(file: Path, device: str) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Encoder and decoder sessions alternate; one that spins after its turn starves the other.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=[_PROVIDERS[device]]
        )
    except Exception as error:  # as above
        raise BundleError(f"ONNX Runtime cannot load {file}: {error}") from error
    if session.get_providers()[0] != _PROVIDERS[device]:
        raise BackendError(
            f"asked ONNX Runtime for {_PROVIDERS[device]}, found {session.get_providers()}; its "
            "CUDA libraries did not load. Use device 'cpu', or install the CUDA it was built for"
        )
    return session


def _choose_device(device: str) -> str:
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"ONNX Runtime does not import ({error}); type: pip install onnxruntime"
        ) from error
    has_cuda = _PROVIDERS["cuda"] in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise BackendError(
            "device is 'cuda', but this ONNX Runtime has no CUDA provider; type: "
            "pip install onnxruntime-gpu, or use device 'cpu'"
        )
    return "cuda" if device != "cpu" and has_cuda else "cpu"


def _choose_precision(bundle: Bundle, precision: str, device: str) -> str:
    if precision != "auto":
        return precision
    preferred = "float16" if device == "cuda" else "int8"
    return preferred if preferred in bundle.precisions else bundle.precisions[0]
