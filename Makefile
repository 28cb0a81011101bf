# What a developer does here: `make test` does it all, on nothing but Python 3.11 or newer, Go, and make.

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv --quiet

.DEFAULT_GOAL := help
.PHONY: help setup lint format controlplane test unit e2e e2e-embedded test-faults soak demo docs lock crds builtin bench bench-apiserver release-crds deploy image image-proof clean

help: ## Say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(VENV)/.synced $(VENV)/.installed ## Make .venv as requirements-dev.lock says, with aimctrl in it

lint: setup ## Look for mistakes without running anything
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: setup ## Bring the code into form
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

controlplane: setup ## Build etcd, kube-apiserver and kube-controller-manager; kept for the next time
	$(BIN)/python hack/controlplane build

test: lint controlplane ## Everything; the last line says how it went
	$(BIN)/pytest

# A process for each core, with a control plane of its own; a file stays in one, the slow files come first.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

unit: setup ## The tests that need no API server
	$(BIN)/pytest tests/unit

e2e: controlplane ## The tests on a real API server
	$(BIN)/pytest $(PARALLEL) tests/e2e

e2e-embedded: controlplane ## The same on the API server of aimctrl.sandbox
	$(BIN)/pytest $(PARALLEL) tests/e2e --apiserver=embedded

test-faults: controlplane ## Everything that can go wrong, as often as CI tries it
	$(BIN)/pytest tests/faults

soak: controlplane ## The same in full: hundreds of times, for minutes on end
	$(BIN)/pytest tests/faults --full

demo: setup ## Watch a model become a running service; KEEP=1 leaves it up, REAL=1 is on a real control plane
	$(BIN)/aimctrl sandbox $(if $(REAL),--apiserver real) $(if $(KEEP),,--once)

docs: setup ## Make build/docs, the documentation as a site
	PYTHONPATH=hack $(BIN)/python -m reference
	$(BIN)/sphinx-build --quiet --fail-on-warning docs build/docs

lock: setup ## Look for newer releases of what we depend on
	$(UV) pip compile pyproject.toml --extra otel $(LOCK) --output-file requirements.lock
	$(UV) pip compile --group build $(LOCK) --output-file requirements-build.lock
	$(UV) pip compile pyproject.toml --all-extras --group dev $(LOCK) --output-file requirements-dev.lock

LOCK := --upgrade --universal --generate-hashes --no-header --no-annotate --python-version 3.11

crds: setup ## Write deploy/crds from the code
	$(BIN)/aimctrl crds --output-dir deploy/crds

deploy: crds ## Write deploy/ from the code
	PYTHONPATH=hack $(BIN)/python -m monitoring
	PYTHONPATH=hack $(BIN)/python -m shipping

image: ## Build the operator's image; BASE=IMAGE@sha256:... pins what it is from
	podman build $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg REVISION=$$(git rev-parse HEAD) --tag aimctrl .

image-proof: controlplane ## The same steps on a folder, and how fast it starts; as root on Debian, BASE=FOLDER
	PYTHONPATH=hack $(BIN)/python -m shipping.started $(if $(BASE),--base $(BASE))

release-crds: setup ## Keep today's CRDs for the tests of later releases; VERSION=0.1.0
	$(BIN)/aimctrl crds --output-dir tests/data/crds/$(VERSION)

bench: controlplane ## Measure aimctrl beside controller-runtime and kopf; SIZE=medium or full takes hours
	PYTHONPATH=hack $(BIN)/python -m bench --size $(or $(SIZE),small) $(if $(PYTHON),--python $(PYTHON))

bench-apiserver: controlplane ## Measure the embedded API server beside the real one
	PYTHONPATH=hack $(BIN)/python -m bench.apiserver

builtin: controlplane ## Write down anew what a real API server says of the built-in kinds, for the embedded one
	PYTHONPATH=hack $(BIN)/python hack/builtin_types.py
	PYTHONPATH=hack $(BIN)/python hack/go_structs.py
	PYTHONPATH=hack $(BIN)/python hack/protobuf_fields.py

clean: ## Remove what was made here; the control plane's cache stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The newest Python there is from 3.11 on, `python3` first since that is what people expect.
FIND_PYTHON := for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; \
	done

$(BIN)/uv:
	@python=$$($(FIND_PYTHON)); \
	test -n "$$python" || { echo "aimctrl needs Python 3.11 or newer; none is on the PATH" >&2; exit 1; }; \
	$$python -m venv $(VENV) || { echo "cannot make a venv; on Debian: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Bytecode is made here, so that programs start at once even where PYTHONDONTWRITEBYTECODE is set.
# The stamps say when the last step was done; make does it again when what it was done from is newer.
$(VENV)/.synced: requirements-dev.lock | $(BIN)/uv
	$(UV) pip sync --python $(BIN)/python --compile-bytecode --require-hashes requirements-dev.lock
	@rm -f $(VENV)/.installed
	@touch $@

$(VENV)/.installed: $(VENV)/.synced pyproject.toml
	$(UV) pip install --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q src
	@touch $@
