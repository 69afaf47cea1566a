"""The checks of notebook 05's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch
from scipy.stats import norm
from torch.distributions import Independent, Normal, kl_divergence

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("05.1", "kl_between")
def between(answer) -> None:
    """Against torch.distributions, at random and where one of the usual slips shows."""
    mu1, logvar1, mu2, logvar2 = torch.randn(4, 50, 6, generator=torch.Generator().manual_seed(5))
    p, q = (Independent(Normal(mu, torch.exp(0.5 * logvar)), 1) for mu, logvar in ((mu1, logvar1), (mu2, logvar2)))
    wanted = kl_divergence(p, q)
    found = returned(answer, mu1, logvar1, mu2, logvar2, like=wanted, what="the divergence")
    if close(found, wanted, 1e-4):
        return
    if close(found, kl_divergence(q, p), 1e-4):
        raise Wrong(
            "that is KL(second ‖ first). The divergence is not symmetric; the first distribution is the one that is averaged over."
        )
    if close(found * 6, wanted, 1e-4):
        raise Wrong("you averaged over the latents. The divergences of independent coordinates add up.")
    if close(found * 2, wanted, 1e-4) or close(found, wanted * 2, 1e-4):
        raise Wrong("you are off by a factor of two: ½ stands before the whole sum, once.")
    standard = returned(answer, mu1, logvar1, 0 * mu2, 0 * logvar2, like=wanted, what="the divergence")
    if close(standard, 0.5 * (mu1**2 + logvar1.exp() - 1 - logvar1).sum(1), 1e-4):
        raise Wrong(
            "against N(0, I) it is right, but not against another zone. Distances are measured in units of the second zone's variance."
        )
    raise Wrong(
        "it differs from torch.distributions.kl_divergence. Start from ½ (σ₁²/σ₂² + (μ₁ − μ₂)²/σ₂² − 1 + log σ₂² − log σ₁²)."
    )


@exercise("05.2", "sample_zones")
def zones(answer) -> None:
    """The same noise gives the same sample, and gradients pass."""
    generator = torch.Generator().manual_seed(6)
    mu, logvar, eps = (
        torch.randn(4, 3, generator=generator),
        torch.randn(4, 3, generator=generator),
        torch.randn(7, 4, 3, generator=generator),
    )
    wanted = mu + torch.exp(0.5 * logvar) * eps
    found = returned(answer, mu, logvar, eps, like=wanted, what="z")
    if close(found, mu + torch.exp(logvar) * eps):
        raise Wrong("exp(logvar) is the variance; noise is stretched by the standard deviation, exp(logvar / 2).")
    if close(found, mu + logvar * eps):
        raise Wrong("logvar is a logarithm; the standard deviation is exp(logvar / 2).")
    if not torch.equal(answer(mu, logvar, eps), answer(mu, logvar, eps)):
        raise Wrong("you drew noise of your own; use the eps that is given.")
    if not close(found, wanted):
        raise Wrong("shift by mu, stretch by sigma: z = mu + sigma · eps, with the given eps.")
    leaves = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    z = answer(*leaves, eps)
    slopes = torch.autograd.grad(z.sum(), leaves, allow_unused=True) if z.requires_grad else (None, None)
    for name, slope in zip(("mu", "logvar"), slopes, strict=True):
        if slope is None or not slope.any():
            raise Wrong(f"the values are right, but the gradient to {name} is lost; use no .detach(), .data or torch.no_grad().")


@exercise("05.3", "hidden_beta")
def hidden(answer) -> None:
    """The ratio of the two weights once both terms are in nats per image."""
    for pixels, latents, scale in ((784, 5, 1.0), (3072, 64, 10.0), (12288, 64, 500.0)):
        wanted = torch.tensor((1 / latents) / (2 * scale / pixels))
        found = returned(answer, pixels, latents, scale, like=wanted, what="beta").item()
        ratio = found / wanted.item()
        if abs(ratio - 1) < 1e-4:
            continue
        if abs(ratio - 2) < 1e-4:
            raise Wrong("twice too large: a squared error is *twice* its nats, since a Gaussian's −log p has ½ (x − x̂)².")
        if abs(ratio - latents) < 1e-4:
            raise Wrong("the mean over KL runs over the latents too: it is 1/Z of the sum per image.")
        if abs(ratio * wanted.item() ** 2 - 1) < 1e-4:
            raise Wrong("that is the weight of recon over the weight of KL; beta is the other way round.")
        raise Wrong(f"for {pixels} pixels, {latents} latents and scale {scale:g} yours is {found:.4g}, not {wanted.item():.4g}.")


@exercise("05.4", "sample_and_rent")
def rent(answer) -> None:
    """The KL must belong to the distribution that the sample comes from; either reading of the head may be kept."""
    mu, head = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[-1.0, 0.5, 1.0]])
    stretch = answer(mu, head, torch.ones(1, 3))[0] - answer(mu, head, torch.zeros(1, 3))[0]
    wanted = kl_divergence(Independent(Normal(mu, stretch), 1), Independent(Normal(torch.zeros(3), torch.ones(3)), 1))
    found = returned(lambda *given: answer(*given)[1], mu, head, torch.ones(1, 3), like=wanted, what="the KL")
    if close(found, 0.5 * (mu**2 + head.exp() - 1 - head).sum(1)) and close(stretch, head.exp()):
        raise StillThere("The KL charges for another width than the samples have.")
    if not (close(stretch, head.exp()) or close(stretch, torch.exp(0.5 * head))):
        raise Wrong("now the sample is neither mu + exp(head) · eps nor mu + exp(head / 2) · eps.")
    if not close(found, wanted):
        raise Wrong(
            "sample and KL still disagree: from the sample's σ = exp(head), the KL needs σ² = exp(2 · head) and log σ² = 2 · head."
        )


@exercise("05.5", "equal_share_ticks")
def ticks(answer) -> None:
    """Against SciPy's normal quantiles at the middles of n equal shares."""
    for n in (5, 18):
        wanted = torch.from_numpy(norm.ppf((torch.arange(n).double() + 0.5).numpy() / n))
        found = returned(answer, n, like=wanted, what="the row of places")
        if found.isinf().any():
            raise StillThere("The outer ring of the grid decodes to nothing.")
        if close(found, wanted, 1e-4):
            continue
        if not close(found, -found.flip(0), 1e-4):
            raise Wrong("the places are finite, but not symmetric about 0.")
        if close(found, wanted.flip(0), 1e-4):
            raise Wrong("the places are right, but in falling order.")
        if close(found, torch.linspace(found[0].item(), found[-1].item(), n), 1e-4):
            raise Wrong("your places are evenly spaced; they should have equal *shares* of the prior between them.")
        raise Wrong(
            f"the places are finite and symmetric, but the first should be the {50 / n:.3g} % quantile: the middle of the first share."
        )
