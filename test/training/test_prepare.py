"""Data sets with every fault at once, checked as a user would."""

import json
import zipfile

import cv2
import numpy as np
import pytest

from ros2_captioner.errors import FrameError
from training.config.settings import DataConfig
from training.data.captions import read_split
from training.data.frames import read_frames
from training.data.picture_check import difference_hash, same_pictures
from training.prepare import main


def picture(seed, side=96):
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def data(tmp_path):
    """Folder with COCO captions of two splits; returns a function that writes them."""
    images = tmp_path / "images"
    images.mkdir()

    def write(train, val, orphans=()):
        files = []
        for split, names in (("train", train), ("val", val)):
            entries = [{"id": place, "file_name": name} for place, name in enumerate(names)]
            captions = [
                {"image_id": place, "caption": f"the picture {name}"}
                for place, name in enumerate(names)
                if not name.startswith("mute")
            ]
            captions += [{"image_id": 1000, "caption": text} for text in orphans]
            file = tmp_path / f"{split}.json"
            file.write_text(json.dumps({"images": entries, "annotations": captions}))
            files += [f"--{split}", str(file)]
        return ["--images", str(images), *files]

    for seed, name in enumerate(("a", "b", "c", "mute")):
        cv2.imwrite(str(images / f"{name}.png"), picture(seed))
    return write


def test_whole_data_passes(data, capsys):
    assert main(data(["a.png", "b.png"], ["c.png"])) == 0
    out = capsys.readouterr().out
    assert "train: 2 pictures listed, 2 without fault, 2 captions, shorter side 96-96" in out
    assert "val: 1 pictures listed, 1 without fault" in out


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"], ids=["cut", "cut and ended"])
def test_a_picture_that_ends_early_is_found_and_never_trained_on(data, tmp_path, capsys, end):
    whole = cv2.imencode(".jpg", picture(5))[1].tobytes()
    cut = tmp_path / "images/cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2] + end)
    assert main(data(["a.png", "cut.jpg"], ["c.png"])) == 1
    assert "unusable picture: 1\n    cut.jpg (train)" in capsys.readouterr().out
    with pytest.raises(FrameError, match="expected a whole one"):
        read_frames([cut], 64)


def test_every_fault_is_named_and_is_an_error(data, tmp_path, capsys):
    images = tmp_path / "images"
    cv2.imwrite(str(images / "small.png"), picture(9, side=20))
    (images / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    # The validation picture again: smaller, and as a JPEG.
    cv2.imwrite(str(images / "again.jpg"), picture(2, side=80))
    train = ["a.png", "gone.png", "broken.jpg", "small.png", "mute.png", "again.jpg"]
    options = data(train, ["c.png"], orphans=["nobody's"])
    assert main(options) == 1
    out = capsys.readouterr().out
    for line in (
        "caption without a picture: 2",
        "missing picture: 1\n    gone.png (train)",
        "unusable picture: 2\n    broken.jpg (train)",
        "small.png (train): only 20x20 pixels",
        "picture without a caption: 1\n    mute.png (train)",
        "same picture in both splits: 1\n    again.jpg = c.png",
    ):
        assert line in out, (line, out)

    left = tmp_path / "left.json"
    assert main([*options, "--skip-to", str(left)]) == 0
    config = DataConfig(str(images), str(left), str(left))
    assert [p.path.name for p in read_split(config, "train")] == ["a.png"]
    (kept,) = read_split(config, "val")
    assert kept.path == images / "c.png" and kept.captions == ("the picture c.png",)


def test_archives_are_unpacked_once(data, tmp_path):
    options = data(["train2014/a.png"], ["val2014/c.png"])
    archives = []
    for name, member in (("train2014", "a.png"), ("val2014", "c.png")):
        archives.append(str(tmp_path / f"{name}.zip"))
        with zipfile.ZipFile(archives[-1], "w") as archive:
            archive.write(tmp_path / "images" / member, f"{name}/{member}")
    assert main([*options, "--unzip", *archives]) == 0
    unpacked = tmp_path / "images" / "train2014" / "a.png"
    before = unpacked.stat().st_mtime_ns
    assert main([*options, "--unzip", *archives]) == 0
    assert unpacked.stat().st_mtime_ns == before


def test_a_broken_archive_and_an_unknown_format_are_one_line(data, tmp_path, capsys):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK nothing")
    assert main([*data(["a.png"], ["c.png"]), "--unzip", str(broken)]) == 2
    assert "download it again" in capsys.readouterr().err
    (tmp_path / "train.json").write_text("[]")
    assert main(["--images", str(tmp_path), "--train", str(tmp_path / "train.json"),
                 "--val", str(tmp_path / "train.json")]) == 2  # fmt: skip
    assert "found a list; expected COCO captions" in capsys.readouterr().err


def test_hashes_tell_pictures_apart():
    hashes = np.stack([difference_hash(picture(seed)) for seed in range(20)])
    assert same_pictures(hashes, hashes) == [(place, place) for place in range(20)]
