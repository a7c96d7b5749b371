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

from ros2_captioner.errors import OptionsError
from ros2_captioner.tools.fast_dds import profiles_variable

ROOT = Path(__file__).parents[1]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
KILLS = int(os.environ.get("KILLS", "1"))
HAS_LAUNCH = importlib.util.find_spec("launch_ros") is not None
needs_launch = pytest.mark.skipif(not HAS_LAUNCH, reason="launch_ros is not installed (no wheel)")
CAPTIONER, DEMO = LAUNCH_FILES
if HAS_LAUNCH:
    import psutil  # launch depends on it
    from launch.actions import (
        DeclareLaunchArgument,
        GroupAction,
        IncludeLaunchDescription,
        OpaqueFunction,
        SetEnvironmentVariable,
    )
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch.logging import get_logger
    from launch.utilities import perform_substitutions
    from launch_ros.actions import Node, PushRosNamespace
    from launch_ros.utilities import evaluate_parameters, normalize_parameters

    from launch import LaunchContext, LaunchDescription, LaunchService


def test_both_launch_files_are_there():
    assert [file.name for file in LAUNCH_FILES] == ["captioner.launch.py", "demo.launch.py"]


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_executables_are_installed_under_those_names(file):
    named = set(re.findall(r'"(\w+_(?:node|player))"', file.read_text()))
    assert named and all((ROOT / "scripts" / name).is_file() for name in named)


def description(file):
    spec = importlib.util.spec_from_file_location("launch_file", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@needs_launch
@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_every_argument_has_a_description(file):
    arguments = description(file).get_launch_arguments()
    assert arguments and all(
        argument.description != "no description given" for argument in arguments
    )


@needs_launch
@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        (CAPTIONER, {"length_penalty": "abc"}, "length_penalty is 'abc'; expected a number"),
        (CAPTIONER, {"banned_words": "[dog"}, r"banned_words is '\[dog'; expected string_array"),
        (CAPTIONER, {"publish_overlay": "no"}, "publish_overlay is 'no'; expected true or false"),
        (CAPTIONER, {"use_sim_time": "no"}, "use_sim_time is 'no'; expected true or false"),
        (CAPTIONER, {"respawn": "maybe"}, "respawn is 'maybe'; expected true or false"),
        (CAPTIONER, {"respawn_delay": "x"}, "respawn_delay is 'x'; expected a number"),
        (CAPTIONER, {"respawn_delay": "-1"}, "respawn_delay is -1.0; expected seconds, 0 or more"),
        (CAPTIONER, {"respawn_delay": "nan"}, "respawn_delay is 'nan'; expected a number"),
        (CAPTIONER, {"beam_width": "wide"}, "beam_width is 'wide'; expected integer from 1 to 16"),
        (CAPTIONER, {"beam_width": "17"}, "beam_width is 17; expected integer from 1 to 16"),
        (CAPTIONER, {"beam_width": "null"}, "beam_width is 'null'; expected integer"),
        (CAPTIONER, {"length_penalty": "9"}, "length_penalty is 9.0; expected double from"),
        (CAPTIONER, {"backend": "abacus"}, "backend is 'abacus'; expected one of"),
        (CAPTIONER, {"image_topics": "[]"}, r"image_topics is '\[\]'; expected at least one entry"),
        (CAPTIONER, {"image_topics": "[[a]]"}, "image_topics is .*; expected string_array"),
        (CAPTIONER, {"params_file": "/no"}, "params_file is '/no'; expected a parameter file"),
        (DEMO, {"source": ".", "rate_hz": "fast"}, "rate_hz is 'fast'; expected a number"),
        (DEMO, {"source": ".", "rviz": "maybe"}, "rviz is 'maybe'; expected true or false"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_has_started(file, arguments, said, prefix):
    with pytest.raises(OptionsError, match=said):
        started(file, arguments)


@needs_launch
@pytest.mark.parametrize(
    ("file", "name", "typed", "given"),
    [
        (CAPTIONER, "model", "/data/my #2 model", "/data/my #2 model"),
        (CAPTIONER, "model", "null", "null"),
        (CAPTIONER, "banned_words", "no", ["no"]),
        (CAPTIONER, "banned_words", "[no, dog, 3]", ["no", "dog", "3"]),
        (CAPTIONER, "banned_words", "'hot dog'", ["hot dog"]),
        (CAPTIONER, "image_topics", "/front", ["/front"]),
        (CAPTIONER, "beam_width", "5", 5),
        (CAPTIONER, "length_penalty", "1", 1.0),
        (DEMO, "source", "/data/my #2 pictures: a", "/data/my #2 pictures: a"),
        (DEMO, "source", "0", "0"),
    ],
)
def test_a_value_arrives_as_it_was_typed(file, name, typed, given, prefix):
    """By itself launch_ros reads strings as YAML: it drops what follows " #", and no is false."""
    assert parameters_of(file, {name: typed})[name] == given


@needs_launch
@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        (CAPTIONER, {"beam_with": "5"}, ["there is no beam_with; did you mean beam_width?"]),
        (DEMO, {"source": ".", "ratehz": "5"}, ["there is no ratehz; did you mean rate_hz?"]),
        (
            DEMO,
            {"image_topics": "/front"},
            [
                "image_topics does nothing here: the demo captions what it plays; a camera is "
                "captioned by captioner.launch.py"
            ],
        ),
        (CAPTIONER, {"ros_namespace": "/robot"}, []),  # as PushRosNamespace sets it
    ],
)
def test_an_argument_that_does_nothing_is_told(file, arguments, said, prefix, caplog):
    get_logger(file.name).addHandler(caplog.handler)
    started(file, arguments)
    assert caplog.messages == said


