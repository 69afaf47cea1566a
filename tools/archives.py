"""Unpack a downloaded archive beside itself: only whole contents are put in place, and only over the same unless forced.

The checksum of the archive has been compared with the published one before, so its contents can be trusted.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

from helpers.data import DataError
from helpers.files import write_atomically


def unpack(archive: Path, force: bool = False) -> None:
    """Unpack a .gz, .zip or .tar.gz into its own folder, unless that has been done.

    Raises DataError when something else is in the way; `force` replaces it.
    """
    folder, expected = archive.parent, contents(archive)
    if not force:
        if all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in expected.items()):
            return
        if there := [str(folder / top) for top in sorted({name.split("/")[0] for name in expected}) if (folder / top).exists()]:
            raise DataError(
                f"{', '.join(there)} is there but differs from what is in {archive.name}. Move it away, or replace it with --force."
            )
    print(f"unpacking {archive.name} …")
    if archive.suffix == ".gz" and not archive.name.endswith(".tar.gz"):
        with gzip.open(archive) as packed:
            write_atomically(folder / archive.stem, lambda file: shutil.copyfileobj(packed, file, 1 << 20))
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking.") as temporary:
        _extract(archive, Path(temporary))
        for entry in sorted(Path(temporary).iterdir()):
            if (folder / entry.name).exists():
                os.replace(folder / entry.name, entry.with_name(f"{entry.name}.replaced"))  # removed with the temporary folder
            os.replace(entry, folder / entry.name)


def contents(archive: Path) -> dict[str, int]:
    """Return the names of the files in an archive with their lengths."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            return {info.filename: info.file_size for info in packed.infolist() if not info.is_dir()}
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as packed:
            return {member.name: member.size for member in packed if member.isfile()}
    with open(archive, "rb") as file:  # the last four bytes of a .gz are its contents' length
        file.seek(-4, os.SEEK_END)
        return {archive.stem: int.from_bytes(file.read(), "little")}


def _extract(archive: Path, folder: Path) -> None:
    """Write everything in a .zip or .tar.gz into an empty folder."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    else:
        with tarfile.open(archive) as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
            packed.extractall(folder)
