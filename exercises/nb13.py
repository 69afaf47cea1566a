"""The exercises of notebook 13: cases, right functions, and wrong ones with what a student is told of them."""

import torch

from exercises import Wrong, answered, exercise


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def double(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


def apart(points):
    return torch.pdist(points).square().mean()


exercise(
    "13.1",
    "mean_apart",
    right=apart,
    cases=[(5 + 2 * double(4, 3, seed=4),), (5 + 2 * double(60, 7, seed=60),)],
    slips={
        "too small: only different rows count; divide the variance by N - 1.": lambda points: 2 * points.var(0, correction=0).sum(),
        "exactly half: a - b varies by the variance of a *plus* that of b.": lambda points: points.var(0).sum(),
        "you averaged over the latents; a squared distance is their sum.": lambda points: 2 * points.var(0).mean(),
        "that is the mean distance; asked for is the mean of its square.": lambda points: torch.pdist(points).mean(),
    },
)


def lengths(answer):
    """Return a function of the length of an answer, and of how far it moves the output."""

    def measured(J, epsilon):
        eta = torch.as_tensor(answered(answer, J, epsilon))
        if eta.shape != J.shape[1:]:
            raise Wrong(f"eta should be a tensor {tuple(J.shape[1:])}, one number for each input.")
        return torch.stack([eta.norm(), (J @ eta).norm()])

    return measured


def singular(which, full=True, length=1.0):
    return lambda J, epsilon: epsilon**length * torch.linalg.svd(J, full_matrices=full).Vh[which]


exercise(
    "13.2",
    "worst_perturbation",
    right=(singular(0), lambda J, epsilon: -singular(0)(J, epsilon)),
    cases=[(double(4, 9, seed=1), 0.5), (double(4, 9, seed=2), 3.0)],
    view=lengths,
    what="the pair of |eta| and |J eta|",
    hint="Which directions does J stretch most?",
    slips={
        "its length is 1, not epsilon.": singular(0, length=0),
        "this direction moves the output not at all; singular values come largest first.": singular(-1),
        "this direction moves the output least; singular values come largest first.": singular(-1, full=False),
    },
)

x = torch.rand(6, 1, 5, 5, generator=rng(3), dtype=torch.float64).round(decimals=1)
W = double(8, 25, seed=4)


def near(images, x, epsilon):
    """Return images with no pixel further than epsilon from x."""
    return torch.minimum(torch.maximum(images, x - epsilon), x + epsilon)


def projected(images, x, epsilon):
    return near(images, x, epsilon).clamp(0, 1)


def attacked(epsilon: float, steps: int) -> tuple:
    """Return a score in which pixels pull on each other, x, a start, epsilon and the number of steps."""
    start = projected(x + epsilon * double(*x.shape, seed=5).sign(), x, epsilon)
    return lambda images: -((images - x).flatten(1) @ W.T - 10 * epsilon).square().sum(1), x, start, epsilon, steps


def stepping(after_each, sign=1, at_end=lambda images, x, epsilon: images):
    def attack(score, x, start, epsilon, steps):
        for _ in range(steps):
            start = start.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(score(start).sum(), start)
            start = after_each(start.detach() + sign * epsilon / 4 * gradient.sign(), x, epsilon)
        return at_end(start.detach(), x, epsilon)

    return attack


def loose(images, *given):
    return images


exercise(
    "13.3",
    "sign_attack",
    right=stepping(projected),
    cases=[attacked(0.1, 10), attacked(0.4, 3)],
    hint="Project after every step, and leave start and step as they were.",
    bug={"Some pixels moved further than epsilon, and some lie outside [0, 1].": stepping(loose)},
    slips={
        "bound the distance from x by epsilon, not the step.": stepping(lambda images, *given: images.clamp(0, 1)),
        "the budget is kept, but some pixels lie outside [0, 1].": stepping(near),
        "nothing was changed at all; begin at `start`, and step along the sign of the gradient.": lambda score, x, *given: x,
        "the score falls: go up the gradient, not down.": stepping(projected, -1),
        "project after every step, not once at the end.": stepping(loose, at_end=projected),
    },
)


def moved(z, z_tilde):
    return (z - z_tilde).square().sum(1)


def relative(up=lambda z, z_tilde: moved(z, z_tilde).mean(), down=apart):
    return lambda z, z_tilde: up(z, z_tilde) / down(z)


z = 4 + double(30, 5, seed=6)
z_tilde = z + 0.3 * double(30, 5, seed=7)

exercise(
    "13.4",
    "relative_move",
    right=relative(),
    cases=[(z.repeat(1, copies), z_tilde.repeat(1, copies)) for copies in (1, 4)],
    hint="Sum the squares of each row, then average.",
    bug={"With four copies of every latent it is a quarter of what it was.": relative(lambda a, b: (a - b).square().mean())},
    slips={
        "you summed over the images as well; average over them.": relative(lambda a, b: moved(a, b).sum()),
        "the denominator counts each row's distance to itself.": relative(down=lambda z: torch.cdist(z, z).square().mean()),
        "the denominator is half: different rows are twice the variance apart.": relative(down=lambda z: z.var(0).sum()),
    },
)

distances = torch.rand(31, 200, generator=rng(8), dtype=torch.float64) ** 4 * (1 + torch.arange(200) / 50)


def share(middle):
    return lambda distances, r: (middle(distances) <= r).double().mean()


exercise(
    "13.5",
    "robust_share",
    right=share(lambda d: d.median(0).values),
    cases=[(distances, r) for r in (0.25, 0.15, 0.1)],
    slips={
        "that is the share of all draws; ask of each image whether more than half of *its* are within r.": share(lambda d: d),
        "you compared the mean distance with r; more than half of the draws means the median.": share(lambda d: d.mean(0)),
        "you went along the wrong axis: draws are the first, images the second.": share(lambda d: d.median(1).values),
        "that is the share that is *not* robust.": lambda d, r: (d.median(0).values > r).double().mean(),
    },
)
