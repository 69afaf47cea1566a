"""The course's networks: images in [0, 1] go in, latent codes come out, and the other way round.

`Autoencoder` and `VAE` are built from a `ModelConfig`, which is stored with the weights. Encoder and decoder are fully
connected ("fc") or convolutional ("conv"), for any square image. A model's `loss` is computed by helpers.objective.
The functions at the end take uint8 images, work in batches, and return float tensors on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers import objective
from helpers.data import to_float
from helpers.objective import Loss, ShapeError


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build a model. Raises ValueError, saying which setting is wrong, when it cannot be built.

    family: "ae" or "vae";  network: "fc" or "conv";  shape: (C, H, W) of an image;  latent: Z
    widths: hidden units of each fc layer, or channels after each conv stage (each halves the image while its side is even)
    likelihood: "bernoulli" or "gaussian";  sigma: the Gaussian's standard deviation, or "learned"
    refined: whether a conv decoder has a residual 3×3 convolution after each upsampling but the last
    """

    family: str = "vae"
    network: str = "fc"
    shape: tuple[int, ...] = (1, 28, 28)
    latent: int = 2
    widths: tuple[int, ...] = (512, 256)
    likelihood: str = "bernoulli"
    sigma: float | str = 1.0
    refined: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "widths", tuple(self.widths))
        allowed = {"family": ("ae", "vae"), "network": ("fc", "conv"), "likelihood": ("bernoulli", "gaussian")}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(values)}.")
        if len(self.shape) != 3 or self.shape[1] != self.shape[2] or min(self.shape) < 1:
            raise ValueError(f"shape is {self.shape}; it must be (channels, side, side), a square image.")
        if self.latent < 1 or not self.widths or min(self.widths) < 1:
            raise ValueError(f"latent is {self.latent} and widths are {self.widths}; all must be at least 1.")
        if self.sigma == "learned" and self.likelihood != "gaussian":
            raise ValueError('only a Gaussian has a sigma to learn: use likelihood="gaussian", or leave sigma out.')
        if self.sigma != "learned" and not (isinstance(self.sigma, (int, float)) and 0 < self.sigma < math.inf):
            raise ValueError(f'sigma is {self.sigma!r}; it must be a positive number or "learned".')

    def to_dict(self) -> dict:
        """Return the settings as plain values, ready for JSON."""
        return asdict(self)


def fc_trunk(config: ModelConfig) -> nn.Sequential:
    """Return the layers from an image (B, C, H, W) to features (B, widths[-1])."""
    channels, side, _ = config.shape
    sizes = (channels * side * side, *config.widths)
    layers = [layer for a, b in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(nn.Flatten(), *layers)


def fc_decoder(config: ModelConfig) -> nn.Sequential:
    """Return the layers from z (B, Z) to x_logits (B, C, H, W): the fully connected encoder, mirrored."""
    channels, side, _ = config.shape
    sizes = (config.latent, *reversed(config.widths))
    layers = [layer for a, b in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(a, b), nn.SiLU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], channels * side * side), nn.Unflatten(1, config.shape))


def stages(config: ModelConfig) -> list[tuple[int, int, int]]:
    """Return (channels in, channels out, stride) of each conv stage: stride 2 while the side is even, then 1."""
    channels, side, _ = config.shape
    found = []
    for width in config.widths:
        stride = 2 if side % 2 == 0 else 1
        found.append((channels, width, stride))
        channels, side = width, side // stride
    return found


def final_side(config: ModelConfig) -> int:
    """Return the side, in pixels, of the last conv stage's feature maps."""
    side = config.shape[1]
    for _, _, stride in stages(config):
        side //= stride
    return side


def conv_trunk(config: ModelConfig) -> nn.Sequential:
    """Return the layers from an image (B, C, H, W) to features (B, widths[-1] · side²)."""
    layers: list[nn.Module] = []
    for a, b, stride in stages(config):
        layers += [nn.Conv2d(a, b, 4, 2, 1) if stride == 2 else nn.Conv2d(a, b, 3, 1, 1), nn.SiLU()]
    return nn.Sequential(*layers, nn.Flatten())


class Residual(nn.Module):
    """x + conv(silu(x)): a 3×3 convolution that keeps the size (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same size, (B, C, H, W)."""
        return x + self.conv(nn.functional.silu(x))


def conv_decoder(config: ModelConfig) -> nn.Sequential:
    """Return the layers from z (B, Z) to x_logits (B, C, H, W): the convolutional encoder, mirrored."""
    side, width = final_side(config), config.widths[-1]
    layers: list[nn.Module] = [nn.Linear(config.latent, width * side * side), nn.Unflatten(1, (width, side, side))]
    for a, b, stride in reversed(stages(config)):
        layers += [nn.SiLU(), nn.ConvTranspose2d(b, a, 4, 2, 1) if stride == 2 else nn.Conv2d(b, a, 3, 1, 1)]
        layers += [Residual(a)] if config.refined else []
    return nn.Sequential(*layers[: -1 if config.refined else None])


