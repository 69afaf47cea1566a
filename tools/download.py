"""Download the official files of a picture set: resumed, checked against their md5, from mirrors in turn; DataError if not.

An unfinished file is called NAME.part and is continued the next time. Nothing gets its final name before its checksum is
right, and a file that is already there is never overwritten unless `force` says so.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

from helpers import settings
from helpers.data.dataset import DataError
from tools import archives
from tools.mirrors import FILES, File, Files

BLOCK = 1 << 14  # at most this much is lost when a connection breaks
ROUNDS = 5  # how often one address is asked to continue after a cut, as long as each time brings something


class Failed(Exception):
    """One address did not give the file; the message says why, and the next address is tried."""


class Cut(Failed):
    """The connection ended too early; what has arrived can be continued."""


@dataclass(frozen=True)
class How:
    """progress: show bars; force: replace what is there; connect, read: seconds to wait for an answer, and for more data."""

    progress: bool = True
    force: bool = False
    connect: float = 10.0
    read: float = 30.0


def download(
    name: str,
    folder: Path | None = None,
    progress: bool = True,
    *,
    force: bool = False,
    files: dict[str, Files] | None = None,
    connect_timeout: float = 10.0,
    read_timeout: float = 30.0,
) -> None:
    """Download and unpack the official files of fashion, mnist, cifar10, celeba or dsprites into the data folder.

    What is there and right is left alone; an interrupted download continues. `force` replaces files that are there and
    wrong. files: another table than the course's own; timeouts in seconds.
    Raises DataError when the name is unknown, when no mirror gives a file (with the steps by hand), when a file that is
    already there is wrong, when the disk is full, or when an archive would write outside its folder.
    """
    table = FILES if files is None else files
    if name not in table:
        raise DataError(f"There is nothing to download for {name!r}. Known: {', '.join(table)}.")
    folder = Path(folder) if folder is not None else settings.data_folder()
    how = How(progress, force, connect_timeout, read_timeout)
    try:
        for file in table[name].files:
            _bring(file, folder, table[name], name, how)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(folder).free
        raise DataError(
            f"The disk is full: {free / 1e6:,.0f} MB are free in {folder}. Free some space, or let VAE_COURSE_DATA name a "
            "folder on a larger disk; the download then continues where it stopped."
        ) from error
    print(f"{name}: everything is in {folder}")


def _bring(file: File, folder: Path, files: Files, name: str, how: How) -> None:
    """See to it that one file, and what it unpacks to, is in place."""
    target = folder / file.name
    result = target.parent / file.result if file.unpack else target
    if file.unpack and result.exists() and not target.exists() and not how.force:
        print(f"{result} is already there; kept as it is (its archive is not, so it cannot be checked)")
        return
    if not _already_there(target, file, how):
        target.parent.mkdir(parents=True, exist_ok=True)
        _from_mirrors(file, target, folder, files, name, how)
    if file.unpack:
        _unpack(target, how)


def _already_there(target: Path, file: File, how: How) -> bool:
    """Return whether the right file is in place. Raises DataError when a wrong one is, unless `force` is set."""
    if not target.exists():
        return False
    found = md5_of(target)
    if found == file.md5:
        return True
    if how.force:
        return False
    raise DataError(
        f"{target} ({target.stat().st_size:,} bytes) is there but has md5 {found}; expected {file.md5}. Move it away, or "
        "replace it with --force (force=True)."
    )


def _unpack(archive: Path, how: How) -> None:
    """Unpack an archive beside itself, unless that has been done; never over something else without `force`."""
    place = archive.parent
    if not how.force and archives.unpacked(archive, place):
        return
    in_the_way = [str(place / top) for top in archives.tops(archive) if (place / top).exists()]
    if in_the_way and not how.force:
        raise DataError(
            f"{', '.join(in_the_way)} is there but differs from what is in {archive.name}. Move it away, or replace it with "
            "--force (force=True)."
        )
    archives.unpack(archive, place, how.progress)


def md5_of(path: Path) -> str:
    """Return the md5 of a file in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


# ---- one file, from mirrors in turn


