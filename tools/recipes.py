"""How every shipped model is made: a name goes in, a weight file with its card comes out. One recipe a model, in one table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from helpers import fidelity, latent, models, pretrained, settings
from helpers.data import DataError, Dataset, load, to_float
from helpers.features import FeatureConfig, FeatureNetwork, recognition_loss
from helpers.models import LatentModel, ModelConfig
from helpers.objective import bits_per_dim
from helpers.training import History, first_process, fit


@dataclass(frozen=True)
class Recipe:
    """What to train on what, and for how long: the arguments of `fit` by their names, and what is kept of the result.

    codes: of how many held-out images the latent codes ship, or, of a feature network, the features (None: all)
    features: the network for the Fréchet distance of samples (None: not scored);  held_out: the split that scores are taken on
    mirrored: whether each image is trained on a second time, left and right exchanged;  licence: of the weights
    seeds: how many trainings, from the course's seed on; the weights of the one with the median `loss` ship, the scores of all
    calibrated: whether latents are shifted and scaled at the end (`latent.calibrate`), where the held-out ELBO gains by it
    """

    data: str
    config: ModelConfig | FeatureConfig
    epochs: int
    batch: int = 128
    lr: float = 2e-3
    beta: float = 1.0
    decay: float = 0.0
    codes: int | None = None
    features: str | None = None
    held_out: str = "test"
    mirrored: bool = False
    licence: str = "MIT"
    seeds: int = 1
    calibrated: bool = True


NON_COMMERCIAL = "non-commercial research and education only, as CelebA, on which it was trained"
CIFAR10_VAE = partial(ModelConfig, "vae", shape=(3, 32, 32), latent=128, likelihood="gaussian", sigma="learned")
FASHION_NETWORK: dict = {"network": "conv", "shape": (1, 28, 28), "latent": 16, "widths": (16, 32)}
FASHION_CONV = partial(Recipe, "fashion", config=ModelConfig("vae", **FASHION_NETWORK), epochs=15, lr=6e-3, codes=1000, seeds=3)
RECIPES = {
    "fashion_ae": Recipe("fashion", ModelConfig("ae", "fc", (1, 28, 28), latent=2, widths=(512, 256)), epochs=60),
    "fashion_vae": Recipe("fashion", ModelConfig("vae", "fc", (1, 28, 28), latent=2, widths=(512, 256)), epochs=60),
    "cifar10_features": Recipe("cifar10", FeatureConfig(), epochs=45, batch=250, lr=4e-3, decay=0.1, codes=5000),
    "cifar10_fc_vae": Recipe("cifar10", CIFAR10_VAE("fc", widths=(171,)), epochs=30, codes=2000,
                             features="cifar10_features"),
    "cifar10_conv_vae": Recipe("cifar10", CIFAR10_VAE("conv", widths=(32, 64, 128)), epochs=30, codes=2000,
                               features="cifar10_features"),
    "fashion_conv_ae": FASHION_CONV(config=ModelConfig("ae", **FASHION_NETWORK)),
    **{f"fashion_beta_{beta:g}": FASHION_CONV(beta=beta, calibrated=beta > 0) for beta in (0, 0.1, 0.3, 1, 3, 10, 30)},
    "mnist_vae": Recipe("mnist", ModelConfig("vae", "conv", (1, 28, 28), latent=10, widths=(32, 64, 64)), epochs=12),
    "celeba_features": Recipe("celeba", FeatureConfig((3, 64, 64), 16, (32, 64, 128, 192), 40, "attributes"), epochs=8, batch=250,
                              lr=4e-3, decay=0.02, held_out="valid", licence=NON_COMMERCIAL),
    "celeba_vae": Recipe("celeba", ModelConfig("vae", "conv", (3, 64, 64), latent=64, widths=(32, 64, 128, 256),
                                               likelihood="gaussian", sigma="learned"), epochs=20, mirrored=True,
                         features="celeba_features", held_out="valid", licence=NON_COMMERCIAL),
}  # fmt: skip


def recipe(name: str) -> Recipe:
    """Return a recipe by name. Raises DataError, listing the known ones, when there is none."""
    if name not in RECIPES:
        raise DataError(f"there is no recipe {name!r}. Known: {', '.join(RECIPES)}. A folder of your own images works too.")
    return RECIPES[name]


def train_shipped(name: str, *, runs: Path, out: Path, epochs: int | None = None, steps: int | None = None) -> Path | None:
    """Train a shipped model as its recipe says, evaluate it held out, and write weights, card and codes; see `train_recipe`.

    Trains on the drawn stand-in where the real data is not here, and its card says so. Raises DataError rather than replace
    the shipped weights by those of drawn images or of a trial.
    """
    plan = recipe(name)
    train_set, held_out = load(plan.data, "train"), load(plan.data, plan.held_out)
    if not train_set.is_real and ships(out):
        raise DataError(
            f"the real {plan.data} is not here, and weights of drawn images must not replace the shipped ones. "
            f"Run: python -m helpers data download {plan.data}, or choose another folder: --out runs"
        )
    if steps is not None and ships(out):
        raise DataError(f"a trial of {steps} steps must not replace the shipped weights; choose another folder: --out runs")
    made_by = {"command": f"python -m helpers train {name}"}
    return train_recipe(plan, name, train_set, held_out, made_by, runs=runs, out=out, epochs=epochs, steps=steps)


def ships(out: Path) -> bool:
    """Return whether a folder is the one of the shipped weights."""
    return Path(out).resolve() == pretrained.FOLDER.resolve()


def train_recipe(
    plan: Recipe, name: str, train_set: Dataset, held_out: Dataset, made_by: dict, *, runs: Path, out: Path,
    epochs: int | None = None, steps: int | None = None,
) -> Path | None:  # fmt: skip
    """Train a new model as a recipe says, evaluate it held out, and write weights, card and codes; return the weights' file.

    Goes on from runs/NAME.ckpt where a former run was interrupted. made_by: what else the card records; epochs: instead of the
    recipe's; steps: a trial that ends after so many optimiser steps. Raises KeyboardInterrupt when it was stopped by hand. Under
    `accelerate launch` the first process writes, and the others return None.
    """
    epochs = plan.epochs if epochs is None else epochs
    trial = "" if steps is None else f"-{steps}-steps"
    length = {"epochs": epochs} if steps is None else {"epochs": epochs, "max_steps": steps}
    trained = []
    for seed in range(settings.seed(), settings.seed() + plan.seeds):
        checkpoint = Path(runs) / f"{name}{trial}{'' if seed == settings.seed() else f'-seed{seed}'}.ckpt"
        model, history = train_once(plan, seed, train_set, held_out, checkpoint, **length)
        if history.interrupted:
            raise KeyboardInterrupt(
                f"stopped by hand after {len(history)} of {epochs} epochs; no weights were written. "
                "Run the same command again to go on from there."
            )
        if first_process():
            trained.append(Trained(model, seed, rounded_rows(history), *finish(model.cpu(), plan, train_set, held_out)))
    if not trained:
        return None
    kept = sorted(trained, key=lambda one: one.loss(plan.beta))[(len(trained) - 1) // 2]
    length = {"epochs": epochs} if steps is None else {"epochs": len(kept.history), "steps": steps}
    about = {
        "data": train_set.source, "images": len(train_set), "licence": plan.licence, "seed": kept.seed,
        "recipe": {key: value for key, value in asdict(plan).items() if key != "config"} | length,
        "parameters": models.parameter_count(kept.model), "seconds": round(sum(row["seconds"] for row in kept.history)),
        "history": kept.history, "scores": kept.scores, **made_by,
    }  # fmt: skip
    if kept.calibration:
        about["calibration"] = kept.calibration
    if len(trained) > 1:
        about["runs"] = [{"seed": one.seed, "scores": one.scores, "history": one.history} for one in trained]
    if isinstance(plan.config, FeatureConfig):
        about["outputs"] = train_set.class_names if plan.config.task == "classes" else train_set.attribute_names
    try:
        return write_model(kept.model, name, about, train_set, held_out, plan, out)
    except OSError as error:
        raise DataError(
            f"the weights could not be written to {out} ({error.strerror or error}). Mend that, and run the same command again: "
            f"it goes on from the last checkpoint in {runs}."
        ) from error


@dataclass(frozen=True)
class Trained:
    """One training of a recipe: the model, ready to be written, and what its card says of it."""

    model: LatentModel | FeatureNetwork
    seed: int
    history: list[dict[str, float]]
    calibration: dict
    scores: dict[str, float]

    def loss(self, beta: float) -> float:
        """Return recon + beta · kl, held out, by which trainings are ordered; of a feature network, minus its accuracy."""
        scores = self.scores
        return -scores["accuracy"] if "accuracy" in scores else scores["recon"] + beta * scores["kl"]


def train_once(
    plan: Recipe, seed: int, train_set: Dataset, held_out: Dataset, checkpoint: Path, **length: Any
) -> tuple[LatentModel | FeatureNetwork, History]:
    """Train a new model as a recipe says, from one seed, on from its checkpoint where there is one, and print its history."""
    model = new_model(plan.config, seed)
    task: dict = {"beta": plan.beta, "held_out": held_out.subset(2000)}
    if isinstance(plan.config, FeatureConfig):
        targets = train_set.labels if plan.config.task == "classes" else train_set.attributes
        task = {"objective": recognition_loss, "targets": targets}
    images = torch.cat([train_set.images, train_set.images.flip(3)]) if plan.mirrored else train_set.images
    history = fit(model, images, batch=plan.batch, lr=plan.lr, decay=plan.decay, seed=seed, checkpoint=checkpoint, **task, **length)
    print(shortened(history))
    return model, history


def rounded_rows(history: History) -> list[dict[str, float]]:
    """Return a history's rows for a card: the losses, and the seconds of each epoch, to six digits."""
    names = ("epoch", "loss", "recon", "kl", "held_loss", "held_recon", "held_kl", "beta", "seconds")
    return [{name: float(f"{row[name]:.6g}") for name in names if name in row} for row in history.rows]


