"""The exercises of notebook 11: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal

from exercises import exercise, rng

generator = rng(1)


def columns(n: int, *sizes: int) -> tuple[Tensor, Tensor]:
    """Return two dependent columns of whole numbers (n,)."""
    a, b = (torch.randint(size, (n,), generator=generator) for size in sizes)
    return a, torch.where(torch.rand(n, generator=generator) < 0.4, a % sizes[1], b)


def shares(a, b):
    """Return the shares in which pairs occur, and those in which they would if both were independent."""
    p = torch.zeros(a.max() + 1, b.max() + 1, dtype=torch.float64).index_put_((a, b), torch.ones(1).double(), True) / len(a)
    return p, p.sum(1, keepdim=True) * p.sum(0)


def entropy(a, b):
    p, _ = shares(a, b)
    return -torch.xlogy(p, p).sum()


@exercise(
    "11.1",
    cases=[columns(400, 4, 3), columns(400, 2, 7), columns(400, 5, 5), columns(30, 6, 8)],  # in the last not every pair occurs
    hint="It is 0 for independent columns, and the entropy of a where b is a copy of it.",
    tolerance=1e-5,
    slips={
        "that is in bits; nats need the natural logarithm.": 1 / math.log(2),
        "that is the joint entropy H(a, b), which independent columns have, too.": entropy,
        "that is H(a) + H(b): the joint entropy has not been taken off.": lambda a, b: information(a, b) + entropy(a, b),
        "the sign is the other way round: information is never negative.": -1,
        "where a pair never occurs it is NaN: 0 log 0 counts as 0.": {"part": lambda p, q: p * (p / q).log()},
    },
)
def information(a, b, part=lambda p, q: torch.xlogy(p, p / q.clamp(min=1e-300))):
    return part(*shares(a, b)).sum()


tables = torch.rand(3, 4, 3, generator=generator, dtype=torch.float64) ** 3
tables[1] *= torch.tensor([1.0, 5.0, 0.2])


@exercise(
    "11.2",
    cases=[(table,) for table in (*tables, torch.eye(3).double().repeat(2, 1))],
    hint="Normalise each column first.",
    tolerance=1e-5,
    slips={
        "that is disentanglement, along the rows; completeness looks down the columns.": lambda table: completeness(table.T),
        "divide by log Z: an evenly spread column has entropy log Z.": lambda table: completeness(table, math.log(table.shape[1])),
        "the plain mean over factors; weigh each factor by the sum of its column.": {"weigh": False},
        "that is the entropy itself; one minus it is wanted, so that 1 is good.": lambda table: 1 - completeness(table),
        "the entropy must be divided by log Z, its largest value.": {"log": 1},
    },
)
def completeness(table, log=None, weigh=True):
    p = table / table.sum(0)
    entropies = -torch.xlogy(p, p).sum(0) / (log or math.log(len(table)))
    return ((1 - entropies) * (table.sum(0) / table.sum() if weigh else 1 / table.shape[1])).sum()


normal = Normal(0.0, 1.0)
uniform = torch.rand(1000, 2, generator=generator, dtype=torch.float64) * 0.998 + 0.001


@exercise(
    "11.3",
    cases=[(uniform, 0.6), (uniform, -1.1)],
    hint="Look at each of the three maps by itself: are there normal numbers, are they rotated, are they uniform at the end?",
    slips={
        "you rotate the other way: with points as rows, z @ R.T rotates by R.": lambda u, angle: mixed_uniform(u, -angle),
        "that rotates the square, whose corners leave [0, 1]; map to normal numbers.": {"there": torch.clone, "back": torch.clone},
        "these are still normal numbers: the normal distribution function is missing.": {"back": torch.clone},
    },
)
def mixed_uniform(u, angle, there=normal.icdf, back=normal.cdf):
    c, s = math.cos(angle), math.sin(angle)
    return back(there(u) @ torch.tensor([[c, s], [-s, c]], dtype=u.dtype))


def batch(stds: list[float], fixed: int, dead_rests: bool = False) -> tuple[Tensor, Tensor]:
    """Return a batch (64, 4) in which one latent is nearly fixed (and latent 1 rests, if asked for), and all codes (2000, 4)."""
    codes = torch.randn(2000, 4, generator=generator) * torch.tensor(stds)
    chosen = codes[:64].clone()
    chosen[:, fixed] = chosen[0, fixed] + 0.2 * (chosen[:, fixed] - chosen[0, fixed])
    chosen[:, 1] = codes[0, 1] if dead_rests else chosen[:, 1]
    return chosen, codes


def shifted(batch, codes):
    return (batch.var(0) / codes.var(0))[codes.std(0) >= 0.05].argmin()


DEAD, QUIET, WIDE = ([first, second, 1.0, 0.15] for first, second in ((3.0, 0.01), (3.0, 0.055), (10.0, 0.1)))


@exercise(
    "11.4",
    cases=[*(batch(DEAD, i) for i in (0, 2, 3)), batch(DEAD, 0, True), batch(DEAD, 2, True), batch(QUIET, 1), batch(WIDE, 0)],
    what="the number of the latent",
    hint="The latent wins that varies least for its own size. Count latents from 0, among all four.",
    bug={"The quietest latent wins every vote, whichever factor was held fixed.": lambda batch, codes: batch.var(0).argmin()},
    slips={
        "a dead latent wins; leave out those with a standard deviation over all codes below 0.05.": {"dead": lambda std: std < 0},
        "the one that varies least for its own size should win: divide by the variance over all codes.": {"relative": False},
        "you divide a variance by a standard deviation.": {"relative": 0.5},
        "0.05 bounds the standard deviation of a dead latent, not its variance.": {"dead": lambda std: std**2 < 0.05},
        "you always leave out the quietest latent; it is dead only below 0.05.": {"dead": lambda std: std == std.min()},
        "if you take dead latents out before argmin, the numbers behind them are shifted.": shifted,
    },
)
def vote(batch, codes, dead=lambda std: std < 0.05, relative=True):
    return torch.where(dead(codes.std(0)), math.inf, batch.var(0) / codes.var(0) ** relative).argmin()


entropies = torch.tensor([1.1, 0.7, 1.6], dtype=torch.float64)
doubled = torch.eye(3, dtype=torch.float64).repeat(2, 1) * entropies


@exercise(
    "11.5",
    cases=[(table, entropies) for table in (doubled, torch.rand(5, 3, generator=generator, dtype=torch.float64) * entropies)],
    hint="Which are the two that compete for a factor, and how much can be known about it?",
    tolerance=1e-5,
    bug={"A code that says everything twice gets a high score.": lambda table, h: mutual_information_gap(table, h.max(), 1)},
    slips={
        "only the best is left: the second best must be taken off.": lambda table, h: (table.max(0).values / h).mean(),
        "divide each factor's gap by its *own* entropy, before the mean.": lambda table, h: mutual_information_gap(table, 1),
        "divide each factor's gap by its *own* entropy, not by the largest.": lambda t, h: mutual_information_gap(t, h.max()),
    },
)
def mutual_information_gap(table, entropy, dim=0):
    best, second = table.topk(2, dim=dim).values.unbind(dim)
    return ((best - second) / entropy).mean()
