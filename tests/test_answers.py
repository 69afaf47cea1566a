"""Guards on answers/theory.md: each question answered, each link, claim and picture there, each figure as its script draws it."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from links import LINK, broken
from PIL import Image

from helpers import pretrained

ROOT = Path(__file__).parent.parent
THEORY = ROOT / "answers" / "theory.md"
if not THEORY.exists():
    pytest.skip("this copy of the course has no folder answers/", allow_module_level=True)
KINDS = {"Theory": range(1, 5), "Written exam": range(5, 8), "Quiz": range(8, 13), "Lecture notes": range(13, 29)}
LETTERS = {8: "b", 9: "c", 10: "c", 12: "b"}  # 11 is true or false
SLIP = re.compile(r"\\[^A-Za-z\s]")  # Markdown takes these backslashes for itself, and the formula breaks


def answers(text: str) -> dict[int, tuple[str, str, str]]:
    """Return {number: (kind, question, answer)} of every `## n. question` heading, in order; a number twice is an error."""
    found: dict[int, tuple[str, str, str]] = {}
    for kind, part in re.findall(r"^# (.+?)\n(.*?)(?=^# |\Z)", text, flags=re.M | re.S):
        for number, question, body in re.findall(r"^## (\d+)\. (.+?)\n(.*?)(?=^## |\Z)", part, flags=re.M | re.S):
            assert int(number) not in found, f"question {number} is answered twice"
            found[int(number)] = (kind, question, body.strip())
    return found


def shortcomings(text: str) -> list[str]:
    """Return what is wrong with the set of answers: missing, misplaced, short, without its letter or its last line."""
    found, wrong = answers(text), []
    if list(found) != list(range(1, 29)):
        wrong.append(f"the questions are {list(found)}, not 1 to 28 in order")
    for number, (kind, question, body) in found.items():
        *_, last = body.splitlines() or [""]
        if number not in KINDS.get(kind, ()):
            wrong.append(f"{number} stands under {kind}")
        if len(body.split()) < (100 if number in KINDS["Quiz"] else 600 if number in KINDS["Written exam"] else 250):
            wrong.append(f"{number} is too short: {len(body.split())} words")
        if not last.startswith("**See:** ") or not LINK.search(last):
            wrong.append(f"{number} does not end with a link to what shows it")
        if number == 11 and "**Answer: False.**" not in body:
            wrong.append("11 is not answered False")
        if number in LETTERS:
            rejected = set(re.findall(r"^- \*\*\(([a-d])\) is wrong", body, flags=re.M))
            if f"**Answer: ({LETTERS[number]}).**" not in body or rejected != set("abcd") - {LETTERS[number]}:
                wrong.append(f"{number} does not choose ({LETTERS[number]}) and reject each of the others")
            if not all(f"({letter})" in question for letter in "abcd"):
                wrong.append(f"{number} does not state its options")
    return wrong


def test_every_question_is_answered():
    assert shortcomings(THEORY.read_text()) == []


def test_every_link_picture_and_claim_has_its_target():
    assert broken(THEORY.read_text(), THEORY.parent) == []


def test_the_formulas_survive_markdown():
    text = THEORY.read_text()
    assert SLIP.findall(text) == []
    outside = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    assert all(line.count("$") % 2 == 0 for line in outside.splitlines())
    math = re.findall(r"\$\$(.*?)\$\$|\$([^$\n]+)\$", text, flags=re.S)
    assert len(math) > 300
    for formula in ("".join(pair) for pair in math):
        assert formula.count("{") == formula.count("}"), formula
        assert formula.count(r"\left") - formula.count(r"\leftarrow") == formula.count(r"\right"), formula
        assert "<" not in formula and formula == formula.strip("\n"), formula


def test_measured_numbers_are_those_of_the_course():
    text = THEORY.read_text()
    assert "17.9 for the plain autoencoder, 18.4 for the VAE" in text
    assert [round(pretrained.card(f"fashion_{name}")["scores"]["sse"], 1) for name in ("ae", "vae")] == [17.9, 18.4]
    cells = json.loads((ROOT / "notebooks" / "03_kl_divergence.ipynb").read_text())["cells"]
    printed = "".join("".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", ()))
    width, distance = "0.11 with the term and 0.0013 without", "1.8 against 8.7"
    for label, said in (("typical width σ", width), ("distance of μ from the origin", distance)):
        assert said in " ".join(text.split())
        stored = re.search(rf"^{label} +(\S+) +(\S+)$", printed, flags=re.M)
        assert stored, f"notebook 03 has no stored output with a line for {label}"
        quoted = re.findall(r"\d+\.\d+", said)
        assert np.allclose([float(v) for v in stored.groups()], [float(v) for v in quoted], rtol=0.1), label


def test_these_guards_notice_what_they_are_for():
    text = THEORY.read_text()
    assert "not 1 to 28" in shortcomings(text.replace("## 14. ", "## 140. "))[0]
    assert any("8 does not choose (b)" in line for line in shortcomings(text.replace("**Answer: (b).**", "**Answer: (a).**")))
    assert any("9 does not choose" in line for line in shortcomings(text.replace("- **(d) is wrong.**", "- **(d)**")))
    assert any("13 is too short" in line for line in shortcomings(re.sub(r"(## 13\. .+?\n).*?(?=## 14)", r"\1", text, flags=re.S)))
    assert any("no such file" in line for line in broken(text.replace("03_kl_divergence.ipynb", "03_k.ipynb"), THEORY.parent))
    assert any("no such heading" in line for line in broken(text.replace("#Clip-the-noise", "#Clip-a-noise"), THEORY.parent))
    assert any("no such claim" in line for line in broken(text.replace('claim "Pathwise: 4', 'claim "Pathwise: 5'), THEORY.parent))
    assert any("no such file" in line for line in broken(text.replace("docs/autoencoder.png", "docs/a.png"), THEORY.parent))
    assert SLIP.findall(r"$a\,b$") and not SLIP.findall(r"$a\thinspace b$")


@pytest.mark.parametrize("name", ["autoencoder", "reparameterization"])
def test_each_figure_is_what_its_script_draws(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    drawn, stored = script.main(tmp_path), ROOT / "docs" / f"{name}.png"
    assert drawn == tmp_path / f"{name}.png" and stored.stat().st_size < 200 * 1024
    ours, theirs = (np.asarray(Image.open(path).convert("L"), float) / 255 for path in (drawn, stored))
    assert ours.shape == theirs.shape and abs(ours - theirs).mean() < 0.01  # fonts may differ by a hair


def test_the_pictured_garment_is_drawn_whatever_data_is_here(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    from autoencoder import drawn_garment

    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    expected = drawn_garment()
    monkeypatch.setenv("VAE_COURSE_STANDINS", "0")
    monkeypatch.setenv("VAE_COURSE_SEED", "3")
    assert drawn_garment().equal(expected)
