"""The checks of notebook 11's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from exercises import StillThere, Wrong, close, exercise, returned
from helpers import disentanglement


def columns(seed: int, *sizes: int, n: int = 400) -> Tensor:
    """Return columns of whole numbers (n, len(sizes)), the first two of them dependent."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.stack([torch.randint(size, (n,), generator=generator) for size in sizes], 1)
    copied = torch.rand(n, generator=generator) < 0.4
    table[copied, 1] = table[copied, 0] % sizes[1]
    return table


@exercise("11.1", "information")
def mutual(answer) -> None:
    """Against the helper, whose own oracle is scikit-learn."""
    for seed, sizes, n in (
        (1, (4, 3), 400),
        (2, (2, 7), 400),
        (3, (5, 5), 400),
        (4, (6, 8), 30),
    ):  # of 30 pictures, not every pair occurs
        table = columns(seed, *sizes, n=n)
        a, b = table.T
        wanted = disentanglement.mutual_information(a[:, None], b[:, None])[0, 0]
        what = "the information" if n == 400 else "the information of columns in which some pairs of values never occur"
        found = returned(answer, a, b, like=wanted, what=what)
        if close(found, wanted, 1e-5):
            continue
        joint = torch.zeros(sizes, dtype=torch.float64).index_put_(
            (a, b), torch.ones(len(a), dtype=torch.float64), accumulate=True
        ) / len(a)
        h = -torch.xlogy(joint, joint).sum()
        if close(found, wanted / math.log(2), 1e-5):
            raise Wrong("that is in bits; nats need the natural logarithm.")
        if close(found, h, 1e-5):
            raise Wrong("that is the joint entropy H(a, b). I(a; b) = H(a) + H(b) − H(a, b).")
        if close(found, h + wanted, 1e-5):
            raise Wrong("that is H(a) + H(b): the joint entropy has not been taken off.")
        if close(found, -wanted, 1e-5):
            raise Wrong("the sign is the other way round: information is never negative.")
        raise Wrong(
            f"for two columns yours is {found.item():.4g} nats, not {wanted.item():.4g}. Sum p(a, b) log (p(a, b) / p(a) p(b)) over pairs that occur."
        )


@exercise("11.2", "completeness")
def complete(answer) -> None:
    """Tables of unequal sums, so that the weights and the axis show."""
    generator = torch.Generator().manual_seed(4)
    tables = [torch.rand(4, 3, generator=generator, dtype=torch.float64) ** 3 for _ in range(3)]
    tables[1] *= torch.tensor([1.0, 5.0, 0.2], dtype=torch.float64)
    tables.append(torch.eye(5, dtype=torch.float64)[:, :4])
    for table in tables:
        wanted, per_factor = (torch.as_tensor(part, dtype=torch.float64) for part in disentanglement.focus(table.T.contiguous()))
        found = returned(answer, table, like=wanted, what="completeness")
        if close(found, wanted, 1e-5):
            continue
        shares = table / table.sum(0)
        entropies = -torch.xlogy(shares, shares).sum(0)
        weights = table.sum(0) / table.sum()
        slips = {
            "that is disentanglement: it looks along the rows. Completeness looks down the columns, one factor at a time.": disentanglement.focus(
                table
            )[0],
            "divide by log Z, the number of latents: an evenly spread column has entropy log Z.": (
                weights * (1 - entropies / math.log(table.shape[1]))
            ).sum(),
            "the plain mean over factors; weigh each factor by the sum of its column.": per_factor.mean(),
            "that is the entropy itself; one minus it is wanted, so that 1 is good.": (
                weights * entropies / math.log(table.shape[0])
            ).sum(),
            "the entropy must be divided by log Z, its largest value.": (weights * (1 - entropies)).sum(),
        }
        for reason, value in slips.items():
            if close(found, value, 1e-5):
                raise Wrong(reason)
        raise Wrong(
            f"for a table of importances yours is {found.item():.4g}, not {wanted.item():.4g}. Normalise each column first."
        )


