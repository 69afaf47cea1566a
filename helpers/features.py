"""Feature networks: images in [0, 1] go in; features (B, F), and logits of classes or attributes, come out.

A distance between two sets of images is taken between their features (helpers.fidelity), as FID takes it between those of
Inception; the numbers of two networks cannot be compared.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.objective import Loss


@dataclass(frozen=True)
class FeatureConfig:
    """Everything needed to build a feature network.

    shape: (C, H, W) of an image;  stem: channels of the first layer;  widths: channels after each block (each halves the side)
    outputs: how many logits;  task: "classes" (exactly one is true) or "attributes" (each is true or not)
    """

    shape: tuple[int, int, int] = (3, 32, 32)
    stem: int = 24
    widths: tuple[int, ...] = (48, 160, 192)
    outputs: int = 10
    task: str = "classes"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "widths", tuple(self.widths))
        if self.task not in ("classes", "attributes"):
            raise ValueError(f'task is {self.task!r}; it must be "classes" or "attributes".')
        if not self.widths or min(self.stem, self.outputs, *self.widths) < 1:
            raise ValueError(f"stem {self.stem}, widths {self.widths} and outputs {self.outputs} must all be at least 1.")
        if len(self.shape) != 3 or min(self.shape[1:]) >> len(self.widths) < 1:
            raise ValueError(f"images of shape {self.shape} cannot be halved {len(self.widths)} times.")

    def to_dict(self) -> dict:
        """Return the settings as plain values, ready for JSON."""
        return asdict(self)


class Block(nn.Module):
    """Two 3×3 convolutions, the first followed by a pooling that halves the side, the second with a shortcut around it."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.norm2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, H/2, W/2) for x (B, channels, H, W)."""
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return x + F.gelu(self.norm2(self.conv2(x)))


class FeatureNetwork(nn.Module):
    """A small convolutional classifier whose last layer but one serves as features."""

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Sequential(nn.Conv2d(config.shape[0], config.stem, 2, bias=False), nn.BatchNorm2d(config.stem), nn.GELU())
        pairs = zip((config.stem, *config.widths), config.widths, strict=False)
        self.blocks = nn.Sequential(*[Block(a, b) for a, b in pairs])
        self.head = nn.Linear(config.widths[-1], config.outputs)

    def features(self, x: Tensor) -> Tensor:
        """Return the features (B, F): the largest response of each of its last F channels to x (B, C, H, W)."""
        return self.blocks(self.stem(x - 0.5)).amax((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, outputs) for images x (B, C, H, W) in [0, 1]."""
        return self.head(self.features(x))


class Features(Tensor):
    """Features (N, F) of images that know the name of their network; so do rows of them, while all else is a plain tensor."""

    network = ""
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    def __getitem__(self, rows: Any) -> Tensor:
        return named(super().__getitem__(rows), self.network)


def named(features: Tensor, network: str) -> Features:
    """Return features that know the name of their network."""
    found = features.as_subclass(Features)
    found.network = network
    return found


def shifted_and_mirrored(x: Tensor, noise: torch.Generator) -> Tensor:
    """Return each image moved by up to 3 pixels either way (the border reflected) and mirrored or not, at random."""
    n, _, height, width = x.shape
    padded = F.pad(x, (3, 3, 3, 3), mode="reflect")
    draws = torch.rand(n, 3, generator=noise, device=x.device)
    top, left = (draws[:, :2] * 7).long().unbind(1)
    rows = top[:, None] + torch.arange(height, device=x.device)  # (B, H)
    columns = left[:, None] + torch.arange(width, device=x.device)  # (B, W)
    columns = torch.where(draws[:, 2:] < 0.5, columns.flip(1), columns)
    batch = torch.arange(n, device=x.device)[:, None, None]
    return padded[batch, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def with_a_hole(x: Tensor, noise: torch.Generator, side: int) -> Tensor:
    """Return each image with a square of `side` pixels, at a random place, painted grey: cutout (DeVries & Taylor 2017).

    The square may reach over the border.
    """
    n, _, height, width = x.shape
    centre = torch.rand(n, 2, generator=noise, device=x.device) * torch.tensor([height, width], device=x.device)  # (B, 2)
    rows = (torch.arange(height, device=x.device) + 0.5 - centre[:, :1]).abs() < side / 2  # (B, H)
    columns = (torch.arange(width, device=x.device) + 0.5 - centre[:, 1:]).abs() < side / 2  # (B, W)
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.5)


def recognition_loss(model: nn.Module, x: Tensor, targets: Tensor, noise: torch.Generator) -> Loss:
    """Return the cross-entropy, nats per image, of the model's logits for x, moved and mirrored at random while training.

    targets: classes (B,) int64, while training with labels smoothed by a tenth and a hole of 3/8 of the side in each image;
    or attributes (B, A) bool, summed.
    """
    if model.training:
        x = shifted_and_mirrored(x, noise)
        x = x if targets.ndim == 2 else with_a_hole(x, noise, side=x.shape[-1] * 3 // 8)
    logits = model(x).float()
    if targets.ndim == 2:
        cost = F.binary_cross_entropy_with_logits(logits, targets.float(), reduction="none").sum(1)
    else:
        cost = F.cross_entropy(logits, targets, reduction="none", label_smoothing=0.1 if model.training else 0.0)
    return Loss(cost, cost, torch.zeros_like(cost))
