"""The checks of notebook 00's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import numpy as np
import torch

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("00.1", "bytes_to_unit")
def unit(answer) -> None:
    """uint8 to float32 in [0, 1], and the given tensor untouched."""
    images = torch.arange(256, dtype=torch.uint8).reshape(4, 1, 8, 8)
    before, wanted = images.clone(), images.numpy().astype(np.float32) / 255
    raw = answer(images)
    found = returned(lambda given: raw, images, like=wanted, what="the result")
    if not images.equal(before):
        raise Wrong("the tensor that was passed in has changed; whoever passed it did not expect that.")
    if close(found, wanted * 255 / 256, 1e-6):
        raise Wrong("white is 255, not 256: the brightest pixel must become exactly 1.")
    if found.max() > 1:
        raise Wrong(f"the brightest pixel is {found.max():g}; it must be 1.")
    if not close(found, wanted, 1e-6):
        raise Wrong("the values are off; 0 must become 0, 51 must become 0.2, 255 must become 1.")
    middle = torch.arange(51, 103, dtype=torch.uint8).reshape(1, 1, 4, 13)  # neither black nor white in it
    if not close(returned(answer, middle, like=middle.numpy() / 255, what="the result"), middle.numpy() / 255, 1e-6):
        raise Wrong("a dark picture must stay dark: divide by 255, whatever the darkest and brightest pixels of the batch are.")
    if torch.as_tensor(raw).dtype != torch.float32:
        raise Wrong(f"the values are right, but their type is {torch.as_tensor(raw).dtype}, not torch.float32.")


@exercise("00.2", "tile")
def tiling(answer) -> None:
    """Against blocks put together by NumPy; rows, columns, height and width all differ, so that no two can be confused."""
    rows, columns, channels, height, width = 2, 3, 3, 4, 5
    images = torch.arange(rows * columns * channels * height * width).float().reshape(-1, channels, height, width)
    nested = [[images[r * columns + c].numpy() for c in range(columns)] for r in range(rows)]
    wanted = np.concatenate([np.concatenate(row, axis=2) for row in nested], axis=1)
    found = returned(answer, images, rows, columns, like=wanted, what="the sheet")
    if close(found, wanted):
        return
    if close(found, images.reshape(wanted.shape)):
        raise Wrong(
            "a reshape alone keeps the order of the numbers in memory. Split into (rows, columns, C, H, W), then permute, then reshape."
        )
    by_column = [[images[c * rows + r].numpy() for c in range(columns)] for r in range(rows)]
    if close(found, np.concatenate([np.concatenate(row, axis=2) for row in by_column], axis=1)):
        raise Wrong("your pictures run down the columns; they should run along the rows.")
    raise Wrong("the pixels are not where they belong. After splitting, which axes have to stand next to each other?")


@exercise("00.3", "channels_last")
def last(answer) -> None:
    """Axes moved, not memory reread."""
    image = torch.arange(3 * 4 * 5).float().reshape(3, 4, 5)
    wanted = np.moveaxis(image.numpy(), 0, -1)
    if tuple(torch.as_tensor(answer(image)).shape) == (5, 4, 3):
        raise Wrong("the channels are last, but height and width have changed places as well.")
    found = returned(answer, image, like=wanted, what="the picture")
    if close(found, image.reshape(4, 5, 3)):
        raise StillThere("Every picture is nine ghosts.")
    if not close(found, wanted):
        raise Wrong("pixel (row 0, column 1) should hold image[:, 0, 1], all three channels of that one pixel.")
