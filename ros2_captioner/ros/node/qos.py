"""QoS of the node's topics, with the standard ``qos_overrides`` parameters."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from ros2_captioner.settings import NodeSettings


def camera_profile(settings: NodeSettings) -> QoSProfile:
    """What ``image_reliability`` and ``image_depth`` ask of a camera."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=settings.image_depth,
        reliability=ReliabilityPolicy[settings.image_reliability.upper()],
    )


def overriding_options(node: Node, topic: str, entity: str) -> QoSOverridingOptions | None:
    """Options that let ``qos_overrides.<topic>.<entity>.*`` win; None where none was given.

    rclpy declares such parameters read-only and for the life of the node, so declaring them
    without need would freeze ``image_reliability`` and ``image_depth`` at their first values.

    Args:
        node: its overrides are looked through.
        topic: resolved name.
        entity: ``publisher`` or ``subscription``.
    """
    prefix = f"qos_overrides.{topic}.{entity}."
    given = any(name.startswith(prefix) for name in node._parameter_overrides)
    return QoSOverridingOptions.with_default_policies() if given else None
