"""Points in latent space: ways to pick them, paths between them, and a measure of whether what they decode to resembles anything.

Codes (N, Z) go in, points (n, Z) come out; images go in, distances to the nearest real image come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from helpers import models
from helpers.data import Dataset, to_float
from helpers.objective import ShapeError, check_number, covariance_root, kl_terms, same_shape
from helpers.pretrained import Codes, Mixture


def box_samples(codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z), uniform in the smallest box that holds all codes (N, Z). Built in notebook 01."""
    low, high = codes.min(0).values, codes.max(0).values
    return low + (high - low) * torch.rand(n, codes.shape[1], generator=generator)


def prior_samples(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, size) from the standard normal N(0, I), the prior of a VAE. Built in notebook 05."""
    return torch.randn(n, size, generator=generator)


def nearest_distance(images: Tensor, reference: Tensor) -> Tensor:
    """Return how far each image (n, C, H, W) is from the nearest reference image (N, C, H, W), (n,).

    The distance is the root mean square over pixels in [0, 1]: 0 is a copy, and 0.1 an error of a tenth of the range in the
    typical pixel. Built in notebook 01.
    """
    a, b = to_float(images).flatten(1), to_float(reference).flatten(1)
    return torch.cdist(a, b).min(1).values / a.shape[1] ** 0.5


def glitch_line(reconstructions: Tensor, reference: Tensor) -> float:
    """Return the distance to the nearest reference image that 95 % of the reconstructions of held-out images stay below.

    An image further from everything real than that counts as a glitch: a faithful decoder makes 5 % of them, by definition.
    """
    return nearest_distance(reconstructions, reference).quantile(0.95).item()


def glitch_rate(images: Tensor, reference: Tensor, line: float) -> float:
    """Return the share of images (n, C, H, W) that lie further than `line` from every reference image."""
    return (nearest_distance(images, reference) > line).float().mean().item()


def gaussian_samples(codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) from the normal distribution with the mean and covariance of codes (N, Z).

    1e-6 is added to the variances, for latents that are the same everywhere. Raises ShapeError on another shape, and ValueError
    on NaN or a single code. Built in notebook 05.
    """
    if codes.ndim != 2:
        raise ShapeError(f"codes must be (N, Z), one row an image, but they are {tuple(codes.shape)}.")
    if len(codes) < 2 or not codes.isfinite().all():
        raise ValueError("a normal distribution is fitted to two or more codes without NaN or infinity; look at the codes first.")
    covariance = torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1], dtype=codes.dtype)
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed:  # fewer codes than latents, or large ones: rounding has made an eigenvalue negative
        values, vectors = torch.linalg.eigh(covariance.double())
        root = (vectors * values.clamp(min=1e-6).sqrt()).to(codes.dtype)
    return codes.mean(0) + prior_samples(n, codes.shape[1], generator).to(codes.dtype) @ root.T


def broadcast_steps(a: Tensor, t: float | Sequence[float] | Tensor) -> Tensor:
    """Return t, a number or (T,), as float64 that broadcasts against points a (..., Z): a scalar, or (T, 1, …, 1)."""
    t = torch.as_tensor(t, dtype=torch.float64, device=a.device)
    if t.ndim > 1 or not t.isfinite().all():
        raise ValueError(f"t must be a finite number or a row of them, (T,); yours has shape {tuple(t.shape)}.")
    return t.reshape(-1, *[1] * a.ndim) if t.ndim else t


def checked_ends(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return both ends of a path as float64. Raises ShapeError when their shapes differ, ValueError on NaN or infinity."""
    same_shape(a=a, b=b)
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("an end of the path holds NaN or infinity; look at the codes before you connect them.")
    return a.double(), b.double()


def lerp(a: Tensor, b: Tensor, t: float | Sequence[float] | Tensor) -> Tensor:
    """Return the points at t on the straight lines from a to b (linear interpolation).

    z(t) = (1 − t) a + t b          |z(t)|² = (1 − t)² |a|² + t² |b|² + 2 t (1 − t) |a| |b| cos ω

    a, b: (..., Z); t: a number, or (T,); 0 is a and 1 is b, to the last bit. Returns (..., Z), or (T, ..., Z), in a's type.
    Raises ShapeError, and ValueError on NaN or infinity. Built in notebook 08.
    """
    (start, stop), t = checked_ends(a, b), broadcast_steps(a, t)
    return ((1 - t) * start + t * stop).to(a.dtype)


def angle(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle ω between points a and b (..., Z), seen from the origin: (...,) float64 in [0, π].

    ω = 2 atan2(|u − v|, |u + v|) with u = a / |a|, v = b / |b|          (Kahan 2006)

    which keeps its digits at 0 and at π, where arccos of a cosine loses half of them. Raises ShapeError, and ValueError on NaN,
    infinity, or a point at the origin, which has no direction. Built in notebook 08.
    """
    start, stop = checked_ends(a, b)
    if not (start.norm(dim=-1).all() and stop.norm(dim=-1).all()):
        raise ValueError("a point at the origin has no direction, so there is no angle; use lerp, or another end.")
    u, v = (point / point.norm(dim=-1, keepdim=True) for point in (start, stop))
    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))


