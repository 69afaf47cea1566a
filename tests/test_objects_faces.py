"""Tests of the drawn faces and objects: what a factor moves, what it leaves alone, and statistics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier

from standins import faces, objects

# The 40 attributes of list_attr_celeba.txt, in its order and spelling.
CELEBA = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair
Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones
Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline
Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick
Wearing_Necklace Wearing_Necktie Young
""".split()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def many_objects():
    p = objects.sample(4000, generator(3))
    return p, objects.draw(p)


@pytest.fixture(scope="module")
def many_attributes():
    table = faces.attributes(faces.sample(20_000, generator(4)))
    return {name: table[:, i] for i, name in enumerate(faces.ATTRIBUTE_NAMES)}


def plain_faces(n: int, seed: int = 1, **fixed: float) -> dict[str, torch.Tensor]:
    """Return faces seen from the front in even light, without beard, glasses or hat, except for what is fixed."""
    plain = dict.fromkeys(("yaw", "nod", "tilt", "light", "glasses", "hat", "facial_hair", "earrings", "bangs"), 0)
    return with_all(faces.sample(n, generator(seed)), **plain | fixed)


def with_all(p: dict, **new: float) -> dict[str, torch.Tensor]:
    """Return parameters with some of them set to one value for all images."""
    return p | {name: torch.full_like(p[name], value) for name, value in new.items()}


def rows_of(p: dict, n: int):
    """Yield the parameters of each image, n times."""
    for row in range(len(p["yaw"])):
        yield {name: values[row : row + 1].repeat(n) for name, values in p.items()}


def across(weight: torch.Tensor) -> torch.Tensor:
    """Return the mean column (B,) of weights (B, H, W)."""
    return (weight * torch.arange(weight.shape[-1])).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-9)


def changed_pixels(module, p: dict, **new: float) -> torch.Tensor:
    """Return (B, H, W) bool: the pixels that change when some parameters do."""
    return (module.draw(p) != module.draw(with_all(p, **new))).any(1)


@pytest.mark.parametrize("module", [faces, objects])
def test_every_factor_shows(module):
    p = module.sample(24, generator(6))
    ends = [with_all(p, **{name: value}) for name, limits in module.FACTORS.items() for value in limits]
    images = module.draw({name: torch.cat([end[name] for end in ends]) for name in p}).float()
    low, high = images.view(len(module.FACTORS), 2, 24, -1).unbind(1)
    shown = ((low - high).abs().amax(-1) > 12).float().mean(1)
    assert (shown > 0.5).all(), dict(zip(module.FACTORS, shown.tolist(), strict=True))


def test_attribute_names_are_celebas():
    assert set(faces.ATTRIBUTE_NAMES) <= set(CELEBA)
    assert list(faces.ATTRIBUTE_NAMES) == sorted(faces.ATTRIBUTE_NAMES, key=CELEBA.index)


def test_attributes_are_consistent(many_attributes):
    a = many_attributes
    assert sum(a[name].long() for name in ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald")).max() == 1
    for name in ("Bangs", "Wavy_Hair", "Straight_Hair", "Receding_Hairline", "Wearing_Hat"):
        assert not (a["Bald"] & a[name]).any(), name
    assert not (a["Wavy_Hair"] & a["Straight_Hair"]).any()
    assert not (a["Bangs"] & (a["Receding_Hairline"] | a["Wearing_Hat"])).any()
    assert not (a["No_Beard"] & (a["Goatee"] | a["5_o_Clock_Shadow"])).any()
    assert not (~a["Male"] & (a["Goatee"] | a["Mustache"] | a["Bald"])).any()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("Smiling", 0.44, 0.52), ("Eyeglasses", 0.065, 0.12), ("Blond_Hair", 0.12, 0.20), ("Wearing_Hat", 0.03, 0.07),
     ("Bald", 0.02, 0.045), ("Male", 0.38, 0.46), ("Bangs", 0.12, 0.19), ("Young", 0.74, 0.80),
     ("Mustache", 0.03, 0.08), ("No_Beard", 0.78, 0.88), ("Wearing_Lipstick", 0.40, 0.50), ("Mouth_Slightly_Open", 0.45, 0.55),
     ("Black_Hair", 0.20, 0.40), ("Brown_Hair", 0.18, 0.40), ("Gray_Hair", 0.02, 0.07), ("Wavy_Hair", 0.25, 0.38)],
)  # fmt: skip
def test_attributes_are_as_frequent_as_in_celeba(many_attributes, name, low, high):
    assert low < many_attributes[name].float().mean() < high


