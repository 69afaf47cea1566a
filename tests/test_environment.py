"""The ways to install the course agree with each other, and the pins are pins."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#"))


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]]


def test_every_dependency_is_pinned_to_a_version_that_it_allows():
    for requirement in requirements():
        assert requirement.name in PINS, requirement.name
        assert requirement.specifier.contains(PINS[requirement.name])


def test_pins_are_names_and_versions_and_nothing_else():
    for name, version in PINS.items():
        assert re.fullmatch(r"[a-z0-9._-]+", name, re.IGNORECASE) and re.fullmatch(r"[0-9][0-9a-z.]*", version), name


def test_conda_installs_the_same_list_through_pip():
    text = (ROOT / "environment.yml").read_text()
    lines = [line.strip(" -") for line in text.splitlines() if line.strip().startswith("-")]
    assert lines == ["conda-forge", "python=3.12", "pip", "pip:", "constraint constraints.txt", "editable .[dev]"]
    assert "--constraint constraints.txt --editable '.[dev]'" in (ROOT / "Makefile").read_text()


def test_ci_runs_the_command_that_the_readme_gives():
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
