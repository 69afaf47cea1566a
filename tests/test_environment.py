"""The ways to install the course agree with each other, and the pins are pins."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tools.notebook_text import text_of

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name: str) -> dict[str, str]:
    """Return the versions that a file of constraints gives, by package."""
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


PINS, OLDEST = pins("constraints.txt"), pins("constraints-oldest.txt")


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]]


def test_every_dependency_is_pinned_to_a_version_that_it_allows():
    for requirement in requirements():
        assert requirement.specifier.contains(PINS[requirement.name]), requirement.name


def test_the_oldest_versions_that_are_tested_are_the_oldest_that_are_allowed():
    """The peer of the benchmarks is not among them: no test needs it."""
    floors = {need.name: specifier.version for need in requirements() for specifier in need.specifier if specifier.operator == ">="}
    assert floors and all(Version(OLDEST[name]) == Version(floor) for name, floor in floors.items())


def test_pins_are_names_and_versions_and_nothing_else():
    for name, version in [*PINS.items(), *OLDEST.items()]:
        assert re.fullmatch(r"[a-z0-9._-]+", name, re.IGNORECASE) and re.fullmatch(r"[0-9][0-9a-z.]*", version), name


def test_conda_installs_the_same_list_through_pip():
    text = (ROOT / "environment.yml").read_text()
    lines = [line.strip(" -") for line in text.splitlines() if line.strip().startswith("-")]
    assert lines == ["conda-forge", "python=3.12", "pip", "pip:", "constraint constraints.txt", "editable .[dev]"]
    assert "--constraint constraints.txt --editable '.[dev]'" in (ROOT / "Makefile").read_text()


def run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess:
    """Run a command in a folder, apart from the git and the make that may have started the tests."""
    apart = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "MAKE"))}
    return subprocess.run(words, cwd=folder, env=apart | variables, capture_output=True, text=True)


needs_git_and_make = pytest.mark.skipif(not (shutil.which("git") and shutil.which("make")), reason="needs git and make")

UV = """#!/bin/sh
echo uv "$@" >> log; exit 1
"""
PYTHON = """#!/bin/sh
echo "${0##*/}" "$@" >> log
[ "$1 $2" != "-m venv" ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/jupyter"; }
"""


@needs_git_and_make
@pytest.mark.parametrize("uv_is_here", [True, False])
def test_make_setup_falls_back_to_pip_where_uv_cannot_install(tmp_path, uv_is_here):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "stubs").mkdir()
    for name, text in {"python": PYTHON, **({"uv": UV} if uv_is_here else {})}.items():
        (tmp_path / "stubs" / name).write_text(text)
        (tmp_path / "stubs" / name).chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "stubs"), "/usr/bin", "/bin"])
    done = run(tmp_path, "make", "setup", f"PYTHON={tmp_path / 'stubs' / 'python'}", "VENV=.venv", PATH=path)
    log = (tmp_path / "log").read_text().splitlines()
    assert done.returncode == 0 and "uv cannot install here; pip does it" in done.stdout, done.stderr
    assert log[-2] == "python -m pip install --quiet --constraint constraints.txt --editable .[dev]"
    assert any(line.startswith("uv pip install") for line in log) == uv_is_here
    assert (tmp_path / ".venv" / ".ready").exists() and run(tmp_path, "make", "--question", "setup", "VENV=.venv").returncode == 0


@needs_git_and_make
def test_make_hooks_lets_git_run_the_style_check_and_replaces_nobodys_hook(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    run(tmp_path, "git", "init", "--quiet")
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    assert run(tmp_path, "make", "hooks").returncode == 0
    assert hook.read_text() == "#!/bin/sh\nmake --silent lint || exit 1\n" and os.access(hook, os.X_OK)
    for own, code in (("#!/bin/sh\nspellcheck\nmake --silent lint || exit 1\n", 0), ("#!/bin/sh\nspellcheck\n", 2)):
        hook.write_text(own)
        done = run(tmp_path, "make", "hooks")
        assert done.returncode == code and ("add the line" in done.stdout) == bool(code) and hook.read_text() == own


def test_a_notebook_is_shown_as_text_without_images():
    text = text_of(json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text()))
    assert "# ---- cell 0 · markdown\n# 00 · Start here" in text and "(image/" in text and "# > ✔ " in text
    assert max(len(line) for line in text.splitlines()) < 5000  # no base64


@needs_git_and_make
def test_git_shows_a_notebooks_change_and_no_base64(tmp_path):
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", ".gitattributes", "tools/notebook_text.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", tmp_path / "a.ipynb")
    for words in ("git init --quiet", "make hooks", "git add ."):
        assert run(tmp_path, *words.split()).returncode == 0
    notebook = json.loads((tmp_path / "a.ipynb").read_text())
    shown = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", ())]
    next(data for data in shown if "image/jpeg" in data)["image/jpeg"] = "AAAA"
    notebook["cells"][0]["source"] = ["# Another title\n"]
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    lines = run(tmp_path, "git", "diff").stdout.splitlines()
    assert "+# Another title" in lines and not any("AAAA" in line for line in lines)


def test_the_readme_is_short_and_its_links_are_there():
    text = (ROOT / "README.md").read_text()
    assert len(text.encode()) <= 9 * 1024
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            absent = "answers/" in link and not (ROOT / "answers").is_dir()  # a copy that is handed out without it
            assert absent or link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_ci_runs_the_command_that_the_readme_gives():
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
    assert re.findall(r"run: (.+)", (ROOT / ".github" / "workflows" / "test.yml").read_text()) == [".ci/run"]
