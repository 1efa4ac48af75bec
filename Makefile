# `make demo` and `make test` are all that a new machine needs (Python 3.11 or later).

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

PEERS := .venv-peers
SCAN := .venv-scan

.PHONY: demo test chromium pictures soak lint scan audit pipelines aws-test sam-local bench lock clean

demo: $(READY)
	$(BIN)/python -m marla.demo

# Each process of the second line has a local cloud, and waits for it now and then: so there are three for two cores.
# What compares times has the machine to itself.
CLOUD_TESTS := tests/local tests/browser
test: $(READY) chromium
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 tests/unit tests/interpreter tests/statemachine
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder -m 'not alone' $(CLOUD_TESTS)
	$(BIN)/python -m pytest -m alone $(CLOUD_TESTS)

# A Chromium for the tests of pages: this machine's, or one that is installed now.
chromium: $(READY)
	./scripts/chromium.sh

# The pictures of docs/: jobs on a local cloud of their own, seen in Chromium. In two minutes or so.
pictures: $(READY) chromium
	$(BIN)/python -m tests.browser.pictures

# 200 random jobs under random faults, in ten minutes or so, each compared with an oracle. For others:
# make soak SOAK='--jobs 1000 --seed 2'
soak: $(READY)
	$(BIN)/python -m tests.soak $(SOAK)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml
	AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint --template template.yaml

# What in the template is unsafe or too open, says checkov; what is not wanted has its reason in the template.
scan: $(SCAN)/.ready
	$(SCAN)/bin/checkov --file template.yaml --framework cloudformation --skip-download --compact --quiet

# Known vulnerabilities of all packages that are pinned; says so where no service can be asked.
audit: $(SCAN)/.ready
	$(SCAN)/bin/python scripts/audit.py

# Tells the state machine of the chains of jobs in functions/jobs/, and of jobs with partitioning "range".
pipelines: $(READY)
	$(BIN)/python -m marla.pipelines

# The tests of tests/local against a stack on AWS: make aws-test MARLA_STACK=name
aws-test: $(READY)
	MARLA_STACK=$(MARLA_STACK) $(BIN)/python -m pytest tests/aws

# `sam build` and `sam local invoke` of both functions on real data, in containers.
sam-local: $(READY)
	./scripts/sam_local.sh

# All benchmarks, side by side with their peers, in half an hour; see docs/benchmarks.md. For a part of them:
# make bench BENCH='--only workers --rounds 3'
bench: $(READY) $(PEERS)/.ready
	$(BIN)/python -m bench $(BENCH)

# Writes requirements.txt anew, with the newest versions that pyproject.toml allows.
lock: $(READY)
	echo '# Every package at the version that is tested. Made by `make lock` from pyproject.toml; do not edit.' > requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra local --extra dev --universal --python-version 3.11 \
		--upgrade --no-header --no-annotate --quiet | sed '/^--/d' >> requirements.txt

clean:
	if [ -x $(BIN)/marla ]; then $(BIN)/marla local stop; fi
	rm -rf $(VENV) $(PEERS) $(SCAN) .bench .marla .aws-sam demo-data demo-result *.egg-info

$(READY): requirements.txt pyproject.toml
	python3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("MARLA needs Python 3.11 or later")'
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(READY)

$(PEERS)/.ready: bench/requirements-peers.txt
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r bench/requirements-peers.txt
	touch $(PEERS)/.ready

$(SCAN)/.ready: requirements-scan.txt
	python3 -m venv $(SCAN)
	$(SCAN)/bin/pip install --quiet --disable-pip-version-check -r requirements-scan.txt
	touch $(SCAN)/.ready