def test_smile_and_open_mouth_stay_in_the_lower_face():
    p = plain_faces(40, smile=-1, mouth_open=0)
    for change in ({"smile": 1}, {"mouth_open": 1}):
        changed = changed_pixels(faces, p, **change)
        assert changed[:, 40:58].flatten(1).any(1).all()
        assert not changed[:, :30].any()
    assert not changed[:, :40].any()  # an open mouth leaves the cheeks alone


def test_background_leaves_the_face_alone():
    p = plain_faces(40, background_hue=0.0, background_light=0.2)
    changed = changed_pixels(faces, p, background_hue=0.6, background_light=0.9)
    assert changed[:, 2:20, :4].float().mean() > 0.9
    assert not changed[:, 24:44, 24:40].any()


def test_glasses_hat_and_blond_hair_change_what_they_should():
    p = plain_faces(60, hair_style=faces.CROPPED, hair_colour=faces.BLACK)
    glasses = changed_pixels(faces, p, glasses=1)
    assert glasses[:, 24:40].float().mean() > 0.12 and not glasses[:, :20].any() and not glasses[:, 46:].any()
    hat = changed_pixels(faces, p, hat=1)
    assert hat[:, :14, 20:44].float().mean() > 0.8 and not hat[:, 34:, 20:44].any()
    dark, blond = (faces.draw(with_all(p, hair_colour=colour)).float() for colour in (faces.BLACK, faces.BLOND))
    crown = (blond - dark)[:, :, 3:9, 28:36].mean((0, 2, 3))
    assert crown[0] > 80 and crown[0] > crown[2] + 40  # brighter, and yellow
    assert torch.equal(dark[:, :, 42:46, 30:34], blond[:, :, 42:46, 30:34])


@pytest.mark.parametrize(("feature", "ends", "least"), [("lipstick", (0, 1), 0.8), ("eye_colour", (1, 0), 0.5)])
def test_yaw_moves_the_features_sideways(feature, ends, least):
    plain = {
        "smile": -0.2,
        "mouth_open": 0,
        "lipstick": 0,
        "skin_tone": 0.25,
        "receding": 0,
        "eye_size": 0.5,
        "narrow": 0,
        "gaze": 0,
    }
    for one in rows_of(plain_faces(9, hair_style=faces.CROPPED, **plain), 9):
        one["yaw"] = torch.linspace(-1, 1, 9)
        bare, marked = (faces.draw(with_all(one, **{feature: value})).float().mean(1) for value in ends)
        place = across((marked - bare).abs())
        assert (place.diff() > least).all() and place[-1] - place[0] > 10


def test_light_brightens_its_own_side():
    p = plain_faces(25, hair_style=faces.CROPPED)
    light = torch.linspace(-1, 1, 11)
    for one in rows_of(p, 11):
        cheeks = faces.draw(one | {"light": light}).float().mean(1)[:, 26:46]
        difference = cheeks[:, :, 34:46].mean((1, 2)) - cheeks[:, :, 18:30].mean((1, 2))
        assert torch.corrcoef(torch.stack([difference, light]))[0, 1] > 0.9
        assert difference[-1] - difference[0] > 10


