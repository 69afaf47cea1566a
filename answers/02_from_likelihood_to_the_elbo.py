"""Solutions to the exercises of notebook 02, with the reason for each."""

import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal


def log_evidence(x, W, b, sigma):
    """02.1: x = W z + b + sigma · eps is a linear map of normals: mean b, covariance W Wᵀ + sigma² I."""
    covariance = W @ W.T + sigma**2 * torch.eye(len(b), dtype=W.dtype)
    return MultivariateNormal(b, covariance).log_prob(x)


def effective_samples(log_weights):
    """02.2: the log of (Σ w)² / Σ w² is 2 · logsumexp(log w) − logsumexp(2 · log w); only the result leaves the logarithm."""
    return (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp()


def log_weights(x, W, s, mu, logvar, eps):
    """02.3: three log densities, each summed over its last axis; torch keeps all constants."""
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps  # (K, B, Z)
    log_likelihood = Normal(z @ W.T, s).log_prob(x).sum(-1)
    log_prior = Normal(torch.zeros_like(mu), 1.0).log_prob(z).sum(-1)
    return log_likelihood + log_prior - Normal(mu, sigma).log_prob(z).sum(-1)


def aggregate_kl(mu, logvar):
    """02.4: total covariance = covariance of the means + mean of the posteriors' covariances."""
    m, C = mu.mean(0), torch.cov(mu.T, correction=0) + logvar.exp().mean(0).diag()
    return 0.5 * (C.trace() + m @ m - len(m) - torch.logdet(C))


def rim(eps, share):
    """02.5: shares of N(0, I) are shares of the radius, which is chi distributed with Z degrees; the direction comes from eps.

    Two mistakes: one coordinate's quantile was set in all Z (radius 1.96 √Z, nearly twice too far out), and all points were one.
    """
    return eps / eps.norm(dim=1, keepdim=True) * stats.chi(eps.shape[1]).ppf(share)
