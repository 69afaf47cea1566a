"""The exercises of notebook 08: cases, right functions, and wrong ones with what a student is told of them."""

import cmath
import math

import numpy as np
import torch

from exercises import exercise, rng

generator = rng(8)


@exercise(
    "08.1",
    right=lambda r_a, r_b, omega, t: abs((1 - t) * r_a + t * r_b * cmath.exp(1j * omega)),
    cases=[(1.0, 1.0, math.pi / 2, 0.5), (2.0, 3.0, 1.1, 0.3), (4.0, 0.5, 2.5, 0.8)],
    hint="Square (1 - t) a + t b, and use a · b = r_a r_b cos ω.",
    slips={
        "you return the square of the length; take its root.": {"power": 1},
        "that is slerp's length, a mix of both; a straight line cuts the corner.": lambda r_a, r_b, w, t: (1 - t) * r_a + t * r_b,
        "that is right for right angles only: what has ω to do with it?": {"mixed": 0},
        "the mixed term stands there once; a square of a sum has it twice.": {"mixed": 1},
    },
)
def length_on_line(r_a, r_b, omega, t, mixed=2, power=0.5):
    return ((1 - t) ** 2 * r_a**2 + t**2 * r_b**2 + mixed * t * (1 - t) * r_a * r_b * math.cos(omega)) ** power


def uneven(T: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return T uneven times and the lengths of the T - 1 steps between them, which are very uneven."""
    t = torch.rand(T, generator=generator).cumsum(0).double()
    return t, torch.rand(T - 1, generator=generator).double() ** 3 + 0.01


def inverse(t, moved, n):
    """Return the path at even times, stretched to the length of the times."""
    path = np.concatenate([[0.0], np.cumsum(moved)])
    return np.interp(np.linspace(t[0], t[-1], n), t, path) * (t[-1] / path[-1]).item()


@exercise(
    "08.2",
    cases=[(*uneven(T), n) for T, n in ((6, 5), (11, 11), (4, 30))],
    hint="How much of the path lies behind at each t, and how much should?",
    slips={
        "these times are evenly spaced; the image moves as unevenly as before.": lambda t, moved, n: np.linspace(t[0], t[-1], n),
        "these are even amounts of *path*; look up when each is reached.": lambda t, moved, n: np.linspace(0, moved.sum(), n),
        "the first and the last time must stay where they were.": {"gaps": 0},
        "the first time is t[0], which need not be 0.": lambda t, moved, n: even_times(t - t[0], moved, n),
        "you looked up the path at even times; look up the times at even lengths.": inverse,
    },
)
def even_times(t, moved, n, gaps=1):
    path = np.concatenate([[0.0], np.cumsum(moved)])
    return np.interp(np.arange(n) / (n - gaps) * path[-1], path, t)


def weighted(a, b, t):
    omega = torch.arccos(torch.cosine_similarity(a, b, dim=0))
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)


def arc(a, b, t):
    return weighted(a / a.norm(), b / b.norm(), t)


pairs = torch.randn(6, 2, 12, generator=generator, dtype=torch.float64) * torch.tensor([[3.0], [2.0]])


@exercise(
    "08.3",
    cases=[(a, b, t) for a, b in pairs for t in (0.0, 0.25, 0.5, 1.0)],
    hint="The angle belongs to the directions; take it before you restore the lengths.",
    bug={"Every point has length 1, the ends too.": arc},
    slips={
        "the direction is right, but the length must go evenly from |a| to |b|.": lambda a, b, t: a.norm() * arc(a, b, t),
        "at t = 0 and t = 1 it must be the end itself.": lambda a, b, t: (a.norm() * b.norm()).sqrt() * arc(a, b, t),
        "the weights belong to the *directions*; applied to a and b, the longer one wins.": weighted,
        "that is the straight line; the direction has to turn evenly.": lambda a, b, t: (1 - t) * a + t * b,
    },
)
def short_slerp(a, b, t):
    return ((1 - t) * a.norm() + t * b.norm()) * arc(a, b, t)


levels = torch.arange(256, dtype=torch.uint8)


@exercise(
    "08.4",
    cases=[(levels.repeat(1, 256, 1), levels[:, None].repeat(1, 1, 256), t / 3) for t in range(4)],  # no half among the results
    hint="It should be (1 - t) a + t b, rounded.",
    typed=True,
    bug={"Where the second image is darker than the first, pixels flash.": lambda a, b, t: a + (t * (b - a)).to(torch.uint8)},
    slips={
        "you cut the fraction off, half a level on average; round first.": {"rounded": torch.clone},
        "the colours are right, but uint8 is what goes in and what should come out.": {"dtype": torch.float32},
        "a and b are exchanged: at t = 0 it should be a.": lambda a, b, t: fade_bytes(b, a, t),
        "you changed the images that you were given; work on a copy.": lambda a, b, t: a.copy_(fade_bytes(a, b, t)),
    },
)
def fade_bytes(a, b, t, rounded=torch.round, dtype=torch.uint8):
    return rounded((1 - t) * a.float() + t * b.float()).to(dtype)
