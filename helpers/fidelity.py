"""How good pictures are: two sets of pictures go in, and out comes how alike they are, one by one or as distributions.

`ssim` compares pictures in pairs. `frechet_distance` compares two sets, each through the mean and covariance of its features
in a network that is always named in the result: numbers from different networks cannot be compared.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from helpers import pretrained
from helpers.data import to_float
from helpers.features import FeatureNetwork
from helpers.models import in_batches
from helpers.objective import ShapeError, same_shape


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the structural similarity of pictures x and y in pairs, (B,): 1 for equal pictures, about 0 for unrelated ones.

    The mean over 11×11 Gaussian windows (sigma 1.5) of
    (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x² + m_y² + c1)(s_x² + s_y² + c2))          c1 = 0.01², c2 = 0.03²
    where m, s² and s_xy are a window's means, variances and covariance.          (Wang, Bovik, Sheikh & Simoncelli 2004)
    Only windows that lie inside the picture count, as in that paper and in scikit-image (torchmetrics' mean has a reflected rim).

    x, y: (B, C, H, W), uint8 or in [0, 1], with sides of 11 or more. The range is always that of [0, 1], never the batch's.
    Raises ShapeError. Built in notebook 12; first used in notebook 07.
    """
    same_shape(x=x, y=y)
    if x.ndim != 4 or min(x.shape[2:]) < 11:
        raise ShapeError(f"ssim needs pictures (B, C, H, W) with sides of 11 or more; yours are {tuple(x.shape)}.")
    pair = to_float(x), to_float(y)
    _, full = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none", return_full_image=True)
    return full[..., 5:-5, 5:-5].flatten(1).mean(1)


class Distance(NamedTuple):
    """A distance between two sets of pictures, the network whose features it was taken in, and how many pictures there were."""

    value: float
    features: str
    images: tuple[int, int]

    def __repr__(self) -> str:
        return f"{self.value:.2f} in the features of {self.features} ({self.images[0]:,} against {self.images[1]:,} pictures)"


def gaussian_frechet(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """Return the squared Fréchet distance between N(mean1, cov1) and N(mean2, cov2), a float64 scalar.

    ‖mean1 − mean2‖² + tr(cov1) + tr(cov2) − 2 tr((cov1 cov2)^½)          (Dowson & Landau 1982; Heusel et al. 2017)

    mean: (F,); cov: (F, F), symmetric. The last trace is the sum of the singular values of cov2^½ cov1^½, because
    (cov1^½ cov2 cov1^½) has the eigenvalues of cov1 cov2: no complex root is taken, and singular covariances are welcome.
    Raises ShapeError. Built in notebook 12.
    """
    same_shape(mean1=mean1, mean2=mean2)
    same_shape(cov1=cov1, cov2=cov2)
    mean1, cov1, mean2, cov2 = (part.double() for part in (mean1, cov1, mean2, cov2))
    overlap = torch.linalg.svdvals(root(cov2) @ root(cov1)).sum()
    return (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * overlap


def root(covariance: Tensor) -> Tensor:
    """Return the symmetric square root (F, F) of a covariance; eigenvalues that rounding made negative count as 0."""
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


@torch.no_grad()
def features_of(network: FeatureNetwork, images: Tensor) -> Tensor:
    """Return a feature network's features (N, F) of pictures (N, C, H, W), uint8 or in [0, 1], on the CPU."""
    return torch.cat([network.features(x).cpu() for x in in_batches(network, images)])


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (F,) and covariance (F, F) of features (N, F), in float64."""
    features = features.double()
    return features.mean(0), torch.cov(features.T)


def frechet_distance(images: Tensor, reference: Tensor, features: str = "cifar10_features") -> Distance:
    """Return the squared Fréchet distance between two sets of pictures in a shipped network's features.

    The formula is FID's (`gaussian_frechet`); the features are not Inception's, so the number is not an FID and is comparable
    only with others from the same network, and from about as many pictures: few pictures make it larger.
    images, reference: (N, C, H, W), uint8 or in [0, 1]. Raises ShapeError. Built in notebook 12; first used in notebook 07.
    """
    if len(images) < 2 or len(reference) < 2:
        raise ShapeError(f"a covariance needs two or more pictures in each set; these are {len(images)} and {len(reference)}.")
    network = pretrained.load(features)
    wanted = tuple(network.config.shape)
    if tuple(images.shape[1:]) != wanted or tuple(reference.shape[1:]) != wanted:
        shapes = f"{tuple(images.shape[1:])} and {tuple(reference.shape[1:])}"
        raise ShapeError(f"{features} reads pictures {wanted}; these are {shapes}.")
    here, there = (moments(features_of(network, part)) for part in (images, reference))
    return Distance(gaussian_frechet(*here, *there).item(), features, (len(images), len(reference)))
