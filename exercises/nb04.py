"""The exercises of notebook 04: cases, right functions, and wrong ones with what a student is told of them."""

from functools import partial

import torch
from torch.distributions import Laplace

from exercises import StillThere, Wrong, close, exercise, returned, slopes


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inverse(sign=1.0, scale=torch.exp, mu_of=lambda mu: mu, log_scale_of=lambda c: c):
    """Return an answer: a sign, the scale as a function of log_scale, and what becomes of both parameters first."""

    def laplace_sample(mu, log_scale, u):
        from_half = u - 0.5
        stretch = sign * scale(log_scale_of(log_scale))
        return mu_of(mu) - stretch * torch.sign(from_half) * torch.log1p(-2 * from_half.abs())

    return laplace_sample


exercise(
    "04.1",
    "laplace_sample",
    right=(inverse(), lambda mu, log_scale, u: Laplace(mu, log_scale.exp()).icdf(u)),
    cases=[(noise(60, 3, seed=5), noise(60, 3, seed=6), torch.rand(60, 3, generator=torch.Generator().manual_seed(7)).double())],
    what="z",
    hint="Solve u = F(z) for z, for u below and above ½.",
    gradients=True,
    slips={
        "it is a Laplace sample, but mirrored: a larger u must give a larger z. Check the sign.": inverse(sign=-1),
        "log_scale is a logarithm; the scale is exp(log_scale).": inverse(scale=lambda log_scale: log_scale),
        "log_scale is the logarithm of the scale itself, so it is not halved; only a log *variance* is.": (
            inverse(scale=lambda log_scale: torch.exp(0.5 * log_scale))
        ),
        "that is right for u below ½ only: F has two branches, and so has its inverse.": (
            lambda mu, log_scale, u: mu + log_scale.exp() * torch.log(2 * u)
        ),
        "that is right for u above ½ only: F has two branches, and so has its inverse.": (
            lambda mu, log_scale, u: mu - log_scale.exp() * torch.log(2 * (1 - u))
        ),
        "the values are right, but the gradient to mu is lost; use no .detach() or .data.": inverse(mu_of=torch.detach),
        "the values are right, but the gradient to log_scale is lost; use no .detach() or .data.": inverse(
            log_scale_of=torch.detach
        ),
        "the values are right, but the gradient to mu is lost, and that to log_scale; use no .detach() or .data.": (
            inverse(mu_of=torch.detach, log_scale_of=torch.detach)
        ),
    },
)


def leave_one_out(values):
    return (values.sum() - values) / (len(values) - 1)


exercise(
    "04.2",
    "leave_one_out",
    right=(leave_one_out, lambda v: torch.stack([torch.cat([v[:i], v[i + 1 :]]).mean() for i in range(len(v))])),
    cases=[(noise(K, seed=K) + 3,) for K in (2, 7)],
    what="the baseline",
    hint="It is (the sum of all values − the sample's own value) / (K − 1).",
    slips={
        "that is the mean of all values, a sample's own among them: then the mean gradient shrinks by the factor (K − 1)/K.": (
            lambda values: values.mean().expand(len(values))
        ),
        "the sum leaves the sample out, but you divide by K; only K − 1 values are in it.": (
            lambda values: (values.sum() - values) / len(values)
        ),
        "that is f minus its baseline; return the baseline alone.": lambda values: values - leave_one_out(values),
    },
)


def squares(z):
    return z.square().sum(1)


def kept(value):
    return value


def recon(mu_of=kept, sigma_of=kept, power=0.5):
    """Return an answer: what becomes of mu and of sigma, and the factor of logvar in sigma."""
    return lambda recon, mu, logvar, eps: recon(mu_of(mu) + sigma_of(torch.exp(power * logvar)) * eps)


