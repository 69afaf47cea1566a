"""Solutions to the exercises of notebook 10, with the reason for each."""

import torch


def along(z, u, t):
    """10.1: a direction has no length of its own, so take it away; then t is the distance from z."""
    return z + t[:, None] * u / u.norm()


def top_latents(mu, logvar, k):
    """10.2: the KL of each latent, averaged over images; then the largest first."""
    nats = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(0)
    return nats.argsort(descending=True)[:k]


def strongest(draw, points, measure):
    """10.3: one controlled experiment a latent; the mean is taken before the size, so that effects of either sign cancel."""
    changes = []
    for dim in range(points.shape[1]):
        low, high = points.clone(), points.clone()
        low[:, dim], high[:, dim] = -2.0, 2.0
        changes.append((measure(draw(high)) - measure(draw(low))).mean())
    changes = torch.stack(changes)
    best = changes.abs().argmax()
    return int(best), changes[best].item()


def equal_shares(n):
    """10.4: the quantiles 0 and 1 of a normal distribution lie at ±infinity; the median of share i is the quantile (i + ½) / n."""
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)


def row_of_codes(z, dim, t):
    """10.5: one and the same z was changed and put into the list again and again; each row needs a copy of its own."""
    row = []
    for value in t:
        code = z.clone()
        code[dim] = value
        row.append(code)
    return torch.stack(row)
