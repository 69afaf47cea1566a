"""Fashion-MNIST, MNIST and CIFAR-10 in their official files; each split becomes a Source."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN, Allocate, Source, get_anew, reading

CIFAR_FOLDER = "cifar-10-batches-py"


def idx_source(name: str, split: str, folder: Path) -> Source | None:
    """Return the idx files of MNIST or Fashion-MNIST as a Source, or None where there is none of the four."""
    raw = folder / KNOWN[name].place / "raw"
    files = {stem: (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte") for stem in ("train", "t10k")}
    if not _all_there(raw, files["train"] + files["t10k"], name):
        return None
    images_file, labels_file = files["train" if split == "train" else "t10k"]

    def read(progress: bool, allocate: Allocate) -> Dataset:
        images, labels = _read_idx(raw / images_file, 3, name), _read_idx(raw / labels_file, 1, name)
        if images.shape[1:] != (28, 28) or len(images) != len(labels) or labels.max() > 9:
            found = f"{'×'.join(map(str, images.shape))} images and {len(labels):,} labels up to {labels.max()}"
            raise DataError(
                f"{raw / images_file} and {labels_file}: {found}; expected 28×28, as many labels, 0 to 9. {get_anew(name)}"
            )
        return _labelled(name, split, images[:, None], labels, allocate)

    return Source(name, split, f"{name}-{split}", raw, (images_file, labels_file), "idx", read)


def _all_there(base: Path, files: tuple[str, ...], name: str) -> bool:
    """Return whether files are there, False where none is. Raises DataError when only some are."""
    missing = [file for file in files if not (base / file).is_file()]
    if 0 < len(missing) < len(files):
        raise DataError(f"{base} lacks {', '.join(missing)}. {get_anew(name)}")
    return not missing


def _read_idx(path: Path, dimensions: int, name: str) -> np.ndarray:
    """Return an idx file of bytes. Raises DataError when the magic number or the length is wrong."""
    with reading(path, get_anew(name)):
        content, start = path.read_bytes(), 4 + 4 * dimensions
        magic = bytes((0, 0, 8, dimensions))
        if content[:4] != magic:
            found = content[:4].hex(" ") or "nothing"
            raise DataError(f"{path} begins with {found}; an idx file of this kind begins with {magic.hex(' ')}. {get_anew(name)}")
        shape = tuple(map(int, np.frombuffer(content, ">u4", dimensions, 4)))
        if len(content) != start + int(np.prod(shape, dtype=object)) or 0 in shape:
            wanted = start + int(np.prod(shape, dtype=object))
            raise DataError(f"{path} is {len(content):,} bytes long; its header promises {wanted:,}. {get_anew(name)}")
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def cifar_source(split: str, folder: Path) -> Source | None:
    """Return CIFAR-10's python batches as a Source, or None where none is there."""
    base, train = folder / CIFAR_FOLDER, tuple(f"data_batch_{number}" for number in range(1, 6))
    if not _all_there(base, (*train, "test_batch"), "cifar10"):
        return None
    files = train if split == "train" else ("test_batch",)

    def read(progress: bool, allocate: Allocate) -> Dataset:
        batches = [_read_batch(base / file) for file in files]
        images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        return _labelled("cifar10", split, images, np.concatenate([batch["labels"] for batch in batches]), allocate)

    return Source("cifar10", split, f"cifar10-{split}", base, files, "batches", read)


def _read_batch(path: Path) -> dict:
    """Return one batch. Raises DataError, before anything is unpickled, when it does not have its published checksum."""
    from torchvision.datasets import CIFAR10  # slow to import, and needed here alone

    content, published = path.read_bytes(), dict(CIFAR10.train_list + CIFAR10.test_list)
    if (found := hashlib.md5(content, usedforsecurity=False).hexdigest()) != published[path.name]:
        wrong = f"{path} ({len(content):,} bytes) has md5 {found}; expected {published[path.name]}"
        raise DataError(f"{wrong}. {get_anew('cifar10')}")
    return pickle.loads(content, encoding="latin1")


def _labelled(name: str, split: str, images: np.ndarray, labels: np.ndarray, allocate: Allocate) -> Dataset:
    known, kept = KNOWN[name], allocate(images.shape)
    kept[...] = images
    targets = torch.from_numpy(labels.astype(np.int64))
    return Dataset(name, split, torch.from_numpy(kept), known.title, True, targets, known.class_names)
