"""Download the official files of a data set: resumed, checked against their md5, from mirrors in turn; DataError if not.

An unfinished file is called NAME.part and is continued the next time. Nothing gets its final name before its checksum is
right, and a file that is already there is never overwritten unless `force` says so. Of two downloads of one set into one folder,
the second waits for the first.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from tqdm import tqdm

from helpers import settings
from helpers.data import DataError
from helpers.data.known import DISK_FULL
from tools import archives
from tools.mirrors import FILES, File, Files

BLOCK = 1 << 14  # at most this much is lost when a connection breaks
ATTEMPTS = 5  # how often one address is asked to continue after a break, as long as each time brings something
MOST_BYTES = 100_000_000  # of a file whose size is not in the table
HEADERS = {"Accept-Encoding": "identity"}


class MirrorError(Exception):
    """One address did not give the file; the message says why, and the next address is tried."""


class ConnectionLost(MirrorError):
    """The connection ended too early; what has arrived can be continued."""


@dataclass(frozen=True)
class Options:
    """progress: show bars; force: replace what is there; timeout: seconds to wait for a connection, and for more data."""

    progress: bool = True
    force: bool = False
    timeout: tuple[float, float] = (10.0, 30.0)


def download(name: str, folder: Path | None = None, files: dict[str, Files] | None = None, options: Options | None = None) -> None:
    """Download and unpack the official files of fashion, mnist, cifar10, celeba or dsprites into the data folder.

    What is there and right is left alone; an interrupted download continues. files: another table than the course's own.
    Raises DataError when the name is unknown, when no mirror gives a file (with the steps by hand), when a file that is
    already there is wrong (unless `options.force`), or when the disk is full.
    """
    table, options = files or FILES, options or Options()
    if name not in table:
        raise DataError(f"There is nothing to download for {name!r}. Known: {', '.join(table)}.")
    folder = Path(folder) if folder is not None else settings.data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{name}.lock")
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"another download of {name} into {folder} is running; waiting for it", flush=True)
            lock.acquire()
        for file in table[name].files:
            _bring(file, folder, table[name], name, options)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        free = shutil.disk_usage(folder).free
        raise DataError(
            f"The disk is full: {free / 1e6:,.0f} MB are free in {folder}. Free some space, or let VAE_COURSE_DATA name a "
            "folder on a larger disk; the download then continues where it stopped."
        ) from error
    finally:
        lock.release()
    print(f"{name}: everything is in {folder}")


def _bring(file: File, folder: Path, files: Files, name: str, options: Options) -> None:
    """See to it that one file, and what it unpacks to, is in place."""
    target = folder / file.name
    unpacked = target.parent / file.unpacks_to
    if file.unpacks_to and unpacked.exists() and not target.exists() and not options.force:
        print(f"{unpacked} is already there; kept as it is (its archive is not, so it cannot be checked)")
        return
    if target.exists() and (found := md5_of(target)) != file.md5 and not options.force:
        raise DataError(
            f"{target} ({target.stat().st_size:,} bytes) is there but has md5 {found}; expected {file.md5}. Move it away, or "
            "replace it with --force."
        )
    if not target.exists() or md5_of(target) != file.md5:
        target.parent.mkdir(parents=True, exist_ok=True)
        _from_mirrors(file, target, folder, files, name, options)
    if file.unpacks_to:
        archives.unpack(target, options.force)


def md5_of(path: Path) -> str:
    """Return the md5 of a file in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


# ---- one file, from mirrors in turn


def _from_mirrors(file: File, target: Path, folder: Path, files: Files, name: str, options: Options) -> None:
    """Download a file from the first address that gives it. Raises one DataError when none does."""
    part, failures = target.with_name(target.name + ".part"), []
    for url in file.urls:
        try:
            _from_one(url, file, part, options)
            os.replace(part, target)
            return
        except MirrorError as error:
            failures.append(f"  {url}\n    {error}")
    raise DataError(
        f"{target.name} could not be downloaded. Tried:\n" + "\n".join(failures) + f"\nBy hand: open {files.page}. "
        f"{files.by_hand.format(folder=folder)}\nThen run: python -m helpers data download {name}   (it checks and unpacks what "
        "is there)"
    )


def _from_one(url: str, file: File, part: Path, options: Options) -> None:
    """Leave the whole file, its checksum right, in `part`; a wrong one that was continued is tried once from the start."""
    for _ in range(2 if _length(part) else 1):
        _complete(url, file, part, options)
        if md5_of(part) == file.md5:
            return
        part.unlink()
    raise MirrorError(f"sent a file with the wrong checksum (expected md5 {file.md5})")


def _complete(url: str, file: File, part: Path, options: Options) -> None:
    """Ask one address until the file has its full length; give up when a break comes before anything new has arrived."""
    for attempt in range(1, ATTEMPTS + 1):
        before = _length(part)
        try:
            return _ask(url, file, part, options)
        except ConnectionLost:
            if attempt == ATTEMPTS or _length(part) <= before:
                raise


