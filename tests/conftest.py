"""For the unit tests: figures go into memory, training runs on the processor, what is measured is printed.

Notebooks have kernels of their own.
"""

import matplotlib
import pytest

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch):
    """Results are compared to the last bit, which only the processor promises."""
    monkeypatch.setenv("VAE_COURSE_DEVICE", "cpu")


def pytest_terminal_summary(terminalreporter):
    """Print what tests have measured (`record_property("measured", ...)`) at the end, whichever process ran them."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    lines = [text for report in reports for name, text in getattr(report, "user_properties", ()) if name == "measured"]
    if lines:
        terminalreporter.section("measured")
    for line in lines:
        terminalreporter.write_line(line)
