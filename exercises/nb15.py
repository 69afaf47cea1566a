"""The exercises of notebook 15: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch

from exercises import StillThere, Wrong, exercise


def kept(f, d, side):
    """Return |φ|² by a Fourier transform of two edges' average, an impulse at 0 and one at d."""
    impulses = torch.zeros(side, dtype=torch.float64)
    impulses[0] += 0.5
    impulses[d % side] += 0.5
    return torch.fft.rfft(impulses).abs().square()[f]


def cosine(f, d, side):
    return torch.cos(math.pi * f * d / side)


exercise(
    "15.1",
    "share_left",
    right=kept,
    cases=[(torch.arange(side // 2 + 1), d, side) for d, side in ((1, 32), (4, 32), (20, 28))],
    what="the share of power",
    hint="φ is the average of 1 and exp(-2πi f d / side); take |φ|².",
    slips={
        "yours is what is left of the amplitude; power is its square.": cosine,
        "yours is what is left of the amplitude's size; power is its square.": lambda *given: cosine(*given).abs(),
        "yours is the share that is lost.": lambda *given: 1 - kept(*given),
        "yours is for places 2 d apart: they are at 0 and d, half of that on either side of their middle.": lambda f, d, side: kept(
            f, 2 * d, side
        ),
        "you take f as waves per pixel; it is in waves per image, so divide by the side.": lambda f, d, side: cosine(
            f, d, 1
        ).square(),
        "yours is ½ at every frequency; a wave of length d meets itself again and loses nothing.": lambda f, *given: 0.5 + 0 * f,
    },
)

generator = torch.Generator().manual_seed(0)
images = torch.rand(5, 3, 4, 4, generator=generator)
log_q = torch.tensor([0.3, -1.0, 0.9, -2.0, 0.0])


def average(weigh):
    return lambda log_q, images: (weigh(log_q).reshape(-1, 1, 1, 1) * images).sum(0)


exercise(
    "15.2",
    "best_output",
    right=average(lambda log_q: log_q.double().softmax(0)),
    cases=[(log_q, images), (log_q - 900, images)],
    what="the best image",
    hint="It is the average of the images, weighted by q(z|x_n) and divided by the sum of the weights.",
    slips={
        "where log q is near −900 all of its exponentials are 0, and you divide 0 by 0; subtract the largest, or use softmax.": average(
            lambda log_q: log_q.exp() / log_q.exp().sum()
        ),
        "your weights do not add up to 1: divide by their sum.": average(torch.exp),
        "at log q near −900 your image is black: all exponentials underflow to 0. Subtract the largest, or use softmax.": average(
            lambda log_q: log_q.exp() / (log_q.exp().sum() + 1e-12)
        ),
        "you take all images alike; those whose posteriors hold z should count more.": lambda log_q, images: images.mean(0),
        "you return the likeliest image; the squared error is least for the average.": lambda log_q, images: images[log_q.argmax()],
    },
)


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Return two batches of vectors that ask for gradients."""
    z, e = torch.randn(2, 2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    return z.requires_grad_(), e.requires_grad_()


def gradients(value, inputs, sent) -> list[torch.Tensor]:
    """Return the gradients of a value with respect to both inputs, zeros where there are none."""
    found = torch.autograd.grad(value, inputs, sent, retain_graph=True, allow_unused=True) if value.requires_grad else (None, None)
    return [torch.zeros_like(x) if part is None else part for part, x in zip(found, inputs, strict=True)]


@exercise(
    "15.3",
    "straight_through",
    right=(lambda z, e: z + (e - z).detach(), lambda z, e: e.detach() + z - z.detach()),
    bug={"No gradient reaches z; all of it goes to the codebook.": lambda z, e: z + (e - z)},
    slips={
        "the value must be e": lambda z, e: z,
        "no gradient reaches z: you have detached it, too.": lambda z, e: e.detach(),
        "a gradient reaches z, but not the one that was sent.": lambda z, e: 2 * z + (e - 2 * z).detach(),
        "the gradient arrives at z, but some goes to e as well": lambda z, e: z + (e - z.detach()),
    },
)
def through(answer) -> None:
    """Value e, gradient to z as it is, none to e."""
    z, e = pair()
    value = answer(z, e)
    if value is None or value is ...:
        raise NotImplementedError
    if value.shape != e.shape or not torch.allclose(value, e, atol=1e-5):
        raise Wrong("the value must be e, the codebook's vectors: that is what the decoder is given.")
    sent = torch.randn(e.shape, generator=torch.Generator().manual_seed(2))
    to_z, to_e = gradients(value, (z, e), sent)
    if not to_z.any():
        if torch.allclose(to_e, sent):
            raise StillThere("No gradient reaches z; all of it goes to the codebook.")
        raise Wrong("no gradient reaches z: you have detached it, too.")
    if not torch.allclose(to_z, sent):
        raise Wrong("a gradient reaches z, but not the one that was sent.")
    if to_e.any():
        raise Wrong("the gradient arrives at z, but some goes to e as well; that is the codebook term's business.")


def squares(a, b):
    return (a - b).square().flatten(1).sum(1)


def tripled(x):
    """Return x, with three times its gradient."""
    return 3 * x - 2 * x.detach()


@exercise(
    "15.4",
    "vq_terms",
    right=lambda z, e, weight: (squares(z.detach(), e), weight * squares(e.detach(), z)),
    bug={
        "The codebook term moves the encoder, and the commitment term the codebook.": lambda z, e, weight: (
            squares(z, e.detach()),
            weight * squares(z.detach(), e),
        )
    },
    slips={
        "|z − e|² summed per image, (B,), without the weight": lambda z, e, weight: (squares(z.detach(), e).mean(), squares(z, e)),
        "weight · |z − e|² summed per image": lambda z, e, weight: (squares(z.detach(), e), squares(z, e.detach())),
        "the codebook term must move e and nothing else: detach z in it.": lambda z, e, weight: (
            squares(z, e),
            weight * squares(z, e.detach()),
        ),
        "the commitment term must move z and nothing else: detach e in it.": lambda z, e, weight: (
            squares(z.detach(), e),
            weight * squares(z, e),
        ),
        "the codebook term's gradient": lambda z, e, weight: (
            squares(z.detach(), tripled(e)),
            weight * squares(z, e.detach()),
        ),
        "the commitment term's gradient": lambda z, e, weight: (
            squares(z.detach(), e),
            weight * squares(tripled(z), e.detach()),
        ),
    },
)
def terms(answer) -> None:
    """Values, and the gradient of each: the codebook term's to e, the commitment term's to z."""
    for weight in (0.25, 2.0):
        z, e = pair()
        both = answer(z, e, weight)
        if both is None or both is ...:
            raise NotImplementedError
        codebook, commitment = both
        apart = (z - e).detach()
        if codebook.shape != (2,) or not torch.allclose(codebook, squares(z, e), rtol=1e-4):
            raise Wrong("the codebook term should be |z − e|² summed per image, (B,), without the weight.")
        if commitment.shape != (2,) or not torch.allclose(commitment, weight * squares(z, e), rtol=1e-4):
            raise Wrong("the commitment term should be weight · |z − e|² summed per image, (B,).")
        codebook_z, codebook_e = gradients(codebook.sum(), (z, e), None)
        commitment_z, commitment_e = gradients(commitment.sum(), (z, e), None)
        if codebook_z.any() and commitment_e.any() and not (codebook_e.any() or commitment_z.any()):
            raise StillThere("The codebook term moves the encoder, and the commitment term the codebook.")
        if codebook_z.any() or not codebook_e.any():
            raise Wrong("the codebook term must move e and nothing else: detach z in it.")
        if commitment_e.any() or not commitment_z.any():
            raise Wrong("the commitment term must move z and nothing else: detach e in it.")
        if not torch.allclose(codebook_e, -2 * apart, rtol=1e-4):
            raise Wrong("the codebook term's gradient with respect to e should be 2 (e − z).")
        if not torch.allclose(commitment_z, 2 * weight * apart, rtol=1e-4):
            raise Wrong("the commitment term's gradient with respect to z should be 2 · weight · (z − e).")
