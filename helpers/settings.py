"""The environment variables of the course, read in one place: nothing goes in, plain values come out.

| variable | values | meaning |
|---|---|---|
| `VAE_COURSE_DATA` | a folder | of real data and the prepared store (default: in the user's cache; relative to the course's root) |
| `VAE_COURSE_STANDINS` | 1 | use the drawn stand-ins even where real data is present |
| `VAE_COURSE_SEED` | a whole number | the seed of everything random (default 0) |
| `VAE_COURSE_BUDGET` | quick, full | training lengths (default: quick, at which every claim is tested) |
| `VAE_COURSE_DEVICE` | cpu | train on the processor even where there is a GPU |
| `TQDM_DISABLE` | 1 | show no progress bars |
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]  # of the course


def seed() -> int:
    """Return the course's seed, from `VAE_COURSE_SEED` (default 0).

    Raises ValueError when the variable is not a whole number from 0 to 2³² − 1 (NumPy and scikit-learn take no larger ones).
    """
    text = os.environ.get("VAE_COURSE_SEED", "0").strip() or "0"
    if not text.isdecimal() or len(text) > 10 or int(text) >= 2**32:
        raise ValueError(
            f"VAE_COURSE_SEED is {text[:20]!r}; it must be a whole number such as 0 or 7, below 2³². Unset it to use 0."
        )
    return int(text)


def generator(offset: int = 0) -> torch.Generator:
    """Return a CPU generator seeded with the course's seed plus 1,000,003 · offset.

    Give each independent use its own offset, so that inserting a draw in one place never changes another.
    """
    return torch.Generator().manual_seed(seed() + 1_000_003 * offset)


def data_folder() -> Path:
    """Return the folder of real data and the prepared store, from `VAE_COURSE_DATA`; it need not exist yet.

    A relative path starts at the course's root, in the terminal and in notebooks. Raises ValueError where `~name` is unknown.
    """
    chosen = os.environ.get("VAE_COURSE_DATA", "").strip()
    if chosen:
        try:
            return (ROOT / Path(chosen).expanduser()).resolve()
        except RuntimeError as error:
            raise ValueError(f"VAE_COURSE_DATA is {chosen!r}; there is no such home folder. Write the path out.") from error
    cache = os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return Path(cache).expanduser() / "vae-course"


def standins_forced() -> bool:
    """Return whether `VAE_COURSE_STANDINS` asks for the drawn stand-ins."""
    return os.environ.get("VAE_COURSE_STANDINS", "").strip().lower() not in ("", "0", "false", "no")


def processor_only() -> bool:
    """Return whether `VAE_COURSE_DEVICE` asks to leave a GPU alone. Raises ValueError on anything but cpu."""
    chosen = os.environ.get("VAE_COURSE_DEVICE", "").strip().lower()
    if chosen not in ("", "cpu"):
        raise ValueError(f"VAE_COURSE_DEVICE is {chosen!r}; it can only be cpu. Unset it to use a GPU where there is one.")
    return chosen == "cpu"


def bars_hidden() -> bool:
    """Return whether `TQDM_DISABLE` asks for no progress bars: tqdm itself looks at it only where nothing else is said."""
    return os.environ.get("TQDM_DISABLE", "").strip().lower() not in ("", "0", "false", "no")


def budget() -> str:
    """Return "quick" or "full", from `VAE_COURSE_BUDGET` (default: quick, at which every claim is tested, also with a GPU).

    Raises ValueError on any other value.
    """
    chosen = os.environ.get("VAE_COURSE_BUDGET", "").strip().lower()
    if chosen in ("quick", "full"):
        return chosen
    if chosen:
        raise ValueError(f"VAE_COURSE_BUDGET is {chosen!r}; it must be quick or full. Unset it for quick.")
    return "quick"
