"""Picture files to uint8 arrays: cropped, resized with antialiasing, in parallel; and a folder of one's own pictures."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import Allocate, Source
from helpers.settings import bars_hidden

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
SPLITS = ("train", "test")
TEST_SHARE = 0.1
BATCH = 64  # pictures that a thread takes at a time

Read = Callable[[str], np.ndarray]  # a path goes in, a picture (3, size, size) uint8 comes out


# ---- one picture


def as_rgb(picture: Image.Image) -> Image.Image:
    """Return any picture as RGB: transparent places become white, 16-bit grey keeps its top 8 bits; ValueError on floats."""
    if picture.mode == "F":  # Pillow would cut at 255, which makes a picture in [0, 1] black
        raise ValueError("its values are floats, and what is white among them is unknown; store it with 8 or 16 bits")
    if picture.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would cut everything above 255 off
        grey = np.asarray(picture).astype(np.int64).clip(0, 65535)
        return Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def centre_square(picture: Image.Image, side: int | None = None) -> Image.Image:
    """Return the centre square, `side` pixels wide or as large as fits."""
    width, height = picture.size
    side = min(width, height, side or width)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return picture.crop((left, top, left + side, top + side))


def to_array(picture: Image.Image, size: int) -> np.ndarray:
    """Return a square RGB picture as (3, size, size) uint8; Lanczos, which antialiases when it shrinks."""
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(picture).transpose(2, 0, 1)


def read_any(path: str, size: int) -> np.ndarray:
    """Return the centre square of one's own picture, upright (its EXIF orientation obeyed), as (3, size, size) uint8."""
    with Image.open(path) as picture:  # an animation stands at its first frame
        if picture.mode in ("L", "RGB"):
            picture.draft(None, (4 * size, 4 * size))  # a large JPEG is decoded at a quarter of the work, still 4x finer
        upright = ImageOps.exif_transpose(picture)
        return to_array(as_rgb(centre_square(upright)), size)


# ---- many pictures


@dataclass(frozen=True)
class Decoder:
    """How the pictures below `root` become arrays.

    read: one path to (3, size, size) uint8; title: for the progress bar and errors; skip_corrupt: leave bad files out
    """

    root: Path
    read: Read
    size: int
    title: str
    skip_corrupt: bool = False

    def decode(self, names: Sequence[str], progress: bool, allocate: Allocate) -> tuple[np.ndarray, list[str], str]:
        """Return images (N, 3, size, size) uint8, the names they have, and what to say about pictures left out.

        Raises DataError naming a file that cannot be decoded; with `skip_corrupt` only when none can.
        """
        kept, note = self._readable(names, progress) if self.skip_corrupt else (list(names), "")
        images = allocate((len(kept), 3, self.size, self.size))

        def one(index: int) -> None:
            images[index] = self._read(kept[index])

        _in_threads(one, len(kept), progress, f"preparing {self.title}")
        return images, kept, note

    def _readable(self, names: Sequence[str], progress: bool) -> tuple[list[str], str]:
        """Return the names of the pictures that can be decoded, and a note on the rest; costs a pass over all of them."""
        good = [True] * len(names)

        def one(index: int) -> None:
            try:
                self._read(names[index])
            except DataError:
                good[index] = False

        _in_threads(one, len(names), progress, f"checking {self.title}")
        kept = [name for name, fine in zip(names, good, strict=True) if fine]
        if not kept:
            raise DataError(f"None of the {len(names):,} pictures in {self.root} can be decoded. Get them anew.")
        lost = len(names) - len(kept)
        return kept, f", {lost:,} corrupt {'picture' if lost == 1 else 'pictures'} left out" if lost else ""

    def _read(self, name: str) -> np.ndarray:
        """Return one decoded picture; whatever Pillow says about a bad file becomes a DataError with its name."""
        path = os.path.join(self.root, name)
        try:
            return self.read(path)
        except (OSError, SyntaxError, ValueError, IndexError, EOFError, Image.DecompressionBombError) as error:
            length = f"{os.path.getsize(path):,} bytes" if os.path.exists(path) else "gone"
            raise DataError(
                f"{path} ({length}) cannot be decoded: {error}. Expected a whole picture. Replace or remove this file, "
                "or pass skip_corrupt=True to load (on the command line: --skip-corrupt) to leave such pictures out."
            ) from error


def _in_threads(work: Callable[[int], None], count: int, progress: bool, title: str) -> None:
    """Call work(0) … work(count - 1) on all cores (Pillow decodes outside Python's lock); stop at the first error."""

    def several(start: int) -> int:
        stop = min(start + BATCH, count)
        for index in range(start, stop):
            work(index)
        return stop - start

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with tqdm(total=count, desc=title, unit=" pictures", disable=not progress or bars_hidden()) as bar:
            for done in pool.map(several, range(0, count, BATCH)):
                bar.update(done)
    finally:
        pool.shutdown(cancel_futures=True)


# ---- a folder of one's own pictures


def folder_source(folder: Path, split: str, size: int, skip_corrupt: bool = False) -> Source:
    """Return the pictures in a folder and below it as a Source; every tenth, by a hash of its name, is a test picture.

    Where every picture lies in a subfolder, the subfolders directly below are its classes.
    Raises DataError when the split is unknown, or when there is no picture in it.
    """
    if split not in SPLITS:
        raise DataError(f"A folder of pictures has no split {split!r}. It has: {', '.join(SPLITS)}.")
    folder = folder.resolve()
    everything = _listed(folder)
    chosen = tuple(name for name in everything if _is_test(name) == (split == "test"))
    if not chosen:
        raise DataError(
            f"None of the {len(everything)} pictures in {folder} falls into the split {split!r} (one in ten, by a hash of "
            "its name, is a test picture). Add more pictures."
        )
    in_classes = all("/" in name for name in everything)
    classes = tuple(sorted({name.split("/")[0] for name in everything})) if in_classes else ()
    decoder = Decoder(folder, partial(read_any, size=size), size, folder.name, skip_corrupt)

    def read(progress: bool, allocate: Allocate) -> Dataset:
        images, kept, note = decoder.decode(chosen, progress, allocate)
        labels = torch.tensor([classes.index(name.split("/")[0]) for name in kept]) if classes else None
        source = f"your own pictures{note}"
        return Dataset(folder.name, split, torch.from_numpy(images), source, True, labels=labels, class_names=classes)

    recipe = f"centre square, Lanczos {size}, upright, on white, classes {classes}"
    return Source(folder.name, split, _key(folder, size, split, skip_corrupt), folder, chosen, recipe, read)


def _key(folder: Path, size: int, split: str, skip_corrupt: bool) -> str:
    """Return the store's name for a folder: readable, and different for folders of the same name in different places."""
    where = hashlib.sha256(str(folder).encode(errors="surrogateescape")).hexdigest()[:8]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.name)
    return f"pictures-{stem}-{where}-{size}-{split}" + ("-skipping" if skip_corrupt else "")


def _listed(folder: Path) -> list[str]:
    """Return the names of all pictures below a folder, sorted, with / between their parts."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]  # thumbnails, checkpoints
        below = Path(root).relative_to(folder)
        wanted = (name for name in files if name.lower().endswith(ENDINGS) and not name.startswith("."))
        found += [(below / name).as_posix() for name in wanted]
    if not found:
        raise DataError(
            f"There is no picture in {folder}. Expected files ending in {', '.join(ENDINGS)}, in the folder or below it."
        )
    return sorted(found)


def _is_test(name: str) -> bool:
    """Return whether a picture belongs to the test split: the same on every machine, whatever else is in the folder."""
    digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") < TEST_SHARE * 2**64
