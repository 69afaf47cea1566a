"""The exercises of notebook 02: cases, right functions, and wrong ones with what a student is told of them."""

import math
from functools import partial

import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal

from exercises import exercise


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def evidence(covariance, mean=1.0):
    """Return an answer whose covariance is a function of W Wᵀ, sigma and the identity."""

    def log_evidence(x, W, b, sigma):
        return MultivariateNormal(mean * b, covariance(W @ W.T, sigma, torch.eye(len(b)).to(W))).log_prob(x)

    return log_evidence


def by_scipy(x, W, b, sigma):
    return stats.multivariate_normal(b.numpy(), (W @ W.T + sigma**2 * torch.eye(len(b))).numpy()).logpdf(x.numpy())


log_evidence = evidence(lambda S, sigma, eye: S + sigma**2 * eye)

exercise(
    "02.1",
    "log_evidence",
    right=(log_evidence, by_scipy),
    cases=[(noise(30, 5, seed=1), noise(5, 2, seed=2), noise(5, seed=3), 0.4)],
    what="log p(x)",
    hint="It is the log density of N(b, W Wᵀ + sigma² I); the covariance has shape (P, P).",
    slips={
        "your covariance is not positive definite. W Wᵀ alone has rank Z; the noise adds sigma² I.": evidence(lambda S, s, eye: S),
        "sigma is a standard deviation; the covariance needs sigma².": evidence(lambda S, sigma, eye: S + sigma * eye),
        "the noise has variance sigma², not 1: the covariance of x is W Wᵀ + sigma² I.": evidence(lambda S, sigma, eye: S + eye),
        "you left out the correlations: given z the pixels are independent, but the z that they share correlates them.": (
            evidence(lambda S, sigma, eye: S * eye + sigma**2 * eye)
        ),
        "that is log p(x|z = 0), at one z only. The integral over all z adds W Wᵀ to the covariance.": (
            evidence(lambda S, sigma, eye: sigma**2 * eye)
        ),
        "you forgot b: it is the mean of x.": evidence(lambda S, sigma, eye: S + sigma**2 * eye, mean=0.0),
        "that is p(x); its logarithm was asked for.": lambda *given: log_evidence(*given).exp(),
    },
)


def effective(log_w):
    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp()


def of_weights(w):
    return w.sum(0).square() / w.square().sum(0)


log_w = 2 * noise(8, 5, seed=4)

exercise(
    "02.2",
    "effective_samples",
    right=(effective, lambda log_w: of_weights(log_w.softmax(0))),
    cases=[(log_w,), (log_w - 1000,)],
    what="the effective sample size",
    hint="It is (Σ w)² / Σ w² over the K weights of each column.",
    slips={
        "right for weights of ordinary size, but near −1000 exp(log w) underflows, and 0 / 0 is NaN. "
        "Multiplying all weights by one number changes nothing: use logsumexp.": lambda log_w: of_weights(log_w.exp()),
        "that is a share between 0 and 1; leave it as a number of samples between 1 and K.": lambda w: effective(w) / len(w),
        "it is the wrong way up: the squared sum is divided by the sum of squares.": lambda log_w: 1 / effective(log_w),
        "those are the logarithms in the formula; it asks for the weights themselves.": of_weights,
        "that is its logarithm; exp once more.": lambda log_w: effective(log_w).log(),
    },
)


def weights(likelihood=1.0, prior=1.0, own=-1.0, mean=(), stretch=0.5, width=0.5, power=1.0, extra=lambda x, s, logvar: 0.0):
    """Return an answer: the factors of the three log densities, those that are averaged, the exponents of sigma, and what is added."""

    def log_weights(x, W, s, mu, logvar, eps):
        z = mu + torch.exp(stretch * logvar) * eps
        parts = {
            "p": likelihood * Normal(z @ W.T, s**power).log_prob(x),
            "prior": prior * Normal(torch.zeros_like(mu), 1.0).log_prob(z),
            "q": own * Normal(mu, torch.exp(width * logvar)).log_prob(z),
        }
        return sum(part.mean(-1) if name in mean else part.sum(-1) for name, part in parts.items()) + extra(x, s, logvar)

    return log_weights


def double_pi(x):
    return x.shape[1] / 2 * math.log(2 * math.pi)


exercise(
    "02.3",
    "log_weights",
    right=weights(),
    cases=[(noise(4, 5, seed=5), noise(5, 3, seed=6), 0.7, noise(4, 3, seed=7), noise(4, 3, seed=8), noise(6, 4, 3, seed=9))],
    what="the log weights",
    hint="They are log N(x; W z, s² I) + log N(z; 0, I) − log N(z; mu, exp(logvar)) at z = mu + sigma · eps.",
    slips={
        "log q(z|x) is missing: without it, that is log p(x, z), and its mean is no bound.": weights(own=0),
        "the prior is missing: log p(x, z) = log p(x|z) + log p(z).": weights(prior=0),
        "log q(z|x) is subtracted: the weight is p(x, z) *over* q(z|x).": weights(own=1),
        "a mean where a sum belongs: the pixels' log densities add up.": weights(mean=("p",)),
        "means where sums belong: the log densities of pixels and of latents add up.": weights(mean=("p", "prior", "q")),
        "exp(logvar) is the variance; noise is multiplied by the standard deviation, exp(logvar / 2).": weights(stretch=1),
        "exp(logvar) is the variance, and both the noise and log q(z|x) need its root.": weights(stretch=1, width=1),
        "in log q(z|x), exp(logvar) is the variance; Normal takes the standard deviation, exp(logvar / 2).": weights(width=1),
        "s is the standard deviation of p(x|z), and Normal takes s itself, not s².": weights(power=2),
        "s is the standard deviation of p(x|z), and Normal takes s itself, not its root.": weights(power=0.5),
        "−½ Σ logvar is missing in log q(z|x): a narrow density is a high one.": weights(extra=lambda x, s, lv: -lv.sum(-1) / 2),
        "−½ log 2π for each pixel is missing in log p(x|z).": weights(extra=lambda x, s, lv: double_pi(x)),
        "−log s for each pixel is missing in log p(x|z).": weights(extra=lambda x, s, lv: x.shape[1] * math.log(s)),
        "a log density has its ½ log 2π and its log s, and log p(x|z) needs them.": (
            weights(extra=lambda x, s, lv: double_pi(x) + x.shape[1] * math.log(s))
        ),
    },
)


def aggregate(covariance, mean=1.0):
    """Return an answer whose covariance is a function of mu and logvar."""

    def kl(mu, logvar):
        m, C = mean * mu.mean(0), covariance(mu, logvar)
        return 0.5 * (C.trace() + m @ m - len(m) - torch.logdet(C))

    return kl


def between(mu, correction=0):
    return torch.cov(mu.T, correction=correction)


def within(logvar):
    return logvar.exp().mean(0).diag()


def total(mu, logvar):
    return between(mu) + within(logvar)


exercise(
    "02.4",
    "aggregate_kl",
    right=aggregate(total),
    cases=[(noise(40, 3, seed=10) @ noise(3, 3, seed=11) + 0.5, noise(40, 3, seed=12) - 0.5)],
    what="the KL",
    hint="C = Cov(mu) + diag(mean of exp(logvar)).",
    slips={
        "that is the covariance of the posteriors' means only. Add the mean of their variances.": aggregate(
            lambda mu, logvar: between(mu)
        ),
        "that is the covariance of the posteriors' means only, and divided by N − 1. Add the mean of their variances.": (
            aggregate(lambda mu, logvar: between(mu, 1))
        ),
        "nearly: divide by N, not by N − 1 (correction=0). The N posteriors are the whole aggregate, not a sample of it.": (
            aggregate(lambda mu, logvar: between(mu, 1) + within(logvar))
        ),
        "you left out the correlations: C is a full matrix, and its determinant is not the product of the variances.": (
            aggregate(lambda mu, logvar: total(mu, logvar).diag().diag())
        ),
        "you left out the mean: m needs not be at the origin.": aggregate(total, mean=0.0),
        "that is the mean of the posteriors' variances. Their means vary as well, with covariance Cov(mu).": (
            aggregate(lambda mu, logvar: within(logvar))
        ),
        "that is the mean KL of the single posteriors. Take the KL of one Gaussian, with the mean and covariance of all.": (
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
        ),
        "average the variances, not the log-variances.": aggregate(lambda mu, logvar: between(mu) + logvar.mean(0).exp().diag()),
    },
)


def radius(eps, share):
    return stats.chi(eps.shape[1]).ppf(share)


def at_radius(direction, radius=radius):
    """Return an answer whose points are directions, brought to length 1, times a radius."""
    return lambda eps, share: torch.nn.functional.normalize(direction(eps), dim=1) * radius(eps, share)


def along(eps):
    return eps


def first(eps, count):
    """Return eps with all but its first latents at 0."""
    return eps * (torch.arange(eps.shape[1]) < count)


def other_noise(eps):
    return noise(*eps.shape, seed=0)


exercise(
    "02.5",
    "rim",
    right=(at_radius(along), lambda eps, share: eps * (radius(eps, share) / eps.norm(dim=1, keepdim=True))),
    cases=[(noise(200, Z, seed=13), share) for Z, share in ((16, 0.95), (128, 0.5), (2, 0.8))],
    what="the points",
    hint="The direction of a point is that of its row of eps, eps / ‖eps‖, and the radius is chi distributed.",
    bug={
        "With 16 latents its radius is 7.8, and 95 % of the prior lie within 5.1. And how many different points are there?": (
            lambda eps, share: torch.full_like(eps, stats.norm.ppf(0.5 + share / 2))
        )
    },
    slips={
        "that is the quantile of the squared radius (chi²); take its root.": at_radius(along, lambda e, p: radius(e, p) ** 2),
        "that is the typical radius, √Z, whatever the share. The radius is chi distributed: stats.chi(Z).ppf(share).": (
            at_radius(along, lambda eps, share: eps.shape[1] ** 0.5)
        ),
        "your points have different radii; they should all have one. Divide each by its own length first.": (
            lambda eps, share: eps * radius(eps, share) / eps.shape[1] ** 0.5
        ),
        "the radius is right, but your points do not lie in all directions: they are all one point.": at_radius(torch.ones_like),
        "the radius is right, but you have two points only, ±r on the first axis.": at_radius(partial(first, count=1)),
        "the radius is right, but your points lie on a circle.": at_radius(partial(first, count=2)),
        "the radius is right, but your points are corners of a cube: divide eps by its length, do not take its sign.": (
            at_radius(torch.sign)
        ),
        "the radius is right, but the directions are not those of eps, which you do not use.": at_radius(other_noise),
    },
)
