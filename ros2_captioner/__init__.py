"""Image captioning for ROS 2: a ResNet encoder and an attention LSTM decoder with beam search.

Importing this package needs neither ROS, nor torch, nor a GPU::

    from ros2_captioner import Captioner
    from ros2_captioner.images.files import read_image

    captioner = Captioner.load()
    print(captioner.caption([read_image("dog.jpg")]).captions[0].text)
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ros2_captioner.errors import (
    BackendError,
    BundleError,
    CaptionerError,
    FrameError,
    OptionsError,
)
from ros2_captioner.version import VERSION

if TYPE_CHECKING:
    from ros2_captioner.beam_search import DecodingOptions
    from ros2_captioner.captioner import Captioner
    from ros2_captioner.captions import Caption, CaptionBatch

# From their import on runtimes send usage by default: ONNX Runtime's official builds to Microsoft,
# OpenVINO to Google where this module is installed, which comes with it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__version__ = VERSION
__all__ = [
    "BackendError",
    "BundleError",
    "Caption",
    "CaptionBatch",
    "Captioner",
    "CaptionerError",
    "DecodingOptions",
    "FrameError",
    "OptionsError",
    "__version__",
]
# Imported when first asked for: captioner_doctor must start where numpy or OpenCV is broken.
_LATE = {
    "Caption": "captions",
    "CaptionBatch": "captions",
    "Captioner": "captioner",
    "DecodingOptions": "beam_search",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
