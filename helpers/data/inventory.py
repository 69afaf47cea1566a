"""What is on this machine: the data folder goes in, one small table for people comes out."""

from __future__ import annotations

import os
from pathlib import Path

from helpers import settings
from helpers.data.dataset import DataError
from helpers.data.known import KNOWN, NoSplit
from helpers.data.sources import find
from helpers.data.store import is_prepared
from standins import artist


def status(folder: Path | None = None) -> str:
    """Return a table: which real sets are in the data folder, how large, whether prepared, and what `load` opens."""
    folder = settings.data_folder() if folder is None else Path(folder)
    rows, problems = [["set", "splits here", "from", "size", "prepared", "load opens"]], []
    for name in KNOWN:
        row, problem = _row(name, folder)
        rows.append(row)
        problems += [f"{name}: {problem}"] if problem else []
    state = "" if folder.is_dir() else " (this is a file: choose a folder)" if folder.exists() else " (not there yet)"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"data folder: {_without_home(folder)}{state}", "", *table, *([""] if problems else []), *problems])


def _row(name: str, folder: Path) -> tuple[list[str], str]:
    """Return a set's row, and what is wrong with it, or ""."""
    known, here, prepared, problem = KNOWN[name], [], [], ""
    files: dict[Path, str] = {}
    for split in known.splits:
        try:
            source = find(name, split, folder)
            if source is None:
                continue
            place, ready = "arrays" if source.root.name == "arrays" else "official files", is_prepared(source, folder)
            if place == "arrays" and not ready:
                source.decode()  # raises where they are damaged
        except NoSplit:
            continue
        except DataError as error:
            problem = problem or str(error)
            continue
        here.append(split)
        prepared += [split] if ready else []
        files |= {source.root / file: place for file in source.files}
    if not problem and not here and any(folder.glob(known.place)):
        problem = f"not whole yet. Run: python -m helpers data download {name}"
    drawn = settings.standins_forced() or not (here or problem)
    opens = (
        artist(name).SOURCE
        if drawn
        else known.title
        if "train" in here
        else "an error (see below)"
        if problem
        else "an error: no train split"
    )
    size = f"{sum(map(os.path.getsize, files)) / 1e6:,.0f} MB" if files else "-"
    places = ", ".join(sorted(set(files.values()))) or "-"
    return [name, ", ".join(here) or "none", places, size, ", ".join(prepared) or "no", opens], problem


def _without_home(folder: Path) -> str:
    """Return a path with the home folder written as ~, so that a stored output names no user."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
