"""The checks of notebook 13's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch

from exercises import StillThere, Wrong, close, exercise, returned
from helpers.robustness import projected


def generator(seed: int) -> torch.Generator:
    """Return a seeded generator."""
    return torch.Generator().manual_seed(seed)


@exercise("13.1", "mean_apart")
def apart(answer) -> None:
    """Against all pairs, one by one, of few and of many points with a mean far from zero."""
    for n, size in ((4, 3), (60, 7)):
        points = 5 + 2 * torch.randn(n, size, generator=generator(n), dtype=torch.float64)
        wanted = torch.pdist(points).square().mean()
        found = returned(answer, points, like=wanted, what="the mean squared distance")
        if close(found, wanted):
            continue
        if close(found, wanted * (n - 1) / n):
            raise Wrong(
                "a little too small: you counted each row's distance to itself, or divided the variance by N instead of N - 1."
            )
        if close(2 * found, wanted):
            raise Wrong("exactly half: a - b varies by the variance of a *plus* that of b.")
        if close(size * found, wanted):
            raise Wrong("you averaged over the latents; a squared distance is their sum.")
        if close(found, torch.pdist(points).mean()):
            raise Wrong("that is the mean distance; asked for is the mean of its square.")
        raise Wrong(f"for {n} rows yours is {found.item():.4g}, and the mean over all pairs {wanted.item():.4g}.")


@exercise("13.2", "worst_nudge")
def nudge(answer) -> None:
    """Against the largest singular value: the length must be epsilon, and the output must move by epsilon times it."""
    for seed, epsilon in ((1, 0.5), (2, 3.0)):
        J = torch.randn(4, 9, generator=generator(seed), dtype=torch.float64)
        found = returned(answer, J, epsilon, like=torch.zeros(9), what="eta")
        values = torch.linalg.svdvals(J)
        length, reach = found.norm(), (J @ found).norm()
        if not close(length, epsilon):
            raise Wrong(f"its length is {length.item():.4g}, not epsilon = {epsilon:g}.")
        if close(reach, epsilon * values[0]):
            continue
        if close(reach, epsilon * values[-1]) or reach < 1e-6:
            raise Wrong("this direction moves the output least; singular values come largest first.")
        if reach < epsilon * values[0]:
            raise Wrong(
                f"it moves the output by {reach.item():.4g}, but {(epsilon * values[0]).item():.4g} is possible. Which directions does J stretch most?"
            )


@exercise("13.3", "sign_attack")
def attack(answer) -> None:
    """Against the same steps with the helper's projection after each, on a score in which pixels pull on each other."""
    x = torch.rand(6, 1, 5, 5, generator=generator(3), dtype=torch.float64).round(decimals=1)
    W = torch.randn(8, 25, generator=generator(4), dtype=torch.float64)
    for epsilon, steps in ((0.1, 10), (0.4, 3)):
        start = projected(
            x + epsilon * torch.randn(x.shape, generator=generator(5), dtype=torch.float64).sign(), x, epsilon, "linf"
        )

        def score(images, epsilon=epsilon):
            return -((images - x).flatten(1) @ W.T - 10 * epsilon).square().sum(1)

        wanted = start
        for _ in range(steps):
            wanted = wanted.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(score(wanted).sum(), wanted)
            wanted = projected(wanted.detach() + epsilon / 4 * gradient.sign(), x, epsilon, "linf")
        found = returned(answer, score, x, start, epsilon, steps, like=x, what="the attacked batch")
        far, out = (found - x).abs().max().item(), max(-found.min().item(), found.max().item() - 1)
        if far > epsilon + 1e-6 and out > 1e-6:
            raise StillThere(f"Some pixel moved by {far:.2f} where {epsilon:g} is allowed, and some lie outside [0, 1].")
        if far > epsilon + 1e-6:
            raise Wrong(
                f"the pictures are in [0, 1], but some pixel moved by {far:.2f} where {epsilon:g} is allowed: bound the way from x, not the step."
            )
        if out > 1e-6:
            raise Wrong("the budget is kept, but some pixels lie outside [0, 1]: nobody can show such a picture.")
        if not close(found, wanted):
            if close(found, x):
                raise Wrong("nothing was changed at all; begin at `start`, and step along the sign of the gradient.")
            if score(found).sum() < score(start).sum():
                raise Wrong("the score has fallen below that of the start: go up the gradient, not down.")
            raise Wrong(
                "budget and range are kept, but the result differs: project after every step, not once at the end, and leave start and step as they were."
            )


@exercise("13.4", "relative_move")
def move(answer) -> None:
    """Against sums over latents, with latents repeated, which changes no ratio of squared distances."""
    z = 4 + torch.randn(30, 5, generator=generator(6), dtype=torch.float64)
    z_tilde = z + 0.3 * torch.randn(30, 5, generator=generator(7), dtype=torch.float64)
    for copies in (1, 4):
        a, b = z.repeat(1, copies), z_tilde.repeat(1, copies)
        wanted = (a - b).square().sum(1).mean() / torch.pdist(a).square().mean()
        found = returned(answer, a, b, like=wanted, what="the ratio")
        if close(found, wanted):
            continue
        if close(found, wanted / a.shape[1]):
            raise StillThere("With four copies of every latent the result is a quarter of what it was.")
        if close(found, wanted * len(a)):
            raise Wrong("you summed over the pictures as well; sum over latents, and average over pictures.")
        if close(found, wanted * len(a) / (len(a) - 1)):
            raise Wrong("the yardstick counts each row's distance to itself; only different rows count.")
        if close(found, 2 * wanted):
            raise Wrong("your yardstick is half as long as it should be: different rows are twice the summed variance apart.")
        raise Wrong(
            f"for {a.shape[1]} latents yours is {found.item():.4g}, not {wanted.item():.4g}. Sum the squares of each row, then average."
        )


@exercise("13.5", "robust_share")
def share(answer) -> None:
    """Against the median of each picture's draws; some pictures vary so much that the mean misleads."""
    distances = torch.rand(31, 200, generator=generator(8), dtype=torch.float64) ** 4 * (1 + torch.arange(200) / 50)
    for r in (0.25, 0.15, 0.1):
        wanted = (distances.median(0).values <= r).double().mean()
        found = returned(answer, distances, r, like=wanted, what="the share")
        if close(found, wanted):
            continue
        if close(found, (distances <= r).double().mean()):
            raise Wrong(
                "that is the share of all draws; ask for each picture whether more than half of *its* draws are within r, then average."
            )
        if close(found, (distances.mean(0) <= r).double().mean()):
            raise Wrong(
                "you compared the mean distance with r; the definition asks for more than half of the draws, which is the median."
            )
        if close(found, (distances.median(1).values <= r).double().mean()):
            raise Wrong("you went along the wrong axis: draws are the first, pictures the second.")
        if close(found, 1 - wanted):
            raise Wrong("that is the share that is *not* robust.")
        raise Wrong(f"at r = {r:g} yours is {found.item():.4g}, not {wanted.item():.4g}.")
