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


def gradient_table(f, mu, logvar, eps):
    """04.5: the gradient of a sum of independent samples is, for each sample, its own; then means and standard errors."""
    sigma = torch.exp(0.5 * logvar)  # (Z,)
    z = (mu + sigma * eps).detach().requires_grad_()  # (K, Z)
    value = f(z)  # (K,)
    slope = torch.autograd.grad(value.sum(), z)[0]  # (K, Z): df/dz of each sample
    value = value.detach()[:, None]

    pathwise_mu = slope  # dz/dmu = 1
    pathwise_logvar = slope * 0.5 * sigma * eps  # dz/dlogvar = sigma eps / 2
    score_mu = value * eps / sigma
    score_logvar = value * 0.5 * (eps**2 - 1)

    rows = []
    for samples in (pathwise_mu, pathwise_logvar, score_mu, score_logvar):
        error = samples.std(0) / len(samples) ** 0.5
        rows.append(torch.stack([samples.mean(0), error]))  # (2, Z)
    return torch.stack(rows).reshape(2, 2, 2, -1)
