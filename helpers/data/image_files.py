"""Image files to uint8 arrays: cropped, resized with antialiasing, in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image, ImageOps
from tqdm import tqdm

from helpers.data.dataset import DataError
from helpers.data.known import Allocate, reading
from helpers.settings import bars_hidden

BATCH = 64  # images that a thread takes at a time
ADVICE = (
    "Expected a whole image. Replace or remove this file, or pass skip_corrupt=True to load (on the command line: --skip-corrupt) "
    "to leave such images out."
)


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


def decode_files(
    paths: list[str], read: Callable[[str, int], np.ndarray], size: int, skip_corrupt: bool, progress: bool, allocate: Allocate
) -> tuple[torch.Tensor, list[int], str]:
    """Return images (M, 3, size, size) uint8, which of the paths they have, and what to say about images left out.

    Raises DataError naming a file that cannot be decoded; with `skip_corrupt` only when none can.
    """
    images, good = allocate((len(paths), 3, size, size)), np.ones(len(paths), bool)

    def decode_batch(start: int) -> int:
        for index, path in enumerate(paths[start : start + BATCH], start):
            try:
                with reading(path, ADVICE):
                    if not os.path.isfile(path):  # a pipe would never answer
                        raise ValueError("it is no file, or a broken link")
                    images[index] = read(path, size)
            except DataError:
                if not skip_corrupt:
                    raise
                good[index] = False
        return len(paths[start : start + BATCH])

    pool = ThreadPoolExecutor(os.cpu_count())  # Pillow decodes outside Python's lock
    try:
        with tqdm(total=len(paths), desc="decoding", unit=" images", disable=not progress or bars_hidden()) as bar:
            for done in pool.map(decode_batch, range(0, len(paths), BATCH)):
                bar.update(done)
    finally:
        pool.shutdown(cancel_futures=True)
    kept, lost = np.flatnonzero(good).tolist(), len(paths) - int(good.sum())
    if not kept:
        raise DataError(f"None of the {len(paths):,} images, such as {paths[0]}, can be decoded. Get them anew.")
    for row, index in enumerate(kept if lost else ()):
        images[row] = images[index]
    note = f", {lost:,} corrupt image{'s' * (lost > 1)} left out" if lost else ""
    return torch.from_numpy(images[: len(kept)]), kept, note
