"""Image files to uint8 arrays: cropped, resized with antialiasing, in parallel; and a folder of one's own images as a Source."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import Allocate, NoSplit, Source, reading
from helpers.settings import bars_hidden

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TEST_SHARE = 0.1
BATCH = 64  # images that a thread takes at a time
ADVICE = (
    "Expected a whole image. Replace or remove this file, or pass skip_corrupt=True to load (on the command line: --skip-corrupt) "
    "to leave such images out."
)


# ---- one image


def as_rgb(image: Image.Image) -> Image.Image:
    """Return any image as RGB: transparent places become white, 16-bit grey keeps its top 8 bits; ValueError on floats."""
    if image.mode == "F":  # Pillow would cut at 255, which makes an image in [0, 1] black
        raise ValueError("its values are floats, and what is white among them is unknown; store it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would cut everything above 255 off
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def centre_square(image: Image.Image, side: int | None = None) -> Image.Image:
    """Return the centre square, `side` pixels wide or as large as fits."""
    width, height = image.size
    side = min(width, height, side or width)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return image.crop((left, top, left + side, top + side))


def to_array(image: Image.Image, size: int) -> np.ndarray:
    """Return a square RGB image as (3, size, size) uint8; Lanczos, which antialiases when it shrinks."""
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(image).transpose(2, 0, 1)


def read_image(path: str, size: int) -> np.ndarray:
    """Return the centre square of one's own image, upright (its EXIF orientation obeyed), as (3, size, size) uint8."""
    with Image.open(path) as image:  # an animation stands at its first frame
        if image.mode in ("L", "RGB"):
            image.draft(None, (4 * size, 4 * size))  # a large JPEG is decoded at a quarter of the work, still 4x finer
        return to_array(as_rgb(centre_square(ImageOps.exif_transpose(image))), size)


# ---- many images


@dataclass(frozen=True)
class Decoder:
    """What turns the image files below `root` into arrays: read(path, size) gives one as (3, size, size) uint8."""

    root: Path
    read: Callable[[str, int], np.ndarray]
    size: int
    skip_corrupt: bool

    def decode(self, names: Sequence[str], progress: bool, allocate: Allocate) -> tuple[torch.Tensor, list[int], str]:
        """Return images (M, 3, size, size) uint8, which of the names they have, and what to say about images left out.

        Raises DataError naming a file that cannot be decoded; with `skip_corrupt` only when none can.
        """
        images, good = allocate((len(names), 3, self.size, self.size)), np.ones(len(names), bool)

        def decode_batch(start: int) -> int:
            for index in range(start, min(start + BATCH, len(names))):
                path = os.path.join(self.root, names[index])
                try:
                    with reading(path, ADVICE):
                        if not os.path.isfile(path):  # a pipe would never answer
                            raise ValueError("it is no file, or a broken link")
                        images[index] = self.read(path, self.size)
                except DataError:
                    if not self.skip_corrupt:
                        raise
                    good[index] = False
            return index + 1 - start

        pool = ThreadPoolExecutor(os.cpu_count())  # Pillow decodes outside Python's lock
        try:
            with tqdm(total=len(names), desc="decoding", unit=" images", disable=not progress or bars_hidden()) as bar:
                for done in pool.map(decode_batch, range(0, len(names), BATCH)):
                    bar.update(done)
        finally:
            pool.shutdown(cancel_futures=True)
        kept, lost = np.flatnonzero(good).tolist(), len(names) - int(good.sum())
        if not kept:
            raise DataError(f"None of the {len(names):,} images in {self.root} can be decoded. Get them anew.")
        for row, index in enumerate(kept if lost else ()):
            images[row] = images[index]
        note = f", {lost:,} corrupt image{'s' * (lost > 1)} left out" if lost else ""
        return torch.from_numpy(images[: len(kept)]), kept, note


# ---- a folder of one's own images


def folder_source(folder: Path, split: str, size: int, skip_corrupt: bool = False) -> Source:
    """Return the images in a folder and below it as a Source; every tenth, by a hash of its name, is a test image.

    Where every image lies in a subfolder, the subfolders directly below are its classes.
    Raises NoSplit when the split is unknown, DataError when it has no image or a subfolder cannot be read.
    """
    if split not in ("train", "test"):
        raise NoSplit(f"A folder of images has no split {split!r}. It has: train, test.")
    folder = folder.resolve()
    everything, unreadable = _listed(folder, skip_corrupt)
    chosen = tuple(name for name in everything if _is_test(name) == (split == "test"))
    if not chosen:
        raise DataError(
            f"None of the {len(everything)} images in {folder} falls into the split {split!r} (one in ten, by a hash of "
            "its name, is a test image). Add more images."
        )
    in_classes = all("/" in name for name in everything)
    classes = tuple(sorted({name.split("/")[0] for name in everything})) if in_classes else ()

    def read(progress: bool, allocate: Allocate) -> Dataset:
        images, kept, note = Decoder(folder, read_image, size, skip_corrupt).decode(chosen, progress, allocate)
        labels = torch.tensor([classes.index(chosen[index].split("/")[0]) for index in kept]) if classes else None
        return Dataset(folder.name, split, images, f"your own images{note}{unreadable}", True, labels, classes)

    where = hashlib.sha256(str(folder).encode(errors="surrogateescape")).hexdigest()[:8]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.name)
    key = f"images-{stem}-{where}-{size}-{split}" + ("-skipping" if skip_corrupt else "")
    recipe = f"centre square, Lanczos {size}, upright, on white, classes {classes}{unreadable}"
    return Source(folder.name, split, key, folder, chosen, recipe, read)


def _listed(folder: Path, skip_corrupt: bool) -> tuple[list[str], str]:
    """Return the names of all images below a folder, sorted, with / between their parts, and a note on folders left out.

    Links to folders are followed, but not into a folder that holds them. Raises DataError when there is no image, or, without
    `skip_corrupt`, when a subfolder cannot be read.
    """
    found, unreadable = [], []
    for root, folders, files in os.walk(folder, onerror=lambda error: unreadable.append(error.filename), followlinks=True):
        above = {os.path.realpath(one) for one in (Path(root), *Path(root).parents)}
        folders[:] = [one for one in folders if not one.startswith(".") and os.path.realpath(f"{root}/{one}") not in above]
        wanted = (name for name in files if name.lower().endswith(ENDINGS) and not name.startswith("."))
        found += [(Path(root).relative_to(folder) / name).as_posix() for name in wanted]
    if unreadable and not skip_corrupt:
        raise DataError(
            f"{unreadable[0]} cannot be read. Check who may read this folder, or pass skip_corrupt=True to leave it out."
        )
    if not found:
        raise DataError(f"There is no image in {folder}. Expected files ending in {', '.join(ENDINGS)}, in the folder or below it.")
    broken = {name for name in found if not os.path.exists(folder / name)} if skip_corrupt else set()
    lost = len(unreadable) + len(broken)
    note = f", {lost} unreadable folder{'s' * (lost > 1)} or broken link{'s' * (lost > 1)} left out" if lost else ""
    return sorted(set(found) - broken), note


def _is_test(name: str) -> bool:
    """Return whether an image belongs to the test split: the same on every machine, whatever else is in the folder."""
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < TEST_SHARE * 2**64
