"""The command line and the settings: what they do, and what they say when they cannot."""

import re
import warnings
from dataclasses import replace

import pytest
import torch
from layouts import COLUMNS, write_celeba

from helpers import pretrained, settings, training
from helpers.data import to_float
from helpers.features import FeatureConfig
from helpers.models import ModelConfig
from tools import __main__ as cli
from tools import recipes
from tools.recipes import Recipe

TINY = Recipe("fashion", ModelConfig("vae", "fc", (1, 28, 28), 2, (8,)), epochs=1, batch=500)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Return the words of a command that trains a tiny model on drawn images into a folder of its own."""
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    monkeypatch.setitem(recipes.RECIPES, "tiny", TINY)
    return ["train", "tiny", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]


def test_train_writes_weights_card_and_codes_that_agree(tiny, tmp_path, capsys):
    assert cli.main(tiny) == 0
    card, codes = pretrained.card("tiny", tmp_path / "out"), pretrained.codes("tiny", tmp_path / "out")
    assert card["recipe"]["epochs"] == 1 and card["seconds"] >= 0 and "drawn" in card["data"]
    model = pretrained.load("tiny", tmp_path / "out")
    test = recipes.load("fashion", "test", quiet=True)
    assert recipes.score(model, test) == pytest.approx(card["scores"], rel=1e-5)
    assert torch.equal(codes.labels, test.labels) and codes.class_names == test.class_names
    assert not (tmp_path / "out" / "tiny.prior.safetensors").exists()  # only of models whose samples are scored
    assert "wrote" in capsys.readouterr().out


def test_of_several_seeds_the_median_ships_and_the_card_has_the_scores_and_histories_of_all(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.RECIPES, "tiny", replace(TINY, seeds=3, beta=2.0))
    assert cli.main(tiny) == 0
    card = pretrained.card("tiny", tmp_path / "out")
    losses = {run["seed"]: run["scores"]["recon"] + 2 * run["scores"]["kl"] for run in card["runs"]}
    assert list(losses) == [0, 1, 2] and len(set(losses.values())) == 3
    assert losses[card["seed"]] == sorted(losses.values())[1]
    assert all(len(run["history"]) == 1 and run["history"][0]["held_recon"] > 0 for run in card["runs"])
    assert card["history"] == next(run["history"] for run in card["runs"] if run["seed"] == card["seed"])


def test_calibration_is_kept_only_where_the_held_out_kl_falls(tiny, tmp_path):
    assert cli.main(tiny) == 0
    card = pretrained.card("tiny", tmp_path / "out")
    found = card["calibration"]
    assert found["kl"][1] < found["kl"][0] and len(found["shift"]) == len(found["scale"]) == 2
    assert card["scores"]["kl"] == pytest.approx(found["kl"][1], rel=0.01)
    train_set, held_out = (recipes.load("fashion", split, n=200, quiet=True) for split in ("train", "test"))
    model = pretrained.load("tiny", tmp_path / "out")
    recipes.calibrate(model, train_set, held_out)
    weights = [value.clone() for value in model.state_dict().values()]
    other = replace(held_out, images=torch.rand(200, 1, 28, 28) * 1e-3)  # whose codes lie elsewhere than those it is fitted to
    before = recipes.models.evaluate(model, train_set.images)["kl"]
    assert recipes.calibrate(model, other, train_set) == {}
    assert recipes.models.evaluate(model, train_set.images)["kl"] == pytest.approx(before)
    assert all(torch.equal(a, b) for a, b in zip(weights, model.state_dict().values(), strict=True))


def test_train_writes_a_feature_network_with_the_names_of_its_outputs_and_features_to_compare_with(tiny, tmp_path, monkeypatch):
    plan = Recipe("celeba", FeatureConfig((3, 64, 64), 2, (4, 4), 40, "attributes"), epochs=1, batch=50, codes=30, held_out="valid")
    faces = {split: recipes.load("celeba", split, n=100, quiet=True) for split in ("train", "valid")}
    names = faces["train"].attribute_names
    monkeypatch.setattr(recipes, "load", lambda name, split: faces[split])
    monkeypatch.setitem(recipes.RECIPES, "tiny", replace(plan, config=replace(plan.config, outputs=len(names))))
    assert cli.main(tiny) == 0
    network, card = pretrained.load("tiny", tmp_path / "out"), pretrained.card("tiny", tmp_path / "out")
    assert tuple(card["outputs"]) == names and card["scores"]["images"] == 100
    features = pretrained.reference("tiny", tmp_path / "out")
    wanted = network.features(to_float(faces["valid"].images[:30])).detach()
    assert features.dtype == torch.float32 and torch.allclose(features, wanted, rtol=2e-3, atol=1e-3)
    assert pretrained.names(tmp_path / "out") == ["tiny"]


def test_faces_in_the_official_layout_open_prepare_and_train(tmp_path, monkeypatch):
    names, attributes, partition = write_celeba(tmp_path / "data", count=12, rows=12)
    monkeypatch.setenv("VAE_COURSE_STANDINS", "0")
    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path / "data"))
    config = ModelConfig("vae", "conv", (3, 64, 64), 4, (4, 4), "gaussian", "learned")
    plan = Recipe("celeba", config, epochs=1, batch=2, held_out="valid", mirrored=True)
    monkeypatch.setitem(recipes.RECIPES, "tiny", plan)
    assert cli.main(["train", "tiny", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]) == 0
    card, codes = pretrained.card("tiny", tmp_path / "out"), pretrained.codes("tiny", tmp_path / "out")
    assert card["images"] == (partition == 0).sum() and card["scores"]["images"] == (partition == 1).sum()
    assert "drawn" not in card["data"] and codes.attributes.equal(torch.from_numpy(attributes[partition == 1]))
    assert codes.attribute_names == COLUMNS and list((tmp_path / "data" / "prepared").glob("*.npy"))


def test_a_mirrored_recipe_sees_every_image_both_ways(tiny, monkeypatch):
    seen = []

    def look(model, images, **named):
        seen.append(images)
        return training.History([{"seconds": 0.0}])

    monkeypatch.setitem(recipes.RECIPES, "tiny", replace(TINY, mirrored=True))
    monkeypatch.setattr(recipes, "fit", look)
    assert cli.main(tiny) == 0
    given = recipes.load("fashion", "train", quiet=True).images
    assert torch.equal(seen[0][: len(given)], given) and torch.equal(seen[0][len(given) :], given.flip(-1))


def test_drawn_images_never_replace_the_shipped_weights(tiny, capsys):
    before = {path.name: path.read_bytes() for path in pretrained.FOLDER.iterdir()}
    assert cli.main(["train", "fashion_vae"]) == 1
    assert "must not replace the shipped ones" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in pretrained.FOLDER.iterdir()} == before


def test_a_run_stopped_by_hand_writes_no_weights(tiny, tmp_path, monkeypatch, capsys):
    def press(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Loop, "step", press)
    assert cli.main(tiny) == 130
    assert "stopped by hand after 0 of 1 epochs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_trial_ends_after_its_steps_and_leaves_the_full_runs_checkpoint_alone(tiny, tmp_path):
    assert cli.main([*tiny, "--steps", "3"]) == 0
    card = pretrained.card("tiny", tmp_path / "out")
    assert card["recipe"]["steps"] == 3 and card["recipe"]["epochs"] == 1
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny-3-steps.ckpt"]


def test_a_trial_never_replaces_the_shipped_weights(monkeypatch, capsys):
    real = replace(recipes.load("fashion", "train", quiet=True).subset(200), is_real=True)
    monkeypatch.setattr(recipes, "load", lambda *given: real)
    assert cli.main(["train", "fashion_vae", "--steps", "3"]) == 1
    assert "a trial of 3 steps must not replace the shipped weights" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_told(tiny, device, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert cli.main([*tiny, "--device", device]) == 1
    assert f"there is no {device} device here" in (told := capsys.readouterr().err) and "auto, cpu" in told
    with pytest.raises(SystemExit):
        cli.main([*tiny, "--device", "tpu"])
    assert "invalid choice: 'tpu'" in capsys.readouterr().err


def test_device_and_data_reach_the_settings(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(
        recipes, "train_shipped", lambda *given, **named: seen.append((settings.processor_only(), settings.data_folder()))
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("VAE_COURSE_DEVICE", "VAE_COURSE_DATA"):
        monkeypatch.setenv(name, "")  # so that what the command sets is undone afterwards
    for device, processor in (("cuda", False), ("cpu", True), ("auto", True), ("cuda", False)):
        assert cli.main(["train", "fashion_vae", "--device", device, "--data", str(tmp_path)]) == 0
        assert seen.pop() == (processor, tmp_path.resolve()), device
    assert cli.main(["train", "fashion_vae", "--data", str(tmp_path / "nowhere")]) == 1
    assert "there is no folder" in capsys.readouterr().err and not seen


def test_of_several_processes_only_the_first_one_speaks_and_writes(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    assert cli.main(tiny) == 0
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "out").exists() and not (tmp_path / "runs").exists()


READERS = {
    "SEED": settings.seed,
    "BUDGET": settings.budget,
    "STANDINS": settings.standins_forced,
    "DEVICE": settings.processor_only,
}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("SEED", {"7": 7, "": 0, str(2**32 - 1): 2**32 - 1}),
        ("BUDGET", {"Full": "full", "": "quick"}),  # also with a GPU
        ("STANDINS", {"0": False, "1": True}),
        ("DEVICE", {"cpu": True}),
    ],
)
def test_settings_come_from_the_environment(name, wanted, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for text, value in wanted.items():
        monkeypatch.setenv(f"VAE_COURSE_{name}", text)
        assert READERS[name]() == value, text


@pytest.mark.parametrize(
    ("name", "refused"), [("SEED", ["one", "-1", str(2**32), 5000 * "9"]), ("BUDGET", ["huge"]), ("DEVICE", ["tpu"])]
)
def test_settings_that_mean_nothing_are_refused(name, refused, monkeypatch):
    for text in refused:
        monkeypatch.setenv(f"VAE_COURSE_{name}", text)
        with pytest.raises(ValueError, match=f"VAE_COURSE_{name}"):
            READERS[name]()


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


@pytest.mark.parametrize("words", ["--epochs x", "--epochs 0", "--epochs 2.5", "--size ²", "--beta x", "--beta nan", "--beta -1"])
def test_numbers_that_are_none_are_told_beside_what_is_expected(words, capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "cats", *words.split()])
    told = capsys.readouterr().err.splitlines()[-1]
    assert repr(words.split()[1]) in told and "of at least" in told


SHIPPED = f"scores {{}} --out {pretrained.FOLDER}"
MODELS = ("mnist_vae.codes", "celeba_features.reference", "nothing")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("train fashion_vea", "Known: fashion_ae, fashion_vae"),
        ("scores nothing", "there are no weights named 'nothing'"),
        ("data prepare catz", "no folder of images 'catz'"),
        ("data prepare mnist", "data download mnist"),
        *((words.format(name), f"{name}.*There are:") for name in MODELS for words in ("scores {}", SHIPPED, "draw {}")),
    ],
)
def test_mistakes_are_told_in_a_line(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path))
    assert cli.main(words.split()) == 1
    error = capsys.readouterr().err
    assert re.search(told, error) and "Traceback" not in error and not ("catz" in words and "download" in error)


def test_a_warning_is_a_sentence_and_shows_no_line_of_code(monkeypatch, capsys):
    monkeypatch.setattr(cli, "grade_command", lambda arguments: warnings.warn("the disk is nearly full", stacklevel=1))
    assert cli.main(["grade", "copy.ipynb"]) == 0
    assert capsys.readouterr().err == "warning: the disk is nearly full\n"
