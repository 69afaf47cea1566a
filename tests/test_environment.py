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
        assert requirement.name in PINS, requirement.name
        assert requirement.specifier.contains(PINS[requirement.name])


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


def run(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run a command in a folder, apart from the git and the make that may have started the tests."""
    apart = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "MAKE"))}
    return subprocess.run(words, cwd=folder, env=apart, capture_output=True, text=True)


@pytest.mark.skipif(not (shutil.which("git") and shutil.which("make")), reason="needs git and make")
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


@pytest.mark.skipif(not (shutil.which("git") and shutil.which("make")), reason="needs git and make")
def test_git_shows_a_notebooks_change_and_no_base64(tmp_path):
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", ".gitattributes", "tools/notebook_text.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", tmp_path / "a.ipynb")
    for words in ("git init --quiet", "make hooks", "git add ."):
        assert run(tmp_path, *words.split()).returncode == 0
    notebook = json.loads((tmp_path / "a.ipynb").read_text())
    images = [
        output["data"] for cell in notebook["cells"] for output in cell.get("outputs", ()) if "image/jpeg" in output.get("data", {})
    ]
    images[0]["image/jpeg"] = "AAAA"
    notebook["cells"][0]["source"] = ["# Another title\n"]
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    lines = run(tmp_path, "git", "diff").stdout.splitlines()
    assert "+# Another title" in lines and not any("AAAA" in line for line in lines)


def test_the_readme_is_short_and_its_links_are_there():
    text = (ROOT / "README.md").read_text()
    assert len(text.encode()) <= 9 * 1024
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_ci_runs_the_command_that_the_readme_gives():
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
    assert re.findall(r"run: (.+)", (ROOT / ".github" / "workflows" / "test.yml").read_text()) == [".ci/run"]
