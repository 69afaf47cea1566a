"""A notebook as text, for `git diff`: a notebook's path goes in; cell sources and text outputs, without images, are printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def text_of(notebook: dict) -> str:
    """Return a notebook's cells, each under its number and kind, with what they printed; images are named, not shown."""
    lines: list[str] = []
    for number, cell in enumerate(notebook["cells"]):
        lines += [f"# ---- cell {number} · {cell['cell_type']}", "".join(cell["source"])]
        lines += [f"# > {line}" for output in cell.get("outputs", []) for line in shown(output)]
    return "\n".join(lines) + "\n"


def shown(output: dict) -> list[str]:
    """Return the lines of one output: printed text, an error's name, or plain text and the kinds of images."""
    if output["output_type"] == "stream":
        return "".join(output["text"]).splitlines()
    if output["output_type"] == "error":
        return [f"{output['ename']}: {output['evalue']}"]
    data = output.get("data", {})
    images = [f"({kind})" for kind in sorted(data) if kind.startswith("image/")]
    return "".join(data.get("text/plain", "")).splitlines() + images


if __name__ == "__main__":
    print(text_of(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), end="")
