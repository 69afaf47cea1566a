"""Feature networks: what they refuse, what their augmentation does to an image, and that they learn."""

import pytest
import torch
from torch.nn import functional as F

from helpers import pretrained
from helpers.features import FeatureConfig, FeatureNetwork, recognition_loss, shifted_and_mirrored, with_a_hole


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_settings_that_cannot_be_built_are_explained():
    with pytest.raises(ValueError, match="classes"):
        FeatureConfig(task="colours")
    with pytest.raises(ValueError, match="halved"):
        FeatureConfig((1, 4, 4), widths=(2, 2, 2))


def test_every_augmented_image_is_a_shift_of_the_image_or_of_its_mirror_image():
    x = torch.rand(40, 2, 9, 9, generator=generator())
    moved, padded = shifted_and_mirrored(x, generator(1)), F.pad(x, (3, 3, 3, 3), mode="reflect")
    kinds = set()
    for image, source in zip(moved, padded, strict=True):
        windows = {(i, j): source[:, i : i + 9, j : j + 9] for i in range(7) for j in range(7)}
        plain = {at for at, window in windows.items() if torch.equal(image, window)}
        mirrored = {(*at, "mirrored") for at, window in windows.items() if torch.equal(image, window.flip(2))}
        assert plain | mirrored
        kinds |= plain | mirrored
    assert len(kinds) > 15


def test_a_hole_is_a_grey_square_and_the_rest_stays():
    x = torch.rand(300, 3, 16, 16, generator=generator()) * 0.4
    holes = (with_a_hole(x, generator(1), side=6) == 0.5).all(1)  # (B, H, W)
    assert torch.equal(with_a_hole(x, generator(1), side=6).where(~holes[:, None], x), x)
    heights, widths = holes.any(2).sum(1), holes.any(1).sum(1)
    assert torch.equal(holes.flatten(1).sum(1), heights * widths)  # one rectangle each …
    assert max(heights.max(), widths.max()) <= 6 < 2 * heights.float().mean()  # … cut only by the border
    hit = holes.float().mean(0)  # how often each pixel is painted over: 36 of 256 in the middle, about a quarter of it in a corner
    assert hit[5:11, 5:11].mean() == pytest.approx(36 / 256, rel=0.2) and hit.min() > 0.02


def test_the_loss_is_the_cross_entropy_of_classes_or_attributes():
    x = torch.rand(6, 1, 16, 16, generator=generator())
    network = FeatureNetwork(FeatureConfig((1, 16, 16), 4, (6, 8), 3)).eval()
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    expected = -network(x).log_softmax(1)[torch.arange(6), labels]
    assert torch.allclose(recognition_loss(network, x, labels, generator()).loss, expected, atol=1e-6)
    marks = torch.rand(6, 3, generator=generator(2)) < 0.5
    p = network(x).sigmoid()
    expected = -(torch.where(marks, p, 1 - p)).log().sum(1)
    assert torch.allclose(recognition_loss(network, x, marks, generator()).loss, expected, atol=1e-5)


def test_a_network_survives_the_round_trip(tmp_path):
    network = FeatureNetwork(FeatureConfig((1, 16, 16), 4, (6, 8), 3)).eval()
    pretrained.save(network, "tiny_features", {"data": "test"}, tmp_path)
    back = pretrained.load("tiny_features", tmp_path)
    x = torch.rand(2, 1, 16, 16, generator=generator())
    assert isinstance(back, FeatureNetwork) and torch.allclose(back(x), network(x), atol=1e-2)
