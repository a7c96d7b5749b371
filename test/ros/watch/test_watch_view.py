"""The terminal view as text."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_captioner.ros.watch.view import render

RAW = "/camera/image_raw"


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


def test_what_is_not_known_yet_is_left_out(status):
    camera = status(f"c: {RAW}", DiagnosticStatus.OK, "", {"received": "1", "captioned": "0"})
    model = status("c: model", DiagnosticStatus.OK, "", {"name": "m", "latency p50 (ms)": ""})
    lines = render([camera, model], {}, 80, colour=False).splitlines()
    assert lines[1] == "      name m, peak memory ? MiB"
    assert lines[4] == "      1 received, 0 captioned"


@pytest.mark.parametrize("width", [30, 80, 200])
def test_lines_fit_the_terminal(statuses, width):
    view = render(statuses, {RAW: "a dog " * 40}, width, colour=False)
    assert max(map(len, view.splitlines())) <= width


@pytest.mark.parametrize("height", [100, 5])
@pytest.mark.parametrize("caption", ["一只狗在草地上奔跑" * 20, "一 只 狗 " * 40, "a" + "狗" * 99])
def test_lines_of_wide_characters_fit_the_terminal(statuses, caption, height):
    view = render(statuses, {RAW: caption}, 40, colour=False, height=height)
    widths = [len(line) + sum(map(line.count, "一只狗在草地上奔跑")) for line in view.splitlines()]
    assert 38 <= max(widths) <= 40 and "\0" not in view
    assert height < 100 or view.count("狗") == caption.count("狗")


def test_before_anything_came_it_says_what_it_waits_for():
    assert "waiting" in render([], {}, 80, colour=True)


@pytest.mark.parametrize("height", [24, 12, 5, 3])
def test_four_cameras_fit_the_terminal_and_the_model_stays_in_sight(four_cameras, height):
    captions = {f"/camera{place}/image_raw": "a dog runs " * 20 for place in range(4)}
    lines = render(four_cameras(), captions, 80, colour=False, height=height).splitlines()
    assert len(lines) < height and max(map(len, lines)) <= 80
    assert lines[0].startswith("OK    model")
    if height > 5:
        assert "5.0 Hz > a dog runs" in lines[1] or "a dog runs" in "".join(lines)
    else:
        assert lines[-1].endswith("more")


@pytest.mark.parametrize(("width", "height", "cameras"), [(40, 10, 1), (80, 24, 4)])
def test_captions_stay_whole_where_there_is_room_without_the_counts(
    four_cameras, width, height, cameras
):
    caption = "a man in a red shirt is standing in front of a building"
    captions = {f"/camera{place}/image_raw": caption for place in range(4)}
    view = render(four_cameras()[: 1 + cameras], captions, width, colour=False, height=height)
    assert len(view.splitlines()) < height and "received" not in view
    assert " ".join(view.split()).count(f"> {caption}") == cameras


@pytest.mark.parametrize(
    ("before", "message"),
    [(" ", "has a publisher, but no frame has come for a while"), (": ", "found an image of 0x0")],
)
def test_what_is_left_out_of_a_low_terminal_is_what_is_well(four_cameras, before, message):
    statuses = four_cameras()
    statuses[-1].level = DiagnosticStatus.ERROR
    statuses[-1].message = f"/camera3/image_raw{before}{message}"
    lines = render(statuses, {}, 80, colour=False, height=4).splitlines()
    assert [line[:5] for line in lines] == ["OK   ", "ERROR", "and 3"]
    assert lines[1].endswith(f" /camera3/image_raw {message}")
    assert lines[1].count("/camera3") == 1
