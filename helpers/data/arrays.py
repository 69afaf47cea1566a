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

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN, Allocate, Source, fill

Entries = dict[str, np.ndarray]


def array_splits(name: str, folder: Path, size: int | None) -> dict[str, Path]:
    """Return split → file for the arrays that are there; a file whose name says the size goes first."""
    stems = [name] if size is None else [name, f"{name}{size}"]
    found = {}
    for stem in stems:
        for path in sorted((folder / "arrays").glob(f"{stem}-*.npz")):
            split = path.stem.removeprefix(f"{stem}-")
            if "-" not in split:
                found[split] = path
    return found


def array_source(name: str, split: str, path: Path, size: int | None) -> Source:
    """Return the arrays in `path` as a Source; `size` is the height and width to insist on, or None."""

    def read(progress: bool, allocate: Allocate) -> Dataset:
        entries = _entries(path)
        images = _images(entries, path)
        _check_shape(name, images.shape[1:], size, path)
        labels, class_names = _labels(entries, name, len(images), path)
        attributes, attribute_names = _attributes(entries, len(images), path)
        title = KNOWN[name].title if name in KNOWN else name
        source = str(entries.get("source", f"{title} (arrays/{path.name})"))
        kept = torch.from_numpy(fill(allocate(images.shape), images))
        return Dataset(name, split, kept, source, True, labels, class_names, attributes, attribute_names)

    return Source(name, split, f"arrays-{name}-{path.stem}", path.parent, (path.name,), f"arrays of {name}, size {size}", read)


def _entries(path: Path) -> Entries:
    """Return everything in an .npz file. Raises DataError when it is damaged or holds pickled objects."""
    try:
        with open(path, "rb") as file:  # np.load itself leaves a damaged file open
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise DataError(f"{path} is a single array, not an .npz archive. Write it with numpy.savez(path, images=...).")
            return {key: archive[key] for key in archive.files}
    except DataError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} ({path.stat().st_size:,} bytes) cannot be read: {error}. Expected an .npz file with plain arrays "
            "(images, and optionally labels, attributes, attribute_names). Write it anew, or move it away."
        ) from error


def _images(entries: Entries, path: Path) -> np.ndarray:
    """Return the pictures as (N, C, H, W)."""
    images = entries.get("images")
    if images is None:
        raise DataError(f"{path} has no entry images. It has: {', '.join(entries) or 'nothing'}.")
    form = f"{images.dtype} {images.shape}"
    if images.dtype != np.uint8:
        raise DataError(f"{path}: images is {form}; expected uint8, 0 to 255. Convert with (255 * images).round().astype('uint8').")
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise DataError(f"{path}: images is {form}; expected (N, C, H, W), (N, H, W, C) or (N, H, W) with C 1 or 3, not empty.")
    return images


def _check_shape(name: str, shape: tuple[int, ...], size: int | None, path: Path) -> None:
    """Raise DataError when pictures (C, H, W) are not what the course expects under this name."""
    if name in KNOWN:
        wanted = (KNOWN[name].shape[0], size, size)
        advice = f"Rename the file if this is another set: arrays/my{name}-train.npz opens as load('my{name}')."
    else:
        wanted = (shape[0], size or shape[1], size or shape[2])
        advice = "Leave size out, or store the pictures at that size."
    if tuple(shape) != wanted:
        raise DataError(f"{path}: a picture is {_times(shape)}; expected {_times(wanted)}. {advice}")


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _labels(entries: Entries, name: str, count: int, path: Path) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return labels (N,) int64 and the class names."""
    labels = entries.get("labels")
    if labels is None:
        return None, ()
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        form = f"{labels.dtype} {labels.shape}"
        raise DataError(f"{path}: labels is {form}; expected whole numbers, one for each of {count:,} images.")
    highest, lowest = int(labels.max()), int(labels.min())
    names = KNOWN[name].class_names if name in KNOWN else tuple(map(str, np.atleast_1d(entries.get("class_names", ()))))
    names = names or tuple(map(str, range(highest + 1)))
    if lowest < 0 or highest >= len(names):
        raise DataError(f"{path}: labels run from {lowest} to {highest}; expected 0 to {len(names) - 1} ({len(names)} classes).")
    return torch.from_numpy(labels.astype(np.int64)), names


def _attributes(entries: Entries, count: int, path: Path) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    """Return attributes (N, A) bool and their names."""
    attributes = entries.get("attributes")
    if attributes is None:
        return None, ()
    names = tuple(map(str, np.atleast_1d(entries.get("attribute_names", ()))))
    if attributes.shape != (count, len(names)):
        raise DataError(
            f"{path}: attributes is {attributes.shape} with {len(names)} attribute_names; expected ({count}, A) with A names."
        )
    if attributes.dtype != bool and not np.isin(attributes, (0, 1)).all():
        raise DataError(f"{path}: attributes is {attributes.dtype} with other values than 0 and 1; expected true or false.")
    return torch.from_numpy(attributes.astype(bool)), names
