"""Unpack downloaded archives safely: nothing ever lands outside the chosen folder, and only whole contents are put in place."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from tqdm import tqdm

from helpers.data.dataset import DataError
from helpers.files import write_atomically
from helpers.settings import bars_hidden

BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError)


def unpack(archive: Path, folder: Path, progress: bool = True) -> list[Path]:
    """Unpack a .gz, .zip or .tar.gz into `folder`; return what is now there. What it replaces is removed afterwards.

    Raises DataError, before anything is written, when a member is a link, a device, or would land outside the folder
    (an absolute name, ..); and when the archive is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _errors_named(archive):
        if _is_single(archive):
            with gzip.open(archive) as packed:
                return [write_atomically(folder / archive.stem, lambda file: shutil.copyfileobj(packed, file, 1 << 20))]
        members(archive)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking.") as temporary:
            _extract(archive, Path(temporary), progress)
            return [_put(entry, folder / entry.name, Path(temporary)) for entry in sorted(Path(temporary).iterdir())]


def unpacked(archive: Path, folder: Path) -> bool:
    """Return whether everything in the archive is in `folder` already, each file with its length."""
    with _errors_named(archive):
        if _is_single(archive):
            return (folder / archive.stem).is_file() and (folder / archive.stem).stat().st_size == _plain_length(archive)
        expected = members(archive)
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in expected.items())


def tops(archive: Path) -> list[str]:
    """Return the names of what the archive puts into its folder."""
    with _errors_named(archive):
        return [archive.stem] if _is_single(archive) else sorted({name.split("/")[0] for name in members(archive)})


def members(archive: Path) -> dict[str, int]:
    """Return the files in a .zip or .tar.gz with their lengths. Raises DataError when a member is not allowed."""
    files = {}
    for name, size, kind in _listed(archive):
        if kind not in ("file", "folder"):
            raise _refused(archive, name, f"it is a {kind}")
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or PureWindowsPath(name).drive:
            raise _refused(archive, name, "it would land outside the folder")
        if kind == "file":
            files[str(PurePosixPath(name))] = size
    return files


def _is_single(archive: Path) -> bool:
    return archive.suffix == ".gz" and not archive.name.endswith(".tar.gz")


def _listed(archive: Path) -> Iterator[tuple[str, int, str]]:
    """Yield (name, length, kind) of every member; kind is "file", "folder", or what else it is."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                mode = info.external_attr >> 16
                special = bool(stat.S_IFMT(mode)) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
                yield info.filename, info.file_size, "link" if special else "folder" if info.is_dir() else "file"
    else:
        with tarfile.open(archive) as packed:
            for member in packed:
                kind = "link" if member.issym() or member.islnk() else "file" if member.isfile() else "device"
                yield member.name, member.size, "folder" if member.isdir() else kind


def _extract(archive: Path, folder: Path, progress: bool) -> None:
    """Write all members into an empty folder."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for info in tqdm(packed.infolist(), f"unpacking {archive.name}", unit=" files", disable=not progress or bars_hidden()):
                packed.extract(info, folder)
    else:
        with tarfile.open(archive) as packed:
            # what is unsafe has been refused already; Python before 3.11.4 has no filter
            packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))


def _put(new: Path, place: Path, temporary: Path) -> Path:
    """Move a file or folder into place; what is there moves into `temporary`, which is removed soon."""
    if place.exists() or place.is_symlink():
        former = temporary / f"{new.name}.replaced"
        os.replace(place, former)
        try:
            os.replace(new, place)
        except BaseException:
            os.replace(former, place)
            raise
        return place
    os.replace(new, place)
    return place


def _plain_length(archive: Path) -> int:
    with gzip.open(archive) as packed:
        return sum(len(block) for block in iter(lambda: packed.read(1 << 20), b""))


@contextlib.contextmanager
def _errors_named(archive: Path) -> Iterator[None]:
    """Turn what the libraries say about a damaged archive into a DataError; a full disk keeps its own error."""
    try:
        yield
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{archive} cannot be unpacked: {error}. Remove it and download it again.") from error


def _refused(archive: Path, name: str, why: str) -> DataError:
    return DataError(
        f"{archive} is refused: its member {name!r} is not allowed ({why}). Nothing was unpacked. Remove the file and get it "
        "from the official page."
    )
