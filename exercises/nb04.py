"""The exercises of notebook 04: cases, right functions, and wrong ones with what a student is told of them."""

from functools import partial

import torch
from scipy.stats import kstest
from torch import Tensor
from torch.distributions import Laplace

from exercises import StillThere, Wrong, close, exercise, normal, refuse, returned, rng, slopes


@exercise(
    "04.1",
    right=lambda mu, log_scale, u: Laplace(mu, log_scale.exp()).icdf(u),
    cases=[(normal(60, 3, seed=5), normal(60, 3, seed=6), torch.rand(60, 3, generator=rng(7)).double())],
    what="z",
    hint="Solve u = F(z) for z, for u below and above ½.",
    gradients=True,
    slips={
        "it is a Laplace sample, but mirrored: a larger u must give a larger z. Check the sign.": {"sign": -1},
        "log_scale is a logarithm; the scale is exp(log_scale).": {"scale": lambda log_scale: log_scale},
        "log_scale is the logarithm of the scale itself; only a log *variance* is halved.": {"scale": lambda c: torch.exp(0.5 * c)},
        "right for u below ½ only: F has two branches, so has its inverse.": lambda mu, c, u: mu + c.exp() * torch.log(2 * u),
        "right for u above ½ only: F has two branches, so has its inverse.": lambda mu, c, u: mu - c.exp() * torch.log(2 * (1 - u)),
        "the values are right, but the gradient to mu is lost; use no .detach() or .data.": (
            lambda mu, log_scale, u: laplace_sample(mu.detach(), log_scale, u)
        ),
        "the values are right, but the gradient to log_scale is lost; use no .detach() or .data.": (
            lambda mu, log_scale, u: laplace_sample(mu, log_scale.detach(), u)
        ),
        "the values are right, but both gradients are lost; use no .detach().": lambda *given: laplace_sample(*given).detach(),
    },
)
def laplace_sample(mu, log_scale, u, sign=1, scale=torch.exp):
    return mu - sign * scale(log_scale) * torch.sign(u - 0.5) * torch.log1p(-2 * (u - 0.5).abs())


@exercise(
    "04.2",
    right=lambda v: torch.stack([torch.cat([v[:i], v[i + 1 :]]).mean() for i in range(len(v))]),
    cases=[(normal(K, seed=K) + 3,) for K in (2, 7)],
    what="the baseline",
    hint="It is (the sum of all values − the sample's own value) / (K − 1).",
    slips={
        "that is the mean of all values, a sample's own among them: then the mean gradient shrinks by the factor (K − 1)/K.": (
            lambda values: values.mean().expand(len(values))
        ),
        "the sum leaves the sample out, but you divide by K; only K − 1 values are in it.": {"left_out": 0},
        "that is f minus its baseline; return the baseline alone.": lambda values: values - leave_one_out(values),
    },
)
def leave_one_out(values, left_out=1):
    return (values.sum() - values) / (len(values) - left_out)


@exercise(
    "04.3",
    cases=[tuple(normal(3, 20, 4, seed=7))],
    what="recon(z)",
    hint="Evaluate recon at mu + sigma · eps, and let gradients reach mu and logvar.",
    view=lambda answer: partial(answer, lambda z: z.square().sum(1)),
    gradients=True,
    bug={"No gradient of recon reaches logvar, so the KL term alone decides about sigma.": {"of_sigma": torch.detach}},
    slips={
        "exp(logvar) is the variance; the noise is multiplied by exp(logvar / 2).": {"power": 1},
        "there is no noise left in z: sigma has to stay, with its gradient.": {"of_sigma": torch.zeros_like},
        "now the gradient to mu is lost.": {"of_mu": torch.detach},
        "now both gradients are lost.": {"of_mu": torch.detach, "of_sigma": torch.detach},
    },
)
def noisy_recon(recon, mu, logvar, eps, of_mu=lambda mu: mu, of_sigma=lambda sigma: sigma, power=0.5):
    return recon(of_mu(mu) + of_sigma(torch.exp(power * logvar)) * eps)


def codes(mu, logvar, generator, shape=lambda mu: mu.shape, power=0.5, samples=torch.randn):
    return mu + torch.exp(power * logvar) * samples(shape(mu), generator=generator)


def one_for_all(mu):
    return mu.shape[1:]


