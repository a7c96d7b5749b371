"""The settings of the nodes: what they declare as parameters, in the order of the documentation."""

from __future__ import annotations

from dataclasses import dataclass

from ros2_captioner.backends.choice import BACKENDS, DEVICES, PRECISIONS
from ros2_captioner.beam_search import DecodingOptions
from ros2_captioner.errors import OptionsError
from ros2_captioner.options import AT_ACTIVATE, AT_CONFIGURE, check_options, option


@dataclass(frozen=True)
class NodeSettings(DecodingOptions):
    """A consistent set of all parameters; those of the search come first.

    Raises:
        OptionsError: names the parameter, what was found and what was expected.
    """

    max_rate_hz: float = option(
        0.0, "Captions per second and camera at most; 0.0 means no limit", 0.0, 1000.0
    )
    max_frame_age_s: float = option(
        2.0, "Frames whose stamp is older than this are refused; 0.0 accepts any age", 0.0, 3600.0
    )
    scene_change_threshold: float = option(
        0.0,
        "Change of brightness, 0 to 1, from which a frame counts as new; 0.0 captions every frame",
        0.0,
        1.0,
    )
    max_silence_s: float = option(
        10.0,
        "Longest time without a caption of a still scene, seconds; 0.0 means no limit",
        0.0,
        3600.0,
    )
    min_confidence: float = option(
        0.0,
        "Captions less confident than this stay off scene_caption; detail still carries them",
        0.0,
        1.0,
    )
    always_on: bool = option(False, "Caption even while nobody subscribes to any output")
    publish_attention: bool = option(
        False, "Add each word's attention grid to the detail topic and to the overlay"
    )
    publish_overlay: bool = option(True, "Draw overlays while somebody subscribes to them")
    autostart: bool = option(True, "Configure and activate the node at start", read=AT_CONFIGURE)
    bond_heartbeat_period: float = option(
        0.1,
        "Seconds between heartbeats to nav2's lifecycle manager, where bondpy is installed and "
        "autostart is false; 0.0 means none",
        0.0,
        10.0,
        read=AT_CONFIGURE,
    )
    model: str = option(
        "", "Directory of a model bundle; empty for the shipped model", read=AT_CONFIGURE
    )
    require_signed_model: str = option(
        "",
        "Public key, or folder of keys (*.pub), one of which must have signed the model; empty "
        "loads any",
        read=AT_CONFIGURE,
    )
    backend: str = option(
        "auto", "Runtime that executes the model", choices=BACKENDS, read=AT_CONFIGURE
    )
    precision: str = option(
        "auto",
        "Variant of the model; auto is int8 on a CPU, float16 on a GPU",
        choices=PRECISIONS,
        read=AT_CONFIGURE,
    )
    device: str = option("auto", "Where the model runs", choices=DEVICES, read=AT_CONFIGURE)
    engine_cache: str = option(
        "", "Folder of TensorRT engines; empty for the user's own cache", read=AT_CONFIGURE
    )
    image_topics: tuple[str, ...] = option(
        ("/camera/image_raw",), "Image or CompressedImage topics, one per camera", read=AT_ACTIVATE
    )
    image_reliability: str = option(
        "best_effort",
        "Reliability QoS of the camera subscriptions",
        choices=("best_effort", "reliable"),
        read=AT_ACTIVATE,
    )
    image_depth: int = option(
        1, "Frames that the middleware queues per camera", 1, 100, read=AT_ACTIVATE
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.image_topics:
            raise OptionsError("image_topics is empty; expected at least one topic")


@dataclass(frozen=True)
class ImagePlayerSettings:
    """Parameters of ``captioner_image_player``.

    Raises:
        OptionsError: names the parameter, what was found and what was expected.
    """

    source: str = option("", "Folder of images, image, video file, or webcam (0, /dev/video0)")
    topic: str = option(
        "camera/image_raw", "Topic; with format jpeg, /compressed is appended to it"
    )
    format: str = option(
        "raw",
        "raw publishes sensor_msgs/Image (rgb8), jpeg sensor_msgs/CompressedImage",
        choices=("raw", "jpeg"),
    )
    rate_hz: float = option(5.0, "Frames per second", 0.01, 1000.0)
    loop: bool = option(True, "Start again at the end; otherwise the process ends there")
    max_side: int = option(
        640, "Longer side in pixels to which larger frames are shrunk; 0 keeps them", 0, 100_000
    )
    frame_id: str = option("camera", "frame_id of the header")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class BagPlayerSettings:
    """Parameters of ``captioner_bag_player``.

    Raises:
        OptionsError: names the parameter, what was found and what was expected.
    """

    bag: str = option("", "Folder of the recording: mcap or sqlite3, with metadata.yaml")
    topics: tuple[str, ...] = option((), "Topics to play; empty plays all image topics")
    rate: float = option(1.0, "Speed, 1.0 as recorded", 0.01, 100.0)
    loop: bool = option(True, "Start again at the end; otherwise the process ends there")
    restamp: bool = option(
        True,
        "Stamp frames with the current time; false keeps the recorded stamps, which the captioner "
        "refuses as too old unless its max_frame_age_s is 0.0",
    )

    def __post_init__(self) -> None:
        check_options(self)
