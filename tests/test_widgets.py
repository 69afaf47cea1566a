"""The sliders, without a browser: a moved handle changes the point, the picture and the map, and nothing else."""

import io

import matplotlib.pyplot as plt
import pytest
import torch
from PIL import Image

from helpers.models import ModelConfig, build, decode
from helpers.pretrained import Codes
from helpers.widgets import LatentMap, LatentSliders, PictureSlider, enlarged, photograph


@pytest.fixture
def model():
    return build(ModelConfig("vae", "fc", (1, 28, 28), 2, (16,)), seed=0)


@pytest.fixture
def codes():
    return Codes(torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.0, 2.0]]), None, torch.tensor([0, 1, 2]))


def pixels(widget) -> torch.Tensor:
    return torch.tensor(list(Image.open(io.BytesIO(widget.value)).convert("L").tobytes())).float()


def test_a_move_redraws_the_picture_of_the_new_point(model, codes):
    sliders = LatentSliders(model, codes)
    before = sliders.screen.value, sliders.plane.value
    sliders.sliders[1].value = 1.5
    assert sliders.z.tolist() == [[0.0, 1.5]]
    assert sliders.screen.value != before[0] and sliders.plane.value != before[1]
    assert sliders.sliders[1].description == "z2"
    wanted = torch.tensor(list(enlarged(decode(model, torch.tensor([[0.0, 1.5]])), 280).convert("L").tobytes())).float()
    assert (pixels(sliders.screen) - wanted).abs().mean() < 2  # JPEG is nearly exact


def test_brightness_is_that_of_the_model():
    grey = enlarged(torch.full((1, 1, 28, 28), 0.4), 56)
    assert grey.getextrema() == ((102, 102),) * 3
    colours = enlarged(torch.tensor([1.0, 0.0, 0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8), 16)
    assert colours.getpixel((3, 3)) == (255, 0, 51)


def test_a_start_beyond_the_reach_is_shown_where_it_is(model):
    sliders = LatentSliders(model, start=torch.tensor([5.0, -1.0], dtype=torch.float64), reach=3.0)
    assert [one.value for one in sliders.sliders] == [5.0, -1.0] and sliders.sliders[0].max == 5.0


def test_a_value_beyond_the_end_stays_at_the_end(model):
    sliders = LatentSliders(model, reach=2.0)
    sliders.sliders[0].value = 99
    assert sliders.z[0, 0] == 2.0


def test_only_two_latents_have_a_map(model, codes):
    assert LatentSliders(model).plane is None
    wide = build(ModelConfig("vae", "fc", (1, 28, 28), 12, (16,)), seed=0)
    sliders = LatentSliders(wide, start=torch.ones(12))
    assert len(sliders.sliders) == 8 and sliders.plane is None and sliders.z.tolist() == [[1.0] * 12]
    with pytest.raises(ValueError, match="numbered 0 to 11"):
        LatentSliders(wide, dims=[12])


def test_the_map_marks_the_place():
    plane = LatentMap(Codes(torch.zeros(1, 2), None, None), half=3, side=101)
    assert tuple(int(v) for v in plane.pixel(torch.tensor(0.0), torch.tensor(0.0))) == (50, 50)
    assert tuple(int(v) for v in plane.pixel(torch.tensor(3.0), torch.tensor(3.0))) == (100, 0)
    assert plane.picture(torch.tensor([1.5, -1.5])).getpixel((75, 75)) == (0, 0, 0)


def test_it_says_what_it_is_where_nothing_runs(model):
    assert repr(LatentSliders(model)) == "Sliders over 2 latent numbers of a VAE: run this notebook to move them."


@pytest.fixture
def shades():
    return {0.1: Image.new("L", (40, 30), 0), 1.0: Image.new("L", (40, 30), 128), 10.0: Image.new("L", (40, 30), 255)}


def test_a_move_exchanges_the_picture(shades):
    slider = PictureSlider(shades, "beta", start=1.0)
    assert slider.slider.description == "beta" and [label for label, _ in slider.slider.options] == ["0.1", "1", "10"]
    assert pixels(slider.screen).mean() == pytest.approx(128, abs=2)
    for value, shade in ((10.0, 255), (0.1, 0), (1.0, 128)):
        slider.slider.value = value
        assert pixels(slider.screen).mean() == pytest.approx(shade, abs=2)
    assert (slider.screen.width, slider.screen.height) == ("40", "30")


def test_it_begins_at_the_first_picture_and_says_what_it_is(shades):
    slider = PictureSlider(shades, "beta")
    assert slider.slider.value == 0.1
    assert repr(slider) == "A slider over 3 values of beta: run this notebook to move it."


def test_pictures_that_are_not_there_are_told(shades):
    with pytest.raises(ValueError, match="pictures only for 0.1, 1.0, 10.0"):
        PictureSlider(shades, start=2.0)
    with pytest.raises(ValueError, match="no pictures"):
        PictureSlider({})


def test_a_photograph_closes_its_figure():
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.set_facecolor("red")
    picture = photograph(figure, dpi=50)
    assert picture.size == (100, 50) and picture.mode == "RGB" and not plt.fignum_exists(figure.number)
    assert (255, 0, 0) in [colour for _, colour in picture.getcolors(5000)]
