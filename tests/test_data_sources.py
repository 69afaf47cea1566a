"""Real data sets in their official layouts: every pixel and label against what was written, every bad file named."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import COLUMNS, idx_bytes, write_celeba, write_cifar, write_idx
from PIL import Image

from helpers.data import DataError
from helpers.data.known import KNOWN
from helpers.data.sources import find


def opened(name, split, folder, size=None, **options):
    source = find(name, split, folder, size, **options)
    assert source is not None
    return source.decode()


def error_of(name, split, folder, size=None, **options) -> str:
    with pytest.raises(DataError) as caught:
        opened(name, split, folder, size, **options)
    return str(caught.value)


def test_a_set_of_one_size_is_not_resized(tmp_path):
    write_idx(tmp_path)
    assert "28×28" in error_of("fashion", "train", tmp_path, 64)
    assert opened("fashion", "train", tmp_path, 28).shape == (1, 28, 28)
    assert "no split 'valid' here. There is: test, train" in error_of("fashion", "valid", tmp_path)
    for size in (0, -3, 2.5, True, "64"):
        assert "size" in error_of("celeba", "train", tmp_path, size)


# ---- idx


@pytest.mark.parametrize(("name", "set_folder"), [("fashion", "FashionMNIST"), ("mnist", "MNIST")])
def test_idx_files_open_pixel_for_pixel(name, set_folder, tmp_path):
    written = write_idx(tmp_path, set_folder)
    for split, (images, labels) in written.items():
        dataset = opened(name, split, tmp_path)
        assert np.array_equal(dataset.images.numpy(), images[:, None])
        assert dataset.labels.tolist() == labels.tolist() and dataset.labels.dtype == torch.int64
        assert dataset.class_names == KNOWN[name].class_names
        assert (dataset.is_real, dataset.source) == (True, KNOWN[name].title)


IMAGES_FILE, LABELS_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
WHOLE = 16 + 30 * 28 * 28
BAD_IDX = [  # the file, what becomes of its bytes, and what is said
    ("t10k-labels-idx1-ubyte", lambda old: None, ("lacks t10k-labels-idx1-ubyte",)),
    *((IMAGES_FILE, lambda old, keep=keep: old[:keep], ()) for keep in (0, 3, 9)),
    *((IMAGES_FILE, lambda old, keep=keep: old[:keep], (f"{keep:,} bytes", f"{WHOLE:,}")) for keep in (16, 1000)),
    (IMAGES_FILE, lambda old: b"\x1f\x8b\x08\x08" + old[4:], ("1f 8b 08 08", "00 00 08 03")),
    (LABELS_FILE, lambda old: idx_bytes(np.zeros(29, np.uint8)), ("30", "29")),
    (LABELS_FILE, lambda old: idx_bytes(np.full(30, 10, np.uint8)), ("10", "0 to 9")),
    (IMAGES_FILE, lambda old: idx_bytes(np.zeros((30, 32, 32), np.uint8)), ("32, 32", "28×28")),
    (IMAGES_FILE, lambda old: idx_bytes(np.zeros((0, 28, 28), np.uint8)), ()),
]


@pytest.mark.parametrize(("file", "damage", "words"), BAD_IDX)
def test_a_missing_or_damaged_idx_file_is_named(file, damage, words, tmp_path):
    write_idx(tmp_path)
    path = tmp_path / "FashionMNIST/raw" / file
    content = damage(path.read_bytes())
    path.unlink() if content is None else path.write_bytes(content)
    message = error_of("fashion", "train", tmp_path)
    assert all(word in message for word in (file, "download fashion --force", *words)), message


# ---- CIFAR-10


def test_cifar_batches_open_pixel_for_pixel(tmp_path, monkeypatch):
    written = write_cifar(tmp_path, monkeypatch)
    for split, (images, labels) in written.items():
        dataset = opened("cifar10", split, tmp_path)
        assert np.array_equal(dataset.images.numpy(), images) and dataset.labels.tolist() == labels
        assert dataset.class_names[0] == "airplane" and len(dataset.class_names) == 10


def test_a_corrupt_cifar_batch_is_named_and_never_unpickled(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch)
    path = tmp_path / "cifar-10-batches-py/data_batch_3"
    path.write_bytes(f"cos\nsystem\n(S'touch {tmp_path}/ran'\ntR.".encode())
    message = error_of("cifar10", "train", tmp_path)
    assert str(path) in message and "md5" in message and "bytes" in message
    assert not (tmp_path / "ran").exists()
    path.unlink()
    assert "lacks data_batch_3" in error_of("cifar10", "train", tmp_path)


# ---- CelebA


def expected_face(path: Path, size: int) -> np.ndarray:
    """The recipe written out once more: rows 39 to 178 and columns 19 to 158, shrunk with Pillow's Lanczos filter."""
    pixels = np.asarray(Image.open(path))[39:179, 19:159]
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)).transpose(2, 0, 1)


