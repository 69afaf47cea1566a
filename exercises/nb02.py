"""The checks of notebook 02's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import torch
from scipy import stats
from torch.distributions import Independent, Normal

from exercises import StillThere, Wrong, close, exercise, returned


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@exercise("02.1", "log_evidence")
def evidence(answer) -> None:
    """Against SciPy's multivariate normal."""
    x, W, b, sigma = noise(30, 5, seed=1), noise(5, 2, seed=2), noise(5, seed=3), 0.4
    eye = torch.eye(5, dtype=torch.float64)

    def oracle(covariance, mean=b):
        return torch.from_numpy(stats.multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(x.numpy()))

    wanted = oracle(W @ W.T + sigma**2 * eye)
    try:
        found = returned(answer, x, W, b, sigma, like=wanted, what="log p(x)")
    except ValueError as error:
        if "PositiveDefinite" not in str(error):
            raise
        raise Wrong(
            "your covariance is not positive definite. W Wᵀ alone has rank Z and room for no more; the noise adds sigma² I."
        ) from None
    if close(found, wanted):
        return
    if close(found, oracle(W @ W.T + sigma * eye)):
        raise Wrong("sigma is a standard deviation; the covariance needs sigma².")
    if close(found, oracle(W @ W.T + eye)):
        raise Wrong("the noise has variance sigma², not 1: the covariance of x is W Wᵀ + sigma² I.")
    if close(found, oracle((W @ W.T).diagonal().diag() + sigma**2 * eye)):
        raise Wrong(
            "you left out the correlations: given z the pixels are independent, but the z that they share ties them together."
        )
    if close(found, oracle(sigma**2 * eye)):
        raise Wrong("that is log p(x|z = 0), one place only. Summing over all places adds W Wᵀ to the covariance.")
    if close(found, oracle(W @ W.T + sigma**2 * eye, 0 * b)):
        raise Wrong("you forgot b: it is the mean of x.")
    if close(found, wanted.exp()):
        raise Wrong("that is p(x); its logarithm was asked for.")
    raise Wrong("it differs from the log density of N(b, W Wᵀ + sigma² I). Check the covariance, its shape is (P, P).")


@exercise("02.2", "effective_samples")
def effective(answer) -> None:
    """At moderate weights, then where exp underflows."""
    log_w = 2 * noise(8, 5, seed=4)
    w = log_w.exp()
    wanted = w.sum(0).square() / w.square().sum(0)
    found = returned(answer, log_w, like=wanted, what="the effective sample size")
    if not close(found, wanted):
        if close(found * 8, wanted):
            raise Wrong("that is a share between 0 and 1; leave it as a number of samples between 1 and K.")
        if close(found, 1 / wanted):
            raise Wrong("upside down: the squared sum goes above, the sum of squares below.")
        if close(found, log_w.sum(0).square() / log_w.square().sum(0)):
            raise Wrong("those are the logarithms in the formula; it asks for the weights themselves.")
        if close(found, wanted.log()):
            raise Wrong("that is the logarithm of it; exp once more.")
        raise Wrong("it differs from (Σ w)² / Σ w² over the K weights of each column.")
    try:
        low = returned(answer, log_w - 1000, like=wanted, what="the effective sample size")
    except Wrong as reason:
        raise Wrong(
            f"right for weights of ordinary size, but near −1000 exp(log w) is 0, and 0 / 0 is no number. ({reason})"
        ) from None
    if not close(low, wanted):
        raise Wrong(
            "right for weights of ordinary size, but near −1000 exp(log w) underflows. Multiplying all weights by one number changes nothing: use logsumexp."
        )


@exercise("02.3", "log_weights")
def weights(answer) -> None:
    """Against three log densities of torch.distributions; W and the sizes are such that usual slips differ."""
    x, W, s, mu, logvar, eps = (
        noise(4, 5, seed=5),
        noise(5, 3, seed=6),
        0.7,
        noise(4, 3, seed=7),
        noise(4, 3, seed=8),
        noise(6, 4, 3, seed=9),
    )
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps
    picture = Normal(z @ W.T, s).log_prob(x).sum(-1)
    prior, own = Normal(torch.zeros(3).double(), 1.0).log_prob(z).sum(-1), Independent(Normal(mu, sigma), 1).log_prob(z)
    wanted = picture + prior - own
    found = returned(answer, x, W, s, mu, logvar, eps, like=wanted, what="the log weights")
    if close(found, wanted):
        return
    if close(found, picture + prior):
        raise Wrong("log q(z|x) is missing: without it, that is log p(x, z), and its mean is no bound.")
    if close(found, picture - own):
        raise Wrong("the prior is missing: log p(x, z) = log p(x|z) + log p(z).")
    if close(found, picture + prior + own):
        raise Wrong("log q(z|x) is subtracted: the weight is p(x, z) *over* q(z|x).")
    if close(found, picture / 5 + prior - own):
        raise Wrong("a mean where a sum belongs: the pixels' log densities add up, all 5 of them.")
    if close(found, picture / 5 + (prior - own) / 3):
        raise Wrong("means where sums belong: the log densities of pixels and of latents add up.")
    wide = mu + logvar.exp() * eps
    slip = Normal(wide @ W.T, s).log_prob(x).sum(-1) + Normal(torch.zeros(3).double(), 1.0).log_prob(wide).sum(-1)
    if any(close(found, slip - Independent(Normal(mu, width), 1).log_prob(wide)) for width in (sigma, logvar.exp())):
        raise Wrong("exp(logvar) is the variance; noise is stretched by the standard deviation, exp(logvar / 2).")
    if close(found, picture + prior - Independent(Normal(mu, logvar.exp()), 1).log_prob(z)):
        raise Wrong("in log q(z|x), exp(logvar) is the variance; Normal takes the standard deviation, exp(logvar / 2).")
    if any(close(found, Normal(z @ W.T, width).log_prob(x).sum(-1) + prior - own) for width in (s**2, s**0.5)):
        raise Wrong("s is the standard deviation of p(x|z): its variance is s², and Normal takes s itself.")
    if close(found + logvar.sum(-1) / 2, wanted) or close(found - logvar.sum(-1) / 2, wanted):
        raise Wrong("−½ Σ logvar is missing in log q(z|x): a narrow density is a high one.")
    if close(found - found.mean(), wanted - wanted.mean(), 1e-4):
        raise Wrong("all of them are off by one constant: a log density has its ½ log 2π and its log σ, and p(x) needs them.")
    raise Wrong("it differs from log N(x; W z, s² I) + log N(z; 0, I) − log N(z; mu, exp(logvar)) at z = mu + sigma · eps.")


