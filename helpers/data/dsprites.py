"""dSprites in its published archive, as a Source: white sprites on black that differ in five known factors.

    dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz          (or the same file directly in the data folder)

The archive holds every combination of shape (3), scale (6), orientation (40), x (32) and y (32) once, in order. It has no splits of
its own: here a tenth of it, chosen by a fixed hash, is "test".
"""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from helpers.data.dataset import Dataset
from helpers.data.known import KNOWN, Allocate, Source, get_anew, reading
from helpers.settings import bars_hidden
from standins.drawing import hashed
from standins.sprites import FACTORS, SHAPE

NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
ENTRIES = ("imgs", "latents_values")
BLOCK = 4096  # images read at once: the archive unpacks to 3 GB


def dsprites_source(split: str, folder: Path) -> Source | None:
    """Return one split of the published archive as a Source, or None where it is not in the data folder."""
    for path in (folder / "dsprites" / NAME, folder / NAME):
        if path.is_file():
            return Source(
                "dsprites", split, f"dsprites-{split}", path.parent, (NAME,), "a tenth by hash", partial(_read, split, path)
            )
    return None


def split_rows(count: int, split: str) -> np.ndarray:
    """Return which rows of the archive, in which order, make a split: shuffled by a fixed hash, the first tenth is "test"."""
    order = hashed(torch.arange(count), 11).argsort(stable=True).numpy()
    return order[: count // 10] if split == "test" else order[count // 10 :]


def _read(split: str, path: Path, progress: bool, allocate: Allocate) -> Dataset:
    """Read the archive block by block and keep the images of one split, in the order of the hash."""
    with reading(path, get_anew("dsprites")):
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:  # its metadata is pickled, and never touched
            if missing := [name for name in ENTRIES if name not in archive.files]:
                raise ValueError(f"it lacks {', '.join(missing)}; it has: {', '.join(archive.files) or 'nothing'}")
            values = archive["latents_values"]
        if values.ndim != 2 or values.shape[1] != 1 + len(FACTORS) or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"latents_values is {values.dtype} {values.shape}; expected finite numbers (N, 6)")
        rows = split_rows(len(values), split)
        if not len(rows):
            raise ValueError(f"it holds {len(values)} images; its {split} split would be empty")
        images = allocate((len(rows), *SHAPE))
        _fill(images, path, rows, len(values), progress)
        factors = torch.from_numpy(values[rows, 1:]).float()  # column 0 is the colour, of which there is one
        return Dataset(
            "dsprites", split, torch.from_numpy(images), KNOWN["dsprites"].title, True, factors=factors, factor_names=tuple(FACTORS)
        )


def _fill(images: np.ndarray, path: Path, rows: np.ndarray, count: int, progress: bool) -> None:
    """Write the archive's images number `rows` into images (len(rows), 1, 64, 64), 0 or 255."""
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        np.lib.format.read_magic(file)
        shape, by_column, kind = np.lib.format.read_array_header_1_0(file)
        if shape != (count, *SHAPE[1:]) or kind != np.uint8 or by_column:
            order = " column by column" if by_column else ""
            raise ValueError(f"imgs is {kind} {shape}{order}; expected uint8 {(count, *SHAPE[1:])}, row by row")
        for start in tqdm(range(0, count, BLOCK), "dsprites", unit=" blocks", disable=not progress or bars_hidden()):
            raw = np.frombuffer(file.read(min(BLOCK, count - start) * 64 * 64), np.uint8)
            if len(raw) < min(BLOCK, count - start) * 64 * 64:
                raise ValueError(f"imgs ends within image {start + len(raw) // 4096:,} of {count:,}")
            if raw.max() > 1:
                raise ValueError(f"imgs holds the value {raw.max()}; expected 0 and 1 only")
            block, wanted = raw.reshape(-1, *SHAPE), place[start : start + BLOCK]
            images[wanted[wanted >= 0]] = block[wanted >= 0] * np.uint8(255)
