"""The exercises of notebook 01: cases, right functions, and wrong ones with what a student is told of them."""

import torch
from sklearn.decomposition import PCA

from exercises import exercise


def fitted(x, k):
    model = PCA(k, svd_solver="full").fit(x.numpy())
    return model.inverse_transform(model.transform(x.numpy()))


def projected(x, k):
    v = torch.linalg.svd(x, full_matrices=False).Vh[:k]
    return x @ v.T @ v


x = torch.randn(60, 12, generator=torch.Generator().manual_seed(1)) @ torch.diag(torch.arange(12.0)) + 5

exercise(
    "01.1",
    "pca_reconstruct",
    right=(fitted, lambda x, k: projected(x - x.mean(0), k) + x.mean(0)),
    cases=[(x, 1), (x, 3)],
    what="the reconstruction",
    hint="Keep rows :k of Vh, project, and go back.",
    tolerance=1e-3,
    slips={
        "you did not subtract the mean before the SVD. PCA's directions are those of the *centred* data.": projected,
        "you subtracted the mean, but did not add it back to the reconstruction.": lambda x, k: projected(x - x.mean(0), k),
        "you returned x itself: only the first k directions may be kept.": lambda x, k: x,
    },
)


def ratio(codes=lambda n, z, bits: n * z * bits / 8, decoder=lambda n, w: 2 * w):
    return lambda n, p, z, bits, w: n * p / (codes(n, z, bits) + decoder(n, w))


exercise(
    "01.2",
    "compression_ratio",
    right=ratio(),
    cases=[(1, 784, 2, 8, 0), (1000, 784, 2, 8, 0), (50_000, 3072, 64, 16, 700_000)],
    what="the ratio",
    slips={
        "that is the inverse: the ratio says how many times *smaller* the codes are, so it is above 1 here.": (
            lambda *given: 1 / ratio()(*given)
        ),
        "the decoder is missing: it has to be delivered too, at two bytes a weight, once.": ratio(decoder=lambda n, w: 0),
        "you deliver the decoder with every image; it is needed once.": ratio(decoder=lambda n, w: 2 * w * n),
        "a weight of the decoder takes two bytes, not one.": ratio(decoder=lambda n, w: w),
        "a latent number takes `bits` bits, and all sizes are in bytes.": ratio(lambda n, z, bits: n * z * bits),
    },
)


def line(weights):
    return lambda a, b, steps: a + (b - a) * weights(steps)[:, None]


exercise(
    "01.3",
    "straight_line",
    right=line(lambda steps: torch.linspace(0, 1, steps)),
    cases=[(*torch.randn(2, size, generator=torch.Generator().manual_seed(size)), steps) for size, steps in ((2, 3), (8, 11))],
    what="the line",
    hint="It begins at z_a, ends at z_b, and its points are evenly spaced.",
    slips={
        "your line runs from z_b to z_a.": line(lambda steps: torch.linspace(1, 0, steps)),
        "your line does not end at z_b: both ends are included, so there are steps − 1 gaps between the points.": (
            line(lambda steps: torch.arange(steps) / steps)
        ),
        "your line does not begin at z_a.": line(lambda steps: (torch.arange(steps) + 1) / steps),
        "the ends are right, but the points between them are not evenly spaced.": (
            line(lambda steps: torch.linspace(0, 1, steps) ** 2)
        ),
    },
)


def memory(x):
    """Return a dark training image almost as it is, and a bright test image with errors of its own."""
    return torch.where(x.mean((1, 2, 3), keepdim=True) > 0.5, x.square(), x - 0.01)


def errors(reconstruct, x):
    return (x - reconstruct(x)).square().flatten(1).sum(1)


def report(combine):
    """Return an answer from a combination of the errors of the training and of the test images."""
    return lambda reconstruct, train, test: combine(errors(reconstruct, train), errors(reconstruct, test))


dark, bright = (torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(4)) * 0.4 + less for less in (0.0, 0.6))

exercise(
    "01.4",
    "report_test_error",
    right=report(lambda train, test: test.mean()),
    cases=[(memory, dark[:n], bright[:m]) for n, m in ((30, 10), (12, 25))],
    what="the error",
    hint="Sum over the pixels of a test image, then average over the test images.",
    bug={"More training images make the test error smaller.": report(lambda train, test: torch.cat([train, test]).mean())},
    slips={
        "now the mean runs over the pixels as well. Sum over an image's pixels, then average over images.": (
            report(lambda train, test: test.mean() / 16)
        ),
        "the errors of the training images are still in the sum.": report(
            lambda train, test: (train.sum() + test.sum()) / len(test)
        ),
        "that is the sum over the test images; report their mean.": report(lambda train, test: test.sum()),
        "that is the error of the training images.": report(lambda train, test: train.mean()),
        "that is the error of the first test image; report the mean over all of them.": report(lambda train, test: test[0]),
        "that is the largest error of a test image; report the mean.": report(lambda train, test: test.max()),
        "that is the median over the test images; report the mean.": report(lambda train, test: test.median()),
    },
)
