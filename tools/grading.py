"""What a student has solved: a copy of a notebook goes in; it runs in a fresh kernel, and a verdict on each exercise comes out."""

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

STATES = {"solved": "✔", "wrong": "✘", "open": "○", "missing": "–"}
EACH = 60.0  # seconds for one exercise's check, beyond the notebook's own limit
PATIENCE = 60.0  # seconds that a cell may go on after it was interrupted, before its kernel is killed
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
    """What became of one notebook: a verdict on each exercise, claims that failed, cells that stopped with an error, seconds.

    notebook: its path, as it was given.  late: whether the page reached the limit; the cell that ran at that moment was
    interrupted, and later ones had a second each.
    """

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

    The file itself is not changed. An error in one cell does not keep the others from running. The checks run in cells of their
    own, after the last one: what the student's page prints counts for nothing, only its functions do. (They run in the
    student's kernel all the same: this is no protection against somebody who sets out to cheat.)

    limit: seconds for the whole notebook; each check has a minute more. Raises DataError when the file is no notebook of this
    course. A cell that goes on for a minute after it was interrupted, because it catches that too, costs the kernel.
    """
    path = Path(path)
    book = opened(path)
    number = number_of(book, path)
    importlib.import_module(f"exercises.nb{number}")
    exercises = sorted(key for key in EXERCISES if key.startswith(f"{number}."))
    own = len(book.cells)
    mark = uuid.uuid4().hex  # so that nothing that a student's code prints is taken for a verdict
    asks = [ASK.format(number=key, name=EXERCISES[key].answer, mark=mark) for key in exercises]
    book.cells += map(nbformat.v4.new_code_cell, asks)
    for cell in book.cells:
        cell.update({"outputs": []} if cell.cell_type == "code" else {})  # what an earlier run left there counts for nothing
    report, start, watch = Report(str(path)), time.monotonic(), Watch()
    places = {id(cell): index for index, cell in enumerate(book.cells)}

    def left(cell) -> float:
        if places[id(cell)] == own:
            report.late = time.monotonic() - start > limit
        seconds = EACH if places[id(cell)] >= own else max(1.0, start + limit - time.monotonic())
        watch.begin(client, seconds + PATIENCE)
        return seconds

    client = NotebookClient(book, timeout_func=left, interrupt_on_timeout=True, allow_errors=True, kernel_name="python3",
                            store_widget_state=False, resources={"metadata": {"path": str(path.resolve().parent)}})  # fmt: skip
    try:
        client.execute()
    except DeadKernelError:
        why = f"a cell went on for {PATIENCE:.0f} s after it was interrupted" if watch.killed else "out of memory?"
        report.errors.append(f"the kernel, which died ({why})")
    finally:
        watch.end()
    report.seconds = time.monotonic() - start
    report.late |= watch.killed
    for index, cell in enumerate(book.cells[:own], start=1):
        note(report, index, cell)
    asked = zip(exercises, book.cells[own:], strict=True)
    report.verdicts = [Graded(key, *said(key, cell, mark)) for key, cell in asked]
    return report


class Watch:
    """Kills the kernel of a cell that outlives its time: nbclient would interrupt it again and again, for ever."""

    def __init__(self) -> None:
        self.timer, self.killed = threading.Timer(0, print), False

    def begin(self, client: NotebookClient, seconds: float) -> None:
        """Let the next cell have so many seconds."""
        self.end()
        self.timer = threading.Timer(seconds, self.kill, [client])
        self.timer.daemon = True
        self.timer.start()

    def end(self) -> None:
        """Let the last cell be: it has come to its end."""
        self.timer.cancel()

    def kill(self, client: NotebookClient) -> None:
        """End the kernel's process, if it is there."""
        pid = getattr(getattr(client.km, "provisioner", None), "pid", None)
        if pid is not None:
            self.killed = True
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has no SIGKILL


def opened(path: Path) -> nbformat.NotebookNode:
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


def note(report: Report, index: int, cell: nbformat.NotebookNode) -> None:
    """Add what went wrong in one of the student's cells to the report."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            short = output.evalue.splitlines()[0] if output.evalue else ""
            if output.ename == "ClaimFailed":
                report.failed_claims.append(short.removeprefix("✘ "))
            else:
                report.errors.append(f"cell {index}: {output.ename}: {short}")


def said(number: str, cell: nbformat.NotebookNode, mark: str) -> tuple[str, str]:
    """Return (state, line) that an appended cell printed for an exercise, on a line that begins with `mark`."""
    streams = [one for one in cell.get("outputs", []) if one.output_type == "stream" and one.name == "stdout"]
    for line in "".join(one.text for one in streams).splitlines():
        if line.startswith(f"{mark} "):
            state, told = json.loads(line.removeprefix(f"{mark} "))
            return state, told
    if not cell.get("execution_count") and not cell.get("outputs"):
        return "wrong", f"✘ Exercise {number}: it was not checked, because the kernel died before."
    return "wrong", f"✘ Exercise {number}: its check did not come to an end (within {EACH:.0f} s)."
