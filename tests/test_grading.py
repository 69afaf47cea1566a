"""Grading: a copy with solved, wrong, open and missing exercises, errors, false claims and an endless loop is told apart."""

import json

import nbformat
import pytest

from helpers import __main__ as cli
from helpers.grading import GradeError, grade

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
    assert found["notebook"] == "anna.ipynb" and found["solved"] == 1 and found["exercises"] == 3


def test_files_that_are_no_notebooks_of_the_course_are_told(tmp_path, capsys):
    (tmp_path / "essay.ipynb").write_text("Dear Sir,")
    for path in (tmp_path / "essay.ipynb", tmp_path / "nothing.ipynb", notebook(tmp_path, title="# My holidays")):
        with pytest.raises(GradeError, match=path.name):
            grade(path)
    assert cli.main(["grade", str(tmp_path / "nothing.ipynb")]) == 1
    assert "there is no file" in capsys.readouterr().err
