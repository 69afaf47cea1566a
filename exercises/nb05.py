"""The exercises of notebook 05: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from exercises import answered, exercise, normal, returned, rng


def by_torch(mu1, logvar1, mu2, logvar2):
    return kl_divergence(Normal(mu1, torch.exp(0.5 * logvar1)), Normal(mu2, torch.exp(0.5 * logvar2))).sum(1)


@exercise(
    "05.1",
    right=by_torch,
    cases=[tuple(normal(4, *shape, seed=5).float()) for shape in ((50, 6), (1, 4))],
    what="the divergence",
    hint="In which units does the second distribution measure, and is it 0 where both are the same?",
    slips={
        "that is KL(second ‖ first). The divergence is not symmetric; the first distribution is the one that is averaged over.": (
            lambda m1, l1, m2, l2: by_torch(m2, l2, m1, l1)
        ),
        "you averaged over the latents. The divergences of independent coordinates add up.": {"total": torch.mean},
        "you are off by a factor of two: ½ stands before the whole sum.": 2,
        "you are off by a factor of two: ½ stands before the whole sum, once.": 1 / 2,
        "that is the KL to N(0, I), not to the second posterior.": lambda m1, l1, m2, l2: by_torch(m1, l1, 0 * m2, 0 * l2),
        "right against N(0, I), but the distance of the means is measured in units of the second's variance.": {"shift": 0},
        "right against N(0, I), but both terms are measured in units of the second's variance.": {"unit": 0, "shift": 0},
        "right against N(0, I), but log σ₂² is missing.": {"log": 0},
    },
)
def kl_between(mu1, logvar1, mu2, logvar2, unit=1, shift=1, log=1, total=torch.sum):
    reach = logvar1.exp() / logvar2.exp() ** unit + (mu1 - mu2) ** 2 / logvar2.exp() ** shift
    return 0.5 * total(log * logvar2 - logvar1 + reach - 1, 1)


@exercise(
    "05.2",
    right=lambda mu, logvar, eps: torch.stack([mu + logvar.exp().sqrt() * one for one in eps]),
    cases=[(*normal(2, 4, 3, seed=6).float(), normal(7, 4, 3, seed=8).float())],
    what="z",
    hint="Work with the eps that is given; where it is 0, z should be mu.",
    gradients=True,
    slips={
        "exp(logvar) is the variance; noise is multiplied by the standard deviation, exp(logvar / 2).": {"sigma": torch.exp},
        "logvar is a logarithm; the standard deviation is exp(logvar / 2).": {"sigma": lambda logvar: logvar},
        "the values are right, but the gradient to mu is lost; use no .detach(), .data or torch.no_grad().": (
            lambda mu, logvar, eps: posterior_samples(mu.detach(), logvar, eps)
        ),
        "the values are right, but the gradient to logvar is lost; use no .detach(), .data or torch.no_grad().": (
            lambda mu, logvar, eps: posterior_samples(mu, logvar.detach(), eps)
        ),
        "the values are right, but both gradients are lost; use no .detach().": lambda *given: posterior_samples(*given).detach(),
        "with the eps that is given": lambda mu, logvar, eps: posterior_samples(mu, logvar, torch.randn_like(eps)),
    },
)
def posterior_samples(mu, logvar, eps, sigma=lambda logvar: torch.exp(0.5 * logvar)):
    return mu + sigma(logvar) * eps


@exercise(
    "05.3",
    right=lambda d, z, s: (1 / z) / (2 * s / d),
    cases=[(784, 5, 1.0), (3072, 64, 10.0), (12288, 64, 500.0)],
    what="beta",
    slips={
        "twice too large: a squared error is *twice* its nats, since a Gaussian's −log p has ½ (x − x̂)².": 2,
        "the mean over KL runs over the latents too: it is 1/Z of the sum per image.": {"latents": 0},
        "that is the weight of recon over the weight of KL; beta is the other way round.": lambda *given: 1 / hidden_beta(*given),
        "`scale` multiplies the squared error, so beta becomes smaller with it.": {"power": -1},
        "the mean squared error runs over the pixels: it is 1/D of the sum.": {"pixels": 0},
    },
)
def hidden_beta(d, z, s, latents=1, pixels=1, power=1):
    return d**pixels / (2 * s**power * z**latents)


def disagreement(answer):
    """Return a function of z without noise, of how far σ is from both readings of the head, and of how wrong KL is for that σ."""

    def part(i, *given):
        return answered(answer, *given)[i]

    def seen(mu, head):
        still, z = (returned(part, 0, mu, head, level + 0 * mu, like=mu, what="z") for level in (0.0, 1.0))
        kl = returned(part, 1, mu, head, 1 + 0 * mu, like=mu.sum(1), what="the KL")
        off = min((z - still - torch.exp(power * head)).abs().sum() for power in (1, 0.5))
        wanted = 0.5 * (mu**2 + (z - still) ** 2 - 1 - 2 * (z - still).abs().log()).sum(1)
        return torch.cat([still.flatten(), off[None], kl - wanted])

    return seen


@exercise(
    "05.4",
    right=lambda *given: sample_and_kl(*given, 0.5, 1.0),
    cases=[tuple(torch.tensor([[[0.5, -1.0, 2.0], [1.0, 0.2, 0.0]], [[-1.0, 0.5, 1.0], [0.3, -0.6, 0.8]]]))],
    view=disagreement,
    what="the row of z without noise, the distance of sigma from exp(head) or exp(head / 2), and the error of KL for that sigma",
    hint="Elements 0 to 6 are about the sample, 7 and 8 about the KL: whose mean and σ does it have?",
    bug={"The KL is that of another standard deviation than the samples have.": {"charge": 1.0}},
    slips={
        "now the sample is neither mu + exp(head) · eps nor mu + exp(head / 2) · eps.": {"stretch": 2.0, "charge": 4.0},
        "sample and KL still disagree: the sample's σ is exp(head / 2), so log σ² = head.": {"stretch": 0.5},
        "half of the KL is right: the sample's σ is exp(head), so log σ² = 2 · head, wherever it stands.": (
            lambda mu, head, eps: (mu + head.exp() * eps, 0.5 * (mu**2 + torch.exp(2 * head) - 1 - head).sum(1))
        ),
        "half of the KL is right: the sample's σ is exp(head), so σ² = exp(2 · head).": (
            lambda mu, head, eps: (mu + head.exp() * eps, 0.5 * (mu**2 + torch.exp(head) - 1 - 2 * head).sum(1))
        ),
    },
)
def sample_and_kl(mu, head, eps, stretch=1.0, charge=2.0):
    return mu + torch.exp(stretch * head) * eps, 0.5 * (mu**2 + torch.exp(charge * head) - 1 - charge * head).sum(1)


def ticks(shares):
    return lambda n: Normal(0.0, 1.0).icdf(shares(n))


@exercise(
    "05.5",
    right=ticks(lambda n: (torch.arange(n) + 0.5) / n),
    cases=[(5,), (18,)],
    what="the row of points",
    hint="The first should be the 50 / n % quantile: the middle of the first share.",
    bug={"The outer ring of the grid decodes to nothing.": ticks(lambda n: torch.linspace(0, 1, n))},
    slips={
        "the points are right, but in falling order.": -1,
        "your points are evenly spaced; they should have equal *shares* of the prior.": lambda n: torch.linspace(-2, 2, n),
        "the first point is still −inf, and the points are not symmetric about 0.": ticks(lambda n: torch.arange(n) / n),
        "the points are finite and symmetric, but at the ends of n + 1 shares, not in the middle of n.": (
            ticks(lambda n: (torch.arange(n) + 1) / (n + 1))
        ),
    },
)
def equal_share_ticks(n):
    return norm.ppf([(i + 0.5) / n for i in range(n)])


class Tiny(torch.nn.Module):
    """A VAE of 3×4×4 images with two latents, always the same."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.body = torch.nn.Linear(48, 4), torch.nn.Linear(2, 48)
        with torch.no_grad():
            for part, seed in ((self.heads, 1), (self.body, 2)):
                part.weight.copy_(normal(*part.weight.shape, seed=seed) / 4)
                part.bias.zero_()

    def encode(self, x):
        return self.heads(x.flatten(1)).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.body(z)).unflatten(1, (3, 4, 4))


