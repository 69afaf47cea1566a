"""CelebA in its official layout, or as Kaggle packs it: aligned JPEGs and the attribute and partition tables, as a Source.

    celeba/img_align_celeba/000001.jpg …          (or img_align_celeba/img_align_celeba/, as in Kaggle's zip)
    celeba/list_attr_celeba.txt   or .csv         40 attributes, each 1 or -1
    celeba/list_eval_partition.txt   or .csv      0 train, 1 valid, 2 test

The bounding-box, landmark and identity tables are not needed. An image: centre crop 140, antialiased resize.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from helpers.data.dataset import DataError, Dataset
from helpers.data.image_files import Decoder, as_rgb, centre_square, to_array
from helpers.data.known import KNOWN, Allocate, NoSplit, Source

IMAGES = "img_align_celeba"
CROP = 140
Table = dict[str, str]  # image name → the rest of its row


def read_face(path: str, size: int) -> np.ndarray:
    """Return the centre crop 140 of an aligned CelebA image, antialiased to (3, size, size) uint8."""
    with Image.open(path) as image:
        return to_array(as_rgb(centre_square(image, CROP)), size)


def celeba_source(split: str, folder: Path, size: int, skip_corrupt: bool = False) -> Source | None:
    """Return CelebA's images of one split as a Source, or None where there is no image. Raises DataError without its tables."""
    base = folder / KNOWN["celeba"].place
    for place in (IMAGES, f"{IMAGES}/{IMAGES}"):
        names = sorted(name for name in os.listdir(base / place) if name.endswith(".jpg")) if (base / place).is_dir() else []
        if names:
            break
    else:
        return None
    tables = [_table_path(base, stem) for stem in ("list_attr_celeba", "list_eval_partition")]
    files = (*(table.name for table in tables), *(f"{place}/{name}" for name in names))
    key = f"celeba{size}-{split}" + ("-skipping" if skip_corrupt else "")
    read = partial(_read, split, names, tables, Decoder(base / place, read_face, size, skip_corrupt))
    return Source("celeba", split, key, base, files, f"crop {CROP}, Lanczos {size}", read)


def _table_path(base: Path, stem: str) -> Path:
    """Return the .txt or .csv form of a table. Raises DataError when there is neither."""
    for path in (base / f"{stem}.txt", base / f"{stem}.csv"):
        if path.is_file():
            return path
    raise DataError(
        f"{base} has images but neither {stem}.txt (the official table) nor {stem}.csv (Kaggle's). Put one of them there, "
        "or run: python -m helpers data download celeba"
    )


def _read(split: str, names: list[str], tables: list[Path], decoder: Decoder, progress: bool, allocate: Allocate) -> Dataset:
    """Read the tables, check that they fit the images, and decode the images of one split."""
    (attribute_names, attributes), (_, partition) = (_read_table(path, names) for path in tables)
    numbers = {str(number): title for number, title in enumerate(KNOWN["celeba"].splits)}
    if unknown := {partition[name].strip() for name in names} - set(numbers):
        raise DataError(f"{tables[1]} assigns {min(unknown)!r}; expected 0 (train), 1 (valid) or 2 (test). Get the table anew.")
    assigned = [numbers[partition[name].strip()] for name in names]
    chosen = [name for name, title in zip(names, assigned, strict=True) if title == split]
    if not chosen:
        there = ", ".join(title for title in KNOWN["celeba"].splits if title in assigned)
        raise NoSplit(f"None of the {len(names):,} CelebA images here is in the split {split!r}. There is: {there}.")
    signs = _signs(chosen, attributes, len(attribute_names), tables[0])
    images, kept, note = decoder.decode(chosen, progress, allocate)
    title = "CelebA" if len(names) == len(attributes) else f"CelebA ({len(names):,} of {len(attributes):,} images)"
    return Dataset("celeba", split, images, title + note, True, attributes=signs[kept], attribute_names=attribute_names)


def _read_table(path: Path, names: list[str]) -> tuple[tuple[str, ...], Table]:
    """Return the column names and the rows of a table in its .txt form (cells between spaces) or its .csv form (commas).

    The official partition table has no header; the attribute table has the number of rows, then the column names.
    Raises DataError when an image has no row; rows without an image are allowed (a part of the set is there).
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace(",", " ")
    lines, columns, promised = [line.strip() for line in text.splitlines() if line.strip()], "", ""
    if path.suffix == ".csv" and lines:
        columns, lines = lines[0].partition(" ")[2], lines[1:]
    elif len(lines) > 1 and lines[0].isdecimal():
        promised, columns, lines = lines[0], lines[1], lines[2:]
    table = {name: row for name, _, row in (line.partition(" ") for line in lines)}
    if not lines or len(table) != len(lines) or (promised and int(promised) != len(lines)):
        told = f"; its first line promises {promised}" if promised else ""
        raise DataError(f"{path} has {len(lines):,} rows for {len(table):,} images{told}. Get the table anew.")
    if without := [name for name in names if name not in table]:
        raise DataError(
            f"{len(without):,} of {len(names):,} images in {path.parent} have no row in {path.name} ({', '.join(without[:3])}"
            f"{', …' * (len(without) > 3)}). Images and tables must belong together: get both from the same place."
        )
    return tuple(columns.split()), table


def _signs(names: list[str], table: Table, columns: int, path: Path) -> torch.Tensor:
    """Return the attributes of these images, 1 and -1 (or 0) in the table, as (N, A) bool."""
    signs = np.empty((len(names), columns), bool)
    for index, name in enumerate(names):
        values = table[name].split()
        if len(values) != columns or not columns or not set(values) <= {"1", "-1", "0"}:
            raise DataError(f"{path}: the row of {name} should hold {columns} values, each 1 or -1. Get the table anew.")
        signs[index] = [value == "1" for value in values]
    return torch.from_numpy(signs)