def slerp(a: Tensor, b: Tensor, t: float | Sequence[float] | Tensor) -> Tensor:
    """Return the points at t on the arcs from a to b around the origin (spherical linear interpolation).

    z(t) = r(t) (sin((1 − t) ω) u + sin(t ω) v) / sin ω          r(t) = (1 − t) |a| + t |b|, u = a / |a|, v = b / |b|

    The direction turns by equal angles in equal times (Shoemake 1985); the radius goes evenly from |a| to |b| (not in White 2016).
    Where ω < 1e-7 the weights are their limits, 1 − t and t.

    a, b: (..., Z); t: a number, or (T,). Returns (..., Z), or (T, ..., Z), in a's type. Raises ShapeError; ValueError on NaN,
    infinity, a point at the origin, or points opposite each other (within 1e-5 rad). Built in notebook 08.
    """
    omega, (start, stop), t = angle(a, b)[..., None], checked_ends(a, b), broadcast_steps(a, t)
    if (torch.pi - omega < 1e-5).any():
        raise ValueError("two ends lie opposite each other: every great circle joins them, so slerp cannot choose; use lerp there.")
    near = omega < 1e-7
    wide = torch.where(near, 1.0, omega)  # where the ends coincide, any angle will do: its result is not used
    first = torch.where(near, 1 - t, torch.sin((1 - t) * wide) / torch.sin(wide))
    second = torch.where(near, t.expand_as(first), torch.sin(t * wide) / torch.sin(wide))
    r_a, r_b = start.norm(dim=-1, keepdim=True), stop.norm(dim=-1, keepdim=True)
    return (((1 - t) * r_a + t * r_b) * (first * start / r_a + second * stop / r_b)).to(a.dtype)


def corner_grid(corners: Tensor, side: int) -> Tensor:
    """Return a sheet of side × side points that turns four codes into each other, row by row from the top left.

    z(s, t) = (1 − s)(1 − t) z₁ + (1 − s) t z₂ + s (1 − t) z₃ + s t z₄          (s down, t across)

    corners: (4, Z), top left, top right, bottom left, bottom right; side: 2 or more. Returns (side², Z). Raises ShapeError.
    Built in notebook 08.
    """
    if corners.ndim != 2 or len(corners) != 4 or side < 2:
        raise ShapeError(f"a sheet needs four corners (4, Z) and a side of 2 or more, not {tuple(corners.shape)} and {side}.")
    t = torch.linspace(0, 1, side, dtype=torch.float64)
    left, right = lerp(corners[0], corners[2], t), lerp(corners[1], corners[3], t)  # (side, Z), downwards
    return lerp(left, right, t).transpose(0, 1).flatten(0, 1)  # (across, down, Z) → (side², Z)


