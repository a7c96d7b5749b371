"""Which frames the arguments of commands name."""

import argparse

from ros2_captioner.tools.sampling_arguments import add_sampling_arguments


def test_topics_that_are_given_one_by_one_are_taken_together():
    parser = argparse.ArgumentParser()
    add_sampling_arguments(parser)
    assert parser.parse_args([]).topics == []
    given = ["--topics", "/front", "--topics", "/left", "/right"]
    for _ in range(2):
        assert parser.parse_args(given).topics == ["/front", "/left", "/right"]
    assert parser.parse_args([]).topics == []
