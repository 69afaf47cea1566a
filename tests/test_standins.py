"""What all drawn data sets promise: shapes and types, independent factors in their ranges, each image its own."""

from __future__ import annotations

import pytest
import torch

import standins

ALL = pytest.mark.parametrize("artist", [standins.artist(name) for name in standins.ARTISTS], ids=list(standins.ARTISTS))


def some(artist, n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    return artist.sample(n, torch.Generator().manual_seed(seed))


@ALL
def test_the_interface_is_the_contract(artist):
    parameters = some(artist, 500)
    before = {name: values.clone() for name, values in parameters.items()}
    images = artist.draw(parameters)
    assert images.shape == (500, *artist.SHAPE) and images.dtype == torch.uint8 and images.max() > 240
    assert all(torch.equal(before[name], values) and values.shape == (500,) for name, values in parameters.items())
    assert all(values.dtype == (torch.int64 if name == "label" else torch.float32) for name, values in parameters.items())
    assert len(artist.CLASS_NAMES) == (10 if "label" in parameters else 0) and "stand-in" in artist.SOURCE
    if artist.SHAPE[1] != 32:  # objects are drawn class by class
        assert artist.draw(some(artist, 0)).shape == (0, *artist.SHAPE)
    if artist.SHAPE[1] == 28:
        assert images.min() == 0 and sorted(set(parameters["label"].tolist())) == list(range(10)) and artist.ATTRIBUTE_NAMES == ()


@ALL
def test_factors_fill_their_ranges_and_are_independent(artist):
    parameters = some(artist, 20_000, 5)
    names = [*artist.FACTORS, *(["label"] if "label" in parameters else [])]
    between = torch.corrcoef(torch.stack([parameters[name].float() for name in names])) - torch.eye(len(names))
    assert between.abs().max() < 0.04  # more than five standard errors
    for name, (low, high) in artist.FACTORS.items():
        values, margin = parameters[name], 0.01 * (high - low)
        assert low <= values.min() < low + margin and high - margin < values.max() <= high
        assert (values.mean() - (low + high) / 2).abs() < 0.03 * (high - low), name


@ALL
def test_an_image_is_a_function_of_its_own_parameters(artist):
    parameters, again, other = (some(artist, 330, seed) for seed in (3, 3, 4))
    together = artist.draw(parameters)
    assert torch.equal(together, artist.draw(again)) and (together != artist.draw(other)).flatten(1).any(1).float().mean() > 0.99
    alone = torch.cat([artist.draw({name: values[i : i + 1] for name, values in parameters.items()}) for i in range(0, 330, 9)])
    order = torch.randperm(330, generator=torch.Generator().manual_seed(1))
    assert torch.equal(together[::9], alone)
    assert torch.equal(together[order], artist.draw({name: values[order] for name, values in parameters.items()}))
    for name, (low, high) in artist.FACTORS.items():
        values = parameters[name].clone()
        values[7] = high if values[7] < (low + high) / 2 else low
        changed = (artist.draw(parameters | {name: values}) != together).flatten(1).any(1).nonzero().flatten().tolist()
        assert changed == [7] or (artist.SHAPE[1] != 28 and not changed), name  # a hat hides hair