@exercise(
    "04.4",
    right=(codes, lambda mu, lv, generator: mu + torch.exp(lv / 2) * torch.normal(0.0, torch.ones_like(mu), generator=generator)),
    bug={
        "Every image of a batch gets the same noise; and it is multiplied by sigma²": {"shape": one_for_all, "power": 1},
        "One of two is mended. Every image of a batch still gets the same noise": {"shape": one_for_all},
        "One of two is mended. The samples still spread by sigma² instead of sigma": {"power": 1},
    },
    slips={
        "two calls give the same noise": lambda mu, logvar, g: codes(mu, logvar, rng(0)),
        "your noise does not come from the generator that is given": lambda mu, logvar, g: codes(mu, logvar, None),
        "all latents of an image share one number": {"shape": lambda mu: (len(mu), 1)},
        "the gradient to mu or to logvar is lost": lambda mu, logvar, g: torch.normal(mu, torch.exp(0.5 * logvar), generator=g),
        "the samples spread by": {"power": 0.25},
        "your noise is not standard normal": {"samples": lambda shape, generator: torch.rand(shape, generator=generator) * 3**0.5},
        "another distribution": {"samples": lambda shape, generator: (torch.rand(shape, generator=generator) - 0.5) * 12**0.5},
        "normal: it has only": {"samples": lambda shape, generator: torch.randn(shape, generator=generator).sign()},
        "normal: its mean": {"samples": lambda shape, generator: torch.randn(shape, generator=generator).abs()},
    },
)
def noisy_codes(answer) -> None:
    """Standard deviation, independence between images, and new noise at every call; each by a wide margin."""
    B, sigma, generator = 4000, torch.tensor([0.1, 0.5, 2.0]), rng(9)
    mu, logvar = normal(B, 3, seed=8).float(), (2 * sigma.log()).expand(B, 3).clone()
    first, second, again = (returned(answer, mu, logvar, g, like=mu, what="z") - mu for g in (generator, generator, rng(9)))
    refuse(close(first, second), "two calls give the same noise. Draw from the generator that is given, and do not seed it.")
    if not close(first, again):
        raise Wrong("your noise does not come from the generator that is given: one seeded alike must give the same noise.")
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
    found = ", ".join(f"{value:.2g}" for value in spread.tolist())
    refuse(not close(spread, sigma, 0.15), f"for sigma = 0.1, 0.5, 2 the samples spread by {found}.")
    scaled = first / sigma
    one = (scaled - scaled[:, :1]).abs().max() < 1e-4
    refuse(one, "all latents of an image share one number; each of the (B, Z) needs its own.")
    refuse(abs(scaled.mean()) > 0.1, f"your noise is not standard normal: its mean is {scaled.mean():.2f}. Use torch.randn.")
    refuse(len(scaled[:, 1].unique()) < B / 2, "your noise is not standard normal: it has only few values. Use torch.randn.")
    uneven = kstest(scaled.flatten().numpy(), "norm").pvalue < 1e-6
    refuse(uneven, "your noise is not standard normal: it has another distribution. Use torch.randn.")
    lost = any(not gradient.any() for gradient in slopes(answer)(mu, logvar, generator))
    refuse(lost, "the samples are right, but the gradient to mu or to logvar is lost; use no .sample() or .data.")


def each_gradient(f, points: Tensor, keep: bool) -> Tensor:
    """Return the gradient of f at each point (K, Z), or K times that of its mean."""
    points = points.detach().requires_grad_()
    values = f(points)
    return torch.autograd.grad(values.sum() if keep else values.mean(), points)[0]


def bumpy(z: Tensor) -> Tensor:
    return z.square().sum(-1) + torch.cos(2 * z[..., 0]) * z[..., -1]


@exercise(
    "04.5",
    right=lambda f, mu, logvar, eps: gradient_table(f, mu, logvar, eps).numpy(),
    cases=[
        (bumpy, normal(Z, seed=Z), normal(Z, seed=Z + 50) - 1, normal(K, Z, seed=Z + 99)) for Z, K in ((3, 40), (1, 25), (2, 7))
    ],
    what="the table",
    hint="The first axis is the estimator, the second the parameter, the third mean and standard error.",
    tolerance=1e-6,
    slips={
        "the standard error of a mean is s / √K; yours is the standard deviation of one sample.": {"root": 0},
        "the standard error of a mean is s / √K; you divide by K.": {"root": 1},
        "the sample standard deviation divides by K − 1 (torch.std does so by itself).": {"correction": 0},
        "dz/dlogvar is ½ sigma eps: the ½ is missing in the pathwise column.": {"half": 1.0},
        "that is the derivative with respect to sigma; logvar = 2 log sigma, so there is one more factor, sigma / 2.": {"power": 1},
        "the pathwise rows are K times too small: the mean's gradient for each sample is a K-th of the sample's own gradient.": {
            "keep": False
        },
        "the score with respect to mu is eps / sigma; yours is eps.": {"scale": torch.ones_like},
        "the score with respect to logvar is ½ (eps² − 1); yours lacks the −1, whose mean is not 0.": {"centre": 0},
        "the rows are the wrong way round: first pathwise, then score function.": {"flip": (0,)},
        "the parameters are the wrong way round: first mu, then logvar.": {"flip": (1,)},
        "mean and standard error are the wrong way round.": {"flip": (2,)},
    },
)
def gradient_table(
    f, mu, logvar, eps, root=0.5, correction=1, half=0.5, power=0, keep=True, scale=lambda sigma: sigma, centre=1, flip=()
):  # fmt: skip
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps
    slope, value = each_gradient(f, z, keep), f(z)[:, None]
    pathwise = torch.stack([slope, slope * half * sigma * eps])
    score = torch.stack([value * eps / scale(sigma), value * 0.5 * (eps**2 - centre)])
    samples = torch.stack([pathwise, score])  # (2, 2, K, Z)
    samples = torch.stack([samples[:, 0], samples[:, 1] * (2 / sigma) ** power], 1)
    error = samples.std(2, correction=correction) / len(eps) ** root
    return torch.stack([samples.mean(2), error], 2).flip(flip)
