"""How good images are: sets of images go in, and out comes how alike they are, one by one or as distributions.

`ssim` compares images in pairs. `frechet_distance` (FID's formula), `kernel_distance` (KID's) and `precision_recall` compare two
sets in the features of a network; `inception_score` looks at one set through a classifier. The network is always named in the
result: numbers from different networks cannot be compared. `bootstrap` puts an interval around any of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from helpers import pretrained
from helpers.data import to_float
from helpers.features import FeatureNetwork, named
from helpers.models import checked_images, in_batches
from helpers.objective import ShapeError, check_count, same_shape


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the structural similarity of images x and y in pairs, (B,): 1 for equal images, about 0 for unrelated ones.

    The mean over 11×11 Gaussian windows (sigma 1.5) of
    (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x² + m_y² + c1)(s_x² + s_y² + c2))          c1 = 0.01², c2 = 0.03²
    where m, s² and s_xy are a window's means, variances and covariance.          (Wang, Bovik, Sheikh & Simoncelli 2004)
    Only windows that lie inside the image count, as in that paper and in scikit-image (torchmetrics' mean has a reflected rim).

    x, y: (B, C, H, W), uint8 or in [0, 1], with sides of 11 or more. The range is always that of [0, 1], never the batch's.
    Raises ShapeError, and ValueError outside it. Built in notebook 12; first used in notebook 07.
    """
    same_shape(x=x, y=y)
    if x.ndim != 4 or min(x.shape[2:]) < 11:
        raise ShapeError(f"ssim needs images (B, C, H, W) with sides of 11 or more; yours are {tuple(x.shape)}.")
    pair = to_float(checked_images(x)), to_float(checked_images(y))
    _, full = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none", return_full_image=True)
    return full[..., 5:-5, 5:-5].flatten(1).mean(1)


class FewImagesWarning(UserWarning):
    """There are fewer images than feature dimensions, so that a covariance is singular and a Fréchet distance far too large."""


def described(value: str, features: str, images: tuple[int, int]) -> str:
    """Return a value in words: the network that it belongs to, and how many images there were."""
    return f"{value} in the features of {features} ({images[0]:,} against {images[1]:,} images)"


class Distance(NamedTuple):
    """A distance between two sets of images, the network whose features it was taken in, and how many images there were."""

    value: float
    features: str
    images: tuple[int, int]

    def __repr__(self) -> str:
        return described(f"{self.value:.2f}", self.features, self.images)


class KernelDistance(NamedTuple):
    """A mean over subsets of a kernel distance, the subsets' standard deviation, the network, and how many images there were."""

    value: float
    std: float
    features: str
    images: tuple[int, int]

    def __repr__(self) -> str:
        return described(f"{self.value:.4f} ± {self.std:.4f} (std of subsets)", self.features, self.images)


class Coverage(NamedTuple):
    """Precision, recall (shares, 0 to 1), the network whose features they were taken in, and how many images there were."""

    precision: float
    recall: float
    features: str
    images: tuple[int, int]

    def __repr__(self) -> str:
        return described(f"precision {self.precision:.3f}, recall {self.recall:.3f}", self.features, self.images)


class ClassScore(NamedTuple):
    """An Inception-style score, its standard deviation over splits, and how many images there were."""

    value: float
    std: float
    images: int

    def __repr__(self) -> str:
        return f"{self.value:.2f} ± {self.std:.2f} (std of splits, {self.images:,} images)"


