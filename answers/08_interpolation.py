"""Solutions to the exercises of notebook 08, with the reason for each."""

import math

import torch


def length_on_line(r_a, r_b, omega, t):
    """08.1: the square of a sum, with a · b = r_a r_b cos ω."""
    return math.sqrt((1 - t) ** 2 * r_a**2 + t**2 * r_b**2 + 2 * t * (1 - t) * r_a * r_b * math.cos(omega))


def even_times(t, moved, n):
    """08.2: the path length only rises with time, so it can be inverted; look up the times at even lengths."""
    path = torch.cat([torch.zeros(1).to(moved), moved.cumsum(0)])  # (T,)
    wanted = torch.linspace(0, 1, n).to(moved) * path[-1]
    step = torch.searchsorted(path, wanted, right=True).clamp(1, len(moved)) - 1  # the step within which it is reached
    return t[step] + (wanted - path[step]) / moved[step] * (t[step + 1] - t[step])


def short_slerp(a, b, t):
    """08.3: the ends were replaced by their directions, and nothing gave the lengths back."""
    r_a, r_b = a.norm(), b.norm()
    a, b = a / r_a, b / r_b
    omega = torch.arccos((a @ b).clamp(-1, 1))
    direction = (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)
    return ((1 - t) * r_a + t * r_b) * direction


def fade_bytes(a, b, t):
    """08.4: in uint8, 10 - 20 is 246. Compute in floats, round, and only then go back to bytes."""
    return ((1 - t) * a.float() + t * b.float()).round().to(torch.uint8)
