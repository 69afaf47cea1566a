"""The known sets in their official files: the data folder goes in, a Source for each split comes out.

`LAYOUTS` has their names below the data folder. dSprites has no splits of its own: here a tenth of it, chosen by a fixed hash, is
"test". CelebA may be packed as by its authors or by Kaggle; its bounding-box, landmark and identity tables are not needed:

    celeba/img_align_celeba/000001.jpg …          (or img_align_celeba/img_align_celeba/, as in Kaggle's zip)
    celeba/list_attr_celeba.txt   or .csv         40 attributes, each 1 or -1
    celeba/list_eval_partition.txt   or .csv      0 train, 1 valid, 2 test
"""

from __future__ import annotations

import hashlib
import math
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from helpers.data.dataset import DataError, Dataset
from helpers.data.image_files import as_rgb, centre_square, decode_files, to_array
from helpers.data.known import KNOWN, Allocate, Source, get_anew, reading
from helpers.settings import bars_hidden
from standins.drawing import hashed
from standins.sprites import FACTORS, SHAPE

IMAGES, CROP = "img_align_celeba", 140  # of CelebA: the folder, and the side of the centre crop
BLOCK = 4096  # sprites read at once: the archive unpacks to 3 GB


def official_sources(name: str, folder: Path) -> dict[str, Source]:
    """Return split → Source, empty where none of the official files is there. Raises DataError when only some are."""
    place, splits, parse = LAYOUTS[name]
    base, wanted = folder / place, sorted({file for files in splits.values() for file in files})
    missing = [file for file in wanted if not (base / file).is_file()]
    if len(missing) == len(wanted):
        return {}
    if missing:
        raise DataError(f"{base} lacks {', '.join(missing)}. {get_anew(name)}")
    return {
        split: Source(
            name, split, f"{name}-{split}", base, tuple(files), "official", partial(parse, name, split, [base / f for f in files])
        )
        for split, files in splits.items()
    }


def _idx(name: str, split: str, paths: list[Path], progress: bool, allocate: Allocate) -> Dataset:
    """Read the images and the labels of MNIST or Fashion-MNIST."""
    images, labels = (_idx_array(path, dimensions, name) for path, dimensions in zip(paths, (3, 1), strict=True))
    with reading(paths[0], get_anew(name)):
        if images.shape[1:] != (28, 28) or len(images) != len(labels) or labels.max() > 9:
            found = f"{images.shape} images, and {len(labels)} labels up to {labels.max()} in {paths[1].name}"
            raise ValueError(f"{found}; expected 28×28, as many labels, 0 to 9")
    return _labelled(name, split, images[:, None], labels, allocate)


def _idx_array(path: Path, dimensions: int, name: str) -> np.ndarray:
    """Return an idx file of bytes: two zeros, the type (8), the number of dimensions, their sizes (big-endian), the values."""
    with reading(path, get_anew(name)):
        content, start, magic = path.read_bytes(), 4 + 4 * dimensions, bytes((0, 0, 8, dimensions))
        if content[:4] != magic:
            raise ValueError(f"it begins with {content[:4].hex(' ')!r}; an idx file of this kind begins with {magic.hex(' ')}")
        shape = tuple(map(int, np.frombuffer(content, ">u4", dimensions, 4)))
        if len(content) != start + math.prod(shape) or 0 in shape:
            raise ValueError(f"its header promises {start + math.prod(shape):,} bytes")
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _cifar(name: str, split: str, paths: list[Path], progress: bool, allocate: Allocate) -> Dataset:
    """Read CIFAR-10's batches; nothing is unpickled that does not have its published checksum."""
    from torchvision.datasets import CIFAR10  # slow to import, and needed here alone

    published, batches = dict(CIFAR10.train_list + CIFAR10.test_list), []
    for path in paths:
        with reading(path, get_anew(name)):
            content = path.read_bytes()
            if (found := hashlib.md5(content, usedforsecurity=False).hexdigest()) != published[path.name]:
                raise ValueError(f"its md5 is {found}; expected {published[path.name]}")
            batches.append(pickle.loads(content, encoding="latin1"))
    images, labels = (np.concatenate([batch[entry] for batch in batches]) for entry in ("data", "labels"))
    return _labelled(name, split, images.reshape(-1, 3, 32, 32), labels, allocate)


def _labelled(name: str, split: str, images: np.ndarray, labels: np.ndarray, allocate: Allocate) -> Dataset:
    known, kept = KNOWN[name], allocate(images.shape)
    kept[...] = images
    targets = torch.from_numpy(labels.astype(np.int64))
    return Dataset(name, split, torch.from_numpy(kept), known.title, True, targets, known.class_names)


