"""The exercises of notebook 00: cases, right functions, and wrong ones with what a student is told of them."""

import numpy as np
import torch

from exercises import exercise


def stretched(images):
    return (images.float() - images.min()) / (images.max() - images.min())


levels = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)


@exercise(
    "00.1",
    right=lambda images: images.numpy().astype(np.float32) / 255,
    cases=[(levels,), (levels.flatten()[51:103].reshape(1, 1, 4, 13),)],  # neither black nor white in the second
    hint="0 must become 0, 51 must become 0.2, 255 must become 1.",
    typed=True,
    slips={
        "white is 255, not 256: the brightest pixel must become exactly 1.": {"white": 256},
        "a dark image must stay dark: divide by 255, whatever the darkest and brightest pixels of the batch are.": stretched,
        "you changed the tensor that you were given; work on a copy.": lambda x: (bytes_to_unit(x), x.zero_())[0],
        "the values are right, but their type is torch.float64, not torch.float32.": {"dtype": torch.float64},
    },
)
def bytes_to_unit(images, white=255, dtype=torch.float32):
    return images.to(dtype) / white


def reshaped(images, rows, columns):
    _, channels, height, width = images.shape
    return images.reshape(channels, rows * height, columns * width)


@exercise(
    "00.2",
    cases=[(torch.arange(360.0).reshape(6, 3, 4, 5), 2, 3), (torch.arange(96.0).reshape(8, 1, 3, 4), 4, 2)],
    hint="After splitting, which axes have to stand next to each other?",
    slips={
        "a reshape alone keeps the order of the numbers in memory; permute has to change it.": reshaped,
        "your images run down the columns; they should run along the rows.": {"across": 1, "down": 2},
    },
)
def tile(images, rows, columns, across=2, down=1):
    strips = [torch.cat(list(part), across) for part in images.split(columns if across == 2 else rows)]
    return torch.cat(strips, down)


@exercise(
    "00.3",
    right=lambda image: np.moveaxis(image.numpy(), 0, -1),
    cases=[(torch.arange(60.0).reshape(3, 4, 5),), (torch.arange(12.0).reshape(1, 6, 2),)],
    hint="Pixel (row 0, column 1) should hold image[:, 0, 1], all channels of that one pixel.",
    bug={"Every image is nine ghosts.": lambda image: image.reshape(*image.shape[1:], len(image))},
    slips={"the channels are last, but height and width have changed places as well.": {"order": (2, 1, 0)}},
)
def channels_last(image, order=(1, 2, 0)):
    return image.permute(order)
