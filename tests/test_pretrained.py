"""The shipped weights: they load, say where they come from, agree with their codes, and damage is noticed."""

import importlib.util
from dataclasses import replace

import pytest
import torch

from helpers import latent, objective, pretrained
from helpers.data import DataError
from helpers.models import ModelConfig, build, parameter_count, reparameterize
from helpers.pretrained import Codes, Mixture
from tools.recipes import recipe

ROOT = pretrained.FOLDER.parents[1]


@pytest.mark.parametrize("name", pretrained.names())
def test_a_shipped_model_has_its_card_and_its_size(name):
    model, card = pretrained.load(name), pretrained.card(name)
    assert parameter_count(model) == card["parameters"]
    assert {"data", "images", "licence", "seed", "recipe", "scores", "command", "seconds"} <= card.keys()
    assert "drawn" not in card["data"]
    assert (pretrained.FOLDER / f"{name}.safetensors").stat().st_size < 8e6
    assert name in pretrained.describe(name)


@pytest.mark.parametrize("name", [name for name in pretrained.names() if not name.endswith("_features")])
def test_the_codes_reproduce_the_recorded_kl(name):
    """The card's KL was computed from images; the codes that ship must pay the same, without the images."""
    codes, card = pretrained.codes(name), pretrained.card(name)
    assert len(codes) == (card["recipe"].get("codes") or card["scores"]["images"])
    if codes.logvar is None:
        assert card["scores"]["kl"] == 0
    else:
        kl = objective.gaussian_kl(codes.mu, codes.logvar)
        chance = 5 * kl.std().item() / len(kl) ** 0.5 if len(kl) < card["scores"]["images"] else 0  # where only some ship
        assert kl.mean().item() == pytest.approx(card["scores"]["kl"], rel=5e-3, abs=chance)


def test_the_codes_of_faces_know_their_attributes():
    codes, network = pretrained.codes("celeba_vae"), pretrained.card("celeba_features")
    assert codes.attributes.shape == (len(codes), 40) and codes.attributes.dtype == torch.bool and codes.labels is None
    assert list(codes.attribute_names) == network["outputs"] and "Smiling" in codes.attribute_names
    assert "non-commercial" in network["licence"] and "non-commercial" in pretrained.card("celeba_vae")["licence"]


@pytest.mark.parametrize("name", [name for name in pretrained.names() if name.endswith("_features")])
def test_the_reference_features_agree_with_the_recorded_accuracy(name):
    """The head, put on the features that ship, must be as often right as the card says of images."""
    network, features, card = pretrained.load(name), pretrained.reference(name), pretrained.card(name)
    assert features.shape == (len(features), network.config.widths[-1]) and features.isfinite().all()
    if name == "celeba_features":
        right = ((network.head(features) > 0) == pretrained.codes("celeba_vae").attributes).float().mean()
        assert right.item() == pytest.approx(card["scores"]["accuracy"], abs=5e-4)
    else:  # their labels are those of the codes, which are of the first images too
        labels = pretrained.codes("cifar10_conv_vae").labels
        right = (network.head(features[: len(labels)]).argmax(1) == labels).float().mean()
        assert right.item() == pytest.approx(card["scores"]["accuracy"], abs=0.03)


def test_recipes_and_shipped_weights_are_the_same_models():
    for name in pretrained.names():
        card, plan = pretrained.card(name), recipe(name)
        assert type(plan.config)(**card["config"]) == plan.config and card["recipe"]["epochs"] == plan.epochs


def test_all_weights_together_are_small():
    assert sum(path.stat().st_size for path in pretrained.FOLDER.iterdir()) < 30e6


WITH_PRIOR = sorted(path.name.split(".")[0] for path in pretrained.FOLDER.glob("*.prior.safetensors"))


@pytest.mark.parametrize("name", WITH_PRIOR)
def test_fitted_priors_suit_held_out_codes_better_than_the_standard_normal(name):
    """Mean log density of held-out codes: ten components above one, and one above N(0, I)."""
    codes, found = pretrained.codes(name), []
    z = reparameterize(codes.mu, codes.logvar, torch.Generator().manual_seed(0))
    standard = Mixture(torch.ones(1), torch.zeros(1, z.shape[1]), torch.eye(z.shape[1])[None])
    for mixture in (standard, pretrained.fitted_prior(name, 1), pretrained.fitted_prior(name, 10)):
        parts = torch.distributions.MultivariateNormal(mixture.means, scale_tril=mixture.roots)
        found.append(torch.logsumexp(parts.log_prob(z[:, None]) + mixture.weights.log(), 1).mean().item())
    assert found[0] < found[1] < found[2]
    assert "train" in pretrained.card(f"{name}.prior")["data"]