@exercise("11.3", "mixed_uniform")
def mixed(answer) -> None:
    """Against the construction itself; what comes out must be uniform again, and the map must be undone by the opposite turn."""
    u = torch.rand(4000, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64) * 0.998 + 0.001
    normal = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    for angle in (0.6, -1.1):
        c, s = math.cos(angle), math.sin(angle)
        turn = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
        wanted = normal.cdf(normal.icdf(u) @ turn.T)
        found = returned(answer, u, angle, like=wanted, what="the mixed numbers")
        if close(found, wanted, 1e-4):
            continue
        if close(found, normal.cdf(normal.icdf(u) @ turn), 1e-4):
            raise Wrong("you turn the other way: with points as rows, z @ R.T turns by R, and z @ R by its inverse.")
        if close(found, u @ turn.T, 1e-4):
            raise Wrong("that turns the square itself, and its corners leave [0, 1]. Go to normal numbers first, turn, come back.")
        if close(found, normal.icdf(u) @ turn.T, 1e-4):
            raise Wrong("these are still normal numbers: the last step, the normal distribution function, is missing.")
        if ((found < 0) | (found > 1)).any():
            raise Wrong("what comes out must lie in [0, 1] again.")
        raise Wrong("the result is not Φ(R Φ⁻¹(u)), point by point.")


@exercise("11.4", "vote")
def voting(answer) -> None:
    """A batch in which the quiet latent is not the fixed one, and one with a dead latent (number 1) that rests."""
    generator, dead = torch.Generator().manual_seed(5), 1
    codes = torch.randn(2000, 4, generator=generator) * torch.tensor([3.0, 0.01, 1.0, 0.15])
    for dead_rests, fixed in ((False, 0), (False, 2), (False, 3), (True, 0), (True, 2)):
        batch = codes[:64].clone()
        batch[:, fixed] = batch[0, fixed] + 0.2 * (batch[:, fixed] - batch[0, fixed])
        if dead_rests:
            batch[:, dead] = codes[0, dead]
        found = returned(answer, batch, codes, like=torch.tensor(fixed), what="the number of the latent").item()
        if found == fixed:
            continue
        if found == dead and fixed == 0 and not dead_rests:
            raise StillThere("The quietest latent wins every vote, whichever factor was held fixed.")
        if found == dead and dead_rests:
            raise Wrong("a dead latent wins: one whose standard deviation over all codes is below 0.05 must be left out.")
        hint = " (If you take dead latents out before argmin, the numbers behind them are shifted.)" if found == fixed - 1 else ""
        raise Wrong(
            f"latent {fixed} varies least for its own size; yours names {found:g}. Count latents from 0, among all four.{hint}"
        )


@exercise("11.5", "mutual_information_gap")
def gaps(answer) -> None:
    """Tables in which the two axes give different answers; the entropies differ too."""
    generator = torch.Generator().manual_seed(6)
    entropy = torch.tensor([1.1, 0.7, 1.6], dtype=torch.float64)
    doubled = torch.eye(3, dtype=torch.float64).repeat(2, 1) * entropy
    for table in (doubled, torch.rand(5, 3, generator=generator, dtype=torch.float64) * entropy):
        wanted = (disentanglement.gap(table) / entropy).mean()
        found = returned(answer, table, entropy, like=wanted, what="the score")
        if close(found, wanted, 1e-5):
            continue
        top = table.topk(2, dim=1).values
        if close(found, ((top[:, 0] - top[:, 1]) / entropy.max()).mean(), 1e-5):
            raise StillThere("A code that says everything twice gets high marks.")
        if close(found, (table.max(0).values / entropy).mean(), 1e-5):
            raise Wrong("only the best is left: the second best must be taken off.")
        if close(found, disentanglement.gap(table).mean(), 1e-5) or close(
            found, (disentanglement.gap(table) / entropy.max()).mean(), 1e-5
        ):
            raise Wrong("divide each factor's gap by its *own* entropy, before the mean.")
        raise Wrong(
            f"yours is {found.item():.4g}, not {wanted.item():.4g}: for each factor the best latent minus the second best, over the factor's entropy."
        )
