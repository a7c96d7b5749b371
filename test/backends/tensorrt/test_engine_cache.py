"""The engine cache trusts its own files alone."""

import io
import os
from pathlib import Path

import pytest

from ros2_captioner.backends.tensorrt.engine_cache import (
    MOST_ENGINES,
    EngineCache,
    default_folder,
)
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


def test_a_folder_of_another_user_is_refused(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(BackendError, match="belongs to user .* nobody else"):
        EngineCache(folder)


@pytest.mark.parametrize("kind", ["link", "open"])
def test_a_key_that_others_may_know_is_refused(folder, kind):
    """With it they could sign an engine of theirs."""
    EngineCache(folder)
    key = folder / "key"
    if kind == "link":
        key.rename(folder / "elsewhere")
        key.symlink_to(folder / "elsewhere")
    else:
        key.chmod(0o644)
    with pytest.raises(BackendError, match="engine cache: .*key"):
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


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    EngineCache("~/engines")
    assert (tmp_path / "engines").is_dir()


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "ros2_captioner" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert default_folder() == tmp_path / ".cache/ros2_captioner/engines"


class FullDisk(io.BytesIO):
    def write(self, content):
        raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing_behind_and_the_next_try_succeeds(folder, monkeypatch):
    cache = EngineCache(folder)
    before = sorted(folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda *given, **options: FullDisk())
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                cache.store(IDENTITY, b"engine")
    assert sorted(folder.iterdir()) == before and cache.load(IDENTITY) is None
    cache.store(IDENTITY, b"engine")
    assert cache.load(IDENTITY) == b"engine"


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_key_that_is_none_is_made_again(folder, content):
    EngineCache(folder).store(IDENTITY, b"engine")
    (folder / "key").write_bytes(content)
    cache = EngineCache(folder)
    assert len((folder / "key").read_bytes()) == 32 and cache.load(IDENTITY) is None
    cache.store(IDENTITY, b"engine")
    assert EngineCache(folder).load(IDENTITY) == b"engine"


def test_two_processes_that_begin_together_share_a_key(folder, monkeypatch):
    """The other one makes its key between our look and our own."""
    real = os.link

    def late(source, target):
        (folder / "key").write_bytes(b"k" * 32)
        (folder / "key").chmod(0o600)
        real(source, target)

    monkeypatch.setattr(os, "link", late)
    EngineCache(folder).store(IDENTITY, b"engine")
    monkeypatch.undo()
    assert (folder / "key").read_bytes() == b"k" * 32
    assert EngineCache(folder).load(IDENTITY) == b"engine"
    assert {file.suffix for file in folder.iterdir()} == {"", ".engine"}


def test_engines_that_were_not_used_for_long_are_deleted(folder):
    cache = EngineCache(folder)
    for age in range(MOST_ENGINES):
        cache.store({**IDENTITY, "gpu": str(age)}, b"engine")
        os.utime(cache._file({**IDENTITY, "gpu": str(age)}), (age, age))
    assert cache.load({**IDENTITY, "gpu": "0"}) == b"engine"  # used now
    (folder / "partial-old").touch()
    os.utime(folder / "partial-old", (0, 0))
    (folder / "partial-new").touch()
    cache.store(IDENTITY, b"engine")
    assert cache.load({**IDENTITY, "gpu": "0"}) == b"engine"
    assert cache.load({**IDENTITY, "gpu": "1"}) is None
    assert len(list(folder.glob("*.engine"))) == MOST_ENGINES
    assert [file.name for file in folder.glob("partial-*")] == ["partial-new"]


def test_a_user_without_a_home_is_told_what_to_give(monkeypatch, tmp_path):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(BackendError, match="engine cache .*home directory.*expected HOME or"):
        EngineCache()
    EngineCache(tmp_path / "engines")
