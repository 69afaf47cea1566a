"""Repeat the short trials by which the shipped models' size and likelihood were chosen: python docs/trials.py cifar10

Each configuration trains for a few epochs on what `load(NAME)` finds, and is scored on held-out images as the shipped
models are; for faces also samples from a mixture of ten Gaussians fitted to the codes. docs/training.md records what came out.
"""

import argparse

import torch

from helpers import fidelity, latent, models, settings
from helpers.data import load
from helpers.models import ModelConfig, build
from helpers.training import fit
from tools import recipes

TRIALS = {
    "cifar10": {
        "conv, 64 latents": dict(network="conv", latent=64, widths=(32, 64, 128), sigma="learned"),
        "conv, 128 latents": dict(network="conv", latent=128, widths=(32, 64, 128), sigma="learned"),
        "conv, 256 latents": dict(network="conv", latent=256, widths=(32, 64, 128), sigma="learned"),
        "conv, 128 latents, sigma = 1": dict(network="conv", latent=128, widths=(32, 64, 128), sigma=1.0),
        "conv, 128 latents, four stages": dict(network="conv", latent=128, widths=(32, 64, 128, 128), sigma="learned"),
        "fc, 128 latents, one layer": dict(network="fc", latent=128, widths=(171,), sigma="learned"),
        "fc, 128 latents, two layers": dict(network="fc", latent=128, widths=(163, 163), sigma="learned"),
    },
    "celeba": {
        "64 latents, widths 32 to 256": dict(network="conv", latent=64, widths=(32, 64, 128, 256), sigma="learned"),
        "32 latents": dict(network="conv", latent=32, widths=(32, 64, 128, 256), sigma="learned"),
        "128 latents": dict(network="conv", latent=128, widths=(32, 64, 128, 256), sigma="learned"),
        "64 latents, sigma = 1": dict(network="conv", latent=64, widths=(32, 64, 128, 256), sigma=1.0),
        "64 latents, beta = 4": dict(network="conv", latent=64, widths=(32, 64, 128, 256), sigma="learned", beta=4.0),
        "64 latents, refined": dict(network="conv", latent=64, widths=(32, 64, 128, 128), refined=True, sigma="learned"),
        "64 latents, widths 40 to 320": dict(network="conv", latent=64, widths=(40, 80, 160, 320), sigma="learned"),
    },
}


def main() -> None:
    """Train and score every trial of a data set, and print one row of a table for each."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("data", choices=TRIALS)
    words.add_argument("--epochs", type=int, default=4)
    words.add_argument("--mirrored", action="store_true", help="train on every image left and right exchanged, too")
    arguments = words.parse_args()
    faces = arguments.data == "celeba"
    split = "valid" if faces else "test"
    train = load(arguments.data, "train")
    held_out = load(arguments.data, split, n=2000 if settings.standins_forced() else None)
    images = torch.cat([train.images, train.images.flip(3)]) if arguments.mirrored else train.images
    mixture = " Fréchet, mixture |" if faces else ""
    print(f"| trial | parameters | recon | KL | −ELBO | squared error | SSIM | Fréchet, prior samples |{mixture} seconds |")
    print("|---" * (10 if faces else 9) + "|")
    for name, choice in TRIALS[arguments.data].items():
        beta = choice.pop("beta", 1.0)
        model = build(ModelConfig("vae", shape=train.shape, likelihood="gaussian", **choice), seed=0)
        history = fit(model, images, epochs=arguments.epochs, beta=beta, progress=False)
        found = recipes.score(model, held_out, f"{arguments.data}_features")
        cells = [name, f"{models.parameter_count(model):,}"]
        cells += [f"{value:.0f}" for value in (found["recon"], found["kl"], found["recon"] + found["kl"])]
        cells += [f"{found['sse']:.1f}", f"{found['ssim']:.3f}", f"{found['frechet']:.1f}"]
        cells += [f"{from_mixture(model, held_out.images):.1f}"] if faces else []
        print("|", " | ".join([*cells, f"{sum(history.column('seconds')):.0f}"]), "|", flush=True)


def from_mixture(model: models.VAE, images: torch.Tensor) -> float:
    """Return the Fréchet distance of what samples from a mixture, fitted to the images' codes, decode to."""
    noise = torch.Generator().manual_seed(0)
    z = models.reparameterize(*models.posterior(model, images), noise)
    drawn = latent.mixture_samples(latent.fit_mixture(z, 10), len(images), noise)
    return fidelity.frechet_distance(models.decode(model, drawn), images, "celeba_features").value


if __name__ == "__main__":
    main()
