"""The sliders, without a browser: a moved handle changes the point, the image and the map, and nothing else."""

import base64
import io

import matplotlib.pyplot as plt
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from helpers import pretrained
from helpers.data import DataError
from helpers.latent import kl_per_latent, ranked_by_kl
from helpers.models import ModelConfig, build, decode
from helpers.pretrained import Codes
from helpers.widgets import (
    LEG,
    SHIPPED,
    STARTS,
    ImageSlider,
    LatentMap,
    LatentSliders,
    Traversals,
    Walk,
    enlarged,
    photograph,
    still,
)
from tools.stored_outputs import StillWidgets


@pytest.fixture
def model():
    return build(ModelConfig("vae", "fc", (1, 28, 28), 2, (16,)), seed=0)


@pytest.fixture
def codes():
    return Codes(torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.0, 2.0]]), None, torch.tensor([0, 1, 2]))


def pixels(widget) -> torch.Tensor:
    return torch.tensor(list(Image.open(io.BytesIO(widget.value)).convert("L").tobytes())).float()


def test_a_move_redraws_the_image_of_the_new_point(model, codes):
    sliders = LatentSliders(model, codes)
    before = sliders.screen.value, sliders.plane.value
    sliders.sliders[1].value = 1.5
    assert sliders.z.tolist() == [[0.0, 1.5]]
    assert sliders.screen.value != before[0] and sliders.plane.value != before[1]
    assert sliders.sliders[1].description == "z2"
    assert repr(sliders) == "Sliders over 2 latent numbers of a VAE: run this notebook to move them."
    wanted = torch.tensor(list(enlarged(decode(model, torch.tensor([[0.0, 1.5]])), 280).convert("L").tobytes())).float()
    assert (pixels(sliders.screen) - wanted).abs().mean() < 2  # JPEG is nearly exact


