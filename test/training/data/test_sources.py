"""Sources of every kind, by what their files hold, and what each refuses."""

import json

import pytest

from training.config.settings import ConfigError, DataConfig, SourceConfig
from training.data.sources import SCORED, read_scored, read_training, read_validation

SENTENCES = {"7": ["One.", " ... ", "Two."], "8": [], "9": ["3"]}
OBJECTS = {"a.jpg": {"wall": 0.5, "sofa": 0.2}, "b.jpg": {"wall": 0.1, "person": 0.3}}


@pytest.fixture
def source(tmp_path):
    """Makes a source of the four images a.jpg to d.jpg, with the tree of its file."""
    images = tmp_path / "images"
    images.mkdir()
    for name in "abcd":
        (images / f"{name}.jpg").touch()

    def make(name="own", tree=None, kind="captions", images=images, **settings):
        if tree is not None:
            file = tmp_path / f"{name}.json"
            file.write_text(tree if isinstance(tree, str) else json.dumps(tree))
            settings[kind] = str(file)
        folder = "" if kind == "sentences" else str(images)
        return SourceConfig(name, images=folder, **settings)

    return make


def coco(*names):
    return {
        "images": [{"id": name, "file_name": f"{name}.jpg"} for name in names],
        "annotations": [{"image_id": name, "caption": f"Image {name}."} for name in names],
    }


def entry(name, split):
    """Of a Karpathy split."""
    return {"filename": name, "split": split, "sentences": [{"raw": "A dog."}]}


def test_every_kind_of_source_gives_what_is_known_of_its_images(source):
    train = (
        source("captions", coco("a", "b"), weight=3),
        source("objects", OBJECTS, "objects"),
        source("names", ["d.jpg"], "names", weight=0.5),
        source("folder"),
        source("said", SENTENCES, "sentences"),
    )
    found = read_training(DataConfig(train, ()))
    names = [image.path.name for image in found.images]
    assert names == ["a.jpg", "b.jpg", "a.jpg", "b.jpg", "d.jpg", *(f"{n}.jpg" for n in "abcd")]
    assert [p.source for p in found.images[::2]] == [
        "captions", "objects", "names", "folder", "folder"
    ]  # fmt: skip
    assert [p.weight for p in found.images[:5]] == [3, 3, 1, 1, 0.5]
    captioned, _, room, people, bare, *_ = found.images
    assert captioned.captions == ("Image a.",) and not captioned.absent
    assert room.objects == {"wall", "sofa"} and room.absent == {"person"}
    assert people.objects == {"wall", "person"} and people.absent == {"sofa"}
    assert not (room.captions or bare.captions or bare.objects or bare.absent)
    assert found.sentences == [("One.", "Two."), ("3",)]
    assert found.captions == [("Image a.",), ("Image b.",), ("One.", "Two."), ("3",)]


def test_of_a_folder_only_the_images_are_taken(source, tmp_path):
    for name in (".a.jpg", ".DS_Store", "notes.txt", "e.PNG"):
        (tmp_path / "images" / name).touch()
    (tmp_path / "images/folder.jpg").mkdir()
    found = read_training(DataConfig((source("captions", coco("a")), source("folder")), ()))
    names = [image.path.name for image in found.images if image.source == "folder"]
    assert names == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.PNG"]
    for file in (tmp_path / "images").glob("*.*[gG]"):
        if file.is_file():
            file.unlink()
    with pytest.raises(ConfigError, match="source 'folder': found no image"):
        read_training(DataConfig((source("folder"),), ()))


def test_parts_hang_on_names_alone_and_share_no_image(source, tmp_path):
    names = [f"{number}.jpg" for number in range(500)]
    for name in names:
        (tmp_path / "images" / name).touch()

    def part(which, listed):
        config = DataConfig((source("x", coco("a")), source("y", listed, "names", part=which)), ())
        return {p.path.name for p in read_training(config).images if p.source == "y"}

    train, held_out = part("train", names), part("held_out", names)
    assert train | held_out == set(names) and not train & held_out
    # For ever the same: of another split, what a run is tested on was trained on.
    assert len(held_out) == 85 and {"19.jpg", "26.jpg", "34.jpg"} == held_out & set(names[:35])
    assert part("held_out", names[::-1][:250]) == held_out & set(names[250:])


