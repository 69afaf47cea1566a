"""How every shipped model is made: a name goes in, a weight file with its card comes out. One recipe a model, in one table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from helpers import models, pretrained, settings
from helpers.data import DataError, Dataset, load
from helpers.models import ModelConfig
from helpers.training import CheckpointError, fit


@dataclass(frozen=True)
class Recipe:
    """What to train on what, and for how long: the arguments of `fit` by their names, and the licence of the result."""

    data: str
    config: ModelConfig
    epochs: int
    batch: int = 128
    lr: float = 2e-3
    beta: float = 1.0
    licence: str = "MIT"


RECIPES = {
    "fashion_ae": Recipe("fashion", ModelConfig("ae", "fc", (1, 28, 28), latent=2, widths=(512, 256)), epochs=60),
    "fashion_vae": Recipe("fashion", ModelConfig("vae", "fc", (1, 28, 28), latent=2, widths=(512, 256)), epochs=60),
}


def recipe(name: str) -> Recipe:
    """Return a recipe by name. Raises DataError, listing the known ones, when there is none."""
    if name not in RECIPES:
        raise DataError(f"there is no recipe {name!r}. Known: {', '.join(RECIPES)}.")
    return RECIPES[name]


def train(name: str, *, runs: Path = Path("runs"), out: Path = pretrained.FOLDER, epochs: int | None = None) -> Path:
    """Train a shipped model as its recipe says, evaluate it held out, and write weights, card and codes.

    Goes on from runs/NAME.ckpt where a former run was interrupted. Trains on the drawn stand-in where the real data is not
    here, and its card says so. Raises DataError rather than replace the shipped weights by such ones, and CheckpointError
    when it was stopped by hand.
    """
    plan = recipe(name)
    epochs = plan.epochs if epochs is None else epochs
    train_set, test_set = load(plan.data, "train"), load(plan.data, "test")
    if not train_set.is_real and Path(out).resolve() == pretrained.FOLDER.resolve():
        raise DataError(
            f"the real {plan.data} is not here, and weights of drawn pictures must not replace the shipped ones. "
            f"Run: python -m helpers data download {plan.data}, or choose another folder: --out runs"
        )
    model = models.build(plan.config, settings.seed())
    history = fit(model, train_set, held_out=test_set.subset(2000), epochs=epochs, batch=plan.batch, lr=plan.lr,
                  beta=plan.beta, checkpoint=Path(runs) / f"{name}.ckpt")  # fmt: skip
    print(history)
    if history.interrupted:
        raise CheckpointError(
            f"stopped by hand after {len(history)} of {epochs} epochs; no weights were written. "
            "Run the same command again to go on from there."
        )
    model.cpu()
    about = {
        "data": train_set.source, "images": len(train_set), "licence": plan.licence, "seed": settings.seed(),
        "recipe": {key: value for key, value in asdict(plan).items() if key != "config"} | {"epochs": epochs},
        "parameters": models.parameter_count(model), "seconds": round(sum(history.column("seconds"))),
        "command": f"python -m helpers train {name}",
    }  # fmt: skip
    for values in model.state_dict().values():  # score the weights that are stored: half precision
        if values.is_floating_point():
            values.copy_(values.half())
    path = pretrained.save(model, name, about | {"scores": score(model, test_set.images)}, out)
    pretrained.save_codes(name, codes_of(model, test_set), {"data": test_set.source, "licence": plan.licence}, out)
    return path


def codes_of(model: models.LatentModel, pictures: Dataset) -> pretrained.Codes:
    """Return what a model's encoder says of a data set, with its labels."""
    if isinstance(model, models.VAE):
        mu, logvar = models.posterior(model, pictures.images)
    else:
        mu, logvar = models.codes(model, pictures.images), None
    return pretrained.Codes(mu, logvar, pictures.labels, pictures.class_names)


def score(model: models.LatentModel, images) -> dict[str, float]:
    """Return the held-out scores that a card records: images, recon, kl, and mean squared error summed per image."""
    parts = models.evaluate(model, images)
    x_hat, x = models.reconstruct(model, images), models.to_float(images)
    squares = (x_hat - x).square().flatten(1).sum(1).mean()
    return {"images": len(images), "recon": parts["recon"], "kl": parts["kl"], "sse": squares.item()}