def test_skin_tone_darkens_the_skin_monotonically():
    p = plain_faces(20)
    images = torch.stack([faces.draw(with_all(p, skin_tone=tone)).float() for tone in torch.linspace(0, 1, 8).tolist()])
    assert (images[..., 36:40, 24:40].mean((2, 3, 4)).diff(dim=0) < 0).all()


def radial_slope(grey: np.ndarray) -> float:
    """Return the exponent of the radially averaged power spectrum of grey images (N, S, S), over 1 to 14 cycles."""
    size = grey.shape[-1]
    power = (np.abs(np.fft.fft2(grey - grey.mean((1, 2), keepdims=True))) ** 2).mean(0)
    rate = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(rate[:, None], rate[None]).round().astype(int)
    rings = np.arange(1, 15)
    return np.polyfit(np.log(rings), np.log([power[radius == r].mean() for r in rings]), 1)[0]


def test_objects_have_the_statistics_of_natural_images(many_objects):
    images = many_objects[1].float() / 255
    assert -2.4 < radial_slope(images.mean(1).numpy()) < -1.6
    assert abs(images.mean() - 0.47) < 0.06
    assert abs(images.std() - 0.25) < 0.04


def test_texture_is_one_over_f():
    grain, spots = objects._natural_noise(torch.arange(400.0), 32)
    for field in (grain, spots):
        assert radial_slope(field.numpy()) == pytest.approx(-2, abs=0.12)
        assert field.std() == pytest.approx(1, abs=0.05)
        assert field.mean().abs() < 1e-3
    assert abs((grain * spots).mean()) < 0.02


def test_classes_are_balanced_and_backgrounds_shared(many_objects):
    counts = torch.bincount(many_objects[0]["label"], minlength=10)
    assert len(objects.CLASS_NAMES) == 10 and counts.min() > 330 and counts.max() < 470
    for label in range(10):
        assert many_objects[0]["background"][many_objects[0]["label"] == label].unique().numel() >= 3


def test_a_linear_classifier_is_far_from_perfect(many_objects):
    p, images = many_objects
    flat, label = images.flatten(1).float().numpy() / 255, p["label"].numpy()
    accuracy = RidgeClassifier(alpha=300).fit(flat[:3000], label[:3000]).score(flat[3000:], label[3000:])
    assert 0.25 < accuracy < 0.65


def test_object_factors_leave_the_background_alone():
    p = with_all(objects.sample(300, generator(8)), size=0.7, x=0, y=0, angle=0)
    for change in ({"hue": 0.8}, {"shade": 0.9}):
        changed = changed_pixels(objects, p, **change)
        assert changed[:, 8:24, 8:24].flatten(1).any(1).float().mean() > 0.9
        assert not changed[:, :3].any() and not changed[:, 30:].any()


def test_background_factors_leave_most_of_the_object_alone():
    p = with_all(objects.sample(300, generator(8)), x=0, y=0, angle=0)
    frogs = {name: values[p["label"] == 6] for name, values in p.items()}
    changed = changed_pixels(objects, frogs, background_light=0.9, horizon=0.5)
    assert not changed[:, 15:20, 14:18].any()
    assert changed[:, :3].float().mean() > 0.9


def test_position_moves_the_object():
    p = with_all(objects.sample(200, generator(10)), size=0.8, x=0, y=0)
    vehicle = (p["label"] == 1) | (p["label"] == 9)
    p = {name: values[vehicle] for name, values in p.items()}

    def middle(**at: float) -> tuple[float, float]:
        mark = changed_pixels(objects, with_all(p, **at), hue=(p["hue"][0].item() + 0.4) % 0.88).float()
        return across(mark).mean().item(), across(mark.mT).mean().item()

    (x0, y0), (x1, _), (_, y1) = middle(), middle(x=0.25), middle(y=0.25)
    assert x1 - x0 == pytest.approx(4, abs=0.8) and y1 - y0 == pytest.approx(4, abs=0.8)
