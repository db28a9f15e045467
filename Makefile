# One command file. Every target bootstraps .venv by itself: venv → uv → the lock.
PYTHON ?= python3
DEMO ?= bollards
ARGS ?=
# a file's tests stay in one process, with what they share; CORES= (nothing) for --pdb
CORES ?= -n auto --maxprocesses=4 --dist=loadfile
BIN := .venv/bin
READY := .venv/.ready
# what `pip install image-cluster` brings: all that the default encoder needs, without torch
CORE := .venv/.core
# where Python may not keep bytecode at its first import, each start would compile everything: twice the time
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)

.PHONY: help install install-all demo test test-fast dev serve check lint types docs bench bench-gpu bench-quality bench-encoders bench-identity nights bench-clustering lock helm settings clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(CORE): requirements-core.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet $(BYTECODE) --python $(BIN)/python --require-hashes -r requirements-core.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(CORE)

$(READY): requirements.lock $(CORE)
	$(BIN)/uv pip install --quiet $(BYTECODE) --python $(BIN)/python --require-hashes -r requirements.lock
	@touch $(READY)

install: $(CORE) ## Create .venv with what the packaged encoders need (1.7 GB)

install-all: $(READY) ## The same with torch, for other encoders and GPUs, and with the tools of development (8 GB)

demo: $(CORE) ## Create a demo library and run the whole pipeline on it (DEMO=stamps for photographs, DEMO=objects for posts)
	$(BIN)/image-cluster demo --library $(DEMO) $(ARGS)

test: $(READY) ## All tests, real servers and browser included
	$(BIN)/python -m pytest $(CORES) $(ARGS)

test-fast: $(READY) ## Tests that need no server, browser or long wait
	$(BIN)/python -m pytest $(CORES) -m "not real and not slow" $(ARGS)

dev: $(CORE) ## The Dagster web UI and daemon on http://127.0.0.1:3000
	$(BIN)/image-cluster dev $(ARGS)

serve: $(CORE) ## The REST API and its pages on http://127.0.0.1:8765 (ARGS=--read-only, ARGS="--port auto --open")
	$(BIN)/image-cluster serve $(ARGS)

check: $(CORE) ## Test settings, bucket and encoder; say what a run would do
	$(BIN)/image-cluster check $(ARGS)

lint: $(READY) ## ruff (rules and format) and vulture (dead code)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture

types: $(READY) ## basedpyright, strict on our packages
	$(BIN)/basedpyright

bench: $(READY) ## Measure speed and memory, each beside an alternative (ARGS="--write", ARGS="vectors load", ARGS=--all)
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-gpu: $(READY) ## Measure embedding on a GPU against the limits of decoding and device (ARGS="--encoder vit")
	$(BIN)/python -m tests.benchmarks.bench_gpu $(ARGS)

bench-quality: $(READY) ## Measure clustering quality on many libraries, beside alternatives (an hour; ARGS="--quick", --derived, --sensitivity)
	$(BIN)/python -m tests.benchmarks.quality $(ARGS)

bench-encoders: $(READY) ## Measure how well the packaged encoders separate kinds: networks, views, pooling (an hour; ARGS="--sets stamps")
	$(BIN)/python -m tests.benchmarks.quality.encoders $(ARGS)

bench-identity: $(READY) ## Measure how many images keep their cluster id; writes docs/appendix/identity.md (ARGS=--quick)
	$(BIN)/python -m tests.benchmarks.bench_identity --write docs/appendix/identity.md $(ARGS)

nights: $(READY) ## Simulate thirty nights of a growing library; writes docs/appendix/nights.md
	$(BIN)/python -m tests.benchmarks.simulate_nights --write docs/appendix/nights.md $(ARGS)

bench-clustering: $(READY) ## Measure seconds and memory of clustering by size, beside alternatives (ARGS=--sizes 10000,100000)
	$(BIN)/python -m tests.benchmarks.bench_clustering $(ARGS)

lock: ## Compile both lock files again
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --all-extras --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --constraints requirements.lock pyproject.toml -o requirements-core.lock

helm: $(READY) ## Bring Helm into .venv (38 MB), with which the tests check the chart for Kubernetes
	$(BIN)/python -m tests.deploy.bring_helm

docs: $(READY) ## Write the generated pages, and build the documentation as a site into site/
	$(BIN)/python -m tests.manual.reference_pages
	$(BIN)/zensical build --strict

settings: $(READY) ## Write image-cluster.yaml with every setting explained
	@test ! -e image-cluster.yaml || { echo "image-cluster.yaml already exists." >&2; exit 1; }
	$(BIN)/image-cluster settings > image-cluster.yaml

clean: ## Remove the demos' libraries and results; a data directory of yours stays
	test ! -e data/demo.yaml || rm -rf data .dagster
	rm -rf demo-library demo-library-stamps demo-library-objects data-bollards data-stamps data-objects-*
