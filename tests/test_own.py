"""A model of one's own images, from the command line: a folder is trained on and scored, and what the model draws is written."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from helpers import models, pretrained, training
from helpers.data import DataError, load
from helpers.models import ModelConfig
from tools import __main__ as cli
from tools import own_images as own
from tools import recipes


def blob(number: int, side: int = 40, mode: str = "RGB") -> Image.Image:
    """Return an image of a disc whose place, size and colour follow from its number."""
    random = np.random.default_rng(number)
    (x, y), r = random.uniform(0.3, 0.7, 2) * side, random.uniform(0.1, 0.3) * side
    image = Image.new("RGB", (side + number % 3 * 7, side), tuple(random.integers(0, 120, 3).tolist()))
    ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), tuple(random.integers(130, 256, 3).tolist()))
    return image.convert(mode)


def write_images(folder: Path, n: int = 80, mode: str = "RGB", side: int = 40) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        ending = "png" if number % 2 or mode == "RGBA" else "jpg"
        blob(number, side + number % 5 * 10, mode).save(folder / f"{number:03d}.{ending}")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working folder with the images `discs`, a data folder of its own, and a network that trains in no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(own, "widths", lambda side: (4, 8))
    write_images(tmp_path / "discs")
    return tmp_path


TRAIN = ["train", "discs", "--size", "16", "--latent", "3"]


def test_a_folder_becomes_a_model_with_card_and_codes_that_agree(here, capsys):
    assert cli.main([*TRAIN, "--steps", "4"]) == 0
    out, card = capsys.readouterr().out, pretrained.card("discs", "runs")
    train, test = (load("discs", split, size=16, quiet=True) for split in ("train", "test"))
    assert len(train) + len(test) == 80 and "wrote runs/discs.safetensors" in out
    assert card["images"] == len(train) and card["scores"]["images"] == len(test) == len(pretrained.codes("discs", "runs"))
    assert card["recipe"]["data"] == "discs" and card["recipe"]["steps"] == 4 and not card["recipe"]["mirrored"]
    assert f"{len(test)} held out (one in ten, by a hash of its name)" in card["data"] and str(here) not in str(card)
    assert card["command"].startswith("python -m helpers train discs --name discs --size 16 --latent 3")
    model = pretrained.load("discs", "runs")
    assert model.config.shape == (3, 16, 16) and model.config.sigma == "learned" and model.config.latent == 3
    held_out = own.held_out_of("discs", "runs")
    assert recipes.score(model, held_out) == pytest.approx(card["scores"], rel=1e-5)
    mu, _ = models.posterior(model, held_out.images)
    assert torch.allclose(pretrained.codes("discs", "runs").mu, mu, atol=2e-3)


def test_held_out_images_are_never_trained_on_whatever_joins_the_folder(here, monkeypatch):
    """The oracle reads the promise off the names: one in ten by a hash, so that an image keeps its part when others come."""
    seen = []

    def look(model, images, held_out, **named):
        seen.append((images, held_out.images))
        return training.History([{"seconds": 0.0}])

    monkeypatch.setattr(recipes, "fit", look)
    for n in (80, 100):
        write_images(here / "discs", n)
        assert cli.main([*TRAIN, "--name", f"discs{n}"]) == 0
        hashes = {path.name: hashlib.sha256(path.name.encode()).digest()[:8] for path in (here / "discs").iterdir()}
        wanted = sum(int.from_bytes(value, "big") < 2**64 / 10 for value in hashes.values())
        images, held_out = seen[-1]
        assert len(held_out) == wanted and len(images) == n - wanted
        assert not {x.numpy().tobytes() for x in images} & {x.numpy().tobytes() for x in held_out}
    first, second = ({x.numpy().tobytes() for x in held_out} for _, held_out in seen)
    assert first <= second


def arrays(here: Path, split: str, images: np.ndarray) -> None:
    (here / "data" / "arrays").mkdir(parents=True, exist_ok=True)
    np.savez(here / "data" / "arrays" / f"spots-{split}.npz", images=images)


def test_arrays_give_their_own_test_split_or_else_a_tenth_that_is_always_the_same(here):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    arrays(here, "train", images)
    train, held_out = own.open_splits("spots")
    assert len(train) == 54 and len(held_out) == 6 and train.shape == (1, 16, 16)
    together = torch.cat([train.images, held_out.images]).flatten(1)
    assert torch.equal(together.sort(0).values, torch.from_numpy(images).flatten(1).sort(0).values)
    assert torch.equal(own.open_splits("spots")[1].images, held_out.images)
    assert cli.main(["train", "spots", "--latent", "2", "--steps", "2"]) == 0
    assert "6 held out (one in ten, drawn with a fixed seed)" in pretrained.card("spots", "runs")["data"]
    arrays(here, "test", images[:9])
    train, held_out = own.open_splits("spots")
    assert len(train) == 60 and len(held_out) == 9 and "its test split" in train.source


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGBA", 3), ("P", 3), ("1", 1)])
def test_grey_images_get_one_channel_and_others_three(here, mode, channels):
    folder = write_images(here / "more", 80, mode if mode != "P" else "RGB", side=9)  # 9 to 49 pixels wide
    if mode in ("P", "1"):
        for path in folder.iterdir():
            Image.open(path).convert(mode).save(path.with_suffix(".png"))
            path.suffix == ".png" or path.unlink()
    assert cli.main(["train", "more", "--size", "16", "--steps", "2", "--latent", "2"]) == 0
    assert pretrained.load("more", "runs").config.shape == (channels, 16, 16)
    assert own.held_out_of("more", "runs").shape == (channels, 16, 16)


def test_a_stopped_run_goes_on_and_ends_as_if_never_stopped(here, monkeypatch, capsys):
    words, step, times = [*TRAIN, "--epochs", "3"], training.Loop.step, []

    def press(*given):
        times.append(1)
        if len(times) == 4:  # in the second epoch of two steps
            raise KeyboardInterrupt
        return step(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training.Loop, "step", press)
        assert cli.main(words) == 130
    assert "stopped by hand after 1 of 3 epochs" in capsys.readouterr().err and not Path("runs/discs.safetensors").exists()
    assert cli.main(words) == 0
    assert cli.main([*words, "--name", "whole"]) == 0
    one, other = (pretrained.load(name, "runs").state_dict() for name in ("discs", "whole"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_model_of_another_make_is_not_replaced(here, capsys):
    assert cli.main([*TRAIN, "--epochs", "1"]) == 0
    before = Path("runs/discs.safetensors").read_bytes()
    for more, told in (
        (["--beta", "4"], "beta 1.0, not 4.0"), (["--steps", "2"], "no trial"), (["--size", "32"], "another network"),
    ):  # fmt: skip
        assert cli.main([*TRAIN, "--epochs", "1", *more]) == 1
        assert told in (said := capsys.readouterr().err) and "--name discs_2" in said
    (kept := here / "discs" / "001.png").rename(here / "001.png")
    assert cli.main([*TRAIN, "--epochs", "1"]) == 1 and "not 73" in capsys.readouterr().err
    (here / "001.png").rename(kept)
    assert Path("runs/discs.safetensors").read_bytes() == before
    assert cli.main([*TRAIN, "--epochs", "1"]) == 0  # the same one: from its checkpoint
    assert cli.main([*TRAIN, "--name", "trial", "--steps", "1"]) == cli.main([*TRAIN, "--name", "trial", "--epochs", "1"]) == 0


def test_mistakes_are_told_in_a_line(here, capsys):
    (here / "empty").mkdir()
    write_images(here / "three", 3)
    write_images(here / "fashion_vae", 3)
    for words, told in (
        (["train", "dics"], "there is no recipe 'dics'"),
        (["train", "empty"], "There is no image in"),
        (["train", "three"], "Add more images"),
        (["train", "./fashion_vae"], "--name my_fashion_vae"),
        ([*TRAIN, "--name", "a.b"], "'a.b' cannot be a model's name"),
        ([*TRAIN, "--out", str(pretrained.FOLDER)], "do not belong among the shipped ones"),
        (["train", "fashion_vae", "--beta", "2", "--name", "x"], "--name, --beta can be chosen for a folder of your own"),
        (["train", "discs", "--size", "2000"], "size is 2000"),
        (["draw", "nothing"], "there are no weights named 'nothing'"),
        (["draw", "cifar10_features"], "it draws none"),
        (["scores", "discs", "--out", "runs"], "there are no weights named 'discs'"),
    ):
        assert cli.main(words) == 1, words
        error = capsys.readouterr().err
        assert told in error.splitlines()[-1] and "Traceback" not in error, words
    for option in (["--beta", "-1"], ["--beta", "nan"], ["--latent", "0"]):
        with pytest.raises(SystemExit):
            cli.main([*TRAIN, *option])
    assert not (here / "runs").exists()


def test_a_corrupt_image_is_named_and_can_be_left_out(here, capsys):
    bad = here / "discs" / "corrupt.jpg"
    bad.write_bytes((here / "discs" / "000.jpg").read_bytes()[:200])
    assert cli.main([*TRAIN, "--steps", "2"]) == 1
    assert "corrupt.jpg (200 bytes) cannot be read" in capsys.readouterr().err
    assert cli.main([*TRAIN, "--steps", "2", "--skip-corrupt"]) == 0
    assert "1 corrupt image left out" in pretrained.card("discs", "runs")["data"]
    assert cli.main(["scores", "discs", "--out", "runs"]) == 0


def test_the_network_and_the_length_suit_the_images():
    for side, wanted in ((64, (32, 64, 128, 256)), (32, (32, 64, 128)), (28, (32, 64)), (256, (32, 64, 128, 256, 256, 256))):
        config = ModelConfig("vae", "conv", (3, side, side), 8, own.widths(side))
        assert config.widths == wanted and 4 <= models.final_side(config) <= 8
    for side in (8, 27, 100):
        with pytest.raises(DataError, match=f"images of {side}×{side} do not suit"):
            own.widths(side)
    for n, least, most in ((40, 600, 600), (361, 600, 660), (2000, 3600, 3800), (20_000, 6000, 6200), (1_000_000, 39_000, 39_100)):
        plan = own.recipe_for(Many(n), "x")
        assert least <= plan.epochs * (n // plan.batch) <= most, n


class Many:
    """A set of many images that takes no room."""

    shape = (3, 64, 64)

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n


def test_scores_of_a_model_of_ones_own_are_those_of_its_card(here, capsys):
    assert cli.main([*TRAIN, "--steps", "2"]) == 0
    capsys.readouterr()
    assert cli.main(["scores", "discs", "--out", "runs"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "recorded" in line and "now" in line]
    assert len(rows) == 6 and all(row[2] == row[4] for row in rows)


def tiles(path: Path, across: int, down: int, side: int) -> list[np.ndarray]:
    """Return the images of a sheet, found by its white gaps; fails where they do not lie on such a grid."""
    sheet = np.asarray(Image.open(path).convert("RGB")).astype(int)
    white = sheet.min(2) >= 250
    rows = runs_of(~white.all(1))[-down:]  # the title is above them, and labels are left of the columns
    columns = runs_of(~white[rows[0][0] :].all(0))[-across:]
    sizes = {stop - start for start, stop in rows + columns}
    assert len(rows) == down and len(columns) == across and len(sizes) == 1, (path, sizes)
    scale = sizes.pop() / side
    assert scale == round(scale) >= 1
    return [sheet[top:bottom, start:stop] for top, bottom in rows for start, stop in columns]


def runs_of(inked: np.ndarray) -> list[tuple[int, int]]:
    """Return where runs of true start and stop."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inked.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


