"""The exercises of notebook 07: cases, right functions, and wrong ones with what a student is told of them."""

import torch
from torch import Tensor, nn

from exercises import Wrong, answered, close, exercise, refuse, rng
from helpers.objective import gaussian_kl


def by_layers(channels, side, widths, kernel, stride, padding):
    """Return what PyTorch's own layers say."""
    rows, x = [], torch.zeros(1, channels, side, side)
    for width in widths:
        layer = nn.Conv2d(x.shape[1], width, kernel, stride, padding)
        x = layer(x)
        rows.append([width, x.shape[-1], sum(p.numel() for p in layer.parameters())])
    return rows


@exercise(
    "07.1",
    right=by_layers,
    cases=[(3, 32, (16, 48, 96), 4, 2, 1), (1, 28, (8, 5), 3, 2, 1), (2, 17, (4, 7, 3), 5, 3, 2), (1, 11, (2, 3), 3, 2, 0)],
    what="the plan",
    hint="At how many places can a window begin? And how many numbers does it read for one that it writes?",
    slips={
        "your sides are one too small: a window that does not move at all is already one position.": {"first": 0},
        "a window that does not fit entirely is no position: round down.": {"down": -1},
        "a side depends on kernel and padding, too; ⌈n/s⌉ fits only some.": {"side_of": lambda n, k, s, p: -(-n // s)},
        "the biases are missing: one for each channel that comes out.": {"bias": 0},
        "you counted the kernel once for every position. It is *shared*: the side does not matter.": {"shared": False},
        "the kernel is a square: kernel² weights for each pair of channels.": {"power": 1},
        "every stage is counted as if it read the image: it reads what the stage before put out.": {"chained": False},
    },
)
def conv_plan(
    channels, side, widths, kernel, stride, padding, first=1, down=1, bias=1, shared=True, power=2, chained=True, side_of=None
):
    rows = []
    for width in widths:
        moves = down * (down * (side + 2 * padding - kernel) // stride)
        side = side_of(side, kernel, stride, padding) if side_of else moves + first
        rows.append([width, side, kernel**power * channels * width * (1 if shared else side**2) + bias * width])
        channels = width if chained else channels
    return torch.tensor(rows)


class Stage(nn.Module):
    """A module that runs layers, then a function of (output, input, layers)."""

    def __init__(self, *layers: nn.Module, then=lambda out, x: out):
        super().__init__()
        self.layers, self.then = nn.Sequential(*layers), then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.layers(x), x)


def transposed(kernel, padding, extra=0, **then):
    return lambda read, put: Stage(nn.ConvTranspose2d(read, put, kernel, 2, padding, output_padding=extra), **then)


def nearest(x):
    return nn.functional.interpolate(x, scale_factor=2)


@exercise(
    "07.2",
    right=(
        transposed(4, 1),
        lambda read, put: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(read, put, 3, padding=1), nn.ReLU()),
        lambda read, put: nn.Sequential(nn.Conv2d(read, 4 * put, 3, padding=1), nn.PixelShuffle(2)),
    ),
    slips={
        "One short: kernel 3 at stride 2 with padding 1 gives 2n − 1.": transposed(3, 1),
        "a checkerboard": transposed(3, 1, 1),
        "should become": lambda read, put: nn.Upsample(scale_factor=2),
        "should become (2, 5, 8, 8)": lambda read, put: nn.ConvTranspose2d(read, 4, 4, 2, 1),
        "return an nn.Module, not a Tensor": lambda read, put: torch.zeros(2, 4, 8, 8),
        "it has no parameters": lambda read, put: Stage(then=lambda out, x: nearest(x[:, :1]).repeat(1, put, 1, 1)),
        "its output does not depend on its input": transposed(3, 1, 1, then=lambda out, x: out.softmax(1)),
        "its parameters do not change its output": transposed(4, 1, then=lambda out, x: 0 * out + nearest(x[:, :1])),
    },
)
def up_stage(answer) -> None:
    """Sides double; no place is written more often than another; input and parameters matter."""
    for read, put in ((6, 4), (3, 5)):
        with torch.random.fork_rng(devices=[]):
            module = answered(answer, read, put)
        refuse(not isinstance(module, nn.Module), f"return an nn.Module, not a {type(module).__name__}.")
        for side in (4, 7, 16):
            given, wanted = (2, read, side, side), (2, put, 2 * side, 2 * side)
            found = tuple(module(torch.zeros(given)).shape)
            hint = " One short: kernel 3 at stride 2 with padding 1 gives 2n − 1." if found[-1] == 2 * side - 1 else ""
            refuse(found != wanted, f"maps {given} should become {wanted}, but become {found}.{hint}")
        refuse(not list(module.parameters()), "there is nothing to learn in your stage: it has no parameters.")
        even, noise = torch.ones(1, read, 16, 16), torch.rand(1, read, 16, 16, generator=rng(0))
        flat, rough, other = inner(module, 0.01, even), inner(module, 0.01, noise), inner(module, 0.02, noise)
        if flat.allclose(rough, atol=1e-6):
            raise Wrong("nothing is decoded in your stage: with all weights equal, its output does not depend on its input.")
        if rough.allclose(other, atol=1e-6):
            raise Wrong("there is nothing to learn in your stage: its parameters do not change its output.")
        if (flat - flat.mean()).abs().max() > 1e-4:
            raise Wrong("a checkerboard: an even input should give an even output. Make the kernel a multiple of the stride.")


@torch.no_grad()
def inner(module: nn.Module, weight: float, x: Tensor) -> Tensor:
    """Return the first channel of a module's output away from the border, when all its parameters have one value."""
    for parameter in module.parameters():
        parameter.fill_(weight)
    return module.eval()(x)[0, 0, 6:-6, 6:-6]


def images(*shape: int, count: int = 1) -> tuple[Tensor, ...]:
    return tuple(torch.rand(count, *shape, generator=rng(shape[-1])))


SHAPES = ((5, 3, 32, 32), (4, 1, 28, 28), (2, 3, 8, 6))


@exercise(
    "07.3",
    right=lambda x: x.numpy().reshape(len(x), -1),
    cases=[images(*shape) for shape in SHAPES],
    hint="Keep the batch axis first, and the values of an image in their order.",
    bug={"Five images became 15 rows: each colour channel has a row of its own.": lambda x: x.reshape(-1, 32 * 32)},
    slips={
        "the shape is right, but a row holds values of several images: keep the batch axis first.": (
            lambda x: x.permute(1, 0, 2, 3).reshape(len(x), -1)
        ),
        "that is one row for the whole batch; each image should have a row of its own.": torch.flatten,
        "the rows are sorted; an image is the *places* of its values, too.": lambda x: x.flatten(1).sort(1).values,
        "the rows run backwards; keep the order.": lambda x: x.flatten(1).flip(1),
        "the images are in another order than they came in.": lambda x: x.flatten(1).flip(0),
    },
)
def flatten_images(x):
    return x.flatten(1)


def times(values):
    """Return the mean over an image's values, times a number of values."""
    return lambda e: values(e) * e.mean((1, 2, 3))


@exercise(
    "07.4",
    right=lambda *given: half_squares_and_kl(*given, times(lambda e: e[0].numel())),
    cases=[(*images(*shape, count=2), *torch.randn(2, shape[0], 6, generator=rng(8))) for shape in SHAPES],
    what="the loss",
    bug={"For images of 3072 values a squared error counts 0.255 times what it should.": {"recon": times(lambda e: 784)}},
    slips={
        "that is the mean over pixels beside the sum over latents; sum over an image's values.": {"recon": times(lambda e: 1)},
        "the ½ is missing: −log p of a Gaussian with variance 1 is half of the squared error.": {"half": 1},
        "you multiply the mean by height times width; the channels count, too.": {"recon": times(lambda e: e[0, 0].numel())},
        "you average over the latents; KL is a sum over them.": {"kl": lambda *given: gaussian_kl(*given) / 6},
        "sum within an image, but average over the batch.": {"over": torch.sum, "kl_over": torch.sum},
        "recon is summed over the batch; average it, as KL is.": {"over": torch.sum},
        "an image need not be square.": {"recon": times(lambda e: e.shape[1] * e.shape[3] ** 2)},
        "3072 fits CIFAR-10 only: that is again a factor from one data set.": {"recon": times(lambda e: 3072)},
        "the batch's mean is one number; you return one for each image.": {"over": torch.clone, "kl_over": torch.clone},
    },
)
def half_squares_and_kl(
    x, x_hat, mu, logvar, recon=lambda e: e.sum((1, 2, 3)), half=0.5, kl=gaussian_kl, over=torch.mean, kl_over=torch.mean
):
    return half * over(recon((x - x_hat) ** 2)) + kl_over(kl(mu, logvar))


def centred(v):
    return 2 * v - 1


def linear(y):
    return y


# What a decoder's output may be, as a function of values in [0, 1].
READINGS = (torch.logit, torch.atanh, linear, lambda v: torch.atanh(centred(v)), centred)


def costs(answer):
    """Return the function of an answer's least errors over all READINGS of a decoder's output, and of its errors at other images, (2, N)."""

    def seen(images):
        values = images.float() / 255
        pairs = [[answered(answer, images, of(v)) for v in (values, values.flip(-1))] for of in READINGS]
        odd = any(getattr(error, "shape", None) != values.shape[:1] for pair in pairs for error in pair)
        refuse(odd, f"the error should be one number for each image, {tuple(values.shape[:1])}.")
        least, other = min(pairs, key=lambda pair: pair[0].sum())
        twice = close(other, 4 * (values - values.flip(-1)).square().sum((1, 2, 3)), 1e-3)  # in [-1, 1]
        return torch.stack([least, other / 4 if twice else other])

    return seen


def reading(target, output):
    return lambda *given: image_error(*given, target, output)


@exercise(
    "07.5",
    right=(reading(linear, torch.tanh), *(reading(centred, of) for of in (torch.tanh, linear, lambda y: centred(y.sigmoid())))),
    cases=[(torch.randint(8, 248, (n, 3, 6, 6), generator=rng(n)).to(torch.uint8),) for n in (3, 4)],
    view=costs,
    what="the pair of errors, of the best output and of another,",
    hint="Which values have the images, and which can the output take? Sum the squared error over an image's values.",
    tolerance=1e-3,
    bug={"Targets lie in [−1, 1], and a sigmoid never puts out anything below 0.": {"target": centred}},
    slips={
        "there is still no output that matches the image, and the error should be squared.": {"target": centred, "size": torch.abs},
        "a perfect image now costs nothing, but others too little: sum over an image's values.": {"over": torch.mean},
        "a perfect image now costs nothing, but the error of others should be squared.": {"size": torch.abs},
        "divide the images by 255: a sigmoid reaches 1, and bytes 255.": {"target": lambda v: 255 * v},
    },
)
def image_error(images, logits, target=linear, output=torch.sigmoid, size=torch.square, over=torch.sum):
    return over(size(target(images.float() / 255) - output(logits)), (1, 2, 3))
