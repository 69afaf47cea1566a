"""Several processes, each on its share of a batch, train as one does: the same gradients for the same noise, and one writer."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import pretrained, training
from helpers.data import DataError
from helpers.models import ModelConfig, Output, build
from helpers.training import ModelWithObjective, fit

ROOT = Path(__file__).parent.parent
PLAN = {"epochs": 2, "batch": 20, "lr": 5e-3, "seed": 1, "bfloat16": False, "progress": False}
CONFIGS = {
    "bernoulli": ModelConfig("vae", "fc", (1, 8, 8), 3, (16,)),
    "learned sigma": ModelConfig("vae", "conv", (1, 8, 8), 3, (4, 8), likelihood="gaussian", sigma="learned"),
}
needs_gloo = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="this PyTorch has no gloo"
)


class Counting(torch.Tensor):
    """Images that remember which of them were read in training."""

    read: list[int] = []

    def __getitem__(self, which):
        if isinstance(which, torch.Tensor):
            Counting.read += which.tolist()
        return self.as_subclass(torch.Tensor)[which]


def dots(n: int = 110, seed: int = 0) -> torch.Tensor:
    """Return (n, 1, 8, 8) uint8 images; n is no multiple of the batch."""
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def with_given_noise(model, x, eps, noise):
    """Return the model's loss with the noise that belongs to each image, so that it does not depend on the processes."""
    mu, logvar = model.encode(x)
    return model.loss(x, Output(model.decoder(mu + torch.exp(0.5 * logvar) * eps), mu, logvar))


def train_one(config: ModelConfig, path: Path, images: torch.Tensor | None = None) -> dict:
    """Train with noise by image; return the rows, the state, the gradients of the last step, and the images that were read."""
    model, eps, Counting.read = build(config, seed=0), torch.randn(110, 3, generator=torch.Generator().manual_seed(2)), []
    images = dots() if images is None else images
    history = fit(model, images, objective=with_given_noise, targets=eps, checkpoint=path, **PLAN)
    state = torch.cat([value.flatten().float() for value in model.state_dict().values()])
    gradients = torch.cat([torch.zeros(0)] + [p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return {"rows": history.rows, "state": state, "read": Counting.read, "gradients": gradients}


def worker(folder: Path) -> None:
    """Train each model, and write what this process saw."""
    found = {name: train_one(config, folder / f"{name}.ckpt", dots().as_subclass(Counting)) for name, config in CONFIGS.items()}
    found["resumed"] = train_one(CONFIGS["bernoulli"], folder / "resumed.ckpt", dots().as_subclass(Counting))
    seeds: list[int] = []

    def spy(model, x, noise):
        seeds.append(noise.initial_seed())
        return model.loss(x, model(x, noise))

    model = build(CONFIGS["bernoulli"], seed=0)
    found["own noise"] = {"rows": fit(model, dots(), held_out=dots(7, seed=5), objective=spy, **PLAN).rows, "seeds": seeds}
    rank = os.environ.get("RANK", "alone")
    torch.save(found, folder / f"{rank}.pt")
    try:
        fit(build(CONFIGS["bernoulli"]), dots(), **PLAN | {"batch": 21})
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
        assert len(train_one(CONFIGS["bernoulli"], path)["rows"]) == 1


def launch(*words: object, **variables: str) -> subprocess.CompletedProcess:
    """Run a Python command in two processes under accelerate, on the processor, one thread each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2,
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
def test_two_processes_have_the_gradients_losses_and_weights_of_one_that_is_given_the_same_noise(runs, name):
    one, two, _ = runs
    for rank in two:
        assert len(rank[name]["rows"]) == len(one[name]["rows"]) == PLAN["epochs"]
        for ours, theirs in zip(rank[name]["rows"], one[name]["rows"], strict=True):
            assert ours.keys() == theirs.keys()
            for key in ours.keys() - {"seconds", "images_per_second"}:
                assert ours[key] == pytest.approx(theirs[key], rel=1e-5), (name, key)
        scale = one[name]["gradients"].abs().max()
        assert (rank[name]["gradients"] - one[name]["gradients"]).abs().max() < 1e-6 * max(1, scale)
        assert torch.allclose(rank[name]["state"], one[name]["state"], atol=1e-4)
    assert torch.equal(two[0][name]["state"], two[1][name]["state"])


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
def test_each_process_draws_its_own_noise_and_reports_the_losses_of_all(runs):
    one, (first, second), _ = runs
    assert first["own noise"]["seeds"] == one["own noise"]["seeds"]
    assert not set(first["own noise"]["seeds"]) & set(second["own noise"]["seeds"])
    for ours, theirs, alone in zip(*(part["own noise"]["rows"] for part in (first, second, one)), strict=True):
        assert all(ours[key] == theirs[key] for key in ours.keys() - {"seconds", "images_per_second"})
        assert all(ours[key] == pytest.approx(alone[key], rel=0.02) for key in ("loss", "held_loss"))


@needs_gloo
def test_a_batch_that_cannot_be_shared_evenly_is_refused(runs):
    for rank in (0, 1):
        assert "a batch of 21 cannot be shared evenly by 2 processes" in (runs[2] / f"{rank}.txt").read_text()


@needs_gloo
def test_a_checkpoint_goes_from_two_processes_to_one_and_from_one_to_two(runs):
    one, two, folder = runs
    opened = train_one(CONFIGS["bernoulli"], folder / "bernoulli.ckpt")
    assert opened["rows"] == two[0]["bernoulli"]["rows"] and torch.equal(opened["state"], two[0]["bernoulli"]["state"])
    for rank in two:
        assert len(rank["resumed"]["read"]) == 50  # its share of the second epoch alone
        assert rank["resumed"]["rows"][1]["loss"] == pytest.approx(one["bernoulli"]["rows"][1]["loss"], rel=1e-5)


@needs_gloo
def test_train_under_accelerate_writes_once_and_prints_once(tmp_path):
    words = ("train", "fashion_vae", "--steps", 4, "--device", "cpu", "--runs", tmp_path, "--out", tmp_path)
    done = launch("-m", "helpers", *words, TQDM_DISABLE="1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("wrote") == 1 and done.stdout.count("fashion · train") == 1
    assert done.stdout.count("held_recon") == 1
    assert pretrained.card("fashion_vae", tmp_path)["recipe"]["steps"] == 4


def test_an_objective_of_the_page_is_inside_what_is_wrapped():
    """Gradients are averaged only where the wrapped module's forward computes the loss."""
    model = build(CONFIGS["bernoulli"], seed=0)
    module = ModelWithObjective(model, lambda model, x, noise: model.loss(x, model(x, noise), 3.0))
    x = dots(4).float() / 255
    loss = module(x, torch.Generator().manual_seed(0), 1.0)
    assert torch.allclose(loss.loss, loss.recon + 3 * loss.kl)
    assert {id(p) for p in module.parameters()} == {id(p) for p in model.parameters()}


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
