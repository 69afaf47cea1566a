"""Every exercise tried both ways: as handed out, and solved."""

import ast
import importlib
import json
import runpy
from functools import cache
from pathlib import Path

import pytest
import torch

import exercises
from exercises import EXERCISES, verdict

ROOT = Path(__file__).parent.parent
needs_answers = pytest.mark.skipif(not (ROOT / "answers").is_dir(), reason="this copy of the course has no folder answers/")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
for module in sorted((ROOT / "exercises").glob("nb*.py")):
    importlib.import_module(f"exercises.{module.stem}")


def code_cells(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def imports_of(cells: list[str]) -> dict:
    """Return a namespace with all that a notebook imports, and nothing else of it run."""
    space: dict = {}
    for cell in cells:
        kept = [node for node in ast.parse(cell).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        exec(compile(ast.Module(kept, []), "imports", "exec"), space)
    return space


def stub(number: str):
    """Return the function that the notebook hands out for an exercise."""
    cells, name = code_cells(next(path for path in NOTEBOOKS if path.name.startswith(number[:2]))), EXERCISES[number].answer
    asked = f'check("{number}", {name})'
    at = next(i for i, cell in enumerate(cells) if cell.splitlines()[-1] == asked)  # the last line, or a cell of its own
    space = imports_of(cells)
    exec(cells[at].removesuffix(asked) or cells[at - 1], space)
    return space[name]


@cache
def answers(number: str) -> dict:
    """Return what answers/NN_*.py of a notebook's number defines."""
    return runpy.run_path(str(next((ROOT / "answers").glob(f"{number}_*.py"))))


EVERY_EXERCISE = pytest.mark.parametrize("number", sorted(EXERCISES))


@EVERY_EXERCISE
def test_an_exercise_as_handed_out_is_open(number):
    state, line = verdict(number, stub(number))
    assert state == "open" and line.startswith(f"○ Exercise {number}")


@needs_answers
@EVERY_EXERCISE
def test_an_exercise_solved_is_solved(number):
    assert verdict(number, answers(number[:2])[EXERCISES[number].answer]) == ("solved", f"✔ Exercise {number} is solved.")


@EVERY_EXERCISE
def test_nonsense_is_wrong_and_told_why(number):
    for nonsense in (lambda *given: torch.zeros(1, 2, 3, 4, 5, 6), lambda *given: 1 / 0):
        state, line = verdict(number, nonsense)
        assert state == "wrong" and line.startswith(f"✘ Exercise {number}: ") and len(line) > 30


def test_every_exercise_of_a_notebook_has_a_check_and_the_other_way_round():
    lines = [cell.splitlines()[-1] for path in NOTEBOOKS for cell in code_cells(path)]
    asked = {line.split('"')[1] for line in lines if line.startswith('check("')}
    assert asked == set(EXERCISES)


KNOWN = [(number, message, slip) for number, one in sorted(EXERCISES.items()) for message, slip in one.slips.items()]
BUGS = [(number, symptom, bug) for number, one in sorted(EXERCISES.items()) for symptom, bug in one.bug.items()]
RIGHT = [(number, right) for number, one in sorted(EXERCISES.items()) for right in one.right]


@pytest.mark.parametrize(("number", "message", "slip"), KNOWN)
def test_a_slip_of_a_table_gets_its_message(number, message, slip):
    state, line = verdict(number, slip)
    assert state == "wrong" and message in line, line


@pytest.mark.parametrize(("number", "symptom", "bug"), BUGS)
def test_the_bug_of_a_bug_hunt_leaves_it_open(number, symptom, bug):
    state, line = verdict(number, bug)
    assert state == "open" and symptom in line, line


@pytest.mark.parametrize(("number", "right"), RIGHT)
def test_every_right_function_of_a_table_is_accepted(number, right):
    assert verdict(number, right).state == "solved"


@pytest.mark.parametrize(("number", "right"), RIGHT)
def test_a_result_with_an_imaginary_part_is_wrong(number, right):
    assert verdict(number, lambda *given: torch.as_tensor(right(*given)) + 7j).state == "wrong"


@pytest.mark.parametrize("number", [number for number, one in sorted(EXERCISES.items()) if one.bug])
def test_a_bug_hunt_that_returns_nothing_misses_its_return(number):
    state, line = verdict(number, lambda *given: None)
    assert state == "wrong" and "is a `return` missing?" in line


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        (lambda x: x.double(), "the values are right, but their type is torch.float64"),
        (lambda x: x[0], "the result should have shape (3,), but yours has ()"),
        (lambda x: x * float("nan"), "the result holds NaN"),
        (lambda x: x + 0j, "the result should be real"),
        (lambda x: "text", "should be a tensor, or numbers, but yours is a str"),
        (lambda x: x.mul_(2).div(2), "the result is right, but you changed what you were given"),
        (lambda x: x + 1, "the result should be [1.0, 2.0, 3.0], but yours is [2.0, 3.0, 4.0]. Hint."),
        (lambda x: x.detach(), "the gradients"),
        (lambda x: x.missing, "your code raised AttributeError"),
        (lambda x: x.reshape(5), "your code raised RuntimeError"),  # not the slip's error
        (lambda x: x.reshape(7), "told by the slip's error"),
    ],
)
def test_what_no_slip_explains_is_told_in_general(monkeypatch, slip, told):
    monkeypatch.setattr(exercises, "EXERCISES", {})
    cases = [(torch.tensor([1.0, 2, 3]), torch.zeros(3))]
    told_by = {"told by the slip's error": lambda x, y: x.reshape(7)}
    exercises.exercise("00.9", cases=cases, hint="Hint.", keep=True, typed=True, gradients=True, slips=told_by)(lambda x, y: x * 1)
    assert told in verdict("00.9", lambda x, y: slip(x)).line


def test_an_answer_with_a_gradient_counts_and_one_that_is_no_tensor_is_told():
    weight = torch.tensor([2.0], requires_grad=True)
    assert exercises.returned(lambda x: x * weight, torch.ones(1), like=torch.ones(1), what="x").tolist() == [2.0]
    assert exercises.returned(lambda: torch.ones(2, dtype=torch.bfloat16), like=torch.ones(2), what="x").dtype == torch.float64
    for bad in ("text", {"x": 1}, [torch.ones(2), torch.ones(3)]):
        with pytest.raises(exercises.Wrong, match=f"x should be a tensor, or numbers, but yours is a {type(bad).__name__}"):
            exercises.returned(lambda bad=bad: bad, like=torch.ones(2), what="x")
    with pytest.raises(exercises.Wrong, match="you changed what you were given"):
        exercises.returned(lambda x: x.add_(1), torch.ones(2), like=torch.ones(2), what="x")
