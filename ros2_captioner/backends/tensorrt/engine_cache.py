"""Engines on disk, where nobody else can put one: an engine is code that TensorRT runs.

The folder is private to the user, and every file carries a keyed hash (HMAC) of its content and of
what it was built for; whatever does not match is rebuilt.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import shlex
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ros2_captioner.errors import BackendError

_KEY_FILE, _KEY_BYTES = "key", 32
_MAC_BYTES = hashlib.sha256().digest_size
_PARTIAL, _ABANDONED_S = "partial-", 3600.0
MOST_ENGINES = 12  # two for each model, precision and TensorRT version


def default_folder() -> Path:
    """``$XDG_CACHE_HOME/ros2_captioner/engines``, or under ``~/.cache``.

    Raises:
        BackendError: the user has no home.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:  # as in a container that runs as a user whom it does not know
        raise BackendError(
            f"found no folder for the engine cache ({error}); expected HOME or XDG_CACHE_HOME to "
            "be set, or a folder as engine_cache"
        ) from error
    return Path(base) / "ros2_captioner" / "engines"


class EngineCache:
    """Engines by what they were built for.

    Args:
        folder: made with mode 0700 if missing; `default_folder` if empty.

    Raises:
        BackendError: the folder is a link, belongs to somebody else or is open to others.
    """

    def __init__(self, folder: Path | str = "") -> None:
        self._folder = Path(os.path.expanduser(folder)) if folder else default_folder()
        try:
            self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            self._check(self._folder, stat.S_ISDIR)
            self._key = self._read_key()
        except OSError as error:
            raise BackendError(
                f"engine cache {self._folder}: {error}; expected a folder of yours. Choose another "
                "with the parameter engine_cache"
            ) from error

    def load(self, identity: Mapping[str, str]) -> bytes | None:
        """The engine built for exactly this, or None: missing, stale, or not written here.

        Raises:
            BackendError: it is a link, belongs to somebody else or cannot be read.
        """
        file = self._file(identity)
        try:
            self._check(file, stat.S_ISREG)
            content = _read(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BackendError(
                f"engine cache: {error}; expected a file that you may read. Delete it: {file}"
            ) from error
        mac, engine = content[:_MAC_BYTES], content[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(identity, engine)):
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # engines in use are the last to be deleted
        return engine

    def store(self, identity: Mapping[str, str], engine: bytes) -> None:
        """Keep an engine; a reader sees the old file or the new one, never a part.

        Of all engines the newest `MOST_ENGINES` stay.

        Raises:
            OSError: it cannot be written; nothing of it is left behind.
        """
        partial = self._written(self._mac(identity, engine) + engine)
        os.replace(partial, self._file(identity))
        self._prune()

    def _prune(self) -> None:
        engines = sorted(self._folder.glob("*.engine"), key=_used_s, reverse=True)
        abandoned = [
            file
            for file in self._folder.glob(f"{_PARTIAL}*")
            if time.time() - _used_s(file) > _ABANDONED_S
        ]
        for file in (*engines[MOST_ENGINES:], *abandoned):
            with contextlib.suppress(OSError):  # another process may have been quicker
                file.unlink()

    def _written(self, content: bytes) -> Path:
        """A new private file with this content, under a name of its own."""
        handle, name = tempfile.mkstemp(prefix=_PARTIAL, dir=self._folder)
        try:
            with open(handle, "wb") as stream:
                stream.write(content)
        except BaseException:
            os.unlink(name)
            raise
        return Path(name)

    def _file(self, identity: Mapping[str, str]) -> Path:
        digest = hashlib.sha256(_canonical(identity)).hexdigest()
        return self._folder / f"{identity['part']}-{digest[:16]}.engine"

    def _mac(self, identity: Mapping[str, str], engine: bytes) -> bytes:
        keyed = hmac.new(self._key, _canonical(identity), hashlib.sha256)
        keyed.update(engine)
        return keyed.digest()

    def _read_key(self) -> bytes:
        file = self._folder / _KEY_FILE
        with contextlib.suppress(FileNotFoundError):
            self._check(file, stat.S_ISREG)
            key = _read(file)
            if len(key) == _KEY_BYTES:
                return key
            file.unlink()  # cut by a full disk: what was kept with it is built again
        made = self._written(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(made, file)  # unlike a renaming, it fails where another process has one by now
        except FileExistsError:
            self._check(file, stat.S_ISREG)
        finally:
            made.unlink()
        return _read(file)

    def _check(self, path: Path, right_kind: object) -> None:
        found = os.lstat(path)
        mode = stat.S_IMODE(found.st_mode)
        if not right_kind(found.st_mode):  # type: ignore[operator]
            raise BackendError(
                f"engine cache: found a link or a special file at {path}; delete it, as an engine "
                "from elsewhere could run any code"
            )
        if found.st_uid != os.getuid() or mode & 0o077:
            raise BackendError(
                f"engine cache: {path} belongs to user {found.st_uid} with mode {mode:o}; expected "
                f"user {os.getuid()} and nobody else. If it is yours, type: chmod go= "
                + shlex.quote(str(path))
            )


def _canonical(identity: Mapping[str, str]) -> bytes:
    return json.dumps(identity, sort_keys=True).encode()


def _read(file: Path) -> bytes:
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        return stream.read()


def _used_s(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0
