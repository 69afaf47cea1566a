"""Figures hold what they are given: pixels where they belong, points where they lie, and layers as they are."""

import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.patches import Ellipse, Rectangle
from PIL import Image

from helpers import diagrams, figures
from helpers.models import ModelConfig, build


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_tile_puts_every_pixel_in_its_place():
    images = torch.rand(5, 3, 4, 6)
    sheet = figures.tile(images, columns=2, gap=1)
    assert sheet.shape == (3 * 4 + 2, 2 * 6 + 1, 3)
    for i in range(5):
        top, left = (i // 2) * 5, (i % 2) * 7
        assert np.allclose(sheet[top : top + 4, left : left + 6], images[i].permute(1, 2, 0))
    assert (sheet[4] == 1).all() and (sheet[10:, 7:] == 1).all()
    assert figures.tile(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), 1).max() == 1
    assert figures.tile(torch.full((1, 1, 2, 2), 7.0), 1).max() == 1


def test_rows_must_be_of_one_length():
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        figures.image_rows({"a": torch.rand(1, 1, 4, 4), "b": torch.rand(2, 1, 4, 4)})
    ax = figures.image_rows({"a": torch.rand(2, 1, 4, 4), "b": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)})
    assert [text.get_text() for text in ax.texts] == ["a", "b"]


def test_scatter_draws_every_code_once_and_names_the_classes():
    z, labels = torch.randn(30, 2), torch.arange(30) % 3
    ax = figures.latent_scatter(z, labels, ("shoe", "hat", "sock"))
    drawn = np.concatenate([c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)])
    assert sorted(map(tuple, np.asarray(drawn).round(5))) == sorted(map(tuple, z.numpy().astype(float).round(5)))
    assert {text.get_text() for text in ax.texts} == {"shoe", "hat", "sock"}


def test_posteriors_are_two_standard_deviations_wide_to_each_side():
    mu, logvar = torch.randn(4, 2), torch.randn(4, 2)
    ax = figures.posteriors(mu, logvar, torch.zeros(4, dtype=torch.long))
    ellipses = [patch for patch in ax.patches if isinstance(patch, Ellipse)]
    for one, centre, spread in zip(ellipses, mu.tolist(), torch.exp(0.5 * logvar).tolist(), strict=True):
        assert one.center == pytest.approx(centre)
        assert (one.width / 4, one.height / 4) == pytest.approx(tuple(spread))


def test_the_decoded_plane_has_each_point_where_its_image_is():
    grid = figures.plane((-1, 1, -2, 2), 3)
    assert grid[0].tolist() == [-1, 2] and grid[2].tolist() == [1, 2] and grid[-1].tolist() == [1, -2]
    ax = figures.decoded_plane(lambda z: (z[:, :1, None, None] + 1) / 2, (-1, 1, -2, 2), side=3)
    assert np.allclose(ax.images[0].get_array(), [[0, 0.5, 1]] * 3)
    assert ax.images[0].get_extent() == [-1.5, 1.5, -3, 3]


def test_bars_carry_their_values():
    ax = figures.bars({"a": 1.0, "b": 2.5}, "share")
    assert [patch.get_width() for patch in ax.patches if isinstance(patch, Rectangle)] == [1.0, 2.5]
    assert "2.50" in {text.get_text() for text in ax.texts}
    assert len({patch.get_facecolor() for patch in ax.patches}) == 1  # a colour would seem to mean something


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (1, 4, 4), (4, 4)])
def test_what_is_no_row_of_images_is_told(shape):
    with pytest.raises(ValueError, match=r"must be \(N, C, H, W\)"):
        figures.image_grid(torch.zeros(shape))


def test_curves_of_a_training_that_was_stopped_at_once_are_empty_and_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (ax,) = figures.training_curves([])
    assert not ax.lines and ax.get_legend() is None


