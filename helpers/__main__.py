"""`python -m helpers …` runs the command line in `tools/`."""

import runpy

runpy.run_module("tools", run_name="__main__")