def split_rows(count: int, split: str) -> np.ndarray:
    """Return which rows of dSprites, in which order, make a split: shuffled by a fixed hash, the first tenth is "test"."""
    order = hashed(torch.arange(count), 11).argsort(stable=True).numpy()
    return order[: count // 10] if split == "test" else order[count // 10 :]


def _dsprites(name: str, split: str, paths: list[Path], progress: bool, allocate: Allocate) -> Dataset:
    """Read dSprites block by block and keep the images of one split, 0 or 255; its pickled metadata is never touched."""
    with reading(paths[0], get_anew(name)), zipfile.ZipFile(paths[0]) as archive:
        with archive.open("latents_values.npy") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
        rows, count = split_rows(len(values), split), len(values)
        images, place = allocate((len(rows), *SHAPE)), np.full(count, -1)
        place[rows] = np.arange(len(rows))
        with archive.open("imgs.npy") as file:
            np.lib.format.read_magic(file)
            shape, _, kind = np.lib.format.read_array_header_1_0(file)
            if (shape, kind, values.shape) != ((count, *SHAPE[1:]), np.uint8, (count, 1 + len(FACTORS))):
                raise ValueError(f"imgs is {kind} {shape}, latents_values {values.shape}; expected uint8 (N, 64, 64), (N, 6)")
            for start in tqdm(range(0, count, BLOCK), name, unit=" blocks", disable=not progress or bars_hidden()):
                wanted = place[start : start + BLOCK]
                block = np.frombuffer(file.read(len(wanted) * 64 * 64), np.uint8).reshape(len(wanted), *SHAPE)
                images[wanted[wanted >= 0]] = (block[wanted >= 0] > 0) * np.uint8(255)
    factors = torch.from_numpy(values[rows, 1:]).float()  # column 0 is the colour, of which there is one
    title, names = KNOWN[name].title, tuple(FACTORS)
    return Dataset(name, split, torch.from_numpy(images), title, True, factors=factors, factor_names=names)


IDX = {split: (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte") for split, stem in (("train", "train"), ("test", "t10k"))}
BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
DSPRITES = dict.fromkeys(("train", "test"), ("dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",))
LAYOUTS: dict[str, tuple[str, Mapping[str, Sequence[str]], Callable[..., Dataset]]] = {  # folder, files of each split, reader
    "fashion": ("FashionMNIST/raw", IDX, _idx),
    "mnist": ("MNIST/raw", IDX, _idx),
    "cifar10": ("cifar-10-batches-py", BATCHES, _cifar),
    "dsprites": ("dsprites", DSPRITES, _dsprites),
}


def read_face(path: str, size: int) -> np.ndarray:
    """Return the centre crop 140 of an aligned CelebA image, antialiased to (3, size, size) uint8."""
    with Image.open(path) as image:
        return to_array(as_rgb(centre_square(image, CROP)), size)


def celeba_sources(folder: Path, size: int, skip_corrupt: bool = False) -> dict[str, Source]:
    """Return split → Source for the splits of which an image is here. Raises DataError when a table is missing or does not fit."""
    base, known = folder / KNOWN["celeba"].place, KNOWN["celeba"]
    images = next((path for path in (base / IMAGES, base / IMAGES / IMAGES) if any(path.glob("*.jpg"))), None)
    if images is None:
        return {}
    names = sorted(name for name in os.listdir(images) if name.endswith(".jpg"))
    signs, assigned = (_table_path(base, stem) for stem in ("list_attr_celeba", "list_eval_partition"))
    _, partition, rows = _read_table(assigned, names, {"0", "1", "2"})
    title, found = known.title + (f" ({len(names):,} of {rows:,} images)" if rows != len(names) else ""), {}
    for number, split in enumerate(known.splits):
        chosen = [names[index] for index in np.flatnonzero(partition[:, 0] == number)]
        if chosen:
            key = f"celeba{size}-{split}" + "-skipping" * skip_corrupt
            files = (signs.name, assigned.name, *(f"{images.relative_to(base).as_posix()}/{name}" for name in chosen))
            read = partial(_celeba, split, title, images, chosen, signs, size, skip_corrupt)
            found[split] = Source("celeba", split, key, base, files, f"crop {CROP}, Lanczos {size}, {title}", read)
    return found


def _table_path(base: Path, stem: str) -> Path:
    """Return the .txt or .csv form of a table. Raises DataError when there is neither."""
    for path in (base / f"{stem}.txt", base / f"{stem}.csv"):
        if path.is_file():
            return path
    raise DataError(
        f"{base} has images but neither {stem}.txt (the official table) nor {stem}.csv (Kaggle's). Put one of them there, "
        "or run: python -m helpers data download celeba"
    )


def _celeba(
    split: str, title: str, images: Path, names: list[str], table: Path, size: int, skip: bool, progress: bool, allocate: Allocate
) -> Dataset:
    """Read the attributes and decode the images of one split."""
    columns, signs, _ = _read_table(table, names, {"1", "-1", "0"})
    paths = [os.path.join(images, name) for name in names]
    pixels, kept, note = decode_files(paths, read_face, size, skip, progress, allocate)
    attributes = torch.from_numpy(signs[kept] == 1)
    return Dataset("celeba", split, pixels, title + note, True, attributes=attributes, attribute_names=columns)


def _read_table(path: Path, names: list[str], allowed: set[str]) -> tuple[tuple[str, ...], np.ndarray, int]:
    """Return the column names, the whole numbers of these images (N, columns), and how many images the table has.

    Cells lie between spaces or commas; the column names are in the line above the images (the partition table may lack it).
    Rows without an image are allowed. Raises DataError when an image has no row of allowed values.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace").replace(",", " ")
    lines = [line.strip().partition(" ") for line in text.splitlines()]
    rows = {name: row for name, _, row in lines if name.endswith(".jpg")}
    heads = [(first + " " + rest).split() for first, _, rest in lines if not first.endswith(".jpg")]
    columns = [word for head in heads for word in head if word != "image_id" and not word.isdecimal()] or ["partition"]
    values = np.empty((len(names), len(columns)), np.int8)
    for index, name in enumerate(names):
        cells = rows.get(name, "").split()
        if len(cells) != len(columns) or not allowed.issuperset(cells):
            found = f"has {' '.join(cells)[:40]!r}" if name in rows else "is missing"
            wanted = f"{len(columns)} of {', '.join(sorted(allowed))}"
            raise DataError(f"{path}: the row of {name} {found}; expected {wanted}. Get images and tables from the same place.")
        values[index] = [int(cell) for cell in cells]
    return tuple(columns), values, len(rows)
