"""Data sets with every fault at once, checked as a user would."""

import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ros2_captioner.errors import FrameError
from training.data.captions import captioned
from training.data.frames import read_frames
from training.prepare import main


def image(seed, side=96):
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
                {"image_id": place, "caption": f"the image {name}"}
                for place, name in enumerate(names)
                if not name.startswith("mute")
            ]
            captions += [{"image_id": 1000, "caption": text} for text in orphans]
            file = tmp_path / f"{split}.json"
            file.write_text(json.dumps({"images": entries, "annotations": captions}))
            files += [f"--{split}", str(file)]
        return ["--images", str(images), *files]

    for seed, name in enumerate(("a", "b", "c", "mute")):
        cv2.imwrite(str(images / f"{name}.png"), image(seed))
    return write


def test_whole_data_passes(data, capsys):
    assert main([*data(["a.png", "b.png"], ["c.png"]), "--min-side", "96"]) == 0
    out = capsys.readouterr().out
    assert "train: 2 images listed, 2 without fault, 2 captions, shorter side 96-96" in out
    assert "val: 1 images listed, 1 without fault" in out


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"], ids=["cut", "cut and ended"])
def test_an_image_that_ends_early_is_found_and_never_trained_on(data, tmp_path, capsys, end):
    whole = cv2.imencode(".jpg", image(5))[1].tobytes()
    cut = tmp_path / "images/cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2] + end)
    assert main(data(["a.png", "cut.jpg"], ["c.png"])) == 1
    assert "unusable image: 1\n    cut.jpg (train)" in capsys.readouterr().out
    with pytest.raises(FrameError, match="expected a whole one"):
        read_frames([cut], 64)


def test_every_fault_is_named_and_is_an_error(data, tmp_path, capsys):
    images = tmp_path / "images"
    cv2.imwrite(str(images / "small.png"), image(9)[:, :63])
    (images / "broken.jpg").write_bytes(b"\xff\xd8 not an image")
    # The validation image again: smaller, and as a JPEG.
    cv2.imwrite(str(images / "again.jpg"), image(2, side=80))
    train = ["a.png", "gone.png", "broken.jpg", "small.png", "mute.png", "again.jpg"]
    options = data(train, ["c.png"], orphans=["nobody's"])
    assert main(options) == 1
    out = capsys.readouterr().out
    for line in (
        "caption without an image: 2",
        "missing image: 1\n    gone.png (train)",
        "unusable image: 2\n    broken.jpg (train)",
        "small.png (train): only 63x96 pixels",
        "image without a caption: 1\n    mute.png (train)",
        "same image in both splits: 1\n    again.jpg = c.png",
    ):
        assert line in out, (line, out)

    left = tmp_path / "left.json"
    assert main([*options, "--skip-to", str(left)]) == 0
    assert [p.path.name for p in captioned(left, images, "train")] == ["a.png"]
    (kept,) = captioned(left, images, "val")
    assert kept.path == images / "c.png" and kept.captions == ("the image c.png",)


def test_files_of_one_name_in_two_folders_are_told_apart(data, tmp_path, capsys):
    for folder, seed in (("one", 7), ("two", 8)):
        (tmp_path / "images" / folder).mkdir()
        cv2.imwrite(str(tmp_path / f"images/{folder}/a.png"), image(seed))
    train = ["one/a.png", "two/a.png", "two/a.png", "three/a.png"]
    assert main(data(train, ["two/a.png"])) == 1
    out = capsys.readouterr().out
    assert "image listed twice: 1\n    two/a.png (train)\n" in out
    assert "missing image: 1\n    three/a.png (train): not there\n" in out
    assert "same image in both splits: 1\n    two/a.png = two/a.png\n" in out


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


def test_images_listed_twice_or_in_both_splits_are_not_lost(data, tmp_path, capsys):
    left = tmp_path / "left.json"
    options = data(["a.png", "b.png", "a.png", "c.png"], ["c.png"])
    assert main(options) == 1
    assert main([*options, "--skip-to", str(left)]) == 0
    out = capsys.readouterr().out
    assert "image listed twice: 1\n    a.png (train)" in out
    assert "same image in both splits: 1\n    c.png = c.png" in out
    assert kept(tmp_path, left) == {"train": ["a.png", "b.png"], "val": ["c.png"]}


