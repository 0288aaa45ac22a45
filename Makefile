# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPEED ?= 60
SCENARIO ?=
# how many tests with servers, browsers and seconds run side by side; the others always share the cores
WORKERS ?= auto
LONG := system or browser or alone
LOCKS := firmware_config/locks
ROLES := kiosk collector demo dev

.PHONY: help demo test check bench lab hil lock screenshots clean

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/demo.ready ## a whole hall on this machine: 135 windows, broker, collector, dashboard
	@SPEED=$(SPEED) SCENARIO=$(SCENARIO) exec $(BIN)/python -m firmware_config.demo

test: $(VENV)/dev.ready check ## every check and test; installs the servers the tests need
	@sh tests/install_servers.sh
	@$(BIN)/python -m pytest -m "not lab and ($(LONG))" -n $(WORKERS) --maxschedchunk 1; long=$$?; \
	  $(BIN)/python -m pytest -m "not lab and not ($(LONG))" -n auto --maxschedchunk 1 && exit $$long

check: $(VENV)/dev.ready ## formatting, lint and types only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev.ready ## the benchmarks; writes bench/results/
	@sh tests/install_servers.sh
	$(BIN)/python -m bench

lab: $(VENV)/dev.ready ## the long versions of the system tests
	@sh tests/install_servers.sh
	$(BIN)/python -m pytest -m lab
	$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=lab

hil: $(VENV)/dev.ready ## the device on a virtual Raspberry Pi: real pins, systemd, power cuts
	$(BIN)/python -m pytest -m hil

screenshots: $(VENV)/dev.ready ## take the pictures in docs/img from a demo of their own
	@sh tests/install_servers.sh
	$(BIN)/python -m docs.screenshots

lock: $(VENV)/dev.ready ## resolve the dependencies anew and lock them with hashes
	$(BIN)/python -m pip install --quiet uv
	for role in $(ROLES); do $(BIN)/uv pip compile --quiet --upgrade --universal \
	  --python-version 3.11 --generate-hashes --extra $$role --no-emit-package yiping \
	  --custom-compile-command "make lock" pyproject.toml -o $(LOCKS)/$$role.txt || exit 1; done

$(VENV)/%.ready: $(LOCKS)/%.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Yiping needs Python 3.11 or later; try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies for '$*' into $(VENV) …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

clean: ## remove the environment and the demo's data
	rm -rf $(VENV) var build *.egg-info
