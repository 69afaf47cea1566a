"""Solutions to the exercises of notebook 15, with the reason for each."""

import math

import torch


def half_power_frequency(jitter, side):
    """15.1: the power that is left is exp(−(2πfs/N)²); set it to ½ and solve for f."""
    return side * math.sqrt(math.log(2)) / (2 * math.pi * jitter)


def best_output(log_q, images):
    """15.2: E[x|z]. Only ratios of q count, so softmax may subtract the largest logarithm first; it never underflows to 0 / 0."""
    return (log_q.softmax(0).reshape(-1, 1, 1, 1) * images).sum(0)


def codebook_perplexity(k, K):
    """15.3: exp of the entropy; xlogy takes 0 · log 0 as 0, so that symbols nobody uses do no harm."""
    p = torch.bincount(k.flatten(), minlength=K) / k.numel()
    return torch.exp(-torch.xlogy(p, p).sum()).item()


def straight_through(z, e):
    """15.4: z + (e − z) is e, also to autograd: the two z cancel. Detached, the difference is constant, and z keeps its gradient."""
    return z + (e - z).detach()


def vq_terms(z, e, weight=0.25):
    """15.5: what is detached stands still. The codebook term moves e, so z is detached in it; the commitment term moves z."""
    codebook = (z.detach() - e).square().flatten(1).sum(1)
    commitment = weight * (z - e.detach()).square().flatten(1).sum(1)
    return codebook, commitment