class Interval(NamedTuple):
    """A statistic of a sample, with a bootstrap interval for it, its standard error, and what resampling added to it."""

    value: float
    low: float
    high: float
    error: float
    bias: float

    def __repr__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def radial_power(images: Tensor) -> Tensor:
    """Return how much power images (N, C, H, H) have at each spatial frequency, averaged over images: (H // 2 + 1,).

    P_r = 1 / H² Σ_{round |k| = r} |F[w (x − mean)]_k|², summed over channels      r: waves per image; F: discrete Fourier

    w: a Hann window on both axes, which fades the border out, where a Fourier transform lets left meet right; the mean colour of
    each image is taken away before. The last ring holds everything from H // 2 on, corners included, so that by Parseval's
    theorem the rings add up to the squared values of w (x − mean). images: uint8 or floats, differences and noise too; H ≥ 4.
    Raises ShapeError, and ValueError on NaN. Built in notebook 15; an early form is in notebook 07.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3] or images.shape[3] < 4 or not len(images):
        raise ShapeError(f"radial_power needs square images (N, C, H, H), sides of 4 or more; yours are {tuple(images.shape)}.")
    x, side = finite(to_float(images), "the images"), images.shape[3]
    window = torch.hann_window(side)
    waves = torch.fft.fft2((x - x.mean((2, 3), keepdim=True)) * window * window[:, None])
    power = waves.abs().square().mean(0).sum(0) / side**2  # (H, H)
    frequency = torch.fft.fftfreq(side, 1 / side)
    ring = (frequency[:, None].square() + frequency.square()).sqrt().round().long().clamp(max=side // 2)
    return torch.zeros(side // 2 + 1).index_add_(0, ring.flatten(), power.flatten())


def gaussian_frechet(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """Return the squared Fréchet distance between N(mean1, cov1) and N(mean2, cov2), a float64 scalar.

    ‖mean1 − mean2‖² + tr(cov1) + tr(cov2) − 2 tr((cov1 cov2)^½)          (Dowson & Landau 1982; Heusel et al. 2017)

    mean: (F,); cov: (F, F), symmetric, also singular. The last trace is the sum of the singular values of cov2^½ cov1^½.
    Raises ShapeError, and ValueError on NaN, infinity or a negative variance. Built in notebook 12.
    """
    same_shape(mean1=mean1, mean2=mean2)
    same_shape(cov1=cov1, cov2=cov2)
    if mean1.ndim != 1 or cov1.shape != (len(mean1), len(mean1)):
        raise ShapeError(f"means (F,) and covariances (F, F) are needed; yours are {tuple(mean1.shape)}, {tuple(cov1.shape)}.")
    mean1, cov1, mean2, cov2 = (finite(part.double(), "a mean or covariance") for part in (mean1, cov1, mean2, cov2))
    overlap = torch.linalg.svdvals(root(cov2) @ root(cov1)).sum()
    return (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * overlap


def root(covariance: Tensor) -> Tensor:
    """Return the symmetric square root (F, F) of a covariance; eigenvalues that rounding made negative count as 0.

    Raises ValueError when one is more negative than rounding makes it.
    """
    values, vectors = torch.linalg.eigh(covariance)
    if values[0] < -1e-5 * values.abs().max():
        raise ValueError(f"this is no covariance: its variance in some direction is {values[0].item():.3g}, below 0.")
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (F,) and covariance (F, F; N − 1 below the line) of features (N, F), N ≥ 2, in float64."""
    features = features.double()
    return features.mean(0), torch.cov(features.T).reshape(features.shape[1], features.shape[1])


def finite(values: Tensor, what: str) -> Tensor:
    """Return values as they are. Raises ValueError when one is NaN or infinite."""
    bad = (~values.isfinite()).sum().item()
    if bad:
        raise ValueError(f"there are {bad:,} NaN or infinite values in {what}.")
    return values


@torch.no_grad()
def features_of(network: FeatureNetwork, images: Tensor) -> Tensor:
    """Return a feature network's features (N, F) of images (N, C, H, W), uint8 or in [0, 1], on the CPU."""
    return torch.cat([network.features(x).cpu() for x in in_batches(network, images)])


def to_features(images: Tensor, features: str = "cifar10_features") -> Tensor:
    """Return the features (N, F) float32 of images in a network named `features`: compute them once, measure many times.

    images: (N, C, H, W), uint8 or in [0, 1], in the shape that the network reads; or features (N, F), which come back as they are.
    features: the name of a shipped network. Raises ShapeError, ValueError (also on features that know of another network);
    DataError on an unknown name.
    """
    if images.ndim == 2:
        check_network(images, features)
        return finite(images, "the features").cpu()
    network = feature_network(features)
    return named(finite(features_of(network, checked_images(images, network.config.shape)), "the features"), features)


