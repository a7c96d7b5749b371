"""The engine cache trusts its own files alone."""

import os

import pytest

from ros2_captioner.backends.tensorrt.engine_cache import EngineCache, default_folder
from ros2_captioner.errors import BackendError

IDENTITY = {"part": "encoder", "gpu": "Orin", "tensorrt": "10.3.0"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "engines"


def engine_file(folder):
    (file,) = folder.glob("*.engine")
    return file


def test_what_was_stored_is_loaded_for_the_same_identity_alone(folder):
    EngineCache(folder).store(IDENTITY, b"engine")
    assert EngineCache(folder).load(dict(reversed(IDENTITY.items()))) == b"engine"
    assert EngineCache(folder).load({**IDENTITY, "gpu": "Xavier"}) is None


def test_folder_and_files_are_private(folder):
    EngineCache(folder).store(IDENTITY, b"engine")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in folder.iterdir())


def test_a_changed_engine_is_not_loaded(folder):
    EngineCache(folder).store(IDENTITY, b"engine")
    file = engine_file(folder)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert EngineCache(folder).load(IDENTITY) is None


def test_an_engine_renamed_to_another_identity_is_not_loaded(folder):
    cache, other = EngineCache(folder), {**IDENTITY, "gpu": "Xavier"}
    cache.store(IDENTITY, b"engine")
    foreign = engine_file(folder).read_bytes()
    cache.store(other, b"other")
    cache._file(other).write_bytes(foreign)
    assert cache.load(other) is None


def test_a_link_is_refused(folder, tmp_path):
    cache = EngineCache(folder)
    cache.store(IDENTITY, b"engine")
    moved = engine_file(folder).rename(tmp_path / "elsewhere")
    cache._file(IDENTITY).symlink_to(moved)
    with pytest.raises(BackendError, match="delete it"):
        cache.load(IDENTITY)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_a_folder_open_to_others_is_refused(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(BackendError, match="chmod go="):
        EngineCache(folder)


def test_a_linked_folder_is_refused(folder, tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "real")
    with pytest.raises(BackendError, match="link"):
        EngineCache(folder)


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match="expected a folder of yours"):
        EngineCache(tmp_path / "file")


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "ros2_captioner" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert default_folder() == tmp_path / ".cache/ros2_captioner/engines"
