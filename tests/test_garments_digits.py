"""The wardrobe and the digits against what can be measured in their images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.morphology import skeletonize
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from standins import digits, garments

EVERY_CLASS = pytest.mark.parametrize("label", range(10))
AXIS = torch.arange(28.0, dtype=torch.float64)
BOTH = pytest.mark.parametrize("stand_in", [garments, digits], ids=["garments", "digits"])


def some(stand_in, n: int, seed: int = 0, label: int | None = None) -> dict[str, torch.Tensor]:
    parameters = stand_in.sample(n, torch.Generator().manual_seed(seed))
    if label is not None:
        parameters["label"].fill_(label)
    return parameters


def ramp(stand_in, name: str, n: int, seed: int, label: int) -> dict[str, torch.Tensor]:
    """One image of a class, n times, with one factor going from its lowest to its highest value."""
    one = {key: values.repeat(n) for key, values in some(stand_in, 1, seed, label).items()}
    return one | {name: torch.linspace(*stand_in.FACTORS[name], n)}


def correlation(a, b) -> float:
    return float(np.corrcoef(np.asarray(a), np.asarray(b))[0, 1])


def bright_rows(images: torch.Tensor) -> torch.Tensor:
    """The height of the ink's bounding box, in pixels."""
    lit = (images[:, 0].amax(2) > 60).long()
    return 28 - lit.argmax(1) - lit.flip(1).argmax(1)


def test_the_classes_are_fashion_mnists_and_mnists_in_their_order():
    names = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    assert ", ".join(garments.CLASS_NAMES) == names and "".join(digits.CLASS_NAMES) == "0123456789"


@BOTH
@EVERY_CLASS
def test_every_factor_shows_in_every_class(stand_in, label):
    for name, (low, high) in stand_in.FACTORS.items():
        parameters = some(stand_in, 20, seed=5, label=label)
        low_end, high_end = (stand_in.draw(parameters | {name: torch.full((20,), end)}).int() for end in (low, high))
        changed = ((low_end - high_end).abs() > 25).flatten(1).sum(1)
        assert changed.float().mean() >= 4, name


@BOTH
def test_the_frame_stays_black_and_the_image_is_as_full_as_the_original(stand_in):
    images = stand_in.draw(some(stand_in, 2000)).float() / 255
    border = torch.cat([images[..., [0, -1], :].flatten(), images[..., [0, -1]].flatten()])
    assert border.mean() < 0.002 and border.max() < 0.3
    low, high = {garments: (0.19, 0.33), digits: (0.1, 0.16)}[stand_in]
    assert low < images.mean() < high


@EVERY_CLASS
def test_thicker_strokes_give_more_ink(label):
    assert (digits.draw(ramp(digits, "thickness", 12, 2, label)).float().sum((1, 2, 3)).diff() > 0).all()


@pytest.mark.parametrize("label", [0, None], ids=["zeros", "all digits"])
def test_the_measured_width_of_strokes_is_the_thickness(label):
    parameters = some(digits, 300, label=label)
    shares = digits.draw(parameters)[:, 0].numpy() / 255.0
    lengths = [skeletonize(np.kron(image, np.ones((3, 3))) > 0.5).sum() / 3 for image in shares]
    width = shares.sum((1, 2)) / lengths  # ink over length, pixels
    assert correlation(width, parameters["thickness"]) > 0.9
    assert 0.7 < np.median(width / parameters["thickness"].numpy()) < 1.4


@EVERY_CLASS
def test_slant_is_the_shear_that_image_moments_measure(label):
    parameters = some(digits, 300, label=label) | {"variant": torch.zeros(300)}
    weight = digits.draw(parameters)[:, 0].double()
    total = weight.sum((1, 2))
    x, y = (AXIS - ((weight.sum(dim) * AXIS).sum(1) / total)[:, None] for dim in (1, 2))
    mu11, mu02 = (weight * y[:, :, None] * x[:, None, :]).sum((1, 2)), (weight.sum(2) * y * y).sum(1)
    assert correlation(-mu11 / mu02, parameters["slant"]) > 0.9


@EVERY_CLASS
def test_size_is_the_height_of_the_ink_in_pixels(label):
    parameters = some(digits, 200, label=label)
    height = (digits.draw(parameters)[:, 0].float().amax(2) / 255).sum(1)
    assert (height - parameters["size"]).abs().mean() < 0.6
    assert correlation(height, parameters["size"]) > 0.9


def test_length_is_the_height_of_a_dress():
    parameters = some(garments, 400, label=3)
    assert correlation(bright_rows(garments.draw(parameters)), parameters["length"]) > 0.9


@pytest.mark.parametrize("label", [0, 1, 2, 3, 4, 6])
def test_a_longer_garment_reaches_lower_and_its_top_stays(label):
    images = garments.draw(ramp(garments, "length", 10, 8, label))
    heights = bright_rows(images)
    assert (heights.diff() >= 0).all() and heights[-1] - heights[0] >= 4
    assert torch.equal(images[0, :, :6], images[-1, :, :6])


@pytest.mark.parametrize("label", [0, 2, 3, 4, 6])
def test_a_longer_sleeve_covers_more_beside_the_body(label):
    covered = (garments.draw(ramp(garments, "sleeve", 8, 8, label)) > 60).sum((1, 2, 3))
    assert correlation(covered, torch.arange(8.0)) > 0.9


@EVERY_CLASS
def test_brightness_lightens_and_pattern_darkens(label):
    for name, sign in (("brightness", 1), ("pattern", -1)):
        for seed in range(3):
            light = garments.draw(ramp(garments, name, 8, seed, label)).float().mean((1, 2, 3))
            assert (sign * light.diff() > 0).all()


@pytest.mark.parametrize("label", [5, 7, 9])
def test_shoes_face_left(label):
    """The toe is low and the heel side is high: light stands higher on the right."""
    weight = garments.draw(some(garments, 100, label=label))[:, 0].float()
    sides = weight[:, :, 3:9].sum(2), weight[:, :, 18:25].sum(2)
    height_left, height_right = ((side * AXIS).sum(1) / side.sum(1) for side in sides)
    assert (height_right < height_left).float().mean() > 0.97


@pytest.mark.parametrize(
    ("stand_in", "classifier", "train", "test", "low", "high"),
    [
        (garments, LogisticRegression(C=0.02, max_iter=100, tol=1e-3), 5000, 1500, 0.8, 0.97),
        (digits, KNeighborsClassifier(3), 2000, 1000, 0.95, 1),
    ],
    ids=["garments, linear", "digits, nearest neighbours"],
)
def test_a_simple_classifier_is_neither_hopeless_nor_perfect(stand_in, classifier, train, test, low, high):
    parameters = some(stand_in, train + test)
    pixels, labels = stand_in.draw(parameters).flatten(1).numpy() / 255.0, parameters["label"].numpy()
    assert low < classifier.fit(pixels[:train], labels[:train]).score(pixels[train:], labels[train:]) < high
