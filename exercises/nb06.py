"""The exercises of notebook 06: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch
from torch import Tensor

from exercises import Wrong, answered, close, exercise
from helpers.objective import gaussian_kl


def filled(level=lambda sigma, beta: beta * sigma**2, half=0.5, sort=True, spare=0, squares=lambda sigma: 1.0, least=1.0):
    """Return an answer: the threshold, the factor of kl, its ratio's lower bound, spare latents, and the factor of the error."""

    def water_filling(eigenvalues, sigma, beta, latents):
        values, T = eigenvalues.sort(descending=True).values if sort else eigenvalues, level(sigma, beta)
        best, rest = values[: latents + spare], values[latents + spare :]
        error = squares(sigma) * (best.clamp(max=T).sum() + rest.sum())
        return torch.stack([error, half * (best / T).clamp(min=least).log().sum()])

    return water_filling


spectrum = torch.tensor([0.5, 6.0, 2.0, 0.1, 3.0, 1.0], dtype=torch.float64)
schemes = ((1.0, 0.7, 6), (0.5, 2.0, 6), (0.5, 2.0, 2), (1.0, 9.0, 3), (2.0, 0.2, 4))

exercise(
    "06.1",
    "water_filling",
    right=(filled(), lambda *given: [float(value) for value in filled()(*given)]),
    cases=[(spectrum, *scheme) for scheme in schemes],
    what="the pair (squared error, kl)",
    hint="A used direction keeps min(λ, T).",
    tolerance=1e-5,
    slips={
        "the threshold is beta · sigma², not beta · sigma.": filled(lambda sigma, beta: beta * sigma),
        "the threshold is beta · sigma², not beta alone.": filled(lambda sigma, beta: beta),
        "you use more latents than allowed; the smallest directions have to go, and their whole variance is lost.": filled(spare=6),
        "kl is ½ log(λ / T): the ½ is missing.": filled(half=1.0),
        "kl is in nats: use the natural logarithm.": filled(half=0.5 / math.log(2)),
        "that is recon, squared error / 2 sigma²; asked is the squared error itself.": filled(squares=lambda sigma: 0.5 / sigma**2),
        "some direction adds a negative kl: below the threshold it costs nothing, so clamp the ratio at 1 before the log.": (
            filled(least=0.0)
        ),
        "the eigenvalues come in any order; the latents go to the *largest* of them.": filled(sort=False),
    },
)


