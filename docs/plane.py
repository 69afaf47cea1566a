"""Draw docs/plane.png, the figure at the top of the README: every image has an equal share of the prior."""

from pathlib import Path

import torch
from PIL import Image
from torch.distributions import Normal

from helpers import pretrained
from helpers.figures import tile
from helpers.models import decode


def main(columns: int = 24, rows: int = 9) -> Path:
    """Write the figure and return its path."""
    across, down = (Normal(0.0, 1.0).icdf((torch.arange(n) + 0.5) / n) for n in (columns, rows))
    z = torch.stack([across.repeat(rows), down.flip(0).repeat_interleave(columns)], 1)
    sheet = tile(decode(pretrained.load("fashion_vae"), z), columns, gap=0).squeeze(-1)
    path = Path(__file__).parent / "plane.png"
    image = Image.fromarray((255 * sheet).astype("uint8"))
    image.resize((columns * 42, rows * 42), Image.Resampling.BICUBIC).save(path, optimize=True)
    return path


if __name__ == "__main__":
    print(main())
