"""CelebA in its official layout, or as Kaggle packs it: aligned JPEGs and the attribute and partition tables, as a Source.

    celeba/img_align_celeba/000001.jpg …          (or img_align_celeba/img_align_celeba/, as in Kaggle's zip)
    celeba/list_attr_celeba.txt   or .csv         40 attributes, each 1 or -1
    celeba/list_eval_partition.txt   or .csv      0 train, 1 valid, 2 test

The bounding-box, landmark and identity tables are not needed. A picture: centre crop 140, antialiased resize.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN, Allocate, NoSplit, Source
from helpers.data.pictures import Decoder, as_rgb, centre_square, to_array

FOLDER, PICTURES = "celeba", "img_align_celeba"
ATTRIBUTES, PARTITION = "list_attr_celeba", "list_eval_partition"
CROP = 140

Table = dict[str, str]  # picture name → the rest of its row


def read_face(path: str, size: int) -> np.ndarray:
    """Return the centre crop 140 of an aligned CelebA picture, antialiased to (3, size, size) uint8."""
    with Image.open(path) as picture:
        return to_array(as_rgb(centre_square(picture, CROP)), size)


def celeba_source(split: str, folder: Path, size: int, skip_corrupt: bool = False) -> Source | None:
    """Return CelebA's pictures of one split as a Source, or None where there is no picture.

    Raises DataError when a table is missing.
    """
    base = folder / FOLDER
    pictures, names = _pictures(base)
    if not names:
        return None
    tables = (_table_path(base, ATTRIBUTES), _table_path(base, PARTITION))
    files = (*(table.name for table in tables), *(f"{pictures}/{name}" for name in names))
    decoder = Decoder(base / pictures, partial(read_face, size=size), size, "CelebA", skip_corrupt)

    def read(progress: bool, allocate: Allocate) -> Dataset:
        return _read(split, names, tables, decoder, progress, allocate)

    key = f"celeba{size}-{split}" + ("-skipping" if skip_corrupt else "")
    return Source("celeba", split, key, base, files, f"crop {CROP}, Lanczos {size}", read)


def _pictures(base: Path) -> tuple[str, list[str]]:
    """Return the folder of the pictures, relative to `base`, and their sorted names."""
    for folder in (PICTURES, f"{PICTURES}/{PICTURES}"):
        if (base / folder).is_dir():
            names = [name for name in os.listdir(base / folder) if name.endswith(".jpg") and not name.startswith(".")]
            if names:
                return folder, sorted(names)
    return PICTURES, []


def _table_path(base: Path, stem: str) -> Path:
    """Return the .txt or .csv form of a table. Raises DataError when there is neither."""
    for path in (base / f"{stem}.txt", base / f"{stem}.csv"):
        if path.is_file():
            return path
    raise DataError(
        f"{base} has pictures but neither {stem}.txt (the official table) nor {stem}.csv (Kaggle's). Put one of them there, "
        "or run: python -m helpers data download celeba"
    )


def _read(split: str, names: list[str], tables: tuple[Path, Path], decoder: Decoder, progress: bool, allocate: Allocate) -> Dataset:
    """Read the tables, check that they fit the pictures, and decode the pictures of one split."""
    attribute_names, attributes = _read_table(tables[0])
    _, partition = _read_table(tables[1])
    for path, table in zip(tables, (attributes, partition), strict=True):
        _check_rows(names, table, path, decoder.root)
    chosen = _in_split(split, names, partition, tables[1])
    _signs(chosen, attributes, len(attribute_names), tables[0])  # a bad table shows now, not after minutes of decoding
    images, kept, note = decoder.decode(chosen, progress, allocate)
    title = "CelebA" if len(names) == len(attributes) else f"CelebA ({len(names):,} of {len(attributes):,} pictures)"
    signs = _signs(kept, attributes, len(attribute_names), tables[0])
    return Dataset("celeba", split, torch.from_numpy(images), title + note, True, attributes=signs, attribute_names=attribute_names)


def _read_table(path: Path) -> tuple[tuple[str, ...], Table]:
    """Return the column names and the rows of a table in its .txt form (cells between spaces) or its .csv form (commas).

    The official partition table has no header; the attribute table has the number of rows, then the column names.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line for line in text.replace(",", " ").splitlines() if line.strip()]
    columns: tuple[str, ...] = ()
    if path.suffix == ".csv" and lines:
        columns, lines = tuple(lines[0].split()[1:]), lines[1:]
    elif lines and len(lines[0].split()) == 1:
        _check_count(lines[0].strip(), len(lines) - 2, path)
        columns, lines = tuple(lines[1].split()), lines[2:]
    table = {name: row for name, _, row in (line.strip().partition(" ") for line in lines)}
    if len(table) != len(lines) or not lines:
        raise DataError(f"{path} has {len(lines):,} rows for {len(table):,} pictures; expected one for each. Get the table anew.")
    return columns, table


def _check_count(promised: str, found: int, path: Path) -> None:
    if promised != str(found):
        raise DataError(f"{path} has {found:,} rows; its first line promises {promised}. Get the table anew.")


def _check_rows(names: list[str], table: Table, path: Path, pictures: Path) -> None:
    """Raise DataError when a picture has no row; rows without a picture are allowed (a part of the set is there)."""
    without = [name for name in names if name not in table]
    if without:
        raise DataError(
            f"{len(without):,} of {len(names):,} pictures in {pictures} have no row in {path.name} ({', '.join(without[:3])}"
            f"{', …' if len(without) > 3 else ''}). Pictures and tables must belong together: get both from the same place."
        )


def _in_split(split: str, names: list[str], partition: Table, path: Path) -> list[str]:
    """Return the names of one split. Raises DataError when it is empty, saying which are not."""
    numbers = {str(number): title for number, title in enumerate(KNOWN["celeba"].splits)}
    assigned = [partition[name].strip() for name in names]
    unknown = sorted(set(assigned) - set(numbers))
    if unknown:
        raise DataError(f"{path} assigns {unknown[0]!r}; expected 0 (train), 1 (valid) or 2 (test). Get the table anew.")
    chosen = [name for name, number in zip(names, assigned, strict=True) if numbers[number] == split]
    if not chosen:
        there = ", ".join(title for number, title in numbers.items() if number in assigned)
        raise NoSplit(f"None of the {len(names):,} CelebA pictures here is in the split {split!r}. There is: {there}.")
    return chosen


def _signs(names: list[str], table: Table, columns: int, path: Path) -> torch.Tensor:
    """Return the attributes of these pictures, 1 and -1 (or 0) in the table, as (N, A) bool."""
    signs = np.empty((len(names), columns), bool)
    for index, name in enumerate(names):
        values = table[name].split()
        if len(values) != columns or not columns or not set(values) <= {"1", "-1", "0"}:
            raise DataError(f"{path}: the row of {name} should hold {columns} values, each 1 or -1. Get the table anew.")
        signs[index] = [value == "1" for value in values]
    return torch.from_numpy(signs)
