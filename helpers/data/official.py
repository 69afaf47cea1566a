"""Fashion-MNIST, MNIST and CIFAR-10 in their official files, opened by torchvision's own classes; each becomes a Source."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN, Allocate, Source, fill

IDX_FOLDERS = {"fashion": "FashionMNIST", "mnist": "MNIST"}  # as torchvision names them
IDX_STEMS = {"train": "train", "test": "t10k"}
IDX_UNSIGNED_BYTE = 0x08
CIFAR_FOLDER = "cifar-10-batches-py"


def _again(name: str) -> str:
    return f"Get it anew: python -m helpers data download {name} --force"


# ---- idx files


def idx_source(name: str, split: str, folder: Path) -> Source | None:
    """Return the idx files of MNIST or Fashion-MNIST as a Source, or None where there is none of the four.

    Raises DataError when only some of the four are there (torchvision opens all or none).
    """
    raw = folder / IDX_FOLDERS[name] / "raw"
    every = [file for stem in IDX_STEMS.values() for file in _idx_files(stem)]
    missing = [file for file in every if not (raw / file).is_file()]
    if len(missing) == len(every):
        return None
    if missing:
        raise DataError(f"{raw} lacks {', '.join(missing)}; expected {', '.join(every)}. {_again(name)}")
    files = _idx_files(IDX_STEMS[split])

    def read(progress: bool, allocate: Allocate) -> Dataset:
        return _read_idx(name, split, folder, raw, allocate)

    return Source(name, split, f"{name}-{split}", raw, files, "idx", read)


def _idx_files(stem: str) -> tuple[str, str]:
    return f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"


def _read_idx(name: str, split: str, folder: Path, raw: Path, allocate: Allocate) -> Dataset:
    """Check the headers, which torchvision believes, then let it read."""
    pictures_file, labels_file = (raw / file for file in _idx_files(IDX_STEMS[split]))
    count, *shape = _idx_dimensions(pictures_file, 3, name)
    (label_count,) = _idx_dimensions(labels_file, 1, name)
    known = KNOWN[name]
    if tuple(shape) != known.shape[1:]:
        raise DataError(f"{pictures_file} holds pictures of {shape[0]}×{shape[1]}; expected 28×28. {_again(name)}")
    if count != label_count:
        raise DataError(f"{pictures_file} holds {count:,} pictures but {labels_file.name} {label_count:,} labels. {_again(name)}")
    opened = _open_idx(name, split, folder)
    if int(opened.targets.max()) >= len(known.class_names):
        raise DataError(f"{labels_file} holds a label {int(opened.targets.max())}; expected 0 to 9. {_again(name)}")
    pictures = opened.data.numpy()[:, None]
    images = torch.from_numpy(fill(allocate(pictures.shape), pictures))
    return Dataset(name, split, images, known.title, True, labels=opened.targets.long(), class_names=known.class_names)


def _open_idx(name: str, split: str, folder: Path):
    """Return torchvision's dataset."""
    from torchvision import datasets  # slow to import, and needed here alone

    try:
        return getattr(datasets, IDX_FOLDERS[name])(str(folder), train=split == "train")
    except (RuntimeError, ValueError, TypeError, AssertionError, OSError) as error:
        raise DataError(f"torchvision cannot open {folder / IDX_FOLDERS[name]}: {error}. {_again(name)}") from error


def _idx_dimensions(path: Path, expected: int, name: str) -> tuple[int, ...]:
    """Return the dimensions in an idx file's header. Raises DataError when the magic number or the length is wrong."""
    with open(path, "rb") as file:
        header = file.read(4 * (expected + 1))
    magic = bytes((0, 0, IDX_UNSIGNED_BYTE, expected))
    if header[:4] != magic:
        raise DataError(f"{path} begins with {header[:4].hex(' ') or 'nothing'}; an idx file of this kind begins with "
                        f"{magic.hex(' ')}. {_again(name)}")  # fmt: skip
    dimensions = tuple(int(value) for value in np.frombuffer(header[4 : 4 * (len(header) // 4)], ">u4"))
    found, wanted = path.stat().st_size, len(header) + int(np.prod(dimensions, dtype=np.int64))
    if len(dimensions) != expected or found != wanted or 0 in dimensions:
        raise DataError(f"{path} is {found:,} bytes long; its header promises {wanted:,}. {_again(name)}")
    return dimensions


# ---- CIFAR-10


def cifar_source(split: str, folder: Path) -> Source | None:
    """Return CIFAR-10's python batches as a Source, or None where their folder is missing."""
    if not (folder / CIFAR_FOLDER).is_dir():
        return None
    batches = [f"data_batch_{number}" for number in range(1, 6)] if split == "train" else ["test_batch"]
    for batch in (*batches, "batches.meta"):
        if not (folder / CIFAR_FOLDER / batch).is_file():
            raise DataError(f"{folder / CIFAR_FOLDER} lacks {batch}. {_again('cifar10')}")

    def read(progress: bool, allocate: Allocate) -> Dataset:
        opened = _open_cifar(split, folder)
        images = torch.from_numpy(fill(allocate((len(opened.data), 3, 32, 32)), opened.data.transpose(0, 3, 1, 2)))
        known, labels = KNOWN["cifar10"], torch.tensor(opened.targets)
        return Dataset("cifar10", split, images, known.title, True, labels=labels, class_names=known.class_names)

    return Source("cifar10", split, f"cifar10-{split}", folder / CIFAR_FOLDER, tuple(batches), "batches", read)


def _open_cifar(split: str, folder: Path):
    """Return torchvision's dataset; it checks the md5 of every batch before it unpickles one."""
    from torchvision.datasets import CIFAR10

    try:
        return CIFAR10(str(folder), train=split == "train")
    except (RuntimeError, OSError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = _what_is_wrong(folder / CIFAR_FOLDER)
        raise DataError(reason or f"{folder / CIFAR_FOLDER}: {error}. {_again('cifar10')}") from error


def _what_is_wrong(batches: Path) -> str:
    """Return which batch is missing or does not have its published checksum, or "" when all are well."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import calculate_md5

    for file, md5 in [*CIFAR10.train_list, *CIFAR10.test_list, [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]]:
        path = batches / file
        if not path.is_file():
            return f"{batches} lacks {file}. {_again('cifar10')}"
        if (found := calculate_md5(str(path))) != md5:
            return f"{path} ({os.path.getsize(path):,} bytes) has md5 {found}; expected {md5}. {_again('cifar10')}"
    return ""
