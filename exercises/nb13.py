"""The exercises of notebook 13: cases, right functions, and wrong ones with what a student is told of them."""

import torch

from exercises import answered, exercise, normal, refuse, rng


@exercise(
    "13.1",
    right=lambda points: 2 * points.var(0).sum(),
    cases=[(5 + 2 * normal(4, 3, seed=4),), (5 + 2 * normal(60, 7, seed=60),)],
    slips={
        "too small: only different rows count; divide the variance by N - 1.": lambda points: 2 * points.var(0, correction=0).sum(),
        "exactly half: a - b varies by the variance of a *plus* that of b.": 1 / 2,
        "you averaged over the latents; a squared distance is their sum.": lambda points: 2 * points.var(0).mean(),
        "that is the mean distance; asked for is the mean of its square.": {"power": 1},
    },
)
def mean_apart(points, power=2):
    return (torch.pdist(points) ** power).mean()


def lengths(answer):
    """Return a function of the length of an answer, and of how far it moves the output."""

    def measured(J, epsilon):
        eta = torch.as_tensor(answered(answer, J, epsilon))
        refuse(eta.shape != J.shape[1:], f"eta should be a tensor {tuple(J.shape[1:])}, one number for each input.")
        return torch.stack([eta.norm(), (J.to(eta) @ eta).norm()])

    return measured


@exercise(
    "13.2",
    right=lambda J, epsilon: -worst_perturbation(J, epsilon),
    cases=[(normal(4, 9, seed=1), 0.5), (normal(4, 9, seed=2), 3.0)],
    view=lengths,
    what="the pair of |eta| and |J eta|",
    hint="Which directions does J stretch most?",
    slips={
        "its length is 1, not epsilon.": {"power": 0},
        "this direction moves the output not at all; singular values come largest first.": {"which": -1},
        "this direction moves the output least; singular values come largest first.": {"which": -1, "full": False},
    },
)
def worst_perturbation(J, epsilon, which=0, full=True, power=1):
    return epsilon**power * torch.linalg.svd(J, full_matrices=full).Vh[which]


x = torch.rand(6, 1, 5, 5, generator=rng(3), dtype=torch.float64).round(decimals=1)
W = normal(8, 25, seed=4)


def near(images, x, epsilon):
    """Return images with no pixel further than epsilon from x."""
    return torch.minimum(torch.maximum(images, x - epsilon), x + epsilon)


def projected(images, x, epsilon):
    return near(images, x, epsilon).clamp(0, 1)


def loose(images, *given):
    return images


def attacked(epsilon: float, steps: int) -> tuple:
    """Return a score in which pixels pull on each other, x, a start, epsilon and the number of steps."""
    start = projected(x + epsilon * normal(*x.shape, seed=5).sign(), x, epsilon)
    return lambda images: -((images - x).flatten(1) @ W.T - 10 * epsilon).square().sum(1), x, start, epsilon, steps


@exercise(
    "13.3",
    cases=[attacked(0.1, 10), attacked(0.4, 3)],
    hint="Project after every step, and leave start and step as they were.",
    bug={"Some pixels moved further than epsilon, and some lie outside [0, 1].": {"after_each": loose}},
    slips={
        "bound the distance from x by epsilon, not the step.": {"after_each": lambda images, *given: images.clamp(0, 1)},
        "the budget is kept, but some pixels lie outside [0, 1].": {"after_each": near},
        "nothing was changed at all; begin at `start`, and step along the sign of the gradient.": lambda score, x, *given: x,
        "the score falls: go up the gradient, not down.": {"sign": -1},
        "project after every step, not once at the end.": {"after_each": loose, "at_end": projected},
    },
)
def sign_attack(score, x, start, epsilon, steps, after_each=projected, sign=1, at_end=loose):
    for _ in range(steps):
        start = start.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(score(start).sum(), start)
        start = after_each(start.detach() + sign * epsilon / 4 * gradient.sign(), x, epsilon)
    return at_end(start.detach(), x, epsilon)


z = 4 + normal(30, 5, seed=6)
z_tilde = z + 0.3 * normal(30, 5, seed=7)


@exercise(
    "13.4",
    cases=[(z.repeat(1, copies), z_tilde.repeat(1, copies)) for copies in (1, 4)],
    hint="Does the numerator grow with the number of latents as the denominator does?",
    bug={"With four copies of every latent it is a quarter of what it was.": {"over": torch.mean}},
    slips={
        "you summed over the images as well; average over them.": {"over": torch.sum},
        "the denominator counts each row's distance to itself.": {"down": lambda z: torch.cdist(z, z).square().mean()},
        "the denominator is half: different rows are twice the variance apart.": 2,
    },
)
def relative_move(z, z_tilde, over=lambda squares: squares.sum(1).mean(), down=mean_apart):
    return over((z - z_tilde) ** 2) / down(z)


distances = torch.rand(31, 200, generator=rng(8), dtype=torch.float64) ** 4 * (1 + torch.arange(200) / 50)
distances = distances.round(decimals=2)  # some are r


@exercise(
    "13.5",
    cases=[(distances[:draws], r) for draws, r in ((31, 0.1), (31, 0.15), (9, 0.25))],
    slips={
        "that is the share of all draws; ask of each image whether more than half of *its* are within r.": {"middle": torch.clone},
        "you compared the mean distance with r; more than half of the draws means the median.": {"middle": lambda d: d.mean(0)},
        "you went along the wrong axis: draws are the first, images the second.": {"middle": lambda d: d.median(1).values},
        "a distance of just r counts, too.": lambda distances, r: robust_share(distances, r - 1e-6),
        "that is the share that is *not* robust.": lambda *given: 1 - robust_share(*given),
    },
)
def robust_share(distances, r, middle=lambda distances: distances.median(0).values):
    return (middle(distances) <= r).double().mean()
