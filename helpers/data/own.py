"""One's own data: arrays in the data folder, or a folder of images, become Sources.

`arrays/{name}-{split}.npz` or `arrays/{name}{size}-{split}.npz` in the data folder:

| entry | what it holds |
|---|---|
| `images` | uint8 (N, C, H, W), or (N, H, W, C), or (N, H, W) for grey; C is 1 or 3, and channels first wins where both fit |
| `labels` | optional: whole numbers (N,) from 0; `class_names` (K,), optional, names them |
| `attributes` | optional: (N, A) of true or false, with `attribute_names` (A,) |
| `source` | optional: one line that says what this is |

They win over the official files of the same name, since one puts them there on purpose. Pickled objects are refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from functools import partial
from pathlib import Path

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.image_files import decode_files, read_image
from helpers.data.known import KNOWN, Allocate, Source, reading

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MOST_CLASSES = 10_000  # of arrays where no class_names say how many
ADVICE = "Expected an .npz file with plain arrays (images, and optionally labels, attributes). Write it anew, or move it away."


def array_sources(name: str, folder: Path, size: int | None) -> dict[str, Source]:
    """Return split → Source for the arrays that are there; a file whose name says the size goes first."""
    found: dict[str, Source] = {}
    if not name.replace("_", "").replace("-", "").isalnum():  # a path, or what a file pattern would read as a wildcard
        return found
    for stem in (name,) if size is None else (name, f"{name}{size}"):
        for path in sorted((folder / "arrays").glob(f"{stem}-*.npz")):
            split = path.stem.removeprefix(f"{stem}-")
            recipe, read = f"arrays of {name}, size {size}", partial(_read_arrays, name, split, path, size)
            if "-" not in split:
                found[split] = Source(name, split, f"arrays-{name}-{path.stem}", path.parent, (path.name,), recipe, read)
    return found


def _read_arrays(name: str, split: str, path: Path, size: int | None, progress: bool, allocate: Allocate) -> Dataset:
    """Check every entry of the archive, and copy the images to where they are wanted."""
    known = KNOWN.get(name)
    with reading(path, ADVICE), open(path, "rb") as file:  # np.load itself leaves a damaged file open
        archive = np.load(file, allow_pickle=False)
        entries = {key: archive[key] for key in archive.files}
        texts = {key: tuple(map(str, np.atleast_1d(entries.get(key, ())))) for key in ("class_names", "attribute_names")}
        images = _channels_first(entries)
        channels, height, width = known.shape if known else images.shape[1:]
        wanted = (channels, size or height, size or width)
        if images.shape[1:] != wanted:
            found, wished = ("×".join(map(str, shape)) for shape in (images.shape[1:], wanted))
            raise ValueError(f"an image is {found}; expected {wished}: give other arrays a name of their own, such as my{name}")
        labels, class_names = entries.get("labels"), known.class_names if known else texts["class_names"]
        if labels is not None:
            most = len(class_names) or MOST_CLASSES
            if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= most:
                form = f"labels is {labels.dtype} {labels.shape} from {labels.min()} to {labels.max()}"
                raise ValueError(f"{form}; expected ({len(images)},) whole numbers from 0 to {most - 1}")
            class_names = class_names or tuple(map(str, range(int(labels.max()) + 1)))
            labels = torch.from_numpy(labels.astype(np.int64))
        signs, names = entries.get("attributes"), texts["attribute_names"]
        if signs is not None:
            if signs.shape != (len(images), len(names)) or not np.isin(signs, (0, 1)).all():
                form = f"attributes is {signs.dtype} {signs.shape} with {len(names)} attribute_names"
                raise ValueError(f"{form}; expected ({len(images)}, A) of true and false (0 and 1), with A names")
            signs = torch.from_numpy(signs.astype(bool))
    source = str(entries.get("source", f"{known.title if known else name} (arrays/{path.name})"))
    kept = allocate(images.shape)
    kept[...] = images
    return Dataset(name, split, torch.from_numpy(kept), source, True, labels, class_names, signs, names)


def _channels_first(entries: dict[str, np.ndarray]) -> np.ndarray:
    """Return the images as (N, C, H, W). Raises ValueError when they are none."""
    if "images" not in entries:
        raise ValueError(f"there is no entry images; it has: {', '.join(entries) or 'nothing'}")
    given = images = entries["images"]
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"images is {given.dtype} {given.shape}; expected (N, C, H, W), (N, H, W, C) or (N, H, W) with C 1 or 3, not empty, of "
            "uint8, 0 to 255: convert floats with (255 * images).round().astype('uint8')"
        )
    return images


def folder_sources(folder: Path, size: int, skip_corrupt: bool = False) -> dict[str, Source]:
    """Return the images in a folder and below it as Sources; every tenth, by a hash of its name, is a test image.

    Where every image lies in a subfolder, the subfolders directly below are its classes.
    Raises DataError when there is no image, or a subfolder cannot be read.
    """
    folder = folder.resolve()
    names = _listed(folder)
    classes = tuple(sorted({name.split("/")[0] for name in names})) if all("/" in name for name in names) else ()
    where = hashlib.sha256(str(folder).encode(errors="surrogateescape")).hexdigest()[:8]
    stem = f"images-{re.sub(r'[^A-Za-z0-9_-]+', '_', folder.name)}-{where}-{size}"

    def source(split: str) -> Source:
        chosen = tuple(name for name in names if _is_test(name) == (split == "test"))

        def read(progress: bool, allocate: Allocate) -> Dataset:
            if not chosen:
                raise DataError(
                    f"None of the {len(names)} images in {folder} falls into the split {split!r} (one in ten, by a hash of its "
                    "name, is a test image). Add more images."
                )
            paths = [os.path.join(folder, name) for name in chosen]
            images, kept, note = decode_files(paths, read_image, size, skip_corrupt, progress, allocate)
            labels = torch.tensor([classes.index(chosen[index].split("/")[0]) for index in kept]) if classes else None
            return Dataset(folder.name, split, images, f"your own images{note}", True, labels, classes)

        recipe, key = f"centre square, Lanczos {size}, upright, on white, classes {classes}", f"{stem}-{split}"
        return Source(folder.name, split, key + "-skipping" * skip_corrupt, folder, chosen, recipe, read)

    return {split: source(split) for split in ("train", "test")}


def _listed(folder: Path) -> list[str]:
    """Return the names of all images below a folder, sorted, with / between their parts.

    Links to folders are followed, but not into a folder that holds them.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}). Check who may read this folder, or move it away.")

    found = []
    for root, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        above = {os.path.realpath(one) for one in (Path(root), *Path(root).parents)}
        folders[:] = [one for one in folders if not one.startswith(".") and os.path.realpath(f"{root}/{one}") not in above]
        wanted = (name for name in files if name.lower().endswith(ENDINGS) and not name.startswith("."))
        found += [(Path(root).relative_to(folder) / name).as_posix() for name in wanted]
    if not found:
        raise DataError(f"There is no image in {folder}. Expected files ending in {', '.join(ENDINGS)}, in the folder or below it.")
    return sorted(found)


def _is_test(name: str) -> bool:
    """Return whether an image belongs to the test split: the same on every machine, whatever else is in the folder."""
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < 2**64 / 10
