"""The models that ship with the course: a name goes in; a trained model, its card and its latent codes come out.

A file `weights/NAME.safetensors` holds half-precision weights and a card: configuration, recipe, data, seed, training history,
calibration, held-out scores and a checksum. `weights/NAME.codes.safetensors` holds the latent codes of held-out images,
`weights/NAME.prior.safetensors` distributions fitted to the codes of training images, and, of a feature network,
`weights/NAME.reference.safetensors` the features of real held-out images, to which others can be compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from helpers.checksums import checksum
from helpers.data import DataError
from helpers.features import FeatureConfig, FeatureNetwork, named
from helpers.files import write_atomically
from helpers.models import LatentModel, ModelConfig, build

FOLDER = Path(__file__).parent / "weights"
BESIDE = (".codes", ".prior", ".reference")  # files that belong to a model


@dataclass(frozen=True)
class Codes:
    """A model's posteriors of held-out images, with their labels.

    mu, logvar: (N, Z) float32 (logvar None for an autoencoder);  labels: (N,) int64, or None;  attributes: (N, A) bool, or None
    """

    mu: Tensor
    logvar: Tensor | None
    labels: Tensor | None
    class_names: tuple[str, ...] = ()
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.mu)


class Mixture(NamedTuple):
    """A mixture of normal distributions: weights (K,), means (K, Z), and lower triangular roots (K, Z, Z) of the covariances."""

    weights: Tensor
    means: Tensor
    roots: Tensor


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of the models that are here."""
    return sorted(path.stem for path in Path(folder).glob("*.safetensors") if not path.stem.endswith(BESIDE))


def load(name: str, folder: Path = FOLDER) -> LatentModel | FeatureNetwork:
    """Return a shipped model or feature network, ready to use (eval mode, float32, on the CPU).

    Raises DataError when the name is unknown (the known ones are listed), the file is damaged, or it does not fit.
    """
    tensors, card = read(weight_file(name, folder))
    if "config" not in card:
        raise DataError(f"{name} is no model, but belongs to one. There are: {', '.join(names(folder)) or 'none'}.")
    config = card["config"]
    model: LatentModel | FeatureNetwork
    try:
        model = FeatureNetwork(FeatureConfig(**config)) if "task" in config else build(ModelConfig(**config))
        model.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"the weights of {name} do not fit the model that its card describes: {error}") from error
    return model.eval()


def card(name: str, folder: Path = FOLDER) -> dict:
    """Return where a shipped model comes from: config, recipe, data, seed, seconds, scores, history, licence."""
    return read(weight_file(name, folder))[1]


def codes(name: str, folder: Path = FOLDER) -> Codes:
    """Return the latent codes of held-out images that ship with a model."""
    tensors, about = read(weight_file(f"{name}.codes", folder))
    logvar, labels, attributes = (tensors.get(key) for key in ("logvar", "labels", "attributes"))
    return Codes(
        tensors["mu"].float(), None if logvar is None else logvar.float(),
        None if labels is None else labels.long(), tuple(about.get("class_names", ())),
        None if attributes is None else attributes.bool(), tuple(about.get("attribute_names", ())),
    )  # fmt: skip


def fitted_prior(name: str, components: int, folder: Path = FOLDER) -> Mixture:
    """Return the mixture of 1 or 10 normal distributions, fitted to the codes of training images, that ships with a model."""
    tensors, about = read(weight_file(f"{name}.prior", folder))
    if components not in about["components"]:
        raise ValueError(f"{name} ships with mixtures of {about['components']} components, not of {components}.")
    return Mixture(*(tensors[f"{part}_{components}"].float() for part in Mixture._fields))


def reference(name: str, folder: Path = FOLDER) -> Tensor:
    """Return a shipped feature network's features (N, F) float32 of real held-out images, for comparisons without the images.

    `card(f"{name}.reference")` names the images.
    """
    return named(read(weight_file(f"{name}.reference", folder))[0]["features"].float(), name)


