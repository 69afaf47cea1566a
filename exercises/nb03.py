"""The exercises of notebook 03: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch
from scipy.stats import entropy
from torch.distributions import Independent, Laplace, Normal, kl_divergence

from exercises import exercise, normal


def in_python(q, p, keep=lambda a: True):
    return sum(a * math.log2(a / b) for a, b in zip(q.tolist(), p.tolist(), strict=True) if keep(a))


q, p = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.125, 0.5, 0.25, 0.125]]).double()
never, always = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]).double()


@exercise(
    "03.1",
    right=lambda q, p: entropy(q, p, base=2),
    cases=[(q, p), (never, always), (always, never)],
    what="the divergence",
    hint="What never happens (q = 0) costs nothing; what happens although p = 0 costs infinitely much.",
    slips={
        "that is in nats; with the logarithm to base 2 it is in bits.": math.log(2),
        "that is KL(p ‖ q). The first argument is the one that is averaged over.": lambda q, p: divergence_in_bits(p, q),
        "the sign is wrong: a divergence is never negative. The logarithm is of q over p.": -1,
        "what never happens (q = 0) costs nothing: 0 · log 0 counts as 0, but computes as NaN.": {"keep": lambda q: q >= 0},
        "what happens although p = 0 costs infinitely much. Add no small number to p: it hides this.": {"more": 1e-12},
        "your code raises an error where q = 0, which costs nothing: leave it out; and where p = 0 < q the result is inf.": in_python,
        "your code raises an error where p = 0 < q; the divergence is infinite there.": lambda q, p: in_python(q, p, bool),
    },
)
def divergence_in_bits(q, p, keep=lambda q: q > 0, more=0):
    return (q * ((q + more) / (p + more)).log2())[keep(q)].sum()


def integrated(weights, means, sigmas):
    grid = torch.linspace(-20, 25, 20_001).double()
    density = (weights[:, None] * Normal(means[:, None], sigmas[:, None]).log_prob(grid).exp()).sum(0)
    mean = torch.trapezoid(density * grid, grid)
    return mean, torch.trapezoid(density * (grid - mean) ** 2, grid).sqrt()


@exercise(
    "03.2",
    right=integrated,
    cases=[tuple(torch.tensor([[0.6, 0.3, 0.1], [-2.0, 2.5, 6.0], [0.7, 0.5, 1.5]]).double())],
    what="the pair of mean and standard deviation",
    hint="Both are the mixture's.",
    slips={
        "you fit the heaviest component alone. The *reverse* divergence does that; forward has to cover all of them.": (
            lambda w, m, s: torch.stack([m[w.argmax()], s[w.argmax()]])
        ),
        "the mean is right, but that is the variance; return its square root.": {"power": 1},
        "you averaged the variances within the components; add the variance *between* the means.": {"between": 0},
        "you took the variance between the means and forgot the components' own variances.": {"within": 0},
        "the mean should be the mixture's: each component's mean, by its weight.": (
            lambda w, m, s: torch.stack([m.mean(), covering_gaussian(w, m, s)[1]])
        ),
    },
)
def covering_gaussian(weights, means, sigmas, within=1, between=1, power=0.5):
    mean = (weights * means).sum()
    variance = (weights * (within * sigmas**2 + between * (means - mean) ** 2)).sum()
    return torch.stack([mean, variance**power])


def by_autograd(mu, logvar, beta):
    leaves = mu.requires_grad_(), logvar.requires_grad_()
    q, prior = Normal(mu, torch.exp(0.5 * logvar)), Normal(torch.zeros_like(mu), 1.0)
    return torch.stack(torch.autograd.grad(beta * kl_divergence(q, prior).sum(), leaves))


@exercise(
    "03.3",
    right=by_autograd,
    cases=[(normal(6, 3, seed=3), normal(6, 3, seed=4), beta) for beta in (2.5, 0.5)],
    what="the pair of gradients",
    hint="Differentiate beta · ½ (mu² + exp(logvar) − 1 − logvar).",
    slips={
        "beta multiplies the loss, and so its gradient.": lambda mu, logvar, beta: kl_gradients(mu, logvar, 1.0),
        "beta multiplies the whole loss, and so the gradient to logvar as well.": {"on_logvar": 0},
        "beta multiplies the whole loss, and so the gradient to mu as well.": {"on_mu": 0},
        "your beta is 2.5, whatever is passed.": lambda mu, logvar, beta: kl_gradients(mu, logvar, 2.5),
        "that is the step, not the gradient: change the sign of both.": -1,
        "you took a mean over the images. The loss is summed, so each entry has its own full gradient.": 1 / 6,
        "you took a mean over images and latents. The loss is summed, so each entry has its own full gradient.": 1 / 18,
        "that is the gradient to σ, not to logvar = log σ²; the chain rule multiplies it by dσ/dlogvar = σ/2.": {
            "slope": lambda logvar: torch.exp(0.5 * logvar) - torch.exp(-0.5 * logvar)
        },
        "that is the gradient to the variance; the chain rule multiplies it by σ².": {
            "slope": lambda lv: 0.5 - 0.5 * torch.exp(-lv)
        },
        "the gradient to logvar is twice too large: ½ stands before all of the terms.": {"slope": torch.expm1},
    },
)
def kl_gradients(mu, logvar, beta, slope=lambda logvar: 0.5 * torch.expm1(logvar), on_mu=1, on_logvar=1):
    return torch.stack([beta**on_mu * mu, beta**on_logvar * slope(logvar)])


laplace = Independent(Laplace(torch.zeros(2).double(), 1.0), 1)


@exercise(
    "03.4",
    right=lambda *given: estimated_kl(*given, error=lambda ratio: ratio.std(correction=0) / len(ratio) ** 0.5),
    cases=[(torch.tensor([0.5, -1.0]).double(), torch.tensor([-1.0, 0.4]).double(), laplace.log_prob, normal(500, 2, seed=4))],
    what="the pair of estimate and error",
    hint="Sample z = mu + sigma · eps, sum log q over the coordinates, subtract log_prior(z), and take the mean over the samples.",
    tolerance=3e-3,  # the standard deviation may divide by K or by K − 1
    slips={
        "the estimate has the wrong sign: it is log q − log p, averaged over samples of q.": {"sign": -1},
        "you multiplied the noise by the variance; σ is exp(logvar / 2).": {"stretch": 1},
        "you multiplied the noise by the variance, also in log q; σ is exp(logvar / 2).": {"stretch": 1, "width": 1},
        "that is the standard deviation of *one* sample; the mean of K of them is √K times as precise.": {"error": torch.std},
        "that is the variance of the mean; the standard error is its root.": {"error": lambda ratio: ratio.var() / len(ratio)},
    },
)
def estimated_kl(mu, logvar, log_prior, eps, width=0.5, stretch=0.5, sign=1, error=lambda ratio: ratio.std() / len(ratio) ** 0.5):
    z = mu + torch.exp(stretch * logvar) * eps
    ratio = sign * (Normal(mu, torch.exp(width * logvar)).log_prob(z).sum(1) - log_prior(z))
    return torch.stack([ratio.mean(), error(ratio)])


code = normal(20, 4, seed=5), normal(20, 4, seed=6)


@exercise(
    "03.5",
    right=lambda mu, lv: kl_divergence(Normal(mu, torch.exp(0.5 * lv)), Normal(0 * mu, 1.0)).sum(1),
    cases=[code, tuple(torch.cat([part, 0 * part], 1) for part in code)],
    what="the KL",
    hint="Only one word has to change.",
    bug={"The same posterior with four unused latents beside its four has half the KL.": {"over": lambda kl: kl.mean(1)}},
    slips={
        "the factor may not be written in by hand: with eight latents the KL is wrong again.": {"over": lambda kl: 4 * kl.mean(1)},
        "that is the sum over the images, too; there should be one number for each image.": {"over": torch.sum},
    },
)
def kl_per_image(mu, logvar, over=lambda kl: kl.sum(1)):
    return over(0.5 * (mu**2 + logvar.exp() - 1 - logvar))


def integrals(mu, logvar, reach=10, fixed=False, swapped=False):
    """Return ∫ q log(q / p) of each latent, (Z,), by the trapezoid rule."""
    sigma, prior = torch.exp(0.5 * logvar), Normal(torch.zeros_like(mu), 1.0)
    steps = torch.linspace(-reach, reach, 20_001).double()[:, None]
    z = steps.expand(-1, len(mu)) if fixed else mu + sigma * steps
    q, p = (prior, Normal(mu, sigma)) if swapped else (Normal(mu, sigma), prior)
    ratio = q.log_prob(z) - p.log_prob(z)
    return torch.trapezoid(q.log_prob(z).exp() * ratio, z, dim=0)


@exercise(
    "03.6",
    right=lambda mu, logvar, eps: table_of_checks(mu, logvar, eps).tolist(),
    cases=[
        (normal(3, seed=9), normal(3, seed=10), normal(200, 3, seed=11)),
        (normal(1, seed=12) + 14, normal(1, seed=13) - 4, normal(60, 1, seed=14)),
    ],
    what="the row of closed form, integral, Monte Carlo mean and standard error",
    tolerance=1e-5,
    slips={
        "the closed form is summed over the latents; yours is the mean.": {"over": torch.mean},
        "the closed form lacks its ½.": {"half": 1.0},
        "the integrals are summed over the latents; yours is the first alone.": {"total": lambda parts: parts[0]},
        "the grid of each integral is centred at mu_j and reaches 10 sigma_j to either side; yours is the same for all.": {
            "fixed": True
        },
        "your integrals are those of KL(p ‖ q); q comes first.": {"swapped": True},
        "the noise is multiplied by sigma = exp(logvar / 2), not by the variance.": {"stretch": 1.0},
        "the Monte Carlo mean has the wrong sign: it is log q − log p.": {"sign": -1},
        "log densities are summed over the latents; your Monte Carlo mean is over samples and latents.": {"together": False},
        "the standard error is s / √K; yours is the standard deviation of one sample.": {"root": 0},
        "the standard error is s / √K; you divide by K.": {"root": 1},
    },
)
def table_of_checks(
    mu, logvar, eps, over=torch.sum, half=0.5, total=torch.sum, fixed=False, swapped=False, stretch=0.5, sign=1, together=True, root=0.5
):  # fmt: skip
    closed = over(half * (mu**2 + logvar.exp() - 1 - logvar))
    z = mu + torch.exp(stretch * logvar) * eps
    each = sign * (Normal(mu, torch.exp(0.5 * logvar)).log_prob(z) - Normal(torch.zeros_like(mu), 1.0).log_prob(z))
    ratio = each.sum(1) if together else each.flatten()
    error = ratio.std() / len(ratio) ** root
    return torch.stack([closed, total(integrals(mu, logvar, fixed=fixed, swapped=swapped)), ratio.mean(), error])
