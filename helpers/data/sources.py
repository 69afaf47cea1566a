"""What is on this machine: the data folder goes in; a Source for each split of a set, or a table for people, comes out."""

from __future__ import annotations

import os
from pathlib import Path

from helpers import settings
from helpers.data.dataset import DataError
from helpers.data.known import KNOWN, Source
from helpers.data.official import celeba_sources, official_sources
from helpers.data.own import array_sources, folder_sources
from helpers.data.store import prepared
from standins import artist


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


def find_all(name: str | Path, folder: Path, size: int | None = None, *, skip_corrupt: bool = False) -> dict[str, Source]:
    """Return split → Source for what this machine has of a set: one's own arrays first, then the official files, then a folder.

    name: one of KNOWN, the name of one's own arrays, or the path of a folder of images
    folder: the data folder; size: height and width, where the set can be had at several
    Raises DataError when something is there but visibly incomplete.
    """
    text = str(name)
    size = image_size(text, size)
    arrays = array_sources(text, folder, size)
    if text in KNOWN and not set(KNOWN[text].splits) <= set(arrays):
        there = celeba_sources(folder, size or 64, skip_corrupt) if text == "celeba" else official_sources(text, folder)
        return there | arrays
    path = Path(name).expanduser() if text[:1] != "~" or text[:2] in ("~", "~/") else Path(name)
    return arrays or (folder_sources(path, size or 64, skip_corrupt) if text not in ("", *KNOWN) and path.is_dir() else {})


def find(name: str | Path, split: str, folder: Path, size: int | None = None, *, skip_corrupt: bool = False) -> Source | None:
    """Return one split of what `find_all` finds, or None when nothing is there. Raises DataError when other splits are."""
    here = find_all(name, folder, size, skip_corrupt=skip_corrupt)
    if here and split not in here:
        raise DataError(f"{name} has no split {split!r} here. There is: {', '.join(sorted(here))}.")
    return here.get(split)


def status(folder: Path | None = None) -> str:
    """Return a table: which real sets are in the data folder, how large, whether prepared, and what `load` opens."""
    folder = settings.data_folder() if folder is None else Path(folder)
    rows, problems = [["set", "splits here", "from", "size", "prepared", "load opens"]], []
    for name in KNOWN:
        row, problem = _row(name, folder)
        rows.append(row)
        problems += [f"{name}: {problem}"] if problem else []
    state = "" if folder.is_dir() else " (this is a file: choose a folder)" if folder.exists() else " (not there yet)"
    home = Path.home()  # written as ~, so that a stored output names no user
    place = f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"data folder: {place}{state}", "", *table, *([""] if problems else []), *problems])


def _row(name: str, folder: Path) -> tuple[list[str], str]:
    """Return a set's row, and what is wrong with it, or ""."""
    here, ready, problem, places, files = [], [], "", set(), set()
    try:
        for split, source in find_all(name, folder).items():
            place = "arrays" if source.root.name == "arrays" else "official files"
            if prepared(source, folder):
                ready.append(split)
            elif place == "arrays":
                source.decode()  # raises where they are damaged
            here.append(split)
            places.add(place)
            files |= {source.root / file for file in source.files}
    except DataError as error:
        problem = str(error)
    if not problem and not here and any(folder.glob(KNOWN[name].place)):
        problem = f"not whole yet. Run: python -m helpers data download {name}"
    if settings.standins_forced() or not (here or problem):
        opens = artist(name).SOURCE
    elif "train" in here:
        opens = KNOWN[name].title
    else:
        opens = "an error (see below)" if problem else "an error: no train split"
    size = f"{sum(map(os.path.getsize, files)) / 1e6:,.0f} MB" if files else "-"
    splits, done = (", ".join(split for split in KNOWN[name].splits if split in part) for part in (here, ready))
    return [name, splits or "none", ", ".join(sorted(places)) or "-", size, done or "no", opens], problem
