"""Images within a web page."""

import base64

import cv2
import numpy as np

from ros2_captioner.images.data_uri import jpeg_uri
from ros2_captioner.images.decoding import decode


def test_a_browser_finds_the_image_in_its_colours():
    image = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    head, _, data = jpeg_uri(image[:, ::-1]).partition(",")
    assert head == "data:image/jpeg;base64"
    found = decode(base64.b64decode(data, validate=True), "it", 1000)
    assert found.shape == image.shape and np.abs(found.astype(int) - image).max() < 5


def test_a_page_of_many_images_stays_small(photograph):
    whole = cv2.imencode(".jpg", photograph[:, :, ::-1])[1]
    assert len(jpeg_uri(photograph)) < 0.65 * len(base64.b64encode(whole))