def test_captions_without_a_word_are_left_out(data, tmp_path, capsys):
    options = data(["a.png", "b.png"], ["c.png"])
    file = tmp_path / "train.json"
    tree = json.loads(file.read_text())
    tree["annotations"] += [{"image_id": 0, "caption": text} for text in ("", " ...\n")]
    tree["annotations"][1]["caption"] = "!"  # all that b.png has
    file.write_text(json.dumps(tree))
    left = tmp_path / "left.json"
    assert main([*options, "--skip-to", str(left)]) == 0
    out = capsys.readouterr().out
    assert "caption without a word: 3\n    '' of a.png (train)" in out
    assert "image without a caption: 1\n    b.png (train)" in out
    (image,) = captioned(left, tmp_path / "images", "train")
    assert image.captions == ("the image a.png",)


def test_a_split_without_images_is_an_error(data, tmp_path, capsys):
    left = tmp_path / "left.json"
    assert main([*data(["gone.png"], ["c.png"]), "--skip-to", str(left)]) == 2
    assert "no image is left in train" in capsys.readouterr().err
    assert not left.exists()


def kept(folder, left):
    return {
        split: [image.path.name for image in captioned(left, folder / "images", split)]
        for split in ("train", "val")
    }


def test_archives_that_cannot_be_unpacked_name_their_member(data, tmp_path, capsys):
    options = data(["a.png"], ["c.png"])
    file = tmp_path / "images.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.jpg", "content")
    raw = file.read_bytes()
    local, central = raw.find(b"PK\x03\x04"), raw.find(b"PK\x01\x02")

    def changed(offset_local, offset_central, value):
        part = bytearray(raw)
        part[local + offset_local] = part[central + offset_central] = value
        return bytes(part)

    outside = raw.replace(b"x.jpg", b"../xy")
    for content, match in (
        (changed(6, 8, 1), "'x.jpg': is encrypted; unpack it with its password"),
        (changed(8, 10, 99), "'x.jpg': That compression method is not supported; unpack it with"),
        (raw.replace(b"content", b"CONTENT"), "'x.jpg': Bad CRC-32 for file 'x.jpg'; download it"),
        (outside, "'../xy': expected a path below the folder of images"),
        (b"PK nothing", "File is not a zip file; download it again"),
    ):
        file.write_bytes(content)
        assert main([*options, "--unzip", str(file)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {file}: ") and match in line
    assert not (tmp_path / "xy").exists()


def broken(method, name="x.jpg"):
    """An archive whose only member's content is overwritten."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, np.random.default_rng(0).bytes(3000))
    raw = file.getvalue()
    return raw[:60] + b"\xff" * 200 + raw[260:]


def of_version(version):
    raw = bytearray(broken(zipfile.ZIP_STORED))
    raw[raw.find(b"PK\x01\x02") + 6] = version
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (broken(zipfile.ZIP_LZMA), "'x.jpg': Corrupt input data; download it again"),
        (broken(zipfile.ZIP_BZIP2), "'x.jpg': Invalid data stream"),
        (broken(zipfile.ZIP_STORED, "é.jpg").replace("é".encode(), b"\xff\xfe"), "download it"),
        (of_version(99), "zip file version 9.9; unpack it with another program"),
        (broken(zipfile.ZIP_STORED, "a.png/x.jpg"), "'a.png/x.jpg': Not a directory"),
    ],
    ids=["lzma", "bzip2", "name", "version", "below a file"],
)
def test_archives_of_other_methods_are_one_line(data, tmp_path, capsys, content, match):
    file = tmp_path / "images.zip"
    file.write_bytes(content)
    assert main([*data(["a.png"], ["c.png"]), "--unzip", str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {file}: ") and match in line


def test_names_that_no_terminal_can_show_are_escaped(data, capsys):
    assert main(data(["a.png", "x\ny\x1b.png", "\udc80.png"], ["c.png"])) == 1
    out = capsys.readouterr().out
    assert "    x\\ny\\x1b.png (train): not there\n    \\udc80.png (train): not there\n" in out


def test_what_is_read_is_never_written_over(data, tmp_path, capsys):
    options = data(["a.png", "gone.png"], ["c.png"])
    before = (tmp_path / "train.json").read_bytes()
    assert main([*options, "--skip-to", str(tmp_path / "images/../train.json")]) == 2
    assert "is the same file as" in capsys.readouterr().err
    assert (tmp_path / "train.json").read_bytes() == before
    archive = tmp_path / "train.zip"
    archive.touch()
    assert main([*options, "--unzip", str(archive), "--skip-to", str(archive)]) == 2
    assert "is the same file as" in capsys.readouterr().err
    image = (tmp_path / "images/c.png").read_bytes()
    assert main([*options, "--skip-to", str(tmp_path / "images/c.png")]) == 2
    assert "is the same file as" in capsys.readouterr().err
    assert (tmp_path / "images/c.png").read_bytes() == image


def test_an_archive_replaces_no_other_file(data, tmp_path, capsys):
    options = data(["a.png"], ["c.png"])
    resized = (tmp_path / "images/a.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("a.png", b"larger" + resized)
    assert main([*options, "--unzip", str(tmp_path / "images.zip")]) == 2
    assert "a.png is there and is another file, which would be lost" in capsys.readouterr().err
    assert (tmp_path / "images/a.png").read_bytes() == resized


def test_of_a_broken_archive_nothing_stays_that_a_whole_one_would_leave(data, tmp_path):
    options = data(["a.png"], ["c.png"])
    image = (tmp_path / "images/a.png").read_bytes()
    (tmp_path / "images/a.png").unlink()
    file = tmp_path / "images.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", image)
    whole = file.read_bytes()
    file.write_bytes(whole.replace(image[60:70], b"0123456789"))
    assert main([*options, "--unzip", str(file)]) == 2
    assert not list((tmp_path / "images").glob(".*"))
    file.write_bytes(whole)
    assert main([*options, "--unzip", str(file)]) == 0
    assert (tmp_path / "images/a.png").read_bytes() == image
    assert not list((tmp_path / "images").glob(".*"))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("a.png"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def hostile(draw):
    """A COCO or Karpathy tree with three good images, and changes elsewhere; its encoding."""
    names = ["a.png", "b.png", "c.png"]
    if draw(st.booleans()):
        tree = {
            "images": [{"id": place, "file_name": name} for place, name in enumerate(names)],
            "annotations": [
                {"image_id": place, "caption": f"the image {name}"}
                for place, name in enumerate(names)
            ],
        }
        extra = {
            "images": {"id": 9, "file_name": "mute.png"},
            "annotations": {"image_id": 9, "caption": "another"},
        }
    else:
        tree = {
            "images": [
                {"filename": name, "split": split, "sentences": [{"raw": f"the image {name}"}]}
                for name in names
                for split in (["train", "val"] if name == "c.png" else ["train"])
            ]
        }
        extra = {"images": {"filename": "mute.png", "split": "train", "sentences": []}}
    for key in draw(st.lists(st.sampled_from(sorted(extra)), max_size=3)):
        entry = dict(extra[key])
        if draw(st.integers(0, 2)) == 2:
            field = draw(st.sampled_from(sorted(entry)) if entry else st.text())
            if draw(st.booleans()):
                entry.pop(field, None)
            else:
                entry[field] = draw(ANYTHING)
        if draw(st.integers(0, 9)) == 9:
            entry = draw(ANYTHING)
        place = draw(st.integers(0, len(tree[key])))
        tree[key] = [*tree[key][:place], entry, *tree[key][place:]]
    if draw(st.booleans()):
        tree["images"] += [draw(st.sampled_from(tree["images"]))]
    if draw(st.integers(0, 9)) == 9:
        tree[draw(st.sampled_from([*extra, "info"]))] = draw(ANYTHING)
    return tree, draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))


@settings(
    max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(hostile())
def test_hostile_files_are_refused_or_lose_nothing(data, tmp_path, capsys, given_):
    tree, encoding = given_
    train, val, left = (tmp_path / f"{name}.json" for name in ("train", "val", "left"))
    options = data([], ["c.png"])
    text = json.dumps(tree)
    for file in (train, val) if "annotations" not in tree else (train,):
        file.write_text(text, encoding)
    left.unlink(missing_ok=True)
    status = main([*options, "--skip-to", str(left)])
    err = capsys.readouterr().err
    if status == 2:
        assert err.rpartition("error: ")[2].count("\n") == 1
        assert not left.exists()
        return
    assert status == 0
    found = captioned(left, tmp_path / "images", "train")
    captions = {image.path.name: image.captions for image in found}
    for name in ("a.png", "b.png"):
        assert f"the image {name}" in captions[name]
    assert "c.png" in kept(tmp_path, left)["val"]
