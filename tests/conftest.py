"""For the unit tests: figures are drawn into memory, not on a screen. (Notebooks have kernels and figures of their own.)"""

import matplotlib

matplotlib.use("agg")
