"""Grading: a student's copy of a notebook goes in; it runs in a fresh kernel, and a verdict on each exercise comes out."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import threading
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from exercises import EXERCISES
from helpers.data import DataError

CHECK_SECONDS = 60.0  # seconds for one exercise's check, beyond the notebook's own limit
GRACE_SECONDS = 60.0  # seconds that a cell may go on after it was interrupted, before its kernel is killed
ASK = """import contextlib as _contextlib, io as _io, json as _json
import exercises as _checks
_answer = globals().get({name!r})
_none = ("missing", "– Exercise {number}: there is no function {name}.")
with _contextlib.redirect_stdout(_io.StringIO()):
    _verdict = _checks.verdict({number!r}, _answer) if callable(_answer) else _none
print("\\n{mark} " + _json.dumps(list(_verdict)))"""


@dataclass(frozen=True)
class Graded:
    """One exercise: its number, its state (solved, wrong, open or missing), and the line that the student would read."""

    number: str
    state: str
    line: str


@dataclass
class Report:
    """The result of one notebook (its path as it was given); late: its page reached the limit, and a cell was interrupted."""

    notebook: str
    verdicts: list[Graded] = field(default_factory=list)
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

    The file is not changed, and an error in one cell does not keep the others from running. The checks run in cells after the
    last one: what the page prints is ignored. (They run in the student's kernel: this is no protection against cheating.)

    limit: seconds for the whole notebook; each check has a minute more, and a cell that goes on for a minute after it was
    interrupted loses its kernel. Raises DataError when the file is no notebook of this course.
    """
    path = Path(path)
    book = read_notebook(path)
    number = number_of(book, path)
    importlib.import_module(f"exercises.nb{number}")
    exercises = sorted(key for key in EXERCISES if key.startswith(f"{number}."))
    page = len(book.cells)  # cells; the checks come after them
    mark = uuid.uuid4().hex  # so that nothing that a student's code prints is taken for a verdict
    asks = [ASK.format(number=key, name=EXERCISES[key].answer, mark=mark) for key in exercises]
    book.cells += map(nbformat.v4.new_code_cell, asks)
    for cell in book.cells:
        cell.update({"outputs": []} if cell.cell_type == "code" else {})  # what an earlier run left there is ignored
    report, start, watch = Report(str(path)), time.monotonic(), Watch()
    places = {id(cell): index for index, cell in enumerate(book.cells)}

    def left(cell) -> float:
        if places[id(cell)] == page:
            report.late = time.monotonic() - start > limit
        seconds = CHECK_SECONDS if places[id(cell)] >= page else max(1.0, start + limit - time.monotonic())
        watch.begin(client, seconds + GRACE_SECONDS)
        return seconds

    client = NotebookClient(book, timeout_func=left, interrupt_on_timeout=True, allow_errors=True, kernel_name="python3",
                            store_widget_state=False, resources={"metadata": {"path": str(path.resolve().parent)}})  # fmt: skip
    try:
        client.execute()
    except DeadKernelError:
        why = f"a cell went on for {GRACE_SECONDS:.0f} s after it was interrupted" if watch.killed else "out of memory?"
        report.errors.append(f"the kernel, which died ({why})")
    finally:
        watch.end()
    report.seconds = time.monotonic() - start
    report.late |= watch.killed
    for index, cell in enumerate(book.cells[:page], start=1):
        record_errors(report, index, cell)
    asked = zip(exercises, book.cells[page:], strict=True)
    report.verdicts = [Graded(key, *verdict_of(key, cell, mark)) for key, cell in asked]
    return report


class Watch:
    """Kills the kernel of a cell that goes on after its time: nbclient would interrupt it again and again, for ever."""

    def __init__(self) -> None:
        self.timer, self.killed = threading.Timer(0, print), False

    def begin(self, client: NotebookClient, seconds: float) -> None:
        """Let the next cell have so many seconds."""
        self.end()
        self.timer = threading.Timer(seconds, self.kill, [client])
        self.timer.daemon = True
        self.timer.start()

    def end(self) -> None:
        """Stop watching: the cell has ended."""
        self.timer.cancel()

    def kill(self, client: NotebookClient) -> None:
        """End the kernel's process, if it is there."""
        pid = getattr(getattr(client.km, "provisioner", None), "pid", None)
        if pid is not None:
            self.killed = True
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has no SIGKILL


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Return a notebook file's content. Raises DataError when it cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}.") from error
    except Exception as error:  # nbformat raises many kinds
        what = f"{path} is no notebook that can be read ({type(error).__name__})"
        raise DataError(f"{what}. Ask for the .ipynb file itself.") from error


def number_of(book: nbformat.NotebookNode, path: Path) -> str:
    """Return which notebook of the course this is ("01"), from its title or else its name. Raises DataError."""
    titles = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    found = [match[1] for title in titles if (match := re.match(r"#\s+(\d\d) · ", title))] + re.findall(r"^(\d\d)_", path.name)
    known = {check.stem[2:] for check in (Path(__file__).parent.parent / "exercises").glob("nb*.py")}
    if not found or found[0] not in known:
        raise DataError(f"{path} is none of the course's notebooks: its title should begin with a number, such as '# 01 · '.")
    return found[0]


def record_errors(report: Report, index: int, cell: nbformat.NotebookNode) -> None:
    """Add what went wrong in one of the student's cells to the report."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            short = output.evalue.splitlines()[0] if output.evalue else ""
            if output.ename == "ClaimFailed":
                report.failed_claims.append(short.removeprefix("✘ "))
            else:
                report.errors.append(f"cell {index}: {output.ename}: {short}")


def verdict_of(number: str, cell: nbformat.NotebookNode, mark: str) -> tuple[str, str]:
    """Return (state, line) that an appended cell printed for an exercise, on a line that begins with `mark`."""
    for line in "".join(one.text for one in cell.get("outputs", []) if one.get("name") == "stdout").splitlines():
        if line.startswith(f"{mark} "):
            state, told = json.loads(line.removeprefix(f"{mark} "))
            return state, told
    if not cell.get("execution_count") and not cell.get("outputs"):
        return "wrong", f"✘ Exercise {number}: it was not checked, because the kernel died before."
    return "wrong", f"✘ Exercise {number}: its check did not come to an end (within {CHECK_SECONDS:.0f} s)."
