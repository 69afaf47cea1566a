"""The checks of notebook 06's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch
from torch import Tensor

from exercises import StillThere, Wrong, close, exercise, returned
from helpers import objective


def water(eigenvalues: Tensor, sigma: float, beta: float, latents: int) -> Tensor:
    """Return (expected squared error, kl) of the best linear beta-VAE with at most `latents` latents."""
    ordered, level = eigenvalues.sort(descending=True).values, beta * sigma**2
    best = ordered[:latents]
    squares = best.clamp(max=level).sum() + ordered[latents:].sum()
    return torch.stack([squares, 0.5 * (best / level).clamp(min=1).log().sum()])


@exercise("06.1", "water_filling")
def filling(answer) -> None:
    """Against the closed form; the usual slips each have a formula of their own."""
    spectrum = torch.tensor([0.5, 6.0, 2.0, 0.1, 3.0, 1.0], dtype=torch.float64)
    for sigma, beta, latents in ((1.0, 0.7, 6), (0.5, 2.0, 6), (0.5, 2.0, 2), (1.0, 9.0, 3), (2.0, 0.2, 4)):
        wanted = water(spectrum, sigma, beta, latents)
        found = returned(answer, spectrum, sigma, beta, latents, like=wanted, what="the pair (squared error, kl)")
        if close(found, wanted, 1e-5):
            continue
        slips = {
            "the waterline is beta · sigma², not beta · sigma.": water(spectrum, sigma**0.5, beta, latents),
            "the waterline is beta · sigma², not beta alone.": water(spectrum, 1.0, beta, latents),
            "you use more latents than allowed; the smallest directions have to go, and their whole variance is lost.": water(
                spectrum, sigma, beta, 6
            ),
            "kl is ½ log(λ / T): the ½ is missing.": wanted * torch.tensor([1.0, 2.0]),
            "kl is in nats: use the natural logarithm.": wanted / torch.tensor([1.0, 0.6931471805599453]),
            "that is recon, squared error / 2 sigma²; asked is the squared error itself.": wanted
            / torch.tensor([2 * sigma**2, 1.0]),
        }
        for reason, value in slips.items():
            if close(found, value, 1e-5):
                raise Wrong(reason)
        unclamped = 0.5 * (spectrum.sort(descending=True).values[:latents] / (beta * sigma**2)).log().sum()
        if found[1] < 0 or not found[1].isfinite() or close(found[1], unclamped, 1e-5):
            raise Wrong(
                "some direction adds a negative kl: below the waterline it costs nothing, so clamp the ratio at 1 before the log."
            )
        cut = spectrum[:latents]
        unsorted = cut.clamp(max=beta * sigma**2).sum() + spectrum[latents:].sum()
        if latents < len(spectrum) and close(found[0], unsorted, 1e-5):
            raise Wrong("the eigenvalues come in any order; the latents go to the *largest* of them.")
        pair = f"({found[0].item():.4g}, {found[1].item():.4g}), not ({wanted[0].item():.4g}, {wanted[1].item():.4g})"
        raise Wrong(f"for sigma {sigma:g}, beta {beta:g} and {latents} latents yours is {pair}. A used direction keeps min(λ, T).")


def batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x, x_hat, mu and logvar of a small invented batch."""
    generator = torch.Generator().manual_seed(6)
    x, x_hat = torch.rand(2, 6, 3, 5, 5, generator=generator)
    mu, logvar = torch.randn(2, 6, 4, generator=generator)
    return x, x_hat, mu, logvar


