"""`load`, the stand-ins as data sets, the table of what is here, the sheets, and the command line over them."""

from __future__ import annotations

import argparse
import socket

import numpy as np
import pytest
import torch
from layouts import write_celeba, write_idx
from PIL import Image

import standins
from helpers import settings
from helpers.data import DataError, load, status
from helpers.data.known import KNOWN
from tools import data_commands as cli
from tools.data_sheets import contact_sheet, factor_sheet


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """An empty data folder, nothing forced, and no network at all."""

    def no_network(*arguments):
        raise AssertionError("load reached for the network")

    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path))
    monkeypatch.delenv("VAE_COURSE_STANDINS", raising=False)
    monkeypatch.delenv("VAE_COURSE_SEED", raising=False)
    monkeypatch.setattr(socket.socket, "connect", no_network)


# ---- stand-ins


@pytest.mark.parametrize("name", KNOWN)
def test_without_real_data_the_stand_in_is_drawn_and_said(name, capsys):
    dataset = load(name, "test", 40)
    module = standins.artist(name)
    assert capsys.readouterr().out == dataset.describe() + "\n" and module.SOURCE in dataset.describe()
    assert dataset.shape == KNOWN[name].shape == module.SHAPE and len(dataset) == 40
    assert dataset.images.dtype == torch.uint8 and not dataset.is_real
    assert dataset.class_names == KNOWN[name].class_names
    classes, attributes = len(dataset.class_names), dataset.attribute_names
    assert (
        classes == 0
        if dataset.labels is None
        else sorted(set(load(name, n=300, quiet=True).labels.tolist())) == list(range(classes))
    )
    assert not attributes if dataset.attributes is None else dataset.attributes.shape == (40, len(attributes))
    assert dataset.factor_names == tuple(module.FACTORS) and dataset.factors.dtype == torch.float32
    for column, (low, high) in enumerate(module.FACTORS.values()):
        values = dataset.factors[:, column]
        assert low <= values.min() and values.max() <= high and values.std() > 0.1 * (high - low)


def test_factors_are_those_of_the_images():
    """Redrawing with the returned factors and the other parameters gives the same images."""
    dataset, module = load("mnist", n=30, quiet=True), standins.artist("mnist")
    parameters = standins.parameters("mnist", 30, "mnist/train/0")
    columns = dict(zip(dataset.factor_names, dataset.factors.unbind(1), strict=True))
    assert torch.equal(module.draw(parameters | columns), dataset.images)


def test_the_same_seed_gives_the_same_images_and_another_others(monkeypatch):
    first = load("mnist", n=20, quiet=True)
    assert torch.equal(first.images, load("mnist", n=20, quiet=True, seed=0).images)
    others = [load("mnist", n=20, quiet=True, seed=1), load("mnist", "test", n=20, quiet=True)]
    monkeypatch.setenv("VAE_COURSE_SEED", "2")
    others.append(load("mnist", n=20, quiet=True))
    assert all(not torch.equal(first.images, other.images) for other in others)
    assert not torch.equal(others[0].images, others[2].images)


def test_a_smaller_set_is_the_beginning_of_a_larger_one():
    few, many = (load("mnist", n=n, quiet=True) for n in (30, 1100))
    assert torch.equal(few.images, many.images[:30]) and torch.equal(few.factors, many.factors[:30])
    assert not torch.equal(many.images[:100], many.images[1000:])


def test_by_default_stand_ins_have_ten_thousand_and_two_thousand(monkeypatch):
    counts = []
    draw = standins.parameters
    monkeypatch.setattr(standins, "parameters", lambda name, n, stream: counts.append(n) or draw(name, 5, stream))
    for name, split in (("mnist", "train"), ("mnist", "test"), ("celeba", "valid")):
        load(name, split, quiet=True)
    assert counts == [10_000, 2_000, 2_000]


def test_faces_come_at_the_size_asked_for():
    large, small = (load("celeba", n=8, size=size, quiet=True) for size in (64, 32))
    assert small.shape == (3, 32, 32)
    means = [dataset.images.float().mean((1, 2, 3)) for dataset in (large, small)]
    assert (means[0] - means[1]).abs().max() < 1.5
    halves = torch.nn.functional.avg_pool2d(large.images.float(), 2)
    assert (halves - small.images).abs().mean() < 4


