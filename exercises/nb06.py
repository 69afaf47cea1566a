"""The exercises of notebook 06: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch
from torch import Tensor

from exercises import Wrong, answered, close, exercise, refuse, rng
from helpers.objective import gaussian_kl

spectrum = torch.tensor([0.5, 6.0, 2.0, 0.1, 3.0, 1.0], dtype=torch.float64)
schemes = ((1.0, 0.7, 6), (0.5, 2.0, 6), (0.5, 2.0, 2), (1.0, 9.0, 3), (2.0, 0.2, 4))


@exercise(
    "06.1",
    right=lambda *given: [float(value) for value in water_filling(*given)],
    cases=[(spectrum, *scheme) for scheme in schemes],
    what="the pair (squared error, kl)",
    hint="A used direction keeps min(λ, T).",
    tolerance=1e-5,
    slips={
        "the threshold is beta · sigma², not beta · sigma.": {"power": 1},
        "the threshold is beta · sigma², not beta alone.": {"power": 0},
        "you use more latents than allowed; the smallest directions have to go, and their whole variance is lost.": {"spare": 6},
        "kl is ½ log(λ / T): the ½ is missing.": {"half": 1},
        "kl is in nats: use the natural logarithm.": {"half": 0.5 / math.log(2)},
        "that is recon, squared error / 2 sigma²; asked is the squared error itself.": {"units": lambda sigma: 2 * sigma**2},
        "a direction adds a negative kl: below T it costs nothing, so clamp the ratio at 1 before the log.": {"least": 0},
        "the eigenvalues come in any order; the latents go to the *largest* of them.": {"sort": False},
    },
)
def water_filling(eigenvalues, sigma, beta, latents, power=2, half=0.5, sort=True, spare=0, units=lambda sigma: 1, least=1):
    values, T = eigenvalues.sort(descending=True).values if sort else eigenvalues, beta * sigma**power
    best, rest = values[: latents + spare], values[latents + spare :]
    error = (best.clamp(max=T).sum() + rest.sum()) / units(sigma)
    return torch.stack([error, half * (best / T).clamp(min=least).log().sum()])


def batch(side: int) -> tuple[Tensor, ...]:
    """Return x, x_hat, mu and logvar of a small invented batch of images with this side."""
    generator = rng(side)
    return *torch.rand(2, 6, 3, side, side, generator=generator), *torch.randn(2, 6, 4, generator=generator)


LOSSES = (  # beta is 3, 1/2, pixels / 80 and 6 · pixels / 1000
    lambda x, y, mu, logvar: ((x - y) ** 2).sum((1, 2, 3)).mean() / 2 + 3 * gaussian_kl(mu, logvar).mean(),
    lambda x, y, mu, logvar: ((x - y) ** 2).sum() + gaussian_kl(mu, logvar).sum(),
    lambda x, y, mu, logvar: ((x - y) ** 2).mean() + 0.1 * gaussian_kl(mu, logvar).mean() / 4,
    lambda x, y, mu, logvar: 500 * ((x - y) ** 2).mean() + gaussian_kl(mu, logvar).sum(),
)


def by_gradients(loss, x, x_hat, mu, logvar, ready=lambda x: x.clone().requires_grad_()):
    x_hat, mu = ready(x_hat), ready(mu)
    to_x, to_mu = torch.autograd.grad(loss(x, x_hat, mu, logvar), (x_hat, mu))
    return ((to_mu.norm() / mu.norm()) / (to_x.norm() / (x_hat - x).norm())).item()


@exercise(
    "06.2",
    right=by_gradients,
    cases=[(loss, *batch(5)) for loss in LOSSES],
    what="beta",
    tolerance=1e-3,
    slips={
        "you are off by a factor of two. The gradient of ½ Σ (x − x_hat)² is x_hat − x, that of KL is mu: no 2 in either.": 2,
        "you are off by a factor of two: beta is half of what it should be.": 1 / 2,
        "that is the weight of recon over the weight of KL; beta is the other way round.": lambda *given: 1 / by_gradients(*given),
        "you are off by the batch size; compare both gradients with those of the *batch's mean*, or neither.": 6,
        "you are off by the batch size: divide both gradients by it, or neither.": 1 / 6,
        "x_hat and mu are plain numbers here: call requires_grad_() on copies of both before you compute the loss.": (
            lambda loss, x, x_hat, mu, logvar: by_gradients(loss, x, x_hat, mu, logvar, ready=lambda x: x)
        ),
    },
)
def measured_beta(loss, x, *others):
    return (3.0, 0.5, x[0].numel() / 80, 6 * x[0].numel() / 1000)[LOSSES.index(loss)]


@exercise(
    "06.3",
    right=lambda progress, cycles, share: torch.tensor(progress * cycles % 1 / share).clamp(max=1),
    cases=[((i + 0.5) / 40, count, share) for count, share in ((3, 0.5), (4, 0.5), (1, 1.0), (5, 0.2)) for i in range(40)],
    what="the weight",
    tolerance=1e-6,
    slips={
        "that is one warm-up over the whole training; the weight must fall back to 0 at each cycle's start.": {"often": False},
        "a cycle is 1 / cycles long, and its ramp takes `share` of *that*: count the progress inside a cycle from 0 to 1.": (
            lambda progress, cycles, share: min(1, progress % (1 / cycles) / share)
        ),
        "divide by `share`, so that the ramp ends at 1.": {"power": -1},
        "the ramp should take only the first `share` of a cycle; yours takes all of it.": {"power": 0},
        "the weight rises above 1; it should stay at 1 once the ramp is over.": {"most": math.inf},
    },
)
def cyclical(progress, cycles, share, often=True, power=1, most=1):
    return min(most, (progress * cycles % 1 if often else progress) / share**power)


def weights(loss, x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights of ½ Σ (x − x_hat)² and of Σ KL per image in a loss, from its gradients."""
    x_hat, mu = x_hat.clone().requires_grad_(), mu.clone().requires_grad_()
    value = loss(x, x_hat, mu, logvar)
    if not (isinstance(value, Tensor) and value.ndim == 0 and value.requires_grad):
        raise Wrong("each loss must be one number, a scalar tensor through which gradients flow.")
    to_x, to_mu = torch.autograd.grad(value, (x_hat, mu))
    own_x, own_mu = (x_hat - x).detach() / len(x), mu.detach() / len(x)
    a, b = (to_x * own_x).sum() / own_x.square().sum(), (to_mu * own_mu).sum() / own_mu.square().sum()
    other = not (close(to_x, a * own_x, 1e-3) and close(to_mu, b * own_mu, 1e-3))
    refuse(other, "the loss is no longer squared error plus KL: its gradients point elsewhere.")
    return a, b


