"""The folder that training.export writes: what it replaces, and what it leaves alone."""

import json
import os
import shutil
from pathlib import Path

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.output_files import only_writer
from training.bundle.replacing import refuse_to_replace
from training.config.settings import ConfigError
from training.export import export

MANIFEST = {"schema": 1, "variants": {"float32": {}}, "files": {"encoder.onnx": {}}}


@pytest.fixture
def old_bundle(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    for name in ("encoder.onnx", "README.md"):
        (folder / name).touch()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


def test_a_bundle_an_empty_folder_and_a_new_name_may_be_replaced(old_bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (old_bundle, tmp_path / "empty", tmp_path / "new"):
        refuse_to_replace(folder)


def test_an_old_bundle_that_may_not_be_written_is_noticed_first(old_bundle, monkeypatch):
    monkeypatch.setattr("training.export.load_run", lambda folder: None)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != old_bundle)
    with pytest.raises(OptionsError, match="--output: .* may not be written"):
        export(Path("run"), old_bundle, ["float32"], 1, 1)


def test_nothing_else_is_ever_deleted(old_bundle, tmp_path):
    (old_bundle / "notes.txt").touch()
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").touch()
    (home / "manifest.json").write_text("{}")
    for target, found in (
        (old_bundle, "notes.txt"), (home, "manifest.json"), (home / "thesis.tex", "thesis.tex")
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=f"is no bundle alone: found '{found}'"):
            export(tmp_path / "run", target, ["float32"], 1, 1)
        assert target.exists()


def test_folders_other_manifests_and_dangling_links_are_no_bundle(old_bundle, tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="found 'link'"):
        refuse_to_replace(tmp_path / "link")
    for manifest in ({"files": {"encoder.onnx": {}}}, {**MANIFEST, "files": [[]]}):
        (old_bundle / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(ConfigError, match="is no bundle alone"):
            refuse_to_replace(old_bundle)
    (old_bundle / "manifest.json").write_text(json.dumps(MANIFEST))
    (old_bundle / "encoder.onnx").unlink()
    (old_bundle / "encoder.onnx").mkdir()
    with pytest.raises(ConfigError, match="found 'encoder.onnx/'"):
        refuse_to_replace(old_bundle)


def test_a_bundle_is_replaced_where_it_lies(quick, old_bundle, tmp_path, monkeypatch):
    """Through a link and from within: the folder, which may be a mounted one, stays itself."""
    (old_bundle / "manifest.json.sig").touch()
    (tmp_path / "link").symlink_to(old_bundle)
    (tmp_path / "empty").mkdir()
    same = old_bundle.stat().st_ino
    quick(tmp_path / "link")
    monkeypatch.chdir(tmp_path / "empty")
    quick(Path("."))
    quick(Path("../new/bundle"))
    assert old_bundle.stat().st_ino == same
    for folder in (old_bundle, tmp_path / "empty", tmp_path / "new/bundle"):
        assert {path.name for path in folder.iterdir()} == {"decoder.onnx", "manifest.json"}
        assert (folder / "manifest.json").read_text() == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"old", "link", "empty", "new"}


def test_no_half_of_a_bundle_has_a_manifest(quick, old_bundle, monkeypatch):
    """Whenever the export is killed, nothing old and new is taken for a model."""
    held, unlink, move = [], Path.unlink, shutil.move

    def names():
        return {path.name for path in old_bundle.iterdir()}

    def watched(change):
        def changed(*given, **how):
            change(*given, **how)
            held.append(names())

        return changed

    before = names()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", watched(unlink))
        patch.setattr(shutil, "move", watched(move))
        quick(old_bundle)
    assert {"encoder.onnx"} in held and names() == {"decoder.onnx", "manifest.json"} != before
    assert not [each for each in held if "manifest.json" in each and each != names()]


def test_what_came_while_it_was_exported_stays(quick, old_bundle, monkeypatch):
    def meanwhile(folder):
        (old_bundle / "notes.txt").write_text("mine")

    monkeypatch.setattr("training.export.load_run", meanwhile)
    quick(old_bundle)
    assert (old_bundle / "notes.txt").read_text() == "mine"
    assert not (old_bundle / "encoder.onnx").exists()


def test_what_a_killed_export_left_is_taken_away_and_two_never_mix(quick, tmp_path):
    left = tmp_path / ".new.partial"
    (left / "new").mkdir(parents=True)
    (left / "new/encoder.onnx").touch()
    (left / "_lock").touch()  # which the kernel dropped with the process
    with only_writer(left, tmp_path / "new"), pytest.raises(OptionsError, match="another run is"):
        quick(tmp_path / "new")
    assert {path.name for path in left.rglob("*")} == {"new", "encoder.onnx"}
    quick(tmp_path / "new")
    assert {path.name for path in tmp_path.rglob("*")} == {"new", "decoder.onnx", "manifest.json"}