@pytest.mark.parametrize("name", ["imagenet", "fashion-mnist", "no/such/folder", ""])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(DataError) as caught:
        load(name)
    message = str(caught.value)
    assert "fashion, mnist, cifar10, celeba" in message and "folder of images" in message


@pytest.mark.parametrize("n", [0, -1, 2.0, "10", True])
def test_a_senseless_number_is_refused(n):
    with pytest.raises(DataError, match="whole number"):
        load("mnist", n=n)


# ---- real data


def test_real_data_is_used_where_it_is_and_stand_ins_where_forced(tmp_path, monkeypatch, capsys):
    images, labels = write_idx(tmp_path)["train"]
    dataset = load("fashion")
    assert dataset.is_real and np.array_equal(dataset.images[:, 0].numpy(), images)
    assert capsys.readouterr().out == "fashion · train · 30 images 1×28×28 · Fashion-MNIST\n"
    few = load("fashion", n=7, quiet=True)
    assert np.array_equal(few.images[:, 0].numpy(), images[:7]) and few.labels.tolist() == labels[:7].tolist()
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    assert not load("fashion", n=7, quiet=True).is_real


def test_more_than_there_is_is_an_error(tmp_path):
    write_idx(tmp_path)
    with pytest.raises(DataError, match="30"):
        load("fashion", n=31)
    assert len(load("fashion", n=30, quiet=True)) == 30


def test_a_corrupt_real_set_is_an_error_and_never_a_stand_in(tmp_path):
    write_idx(tmp_path)
    path = tmp_path / "FashionMNIST/raw/train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load("fashion")
    assert not list((tmp_path / "prepared").iterdir())


def test_a_folder_of_images_opens_by_its_path(tmp_path, capsys, monkeypatch):
    for number in range(60):
        kind = tmp_path / "holiday" / ("beach" if number < 30 else "mountains")
        kind.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), (number, 0, 0)).save(kind / f"{number:02d}.png")
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")  # does not concern what has no stand-in
    dataset = load(tmp_path / "holiday", n=20)
    assert capsys.readouterr().out == "holiday · train · 20 images 3×64×64 · your own images\n"
    assert 8 <= int((dataset.labels == 0).sum()) <= 12 and dataset.class_names == ("beach", "mountains")
    monkeypatch.chdir(tmp_path)
    again = load("./holiday", n=20, quiet=True, size=16)
    assert again.shape == (3, 16, 16) and again.images[:, 0, 3, 3].tolist() == dataset.images[:, 0, 9, 9].tolist()


@pytest.mark.parametrize("three", [3, np.int64(3), torch.tensor(3), slice(3), torch.arange(3), torch.arange(60) < 3])
def test_a_subset_is_the_first_ones_whatever_kind_of_number_says_so(three):
    dataset = load("mnist", n=60, quiet=True)
    part = dataset.subset(three)
    assert torch.equal(part.images, dataset.images[:3]) and torch.equal(part.labels, dataset.labels[:3])
    assert torch.equal(part.factors, dataset.factors[:3])


# ---- the table


def test_the_table_says_what_is_here_and_what_is_used(tmp_path, monkeypatch):
    text = status(tmp_path)
    assert standins.artist("fashion").SOURCE in text and str(tmp_path) in text
    write_idx(tmp_path)
    rows = {line.split()[0]: line for line in status(tmp_path).splitlines() if line}
    assert "train, test" in rows["fashion"] and "official files" in rows["fashion"] and " no " in rows["fashion"]
    assert rows["fashion"].endswith("Fashion-MNIST") and "none" in rows["mnist"]
    load("fashion", quiet=True)
    assert "train  " in next(line for line in status().splitlines() if line.startswith("fashion")).partition("MB")[2]
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    assert "Fashion-MNIST" not in status(tmp_path)


def test_the_table_shows_what_is_wrong_or_unfinished(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "FashionMNIST/raw/t10k-labels-idx1-ubyte").unlink()
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(bytes(10))
    text = status(tmp_path)
    assert "lacks t10k-labels-idx1-ubyte" in text and "cifar10: not whole yet" in text


def test_the_table_does_not_believe_garbage_and_says_when_there_is_no_folder(tmp_path):
    (tmp_path / "arrays").mkdir()
    (tmp_path / "arrays/mnist-train.npz").write_bytes(b"garbage")
    row = next(line for line in status(tmp_path).splitlines() if line.startswith("mnist"))
    assert "none" in row and "an error" in row and "mnist-train.npz (7 bytes) cannot be read" in status(tmp_path)
    (tmp_path / "file").write_text("")
    assert "not there yet" in status(tmp_path / "nothing") and "this is a file" in status(tmp_path / "file")


