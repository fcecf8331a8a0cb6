# The commands of the README. `make demo` and `make test` need only Python 3.11+ and make; both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check format names wheel bench clean

demo: .venv/installed       ## a noisy raw file made from a photograph, and developed, in demo/
	$(BIN)/deepisp demo --output demo

test: .venv/installed       ## every test and doctest; those of real files need DEEPISP_DATA
	$(BIN)/python -m pytest -n 2

check: .venv/installed      ## format, lint, types: what CI runs before the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed     ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

names: .venv/installed      ## after a public name was added or changed on purpose
	$(BIN)/python tools/list_public_names.py > tests/public_names.txt

wheel: .venv/installed      ## build the wheel and look into it
	$(BIN)/python tools/check_wheel.py

bench: .venv/installed      ## seconds per picture; needs DEEPISP_DATA
	$(BIN)/python tools/bench_develop.py

# constraints.txt holds the versions that were tested; torch is named first because a bare "torch" may bring gigabytes.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info demo
