"""The picture sets that the course knows by name, and `Source`: files on the disk that can be decoded into a Dataset."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.data.dataset import DataError, Dataset


class NoSplit(DataError):
    """The set is there, but not this split of it."""


@dataclass(frozen=True)
class Known:
    """What is fixed about a set: its title, the shape (C, H, W) of an image, its splits and class names.

    resizable: whether another size than that may be asked for
    """

    title: str
    shape: tuple[int, int, int]
    splits: tuple[str, ...]
    class_names: tuple[str, ...]
    resizable: bool = False


KNOWN = {
    "fashion": Known(
        "Fashion-MNIST",
        (1, 28, 28),
        ("train", "test"),
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "mnist": Known("MNIST", (1, 28, 28), ("train", "test"), tuple("0123456789")),
    "cifar10": Known(
        "CIFAR-10",
        (3, 32, 32),
        ("train", "test"),
        tuple("airplane automobile bird cat deer dog frog horse ship truck".split()),
    ),
    "celeba": Known("CelebA", (3, 64, 64), ("train", "valid", "test"), (), resizable=True),
    "dsprites": Known("dSprites", (1, 64, 64), ("train", "test"), ()),
}

Allocate = Callable[[tuple[int, ...]], np.ndarray]  # a shape goes in, an array of uint8 to be filled comes out


def in_memory(shape: tuple[int, ...]) -> np.ndarray:
    """Return an uninitialised uint8 array."""
    return np.empty(shape, np.uint8)


@dataclass(frozen=True)
class Source:
    """Files on the disk that hold one split of a picture set.

    name, split: as in Dataset
    key: what the prepared store calls it: letters, digits, - and _ only
    root, files: every file it is made from, as paths below `root`
    recipe: everything else that the pixels depend on, such as the crop and the size
    read: (progress, allocate) -> Dataset, the pictures in an array that `allocate` has made
    """

    name: str
    split: str
    key: str
    root: Path
    files: tuple[str, ...]
    recipe: str
    read: Callable[[bool, Allocate], Dataset]

    def fingerprint(self) -> str:
        """Return 16 hex digits that change when a file's name, size or time of change does, or the recipe.

        Raises DataError when a file cannot be looked at.
        """
        digest = hashlib.sha256(f"{self.key}\n{self.recipe}\n".encode())
        for file in self.files:
            try:
                found = os.stat(os.path.join(self.root, file))
            except OSError as error:
                raise DataError(f"{self.root / file} cannot be read ({error.strerror}). Check the file.") from error
            digest.update(f"{file}\0{found.st_size}\0{found.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]

    def decode(self, progress: bool = False, allocate: Allocate = in_memory) -> Dataset:
        """Return the decoded pictures with what is known about them; `progress` shows a bar where it takes long.

        Raises DataError when a file is not what it should be.
        """
        return self.read(progress, allocate)


def fill(array: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Copy `values` into the freshly allocated `array` of the same shape; return it."""
    array[...] = values
    return array
