"""Claims print what they measured, stop where they are false, and are compared without their numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nbval.plugin import IPyNbCell, get_sanitize_patterns

from helpers.checks import ClaimFailed, claim


def printed(capsys, *given, **measured) -> str:
    claim(*given, **measured)
    return capsys.readouterr().out


def test_a_true_claim_is_printed(capsys):
    for truth in (True, np.bool_(True), torch.tensor(1.0) < 2):
        assert printed(capsys, "Water is wet", truth) == "✔ Water is wet\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"), (12345, "12345"), (True, "yes"), (np.bool_(False), "no"), (0.123456, "0.123"), (245.4, "245"), (1234.5, "1234"),
        (99.96, "100"), (-0.0, "0"), (2.5e-7, "2.5e-07"), (float("nan"), "nan"), (float("-inf"), "-inf"), (np.int64(7), "7"),
        (torch.tensor(0.1), "0.1"), (torch.tensor(2.0, requires_grad=True), "2"), (np.float32(1 / 3), "0.333"),
        ("2 of 3", "2 of 3"), ((0.37, "%"), "37 %"), ((245.4, "nats"), "245 nats"),
        ((torch.tensor(0.9426), "%"), "94.3 %"), ((7, "epochs"), "7 epochs"),
        (("4 ± 1", "px"), "4 ± 1 px"), ([1.2, torch.tensor(3.44)], "1.2 / 3.44"), ((1, 2), "1 / 2"),
        (np.array([1, 2, 3]), "1 / 2 / 3"),
        (([0.1, 0.2], "%"), "10 / 20 %"), ((torch.tensor([0.1, 200.4]), "nats"), "0.1 / 200 nats"),
    ],
)  # fmt: skip
def test_what_was_measured_is_rounded(capsys, value, text):
    assert printed(capsys, "It is so", True, it=value) == f"✔ It is so  [it {text}]\n"


def test_several_values_stand_in_their_order(capsys):
    told = printed(capsys, "Glitches are rarer", True, VAE=(0.37, "%"), AE=(0.94, "%"), per_cent_=1, β=2)
    assert told == "✔ Glitches are rarer  [VAE 37 %, AE 94 %, per cent 1, β 2]\n"


def test_a_false_claim_stops_with_what_was_measured():
    with pytest.raises(ClaimFailed, match=r"^✘ Near is far  \[near 1, far away 2.5\]$"):
        claim("Near is far", False, near=1, far_away=torch.tensor(2.5))
    with pytest.raises(ClaimFailed, match="^✘ Near is far$"):
        claim("Near is far", False)


@pytest.mark.parametrize("vague", [1, "yes", torch.ones(3), None, np.array([True])])
def test_a_claim_needs_one_truth_value(vague):
    with pytest.raises(TypeError, match="one True or False"):
        claim("Everything is true", vague)


def test_a_failed_claim_renders_without_a_stack():
    assert ClaimFailed("✘ no")._render_traceback_() == ["✘ no"]


@pytest.fixture(scope="module")
def compared(request):
    """Return what nbval compares of a text that a cell prints, under the rules of tests/nbval.cfg."""
    rules = dict(get_sanitize_patterns((request.config.rootpath / "tests" / "nbval.cfg").read_text()))
    return lambda text: IPyNbCell.sanitize(SimpleNamespace(parent=SimpleNamespace(sanitize_patterns=rules)), text)


STORED = "✔ In [0, 1], at least 3 of 5  [z1 -0.37 %, AE 9.4e-05 / 2, p (1.5 ± 0.2) nats]\n✔ No number  [all yes]\n"


def test_only_the_numbers_of_a_claim_may_differ(compared):
    new = STORED.replace("-0.37", "12").replace("9.4e-05 / 2", "0.1 / -2.5").replace("1.5 ± 0.2", "123 ± 1e+10")
    assert (
        new != STORED
        and compared(new) == compared(STORED)
        and "✔ In [0, 1], at least 3 of 5  [z1 # %, AE # / #, p" in compared(new)
    )
    for old, other in (
        ("3 of", "4 of"),
        ("[0", "[2"),
        ("z1", "z2"),
        ("AE", "VAE"),
        ("%", "nats"),
        ("yes", "no"),
        ("✔ In", "✘ In"),
        ("/ 2", ""),
    ):
        assert compared(STORED.replace(old, other)) != compared(STORED), other


@pytest.mark.parametrize(
    "line", ["[1.0, 2.0]", "total  [a 1]", "✔ Pixels lie in [0, 1]", "✔ claimed  [a 1] and more", "○ open  [a 1]"]
)
def test_all_other_numbers_are_compared(compared, line):
    assert compared(line + "\n") != compared(line.replace("1", "3") + "\n")


def test_an_exercise_may_be_open_or_solved(compared):
    assert compared("○ Exercise 05.2: write f.\n") == compared("✔ Exercise 05.2 is solved.\n") != compared("✘ Exercise 05.2: no.\n")
