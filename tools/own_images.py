"""A model of your own images: a folder (or your own arrays) goes in, a recipe that suits their size and number comes out.

`recipes.train_recipe` trains with it.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from helpers import pretrained, settings
from helpers.data import DataError, Dataset, load
from helpers.data.known import KNOWN
from helpers.data.sources import find_all
from helpers.models import ModelConfig
from tools import recipes
from tools.recipes import Recipe

LEAST_TO_TRAIN, LEAST_HELD_OUT = 32, 4  # a batch, and the corners of a sheet; a good model needs hundreds
MOST_HELD_OUT = 5000  # images that are scored, and whose codes are kept; more would only cost time
EPOCHS, FEWEST_EPOCHS, FEWEST_STEPS, MOST_STEPS = 60, 5, 600, 6000
LICENCE = "that of the images it was trained on"


def is_here(name: str) -> bool:
    """Return whether this is a folder, or arrays of one's own, rather than a recipe or a known set.

    Raises DataError when it is a folder without images.
    """
    ours = name not in recipes.RECIPES and name not in KNOWN
    return ours and bool(find_all(name, settings.data_folder()))


def open_splits(
    name: str, size: int | None = None, channels: int | None = None, skip_corrupt: bool = False
) -> tuple[Dataset, Dataset]:
    """Return the images to train on and the held-out ones, which are never trained on, of a folder or a set.

    Held out is the test split where there is one (of a folder: every tenth image, by a hash of its name), else a tenth drawn
    with a fixed seed; of many, 5,000. Their order is shuffled, always alike, so that the first ones are like all.
    size: height and width (default of a folder: 64); channels: 1 or 3 (default: 1 where every image is grey).
    Raises DataError as `load` does.
    """
    folder = Path(name).expanduser()
    train_set = load(name, "train", size=size, skip_corrupt=skip_corrupt)
    here = find_all(name, settings.data_folder(), size)
    if "test" in here or not here:
        held_out = load(name, "test", size=size, skip_corrupt=skip_corrupt)
        how = "one in ten, by a hash of its name" if folder.is_dir() else "its test split"
    else:
        order, share, how = shuffled(len(train_set)), len(train_set) // 10, "one in ten, drawn with a fixed seed"
        train_set, held_out = train_set.subset(order[share:].sort().values), replace(train_set.subset(order[:share]), split="test")
    held_out = held_out.subset(shuffled(len(held_out))[:MOST_HELD_OUT])
    channels = channels or (1 if is_grey(train_set.images) and is_grey(held_out.images) else train_set.shape[0])
    where = f" in {folder.resolve().name}" if folder.is_dir() else ""
    source = f"{train_set.source}{where}, {len(held_out):,} held out ({how})"
    train_set, held_out = (replace(part, images=in_channels(part.images, channels)) for part in (train_set, held_out))
    return replace(train_set, source=source), replace(held_out, source=source)


def shuffled(n: int) -> Tensor:
    """Return the numbers below n in an order that is random and always the same, (n,)."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


def is_grey(images: Tensor) -> bool:
    """Return whether the three channels of all images (N, C, H, W) are equal, or there is one only."""
    return all(torch.equal(block, block[:, :1].expand_as(block)) for block in images.split(1000))


def in_channels(images: Tensor, channels: int) -> Tensor:
    """Return images (N, C, H, W) uint8 with 1 or 3 channels: the mean of three, or one repeated."""
    if channels == images.shape[1]:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    return torch.cat([block.float().mean(1, keepdim=True).round().to(torch.uint8) for block in images.split(1000)])


def widths(side: int) -> tuple[int, ...]:
    """Return the channels of the conv stages for images of side × side: doubled from 32 to 256 while the side halves to 4.

    Raises DataError when the side does not halve to 8 or less: the layers without convolutions would hold most of the weights.
    """
    found: list[int] = []
    left = side
    while left > 4 and left % 2 == 0:
        found, left = [*found, min(256, 32 << len(found))], left // 2
    if side < 16 or left > 8:
        raise DataError(
            f"images of {side}×{side} do not suit the network, which halves them until they are 4 to 8 pixels wide. "
            "Choose a size such as 32, 48, 64, 96 or 128."
        )
    return tuple(found)