@needs_launch
def test_the_demo_starts_nothing_before_the_captioners_arguments_are_checked(prefix):
    """launch itself ends nothing when a file that is included refuses its arguments."""
    first, *others = started(DEMO, {"source": "."})
    assert isinstance(first, IncludeLaunchDescription) and len(others) == 1


@needs_launch
def test_a_tilde_is_the_home_folder(prefix, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").touch()
    assert started(CAPTIONER, {"params_file": "~/mine.yaml", "respawn_delay": "0"})
    assert parameters_of(DEMO, {"source": "~/photos"})["source"] == f"{tmp_path}/photos"


@needs_launch
@pytest.mark.parametrize(("form", "suffix"), [("raw", ""), ("jpeg", "/compressed")])
def test_the_demo_plays_and_captions_as_it_is_told(form, suffix, prefix):
    given = {"source": ".", "format": form, "rate_hz": "2", "model": "/data/model"}
    topic, captioner = "/camera/image_raw", dict(started(DEMO, given)[0].launch_arguments)
    assert parameters_of(DEMO, given) == {
        "source": ".", "topic": topic, "format": form, "rate_hz": 2.0
    }  # fmt: skip
    assert captioner["image_topics"] == f"['{topic}{suffix}']"
    context = LaunchContext()
    context.launch_configurations.update(given)
    assert captioner["model"].perform(context) == "/data/model"


@needs_launch
@pytest.mark.parametrize("of", ["folder", "file"])
def test_of_a_recording_the_cameras_are_played_and_captioned(of, tmp_path, prefix, photograph):
    """The captioner refuses its own overlay as a camera."""
    pytest.importorskip("rosbags")
    from bags import raw, write_bag

    topics = ("/front", "/captioner/overlay")
    sent = [(topic, 1, raw(photograph, 1)) for topic in topics]
    folder = write_bag(tmp_path / "drive", sent)
    source = str(folder if of == "folder" else folder / "drive.mcap")
    captioner, _ = started(DEMO, {"source": source})
    assert dict(captioner.launch_arguments)["image_topics"] == "['/front']"
    parameters = parameters_of(DEMO, {"source": source, "rate": "2"})
    assert list(parameters["topics"]) == ["/front"] and parameters["rate"] == 2.0


@needs_launch
def test_a_recording_that_lost_its_metadata_is_no_folder_of_images(tmp_path, prefix):
    pytest.importorskip("rosbags")
    (tmp_path / "drive_0.mcap").touch()
    with pytest.raises(OptionsError, match="has no metadata.yaml; .* ros2 bag reindex"):
        started(DEMO, {"source": str(tmp_path)})


@needs_launch
def test_a_missing_viewer_is_named_before_anything_has_started(prefix):
    with pytest.raises(RuntimeError, match="found no package rviz2; type: sudo apt install"):
        started(DEMO, {"source": ".", "rviz": "true"})


@needs_launch
@pytest.mark.parametrize(
    ("given", "overlay"),
    [
        ({}, "/captioner/overlay"),
        ({"name": "eyes"}, "/eyes/overlay"),
        ({"name": "eyes", "namespace": "/robot/front"}, "/robot/front/eyes/overlay"),
    ],
)
def test_rviz_shows_the_overlay_of_the_captioner_as_it_was_named(given, overlay, prefix, tmp_path):
    (tmp_path / "share/ament_index/resource_index/packages/rviz2").touch()
    _, viewer, _ = started(DEMO, {"source": ".", "rviz": "true", **given})
    *_, rule, _ = viewer.cmd  # launch_ros adds its own arguments behind it
    assert perform_substitutions(LaunchContext(), rule) == f"/captioner/overlay:={overlay}"


def started(file, arguments):
    """What a launch file with these arguments would start, in its order."""
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    actions, found = description(file).entities, []
    while actions:
        action = actions.pop(0)
        if isinstance(action, DeclareLaunchArgument | OpaqueFunction):
            actions += action.visit(context) or []
        else:
            found.append(action)
    return found


def parameters_of(file, arguments):
    """The parameters that the node of a launch file is started with, beside those of a file."""
    node = next(action for action in started(file, arguments) if isinstance(action, Node))
    given = normalize_parameters([node._Node__parameters[-1]])
    return evaluate_parameters(LaunchContext(), given)[0]


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """This package as launch finds it, and no other one."""
    index = tmp_path / "share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    (index / "ros2_captioner").touch()
    (tmp_path / "share/ros2_captioner").symlink_to(ROOT)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))


