"""The networks: shapes for every size, parts that agree with each other, and configurations that are refused."""

import pytest
import torch

from helpers import models, objective
from helpers.models import VAE, Autoencoder, ModelConfig, build
from helpers.objective import ShapeError

SIZES = [(1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 21, 21)]


def config(**changes) -> ModelConfig:
    return ModelConfig(**{"family": "vae", "network": "fc", "shape": (1, 28, 28), "latent": 3, "widths": (16, 8)} | changes)


@pytest.mark.parametrize("family", ["ae", "vae"])
@pytest.mark.parametrize("network", ["fc", "conv"])
@pytest.mark.parametrize("shape", SIZES)
def test_images_go_in_and_come_out_at_their_size(family, network, shape):
    model = build(config(family=family, network=network, shape=shape), seed=0)
    output = model(torch.rand(2, *shape))
    assert output.x_logits.shape == (2, *shape)
    assert output.mu.shape == (2, 3)
    assert (output.logvar is None) == (family == "ae") and type(model) is {"ae": Autoencoder, "vae": VAE}[family]
    assert model.loss(torch.rand(2, *shape), output).kl.any() == (family == "vae")


def test_a_refined_decoder_has_a_residual_convolution_after_each_upsampling_but_the_last():
    plain, refined = (
        build(config(network="conv", widths=(4, 8, 8), shape=(3, 32, 32), refined=it), seed=0) for it in (False, True)
    )
    extra = models.parameter_count(refined) - models.parameter_count(plain)
    assert extra == (9 * 8 * 8 + 8) + (9 * 4 * 4 + 4)
    blocks = [layer for layer in refined.decoder if isinstance(layer, models.Residual)]
    x = torch.randn(2, 8, 5, 5)
    assert blocks[0](x).shape == x.shape
    torch.nn.init.zeros_(blocks[0].conv.weight), torch.nn.init.zeros_(blocks[0].conv.bias)
    assert torch.equal(blocks[0](x), x)
    assert refined(torch.rand(2, 3, 32, 32)).x_logits.shape == (2, 3, 32, 32)


def test_reparameterize_has_the_moments_and_the_gradient():
    mu, logvar = torch.full((50_000, 1), 2.0), torch.full((50_000, 1), -1.0)
    z = models.reparameterize(mu, logvar, torch.Generator().manual_seed(0))
    assert z.mean().item() == pytest.approx(2.0, abs=0.02)
    assert z.var().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.03)
    mu, logvar = torch.zeros(4, 2, requires_grad=True), torch.zeros(4, 2, requires_grad=True)
    z = models.reparameterize(mu, logvar, torch.Generator().manual_seed(1))
    z.sum().backward()
    assert torch.equal(mu.grad, torch.ones(4, 2))
    assert torch.allclose(logvar.grad, 0.5 * z.detach())  # dz/dlogvar = eps sigma / 2, and here z = eps


@pytest.mark.parametrize(("likelihood", "sigma"), [("bernoulli", 1.0), ("gaussian", 0.5), ("gaussian", "learned")])
def test_loss_is_recon_plus_beta_kl(likelihood, sigma):
    model, x = build(config(likelihood=likelihood, sigma=sigma), seed=0), torch.rand(5, 1, 28, 28)
    output = model(x, torch.Generator().manual_seed(0))
    loss = model.loss(x, output, beta=3.0)
    assert torch.allclose(loss.loss, loss.recon + 3 * loss.kl)
    assert torch.allclose(loss.kl, objective.gaussian_kl(output.mu, output.logvar))
    assert loss.loss.shape == (5,)


def test_a_learned_sigma_is_a_running_mean_that_settles_on_the_last_fifty_batches():
    model, x = build(config(likelihood="gaussian", sigma="learned"), seed=0).train(), torch.zeros(1, 1, 28, 28)
    logits = [torch.full_like(x, value) for value in (-2.0, -1.0, 0.0)]
    errors = [torch.sigmoid(one).mean().item() for one in logits]  # of black images: the best sigma of each batch
    for one in logits:
        model.nll(x, one)
    assert model.sigma.item() == pytest.approx(sum(errors) / 3, rel=1e-5)
    for _ in range(97):
        model.nll(x, logits[0])
    before = model.sigma.item()
    model.nll(x, logits[2])
    assert model.sigma.item() == pytest.approx(0.98 * before + 0.02 * errors[2], rel=1e-5)
    kept = model.eval().sigma.clone()
    model.nll(x, logits[0])
    assert torch.equal(model.sigma, kept)


