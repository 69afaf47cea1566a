"""The data sets that the course knows by name, and `Source`: files on the disk that can be decoded into a Dataset."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.data.dataset import DataError, Dataset

Allocate = Callable[[tuple[int, ...]], np.ndarray]  # a shape goes in, an array of uint8 to be filled comes out
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Known:
    """What is fixed about a set; shape: (C, H, W) of an image; place: its official files in the data folder, a file pattern."""

    title: str
    shape: tuple[int, int, int]
    place: str
    splits: tuple[str, ...] = ("train", "test")
    class_names: tuple[str, ...] = ()


GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
KNOWN = {
    "fashion": Known("Fashion-MNIST", (1, 28, 28), "FashionMNIST", class_names=GARMENTS),
    "mnist": Known("MNIST", (1, 28, 28), "MNIST", class_names=tuple("0123456789")),
    "cifar10": Known("CIFAR-10", (3, 32, 32), "cifar-10-*", class_names=OBJECTS),
    "celeba": Known("CelebA", (3, 64, 64), "celeba", ("train", "valid", "test")),  # at any size
    "dsprites": Known("dSprites", (1, 64, 64), "dsprites"),
}


@dataclass(frozen=True)
class Source:
    """Files on the disk that hold one split of a data set.

    name, split: as in Dataset;  key: its name in the prepared store (letters, digits, - and _)
    root, files: every file it is made from, as paths below `root`
    recipe: everything else that the pixels depend on, such as the crop and the size
    read: (progress, allocate) -> Dataset, the images in an array that `allocate` has made, or in the first rows of it
    """

    name: str
    split: str
    key: str
    root: Path
    files: tuple[str, ...]
    recipe: str
    read: Callable[[bool, Allocate], Dataset]

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with the recipe, and with a file's name, size or time of change."""
        digest = hashlib.sha256(f"{self.key}\n{self.recipe}\n".encode())
        for file in self.files:
            path = os.path.join(self.root, file)
            found = os.stat(path) if os.path.exists(path) else None  # none: a broken link
            state = f"{found.st_size}\0{found.st_mtime_ns}" if found else ""
            digest.update(f"{file}\0{state}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]

    def decode(self, progress: bool = False, allocate: Allocate = lambda shape: np.empty(shape, np.uint8)) -> Dataset:
        """Return the decoded images with what is known about them. Raises DataError when a file is not what it should be."""
        return self.read(progress, allocate)


@contextlib.contextmanager
def reading(path: str | Path, advice: str) -> Iterator[None]:
    """Turn what a library says about a damaged file into a DataError that names the file; a full disk keeps its error."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # NumPy, zipfile, zlib, pickle and Pillow each have their own
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise
        size = f"{os.path.getsize(path):,} bytes" if os.path.exists(path) else "not there"
        raise DataError(f"{path} ({size}) cannot be read: {error or type(error).__name__}. {advice}") from error


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the error of a full disk into a DataError that says how much is free, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise DataError(
            f"The disk is full: {shutil.disk_usage(folder).free / 1e6:,.0f} MB are free in {folder}. Free some space, or let "
            "VAE_COURSE_DATA name a folder on a larger disk; then run the same again."
        ) from error


def get_anew(name: str) -> str:
    """Return the advice to download a set anew."""
    return f"Get it anew: python -m helpers data download {name} --force"
