"""The exercises of notebook 15: cases, right functions, and wrong ones with what a student is told of them."""

import math

import torch

from exercises import answered, exercise, refuse, rng


def cosine(f, d, side):
    return torch.cos(math.pi * f * d / side)


@exercise(
    "15.1",
    right=lambda *given: cosine(*given).square(),
    cases=[(torch.arange(side // 2 + 1), d, side) for d, side in ((1, 32), (4, 32), (20, 28))],
    hint="φ is the average of the phases of both places, and power is |φ|².",
    slips={
        "yours is what is left of the amplitude; power is its square.": lambda *given: cosine(*given).abs(),
        "yours is what is left of the amplitude, with its sign; power is its square.": cosine,
        "yours is the share that is lost.": lambda *given: 1 - share_left(*given),
        "yours is for places 2 d apart; they are at 0 and d.": lambda f, d, side: share_left(f, 2 * d, side),
        "yours is 1 at every frequency. Is f counted in waves per pixel? It is in waves per image.": lambda f, d, side: cosine(
            f, d, 1
        ).square(),
        "yours is ½ at every frequency; a wave of length d meets itself again and loses nothing.": lambda f, *given: 0.5 + 0 * f,
    },
)
def share_left(f, d, side):
    """Return |φ|² by a Fourier transform of two edges' average, an impulse at 0 and one at d."""
    impulses = torch.zeros(side, dtype=torch.float64)
    impulses[0] += 0.5
    impulses[d % side] += 0.5
    return torch.fft.rfft(impulses).abs().square()[f]


images = torch.rand(5, 3, 4, 4, generator=rng(0))
log_q = torch.tensor([0.3, -1.0, 0.9, -2.0, 0.0])


@exercise(
    "15.2",
    cases=[(log_q, images), (log_q - 900, images), (400 * log_q, images)],
    hint="It is the average of the images, weighted by q(z|x_n) and divided by the sum of the weights.",
    slips={
        "at log q = −900 you divide 0 by 0; subtract the largest, or use softmax.": {"weigh": lambda q: q.exp() / q.exp().sum()},
        "your weights do not add up to 1: divide by their sum.": {"weigh": torch.exp},
        "at log q = −900 all weights are 0; subtract the largest first.": {"weigh": lambda q: q.exp() / (q.exp().sum() + 1e-12)},
        "you divide inf by inf: subtract the largest.": {"weigh": lambda q: (e := (q - q.min()).exp()) / e.sum()},
        "you take all images alike; those whose posteriors hold z should count more.": lambda log_q, images: images.mean(0),
        "you return the likeliest image; the squared error is least for the average.": lambda log_q, images: images[log_q.argmax()],
    },
)
def best_output(log_q, images, weigh=lambda log_q: log_q.softmax(0)):
    return (weigh(log_q).reshape(-1, 1, 1, 1) * images).sum(0)


def gradients(value, inputs, sent=None) -> list[torch.Tensor]:
    """Return the gradients of a value with respect to both inputs, zeros where there are none."""
    found = torch.autograd.grad(value, inputs, sent, retain_graph=True, allow_unused=True) if value.requires_grad else (None, None)
    return [torch.zeros_like(x) if part is None else part for part, x in zip(found, inputs, strict=True)]


def passed(answer):
    """Return a function of an answer's value and of the gradients that reach z and e."""

    def value_and_gradients(z, e, sent):
        inputs = z.requires_grad_(), e.requires_grad_()
        value = answered(answer, *inputs)
        refuse(getattr(value, "shape", None) != e.shape, f"the value should be a tensor {tuple(e.shape)}, as e is.")
        return torch.stack([value, *gradients(value, inputs, sent)])

    return value_and_gradients


z, e, sent = torch.randn(3, 2, 4, 3, 3, generator=rng(1))


@exercise(
    "15.3",
    right=lambda z, e: e.detach() + z - z.detach(),
    cases=[(z, e, sent)],
    view=passed,
    hint="The value is e, the gradient reaches z as it is, and none reaches e.",
    bug={"No gradient reaches z; all of it goes to the codebook.": lambda z, e: z + (e - z)},
    slips={
        "the value must be e, the codebook's vectors: that is what the decoder is given.": lambda z, e: z,
        "no gradient reaches z: you have detached it, too.": lambda z, e: e.detach(),
        "a gradient reaches z, but not the one that was sent.": lambda z, e: 2 * z + (e - 2 * z).detach(),
        "the gradient arrives at z, but some goes to e as well.": lambda z, e: z + (e - z.detach()),
    },
)
def straight_through(z, e):
    return z + (e - z).detach()


def terms_and_gradients(answer):
    """Return a function of both terms and of their gradients."""

    def seen(z, e, weight):
        inputs = z.requires_grad_(), e.requires_grad_()
        found = answered(answer, *inputs, weight)
        pair = isinstance(found, (tuple, list)) and [getattr(term, "shape", None) for term in found] == 2 * [z.shape[:1]]
        refuse(not pair, "return two terms, codebook and commitment, each summed per image: (B,).")
        return torch.cat([part.flatten() for term in found for part in (term, *gradients(term.sum(), inputs))])

    return seen


def free(x):
    return x


def tripled(x):
    """Return x, with three times its gradient."""
    return 3 * x - 2 * x.detach()


@exercise(
    "15.4",
    cases=[(z, e, weight) for weight in (0.25, 2.0)],
    view=terms_and_gradients,
    hint="The terms are |z − e|² and weight · |z − e|², summed per image; the first moves e by 2 (e − z), the other z.",
    bug={
        "The codebook term moves the encoder, and the commitment term the codebook.": (
            lambda z, e, weight: vq_terms(z, e, weight, free, free, torch.detach, torch.detach)
        )
    },
    slips={
        "the commitment term should be weight · |z − e|².": {"power": 0},
        "the codebook term must move e and nothing else: detach z in it.": {"z_of": free},
        "the commitment term must move z and nothing else: detach e in it.": {"e_of": free},
        "both terms move both; each should move one of the two only.": {"z_of": free, "e_of": free},
        "the codebook term's gradient with respect to e is three times too large.": {"moves_e": tripled},
        "the commitment term's gradient with respect to z is three times too large.": {"moves_z": tripled},
    },
)
def vq_terms(z, e, weight, z_of=torch.detach, e_of=torch.detach, moves_e=free, moves_z=free, power=1):
    codebook, commitment = (z_of(z) - moves_e(e)) ** 2, (moves_z(z) - e_of(e)) ** 2
    return codebook.sum((1, 2, 3)), weight**power * commitment.sum((1, 2, 3))
