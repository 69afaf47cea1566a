"""Solutions to the exercises of notebook 03, with the reason for each."""

import math

import torch
from torch.distributions import Independent, Normal


def divergence_in_bits(q, p):
    """03.1: leave out what never happens; the logarithm to base 2 makes it bits; q / 0 is inf, and so is its logarithm."""
    happens = q > 0
    return (q[happens] * torch.log2(q[happens] / p[happens])).sum()


def covering_gaussian(weights, means, sigmas):
    """03.2: forward matches moments; a mixture's variance is the mean of the variances plus the variance of the means."""
    mean = (weights * means).sum()
    variance = (weights * (sigmas**2 + (means - mean) ** 2)).sum()
    return torch.stack([mean, variance.sqrt()])


def kl_gradients(mu, logvar, beta):
    """03.3: the derivatives of ½ (mu² + exp(logvar) − 1 − logvar); expm1 keeps the digits near 0."""
    return beta * torch.stack([mu, 0.5 * torch.expm1(logvar)])


def estimated_kl(mu, logvar, log_prior, eps):
    """03.4: sample the posterior, average log q − log p over the samples; the error of a mean is the deviation over √K."""
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps  # (K, Z)
    ratio = Independent(Normal(mu, sigma), 1).log_prob(z) - log_prior(z)  # (K,)
    return torch.stack([ratio.mean(), ratio.std() / math.sqrt(len(ratio))])


def kl_per_image(mu, logvar):
    """03.5: divergences of independent coordinates add up; the mean over Z latents divides the KL by Z."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def kl_by_eigenvalues(m1, S1, m2, S2):
    """03.6: a product of symmetric matrices is not symmetric. With S2 = L Lᵀ, L⁻¹ S1 L⁻ᵀ is, and has the same eigenvalues."""
    root = torch.linalg.cholesky(S2)
    half = torch.linalg.solve_triangular(root, S1, upper=False)  # L⁻¹ S1
    symmetric = torch.linalg.solve_triangular(root, half.T, upper=False)  # L⁻¹ S1 L⁻ᵀ
    eigenvalues = torch.linalg.eigvalsh(symmetric)
    d = m1 - m2
    return 0.5 * (eigenvalues - 1 - eigenvalues.log()).sum() + 0.5 * d @ torch.linalg.solve(S2, d)