@exercise("02.4", "gaussian_hole")
def seen_hole(answer) -> None:
    """Against torch's KL between Gaussians, with the covariance of the mixture."""
    mu, logvar = noise(40, 3, seed=10) @ noise(3, 3, seed=11) + 0.5, noise(40, 3, seed=12) - 0.5

    def oracle(covariance, mean=None):
        mean = mu.mean(0) if mean is None else mean
        return 0.5 * (covariance.trace() + mean @ mean - 3 - torch.logdet(covariance))

    between, within = torch.cov(mu.T, correction=0), logvar.exp().mean(0).diag()
    wanted = oracle(between + within)
    found = returned(answer, mu, logvar, like=wanted, what="the hole")
    if close(found, wanted):
        return
    if close(found, oracle(between)) or close(found, oracle(torch.cov(mu.T))):
        raise Wrong(
            "that is the covariance of the zones' middles only. The zones are wide: the mean of their variances comes on top."
        )
    if close(found, oracle(torch.cov(mu.T) + within)):
        raise Wrong("nearly: divide by N, not by N − 1 (correction=0). The N zones are the whole aggregate, not a sample of it.")
    if close(found, oracle((between + within).diagonal().diag())):
        raise Wrong("you left out the correlations: C is a full matrix, and its determinant is not the product of the variances.")
    if close(found, oracle(between + within, 0 * mu[0])):
        raise Wrong("you left out the mean: a cloud beside the origin has a hole too.")
    if close(found, oracle(within)):
        raise Wrong("that is the mean width of the zones. Their middles are spread out as well, with covariance Cov(mu).")
    if close(found, 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()):
        raise Wrong(
            "that is the mean rent, each zone against the prior. The hole is what the whole cloud pays, as if it were one zone."
        )
    if close(found, oracle(between + logvar.mean(0).exp().diag())):
        raise Wrong("average the variances, not the log-variances.")
    raise Wrong(
        f"for the zones tried it should be {wanted.item():.4f}, and yours is {found.item():.4f}. C = Cov(mu) + diag(mean of exp(logvar))."
    )


@exercise("02.5", "rim")
def rim(answer) -> None:
    """The radius against SciPy's chi distribution; directions must differ and favour none."""
    for n, Z, share in ((200, 16, 0.95), (200, 128, 0.5)):
        eps = noise(n, Z, seed=13)
        found = returned(answer, eps, share, like=eps, what="the points")
        if close(found, torch.full_like(eps, stats.norm.ppf(0.5 + share / 2))):
            raise StillThere(
                f"With {Z} latents, its radius is {found[0].norm():.1f}; {share:.0%} of the prior lie within {stats.chi(Z).ppf(share):.1f}. And how many different points are there?"
            )
        radii, wanted = found.norm(dim=1), torch.tensor(stats.chi(Z).ppf(share))
        if not close(radii, radii.mean().expand(n)):
            raise Wrong("your points have different radii; they should all lie at one. Divide each by its own length first.")
        if close(radii, wanted.square().expand(n)):
            raise Wrong("that is the quantile of the squared radius (chi²); take its root.")
        if close(radii, torch.tensor(math.sqrt(Z)).double().expand(n)):
            raise Wrong("that is the shell itself, √Z, whatever the share. The radius is chi distributed: stats.chi(Z).ppf(share).")
        if not close(radii, wanted.expand(n)):
            raise Wrong(f"with {Z} latents, {share:.0%} of N(0, I) lie within {wanted:.3f}, and your radius is {radii.mean():.3f}.")
        if (found / radii[:, None]).mean(0).norm() > 0.4:
            raise Wrong(
                "the radius is right, but your points do not lie in all directions. eps / ‖eps‖ is a uniformly random direction."
            )