def _from_mirrors(file: File, target: Path, folder: Path, files: Files, name: str, how: How) -> None:
    """Download a file from the first address that gives it. Raises one DataError when none does."""
    part = target.with_name(target.name + ".part")
    failures = []
    for url in file.urls:
        try:
            _from_one(url, file, part, how)
        except Failed as why:
            failures.append(f"  {url}\n    {why}")
            continue
        os.replace(part, target)
        return
    steps = files.by_hand.format(folder=folder)
    raise DataError(
        f"{target.name} could not be downloaded. Tried:\n" + "\n".join(failures) + f"\nBy hand: open {files.page}. {steps}\n"
        f"Then run: python -m helpers data download {name}   (it checks and unpacks what is there)"
    )


def _from_one(url: str, file: File, part: Path, how: How) -> None:
    """Leave the whole file, its checksum right, in `part`; a wrong one that was continued is tried once from the start."""
    continued = _length(part) > 0
    _complete(url, file, part, how)
    if md5_of(part) == file.md5:
        return
    _throw_away(part)
    if continued:
        _complete(url, file, part, how)
        if md5_of(part) == file.md5:
            return
        _throw_away(part)
    raise Failed(f"sent a file with the wrong checksum (expected md5 {file.md5})")


def _complete(url: str, file: File, part: Path, how: How) -> None:
    """Ask one address until the file has its full length; give up when a cut comes before anything new has arrived."""
    for last in [False] * (ROUNDS - 1) + [True]:
        before = _length(part)
        try:
            return _ask(url, file, part, how)
        except Cut:
            if last or _length(part) <= before:
                raise


def _ask(url: str, file: File, part: Path, how: How) -> None:
    """Make one request, for the rest of the file where a part of it is here, and append what comes."""
    have = _length(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(how.connect, how.read)) as answer:
            if answer.status_code == 416 and have:  # there is no more: the part is whole, or it is not this file's
                return
            start = _checked_start(answer, have)
            _write(answer, file, part, start, how)
    except requests.exceptions.ConnectTimeout as error:
        raise Failed(f"no connection within {how.connect:g} s") from error
    except requests.exceptions.ReadTimeout as error:
        raise Failed(f"no answer within {how.read:g} s") from error
    except requests.exceptions.RequestException as error:
        if "timed out" in str(error).lower():
            raise Failed(f"stalled: nothing came for {how.read:g} s") from error
        raise Cut(f"the connection broke: {_short(error)}") from error


def _checked_start(answer: requests.Response, have: int) -> int:
    """Return where the answer's data begins in the file. Raises Failed when the answer is no data."""
    if answer.status_code not in (200, 206):
        raise Failed(f"answered {answer.status_code} {answer.reason}")
    if "text/html" in answer.headers.get("Content-Type", ""):
        raise Failed(_page(next(answer.iter_content(BLOCK), b"")))
    if answer.status_code == 200:
        return 0  # the server ignores ranges: start over
    match = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if not match or int(match[1]) != have:
        raise Failed(f"sent another range than asked for ({answer.headers.get('Content-Range')})")
    return have


def _write(answer: requests.Response, file: File, part: Path, start: int, how: How) -> None:
    """Write the answer's data into `part` from `start` on. Raises Cut when less arrives than was promised."""
    promised = answer.headers.get("Content-Length", "")
    total = start + int(promised) if promised.isdecimal() else file.size
    if file.size is not None and total != file.size:
        raise Failed(f"offers {total:,} bytes; the file has {file.size:,}")
    hidden = not how.progress or settings.bars_hidden()
    bar = tqdm(total=total, initial=start, desc=file.name, unit="B", unit_scale=True, disable=hidden)
    with open(part, "ab" if start else "wb") as out, bar:
        for block in answer.iter_content(BLOCK):
            if out.tell() == 0 and _is_html(block):
                raise Failed(_page(block))
            out.write(block)
            bar.update(len(block))
    if total is not None and (found := _length(part)) != total:
        raise Cut(f"the connection ended after {found:,} of {total:,} bytes")


def _is_html(block: bytes) -> bool:
    return block.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def _page(block: bytes) -> str:
    """Return the reason when a web page came instead of the file, with the page's title."""
    title = re.search(rb"<title[^>]*>(.*?)</title>", block, re.IGNORECASE | re.DOTALL)
    words = title[1].decode(errors="replace").strip() if title else "no title"
    return f"sent a web page instead of the file ({words[:80]}); Google Drive does so when its daily quota is used up"


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _throw_away(part: Path) -> None:
    part.unlink(missing_ok=True)


def _short(error: Exception) -> str:
    """Return the last, most telling words of an error that wraps others."""
    return str(error).rsplit(": ", 1)[-1].strip("()'\" ")[:160] or type(error).__name__
