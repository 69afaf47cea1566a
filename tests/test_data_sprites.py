"""dSprites: the drawn sprites against what can be measured in them, the archive's layout pixel for pixel, bad files named."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.data import DataError, official
from helpers.data.sources import find
from standins import sprites

COLUMNS = ("color", "shape", "scale", "orientation", "posX", "posY")


def some(n: int, seed: int = 0, **fixed: float) -> dict[str, torch.Tensor]:
    parameters = sprites.sample(n, torch.Generator().manual_seed(seed))
    return parameters | {name: torch.full((n,), value) for name, value in fixed.items()}


def middle(images: torch.Tensor) -> torch.Tensor:
    """The centre of what is lit, (N, 2) as x, y in pixels."""
    lit, axis = images[:, 0].double(), torch.arange(64.0, dtype=torch.float64)
    total = lit.sum((1, 2))
    return torch.stack([(lit.sum(1) * axis).sum(1) / total, (lit.sum(2) * axis).sum(1) / total], 1)


def area(images: torch.Tensor) -> torch.Tensor:
    return (images > 0).flatten(1).sum(1).double()


# ---- drawn


def test_factors_take_the_archives_values_equally_often_and_independently():
    parameters = some(20_000)
    for name, count in {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}.items():
        values, seen = parameters[name].unique(return_counts=True)
        low, high = sprites.FACTORS[name]
        assert np.allclose(values, np.linspace(low, high, count), atol=1e-6)
        expected = 20_000 / count
        assert ((seen - expected).square() / expected).sum() < count + 5 * (2 * count) ** 0.5 + 5  # chi squared
    between = torch.corrcoef(torch.stack(list(parameters.values()))) - torch.eye(5)
    assert between.abs().max() < 5 / 20_000**0.5


@pytest.mark.parametrize("shape", [1.0, 2.0, 3.0])
def test_position_is_the_middle_and_scale_the_root_of_the_area(shape):
    parameters = some(400, shape=shape)
    images = sprites.draw(parameters)
    where = torch.stack([parameters["x"], parameters["y"]], 1) * 32 + 15.5
    assert (middle(images) - where).abs().max() < (2.0 if shape == 3 else 0.8)  # a heart's middle is not its centroid
    share = area(images).sqrt() / parameters["scale"]
    assert share.std() / share.mean() < 0.06
    assert 130 < area(images).mean() < 200  # 174 in the published archive, over all shapes


def test_the_whole_set_is_binary_and_as_bright_as_the_published_one_and_keeps_off_the_frame():
    images = sprites.draw(some(3000))
    assert abs((images > 0).float().mean() - 0.0425) < 0.002 and images.unique().tolist() == [0, 255]
    assert images[:, :, 2:-2, 2:-2].float().sum() == images.float().sum()


def test_orientation_turns_and_shapes_have_their_symmetries():
    turn = torch.linspace(0, 2 * torch.pi, 9)
    for shape, period in ((1.0, 2), (2.0, 4), (3.0, 8)):  # a quarter, a half, a whole turn, in eighths
        drawn = sprites.draw(some(9, shape=shape, scale=1.0, x=0.5, y=0.5) | {"orientation": turn})
        changed = [int((drawn[0] != drawn[step]).sum()) for step in range(1, 9)]
        assert all((pixels < 12) == (step % period == 0) for step, pixels in enumerate(changed, 1)), changed


# ---- the published archive


def write_archive(folder, count: int = 40, **changes) -> dict[str, np.ndarray]:
    """Write a small archive as it is published, its metadata pickled; return its entries."""
    random = np.random.default_rng(0)
    classes = np.stack([np.zeros(count, int), *(random.integers(0, n, count) for n in (3, 6, 40, 32, 32))], 1)
    values = classes / [1, 1, 10, 40 / 6.28, 31, 31] + [1, 1, 0.5, 0, 0, 0]
    entries = {
        "metadata": np.array({"latents_names": COLUMNS, "danger": Touch(folder / "ran")}, dtype=object),
        "imgs": random.integers(0, 2, (count, 64, 64)).astype(np.uint8),
        "latents_classes": classes,
        "latents_values": values,
    } | changes
    path = folder / "dsprites" / official.DSPRITES["test"][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{name: array for name, array in entries.items() if array is not None})
    return entries


class Touch:
    """Unpickled, it writes a file: nobody may unpickle it."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_the_archive_opens_pixel_for_pixel_and_is_never_unpickled(tmp_path):
    written = write_archive(tmp_path)
    seen = []
    for split, count in (("train", 36), ("test", 4)):
        dataset = find("dsprites", split, tmp_path).decode()
        rows = official.split_rows(40, split)
        seen += rows.tolist()
        assert len(dataset) == count == len(rows)
        assert np.array_equal(dataset.images.numpy()[:, 0], 255 * written["imgs"][rows])
        assert np.allclose(dataset.factors, written["latents_values"][rows, 1:]) and dataset.factors.dtype == torch.float32
        assert dataset.factor_names == tuple(sprites.FACTORS) and (dataset.is_real, dataset.source) == (True, "dSprites")
    assert sorted(seen) == list(range(40))  # every image is in one split
    assert not (tmp_path / "ran").exists()


def test_more_images_than_a_block_and_a_shuffled_order(tmp_path, monkeypatch):
    monkeypatch.setattr(official, "BLOCK", 16)
    written = write_archive(tmp_path, 100)
    dataset = find("dsprites", "train", tmp_path).decode()
    assert np.array_equal(dataset.images.numpy()[:, 0], 255 * written["imgs"][official.split_rows(100, "train")])
    order = official.split_rows(10_000, "train")
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.06
    assert order[:3].tolist() == official.split_rows(10_000, "train")[:3].tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"imgs": None}, ("imgs.npy",)),
        ({"imgs": np.zeros((39, 64, 64), np.uint8)}, ("(39, 64, 64)",)),
        ({"imgs": np.zeros((40, 64, 64), np.float32)}, ("float32", "uint8")),
        ({"latents_values": np.zeros((40, 5))}, ("(40, 5)", "(N, 6)")),
    ],
)
def test_an_archive_that_is_laid_out_otherwise_is_refused(changes, words, tmp_path):
    write_archive(tmp_path, **changes)
    with pytest.raises(DataError) as caught:
        find("dsprites", "train", tmp_path).decode()
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("keep", [0, 10, 300, 3000])
def test_a_truncated_archive_is_named_with_its_size(keep, tmp_path):
    write_archive(tmp_path)
    path = tmp_path / "dsprites" / official.DSPRITES["test"][0]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError) as caught:
        find("dsprites", "test", tmp_path).decode()
    assert str(path) in str(caught.value) and f"{keep:,} bytes" in str(caught.value) and "--force" in str(caught.value)
