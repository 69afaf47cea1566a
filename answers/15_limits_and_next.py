"""Solutions to the exercises of notebook 15, with the reason for each."""

import math

import torch


def share_left(f, d, side):
    """15.1: φ(f) = ½ (1 + e^(−2πifd/side)), so |φ|² = cos²(πfd/side). Nothing is left at side / 2d, all at twice that."""
    return torch.cos(math.pi * f * d / side).square()


def best_output(log_q, images):
    """15.2: E[x|z]. Only ratios of q count, so softmax may subtract the largest logarithm first; it never underflows to 0 / 0."""
    return (log_q.softmax(0).reshape(-1, 1, 1, 1) * images).sum(0)


def straight_through(z, e):
    """15.3: z + (e − z) is e, to autograd, too: the two z cancel. Detached, the difference is a constant: z keeps its gradient."""
    return z + (e - z).detach()


def vq_terms(z, e, weight=0.25):
    """15.4: what is detached stands still. The codebook term moves e, so z is detached in it; the commitment term moves z."""
    codebook = (z.detach() - e).square().flatten(1).sum(1)
    commitment = weight * (z - e.detach()).square().flatten(1).sum(1)
    return codebook, commitment
