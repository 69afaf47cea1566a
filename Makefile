# Everything that a fresh Linux or macOS machine with Python and make needs. `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Stored outputs are those of a fresh clone: drawn data, seed 0, quick budget, no progress bars.
STORED := VAE_COURSE_STANDINS=1 VAE_COURSE_BUDGET=quick VAE_COURSE_SEED=0 TQDM_DISABLE=1 VAE_COURSE_DATA=
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb notebooks/further/*.ipynb))
# Jupyter refuses to run as root unless told; in a container, root is normal.
ROOT := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.DEFAULT_GOAL := help
.PHONY: help setup lab test report seeds rehearse browser lint format hooks outputs bench clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## make the virtual environment (.venv) and install everything into it

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "This course needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 lab"; exit 1; }
	@echo "Setting up $(VENV), once: PyTorch is large, so this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	@uv=$$(command -v uv) || { $(BIN)/python -m pip install --quiet --constraint constraints.txt uv && uv=$(BIN)/uv; }; \
	[ -n "$$uv" ] && "$$uv" pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]' || \
		{ echo "uv cannot install here; pip does it, in two to four times the time."; \
		  $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'; }
	@$(BIN)/jupyter labextension disable "@jupyterlab/apputils-extension:announcements" >/dev/null 2>&1  # no pop-up, no look at the network
	@touch $@

lab: $(READY)  ## open JupyterLab at notebook 00
	$(BIN)/jupyter lab $(ROOT) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

test: $(READY)  ## run every test and every notebook, comparing every stored output
	$(BIN)/pytest --nbval --numprocesses 2 --dist loadscope

report: $(READY)  ## print the size and the language of each notebook, beside the budgets
	$(BIN)/python -m tools.notebook_report

seeds: $(READY)  ## run all notebooks on drawn seeds 1, 2 and 3: a claim that holds on one seed only fails here
	@for seed in 1 2 3; do echo "seed $$seed"; \
		VAE_COURSE_DATA= VAE_COURSE_SEED=$$seed $(BIN)/pytest --nbval-lax --numprocesses 2 --dist loadscope notebooks || exit 1; done

rehearse: $(READY)  ## run the notebooks with losses of their own as on a GPU, without one, and say what would fail there
	$(STORED) $(BIN)/python tests/elsewhere.py

browser: $(READY)  ## try the sliders in a real browser, and print how soon they answer
	VAE_COURSE_BROWSER=required $(BIN)/pytest tests/browser

lint: $(READY)  ## check the code's style, notebooks included, and its types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## mend what the style check can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks:  ## let git check the style before every commit (`git commit --no-verify` skips it), and show notebooks as text
	@git config diff.notebook.textconv "python3 tools/notebook_text.py"; git config diff.notebook.cachetextconv true
	@hook="$$(git rev-parse --git-path hooks)/pre-commit"; mkdir -p "$$(dirname "$$hook")"; \
	if [ ! -e "$$hook" ]; then printf '#!/bin/sh\nmake --silent lint || exit 1\n' > "$$hook" && chmod +x "$$hook"; fi; \
	grep -q 'make --silent lint' "$$hook" || \
		{ echo "There is a hook already, $$hook: add the line 'make --silent lint || exit 1' to it yourself."; exit 1; }

outputs: $(READY)  ## run all notebooks on the drawn data and store their outputs (NOTEBOOKS=... for some)
	$(STORED) $(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.store_widget_state=False \
		--ExecutePreprocessor.record_timing=False --ExecutePreprocessor.coalesce_streams=True \
		--NotebookExporter.preprocessors=tools.stored_outputs.StillWidgets \
		--ClearMetadataPreprocessor.enabled=True \
		--ClearMetadataPreprocessor.clear_cell_metadata=False --ClearMetadataPreprocessor.preserve_nb_metadata_mask=kernelspec \
		$(NOTEBOOKS)

bench: $(READY)  ## measure the training loop beside its peers, in one table (QUICK=1: minutes)
	@$(BIN)/python -c 'import pythae' 2>/dev/null || $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	$(BIN)/python tests/benchmarks/bench.py $(if $(QUICK),--quick)

clean:  ## remove the virtual environment and what was built; your own trained models in runs/ stay
	rm -rf $(VENV) build *.egg-info
