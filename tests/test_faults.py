"""What goes wrong on real machines: a process killed while it writes, a full disk, no memory left. Nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import pretrained, training
from helpers.data import DataError
from helpers.models import ModelConfig, build
from helpers.training import OutOfMemory, fit
from tools import __main__ as cli
from tools import recipes
from tools.recipes import Recipe

ROOT = Path(__file__).parent.parent
CONFIG = ModelConfig("vae", "fc", (1, 8, 8), latent=2, widths=(16,))
PLAN = {"batch": 20, "seed": 0, "progress": False}


def images(n: int = 60) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def in_a_process(code: str, *words: object, before=None) -> subprocess.Popen:
    """Start Python code in a process of its own, where it may be killed or run out of something."""
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, 'tests')\nfrom test_faults import *\n" + code]
    return subprocess.Popen(
        [*command, *(str(word) for word in words)], cwd=ROOT, preexec_fn=before, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT), "VAE_COURSE_DEVICE": "cpu"},
    )  # fmt: skip


SLOW_WRITER = """
import time
fsync, times = os.fsync, []
def hang(*given):  # the second checkpoint lies half written, for as long as it takes to be killed
    times.append(1)
    if len(times) == 2:
        print("writing", flush=True)
        time.sleep(600)
    fsync(*given)
os.fsync = hang
fit(build(CONFIG, seed=0), images(), epochs=3, checkpoint=sys.argv[1], **PLAN)
"""


def test_a_process_killed_while_it_writes_a_checkpoint_leaves_the_former_one_and_resumes(tmp_path):
    path = tmp_path / "run.ckpt"
    process = in_a_process(SLOW_WRITER, path)
    assert process.stdout.readline() == "writing\n", process.stderr.read()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL
    assert len([file for file in tmp_path.iterdir() if file.suffix == ".part"]) == 1  # it was in the middle
    assert len(torch.load(path, weights_only=True)["rows"]) == 1
    whole, resumed = build(CONFIG, seed=0), build(CONFIG, seed=9)
    fit(whole, images(), epochs=3, **PLAN)
    history = fit(resumed, images(), epochs=3, checkpoint=path, **PLAN)
    assert len(history) == 3 and torch.equal(weights(whole), weights(resumed))


FULL_DISK = """
import resource
kept = []
for limit in (10**9, 2000, 10**9):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    model, epochs = build(CONFIG, seed=0), 1 + len(kept)
    history = fit(model, images(), epochs=4, max_steps=3 * epochs, lr=1e-3, checkpoint=f"{sys.argv[1]}.{epochs}", **PLAN)
    kept.append((len(history), Path(f"{sys.argv[1]}.{epochs}").exists()))
print(kept)
"""


def no_signal() -> None:
    """Let a write beyond the limit fail with an error, as on a full disk, rather than end the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_a_disk_that_really_is_full_costs_a_warning_and_not_the_run(tmp_path):
    process = in_a_process(FULL_DISK, tmp_path / "run", before=no_signal)
    out, problems = process.communicate(timeout=600)
    assert process.returncode == 0, problems
    assert out.splitlines()[-1] == "[(1, True), (2, False), (3, True)]"
    assert problems.count("no checkpoint was written after epoch") == 2 and "File too large" in problems
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.1", "run.3"]  # nothing half written is left


def full(*given):
    raise OSError(28, "No space left on device")


def test_a_full_disk_keeps_the_former_checkpoint_and_the_next_epoch_tries_again(tmp_path, monkeypatch):
    path, write, times = tmp_path / "run.ckpt", training.write_atomically, []

    def second_fails(*given):
        times.append(path.read_bytes() if path.exists() else b"")
        return full() if len(times) == 2 else write(*given)

    monkeypatch.setattr(training, "write_atomically", second_fails)
    model = build(CONFIG, seed=0)
    with pytest.warns(RuntimeWarning, match=r"no checkpoint was written after epoch 2: No space left.*an older checkpoint is kept"):
        history = fit(model, images(), epochs=3, checkpoint=path, **PLAN)
    assert len(history) == 3 and times[1] == times[2] != b""
    assert len(torch.load(path, weights_only=True)["rows"]) == 3
    other = build(CONFIG, seed=0)
    fit(other, images(), epochs=3, **PLAN)
    assert torch.equal(weights(model), weights(other))


def test_weights_that_find_no_space_are_told_of_and_written_the_next_time(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VAE_COURSE_STANDINS", "1")
    tiny = Recipe("fashion", ModelConfig("vae", "fc", (1, 28, 28), 2, (8,)), epochs=1, batch=500)
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    words = ["train", "tiny", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(pretrained, "write_atomically", full)
        assert cli.main(words) == 1
    assert "could not be written" in (told := capsys.readouterr().err) and "run the same command again" in told
    steps = []
    with monkeypatch.context() as patch:
        patch.setattr(training.Loop, "step", lambda *given: steps.append(1))
        assert cli.main(words) == 0
    assert not steps and pretrained.card("tiny", tmp_path / "out")["recipe"]["epochs"] == 1


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), MemoryError()])
def test_no_memory_left_says_what_to_do_and_loses_nothing(tmp_path, monkeypatch, error):
    path, left = tmp_path / "run.ckpt", [3 + 2]  # steps: the second of the second epoch's three still works

    def hungry(model, x, noise):
        left[0] -= 1
        if left[0] < 0:
            raise error
        return model.loss(x, model(x, noise))

    model = build(CONFIG, seed=0)
    start = weights(model).clone()
    told = r"batch of 20 .* in epoch 2\. .*batch=10.*up to epoch 1, and the same call goes on"
    with pytest.raises(OutOfMemory, match=told) as found:
        fit(model, images(), epochs=3, objective=hungry, checkpoint=path, **PLAN)
    assert len(found.value.history) == 1 and not model.training
    assert not torch.equal(weights(model), start)
    left[0] = 1000
    whole = build(CONFIG, seed=0)
    fit(whole, images(), epochs=3, objective=hungry, **PLAN)
    assert len(fit(model, images(), epochs=3, objective=hungry, checkpoint=path, **PLAN)) == 3
    assert torch.equal(weights(model), weights(whole))
    left[0] = 0
    with pytest.raises(OutOfMemory, match="in epoch 1") as found:
        fit(build(CONFIG), images(), objective=hungry, **PLAN)
    assert "goes on from there" not in str(found.value) and len(found.value.history) == 0


@pytest.fixture
def shipped(tmp_path) -> Path:
    pretrained.save(build(CONFIG, seed=0), "tiny", {"data": "test"}, tmp_path)
    return tmp_path / "tiny.safetensors"


def test_a_flipped_byte_or_a_cut_in_a_weight_file_is_noticed_wherever_it_is(shipped):
    whole, folder = shipped.read_bytes(), shipped.parent
    for place in (*range(len(whole) - 1, 8, -41), *range(8)):  # in the weights, in the card, in the header
        shipped.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(DataError, match="damaged|do not fit"):
            pretrained.load("tiny", folder)
    for length in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        shipped.write_bytes(whole[:length])
        with pytest.raises(DataError, match="damaged or cut short"):
            pretrained.load("tiny", folder)
