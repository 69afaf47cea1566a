"""Solutions to the exercises of notebook 07, with the reason for each."""

import torch
from torch import nn


def conv_plan(channels, side, widths, kernel=4, stride=2, padding=1):
    """07.1: ⌊(n + 2p − k)/s⌋ + 1 positions a side; k² · in · out weights and `out` biases, however many positions there are."""
    rows = []
    for width in widths:
        side = (side + 2 * padding - kernel) // stride + 1
        rows.append([width, side, kernel**2 * channels * width + width])
        channels = width
    return torch.tensor(rows)


def up_stage(channels_in, channels_out):
    """07.2: (n − 1)·2 + 4 − 2·1 = 2n, and 4 is a multiple of 2, so that as many windows write each position."""
    return nn.ConvTranspose2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1)


def flatten_images(x):
    """07.3: name the axis that must survive (the batch), not the size that one data set happened to have."""
    return x.flatten(1)


def half_squares_and_kl(x, x_hat, mu, logvar):
    """07.4: sum over an image's values, average over the batch only. 784 · mean is that sum for 28×28 alone."""
    recon = 0.5 * (x - x_hat).square().flatten(1).sum(1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return (recon + kl).mean()


def image_error(images, x_logits):
    """07.5: a sigmoid reaches (0, 1), so the targets must lie there too. (Or keep [−1, 1] and use tanh.)"""
    x = images.float() / 255
    x_hat = torch.sigmoid(x_logits)
    return (x - x_hat).square().flatten(1).sum(1)
