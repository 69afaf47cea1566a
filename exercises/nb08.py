"""The exercises of notebook 08: cases, right functions, and wrong ones with what a student is told of them."""

import cmath
import math
from functools import partial

import numpy as np
import torch

from exercises import StillThere, Wrong, exercise, returned

rng = torch.Generator().manual_seed(8)


def length(r_a, r_b, omega, t, mixed=2.0):
    return math.sqrt((1 - t) ** 2 * r_a**2 + t**2 * r_b**2 + mixed * t * (1 - t) * r_a * r_b * math.cos(omega))


exercise(
    "08.1",
    "length_on_line",
    right=lambda r_a, r_b, omega, t: abs((1 - t) * r_a + t * r_b * cmath.exp(1j * omega)),
    cases=[(1.0, 1.0, math.pi / 2, 0.5), (2.0, 3.0, 1.1, 0.3), (4.0, 0.5, 2.5, 0.8)],
    what="the length",
    hint="Square (1 - t) a + t b, and use a · b = r_a r_b cos ω.",
    slips={
        "you return the square of the length; take its root.": lambda *given: length(*given) ** 2,
        "you mix the two lengths. That is slerp's length; a straight line cuts the corner.": lambda r_a, r_b, omega, t: (
            (1 - t) * r_a + t * r_b
        ),
        "the mixed term 2 t (1 - t) r_a r_b cos ω is missing: that is right for right angles only.": partial(length, mixed=0),
        "the mixed term stands there once; a square of a sum has it twice.": partial(length, mixed=1),
    },
)


def uneven(T: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return T uneven times and the lengths of the T - 1 steps between them, which are very uneven."""
    t = torch.cat([torch.zeros(1), torch.rand(T - 1, generator=rng).cumsum(0)]).double()
    return t, torch.rand(T - 1, generator=rng).double() ** 3 + 0.01


def looked_up(t, moved, share):
    """Return the times at which these shares of the path are reached."""
    path = np.concatenate([[0], moved.cumsum(0)])
    return np.interp(share * path[-1], path, t)


def inverse(t, moved, n):
    path = np.concatenate([[0], moved.cumsum(0)])
    return np.interp(np.linspace(0, t[-1], n), t, path) * (t[-1] / path[-1]).numpy()


exercise(
    "08.2",
    "even_times",
    right=lambda t, moved, n: looked_up(t, moved, np.linspace(0, 1, n)),
    cases=[(*uneven(T), n) for T, n in ((6, 5), (11, 11), (4, 30))],
    what="the row of times",
    hint="Add up the path, divide it evenly, and interpolate t over the path.",
    slips={
        "these times are evenly spaced; the image then moves as unevenly as before.": lambda t, moved, n: np.linspace(0, t[-1], n),
        "these are evenly spaced amounts of *path*; now look up at which time each of them is reached.": lambda t, moved, n: (
            np.linspace(0, moved.sum(), n)
        ),
        "the first and the last time must stay where they were.": lambda t, moved, n: looked_up(t, moved, np.arange(n) / n),
        "you looked up the path at even times; it is the other way round: the times at even lengths of path.": inverse,
    },
)


def arc(a, b, t):
    """Return the point at t on the arc from a / |a| to b / |b|."""
    return weighted(a / a.norm(), b / b.norm(), t)


def weighted(a, b, t):
    omega = torch.arccos(torch.cosine_similarity(a, b, dim=0))
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


pairs = torch.randn(6, 2, 12, generator=rng, dtype=torch.float64) * torch.tensor([[3.0], [2.0]])

exercise(
    "08.3",
    "short_slerp",
    right=lambda a, b, t: ((1 - t) * a.norm() + t * b.norm()) * arc(a, b, t),
    cases=[(a, b, t) for a, b in pairs for t in (0.0, 0.25, 0.5, 1.0)],
    what="the point",
    hint="The angle belongs to the directions; take it before you restore the lengths.",
    bug={"Every point has length 1, the ends too.": arc},
    slips={
        "the direction is right, but the length stays |a|; it must go evenly to |b|.": lambda a, b, t: a.norm() * arc(a, b, t),
        "at t = 0 and t = 1 it must be the end itself; yours has another length there.": lambda a, b, t: (
            (a.norm() * b.norm()).sqrt() * arc(a, b, t)
        ),
        "the weights belong to the *directions*: given to a and b as they are, the longer one pulls the turn to its side.": weighted,
        "that is the straight line; the direction has to turn evenly.": lambda a, b, t: (1 - t) * a + t * b,
    },
)

levels = torch.arange(256, dtype=torch.uint8)


def faded(a, b, t):
    return (1 - t) * a.float() + t * b.float()


def fade_in_place(a, b, t):
    mixed = faded(a, b, t).round().to(torch.uint8)
    return a.copy_(mixed)


@exercise(
    "08.4",
    "fade_bytes",
    bug={"Where the second image is darker than the first, pixels flash.": lambda a, b, t: a + (t * (b - a)).to(torch.uint8)},
    slips={
        "you cut the fraction off, which darkens every image on the way by half a level; round first.": lambda *given: faded(
            *given
        ).to(torch.uint8),
        "the colours are right, but uint8 is what goes in and what should come out.": lambda *given: faded(*given).round(),
        "grey levels from (1 - t) a + t b.": lambda a, b, t: faded(b, a, t).round().to(torch.uint8),
        "you changed the images that you were given; work on a copy.": fade_in_place,
    },
)
def fade(answer) -> None:
    """Against float arithmetic, to half a grey level; every pair of grey levels occurs."""
    for t in (0.0, 0.3, 0.5, 1.0):
        a, b = levels.repeat(3, 256, 1), levels[:, None].repeat(3, 1, 256)
        kept, exact = (a.clone(), b.clone()), (1 - t) * a.double() + t * b.double()
        value = answer(a, b, t)
        off = (returned(lambda result: result, value, like=exact, what="the image") - exact).abs()
        if off.max() > 1.01:
            if off[kept[1] >= kept[0]].max() < 1.01:
                raise StillThere("Where the second image is darker than the first, pixels flash.")
            raise Wrong(f"at t = {t:g} some pixel is {off.max():.0f} grey levels from (1 - t) a + t b.")
        if not isinstance(value, torch.Tensor) or value.dtype != torch.uint8:
            raise Wrong("the colours are right, but uint8 is what goes in and what should come out.")
        if off.max() > 0.51:
            raise Wrong("you cut the fraction off, which darkens every image on the way by half a level; round first.")
        if not (torch.equal(a, kept[0]) and torch.equal(b, kept[1])):
            raise Wrong("you changed the images that you were given; work on a copy.")
