"""The checks of notebook 03's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import torch
from scipy.stats import entropy
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal, kl_divergence

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("03.1", "divergence_in_bits")
def bits(answer) -> None:
    """Against SciPy's relative entropy, zeros included."""
    q, p = torch.tensor([0.5, 0.25, 0.125, 0.125]).double(), torch.tensor([0.125, 0.5, 0.25, 0.125]).double()
    wanted, other_way = (torch.tensor(entropy(a, b, base=2)) for a, b in ((q, p), (p, q)))
    found = returned(answer, q, p, like=wanted, what="the divergence")
    if close(found, wanted * math.log(2)):
        raise Wrong("that is in nats; with the logarithm to base 2 it is in bits.")
    if close(found, other_way):
        raise Wrong("that is KL(p ‖ q). The first argument is what really happens, and the one that is averaged over.")
    if close(found, -wanted):
        raise Wrong("the sign is wrong: a divergence is never negative. The logarithm is of q over p.")
    if not close(found, wanted):
        raise Wrong(f"for q = (½, ¼, ⅛, ⅛) and p = (⅛, ½, ¼, ⅛) it is {wanted:.4g} bits, but yours is {found:.4g}.")
    never = torch.tensor([0.5, 0.5, 0.0]).double(), torch.tensor([0.25, 0.25, 0.5]).double()
    try:
        value = torch.as_tensor(answer(*never)).double()
    except (ValueError, ZeroDivisionError) as error:
        raise Wrong(
            f"where q = 0 your code raised {type(error).__name__}: what never happens costs nothing, so leave it out."
        ) from None
    if not close(value, 1.0):
        raise Wrong(
            f"what never happens (q = 0) costs nothing: 0 · log 0 counts as 0. KL((½, ½, 0) ‖ (¼, ¼, ½)) is 1 bit, yours is {value:.4g}."
        )
    try:
        value = torch.as_tensor(answer(never[1], never[0])).double()
    except (ValueError, ZeroDivisionError) as error:
        raise Wrong(f"where p = 0 < q your code raised {type(error).__name__}, but the divergence is infinite there.") from None
    if not value.isposinf():
        raise Wrong(
            f"what happens although p = 0 costs infinitely much, but yours says {value:.4g}. Add no small number to p: it hides this."
        )


@exercise("03.2", "covering_gaussian")
def covering(answer) -> None:
    """Against the moments of the mixture, integrated on a fine grid."""
    weights, means, sigmas = torch.tensor([[0.6, 0.3, 0.1], [-2.0, 2.5, 6.0], [0.7, 0.5, 1.5]]).double()
    grid = torch.linspace(-20, 25, 20_001).double()
    density = (weights[:, None] * Normal(means[:, None], sigmas[:, None]).log_prob(grid).exp()).sum(0)
    mean = torch.trapezoid(density * grid, grid)
    sigma = torch.trapezoid(density * (grid - mean) ** 2, grid).sqrt()
    found = returned(answer, weights, means, sigmas, like=torch.stack([mean, sigma]), what="mean and standard deviation")
    if not close(found[0], mean):
        if close(found[0], means[0], 0.05):
            raise Wrong(
                "you sit on the heaviest bump. That is what the *reverse* divergence does; forward has to cover all of them."
            )
        raise Wrong("the mean should be the mixture's: each component's mean, by its weight.")
    if close(found[1], sigma**2):
        raise Wrong("that is the variance; return its square root.")
    if close(found[1], (weights * sigmas**2).sum().sqrt()):
        raise Wrong(
            "you averaged the widths within the bumps and forgot how far the bumps lie apart: add the variance *between* the means."
        )
    if close(found[1], (weights * (means - mean) ** 2).sum().sqrt()):
        raise Wrong("you took how far the bumps lie apart and forgot their own widths.")
    if not close(found[1], sigma):
        raise Wrong(f"the mean is right; the standard deviation should be {sigma:.4g}, but yours is {found[1]:.4g}.")


