"""What the modules of helpers/ promise each other: the README's table names them all, none imports from one below it, all explain
themselves, and no function is longer than a page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "helpers").rglob("*.py"))
LONGEST = 60  # lines of a function, its docstring included


def module_of(path: Path) -> str:
    """Return the name that the README's table gives the module of a file: `latent`, or `data` for all that lies in data/."""
    return path.relative_to(ROOT / "helpers").parts[0].removesuffix(".py")


def of_an_exercise(path: Path) -> bool:
    """Return whether a file holds a notebook's checks: they are loaded by name, when asked for, and so may use every module."""
    return path.parent.name == "checks" and path.stem != "__init__"


def table() -> list[str]:
    """Return the modules in the order of the table under "For contributors"; `helpers/__init__` stands above them all."""
    text = (ROOT / "README.md").read_text()
    rows = text[text.index("| module |") :].split("\n\n")[0].splitlines()[2:]
    return ["__init__"] + [name.rstrip("/") for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])]


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of helpers/ that a file imports from, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("helpers."))
        elif isinstance(node, ast.ImportFrom) and node.module == "helpers":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("helpers."):
            yield node.module.split(".")[1]


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Yield the functions and classes that a module shows, and what its classes show."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            inside = node.body if isinstance(node, ast.ClassDef) else []
            yield from (one for one in inside if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"))


def test_the_readme_names_every_module_once():
    assert sorted(table()) == sorted({module_of(path) for path in FILES})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_those_above_it(path):
    places = {name: place for place, name in enumerate(table())}
    own = len(places) if of_an_exercise(path) else places.get(module_of(path), len(places))
    below = {name for name in imported(ast.parse(path.read_text())) if places.get(name, -1) > own}
    assert not below, f"it stands above {', '.join(sorted(below))} in the README's table, and imports from it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_explains_itself_on_pages_that_can_be_read(path):
    tree = ast.parse(path.read_text())
    shown = [] if of_an_exercise(path) else public(tree)  # a check is named by its exercise, whose text explains it
    silent = [node.name for node in shown if not ast.get_docstring(node)]
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    long = [node.name for node in functions if node.end_lineno - node.lineno >= LONGEST]
    assert ast.get_docstring(tree) and not silent and not long
