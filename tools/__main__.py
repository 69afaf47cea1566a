"""The course from the command line: `python -m helpers data …`, `train`, `draw`, `scores`, `grade`; thin, over its functions."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

import matplotlib
import torch

from helpers import pretrained
from helpers.data import DataError, load
from helpers.training import OutOfMemory, TrainingDiverged, first_process
from tools import data_commands, grading, model_sheets, own_images, recipes

USER_ERRORS = (ValueError, TrainingDiverged, OutOfMemory, OSError)  # DataError and ShapeError are ValueErrors
FOLDER_OPTIONS = ("model", "size", "latent", "beta", "mirrored", "skip_corrupt")  # for your own images only


def train_command(arguments: argparse.Namespace) -> None:
    """Train a shipped model, or one of your own images, and print its path; of several processes, only the first one prints."""
    choose_device(arguments.device)
    if arguments.data is not None:
        if not arguments.data.is_dir():
            raise ValueError(
                f"there is no folder {arguments.data} to take data from. What belongs into it: python -m helpers data status"
            )
        os.environ["VAE_COURSE_DATA"] = str(arguments.data.resolve())
    chosen = {key: getattr(arguments, key) for key in FOLDER_OPTIONS if getattr(arguments, key) is not None}
    length = {key: getattr(arguments, key) for key in ("runs", "epochs", "steps")}
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(sys.stdout if first_process() else nowhere),
    ):
        if own_images.is_here(arguments.name):
            path = own_images.train_on_folder(arguments.name, out=arguments.out or Path("runs"), **length, **chosen)
        else:
            recipes.recipe(arguments.name)
            if chosen:
                told = ", ".join("--name" if key == "model" else f"--{key.replace('_', '-')}" for key in chosen)
                told += " can be chosen for a folder of your own images only"
                raise ValueError(f"{arguments.name} is trained as its recipe says; {told}.")
            path = recipes.train_shipped(arguments.name, out=arguments.out or pretrained.FOLDER, **length)
    if path:
        print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def choose_device(name: str) -> None:
    """Let this process train on a device, as `VAE_COURSE_DEVICE` does. Raises ValueError where there is no such device."""
    here = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not here[name]:
        others = ", ".join(key for key, present in here.items() if present)
        raise ValueError(f"there is no {name} device here, or this PyTorch cannot use it. Choose one of: {others}.")
    if name != "auto":
        os.environ["VAE_COURSE_DEVICE"] = "cpu" if name == "cpu" else ""


def scores_command(arguments: argparse.Namespace) -> None:
    """Evaluate a model on the held-out images of this machine, beside the scores on its card."""
    shipped = pretrained.FOLDER if arguments.name in pretrained.names() else None
    folder = arguments.out or shipped or pretrained.folder_of(arguments.name, Path("runs"))
    about = pretrained.card(arguments.name, folder)
    if arguments.name in recipes.RECIPES:
        held_out = load(about["recipe"]["data"], about["recipe"].get("held_out", "test"))
    else:
        held_out = own_images.held_out_of(arguments.name, folder)
    found = recipes.score(pretrained.load(arguments.name, folder), held_out, about["recipe"].get("features"))
    print(f"recorded on {about['data']}")
    for key, value in found.items():
        recorded = about["scores"].get(key)
        print(f"{key:>12}: recorded {'–' if recorded is None else format(recorded, '.3f'):>10}   now {value:10.3f}")


def draw_command(arguments: argparse.Namespace) -> None:
    """Write sheets of a model's images, and print their paths."""
    matplotlib.use("agg")  # into files: there may be no screen
    folder = pretrained.folder_of(arguments.name, arguments.out)
    print(pretrained.describe(arguments.name, folder))
    images = own_images.held_out_of(arguments.name, folder, arguments.images) if arguments.images else None
    for path in model_sheets.draw(arguments.name, folder, arguments.out, images):
        print(f"wrote {path}")


