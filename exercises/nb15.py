"""The checks of notebook 15's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import math

import torch

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("15.1", "share_left")
def two_places(answer) -> None:
    """Against the power of the average of two pictures, by a Fourier transform; d of both parities, and a d beyond half a side."""
    generator = torch.Generator().manual_seed(0)
    for d, side in ((1, 32), (4, 32), (20, 28)):
        picture, f = torch.randn(side, generator=generator, dtype=torch.float64), torch.arange(side // 2 + 1)
        average = (picture + picture.roll(d)) / 2
        wanted = torch.fft.rfft(average).abs().square() / torch.fft.rfft(picture).abs().square()
        found = returned(answer, f, d, side, like=wanted, what="the share of power")
        if close(found, wanted):
            continue
        told, angle = f"for d = {d} and a side of {side} ", math.pi * f.double() * d / side
        if close(found, wanted.sqrt()) or close(found, angle.cos()):
            raise Wrong(told + "yours is what is left of the amplitude; power is its square.")
        if close(found, 1 - wanted):
            raise Wrong(told + "yours is the share that is lost.")
        if close(found, (2 * angle).cos().square()):
            raise Wrong(told + "yours is for places 2 d apart: they are at 0 and d, half of that on either side of their middle.")
        if close(found, (angle * side).cos().square()):
            raise Wrong(told + "you take f as waves per pixel; it is in waves per picture, so divide by the side.")
        if close(found, 0 * wanted + 0.5):
            raise Wrong(told + "yours is ½ at every frequency; a wave of length d meets itself again and loses nothing.")
        raise Wrong(told + f"the shares begin {[round(value, 3) for value in wanted[:4].tolist()]}; yours are others.")


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
                raise Wrong(
                    "where log q is near −900 all of its exponentials are 0, and you divide 0 by 0; subtract the largest, or use softmax."
                )
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
            raise Wrong(
                "at log q near −900 your picture is black: all exponentials underflow to 0. Subtract the largest, or use softmax."
            )
        raise Wrong("it is not the average of the pictures, weighted by q(z|x_n) and divided by the sum of the weights.")


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Two batches of vectors that ask for gradients."""
    generator = torch.Generator().manual_seed(1)
    z, e = (torch.randn(2, 4, 3, 3, generator=generator) for _ in range(2))
    return z.requires_grad_(), e.requires_grad_()


@exercise("15.3", "straight_through")
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


@exercise("15.4", "vq_terms")
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
            found = (
                torch.autograd.grad(term.sum(), (z, e), retain_graph=True, allow_unused=True)
                if term.requires_grad
                else (None, None)
            )
            moved[name] = tuple(part is not None and bool(part.any()) for part in found)
        if moved == {"codebook": (True, False), "commitment": (False, True)}:
            raise StillThere("The codebook term moves the encoder, and the commitment term the codebook.")
        if moved["codebook"] != (False, True):
            raise Wrong("the codebook term must move e and nothing else: detach z in it.")
        if moved["commitment"] != (True, False):
            raise Wrong("the commitment term must move z and nothing else: detach e in it.")
