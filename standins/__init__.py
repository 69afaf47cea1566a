"""Drawn data sets with known factors: a name, a split, a number and a seed go in; images with what is known of them come out."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

ARTISTS = {"fashion": "garments", "mnist": "digits", "cifar10": "objects", "celeba": "faces", "dsprites": "sprites"}
BLOCK = 1_000  # images whose parameters are sampled together


@dataclass(frozen=True, eq=False)
class StandIn:
    """Drawn images (N, C, H, W) uint8, one line on what they are, and what is known about each.

    labels: (N,) int64, or None; attributes: (N, A) bool, or None; factors: (N, F) float32
    """

    images: Tensor
    source: str
    labels: Tensor | None
    class_names: tuple[str, ...]
    attributes: Tensor | None
    attribute_names: tuple[str, ...]
    factors: Tensor
    factor_names: tuple[str, ...]


def artist(name: str) -> ModuleType:
    """Return the module that draws the stand-in of a data set (a key of ARTISTS)."""
    return importlib.import_module(f"standins.{ARTISTS[name]}")


def generate(name: str, split: str, n: int, seed: int) -> StandIn:
    """Return n drawn images, the same for the same name, split and seed; the first of a larger set are the smaller set."""
    module = artist(name)
    sampled = parameters(name, n, f"{name}/{split}/{seed}")
    return StandIn(
        module.draw(sampled),
        module.SOURCE,
        sampled.get("label"),
        module.CLASS_NAMES,
        module.attributes(sampled) if module.ATTRIBUTE_NAMES else None,
        module.ATTRIBUTE_NAMES,
        torch.stack([sampled[factor] for factor in module.FACTORS], dim=1),
        tuple(module.FACTORS),
    )


def parameters(name: str, n: int, stream: str) -> dict[str, Tensor]:
    """Return the parameters of n images, each (n,), sampled block by block so that n changes nothing but the length."""
    digests = [hashlib.sha256(f"{stream}/{block}".encode()).digest() for block in range(-(-n // BLOCK))]  # the same everywhere
    generators = [torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")) for digest in digests]
    blocks = [artist(name).sample(BLOCK, generator) for generator in generators]
    return {key: torch.cat([block[key] for block in blocks])[:n] for key in blocks[0]}