def grade_command(arguments: argparse.Namespace) -> None:
    """Run students' copies of notebooks, and report each exercise; a file that cannot be graded does not stop the others."""
    found, bad = [], []
    for path in arguments.notebooks:
        try:
            report = grading.grade(path, arguments.limit)
            found.append(report.to_dict())
            told = str(report)
        except DataError as error:
            bad.append(str(error))
            found.append({"notebook": str(path), "error": str(error)})
            told = f"{path} · not graded: {error}" if len(arguments.notebooks) > 1 else ""
        if told and not arguments.json:
            print(told, flush=True)
    if arguments.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    if bad:
        raise DataError(bad[0] if len(bad) == 1 else f"{len(bad)} of {len(found)} files could not be graded: " + " ".join(bad))


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def weight(text: str) -> float:
    """Return a finite number of at least 0."""
    with contextlib.suppress(ValueError):
        if 0 <= (number := float(text)) < float("inf"):
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a finite number of at least 0")


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m helpers", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    data_commands.add_commands(commands)
    one = commands.add_parser("train", help="train a shipped model as its recipe says, or a VAE on a folder of your own images")
    names = ", ".join(recipes.RECIPES)
    one.add_argument("name", metavar="NAME", help=f"{names}; or a folder of images, or the name of your own arrays")
    one.add_argument("--epochs", type=positive, help="instead of the recipe's")
    one.add_argument("--steps", type=positive, help="a trial: end after so many optimiser steps (needs --out, if not of a folder)")
    one.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="what to train on (default: auto)")
    one.add_argument("--data", type=Path, metavar="FOLDER", help="where the data is, instead of VAE_COURSE_DATA")
    one.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go (default: runs)")
    one.add_argument("--out", type=Path, help="where weights go (default: helpers/weights; of your own images: runs)")
    group = one.add_argument_group("for your own images only")  # None stands for the default of `own_images.train_on_folder`
    group.add_argument("--name", dest="model", metavar="NAME", help="of the model (default: the folder's)")
    group.add_argument("--size", type=positive, help="height and width in pixels (default: 64)")
    group.add_argument("--latent", type=positive, help="how many latents (default: 64)")
    group.add_argument("--beta", type=weight, help="the weight of the KL term (default: 1)")
    group.add_argument("--mirrored", action="store_const", const=True, help="train on each image left and right exchanged, too")
    group.add_argument("--skip-corrupt", action="store_const", const=True, help="leave images out that cannot be decoded")
    one.set_defaults(run=train_command)
    two = commands.add_parser("scores", help="evaluate a model beside its recorded scores")
    two.add_argument("name", metavar="NAME", help=", ".join(pretrained.names()) + "; or a model of your own")
    two.add_argument("--out", type=Path, help="where its weights are (default: helpers/weights, then runs)")
    two.set_defaults(run=scores_command)
    four = commands.add_parser("draw", help="write sheets of a model's images: samples, interpolations, traversals")
    four.add_argument("name", metavar="NAME", help="a model of your own, or a shipped one")
    four.add_argument("--out", type=Path, default=Path("runs"), help="where your models are, and the sheets go (default: runs)")
    four.add_argument("--images", "--pictures", metavar="FOLDER", help="reconstruct held-out images of this folder, too")
    four.set_defaults(run=draw_command)
    three = commands.add_parser("grade", help="run students' copies of notebooks and report each exercise")
    three.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    three.add_argument("--limit", type=positive, default=600, help="seconds for one notebook (default: 600)")
    three.add_argument("--json", action="store_true", help="for a program to read")
    three.set_defaults(run=grade_command)
    return top


def main(words: list[str] | None = None) -> int:
    """Run one command; return the exit status. Users' mistakes and warnings are printed without lines of code."""
    arguments = parser().parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console or a pipe without ✔ shows ?
    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            arguments.run(arguments)
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print(error if error.args else "stopped by hand", file=sys.stderr)
        return 130
    return 0


def warn(message: Warning | str, *_, **__) -> None:
    """Print a warning as a sentence."""
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