SHAPES = {"samples": (8, 8), "mixture": (8, 8), "interpolation": (8, 8), "traversal": (9, 3), "reconstructions": (9, 2)}


def test_draw_writes_sheets_beside_the_weights(here, capsys):
    assert cli.main([*TRAIN, "--steps", "30"]) == 0
    capsys.readouterr()
    assert cli.main(["draw", "discs", "--images", "discs"]) == 0
    out = capsys.readouterr().out
    held_out = own.held_out_of("discs", "runs")
    for kind, (across, down) in SHAPES.items():
        path = Path(f"runs/discs-{kind}.png")
        assert f"wrote {path}" in out
        across = min(10, len(held_out)) if kind == "reconstructions" else across
        parts = tiles(path, across, down, 16)
        assert all(part.std() > 0 for part in parts), kind
        if kind == "reconstructions":
            scale = len(parts[0]) // 16
            shown = np.stack([part[scale // 2 :: scale, scale // 2 :: scale] for part in parts[:across]])
            assert np.abs(shown - held_out.images[:across].permute(0, 2, 3, 1).numpy()).max() <= 1
    assert pretrained.names("runs") == ["discs"]


def test_draw_works_for_shipped_models_and_leaves_their_folder_alone(here, capsys):
    before = sorted(pretrained.FOLDER.iterdir())
    assert cli.main(["draw", "fashion_ae", "--out", "sheets"]) == 0
    names = sorted(path.name for path in Path("sheets").iterdir())
    assert names == [f"fashion_ae-{kind}.png" for kind in ("interpolation", "mixture", "traversal")]  # no prior to sample from
    assert "Fashion-MNIST" in capsys.readouterr().out and sorted(pretrained.FOLDER.iterdir()) == before
    assert cli.main(["draw", "fashion_ae", "--out", "sheets", "--images", "discs"]) == 0  # in the model's size, and grey
    assert Path("sheets/fashion_ae-reconstructions.png").exists()