def batch(side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x, x_hat, mu and logvar of a small invented batch of images with this side."""
    generator = torch.Generator().manual_seed(side)
    x, x_hat = torch.rand(2, 6, 3, side, side, generator=generator)
    return x, x_hat, *torch.randn(2, 6, 4, generator=generator)


LOSSES = (  # beta is 3, 1/2, pixels / 80 and 6 · pixels / 1000
    lambda x, y, mu, logvar: ((x - y) ** 2).sum((1, 2, 3)).mean() / 2 + 3 * gaussian_kl(mu, logvar).mean(),
    lambda x, y, mu, logvar: ((x - y) ** 2).sum() + gaussian_kl(mu, logvar).sum(),
    lambda x, y, mu, logvar: ((x - y) ** 2).mean() + 0.1 * gaussian_kl(mu, logvar).mean() / 4,
    lambda x, y, mu, logvar: 500 * ((x - y) ** 2).mean() + gaussian_kl(mu, logvar).sum(),
)


def ratio(combine=lambda recon, kl, images: kl / recon, ready=lambda x: x.clone().requires_grad_()):
    """Return an answer: a combination of how large both gradients are, and how the arguments become ready for gradients."""

    def measured_beta(loss, x, x_hat, mu, logvar):
        x_hat, mu = ready(x_hat), ready(mu)
        to_x, to_mu = torch.autograd.grad(loss(x, x_hat, mu, logvar), (x_hat, mu))
        return combine((to_x.norm() / (x_hat - x).norm()).item(), (to_mu.norm() / mu.norm()).item(), len(x))

    return measured_beta


def by_arithmetic(loss, x, *others):
    return (3.0, 0.5, x[0].numel() / 80, 6 * x[0].numel() / 1000)[LOSSES.index(loss)]


exercise(
    "06.2",
    "measured_beta",
    right=(by_arithmetic, ratio()),
    cases=[(loss, *batch(5)) for loss in LOSSES],
    what="beta",
    tolerance=1e-3,
    slips={
        "you are off by a factor of two. The gradient of ½ Σ (x − x_hat)² is x_hat − x, that of KL is mu: no 2 in either.": (
            ratio(lambda recon, kl, images: 2 * kl / recon)
        ),
        "you are off by a factor of two: beta is half of what it should be.": ratio(lambda recon, kl, images: kl / recon / 2),
        "that is the weight of recon over the weight of KL; beta is the other way round.": ratio(lambda a, b, images: a / b),
        "you are off by the batch size; compare both gradients with those of the *batch's mean*, or neither.": (
            ratio(lambda recon, kl, images: images * kl / recon)
        ),
        "you are off by the batch size: divide both gradients by it, or neither.": ratio(lambda a, b, images: b / a / images),
        "x_hat and mu are plain numbers here: call requires_grad_() on copies of both before you compute the loss.": (
            ratio(ready=lambda x: x)
        ),
    },
)


def warm(inside=lambda progress, cycles: progress * cycles % 1, ramp=lambda share: share, most=1.0):
    """Return an answer: the place within a cycle, the length of its ramp, and the largest weight."""
    return lambda progress, cycles, share: min(most, inside(progress, cycles) / ramp(share))


exercise(
    "06.3",
    "cyclical",
    right=(warm(), lambda progress, cycles, share: torch.tensor(progress * cycles % 1 / share).clamp(max=1)),
    cases=[((i + 0.5) / 40, count, share) for count, share in ((3, 0.5), (4, 0.5), (1, 1.0), (5, 0.2)) for i in range(40)],
    what="the weight",
    tolerance=1e-6,
    slips={
        "that is one warm-up over the whole training; the weight must fall back to 0 at the start of every cycle.": (
            warm(lambda progress, cycles: progress)
        ),
        "a cycle is 1 / cycles long, and its ramp takes `share` of *that*: count the progress inside a cycle from 0 to 1.": (
            warm(lambda progress, cycles: progress % (1 / cycles))
        ),
        "divide by `share`, so that the ramp ends at 1.": warm(ramp=lambda share: 1 / share),
        "the ramp should take only the first `share` of a cycle; yours takes all of it.": warm(ramp=lambda share: 1.0),
        "the weight rises above 1; it should stay at 1 once the ramp is over.": warm(most=math.inf),
    },
)


def weights(loss, x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
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
    return a, b


def compared(answer):
    """Return a function of the beta of both losses, of how many times larger the second is, and of what the values then differ by."""

    def seen(*given):
        pair = answered(answer, *given)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise Wrong("return two losses: as trained, as validated.")
        (a, b), (c, d) = (weights(lambda *given, i=i: answer(*given)[i], *given) for i in (0, 1))
        return torch.stack([b / a, d / c, c / a, pair[1] - c / a * pair[0]])

    return seen


def losses(trained, validated, scale=1.0, apart=0.0, factor=1.0):
    """Return an answer: the weights of KL beside a mean squared error, what multiplies the second, and what is added to it."""

    def training_and_validation(x, x_hat, mu, logvar):
        recon, kl = factor * (x - x_hat).square().mean(), factor * gaussian_kl(mu, logvar).mean()
        return recon + trained * kl, scale * recon + validated * kl + apart

    return training_and_validation


exercise(
    "06.4",
    "training_and_validation",
    right=(losses(0.00025, 0.00025), losses(0.00025, 0.00025, factor=37.5)),
    cases=[batch(5), batch(8)],
    what="the row of beta as trained, beta as validated, validation over training, and the difference of their values",
    view=compared,
    tolerance=1e-3,
    bug={"On the same batch, the weight of KL in validation is four thousand times that in training.": losses(0.00025, 1.0)},
    slips={
        "the trained loss has changed its optimum: its beta must stay what 0.00025 beside a mean over the pixels made it.": (
            losses(1.0, 1.0)
        ),
        "training and validation still weigh their terms differently; one function, called twice, cannot.": (
            losses(0.00025, 0.00025, scale=2.0)
        ),
        "both have the same optimum, but validation is twice training.": losses(0.00025, 0.0005, scale=2.0),
        "both weigh alike, but their values differ by a constant.": losses(0.00025, 0.00025, apart=1.0),
    },
)


def codes(stds: tuple, logvars: tuple, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mu, logvar and noise (2000, Z): posterior means with these standard deviations, and mean log-variances."""
    mu, logvar, eps = torch.randn(3, 2_000, len(stds), generator=torch.Generator().manual_seed(seed))
    return mu * torch.tensor(stds) + 2.0, torch.tensor(logvars) + 0.3 * logvar, eps


def counted(value=lambda mu, logvar, eps: mu.var(0), least=0.01):
    return lambda *given: (value(*given) > least).sum()


exercise(
    "06.5",
    "count_active",
    right=(counted(), lambda mu, logvar, eps: int((mu.numpy().std(0) > 0.1).sum())),
    cases=[
        codes((1.0, 0.8, 0.2, 0.05, 0.02, 0.0), (-4.0, -2.0, -0.1, 0.0, 0.0, 0.0), seed=9),
        codes((0.05, 0.5, 0.3, 1.5), (-2.0, 0.2, 0.0, 0.1), seed=10),
        codes((1.0, 0.05), (-1.0, 0.0), seed=11),
    ],
    what="the count",
    hint="Count the posterior means that vary over the data (axis 0) by more than 0.01.",
    bug={
        "All latents count as active, although some say nothing about the image.": counted(
            lambda mu, logvar, eps: (mu + torch.exp(0.5 * logvar) * eps).var(0)
        )
    },
    slips={
        "you miss one that is in use: the threshold of 0.01 is for the variance (and would be 0.1 for the standard deviation).": (
            counted(least=0.1)
        ),
        "you count some that say nothing: compare the *variance* of the posterior means with 0.01, not their standard deviation.": (
            counted(lambda mu, logvar, eps: mu.std(0))
        ),
        "the posterior means vary over the data along axis 0; yours is the variance along axis 1.": (
            counted(lambda mu, logvar, eps: mu.var(1))
        ),
        "that counts the posteriors narrower than the prior; a latent is active if its posterior *mean* varies over the data.": (
            lambda mu, logvar, eps: (logvar.exp().mean(0) < 0.98).sum()
        ),
        "that is half of the latents, whatever the data say.": lambda mu, logvar, eps: mu.shape[1] // 2,
        "that is 3, whatever the data say.": lambda mu, logvar, eps: 3,
    },
)
