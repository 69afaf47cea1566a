"""Solutions to the exercises of notebook 00, with the reason for each."""

import torch


def bytes_to_unit(images):
    """00.1: a new float tensor, divided by the largest byte, 255."""
    return images.to(torch.float32) / 255


def tile(images, rows, columns):
    """00.2: bring (row, H) and (column, W) together, then merge each pair."""
    _, channels, height, width = images.shape
    grid = images.reshape(rows, columns, channels, height, width)
    return grid.permute(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def channels_last(image):
    """00.3: `reshape` rereads the memory in its old order; `permute` moves the axes."""
    return image.permute(1, 2, 0)
