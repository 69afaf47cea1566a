"""What a page builds by hand is what `helpers` uses: the page's own source, run, beside the helper."""

import ast
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers import latent, models, objective
from helpers.data import to_float

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def built(number: str, name: str):
    """Return the function or class of this name that a notebook defines."""
    path = next(NOTEBOOKS.glob(f"{number}_*.ipynb"))
    space = {"torch": torch, "nn": nn, "F": F, "to_float": to_float}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and name in source:
            for node in ast.parse(source).body:
                if getattr(node, "name", "") == name:
                    exec(compile(ast.Module([node], []), path.name, "exec"), space)
                    return space[name]
    raise AssertionError(f"{path.name} defines no {name}")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_vae_of_05_is_that_of_helpers():
    theirs = models.build(models.ModelConfig("vae", latent=2, widths=(512, 256)), seed=0)
    ours, x = built("05", "SmallVAE")(), torch.rand(8, 1, 28, 28)
    ours.load_state_dict({name: value for name, value in theirs.state_dict().items() if "sigma" not in name})
    outputs = []
    for model in (ours, theirs):
        torch.manual_seed(7)
        outputs.append(model(x))
    assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))


@pytest.mark.parametrize(
    ("number", "name", "helper", "given"),
    [
        ("05", "gaussian_kl", objective.gaussian_kl, (normal(50, 4), normal(50, 4, seed=1))),
        ("05", "bernoulli_nll", objective.bernoulli_nll, (torch.rand(5, 1, 6, 6), 3 * normal(5, 1, 6, 6))),
        ("01", "nearest_distance", latent.nearest_distance, (torch.rand(9, 1, 6, 6), torch.rand(30, 1, 6, 6))),
    ],
)
def test_a_function_of_a_page_is_that_of_helpers(number, name, helper, given):
    assert torch.allclose(built(number, name)(*given), helper(*given), rtol=1e-5)
