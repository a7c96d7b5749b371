"""Which arithmetic a precision stands for."""

import pytest
import torch

from training.machine.arithmetic import arithmetic

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, None),
    ],
)
def test_auto_is_what_the_processor_has(monkeypatch, found, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert arithmetic("auto", CPU) is expected


def test_auto_is_float32_where_torch_does_not_know(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert arithmetic("auto", CPU) is None


def test_auto_asks_a_gpu_for_no_emulation(monkeypatch):
    for has in (True, False):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, has=has: has
        )
        assert arithmetic("auto", GPU) is (torch.bfloat16 if has else None)


def test_other_precisions_are_what_they_say():
    assert arithmetic("float32", CPU) is None
    assert arithmetic("bfloat16", CPU) is torch.bfloat16
    assert arithmetic("float16", CPU) is torch.float16
