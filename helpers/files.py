"""Write files in one step: bytes go in, a whole file comes out, or the old one stays."""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

DAY = 24 * 3600


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield the name of a temporary file beside `path`, and put that file in place in one step at the end; on an error, remove it.

    The parent folder is made, and what killed processes have left in it long ago is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex}.part")  # tempfile's is readable by its owner only
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> Path:
    """Call write(file) on a temporary file beside `path`, then put it in place in one step; return the path.

    Whatever goes wrong (a full disk, an interrupt), the temporary file is removed and an older file at `path` is untouched.
    The umask decides who may read the file, as for any new file: a data folder can be shared.
    """
    with replacing(path) as temporary, open(temporary, "xb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
        file.close()  # before it is moved: Windows does not move an open file
    return Path(path)


def sweep(folder: Path) -> None:
    """Remove temporary files older than a day from a folder, except those of a process that is still running."""
    for path in folder.glob(".*.part"):
        name = re.fullmatch(r"\..+\.(?:(\d+)-)?[0-9a-f]{32}\.part", path.name)
        with contextlib.suppress(OSError):
            if name and time.time() - path.stat().st_mtime > DAY and not (name[1] and _running(int(name[1]))):
                path.unlink()


def _running(process: int) -> bool:
    """Return whether a process is running on this machine."""
    if os.name == "nt":
        return False  # there a file that a process has open cannot be removed
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's
        return True
    return True