def test_celeba_comes_at_other_sizes_antialiased(tmp_path):
    write_celeba(tmp_path)
    checks = (np.indices((218, 178)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).convert("RGB").save(tmp_path / "celeba/img_align_celeba/000001.jpg", quality=100, subsampling=0)
    small = opened("celeba", "train", tmp_path, 32)
    assert small.shape == (3, 32, 32)
    inner = small.images[0, :, 2:-2, 2:-2].float()
    assert (inner - 127.5).abs().max() < 4  # picking single pixels would give 0 and 255


def test_a_part_of_celeba_says_so(tmp_path):
    write_celeba(tmp_path, count=9, rows=12)
    dataset = opened("celeba", "train", tmp_path)
    assert len(dataset) == 3 and dataset.source == "CelebA (9 of 12 images)"


BAD_TABLES = [  # the table, what is replaced by what, and what is said
    ("list_attr_celeba.txt", "000001.jpg ", "000001.jpg  x ", "40 of -1, 0, 1"),
    ("list_attr_celeba.txt", "000001.jpg ", "000001.jpg  7 ", "000001.jpg"),
    ("list_eval_partition.txt", "000002.jpg", "000099.jpg", "is missing"),
    ("list_eval_partition.txt", "000004.jpg 0", "000004.jpg 5", "'5'"),
    ("list_eval_partition.txt", "000004.jpg 0", "000004.jpg", "''"),
    ("list_eval_partition.txt", "", None, "list_eval_partition.csv"),
]


@pytest.mark.parametrize(("table", "old", "new", "word"), BAD_TABLES)
def test_a_missing_or_damaged_celeba_table_is_named(table, old, new, word, tmp_path):
    write_celeba(tmp_path)
    path = tmp_path / "celeba" / table
    text = path.read_text()
    assert old in text
    path.unlink() if new is None else path.write_text(text.replace(old, new, 1))
    message = error_of("celeba", "train", tmp_path)
    assert table in message and word in message


def test_a_corrupt_jpeg_is_named_and_skipped_only_if_asked(tmp_path):
    names, attributes, partition = write_celeba(tmp_path, count=30, rows=30)
    path = tmp_path / "celeba/img_align_celeba/000004.jpg"
    path.write_bytes(path.read_bytes()[:700])
    message = error_of("celeba", "train", tmp_path)
    assert "000004.jpg" in message and "700 bytes" in message and "skip_corrupt=True" in message
    dataset = opened("celeba", "train", tmp_path, skip_corrupt=True)
    rows = [row for row in np.flatnonzero(partition == 0) if names[row] != "000004.jpg"]
    assert np.array_equal(dataset.attributes.numpy(), attributes[rows]) and len(dataset) == 9
    assert dataset.source == "CelebA, 1 corrupt image left out"
    assert opened("celeba", "valid", tmp_path, skip_corrupt=True).source == "CelebA"


def test_an_empty_celeba_split_lists_the_others(tmp_path):
    write_celeba(tmp_path, count=2, rows=10)
    message = error_of("celeba", "test", tmp_path)
    assert "'test'" in message and "train, valid" in message


@pytest.mark.parametrize(("form", "nested"), [("txt", False), ("csv", True)])
def test_celeba_opens_in_both_layouts(form, nested, tmp_path):
    names, attributes, partition = write_celeba(tmp_path, form, nested)
    folder = tmp_path / "celeba/img_align_celeba" / ("img_align_celeba" if nested else "")
    for number, split in enumerate(("train", "valid", "test")):
        dataset = opened("celeba", split, tmp_path)
        rows = np.flatnonzero(partition == number)
        wanted = np.stack([expected_face(folder / names[row], 64) for row in rows])
        assert np.array_equal(dataset.images.numpy(), wanted)
        assert np.array_equal(dataset.attributes.numpy(), attributes[rows]) and dataset.attributes.dtype == torch.bool
        assert dataset.attribute_names == COLUMNS and dataset.source == "CelebA"


# ---- a folder of one's own images


def pixel_of(image: Image.Image, tmp_path: Path, ending: str = "png", **options) -> list[int]:
    """Save an image alone in a folder, open the folder, and return the colour of its centre."""
    folder = tmp_path / "own"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    image.save(folder / f"a.{ending}", **options)
    return opened(str(folder), "train", tmp_path, 8).images[0, :, 4, 4].tolist()


SIDE = (20, 20)
FRAMES = [Image.new("RGB", SIDE, colour).quantize(2) for colour in ("red", "blue")]
KINDS = {  # an image, how it is saved, and the colour it has
    "grey": (Image.new("L", SIDE, 77), {}, [77, 77, 77]),
    "one bit": (Image.new("1", SIDE, 1), {}, [255, 255, 255]),
    "transparent": (Image.new("RGBA", SIDE, (200, 0, 0, 0)), {}, [255, 255, 255]),
    "opaque": (Image.new("RGBA", SIDE, (200, 100, 0, 255)), {}, [200, 100, 0]),
    "a fifth": (Image.new("RGBA", SIDE, (0, 0, 0, 51)), {}, [204, 204, 204]),
    "grey and alpha": (Image.new("LA", SIDE, (10, 255)), {}, [10, 10, 10]),
    "palette": (Image.new("RGB", SIDE, (10, 20, 30)).quantize(4), {}, [10, 20, 30]),
    "transparent palette": (Image.new("P", SIDE, 0), {"transparency": 0}, [255, 255, 255]),
    "16 bits": (Image.fromarray(np.full(SIDE, 0x4321, np.uint16)), {}, [0x43] * 3),
    "16 bits, TIFF": (Image.fromarray(np.full(SIDE, 200 * 256, np.uint16)), {"ending": "tiff"}, [200] * 3),
    "BMP": (Image.new("RGB", SIDE, (1, 2, 3)), {"ending": "bmp"}, [1, 2, 3]),
    "WebP": (Image.new("RGB", SIDE, (9, 8, 7)), {"ending": "webp", "lossless": True}, [9, 8, 7]),
    "CMYK": (Image.new("CMYK", SIDE, (0, 255, 255, 0)), {"ending": "jpg"}, [254, 0, 0]),
    "animation": (FRAMES[0], {"ending": "gif", "save_all": True, "append_images": FRAMES[1:]}, [255, 0, 0]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_becomes_rgb(kind, tmp_path):
    image, options, wanted = KINDS[kind]
    assert np.abs(np.subtract(pixel_of(image, tmp_path, **options), wanted)).max() <= (2 if kind == "CMYK" else 0)


def test_orientation_is_obeyed_and_the_centre_is_kept(tmp_path):
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:12], wide[:, 12:16], wide[:, :8], wide[:, 16:] = (255, 0, 0), (0, 255, 0), 50, 90
    image = Image.fromarray(wide)
    folder = tmp_path / "own"
    folder.mkdir()
    image.save(folder / "plain.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn by 90° clockwise
    image.save(folder / "turned.png", exif=exif)
    plain, turned = opened(str(folder), "train", tmp_path, 8).images.numpy()
    assert np.array_equal(plain, wide[:, 8:16].transpose(2, 0, 1))
    assert np.array_equal(turned, np.rot90(wide[:, 8:16], -1).transpose(2, 0, 1))


def test_large_photographs_are_shrunk_like_small_ones(tmp_path):
    (tmp_path / "own").mkdir()
    small = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    photograph = Image.fromarray(small).resize((1500, 1500), Image.Resampling.BICUBIC)
    photograph.save(tmp_path / "own/a.jpg", quality=97)
    found = opened(str(tmp_path / "own"), "train", tmp_path, 48).images[0].permute(1, 2, 0).numpy()
    wanted = np.asarray(photograph.resize((48, 48), Image.Resampling.LANCZOS))
    assert np.abs(found.astype(int) - wanted).max() <= 4


def write_tree(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number % 256, number // 256, 0)).save(folder / name)


def test_the_split_is_one_in_ten_and_never_changes(tmp_path):
    names = [f"{number:04d}.png" for number in range(600)]
    write_tree(tmp_path / "own", names)
    number = {split: opened(str(tmp_path / "own"), split, tmp_path, 4).images[:, :2, 0, 0].tolist() for split in ("train", "test")}
    ids = {split: [low + 256 * high for low, high in pairs] for split, pairs in number.items()}
    assert sorted(ids["train"] + ids["test"]) == list(range(600))
    assert ids["train"] == sorted(ids["train"]) and 40 < len(ids["test"]) < 80
    for name in names[:300]:
        (tmp_path / "own" / name).unlink()
    rest = opened(str(tmp_path / "own"), "test", tmp_path, 4).images[:, :2, 0, 0].tolist()
    assert [low + 256 * high for low, high in rest] == [one for one in ids["test"] if one >= 300]
    assert "no split 'valid'" in error_of(str(tmp_path / "own"), "valid", tmp_path)


def test_subfolders_are_classes_where_all_images_lie_in_them(tmp_path):
    names = [f"{kind}/{deep}{number}.png" for kind in ("dogs", "cats") for deep in ("", "deep/") for number in range(5)]
    write_tree(tmp_path / "own", names)
    dataset = opened(str(tmp_path / "own"), "train", tmp_path, 4)
    assert dataset.class_names == ("cats", "dogs") and len(dataset) > 10
    wanted = [int(names[number].startswith("dogs")) for number in dataset.images[:, 0, 0, 0].tolist()]
    assert dataset.labels.tolist() == wanted
    write_tree(tmp_path / "own", ["stray.png"])
    assert opened(str(tmp_path / "own"), "train", tmp_path, 4).labels is None


def test_an_empty_folder_and_a_bad_image_are_explained(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/notes.txt").write_text("no image")
    (tmp_path / "own/._a.png").write_bytes(b"left by a file manager")
    assert "no image" in error_of(str(tmp_path / "own"), "train", tmp_path)
    write_tree(tmp_path / "own", [f"{number}.png" for number in range(8)])
    (tmp_path / "own/bad.PNG").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    assert "bad.PNG" in error_of(str(tmp_path / "own"), "train", tmp_path)
    Image.fromarray(np.ones((5, 5), np.float32)).save(tmp_path / "own/bad.tiff")
    dataset = opened(str(tmp_path / "own"), "train", tmp_path, skip_corrupt=True)
    assert dataset.source == "your own images, 2 corrupt images left out"
    (tmp_path / "own/bad.PNG").unlink()
    assert "white among them is unknown" in error_of(str(tmp_path / "own"), "train", tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders, and links only for administrators")
def test_links_to_folders_are_followed_and_what_is_no_file_is_told(tmp_path, monkeypatch):
    own, splits = str(tmp_path / "own"), ("train", "test")
    write_tree(tmp_path / "own", [*(f"cats/{number}.png" for number in range(20)), ".thumbnails/40.png"])
    write_tree(tmp_path / "elsewhere", [f"{number}.png" for number in range(20, 40)])
    (tmp_path / "own/dogs").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "own/cats/round").symlink_to(tmp_path / "own")
    sets = [opened(own, split, tmp_path, 4) for split in splits]
    assert sum(map(len, sets)) == 40 and sets[0].class_names == ("cats", "dogs")
    (tmp_path / "own/cats/gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "own/cats/pipe.png")  # opening it would wait for ever
    sets = [opened(own, split, tmp_path, 4, skip_corrupt=True) for split in splits]
    assert sum(map(len, sets)) == 40 and all(find(own, split, tmp_path).fingerprint() for split in splits)
    with pytest.raises(DataError, match="no file, or a broken link"):
        [opened(own, split, tmp_path, 4) for split in splits]

    def locked(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", locked)
    assert "Permission denied" in error_of(own, "train", tmp_path)


@pytest.mark.parametrize("hidden", ["", "1"])
def test_progress_bars_can_be_hidden(hidden, tmp_path, monkeypatch, capsys):
    write_tree(tmp_path / "own", [f"{number}.png" for number in range(20)])
    monkeypatch.setenv("TQDM_DISABLE", hidden)
    find(str(tmp_path / "own"), "train", tmp_path).decode(progress=True)
    assert bool(capsys.readouterr().err) == (not hidden)


# ---- arrays


def save(folder: Path, file: str, **entries) -> Path:
    (folder / "arrays").mkdir(exist_ok=True)
    np.savez(folder / "arrays" / file, **entries)
    return folder / "arrays" / file


IMAGES = np.random.default_rng(3).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)


def test_arrays_win_over_the_official_files(tmp_path, monkeypatch):
    written = write_cifar(tmp_path, monkeypatch)
    save(tmp_path, "cifar10-train.npz", images=IMAGES, labels=np.arange(6, dtype=np.uint8))
    dataset = opened("cifar10", "train", tmp_path)
    assert np.array_equal(dataset.images.numpy(), IMAGES) and dataset.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.source == "CIFAR-10 (arrays/cifar10-train.npz)" and dataset.class_names[1] == "automobile"
    assert np.array_equal(opened("cifar10", "test", tmp_path).images.numpy(), written["test"][0])


def test_arrays_may_say_their_size_source_and_attributes(tmp_path):
    faces = np.zeros((5, 3, 64, 64), np.uint8)
    signs = np.eye(5, 4, dtype=bool)
    save(tmp_path, "celeba64-valid.npz", images=faces, attributes=signs, attribute_names=np.array(list("abcd")), source="mine")
    dataset = opened("celeba", "valid", tmp_path)
    assert dataset.source == "mine" and dataset.attribute_names == tuple("abcd")
    assert np.array_equal(dataset.attributes.numpy(), signs)
    assert "There is: valid" in error_of("celeba", "train", tmp_path)


@pytest.mark.parametrize("shape", [(7, 1, 9, 9), (7, 9, 9, 1), (7, 9, 9), (7, 9, 9, 3), (7, 3, 9, 9), (7, 3, 9, 3), (7, 8, 9, 3)])
def test_arrays_of_every_form_open_channels_first(shape, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    save(tmp_path, "pets-train.npz", images=images, labels=np.arange(7), class_names=np.array(list("abcdefg")))
    dataset = opened("pets", "train", tmp_path)
    first = images[:, None] if images.ndim == 3 else images if shape[1] in (1, 3) else np.moveaxis(images, 3, 1)
    assert np.array_equal(dataset.images.numpy(), first) and dataset.class_names == tuple("abcdefg")
    save(tmp_path, "pets-train.npz", images=images, labels=np.arange(7))
    assert opened("pets", "train", tmp_path).class_names == tuple("0123456")
    save(tmp_path, "pets-train.npz", images=images, labels=np.full(7, 39 * 10**15))  # a name for each would take all memory
    assert "39000000000000000" in error_of("pets", "train", tmp_path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"images": IMAGES / 255}, ("float64", "uint8")),
        ({"images": IMAGES.reshape(6, -1)}, ("(6, 3072)", "(N, C, H, W)")),
        ({"images": IMAGES[:, :2]}, ("(6, 2, 32, 32)", "not empty")),
        ({"images": IMAGES[:, :, :28, :28]}, ("3×28×28", "3×32×32")),
        ({"photos": IMAGES}, ("no entry images", "photos")),
        ({"images": IMAGES, "labels": np.zeros(5, int)}, ("(5,)", "6")),
        ({"images": IMAGES, "labels": np.zeros(6)}, ("float64", "whole numbers")),
        ({"images": IMAGES, "labels": np.full(6, 10)}, ("10", "0 to 9")),
        ({"images": IMAGES, "labels": np.full(6, -1)}, ("-1", "0 to 9")),
        ({"images": IMAGES, "labels": np.full(6, 39 * 10**15)}, ("39000000000000000", "0 to 9")),
        ({"images": IMAGES, "attributes": np.zeros((6, 2), bool)}, ("attribute_names",)),
        ({"images": IMAGES, "attributes": np.zeros((5, 1), bool), "attribute_names": np.array(["a"])}, ("(5, 1)",)),
        ({"images": IMAGES, "attributes": np.full((6, 1), -1), "attribute_names": np.array(["a"])}, ("0 and 1",)),
    ],
)
def test_wrong_arrays_are_explained(entries, words, tmp_path):
    save(tmp_path, "cifar10-train.npz", **entries)
    message = error_of("cifar10", "train", tmp_path)
    assert "cifar10-train.npz" in message and all(word in message for word in words)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickled_arrays_are_refused_and_never_run(tmp_path):
    bomb = np.empty(1, object)
    bomb[0] = Bomb(tmp_path / "ran")
    path = save(tmp_path, "cifar10-train.npz", images=IMAGES, labels=bomb)
    assert str(path) in error_of("cifar10", "train", tmp_path)
    assert not (tmp_path / "ran").exists()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


BAD_ENTRIES = {  # each once was another error than a DataError
    "encrypted": None,
    "no header": header("{'descr': '|u1', 'fortran_order': False, 'shape': (6,"),
    "huge": header("{'descr': '|u1', 'fortran_order': False, 'shape': (999999999999, 3, 32, 32)}"),
}


@pytest.mark.parametrize("keep", [0, 10, 3000, -30, "lone", *BAD_ENTRIES])
def test_a_damaged_archive_is_named(keep, tmp_path, monkeypatch):
    path = save(tmp_path, "cifar10-train.npz", images=IMAGES)
    content = path.read_bytes()
    if keep == "encrypted":
        content = content[:6] + bytes([content[6] | 1]) + content[7:]
        central = content.rindex(b"PK\x01\x02")
        path.write_bytes(content[: central + 8] + bytes([content[central + 8] | 1]) + content[central + 9 :])
    elif keep == "lone":
        with open(path, "wb") as file:
            np.save(file, IMAGES)
    elif keep in BAD_ENTRIES:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", BAD_ENTRIES[keep])
    else:
        path.write_bytes(content[:keep])
    assert str(path) in error_of("cifar10", "train", tmp_path)


# ---- fingerprints


def test_the_fingerprint_follows_name_size_time_and_recipe(tmp_path):
    write_celeba(tmp_path)

    def print_of(size=64, **options) -> str:
        return find("celeba", "train", tmp_path, size, **options).fingerprint()

    seen, path = [print_of()], tmp_path / "celeba/img_align_celeba/000001.jpg"
    assert print_of() == seen[0]
    os.utime(path, ns=(1, 1))
    seen.append(print_of())
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(1, 1))
    seen.append(print_of())
    path.unlink()
    seen += [print_of(), print_of(size=32), print_of(skip_corrupt=True)]
    assert len(set(seen)) == len(seen)
