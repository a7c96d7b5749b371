"""Launch files: their structure everywhere, and for real where launch_ros is installed."""

import importlib.util
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
KILLS = int(os.environ.get("KILLS", "1"))
HAS_LAUNCH = importlib.util.find_spec("launch_ros") is not None
if HAS_LAUNCH:
    import psutil  # launch depends on it


def test_both_launch_files_are_there():
    assert [file.name for file in LAUNCH_FILES] == ["captioner.launch.py", "demo.launch.py"]


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_executables_are_installed_under_those_names(file):
    named = set(re.findall(r'"(\w+_(?:node|player))"', file.read_text()))
    assert named and all((ROOT / "scripts" / name).is_file() for name in named)


@pytest.mark.skipif(not HAS_LAUNCH, reason="launch_ros is not installed (it has no wheel)")
@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_every_argument_has_a_description(file):
    spec = importlib.util.spec_from_file_location("launch_file", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arguments = module.generate_launch_description().get_launch_arguments()
    assert arguments and all(
        argument.description != "no description given" for argument in arguments
    )


@pytest.mark.skipif(not HAS_LAUNCH, reason="launch_ros is not installed (it has no wheel)")
def test_a_killed_node_captions_again(tmp_path, client, photograph, marks):
    """SIGKILL under a real launch; the file's ``respawn`` brings the node back.

    Discovery alone takes Fast DDS between nothing and 2.5 s, at each start, so the time after a
    kill is compared with that of the starts in this same run.
    """
    log = (tmp_path / "launch.log").open("w")
    command = ["ros2", "launch", "ros2_captioner", "captioner.launch.py"]
    launch = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=heed_interrupts)
    starts_s, again_s = [], []
    try:
        assert client.spin_until(lambda: bool(nodes_of(launch)))
        for _ in range(KILLS):
            client.caption_of(photograph, every_s=0.1)
            (node,) = nodes_of(launch)
            node.kill()
            node.wait(5)
            killed_s = time.time()
            client.caption_of(photograph, every_s=0.1)
            again_s.append(time.time() - killed_s)
            (again,) = nodes_of(launch)
            assert again != node
            starts_s.append(time.time() - again.create_time())
    finally:
        launch.send_signal(signal.SIGINT)
        assert launch.wait(15) == 0
    cold_s, captioned_s = median(starts_s), median(again_s)
    print(f"from start to caption {cold_s:.1f} s, from kill -9 to caption {captioned_s:.1f} s")
    marks("captions again after kill -9, beyond a cold start", captioned_s - cold_s, "s", at_most=2)


def heed_interrupts():
    """A shell lets its background jobs ignore SIGINT, and launch would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def nodes_of(launch):
    return psutil.Process(launch.pid).children()
