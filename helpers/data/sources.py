"""Find a real picture set on this machine: a name, a split and the data folder go in, a Source or None comes out."""

from __future__ import annotations

from pathlib import Path

from helpers.data.arrays import array_source, array_splits
from helpers.data.celeba import celeba_source
from helpers.data.dataset import DataError
from helpers.data.dsprites import dsprites_source
from helpers.data.known import KNOWN, NoSplit, Source
from helpers.data.official import cifar_source, idx_source
from helpers.data.pictures import folder_source

FOLDER_SIZE = 64  # of one's own pictures, where no other size is asked for


def picture_size(name: str, size: int | None) -> int | None:
    """Return the height and width at which a set is opened: as asked for, or its own.

    Raises DataError when the size makes no sense, or when the set has one size only.
    """
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 1024):
        raise DataError(f"size is {size!r}; it must be a whole number of pixels from 1 to 1024, such as 64.")
    known = KNOWN.get(name)
    if known is None:
        return size
    if size is not None and size != known.shape[1] and not known.resizable:
        height, width = known.shape[1:]
        raise DataError(f"{known.title} is {height}×{width}; it does not come at {size}. Leave size out.")
    return size or known.shape[1]


def find(name: str | Path, split: str, folder: Path, size: int | None = None, *, skip_corrupt: bool = False) -> Source | None:
    """Return the real set of this name where this machine has it: arrays first, then the official files, then a folder.

    name: one of KNOWN, the name of one's own arrays, or the path of a folder of pictures
    folder: the data folder; size: height and width, where the set can be had at several

    Returns None when nothing is there. Raises DataError when something is there but not this split, or when it is
    visibly incomplete.
    """
    text = str(name)
    size = picture_size(text, size)
    arrays = array_splits(text, folder, size) if _is_plain(text) else {}
    if split in arrays:
        return array_source(text, split, arrays[split], size)
    if text not in KNOWN:
        if arrays:
            raise _no_split(text, split, arrays)
        pictures = Path(name).expanduser()
        return folder_source(pictures, split, size or FOLDER_SIZE, skip_corrupt) if text and pictures.is_dir() else None
    if split not in KNOWN[text].splits:
        raise _no_split(KNOWN[text].title, split, (*KNOWN[text].splits, *arrays))
    source = _official(text, split, folder, size, skip_corrupt)
    if source is None and arrays:
        raise _no_split(text, split, arrays)
    return source


def _official(name: str, split: str, folder: Path, size: int, skip_corrupt: bool) -> Source | None:
    if name == "celeba":
        return celeba_source(split, folder, size, skip_corrupt)
    if name == "dsprites":
        return dsprites_source(split, folder)
    return cifar_source(split, folder) if name == "cifar10" else idx_source(name, split, folder)


def _is_plain(name: str) -> bool:
    """Return whether a name can be that of arrays: no path, nothing that a file pattern would read as a wildcard."""
    return name.replace("_", "").replace("-", "").isalnum()


def _no_split(title: str, split: str, there: object) -> NoSplit:
    return NoSplit(f"{title} has no split {split!r} here. There is: {', '.join(sorted(set(there)))}.")
