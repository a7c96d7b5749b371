"""Image captioning for ROS 2: a ResNet encoder and an attention LSTM decoder with beam search.

Importing this package needs neither ROS, nor torch, nor a GPU::

    from ros2_captioner import Captioner
    from ros2_captioner.images.files import read_image

    captioner = Captioner.load()
    print(captioner.caption([read_image("dog.jpg")]).captions[0].text)
"""

from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.captioner import Captioner
from ros2_captioner.captions import Caption, CaptionBatch
from ros2_captioner.errors import (
    BackendError,
    BundleError,
    CaptionerError,
    FrameError,
    OptionsError,
)
from ros2_captioner.version import VERSION

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