def _ask(url: str, file: File, part: Path, options: Options) -> None:
    """Make one request, for the rest of the file where a part of it is here, and append what comes."""
    have = _length(part)
    headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=options.timeout) as answer:
            if answer.status_code == 416 and have:  # there is no more: the part is whole, or it is not this file's
                return
            _refuse(answer)
            start = have if answer.status_code == 206 else 0  # else the server ignores ranges: start over
            span = answer.headers.get("Content-Range", "")
            if start and not span.startswith(f"bytes {have}-"):
                raise MirrorError(f"sent another range than asked for ({span})")
            _write(answer, file, part, start, options)
    except requests.exceptions.RequestException as error:
        raise _explained(error, options.timeout) from error


def _explained(error: Exception, timeout: tuple[float, float]) -> MirrorError:
    """Return what went wrong with a request, in a sentence."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return MirrorError(f"no connection within {timeout[0]:g} s")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return MirrorError(f"no answer within {timeout[1]:g} s")
    if "timed out" in str(error).lower():
        return MirrorError(f"stalled: nothing came for {timeout[1]:g} s")
    reason = str(error).rsplit(": ", 1)[-1].strip("()'\" ")[:160]  # the last, most telling words of an error that wraps others
    return ConnectionLost(f"the connection broke: {reason or type(error).__name__}")


def _refuse(answer: requests.Response, block: bytes | None = None) -> None:
    """Raise MirrorError when the answer, or the first block of it, is no data."""
    if answer.status_code not in (200, 206):
        raise MirrorError(f"answered {answer.status_code} {answer.reason}")
    page = block is not None and block.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))
    if page or "text/html" in answer.headers.get("Content-Type", ""):
        title = re.search(rb"<title[^>]*>(.*?)</title>", block or next(answer.iter_content(BLOCK), b""), re.IGNORECASE | re.DOTALL)
        words = title[1].decode(errors="replace").strip()[:80] if title else "no title"
        raise MirrorError(f"sent a web page instead of the file ({words}); Google Drive does so when its daily quota is used up")


def _write(answer: requests.Response, file: File, part: Path, start: int, options: Options) -> None:
    """Write the answer's data into `part` from `start` on. Raises ConnectionLost when less arrives than was promised."""
    promised = answer.headers.get("Content-Length", "")
    total = start + int(promised) if promised.isdecimal() else file.size
    if file.size is not None and total != file.size:
        raise MirrorError(f"offers {total:,} bytes; the file has {file.size:,}")
    hidden = not options.progress or settings.bars_hidden()
    bar = tqdm(total=total, initial=start, desc=file.name, unit="B", unit_scale=True, disable=hidden)
    most = total or MOST_BYTES
    with open(part, "ab" if start else "wb") as out, bar:
        for block in answer.iter_content(BLOCK):
            if out.tell() == 0:
                _refuse(answer, block)
            if out.tell() + len(block) > most:
                out.truncate(0)
                raise MirrorError(f"sends more than {most:,} bytes")
            out.write(block)
            bar.update(len(block))
    if total is not None and (found := _length(part)) != total:
        raise ConnectionLost(f"the connection ended after {found:,} of {total:,} bytes")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# ---- are the mirrors alive?


def check_mirrors(files: dict[str, Files] | None = None, timeout: tuple[float, float] = (10.0, 30.0)) -> bool:
    """Ask every address for its headers and print which are alive; return whether every file has a living address."""
    rows = [(file, url) for one in (files or FILES).values() for file in one.files for url in file.urls]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda row: _headers(row[1], row[0].size, timeout), rows))
    living = {file.name for (file, _), (alive, _) in zip(rows, answers, strict=True) if alive}
    for (file, url), (alive, text) in zip(rows, answers, strict=True):
        print(f"{'alive' if alive else 'DEAD '}  {file.name}  {url}  {text}")
    for name in sorted({file.name for file, _ in rows} - living):
        print(f"no living address: {name}")
    return len(living) == len({file.name for file, _ in rows})


def _headers(url: str, size: int | None, timeout: tuple[float, float]) -> tuple[bool, str]:
    """Return whether an address offers a file of this size, by HEAD, else by a GET of one byte; and its size, or what is wrong."""
    reason = ""
    for method, headers in (("HEAD", HEADERS), ("GET", HEADERS | {"Range": "bytes=0-0"})):
        try:
            with requests.request(method, url, headers=headers, stream=True, timeout=timeout, allow_redirects=True) as answer:
                _refuse(answer)
                told = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length", "")
                if told.isdecimal() and size is not None and int(told) != size:
                    raise MirrorError(f"offers {int(told):,} bytes; the file has {size:,}")
                return True, f"{int(told):,} bytes" if told.isdecimal() else "size not told"
        except requests.exceptions.RequestException as error:
            reason = str(_explained(error, timeout))
        except MirrorError as error:
            reason = str(error)
    return False, reason
