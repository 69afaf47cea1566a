"""Live controls for the notebooks: a model, or finished pictures, go in; sliders that change the picture at every move come out.

Pictures travel as JPEG through `widgets.Image`, and sliders call back through `observe`: no new figure a move, no flicker.
"""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping, Sequence

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor

from helpers.figures import colour, tile
from helpers.models import LatentModel, decode
from helpers.pretrained import Codes


def jpeg(picture: Image.Image) -> bytes:
    """Return a picture as JPEG bytes, in a few milliseconds."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def enlarged(x_hat: Tensor, side: int) -> Image.Image:
    """Return one picture (1, C, H, W) in [0, 1], smoothly enlarged to `side` pixels."""
    array = np.uint8(255 * tile(x_hat, 1) + 0.5)
    picture = Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).convert("RGB")
    return picture.resize((side, side), Image.Resampling.BICUBIC)


class LatentMap:
    """A plane of codes seen from above: `picture(z)` marks the place z on it."""

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

    def picture(self, z: Tensor) -> Image.Image:
        """Return the map with a ring and a cross at z (2,)."""
        picture = self.background.copy()
        x, y = (int(v) for v in self.pixel(z[0], z[1]))
        pen = ImageDraw.Draw(picture)
        for width, ink in ((5, "white"), (2, "black")):
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), outline=ink, width=width)
            pen.line((x - 14, y, x + 14, y), fill=ink, width=width - 1)
            pen.line((x, y - 14, x, y + 14), fill=ink, width=width - 1)
        return picture


class LatentSliders(widgets.VBox):
    """Sliders over the latent numbers of a model, and the picture that they decode to, redrawn at every move.

    model: an Autoencoder or VAE.  codes: its held-out codes; for two latents they are drawn as a map beside the picture.
    start: (Z,), the point to begin at (default: 0).  dims: which latents get a slider (default: the first eight).
    reach: sliders go from -reach to reach.  side: of the picture, in screen pixels.
    """

    def __init__(
        self, model: LatentModel, codes: Codes | None = None, *, start: Tensor | None = None,
        dims: Sequence[int] | None = None, reach: float = 3.0, side: int = 280,
    ) -> None:  # fmt: skip
        self.model, self.side = model.eval(), side
        size = model.config.latent
        self.z = torch.zeros(1, size) if start is None else start.detach().float().cpu().reshape(1, size).clone()
        self.dims = list(range(min(size, 8))) if dims is None else list(dims)
        if not all(0 <= dim < size for dim in self.dims):
            raise ValueError(f"dims is {self.dims}, but this model's latents are numbered 0 to {size - 1}.")
        reach = max(reach, float(self.z[:, self.dims].abs().max()))  # a start further out is shown where it is
        self.map = LatentMap(codes, reach, side) if codes is not None and size == 2 else None
        self.sliders = [self.slider(dim, reach) for dim in self.dims]
        self.screen = widgets.Image(format="jpeg", width=side, height=side)
        self.plane = widgets.Image(format="jpeg", width=side, height=side) if self.map else None
        screens = [self.plane, self.screen] if self.plane else [self.screen]
        super().__init__([widgets.HBox(screens), *self.sliders])
        self.redraw()

    def slider(self, dim: int, reach: float) -> widgets.FloatSlider:
        """Return the slider of one latent."""
        value = float(self.z[0, dim])
        one = widgets.FloatSlider(value, min=-reach, max=reach, step=0.05, description=f"z{dim + 1}", readout_format=".2f")
        one.layout.width = f"{self.side * (2 if self.map else 1)}px"
        one.observe(lambda change: self.move(dim, change["new"]), names="value")
        return one

    def move(self, dim: int, value: float) -> None:
        """Set one latent and redraw."""
        self.z[0, dim] = value
        self.redraw()

    def redraw(self) -> None:
        """Decode z and show it."""
        self.screen.value = jpeg(enlarged(decode(self.model, self.z), self.side))
        if self.plane:
            self.plane.value = jpeg(self.map.picture(self.z[0]))

    def __repr__(self) -> str:
        return f"Sliders over {len(self.dims)} latent numbers of a {type(self.model).__name__}: run this notebook to move them."


def photograph(figure: Figure, dpi: int = 80) -> Image.Image:
    """Return a matplotlib figure as a picture, and close it, so that the notebook does not show it a second time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    plt.close(figure)
    return Image.open(buffer).convert("RGB")


class PictureSlider(widgets.VBox):
    """A slider over finished pictures: one for each value of a setting, exchanged at every move.

    pictures: the picture of each value, in the slider's order, all of one size.  name: what the slider is called.
    start: the value to begin at (default: the first). Raises ValueError where there is no picture, or none for `start`.
    """

    def __init__(self, pictures: Mapping[Hashable, Image.Image], name: str = "", *, start: Hashable | None = None) -> None:
        if not pictures:
            raise ValueError("there are no pictures to slide over; pass {value: picture, ...}.")
        start = next(iter(pictures)) if start is None else start
        if start not in pictures:
            raise ValueError(f"start is {start!r}, but there are pictures only for {', '.join(map(str, pictures))}.")
        self.name, self.frames = name, {value: jpeg(picture.convert("RGB")) for value, picture in pictures.items()}
        width, height = pictures[start].size
        options = [(f"{value:g}" if isinstance(value, float) else str(value), value) for value in pictures]
        self.slider = widgets.SelectionSlider(options=options, value=start, description=name)
        self.slider.layout.width = f"{min(width, 560)}px"
        self.screen = widgets.Image(value=self.frames[start], format="jpeg", width=width, height=height)
        self.slider.observe(lambda change: self.show(change["new"]), names="value")
        super().__init__([self.slider, self.screen])

    def show(self, value: Hashable) -> None:
        """Show the picture of one value."""
        self.screen.value = self.frames[value]

    def __repr__(self) -> str:
        return f"A slider over {len(self.frames)} values of {self.name or 'a setting'}: run this notebook to move it."
