"""The exercises of notebook 01: cases, right functions, and wrong ones with what a student is told of them."""

import torch
from sklearn.decomposition import PCA

from exercises import Wrong, answered, exercise, normal, refuse, returned, rng

x = normal(60, 12, seed=1).float() @ torch.diag(torch.arange(1.0, 13)) + 5


def fitted(x, k):
    model = PCA(k, svd_solver="full").fit(x.numpy())
    return model.inverse_transform(model.transform(x.numpy()))


@exercise(
    "01.1",
    right=fitted,
    cases=[(x, 1), (x, 3)],
    what="the reconstruction",
    hint="Keep rows :k of Vh, project, and go back.",
    tolerance=1e-3,
    slips={
        "you did not subtract the mean before the SVD. PCA's directions are of the *centred* data.": {"before": 0, "after": 0},
        "you subtracted the mean, but did not add it back to the reconstruction.": {"after": 0},
        "you returned x itself: only the first k directions may be kept.": lambda x, k: x,
    },
)
def pca_reconstruct(x, k, before=1, after=1):
    mean = x.mean(0)
    v = torch.linalg.svd(x - before * mean, full_matrices=False).Vh[:k]
    return (x - before * mean) @ v.T @ v + after * mean


@exercise(
    "01.2",
    cases=[(1, 784, 3, 5, 0), (1, 784, 2, 8, 0), (1000, 784, 2, 8, 0), (50_000, 3072, 64, 16, 700_000), (9000, 784, 2, 8, 500_000)],
    what="the ratio",
    slips={
        "that is the inverse: the ratio says how many times *smaller* the codes are, so it is above 1 here.": {"power": -1},
        "the decoder is missing: it has to be delivered too, at two bytes a weight, once.": {"weight": 0},
        "you deliver the decoder with every image; it is needed once.": {"each": 1},
        "a weight of the decoder takes two bytes, not one.": {"weight": 1},
        "a latent number may end within a byte: use /, not //.": lambda n, p, z, b, w: n * p / (n * z * b // 8 + 2 * w),
        "a weight of the decoder takes two bytes, whatever `bits` is.": lambda n, p, z, b, w: n * p / (n * z * b / 8 + w * b / 8),
        "a latent number takes `bits` bits, and all sizes are in bytes.": {"byte": 1},
    },
)
def compression_ratio(n, p, z, bits, w, weight=2, byte=8, each=0, power=1):
    return (n * p / (n * z * bits / byte + weight * w * n**each)) ** power


@exercise(
    "01.3",
    cases=[(*normal(2, size, seed=size).float(), steps) for size, steps in ((2, 3), (8, 11))],
    what="the line",
    hint="It begins at z_a, ends at z_b, and its points are evenly spaced.",
    slips={
        "your line runs from z_b to z_a.": {"weights": lambda steps: torch.linspace(1, 0, steps)},
        "your line does not end at z_b: both ends are included, so there are steps − 1 gaps between the points.": {"gaps": 0},
        "your line does not begin at z_a.": {"weights": lambda steps: (torch.arange(steps) + 1) / steps},
        "the ends are right, but the points between them are not evenly spaced.": {"power": 2},
    },
)
def straight_line(z_a, z_b, steps, gaps=1, power=1, weights=None):
    shares = weights(steps) if weights else (torch.arange(steps) / (steps - gaps)) ** power
    return z_a + (z_b - z_a) * shares[:, None]


def memory(x):
    """Return a dark training image almost as it is, and a bright test image with errors of its own."""
    return torch.where(x.mean((1, 2, 3), keepdim=True) > 0.5, x.square(), x - 0.01)


dark, bright = (torch.rand(40, 2, 4, 2, generator=rng(4)) * 0.4 + less for less in (0.0, 0.6))


@exercise(
    "01.4",
    cases=[(memory, dark[:n], bright[:m]) for n, m in ((30, 10), (12, 25))],
    what="the error",
    hint="Sum over the pixels of a test image, then average over the test images.",
    bug={"More training images make the test error smaller.": {"of": lambda train, test: torch.cat([train, test]).mean()}},
    slips={
        "now the mean runs over the pixels as well. Sum over an image's pixels, then average over images.": 1 / 16,
        "the errors of the training images are still in the sum.": {"of": lambda a, b: (a.sum() + b.sum()) / len(b)},
        "that is the sum over the test images; report their mean.": {"of": lambda train, test: test.sum()},
        "that is the error of the training images.": {"of": lambda train, test: train.mean()},
        "that is the error of the first test image; report the mean over all of them.": {"of": lambda train, test: test[0]},
    },
)
def report_test_error(reconstruct, train, test, of=lambda train, test: test.mean()):
    return of(*((x - reconstruct(x)).square().flatten(1).sum(1) for x in (train, test)))


cloud = normal(200, 8, seed=7).float() @ torch.diag(torch.arange(8.0, 0, -1)) / 4 + 3


def projected(x, k, centred=True):
    """Return the codes and the reconstructions of rows from their first k singular directions."""
    mean = x.mean(0) if centred else torch.zeros(x.shape[1])
    v = torch.linalg.svd(x - mean, full_matrices=False).Vh[:k]
    return (x - mean) @ v.T, mean + (x - mean) @ v.T @ v


def error_of(x_hat):
    return (cloud - x_hat).square().sum(1).mean().item()


def not_linear(inputs, outputs):
    """Return whether rows of outputs are no linear function, with a constant, of rows of inputs."""
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=inputs.dtype)], 1)
    rest = outputs - inputs @ torch.linalg.lstsq(inputs, outputs, driver="gelsd").solution
    return rest.square().sum() > 1e-3 * (outputs - outputs.mean(0)).square().sum() + 1e-9


