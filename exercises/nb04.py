"""The checks of notebook 04's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch
from scipy.stats import laplace

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("04.1", "laplace_sample")
def laplace_zone(answer) -> None:
    """Against SciPy's quantiles, and the gradients against finite differences of them."""
    generator = torch.Generator().manual_seed(5)
    mu, log_scale = torch.randn(2, 60, 3, generator=generator, dtype=torch.float64)
    u = torch.rand(60, 3, generator=generator, dtype=torch.float64) * 0.98 + 0.01
    wanted = torch.from_numpy(laplace.ppf(u.numpy(), mu.numpy(), log_scale.exp().numpy()))
    found = returned(answer, mu, log_scale, u, like=wanted, what="z")
    if not close(found, wanted):
        if close(found, 2 * mu - wanted):
            raise Wrong("it is a Laplace sample, but mirrored: a larger u must give a larger z. Check the sign.")
        if close(found - mu, (wanted - mu) / log_scale.exp() * log_scale):
            raise Wrong("log_scale is a logarithm; the scale is exp(log_scale).")
        if close(found - mu, (wanted - mu) / log_scale.exp() * torch.exp(0.5 * log_scale)):
            raise Wrong("log_scale is the logarithm of the scale itself, so it is not halved; only a log *variance* is.")
        lower = u < 0.5
        if close(found[lower], wanted[lower]) or close(found[~lower], wanted[~lower]):
            raise Wrong("one half is right, the other is not: F has two branches, and so has its inverse.")
        raise Wrong("it differs from the quantiles of the Laplace distribution. Solve u = F(z) for z, for u below and above ½.")
    leaves = mu.clone().requires_grad_(), log_scale.clone().requires_grad_()
    z = answer(*leaves, u)
    slopes = torch.autograd.grad(z.sum(), leaves, allow_unused=True) if z.requires_grad else (None, None)
    for name, slope, right in (("mu", slopes[0], torch.ones_like(mu)), ("log_scale", slopes[1], wanted - mu)):
        if slope is None or not close(slope, right):
            raise Wrong(
                f"the values are right, but the gradient to {name} is lost or wrong; use torch operations throughout, no .detach() or .data."
            )


@exercise("04.2", "leave_one_out")
def others(answer) -> None:
    """Against the mean over the others, taken one by one."""
    for K in (2, 7):
        values = torch.randn(K, generator=torch.Generator().manual_seed(K), dtype=torch.float64) + 3
        wanted = torch.stack([values[torch.arange(K) != i].mean() for i in range(K)])
        found = returned(answer, values, like=wanted, what="the baseline")
        if close(found, wanted):
            continue
        if close(found, values.mean().expand(K)):
            raise Wrong(
                "that is the mean of all values, a sample's own among them: then the mean gradient shrinks by the factor (K − 1)/K."
            )
        if close(found, wanted * (K - 1) / K):
            raise Wrong("the sum leaves the sample out, but you divide by K; only K − 1 values are in it.")
        if close(found, values - wanted):
            raise Wrong("that is f minus its baseline; return the baseline alone.")
        raise Wrong("each sample's baseline is (the sum of all values − its own value) / (K − 1).")


@exercise("04.3", "noisy_recon")
def recon_with_noise(answer) -> None:
    """Value and both gradients, against the closed form for recon(z) = Σ z²."""
    mu, logvar, eps = torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps

    def squares(z):
        return z.square().sum(1)

    found = returned(lambda *given: answer(squares, *given).detach(), mu, logvar, eps, like=squares(z), what="recon(z)")
    if close(found, squares(mu + logvar.exp() * eps)):
        raise Wrong("exp(logvar) is the variance; the noise is stretched by exp(logvar / 2).")
    if close(found, squares(mu)):
        raise Wrong("there is no noise left in z: sigma has to stay, with its gradient.")
    if not close(found, squares(z)):
        raise Wrong("recon is not evaluated at mu + sigma · eps any more.")
    leaves = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    loss = answer(squares, *leaves, eps).sum()
    to_mu, to_logvar = torch.autograd.grad(loss, leaves, allow_unused=True) if loss.requires_grad else (None, None)
    if to_mu is None or not close(to_mu, 2 * z):
        raise Wrong("now the gradient to mu is lost or wrong.")
    if to_logvar is None or not to_logvar.any():
        raise StillThere("What reaches logvar from recon is nothing at all, so KL alone decides about sigma.")
    if not close(to_logvar, z * sigma * eps):
        raise Wrong("a gradient reaches logvar, but not the right one.")


@exercise("04.4", "noisy_codes")
def codes_with_noise(answer) -> None:
    """Spread, independence between pictures, and new noise at every call; each by a wide margin."""
    B, sigma = 4000, torch.tensor([0.1, 0.5, 2.0])
    mu = torch.randn(B, 3, generator=torch.Generator().manual_seed(8))
    logvar = (2 * sigma.log()).expand(B, 3).clone()
    generator = torch.Generator().manual_seed(9)
    first = returned(answer, mu, logvar, generator, like=mu, what="z") - mu
    second = returned(answer, mu, logvar, generator, like=mu, what="z") - mu
    if close(first, second):
        raise Wrong("two calls give the same noise. Draw from the generator that is given, and do not seed it.")
    again = returned(answer, mu, logvar, torch.Generator().manual_seed(9), like=mu, what="z") - mu
    if not close(first, again):
        raise Wrong(
            "your noise does not come from the generator that is given: one seeded alike must give the same noise, or no run can be repeated."
        )
    shared = bool((first - first[:1]).abs().max() < 1e-4)
    probe = first if not shared else torch.cat([answer(mu[:1], logvar[:1], generator).double() - mu[:1] for _ in range(B)])
    spread = probe.square().mean(0).sqrt()
    squared = close(spread, sigma.square(), 0.15)
    if shared and squared:
        raise StillThere("Every picture of a batch gets the same noise; and it is stretched by sigma², not by sigma.")
    if shared:
        raise StillThere("One of two is mended. Every picture of a batch still gets the same noise: how many numbers are drawn?")
    if squared:
        raise StillThere("One of two is mended. The samples still spread by sigma² instead of sigma: what is exp(logvar)?")
    if not close(spread, sigma, 0.15):
        raise Wrong(f"for sigma = 0.1, 0.5, 2 the samples spread by {', '.join(f'{value:.2g}' for value in spread.tolist())}.")
    scaled = first / sigma
    if (scaled - scaled[:, :1]).abs().max() < 1e-4:
        raise Wrong("all latents of a picture share one number; each of the (B, Z) needs its own.")
    leaves = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    z = answer(*leaves, generator)
    slopes = torch.autograd.grad(z.sum(), leaves, allow_unused=True) if z.requires_grad else (None, None)
    if any(slope is None or not slope.any() for slope in slopes):
        raise Wrong(
            "the samples are right, but the gradient to mu or to logvar is lost; use mu + sigma · eps, no .sample() or .data."
        )
