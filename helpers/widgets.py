"""Live controls for the notebooks: a model goes in; sliders that redraw its picture at every move come out.

Pictures travel as JPEG through `widgets.Image`, and sliders call back through `observe`: no new figure a move, no flicker.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.colors import to_rgb
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
