"""The checks of notebook 07's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch
from torch import nn

from exercises import StillThere, Wrong, close, exercise, returned


def stages_of(channels: int, side: int, widths: tuple[int, ...], kernel: int, stride: int, padding: int) -> torch.Tensor:
    """Return what PyTorch's own layers say: channels, side and parameters after each stage, (stages, 3)."""
    rows, x = [], torch.zeros(1, channels, side, side)
    for width in widths:
        layer = nn.Conv2d(x.shape[1], width, kernel, stride, padding)
        x = layer(x)
        rows.append([width, x.shape[-1], sum(p.numel() for p in layer.parameters())])
    return torch.tensor(rows)


def parameters_from(channels: int, widths: tuple[int, ...], kernel: int) -> torch.Tensor:
    """Return each stage's number of parameters if all of them read `channels` channels: a slip, (stages,)."""
    return torch.tensor([kernel**2 * channels * width + width for width in widths])


@exercise("07.1", "conv_plan")
def plan(answer) -> None:
    """Against PyTorch's own layers, with sides that do and do not divide."""
    cases = [((3, 32, (16, 48, 96)), (4, 2, 1)), ((1, 28, (8, 5)), (3, 2, 1)), ((2, 17, (4, 7, 3)), (5, 3, 2))]
    for (channels, side, widths), layer in cases:
        wanted = stages_of(channels, side, widths, *layer)
        found = returned(answer, channels, side, widths, *layer, like=wanted, what="the plan")
        if close(found, wanted):
            continue
        told = f"for pictures {channels}×{side}×{side}, widths {widths} and (kernel, stride, padding) = {layer} "
        if not close(found[:, 0], wanted[:, 0]):
            raise Wrong(told + "the first column should be the channels that come out of each stage, which are the widths.")
        if close(found[:1, 1], wanted[:1, 1] - 1):
            raise Wrong(told + "your sides are one too small: a window that does not move at all is already one place.")
        if not close(found[:, 1], wanted[:, 1]):
            raise Wrong(
                told + f"the sides are {wanted[:, 1].tolist()}: ⌊(n + 2p − k)/s⌋ + 1, rounded down, each from the side before."
            )
        if close(found[:, 2], wanted[:, 2] - wanted[:, 0]):
            raise Wrong(told + "the biases are missing: one for each channel that comes out.")
        if close(found[:, 2], (wanted[:, 2] - wanted[:, 0]) * wanted[:, 1] ** 2 + wanted[:, 0]):
            raise Wrong(told + "you counted the kernel once for every place. It is *shared*: the side does not matter.")
        if len(widths) > 1 and close(found[:, 2], parameters_from(channels, widths, kernel=layer[0])):
            raise Wrong(told + "every stage is counted as if it read the picture: it reads what the stage before put out.")
        raise Wrong(
            told
            + f"the parameters are {wanted[:, 2].tolist()}: kernel² · channels in · channels out, and a bias for each channel out."
        )


@exercise("07.2", "up_stage")
def upwards(answer) -> None:
    """Sides double; no place is written more often than another; weights do not depend on the side."""
    torch_state = torch.random.get_rng_state()
    module = answer(6, 4)
    if module is None:
        raise NotImplementedError
    if not isinstance(module, nn.Module):
        raise Wrong(f"return an nn.Module, not a {type(module).__name__}.")
    for side in (4, 7, 16):
        out = module(torch.zeros(2, 6, side, side))
        if tuple(out.shape) != (2, 4, 2 * side, 2 * side):
            hint = " One short: kernel 3 at stride 2 with padding 1 gives 2n − 1." if out.shape[-1] == 2 * side - 1 else ""
            raise Wrong(
                f"maps (2, 6, {side}, {side}) should become (2, 4, {2 * side}, {2 * side}), but become {tuple(out.shape)}.{hint}"
            )
    if not list(module.parameters()):
        raise Wrong("there is nothing to learn in your stage: it has no parameters.")
    flat = written_equally(module)
    torch.random.set_rng_state(torch_state)
    if not flat:
        raise Wrong("a checkerboard: with all weights equal, an even input should give an even output away from the border. "
                    "The kernel should be a multiple of the stride.")  # fmt: skip


@torch.no_grad()
def written_equally(module: nn.Module) -> bool:
    """Return whether a constant map stays constant, away from the border, when all weights are equal."""
    for parameter in module.parameters():
        parameter.fill_(0.01)
    out = module.eval()(torch.ones(1, 6, 16, 16))[0, 0, 6:-6, 6:-6]
    return bool((out - out.mean()).abs().max() < 1e-4)


def some(value) -> torch.Tensor:
    """Return what an answer has returned as a tensor; raise Wrong where it has returned nothing."""
    if value is None:
        raise Wrong("your function returns nothing: is a `return` missing?")
    return torch.as_tensor(value)


