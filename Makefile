# One command per job; CI runs the same ones. Needs python >= 3.11, git, terraform >= 1.11 and GNU make >= 3.81.
# Everything is installed into .venv: the system's Python is only asked to make it, and uv need not be there.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Python that makes the environment: the first of these that is new enough. Overridden with make PYTHON=...
PYTHON ?=
PYTHONS := $(if $(PYTHON),$(PYTHON),python3 python3.11 python3.12 python3.13 python3.14)
UV_VERSION := $(shell sed -n 's/^ *"uv==\([0-9.]*\)".*/\1/p' pyproject.toml)
# More arguments for the program behind a target: make test ARGS="-k broker", make plan ENV=dev ARGS=--offline.
ARGS ?=
# Environment that a target is for: make plan ENV=dev. It counts on the command line alone, since a shell's own ENV names a
# file. Where somebody seems to mean it all the same, nothing is done: without ENV these targets are for the laptop.
ifeq ($(origin ENV),command line)
unexport ENV
FOR_ENV := --env "$(ENV)"
else ifneq ($(and $(ENV),$(wildcard terraform/envs/$(ENV)/terraform.tfvars)),)
$(error ENV from the shell is not used; write: make $(MAKECMDGOALS) ENV=$(ENV))
endif
ifeq ($(origin env),command line)
$(error env is not known; write: make $(MAKECMDGOALS) ENV=$(env))
endif

# An active environment or a PYTHONPATH of the caller must not decide what is installed or imported.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME UV_PROJECT_ENVIRONMENT UV_PYTHON UV_PROJECT PIP_USER PIP_TARGET PIP_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore

# The stamp holds the folder it was made in: a moved clone has the old paths in .venv and is installed again.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: $(STAMP) ## Make .venv with the locked versions of everything

.PHONY: demo
demo: $(STAMP) ## Show the platform from nothing to a report: start, apply, publish, a guided tour, stop
	@$(PY) -m scripts.demo $(ARGS)

.PHONY: up
up: $(STAMP) ## Start the laptop AWS with the platform on it, and keep it running
	@$(PY) -m scripts.up $(ARGS)

.PHONY: down
down: $(STAMP) ## Stop the laptop AWS
	@$(PY) -m scripts.down $(ARGS)

.PHONY: plan
plan: $(STAMP) ## Plan an environment and say what is risky in it: ENV=dev
	@$(PY) -m scripts.plan $(FOR_ENV) $(ARGS)

.PHONY: apply
apply: $(STAMP) ## Apply an environment (ENV=dev), or the catalog again to the running laptop AWS
	@$(PY) -m scripts.apply $(FOR_ENV) $(ARGS)

.PHONY: outputs
outputs: $(STAMP) ## Fetch what an applied environment tells the other programs: ENV=dev
	@$(PY) -m scripts.outputs $(FOR_ENV) $(ARGS)

.PHONY: smoke
smoke: $(STAMP) ## Check an applied environment from outside, as its users would: ENV=dev
	@$(PY) -m scripts.smoke $(FOR_ENV) $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") $(ARGS)

.PHONY: show
show: ## Print what Terraform recorded (terraform show -json), which the stand-ins boot from
	@if [ -f .local/agentcore.json ]; then cat .local/agentcore.json; else \
	  echo "show: nothing is recorded; start the laptop AWS with \`make up\`" >&2; exit 1; \
	fi

.PHONY: logs
logs: $(STAMP) ## Show the logs of the laptop AWS
	@$(PY) -m local_aws logs $(ARGS)

.PHONY: status
status: $(STAMP) ## Say what of the laptop AWS is running, and where
	@$(PY) -m local_aws status $(ARGS)

.PHONY: seed
seed: $(STAMP) ## Put the sample clinics, users and documents into the running laptop AWS
	@$(PY) -m scripts.seed $(ARGS)

.PHONY: onboard
onboard: $(STAMP) ## Add a clinic: ENV=dev ARGS="--clinic-id ... --name ... --tier ..."
	@$(PY) -m scripts.onboard $(FOR_ENV) $(ARGS)

.PHONY: chat
chat: $(STAMP) ## Talk to the assistant as one of the sample users
	@$(PY) -m scripts.chat $(ARGS)

# Two processes: the running platform's tests wait most of the time, so the others run beside them.
.PHONY: test
test: $(STAMP) ## Run every Python test; needs no AWS account
	@$(PY) -m pytest tests --ignore=tests/perf -n 2 --dist loadgroup $(ARGS)

.PHONY: test-unit
test-unit: $(STAMP) ## Run the unit tests
	@$(PY) -m pytest tests/unit $(ARGS)

.PHONY: test-contract
test-contract: $(STAMP) ## Run the tests of the stand-ins against the AWS interfaces they stand for
	@$(PY) -m pytest tests/contract $(ARGS)

.PHONY: test-terraform
test-terraform: $(STAMP) ## Run the Python tests of the Terraform modules
	@$(PY) -m pytest tests/terraform $(ARGS)

.PHONY: test-e2e
test-e2e: $(STAMP) ## Run the end-to-end tests on the laptop AWS
	@$(PY) -m pytest tests/e2e $(ARGS)