def finish(
    model: LatentModel | FeatureNetwork, plan: Recipe, train_set: Dataset, held_out: Dataset
) -> tuple[dict, dict[str, float]]:
    """Calibrate a VAE, round a model's weights as they are stored, and score them; return the calibration and the scores."""
    model.eval()
    calibration = calibrate(model, train_set, held_out) if isinstance(model, models.VAE) and plan.calibrated else {}
    for values in model.state_dict().values():
        if values.is_floating_point():
            values.copy_(values.half())
    return calibration, score(model, held_out, plan.features)


def calibrate(model: models.VAE, train_set: Dataset, held_out: Dataset) -> dict:
    """Calibrate a VAE on its training images, if the held-out KL falls by it; return what its card says of that.

    shift, scale: of each latent;  kl: held out, nats per image, before and after.
    """
    before, kept = models.evaluate(model, held_out.images)["kl"], {k: v.clone() for k, v in model.state_dict().items()}
    shift, scale = latent.calibrate(model, *models.posterior(model, train_set.images))
    after = models.evaluate(model, held_out.images)["kl"]
    if after >= before:
        model.load_state_dict(kept)
        return {}
    shortly = {"shift": shift, "scale": scale, "kl": torch.tensor([before, after])}
    return {key: [float(f"{value:.5g}") for value in values.tolist()] for key, values in shortly.items()}