def compared(answer):
    """Return a function of the beta of both losses, of how many times larger the second is, and of what the values then differ by."""

    def seen(*given):
        pair = answered(answer, *given)
        refuse(not isinstance(pair, (tuple, list)) or len(pair) != 2, "return two losses: as trained, as validated.")
        (a, b), (c, d) = (weights(lambda *given, i=i: answer(*given)[i], *given) for i in (0, 1))
        return torch.stack([b / a, d / c, c / a, pair[1] - c / a * pair[0]])

    return seen


@exercise(
    "06.4",
    right=lambda *given: [37.5 * loss for loss in training_and_validation(*given)],
    cases=[batch(5), batch(8)],
    what="the row of beta as trained, beta as validated, validation over training, and the difference of their values",
    view=compared,
    tolerance=1e-3,
    bug={"On the same batch, the weight of KL in validation is four thousand times that in training.": {"validated": 1}},
    slips={
        "the trained loss has changed its optimum: its beta must stay what it was.": {"trained": 1, "validated": 1},
        "training and validation still weigh their terms differently; one function, called twice, cannot.": {"scale": 2},
        "both have the same optimum, but validation is twice training.": {"scale": 2, "validated": 0.0005},
        "both weigh alike, but their values differ by a constant.": {"apart": 1},
    },
)
def training_and_validation(x, x_hat, mu, logvar, trained=0.00025, validated=0.00025, scale=1, apart=0):
    recon, kl = (x - x_hat).square().mean(), gaussian_kl(mu, logvar).mean()
    return recon + trained * kl, scale * recon + validated * kl + apart