def check_network(given: Tensor, features: str) -> None:
    """Raise ValueError when features know the name of their network and it is not `features`."""
    network = getattr(given, "network", "") or features
    if network != features:
        told = f"these are features of {network}, but those of {features} were asked for"
        raise ValueError(f"{told}: numbers of two networks cannot be compared. (features={network!r} names theirs.)")


def feature_network(features: str) -> FeatureNetwork:
    """Return a shipped feature network. Raises DataError on an unknown name, ValueError on that of a model of images."""
    network = pretrained.load(features)
    if not isinstance(network, FeatureNetwork):
        raise ValueError(f"{features} is no feature network but a model of images; use cifar10_features or celeba_features.")
    return network


def feature_pair(images: Tensor, reference: Tensor, features: str, least: int = 2) -> tuple[Tensor, Tensor]:
    """Return the features (N, F), (M, F) of images and of their reference."""
    here, there = to_features(images, features), to_features(reference, features)
    if here.shape[1] != there.shape[1]:
        raise ShapeError(f"the features have {here.shape[1]} and {there.shape[1]} dimensions: they come from different networks.")
    if len(here) < least or len(there) < least:
        raise ShapeError(f"this needs {least} or more images in each set; these are {len(here)} and {len(there)}.")
    if not (there.amax(0) - there.amin(0)).any():
        raise ValueError("the reference images all have the same features: there is no distribution to compare with.")
    return here, there


def frechet_distance(images: Tensor, reference: Tensor, features: str = "cifar10_features") -> Distance:
    """Return the squared Fréchet distance between two sets of images in a named network's features.

    The formula is FID's (`gaussian_frechet`). Unless the features are Inception's the number is not an FID: it is comparable only
    with others from the same network, and from about as many images, because few images make it larger (by about c / N).
    images, reference: (N, C, H, W), uint8 or in [0, 1], or their features (N, F): from `to_features`, or those of real images
    that ship with a network (`pretrained.reference`). Warns (FewImagesWarning) when a set has fewer images than the features
    have dimensions. A generator of one image only has covariance 0 and a finite distance; such a reference is refused.
    Raises ShapeError, ValueError. Built in notebook 12; first used in notebook 07.
    """
    here, there = feature_pair(images, reference, features)
    fewest, dimensions = min(len(here), len(there)), here.shape[1]
    if fewest < dimensions:
        warnings.warn(
            f"{fewest:,} images, but {dimensions:,} feature dimensions: a covariance is singular, and the Fréchet distance "
            f"comes out far too large. Use {10 * dimensions:,} images or more, or kernel_distance, which is unbiased.",
            FewImagesWarning,
            stacklevel=2,
        )
    value = gaussian_frechet(*moments(here), *moments(there)).item()
    return Distance(value, features, (len(here), len(there)))


def frechet_to(reference: Tensor) -> Callable[[Tensor], float]:
    """Return a function that gives the squared Fréchet distance of features (N, F) to reference features (M, F).

    The reference's root is taken once, for bootstraps and curves. Agrees with `gaussian_frechet` to about seven digits.
    """
    (mean, cov), network = moments(reference), getattr(reference, "network", "")
    half = root(cov)

    def distance(features: Tensor) -> float:
        if network:
            check_network(features, network)
        here, spread = moments(features)
        overlap = torch.linalg.eigvalsh(half @ spread @ half).clamp(min=0).sqrt().sum()
        return ((here - mean).square().sum() + spread.trace() + cov.trace() - 2 * overlap).item()

    return distance


class Extrapolation(NamedTuple):
    """A distance extrapolated to infinitely many images, the network, and the points that the line was fitted to."""

    value: float
    features: str
    sizes: tuple[int, ...]
    values: tuple[float, ...]


