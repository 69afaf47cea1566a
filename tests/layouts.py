"""Write small data sets in their official layouts, for the tests: what is written is returned, to compare with."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of uint8 as an idx file."""
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, set_folder: str = "FashionMNIST", train: int = 30, test: int = 10) -> dict[str, tuple]:
    """Write the four idx files; return split → (images, labels)."""
    random, raw, written = np.random.default_rng(0), folder / set_folder / "raw", {}
    raw.mkdir(parents=True)
    for split, stem, count in (("train", "train", train), ("test", "t10k", test)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = random.integers(0, 10, count, dtype=np.uint8)
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
        written[split] = images, labels
    return written


def write_cifar(folder: Path, monkeypatch) -> dict[str, tuple]:
    """Write CIFAR-10's batches, 4 images in each, and tell torchvision their checksums; return split → (images, labels)."""
    from torchvision.datasets import CIFAR10

    random, base, written = np.random.default_rng(1), folder / "cifar-10-batches-py", {"train": [], "test": []}
    base.mkdir(parents=True)
    sums = {}
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        images = random.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
        labels = random.integers(0, 10, 4).tolist()
        content = pickle.dumps({"data": images.reshape(4, -1), "labels": labels})
        (base / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
        written["test" if name == "test_batch" else "train"].append((images, labels))
    meta = pickle.dumps({"label_names": list("abcdefghij")})
    (base / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in sums if name != "test_batch"])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": hashlib.md5(meta).hexdigest()})
    return {split: (np.concatenate([p for p, _ in parts]), [v for _, labels in parts for v in labels])
            for split, parts in written.items()}  # fmt: skip


COLUMNS = tuple(f"Attribute_{number}" for number in range(40))


def write_celeba(
    folder: Path, form: str = "txt", nested: bool = False, count: int = 10, rows: int = 10
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Write drawn JPEGs and CelebA's tables as official text or Kaggle's CSV.

    Returns the names and, for each row of the tables, attributes (rows, 40) bool and split number (rows,).
    """
    random, base = np.random.default_rng(2), folder / "celeba"
    images = base / "img_align_celeba" / "img_align_celeba" if nested else base / "img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, rows + 1)]
    attributes = random.integers(0, 2, (rows, 40)).astype(bool)
    partition = np.arange(rows) % 3
    for name in names[:count]:
        small = random.integers(0, 256, (11, 9, 3), dtype=np.uint8)
        Image.fromarray(small).resize((178, 218)).save(images / name, quality=90)
    write_table(base, form, "list_attr_celeba", COLUMNS, names, np.where(attributes, 1, -1))
    write_table(base, form, "list_eval_partition", ("partition",), names, partition[:, None])
    return names, attributes, partition


def write_table(base: Path, form: str, stem: str, columns: tuple[str, ...], names: list[str], values: np.ndarray) -> None:
    """Write a table as CelebA's makers do (numbers aligned in columns) or as CSV."""
    if form == "csv":
        lines = [",".join(("image_id", *columns))]
        lines += [",".join((name, *map(str, row))) for name, row in zip(names, values, strict=True)]
    else:
        head = [] if len(columns) == 1 else [str(len(names)), " ".join(columns) + " "]
        lines = head + [f"{name} " + " ".join(f"{value:2d}" for value in row).strip(" " if len(row) == 1 else "\n")
                        for name, row in zip(names, values, strict=True)]  # fmt: skip
    (base / f"{stem}.{form}").write_text("\n".join(lines) + "\n")