exercise(
    "04.3",
    "noisy_recon",
    right=recon(),
    cases=[tuple(noise(3, 20, 4, seed=7))],
    what="recon(z)",
    hint="Evaluate recon at mu + sigma · eps, and let gradients reach mu and logvar.",
    view=lambda answer: partial(answer, squares),
    gradients=True,
    bug={"No gradient of recon reaches logvar, so the KL term alone decides about sigma.": recon(sigma_of=torch.detach)},
    slips={
        "exp(logvar) is the variance; the noise is multiplied by exp(logvar / 2).": recon(power=1),
        "there is no noise left in z: sigma has to stay, with its gradient.": recon(sigma_of=torch.zeros_like),
        "now the gradient to mu is lost.": recon(mu_of=torch.detach),
        "now both gradients are lost.": recon(mu_of=torch.detach, sigma_of=torch.detach),
    },
)


def codes(of_noise=lambda mu, g: torch.randn(mu.shape, generator=g), power=0.5):
    """Return an answer from its noise and the factor of logvar in sigma."""
    return lambda mu, logvar, generator: mu + torch.exp(power * logvar) * of_noise(mu, generator)


def one_for_all(mu, generator):
    return torch.randn(mu.shape[1], generator=generator)


@exercise(
    "04.4",
    "noisy_codes",
    right=(codes(), codes(lambda mu, g: torch.normal(0.0, torch.ones_like(mu), generator=g))),
    bug={
        "Every image of a batch gets the same noise; and it is multiplied by sigma², not by sigma.": codes(one_for_all, power=1),
        "One of two is mended. Every image of a batch still gets the same noise: how many numbers are drawn?": codes(one_for_all),
        "One of two is mended. The samples still spread by sigma² instead of sigma: what is exp(logvar)?": codes(power=1),
    },
    slips={
        "two calls give the same noise. Draw from the generator that is given, and do not seed it.": (
            codes(lambda mu, g: torch.randn(mu.shape, generator=torch.Generator().manual_seed(0)))
        ),
        "your noise does not come from the generator that is given": codes(lambda mu, g: torch.randn_like(mu)),
        "all latents of an image share one number": codes(lambda mu, g: torch.randn(len(mu), 1, generator=g)),
        "the gradient to mu or to logvar is lost": lambda mu, logvar, g: torch.normal(mu, torch.exp(0.5 * logvar), generator=g),
        "the samples spread by": codes(power=0.25),
    },
)
def codes_with_noise(answer) -> None:
    """Standard deviation, independence between images, and new noise at every call; each by a wide margin."""
    B, sigma, generator = 4000, torch.tensor([0.1, 0.5, 2.0]), torch.Generator().manual_seed(9)
    mu, logvar = noise(B, 3, seed=8).float(), (2 * sigma.log()).expand(B, 3).clone()
    first, second, again = (
        returned(answer, mu, logvar, rng, like=mu, what="z") - mu
        for rng in (generator, generator, torch.Generator().manual_seed(9))
    )
    if close(first, second):
        raise Wrong("two calls give the same noise. Draw from the generator that is given, and do not seed it.")
    if not close(first, again):
        raise Wrong(
            "your noise does not come from the generator that is given: one seeded alike must give the same noise, or no run can be repeated."
        )
    shared = bool((first - first[:1]).abs().max() < 1e-4)
    probe = first if not shared else torch.cat([answer(mu[:1], logvar[:1], generator).double() - mu[:1] for _ in range(B)])
    spread = probe.square().mean(0).sqrt()
    squared = close(spread, sigma.square(), 0.15)
    if shared and squared:
        raise StillThere("Every image of a batch gets the same noise; and it is multiplied by sigma², not by sigma.")
    if shared:
        raise StillThere("One of two is mended. Every image of a batch still gets the same noise: how many numbers are drawn?")
    if squared:
        raise StillThere("One of two is mended. The samples still spread by sigma² instead of sigma: what is exp(logvar)?")
    if not close(spread, sigma, 0.15):
        raise Wrong(f"for sigma = 0.1, 0.5, 2 the samples spread by {', '.join(f'{value:.2g}' for value in spread.tolist())}.")
    scaled = first / sigma
    if (scaled - scaled[:, :1]).abs().max() < 1e-4:
        raise Wrong("all latents of an image share one number; each of the (B, Z) needs its own.")
    if any(not gradient.any() for gradient in slopes(answer)(mu, logvar, generator)):
        raise Wrong(
            "the samples are right, but the gradient to mu or to logvar is lost; use mu + sigma · eps, no .sample() or .data."
        )