def shortened(history: History) -> History:
    """Return a history with at most 60 of its epochs, evenly spread, and the last one, to print."""
    every = -(-len(history) // 60) or 1
    return History(history.rows[::-1][::every][::-1], history.interrupted)


def new_model(config: ModelConfig | FeatureConfig, seed: int) -> LatentModel | FeatureNetwork:
    """Return a new model or feature network, always the same for a seed."""
    if isinstance(config, ModelConfig):
        return models.build(config, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FeatureNetwork(config)


def write_model(
    model: LatentModel | FeatureNetwork, name: str, about: dict, train_set: Dataset, held_out: Dataset, plan: Recipe, out: Path
) -> Path:  # fmt: skip
    """Write a finished model's weights with their card, its codes, and its fitted priors; return the file of the weights."""
    path = pretrained.save(model, name, about, out)
    kept = held_out if plan.codes is None else held_out.subset(min(plan.codes, len(held_out)))
    about = {"data": f"{held_out.source}, {held_out.split}", "licence": plan.licence}
    if isinstance(model, LatentModel):
        pretrained.save_codes(name, codes_of(model, kept), about, out)
        if plan.features and isinstance(model, models.VAE):
            z = models.reparameterize(*models.posterior(model, train_set.images), torch.Generator().manual_seed(0))
            fitted = [latent.fit_mixture(z, components) for components in (1, 10)]
            pretrained.save_priors(name, fitted, about | {"data": f"{train_set.source}, {train_set.split}"}, out)
    else:
        pretrained.save_reference(name, fidelity.features_of(model, kept.images), about, out)
    return path


def codes_of(model: LatentModel, images: Dataset) -> pretrained.Codes:
    """Return the latent codes of a data set, with its labels."""
    vae = isinstance(model, models.VAE)
    mu, logvar = models.posterior(model, images.images) if vae else (models.codes(model, images.images), None)
    return pretrained.Codes(mu, logvar, images.labels, images.class_names, images.attributes, images.attribute_names)


def score(model: LatentModel | FeatureNetwork, held_out: Dataset, features: str | None = None) -> dict[str, float]:
    """Return the held-out scores that a card records.

    Of a model: images, recon and kl (nats per image), sse (squared error, summed per image), ssim (of reconstructions), and
    for a Gaussian bits_per_dim; with `features`, frechet: of as many samples from the prior as there are held-out images.
    Of a feature network: images, and accuracy (of attributes: the mean over them).
    """
    if isinstance(model, FeatureNetwork):
        return {"images": len(held_out), "accuracy": accuracy(model, held_out)}
    parts, x = models.evaluate(model, held_out.images), to_float(held_out.images)
    x_hat = models.reconstruct(model, held_out.images)
    found = {"images": len(held_out), "recon": parts["recon"], "kl": parts["kl"]}
    found |= {"sse": (x_hat - x).square().flatten(1).sum(1).mean().item(), "ssim": fidelity.ssim(x_hat, x).mean().item()}
    if model.config.likelihood == "gaussian":
        found["bits_per_dim"] = float(bits_per_dim(parts["recon"] + parts["kl"], x[0].numel()))
    if features is not None:
        z = latent.prior_samples(len(held_out), model.config.latent, torch.Generator().manual_seed(0))
        found["frechet"] = fidelity.frechet_distance(models.decode(model, z), held_out.images, features).value
    return found


@torch.no_grad()
def accuracy(network: FeatureNetwork, held_out: Dataset) -> float:
    """Return the share of held-out images (of their attributes, where it knows those) that a feature network gets right."""
    logits = torch.cat([network(x).cpu() for x in models.in_batches(network, held_out.images)])
    classes = network.config.task == "classes"
    found, known = (logits.argmax(1), held_out.labels) if classes else (logits > 0, held_out.attributes)
    assert known is not None
    return torch.eq(found, known).float().mean().item()
