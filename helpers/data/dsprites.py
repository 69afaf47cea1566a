"""dSprites in its published archive, as a Source: white sprites on black that differ in five known factors.

    dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz          (or the same file directly in the data folder)

The archive holds every combination of shape (3), scale (6), orientation (40), x (32) and y (32) once, in order. It has no splits of
its own: here a tenth of it, chosen by a fixed hash, is "test".
"""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN, Allocate, Source
from helpers.settings import bars_hidden
from standins.drawing import hashed
from standins.sprites import FACTORS, SHAPE

NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FOLDERS = ("dsprites", ".")  # below the data folder
COLUMNS = ("color", *FACTORS)  # of latents_classes and latents_values; there is one colour
BLOCK = 4096  # pictures read at once


def dsprites_source(split: str, folder: Path) -> Source | None:
    """Return one split of the published archive as a Source, or None where it is not in the data folder."""
    for place in FOLDERS:
        path = folder / place / NAME
        if path.is_file():
            read = partial(_read, split, path)
            return Source("dsprites", split, f"dsprites-{split}", path.parent, (NAME,), "a tenth by hash", read)
    return None


def _read(split: str, path: Path, progress: bool, allocate: Allocate) -> Dataset:
    """Read the archive block by block (it unpacks to 3 GB) and keep the pictures of one split, in the order of the hash."""
    try:
        values = _values(path)
        rows = split_rows(len(values), split)
        if not len(rows):
            raise DataError(f"{path} holds {len(values)} pictures; its {split} split would be empty. {_again()}")
        images = allocate((len(rows), *SHAPE))
        _fill(images, path, rows, len(values), progress)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, DataError) or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise DataError(f"{path} ({path.stat().st_size:,} bytes) cannot be read: {error}. {_again()}") from error
    known, factors = KNOWN["dsprites"], torch.from_numpy(values[rows]).float()
    return Dataset("dsprites", split, torch.from_numpy(images), known.title, True, factors=factors, factor_names=tuple(FACTORS))


def split_rows(count: int, split: str) -> np.ndarray:
    """Return which rows of the archive, in which order, make a split: shuffled by a fixed hash, the first tenth is "test"."""
    order = hashed(torch.arange(count), 11).argsort(stable=True).numpy()
    return order[: count // 10] if split == "test" else order[count // 10 :]


def _values(path: Path) -> np.ndarray:
    """Return the five factors of every picture, (N, 5). Raises DataError when the archive is not laid out as published."""
    with np.load(path, allow_pickle=False) as archive:  # its metadata is pickled, and never touched
        missing = [name for name in ("imgs", "latents_values") if name not in archive.files]
        if missing:
            raise DataError(f"{path} lacks {', '.join(missing)}. It has: {', '.join(archive.files) or 'nothing'}. {_again()}")
        values = archive["latents_values"]
    if values.ndim != 2 or values.shape[1] != len(COLUMNS) or values.dtype.kind != "f" or not np.isfinite(values).all():
        form = f"{values.dtype} {values.shape}"
        raise DataError(f"{path}: latents_values is {form}; expected finite numbers (N, 6): {', '.join(COLUMNS)}. {_again()}")
    return values[:, 1:]


def _fill(images: np.ndarray, path: Path, rows: np.ndarray, count: int, progress: bool) -> None:
    """Write the archive's pictures number `rows` into images (len(rows), 1, 64, 64), 0 or 255."""
    place = np.full(count, -1)
    place[rows] = np.arange(len(rows))
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        shape, kind = _header(file)
        if shape != (count, *SHAPE[1:]) or kind != np.uint8:
            raise DataError(f"{path}: imgs is {kind} {shape}; expected uint8 {(count, *SHAPE[1:])}. {_again()}")
        for start in tqdm(range(0, count, BLOCK), "dsprites", unit=" blocks", disable=not progress or bars_hidden()):
            size = min(BLOCK, count - start)
            raw = file.read(size * 64 * 64)
            if len(raw) < size * 64 * 64:
                raise DataError(f"{path} ends within picture {start + len(raw) // 4096:,} of {count:,}. {_again()}")
            block = np.frombuffer(raw, np.uint8).reshape(size, *SHAPE)
            if block.max() > 1:
                raise DataError(f"{path}: imgs holds the value {block.max()}; expected 0 and 1 only. {_again()}")
            wanted = place[start : start + size]
            images[wanted[wanted >= 0]] = block[wanted >= 0] * np.uint8(255)


def _header(file) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of the array in an open .npy file, which is left at its first value."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(file)
    if fortran:
        raise DataError("imgs is stored column by column; the published archive is not.")
    return shape, kind


def _again() -> str:
    return "Get it anew: python -m helpers data download dsprites --force"