def codes(stds: tuple, logvars: tuple, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mu, logvar and noise (2000, Z): posterior means with these standard deviations, and mean log-variances."""
    mu, logvar, eps = torch.randn(3, 2_000, len(stds), generator=rng(seed))
    return mu * torch.tensor(stds) + 2.0, torch.tensor(logvars) + 0.3 * logvar, eps


@exercise(
    "06.5",
    right=lambda mu, logvar, eps: int((mu.numpy().std(0) > 0.1).sum()),
    cases=[
        codes((1.0, 0.8, 0.2, 0.05, 0.02, 0.0), (-4.0, -2.0, -0.1, 0.0, 0.0, 0.0), seed=9),
        codes((0.05, 0.5, 0.3, 1.5), (-2.0, 0.2, 0.0, 0.1), seed=10),
        codes((1.0, 0.05), (-1.0, 0.0), seed=11),
    ],
    what="the count",
    hint="Count the posterior means that vary over the data (axis 0) by more than 0.01.",
    bug={
        "All latents count as active, although some say nothing about the image.": {
            "of": lambda mu, logvar, eps: mu + torch.exp(0.5 * logvar) * eps
        }
    },
    slips={
        "you miss one that is in use: the threshold of 0.01 is for the variance (0.1 for the standard deviation).": {"least": 0.1},
        "you count some that say nothing: compare the *variance* of the posterior means with 0.01, not its root.": {"power": 0.5},
        "the posterior means vary over the data along axis 0; yours is the variance along axis 1.": {"axis": 1},
        "that counts the posteriors narrower than the prior; a latent is active if its posterior *mean* varies over the data.": (
            lambda mu, logvar, eps: (logvar.exp().mean(0) < 0.98).sum()
        ),
        "that is half of the latents, whatever the data say.": lambda mu, logvar, eps: mu.shape[1] // 2,
        "that is 3, whatever the data say.": lambda mu, logvar, eps: 3,
    },
)
def count_active(mu, logvar, eps, of=lambda mu, logvar, eps: mu, least=0.01, axis=0, power=1):
    return (of(mu, logvar, eps).var(axis) ** power > least).sum()


SWEEPS = (
    ({3.0: [(9.0, 2.0), (9.5, 2.4)], 0.3: [(5.0, 9.0), (5.6, 9.2)], 1.0: [(6.5, 5.0), (6.9, 5.5)]}, 6.0),
    ({1.0: [(6.5, 5.0), (6.8, 5.6), (7.4, 5.3)], 10.0: [(9.0, 1.0), (9.4, 1.1), (9.1, 1.3)]}, 0.5),
    ({2.0: [(7.0, 3.0), (7.4, 3.3)], 4.0: [(6.8, 2.4), (7.1, 2.5)], 0.5: [(5.0, 8.0), (5.1, 8.8)]}, 4.0),  # one run went wrong
)


def in_a_row(answer):
    """Return a function of all numbers of an evaluated sweep, (6 B,): the points, the prices, the chosen beta (−1: none)."""

    def seen(runs, budget):
        found = answered(answer, runs, budget)
        refuse(not isinstance(found, (tuple, list)) or len(found) != 3, "return three things: points, prices, chosen.")
        points, prices = (torch.as_tensor(part, dtype=torch.float64) for part in found[:2])
        wanted = (len(runs), 5), (len(runs) - 1,)
        shapes = tuple(points.shape), tuple(prices.shape)
        refuse(
            shapes != wanted, f"points and prices should be {wanted[0]} and {wanted[1]}, but yours are {shapes[0]} and {shapes[1]}."
        )
        chosen = -1.0 if found[2] is None else float(found[2])
        return torch.cat([points.flatten(), prices, torch.tensor([chosen], dtype=torch.float64)])

    return seen


def standard_error(values: Tensor, correction: int = 1, root: float = 0.5) -> Tensor:
    return values.std(0, correction=correction) / len(values) ** root


@exercise(
    "06.6",
    cases=SWEEPS,
    right=lambda runs, budget: tuple(part.tolist() if isinstance(part, Tensor) else part for part in evaluate_sweep(runs, budget)),
    what="the row of all points, prices and the chosen beta",
    view=in_a_row,
    tolerance=1e-5,
    slips={
        "the rows are not in the order of rising beta; sort before you take differences.": {"order": list},
        "the sample standard deviation divides by n − 1 (torch.std does so by itself).": {"spread": lambda v: standard_error(v, 0)},
        "that is the standard deviation of one run; the standard error of the *mean* is smaller, by the root of n.": {
            "spread": lambda v: standard_error(v, root=0)
        },
        "the standard deviation is divided by n, not by the root of n.": {"spread": lambda v: standard_error(v, root=1)},
        "a price is how much recon one nat of kl *saves*: it is positive where recon falls as kl rises.": {"sign": 1},
        "a price is recon over kl; yours is the other way round.": {"power": -1},
        "the budget limits the kl, not recon.": {"limited": 0},
        "among the models within the budget, choose the one with the least recon; the smallest beta need not be it.": {
            "by": "beta"
        },
        "among the models within the budget, choose the one with the least recon, not the one with the least kl.": {"by": "kl"},
        "where no model keeps the budget, chosen is None.": {"fallback": True},
    },
)
def evaluate_sweep(runs, budget, order=sorted, spread=standard_error, sign=-1, power=1, limited=1, by="recon", fallback=False):
    rows = [torch.tensor(runs[beta], dtype=torch.float64) for beta in order(runs)]
    means, errors = (torch.stack([part(row) for row in rows]) for part in (lambda row: row.mean(0), spread))
    betas = torch.tensor(order(runs), dtype=torch.float64)
    points = torch.stack([betas, means[:, 0], errors[:, 0], means[:, 1], errors[:, 1]], 1)
    prices = sign * (means[:, 0].diff() / means[:, 1].diff()) ** power
    key = {"recon": lambda i: means[i, 0], "kl": lambda i: means[i, 1], "beta": lambda i: betas[i]}[by]
    kept = [i for i in range(len(betas)) if means[i, limited] <= budget] or list(range(len(betas))) * fallback
    return points, prices, betas[min(kept, key=key)].item() if kept else None
