# The development commands. `make help` lists them.
PYTHON ?= python

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup:  ## install what development needs into the current environment
	$(PYTHON) -m pip install -c constraints.txt -e ".[dev]"

test:  ## run all tests
	$(PYTHON) -m pytest

# Nothing heavier than this, which CONTRIBUTING.md shows too:
#   pip install ".[parquet,zstd]" hypothesis mlxtend onnx pytest pytest-xdist
quick:  ## run the tests that need no TensorFlow, Ray, browser, simulator or server, in a minute
	$(PYTHON) -m pytest -m "not (slow or browser or device or cluster or network or tensorflow)"

lint:  ## ruff, check and format
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:  ## mypy --strict
	$(PYTHON) -m mypy --strict

format:  ## let ruff mend what it can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

check: lint types test  ## all three

docs:  ## docs/commands.md again, and docs/ as a site in site/
	$(PYTHON) docs/make_commands.py
	$(PYTHON) -m mkdocs build

scans:  ## draw examples/scans and examples/broken again
	$(PYTHON) examples/draw_scans.py

wasm:  ## compile the fit for the exported page again (needs clang and lld)
	runtime/core/wasm.sh

models:  ## train dense, tiny, small, conv and light into build/, three hours (needs MNIST: DATA=folder)
	mkdir -p build
	for recipe in dense tiny small conv light; do \
	  tinydigits train --recipe $$recipe $(if $(DATA),--data $(DATA)) -o build/$$recipe.keras || exit 1; \
	done

bundled:  ## put what `models` left in build/ into the package (needs MNIST: DATA=folder)
	for recipe in dense conv light; do \
	  tinydigits export build/$$recipe.keras -o runtime/tinydigits/models \
	    --formats onnx,tflite,int8,c,html $(if $(DATA),--data $(DATA)) || exit 1; \
	done

.PHONY: help setup test quick lint types format check docs scans wasm models bundled