def test_validation_is_read_by_source_and_split(source):
    karpathy = {
        "images": [
            {"filename": f"{name}.jpg", "split": split, "sentences": [{"raw": split}]}
            for name, split in (("a", "train"), ("b", "val"), ("c", "test"))
        ]
    }
    objects = source("rooms", OBJECTS, "objects")
    own = (source("own", karpathy),)
    asked = {
        "train": DataConfig(own, ()),
        "val": DataConfig(own, (*own, objects)),
        "test": DataConfig(own, own),
    }
    assert set(asked) == set(SCORED)
    names = {
        split: {of: [p.path.name for p in found] for of, found in read_scored(data, split).items()}
        for split, data in asked.items()
    }
    assert names == {
        "train": {"own": ["a.jpg"]},
        "val": {"own": ["b.jpg"], "rooms": ["a.jpg", "b.jpg"]},
        "test": {"own": ["c.jpg"]},
    }


@pytest.mark.parametrize(
    ("tree", "kind", "match"),
    [
        (coco("a"), "captions", "own.json: found COCO captions, .* expected a Karpathy split"),
        ({"images": [entry("a.jpg", "val")]}, "captions", "no images of the split 'test'"),
        (OBJECTS, "objects", "found no captions in it; expected a Karpathy split"),
    ],
    ids=["coco", "karpathy", "objects"],
)
def test_a_source_without_test_images_is_not_scored_on_others(source, tree, kind, match):
    tested = source("tested", {"images": [entry("c.jpg", "test")]})
    data = DataConfig((), (tested, source("own", tree, kind)))
    with pytest.raises(ConfigError, match=f"source 'own': .*{match}"):
        read_scored(data, "test")


@pytest.mark.parametrize(
    ("tree", "kind", "match"),
    [
        ("{", "captions", "cannot read captions from"),
        ("1.jpg#0\tA dog.", "captions", "dataset_flickr8k.json in place of Flickr8k.token.txt"),
        ([], "captions", "found a list; expected COCO captions"),
        (
            coco("gone"),
            "captions",
            "1 of 1 images are not there, e.g. .*gone.jpg; set its 'images'",
        ),
        ("{", "objects", "cannot read .*own.json"),
        (["a.jpg"], "objects", r"expected JSON \{file name: \{object: share"),
        ({"a.jpg": ["wall"]}, "objects", r"expected JSON \{file name: \{object: share"),
        ({"gone.jpg": {"wall": 1}}, "objects", "1 of 1 images are not there, e.g. .*gone.jpg"),
        ({}, "objects", "found no images in its part 'all'"),
        ({"a.jpg": 1}, "names", r"expected JSON \[file name, ...\]"),
        ([1], "names", r"expected JSON \[file name, ...\]"),
        (["a.jpg", "gone.jpg"], "names", "1 of 2 images are not there, e.g. .*gone.jpg"),
        (["One."], "sentences", r"expected JSON \{image id: \[sentence, ...\]\}"),
        ({"7": "One."}, "sentences", r"expected JSON \{image id: \[sentence, ...\]\}"),
        ("{", "sentences", "cannot read .*own.json"),
        ("[" * 200_000, "names", "cannot read .*own.json"),
        ("[" * 200_000, "captions", "cannot read captions from"),
    ],
)
def test_a_fault_names_its_source(source, tree, kind, match):
    train = (source("other", coco("a")), source("own", tree, kind))
    with pytest.raises(ConfigError, match=f"^source 'own': .*{match}"):
        read_training(DataConfig(train, ()))


def test_a_missing_folder_names_its_source(source, tmp_path):
    with pytest.raises(ConfigError, match="^source 'own': .*No such file.*nowhere"):
        read_training(DataConfig((source("own", images=tmp_path / "nowhere"),), ()))


def test_training_needs_captions(source):
    with pytest.raises(ConfigError, match=r"none of \['own'\] has captioned images"):
        read_training(DataConfig((source("own", OBJECTS, "objects"),), ()))


def test_validation_needs_something_to_score_by(source):
    captions, objects = source("own", coco("a")), source("rooms", OBJECTS, "objects")
    sentences = source("said", {"7": ["One."]}, "sentences")
    for sources, match in (
        ([], r"none of \[\] has captions; expected"),
        ([objects], r"none of \['rooms'\] has captions; expected"),
        ([captions, source("bare")], "'bare' has nothing to score captions by"),
        ([captions, sentences], "'said' has nothing to score captions by"),
    ):
        with pytest.raises(ConfigError, match=f"^data.val: .*{match}"):
            read_validation(DataConfig((), tuple(sources)))


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_a_name_that_is_not_utf_8_has_its_part(source, part):
    """As a listing of a folder gives it to JSON; whether it is there is another question."""
    with pytest.raises(ConfigError, match="images are not there|found no images in its part"):
        read_training(DataConfig((source(tree=["\udc80.jpg"], kind="names", part=part),), ()))
