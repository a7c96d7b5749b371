"""int8 variants for CPUs: a calibrated encoder and a decoder with 8-bit weights."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from training.bundle.rounding import round_weights
from training.bundle.word_table import tabulate_words

# The quantiser's module sets it to INFO when it is imported, and every library's notes are shown.
logging.getLogger().setLevel(logging.WARNING)

_INT8_PRODUCTS = 4  # of MatMulNBits' accuracy_level
_BLOCK = 128


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batches: Iterator[NDArray[np.uint8]]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"frames": batch}


def quantise_encoder(
    source: Path,
    target: Path,
    ranges: Sequence[NDArray[np.uint8]],
    rounding: Sequence[NDArray[np.uint8]],
) -> None:
    """Quantise convolutions and products to uint8 activations and int8 weights, per channel.

    Weights keep 7 bits: on CPUs without VNNI a sum of two full products overflows its 16 bits.

    Args:
        source: float32 encoder.
        target: file to write.
        ranges: real training frames, uint8 ``[B, S, S, 3]``, that give activations their ranges.
        rounding: the same, usually more, that weights are rounded on.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        prepared = Path(folder) / "encoder.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _Frames(iter(ranges)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Add", "MaxPool", "Relu"],
            calibrate_method=CalibrationMethod.MinMax,
        )
        round_weights(prepared, target, rounding)


def quantise_decoder(source: Path, target: Path) -> None:
    """Store every constant weight in 8 bits: products in blocks of `_BLOCK`, words in a table.

    Inputs are rounded to 8 bits as well, block by block: on a CPU without VNNI a step takes a
    fifteenth of the time of products in float32. Blocks of 32 would take a tenth longer and keep
    the same captions.
    """
    config = DefaultWeightOnlyQuantConfig(
        block_size=_BLOCK, is_symmetric=True, bits=8, accuracy_level=_INT8_PRODUCTS
    )
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        prepared = Path(folder) / "decoder.onnx"
        # The output layer's weights, a transposed constant, become a constant of their own.
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
    tabulate_words(model)
    quantiser = MatMulNBitsQuantizer(model, algo_config=config)
    quantiser.process()
    quantiser.model.save_model_to_file(str(target))
