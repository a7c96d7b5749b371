"""The node under the benchmark's stopwatch."""

from ros2_captioner.benchmark.node import measure_node


def test_a_slow_camera_loses_nothing_and_its_captions_are_timed(photograph):
    parameters = {"device": "cpu", "beam_width": 1}
    found = measure_node(parameters, photograph[::2, ::2].copy(), rate_hz=4.0, seconds=1.5)
    assert found["sent"] == found["captions"] == 6
    assert 0 < found["model_p50_ms"] < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert 0 < found["added_p50_ms"] < found["p50_ms"]
    assert found["cpu_percent"] > 0 and found["peak_memory_mib"] > 50


def test_a_fast_camera_is_captioned_as_often_as_there_is_time(photograph):
    parameters = {"device": "cpu", "max_rate_hz": 5.0}
    found = measure_node(parameters, photograph[::4, ::4].copy(), rate_hz=50.0, seconds=1.0)
    assert found["sent"] == 50 and 2 <= found["captions"] <= 30
