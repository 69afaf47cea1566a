"""Download the official files of a data set: resumed, checked against their md5, from mirrors in turn; DataError if not.

An unfinished file is called NAME.part and is continued the next time. Nothing gets its final name before its checksum is
right, and a file that is already there is never overwritten unless `force` says so. Of two downloads of one set into one folder,
the second waits for the first.
"""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from tqdm import tqdm

from helpers import settings
from helpers.data import DataError
from helpers.data.known import writing
from tools import archives
from tools.mirrors import FILES, File, Files

BLOCK = 1 << 14  # at most this much is lost when a connection breaks
ATTEMPTS = 5  # how often one address is asked to continue after a break, as long as each time brings something
MOST_BYTES = 100_000_000  # of a file whose size is not in the table
TIMEOUT = (10.0, 30.0)  # seconds to wait for a connection, and for more data
HEADERS = {"Accept-Encoding": "identity"}


def download(name: str, folder: Path, force: bool = False) -> None:
    """Download and unpack the official files of fashion, mnist, cifar10, celeba or dsprites into the data folder.

    What is there and right is left alone; an interrupted download continues. force: replace what is there and wrong.
    Raises DataError when the name is unknown, when no mirror gives a file (with the steps by hand), when a file that is
    already there is wrong, or when the disk is full.
    """
    if name not in FILES:
        raise DataError(f"There is nothing to download for {name!r}. Known: {', '.join(FILES)}.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"another download of {name} into {folder} is running; waiting for it", flush=True)
        lock.acquire()
    try:
        with writing(folder):
            for file in FILES[name].files:
                _bring(file, folder, FILES[name], name, force)
    finally:
        lock.release()
    print(f"{name}: everything is in {folder}")


def _bring(file: File, folder: Path, files: Files, name: str, force: bool) -> None:
    """See to it that one file, and what it unpacks to, is in place."""
    target = folder / file.name
    unpacked = target.parent / file.unpacks_to
    if file.unpacks_to and unpacked.exists() and not target.exists() and not force:
        print(f"{unpacked} is already there; kept as it is (its archive is not, so it cannot be checked)")
        return
    found = md5_of(target) if target.exists() else None
    if found not in (None, file.md5) and not force:
        raise DataError(
            f"{target} ({target.stat().st_size:,} bytes) is there but has md5 {found}; expected {file.md5}. Move it away, or "
            "replace it with --force."
        )
    if found != file.md5:
        target.parent.mkdir(parents=True, exist_ok=True)
        _from_mirrors(file, target, folder, files, name)
    if file.unpacks_to:
        archives.unpack(target, force)


def md5_of(path: Path) -> str:
    """Return the md5 of a file in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


# ---- one file, from mirrors in turn


def _from_mirrors(file: File, target: Path, folder: Path, files: Files, name: str) -> None:
    """Download a file from the first address that gives it. Raises one DataError when none does."""
    part, failures = target.with_name(target.name + ".part"), []
    for url in file.urls:
        try:
            _from_one(url, file, part)
            os.replace(part, target)
            return
        except (DataError, ConnectionError) as error:
            failures.append(f"  {url}\n    {error}")
    raise DataError(
        f"{target.name} could not be downloaded. Tried:\n" + "\n".join(failures) + f"\nBy hand: open {files.page}. "
        f"{files.by_hand.format(folder=folder)}\nThen run: python -m helpers data download {name}   (it checks and unpacks what "
        "is there)"
    )


def _from_one(url: str, file: File, part: Path) -> None:
    """Leave the whole file, its checksum right, in `part`; a wrong one that was continued is tried again from the start.

    Raises ConnectionError when a break comes before anything new has arrived, or too often; DataError when the file is wrong.
    """
    for attempt in range(1, ATTEMPTS + 1):
        before = _length(part)
        try:
            _ask(url, file, part)
        except ConnectionError:
            if attempt == ATTEMPTS or _length(part) <= before:
                raise
            continue
        if md5_of(part) == file.md5:
            return
        part.unlink()
        if not before:
            break
    raise DataError(f"sent a file with the wrong checksum (expected md5 {file.md5})")


def _ask(url: str, file: File, part: Path) -> None:
    """Make one request, for the rest of the file where a part of it is here, and append what comes."""
    have = _length(part)
    headers = HEADERS | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416 and have:  # there is no more: the part is whole, or it is not this file's
                return
            _refuse(answer)
            start = have if answer.status_code == 206 else 0  # else the server ignores ranges: start over
            span = answer.headers.get("Content-Range", "")
            if start and not span.startswith(f"bytes {have}-"):
                raise DataError(f"sent another range than asked for ({span})")
            _write(answer, file, part, start)
    except requests.exceptions.RequestException as error:
        raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    """Return what went wrong with a request, in a sentence: a DataError after a long wait, else a ConnectionError."""
    if "timed out" in str(error).lower():
        return DataError(f"no connection within {TIMEOUT[0]:g} s, or no answer or no more data within {TIMEOUT[1]:g} s")
    reason = str(error).rsplit(": ", 1)[-1].strip("()'\" ")[:160]  # the last, most telling words of an error that wraps others
    return ConnectionError(f"the connection broke: {reason or type(error).__name__}")


def _refuse(answer: requests.Response, block: bytes | None = None) -> None:
    """Raise DataError when the answer, or the first block of it, is no data."""
    if answer.status_code not in (200, 206):
        raise DataError(f"answered {answer.status_code} {answer.reason}")
    page = block is not None and block.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))
    if page or "text/html" in answer.headers.get("Content-Type", ""):
        title = re.search(rb"<title[^>]*>(.*?)</title>", block or next(answer.iter_content(BLOCK), b""), re.IGNORECASE | re.DOTALL)
        words = title[1].decode(errors="replace").strip()[:80] if title else "no title"
        raise DataError(f"sent a web page instead of the file ({words}); Google Drive does so when its daily quota is used up")


def _write(answer: requests.Response, file: File, part: Path, start: int) -> None:
    """Write the answer's data into `part` from `start` on. Raises ConnectionError when less arrives than was promised."""
    promised = answer.headers.get("Content-Length", "")
    total = start + int(promised) if promised.isdecimal() else file.size
    if file.size is not None and total != file.size:
        raise DataError(f"offers {total:,} bytes; the file has {file.size:,}")
    bar = tqdm(total=total, initial=start, desc=file.name, unit="B", unit_scale=True, disable=settings.bars_hidden())
    most = total or MOST_BYTES
    with open(part, "ab" if start else "wb") as out, bar:
        for block in answer.iter_content(BLOCK):
            if out.tell() == 0:
                _refuse(answer, block)
            if out.tell() + len(block) > most:
                out.truncate(0)
                raise DataError(f"sends more than {most:,} bytes")
            out.write(block)
            bar.update(len(block))
    if total is not None and (found := _length(part)) != total:
        raise ConnectionError(f"the connection ended after {found:,} of {total:,} bytes")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# ---- are the mirrors alive?


def check_mirrors() -> bool:
    """Ask every address for its headers and print which are alive; return whether every file has a living address."""
    rows = [(file, url) for one in FILES.values() for file in one.files for url in file.urls]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(_offer, rows))
    for (file, url), (alive, text) in zip(rows, answers, strict=True):
        print(f"{'alive' if alive else 'DEAD '}  {file.name}  {url}  {text}")
    living = {file.name for (file, _), (alive, _) in zip(rows, answers, strict=True) if alive}
    dead = sorted({file.name for file, _ in rows} - living)
    for name in dead:
        print(f"no living address: {name}")
    return not dead


def _offer(row: tuple[File, str]) -> tuple[bool, str]:
    """Return whether an address offers a file of its size, by a GET of one byte; and its size, or what is wrong."""
    file, url = row
    try:
        with requests.get(url, headers=HEADERS | {"Range": "bytes=0-0"}, stream=True, timeout=TIMEOUT) as answer:
            _refuse(answer)
            told = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length", "")
    except requests.exceptions.RequestException as error:
        return False, str(_explained(error))
    except DataError as error:
        return False, str(error)
    if told.isdecimal() and file.size not in (None, int(told)):
        return False, f"offers {int(told):,} bytes; the file has {file.size:,}"
    return True, f"{int(told):,} bytes" if told.isdecimal() else "size not told"
