"""Offline training, evaluation and export of the captioning model; never imported by the node."""

import ros2_captioner  # noqa: F401  # before any runtime, whose telemetry it turns off
