# Everything runs from .venv in this checkout; each target makes it first if it is missing or
# older than the pinned dependencies.

PYTHON_IN_VENV := .venv/bin/python
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types venv micropython openssl firmware lock manifest dist refusals judge sizes bench bench-signatures bench-fleet soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: venv micropython ## a MicroPython program authenticates an emulated AWS IoT Core and refuses impostors
	PYTHONPATH=tests $(PYTHON_IN_VENV) scripts/demo.py

test: venv micropython openssl firmware ## every test, under CPython and under each MicroPython release
	$(PYTHON_IN_VENV) -m pytest -n $$(($$(nproc) + 1)) --dist worksteal $(ARGS)

check: lint types test ## format, lint, types, tests

lint: venv
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

format: venv ## rewrite the files as `make check` wants them
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

types: venv
	.venv/bin/mypy

venv: $(INSTALLED) ## .venv with the pinned dependencies

$(INSTALLED): requirements.lock pyproject.toml scripts/venv.sh
	sh scripts/venv.sh

micropython: venv ## what the tests need beside the venv: an older MicroPython, MQTT clients
	$(PYTHON_IN_VENV) tests/debian_micropython.py
	$(PYTHON_IN_VENV) tests/mqtt_clients.py

firmware: venv ## the boards of the tests, built once per machine: RP2040 emulator, small heap
	PYTHONPATH=tests $(PYTHON_IN_VENV) tests/boards/firmware.py

lock: ## choose the newest dependencies and write them to requirements.lock
	sh scripts/lock.sh

manifest: venv ## write anew all bundles, mip manifests and the table of boards
	$(PYTHON_IN_VENV) scripts/factory_bundle.py
	$(PYTHON_IN_VENV) scripts/mip_manifest.py
	$(PYTHON_IN_VENV) scripts/boards_page.py

dist: venv ## dist/mip: the library compiled, for `mpremote mip install dist/mip/package.json`
	$(PYTHON_IN_VENV) scripts/compiled_library.py

openssl:
	@sh scripts/openssl.sh

refusals: venv micropython ## write docs/refusals.md anew, from a run
	$(PYTHON_IN_VENV) tests/e2e/refusals_page.py

judge: venv micropython ## write docs/judge.md anew, from a run
	$(PYTHON_IN_VENV) tests/e2e/judge_page.py

sizes: venv ## bytes of the device library on flash and in memory
	PYTHONPATH=tests:scripts $(PYTHON_IN_VENV) benchmarks/sizes.py

bench: venv micropython firmware ## measure on the emulated board, write docs/benchmarks.md and its chart
	PYTHONPATH=tests:tests/boards:scripts $(PYTHON_IN_VENV) benchmarks/bench.py

bench-signatures: venv firmware ## on the emulated board: RSA-3072 or P-256 to sign a bundle
	PYTHONPATH=tests:tests/boards:scripts $(PYTHON_IN_VENV) benchmarks/signature_costs.py

bench-fleet: venv ## devices a second of `device fleet`, beside a loop that writes nothing
	PYTHONPATH=host_tools:lib $(PYTHON_IN_VENV) benchmarks/fleet_rate.py

soak: venv firmware ## long runs with little memory and with very many connections
	$(PYTHON_IN_VENV) -m pytest -m soak $(ARGS)

clean: ## remove what make made
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
