"""The loop: it learns, repeats, resumes to the last bit, stops cleanly, and explains what is wrong."""

import copy
import math

import pytest
import torch

from helpers import models, objective, training
from helpers.data import DataError
from helpers.models import ModelConfig, build
from helpers.objective import Loss
from helpers.training import TrainingDiverged, fit

CONFIG = ModelConfig("vae", "fc", (1, 8, 8), latent=2, widths=(16,))


def squares(n: int = 200, seed: int = 0) -> torch.Tensor:
    """Return bright squares at random places, (n, 1, 8, 8) uint8."""
    places = torch.randint(0, 5, (n, 2), generator=torch.Generator().manual_seed(seed))
    images = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    for image, (row, column) in zip(images, places.tolist(), strict=True):
        image[0, row : row + 4, column : column + 4] = 255
    return images


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_training_lowers_the_held_out_loss_and_records_the_parts():
    model = build(CONFIG, seed=0)
    before = models.evaluate(model, squares(seed=1))
    history = fit(model, squares(), held_out=squares(seed=1), epochs=30, batch=20, lr=1e-2, seed=0, bfloat16=False)
    assert len(history) == 30
    assert history.last["held_loss"] < 0.8 * before["loss"]
    assert history.last["loss"] == pytest.approx(history.last["recon"] + history.last["kl"], rel=1e-5)
    assert models.evaluate(model, squares(seed=1))["loss"] == pytest.approx(history.last["held_loss"], rel=1e-4)
    assert not model.training


def test_the_loop_is_adam_with_the_schedule_and_relative_clipping():
    """One epoch against a loop written out by hand, to the last bit."""
    images, seed, lr = squares(60), 3, 5e-3
    model = build(CONFIG, seed=0)
    by_hand = copy.deepcopy(model).train()
    fit(model, images, epochs=1, batch=20, lr=lr, seed=seed, bfloat16=False, clip=0.9)
    optimizer, usual = torch.optim.Adam(by_hand.parameters(), lr=lr, betas=(0.9, 0.99), fused=True), None
    order = torch.randperm(60, generator=torch.Generator().manual_seed(seed * 7919))
    noise = torch.Generator().manual_seed((training.NOISE + seed * 7919) % 2**32)
    for step in range(3):
        optimizer.param_groups[0]["lr"] = training.learning_rate(step / 3, lr)
        x = images[order[20 * step : 20 * step + 20]].float() / 255
        optimizer.zero_grad()
        by_hand.loss(x, by_hand(x, noise)).loss.mean().backward()
        limit = math.inf if usual is None else 0.9 * usual
        norm = min(torch.nn.utils.clip_grad_norm_(by_hand.parameters(), limit).item(), limit)
        usual = norm if usual is None else 0.95 * usual + 0.05 * norm
        optimizer.step()
    assert torch.equal(weights(model), weights(by_hand))


def test_after_one_wild_batch_the_clipped_loop_goes_on_learning():
    """One loss is a million times as large: unclipped, Adam remembers it in its second moment, and stands still."""

    def final(clip: float, wild: float = 1e6) -> float:
        calls = iter(range(1000))

        def objective(model, x, noise):
            return Loss(*[part * (wild if next(calls) == 30 else 1) for part in model.loss(x, model(x, noise))[:1]] * 3)

        model = build(CONFIG, seed=0)
        fit(model, squares(), epochs=15, batch=20, lr=1e-2, seed=0, bfloat16=False, clip=clip, objective=objective)
        return models.evaluate(model, squares())["loss"]

    assert final(2.0) == pytest.approx(final(2.0, wild=1.0), rel=0.1)
    assert final(math.inf) > 1.5 * final(2.0)


def test_a_dead_network_is_told_from_a_trained_one(capsys):
    for beta in (1.0, 1e4):
        fit(build(CONFIG, seed=0), squares(), epochs=50, batch=50, lr=1e-2, beta=beta, seed=0, bfloat16=False)
        assert ("no better than the mean image" in capsys.readouterr().out) == (beta > 1)


