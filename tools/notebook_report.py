"""The size and language of the notebooks: paths go in, one line a notebook comes out; `make report` prints them all.

The budgets are those of a core page: about 45 cells, 2,500 words, 20 claims. Private words: the field has others for them.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

PRIVATE = re.compile(
    r"\b(rent|keeper|tailor|zones?|picks?|pictures?|redrawn|rebuilt|waterline|dearer|whoever|nobody|somebody|worst jump|"
    r"humps?|heaps?|oblique|strangers?|alarms?|deaf|witness(?:es)?|rulers?|full marks|(?:the|a|its|one) (?:bill|hole))\b",
    re.I,
)  # words of the style guide's table that mean nothing else on a page
MOST_CELLS, MOST_WORDS, MOST_CLAIMS, MOST_LINES = 55, 3_000, 25, 40


@dataclass(frozen=True)
class Report:
    """What can be counted in a notebook; `lengths` are the lines of its code cells, rising."""

    name: str
    cells: int
    words: int
    claims: int
    claims_without_values: int
    lengths: tuple[int, ...]
    private_words: int

    def __str__(self) -> str:
        median, most = self.lengths[len(self.lengths) // 2], self.lengths[-1]
        return (
            f"{self.name:32} {self.cells:3} cells  {self.words:5,} words  {self.claims:3} claims ({self.claims_without_values:2} "
            f"without values)  code lines {median:2} median {most:2} most  {self.private_words:3} private words"
        )

    def excesses(self) -> list[str]:
        """Return what exceeds the budget of a core page."""
        found = {
            f"{self.cells} cells": self.cells > MOST_CELLS,
            f"{self.words} words": self.words > MOST_WORDS,
            f"{self.claims} claims": self.claims > MOST_CLAIMS,
            f"a code cell of {self.lengths[-1]} lines": self.lengths[-1] > MOST_LINES,
            f"{self.private_words} private words": self.private_words > 0,
        }
        return [text for text, exceeded in found.items() if exceeded]


def report(path: Path) -> Report:
    """Return what can be counted in one notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    markdown = " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    calls = [node for source in code for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    claims = [call for call in calls if getattr(call.func, "id", "") == "claim"]
    told = re.sub(r"## The magic wardrobe.*?(?=\n## |\Z)", "", markdown, flags=re.S)  # the one section that may tell the story
    valueless, private = sum(not call.keywords for call in claims), len(PRIVATE.findall(told + " ".join(code)))
    lengths = tuple(sorted(len(source.splitlines()) for source in code))
    return Report(path.stem, len(cells), len(markdown.split()), len(claims), valueless, lengths, private)


if __name__ == "__main__":
    for notebook in sorted((Path(__file__).parents[1] / "notebooks").rglob("*.ipynb")):
        print(report(notebook))
