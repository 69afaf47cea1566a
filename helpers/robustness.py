"""How far codes and reconstructions move when images do: a model and images go in, distances per image come out.

Perturbations are drawn (`noise_stability`, `corrupted`) or chosen (`maximum_damage`, `targeted_attack`); `gains` predicts both.
`separation`, `robust_radius`, `image_loss` and `copied_share` measure posteriors, sampled reconstructions and generalization.
Distances are squared, and summed over latents or pixels.
Images are (N, C, H, W), uint8 or in [0, 1]; models work on whatever device they are on; results are float32 on the CPU.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy.stats import t as student_t
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import functional as transforms

from helpers import models
from helpers.data import to_float
from helpers.models import VAE, LatentModel, codes, decode, device_of, in_batches, mean_code, posterior, reparameterize
from helpers.objective import Loss, ShapeError, check_count, check_number, kl_between, same_shape

NORMS = ("l2", "linf")
SPACES = ("latent", "recon", "posterior")


def floats(model: LatentModel, images: Tensor, what: str = "the images") -> Tensor:
    """Return images (N, C, H, W) as floats, once they fit the model and lie in [0, 1]. Raises ShapeError, ValueError."""
    return to_float(models.checked_images(images, model.config.shape, what))


def check_one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError unless a word is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}.")


class MeanInterval(NamedTuple):
    """A mean over images, and the ends of its confidence interval. (`fidelity.Interval` is a bootstrap's.)"""

    mean: Tensor
    low: Tensor
    high: Tensor


def mean_interval(values: Tensor) -> MeanInterval:
    """Return the mean over the last axis, and its 95 % confidence interval: mean ± t s / √N          (Student's t, N − 1 degrees)

    values: (..., N) with N of 2 or more *independent* values, such as one for each image (average several draws of one image
    first: they are not independent). Returns three of (...). Raises ValueError. Built in notebook 13.
    """
    n = values.shape[-1] if values.ndim else 0
    if n < 2:
        raise ValueError(f"an interval needs 2 or more values, not {n}.")
    mean, error = values.mean(-1), values.std(-1) / n**0.5
    reach = float(student_t.ppf(0.975, n - 1)) * error
    return MeanInterval(mean, mean - reach, mean + reach)


def spread(points: Tensor) -> float:
    """Return the mean squared distance between two different rows: the yardstick for "far".

    mean over i ≠ j of ‖a_i − a_j‖² = 2 Σ_d Var(a_d)          (Var with N − 1)

    points: (N, ...), N of 2 or more. No pair is ever formed. Raises ShapeError. Built in notebook 13.
    """
    if points.ndim < 2 or len(points) < 2:
        raise ShapeError(f"a spread needs two or more rows, (N, ...); yours has shape {tuple(points.shape)}.")
    return 2 * points.double().flatten(1).var(0).sum().item()


@dataclass(frozen=True)
class Stability:
    """How far noise moves codes and reconstructions.

    sigmas: (S,);  latent, recon: (S, N), E‖z − z̃‖² and E‖x̂ − x̃̂‖² of each image;  latent_spread, recon_spread: the same between
    *different* images, with which the two `relative_` rows divide: 1 means "as far as another image".
    """

    sigmas: Tensor
    latent: Tensor
    recon: Tensor
    latent_spread: float
    recon_spread: float

    @property
    def relative_latent(self) -> Tensor:
        """E‖z − z̃‖² over the mean squared distance between the codes of different images, (S, N)."""
        return self.latent / self.latent_spread

    @property
    def relative_recon(self) -> Tensor:
        """E‖x̂ − x̃̂‖² over the mean squared distance between the reconstructions of different images, (S, N)."""
        return self.recon / self.recon_spread


@torch.no_grad()
def noise_stability(
    model: LatentModel, images: Tensor, sigmas: Sequence[float] | Tensor, generator: torch.Generator, *, draws: int = 4
) -> Stability:
    """Return how far Gaussian noise on the images moves codes and reconstructions.

    x̃ = x + σ ε, ε ~ N(0, I)          latent: mean over draws of ‖E(x̃) − E(x)‖²          recon: … of ‖D(E(x̃)) − D(E(x))‖²

    E is the encoder (mu of a VAE), D the decoder. x̃ is not clipped, since clipped noise is not centred (`corrupted` clips). Every σ
    gets the same ε. images: N of 2 or more; sigmas: (S,), 0 or more. Raises ShapeError, ValueError. Built in notebook 13.
    """
    x, row = floats(model, images), torch.as_tensor(sigmas, dtype=torch.float32).reshape(-1)
    if not len(row) or not row.isfinite().all() or (row < 0).any():
        raise ValueError(f"sigmas must be one or more finite numbers of 0 or more, not {row.tolist()}.")
    check_count("draws", draws)
    z, latent, recon = codes(model, x), torch.zeros(len(row), len(x)), torch.zeros(len(row), len(x))
    x_hat = decode(model, z)
    for _ in range(draws):
        eps = torch.randn(x.shape, generator=generator).to(x.device)
        for i, sigma in enumerate(row.tolist()):
            moved = codes(model, x + sigma * eps)
            latent[i] += squared_distances(moved, z) / draws
            recon[i] += squared_distances(decode(model, moved), x_hat) / draws
    return Stability(row, latent, recon, spread(z), spread(x_hat))


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return ‖a − b‖² of each row, (N,): summed over whatever a row holds."""
    return (a - b).flatten(1).square().sum(1)


def encoder_jacobian(model: LatentModel, images: Tensor) -> Tensor:
    """Return J_E[n, j, i] = ∂z_j / ∂x_i of each image, (N, Z, P) with P = C·H·W, by torch.func (reverse mode: Z passes).

    Raises ShapeError, ValueError. Built in notebook 13.
    """

    def one(image: Tensor) -> Tensor:
        return mean_code(model, image[None])[0]

    x = floats(model, images).to(device_of(model))
    return torch.func.vmap(torch.func.jacrev(one), chunk_size=16)(x).flatten(2).detach().cpu()


def decoder_jacobian(model: LatentModel, z: Tensor) -> Tensor:
    """Return J_D[n, i, j] = ∂x̂_i / ∂z_j at latent points z (N, Z), (N, P, Z), by torch.func (forward mode: Z passes).

    Raises ShapeError. Used in notebook 14.
    """

    def one(point: Tensor) -> Tensor:
        return model.decode(point[None])[0]

    points = models.rows_of(z, (model.config.latent,), "latent points")
    with warnings.catch_warnings():  # forward mode loads a part of torch that warns about another part of torch
        warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
        found = torch.func.vmap(torch.func.jacfwd(one), chunk_size=16)(points.to(device_of(model)))  # (N, C, H, W, Z)
    return found.flatten(1, -2).detach().cpu()


class Gain(NamedTuple):
    """How much a linear map J stretches squared lengths: total = ‖J‖_F², worst = ‖J‖₂², for each image, (N,)."""

    total: Tensor
    worst: Tensor


class Gains(NamedTuple):
    """The gains of the map from pixels to the code, and of the map from pixels to the reconstruction."""

    latent: Gain
    recon: Gain


def gains(model: LatentModel, images: Tensor) -> Gains:
    """Return what the Jacobians predict for small perturbations of each image.

    noise of standard deviation σ:          E‖J η‖² = σ² ‖J‖_F²          (total)
    the worst η with ‖η‖ ≤ ε:          max ‖J η‖² = ε² ‖J‖₂²          (worst)

    for J = J_E and J = J_D J_E, which is never formed: ‖J_D J_E‖_F² = tr(B A) and ‖J_D J_E‖₂² is the largest eigenvalue of B A,
    with A = J_E J_Eᵀ and B = J_Dᵀ J_D, (Z, Z) each. Raises ShapeError, ValueError. Built in notebook 13.
    """
    J_E, J_D = encoder_jacobian(model, images), decoder_jacobian(model, codes(model, images))
    A, B = (J_E @ J_E.mT).double(), (J_D.mT @ J_D).double()
    values, vectors = torch.linalg.eigh(B)
    half = vectors * values.clamp(min=0).sqrt()[:, None] @ vectors.mT  # B^½: half A half is symmetric, with B A's eigenvalues
    found = [Gain(M.diagonal(dim1=1, dim2=2).sum(1).float(), torch.linalg.eigvalsh(M)[:, -1].float()) for M in (A, half @ A @ half)]
    return Gains(*found)


def lengths(eta: Tensor, norm: str) -> Tensor:
    """Return the length of each perturbation (N, ...), (N,): Euclidean for "l2", the largest entry for "linf"."""
    return eta.flatten(1).norm(dim=1) if norm == "l2" else eta.flatten(1).abs().amax(1)


def projected(proposal: Tensor, x: Tensor, epsilon: float, norm: str) -> Tensor:
    """Return an allowed image near each proposal (N, C, H, W): within epsilon of x, and in [0, 1].

    The step from x is shrunk to length ε (l2) or clamped to ±ε (linf), and the result is clipped.
    """
    step = proposal - x
    if norm == "linf":
        step = step.clamp(-epsilon, epsilon)
    else:
        step = step * (epsilon / lengths(step, norm).clamp(min=1e-30)).clamp(max=1).view(-1, 1, 1, 1)
    return (x + step).clamp(0, 1)


def steepest(gradient: Tensor, norm: str) -> Tensor:
    """Return the step of size 1 that a linear function gains most from: g / ‖g‖ for l2, sign(g) for linf; 0 where g is 0."""
    if norm == "linf":
        return gradient.sign()
    return gradient / lengths(gradient, norm).clamp(min=1e-30).view(-1, 1, 1, 1)


class Attack(NamedTuple):
    """What an attack found: images (N, C, H, W) in [0, 1]; distance (N,), what it made of the distance it was after; before (N,),
    that distance for the untouched images; size (N,), how much of the budget each used."""

    images: Tensor
    distance: Tensor
    before: Tensor
    size: Tensor


def projected_gradient(
    score: Callable[[Tensor], Tensor],
    x: Tensor,
    epsilon: float,
    norm: str,
    generator: torch.Generator,
    *,
    steps: int = 30,
    restarts: int = 2,
) -> tuple[Tensor, Tensor]:
    """Return the images that score highest among those within epsilon of x and in [0, 1], and their scores, (N,).

    x̃ ← P(x̃ + α_k · steepest(∇ score)), α_k = ε (1 − k / steps)          (Madry and others 2018, with a falling step)

    from `restarts` random starts (at x itself the gradient of a distance from x vanishes); the best image ever visited counts, x
    included. score: (N, C, H, W) → (N,), each from its own image only. The result is a lower bound of the worst case.
    Raises ValueError, also on a score that is NaN. Built in notebook 13.
    """
    check_number("epsilon", epsilon, zero=True)
    check_count("steps", steps)
    check_count("restarts", restarts)
    best, found = x.clone(), score(x).detach()
    for _ in range(restarts):
        noise = torch.randn(x.shape, generator=generator).to(x.device)
        adversary = projected(x + epsilon * steepest(noise, norm), x, epsilon, norm)  # on the border of the budget
        for k in range(steps + 1):
            adversary.requires_grad_()
            now = score(adversary)
            if now.isnan().any():
                raise ValueError("the score is NaN for some image; look at the model's codes there.")
            better = now.detach() > found
            best, found = torch.where(better.view(-1, 1, 1, 1), adversary.detach(), best), torch.where(better, now.detach(), found)
            if k < steps:
                (gradient,) = torch.autograd.grad(now.sum(), adversary)
                step = epsilon * (1 - k / steps) * steepest(gradient, norm)
                adversary = projected(adversary.detach() + step, x, epsilon, norm)
    return best, found


def symmetric_kl(here: Sequence[Tensor], there: Sequence[Tensor]) -> Tensor:
    """Return ½ KL(q ‖ p) + ½ KL(p ‖ q) per row, (B,) float32 nats, of two posteriors given as (mu, logvar), (B, Z) each."""
    return 0.5 * (kl_between(*here, *there) + kl_between(*there, *here)).float()


def space_distance(model: LatentModel, x: Tensor, reference: Tensor, on: str) -> Tensor:
    """Return how far the model holds images apart, (B,), with its gradient in x: on "latent", "recon" or "posterior"."""
    if on == "posterior":
        here, there = ([part.cpu() for part in model.encode(one)] for one in (x, reference))  # Apple's devices have no float64
        return symmetric_kl(here, there).to(x.device)
    z, w = mean_code(model, x), mean_code(model, reference)
    return squared_distances(z, w) if on == "latent" else squared_distances(model.decode(z), model.decode(w))


def attacked(
    model: LatentModel,
    images: Tensor,
    targets: Tensor,
    sign: int,
    epsilon: float,
    generator: torch.Generator,
    norm: str,
    on: str,
    **search: int,
) -> Attack:
    """Return the attack that raises (sign 1) or lowers (−1) the distance of images to targets, a batch at a time."""
    check_one_of("norm", norm, NORMS)
    check_one_of("on", on, SPACES)
    if on == "posterior" and not isinstance(model, VAE):
        raise ValueError('an autoencoder has no posterior; measure on="latent" or on="recon".')
    floats(model, images), floats(model, targets, "the targets")
    same_shape(images=images, targets=targets)
    parts = []
    for here, there in zip(in_batches(model, images), in_batches(model, targets), strict=True):

        def score(adversary: Tensor, there: Tensor = there) -> Tensor:
            return sign * space_distance(model, adversary, there, on)

        found, value = projected_gradient(score, here, epsilon, norm, generator, **search)
        before = sign * score(here).detach()
        parts.append([part.cpu() for part in (found, sign * value, before, lengths(found - here, norm))])
    return Attack(*(torch.cat(column) for column in zip(*parts, strict=True)))


def maximum_damage(
    model: LatentModel,
    images: Tensor,
    epsilon: float,
    generator: torch.Generator,
    *,
    norm: str = "l2",
    on: str = "latent",
    **search: int,
) -> Attack:
    """Return the allowed images whose code, reconstruction or posterior moves furthest from that of the original.

    max over ‖x̃ − x‖ ≤ ε, x̃ in [0, 1], of ‖E(x̃) − E(x)‖² (on "latent"), ‖D(E(x̃)) − D(E(x))‖² ("recon"), or the symmetric KL
    divergence of the two posteriors ("posterior", VAEs only: `separation`).          (Kuzina and others 2021, unsupervised attacks)

    images: (N, C, H, W), uint8 or in [0, 1]; epsilon: the budget, ≥ 0, in pixel values: each pixel's for norm "linf", the root of
    the sum of squares for "l2"; steps, restarts: of `projected_gradient`, whose result is a lower bound of the worst case.
    Raises ShapeError, ValueError. Built in notebook 13.
    """
    return attacked(model, images, images, 1, epsilon, generator, norm, on, **search)


def targeted_attack(
    model: LatentModel, images: Tensor, targets: Tensor, epsilon: float, generator: torch.Generator, **search: int
) -> Attack:
    """Return the allowed images whose code comes nearest to that of a target image.

    min over ‖x̃ − x‖₂ ≤ ε, x̃ in [0, 1], of ‖E(x̃) − E(target)‖², for targets (N, C, H, W); otherwise as `maximum_damage`.
    (Tabacof and others 2016; Kos and others 2018.) Built in notebook 13.
    """
    return attacked(model, images, targets, -1, epsilon, generator, "l2", "latent", **search)


@torch.no_grad()
def separation(model: VAE, images: Tensor, others: Tensor) -> Tensor:
    """Return the symmetric KL divergence between the posteriors of images in pairs, (N,) nats: in widths of posteriors.

    ½ KL(q(z|x) ‖ q(z|x̃)) + ½ KL(q(z|x̃) ‖ q(z|x))          (a measure of Kuzina and others 2021; here it is half the sum)

    With equal widths it is ½ Σ_j (mu_j − mũ_j)² / σ_j². images, others: (N, C, H, W). Raises ShapeError, ValueError.
    Built in notebook 13.
    """
    same_shape(images=images, others=others)
    return symmetric_kl(posterior(model, floats(model, images)), posterior(model, floats(model, others)))


@torch.no_grad()
def robust_radius(model: VAE, images: Tensor, others: Tensor, generator: torch.Generator, *, draws: int = 100) -> Tensor:
    """Return the least r for which a VAE is r-robust to the change of each image into its other, (N,).

    r-robust: P(‖f(x̃) − f(x)‖ ≤ r) > ½, f a *sampled* reconstruction D(mu + σ ε)          (Camuto and others 2021)

    so the least r is the median of ‖f(x̃) − f(x)‖ over independent noise in both, here of `draws` draws. With others = images it
    is what the model's own noise does. Not squared. Raises ShapeError, ValueError. Built in notebook 13.
    """
    same_shape(images=images, others=others)
    check_count("draws", draws)
    here, there = posterior(model, floats(model, images)), posterior(model, floats(model, others))
    gaps = [squared_distances(*(decode(model, reparameterize(*q, generator)) for q in (here, there))).sqrt() for _ in range(draws)]
    return torch.stack(gaps).median(0).values


@torch.no_grad()
def image_loss(model: LatentModel, images: Tensor, generator: torch.Generator, *, draws: int = 1) -> Loss:
    """Return loss = recon + kl and its parts for each image, (N,) nats each: the negative ELBO, averaged over noise draws.

    images: (N, C, H, W). `models.evaluate` gives the mean. Raises ShapeError, ValueError. Built in notebook 13.
    """
    check_count("draws", draws)
    parts = []
    for x in in_batches(model, floats(model, images)):
        losses = [torch.stack(model.loss(x, noisy_output(model, x, generator))) for _ in range(draws)]
        parts.append(torch.stack(losses).mean(0).cpu())
    return Loss(*torch.cat(parts, 1))


def noisy_output(model: LatentModel, x: Tensor, generator: torch.Generator) -> models.Output:
    """Return what a model says of images (B, C, H, W), with noise from a generator on the CPU, whatever the model's device."""
    if not isinstance(model, VAE):
        return model(x)
    mu, logvar = model.encode(x)
    eps = torch.randn(mu.shape, generator=generator).to(mu)
    return models.Output(model.decoder(mu + torch.exp(0.5 * logvar) * eps), mu, logvar)


@torch.no_grad()
def copied_share(samples: Tensor, train: Tensor, held_out: Tensor) -> float:
    """Return the share of samples nearer to some training image than to any held-out one: ½ where nothing is copied.

    train, held_out: equally many images of the same kind, (N, C, H, W); samples: (n, C, H, W). Ties count half. (After Meehan,
    Chaudhuri & Dasgupta 2020.) Raises ShapeError, ValueError. Built in notebook 13.
    """
    same_shape(train=train, held_out=held_out)
    same_shape(samples=samples[:1], train=train[:1])
    named = {"the samples": samples, "the training images": train, "the held-out images": held_out}
    points, old, new = (to_float(models.checked_images(images, what=what)).flatten(1) for what, images in named.items())
    to_old, to_new = torch.cdist(points, old).amin(1), torch.cdist(points, new).amin(1)
    return ((to_old < to_new).double() + 0.5 * (to_old == to_new).double()).mean().item()


def salt_and_pepper(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return x with a share of its pixels black or white, one half each, in all channels at once."""
    u = torch.rand(x.shape[0], 1, *x.shape[2:], generator=generator).expand_as(x)
    return torch.where(u < share / 2, 0.0, torch.where(u > 1 - share / 2, 1.0, x))


def blur(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Return x after a Gaussian blur whose window reaches three sigmas, or as far as a side less one: the border is reflected."""
    reach = min(math.ceil(3 * sigma), min(x.shape[2:]) - 1)
    return transforms.gaussian_blur(x, 2 * reach + 1, float(sigma)) if sigma else x


def occlusion(x: Tensor, side: float, generator: torch.Generator) -> Tensor:
    """Return x with a grey square of round(side) pixels a side over it, wholly inside, at a random place in each image."""
    side, (height, width) = round(side), x.shape[2:]
    top = torch.randint(0, max(height - side, 0) + 1, (len(x), 1, 1, 1), generator=generator)
    left = torch.randint(0, max(width - side, 0) + 1, (len(x), 1, 1, 1), generator=generator)
    down, across = torch.arange(height).view(-1, 1) - top, torch.arange(width) - left
    return x.masked_fill((down >= 0) & (down < side) & (across >= 0) & (across < side), 0.5)


CORRUPTIONS: dict[str, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "noise": lambda x, std, generator: x + std * torch.randn(x.shape, generator=generator),
    "salt and pepper": salt_and_pepper,
    "blur": blur,
    "contrast": lambda x, share, _: x.lerp(x.mean((1, 2, 3), keepdim=True), share),
    "brightness": lambda x, added, _: x + added,
    "shift": lambda x, pixels, _: F.pad(x, (round(pixels), 0))[..., : x.shape[3]],
    "rotation": lambda x, degrees, _: transforms.rotate(x, degrees, transforms.InterpolationMode.BILINEAR),
    "occlusion": occlusion,
}


def corrupted(images: Tensor, kind: str, amount: float, generator: torch.Generator) -> Tensor:
    """Return damaged copies of images, (N, C, H, W) in [0, 1]; amount 0 changes nothing.

    kind and the unit of its amount: noise (standard deviation), salt and pepper (share of pixels), blur (sigma in pixels),
    contrast (share taken away, 0 … 1), brightness (added), shift (pixels to the right, black comes in), rotation (degrees against
    the clock, black comes in), occlusion (side of a grey square in pixels). All are clipped into [0, 1] at the end, so that noise
    brightens black pixels by 0.4 amount on average. (After Hendrycks & Dietterich 2019.) Raises ShapeError; ValueError on an
    unknown kind, a negative amount, or a share above 1. Used in notebook 13.
    """
    check_one_of("kind", kind, tuple(CORRUPTIONS))
    check_number("amount", amount, zero=True)
    if kind in ("contrast", "salt and pepper") and amount > 1:
        raise ValueError(f"amount is {amount!r}; for {kind} it is a share, between 0 and 1.")
    return CORRUPTIONS[kind](to_float(models.checked_images(images)).cpu(), amount, generator).clamp(0, 1)
