"""The terminal view: its text, and as a process beside the node."""

import functools
import itertools
import select
import signal
import subprocess
import sys

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from ros_harness import SCRIPTS, START_TIMEOUT_S, Client, Process
from std_msgs.msg import String

from ros2_captioner.ros.watch import Board, render

RAW = "/camera/image_raw"


def status(name, level, message, values):
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, values=pairs)


@pytest.fixture
def statuses():
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    return [
        status(f"/captioner: {RAW}", DiagnosticStatus.OK, "5.0 Hz", counts),
        status("/captioner: model", DiagnosticStatus.WARN, "nobody subscribes", model),
    ]


def test_model_first_then_cameras_with_counts_and_caption(statuses):
    lines = render(statuses, {RAW: "a dog runs"}, 80, colour=False).splitlines()
    assert lines == [
        "WARN  model",
        "      nobody subscribes",
        "      name m, latency p50 (ms) 90, peak memory 150 MiB",
        "",
        f"OK    {RAW}",
        "      5.0 Hz",
        "      50 received, 40 captioned, dropped: replaced 10",
        "      > a dog runs",
    ]


@pytest.mark.parametrize("width", [30, 80, 200])
def test_lines_fit_the_terminal(statuses, width):
    view = render(statuses, {RAW: "a dog " * 40}, width, colour=False)
    assert max(map(len, view.splitlines())) <= width


def test_before_anything_came_it_says_what_it_waits_for():
    assert "waiting" in render([], {}, 80, colour=True)


def four_cameras(node="captioner"):
    counts = {"received": "50", "captioned": "40", "dropped: replaced": "10", "dropped: old": "1"}
    model = {"name": "m", "latency p50 (ms)": "90", "peak memory (MiB)": "150"}
    cameras = [
        status(f"{node}: /camera{place}/image_raw", DiagnosticStatus.OK, "5.0 Hz", counts)
        for place in range(4)
    ]
    return [status(f"{node}: model", DiagnosticStatus.OK, "captioning", model), *cameras]


@pytest.mark.parametrize("height", [24, 12, 5, 3])
def test_four_cameras_fit_the_terminal_and_the_model_stays_in_sight(height):
    captions = {f"/camera{place}/image_raw": "a dog runs " * 20 for place in range(4)}
    lines = render(four_cameras(), captions, 80, colour=False, height=height).splitlines()
    assert len(lines) < height and max(map(len, lines)) <= 80
    assert lines[0].startswith("OK    model")
    if height > 5:
        assert "5.0 Hz > a dog runs" in lines[1] or "a dog runs" in "".join(lines)
    else:
        assert lines[-1].endswith("more")


def test_captioners_of_any_name_are_told_apart():
    statuses = [*four_cameras("robot1/captioner"), *four_cameras("/words")]
    board = Board()
    board.keep_statuses(statuses, 0.0)
    view = board.view(80, 100, 0.0, colour=False)
    for title in ("robot1/captioner: model", "/words: model", "/words: /camera3/image_raw"):
        assert f"OK    {title}" in view.splitlines()


def test_what_is_not_heard_of_any_more_is_stale_and_then_gone(statuses):
    board = Board()
    board.keep_statuses(statuses, 100.0)
    board.keep_detail('{"camera": "%s", "caption": "a dog runs"}' % RAW, 100.0)  # noqa: UP031
    fresh, old, gone = (board.view(80, 24, now, colour=False) for now in (101.0, 112.0, 161.0))
    assert f"OK    {RAW}" in fresh and "ago" not in fresh
    assert f"STALE {RAW}" in old and "STALE model" in old and "OK" not in old
    assert "nothing heard for 12 s; last: 5.0 Hz" in old and "> a dog runs (12 s ago)" in old
    assert "waiting" in gone


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "7", "null", "{}", '{"camera": "/a"}', '["camera", "caption"]',
     '{"camera": {}, "caption": []}', '{"camera": "/a", "caption": null}', "[" * 100_000,
     '{"camera": "/a", "caption": "b", "stamp": ' + "[" * 100_000, "9" * 10_000],
)  # fmt: skip
def test_a_foreign_detail_is_ignored(text):
    assert Board().keep_detail(text, 0.0) == ""


def test_what_others_say_takes_neither_memory_nor_time(statuses):
    board = Board()
    board.keep_statuses(statuses, 0.0)
    for camera in range(1000):
        board.keep_detail(f'{{"camera": "/{camera}", "caption": "{"x" * 10_000}"}}', 0.0)
    board.keep_detail(f'{{"camera": "{RAW}", "caption": "{"x" * 10_000}"}}', 0.0)
    assert len(board.view(80, 1000, 1.0, colour=False)) < 2000
    board.view(80, 24, 100.0)
    board.keep_statuses(statuses, 101.0)
    assert "xxx" not in board.view(80, 1000, 101.0, colour=False)


