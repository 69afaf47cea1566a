"""Solutions to the exercises of notebook 09, with the reason for each."""

import torch


def nats_below_typical(z):
    """09.1: the constants cancel; −|z|²/2 at radius √Z is −Z/2."""
    return 0.5 * (z.square().sum() - len(z))


def thick_shell(n, size, inner, outer, generator):
    """09.2: the volume within radius r grows like r^size, so r^size has to be uniform; the direction is a normal vector's."""
    eps = torch.randn(n, size, generator=generator, dtype=torch.float64)
    share = torch.rand(n, 1, generator=generator, dtype=torch.float64)
    r = (inner**size + share * (outer**size - inner**size)) ** (1 / size)
    return r * eps / eps.norm(dim=1, keepdim=True)


def one_sided_region(n, size, level, generator):
    """09.3: `full` makes one point. The normal density is even, so taking the absolute value conditions on the side."""
    sign = 1.0 if level > 0 else -1.0
    return sign * torch.randn(n, size, generator=generator).abs()


def smile_vector(mu, smiling):
    """09.4: an int64 tensor is a list of row numbers, so mu[smiling] was rows 0 and 1, over and over. A mask has to be bool."""
    smiling = smiling.bool()
    return mu[smiling].mean(0) - mu[~smiling].mean(0)


def without(d, o, C):
    """09.5: o^T C^-1 (d - t o) = 0 gives t."""
    read = torch.linalg.solve(C, o)
    return d - o * (read @ d) / (read @ o)
