"""The checks of notebook 15's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import torch

from helpers.checks import StillThere, Wrong, close, exercise, returned


@exercise("15.1", "half_power_frequency")
def half_power(answer) -> None:
    """Against the jitter's characteristic function, bisected."""
    for jitter, side in ((1.0, 32), (2.0, 64), (0.5, 28)):
        low, high = 0.0, float(side * side)
        for _ in range(200):
            middle = (low + high) / 2
            left = math.exp(-((2 * math.pi * middle * jitter / side) ** 2))
            low, high = (middle, high) if left > 0.5 else (low, middle)
        found = returned(answer, jitter, side, like=low, what="the frequency")
        if close(found, low):
            continue
        told = f"for a jitter of {jitter:g} pixels and a side of {side} "
        if close(found, low * math.sqrt(2)):
            raise Wrong(told + "your wave has half of its amplitude left; power is the amplitude squared.")
        if close(found, low / side):
            raise Wrong(told + "yours is in waves per pixel; multiply by the side.")
        if close(found, low * 2 * math.pi):
            raise Wrong(told + "yours is an angular frequency; divide by 2 π.")
        raise Wrong(told + f"half of the power is gone at {low:.4g} waves, but yours is {found.item():.4g}.")


@exercise("15.2", "best_output")
def best(answer) -> None:
    """Against the weighted mean in float64, where all logarithms are tame and where they are far below what exp can hold."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(5, 3, 4, 4, generator=generator)
    for shift in (0.0, -900.0):
        log_q = torch.tensor([0.3, -1.0, 0.9, -2.0, 0.0]) + shift
        weights = (log_q.double() - log_q.double().max()).exp()
        wanted = ((weights / weights.sum()).reshape(5, 1, 1, 1) * images.double()).sum(0)
        if shift:
            value = answer(log_q.clone(), images.clone())
            if value is None or value is ...:
                raise NotImplementedError
            if not torch.as_tensor(value).isfinite().all():
                raise Wrong("where log q is near −900 all of its exponentials are 0, and you divide 0 by 0; subtract the largest, or use softmax.")
        found = returned(answer, log_q, images, like=wanted, what="the best picture")
        if close(found, wanted):
            continue
        plain = images.double().mean(0)
        if close(found, plain):
            raise Wrong("you take all pictures alike; those whose zones hold z should count more.")
        if close(found, images[log_q.argmax()]):
            raise Wrong("you return the likeliest picture; the squared error is least for the average.")
        if close(found, (log_q.double().exp().reshape(5, 1, 1, 1) * images.double()).sum(0)):
            raise Wrong("your weights do not add up to 1: divide by their sum.")
        if close(found, plain * 0) or found.abs().max() < 1e-6:
            raise Wrong("at log q near −900 your picture is black: all exponentials underflow to 0. Subtract the largest, or use softmax.")
        raise Wrong("it is not the average of the pictures, weighted by q(z|x_n) and divided by the sum of the weights.")


@exercise("15.3", "codebook_perplexity")
def perplexity(answer) -> None:
    """Against the entropy of the counts; one symbol alone, all alike, and an uneven set with unused symbols."""
    uneven = torch.tensor([[0, 0, 0, 0, 1, 1, 3, 3]])
    for k, K in ((torch.arange(8).repeat(3), 8), (uneven, 6), (torch.full((2, 3, 3), 2), 4)):
        p = torch.bincount(k.flatten(), minlength=K).double() / k.numel()
        entropy = -torch.xlogy(p, p).sum().item()
        wanted = math.exp(entropy)
        value = answer(k.clone(), K)
        if value is not None and value is not ... and math.isnan(float(value)):
            raise Wrong("it is NaN: 0 · log 0 counts as 0 here (torch.xlogy), and some symbols are never used.")
        found = returned(lambda result: result, value, like=wanted, what="the perplexity")
        if close(found, wanted):
            continue
        if close(found, entropy):
            raise Wrong("this is the entropy; the perplexity is its exponential.")
        if close(found, math.exp(entropy / math.log(2))) or close(found, 2**entropy):
            raise Wrong("entropy and power have different bases: e to the nats, or 2 to the bits.")
        if close(found, (p > 0).sum().double()):
            raise Wrong("you count the symbols that occur at all; one that is used once a year hardly counts.")
        raise Wrong(f"for {k.flatten().tolist()} and K = {K} it is {wanted:.4g}, but yours is {found.item():.4g}.")


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Two batches of vectors that ask for gradients."""
    generator = torch.Generator().manual_seed(1)
    z, e = (torch.randn(2, 4, 3, 3, generator=generator) for _ in range(2))
    return z.requires_grad_(), e.requires_grad_()


@exercise("15.4", "straight_through")
def through(answer) -> None:
    """Value e, gradient to z as it is, none to e."""
    z, e = pair()
    value = answer(z, e)
    if value is None or value is ...:
        raise NotImplementedError
    if value.shape != e.shape or not torch.allclose(value, e, atol=1e-5):
        raise Wrong("the value must be e, the codebook's vectors: that is what the decoder is given.")
    sent = torch.randn(e.shape, generator=torch.Generator().manual_seed(2))
    to_z, to_e = torch.autograd.grad(value, (z, e), sent, allow_unused=True) if value.requires_grad else (None, None)
    to_z, to_e = (torch.zeros_like(sent) if part is None else part for part in (to_z, to_e))
    if not to_z.any() and torch.allclose(to_e, sent):
        raise StillThere("No gradient reaches z; all of it goes to the codebook.")
    if not to_z.any():
        raise Wrong("no gradient reaches z: you have detached it, too.")
    if not torch.allclose(to_z, sent):
        raise Wrong("a gradient reaches z, but not the one that was sent.")
    if to_e.any():
        raise Wrong("the gradient arrives at z, but some goes to e as well; that is the codebook term's business.")


@exercise("15.5", "vq_terms")
def terms(answer) -> None:
    """Values, and which of the two moves what."""
    for weight in (0.25, 2.0):
        z, e = pair()
        both = answer(z, e, weight)
        if both is None or both is ...:
            raise NotImplementedError
        codebook, commitment = both
        squares = (z - e).square().flatten(1).sum(1).detach()
        if codebook.shape != squares.shape or not torch.allclose(codebook, squares, rtol=1e-4):
            raise Wrong("the codebook term should be |z − e|² summed per picture, (B,), without the weight.")
        if not torch.allclose(commitment, weight * squares, rtol=1e-4):
            raise Wrong("the commitment term should be weight · |z − e|² summed per picture, (B,).")
        moved = {}
        for name, term in (("codebook", codebook), ("commitment", commitment)):
            found = torch.autograd.grad(term.sum(), (z, e), retain_graph=True, allow_unused=True) if term.requires_grad else (None, None)
            moved[name] = tuple(part is not None and bool(part.any()) for part in found)
        if moved == {"codebook": (True, False), "commitment": (False, True)}:
            raise StillThere("The codebook term moves the encoder, and the commitment term the codebook.")
        if moved["codebook"] != (False, True):
            raise Wrong("the codebook term must move e and nothing else: detach z in it.")
        if moved["commitment"] != (True, False):
            raise Wrong("the commitment term must move z and nothing else: detach e in it.")
