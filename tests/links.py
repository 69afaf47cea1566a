"""Links of notebooks and Markdown pages: text goes in, what has no target comes out."""

import ast
import json
import re
from functools import cache
from pathlib import Path

LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(((?:[^()\s]|\([^()\s]*\))+)\)")


@cache
def notebook(path: Path) -> tuple[set[str], set[str]]:
    """Return a notebook's heading anchors, as Jupyter makes them, and the sentences of its claims."""
    cells = json.loads(path.read_text())["cells"]
    sources = {kind: ["".join(c["source"]) for c in cells if c["cell_type"] == kind] for kind in ("markdown", "code")}
    headings = re.findall(r"^#+ (.+)$", "\n".join(sources["markdown"]), flags=re.M)
    calls = [node for code in sources["code"] for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    claims = [call.args[0] for call in calls if getattr(call.func, "id", "") == "claim" and call.args]
    sentences = {one.value for one in claims if isinstance(one, ast.Constant)}
    return {heading.replace(" ", "-") for heading in headings}, sentences


def anchors(path: Path) -> set[str]:
    """Return the anchors of a notebook's or a Markdown file's headings."""
    if path.suffix == ".ipynb":
        return notebook(path)[0]
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(text: str, folder: Path) -> list[str]:
    """Return every link, picture and quoted claim of a page in `folder` that has no target."""
    wrong = []
    for line in text.splitlines():
        links = list(LINK.finditer(line))
        for link, following in zip(links, [*links, None][1:], strict=True):
            address, _, anchor = link[3].partition("#")
            if address.startswith("http"):
                continue
            path = (folder / address).resolve()
            if not path.is_file():
                wrong.append(f"no such file: {address}")
                continue
            if anchor and anchor not in anchors(path):
                wrong.append(f"no such heading: {link[3]}")
            said = line[link.end() : following.start() if following else len(line)]
            for sentence in re.findall(r'claim "([^"]+)"', said):
                if path.suffix != ".ipynb" or sentence not in notebook(path)[1]:
                    wrong.append(f"{address} makes no such claim: {sentence}")
        wrong += ["claim before any link"] * ('claim "' in (line[: links[0].start()] if links else line))
    return wrong
