"""What the modules promise each other: imports run one way, a table names those of helpers/, all explain themselves,
and no function is longer than a page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("standins", "helpers", "exercises", "tools")  # each may import from itself and from those before it
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HELPERS = [path for path in FILES if path.is_relative_to(ROOT / "helpers")]
LONGEST = 60  # lines of a function, its docstring included


def package_of(path: Path) -> str:
    """Return the package of a file; `helpers/__main__.py` is the door to tools/, and counts as part of it."""
    parts = path.relative_to(ROOT).parts
    return "tools" if parts == ("helpers", "__main__.py") else parts[0]


def module_of(path: Path) -> str:
    """Return the name that the contributors' table gives a module of helpers/: `latent`, or `data` for all that lies in data/."""
    return path.relative_to(ROOT / "helpers").parts[0].removesuffix(".py")


def of_an_exercise(path: Path) -> bool:
    """Return whether a file holds a notebook's checks."""
    return path.parent.name == "exercises" and path.stem != "__init__"


def table() -> list[str]:
    """Return the modules in the order of the table in docs/contributing.md; `helpers/__init__` stands above them all."""
    text = (ROOT / "docs" / "contributing.md").read_text()
    rows = text[text.index("| module |") :].split("\n\n")[0].splitlines()[2:]
    return ["__init__"] + [name.rstrip("/") for row in rows for name in re.findall(r"`([\w/]+)`", row.split("|")[1])]


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, at its top or inside a function, and those it loads by a constant name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("import_module", "run_module"):
            yield ast.unparse(node.args[0]).strip("f\"'")


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Yield the functions and classes that a module shows, and what its classes show."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            inside = node.body if isinstance(node, ast.ClassDef) else []
            yield from (one for one in inside if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"))


def test_the_table_names_every_module_once():
    assert sorted(table()) == sorted({module_of(path) for path in HELPERS} - {"__main__"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    own = PACKAGES.index(package_of(path))
    wrong = [name for name in imported(path) if name.split(".")[0] in PACKAGES[own + 1 :] + ("tests", "docs", "answers")]
    assert not wrong, f"{package_of(path)} stands before {', '.join(wrong)}, and imports from it"


@pytest.mark.parametrize("path", HELPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_of_helpers_imports_only_from_those_above_it(path):
    places = {name: place for place, name in enumerate(table())}
    own = places.get(module_of(path), len(places))
    used = {name.split(".")[1] for name in imported(path) if name.startswith("helpers.")}
    below = {name for name in used if places.get(name, -1) > own}
    assert not below, f"it stands above {', '.join(sorted(below))} in the contributors' table, and imports from it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_explains_itself_on_pages_that_can_be_read(path):
    tree = ast.parse(path.read_text())
    shown = [] if of_an_exercise(path) else public(tree)  # a check is named by its exercise, whose text explains it
    silent = [node.name for node in shown if not ast.get_docstring(node)]
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    long = [node.name for node in functions if node.end_lineno - node.lineno >= LONGEST]
    assert ast.get_docstring(tree) and not silent and not long
