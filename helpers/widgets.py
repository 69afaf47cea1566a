"""Live controls for the notebooks: a model, or finished images, go in; sliders that change the image at every move come out.

Images travel as JPEG through `widgets.Image`. The browser holds a slider's next value back until the last one is dealt with.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Hashable, Mapping, Sequence

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor

from helpers import pretrained, settings
from helpers.data import DataError
from helpers.figures import DPI, colour, encoded, tile
from helpers.latent import gaussian_samples, kl_per_latent, prior_samples, ranked_by_kl
from helpers.models import LatentModel, decode
from helpers.pretrained import Codes


def jpeg(image: Image.Image) -> bytes:
    """Return an image as JPEG bytes, in a few milliseconds."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def enlarged(x_hat: Tensor, side: int) -> Image.Image:
    """Return one image (1, C, H, W) in [0, 1], smoothly enlarged to `side` pixels."""
    array = (255 * tile(x_hat, 1) + 0.5).astype(np.uint8)
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).convert("RGB")
    return image.resize((side, side), Image.Resampling.BICUBIC)


class WithFallback:
    """A widget that shows its images side by side, and its sentence, where no kernel runs."""

    def _repr_mimebundle_(self, **options: object) -> dict:
        image = base64.b64encode(encoded(still(self), "JPEG", 80)).decode()
        return super()._repr_mimebundle_(**options) | {"image/jpeg": image, "text/plain": repr(self)}  # type: ignore[misc]


def still(widget: widgets.Widget) -> Image.Image:
    """Return the images that a widget shows at this moment as one image, from the left to the right."""
    if isinstance(widget, widgets.Image):
        return Image.open(io.BytesIO(widget.value))
    images = [still(child) for child in getattr(widget, "children", ())]
    sheet = Image.new("RGB", (sum(image.width for image in images), max((image.height for image in images), default=0)), "white")
    for i, image in enumerate(images):
        sheet.paste(image, (sum(before.width for before in images[:i]), 0))
    return sheet


def close(widget: widgets.Widget) -> None:
    """Close a widget with everything in it, so that neither kernel nor browser keeps it."""
    for child in getattr(widget, "children", ()):
        close(child)
    widget.close()