@exercise("03.3", "pull_of_rent")
def pull(answer) -> None:
    """Against autograd through the definition."""
    mu, logvar = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    leaves = mu.clone().requires_grad_(), logvar.clone().requires_grad_()
    zone, prior = Independent(Normal(leaves[0], torch.exp(0.5 * leaves[1])), 1), Independent(Normal(0 * mu, 1.0), 1)
    wanted = torch.stack(torch.autograd.grad(2.5 * kl_divergence(zone, prior).sum(), leaves))
    found = returned(answer, mu, logvar, 2.5, like=wanted, what="the pair of gradients")
    if close(found, wanted):
        return
    if close(found * 2.5, wanted):
        raise Wrong("beta multiplies the loss, and so its gradient.")
    if close(found, -wanted):
        raise Wrong("that is the step, not the gradient: turn the sign of both.")
    if any(close(found * count, wanted) for count in (len(mu), mu.numel())):
        raise Wrong("you took a mean. The loss is summed over images and latents, so each entry has its own full gradient.")
    if not close(found[0], wanted[0]):
        if close(found[0] * 2.5, wanted[0]):
            raise Wrong("beta multiplies the whole loss, and so the gradient to mu as well.")
        raise Wrong("the gradient to mu is wrong: beta · ½ mu² has the derivative beta · mu.")
    if close(found[1] * 2.5, wanted[1]):
        raise Wrong("beta multiplies the whole loss, and so the gradient to logvar as well.")
    sigma = torch.exp(0.5 * logvar)
    if close(found[1], 2.5 * (sigma - 1 / sigma)):
        raise Wrong("that is the gradient to σ, not to logvar = log σ²; the chain rule multiplies it by dσ/dlogvar = σ/2.")
    if close(found[1], 2.5 * 0.5 * (1 - 1 / sigma**2)):
        raise Wrong("that is the gradient to the variance; the chain rule multiplies it by dσ²/dlogvar = σ².")
    if close(found[1], 2 * wanted[1]):
        raise Wrong("the gradient to logvar is twice too large: ½ stands before all of the terms.")
    raise Wrong("the gradient to logvar is wrong: derive ½ (exp(logvar) − 1 − logvar).")


@exercise("03.4", "estimated_rent")
def estimated(answer) -> None:
    """Against the same estimate by torch.distributions, for a Laplace prior."""
    generator = torch.Generator().manual_seed(4)
    mu, logvar, eps = (
        torch.tensor([0.5, -1.0]).double(),
        torch.tensor([-1.0, 0.4]).double(),
        torch.randn(500, 2, generator=generator).double(),
    )
    prior = Independent(Laplace(torch.zeros(2).double(), 1.0), 1)
    sigma = torch.exp(0.5 * logvar)

    def ratios(sigma, scale):
        z = mu + scale * eps
        return Independent(Normal(mu, sigma), 1).log_prob(z) - prior.log_prob(z)

    ratio = ratios(sigma, sigma)
    wanted = torch.stack([ratio.mean(), ratio.std() / len(eps) ** 0.5])
    found = returned(answer, mu, logvar, prior.log_prob, eps, like=wanted, what="estimate and error")
    if close(found[0], -wanted[0]):
        raise Wrong("the estimate has the wrong sign: it is log q − log p, averaged over samples of q.")
    if close(found[0], ratios(sigma**2, sigma**2).mean()) or close(found[0], ratios(sigma, sigma**2).mean()):
        raise Wrong("you stretched the noise by the variance; σ is exp(logvar / 2).")
    if not close(found[0], wanted[0]):
        raise Wrong(
            "the estimate is wrong. Sample z = mu + sigma · eps, sum log q over the coordinates, subtract log_prior(z), take the mean over the samples."
        )
    if close(found[1], ratio.std()):
        raise Wrong("that is the standard deviation of *one* sample; the mean of K of them is √K times as precise.")
    if close(found[1], ratio.var() / len(eps)):
        raise Wrong("that is the variance of the mean; the standard error is its square root.")
    if not close(found[1], wanted[1], 3e-3):  # K and K − 1 are both fine
        raise Wrong("the estimate is right; its standard error should be the standard deviation of the log ratios over √K.")