def test_ten_seeds_at_fifteen_times_the_default_step_size_all_learn(capsys):
    found = []
    for seed in range(10):
        model = build(CONFIG, seed=seed)
        fit(model, squares(), epochs=50, batch=50, lr=3e-2, seed=seed, bfloat16=False)
        found.append(models.evaluate(model, squares())["loss"])
    assert "no better than the mean image" not in capsys.readouterr().out
    assert max(found) < 2 * min(found)


def test_decay_shrinks_the_weights_and_by_default_there_is_none():
    def norm(**given) -> float:
        model = build(CONFIG, seed=0)
        fit(model, squares(), epochs=1, batch=50, lr=1e-2, seed=0, bfloat16=False, **given)
        return weights(model).norm().item()

    start, rates = weights(build(CONFIG, seed=0)), sum(training.learning_rate(step / 4, 1e-2) for step in range(4))
    still = lambda model, x, noise: Loss(*[0 * model(x, noise).x_logits.flatten(1).sum(1)] * 3)  # noqa: E731 (no slope at all)
    assert norm(objective=still) == pytest.approx(start.norm().item(), rel=1e-6)
    assert norm(objective=still, decay=5.0) == pytest.approx((1 - 5 * rates) * start.norm().item(), rel=0.01)


def test_a_seed_repeats_a_run_and_another_seed_does_not():
    runs = []
    for seed in (1, 1, 2):
        model = build(CONFIG, seed=0)
        fit(model, squares(), epochs=2, batch=50, seed=seed)
        runs.append(weights(model))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def interrupt_after(monkeypatch, steps: int) -> None:
    """Press Ctrl-C after so many optimiser steps."""
    left, step = [steps], training.Loop.step

    def press(loop, *given):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return step(loop, *given)

    monkeypatch.setattr(training.Loop, "step", press)


def test_ctrl_c_keeps_model_and_history_and_a_resumed_run_is_the_same_to_the_last_bit(tmp_path, monkeypatch):
    plan = {"epochs": 4, "batch": 50, "seed": 0, "held_out": squares(seed=1)}
    whole = build(CONFIG, seed=0)
    full = fit(whole, squares(), **plan)
    model = build(CONFIG, seed=0)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2 * 4 + 2)  # in the middle of the third epoch
        stopped = fit(model, squares(), checkpoint=tmp_path / "run.ckpt", **plan)
    assert stopped.interrupted and len(stopped) == 2
    assert "stopped by hand" in repr(stopped)
    assert not torch.equal(weights(model), weights(build(CONFIG, seed=0)))
    resumed_model = build(CONFIG, seed=9)  # other weights: everything must come from the checkpoint
    resumed = fit(resumed_model, squares(), checkpoint=tmp_path / "run.ckpt", **plan)
    assert torch.equal(weights(resumed_model), weights(whole))
    for ours, theirs in zip(resumed.rows, full.rows, strict=True):
        assert ours["held_loss"] == theirs["held_loss"] and ours["recon"] == theirs["recon"]


SCALE = 2.0


def scaled(x):
    return SCALE * x


def loss_of(factor, offset=0.0):
    """Return an objective that reads a closure, a default, and a function and a constant of its module."""

    def objective(model, x, noise, more=offset):
        parts = model.loss(x, model(x, noise))
        return Loss(scaled(parts.loss) * factor + more, parts.recon, parts.kl)

    return objective


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"lr": 0.1}, "lr was 0.002, is 0.1"),
        ({"beta": 2.0}, "beta was 1.0, is 2.0"),
        ({"images": 255 - squares()}, "other images"),
        ({"images": squares().index_fill(0, torch.tensor([7]), 0)}, "other images"),  # one image of 200
        ({"objective": loss_of(1.0)}, "other objective"),
        ({"model": ModelConfig("vae", "fc", (1, 8, 8), latent=2, widths=(17,))}, "another architecture"),
    ],
)
def test_a_checkpoint_of_another_run_or_model_is_refused(tmp_path, other, told):
    plan = {"epochs": 1, "batch": 50, "seed": 0, "checkpoint": tmp_path / "run.ckpt"}
    fit(build(CONFIG, seed=0), squares(), **plan)
    model, images = build(other.pop("model", CONFIG), seed=0), other.pop("images", squares())
    with pytest.raises(ValueError, match=told):
        fit(model, images, **plan | other)


