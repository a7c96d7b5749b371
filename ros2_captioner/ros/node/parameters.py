"""The one table of node parameters; descriptors, checks, YAML and documentation follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.validate_full_topic_name import validate_full_topic_name

from ros2_captioner.backends.choice import BACKENDS, DEVICES, PRECISIONS
from ros2_captioner.beam_search import MAX_BEAM_WIDTH, MAX_CAPTION_LENGTH, DecodingOptions
from ros2_captioner.errors import OptionsError

LIVE, AT_ACTIVATE, AT_CONFIGURE = "live", "activate", "configure"


@dataclass(frozen=True)
class Declaration:
    """One parameter.

    Attributes:
        name: as typed in ``ros2 param set``.
        default: its type is the parameter's type.
        description: one sentence, with the unit.
        low: smallest value of a number.
        high: largest value of a number.
        choices: the allowed texts.
        read: `LIVE`, at every frame; `AT_ACTIVATE`; or `AT_CONFIGURE`.
    """

    name: str
    default: bool | int | float | str | tuple[str, ...]
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    read: str = LIVE


_DECODING = DecodingOptions()
PARAMETERS: tuple[Declaration, ...] = (
    Declaration(
        "beam_width", _DECODING.beam_width,
        "Hypotheses the beam search keeps; more is slower and usually better up to 5",
        1, MAX_BEAM_WIDTH,
    ),
    Declaration(
        "length_penalty", _DECODING.length_penalty,
        "Exponent of the length normalisation; higher gives longer captions (write 1.0, not 1)",
        0.0, 3.0,
    ),
    Declaration("min_length", _DECODING.min_length, "Words before a caption may end",
                0, MAX_CAPTION_LENGTH),
    Declaration("max_length", _DECODING.max_length, "Words after which a caption is cut",
                1, MAX_CAPTION_LENGTH),
    Declaration(
        "no_repeat_ngram", _DECODING.no_repeat_ngram,
        "No sequence of this many words occurs twice in a caption; 0 allows repeats", 0, 10,
    ),
    Declaration("banned_words", (), "Words that captions never contain"),
    Declaration(
        "num_alternatives", _DECODING.num_alternatives,
        "Further captions in the detail topic; must be below beam_width", 0, MAX_BEAM_WIDTH - 1,
    ),
    Declaration("max_rate_hz", 0.0, "Captions a second a camera at most; 0.0 means no limit",
                0.0, 1000.0),
    Declaration("max_frame_age_s", 2.0,
                "Frames whose stamp is older than this are refused; 0.0 accepts any age",
                0.0, 3600.0),
    Declaration(
        "scene_change_threshold", 0.0,
        "Change of brightness, 0 to 1, from which a frame counts as new; 0.0 captions every frame",
        0.0, 1.0,
    ),
    Declaration("max_silence_s", 10.0,
                "A still scene is captioned this often all the same; 0.0 means never", 0.0, 3600.0),
    Declaration("always_on", False, "Caption even while nobody subscribes to any output"),
    Declaration("publish_attention", False,
                "Add each word's attention grid to the detail topic and to the overlay"),
    Declaration("publish_overlay", True, "Draw overlays for those who subscribe to them"),
    Declaration("autostart", True, "Configure and activate the node at start", read=AT_CONFIGURE),
    Declaration("bond_heartbeat_period", 0.1,
                "Seconds between signs of life to nav2's lifecycle manager, where bondpy is "
                "installed and autostart is false; 0.0 means none", 0.0, 10.0, read=AT_CONFIGURE),
    Declaration("model", "", "Directory of a model bundle; empty for the shipped model",
                read=AT_CONFIGURE),
    Declaration("backend", "auto", "Runtime that executes the model", choices=BACKENDS,
                read=AT_CONFIGURE),
    Declaration("precision", "auto", "Variant of the model; auto is int8 on a CPU",
                choices=PRECISIONS, read=AT_CONFIGURE),
    Declaration("device", "auto", "Where the model runs", choices=DEVICES, read=AT_CONFIGURE),
    Declaration("engine_cache", "", "Folder of TensorRT engines; empty for the user's own cache",
                read=AT_CONFIGURE),
    Declaration("image_topics", ("/camera/image_raw",),
                "Image or CompressedImage topics, one a camera", read=AT_ACTIVATE),
    Declaration("image_reliability", "best_effort", "Reliability asked of the cameras",
                choices=("best_effort", "reliable"), read=AT_ACTIVATE),
    Declaration("image_depth", 1, "Frames the middleware may queue a camera", 1, 100,
                read=AT_ACTIVATE),
)  # fmt: skip
_BY_NAME = {declaration.name: declaration for declaration in PARAMETERS}
_DECODING_NAMES = tuple(DecodingOptions.__dataclass_fields__)


@dataclass(frozen=True)
class Settings:
    """A consistent set of all parameters.

    Attributes:
        values: by name, lists as tuples.
        decoding: the search options among them.
    """

    values: Mapping[str, Any]
    decoding: DecodingOptions

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def declare_parameters(node: Node) -> Settings:
    """Declare the table on a node.

    Raises:
        OptionsError: an override from a file or the command line is of the wrong type or value.
    """
    for declaration in PARAMETERS:
        try:
            node.declare_parameter(
                declaration.name, _message_value(declaration.default), _descriptor(declaration)
            )
            if node.get_parameter(declaration.name).value == []:
                # rclpy takes an empty list for bytes, and tools would show it as such.
                kind = Parameter.Type.STRING_ARRAY
                node.set_parameters([Parameter(declaration.name, kind, [])])
        except Exception as error:  # rclpy raises several unrelated classes here
            raise OptionsError(
                f"parameter {declaration.name}: {error}; {expectation(declaration)}"
            ) from error
    return make_settings({name: node.get_parameter(name).value for name in _BY_NAME})


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Check a whole set of values.

    Raises:
        OptionsError: names the parameter, what was found and what was expected.
    """
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    for name, value in plain.items():
        _check(_BY_NAME[name], value)
    _check_topics(plain["image_topics"])
    return Settings(plain, DecodingOptions(**{name: plain[name] for name in _DECODING_NAMES}))


