"""Every exercise tried both ways: as handed out, and solved."""

import ast
import importlib
import json
from pathlib import Path

import pytest
import torch
from slips import SLIPS
from slips.nb00_to_08 import eigen_kl
from slips.solutions import answers

import exercises
from exercises import EXERCISES, verdict

ROOT = Path(__file__).parent.parent
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
    path = next(path for path in NOTEBOOKS if path.name.startswith(number[:2]))
    cells, name = code_cells(path), EXERCISES[number].answer
    at = next(i for i, cell in enumerate(cells) if cell.startswith(f'check("{number}"'))
    assert cells[at] == f'check("{number}", {name})'
    space = imports_of(cells)
    exec(cells[at - 1], space)
    return space[name]


def solution(number: str):
    """Return the function that answers/ gives for an exercise."""
    return getattr(answers(number[:2]), EXERCISES[number].answer)


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_an_exercise_as_handed_out_is_open(number):
    state, line = verdict(number, stub(number))
    assert state == "open" and line.startswith(f"○ Exercise {number}")


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_an_exercise_solved_is_solved(number):
    assert verdict(number, solution(number)) == ("solved", f"✔ Exercise {number} is solved.")


@pytest.mark.parametrize("number", sorted(EXERCISES))
def test_nonsense_is_wrong_and_told_why(number):
    for nonsense in (lambda *given: torch.zeros(1, 2, 3, 4, 5, 6), lambda *given: 1 / 0):
        state, line = verdict(number, nonsense)
        assert state == "wrong" and line.startswith(f"✘ Exercise {number}: ") and len(line) > 30


def test_every_exercise_of_a_notebook_has_a_check_and_the_other_way_round():
    asked = {cell.split('"')[1] for path in NOTEBOOKS for cell in code_cells(path) if cell.startswith('check("')}
    assert asked == set(EXERCISES)


@pytest.mark.parametrize(("number", "slip", "told"), SLIPS)
def test_a_typical_slip_is_named(number, slip, told):
    state, line = verdict(number, slip)
    assert state == "wrong" and told in line, line


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


def test_either_reading_of_the_head_mends_the_bug_hunt():
    def variance_head(mu, head, eps):
        return mu + torch.exp(0.5 * head) * eps, 0.5 * (mu**2 + head.exp() - 1 - head).sum(1)

    assert verdict("05.4", variance_head).state == "solved"


def test_a_second_right_answer_is_right():
    assert verdict("03.6", eigen_kl).state == "solved"


def test_an_answer_with_a_gradient_counts_and_one_that_is_no_tensor_is_told():
    weight = torch.tensor([2.0], requires_grad=True)
    assert exercises.returned(lambda x: x * weight, torch.ones(1), like=torch.ones(1), what="x").tolist() == [2.0]
    assert exercises.returned(lambda: torch.ones(2, dtype=torch.bfloat16), like=torch.ones(2), what="x").dtype == torch.float64
    for bad in ("text", {"x": 1}, [torch.ones(2), torch.ones(3)]):
        with pytest.raises(exercises.Wrong, match=f"x should be a tensor, or numbers, but yours is a {type(bad).__name__}"):
            exercises.returned(lambda bad=bad: bad, like=torch.ones(2), what="x")
