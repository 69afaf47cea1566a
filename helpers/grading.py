"""What a student has solved: a copy of a notebook goes in; it runs in a fresh kernel, and a verdict on each exercise comes out."""

from __future__ import annotations

import importlib
import json
import re
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from helpers.checks import EXERCISES

STATES = {"solved": "✔", "wrong": "✘", "open": "○", "missing": "–"}
EACH = 60.0  # seconds for one exercise's check, beyond the notebook's own limit
ASK = """import json as _json
from helpers import checks as _checks
_answer = globals().get({name!r})
_none = ("missing", "– Exercise {number}: there is no function {name}.")
_verdict = _checks.verdict({number!r}, _answer) if callable(_answer) else _none
print(_json.dumps(list(_verdict)))"""


class GradeError(ValueError):
    """A file cannot be graded; the message says why."""


@dataclass(frozen=True)
class Verdict:
    """One exercise: its number, its state (solved, wrong, open or missing), and the line that the student would read."""

    number: str
    state: str
    line: str


@dataclass
class Report:
    """What became of one notebook: a verdict on each exercise, claims that failed, cells that stopped with an error, seconds.

    late: whether the limit was reached; cells that ran at that moment were interrupted, and later ones had a second each.
    """

    notebook: str
    verdicts: list[Verdict] = field(default_factory=list)
    failed_claims: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    late: bool = False

    @property
    def solved(self) -> int:
        """How many exercises are solved."""
        return sum(one.state == "solved" for one in self.verdicts)

    def to_dict(self) -> dict:
        """Return everything as plain values, ready for JSON."""
        return asdict(self) | {"solved": self.solved, "exercises": len(self.verdicts)}

    def __str__(self) -> str:
        lines = [f"{self.notebook} · {self.solved} of {len(self.verdicts)} exercises solved · {self.seconds:.0f} s"]
        lines += [f"  {one.line}" for one in self.verdicts]
        lines += [f"  claim failed: {claim}" for claim in self.failed_claims]
        lines += [f"  error in {error}" for error in self.errors]
        return "\n".join([*lines, *(["  the time limit was reached"] if self.late else [])])


def grade(path: str | Path, limit: float = 600.0) -> Report:
    """Run a copy of a notebook in a fresh kernel and put each of its exercises through its check.

    The file itself is not changed. An error in one cell does not keep the others from running. The checks run in cells of their
    own, after the last one: what the student's page prints counts for nothing, only its functions do. (They run in the
    student's kernel all the same: this is no protection against somebody who sets out to cheat.)

    limit: seconds for the whole notebook; each check has a minute more. Raises GradeError when the file is no notebook of this
    course.
    """
    path = Path(path)
    book = opened(path)
    number = number_of(book, path)
    importlib.import_module(f"helpers.checks.nb{number}")
    exercises = sorted(key for key in EXERCISES if key.startswith(f"{number}."))
    own = len(book.cells)
    book.cells += [nbformat.v4.new_code_cell(ASK.format(number=key, name=EXERCISES[key].answer)) for key in exercises]
    report, start = Report(path.name), time.monotonic()
    places = {id(cell): index for index, cell in enumerate(book.cells)}

    def left(cell) -> float:
        return EACH if places[id(cell)] >= own else max(1.0, start + limit - time.monotonic())

    client = NotebookClient(book, timeout_func=left, interrupt_on_timeout=True, allow_errors=True, kernel_name="python3",
                            store_widget_state=False, resources={"metadata": {"path": str(path.resolve().parent)}})  # fmt: skip
    try:
        client.execute()
    except DeadKernelError as error:
        report.errors.append(f"the kernel, which died ({error})")
    report.seconds = time.monotonic() - start
    report.late = report.seconds > limit
    for index, cell in enumerate(book.cells[:own], start=1):
        note(report, index, cell)
    asked = zip(exercises, book.cells[own:], strict=True)
    report.verdicts = [Verdict(key, *said(key, cell)) for key, cell in asked]
    return report


def opened(path: Path) -> nbformat.NotebookNode:
    """Return a notebook file's content. Raises GradeError when it cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise GradeError(f"there is no file {path}.") from error
    except Exception as error:  # nbformat raises many kinds
        what = f"{path} is no notebook that can be read ({type(error).__name__})"
        raise GradeError(f"{what}. Ask for the .ipynb file itself.") from error


def number_of(book: nbformat.NotebookNode, path: Path) -> str:
    """Return which notebook of the course this is ("01"), from its title or else its name. Raises GradeError."""
    titles = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    found = [match[1] for title in titles if (match := re.match(r"#\s+(\d\d) · ", title))] + re.findall(r"^(\d\d)_", path.name)
    known = {check.stem[2:] for check in (Path(__file__).parent / "checks").glob("nb*.py")}
    if not found or found[0] not in known:
        raise GradeError(f"{path} is none of the course's notebooks: its title should begin with a number, such as '# 01 · '.")
    return found[0]


def note(report: Report, index: int, cell: nbformat.NotebookNode) -> None:
    """Add what went wrong in one of the student's cells to the report."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            short = output.evalue.splitlines()[0] if output.evalue else ""
            if output.ename == "ClaimFailed":
                report.failed_claims.append(short.removeprefix("✘ "))
            else:
                report.errors.append(f"cell {index}: {output.ename}: {short}")


def said(number: str, cell: nbformat.NotebookNode) -> tuple[str, str]:
    """Return (state, line) that an appended cell printed for an exercise."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and output.name == "stdout" and output.text.rstrip().endswith("]"):
            state, line = json.loads(output.text.strip().splitlines()[-1])
            return state, line
    return "wrong", f"✘ Exercise {number}: its check did not come to an end (within {EACH:.0f} s)."
