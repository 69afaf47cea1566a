"""The exercises of notebook 02: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal
from torch.nn.functional import normalize

from exercises import exercise, normal


def by_scipy(x, W, b, sigma):
    return stats.multivariate_normal(b.numpy(), (W @ W.T + sigma**2 * torch.eye(len(b))).numpy()).logpdf(x.numpy())


@exercise(
    "02.1",
    right=by_scipy,
    cases=[(normal(30, 5, seed=1), normal(5, 2, seed=2), normal(5, seed=3), 0.4)],
    what="log p(x)",
    hint="It is the log density of N(b, W Wᵀ + sigma² I); the covariance has shape (P, P).",
    slips={
        "your covariance is not positive definite. W Wᵀ alone has rank Z; the noise adds sigma² I.": {"noise": 0},
        "sigma is a standard deviation; the covariance needs sigma².": {"power": 1},
        "the noise has variance sigma², not 1: the covariance of x is W Wᵀ + sigma² I.": {"power": 0},
        "you left out the correlations: given z the pixels are independent, but the z that they share correlates them.": {
            "shared": lambda S: S.diag().diag()
        },
        "that is log p(x|z = 0), at one z only. The integral over all z adds W Wᵀ to the covariance.": {"shared": torch.zeros_like},
        "you forgot b: it is the mean of x.": {"mean": 0},
        "that is p(x); its logarithm was asked for.": lambda *given: log_evidence(*given).exp(),
    },
)
def log_evidence(x, W, b, sigma, shared=torch.clone, noise=1, power=2, mean=1):
    covariance = shared(W @ W.T) + noise * sigma**power * torch.eye(len(b))
    return MultivariateNormal(mean * b, covariance).log_prob(x)


def of_weights(w):
    return w.sum(0).square() / w.square().sum(0)


log_w = 2 * normal(8, 5, seed=4)


@exercise(
    "02.2",
    right=lambda log_w: of_weights(log_w.softmax(0)),
    cases=[(log_w,), (log_w - 1000,)],
    what="the effective sample size",
    hint="It is (Σ w)² / Σ w² over the K weights of each column.",
    slips={
        "right for weights of ordinary size, but near −1000 exp(log w) underflows, and 0 / 0 is NaN. "
        "Multiplying all weights by one number changes nothing: use logsumexp.": lambda log_w: of_weights(log_w.exp()),
        "that is a share between 0 and 1; leave it as a number between 1 and K.": lambda w: effective_samples(w) / len(w),
        "it is the wrong way up: the squared sum is divided by the sum of squares.": lambda log_w: 1 / effective_samples(log_w),
        "those are the logarithms in the formula; it asks for the weights themselves.": of_weights,
        "that is its logarithm; exp once more.": lambda log_w: effective_samples(log_w).log(),
    },
)
def effective_samples(log_w):
    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp()


@exercise(
    "02.3",
    cases=[(normal(4, 5, seed=5), normal(5, 3, seed=6), 0.7, *normal(2, 4, 3, seed=7), normal(6, 4, 3, seed=9))],
    what="the log weights",
    hint="They are log N(x; W z, s² I) + log N(z; 0, I) − log N(z; mu, exp(logvar)) at z = mu + sigma · eps.",
    slips={
        "log q(z|x) is missing: without it, that is log p(x, z), and its mean is no bound.": {"q": 0},
        "the prior is missing: log p(x, z) = log p(x|z) + log p(z).": {"prior": 0},
        "log q(z|x) is subtracted: the weight is p(x, z) *over* q(z|x).": {"q": 1},
        "a mean where a sum belongs: the pixels' log densities add up.": {"pixels": torch.mean},
        "means where sums belong: the log densities of pixels and latents add up.": {"pixels": torch.mean, "latents": torch.mean},
        "exp(logvar) is the variance; noise is multiplied by the standard deviation, exp(logvar / 2).": {"stretch": 1},
        "exp(logvar) is the variance, and both the noise and log q(z|x) need its root.": {"stretch": 1, "width": 1},
        "in log q(z|x), exp(logvar) is the variance; Normal takes the standard deviation, exp(logvar / 2).": {"width": 1},
        "s is the standard deviation of p(x|z), and Normal takes s itself, not s².": {"power": 2},
        "s is the standard deviation of p(x|z), and Normal takes s itself, not its root.": {"power": 0.5},
        "−½ Σ logvar is missing in log q(z|x): a narrow density is a high one.": lambda *g: log_weights(*g) - g[4].sum(-1) / 2,
        "−½ log 2π for each pixel is missing in log p(x|z).": {"pi": 1},
        "−log s for each pixel is missing in log p(x|z).": {"log_s": 1},
        "a log density has its ½ log 2π and its log s, and log p(x|z) needs them.": {"pi": 1, "log_s": 1},
    },
)
def log_weights(
    x, W, s, mu, logvar, eps, prior=1, q=-1, pixels=torch.sum, latents=torch.sum, stretch=0.5, width=0.5, power=1, pi=0, log_s=0
):
    z = mu + torch.exp(stretch * logvar) * eps
    log_p = pixels(Normal(z @ W.T, s**power).log_prob(x) + pi * math.log(2 * math.pi) / 2 + log_s * math.log(s), -1)
    log_prior = latents(Normal(torch.zeros_like(mu), 1.0).log_prob(z), -1)
    log_q = latents(Normal(mu, torch.exp(width * logvar)).log_prob(z), -1)
    return log_p + prior * log_prior + q * log_q


def mean_kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()


@exercise(
    "02.4",
    cases=[(normal(40, 3, seed=10) @ normal(3, 3, seed=11) + 0.5, normal(40, 3, seed=12) - 0.5)],
    what="the KL",
    hint="C = Cov(mu) + diag(mean of exp(logvar)).",
    slips={
        "that is the covariance of the posteriors' means only. Add the mean of their variances.": {"within": 0},
        "that is the covariance of the means only, and divided by N − 1. Add the mean of the variances.": {"within": 0, "less": 1},
        "nearly: divide by N, not by N − 1 (correction=0). The N posteriors are the whole aggregate, no sample.": {"less": 1},
        "you left out the correlations: the determinant of C is not the product of the variances.": {
            "of": lambda C: C.diag().diag()
        },
        "you left out the mean: m needs not be at the origin.": {"mean": 0},
        "that is the mean of the posteriors' variances. Their means vary as well, with covariance Cov(mu).": {"between": 0},
        "that is the mean KL of the single posteriors. Take the KL of one Gaussian, with the mean and covariance of all.": mean_kl,
        "average the variances, not the log-variances.": {"averaged": lambda logvar: logvar.mean(0).exp()},
    },
)
def aggregate_kl(mu, logvar, mean=1, between=1, within=1, less=0, averaged=lambda logvar: logvar.exp().mean(0), of=torch.clone):
    m, C = mean * mu.mean(0), of(between * torch.cov(mu.T, correction=less) + within * averaged(logvar).diag())
    return 0.5 * (C.trace() + m @ m - len(m) - torch.logdet(C))


def chi(eps, share):
    return stats.chi(eps.shape[1]).ppf(share)


def first(count):
    """Return the function that sets all but the first latents to 0."""
    return lambda eps: eps * (torch.arange(eps.shape[1]) < count)


@exercise(
    "02.5",
    right=lambda eps, share: eps * (chi(eps, share) / eps.norm(dim=1, keepdim=True)),
    cases=[(normal(200, Z, seed=13), share) for Z, share in ((16, 0.95), (128, 0.5), (2, 0.8))],
    what="the points",
    hint="The direction of a point is that of its row of eps, eps / ‖eps‖, and the radius is chi distributed.",
    bug={
        "With 16 latents its radius is 7.8, and 95 % of the prior lie within 5.1. And how many different points are there?": (
            lambda eps, share: torch.full_like(eps, stats.norm.ppf(0.5 + share / 2))
        )
    },
    slips={
        "that is the quantile of the squared radius (chi²); take its root.": {"radius": lambda *given: chi(*given) ** 2},
        "that is the typical radius, √Z, whatever the share. The radius is chi distributed: stats.chi(Z).ppf(share).": {
            "radius": lambda eps, share: eps.shape[1] ** 0.5
        },
        "your points have different radii; they should all have one. Divide each by its own length first.": (
            lambda eps, share: eps * chi(eps, share) / eps.shape[1] ** 0.5
        ),
        "the radius is right, but your points do not lie in all directions: they are all one point.": {"along": torch.ones_like},
        "the radius is right, but you have two points only, ±r on the first axis.": {"along": first(1)},
        "the radius is right, but your points lie on a circle.": {"along": first(2)},
        "the radius is right, but your points are corners of a cube: divide eps by its length.": {"along": torch.sign},
        "the radius is right, but the directions are not those of eps.": {"along": lambda eps: normal(*eps.shape, seed=0)},
    },
)
def rim(eps, share, along=torch.clone, radius=chi):
    return normalize(along(eps), dim=1) * radius(eps, share)