@pytest.mark.parametrize("bias", [-1000.0, 1000.0])
def test_logvar_is_bounded(bias):
    model = build(config(), seed=0)
    with torch.no_grad():
        model.to_logvar.bias.fill_(bias)
    assert model.encode(torch.rand(1, 1, 28, 28))[1].abs().unique().tolist() == [20.0]


def test_a_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, c = build(config(), seed=1), build(config(), seed=1), build(config(), seed=2)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.to_mu.weight, c.to_mu.weight)


def test_batched_functions_agree_with_the_model():
    images = torch.randint(0, 256, (1203, 1, 28, 28), dtype=torch.uint8)
    vae, ae = build(config(), seed=0), build(config(family="ae"), seed=0)
    with torch.no_grad():
        mu, logvar = vae.encode(images.float() / 255)
        assert torch.allclose(models.codes(vae, images), mu, atol=1e-5)
        assert torch.allclose(models.posterior(vae, images)[1], logvar, atol=1e-5)
        assert torch.allclose(models.codes(ae, images), ae.encode(images.float() / 255), atol=1e-5)
        assert torch.allclose(models.reconstruct(vae, images), vae.decode(mu), atol=1e-5)
        assert torch.equal(vae.decode(mu), torch.sigmoid(vae.decoder(mu)))  # images in [0, 1], not logits
    assert vae.decode(mu[:2]).requires_grad  # no leftover inference mode


def test_evaluate_is_the_mean_over_all_images_and_repeats():
    images = torch.randint(0, 256, (700, 1, 28, 28), dtype=torch.uint8)
    ae, vae = build(config(family="ae"), seed=0), build(config(), seed=0)
    with torch.no_grad():
        x = images.float() / 255
        oracle = objective.bernoulli_nll(x, ae(x).x_logits).mean()
    assert models.evaluate(ae, images)["recon"] == pytest.approx(oracle.item(), rel=1e-5)
    assert models.evaluate(vae, images) == models.evaluate(vae, images)


def test_evaluate_leaves_the_mode_and_a_learned_sigma_as_they_were():
    for training in (True, False):
        model = build(config(likelihood="gaussian", sigma="learned")).train(training)
        models.evaluate(model, torch.zeros(3, 1, 28, 28, dtype=torch.uint8))
        with pytest.raises(ShapeError):
            models.evaluate(model, torch.zeros(2, 3, 8, 8))
        assert model.training == training and model.sigma.item() == 1 and not model.sigma_steps


@pytest.mark.parametrize("network", ["fc", "conv"])
def test_images_and_latents_that_do_not_fit_are_told(network):
    model = build(config(network=network), seed=0)
    for use in (models.posterior, models.codes, models.reconstruct, models.evaluate):
        with pytest.raises(ShapeError, match=r"\(N, 1, 28, 28\).*\(1, 28, 28\) came; one alone is passed as it\[None\]"):
            use(model, torch.zeros(1, 28, 28))
        for wrong in (torch.zeros(2, 28, 28), torch.zeros(2, 3, 28, 28), torch.zeros(0, 1, 28, 28), torch.tensor(0.0)):
            with pytest.raises(ShapeError, match="the images must be"):
                use(model, wrong)
        with pytest.raises(ShapeError, match="from_numpy"):
            use(model, torch.zeros(2, 1, 28, 28).numpy())
    with pytest.raises(ValueError, match="no posterior"):
        models.posterior(build(config(network=network, family="ae")), torch.zeros(2, 1, 28, 28))
    with pytest.raises(ShapeError, match=r"latent vectors must be \(N, 3\).*one alone"):
        models.decode(model, torch.zeros(3))
    for wrong in (torch.zeros(2, 4), torch.zeros(0, 3), torch.zeros(2, 2, 3)):
        with pytest.raises(ShapeError, match="latent vectors must be"):
            models.decode(model, wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"family": "gan"}, "family is 'gan'"),
        ({"network": "transformer"}, "one of fc, conv"),
        ({"likelihood": "laplace"}, "bernoulli, gaussian"),
        ({"shape": (28, 28)}, "channels, side, side"),
        ({"shape": (1, 28, 32)}, "square"),
        ({"latent": 0}, "at least 1"),
        ({"widths": ()}, "at least 1"),
        ({"sigma": -1.0}, "positive number"),
        ({"sigma": float("inf")}, "positive number"),
        ({"shape": (1, 0, 0)}, "square image"),
        ({"sigma": "learned"}, "only a Gaussian"),
    ],
)
def test_impossible_configurations_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        config(**wrong)
