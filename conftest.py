"""What every test run has in common: drawn data unless real data is asked for, quick budgets, quiet progress bars."""

import os


def share_the_cores() -> None:
    """Where several test processes run side by side, give each its share of the cores: more threads only get in their own way."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


if not os.environ.get("VAE_COURSE_DATA"):  # a user's cache never changes what is tested
    os.environ["VAE_COURSE_STANDINS"] = "1"
os.environ.setdefault("VAE_COURSE_BUDGET", "quick")
os.environ.setdefault("TQDM_DISABLE", "1")  # a progress bar would be output that no two runs share
share_the_cores()