@exercise("07.3", "flatten_pictures")
def flattened(answer) -> None:
    """One row a picture, with all of its values in it and nothing else's."""
    for shape in ((5, 3, 32, 32), (4, 1, 28, 28), (2, 3, 8, 8)):
        x = torch.rand(shape, generator=torch.Generator().manual_seed(7))
        rows = some(answer(x.clone()))
        size = shape[1] * shape[2] * shape[3]
        if shape == (5, 3, 32, 32) and tuple(rows.shape) == (15, 1024):
            raise StillThere("Five pictures became 15 rows: each colour channel has a row of its own.")
        if tuple(rows.shape) != (shape[0], size):
            raise Wrong(f"{shape[0]} pictures of shape {shape[1:]} should be {(shape[0], size)}, but are {tuple(rows.shape)}.")
        if not close(rows.sort(1).values, x.flatten(1).sort(1).values):
            raise Wrong("the shape is right, but a row holds values of several pictures: keep the batch axis first.")


@exercise("07.4", "half_squares_and_kl")
def one_factor_for_all(answer) -> None:
    """Digits, colour pictures and small ones: each squared error counts a half, each nat of KL one."""
    generator = torch.Generator().manual_seed(8)
    for shape in ((5, 3, 32, 32), (4, 1, 28, 28), (2, 3, 8, 8)):
        x, x_hat = torch.rand(2, *shape, generator=generator)
        mu, logvar = torch.randn(2, shape[0], 6, generator=generator)
        squares, nats = (x - x_hat).square().flatten(1).sum(1), 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        wanted = (squares / 2 + nats).mean()
        found = some(answer(x, x_hat, mu, logvar))
        if found.ndim:
            raise Wrong(f"the batch's mean is one number, but yours has the shape {tuple(found.shape)}.")
        if close(found, wanted, 1e-4):
            continue
        values, places = x[0].numel(), x.shape[2] * x.shape[3]
        slips = {
            "that is the mean over pixels beside the sum over latents; recon has to be a sum over a picture's values.": squares
            / (2 * values)
            + nats,
            "the ½ is missing: a Gaussian of variance 1 pays half of the squared error.": squares + nats,
            "you multiply the mean by height times width; the channels count, too.": squares * places / (2 * values) + nats,
            "you average over the latents; KL is a sum over them.": squares / 2 + nats / 6,
            "sum within a picture, but average over the batch.": (squares / 2 + nats) * len(x),
            "recon is summed over the batch; average it, as KL is.": squares * len(x) / 2 + nats,
            "3072 fits CIFAR-10 only: that is again a factor from one data set.": squares * 3072 / (2 * values) + nats,
        }
        if close(found, (squares * 784 / (2 * values) + nats).mean(), 1e-4):
            raise StillThere(
                f"For pictures of {values} values a squared error counts {784 / values:.3g} times what it should beside a nat of KL."
            )
        for reason, value in slips.items():
            if close(found, value.mean(), 1e-4):
                raise Wrong(reason)
        raise Wrong(f"for pictures {shape[1:]} yours is {found.item():.5g}, not {wanted.item():.5g}.")


@exercise("07.5", "picture_error")
def ranges(answer) -> None:
    """A perfect reconstruction exists and costs nothing; a wrong one costs, pixel by pixel."""
    images = torch.randint(8, 248, (3, 3, 6, 6), generator=torch.Generator().manual_seed(9)).to(torch.uint8)
    logits = torch.logit(images.double() / 255).float()
    like, zero = torch.zeros(3), torch.zeros(3)
    half_grey = returned(answer, images, torch.zeros_like(logits), like=like, what="the error")
    perfect = {"sigmoid": returned(answer, images, logits, like=like, what="the error")}
    perfect["tanh"] = returned(answer, images, logits / 2, like=like, what="the error")  # tanh(l / 2) = 2 sigmoid(l) − 1
    perfect["nothing"] = returned(answer, images, images.float() / 255, like=like, what="the error")
    distance = (images.double() / 255 - 0.5).square().flatten(1).sum(1)
    if close(perfect["nothing"], zero, 1e-3):
        raise Wrong("you compare the logits themselves with pixels in [0, 1]; a decoder puts out logits, which need a sigmoid.")
    if not (close(perfect["sigmoid"], zero, 1e-3) or close(perfect["tanh"], zero, 1e-3)):
        x = images.double() / 127.5 - 1
        if close(perfect["sigmoid"], (x - torch.sigmoid(logits)).square().flatten(1).sum(1), 1e-3):
            raise StillThere("Targets lie in [−1, 1], and a sigmoid never puts out anything below 0.")
        raise Wrong(
            "there is still no output that matches the picture. Bring both to one range: [0, 1] with a sigmoid, or [−1, 1] with a tanh."
        )
    if not (close(half_grey, distance, 1e-3) or close(half_grey, 4 * distance, 1e-3)):
        raise Wrong(
            "the perfect picture now costs nothing, but others cost too little or too much: the squared error, summed over a picture's values."
        )
