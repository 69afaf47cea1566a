"""`fit` as on a GPU, on any machine: what trains here trains elsewhere, and an objective that mixes devices is refused there."""

from __future__ import annotations

import ast
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import torch
from elsewhere import ELSEWHERE, Calls, Distant, Generator, Mode, elsewhere

from helpers import features, models, objective, training
from helpers.models import ModelConfig, build
from helpers.objective import Loss

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
IMAGES = torch.randint(0, 256, (96, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
FC = ModelConfig(shape=(3, 16, 16), latent=4, widths=(16,))
CONV = ModelConfig(network="conv", shape=(3, 16, 16), latent=4, widths=(4, 8), likelihood="gaussian", sigma="learned")
STAYS = torch.nn.Linear(768, 4)
DRAWS = ("rand", "randn", "randint", "randperm", "normal")


def trained(there: bool, model=None, **settings):
    """Return the last row of the history, and all weights, of two short epochs here or elsewhere."""
    model = model or build(FC, seed=0)
    with elsewhere() if there else nullcontext():
        history = training.fit(model, IMAGES, epochs=2, batch=32, seed=0, bfloat16=False, progress=False, **settings)
    return history.last, torch.cat([weight.detach().flatten() for weight in model.parameters()])


def by_page(model, x, noise):
    """Return the loss of a VAE that is written out, with noise that is drawn where the images are."""
    mu, logvar = model.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=noise, device=mu.device)
    recon = model.nll(x, model.decoder(z))
    return Loss(recon + 2 * objective.gaussian_kl(mu, logvar), recon, objective.gaussian_kl(mu, logvar))


def classified(model, x, labels, noise):
    """Return the cost of a classifier, with the images' names as targets."""
    nats = torch.nn.functional.cross_entropy(model(x - 0.5), labels, reduction="none")
    return Loss(nats, nats, torch.zeros_like(nats))


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"held_out": IMAGES[:40]},
        lambda: {"model": build(CONV, seed=0), "held_out": IMAGES[:40], "beta": lambda progress: progress},
        lambda: {"model": build(ModelConfig("ae", shape=(3, 16, 16), latent=4, widths=(16,)), seed=0)},
        lambda: {"objective": by_page},
    ],
    ids=["fc", "conv, learned sigma, warm-up", "autoencoder", "an objective of the page"],
)
def test_training_elsewhere_is_training_here(make):
    (near, weights), (far, distant) = trained(False, **make()), trained(True, **make())
    assert type(distant) is torch.Tensor and not isinstance(distant, Distant), "the model did not come home"
    torch.testing.assert_close(distant, weights, rtol=1e-4, atol=1e-6)
    for name in set(near) - {"seconds", "images_per_second"}:
        assert far[name] == pytest.approx(near[name], rel=1e-4, abs=1e-5), name


def test_targets_go_where_the_images_go():
    torch.manual_seed(0)
    network, labels = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 3)), torch.arange(96) % 3
    assert trained(True, network, objective=classified, targets=labels)[0]["loss"] > 0


def test_crops_holes_and_mirrors_are_drawn_where_the_images_are():
    changes = [features.shifted_and_mirrored, partial(features.with_a_hole, side=6)]
    with Calls(), Mode():
        x, noise = torch.rand(4, 3, 16, 16).to(ELSEWHERE), Generator(ELSEWHERE).manual_seed(0)
        assert all(isinstance(change(x, noise), Distant) for change in changes)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (lambda model, x, noise: model.encode(x)[0] + torch.randn(len(x), 4), "Expected all tensors to be on the same device"),
        (lambda model, x, noise: torch.randn(len(x), 4, generator=noise), "device type for generator"),
        (lambda model, x, noise: STAYS(x.flatten(1)), "Expected all tensors to be on the same device"),
    ],
    ids=["noise from here", "noise of a generator elsewhere", "a network left behind"],
)
def test_what_a_gpu_refuses_is_refused(code, told):
    def wrong(model, x, noise):
        return model.loss(x, models.Output(model.decoder(code(model, x, noise)), *model.encode(x)))

    trained(False, objective=wrong)
    with pytest.raises(RuntimeError, match=told):
        trained(True, objective=wrong)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_noise_that_fit_hands_out_is_drawn_on_the_device_of_the_images(path):
    for index, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        page = ast.walk(ast.parse("".join(cell["source"])))
        functions = [(node, [arg.arg for arg in node.args.args]) for node in page if isinstance(node, ast.FunctionDef)]
        called = [one for one, names in functions if names == ["model", "x", "noise"] or ("self" in names and "noise" in names)]
        for call in (node for one in called for node in ast.walk(one) if isinstance(node, ast.Call)):
            words = {word.arg: word.value for word in call.keywords}
            drawn = isinstance(call.func, ast.Attribute) and call.func.attr in DRAWS
            of_fit = isinstance(words.get("generator"), ast.Name) and words["generator"].id == "noise"
            assert not (drawn and of_fit and "device" not in words), f"cell {index}, line {call.lineno}: say device=x.device"
