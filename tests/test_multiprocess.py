"""Several processes, each on its share of a batch, train as one does: same noise, same losses, one writer."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import pretrained, training
from helpers.data import DataError
from helpers.models import ModelConfig, build, reparameterize
from helpers.training import Costs, SharedNoise, fit

ROOT = Path(__file__).parent.parent
PLAN = {"epochs": 2, "batch": 20, "lr": 5e-3, "seed": 1, "bfloat16": False, "progress": False}
CONFIGS = {
    "bernoulli": ModelConfig("vae", "fc", (1, 8, 8), 2, (16,)),
    "learned sigma": ModelConfig("vae", "conv", (1, 8, 8), 3, (4, 8), likelihood="gaussian", sigma="learned"),
}
needs_gloo = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="this PyTorch has no gloo"
)


class Counting(torch.Tensor):
    """Pictures that remember which of them were read."""

    read: list[int] = []

    def __getitem__(self, which):
        if isinstance(which, torch.Tensor):
            Counting.read += which.tolist()
        return self.as_subclass(torch.Tensor)[which]


def dots(n: int = 110, seed: int = 0) -> torch.Tensor:
    """Return (n, 1, 8, 8) uint8 pictures; n is no multiple of the batch, nor is every chunk even."""
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def worker(folder: Path) -> None:
    """Train each model, and write what this process saw: rows, weights, and which pictures it read."""
    found = {}
    for name, config in {**CONFIGS, "resumed": CONFIGS["bernoulli"]}.items():
        model, Counting.read = build(config, seed=0), []
        history = fit(model, dots().as_subclass(Counting), held_out=dots(7, seed=5), checkpoint=folder / f"{name}.ckpt", **PLAN)
        weights = torch.cat([value.flatten().float() for value in model.state_dict().values()])
        found[name] = {"rows": history.rows, "weights": weights, "read": Counting.read}
    rank = os.environ.get("RANK", "alone")
    torch.save(found, folder / f"{rank}.pt")
    try:
        fit(build(config), dots(), **PLAN | {"batch": 21})
    except DataError as error:
        (folder / f"{rank}.txt").write_text(str(error))


def half_way(path: Path) -> None:
    """Write the checkpoint of a run in one process that was stopped after the first of two epochs."""
    epoch = training.Loop.epoch

    def stop(loop, images, number, bar):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(loop, images, number, bar)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Loop, "epoch", stop)
        patch.setenv("VAE_COURSE_DEVICE", "cpu")
        history = fit(build(CONFIGS["bernoulli"], seed=0), dots(), held_out=dots(7, seed=5), checkpoint=path, **PLAN)
    assert history.interrupted and len(history) == 1


def launch(*words: object, processes: int = 2, **variables: str) -> subprocess.CompletedProcess:
    """Run a Python command in several processes under accelerate, on the processor, one thread each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", processes,
               "--num_machines", 1, "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port]  # fmt: skip
    ours = {"OMP_NUM_THREADS": "1", "VAE_COURSE_DEVICE": "cpu", "VAE_COURSE_STANDINS": "1", "PYTHONPATH": str(ROOT)}
    words = [str(word) for word in (*command, *words)]
    return subprocess.run(words, cwd=ROOT, env=os.environ | ours | variables, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return what one process and what each of two saw of the same training."""
    folder = tmp_path_factory.mktemp("two")
    half_way(folder / "resumed.ckpt")
    done = launch(__file__, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    alone = tmp_path_factory.mktemp("one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_COURSE_DEVICE", "cpu")
        worker(alone)
    return torch.load(alone / "alone.pt"), [torch.load(folder / f"{rank}.pt") for rank in (0, 1)], folder


@needs_gloo
@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_have_the_losses_and_weights_of_one(runs, name):
    one, two, _ = runs
    timing = {"seconds", "images_per_second"}
    for rank in two:
        assert len(rank[name]["rows"]) == len(one[name]["rows"]) == PLAN["epochs"]
        for ours, theirs in zip(rank[name]["rows"], one[name]["rows"], strict=True):
            assert ours.keys() == theirs.keys()
            for key in ours.keys() - timing:
                assert ours[key] == pytest.approx(theirs[key], rel=1e-5), (name, key)
        assert torch.allclose(rank[name]["weights"], one[name]["weights"], atol=1e-4)
    assert torch.equal(two[0][name]["weights"], two[1][name]["weights"])


@needs_gloo
@pytest.mark.parametrize("name", CONFIGS)
def test_each_process_reads_only_its_share(runs, name):
    one, two, _ = runs
    read = [rank[name]["read"] for rank in two]
    assert len(one[name]["read"]) == 200 and [len(share) for share in read] == [100, 100]
    assert sorted(read[0] + read[1]) == sorted(one[name]["read"])
    for epoch in (0, 50):
        assert not set(read[0][epoch : epoch + 50]) & set(read[1][epoch : epoch + 50])


@needs_gloo
def test_a_batch_that_cannot_be_shared_evenly_is_refused(runs):
    for rank in (0, 1):
        assert "a batch of 21 cannot be shared evenly by 2 processes" in (runs[2] / f"{rank}.txt").read_text()


@needs_gloo
def test_a_checkpoint_of_two_processes_opens_in_one(runs):
    _, two, folder = runs
    model = build(CONFIGS["bernoulli"], seed=9)
    history = fit(model, dots(), held_out=dots(7, seed=5), checkpoint=folder / "bernoulli.ckpt", **PLAN)
    assert history.rows == two[0]["bernoulli"]["rows"]
    values = torch.cat([value.flatten().float() for value in model.state_dict().values()])
    assert torch.equal(values, two[0]["bernoulli"]["weights"])


@needs_gloo
def test_two_processes_go_on_from_the_checkpoint_of_one(runs):
    one, two, _ = runs
    for rank in two:
        assert len(rank["resumed"]["read"]) == 50  # its share of the second epoch alone
        assert rank["resumed"]["rows"][1]["held_loss"] == pytest.approx(one["bernoulli"]["rows"][1]["held_loss"], rel=1e-5)


@needs_gloo
def test_train_under_accelerate_writes_once_and_prints_once(tmp_path):
    words = ("train", "fashion_vae", "--steps", 4, "--device", "cpu", "--runs", tmp_path, "--out", tmp_path)
    done = launch("-m", "helpers", *words, TQDM_DISABLE="1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("wrote") == 1 and done.stdout.count("fashion · train") == 1
    assert done.stdout.count("held_recon") == 1
    assert pretrained.card("fashion_vae", tmp_path)["recipe"]["steps"] == 4


def shares(draw, rows: int, world: int) -> torch.Tensor:
    """Return what `world` processes draw, put back into the order of the whole batch."""
    whole = torch.empty(rows, *draw(torch.Generator().manual_seed(3), rows).shape[1:])
    for rank in range(world):
        with SharedNoise(rows, rank, world):
            whole[rank::world] = draw(torch.Generator().manual_seed(3), len(range(rank, rows, world)))
    return whole


@pytest.mark.parametrize(("rows", "world"), [(20, 2), (20, 4), (7, 2), (7, 3), (1, 2)])
def test_a_pictures_noise_does_not_depend_on_how_many_processes_there_are(rows, world):
    def twice(noise, n):
        first = reparameterize(torch.zeros(n, 3), torch.zeros(n, 3), noise)
        return torch.cat([first, torch.rand(n, 2, generator=noise), torch.randn(size=(n, 2), generator=noise)], 1)

    assert torch.equal(shares(twice, rows, world), twice(torch.Generator().manual_seed(3), rows))


def test_noise_that_is_no_row_a_picture_or_of_no_generator_is_left_alone():
    torch.manual_seed(0)
    wanted = torch.randn(10, 3), torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    with SharedNoise(20, 1, 2):
        found = torch.randn(10, 3), torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_an_objective_of_the_page_is_inside_what_is_wrapped():
    """Gradients are averaged only where the wrapped module's forward computes the loss."""
    model = build(CONFIGS["bernoulli"], seed=0)
    costs = Costs(model, lambda model, x, noise: model.loss(x, model(x, noise), 3.0))
    x = dots(4).float() / 255
    loss = costs(x, torch.Generator().manual_seed(0), 1.0)
    assert torch.allclose(loss.loss, loss.recon + 3 * loss.kl)
    assert {id(p) for p in costs.parameters()} == {id(p) for p in model.parameters()}


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
