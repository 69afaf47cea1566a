"""Write files so that nobody ever sees half of one: bytes go in, a whole file comes out, or the old one stays."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> Path:
    """Call write(file) on a temporary file beside `path`, then put it in place in one step; return the path.

    The parent folder is made. Whatever goes wrong (a full disk, an interrupt), the temporary file is removed and an older
    file at `path` is untouched. Who may read it is what any new file's owner has settled (the umask): a data folder can be shared.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # tempfile's would be readable by its owner only
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