def trained(answer):
    """Return what an answer returns, and what it makes of the weights: (recon, kl, weights)."""

    def run(count: int, batch: int):
        model, generator = Tiny(), rng(4)
        images = torch.randint(0, 256, (count, 3, 4, 4), dtype=torch.uint8, generator=rng(3))
        order = torch.randperm(count, generator=rng(5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        recon, kl = answered(answer, model, optimizer, images, order, generator, batch)
        return torch.cat([torch.tensor([float(recon), float(kl)]), *(p.detach().flatten() for p in model.parameters())])

    return run


@exercise(
    "05.6",
    cases=[(10, 4), (12, 4)],
    view=trained,
    what="recon, kl and the weights afterwards, in this order,",
    hint="Try one batch by hand: recon, kl, loss, zero_grad, backward, step.",
    slips={
        "the images are uint8; the model expects pixels in [0, 1].": {"scale": 1.0},
        "the last, smaller batch is missing.": {"whole": False},
        "the gradients of all batches add up: call optimizer.zero_grad() before backward().": {"clear": False},
        "the last batch is smaller, so the mean of the batches' means is not the mean over images.": {"weigh": False},
        "exp(logvar) is the variance; noise is multiplied by the standard deviation, exp(logvar / 2).": {"stretch": 1.0},
        "the KL term is missing from the loss.": {"beta": 0.0},
        "recon is a mean over pixels; sum it: both terms are in nats per image.": {"mean": True},
        "σ is fixed at 1; it should be the root mean squared error of the batch.": {"sigma": False},
        "½ log 2π for each pixel is missing from recon.": {"constant": False},
        "the weights have not changed: call loss.backward() and optimizer.step().": {"step": False},
        "the loss is a sum over the batch; take the mean.": {"total": True},
        "the images are not taken in the order that is given.": {"ordered": False},
    },
)
def train_epoch(
    model, optimizer, images, order, generator, batch=32, scale=255.0, whole=True, clear=True, weigh=True, stretch=0.5, beta=1.0,
    mean=False, sigma=True, constant=True, step=True, total=False, ordered=True,
):  # fmt: skip
    rows, images = [], images[order] if ordered else images
    for x in images.split(batch):
        if len(x) < batch and not whole:
            continue
        x = x.float() / scale
        mu, logvar = model.encode(x)
        x_hat = model.decode(mu + torch.exp(stretch * logvar) * torch.randn(mu.shape, generator=generator))
        square = (x - x_hat).square().flatten(1)
        width = square.mean().sqrt() if sigma else torch.tensor(1.0)
        pixels = square.shape[1]
        recon = square.sum(1) / (2 * width**2) + pixels * (width.log() + 0.5 * math.log(2 * math.pi) * constant)
        recon = recon / pixels if mean else recon
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        loss = (recon + beta * kl).sum() if total else (recon + beta * kl).mean()
        if clear:
            optimizer.zero_grad()
        if step:
            loss.backward()
            optimizer.step()
        rows.append((recon.mean().item(), kl.mean().item(), len(x) if weigh else 1))
    count = sum(n for _, _, n in rows)
    return sum(r * n for r, _, n in rows) / count, sum(k * n for _, k, n in rows) / count