@exercise("03.5", "rent_per_image")
def averaged(answer) -> None:
    """Against torch.distributions; empty latents must add nothing."""
    mu, logvar = torch.randn(2, 20, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    wanted = kl_divergence(Independent(Normal(mu, torch.exp(0.5 * logvar)), 1), Independent(Normal(0 * mu, 1.0), 1))
    found = returned(answer, mu, logvar, like=wanted, what="the rent")
    if close(found * 4, wanted):
        padded = returned(answer, *(torch.cat([part, 0 * part], 1) for part in (mu, logvar)), like=wanted, what="the rent")
        if close(padded * 8, wanted):
            raise StillThere("The same zone with four empty latents beside its four pays half as much.")
        raise Wrong("the factor may not be written in by hand: with eight latents the rent is wrong again.")
    if not close(found, wanted):
        raise Wrong("it differs from torch.distributions.kl_divergence; only one word had to change.")
    padded = returned(answer, *(torch.cat([part, 0 * part], 1) for part in (mu, logvar)), like=wanted, what="the rent")
    if not close(padded, wanted):
        raise Wrong("for four latents it is right, for eight it is not: a latent with mu = 0 and logvar = 0 must add nothing.")


@exercise("03.6", "kl_by_eigenvalues")
def eigenvalues(answer) -> None:
    """Against torch.distributions for correlated covariances, in both orders of the coordinates."""
    generator = torch.Generator().manual_seed(6)
    still = False
    for size, ridge in ((2, 2.0), (5, 0.3)):  # the slip gives a wrong number for the first, nan for the second
        m1, m2 = torch.randn(2, size, generator=generator, dtype=torch.float64)
        roots = torch.randn(2, size, size, generator=generator, dtype=torch.float64)
        S1, S2 = roots @ roots.mT + ridge * torch.eye(size)
        wanted = kl_divergence(MultivariateNormal(m1, S1), MultivariateNormal(m2, S2))
        product, d = torch.linalg.solve(S2, S1), m1 - m2
        published = torch.linalg.eigvalsh(product)
        slip = 0.5 * (published - 1 - published.log()).sum() + 0.5 * d @ torch.linalg.solve(S2, d)
        value = torch.as_tensor(answer(m1, S1, m2, S2))
        if value.is_complex():
            raise Wrong(
                "the value is complex. `eigvals` is right for a matrix that is not symmetric; the eigenvalues are real here, so take .real of them."
            )
        if value.shape == () and torch.allclose(value.double(), slip, rtol=1e-6, equal_nan=True):
            still = True
            continue
        found = returned(answer, m1, S1, m2, S2, like=wanted, what="the divergence")
        if close(found, kl_divergence(MultivariateNormal(m2, S2), MultivariateNormal(m1, S1))):
            raise Wrong("that is KL(second ‖ first).")
        mirrored = torch.linalg.eigvalsh(0.5 * (product + product.mT))
        if close(found, 0.5 * (mirrored - 1 - mirrored.log()).sum() + 0.5 * d @ torch.linalg.solve(S2, d)):
            raise Wrong(
                "you made the product symmetric by averaging it with its mirror image. That is another matrix, with other eigenvalues."
            )
        if not close(found, wanted):
            raise Wrong(f"in {size} dimensions it differs from torch.distributions: {found:.4g} instead of {wanted:.4g}.")
    if still:
        raise StillThere(
            "eigvalsh reads one triangle of its matrix and takes the other for its mirror image; S2⁻¹ S1 is not symmetric."
        )
