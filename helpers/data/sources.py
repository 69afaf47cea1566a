"""Find a real data set on this machine: a name, a split and the data folder go in, a Source or None comes out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from helpers.data.arrays import array_source, array_splits
from helpers.data.celeba import celeba_source
from helpers.data.dataset import DataError
from helpers.data.dsprites import dsprites_source
from helpers.data.image_files import folder_source
from helpers.data.known import KNOWN, NoSplit, Source
from helpers.data.official import cifar_source, idx_source


def image_size(name: str, size: int | None) -> int | None:
    """Return the height and width at which a set is opened: as asked for, or its own. Raises DataError when it has no such size."""
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 1024):
        raise DataError(f"size is {size!r}; it must be a whole number of pixels from 1 to 1024, such as 64.")
    if name not in KNOWN:
        return size
    side = KNOWN[name].shape[1]
    if size not in (None, side) and name != "celeba":
        raise DataError(f"{KNOWN[name].title} is {side}×{side}; it does not come at {size}. Leave size out.")
    return size or side


def find(name: str | Path, split: str, folder: Path, size: int | None = None, *, skip_corrupt: bool = False) -> Source | None:
    """Return the real set of this name where this machine has it: arrays first, then the official files, then a folder.

    name: one of KNOWN, the name of one's own arrays, or the path of a folder of images
    folder: the data folder; size: height and width, where the set can be had at several

    Returns None when nothing is there. Raises DataError when something is there but not this split, or is visibly incomplete.
    """
    text = str(name)
    size = image_size(text, size)
    plain = text.replace("_", "").replace("-", "").isalnum()  # no path, nothing that a file pattern would read as a wildcard
    arrays = array_splits(text, folder, size) if plain else {}
    if split in arrays:
        return array_source(text, split, arrays[split], size)
    if text in KNOWN:
        source = _official(text, split, folder, size, skip_corrupt) if split in KNOWN[text].splits else None
        if source is not None or (not arrays and split in KNOWN[text].splits):
            return source
        raise _no_split(KNOWN[text].title, split, arrays or KNOWN[text].splits)
    if arrays:
        raise _no_split(text, split, arrays)
    path = Path(name).expanduser() if text[:1] != "~" or text[:2] in ("~", "~/") else Path(name)
    return folder_source(path, split, size or 64, skip_corrupt) if text and path.is_dir() else None


def _official(name: str, split: str, folder: Path, size: int | None, skip_corrupt: bool) -> Source | None:
    if name == "celeba":
        return celeba_source(split, folder, size or 64, skip_corrupt)
    if name == "dsprites":
        return dsprites_source(split, folder)
    return cifar_source(split, folder) if name == "cifar10" else idx_source(name, split, folder)


def _no_split(title: str, split: str, there: Iterable[str]) -> NoSplit:
    return NoSplit(f"{title} has no split {split!r} here. There is: {', '.join(sorted(there))}.")
