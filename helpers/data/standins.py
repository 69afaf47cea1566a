"""Draw a stand-in: name, split, number and seed go in, a Dataset of drawn pictures with known factors comes out."""

from __future__ import annotations

import hashlib
import importlib
from types import ModuleType

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN

COUNTS = {"train": 10_000, "valid": 2_000, "test": 2_000}
BLOCK = 1_000  # pictures whose parameters are sampled together


def artist(name: str) -> ModuleType:
    """Return the module that draws this set's stand-in."""
    return importlib.import_module(f"helpers.data.{KNOWN[name].standin}")


def standin(name: str, split: str, n: int | None, seed: int) -> Dataset:
    """Return n drawn pictures (default: 10,000 to train, 2,000 otherwise), the same for the same name, split and seed.

    The first pictures of a larger set are the smaller set. `factors` has the columns of the artist's FACTORS.
    Raises DataError when there is no such split.
    """
    if split not in KNOWN[name].splits:
        raise DataError(f"{name} has no split {split!r}. It has: {', '.join(KNOWN[name].splits)}.")
    module = artist(name)
    parameters = sampled(module, n or COUNTS[split], f"{name}/{split}/{seed}")
    attributes = module.attributes(parameters) if module.ATTRIBUTE_NAMES else None
    return Dataset(
        name,
        split,
        module.draw(parameters),
        module.SOURCE,
        is_real=False,
        labels=parameters.get("label"),
        class_names=module.CLASS_NAMES,
        attributes=attributes,
        attribute_names=module.ATTRIBUTE_NAMES,
        factors=torch.stack([parameters[factor] for factor in module.FACTORS], dim=1),
        factor_names=tuple(module.FACTORS),
    )


def sampled(module: ModuleType, n: int, stream: str) -> dict[str, Tensor]:
    """Return the parameters of n pictures, each (n,), drawn block by block so that n changes nothing but the length."""
    blocks = [module.sample(BLOCK, _generator(f"{stream}/{block}")) for block in range(-(-n // BLOCK))]
    return {key: torch.cat([block[key] for block in blocks])[:n] for key in blocks[0]}


def _generator(stream: str) -> torch.Generator:
    """Return a generator seeded with a hash of `stream` that is the same on every machine."""
    digest = hashlib.sha256(stream.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def resized(images: Tensor, size: int) -> Tensor:
    """Return pictures (N, C, H, W) uint8 at another size, antialiased."""
    if images.shape[-1] == size:
        return images
    smooth = [interpolate(block.float(), (size, size), mode="bicubic", antialias=True) for block in images.split(256)]
    return torch.cat([block.round_().clamp_(0, 255).to(torch.uint8) for block in smooth])