@pytest.fixture
def executable(prefix, tmp_path):
    """Makes a shell script one of the package's executables."""
    folder = tmp_path / "lib/ros2_captioner"
    folder.mkdir(parents=True)

    def make(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}")
        (folder / name).chmod(0o755)

    return make


def run(*actions):
    """Launch the actions until they end."""
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(actions))
    assert service.run() == 0


def including(file, **arguments):
    source = PythonLaunchDescriptionSource(str(file))
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())


@needs_launch
@pytest.mark.parametrize(
    ("end", "arguments"),
    [("exit 1", {}), ("exit 2", {}), ("kill -9 $$", {"respawn": "false"})],
)
def test_a_node_that_ends_otherwise_is_not_restarted(end, arguments, executable, tmp_path):
    """Status 1 and 2: it has said what is wrong with how it was started, and would again."""
    log = tmp_path / "starts"
    executable("captioner_node", f"echo >> {log}; [ $(wc -l < {log}) -lt 3 ] || exit 0; {end}")
    run(including(CAPTIONER, respawn_delay="0", **arguments))
    assert log.read_text().count("\n") == 1


@needs_launch
def test_the_demo_ends_with_its_player_which_has_room_for_large_frames(executable, tmp_path):
    waiting = "trap 'exit 0' INT; sleep 20 > /dev/null 2>&1 & wait"
    executable("captioner_node", f"{waiting}; touch {tmp_path}/left")
    executable("captioner_image_player", f"env > {tmp_path}/environment")
    run(including(DEMO, source="."))
    profile = f"{profiles_variable()}={tmp_path}/share/ros2_captioner/config/fastdds_large"
    assert profile in (tmp_path / "environment").read_text()
    assert not (tmp_path / "left").exists()


CRASHES_ONCE = """
echo "$* GREETING=$GREETING" >> {log}
[ $(wc -l < {log}) -gt {starts} ] || kill -9 $$
"""


@needs_launch
@pytest.mark.parametrize(
    "names", [["front"], ["front", "rear"]], ids=["in a group that has ended", "one of two"]
)
def test_a_node_that_crashes_is_restarted_as_it_was(names, executable, tmp_path):
    """By then another include has set its own arguments, and those of a group are gone."""
    log = tmp_path / "starts"
    executable("captioner_node", CRASHES_ONCE.format(log=log, starts=len(names)))
    captioners = [including(CAPTIONER, name=name) for name in names]
    if len(names) == 1:
        around = [SetEnvironmentVariable("GREETING", "hello"), PushRosNamespace("robot")]
        captioners = [GroupAction([*around, *captioners])]
    run(*captioners)
    lines = [re.sub(r"--params-file \S+", "", line) for line in log.read_text().splitlines()]
    first, again = lines[: len(names)], lines[len(names) :]
    assert sorted(again) == sorted(first) and len(set(again)) == len(names)
    if len(names) == 1:
        assert "__ns:=/robot" in first[0] and "GREETING=hello" in first[0]


@needs_launch
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