class Output(NamedTuple):
    """A model's output for a batch: x_logits (B, C, H, W); mu (B, Z), the code; logvar (B, Z), None from an autoencoder."""

    x_logits: Tensor
    mu: Tensor
    logvar: Tensor | None


def over_processes(sigma: Tensor) -> Tensor:
    """Return the root mean square of a scalar over the training processes, each of which holds equally many images."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return sigma
    total = sigma.square()
    torch.distributed.all_reduce(total)
    return (total / torch.distributed.get_world_size()).sqrt()


class LatentModel(nn.Module):
    """What autoencoder and VAE share: a trunk that reads images, a decoder, and a likelihood."""

    sigma: Tensor
    sigma_steps: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = (fc_trunk if config.network == "fc" else conv_trunk)(config)
        self.decoder = (fc_decoder if config.network == "fc" else conv_decoder)(config)
        with torch.no_grad():
            self.features = self.trunk(torch.zeros(1, *config.shape)).shape[1]
        sigma = 1.0 if config.sigma == "learned" else config.sigma
        self.register_buffer("sigma", torch.tensor(float(sigma)))
        self.register_buffer("sigma_steps", torch.tensor(0.0))

    def encode(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return the code z, or mu and logvar, (B, Z) each, of images x (B, C, H, W) in [0, 1]."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Return images x_hat (B, C, H, W) in [0, 1] for latent vectors z (B, Z)."""
        return torch.sigmoid(self.decoder(z))

    def nll(self, x: Tensor, x_logits: Tensor) -> Tensor:
        """Return −log p(x|z) per image, (B,) nats, under the configured likelihood.

        A learned sigma is, while training, the best one for the batch (its gradient at the best value is zero, so none is
        taken); a running mean of it is kept for evaluation.
        """
        if self.config.likelihood == "bernoulli":
            return objective.bernoulli_nll(x, x_logits)
        x_hat, sigma = torch.sigmoid(x_logits.float()), self.sigma
        if self.training and self.config.sigma == "learned":
            sigma = over_processes(objective.optimal_sigma(x, x_hat).detach())
            self.sigma_steps += 1
            self.sigma.lerp_(sigma, torch.clamp(1 / self.sigma_steps, min=0.02))
        return objective.gaussian_nll(x, x_hat, sigma)

    def loss(self, x: Tensor, output: Output, beta: float = 1.0) -> Loss:
        """Return recon + beta · kl and its parts, (B,) nats each; the kl of an autoencoder is zero."""
        recon = self.nll(x, output.x_logits)
        no_kl = torch.zeros_like(recon)
        kl = no_kl if output.logvar is None else objective.gaussian_kl(output.mu, output.logvar)
        return Loss(recon + beta * kl, recon, kl)


class Autoencoder(LatentModel):
    """A deterministic autoencoder: x → z → x_hat. Built in notebook 01."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.to_z = nn.Linear(self.features, config.latent)

    def encode(self, x: Tensor) -> Tensor:
        """Return the code z (B, Z) of images x (B, C, H, W) in [0, 1]."""
        return self.to_z(self.trunk(x))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        """Return the reconstruction's logits and the code; `generator` is not used, nothing here is random."""
        z = self.encode(x)
        return Output(self.decoder(z), z, None)


