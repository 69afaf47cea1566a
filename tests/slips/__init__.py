"""Typical wrong solutions of the exercises, each with words that the check must find for it: (number, solution, words)."""

import importlib
from pathlib import Path

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("nb*.py"))
SLIPS = [slip for name in MODULES for slip in importlib.import_module(f"slips.{name}").SLIPS]
