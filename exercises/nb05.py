"""The exercises of notebook 05: cases, right functions, and wrong ones with what a student is told of them."""

import torch
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from exercises import StillThere, Wrong, answered, close, exercise, returned


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_torch(mu1, logvar1, mu2, logvar2):
    return kl_divergence(Normal(mu1, torch.exp(0.5 * logvar1)), Normal(mu2, torch.exp(0.5 * logvar2))).sum(1)


def between(unit=torch.exp, shift=torch.exp, own=1.0):
    """Return an answer: what divides the first variance and the squared shift, and the factor of log σ₂²."""

    def kl(mu1, logvar1, mu2, logvar2):
        reach = logvar1.exp() / unit(logvar2) + (mu1 - mu2) ** 2 / shift(logvar2)
        return 0.5 * (own * logvar2 - logvar1 + reach - 1).sum(1)

    return kl


exercise(
    "05.1",
    "kl_between",
    right=(by_torch, between()),
    cases=[tuple(noise(4, 50, 6, seed=5))],
    what="the divergence",
    hint="Start from ½ (σ₁²/σ₂² + (μ₁ − μ₂)²/σ₂² − 1 + log σ₂² − log σ₁²).",
    slips={
        "that is KL(second ‖ first). The divergence is not symmetric; the first distribution is the one that is averaged over.": (
            lambda m1, l1, m2, l2: by_torch(m2, l2, m1, l1)
        ),
        "you averaged over the latents. The divergences of independent coordinates add up.": lambda *given: by_torch(*given) / 6,
        "you are off by a factor of two: ½ stands before the whole sum.": lambda *given: 2 * by_torch(*given),
        "you are off by a factor of two: ½ stands before the whole sum, once.": lambda *given: by_torch(*given) / 2,
        "that is the KL to N(0, I), not to the second posterior.": lambda m1, l1, m2, l2: by_torch(m1, l1, 0 * m2, 0 * l2),
        "right against N(0, I), but the distance of the means is measured in units of the second's variance.": (
            between(shift=torch.ones_like)
        ),
        "right against N(0, I), but both terms are measured in units of the second's variance.": (
            between(torch.ones_like, torch.ones_like)
        ),
        "right against N(0, I), but log σ₂² is missing.": between(own=0.0),
    },
)


def sampled(mu_of=lambda mu: mu, sigma_of=lambda logvar: torch.exp(0.5 * logvar), noise_of=lambda eps: eps):
    return lambda mu, logvar, eps: mu_of(mu) + sigma_of(logvar) * noise_of(eps)


exercise(
    "05.2",
    "posterior_samples",
    right=(sampled(), lambda mu, logvar, eps: torch.stack([mu + logvar.exp().sqrt() * one for one in eps])),
    cases=[(noise(4, 3, seed=6), noise(4, 3, seed=7), noise(7, 4, 3, seed=8))],
    what="z",
    hint="z = mu + sigma · eps, with the eps that is given.",
    gradients=True,
    slips={
        "exp(logvar) is the variance; noise is multiplied by the standard deviation, exp(logvar / 2).": sampled(sigma_of=torch.exp),
        "logvar is a logarithm; the standard deviation is exp(logvar / 2).": sampled(sigma_of=lambda logvar: logvar),
        "the values are right, but the gradient to mu is lost; use no .detach(), .data or torch.no_grad().": sampled(torch.detach),
        "the values are right, but the gradient to logvar is lost; use no .detach(), .data or torch.no_grad().": (
            sampled(sigma_of=lambda logvar: torch.exp(0.5 * logvar).detach())
        ),
        "the values are right, but both gradients are lost; use no .detach(), .data or torch.no_grad().": (
            lambda mu, logvar, eps: sampled()(mu, logvar, eps).detach()
        ),
        "with the eps that is given.": sampled(noise_of=torch.randn_like),
    },
)


def beta(d, z, s):
    return (1 / z) / (2 * s / d)


