"""Guards on answers/theory.md: each question answered, each link, claim and picture there, each figure as its script draws it."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from links import LINK, broken
from PIL import Image

from tools.notebook_report import PRIVATE

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


def half_page(body: str) -> str:
    """Return an answer's opening, up to its first folded part or its last line."""
    return re.split(r"^<details>|^\*\*See:", body, maxsplit=1, flags=re.M)[0]


def words(text: str) -> int:
    """Return how many words a text has: a formula within a line is one, displayed formulas and figures are none."""
    text = re.sub(r"\$\$.*?\$\$|!\[.*?\]\(.*?\)", "", text, flags=re.S)
    return len(re.sub(r"\$[^$\n]+\$", "x", text).split())


def shortcomings(text: str) -> list[str]:
    """Return what is wrong with the set of answers: missing, misplaced, too long, without its letter or its last line."""
    found, wrong = answers(text), []
    if list(found) != list(range(1, 29)):
        wrong.append(f"the questions are {list(found)}, not 1 to 28 in order")
    for number, (kind, question, body) in found.items():
        *_, last = body.splitlines() or [""]
        opening, quiz = half_page(body), number in KINDS["Quiz"]
        if number not in KINDS.get(kind, ()):
            wrong.append(f"{number} stands under {kind}")
        if not opening.startswith("**In half a page.** ") or not (40 if quiz else 120) <= words(opening) <= 200:
            wrong.append(f"{number} does not open with half a page, but with {words(opening)} words")
        if opening.count("$$") > 2 or re.search(r"\d\.\d", opening):
            wrong.append(f"{number} has two displayed formulas, or a measured number, in its half page")
        if not quiz and "<summary>For full marks" not in body:
            wrong.append(f"{number} has nothing for full marks")
        if body.count("<details>") != body.count("</details>") or re.search(
            r"</?details>(?!<summary>)[^\n]|</summary>\n[^\n]", body
        ):
            wrong.append(f"{number} has a folded part that is not closed, or not apart from its text")
        if not last.startswith("**See:** ") or not 1 <= len(LINK.findall(last)) <= 2 or "](../notebooks/" not in last:
            wrong.append(f"{number} does not end with one or two links, one of them to a notebook")
        if number == 11 and "**Answer: False.**" not in body:
            wrong.append("11 is not answered False")
        if number in LETTERS:
            rejected = set(re.findall(r"^- \*\*\(([a-d])\) is wrong", body, flags=re.M))
            if f"**Answer: ({LETTERS[number]}).**" not in body or rejected != set("abcd") - {LETTERS[number]}:
                wrong.append(f"{number} does not choose ({LETTERS[number]}) and reject each of the others")
            if not all(f"({letter})" in question for letter in "abcd"):
                wrong.append(f"{number} does not state its options")
    return wrong + [f"private word: {word}" for word in PRIVATE.findall(re.sub("for full marks", "", text, flags=re.I))]


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


def test_these_guards_notice_what_they_are_for():
    text = THEORY.read_text()

    def noticed(old: str, new: str, what: str) -> bool:
        assert old in text
        return any(
            what in line for line in shortcomings(text.replace(old, new, 1)) + broken(text.replace(old, new, 1), THEORY.parent)
        )

    assert noticed("## 14. ", "## 140. ", "not 1 to 28")
    assert noticed("**Answer: (b).**", "**Answer: (a).**", "8 does not choose (b)")
    assert noticed("- **(d) is wrong.**", "- **(d)**", "8 does not choose")
    assert noticed(
        "**In half a page.** After training we can.", "**In half a page.** " + "word " * 200, "14 does not open with half a page"
    )
    assert noticed("**In half a page.** For reconstruction", "For reconstruction", "13 does not open with half a page")
    assert noticed("After training we can.", "After training we can: $$a = 1$$", "14 has two displayed")
    assert noticed(
        "A variance must be positive.", "A variance must be 0.5 or more.", "27 has two displayed formulas, or a measured number"
    )
    assert noticed("<summary>For full marks</summary>", "<summary>More</summary>", "1 has nothing for full marks")
    assert noticed("</details>", "", "1 has a folded part")
    assert noticed("approximate posterior close", "zone close", "private word: zone")
    assert noticed("03_kl_divergence.ipynb", "03_k.ipynb", "no such file")
    assert noticed("#Decode-random-codes", "#Decode-a-code", "no such heading")
    assert noticed("docs/autoencoder.png", "docs/a.png", "no such file")
    assert any("no such claim" in line for line in broken('[01](../notebooks/01_the_autoencoder.ipynb) claim "x"', THEORY.parent))
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
