"""Checksums by which contents are recognised: tensors and functions go in, a short text comes out."""

from __future__ import annotations

import functools
import hashlib
import types

import torch
from torch import Tensor


def checksum(tensors: dict[str, Tensor]) -> str:
    """Return a SHA-256 over names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].detach().cpu().contiguous()
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def function_checksum(function: object) -> str:
    """Return a SHA-256 over a function's code and constants, and over those of the functions of its module that it calls.

    Constants are numbers, texts, tuples of them, and tensors, wherever the function reads them: in its code, as defaults,
    in a closure or as globals. What can change while it runs (a list, a dict, a network) counts by its type only.
    """
    return hashlib.sha256(described(function, set()).encode()).hexdigest()


def described(thing: object, seen: set[int], module: str | None = None) -> str:
    """Return a text that is the same for the same code and constants, in every process; `module`: the first function's."""
    parts: tuple | None = None
    if isinstance(thing, Tensor):
        return checksum({"": thing})
    if isinstance(thing, types.FunctionType):
        if id(thing) in seen or module not in (None, thing.__module__):
            return f"{thing.__module__}.{thing.__qualname__}"
        seen.add(id(thing))
        module, cells = thing.__module__, tuple(cell.cell_contents for cell in thing.__closure__ or ())
        used = tuple((name, thing.__globals__[name]) for name in sorted(names_in(thing.__code__) & thing.__globals__.keys()))
        parts = (thing.__code__, thing.__defaults__, tuple((thing.__kwdefaults__ or {}).items()), cells, used)
    elif isinstance(thing, types.CodeType):
        parts = (thing.co_code, thing.co_names, thing.co_varnames, thing.co_consts)
    elif isinstance(thing, functools.partial):
        parts = (thing.func, thing.args, tuple(sorted(thing.keywords.items())))
    elif isinstance(thing, types.MethodType):
        parts = (thing.__func__,)
    elif isinstance(thing, (tuple, frozenset)):
        parts = thing if isinstance(thing, tuple) else tuple(sorted(thing, key=repr))
    elif thing is None or isinstance(thing, (bool, int, float, complex, str, bytes)):
        return repr(thing)
    return type(thing).__qualname__ if parts is None else f"({', '.join(described(part, seen, module) for part in parts)})"


def names_in(code: types.CodeType) -> set[str]:
    """Return the global names that a piece of code, and the functions within it, may read."""
    inner = [names_in(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    return set(code.co_names).union(*inner)
