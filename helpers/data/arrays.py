"""One's own arrays: `arrays/{name}-{split}.npz` or `arrays/{name}{size}-{split}.npz` in the data folder become a Source.

| entry | what it holds |
|---|---|
| `images` | uint8 (N, C, H, W), or (N, H, W, C), or (N, H, W) for grey; C is 1 or 3, and channels first wins where both fit |
| `labels` | optional: whole numbers (N,) from 0; `class_names` (K,), optional, names them |
| `attributes` | optional: (N, A) of true or false, with `attribute_names` (A,) |
| `source` | optional: one line that says what this is |

They win over the official files of the same name, since one puts them there on purpose. Pickled objects are refused.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN, Allocate, Source, reading

MOST_CLASSES = 10_000  # where no class_names say how many


def array_splits(name: str, folder: Path, size: int | None) -> dict[str, Path]:
    """Return split → file for the arrays that are there; a file whose name says the size goes first."""
    found = {}
    for stem in (name,) if size is None else (name, f"{name}{size}"):
        for path in sorted((folder / "arrays").glob(f"{stem}-*.npz")):
            split = path.stem.removeprefix(f"{stem}-")
            if "-" not in split:
                found[split] = path
    return found


def array_source(name: str, split: str, path: Path, size: int | None) -> Source:
    """Return the arrays in `path` as a Source; `size` is the height and width to insist on, or None."""
    recipe, read = f"arrays of {name}, size {size}", partial(_read, name, split, path, size)
    return Source(name, split, f"arrays-{name}-{path.stem}", path.parent, (path.name,), recipe, read)


def _read(name: str, split: str, path: Path, size: int | None, progress: bool, allocate: Allocate) -> Dataset:
    """Check every entry of the archive, and copy the images to where they are wanted."""
    advice = "Expected an .npz file with plain arrays (images, and optionally labels, attributes). Write it anew, or move it away."
    with reading(path, advice), open(path, "rb") as file:  # np.load itself leaves a damaged file open
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is a single array, not an archive; write it with numpy.savez(path, images=...)")
        entries = {key: archive[key] for key in archive.files}
    try:
        images = _images(entries, name, size)
        labels, class_names = _labels(entries, name, len(images))
        attributes, attribute_names = _attributes(entries, len(images))
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from error
    title = KNOWN[name].title if name in KNOWN else name
    source = str(entries.get("source", f"{title} (arrays/{path.name})"))
    kept = allocate(images.shape)
    kept[...] = images
    return Dataset(name, split, torch.from_numpy(kept), source, True, labels, class_names, attributes, attribute_names)


def _images(entries: dict[str, np.ndarray], name: str, size: int | None) -> np.ndarray:
    """Return the images as (N, C, H, W). Raises ValueError when they are none, or not what the course expects under this name."""
    if "images" not in entries:
        raise ValueError(f"there is no entry images; it has: {', '.join(entries) or 'nothing'}")
    images = entries["images"]
    form = f"images is {images.dtype} {images.shape}"
    if images.dtype != np.uint8:
        raise ValueError(f"{form}; expected uint8, 0 to 255: convert with (255 * images).round().astype('uint8')")
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"{form}; expected (N, C, H, W), (N, H, W, C) or (N, H, W) with C 1 or 3, not empty")
    channels, height, width = KNOWN[name].shape if name in KNOWN else images.shape[1:]
    wanted = (channels, size or height, size or width)
    if images.shape[1:] != wanted:
        found, wished = ("×".join(map(str, shape)) for shape in (images.shape[1:], wanted))
        raise ValueError(
            f"an image is {found}; expected {wished}: give arrays of another form a name of their own, such as my{name}"
        )
    return images


def _labels(entries: dict[str, np.ndarray], name: str, count: int) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return labels (N,) int64 and the class names."""
    labels = entries.get("labels")
    if labels is None:
        return None, ()
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels is {labels.dtype} {labels.shape}; expected whole numbers, one for each of {count:,} images")
    lowest, highest = int(labels.min()), int(labels.max())
    names = KNOWN[name].class_names if name in KNOWN else tuple(map(str, np.atleast_1d(entries.get("class_names", ()))))
    most = len(names) or MOST_CLASSES
    if lowest < 0 or highest >= most:
        raise ValueError(f"labels run from {lowest} to {highest}; expected 0 to {most - 1} ({most} classes)")
    return torch.from_numpy(labels.astype(np.int64)), names or tuple(map(str, range(highest + 1)))


def _attributes(entries: dict[str, np.ndarray], count: int) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return attributes (N, A) bool and their names."""
    attributes = entries.get("attributes")
    if attributes is None:
        return None, ()
    names = tuple(map(str, np.atleast_1d(entries.get("attribute_names", ()))))
    if attributes.shape != (count, len(names)) or not np.isin(attributes, (0, 1)).all():
        form = f"attributes is {attributes.dtype} {attributes.shape} with {len(names)} attribute_names"
        raise ValueError(f"{form}; expected ({count}, A) of true and false (0 and 1), with A names")
    return torch.from_numpy(attributes.astype(bool)), names
