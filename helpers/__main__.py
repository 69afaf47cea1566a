"""The course from the command line: `python -m helpers data …`, `train`, `scores`, `grade`; thin, over the same functions."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch

from helpers import grading, pretrained, recipes
from helpers.data import DataError, cli, load
from helpers.grading import GradeError
from helpers.pretrained import WeightsError
from helpers.settings import SettingError
from helpers.training import CheckpointError, OutOfMemory, TrainingDiverged, first_process


def train(arguments: argparse.Namespace) -> None:
    """Train a shipped model and say where it is; of several processes, the first one speaks."""
    choose_device(arguments.device)
    if arguments.data is not None:
        choose_data(arguments.data)
    with open(os.devnull, "w") as nowhere, redirect_stdout(sys.stdout if first_process() else nowhere):
        path = recipes.train(
            arguments.name, runs=arguments.runs, out=arguments.out, epochs=arguments.epochs, steps=arguments.steps
        )
    if path:
        print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def choose_device(name: str) -> None:
    """Let this process train on a device, as `VAE_COURSE_DEVICE` does. Raises SettingError where there is no such device."""
    here = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not here[name]:
        others = ", ".join(key for key, present in here.items() if present)
        raise SettingError(f"there is no {name} device here, or this PyTorch cannot use it. Choose one of: {others}.")
    if name != "auto":
        os.environ["VAE_COURSE_DEVICE"] = "cpu" if name == "cpu" else ""


def choose_data(folder: Path) -> None:
    """Let this process look for real data in a folder, as `VAE_COURSE_DATA` does. Raises SettingError where it is none."""
    if not folder.is_dir():
        raise SettingError(f"there is no folder {folder} to take data from. What belongs into it: python -m helpers data status")
    os.environ["VAE_COURSE_DATA"] = str(folder)


def scores(arguments: argparse.Namespace) -> None:
    """Evaluate a shipped model on the held-out pictures of this machine, beside what its card records."""
    about = pretrained.card(arguments.name)
    held_out = load(about["recipe"]["data"], about["recipe"].get("held_out", "test"))
    found = recipes.score(pretrained.load(arguments.name), held_out, about["recipe"].get("features"))
    print(f"recorded on {about['data']}")
    for key, value in found.items():
        recorded = about["scores"].get(key)
        print(f"{key:>12}: recorded {'–' if recorded is None else format(recorded, '.3f'):>10}   now {value:10.3f}")


def grade(arguments: argparse.Namespace) -> None:
    """Run students' copies of notebooks, and say of each exercise whether it is solved."""
    reports = []
    for path in arguments.notebooks:
        reports.append(grading.grade(path, arguments.limit))
        if not arguments.json:
            print(reports[-1], flush=True)
    if arguments.json:
        print(json.dumps([report.to_dict() for report in reports], indent=1, ensure_ascii=False))


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m helpers", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    cli.add_commands(commands)
    one = commands.add_parser("train", help="train a shipped model as its recipe says")
    one.add_argument("name", help=", ".join(recipes.RECIPES))
    one.add_argument("--epochs", type=positive, help="instead of the recipe's")
    one.add_argument("--steps", type=positive, help="a trial: end after so many optimiser steps (needs --out)")
    one.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="what to train on (default: auto)")
    one.add_argument("--data", type=Path, metavar="FOLDER", help="where the data is, instead of VAE_COURSE_DATA")
    one.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go (default: runs)")
    one.add_argument("--out", type=Path, default=pretrained.FOLDER, help="where weights go (default: helpers/weights)")
    one.set_defaults(run=train)
    two = commands.add_parser("scores", help="evaluate a shipped model beside its recorded scores")
    two.add_argument("name", help=", ".join(pretrained.names()))
    two.set_defaults(run=scores)
    three = commands.add_parser("grade", help="run students' copies of notebooks and report each exercise")
    three.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    three.add_argument("--limit", type=positive, default=600, help="seconds for one notebook (default: 600)")
    three.add_argument("--json", action="store_true", help="for a program to read")
    three.set_defaults(run=grade)
    return top


def main(words: list[str] | None = None) -> int:
    """Run one command; return the exit status. Errors meant for people are printed without a traceback."""
    arguments = parser().parse_args(words)
    try:
        arguments.run(arguments)
    except (DataError, WeightsError, SettingError, CheckpointError, TrainingDiverged, OutOfMemory, GradeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