def test_brightness_is_that_of_the_model():
    grey = enlarged(torch.full((1, 1, 28, 28), 0.4), 56)
    assert grey.getextrema() == ((102, 102),) * 3
    colours = enlarged(torch.tensor([1.0, 0.0, 0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8), 16)
    assert colours.getpixel((3, 3)) == (255, 0, 51)


def test_only_two_latents_have_a_map(model, codes):
    assert LatentSliders(model).plane is None
    wide = build(ModelConfig("vae", "fc", (1, 28, 28), 12, (16,)), seed=0)
    sliders = LatentSliders(wide, start=torch.ones(12))
    assert len(sliders.sliders) == 8 and sliders.plane is None and sliders.z.tolist() == [[1.0] * 12]
    for wrong in (12, -1, 2.5):
        with pytest.raises(ValueError, match="numbered 0 to 11"):
            LatentSliders(wide, dims=[wrong])
    assert LatentSliders(wide, dims=[5, 5, torch.tensor(2)]).dims == [5, 2]


def test_the_map_marks_the_place():
    plane = LatentMap(Codes(torch.zeros(1, 2), None, None), half=3, side=101)
    assert tuple(int(v) for v in plane.pixel(torch.tensor(0.0), torch.tensor(0.0))) == (50, 50)
    assert tuple(int(v) for v in plane.pixel(torch.tensor(3.0), torch.tensor(3.0))) == (100, 0)
    assert plane.image(torch.tensor([1.5, -1.5])).getpixel((75, 75)) == (0, 0, 0)


@pytest.fixture
def wide():
    return build(ModelConfig("vae", "fc", (1, 28, 28), 12, (16,)), seed=0)


@pytest.fixture
def sliders(wide):
    return LatentSliders(wide, start=torch.linspace(-1, 1, 12), dims=[3, 0], buttons=True)


def redraws(sliders) -> list:
    """Return a list that grows by one whenever the image changes."""
    seen = []
    sliders.screen.observe(lambda change: seen.append(change["new"]), names="value")
    return seen


def test_the_latents_with_most_kl_get_the_sliders(wide):
    mu, logvar = torch.randn(2, 50, 12, generator=torch.Generator().manual_seed(0)) * torch.linspace(0, 1, 12)
    assert LatentSliders(wide, Codes(mu, logvar, None)).dims == ranked_by_kl(mu, logvar)[:8].tolist()
    assert LatentSliders(wide, Codes(mu, None, None)).dims == list(range(8))


def test_a_move_in_code_changes_one_latent_and_its_handle(sliders):
    before, seen = sliders.z.clone(), redraws(sliders)
    sliders.move(3, 2.5)
    assert sliders.handles[3].value == 2.5 and sliders.z[0, 3] == 2.5
    assert (sliders.z != before).sum() == 1 and len(seen) == 1


def test_placing_a_point_moves_every_handle_and_draws_once(sliders):
    seen = redraws(sliders)
    sliders.go_to(torch.full((12,), 0.7))
    assert [handle.value for handle in sliders.sliders] == pytest.approx([0.7, 0.7]) and len(seen) == 1
    assert torch.allclose(sliders.z, torch.full((1, 12), 0.7))


@pytest.mark.parametrize("wrong", [9.0, -3.1, float("nan"), float("inf")])
def test_a_value_beyond_the_end_is_refused_in_code(sliders, wrong):
    before = sliders.z.clone()
    with pytest.raises(ValueError, match="z4 goes from -3 to 3; yours is"):
        sliders.move(3, wrong)
    assert sliders.z.equal(before)


def test_what_does_not_fit_the_model_is_told(wide, sliders):
    with pytest.raises(ValueError, match=r"there is no slider 5. There are: 3, 0"):
        sliders.move(5, 0.0)
    with pytest.raises(ValueError, match=r"the point must be 12 finite numbers.*\(5,\)"):
        sliders.go_to(torch.zeros(5))
    with pytest.raises(ValueError, match="12 finite numbers"):
        LatentSliders(wide, start=torch.full((12,), torch.nan))
    with pytest.raises(ValueError, match="the direction 'smile' must be 12"):
        LatentSliders(wide, directions={"smile": torch.ones(3)})


def test_a_direction_is_added_to_the_start_and_to_axes(wide):
    up = torch.arange(12.0)
    sliders = LatentSliders(wide, start=torch.ones(12), dims=[1], directions={"up": up})
    sliders.handles["up"].value = 0.5
    sliders.handles[1].value = -2.0
    wanted = torch.ones(12) + 0.5 * up
    wanted[1] = -2.0 + 0.5
    assert torch.allclose(sliders.z[0], wanted)
    sliders.go_to(torch.zeros(12))
    assert sliders.handles["up"].value == 0 and sliders.z.equal(torch.zeros(1, 12))
    assert repr(sliders) == "Sliders over 1 latent number and 1 direction of a VAE: run this notebook to move them."


def test_what_a_browser_tells_back_is_no_move(sliders):
    sliders.go_to(torch.full((12,), 0.711))
    seen = redraws(sliders)
    assert sliders.handles[3].value == pytest.approx(0.7)
    sliders.handles[3].value = 0.7000000000000002
    assert not seen and torch.allclose(sliders.z, torch.full((1, 12), 0.711))
    sliders.handles[3].value = 0.75  # an arrow key
    assert len(seen) == 1 and sliders.z[0, 3] == 0.75 and sliders.z[0, 0] == pytest.approx(0.711)


def test_a_point_becomes_the_start(sliders):
    z = torch.linspace(-2, 2, 12)
    sliders.start_from(z)
    assert sliders.z[0].allclose(z)
    sliders.move(0, 1.0)
    sliders.reset()
    assert sliders.z[0].allclose(z)


def test_a_walk_is_smooth_stays_within_the_ends_and_begins_where_it_is(sliders):
    walk = Walk(torch.tensor([0.5, -3.5]), 3.0, torch.Generator().manual_seed(0))
    path = torch.stack([walk.at(step) for step in range(5 * LEG)])
    assert path[0].tolist() == [0.5, -3.5]
    assert path[:, 0].abs().max() <= 3 and path[:, 1].abs().max() <= 3.5
    speed = path.diff(dim=0).norm(dim=1)
    assert speed.max() < 0.35 and speed[LEG - 1] < 0.02 and path.std(0).min() > 0.3
    assert torch.equal(walk.at(7), path[7])  # steps may be skipped or repeated


def test_a_walk_moves_the_handles_and_ends_when_one_is_taken(sliders):
    seen, start = redraws(sliders), sliders.z.clone()
    sliders.walk_button.value = True
    assert sliders.play.playing
    sliders.play.value = 10  # the browser's clock
    assert len(seen) == 1 and (sliders.z != start).sum() == 2  # only latents with a slider move
    assert sliders.z[0, 3] == pytest.approx(sliders.handles[3].value, abs=0.026)  # a handle shows multiples of its step
    assert not sliders.handles[3].continuous_update
    sliders.handles[3].value = 1.5
    assert not sliders.play.playing and not sliders.walk_button.value and sliders.z[0, 3] == 1.5
    assert sliders.handles[3].continuous_update
    sliders.play.value = 11  # a late step
    assert sliders.z[0, 3] == 1.5
    sliders.walk_button.value = True  # and on from here
    sliders.play.value = 12
    assert abs(sliders.z[0, 3] - 1.5) < 0.05
    for button in (sliders.reset_button, sliders.random_button):
        sliders.walk_button.value = True
        button.click()
        assert not sliders.play.playing and sliders.path is None


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """Return a folder with four small models in place of the shipped ones."""
    kinds = {"mnist_vae": ((1, 28, 28), 10), "fashion_vae": ((1, 28, 28), 2), "celeba_vae": ((3, 64, 64), 16)}
    for name, (shape, size) in kinds.items():
        small = build(ModelConfig("vae", "fc", shape, size, (8,)), seed=0)
        pretrained.save(small, name, {}, tmp_path)
        mu, logvar = torch.randn(2, 30, size, generator=torch.Generator().manual_seed(size))
        pretrained.save_codes(name, Codes(mu, logvar, None), {}, tmp_path)
    load, codes = pretrained.load, pretrained.codes
    monkeypatch.setattr(pretrained, "load", lambda name: load(name, tmp_path))
    monkeypatch.setattr(pretrained, "codes", lambda name: codes(name, tmp_path))
    return tmp_path


def test_the_menu_changes_the_model(shelf):
    controls = Traversals("faces", image=3, k=5)
    codes = pretrained.codes("celeba_vae")
    assert controls.sliders.dims == ranked_by_kl(codes.mu, codes.logvar)[:5].tolist()
    assert torch.allclose(controls.sliders.z[0], codes.mu[3], atol=1e-6)
    nats = kl_per_latent(codes.mu, codes.logvar)
    assert f"{nats.sum():.0f} nats" in controls.note.value and "5 of 16" in controls.note.value
    controls.model_menu.value = "garments"
    assert controls.sliders.model.config.latent == 2 and controls.sliders.plane is not None
    assert controls.stage.children == (controls.sliders,)


def test_the_start_is_the_mean_an_image_or_a_draw(shelf):
    controls, codes = Traversals("digits", start=STARTS[0]), pretrained.codes("mnist_vae")
    assert torch.allclose(controls.sliders.z[0], codes.mu.mean(0), atol=1e-6) and controls.image_box.disabled
    controls.start_menu.value = STARTS[1]
    controls.image_box.value = 7
    assert torch.allclose(controls.sliders.z[0], codes.mu[7], atol=1e-6) and not controls.image_box.disabled
    controls.image_box.value = 999
    assert controls.image_box.value == 29
    controls.start_menu.value = STARTS[2]
    drawn = controls.sliders.z.clone()
    controls.sliders.move(controls.sliders.dims[0], 0.5)
    controls.sliders.reset()
    assert torch.allclose(controls.sliders.z, drawn)


def test_a_model_without_weights_is_told_in_the_cell_and_under_the_image(shelf):
    with pytest.raises(DataError, match="no weights named 'cats'. There are: celeba_vae, fashion_vae"):
        Traversals("cats")
    controls = Traversals("digits")
    before = controls.sliders
    controls.model_menu.value = "objects"
    assert "no weights named" in controls.note.value and SHIPPED["objects"] in controls.note.value
    assert controls.model_menu.value == "digits" and controls.sliders is before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"start": "a cat"}, "must be one of: the mean"),
        ({"image": 30}, "numbered 0 to 29"),
        ({"image": -1}, "numbered 0 to 29"),
        ({"k": 0}, "at least one"),
    ],
)
def test_starts_and_numbers_that_are_not_there_are_told(shelf, wrong, words):
    with pytest.raises(ValueError, match=words):
        Traversals("digits", **wrong)


