"""The checks of notebook 01's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import torch
from sklearn.decomposition import PCA

from exercises import StillThere, Wrong, close, exercise, returned


@exercise("01.1", "pca_reconstruct")
def pca(answer) -> None:
    """PCA reconstruction against scikit-learn's, on data whose mean is far from zero."""
    x = torch.randn(60, 12, generator=torch.Generator().manual_seed(1)) @ torch.diag(torch.arange(12.0)) + 5
    for k in (1, 3):
        oracle = PCA(k, svd_solver="full").fit(x.numpy())
        wanted = torch.from_numpy(oracle.inverse_transform(oracle.transform(x.numpy())))
        found = returned(answer, x, k, like=wanted, what="the reconstruction")
        if close(found, wanted, 1e-3):
            continue
        vh = torch.linalg.svd(x, full_matrices=False).Vh[:k]
        if close(found, x @ vh.T @ vh, 1e-3):
            raise Wrong("you did not subtract the mean before the SVD. PCA's directions are those of the *centred* data.")
        if close(found + x.mean(0), wanted, 1e-3):
            raise Wrong("you subtracted the mean, but did not add it back to the reconstruction.")
        if close(found, x, 1e-3):
            raise Wrong(f"you returned x itself: only the first k = {k} directions may be kept.")
        raise Wrong(
            f"the reconstruction from k = {k} components differs from scikit-learn's. Keep rows :k of Vh, project, and go back."
        )


@exercise("01.2", "compression_ratio")
def ratio(answer) -> None:
    """Bytes before over bytes after, at three sizes."""
    for n, pixels, latent, bits, weights in ((1, 784, 2, 8, 0), (1000, 784, 2, 8, 0), (50_000, 3072, 64, 16, 700_000)):
        before, after = n * pixels, n * latent * bits / 8 + 2 * weights
        found = returned(answer, n, pixels, latent, bits, weights, like=before / after, what="the ratio").item()
        if abs(found - before / after) < 1e-6 * before / after:
            continue
        if abs(found * before / after - 1) < 1e-6:
            raise Wrong("that is the inverse: the ratio says how many times *smaller* the stored form is, so it is above 1 here.")
        if weights and abs(found - pixels / (latent * bits / 8)) < 1e-6 * found:
            raise Wrong("the decoder is missing: it has to be delivered too, at two bytes a weight, once.")
        if weights and abs(found - before / (n * (latent * bits / 8 + 2 * weights))) < 1e-6 * found:
            raise Wrong("you deliver the decoder with every picture; it is needed once.")
        raise Wrong(
            f"for n={n}, pixels={pixels}, latent={latent}, bits={bits} and {weights} weights yours is {found:.4g}, not {before / after:.4g}."
        )


@exercise("01.3", "straight_line")
def line(answer) -> None:
    """A straight line in any dimension, both ends included."""
    for size, steps in ((2, 3), (8, 11)):
        a, b = torch.randn(2, size, generator=torch.Generator().manual_seed(size)).unbind()
        wanted = torch.stack([a + (b - a) * i / (steps - 1) for i in range(steps)])
        found = returned(answer, a, b, steps, like=wanted, what="the line")
        if close(found, wanted, 1e-5):
            continue
        if close(found, wanted.flip(0), 1e-5):
            raise Wrong("your line runs from z_b to z_a.")
        if not close(found[-1], b, 1e-5):
            raise Wrong("your line does not end at z_b: both ends are included, so there are steps − 1 gaps between the points.")
        if not close(found[0], a, 1e-5):
            raise Wrong("your line does not begin at z_a.")
        raise Wrong("the ends are right, but the points between them are not evenly spaced.")


@exercise("01.4", "report_test_error")
def report(answer) -> None:
    """Held-out means held out: a model that has memorised its training pictures must gain nothing."""
    train, test = torch.zeros(30, 1, 4, 4), torch.ones(10, 1, 4, 4)
    wanted = torch.tensor(16 * 0.25)

    def half_right(x):  # nearly perfect on the black training pictures, off by a half on the white test pictures
        return torch.where(x.flatten(1).mean(1)[:, None, None, None] > 0.5, 0.5, 0.1).expand_as(x)

    found = returned(answer, half_right, train, test, like=wanted, what="the error").item()
    if abs(found - (30 * 0.16 + 10 * 4.0) / 40) < 1e-4:
        raise StillThere("Each of 10 test pictures is off by 4.0, and it reports 1.12.")
    if abs(found - 0.25) < 1e-5:
        raise Wrong(
            "now the mean runs over the pixels as well. The error is summed over a picture's pixels, then averaged over pictures."
        )
    if abs(found - 4.0) > 1e-5:
        raise Wrong(f"each of the 10 test pictures is off by 4.0, but you report {found:.4g}.")
