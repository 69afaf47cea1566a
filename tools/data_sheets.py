"""Contact sheets: a Dataset, or a stand-in's factors, go in; one labelled image (PIL) to look at comes out."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import KNOWN
from standins import artist, parameters

PAPER, INK, FAINT = "white", "#222222", "#777777"
MARGIN, GUTTER = 24, 4  # pixels of the sheet
TITLE, LABEL = 20, 16  # heights of letters
COLUMNS, STEPS = 16, 11  # images in a row of a contact sheet, and of a factor sheet
CANDIDATES = 32  # drawn images among which a factor's row is chosen


def contact_sheet(dataset: Dataset) -> Image.Image:
    """Return a sheet of 10 rows of images, each about 64 pixels wide; where there are classes, up to 20 rows of one class each."""
    if dataset.labels is not None:
        labels = list(dataset.class_names[:20])
        chosen = [torch.eq(dataset.labels, row).nonzero().flatten()[:COLUMNS] for row in range(len(labels))]
    else:
        chosen = list(torch.arange(min(10 * COLUMNS, len(dataset))).split(COLUMNS))
        labels = [""] * len(chosen)
    return _sheet(dataset.describe(), labels, [dataset.images[index] for index in chosen])


def factor_sheet(name: str, seed: int) -> Image.Image:
    """Return a sheet with one factor of a stand-in in each row, from its low to its high end, everything else fixed.

    The rows show the same image, unless a factor does not show on it (a sleeve on a shoe): then one where it does.
    Raises DataError when there is no such stand-in.
    """
    if name not in KNOWN:
        raise DataError(f"There is no stand-in for {name!r}. Known: {', '.join(KNOWN)}.")
    module = artist(name)
    candidates = parameters(name, CANDIDATES, f"{name}/factors/{seed}")
    effects = _effects(module, candidates)
    relative = effects / effects.amax(1, keepdim=True).clamp(min=1e-6)
    common = int(relative.clamp(max=0.5).sum(0).argmax())  # where most factors show
    rows = []
    for row, (factor, (low, high)) in enumerate(module.FACTORS.items()):
        chosen = common if relative[row, common] > 0.2 else int(effects[row].argmax())
        fixed = {key: values[chosen].repeat(STEPS) for key, values in candidates.items()}
        rows.append(fixed | {factor: torch.linspace(low, high, STEPS)})
    strips = module.draw({key: torch.cat([row[key] for row in rows]) for key in candidates}).split(STEPS)
    labels = [f"{factor}\n{low:g} … {high:g}" for factor, (low, high) in module.FACTORS.items()]
    return _sheet(f"{name} · {module.SOURCE} · one factor in each row", labels, strips)


def _effects(module: ModuleType, candidates: dict[str, Tensor]) -> Tensor:
    """Return how much each candidate changes from one end of each factor to the other: (F, candidates), mean difference."""
    count = len(next(iter(candidates.values())))
    variants = [
        candidates | {factor: torch.full((count,), end)} for factor, ends in module.FACTORS.items() for end in ends
    ]  # low, high, low, high, …
    images = module.draw({key: torch.cat([variant[key] for variant in variants]) for key in candidates})
    low, high = images.float().view(len(module.FACTORS), 2, count, -1).unbind(1)
    return (low - high).abs().mean(2)


def _sheet(title: str, labels: Sequence[str], strips: Sequence[Tensor]) -> Image.Image:
    """Return strips (≤ COLUMNS, C, H, W) uint8 as labelled rows under a title."""
    title = title.replace("×", "x")  # Pillow's own font has no ×
    height, width = strips[0].shape[-2:]
    scale, columns = max(1, round(64 / width)), max(map(len, strips))
    cell_height, cell_width = height * scale + GUTTER, width * scale + GUTTER
    font, large = ImageFont.load_default(LABEL), ImageFont.load_default(TITLE)
    left = MARGIN + max(_width(label, font) for label in labels) + (12 if any(labels) else 0)
    top = MARGIN + TITLE + 20
    across = max(left + columns * cell_width - GUTTER, MARGIN + _width(title, large))
    sheet = Image.new("RGB", (across + MARGIN, top + len(strips) * cell_height - GUTTER + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), title, fill=INK, font=large)
    for row, (label, strip) in enumerate(zip(labels, strips, strict=True)):
        y = top + row * cell_height
        pen.multiline_text((left - 12, y + height * scale / 2), label, INK, font, anchor="rm", align="right", spacing=4)
        for column, image in enumerate(strip):
            sheet.paste(_enlarged(image, scale), (left + column * cell_width, y))
    return sheet


def _width(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    return int(max(font.getlength(line) for line in text.split("\n")))


def _enlarged(pixels: Tensor, scale: int) -> Image.Image:
    """Return one image (C, H, W) uint8 enlarged by a whole factor, its pixels kept sharp."""
    array = pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(array)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
