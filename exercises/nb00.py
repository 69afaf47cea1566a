"""The exercises of notebook 00: cases, right functions, and wrong ones with what a student is told of them."""

from functools import partial

import numpy as np
import torch

from exercises import exercise


def scaled(images):
    return images.float() / 255


def stretched(images):
    return (images.float() - images.min()) / (images.max() - images.min())


def blackened(images):
    """Return the right result, and leave the images black."""
    result = scaled(images)
    images.zero_()
    return result


levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)

exercise(
    "00.1",
    "bytes_to_unit",
    right=(scaled, lambda images: images.numpy().astype(np.float32) / 255),
    cases=[(levels,), (levels.flatten()[51:103].reshape(1, 1, 4, 13),)],  # neither black nor white in the second
    hint="0 must become 0, 51 must become 0.2, 255 must become 1.",
    typed=True,
    keep=True,
    slips={
        "white is 255, not 256: the brightest pixel must become exactly 1.": lambda images: images.float() / 256,
        "a dark image must stay dark: divide by 255, whatever the darkest and brightest pixels of the batch are.": stretched,
        "you changed the tensor that you were given; work on a copy.": blackened,
        "the values are right, but their type is torch.float64, not torch.float32.": lambda images: images.double() / 255,
    },
)


def tiled(images, rows, columns, across=2, down=1):
    strips = [torch.cat(list(part), across) for part in images.split(columns if across == 2 else rows)]
    return torch.cat(strips, down)


def reshaped(images, rows, columns):
    _, channels, height, width = images.shape
    return images.reshape(channels, rows * height, columns * width)


exercise(
    "00.2",
    "tile",
    right=tiled,
    cases=[(torch.arange(360.0).reshape(6, 3, 4, 5), 2, 3), (torch.arange(96.0).reshape(8, 1, 3, 4), 4, 2)],
    hint="After splitting, which axes have to stand next to each other?",
    slips={
        "a reshape alone keeps the order of the numbers in memory. "
        "Split into (rows, columns, C, H, W), then permute, then reshape.": reshaped,
        "your images run down the columns; they should run along the rows.": partial(tiled, across=1, down=2),
    },
)

exercise(
    "00.3",
    "channels_last",
    right=(lambda image: image.permute(1, 2, 0), lambda image: np.moveaxis(image.numpy(), 0, -1)),
    cases=[(torch.arange(60.0).reshape(3, 4, 5),), (torch.arange(12.0).reshape(1, 6, 2),)],
    hint="Pixel (row 0, column 1) should hold image[:, 0, 1], all channels of that one pixel.",
    bug={"Every image is nine ghosts.": lambda image: image.reshape(*image.shape[1:], len(image))},
    slips={"the channels are last, but height and width have changed places as well.": lambda image: image.permute(2, 1, 0)},
)
