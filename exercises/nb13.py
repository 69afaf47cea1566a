"""The exercises of notebook 13: cases, right functions, and wrong ones with what a student is told of them."""

import torch

from exercises import Wrong, close, exercise, returned


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def apart(points):
    return torch.pdist(points).square().mean()


exercise(
    "13.1",
    "mean_apart",
    right=apart,
    cases=[(5 + 2 * torch.randn(n, size, generator=rng(n), dtype=torch.float64),) for n, size in ((4, 3), (60, 7))],
    what="the mean squared distance",
    slips={
        "a little too small: you counted each row's distance to itself, or divided the variance by N instead of N - 1.": lambda points: (
            2 * points.var(0, correction=0).sum()
        ),
        "exactly half: a - b varies by the variance of a *plus* that of b.": lambda points: points.var(0).sum(),
        "you averaged over the latents; a squared distance is their sum.": lambda points: 2 * points.var(0).mean(),
        "that is the mean distance; asked for is the mean of its square.": lambda points: torch.pdist(points).mean(),
    },
)


def singular(which, full=True):
    return lambda J, epsilon: epsilon * torch.linalg.svd(J, full_matrices=full).Vh[which]


@exercise(
    "13.2",
    "worst_nudge",
    right=(singular(0), lambda J, epsilon: -singular(0)(J, epsilon)),
    slips={
        "its length is": lambda J, epsilon: singular(0)(J, 1.0),
        "this direction moves the output least": singular(-1),
        "moves the output least; singular values come largest first.": singular(-1, full=False),
        "is possible. Which directions does J stretch most?": lambda J, epsilon: epsilon * J.sum(0) / J.sum(0).norm(),
    },
)
def nudge(answer) -> None:
    """Against the largest singular value: the length must be epsilon, and the output must move by epsilon times it."""
    for seed, epsilon in ((1, 0.5), (2, 3.0)):
        J = torch.randn(4, 9, generator=rng(seed), dtype=torch.float64)
        found = returned(answer, J, epsilon, like=torch.zeros(9), what="eta")
        values = torch.linalg.svdvals(J)
        length, reach = found.norm(), (J @ found).norm()
        if not close(length, epsilon):
            raise Wrong(f"its length is {length.item():.4g}, not epsilon = {epsilon:g}.")
        if close(reach, epsilon * values[0]):
            continue
        if close(reach, epsilon * values[-1]) or reach < 1e-6:
            raise Wrong("this direction moves the output least; singular values come largest first.")
        possible = (epsilon * values[0]).item()
        raise Wrong(
            f"it moves the output by {reach.item():.4g}, but {possible:.4g} is possible. Which directions does J stretch most?"
        )


x = torch.rand(6, 1, 5, 5, generator=rng(3), dtype=torch.float64).round(decimals=1)
W = torch.randn(8, 25, generator=rng(4), dtype=torch.float64)


def near(x, images, epsilon):
    """Return images with no pixel further than epsilon from x."""
    return torch.minimum(torch.maximum(images, x - epsilon), x + epsilon)


def attacked(epsilon: float, steps: int) -> tuple:
    """Return a score in which pixels pull on each other, x, a start, epsilon and the number of steps."""
    start = near(x, x + epsilon * torch.randn(x.shape, generator=rng(5), dtype=torch.float64).sign(), epsilon).clamp(0, 1)
    return lambda images: -((images - x).flatten(1) @ W.T - 10 * epsilon).square().sum(1), x, start, epsilon, steps


def stepping(mend, sign=1):
    def attack(score, x, start, epsilon, steps):
        for _ in range(steps):
            start = start.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(score(start).sum(), start)
            start = mend(start.detach() + sign * epsilon / 4 * gradient.sign(), x, epsilon)
        return start.detach()

    return attack


def projected(images, x, epsilon):
    return near(x, images, epsilon).clamp(0, 1)


def loose(images, x, epsilon):
    return images


exercise(
    "13.3",
    "sign_attack",
    right=stepping(projected),
    cases=[attacked(0.1, 10), attacked(0.4, 3)],
    what="the attacked batch",
    hint="Project after every step, not once at the end, and leave start and step as they were.",
    bug={"Some pixels moved further than epsilon, and some lie outside [0, 1].": stepping(loose)},
    slips={
        "the images are in [0, 1], but some pixels moved further than epsilon: bound the distance from x, not the step.": stepping(
            lambda images, x, epsilon: images.clamp(0, 1)
        ),
        "the budget is kept, but some pixels lie outside [0, 1]: such an image cannot be shown.": stepping(
            lambda images, x, epsilon: near(x, images, epsilon)
        ),
        "nothing was changed at all; begin at `start`, and step along the sign of the gradient.": lambda score, x, *given: x,
        "the score falls: go up the gradient, not down.": stepping(projected, -1),
        "project after every step, not once at the end.": lambda score, x, start, epsilon, steps: projected(
            stepping(loose)(score, x, start, epsilon, steps), x, epsilon
        ),
    },
)

z = 4 + torch.randn(30, 5, generator=rng(6), dtype=torch.float64)
z_tilde = z + 0.3 * torch.randn(30, 5, generator=rng(7), dtype=torch.float64)


def moved(z, z_tilde):
    return (z - z_tilde).square().sum(1).mean()


exercise(
    "13.4",
    "relative_move",
    right=lambda z, z_tilde: moved(z, z_tilde) / apart(z),
    cases=[(z.repeat(1, copies), z_tilde.repeat(1, copies)) for copies in (1, 4)],
    what="the ratio",
    hint="Sum the squares of each row, then average.",
    bug={
        "With four copies of every latent the result is a quarter of what it was.": lambda z, z_tilde: (
            (z - z_tilde).square().mean() / apart(z)
        )
    },
    slips={
        "you summed over the images as well; sum over latents, and average over images.": lambda z, z_tilde: (
            (z - z_tilde).square().sum() / apart(z)
        ),
        "the denominator counts each row's distance to itself; only different rows count.": lambda z, z_tilde: (
            moved(z, z_tilde) / torch.cdist(z, z).square().mean()
        ),
        "your denominator is half as large as it should be: different rows are twice the summed variance apart.": lambda z, z_tilde: (
            moved(z, z_tilde) / z.var(0).sum()
        ),
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
    what="the share",
    slips={
        "that is the share of all draws; ask for each image whether more than half of *its* draws are within r, then average.": share(
            lambda d: d
        ),
        "you compared the mean distance with r; the definition asks for more than half of the draws, which is the median.": share(
            lambda d: d.mean(0)
        ),
        "you went along the wrong axis: draws are the first, images the second.": share(lambda d: d.median(1).values),
        "that is the share that is *not* robust.": lambda d, r: (d.median(0).values > r).double().mean(),
    },
)