def test_foreign_diagnostics_are_ignored(statuses):
    foreign = [
        status("", DiagnosticStatus.OK, "", {}),
        status("motor", DiagnosticStatus.OK, "turns", {"received": "1"}),
        status("captioner: fan", b"\x09", "whirrs", {"speed": "7"}),
    ]
    board = Board()
    board.keep_statuses([*foreign, *statuses], 0.0)
    board.keep_statuses([status("c: x", b"\x09", "?", {"received": "1", "captioned": "1"})], 0.0)
    view = board.view(80, 24, 0.0, colour=False)
    assert "motor" not in view and "fan" not in view and f"OK    /captioner: {RAW}" in view
    assert "?     c: x" in view


def test_nobody_commands_the_terminal(statuses):
    statuses[0].message = "a\x1b[2Jb\nc\x07"
    board = Board()
    board.keep_statuses(statuses, 0.0)
    line = board.keep_detail('{"camera": "/x", "caption": "\\u001b[2Jdog"}', 0.0)
    for shown in (board.view(80, 24, 0.0, colour=False), line):
        assert "\x1b" not in shown and "\x07" not in shown


def test_a_caption_that_comes_on_two_topics_is_one_line():
    board = Board()
    detail = '{"camera": "/x", "caption": "a dog", "stamp": {"sec": %d, "nanosec": 0}}'
    said = [board.keep_detail(detail % sec, 0.0) for sec in (1, 2, 1, 2, 3)]
    assert [bool(line) for line in said] == [True, True, False, False, True]


def test_into_a_pipe_it_prints_a_line_for_each_caption(tmp_path, photograph):
    client = Client(listening=False)
    node = Process("captioner_node", tmp_path / "node.log")
    watch = Process("captioner_watch", tmp_path / "watch.log")
    try:
        node.wait_for_log("captioning")
        # Watching is listening: the node works for it alone.
        while f"{RAW}: a" not in watch.log:
            client.send(photograph)
            client.spin_until(lambda: f"{RAW}: a" in watch.log, 2.0)
            assert node.alive and watch.alive
        assert watch.stop() == 0 and "\x1b" not in watch.log
    finally:
        watch.stop()
        assert node.stop() == 0
        client.close()


def test_into_a_pipe_it_says_beside_it_what_it_waits_for():
    command = [sys.executable, str(SCRIPTS / "captioner_watch")]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"waiting for captions on topics that end in" in watch.stderr.readline()
    watch.send_signal(signal.SIGINT)
    assert watch.communicate(timeout=30)[0] == b""


def test_a_captioner_in_a_namespace_is_found_and_foreign_messages_survived(
    tmp_path, client, monkeypatch
):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    watch = Process("captioner_watch", tmp_path / "watch.log")
    try:
        topic = "/robot/eyes/scene_caption/detail"
        detail = String(data='{"camera": "/robot/c", "caption": "a grün dog"}')
        bad = DiagnosticArray(status=[DiagnosticStatus(level=b"\x09", name="no colon")])

        def heard():
            client.publish("/diagnostics", bad)
            client.publish(topic, String(data="no JSON"))
            client.publish(topic, detail)
            return "/robot/c: a gr\\xfcn dog\n" in watch.log

        assert client.spin_until(heard), watch.log
        assert watch.stop() == 0 and "Traceback" not in watch.log
    finally:
        watch.stop()


@pytest.mark.parametrize("executable", ["captioner_watch", "captioner_node"])
def test_closed_outputs_end_no_node(executable, client):
    """A pipe of the node's own would take their place, and its messages would be signals to it."""
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable]
    process = subprocess.Popen([*shell, str(SCRIPTS / executable)])
    name = executable.removesuffix("_node")
    listeners = client.node.count_subscribers

    def at_work():
        topic = "/scene_caption/detail" if name == "captioner_watch" else RAW
        return name in client.node.get_node_names() and listeners(topic) > (topic != RAW)

    try:
        assert client.spin_until(at_work, 2 * START_TIMEOUT_S)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def test_a_full_disk_is_one_line(client):
    watch = subprocess.Popen(
        [
            "sh",
            "-c",
            'exec "$@" >/dev/full',
            "sh",
            sys.executable,
            str(SCRIPTS / "captioner_watch"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    detail = String(data='{"camera": "/c", "caption": "a dog"}')
    publisher = client.node.create_publisher(String, "/scene_caption/detail", 10)

    def ended():
        publisher.publish(detail)
        return watch.poll() is not None

    try:
        assert client.spin_until(ended, 2 * START_TIMEOUT_S)
        assert watch.returncode == 1
        assert watch.stderr.read() == "error: cannot write to the output: No space left on device\n"
    finally:
        watch.kill()


def test_a_reader_that_goes_away_ends_it_in_silence(client):
    watch = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "captioner_watch")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    topic, details = "/scene_caption/detail", map('{{"camera": "/c", "caption": "{}"}}'.format,
                                                  itertools.count())  # fmt: skip
    publisher = client.node.create_publisher(String, topic, 10)

    def sent(condition):
        publisher.publish(String(data=next(details)))
        return condition()

    printed = functools.partial(select.select, [watch.stdout], [], [], 0)
    try:
        assert client.spin_until(lambda: sent(printed)[0], 30.0)
        assert watch.stdout.readline().startswith(b"/c: ")
        watch.stdout.close()
        assert client.spin_until(lambda: sent(lambda: watch.poll() is not None), 30.0)
        assert watch.stderr.read() == b"" and watch.returncode == 0
    finally:
        watch.kill()