def test_fitted_priors_survive_the_round_trip(tmp_path):
    z = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 0.5])
    fitted = [latent.fit_mixture(z, components) for components in (1, 2)]
    pretrained.save_priors("tiny", fitted, {}, tmp_path)
    for one in fitted:
        back = pretrained.fitted_prior("tiny", len(one.weights), tmp_path)
        assert all(torch.allclose(a, b, atol=2e-3) for a, b in zip(one, back, strict=True))
    assert torch.allclose(fitted[0].roots[0] @ fitted[0].roots[0].T, torch.cov(z.T), atol=0.05)
    with pytest.raises(ValueError, match=r"\[1, 2\] components, not of 3"):
        pretrained.fitted_prior("tiny", 3, tmp_path)
    assert pretrained.names(tmp_path) == []


def test_fashion_codes_tell_kinds_apart_better_than_chance():
    codes = pretrained.codes("fashion_vae")
    middles = torch.stack([codes.mu[codes.labels == k].mean(0) for k in range(10)])
    found = torch.cdist(codes.mu, middles).argmin(1)
    assert (found == codes.labels).float().mean() > 0.5


def small(tmp_path):
    model = build(ModelConfig("vae", "fc", (1, 8, 8), 2, (4,)), seed=0)
    pretrained.save(model, "tiny", {"data": "test"}, tmp_path)
    return model


def test_weights_survive_the_round_trip_in_half_precision(tmp_path):
    model = small(tmp_path)
    back = pretrained.load("tiny", tmp_path)
    for ours, theirs in zip(model.parameters(), back.parameters(), strict=True):
        assert torch.equal(ours.half().float(), theirs)
    assert pretrained.card("tiny", tmp_path)["config"]["widths"] == [4]
    kept = Codes(torch.randn(5, 2), torch.randn(5, 2), torch.arange(5), ("a", "b"))
    pretrained.save_codes("tiny", kept, {}, tmp_path)
    again = pretrained.codes("tiny", tmp_path)
    assert torch.equal(again.labels, kept.labels) and torch.allclose(again.mu, kept.mu, atol=1e-2)
    assert again.class_names == ("a", "b") and again.attributes is None
    faces = replace(kept, labels=None, attributes=torch.randn(5, 3) > 0, attribute_names=("Smiling", "Bald", "Male"))
    pretrained.save_codes("tiny", faces, {}, tmp_path)
    again = pretrained.codes("tiny", tmp_path)
    assert again.labels is None and torch.equal(again.attributes, faces.attributes)
    assert again.attribute_names == faces.attribute_names


def test_damage_is_noticed(tmp_path):
    small(tmp_path)
    path = tmp_path / "tiny.safetensors"
    whole = path.read_bytes()
    for broken in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2], b""):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="damaged"):
            pretrained.load("tiny", tmp_path)
    path.write_bytes(whole.replace(b"card_sha256", b"card_sha255"))  # a card without its checksum
    with pytest.raises(DataError, match="damaged"):
        pretrained.card("tiny", tmp_path)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match="fashion_vae"):
        pretrained.load("fashion_vea")


def test_the_table_of_the_beta_family_is_that_of_the_cards():
    spec = importlib.util.spec_from_file_location("beta_family", ROOT / "docs" / "beta_family.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert "\n".join(script.rows()) in (ROOT / "docs" / "models.md").read_text()


@pytest.mark.parametrize("name", [name for name in pretrained.names() if not name.startswith(("fashion_beta", "fashion_conv"))])
def test_the_readme_quotes_the_card(name):
    rows = (ROOT / "README.md").read_text().splitlines()
    row, scores = next(line for line in rows if line.startswith(f"| `{name}`")), pretrained.card(name)["scores"]
    if "accuracy" in scores:
        assert f"accuracy {scores['accuracy']:.3f}" in row
    else:
        digits = 0 if "bits_per_dim" in scores else 1
        assert f"recon {scores['recon']:.{digits}f}".replace("-", "−") in row
        assert scores["kl"] == 0 or f"KL {scores['kl']:.{digits}f}" in row
        assert "bits_per_dim" not in scores or f"{scores['bits_per_dim']:.2f} bits" in row