def weights(loss, x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> tuple[float, float]:
    """Return the weights of ½ Σ (x − x_hat)² and of Σ KL per image in a loss, from its gradients."""
    x_hat, mu = x_hat.clone().requires_grad_(), mu.clone().requires_grad_()
    value = loss(x, x_hat, mu, logvar)
    if not (isinstance(value, Tensor) and value.ndim == 0 and value.requires_grad):
        raise Wrong("each loss must be one number, a scalar tensor through which gradients flow.")
    to_x, to_mu = torch.autograd.grad(value, (x_hat, mu))
    own_x, own_mu = (x_hat - x).detach() / len(x), mu.detach() / len(x)
    a, b = (to_x * own_x).sum() / own_x.square().sum(), (to_mu * own_mu).sum() / own_mu.square().sum()
    if not (close(to_x, a * own_x, 1e-3) and close(to_mu, b * own_mu, 1e-3)):
        raise Wrong("the loss is no longer squared error plus KL: its gradients point elsewhere.")
    return a.item(), b.item()


def in_nats(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the summed KL per image."""
    return objective.gaussian_kl(mu, logvar)


STRANGERS = {
    "½ Σ squared error + 3 Σ KL": (3.0, lambda x, y, mu, lv: ((x - y) ** 2).sum((1, 2, 3)).mean() / 2 + 3 * in_nats(mu, lv).mean()),
    "Σ squared error + Σ KL, summed over the batch": (0.5, lambda x, y, mu, lv: ((x - y) ** 2).sum() + in_nats(mu, lv).sum()),
    "mean squared error + 0.1 · mean KL": (
        0.1 / 4 * 75 / 2,
        lambda x, y, mu, lv: ((x - y) ** 2).mean() + 0.1 * in_nats(mu, lv).mean() / 4,
    ),
    "500 · mean squared error + Σ KL over batch and latents": (
        6 * 75 / 1000,
        lambda x, y, mu, lv: 500 * ((x - y) ** 2).mean() + in_nats(mu, lv).sum(),
    ),
}


@exercise("06.2", "measured_beta")
def measured(answer) -> None:
    """Four losses whose beta is known by arithmetic."""
    for name, (beta, loss) in STRANGERS.items():
        wanted = torch.tensor(beta)
        try:
            found = returned(lambda *given, loss=loss: detached(answer(loss, *given)), *batch(), like=wanted, what="beta").item()
        except RuntimeError as error:
            if "does not require grad" not in str(error):
                raise
            raise Wrong(
                "x_hat and mu are plain numbers here: call requires_grad_() on copies of both before you compute the loss."
            ) from error
        ratio = found / beta
        if abs(ratio - 1) < 1e-3:
            continue
        if abs(ratio - 2) < 1e-3 or abs(ratio - 0.5) < 1e-3:
            raise Wrong(
                f"off by a factor of two on {name}. The gradient of ½ Σ (x − x_hat)² to x_hat is x_hat − x, and that of KL to mu is mu: no 2 in either."
            )
        if abs(found * beta - 1) < 1e-3:
            raise Wrong("that is the weight of recon over the weight of KL; beta is the other way round.")
        if abs(ratio - 6) < 1e-3 or abs(ratio - 1 / 6) < 1e-3:
            raise Wrong("you are off by the batch size; compare both gradients with those of the *batch's mean*, or neither.")
        raise Wrong(
            f"on {name} yours is {found:.4g}, not {beta:.4g}. beta = (gradient to mu) / mu over (gradient to x_hat) / (x_hat − x)."
        )


def detached(value):
    """Return a number without its gradient's history, so that it can be compared."""
    return value.detach() if isinstance(value, Tensor) else value


@exercise("06.3", "cyclical")
def cycles(answer) -> None:
    """At places in every cycle, on the ramp, at its end, and on the plateau."""
    for count, share in ((3, 0.5), (4, 0.5), (1, 1.0), (5, 0.2)):
        progress = (torch.arange(40, dtype=torch.float64) + 0.5) / 40
        inside = progress * count % 1
        wanted, like = (inside / share).clamp(max=1), torch.tensor(0.0)
        found = torch.stack([returned(answer, at, count, share, like=like, what="the weight") for at in progress.tolist()])
        if close(found, wanted, 1e-6):
            continue
        slips = {
            "that is one warm-up over the whole training; the weight must fall back to 0 at the start of every cycle.": progress
            / share,
            "a cycle is 1 / cycles long, and its ramp takes `share` of *that*: count the progress inside a cycle from 0 to 1.": inside
            / count
            / share,
            "divide by `share`, so that the ramp ends at 1.": inside * share,
            "the ramp should take only the first `share` of a cycle; yours takes all of it.": inside,
        }
        if close(found, inside / share, 1e-6):
            raise Wrong("the weight rises above 1; it should stay at 1 once the ramp is over.")
        for reason, weight in slips.items():
            if close(found, weight.clamp(max=1), 1e-6):
                raise Wrong(reason)
        at = int((found - wanted).abs().argmax())
        place = f"at progress {progress[at]:g} of {count} cycles with share {share:g}"
        raise Wrong(f"{place} yours is {found[at].item():.4g}, not {wanted[at].item():.4g}.")


@exercise("06.4", "training_and_validation")
def rulers(answer) -> None:
    """Both losses must be one function, and the trained one must keep its ratio of the two terms."""
    x, x_hat, mu, logvar = batch()

    def one(i):
        def loss(*given):
            pair = answer(*given)
            if pair is None:
                raise NotImplementedError
            if len(pair) != 2:
                raise Wrong("return two losses: as trained, as validated.")
            return pair[i]

        return loss

    trained, validated = (weights(one(i), x, x_hat, mu, logvar) for i in (0, 1))
    beta = 0.00025 * 75 / 2  # 75 pixels in the invented batch
    if abs(trained[1] / trained[0] / beta - 1) > 1e-3:
        raise Wrong(
            f"the trained loss has changed its optimum: its beta was {beta:.4g} in nats, now it is {trained[1] / trained[0]:.4g}."
        )
    if max(abs(a / b - 1) for a, b in zip(trained, validated, strict=True)) < 1e-3:
        if abs(one(0)(x, x_hat, mu, logvar) - one(1)(x, x_hat, mu, logvar)) > 1e-4:
            raise Wrong("both weigh alike, but their values differ by a constant.")
        return
    if abs(validated[1] / validated[0] / beta - 4000) < 1:
        raise StillThere("On the same batch, validation charges four thousand times the rent of training.")
    raise Wrong("training and validation still weigh their terms differently; one function, called twice, cannot.")


@exercise("06.5", "count_active")
def counting(answer) -> None:
    """A data set with three latents in use, one of them only just, and three silent ones."""
    generator = torch.Generator().manual_seed(9)
    mu = torch.randn(2_000, 6, generator=generator) * torch.tensor([1.0, 0.8, 0.2, 0.05, 0.01, 0.0]) + 2.0
    logvar = torch.tensor([-4.0, -2.0, -0.1, 0.0, 0.0, 0.0]) + 0.3 * torch.randn(2_000, 6, generator=generator)
    eps = torch.randn(2_000, 6, generator=generator)
    found = returned(answer, mu, logvar, eps, like=torch.tensor(3), what="the count").item()
    if found == 3:
        return
    if found == 6:
        raise StillThere("All six latents count as active, although three say nothing.")
    if found == 2:
        raise Wrong(
            "you miss one that is in use: the threshold of 0.01 is for the variance, not for the standard deviation (which would be 0.1)."
        )
    if found in (4, 5):
        raise Wrong(
            "you count some that are silent: compare the *variance* of the posterior means with 0.01, not their standard deviation."
        )
    raise Wrong(
        f"three of the six means vary over the data by more than 0.01; yours counts {found:g}. Vary over the data means along axis 0."
    )