def test_a_checkpoint_knows_the_code_and_the_constants_of_its_functions_and_all_targets(tmp_path, monkeypatch):
    plan = {"epochs": 1, "batch": 50, "seed": 0, "progress": False}

    def run(name, **given):
        fit(build(CONFIG, seed=0), squares(), **plan | {"checkpoint": tmp_path / name} | given)

    run("loss", objective=loss_of(1.0))
    run("loss", objective=loss_of(1.0))  # the same code and constants, in another function object
    for other in (loss_of(3.0), loss_of(1.0, 0.5), lambda model, x, noise: model.loss(x, model(x, noise))):
        with pytest.raises(ValueError, match="other objective"):
            run("loss", objective=other)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "SCALE", 5.0)
        with pytest.raises(ValueError, match="other objective"):
            run("loss", objective=loss_of(1.0))
    run("beta", beta=lambda at: 2 * at)
    run("beta", beta=lambda at: 2 * at)
    with pytest.raises(ValueError, match="other beta"):
        run("beta", beta=lambda at: 3 * at)
    targets = torch.zeros(200)

    def with_targets(model, x, targets, noise):
        return model.loss(x, model(x, noise))

    run("targets", objective=with_targets, targets=targets)
    with pytest.raises(ValueError, match="other targets"):
        run("targets", objective=with_targets, targets=targets.index_fill(0, torch.tensor([3]), 1))


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    plan = {"epochs": 1, "batch": 50, "seed": 0, "checkpoint": path}
    fit(build(CONFIG, seed=0), squares(), **plan)
    whole, kept = path.read_bytes(), weights(build(CONFIG, seed=0)).numpy().tobytes()
    place = whole.index(torch.load(path)["model"]["trunk.1.weight"].numpy().tobytes()) + 40
    torch.save({"something": 1}, tmp_path / "other.ckpt")
    flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]  # one bit of one weight
    for broken in (flipped, whole[: len(whole) // 2], b"", (tmp_path / "other.ckpt").read_bytes()):
        path.write_bytes(broken)
        model = build(CONFIG, seed=0)
        with pytest.raises(ValueError, match="cannot be read"):
            fit(model, squares(), **plan)
        assert weights(model).numpy().tobytes() == kept


def test_a_run_can_end_after_so_many_steps_and_its_schedule_fits(tmp_path, monkeypatch):
    rates, learning_rate = [], training.learning_rate
    monkeypatch.setattr(training, "learning_rate", lambda at, peak: rates.append(at) or learning_rate(at, peak))
    plan = {"epochs": 5, "batch": 50, "seed": 0, "bfloat16": False}
    for steps, rows in ((3, 1), (4, 1), (6, 2), (100, 5)):
        rates.clear()
        history = fit(build(CONFIG, seed=0), squares(), max_steps=steps, **plan)
        taken = min(steps, 20)
        assert rates == [step / taken for step in range(taken)] and len(history) == rows
        assert history.last["loss"] == pytest.approx(history.last["recon"] + history.last["kl"], rel=1e-5)
    long, plain = (build(CONFIG, seed=0) for _ in range(2))
    fit(long, squares(), max_steps=1000, **plan)
    fit(plain, squares(), **plan)
    assert torch.equal(weights(long), weights(plain))
    path = tmp_path / "run.ckpt"
    fit(long := build(CONFIG), squares(), max_steps=6, checkpoint=path, **plan)
    kept = weights(long).clone()
    assert len(fit(long, squares(), max_steps=6, checkpoint=path, **plan)) == 2 and torch.equal(weights(long), kept)  # done already
    with pytest.raises(ValueError, match="epochs was 1.5, is 5"):
        fit(build(CONFIG), squares(), checkpoint=path, **plan)


def test_nan_stops_with_an_explanation():
    def broken(model, x, noise):
        loss = model.loss(x, model(x, noise))
        return Loss(loss.loss * math.nan, loss.recon, loss.kl * math.nan)

    with pytest.raises(TrainingDiverged, match=r"kl became NaN or infinite in epoch 1.*try a third"):
        fit(build(CONFIG), squares(), epochs=1, batch=50, objective=broken)


def test_weights_that_ran_away_are_neither_returned_nor_saved(tmp_path):
    path = tmp_path / "run.ckpt"
    with pytest.raises(TrainingDiverged, match="at the end of epoch 1"):
        fit(build(CONFIG, seed=0), squares(), held_out=squares(seed=1), epochs=2, batch=200, lr=1e30, checkpoint=path)
    assert not path.exists()


def test_an_interrupt_in_the_first_epoch_says_that_there_is_nothing_to_show(monkeypatch):
    interrupt_after(monkeypatch, 1)
    history = fit(build(CONFIG), squares(), epochs=1, batch=50)
    assert history.interrupted and len(history) == 0
    with pytest.raises(IndexError, match="no epoch was finished"):
        _ = history.last


def test_beta_reaches_the_loss_and_its_schedule_every_step():
    held_out = squares(seed=1)
    row = fit(build(CONFIG, seed=0), squares(), held_out=held_out, epochs=1, batch=50, beta=50.0, seed=0, bfloat16=False).last
    for held in ("", "held_"):
        assert row[f"{held}loss"] == pytest.approx(row[f"{held}recon"] + 50 * row[f"{held}kl"], rel=1e-4)
    seen, ends = [], [build(CONFIG, seed=0) for _ in range(2)]
    for model, late in zip(ends, (0.0, 50.0), strict=True):
        schedule = lambda at, late=late: seen.append(at) or late * at  # noqa: E731
        rows = fit(model, squares(), epochs=2, batch=100, beta=schedule, seed=0).rows
    assert not torch.equal(weights(ends[0]), weights(ends[1]))
    assert seen[0] == 0 and max(seen) < 1 and rows[0]["beta"] < rows[1]["beta"]


def test_every_epoch_has_its_own_order_and_noise():
    orders, noises = [], []

    def spy(model, x, noise):
        orders.append(x.flatten(1).argmax(1))
        noises.append(noise.initial_seed())
        return model.loss(x, model(x, noise))

    fit(build(CONFIG, seed=0), squares(), epochs=2, batch=200, objective=spy, seed=0)
    assert not torch.equal(*orders) and noises[0] != noises[1]
    assert all(seed % 2**32 > 10**8 for seed in noises)  # far from the orders' seeds, in the 32 bits that the CPU's generator reads


def test_held_out_images_leave_a_learned_sigma_alone():
    config = ModelConfig("vae", "fc", (1, 8, 8), 2, (16,), likelihood="gaussian", sigma="learned")
    kept = []
    for held_out in (None, squares(seed=1)):
        model = build(config, seed=0)
        fit(model, squares(), held_out=held_out, epochs=2, batch=50, seed=0)
        kept.append(model.sigma.item())
    assert kept[0] == kept[1]


def test_targets_of_an_image_reach_the_objective_with_it():
    images, met = squares(), []

    def spy(model, x, targets, noise):
        met.append(torch.equal(x.flatten(1).argmax(1), targets))
        return model.loss(x, model(x, noise))

    corners = images.flatten(1).argmax(1)  # where each square begins
    plan = {"epochs": 2, "batch": 50, "objective": spy, "targets": corners}
    fit(build(CONFIG), images, **plan)
    assert met == 8 * [True]
    for wrong, told in (({"targets": corners[:9]}, "9 targets for 200"), ({"objective": None}, "objective of your own"),
                        ({"held_out": squares(seed=1)}, "held-out images have none")):  # fmt: skip
        with pytest.raises(DataError, match=told):
            fit(build(CONFIG), images, **plan | wrong)


@pytest.mark.parametrize(
    ("images", "plan", "told"),
    [
        (squares()[:0], {}, "empty"),
        (torch.zeros(10, 1, 9, 9, dtype=torch.uint8), {}, r"\(1, 9, 9\), but the model was built for \(1, 8, 8\)"),
        (squares(), {"batch": 500}, "batch of 500 is not possible with 200"),
        (squares(), {"batch": 0}, "batch of 0"),
        (squares().numpy(), {}, "from_numpy"),
        (squares().float(), {"batch": 50}, "divide by 255"),
        (torch.full((60, 1, 8, 8), math.nan), {"batch": 50}, "without NaN"),
        (squares(), {"epochs": 0}, "epochs is 0"),
        (squares(), {"max_steps": -3}, "max_steps is -3"),
    ],
)
def test_images_and_lengths_that_do_not_fit_are_refused(images, plan, told):
    with pytest.raises(ValueError, match=told):
        fit(build(CONFIG), images, **plan)


def test_the_schedule_rises_then_falls():
    rates = [training.learning_rate(i / 100, 1.0) for i in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0) and rates[-1] == pytest.approx(0.01)
    peak = rates.index(max(rates))
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize(
    ("flags", "pays"), [("sse2 avx2", False), ("avx512f avx512_bf16", True), ("avx512f amx_bf16", True), ("avx512_bf16x", False)]
)
def test_bfloat16_is_chosen_where_the_processor_multiplies_it(flags, pays, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags} est\n")
    monkeypatch.setattr(training, "CPUINFO", tmp_path / "cpuinfo")
    assert training.bfloat16_pays(torch.device("cpu")) == pays
    monkeypatch.setattr(training, "CPUINFO", tmp_path / "none")
    assert not training.bfloat16_pays(torch.device("cpu"))


def test_bfloat16_is_on_when_asked_and_the_sums_are_float32():
    seen = []

    def spy(model, x, noise):
        output = model(x, noise)
        loss = model.loss(x, output)
        seen.append((output.x_logits.dtype, output.mu.dtype, loss.recon.dtype, loss.kl.dtype))
        return loss

    for bfloat16 in (True, False):
        fit(build(CONFIG, seed=0), squares(), epochs=1, batch=200, objective=spy, bfloat16=bfloat16)
    single = (torch.float32, torch.float32, torch.float32)
    assert seen == [(torch.bfloat16, *single), (torch.float32, *single)]
    x, logits = torch.rand(4, 3, 64, 64), torch.randn(4, 3, 64, 64).bfloat16()
    assert torch.allclose(objective.bernoulli_nll(x, logits), objective.bernoulli_nll(x, logits.float()))
    low = torch.rand(4, 3, 64, 64).bfloat16()
    assert torch.allclose(objective.gaussian_nll(x.bfloat16(), low), objective.gaussian_nll(x.bfloat16().float(), low.float()))


def test_history_shows_itself():
    history = fit(build(CONFIG), squares(), held_out=squares(seed=1), epochs=2, batch=50)
    left, right = history.plot()
    titles = [ax.get_title() or ax.get_title("left") for ax in (left, right)]  # the style, if another test set it, puts them left
    assert titles == ["recon", "kl"]
    assert len(left.lines) == 2 and list(left.lines[1].get_ydata()) == history.column("held_recon")
    assert len(repr(history).splitlines()) == 3


@pytest.mark.parametrize(("progress", "variable", "hidden"), [(True, "", False), (True, "1", True), (False, "", True)])
def test_progress_bars_can_be_switched_off_for_a_run_and_for_a_process(monkeypatch, progress, variable, hidden):
    """In a notebook tqdm itself does not look at TQDM_DISABLE, so that `fit` must."""
    monkeypatch.setenv("TQDM_DISABLE", variable)
    asked, bar = [], training.tqdm
    monkeypatch.setattr(training, "tqdm", lambda *a, **k: asked.append(k["disable"]) or bar(*a, **k))
    images = torch.zeros(4, 1, 4, 4, dtype=torch.uint8)
    fit(build(ModelConfig("vae", "fc", (1, 4, 4), latent=2, widths=(4,)), 0), images, epochs=1, batch=2, progress=progress)
    assert asked == [hidden]
