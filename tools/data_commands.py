"""`python -m helpers data …`: a thin command line over load, download, status and the contact sheets."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from helpers import settings
from helpers.data import DataError, load, sources, status
from helpers.data.known import KNOWN
from tools.data_sheets import contact_sheet, factor_sheet
from tools.download import check_mirrors, download
from tools.mirrors import FILES


def add_commands(subparsers: argparse._SubParsersAction) -> None:
    """Add `data` with its own commands; each sets `run`, a function of the parsed arguments that may raise DataError."""
    data = subparsers.add_parser("data", help="download, list, show and prepare data sets")
    commands = data.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "status", _status, "what is on this machine, and what load opens")

    fetch = _add(commands, "download", _download, "download the official files of a set")
    fetch.add_argument("name", metavar="NAME", help=", ".join(FILES))
    fetch.add_argument("--force", action="store_true", help="replace files that are there and wrong")

    _add(commands, "mirrors", _mirrors, "ask every address for its headers, and say which are alive (for maintainers)")

    show = _add(commands, "show", _show, "write a contact sheet of a set")
    show.add_argument("name", metavar="NAME", help=f"{', '.join(KNOWN)}, or a folder of images")
    show.add_argument("--factors", action="store_true", help="one known factor of the stand-in in each row, low to high")
    show.add_argument("--split", default="train", help="train (default), valid or test")
    show.add_argument("--out", type=Path, help="the image to write (default: NAME-SPLIT.png)")

    prepare = _add(commands, "prepare", _prepare, "decode a real set now rather than when it is first loaded")
    prepare.add_argument("name", metavar="NAME", help=f"{', '.join(KNOWN)}, or a folder of images")
    prepare.add_argument("--size", type=int, help="height and width, for celeba and folders (default: 64)")
    prepare.add_argument("--skip-corrupt", action="store_true", help="leave images out that cannot be decoded")


def _add(commands: argparse._SubParsersAction, name: str, run, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _status(arguments: argparse.Namespace) -> None:
    print(status(settings.data_folder()))


def _download(arguments: argparse.Namespace) -> None:
    download(arguments.name, settings.data_folder(), arguments.force)


def _mirrors(arguments: argparse.Namespace) -> None:
    """Say which addresses are alive. Raises DataError, and so ends in exit status 1, when a file has none."""
    if not check_mirrors():
        raise DataError("A file has no living address: see above. Its row in tools/mirrors.py needs another one.")


def _show(arguments: argparse.Namespace) -> None:
    """Write the sheet."""
    if arguments.out and not arguments.out.parent.is_dir():
        raise DataError(f"{arguments.out} cannot be written: there is no folder {arguments.out.parent}.")
    if arguments.factors:
        sheet, kind = factor_sheet(arguments.name, settings.seed()), "factors"
    else:
        sheet, kind = contact_sheet(load(arguments.name, arguments.split)), arguments.split
    path = arguments.out or Path(f"{Path(arguments.name).name}-{kind}.png")
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be written: {error}. Choose a file name ending in .png in a folder that exists.") from error
    print(f"wrote {path}")


def _prepare(arguments: argparse.Namespace) -> None:
    """Prepare every split of a real set that is there."""
    name, folder, options = arguments.name, settings.data_folder(), {"size": arguments.size, "skip_corrupt": arguments.skip_corrupt}
    here = sources.find_all(name, folder, **options)
    if not here and name in KNOWN:
        raise DataError(f"{name} is not in {folder}. Run: python -m helpers data download {name}")
    if not here:
        raise DataError(f"there is no folder of images {name!r}, and no set of this name. Known: {', '.join(KNOWN)}.")
    for split in here:
        start = time.perf_counter()
        dataset = load(name, split, **options)
        seconds = time.perf_counter() - start
        print(f"  {len(dataset):,} images in {seconds:.1f} s ({len(dataset) / seconds:,.0f} images/s)")