exercise(
    "05.3",
    "hidden_beta",
    right=(beta, lambda d, z, s: d / (2 * s * z)),
    cases=[(784, 5, 1.0), (3072, 64, 10.0), (12288, 64, 500.0)],
    what="beta",
    slips={
        "twice too large: a squared error is *twice* its nats, since a Gaussian's −log p has ½ (x − x̂)².": lambda *g: 2 * beta(*g),
        "the mean over KL runs over the latents too: it is 1/Z of the sum per image.": lambda d, z, s: z * beta(d, z, s),
        "that is the weight of recon over the weight of KL; beta is the other way round.": lambda *given: 1 / beta(*given),
        "`scale` multiplies the squared error, so beta becomes smaller with it.": lambda d, z, s: s**2 * beta(d, z, s),
        "the mean squared error runs over the pixels: it is 1/D of the sum.": lambda d, z, s: beta(d, z, s) / d,
    },
)


def sample_and_kl(stretch=1.0, charge=2.0):
    """Return an answer: the factors of the head in log σ of the sample, and in log σ² of the KL."""
    return lambda mu, head, eps: (
        mu + torch.exp(stretch * head) * eps,
        0.5 * (mu**2 + torch.exp(charge * head) - 1 - charge * head).sum(1),
    )


@exercise(
    "05.4",
    "sample_and_kl",
    right=(sample_and_kl(), sample_and_kl(0.5, 1.0)),
    bug={"The KL is that of another standard deviation than the samples have.": sample_and_kl(charge=1.0)},
    slips={
        "now the sample is neither mu + exp(head) · eps nor mu + exp(head / 2) · eps.": sample_and_kl(2.0, 4.0),
        "sample and KL still disagree": sample_and_kl(0.5, 2.0),
    },
)
def agreeing(answer) -> None:
    """The KL must belong to the distribution that the sample comes from; either reading of the head may be kept."""
    mu, head = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[-1.0, 0.5, 1.0]])

    def part(i, *given):
        return answered(answer, *given)[i]

    at = {level: returned(part, 0, mu, head, level + 0 * mu, like=mu, what="z") for level in (0.0, 1.0)}
    stretch = (at[1.0] - at[0.0]).float()
    wanted = 0.5 * (mu**2 + stretch**2 - 1 - 2 * stretch.abs().log()).sum(1)
    found = returned(part, 1, mu, head, torch.ones(1, 3), like=wanted, what="the KL")
    if close(found, 0.5 * (mu**2 + head.exp() - 1 - head).sum(1)) and close(stretch, head.exp()):
        raise StillThere("The KL is that of another standard deviation than the samples have.")
    if not (close(stretch, head.exp()) or close(stretch, torch.exp(0.5 * head))) or not close(at[0.0], mu):
        raise Wrong("now the sample is neither mu + exp(head) · eps nor mu + exp(head / 2) · eps.")
    if not close(found, wanted):
        raise Wrong(
            "sample and KL still disagree: from the sample's σ = exp(head), the KL needs σ² = exp(2 · head) and log σ² = 2 · head."
        )


def quantiles(shares):
    return lambda n: Normal(0.0, 1.0).icdf(shares(n))


exercise(
    "05.5",
    "equal_share_ticks",
    right=(quantiles(lambda n: (torch.arange(n) + 0.5) / n), lambda n: norm.ppf([(i + 0.5) / n for i in range(n)])),
    cases=[(5,), (18,)],
    what="the row of points",
    hint="The first should be the 50 / n % quantile: the middle of the first share.",
    bug={"The outer ring of the grid decodes to nothing.": quantiles(lambda n: torch.linspace(0, 1, n))},
    slips={
        "the points are right, but in falling order.": quantiles(lambda n: (n - torch.arange(n) - 0.5) / n),
        "your points are evenly spaced; they should have equal *shares* of the prior between them.": lambda n: torch.linspace(
            -2, 2, n
        ),
        "the first point is still −inf, and the points are not symmetric about 0.": quantiles(lambda n: torch.arange(n) / n),
        "the points are finite and symmetric, but at the ends of n + 1 shares, not in the middle of n.": (
            quantiles(lambda n: (torch.arange(n) + 1) / (n + 1))
        ),
    },
)
