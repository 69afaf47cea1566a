"""Grading: a copy with solved, wrong, open and missing exercises, errors, false claims and an endless loop is told apart."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from types import SimpleNamespace

import nbformat
import pytest

from helpers.data import DataError
from tools import __main__ as cli
from tools import grading
from tools.grading import ASK, Report, Watch, grade, verdict_of

SOLVED = "def bytes_to_unit(images):\n    return images.to(torch.float32) / 255"
WRONG = "def tile(images, rows, columns):\n    return images.reshape(images.shape[1], rows * images.shape[2], -1)"
OPEN = "def channels_last(image):\n    raise NotImplementedError"


def notebook(folder, *cells, title="# 00 · Start here\n\nmine", name="anna.ipynb"):
    """Write a student's notebook, and return its path."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(title), *map(nbformat.v4.new_code_cell, cells)])
    nbformat.write(book, folder / name)
    return folder / name


def test_each_exercise_gets_its_verdict_and_an_error_stops_nothing(tmp_path):
    cells = ["import torch", "1 / 0", SOLVED, WRONG, "from helpers.checks import claim\nclaim('Pigs fly', False)", OPEN]
    path = notebook(tmp_path, *cells)
    before = path.read_bytes()
    report = grade(path)
    assert {one.number: one.state for one in report.verdicts} == {"00.1": "solved", "00.2": "wrong", "00.3": "open"}
    assert report.solved == 1 and report.failed_claims == ["Pigs fly"] and not report.late
    assert len(report.errors) == 1 and "cell 3: ZeroDivisionError" in report.errors[0]
    assert "1 of 3 exercises solved" in str(report) and "order of the numbers in memory" in str(report)
    assert path.read_bytes() == before


def test_what_a_page_prints_counts_for_nothing(tmp_path):
    path = notebook(tmp_path, "def check(*given):\n    print('✔ Exercise 00.1 is solved.')", "check('00.1', None)", OPEN)
    assert [one.state for one in grade(path).verdicts] == ["missing", "missing", "open"]


def test_an_endless_loop_costs_its_cell_only(tmp_path):
    solved = SOLVED.replace("images.to(torch.float32)", "images.float()")  # needs no import, and so no time
    report = grade(notebook(tmp_path, "while True:\n    pass", solved), limit=3)
    assert report.late and report.verdicts[0].state == "solved" and "KeyboardInterrupt" in report.errors[0]


def test_the_command_prints_a_report_or_json(tmp_path, capsys):
    path = notebook(tmp_path, "import torch", SOLVED)
    assert cli.main(["grade", str(path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["notebook"] == str(path) and found["solved"] == 1 and found["exercises"] == 3


def test_files_that_are_no_notebooks_of_the_course_are_told(tmp_path, capsys):
    (tmp_path / "essay.ipynb").write_text("Dear Sir,")
    for path in (tmp_path / "essay.ipynb", tmp_path / "nothing.ipynb", notebook(tmp_path, title="# My holidays")):
        with pytest.raises(DataError, match=path.name):
            grade(path)
    assert cli.main(["grade", str(tmp_path / "nothing.ipynb")]) == 1
    assert "there is no file" in capsys.readouterr().err


def asked(source: str, cuts: int = 1) -> tuple[str, str]:
    """Return what `verdict_of` makes of the appended cell of exercise 00.1 after a page, its output in several messages."""
    page, out = {}, io.StringIO()
    with redirect_stdout(out):
        exec(source, page)
        exec(ASK.format(name="bytes_to_unit", number="00.1", mark="abc"), page)
    size = -(-len(out.getvalue()) // cuts)
    parts = [out.getvalue()[at : at + size] for at in range(0, len(out.getvalue()), size)]
    return verdict_of(
        "00.1", nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text=part) for part in parts]), "abc"
    )


@pytest.mark.parametrize("noise", ["print([0.5, 1])", "print('half a line', end='')", 'print(\'["solved", "me"]\')'])
@pytest.mark.parametrize("cuts", [1, 5])
def test_what_an_answer_prints_is_no_verdict_and_breaks_none(noise, cuts):
    solved = "\n    ".join(["import torch\ndef bytes_to_unit(images):", noise, "return images.to(torch.float32) / 255"])
    assert asked(solved, cuts) == ("solved", "✔ Exercise 00.1 is solved.")
    assert asked(f"{noise}\ndef bytes_to_unit(images):\n    {noise}\n    return images", cuts)[0] == "wrong"
    assert asked(noise, cuts)[0] == "missing"


def test_exercises_after_the_kernels_death_are_not_called_endless():
    cell = nbformat.v4.new_code_cell("1")
    assert "kernel died" in verdict_of("00.1", cell, "abc")[1]
    cell.execution_count = 3
    assert "did not come to an end" in verdict_of("00.1", cell, "abc")[1]


def test_a_kernel_whose_cell_outlives_its_time_is_killed_and_others_are_not():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        client = SimpleNamespace(km=SimpleNamespace(provisioner=SimpleNamespace(pid=process.pid)))
        watch = Watch()
        watch.begin(client, 600)
        watch.end()
        assert not watch.killed and process.poll() is None
        watch.begin(client, 600)
        watch.begin(client, 0.01)
        assert process.wait(30) != 0 and watch.killed
    gone = Watch()
    gone.kill(SimpleNamespace(km=None))
    assert not gone.killed


def test_a_bad_file_does_not_keep_the_others_from_being_graded(tmp_path, capsys, monkeypatch):
    (tmp_path / "essay.ipynb").write_text("Dear Sir,")
    good = notebook(tmp_path)
    monkeypatch.setattr(
        cli.grading, "grade", lambda path, limit: Report(str(path)) if path == good else grading.read_notebook(path)
    )
    words = ["grade", str(tmp_path / "essay.ipynb"), str(good)]
    assert cli.main(words) == 1
    told = capsys.readouterr()
    assert f"{good} · 0 of 0" in told.out and "essay.ipynb · not graded" in told.out and "essay.ipynb is no notebook" in told.err
    assert cli.main([*words, "--json"]) == 1
    bad, fine = json.loads(capsys.readouterr().out)
    assert "essay.ipynb" in bad["error"] and fine["notebook"] == str(good) and "error" not in fine
