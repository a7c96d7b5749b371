"""Which captions the proof of an export compares, and what it refuses."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ros2_captioner.beam_search import DecodingOptions
from training.bundle.proof import prove
from training.config.settings import ConfigError
from training.data.captions import CaptionedImage

CONFIG = SimpleNamespace(validation=SimpleNamespace(decoding=DecodingOptions()))
RUN = SimpleNamespace(config=CONFIG, vocabulary=None, model=SimpleNamespace(decoder=None))
SOURCES = [[CaptionedImage(Path(name)) for name in names] for names in ("abc", "d")]


@pytest.fixture
def proof(monkeypatch):
    """Proves graphs of which these precisions caption the image "b" in another way."""

    def run(wrong, precisions=("float32", "int8"), count=3):
        fakes = {
            "_runtimes": lambda: ["onnxruntime"],
            "prepared_images": lambda model, images, config: images,
            "caption_batches": lambda decoder, images, *_: [
                SimpleNamespace(text=str(image.path)) for image in images
            ],
            "Captioner.load": lambda bundle, backend, precision, device: precision,
            "caption_images": lambda precision, images, search: [
                SimpleNamespace(text="x" if name == "b" and precision in wrong else name)
                for name in (str(image.path) for image in images)
            ],
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(f"training.bundle.proof.{name}", fake)
        prove(RUN, Path("bundle"), precisions, SOURCES, count)

    return run


@pytest.mark.parametrize(("count", "compared"), [(1, 2), (3, 3), (9, 4)])
def test_images_of_every_source_are_compared(proof, capsys, count, compared):
    proof([], count=count)
    assert f"float32 on onnxruntime, beam 3: {compared} of {compared}" in capsys.readouterr().out


def test_float32_must_give_every_caption_and_others_are_told(proof, capsys):
    proof(["int8"])
    assert "int8 on onnxruntime, beam 5: 2 of 3 captions equal" in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"differ from torch on b: found 'x', expected 'b'"):
        proof(["float32"])