@pytest.mark.parametrize("family", ["ae", "vae"])
def test_the_diagram_shows_the_models_own_layers(family):
    model = build(ModelConfig(family, "conv", (1, 28, 28), 5, (8, 16)))
    ax = diagrams.architecture(model, torch.rand(1, 28, 28))
    written = [text.get_text() for text in ax.texts]
    for size in ("8×14×14", "16×7×7", "784", "1×28×28", "5"):
        assert size in written
    assert ("$\\mu$" in written) == (family == "vae")
    assert not any(module._forward_hooks for module in model.modules())


def test_a_computation_graph_has_an_arrow_each_way_and_crosses_where_gradients_stop():
    nodes = {"a": (0, 2, "white"), "b": (0, 0, "white"), "c": (1.6, 1, "orange"), "d": (3.2, 1, "white")}
    ax = figures.computation_graph(nodes, [("a", "c", "blocked"), ("b", "c", "none"), ("c", "d", "passes")], title="t")
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None) is not None]
    words = [text.get_text() for text in ax.texts if text.get_text()]
    assert len(arrows) == 3 + 2 and sorted(words) == ["a", "b", "c", "d", "✕"]
    assert ax.get_title(loc=plt.rcParams["axes.titlelocation"]) == "t"


def test_a_response_matrix_writes_each_value_where_it_belongs():
    values = torch.tensor([[1.0, -0.04], [0.5, 2.0], [-3.0, 0.0]])
    ax = figures.response_matrix(values, ["a", "b", "c"], ["x", "y"], title="t", limit=2)
    at = {(text.get_position()[0] - 0.5, 2.5 - text.get_position()[1]): text.get_text() for text in ax.texts}
    assert at == {(0, 0): "1.0", (1, 0): "0.0", (0, 1): "0.5", (1, 1): "2.0", (0, 2): "-3.0", (1, 2): "0.0"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.yaxis.get_ticklocs().tolist() == [2.5, 1.5, 0.5]
    assert ax.get_title(loc=plt.rcParams["axes.titlelocation"]) == "t"


@pytest.mark.parametrize(
    ("columns", "shape"), [(8, (24, 3, 64, 64)), (13, (13, 3, 64, 64)), (10, (40, 1, 28, 28)), (3, (3, 3, 32, 32))]
)
def test_an_image_is_drawn_at_least_as_large_as_its_own_pixels_and_at_most_128_wide(columns, shape):
    for ax in (figures.image_grid(torch.rand(shape), columns), figures.image_rows({"a name": torch.rand(shape)})):
        sheet = ax.images[0].get_array()
        scale = ax.get_window_extent().width / sheet.shape[1] * figures.DPI / ax.figure.dpi
        assert scale * shape[-1] <= 128.01 and scale >= 0.999
        if shape[1] == 1:
            assert 2 * scale == pytest.approx(round(2 * scale))  # whole pixels on a screen of double density


def test_a_stored_figure_is_of_double_density_where_it_is_small_and_says_its_size():
    small = figures.bars({"a": 1.0, "b": 2.5}, "share").figure
    data, size = figures.compact(small, "PNG")
    assert figures.compact(small, "JPEG") is None and len(data) <= figures.LIMIT
    assert Image.open(io.BytesIO(data)).width == pytest.approx(2 * size["width"], abs=1)
    large = figures.image_grid(torch.rand(60, 3, 64, 64), 10, "noise").figure
    data, size = figures.compact(large, "JPEG")
    assert figures.compact(large, "PNG") is None and Image.open(io.BytesIO(data)).size == (size["width"], size["height"])


def test_a_grey_sheet_keeps_its_pixels():
    images = torch.randint(0, 2, (6, 1, 28, 28), generator=torch.Generator().manual_seed(0)) * 255
    data, _ = figures.compact(figures.image_grid(images.to(torch.uint8), 3, pixels=56).figure, "PNG")
    stored = torch.from_numpy(np.array(Image.open(io.BytesIO(data)).convert("L")))
    top, left = ((stored == 0).any(axis).nonzero()[0].item() for axis in (1, 0))
    wanted = images[0, 0].repeat_interleave(4, 0).repeat_interleave(4, 1)
    top -= 4 * int((images[0, 0] == 0).any(1).nonzero()[0])
    same = (stored[top : top + 112, left : left + 112] == wanted).float().mean()
    assert same > 0.99
