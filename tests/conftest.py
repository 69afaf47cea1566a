"""For the unit tests: figures go into memory, training runs on the processor. (Notebooks have kernels of their own.)"""

import matplotlib
import pytest

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch):
    """Results are compared to the last bit, which only the processor promises."""
    monkeypatch.setenv("VAE_COURSE_DEVICE", "cpu")