.PHONY: test-python-stack
test-python-stack: $(STAMP) ## Compare the Python stack example with the HCL root; needs Node (code 3: not run)
	@$(PY) -m scripts.python_stack $(ARGS)

.PHONY: bench
bench: $(STAMP) ## Measure turns and cold starts against the speed budget
	@$(PY) -m tests.perf $(ARGS)

.PHONY: lint
lint: $(STAMP) ## Check style, formatting and the direction of imports
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/lint-imports

.PHONY: format
format: $(STAMP) ## Format Python and Terraform, and fix what ruff can fix
	@$(VENV)/bin/ruff check --fix --quiet
	@$(VENV)/bin/ruff format --quiet
	@$(PY) -m scripts.terraform.cli -- fmt -recursive terraform

.PHONY: types
types: $(STAMP) ## Check types
	@$(VENV)/bin/mypy

.PHONY: validate
validate: $(STAMP) ## Check all Terraform: format, validity, tests, policies; on both providers
	@$(PY) -m scripts.validate $(ARGS)
	@$(PY) -m scripts.policies --check

.PHONY: schema
schema: $(STAMP) ## Read the schemas of the Terraform types in use, for the recording provider
	@$(PY) -m scripts.schema $(ARGS)

.PHONY: policies
policies: $(STAMP) ## Print what the rendered Cedar policies decide: tier by tool by hour
	@$(PY) -m scripts.policies $(ARGS)

.PHONY: scan
scan: $(STAMP) ## Scan modules and plans for insecure settings (checkov and our AgentCore checks)
	@$(PY) -m scripts.scan $(FOR_ENV) $(ARGS)

.PHONY: docs
docs: $(STAMP) ## Write the parts of the documentation that are generated from the sources
	@$(PY) -m scripts.module_docs --write
	@$(PY) -m scripts.scan_docs
	@$(PY) -m scripts.deployer_policy
	@$(PY) -m scripts.expected_costs --write

.PHONY: docs-check
docs-check: $(STAMP) ## Check that the generated parts of the documentation are up to date
	@$(PY) -m scripts.module_docs
	@$(PY) -m scripts.scan_docs --check
	@$(PY) -m scripts.deployer_policy --check
	@$(PY) -m scripts.expected_costs --check

.PHONY: publish-agent
publish-agent: $(STAMP) ## Build the agent from the commit and publish this version: ENV=dev
	@$(PY) -m scripts.publish $(FOR_ENV) $(ARGS)

.PHONY: release-status
release-status: $(STAMP) ## Say which version each endpoint runs: ENV=dev
	@$(PY) -m scripts.release status $(FOR_ENV) $(ARGS)

.PHONY: promote
promote: $(STAMP) ## Send an endpoint to a version: ENV=staging VERSION=0.2.0 [ENDPOINT=live] [SHARE=20]
	@$(PY) -m scripts.release promote $(FOR_ENV) $(if $(VERSION),--version "$(VERSION)") $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") $(if $(SHARE),--share "$(SHARE)") $(ARGS)

.PHONY: rollback
rollback: $(STAMP) ## Send an endpoint back to what it ran before: ENV=prod [ENDPOINT=live]
	@$(PY) -m scripts.release rollback $(FOR_ENV) $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") $(ARGS)

.PHONY: bundle
bundle: $(STAMP) ## Build the agent's wheel and bundles, for this machine and for AWS
	@$(PY) -m scripts.bundle $(ARGS)

# What runs is stopped first: .local holds what is needed for that. .venv stays, and so do the lock files of real
# environments, which are under version control.
.PHONY: clean
clean: ## Stop the laptop AWS and remove its files, builds and caches
	@if [ -d .local ] && [ -x $(PY) ]; then $(PY) -m scripts.down; fi
	@rm -rf examples/python-stack/.venv examples/python-stack/cdktf.out
	@rm -rf .local build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -path ./$(VENV) -prune -o -path ./.git -prune -o \
	  \( -name __pycache__ -o -name .terraform -o -name .terraform.lock.hcl \) -prune -print | while IFS= read -r path; do \
	    case $$path in ./terraform/envs/local/*) ;; ./terraform/envs/*.lock.hcl) continue ;; esac; \
	    rm -rf "$$path"; \
	  done

# Printed when no Python will do.
define NO_PYTHON
Python 3.11 or newer is needed, and none of these is it: $(PYTHONS)
Install one from https://www.python.org/downloads/ or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11
endef
export NO_PYTHON

$(STAMP): uv.lock pyproject.toml agent_pkg/pyproject.toml local_aws/pyproject.toml
	@rm -f $@
	@set -e; \
	if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  found=; \
	  for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then printf '%s\n' "$$NO_PYTHON" >&2; exit 1; fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  if ! "$$found" -m venv --clear $(VENV); then \
	    echo "$$found cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	  fi; \
	fi
	@if ! $(VENV)/bin/uv --version >/dev/null 2>&1; then \
	  echo "Installing uv $(UV_VERSION) into $(VENV)"; \
	  $(PY) -m pip install --quiet --quiet "uv==$(UV_VERSION)"; \
	fi
	@echo "Installing the locked packages"
	@$(VENV)/bin/uv sync --frozen --quiet --python $(PY)
	@printf '%s\n' '$(CURDIR)' > $@
