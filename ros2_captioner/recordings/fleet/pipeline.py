"""The pipeline: jobs -> frames -> captions -> Parquet, on Ray Data.

Ray streams the frames from the tasks that read them to actors that hold the model, one batch after
another, so memory stays flat; it starts again what dies, and counts nothing twice.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ros2_captioner.bundle import Bundle
from ros2_captioner.bundle.manifest import search_of
from ros2_captioner.captioner import Captioner
from ros2_captioner.command_line.installing import pip_line
from ros2_captioner.errors import BackendError, OptionsError
from ros2_captioner.output_files import only_writer
from ros2_captioner.processors import own_processors
from ros2_captioner.recordings.batches import BATCH
from ros2_captioner.recordings.fleet.claim import claim
from ros2_captioner.recordings.fleet.jobs import Job, jobs
from ros2_captioner.recordings.sampling import Sampling

try:
    import ray
    import ray.data
    import ray.exceptions

    from ros2_captioner.recordings.fleet import output
    from ros2_captioner.recordings.fleet.steps import Captions, read_frames
except ImportError as error:
    raise OptionsError(
        f"fleets are captioned with Ray Data, which does not import ({error}); type: "
        f"{pip_line('ray[data]')}"
    ) from error

_CALL_S = 10.0
# The end of a traceback, but that of what Ray raises from any error of a worker's code.
_RAISED = re.compile(r"(?!ray\.exceptions\.UserCodeException)[\w.]+(: .+)?")
_READER_CORES = 0.5  # not those of a worker: Ray would make one step of both, four jobs at a time


class Fleet(NamedTuple):
    """What is captioned, and where.

    Attributes:
        sources: bags, image files, and folders of either; every machine finds them there.
        output: folder of Parquet files, likewise.
        sampling: which frames of bags.
        topics: of bags; empty takes all images.
        workers: how many hold the model, each on one core; 0 for three quarters of the cores, the
            rest of which read, or for all GPUs.
        address: of a Ray cluster; empty starts one on this machine and ends it again.
        backend: as it was asked for, see `ros2_captioner.backends.choice.choose`.
        precision: likewise.
        device: likewise; ``cuda`` gives each worker a GPU.
    """

    sources: Sequence[Path]
    output: Path
    sampling: Sampling
    topics: Sequence[str] = ()
    workers: int = 0
    address: str = ""
    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"

    @property
    def on_gpu(self) -> bool:
        """Whether each worker gets a GPU."""
        return self.device == "cuda"


def caption_fleet(fleet: Fleet, bundle: Bundle, load: Callable[[], Captioner]) -> output.Outcome:
    """Caption what the output lacks.

    Args:
        fleet: what and where.
        bundle: the model.
        load: loads it on a worker.

    Raises:
        OptionsError: a source or the cluster is missing, or the output is of another run, or one is
            writing it.
        BackendError: the workers fail however often they are started, as without the model.
    """
    try:
        fleet.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionsError(
            f"cannot make the folder {fleet.output}: {error.strerror}; expected an --output that "
            "is a folder or nothing yet"
        ) from error
    with only_writer(fleet.output, fleet.output):
        return _caption_rest(fleet, bundle, load)


def _caption_rest(fleet: Fleet, bundle: Bundle, load: Callable[[], Captioner]) -> output.Outcome:
    claim(fleet.output, _run_of(fleet, bundle))
    if left := jobs(fleet.sources, output.captioned(fleet.output)):
        output.forget_errors(fleet.output, {source for job in left for source in job.sources})
        _connect(fleet)
        try:
            _run(fleet, left, bundle, load)
        except ray.exceptions.RayError as error:
            raise BackendError(
                f"a worker failed: {_reason(error)}. What has its caption stays; mend that, then "
                "repeat the command"
            ) from error
        finally:
            ray.shutdown()
    return output.outcome(fleet.output)


def _reason(error: ray.exceptions.RayError) -> str:
    """What a worker raised, in a line: Ray's text has it amid tracebacks and advice."""
    lines = str(error).strip().splitlines()
    return next(filter(_RAISED.fullmatch, reversed(lines)), lines[-1])


def _run_of(fleet: Fleet, bundle: Bundle) -> dict[str, Any]:
    """What the captions follow from; ``auto`` takes a precision by runtime and device."""
    return {
        "model": bundle.digest,
        "backend": fleet.backend,
        "precision": fleet.precision,
        "device": fleet.device,
        "search": asdict(search_of(bundle.manifest)),
        "topics": sorted(fleet.topics),
        **asdict(fleet.sampling),
    }


def _connect(fleet: Fleet) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as well
    ray.data.DataContext.get_current().enable_progress_bars = sys.stderr.isatty()
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if not fleet.address:
        # However few cores there are, one more than the workers take, for reading and writing.
        cores = fleet.workers + 1 if fleet.workers else max(2, own_processors())
        ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
        return
    try:
        _check_address(fleet.address)
        ray.init(address=fleet.address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise OptionsError(
            f"address is {fleet.address!r}: {error}; expected that of a running Ray cluster"
        ) from error


def _check_address(address: str) -> None:
    """Fail at once where nobody listens; Ray tries for minutes, and warns of each try."""
    host, _, port = address.rpartition(":")
    if "://" not in host and port.isdecimal():  # not of another kind, such as ``auto``
        socket.create_connection((host.strip("[]"), int(port)), _CALL_S).close()


def _workers(fleet: Fleet) -> int:
    resources = ray.cluster_resources()
    cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    most = gpus if fleet.on_gpu else cores - 1
    if not max(1, fleet.workers) <= most:
        raise OptionsError(
            f"workers is {fleet.workers}; found {gpus} GPUs and {cores} cores, one of which reads "
            f"and writes, so there is room for {most}"
        )
    return fleet.workers or (gpus if fleet.on_gpu else max(1, cores * 3 // 4))


def _run(fleet: Fleet, left: Sequence[Job], bundle: Bundle, load: Callable[[], Captioner]) -> None:
    here = os.getcwd()
    read = partial(
        read_frames,
        folder=here,
        sampling=fleet.sampling,
        topics=fleet.topics,
        size=bundle.image_size,
    )
    (
        ray.data.from_items([job.to_json() for job in left], override_num_blocks=len(left))
        .map_batches(read, batch_size=1, num_cpus=_READER_CORES)
        .map_batches(
            Captions,
            fn_constructor_kwargs={
                "load": load,
                "model": bundle.digest,
                "search": search_of(bundle.manifest),
                "folder": here,
            },
            batch_size=BATCH,
            batch_format="pyarrow",
            num_cpus=0 if fleet.on_gpu else 1,
            num_gpus=1 if fleet.on_gpu else 0,
            compute=ray.data.ActorPoolStrategy(size=min(_workers(fleet), len(left))),
        )
        .write_parquet(os.path.realpath(fleet.output))
    )
