"""Repeat the short trials by which the CIFAR-10 models' size and likelihood were chosen: python docs/cifar10_trials.py

Each configuration trains for four epochs on what `load("cifar10")` finds, and is scored on held-out pictures as the shipped
models are. docs/training.md records what came out. About two minutes a convolutional trial on one processor core.
"""

import argparse

from helpers import models, recipes, settings
from helpers.data import load
from helpers.models import ModelConfig, build
from helpers.training import fit

TRIALS = {
    "conv, 64 latents": dict(network="conv", latent=64, widths=(32, 64, 128), sigma="learned"),
    "conv, 128 latents": dict(network="conv", latent=128, widths=(32, 64, 128), sigma="learned"),
    "conv, 256 latents": dict(network="conv", latent=256, widths=(32, 64, 128), sigma="learned"),
    "conv, 128 latents, sigma = 1": dict(network="conv", latent=128, widths=(32, 64, 128), sigma=1.0),
    "conv, 128 latents, four stages": dict(network="conv", latent=128, widths=(32, 64, 128, 128), sigma="learned"),
    "fc, 128 latents, one layer": dict(network="fc", latent=128, widths=(171,), sigma="learned"),
    "fc, 128 latents, two layers": dict(network="fc", latent=128, widths=(163, 163), sigma="learned"),
}


def main() -> None:
    """Train and score every trial, and print one row of a table for each."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--epochs", type=int, default=4)
    epochs = words.parse_args().epochs
    train, held_out = load("cifar10", "train"), load("cifar10", "test", n=2000 if settings.standins_forced() else None)
    print("| trial | parameters | recon | KL | −ELBO | squared error | SSIM | Fréchet, prior samples | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, choice in TRIALS.items():
        model = build(ModelConfig("vae", shape=(3, 32, 32), likelihood="gaussian", **choice), seed=0)
        history = fit(model, train, epochs=epochs, progress=False)
        found = recipes.score(model, held_out, "cifar10_features")
        print(
            f"| {name} | {models.parameter_count(model):,} | {found['recon']:.0f} | {found['kl']:.0f} | "
            f"{found['recon'] + found['kl']:.0f} | {found['sse']:.1f} | {found['ssim']:.3f} | {found['frechet']:.1f} | "
            f"{sum(history.column('seconds')):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
