"""The model that a command runs."""

import argparse
from types import SimpleNamespace

import pytest

from ros2_captioner.captioner import Captioner
from ros2_captioner.tools.model_arguments import add_model_arguments, load_captioner


@pytest.mark.parametrize("trouble", ["", "no memory\nleft; onnxruntime on cpu takes over"])
def test_a_runtime_that_had_to_take_over_is_told_in_a_line(trouble, monkeypatch, capsys):
    loaded = SimpleNamespace(trouble=trouble)
    monkeypatch.setattr(Captioner, "load", lambda *given, **runtime: loaded)
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    assert load_captioner(parser.parse_args([])) is loaded
    shown = "note: no memory\\nleft; onnxruntime on cpu takes over\n" if trouble else ""
    assert capsys.readouterr().err == shown