def describe(name: str, folder: Path = FOLDER) -> str:
    """Return one line on a shipped model: what, trained on what, with which held-out scores."""
    about = card(name, folder)
    scores, made = about["scores"], f"{name} · {about['data']} · {about['recipe']['epochs']} epochs"
    if "accuracy" in scores:
        return f"{made} · held out: accuracy {scores['accuracy']:.3f}"
    return f"{made} · held out, nats per image: " + " · ".join(f"{key} {scores[key]:.1f}" for key in ("recon", "kl", "sse"))


def weight_file(name: str, folder: Path) -> Path:
    """Return the path of a weight file. Raises DataError, listing those that are there, when it is missing."""
    path = Path(folder) / f"{name}.safetensors"
    if not path.exists():
        known = ", ".join(names(folder)) or "none"
        raise DataError(f"there are no weights named {name!r}. There are: {known}.")
    return path


def folder_of(name: str, first: Path) -> Path:
    """Return `first` where it has weights of this name, else the shipped ones' folder. Raises DataError where neither has."""
    for folder in (Path(first), FOLDER):
        if name in names(folder):
            return folder
    known = ", ".join(names(first) + [one for one in names() if one not in names(first)])
    raise DataError(f"there are no weights named {name!r}, neither in {first} nor among the shipped ones. There are: {known}.")


def write(path: Path, tensors: dict[str, Tensor], about: dict) -> Path:
    """Write tensors and a card, in one step; floats are stored in half precision."""
    small = {key: (value.half() if value.is_floating_point() else value).contiguous() for key, value in tensors.items()}
    card = json.dumps(about)
    metadata = {"card": card, "card_sha256": hashlib.sha256(card.encode()).hexdigest(), "sha256": checksum(small)}
    return write_atomically(path, lambda file: file.write(to_bytes(small, metadata)))


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Return the tensors and the card of a file. Raises DataError when it is cut short or a byte of either differs."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path.name} is damaged or cut short ({error}). {remedy(path)}") from error
    text = metadata.get("card", "")
    found = hashlib.sha256(text.encode()).hexdigest()
    if not text or checksum(tensors) != metadata.get("sha256") or metadata.get("card_sha256") != found:
        raise DataError(f"{path.name} is damaged: its checksum differs. {remedy(path)}")
    return tensors, json.loads(text)


def remedy(path: Path) -> str:
    """Return what to do about a damaged file: a shipped one is in the repository, one of the user's own can be made again."""
    shipped = path.parent.resolve() == FOLDER.resolve()
    return "Restore it: git checkout -- helpers/weights" if shipped else "Delete it, and train again, from its checkpoint."


def save(model: LatentModel | FeatureNetwork, name: str, about: dict, folder: Path = FOLDER) -> Path:
    """Write a model's weights with its card (`about`, plus the model's own configuration)."""
    tensors = {key: value.detach().cpu() for key, value in model.state_dict().items()}
    return write(Path(folder) / f"{name}.safetensors", tensors, {"name": name, "config": model.config.to_dict(), **about})


def save_codes(name: str, kept: Codes, about: dict, folder: Path = FOLDER) -> Path:
    """Write latent codes beside a model's weights."""
    tensors = {"mu": kept.mu, "logvar": kept.logvar, "labels": kept.labels, "attributes": kept.attributes}
    whole = {"labels", "attributes"}
    present = {k: v.to(torch.uint8) if k in whole else v for k, v in tensors.items() if v is not None}
    tables = {"class_names": list(kept.class_names), "attribute_names": list(kept.attribute_names)}
    return write(Path(folder) / f"{name}.codes.safetensors", present, {**about, **tables})


def save_priors(name: str, fitted: Sequence[Mixture], about: dict, folder: Path = FOLDER) -> Path:
    """Write distributions fitted to the codes of training images beside a model's weights; see `fitted_prior`."""
    tensors = {f"{part}_{len(one.weights)}": value for one in fitted for part, value in one._asdict().items()}
    about = {**about, "components": [len(one.weights) for one in fitted]}
    return write(Path(folder) / f"{name}.prior.safetensors", tensors, about)


def save_reference(name: str, features: Tensor, about: dict, folder: Path = FOLDER) -> Path:
    """Write a feature network's features (N, F) of real images beside its weights."""
    return write(Path(folder) / f"{name}.reference.safetensors", {"features": features}, about)