class LatentMap:
    """A plane of codes seen from above: `image(z)` marks the point z on it."""

    def __init__(self, codes: Codes, half: float, side: int) -> None:
        self.half, self.side = half, side
        labels = torch.zeros(len(codes), dtype=torch.long) if codes.labels is None else codes.labels
        tints = np.array([[255 * c for c in to_rgb(colour(i))] for i in range(int(labels.max()) + 1)])
        canvas = np.full((side, side, 3), 255.0)
        across, down = self.pixel(codes.mu[:, 0], codes.mu[:, 1])
        inside = ((across >= 0) & (across < side - 1) & (down >= 0) & (down < side - 1)).numpy()
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            canvas[down.numpy()[inside] + dy, across.numpy()[inside] + dx] = tints[labels.numpy()[inside]]
        self.background = Image.fromarray(np.uint8(255 - (255 - canvas) * 0.75))

    def pixel(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (column, row) of places in the plane; z2 grows upwards."""
        scale = (self.side - 1) / (2 * self.half)
        return ((z1 + self.half) * scale).round().long(), ((self.half - z2) * scale).round().long()

    def image(self, z: Tensor) -> Image.Image:
        """Return the map with a ring and a cross at z (2,)."""
        image = self.background.copy()
        x, y = (int(v) for v in self.pixel(z[0], z[1]))
        pen = ImageDraw.Draw(image)
        for width, ink in ((5, "white"), (2, "black")):
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), outline=ink, width=width)
            pen.line((x - 14, y, x + 14, y), fill=ink, width=width - 1)
            pen.line((x, y - 14, x, y + 14), fill=ink, width=width - 1)
        return image


SLIDER_STEP = 0.05  # of an arrow key, in latent units
LEG, TICK = 40, 60  # a walk: steps from one place to the next, milliseconds between two steps


def to_grid(value: float, rounding: Callable[[float], float] = round) -> float:
    """Return the multiple of SLIDER_STEP at a value: the nearest, or the next one up with math.ceil."""
    return round(rounding(round(value / SLIDER_STEP, 6)) * SLIDER_STEP, 6)


class Walk:
    """A smooth path without an end through K numbers: from where it begins to one random point after another.

    t(s) = cos φ · a + sin φ · b,   φ = π/2 · (3 f² − 2 f³),   f the fraction of the leg from a to b that is done

    If a and b are samples of N(0, I), so is every point between them (notebook 08). At both ends of a leg the speed is zero.
    """

    def __init__(self, start: Tensor, reach: float, generator: torch.Generator) -> None:
        self.places, self.reach, self.generator = [start.double()], reach, generator

    def at(self, step: int) -> Tensor:
        """Return the numbers (K,) at a step ≥ 0, within ±reach (or ±start, where that lies further out)."""
        leg, done = divmod(step, LEG)
        while len(self.places) < leg + 2:
            self.places.append(torch.randn(len(self.places[0]), generator=self.generator, dtype=torch.float64))
        f = done / LEG
        phi = math.pi / 2 * (3 * f**2 - 2 * f**3)
        bound = self.places[0].abs().clamp(min=self.reach)
        return (math.cos(phi) * self.places[leg] + math.sin(phi) * self.places[leg + 1]).clamp(-bound, bound)


class LatentSliders(WithFallback, widgets.VBox):
    """Sliders over the latent numbers of a model, and the image that they decode to, redrawn at every move.

    codes: held-out codes; two latents are shown on a map of them, too.  start: (Z,), the point to begin at (default: 0).  dims:
    which latents get a slider, from 0 (default: the eight with most KL; without codes the first eight).  directions: name → (Z,),
    more sliders, which add multiples of a direction.  reach: sliders go from -reach to reach.  side: of the image, screen pixels.
    buttons: reset, randomise and walk, too.

    Raises ValueError on latents that are not there, points of another length, NaN, and moves beyond a slider's end.
    """

    def __init__(
        self, model: LatentModel, codes: Codes | None = None, *, start: Tensor | None = None, dims: Sequence[int] | None = None,
        directions: Mapping[str, Tensor] | None = None, reach: float = 3.0, side: int = 280, buttons: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        self.model, self.codes, self.side, self.reach = model.eval(), codes, side, reach
        self.generator = generator or settings.generator(10)
        self.home = self.point(torch.zeros(model.config.latent) if start is None else start)
        self.dims = self.chosen(dims, codes)
        self.directions = {name: self.point(v, f"the direction {name!r}") for name, v in (directions or {}).items()}
        self.base, self.quiet = self.home.clone(), False
        self.path: Walk | None = None
        self.values: dict[int | str, float] = dict.fromkeys([*self.dims, *self.directions], 0.0)  # what counts, to the last digit
        self.shown = self.values.copy()  # what the handles show
        self.z = self.home.clone()
        reach = max(reach, float(self.home[:, self.dims].abs().max())) if self.dims else reach  # the map shows the start, too
        self.map = LatentMap(codes, reach, side) if codes is not None and self.z.shape[1] == 2 else None
        self.handles: dict[int | str, widgets.FloatSlider] = {dim: self.slider(dim, f"z{dim + 1}") for dim in self.dims}
        self.handles |= {name: self.slider(name, name) for name in self.directions}
        self.sliders = list(self.handles.values())
        self.screen = widgets.Image(format="jpeg", width=side, height=side)
        self.plane = widgets.Image(format="jpeg", width=side, height=side) if self.map else None
        screens = [self.plane, self.screen] if self.plane else [self.screen]
        super().__init__([widgets.HBox(screens), *self.sliders, *(self.controls() if buttons else [])])
        self.go_to(self.home)

    def point(self, z: Tensor, what: str = "the point") -> Tensor:
        """Return a point (Z,) as (1, Z) float32 on the processor. Raises ValueError when it does not fit the model."""
        z, size = torch.as_tensor(z).detach().float().cpu(), self.model.config.latent
        if z.numel() != size or not z.isfinite().all():
            raise ValueError(f"{what} must be {size} finite numbers, as this model has latents; yours is {tuple(z.shape)}.")
        return z.reshape(1, size).clone()

    def chosen(self, dims: Sequence[int] | None, codes: Codes | None) -> list[int]:
        """Return the latents that get a slider. Raises ValueError when one of them is not there."""
        size = self.model.config.latent
        if dims is None:
            if codes is None or codes.logvar is None or size <= 8:
                return list(range(min(size, 8)))
            return ranked_by_kl(codes.mu, codes.logvar)[:8].tolist()
        if not all(dim in range(size) for dim in dims):
            raise ValueError(f"dims is {list(dims)}, but this model's latents are numbered 0 to {size - 1}.")
        return list(dict.fromkeys(int(dim) for dim in dims))

    def slider(self, key: int | str, name: str) -> widgets.FloatSlider:
        """Return the slider of one latent or direction."""
        end = to_grid(self.reach)
        one = widgets.FloatSlider(0, min=-end, max=end, step=SLIDER_STEP, description=name, readout_format=".2f")
        one.layout.width = f"{2 * self.side if self.map else max(self.side, 420)}px"
        one.style.description_width = "100px"  # room for the longest attributes
        one.observe(lambda change: self.taken(key, change["new"]), names="value")
        return one

    def controls(self) -> list[widgets.Widget]:
        """Return the row of buttons; a hidden Play is a walk's clock, and sends a step only when the kernel has drawn the last."""
        self.reset_button = widgets.Button(description="reset", icon="home", tooltip="back to the start")
        self.random_button = widgets.Button(description="randomise", icon="random", tooltip="another random point")
        self.walk_button = widgets.ToggleButton(description="walk", icon="play", tooltip="a smooth path through random points")
        self.play = widgets.Play(min=0, max=10**6, interval=TICK, show_repeat=False)
        self.play.layout.display = "none"
        self.reset_button.on_click(lambda _: self.reset())
        self.random_button.on_click(lambda _: self.randomise())
        self.walk_button.observe(lambda change: self.walk(change["new"]), names="value")
        self.play.observe(lambda change: self.step(change["new"]), names="value")
        for button in (self.reset_button, self.random_button, self.walk_button):
            button.layout.width = "110px"
        return [widgets.HBox([self.reset_button, self.random_button, self.walk_button, self.play])]

    def taken(self, key: int | str, value: float) -> None:
        """Follow a handle that was moved by hand, which ends a walk; a browser that rounds to its step has not moved it."""
        if not self.quiet and abs(value - self.shown[key]) > SLIDER_STEP / 2:
            self.walk(False)
            self.move(key, value)

    def move(self, key: int | str, value: float) -> None:
        """Set one latent (from 0), or the multiple of a direction (by name), and redraw. Raises ValueError as `put` does."""
        self.put({key: value})

    def put(self, values: Mapping[int | str, float]) -> None:
        """Set several sliders and redraw once. Raises ValueError when one is not there, or a value is beyond its end or NaN."""
        for key, value in values.items():
            if key not in self.handles:
                raise ValueError(f"there is no slider {key!r}. There are: {', '.join(map(str, self.handles))}.")
            end = self.handles[key].max
            if not -end - 1e-9 <= value <= end + 1e-9:
                raise ValueError(f"the slider {self.handles[key].description} goes from {-end:g} to {end:g}; yours is {value:g}.")
        self.values.update(values)
        for key, value in values.items():
            self.follow(key, value)
        self.z = self.base.clone()
        for key, value in self.values.items():
            if isinstance(key, str):
                self.z += value * self.directions[key]
            else:
                self.z[0, key] += value
        self.screen.value = jpeg(enlarged(decode(self.model, self.z), self.side))
        if self.map and self.plane:
            self.plane.value = jpeg(self.map.image(self.z[0]))

    def follow(self, key: int | str, value: float) -> None:
        """Let a handle show a value, to the step, without a redraw; `continuous_update` is off so that no browser tells it back."""
        self.shown[key], handle = to_grid(value), self.handles[key]
        if abs(handle.value - self.shown[key]) < SLIDER_STEP / 2:
            return
        self.quiet, live = True, handle.continuous_update
        handle.continuous_update = False
        handle.value = self.shown[key]
        handle.continuous_update, self.quiet = live, False

    def go_to(self, z: Tensor) -> None:
        """Go to a point (Z,), all latents at once, directions at zero; a slider grows where the point lies beyond its end."""
        self.base = self.point(z)
        values: dict[int | str, float] = dict.fromkeys(self.directions, 0.0)
        for dim in self.dims:
            values[dim] = float(self.base[0, dim])
            end, handle = to_grid(max(self.reach, abs(values[dim])), math.ceil), self.handles[dim]
            if end > handle.max:
                handle.min, handle.max = -end, end
        self.base[:, self.dims] = 0
        self.put(values)

    def start_from(self, z: Tensor) -> None:
        """Make a point (Z,) the start, to which `reset` goes back, and go there."""
        self.home = self.point(z)
        self.reset()

    def reset(self) -> None:
        """Go back to the start."""
        self.walk(False)
        self.go_to(self.home)

    def randomise(self) -> None:
        """Go to a sample of the normal distribution fitted to the codes (notebook 09), or, without codes, of N(0, I)."""
        self.walk(False)
        size = self.z.shape[1]
        z = prior_samples(1, size, self.generator) if self.codes is None else gaussian_samples(self.codes.mu, 1, self.generator)
        z[:, self.dims] = z[:, self.dims].clamp(-self.reach, self.reach)
        self.go_to(z)

    def walk(self, go: bool) -> None:
        """Begin to walk from here, or stop. Only the latents and directions that have a slider move."""
        if not hasattr(self, "play"):
            return
        if go:
            here = torch.tensor([self.values[key] for key in self.handles], dtype=torch.float64)
            self.path, self.first = Walk(here, self.reach, self.generator), self.play.value
        else:
            self.path = None
        for handle in self.sliders:
            handle.continuous_update = not go  # see `follow`; on a walk a handle counts once it is let go
        self.walk_button.value, self.walk_button.icon = go, "pause" if go else "play"
        self.play.playing = go

    def step(self, count: int) -> None:
        """Go to where the walk has got to at a step of the browser's clock; one that comes after its end counts for nothing."""
        if self.path is not None and count > self.first:
            self.put(dict(zip(self.handles, self.path.at(count - self.first).tolist(), strict=True)))

    def __repr__(self) -> str:
        parts = {"latent number": len(self.dims), "direction": len(self.directions)}
        over = " and ".join(f"{count} {what}{'s' * (count > 1)}" for what, count in parts.items() if count)
        return f"Sliders over {over} of a {type(self.model).__name__}: run this notebook to move them."


SHIPPED = {"digits": "mnist_vae", "garments": "fashion_vae", "objects": "cifar10_conv_vae", "faces": "celeba_vae"}
STARTS = ("the mean of the codes", "a held-out image", "a random sample")
SIDE = 320  # screen pixels of a shipped model's image


class Traversals(WithFallback, widgets.VBox):
    """Sliders over the k latents with most KL of a shipped model, with menus: which model, and where to start.

    model: digits, garments, objects, faces, or the name of any shipped model.  start: one of STARTS.  image: which held-out
    image, where that is the start.

    Raises DataError when a model's weights are not here, and ValueError when there is no such start or image, or k is below 1.
    What goes wrong after a click is written under the image.
    """

    def __init__(self, model: str = "faces", *, start: str = STARTS[1], image: int = 0, k: int = 8) -> None:
        if start not in STARTS:
            raise ValueError(f"start is {start!r}; it must be one of: {', '.join(STARTS)}.")
        if k < 1:
            raise ValueError(f"k is {k}; at least one latent needs a slider.")
        self.k, self.generator = k, settings.generator(11)
        self.kept: dict[str, tuple[LatentModel, Codes]] = {}
        self.sliders: LatentSliders
        menu = [*SHIPPED, *([] if model in SHIPPED else [model])]
        size = self.fetched(model)[1].mu.shape[0]  # before anything is shown
        if not 0 <= image < size:
            raise ValueError(f"image is {image}, but the held-out images of {model} are numbered 0 to {size - 1}.")
        self.model_menu = widgets.Dropdown(options=menu, value=model, description="model")
        self.start_menu = widgets.Dropdown(options=STARTS, value=start, description="start from")
        self.image_box = widgets.BoundedIntText(image, min=0, max=size - 1, description="number")
        for one in (self.model_menu, self.start_menu, self.image_box):
            one.layout.width = f"{SIDE}px"
        self.stage, self.note = widgets.VBox(), widgets.HTML()
        super().__init__([self.model_menu, self.start_menu, self.image_box, self.stage, self.note])
        self.show(model)
        self.model_menu.observe(lambda change: self.chosen(change["new"], change["old"]), names="value")
        for one in (self.start_menu, self.image_box):
            one.observe(lambda change: self.begin(), names="value")

    def fetched(self, model: str) -> tuple[LatentModel, Codes]:
        """Return a shipped model and its codes, read once. Raises DataError when they are not here, or are no model's."""
        if model not in self.kept:
            name = SHIPPED.get(model, model)
            loaded = pretrained.load(name)
            if not isinstance(loaded, LatentModel):
                raise DataError(f"{name} measures images and draws none; choose one of: {', '.join(SHIPPED)}.")
            self.kept[model] = loaded, pretrained.codes(name)
        return self.kept[model]

    def chosen(self, model: str, before: str) -> None:
        """Follow the menu; when a model cannot be read, say why, and stay with the one before."""
        if model == self.shown:  # the menu has just been put back
            return
        try:
            self.show(model)
        except DataError as error:
            self.note.value = f"✘ {html.escape(str(error))}"
            self.model_menu.value = before

    def show(self, model: str) -> None:
        """Put the sliders of a model on the stage."""
        loaded, codes = self.fetched(model)
        self.shown = model
        if self.stage.children:
            self.sliders.walk(False)
        dims = list(range(codes.mu.shape[1])) if codes.logvar is None else ranked_by_kl(codes.mu, codes.logvar).tolist()
        self.sliders = LatentSliders(loaded, codes, dims=dims[: self.k], side=SIDE, buttons=True, generator=self.generator)
        told = "no KL: an autoencoder"
        if codes.logvar is not None:
            nats, shown = kl_per_latent(codes.mu, codes.logvar), self.sliders.dims
            for dim in shown:
                self.sliders.handles[dim].tooltip = f"{nats[dim]:.1f} nats of KL"
            told = f"the {len(shown)} of {len(dims)} latents with most KL ({nats[shown].sum():.0f} of {nats.sum():.0f} nats)"
        self.note.value = f"{html.escape(SHIPPED.get(model, model))}: {told}"
        self.image_box.max = len(codes) - 1
        old, self.stage.children = self.stage.children, [self.sliders]
        for one in old:
            close(one)
        self.begin()

    def begin(self) -> None:
        """Go to the start that the menus say."""
        codes = self.fetched(self.model_menu.value)[1]
        kind = self.start_menu.value
        self.image_box.disabled = kind != STARTS[1]
        if kind == STARTS[2]:
            self.sliders.randomise()
            self.sliders.home = self.sliders.z.clone()
        else:
            self.sliders.start_from(codes.mu.mean(0) if kind == STARTS[0] else codes.mu[self.image_box.value])

    def __repr__(self) -> str:
        return f"Menus and sliders over the latents of {', '.join(SHIPPED)}: run this notebook to move them."


def photograph(figure: Figure) -> Image.Image:
    """Return a matplotlib figure as an image, and close it, so that the notebook does not show it a second time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    plt.close(figure)
    return Image.open(buffer).convert("RGB")


class ImageSlider(WithFallback, widgets.VBox):
    """A slider `name` over finished images of one size, one for each value of a setting; start: a value (default: the first).

    Raises ValueError where there is no image, or none for `start`.
    """

    def __init__(self, images: Mapping[Hashable, Image.Image], name: str = "", *, start: Hashable | None = None) -> None:
        if not images:
            raise ValueError("there are no images to slide over; pass {value: image, ...}.")
        start = next(iter(images)) if start is None else start
        if start not in images:
            raise ValueError(f"start is {start!r}, but there are images only for {', '.join(map(str, images))}.")
        self.name, self.frames = name, {value: jpeg(image.convert("RGB")) for value, image in images.items()}
        width, height = images[start].size
        options = [(f"{value:g}" if isinstance(value, float) else str(value), value) for value in images]
        self.slider = widgets.SelectionSlider(options=options, value=start, description=name)
        self.slider.layout.width = f"{min(width, 560)}px"
        self.screen = widgets.Image(value=self.frames[start], format="jpeg", width=width, height=height)
        self.slider.observe(lambda change: self.screen.set_trait("value", self.frames[change["new"]]), names="value")
        super().__init__([self.slider, self.screen])

    def __repr__(self) -> str:
        return f"A slider over {len(self.frames)} values of {self.name or 'a setting'}: run this notebook to move it."
