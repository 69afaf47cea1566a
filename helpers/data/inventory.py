"""What is on this machine: the data folder goes in, a table for people comes out."""

from __future__ import annotations

import os
from pathlib import Path

from helpers import settings
from helpers.data.arrays import array_splits
from helpers.data.celeba import FOLDER as CELEBA_FOLDER
from helpers.data.dataset import DataError
from helpers.data.dsprites import FOLDERS as DSPRITES_FOLDERS
from helpers.data.dsprites import NAME as DSPRITES
from helpers.data.known import KNOWN
from helpers.data.official import CIFAR_FOLDER, IDX_FOLDERS
from helpers.data.sources import NoSplit, find
from helpers.data.store import is_prepared
from standins import artist

NOTEBOOKS = dict.fromkeys(("00", "01", "03", "04", "05", "06"), ("fashion",)) | {
    "07": ("cifar10",), "08": ("fashion", "cifar10"), "09": ("celeba",), "10": ("mnist",), "11": ("dsprites", "celeba"),
    "12": ("cifar10",), "13": ("fashion", "mnist"), "14": ("fashion",), "15": ("cifar10", "fashion", "celeba"),
}  # fmt: skip
OFFICIAL = {name: (folder,) for name, folder in IDX_FOLDERS.items()} | {
    "cifar10": (CIFAR_FOLDER, "cifar-10-python.tar.gz"),
    "celeba": (CELEBA_FOLDER,),
    "dsprites": tuple(f"{place}/{DSPRITES}" for place in DSPRITES_FOLDERS),
}


def status(folder: Path | None = None) -> str:
    """Return a table: which sets are in the data folder, their size, whether prepared, and what each notebook would use."""
    folder = Path(folder) if folder is not None else settings.data_folder()
    found = {name: {split: _one(name, split, folder) for split in known.splits} for name, known in KNOWN.items()}
    sets = [("set", "splits here", "from", "on disk", "prepared")]
    sets += [_row(name, splits, folder) for name, splits in found.items()]
    notebooks = [("notebook", "would use")]
    notebooks += [(number, _uses(names, found)) for number, names in NOTEBOOKS.items()]
    notes = [f"{name}: {note}" for name, splits in found.items() if (note := _note(name, splits, folder))]
    return "\n\n".join((f"data folder: {shortened(folder)}", _table(sets), *notes, _table(notebooks)))


def shortened(folder: Path) -> str:
    """Return a path with the home folder written as ~, so that a stored output names no user."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _one(name: str, split: str, folder: Path) -> tuple[str, str]:
    """Return (state, detail): "" or "ready" or "found" or "broken", and where it comes from or what is wrong."""
    try:
        source = find(name, split, folder)
        if source is None:
            return "", ""
        state = "ready" if is_prepared(source, folder) else "found"
    except NoSplit:
        return "", ""
    except DataError as error:
        return "broken", str(error)
    place = "arrays" if source.root.name == "arrays" else "official files"
    return state, place


def _row(name: str, splits: dict[str, tuple[str, str]], folder: Path) -> tuple[str, ...]:
    here = [split for split, (state, _) in splits.items() if state in ("ready", "found")]
    places = sorted({splits[split][1] for split in here})
    ready = [split for split in here if splits[split][0] == "ready"]
    size = _megabytes(_size_of(name, folder))
    return name, ", ".join(here) or "none", ", ".join(places) or "-", size, ", ".join(ready) or "no"


def _note(name: str, splits: dict[str, tuple[str, str]], folder: Path) -> str:
    """Return what is wrong with a set of which no split can be used, or ""."""
    if any(state in ("ready", "found") for state, _ in splits.values()):
        return ""
    problems = [detail for state, detail in splits.values() if state == "broken"]
    if problems or not _size_of(name, folder):
        return "".join(problems[:1])
    return f"not whole yet. Run: python -m helpers data download {name}"


def _size_of(name: str, folder: Path) -> int:
    arrays = array_splits(name, folder, KNOWN[name].shape[1]).values()
    return _size([*(folder / path for path in OFFICIAL[name]), *arrays])


def _uses(names: tuple[str, ...], found: dict[str, dict[str, tuple[str, str]]]) -> str:
    """Return what load would give a notebook for the train split of its sets."""
    words = []
    for name in names:
        state, _ = found[name]["train"]
        drawn = not state or settings.standins_forced()
        real = "an error (see above)" if state == "broken" else KNOWN[name].title
        words.append(artist(name).SOURCE if drawn else real)
    return ", ".join(words)


def _size(paths: list[Path]) -> int:
    """Return the bytes in files, and in folders with everything below."""
    total = 0
    for path in paths:
        if path.is_file():
            total += path.stat().st_size
        for root, _, files in os.walk(path):
            total += sum(os.lstat(os.path.join(root, file)).st_size for file in files)
    return total


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size else "-"


def _table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as text, the columns aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)
