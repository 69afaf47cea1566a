"""The form in which every data set travels through the course: images with what is known about them, and their source."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


class DataError(ValueError):
    """Something is wrong with a data set; the message says what, and what to do about it."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and what is known about them.

    name, split: as asked for, for example "fashion", "train"
    images: (N, C, H, W) uint8, on the CPU (possibly memory-mapped)
    source: one line for people, for example "Fashion-MNIST"; is_real: False for a drawn stand-in
    labels: (N,) int64, or None;          class_names: one name per label value
    attributes: (N, A) bool, or None;     attribute_names: A names (CelebA's own, for faces)
    factors: (N, F) float32, or None;     factor_names: F names (of drawn images and dSprites)
    """

    name: str
    split: str
    images: Tensor
    source: str
    is_real: bool
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of one image."""
        return tuple(self.images.shape[1:])

    def subset(self, which: int | slice | Tensor) -> Dataset:
        """Return the first `which` items, or those of a slice, an index tensor (M,) or a mask (N,) bool."""
        if not isinstance(which, slice) and np.ndim(which) == 0:  # a number, NumPy's and torch's included
            which = slice(int(which))
        columns = {name: getattr(self, name) for name in ("images", "labels", "attributes", "factors")}
        return replace(self, **{name: column[which] for name, column in columns.items() if column is not None})

    def attribute(self, name: str) -> Tensor:
        """Return one attribute as (N,) bool. Raises DataError, listing those there are, when it is unknown."""
        return self._column("attribute", self.attributes, self.attribute_names, name)

    def factor(self, name: str) -> Tensor:
        """Return one known factor as (N,) float32. Raises DataError, listing those there are, when it is unknown."""
        return self._column("factor", self.factors, self.factor_names, name)

    def _column(self, kind: str, table: Tensor | None, names: tuple[str, ...], name: str) -> Tensor:
        if table is None or name not in names:
            there = f"It has: {', '.join(names)}." if names else f"It has no {kind}s at all."
            raise DataError(f"{self.source} has no {kind} {name!r}. {there}")
        return table[:, names.index(name)]

    def describe(self) -> str:
        """Return the one line that says what this is and where it comes from."""
        shape = "×".join(map(str, self.shape))
        return f"{self.name} · {self.split} · {len(self):,} images {shape} · {self.source}"

    def __repr__(self) -> str:
        return f"<Dataset {self.describe()}>"


def to_float(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]; float images keep their values, as float32."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images.float()
