"""``captioner_build_engine``: a model's TensorRT engines, before the robot needs them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from ros2_captioner.backends.choice import PRECISIONS
from ros2_captioner.backends.failover import guarded
from ros2_captioner.backends.tensorrt.backend import TensorRtBackend
from ros2_captioner.bundle import load_bundle
from ros2_captioner.command_line.ending import command
from ros2_captioner.command_line.parsers import command_parser
from ros2_captioner.command_line.progress import Progress
from ros2_captioner.command_line.text import in_line
from ros2_captioner.errors import BackendError

_BAR = 30  # characters


@command(failed=1)
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = command_parser(
        "captioner_build_engine",
        "Build the TensorRT engines of a model for this GPU and cache them. "
        "They serve every beam width and up to eight cameras. The node builds by itself what is "
        "missing; this does it beforehand.",
    )
    parser.add_argument("--model", default="", help="bundle; the shipped model if not given")
    parser.add_argument(
        "--precision",
        default="auto",
        choices=PRECISIONS,
        help="variant of the model (default: auto, which is float16)",
    )
    parser.add_argument("--engine-cache", default="", help="folder; your own cache if not given")
    parsed = parser.parse_args(arguments)
    bundle, progress = load_bundle(parsed.model), Progress()

    def show(phase: str, done: int, steps: int) -> None:
        bar = "#" * (_BAR * done // steps)
        progress.show(f"{phase} [{bar:{_BAR}}] {done}/{steps}")

    try:
        backend = guarded(
            partial(TensorRtBackend, bundle, parsed.precision, parsed.engine_cache, progress=show)
        )
    finally:
        progress.clear()
    if backend.remark:  # an engine could not be kept
        raise BackendError(backend.remark)
    print(in_line(f"the engines of {bundle.manifest['name']} are ready"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
