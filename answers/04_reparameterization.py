"""Solutions to the exercises of notebook 04, with the reason for each."""

import torch


def laplace_sample(mu, log_scale, u):
    """04.1: below ½, u = ½ exp((z − mu)/c) gives z = mu + c log 2u; above, z = mu − c log 2(1 − u). One line holds both."""
    from_half = u - 0.5
    return mu - torch.exp(log_scale) * torch.sign(from_half) * torch.log1p(-2 * from_half.abs())


def leave_one_out(values):
    """04.2: the mean of all K would hold the sample's own f, and shrink the mean gradient to (K − 1)/K of itself."""
    return (values.sum() - values) / (len(values) - 1)


def noisy_recon(recon, mu, logvar, eps):
    """04.3: .data lets no gradient from recon reach logvar; then KL alone decides about sigma, and its minimum is 1."""
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps
    return recon(z)


def noisy_codes(mu, logvar, generator):
    """04.4: one number for every image and latent; and sigma is exp(logvar / 2)."""
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps
