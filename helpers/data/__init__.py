"""Data sets: `load(name, split)` gives images with what is known about them, real where they are there, else drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

import standins
from helpers import settings
from helpers.data import sources, store
from helpers.data.dataset import DataError, Dataset, to_float
from helpers.data.known import KNOWN
from helpers.data.sources import status

__all__ = ["DataError", "Dataset", "load", "standin", "status", "to_float"]

COUNTS = {"train": 10_000, "valid": 2_000, "test": 2_000}  # of a stand-in, where no number is asked for


def load(
    name: str | Path,
    split: str = "train",
    n: int | None = None,
    *,
    size: int | None = None,
    seed: int | None = None,
    quiet: bool = False,
    skip_corrupt: bool = False,
) -> Dataset:
    """Return a data set: the real one where this machine has it, otherwise its drawn stand-in; never the network.

    name: fashion, mnist, cifar10, celeba, dsprites, the name of your own arrays, or the path of a folder of images
    n: how many images; the first ones, or, from a folder, evenly spread over it (default: all; stand-ins: 10,000 to
    train, 2,000 otherwise, and any number on request)
    size: height and width, for celeba and folders (default 64); seed: of a stand-in (default: the course's)
    quiet: print nothing; skip_corrupt: leave images out that cannot be decoded

    `VAE_COURSE_STANDINS=1` forces the stand-ins. Prints one line that says what is used.
    Raises DataError when the name or split is unknown, n is too large, or a file is not what it should be.
    Shown in notebook 00.
    """
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < 1):
        raise DataError(f"n is {n!r}; it must be a whole number of images, 1 or more. Leave it out for all.")
    size, folder, known = sources.image_size(str(name), size), settings.data_folder(), str(name) in KNOWN
    drawn = known and settings.standins_forced()
    source = None if drawn else sources.find(name, split, folder, size, skip_corrupt=skip_corrupt)
    if source is not None:
        dataset = _first(store.open_prepared(source, folder, progress=not quiet), n)
    elif known:
        dataset = standin(str(name), split, n, settings.seed() if seed is None else seed)
        dataset = replace(dataset, images=_resized(dataset.images, size))
    else:
        raise DataError(
            f"There is no data set {str(name)!r}. Known: {', '.join(KNOWN)}. The path of a folder of images works too, "
            "and so do your own arrays (arrays/NAME-train.npz in the data folder)."
        )
    if not quiet:
        print(dataset.describe())
    return dataset


def standin(name: str, split: str, n: int | None, seed: int) -> Dataset:
    """Return n drawn images of a known set (default: 10,000 to train, 2,000 otherwise), the same for the same name, split and seed.

    Raises DataError when there is no such split.
    """
    if split not in KNOWN[name].splits:
        raise DataError(f"{name} has no split {split!r}. It has: {', '.join(KNOWN[name].splits)}.")
    return Dataset(name, split, is_real=False, **vars(standins.generate(name, split, n or COUNTS[split], seed)))


def _resized(images: Tensor, size: int | None) -> Tensor:
    """Return images (N, C, H, W) uint8 at another size, antialiased."""
    if size is None or images.shape[-1] == size:
        return images
    smooth = [interpolate(block.float(), (size, size), mode="bicubic", antialias=True) for block in images.split(256)]
    return torch.cat([block.round_().clamp_(0, 255).to(torch.uint8) for block in smooth])


def _first(dataset: Dataset, n: int | None) -> Dataset:
    """Return n images: the first ones of a known set, evenly spread ones of a sorted folder."""
    if n is None or n == len(dataset):
        return dataset
    if n > len(dataset):
        raise DataError(f"{dataset.describe()}: there are no {n:,} images. Ask for {len(dataset):,} at most, or leave n out.")
    return dataset.subset(n if dataset.name in KNOWN else torch.arange(n) * len(dataset) // n)