def reparameterize(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return z = mu + exp(logvar / 2) · eps with eps ~ N(0, I): (B, Z), differentiable in mu and logvar.

    (Kingma & Welling 2014, section 2.4.) Built in notebooks 04 and 05.
    """
    eps = torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps


class VAE(LatentModel):
    """A variational autoencoder: x → q(z|x) = N(mu, exp(logvar)) → z → x_hat. Built in notebook 05."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.to_mu = nn.Linear(self.features, config.latent)
        self.to_logvar = nn.Linear(self.features, config.latent)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar, (B, Z) each, of images x (B, C, H, W) in [0, 1].

        logvar is kept within ±20, far beyond any trained value, so that one wild batch cannot overflow exp.
        """
        features = self.trunk(x)
        return self.to_mu(features), self.to_logvar(features).clamp(-20, 20)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        """Return the logits of one sampled reconstruction, and the posterior's mu and logvar."""
        mu, logvar = self.encode(x)
        mu, logvar = mu.float(), logvar.float()
        return Output(self.decoder(reparameterize(mu, logvar, generator)), mu, logvar)


def build(config: ModelConfig, seed: int | None = None) -> LatentModel:
    """Return a new model with freshly drawn weights; with a seed, always the same ones."""
    family = VAE if config.family == "vae" else Autoencoder
    if seed is None:
        return family(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return family(config)


def parameter_count(module: nn.Module) -> int:
    """Return how many numbers training may change."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def device_of(model: nn.Module) -> torch.device:
    """Return the device that a model's weights are on."""
    return next(model.parameters()).device


def in_batches(model: nn.Module, tensor: Tensor, batch: int = 500) -> Iterator[Tensor]:
    """Yield a tensor's rows a batch at a time, as floats on the model's device."""
    for start in range(0, len(tensor), batch):
        yield to_float(tensor[start : start + batch].to(device_of(model)))


def rows_of(tensor: Tensor, row: tuple[int | str, ...], what: str) -> Tensor:
    """Return a tensor as it is, once it is (N, *row) with N of 1 or more. Raises ShapeError, saying how one row is passed."""
    if not isinstance(tensor, Tensor):
        raise ShapeError(f"{what} must be a torch tensor, not a {type(tensor).__name__}; torch.from_numpy makes one of an array.")
    if tuple(tensor.shape[1:]) != tuple(row) or not len(tensor):
        wanted, found = f"(N, {', '.join(map(str, row))})", tuple(tensor.shape)
        alone = "; one alone is passed as it[None]" if found == tuple(row) else ""
        raise ShapeError(f"{what} must be {wanted} with N of 1 or more, but {found} came{alone}.")
    return tensor


def checked_images(images: Tensor, shape: tuple[int, ...] | None = None, what: str = "the images") -> Tensor:
    """Return images as they are, once they are (N, *shape), N of 1 or more, uint8 or in [0, 1]; shape None: any (C, H, W).

    Raises ShapeError, ValueError.
    """
    found = tuple(images.shape[1:]) if images.ndim == 4 else ("C", "H", "W")
    if rows_of(images, shape or found, what).dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise ValueError(f"{what} must be uint8 or floats in [0, 1], but they are {images.dtype}.")
    bad = int((~images.isfinite()).sum())
    if bad:
        raise ValueError(f"{what} hold {bad:,} NaN or infinite values.")
    low, high = images.min().item(), images.max().item()
    if low < -1e-4 or high > 1 + 1e-4:
        hint = "Images in [−1, 1] need (x + 1) / 2; logits a sigmoid; floats in [0, 255] x / 255."
        raise ValueError(f"{what} must lie in [0, 1], but reach from {low:.3g} to {high:.3g}. {hint}")
    return images


def image_batches(model: LatentModel, images: Tensor) -> Iterator[Tensor]:
    """Yield images (N, C, H, W) as `in_batches` does. Raises ShapeError unless they fit the model."""
    yield from in_batches(model, rows_of(images, model.config.shape, "the images"))


@torch.no_grad()
def posterior(model: LatentModel, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return a VAE's mu and logvar, (N, Z) float32 each, of images (N, C, H, W), uint8 or in [0, 1].

    Raises ShapeError, and ValueError for an autoencoder, which has codes only.
    """
    if isinstance(model, Autoencoder):
        raise ValueError("an autoencoder has no posterior; codes(model, images) returns its codes.")
    parts = [model.encode(x) for x in image_batches(model, images)]
    return torch.cat([mu.cpu() for mu, _ in parts]), torch.cat([logvar.cpu() for _, logvar in parts])


def mean_code(model: LatentModel, x: Tensor) -> Tensor:
    """Return the code of each image of a batch, (B, Z), with its gradient: z of an autoencoder, mu of a VAE."""
    code = model.encode(x)
    return code if isinstance(code, Tensor) else code[0]


@torch.no_grad()
def codes(model: LatentModel, images: Tensor) -> Tensor:
    """Return the code of each image (N, C, H, W), (N, Z): z of an autoencoder, mu of a VAE. Raises ShapeError."""
    return torch.cat([mean_code(model, x).cpu() for x in image_batches(model, images)])


@torch.no_grad()
def decode(model: LatentModel, z: Tensor) -> Tensor:
    """Return the images (N, C, H, W) in [0, 1] of latent vectors z (N, Z). Raises ShapeError."""
    points = rows_of(z, (model.config.latent,), "latent vectors")
    return torch.cat([model.decode(part).cpu() for part in in_batches(model, points)])


def reconstruct(model: LatentModel, images: Tensor) -> Tensor:
    """Return decode(codes(images)): the reconstruction of each image, without noise, (N, C, H, W) in [0, 1]."""
    return decode(model, codes(model, images))


@torch.no_grad()
def evaluate(model: LatentModel, images: Tensor) -> dict[str, float]:
    """Return the mean loss, recon and kl over images (N, C, H, W), in nats per image, one noise sample each.

    Learned sigmas and the mode stay as they are; the noise is the same every time. Raises ShapeError.
    """
    was_training, noise = model.training, torch.Generator(device_of(model)).manual_seed(0)
    model.eval()
    totals = torch.zeros(3, dtype=torch.float64)
    try:
        for x in image_batches(model, images):
            totals += torch.stack([part.cpu().double().sum() for part in model.loss(x, model(x, noise))])
    finally:
        model.train(was_training)
    return dict(zip(Loss._fields, (totals / len(images)).tolist(), strict=True))
