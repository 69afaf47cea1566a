"""A simulated device: with it, `fit` trains as on a GPU, on any machine, and mixed devices are refused as on a GPU.

Tensors "elsewhere" keep their numbers on the processor, behind PyTorch's name for a device without memory ("meta"). An operation
on tensors of both devices raises, and so does a generator of the other one. `make rehearse` runs notebooks so.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

HERE, ELSEWHERE = torch.device("cpu"), torch.device("meta")
aten = torch.ops.aten
INDEXED = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default, aten._index_put_impl_.default}  # by an index here
MOVES = {aten._to_copy.default, aten.copy_.default}


class Distant(torch.Tensor):
    """A tensor elsewhere; `near` are its numbers."""

    @staticmethod
    def __new__(cls, near: torch.Tensor):
        return torch.Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), storage_offset=near.storage_offset(), dtype=near.dtype, device=ELSEWHERE,
            requires_grad=near.requires_grad,
        )  # fmt: skip

    def __init__(self, near: torch.Tensor) -> None:
        self.near = near

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return dispatched(function, args, kwargs or {})

    def tolist(self):
        return self.near.tolist()


class Generator(torch.Generator):
    """A torch.Generator that knows its place."""

    def __new__(cls, device: torch.device | str = "cpu"):
        made = super().__new__(cls, "cpu")
        made.place = torch.device(device)
        return made


def place_of(thing) -> torch.device:
    """Return where a tensor or a generator is."""
    return getattr(thing, "place", HERE) if isinstance(thing, torch.Generator) else thing.device


def dispatched(function, args, kwargs):
    """Run one operation on the numbers, and put what it returns where it belongs. Raises RuntimeError on a mix of places."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    asked = kwargs.get("device")
    place = torch.device(asked) if asked is not None else ELSEWHERE if any(isinstance(t, Distant) for t in tensors) else HERE
    if function is aten.copy_.default:
        place = place_of(args[0])
    elif function not in MOVES:
        refuse_mixtures(function, args, tensors, place)
    known = {id(t.near): t for t in tensors if isinstance(t, Distant)}  # an operation in place returns what it was given
    near = tree_map(lambda t: t.near if isinstance(t, Distant) else t, (args, kwargs))
    found = function(*near[0], **near[1] | ({"device": HERE} if asked is not None else {}))
    if place.type == HERE.type:
        return found
    return tree_map(lambda t: known[id(t)] if id(t) in known else Distant(t) if isinstance(t, torch.Tensor) else t, found)


def refuse_mixtures(function, args, tensors, place: torch.device) -> None:
    """Raise RuntimeError when tensors of both places meet, but for a single number from here, and an index from here."""
    if place.type == HERE.type and not any(isinstance(t, Distant) for t in tensors):
        return
    free = tree_leaves(args[1]) if function in INDEXED else []
    if any(not isinstance(t, Distant) and t.dim() and not any(t is one for one in free) for t in tensors):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {function} found at least two, elsewhere and cpu "
            f"(shapes {[tuple(t.shape) for t in tensors]})."
        )


class Mode(TorchDispatchMode):
    """Within it, also tensors that are made elsewhere, from nothing, are elsewhere."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return dispatched(function, args, kwargs or {})


class Calls(TorchFunctionMode):
    """Within it, a random tensor must be where its generator is, and torch.tensor can make one elsewhere."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.tensor and torch.device(kwargs.get("device") or HERE).type == ELSEWHERE.type:
            return function(*args, **kwargs | {"device": HERE}).to(ELSEWHERE)
        found, generator = function(*args, **kwargs), kwargs.get("generator")
        if generator is not None and isinstance(found, torch.Tensor) and found.device.type != place_of(generator).type:
            raise RuntimeError(f"Expected a '{found.device.type}' device type for generator but found '{place_of(generator).type}'")
        return found


class Accelerator:
    """What `fit` needs of Accelerate's class of this name, on a machine with one device elsewhere."""

    process_index, num_processes = 0, 1

    device = ELSEWHERE

    def prepare(self, *things):
        return things

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()

    def reduce(self, totals: torch.Tensor, how: str) -> torch.Tensor:
        return totals  # there is one process


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """Within it, `helpers.training.fit` trains elsewhere. To be entered before a notebook imports `fit`."""
    from helpers import training

    real = training.fit

    @functools.wraps(real)
    def fit(*args, **kwargs):
        with Calls(), Mode():
            return real(*args, **kwargs)

    class AdamW(torch.optim.AdamW):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs | {"fused": False})

    with contextlib.ExitStack() as stack:
        for owner, name, value in (
            (training, "fit", fit), (training, "Accelerator", lambda cpu: Accelerator()), (torch, "Generator", Generator),
            (torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext()), (torch.optim, "AdamW", AdamW),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(owner, name, value))
        yield


def failures(path: Path) -> list[str]:
    """Run a notebook whose `fit` trains elsewhere, past every error; return each failing cell with the end of its message."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    begin = f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n"  # the name keeps it from being closed at once
    begin += "from elsewhere import elsewhere\n_there = elsewhere()\n_there.__enter__()"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(begin))
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", allow_errors=True, store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.execute()
    found = []
    for index, cell in enumerate(notebook.cells):
        errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        found += [f"cell {index - 1}: {error.ename}: {error.evalue[-400:]}" for error in errors]
    return found


def main(names: list[str]) -> int:
    """Run notebooks, by default those with objectives of their own, and print what fails; return how many do."""
    failed, pages = 0, sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
    for path in map(Path, names) if names else [page for page in pages if "objective=" in page.read_text("utf-8")]:
        start, found = time.monotonic(), failures(path.resolve())
        failed += bool(found)
        print(f"{path.stem}: {'; '.join(found) or 'passes'} ({time.monotonic() - start:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