def kl_per_latent(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the mean KL of each latent over images, (Z,) nats; the sum over latents is the mean of `gaussian_kl`.

    KL_z = ½ mean_N (mu² + exp(logvar) − 1 − logvar) ≥ I(x; z_z)          (Hoffman & Johnson 2016)

    mu, logvar: (N, Z), the posteriors of N images. It says how much a latent is used, not what for. Raises ShapeError. Built in
    notebook 10.
    """
    if mu.ndim != 2 or not len(mu):
        raise ShapeError(f"mu and logvar must be (N, Z) with at least one image, but mu is {tuple(mu.shape)}.")
    return kl_terms(mu, logvar).mean(0)


def ranked_by_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the numbers of the latents, (Z,) int64 counted from 0, the one with most KL first. Built in notebook 10."""
    return kl_per_latent(mu, logvar).argsort(descending=True, stable=True)


def traversal(z: Tensor, dim: int, values: Sequence[float] | Tensor) -> Tensor:
    """Return copies of a point in which one latent takes given values and the rest stay: (T, Z).

    z^(t) = z + (t − z_dim) e_dim

    z: (Z,); dim: 0 to Z − 1; values: (T,), for example linspace(-3, 3, 13). Raises ShapeError on another shape of z, and ValueError
    when there is no such latent or a number is not finite. Built in notebook 10.
    """
    z = z if z.is_floating_point() else z.float()
    values = torch.as_tensor(values, dtype=z.dtype, device=z.device)
    if z.ndim != 1 or values.ndim != 1:
        shapes = f"{tuple(z.shape)} and {tuple(values.shape)}"
        raise ShapeError(f"a traversal takes one point (Z,) through a row of values (T,); yours are {shapes}.")
    if not 0 <= dim < len(z):
        raise ValueError(f"there is no latent {dim}; this point has the latents 0 to {len(z) - 1}.")
    if not (z.isfinite().all() and values.isfinite().all()):
        raise ValueError("the point or a value is NaN or infinite. (norm.ppf is, at 0 and at 1.)")
    path = z.repeat(len(values), 1)
    path[:, dim] = values
    return path


def code_of(model: models.LatentModel, image: Tensor) -> Tensor:
    """Return the code (Z,) of one image (C, H, W), uint8 or in [0, 1]. Raises ShapeError when the model reads another size.

    The sliders of notebook 10 start from it.
    """
    wanted, found = tuple(model.config.shape), tuple(image.shape)
    if found not in (wanted, (1, *wanted)):
        raise ShapeError(f"this model reads images (C, H, W) of shape {wanted}, but yours is {found}; resize it first.")
    return models.codes(model, image.reshape(1, *wanted))[0]


def check_posteriors(mu: Tensor, logvar: Tensor) -> None:
    """Raise ShapeError or ValueError unless mu and logvar are posteriors of one or more images, (N, Z) each, without NaN."""
    same_shape(mu=mu, logvar=logvar)
    if mu.ndim != 2 or not len(mu):
        raise ShapeError(f"mu and logvar must be (N, Z), one row an image, but they are {tuple(mu.shape)}.")
    if not (mu.isfinite().all() and logvar.isfinite().all()):
        raise ValueError("mu or logvar holds NaN or infinity; look at the codes first.")


def tempered_samples(n: int, size: int, temperature: float, generator: torch.Generator) -> Tensor:
    """Return n points (n, size) of the prior with its standard deviation multiplied by a temperature.

    z = T eps ~ N(0, T² I),  so that |z| ≈ T √size          T = 1 is the prior

    Raises ValueError unless 0 < T < ∞. (At T = 0 all points would be one; decode zeros instead.) Built in notebook 09.
    """
    check_number("the temperature", temperature)
    return prior_samples(n, size, generator) * temperature


def shell_samples(n: int, size: int, radius: float, generator: torch.Generator) -> Tensor:
    """Return n points (n, size), uniform on the sphere of a radius around the origin.

    z = radius · eps / |eps|          (a normal vector has no preferred direction: Muller 1959)

    Raises ValueError unless 0 < radius < ∞. Built in notebook 09.
    """
    check_number("the radius", radius)
    return radius * torch.nn.functional.normalize(prior_samples(n, size, generator), dim=1)


def aggregate_samples(mu: Tensor, logvar: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) of the aggregate posterior q(z) = 1/N Σ_i N(mu_i, exp(logvar_i)) of N images.

    An image at random, then a point of its posterior (Makhzani and others 2015; Hoffman & Johnson 2016). These are the codes of
    faces that exist, with noise: a ceiling for samplers, not a generator of new ones.
    mu, logvar: (N, Z). Raises ShapeError, and ValueError on NaN. Built in notebook 09.
    """
    check_posteriors(mu, logvar)
    which = torch.randint(len(mu), (n,), generator=generator)
    return models.reparameterize(mu[which], logvar[which], generator)


def neighbour_samples(mu: Tensor, logvar: Tensor, n: int, widths: float, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) around one image's code: its posterior, made wider.

    z = mu + widths · exp(logvar / 2) · eps          widths = 1 is q(z|x)

    mu, logvar: (Z,). Raises ShapeError, and ValueError on NaN or unless 0 < widths < ∞. Built in notebook 09.
    """
    check_posteriors(mu[None], logvar[None])
    check_number("widths", widths)
    return mu + widths * torch.exp(0.5 * logvar) * prior_samples(n, len(mu), generator)


def fit_mixture(codes: Tensor, components: int, seed: int = 0) -> Mixture:
    """Return a mixture of K normal distributions fitted to codes (N, Z): scikit-learn's GaussianMixture, full covariances.

    p(z) = Σ_k weights_k N(z; means_k, roots_k roots_kᵀ), by expectation–maximisation from k-means; 0.01 is added to variances.

    Raises ShapeError, and ValueError on NaN or fewer than two codes a component. Used in notebook 09.
    """
    from sklearn.mixture import GaussianMixture  # a second to import, and not needed elsewhere

    if codes.ndim != 2:
        raise ShapeError(f"codes must be (N, Z), but they are {tuple(codes.shape)}.")
    if not 1 <= components <= len(codes) // 2:
        raise ValueError(f"{components} components cannot be fitted to {len(codes)} codes; each needs two at the least.")
    found = GaussianMixture(components, reg_covar=0.01, tol=0.01, max_iter=60, random_state=seed).fit(codes.double().numpy())
    weights, means, covariances = (torch.from_numpy(part) for part in (found.weights_, found.means_, found.covariances_))
    return Mixture(weights.float(), means.float(), torch.linalg.cholesky(covariances).float())


def mixture_samples(mixture: Mixture, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) of a mixture: first the component, by its weight, then a point of it. Built in notebook 09."""
    which = torch.multinomial(mixture.weights, n, replacement=True, generator=generator)
    eps = prior_samples(n, mixture.means.shape[1], generator)
    points = torch.empty_like(eps)
    for k in which.unique().tolist():
        chosen = which == k
        points[chosen] = mixture.means[k] + eps[chosen] @ mixture.roots[k].T
    return points


def members(known: Codes | Dataset, wanted: Mapping[str, bool]) -> Tensor:
    """Return which images have all the wanted attributes, (N,) bool: `members(codes, {"Smiling": True, "Male": False})`.

    known: anything with attributes (N, A) and attribute_names. Raises ValueError when an attribute does not exist (the message
    lists those that do), or when no image is left. Built in notebook 09.
    """
    if known.attributes is None:
        raise ValueError("nothing is known of these images' attributes.")
    missing = [name for name in wanted if name not in known.attribute_names]
    if missing or not wanted:
        told = f"there is no attribute {missing[0]!r}" if missing else "no attribute was asked for"
        raise ValueError(f"{told}. There are: {', '.join(known.attribute_names)}.")
    columns = [known.attributes[:, known.attribute_names.index(name)] == value for name, value in wanted.items()]
    found = torch.stack(columns).all(0)
    if not found.any():
        told = " and ".join(name if value else f"not {name}" for name, value in wanted.items())
        raise ValueError(f"not one of the {len(found):,} images is {told}: this region has no members.")
    return found


def attribute_samples(known: Codes, wanted: Mapping[str, bool], n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) of the region of wanted attributes: the normal distribution fitted to its members' codes.

    With m members the fitted covariance shrinks towards that of all codes, by Z / (m + Z), so that a small region has no flat side.
    Raises ValueError as `members`, or when there is only one. Built in notebook 09.
    """
    mu = known.mu[members(known, wanted)]
    if len(mu) < 2:
        raise ValueError("this region has one member only, and one point has no spread; use neighbour_samples around it.")
    share = mu.shape[1] / (len(mu) + mu.shape[1])
    root = covariance_root((1 - share) * torch.cov(mu.T) + share * torch.cov(known.mu.T), "the region's covariance").float()
    return mu.mean(0) + prior_samples(n, mu.shape[1], generator) @ root.T


def attribute_direction(points: Tensor, has: Tensor) -> Tensor:
    """Return the mean of the points that have an attribute minus the mean of those that do not: a difference vector.

    d = mean(points | has) − mean(points | has not)          (Larsen and others 2016; White 2016)

    points: (N, ...), codes or images (uint8 or in [0, 1]); has: (N,) bool. Returns (...) float32. Raises ShapeError, and
    ValueError when all have it or none. Built in notebook 09.
    """
    if has.shape != points.shape[:1] or has.dtype != torch.bool:
        raise ShapeError(f"has must be ({len(points)},) bool, one for each point; yours is {tuple(has.shape)} {has.dtype}.")
    if not has.any() or has.all():
        share = "all" if has.all() else "none"
        raise ValueError(f"{share} of the {len(has):,} points have the attribute: there is nothing to compare with.")
    return to_float(points[has]).mean(0) - to_float(points[~has]).mean(0)


def partial_directions(points: Tensor, attributes: Tensor) -> Tensor:
    """Return each attribute's own effect on points, the other attributes held fixed: the least-squares coefficients, (A, Z).

    min_{c, B} Σ_i |points_i − c − a_i B|²          B_k: what changes when attribute k flips and no other does

    points: (N, Z); attributes: (N, A) bool. Raises ShapeError; ValueError when an attribute is never or always there, or is fixed
    by the others, so that its own effect cannot be told from theirs. Built in notebook 09.
    """
    if points.ndim != 2 or attributes.ndim != 2 or len(points) != len(attributes):
        shapes = f"{tuple(points.shape)} and {tuple(attributes.shape)}"
        raise ShapeError(f"points (N, Z) and attributes (N, A) of the same images are needed; yours are {shapes}.")
    a = attributes.double() - attributes.double().mean(0)
    if torch.linalg.matrix_rank(a) < a.shape[1]:
        raise ValueError("an attribute is constant, or follows from the others: its own effect cannot be told. Leave it out.")
    z = points.double() - points.double().mean(0)
    return torch.linalg.lstsq(a, z).solution.float()


def orthogonal_to(direction: Tensor, others: Tensor, covariance: Tensor | None = None) -> Tensor:
    """Return what is left of a direction (Z,) when its components along others (K, Z) are taken out (Gram & Schmidt).

    v = d − Oᵀ (O M Oᵀ)⁺ O M d,  so that O M v = 0          M = covariance⁻¹; I where none is given

    With the covariance (Z, Z) of the codes, right angles are those in which a linear discriminant of each other attribute,
    o M z (Fisher 1936), stays as it is. Others may depend on each other, or be none. Raises ShapeError, ValueError, and
    ValueError when nothing is left. Built in notebook 09.
    """
    if others.ndim != 2 or direction.shape != others.shape[1:]:
        raise ShapeError(f"a direction (Z,) and others (K, Z) are needed; yours: {tuple(direction.shape)}, {tuple(others.shape)}.")
    size = len(direction)
    root = torch.eye(size).double() if covariance is None else covariance_root(covariance, "the covariance")
    if root.shape != (size, size):
        raise ShapeError(f"the covariance must be {(size, size)}, but it is {tuple(root.shape)}.")
    d, o = (torch.linalg.solve_triangular(root, part.double().T, upper=False) for part in (direction[None], others))  # whitened
    left = d - o @ torch.linalg.lstsq(o, d, driver="gelsd").solution if len(others) else d
    if left.norm() <= 1e-6 * d.norm():
        raise ValueError("the direction is a combination of the others: nothing is left of it.")
    return (root @ left)[:, 0].to(direction.dtype)


@torch.no_grad()
def calibrate(model: models.VAE, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    """Shift and scale a VAE's latents in place, so that N(0, I) fits its codes better; return shift and scale, (Z,) each.

    mu, logvar: (N, Z), the posteriors of the training images. With m = E[μ] and s² = Var[μ] + E[σ²], z′ = (z − m) / s has
    mean 0 and second moment E[μ² + σ²] = 1 in each latent. It is folded into the encoder's heads and the decoder's first layer:
    reconstructions stay the same, and the mean KL falls by ½ Σ (m² + s² − 1 − log s²) ≥ 0. Raises ShapeError, ValueError.
    """
    check_posteriors(mu, logvar)
    shift, scale = mu.mean(0), (mu.var(0, correction=0) + logvar.exp().mean(0)).sqrt()
    first = model.decoder[0]
    assert isinstance(first, torch.nn.Linear)
    first.bias.add_(first.weight @ shift)
    first.weight.mul_(scale)
    model.to_mu.bias.sub_(shift).div_(scale)
    model.to_mu.weight.div_(scale[:, None])
    model.to_logvar.bias.sub_(2 * scale.log())
    return shift, scale
