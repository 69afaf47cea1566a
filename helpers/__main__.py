"""The course from the command line: `python -m helpers data …`, `train NAME`, `scores NAME`; thin, over the same functions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from helpers import pretrained, recipes
from helpers.data import DataError, cli, load
from helpers.pretrained import WeightsError
from helpers.settings import SettingError
from helpers.training import CheckpointError, TrainingDiverged


def train(arguments: argparse.Namespace) -> None:
    """Train a shipped model and say where it is."""
    path = recipes.train(arguments.name, runs=arguments.runs, out=arguments.out, epochs=arguments.epochs)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def scores(arguments: argparse.Namespace) -> None:
    """Evaluate a shipped model on the held-out pictures of this machine, beside what its card records."""
    about = pretrained.card(arguments.name)
    found = recipes.score(pretrained.load(arguments.name), load(about["recipe"]["data"], "test").images)
    print(f"recorded on {about['data']}")
    for key, value in found.items():
        print(f"{key:>8}: recorded {about['scores'][key]:10.3f}   now {value:10.3f}")


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
    one.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go (default: runs)")
    one.add_argument("--out", type=Path, default=pretrained.FOLDER, help="where weights go (default: helpers/weights)")
    one.set_defaults(run=train)
    two = commands.add_parser("scores", help="evaluate a shipped model beside its recorded scores")
    two.add_argument("name", help=", ".join(pretrained.names()))
    two.set_defaults(run=scores)
    return top


def main(words: list[str] | None = None) -> int:
    """Run one command; return the exit status. Errors meant for people are printed without a traceback."""
    arguments = parser().parse_args(words)
    try:
        arguments.run(arguments)
    except (DataError, WeightsError, SettingError, CheckpointError, TrainingDiverged) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
