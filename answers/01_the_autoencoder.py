"""Solutions to the exercises of notebook 01, with the reason for each."""

import torch


def pca_reconstruct(x, k):
    """01.1: centre, keep the first k right singular vectors, project, and put the mean back."""
    mean = x.mean(0)
    v = torch.linalg.svd(x - mean, full_matrices=False).Vh[:k]  # (k, pixels)
    return mean + (x - mean) @ v.T @ v


def compression_ratio(n, pixels, latent, bits, decoder_parameters):
    """01.2: the codes count once per image, the decoder once in all."""
    return n * pixels / (n * latent * bits / 8 + 2 * decoder_parameters)


def straight_line(z_a, z_b, steps):
    """01.3: weights from 0 to 1 in `steps` values, ends included, so that the first point is z_a and the last z_b.

    Look for glitches around the middle, between the codes of two kinds.
    """
    t = torch.linspace(0, 1, steps)[:, None]  # (steps, 1)
    return (1 - t) * z_a + t * z_b


def report_test_error(reconstruct, train_x, test_x):
    """01.4: the training images were in the mean. A test error is computed on test images alone."""
    difference = test_x - reconstruct(test_x)
    return difference.square().flatten(1).sum(1).mean()


def train_autoencoder(x, k):
    """01.5: two matrices and the mean are the whole model; large steps at first, small ones at the end."""
    torch.manual_seed(0)
    mean = x.mean(0)
    encoder = torch.nn.Linear(x.shape[1], k, bias=False)
    decoder = torch.nn.Linear(k, x.shape[1], bias=False)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.05)
    steps = 500
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        x_hat = mean + decoder(encoder(x - mean))
        loss = (x - x_hat).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        z = encoder(x - mean)
        return z, mean + decoder(z)
