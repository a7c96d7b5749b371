"""White of a Netpbm, and headers that are none."""

import numpy as np
import pytest
from compressed import MAX_PIXELS

from ros2_captioner.images.decoding import decode
from ros2_captioner.images.formats import netpbm


@pytest.mark.parametrize("white", [1, 100, 254, 255, 65535])
@pytest.mark.parametrize("kind", [b"P2", b"P3", b"P5", b"P6"])
def test_white_of_a_netpbm_is_white(kind, white):
    channels = 3 if kind in (b"P3", b"P6") else 1
    values = [value for value in (0, white // 2, white) for _ in range(channels)]
    text = b"%d " * len(values) % tuple(values)
    body = np.array(values, ">u2" if white > 255 else "u1").tobytes() if kind > b"P3" else text
    data = b"%s\n# of\n1 3 # rows\n%d\n%s" % (kind, white, body)
    found = decode(data, "the data", MAX_PIXELS).reshape(3, 3)
    expected = np.array([0, white // 2 * 255 / white, 255])
    np.testing.assert_allclose(found, expected.reshape(3, 1).repeat(3, 1), atol=1)


@pytest.mark.parametrize("blank", [b" ", b"\n", b"#\n"])
def test_a_netpbm_header_of_blanks_alone_is_refused_at_once(blank):
    """A pattern that tries them in all ways would take 2**2000 steps."""
    for begin in (b"P6", b"P6 30"):
        assert netpbm.size(begin + 2000 * blank + b"x") is None
