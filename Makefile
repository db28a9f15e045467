# One command file. Every target bootstraps .venv by itself: venv → uv → the lock.
PYTHON ?= python3
DEMO ?= bollards
ARGS ?=
BIN := .venv/bin
READY := .venv/.ready
# where Python may not keep bytecode at its first import, each start would compile everything: twice the time
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)

.PHONY: help demo test test-fast dev serve check lint types bench bench-gpu bench-quality bench-identity nights bench-clustering lock settings clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet $(BYTECODE) --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(READY)

demo: $(READY) ## Make the demo library and run everything on it (DEMO=stamps for photographs)
	$(BIN)/image-cluster demo --library $(DEMO) $(ARGS)

test: $(READY) ## All tests, real servers and browser included
	$(BIN)/python -m pytest $(ARGS)

test-fast: $(READY) ## Tests that need no server, browser or long wait
	$(BIN)/python -m pytest -m "not real and not slow" $(ARGS)

dev: $(READY) ## The Dagster web UI and daemon on http://127.0.0.1:3000
	$(BIN)/image-cluster dev $(ARGS)

serve: $(READY) ## The REST API and its pages on http://127.0.0.1:8765 (ARGS=--read-only, ARGS="--port auto --open")
	$(BIN)/image-cluster serve $(ARGS)

check: $(READY) ## Do the settings hold, does the bucket answer, does the encoder load?
	$(BIN)/image-cluster check $(ARGS)

lint: $(READY) ## ruff (rules and format) and vulture (code that nothing uses)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/vulture

types: $(READY) ## basedpyright, strict on our packages
	$(BIN)/basedpyright

bench: $(READY) ## The table of speeds, each beside an alternative in the same run (ARGS="--write", ARGS="vectors load", ARGS=--all)
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-gpu: $(READY) ## Embedding on a GPU against what decoding and the device allow (ARGS="--encoder vit")
	$(BIN)/python -m tests.benchmarks.bench_gpu $(ARGS)

bench-quality: $(READY) ## Grouping on many libraries, ours beside its peers (takes an hour; ARGS=--quick)
	$(BIN)/python -m tests.benchmarks.quality $(ARGS)

bench-identity: $(READY) ## How many images keep their cluster id, into docs/identity.md (ARGS=--quick)
	$(BIN)/python -m tests.benchmarks.bench_identity --write docs/identity.md $(ARGS)

nights: $(READY) ## Thirty nights of a growing library, into docs/nights.md
	$(BIN)/python -m tests.benchmarks.simulate_nights --write docs/nights.md $(ARGS)

bench-clustering: $(READY) ## Seconds and memory of grouping by size, ours beside its peers (ARGS=--sizes 10000,100000)
	$(BIN)/python -m tests.benchmarks.bench_clustering $(ARGS)

lock: ## Compile requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --all-extras --upgrade pyproject.toml -o requirements.lock

settings: $(READY) ## Write image-cluster.yaml with every knob explained
	@test ! -e image-cluster.yaml || { echo "image-cluster.yaml is there already." >&2; exit 1; }
	$(BIN)/image-cluster settings > image-cluster.yaml

clean: ## Remove what was computed for the demo
	rm -rf demo-library demo-library-stamps data data-stamps .dagster