def changed_settings(
    settings: Settings, changes: Iterable[Parameter], *, configured: bool, active: bool
) -> tuple[Settings, SetParametersResult]:
    """The settings after a change, all of it or nothing.

    Args:
        settings: now in force.
        changes: parameters being set; those not in the table pass.
        configured: refuse parameters that are read at configure.
        active: refuse parameters that are read at activate.

    Returns:
        The new settings, or the old ones with the reason of the refusal.
    """
    wanted = {change.name: change.value for change in changes if change.name in _BY_NAME}
    try:
        for name in wanted:
            if configured and _BY_NAME[name].read == AT_CONFIGURE:
                raise OptionsError(
                    f"{name} is read at configure; type: ros2 lifecycle set NODE deactivate, then "
                    "cleanup, set the parameter, then configure and activate"
                )
            if active and _BY_NAME[name].read == AT_ACTIVATE:
                raise OptionsError(
                    f"{name} is read at activate; type: ros2 lifecycle set NODE deactivate, set "
                    "the parameter, then activate"
                )
        return make_settings({**settings.values, **wanted}), SetParametersResult(successful=True)
    except OptionsError as error:
        return settings, SetParametersResult(successful=False, reason=str(error))


def expectation(declaration: Declaration) -> str:
    """What values a parameter takes, in words."""
    kind = type_name(declaration)
    if declaration.choices:
        return f"expected one of {list(declaration.choices)}"
    if declaration.low is not None:
        return f"expected {kind} from {declaration.low} to {declaration.high}"
    return f"expected {kind}"


def type_name(declaration: Declaration) -> str:
    """The ROS name of the parameter's type."""
    names = {bool: "bool", int: "integer", float: "double", str: "string", tuple: "string_array"}
    return names[type(declaration.default)]


def _check(declaration: Declaration, value: Any) -> None:
    right_type = type(value) is type(declaration.default)
    if isinstance(value, tuple):
        right_type = right_type and all(isinstance(item, str) for item in value)
    in_range = (
        not right_type
        or declaration.low is None
        or (declaration.low <= value <= (declaration.high or 0))
    )
    in_choices = not declaration.choices or value in declaration.choices
    if not (right_type and in_range and in_choices):
        raise OptionsError(f"{declaration.name} is {value!r}; {expectation(declaration)}")


def _check_topics(topics: tuple[str, ...]) -> None:
    if not topics:
        raise OptionsError("image_topics is empty; expected at least one topic")
    for topic in topics:
        try:
            validate_full_topic_name(expand_topic_name(topic, "captioner", "/"))
        except (ValueError, InvalidTopicNameException) as error:
            raise OptionsError(
                f"image_topics holds {topic!r}; expected topic names such as '/camera/image_raw'"
            ) from error


def _message_value(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _descriptor(declaration: Declaration) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=declaration.description,
        additional_constraints=(
            f"one of {', '.join(declaration.choices)}" if declaration.choices else ""
        ),
        # An empty list carries no type, so "banned_words: []" arrives as "not set".
        dynamic_typing=declaration.default == (),
    )
    if declaration.low is None:
        return descriptor
    if isinstance(declaration.default, int):
        descriptor.integer_range = [
            IntegerRange(from_value=int(declaration.low), to_value=int(declaration.high or 0))
        ]
    else:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=declaration.low, to_value=declaration.high or 0.0)
        ]
    return descriptor
