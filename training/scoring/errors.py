"""What scoring fails with."""

from __future__ import annotations

from ros2_captioner.errors import CaptionerError


class MetricsError(CaptionerError):
    """The captions to be scored, or this machine, do not allow the metric."""