@exercise(
    "01.5",
    right=projected,
    slips={
        "return two tensors": lambda x, k: projected(x, k)[1],
        "not a linear function of your 2 codes": lambda x, k: (projected(x, k)[0], x.clone()),
        "the codes are not a linear function of the rows": lambda x, k: (projected(x, k)[0] ** 3, x.mean(0).expand_as(x)),
        "the codes should have shape (200, 3)": lambda x, k: projected(x, 2),
        "you changed the rows": lambda x, k: (projected(x, k), x.sub_(1))[0],
        "a plane through 0": lambda x, k: projected(x, k, centred=False),
        "no better than the mean": lambda x, k: (torch.zeros(len(x), k), x.mean(0).expand_as(x)),
        "times PCA's": lambda x, k: (projected(x, k)[0], x.mean(0) + 0.8 * (projected(x, k)[1] - x.mean(0))),
    },
)
def train_autoencoder(answer):
    for k in (2, 3):
        reconstructed(answer, k)


def reconstructed(answer, k):
    """Check one training of an answer, with k latents."""
    pair = answered(answer, given := cloud.clone(), k)
    refuse(not given.equal(cloud), "you changed the rows that you were given; work on a copy.")
    refuse(not isinstance(pair, (tuple, list)) or len(pair) != 2, "return two tensors: the codes and the reconstructions.")
    z = returned(lambda: pair[0], like=torch.zeros(len(cloud), k), what="the codes")
    x_hat = returned(lambda: pair[1], like=cloud, what="the reconstructions")
    refuse(
        not_linear(z, x_hat),
        f"the reconstructions are not a linear function of your {k} codes. Does something pass beside the bottleneck?",
    )
    refuse(
        not_linear(cloud.double(), z), "the codes are not a linear function of the rows: the encoder should have one linear layer."
    )
    error, least = error_of(x_hat), error_of(projected(cloud, k)[1])
    if error <= 1.02 * least:
        return
    refuse(
        error > 0.98 * error_of(cloud.mean(0)), "the error is no better than the mean of the rows. Does the optimiser take steps?"
    )
    refuse(
        abs(error / error_of(projected(cloud, k, centred=False)[1]) - 1) < 0.02,
        "the error is that of a plane through 0. Subtract the mean of the rows, or give the decoder a bias.",
    )
    raise Wrong(f"the error is {error / least:.2f} times PCA's. Train longer, and take smaller steps towards the end.")