def test_a_feature_network_has_no_sliders():
    with pytest.raises(DataError, match="measures images and draws none"):
        Traversals("cifar10_features")


@pytest.fixture
def shades():
    return {0.1: Image.new("L", (40, 30), 0), 1.0: Image.new("L", (40, 30), 128), 10.0: Image.new("L", (40, 30), 255)}


def test_a_move_exchanges_the_image(shades):
    slider = ImageSlider(shades, "beta", start=1.0)
    assert repr(slider) == "A slider over 3 values of beta: run this notebook to move it."
    assert (
        ImageSlider(shades).slider.value == 0.1
        and slider.slider.description == "beta"
        and [label for label, _ in slider.slider.options] == ["0.1", "1", "10"]
    )
    assert pixels(slider.screen).mean() == pytest.approx(128, abs=2)
    for value, shade in ((10.0, 255), (0.1, 0), (1.0, 128)):
        slider.slider.value = value
        assert pixels(slider.screen).mean() == pytest.approx(shade, abs=2)
    assert (slider.screen.width, slider.screen.height) == ("40", "30")


def test_images_that_are_not_there_are_told(shades):
    with pytest.raises(ValueError, match="images only for 0.1, 1.0, 10.0"):
        ImageSlider(shades, start=2.0)
    with pytest.raises(ValueError, match="no images"):
        ImageSlider({})


