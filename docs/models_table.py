"""Print the table of docs/models.md: how near their samples are to real held-out images.

    python docs/models_table.py              the shipped models (needs no data; minutes on two cores)
    python docs/models_table.py --train      and an autoencoder and beta-VAEs, trained for it on the real CIFAR-10

d² is the squared Fréchet distance (95 %: bootstrap), KID the kernel distance, both in the features of the heading; precision
and recall are taken against as many real images as samples. "photographs" is one half of the real images against the other.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

import torch

from helpers import fidelity, latent, pretrained
from helpers.data import load, to_float
from helpers.models import Autoencoder, ModelConfig, build, codes, decode, posterior
from helpers.training import fit

SHIPPED = {"cifar10_features": ("cifar10_fc_vae", "cifar10_conv_vae"), "celeba_features": ("celeba_vae",)}
LIVE = {"conv AE": ("ae", 1.0), "conv VAE, β = 1": ("vae", 1.0), "conv VAE, β = 4": ("vae", 4.0)}


def noise(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def samplers(fitted: Sequence[latent.Mixture], held_out: torch.Tensor, n: int) -> dict[str, torch.Tensor]:
    """Return latents by how they are sampled, given a Gaussian and a mixture fitted to codes, and codes to decode as they are."""
    return {
        "prior N(0, I)": latent.prior_samples(n, held_out.shape[1], noise(1)),
        "one Gaussian": latent.mixture_samples(fitted[0], n, noise(2)),
        "mixture of 10": latent.mixture_samples(fitted[1], n, noise(3)),
        "held-out codes": held_out[:n],
    }


def priors(name: str, known: pretrained.Codes) -> list[latent.Mixture]:
    """Return the fitted priors that ship with a model; where none do, priors fitted to samples of its held-out posteriors."""
    if (pretrained.FOLDER / f"{name}.prior.safetensors").exists():
        return [pretrained.fitted_prior(name, components) for components in (1, 10)]
    z = latent.aggregate_samples(known.mu, known.logvar, 4000, noise(4))
    return [latent.fit_mixture(z, components) for components in (1, 10)]


def row(name: str, way: str, images: torch.Tensor, real: torch.Tensor, features: str) -> str:
    """Return one row of the table for images (N, C, H, W), or their features (N, F), against real features (M, F)."""
    taken = fidelity.to_features(images, features)
    n = min(len(taken), len(real))
    found = fidelity.bootstrap(fidelity.frechet_to(real), taken, times=100)
    kid = fidelity.kernel_distance(taken, real, features, subsets=50)
    near = fidelity.precision_recall(taken[:n], real[:n], features)
    d2, k = f"{found.value:.1f} ({found.low:.1f}–{found.high:.1f})", f"{kid.value:.2f} ± {kid.std:.2f}"
    return f"| {name} | {way} | {len(taken):,} | {d2} | {k} | {near.precision:.2f} | {near.recall:.2f} |"


def trained(epochs: int, images: int):
    """Yield names and latents by sampler of the models that are trained here."""
    with contextlib.redirect_stdout(sys.stderr):  # what was loaded is printed, but not in the middle of a table
        train, test = load("cifar10", "train", n=images), load("cifar10", "test", n=2000)
    if "drawn" in train.source:
        raise SystemExit("--train needs the real CIFAR-10: python -m helpers data download cifar10")
    shipped = pretrained.load("cifar10_conv_vae").config.to_dict()
    for name, (family, beta) in LIVE.items():
        model = build(ModelConfig(**shipped | {"family": family}), seed=0)
        fit(model, train, epochs=epochs, batch=128, lr=2e-3, beta=beta)
        model.eval()
        points = codes(model, train.images[:4000])
        if not isinstance(model, Autoencoder):
            points = latent.aggregate_samples(*posterior(model, to_float(train.images[:4000])), 4000, noise(4))
        fitted = [latent.fit_mixture(points, components) for components in (1, 10)]
        yield f"{name} ({epochs} epochs)", model, fitted, codes(model, test.images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=2000, help="images per row (default 2,000)")
    parser.add_argument("--train", action="store_true", help="also train an autoencoder and beta-VAEs on the real CIFAR-10")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--images", type=int, default=20_000, help="how many to train on")
    asked = parser.parse_args()
    for features, models in SHIPPED.items():
        real = pretrained.reference(features)
        real = real[torch.randperm(len(real), generator=noise(0))]
        print(f"\n**In the features of `{features}`, against {len(real):,} real held-out images**\n")
        print("| model | latents | samples | d² (95 %) | KID | precision | recall |\n|---|---|---|---|---|---|---|")
        half = len(real) // 2
        print(row("photographs", "–", real[: min(half, asked.samples)], real[half:], features), flush=True)
        plan = []
        for name in models:
            known = pretrained.codes(name)
            plan.append((name, pretrained.load(name), priors(name, known), known.mu))
        if asked.train and features == "cifar10_features":
            plan += trained(asked.epochs, asked.images)
        for name, model, fitted, held_out in plan:
            for way, z in samplers(fitted, held_out, asked.samples).items():
                print(row(name, way, decode(model, z), real, features), flush=True)


if __name__ == "__main__":
    main()