def recipe_for(images: Dataset, data: str, *, latent: int = 64, beta: float = 1.0, mirrored: bool = False) -> Recipe:
    """Return a recipe for images to train on: a convolutional VAE whose Gaussian learns its sigma, as `celeba_vae` is.

    Few images are taken in smaller batches, at a lower rate. They are seen 60 times: of some hundreds, more epochs overfit
    (361 drawn faces were reconstructed best, held out, after 60 of 150). Very few are seen more often, for 600 steps in
    all; many less often, for 6,000 steps, but 5 times at least. Raises DataError, and ValueError when they are not square.
    """
    seen = len(images) * (2 if mirrored else 1)
    batch, lr = (128, 2e-3) if seen >= 4096 else (32, 1e-3)
    steps = min(max(EPOCHS * (seen // batch), FEWEST_STEPS), MOST_STEPS)
    epochs = max(FEWEST_EPOCHS, math.ceil(steps / (seen // batch)))
    config = ModelConfig("vae", "conv", images.shape, latent, widths(images.shape[1]), "gaussian", "learned")
    return Recipe(data, config, epochs, batch, lr, beta, mirrored=mirrored, licence=LICENCE)


def train_on_folder(
    data: str, *, model: str | None = None, size: int | None = None, latent: int = 64, beta: float = 1.0, mirrored: bool = False,
    skip_corrupt: bool = False, runs: Path = Path("runs"), out: Path = Path("runs"), epochs: int | None = None,
    steps: int | None = None,
) -> Path | None:  # fmt: skip
    """Train a VAE on a folder of images, or on arrays, and write weights, card and held-out codes; return the weights' file.

    data: the folder, or the arrays' name; model: its name (default: the folder's). The rest as in `open_splits`, `recipe_for` and
    `recipes.train_recipe`. Raises DataError when there are too few images, or when the name is another model's.
    """
    name = model_name(data, model)
    if recipes.ships(out):
        raise DataError("models of your own images do not belong among the shipped ones; choose another folder: --out runs")
    train_set, held_out = open_splits(data, size, skip_corrupt=skip_corrupt)
    if len(train_set) < LEAST_TO_TRAIN or len(held_out) < LEAST_HELD_OUT:
        raise DataError(
            f"{data} has {len(train_set)} images to train on and {len(held_out)} to hold out; at least {LEAST_TO_TRAIN} and "
            f"{LEAST_HELD_OUT} are needed, and a good model needs hundreds. Add more images."
        )
    plan = recipe_for(train_set, data, latent=latent, beta=beta, mirrored=mirrored)
    plan = plan if epochs is None else replace(plan, epochs=epochs)
    refuse_to_replace(name, plan, len(train_set), out, steps)
    made_by = {"command": command_line(data, name, plan, skip_corrupt), "opened": {"skip_corrupt": skip_corrupt}}
    return recipes.train_recipe(plan, name, train_set, held_out, made_by, runs=runs, out=out, steps=steps)


def model_name(data: str, name: str | None = None) -> str:
    """Return a model's name: the one that is asked for, or that of the folder, in the letters of a file name.

    Raises DataError when it is not of letters, digits, _ and -, or is the name of a model that ships.
    """
    found = re.sub(r"[^\w-]+", "_", Path(data).resolve().name).strip("_") if name is None else name
    if not re.fullmatch(r"[\w-]+", found):
        raise DataError(f"{found!r} cannot be a model's name; take letters, digits, _ and -: --name my_images")
    if found in recipes.RECIPES:
        raise DataError(f"{found} is the name of a model that ships; choose another one: --name my_{found}")
    return found


def refuse_to_replace(name: str, plan: Recipe, count: int, out: Path, steps: int | None) -> None:
    """Raise DataError when the folder has a model of this name that was made in another way, and was no trial: it stays."""
    if name not in pretrained.names(out):
        return
    card = pretrained.card(name, out)
    if "steps" in card["recipe"]:
        return
    new = json.loads(json.dumps(asdict(plan))) | {"images": count}
    old = card["recipe"] | {"config": card["config"], "images": card["images"]}
    other = [f"{key} {old.get(key)}, not {new[key]}" for key in new if old.get(key) != new[key] and key != "config"]
    other += ["another network"] * (old["config"] != new["config"]) + ["no trial"] * (steps is not None)
    if other:
        raise DataError(
            f"{Path(out) / name}.safetensors is another model ({'; '.join(other)}), and stays. Give the new one a name: "
            f"--name {name}_2 (or delete {name}.* there)."
        )


def command_line(data: str, name: str, plan: Recipe, skip_corrupt: bool) -> str:
    """Return the command line that makes a model again."""
    assert isinstance(plan.config, ModelConfig)
    words = ["python", "-m", "helpers", "train", data, "--name", name, "--size", str(plan.config.shape[1])]
    words += ["--latent", str(plan.config.latent), "--beta", f"{plan.beta:g}", "--epochs", str(plan.epochs)]
    return shlex.join(words + ["--mirrored"] * plan.mirrored + ["--skip-corrupt"] * skip_corrupt)


def held_out_of(name: str, folder: Path, images: str | None = None) -> Dataset:
    """Return the held-out images of a model's data, or of another folder, at the size and in the colours that it reads.

    Raises DataError when there is no such model, and DataError when the images are gone.
    """
    card = pretrained.card(name, folder)
    if "config" not in card:
        raise DataError(f"{name} is no model, but belongs to one. There are: {', '.join(pretrained.names(folder))}.")
    channels, side, _ = card["config"]["shape"]
    return open_splits(images or card["recipe"]["data"], side, channels, **card.get("opened", {}))[1]
