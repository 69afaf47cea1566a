"""The benchmarks run, on a handful of pictures; what they measure is never a test (see tests/benchmarks)."""

from dataclasses import replace

import pytest
import torch
from benchmarks import bench

TINY = bench.Size(train=40, held_out=20, epochs=2, steps=2, turns=1, moves=8)


@pytest.fixture
def small(monkeypatch):
    """Return a few pictures, for small models and batches."""
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    monkeypatch.setattr(bench, "BATCH", 10)
    monkeypatch.setattr(bench, "CONFIG", replace(bench.CONFIG, latent=4, widths=(4, 8)))
    monkeypatch.setattr(bench, "FACES", replace(bench.FACES, latent=8, widths=(4, 8)))
    return torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_loops_flops_data_and_slider_are_measured(small, monkeypatch):
    monkeypatch.setattr(bench, "matmul_peak", lambda kind=None: 1e9)
    rows = [*bench.throughput(small, TINY), *bench.precision(small, TINY), *bench.slider(TINY.moves)]
    text = bench.table(rows)
    assert text.count("\n") == len(rows) + 1 == 6
    assert "≥ 2×" in text and "bfloat16 over float32" in text and "< 3 %" in text and "≤ 16 ms" in text
    assert bench.matmul_peak() == 1e9 and bench.precision_of_fit() in ("bfloat16", "float32")


def test_flops_are_those_of_the_layers(monkeypatch):
    """A convolution costs 2 · weights · outputs' places; its backward pass twice that (once where no input needs a gradient)."""
    monkeypatch.setattr(bench, "CONFIG", replace(bench.CONFIG, network="fc", shape=(1, 4, 4), latent=2, widths=(8,)))
    first, rest = 16 * 8, 8 * 2 * 2 + 2 * 8 + 8 * 16
    assert bench.flops_an_image() == 2 * (2 * first + 3 * rest)


def test_the_peers_cost_is_half_the_squares_and_the_kl(small):
    model = bench.build(bench.CONFIG, seed=0).eval()
    x = small.float() / 255
    output = model(x, torch.Generator().manual_seed(0))
    half = 0.5 * (x - torch.sigmoid(output.x_logits)).square().flatten(1).sum(1)
    kl = 0.5 * (output.mu**2 + output.logvar.exp() - 1 - output.logvar).sum(1)
    assert bench.cost(model, small) == pytest.approx((half + kl).mean().item(), rel=1e-4)


def test_the_peer_runs_where_it_is_installed_and_is_named_where_not(small):
    (row,) = bench.time_to_the_peers_elbo(small, small[:20], TINY)
    try:
        import pythae  # noqa: F401
    except ImportError:
        assert "not installed" in row.found and row.met is None
    else:
        assert "pythae" in row.found and row.met in (True, False)


def test_samples_are_compared_with_the_peers_where_it_is_installed(small, monkeypatch):
    pytest.importorskip("pythae")
    monkeypatch.setattr(bench.fidelity, "frechet_distance", lambda made, real: Value(made))
    monkeypatch.setattr(bench.pretrained, "card", lambda name: {"recipe": {"epochs": 1}, "config": bench.CONFIG.to_dict()})
    monkeypatch.setattr(bench.pretrained, "load", lambda name: bench.build(bench.CONFIG, seed=1).eval())
    (row,) = bench.samples_beside_the_peers(small, small[:20])
    ratio = float(row.found.split(":")[0])
    assert row.met == (ratio <= 0.7) and "20 samples" in row.found


class Value:
    """What stands for a distance in the test above: the mean of the pictures."""

    def __init__(self, pictures):
        self.value = pictures.mean().item()