def frechet_at_infinity(images: Tensor, reference: Tensor, features: str = "cifar10_features") -> Extrapolation:
    """Return the squared Fréchet distance extrapolated to infinitely many images: the intercept of a line in 1 / N.

    d²(N) ≈ d²(∞) + c / N          (Chong & Forsyth 2020)

    Fitted by least squares, weighted by N, over eight sizes, even in 1 / N, from a fifth of the images to all; smaller sizes
    are averages over disjoint parts. The bias that is due to the reference stays. Needs ten images a feature dimension.
    Otherwise as `frechet_distance`. Built in notebook 12.
    """
    here, there = feature_pair(images, reference, features)
    if len(here) < 10 * here.shape[1]:
        raise ShapeError(f"the line in 1 / N needs {10 * here.shape[1]:,} images (ten a dimension); these are {len(here):,}.")
    distance, order = frechet_to(there), torch.randperm(len(here), generator=torch.Generator().manual_seed(0))
    shares = 1 / torch.linspace(5, 1, 8, dtype=torch.float64)
    sizes = [int(len(here) * share) for share in shares]
    values = []
    for size in sizes:
        parts = [distance(here[part]) for part in order.split(size) if len(part) == size]
        values.append(sum(parts) / len(parts))
    weights = [(size * (len(here) // size)) ** 0.5 for size in sizes]
    _, intercept = np.polyfit([1 / size for size in sizes], values, 1, w=weights)
    return Extrapolation(float(intercept), features, tuple(sizes), tuple(values))


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return KID's kernel (x · y / F + 1)³ of features (N, F) and (M, F): (N, M). Built in notebook 12."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased estimate of the squared maximum mean discrepancy of features x (N, F), y (M, F): a float64 scalar.

    Σ_{i≠j} k(x_i, x_j) / (N (N − 1)) + Σ_{i≠j} k(y_i, y_j) / (M (M − 1)) − 2 Σ_{ij} k(x_i, y_j) / (N M)

    with k the cubic kernel (Gretton et al. 2012, equation 3; Bińkowski et al. 2018). Right on average at any N, and so below 0
    as often as above where the distributions are equal. N, M ≥ 2. Built in notebook 12.
    """
    x, y = x.double(), y.double()
    within = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (cubic_kernel(x, x), cubic_kernel(y, y))]
    return within[0] + within[1] - 2 * cubic_kernel(x, y).mean()


def kernel_distance(images: Tensor, reference: Tensor, features: str = "cifar10_features", *, subsets: int = 100) -> KernelDistance:
    """Return the kernel distance between two sets of images: KID's formula, in a named network's features.

    The mean and the standard deviation of `kernel_mmd` over `subsets` pairs of random subsets of 1,000 images each, drawn
    without replacement (Bińkowski et al. 2018). A smaller set makes the subsets as small as it is; the mean stays unbiased.
    images, reference, errors: as `frechet_distance`. Built in notebook 12.
    """
    here, there = feature_pair(images, reference, features)
    size, generator = min(1000, len(here), len(there)), torch.Generator().manual_seed(0)
    check_count("subsets", subsets)
    pairs = ([torch.randperm(len(s), generator=generator)[:size] for s in (here, there)] for _ in range(subsets))
    values = torch.stack([kernel_mmd(here[a], there[b]) for a, b in pairs])
    return KernelDistance(values.mean().item(), values.std(correction=0).item(), features, (len(here), len(there)))


def ball_radii(features: Tensor, k: int) -> Tensor:
    """Return each point's distance to its k-th nearest other point, (N,), for features (N, F)."""
    parts = (torch.cdist(part, features).kthvalue(k + 1).values for part in features.split(1000))  # k + 1: itself comes first
    return torch.cat(list(parts))


def share_in_balls(points: Tensor, centres: Tensor, radii: Tensor) -> float:
    """Return the share of points (N, F) inside one or more of the balls around centres (M, F) with radii (M,)."""
    inside = [(torch.cdist(part, centres) <= radii).any(1) for part in points.split(1000)]
    return torch.cat(inside).double().mean().item()


def precision_recall(images: Tensor, reference: Tensor, features: str = "cifar10_features") -> Coverage:
    """Return precision and recall of images against real ones, in a named network's features.

    precision: the share of the images that lie in the union of balls around the reference images; recall: the share of the
    reference images in that of balls around the images. A ball reaches to its centre's third nearest neighbour in its own set.
    (Kynkäänniemi, Karras, Laine, Lehtinen & Aila 2019.)  Both change with the number of images: use equally many.
    images, reference, errors: as `frechet_distance`, and ShapeError for sets of three or fewer. Built in notebook 12.
    """
    here, there = (part.double() for part in feature_pair(images, reference, features, least=4))
    precision, recall = share_in_balls(here, there, ball_radii(there, 3)), share_in_balls(there, here, ball_radii(here, 3))
    return Coverage(precision, recall, features, (len(here), len(there)))


def inception_score(probabilities: Tensor) -> ClassScore:
    """Return the Inception Score's formula of a classifier's p(y|x), from 1 to the number of classes.

    exp(mean KL(p(y|x) ‖ p(y))), with p(y) the mean of p(y|x)          (Salimans et al. 2016)

    The mean and standard deviation over ten parts of the shuffled images, as published scores are.
    probabilities: (N, K), one row an image, each of sum 1. The score knows no real images. Raises ValueError; ShapeError
    when there are fewer than ten images. Built in notebook 12.
    """
    p = finite(probabilities, "the probabilities").double()
    if p.ndim != 2 or len(p) < 10:
        raise ShapeError(f"the score is taken over ten parts of probabilities (N, K), N of 10 or more, not {tuple(p.shape)}.")
    if (p < 0).any() or ((p.sum(1) - 1).abs() > 1e-3).any():
        raise ValueError("these rows are no probabilities: entries must be 0 or more and sum to 1. Logits need a softmax.")
    p = p[torch.randperm(len(p), generator=torch.Generator().manual_seed(0))]
    parts = [p[i * len(p) // 10 : (i + 1) * len(p) // 10] for i in range(10)]
    values = torch.stack([torch.xlogy(q, q / q.mean(0)).nan_to_num(0).sum(1).mean().exp() for q in parts])
    return ClassScore(values.mean().item(), values.std(correction=0).item(), len(p))


def path_ssim(frames: Tensor) -> Tensor:
    """Return how alike each frame of a path is to the next, (T − 1,): `ssim` of neighbours among frames (T, C, H, W), T ≥ 2.

    1 throughout is a standstill; a dip is a jump. Equal steps are told by its spread, not its mean. Built in notebook 12.
    """
    if len(frames) < 2:
        raise ShapeError(f"a path needs two or more frames; this has {len(frames)}.")
    return ssim(frames[:-1], frames[1:])


def bootstrap(statistic: Callable[[Tensor], float], sample: Tensor, *, times: int = 100, seed: int = 0) -> Interval:
    """Return a statistic of a sample (N, …) with a normal 95 % bootstrap interval, value ± 1.96 · error          (Efron 1979).

    error: the statistic's standard deviation over `times` samples of N rows drawn from the N with replacement; the interval is
    for the statistic *at this N*. bias: the mean over those samples minus the value; quantiles of the resampled values would be
    no interval for a Fréchet distance, whose bias is large. Raises ShapeError, ValueError. Built in notebook 12.
    """
    if len(sample) < 2:
        raise ShapeError(f"a bootstrap needs two rows or more; there are {len(sample)}.")
    check_count("times", times, 2)
    generator = torch.Generator().manual_seed(seed)
    draws = (torch.randint(len(sample), (len(sample),), generator=generator) for _ in range(times))
    values = torch.tensor([float(statistic(sample[rows])) for rows in draws], dtype=torch.float64)
    value, error = float(statistic(sample)), values.std().item()
    return Interval(value, value - 1.96 * error, value + 1.96 * error, error, values.mean().item() - value)