def test_a_photograph_closes_its_figure():
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.set_facecolor("red")
    image = photograph(figure)
    assert image.size == (200, 100) and image.mode == "RGB" and not plt.fignum_exists(figure.number)
    assert (255, 0, 0) in [colour for _, colour in image.getcolors(20000)]


def test_a_page_without_a_kernel_shows_a_still_image_and_a_sentence(model, codes, shades, shelf):
    for widget, size in (
        (LatentSliders(model, codes), (560, 280)),
        (Traversals("faces"), (320, 320)),
        (ImageSlider(shades, "beta"), (40, 30)),
    ):
        bundle = widget._repr_mimebundle_()
        assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "image/jpeg", "text/plain"}
        assert bundle["text/plain"] == repr(widget) and "run this notebook" in repr(widget)
        assert Image.open(io.BytesIO(base64.b64decode(bundle["image/jpeg"]))).size == size
    frame = still(ImageSlider(shades, "beta", start=10.0))
    assert frame.getpixel((20, 15)) == (255, 255, 255)


def test_stored_outputs_keep_the_still_image_of_a_widget_and_not_its_live_view(shades):
    live = new_output("execute_result", data=ImageSlider(shades)._repr_mimebundle_())
    notebook = new_notebook(
        cells=[new_code_cell(outputs=[live, new_output("display_data", data={"image/png": "x"})]), new_markdown_cell("a")]
    )
    stored, _ = StillWidgets().preprocess(notebook, {})
    assert [set(output.data) for output in stored.cells[0].outputs] == [{"image/jpeg", "text/plain"}, {"image/png"}]
