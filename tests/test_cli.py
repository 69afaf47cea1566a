"""The command line and the settings: what they do, and what they say when they cannot."""

import pytest
import torch

from helpers import __main__ as cli
from helpers import pretrained, recipes, settings, training
from helpers.models import ModelConfig
from helpers.recipes import Recipe
from helpers.settings import SettingError

TINY = Recipe("fashion", ModelConfig("vae", "fc", (1, 28, 28), 2, (8,)), epochs=1, batch=500)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Return the words of a command that trains a tiny model on drawn pictures into a folder of its own."""
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    monkeypatch.setitem(recipes.RECIPES, "tiny", TINY)
    return ["train", "tiny", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]


def test_train_writes_weights_card_and_codes_that_agree(tiny, tmp_path, capsys):
    assert cli.main(tiny) == 0
    card, codes = pretrained.card("tiny", tmp_path / "out"), pretrained.codes("tiny", tmp_path / "out")
    assert card["recipe"]["epochs"] == 1 and card["seconds"] >= 0 and "drawn" in card["data"]
    model = pretrained.load("tiny", tmp_path / "out")
    test = recipes.load("fashion", "test", quiet=True)
    assert recipes.score(model, test.images) == pytest.approx(card["scores"], rel=1e-5)
    assert torch.equal(codes.labels, test.labels) and codes.class_names == test.class_names
    assert "wrote" in capsys.readouterr().out


def test_drawn_pictures_never_replace_the_shipped_weights(tiny, capsys):
    before = {path.name: path.read_bytes() for path in pretrained.FOLDER.iterdir()}
    assert cli.main(["train", "fashion_vae"]) == 1
    assert "must not replace the shipped ones" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in pretrained.FOLDER.iterdir()} == before


def test_a_run_stopped_by_hand_writes_no_weights(tiny, tmp_path, monkeypatch, capsys):
    def press(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Loop, "step", press)
    assert cli.main(tiny) == 1
    assert "stopped by hand after 0 of 1 epochs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_mistakes_are_told_in_a_line(capsys):
    assert cli.main(["train", "fashion_vea"]) == 1
    assert "Known: fashion_ae, fashion_vae" in capsys.readouterr().err
    assert cli.main(["scores", "nothing"]) == 1
    assert "there are no weights named 'nothing'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["train", "fashion_vae", "--epochs", "0"])


def test_settings_come_from_the_environment(monkeypatch):
    for name, text, read, wanted in (
        ("VAE_COURSE_SEED", "7", settings.seed, 7),
        ("VAE_COURSE_SEED", "", settings.seed, 0),
        ("VAE_COURSE_BUDGET", "Full", settings.budget, "full"),
        ("VAE_COURSE_STANDINS", "0", settings.standins_forced, False),
        ("VAE_COURSE_STANDINS", "1", settings.standins_forced, True),
        ("VAE_COURSE_DEVICE", "cpu", settings.processor_only, True),
    ):
        monkeypatch.setenv(name, text)
        assert read() == wanted, (name, text)


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("VAE_COURSE_SEED", "one", settings.seed),
        ("VAE_COURSE_SEED", "-1", settings.seed),
        ("VAE_COURSE_BUDGET", "huge", settings.budget),
        ("VAE_COURSE_DEVICE", "tpu", settings.processor_only),
    ],
)
def test_settings_that_mean_nothing_are_refused(name, text, read, monkeypatch):
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingError, match=name):
        read()


def test_generators_are_apart_and_repeat(monkeypatch):
    monkeypatch.setenv("VAE_COURSE_SEED", "3")
    one, same, other = (torch.rand(4, generator=settings.generator(k)) for k in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_the_data_folder_is_the_cache_unless_named(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path))
    assert settings.data_folder() == tmp_path.resolve()
    monkeypatch.delenv("VAE_COURSE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert settings.data_folder() == tmp_path / "cache" / "vae-course"
