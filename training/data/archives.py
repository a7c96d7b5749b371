"""ZIP archives of images, as data sets come."""

from __future__ import annotations

import contextlib
import lzma
import os
import shutil
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ros2_captioner.output_files import unfinished
from training.config.settings import ConfigError


def unpack(archive: Path, folder: Path) -> None:
    """Extract a ZIP archive's files below a folder; those that are there already stay.

    Raises:
        ConfigError: the archive is broken, holds what is not to be written there, or needs
            another program; names the member.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except NotImplementedError as error:
        raise ConfigError(f"{archive}: {error}; unpack it with another program") from error
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise ConfigError(f"{archive}: {error}; download it again") from error
    with opened:
        for member in opened.infolist():
            _extract(opened, member, folder)


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    name = PurePosixPath(member.filename)
    where = f"{archive.filename}: {member.filename!r}"
    if name.is_absolute() or ".." in name.parts:
        raise ConfigError(f"{where}: expected a path below the folder of images")
    target = folder / name
    if member.is_dir():
        return
    if target.is_file():
        # A file of the same size is there already when an unpacking is repeated.
        if target.stat().st_size != member.file_size:
            raise ConfigError(
                f"{where}: {target} is there and is another file, which would be lost; expected "
                "none: leave --unzip out, or move it away"
            )
        return
    partial = unfinished(target)
    try:
        with contextlib.suppress(FileExistsError):
            target.parent.mkdir(parents=True)
        with archive.open(member) as content, open(partial, "wb") as file:
            shutil.copyfileobj(content, file)
        os.replace(partial, target)
    except NotImplementedError as error:
        raise ConfigError(f"{where}: {error}; unpack it with another program") from error
    except RuntimeError as error:
        raise ConfigError(f"{where}: is encrypted; unpack it with its password") from error
    except ValueError as error:  # a name that no file can have
        raise ConfigError(f"{where}: {error}") from error
    except OSError as error:  # of bzip2 too, where it has no number
        raise ConfigError(f"{where}: {error.strerror or error}") from error
    except (zlib.error, lzma.LZMAError, struct.error, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{where}: {error or 'cut short'}; download it again") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