def test_a_relative_data_folder_starts_at_the_courses_root(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_COURSE_DATA", "data")
    found = []
    for folder in (tmp_path, settings.ROOT / "notebooks"):
        monkeypatch.chdir(folder)
        found.append(settings.data_folder())
    assert found == [settings.ROOT / "data"] * 2
    monkeypatch.setenv("VAE_COURSE_DATA", "~nobody-of-this-name/x")
    with pytest.raises(ValueError, match="~nobody-of-this-name/x"):
        settings.data_folder()


# ---- sheets


def cell(sheet: Image.Image, image: torch.Tensor, scale: int) -> bool:
    """Return whether an image (C, H, W) is on the sheet, enlarged, somewhere."""
    wanted = image.expand(3, -1, -1).permute(1, 2, 0).numpy().repeat(scale, 0).repeat(scale, 1)
    pixels = np.asarray(sheet)
    height, width = wanted.shape[:2]
    corners = np.argwhere((pixels[: -height or None, : -width or None] == wanted[0, 0]).all(-1))
    return any(np.array_equal(pixels[y : y + height, x : x + width], wanted) for y, x in corners)


def test_a_contact_sheet_shows_one_class_in_each_row():
    dataset = load("mnist", n=300, quiet=True)
    sheet = contact_sheet(dataset)
    assert sheet.mode == "RGB" and sheet.width > 16 * 56 and sheet.height > 10 * 56
    of_class_3 = dataset.images[dataset.labels == 3]
    assert cell(sheet, of_class_3[15], 2) and not cell(sheet, of_class_3[16], 2)
    faces = load("celeba", n=170, quiet=True)
    assert [cell(contact_sheet(faces), faces.images[index], 1) for index in (0, 159, 160)] == [True, True, False]


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_a_factor_sheet_has_a_row_for_every_factor(name):
    module = standins.artist(name)
    sheet = factor_sheet(name, 0)
    assert sheet.width > 11 * 56 and sheet.height > len(module.FACTORS) * 56
    assert np.array_equal(np.asarray(sheet), np.asarray(factor_sheet(name, 0)))


def test_a_factor_sheet_needs_a_stand_in():
    with pytest.raises(DataError, match="fashion, mnist"):
        factor_sheet("holiday", 0)


# ---- the command line


def run(*words: str) -> None:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["data", *words])
    arguments.run(arguments)


def test_the_command_line_shows_lists_and_prepares(tmp_path, capsys):
    write_idx(tmp_path, "MNIST")
    run("show", "mnist", "--split", "test", "--out", str(tmp_path / "real.png"))
    run("show", "mnist", "--factors", "--out", str(tmp_path / "factors.png"))
    run("prepare", "mnist")
    run("status")
    out = capsys.readouterr().out
    assert Image.open(tmp_path / "real.png").width > 300 and Image.open(tmp_path / "factors.png").width > 300
    assert "30 images in" in out and "10 images in" in out and "data folder" in out


def test_preparing_passes_over_a_split_that_is_not_here(tmp_path, capsys):
    write_celeba(tmp_path, count=2)
    run("prepare", "celeba", "--size", "32")
    assert "train · 1 images 3×32×32" in (out := capsys.readouterr().out) and "valid · 1 images" in out and "test" not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("download", "imagenet"), "Known: fashion"),
        (("show", "imagenet"), "Known: fashion"),
        (("show", "imagenet", "--factors"), "Known: fashion"),
        (("prepare", "cifar10"), "data download cifar10"),
        (("show", "mnist", "--out", "no/such/folder/a.png"), "cannot be written"),
        (("show", "mnist", "--split", "valid"), "no split 'valid'. It has: train, test"),
    ],
)
def test_the_command_lines_errors_are_for_people(words, message):
    with pytest.raises(DataError, match=message):
        run(*words)


def test_settings_reach_the_command_line(tmp_path, monkeypatch):
    assert settings.data_folder() == tmp_path.resolve()
    called = []
    monkeypatch.setattr(cli, "download", lambda *given: called.append(given))
    run("download", "celeba", "--force")
    assert called == [("celeba", settings.data_folder(), True)]
