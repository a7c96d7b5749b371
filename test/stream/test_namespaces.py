"""Namespaces for the captions of several cameras."""

import pytest

from ros2_captioner.stream.namespaces import own_namespaces


@pytest.mark.parametrize(
    ("common", "expected"),
    [
        ("", {"/front/image_raw": "/front", "/rear/image_raw/compressed": "/rear"}),
        ("/robot", {"/stereo/left": "/stereo/left", "/stereo/right": "/stereo/right"}),
        ("", {"/cam/image_raw": "/cam/image_raw",
              "/cam/image_raw/compressed": "/cam/image_raw/compressed"}),
        ("", {"/image": "/image", "/front/image": "/front"}),
        ("/", {"/image": "/image", "/front/image": "/front"}),
        ("/front", {"/front/image": "/front/image", "/rear/image": "/rear"}),
        ("", {"/a/b/image": "/a/b/image", "/a/b": "/a/b", "/a/c": "/a/c"}),
    ],
)  # fmt: skip
def test_no_two_cameras_share_one_and_none_is_the_nodes_own(common, expected):
    assert own_namespaces(expected, [common]) == expected
    assert len(set(expected.values())) == len(expected)
