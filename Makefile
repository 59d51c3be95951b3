# The two commands: `make demo` (set up + main job) and `make test` (set up + tests).
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo full test lint foundation results measured benchmarks plan requirements schema

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

setup: .venv/.ready ## create .venv with the pinned packages

.venv/.ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

demo: setup ## two simulated subjects, end to end; ends with results/demo/report/index.html
	snakemake report
	@echo "Open results/demo/report/index.html"

full: setup ## four simulated subjects, all stimuli; resumable
	snakemake report --configfile workflows/config/full.yaml

test: setup ## all tests: files shared out to two processes, then whole workflows
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile --ignore tests/end_to_end
	python -m pytest tests/end_to_end

lint: setup ## style, types, workflow
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflows
	pyright
	snakemake --lint

requirements: ## pin every version again, for all platforms
	$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --extra dev --extra slurm pyproject.toml -o requirements.txt

foundation: setup ## train the shipped small models again, on images that no subject sees
	brainvis prior --config workflows/config/foundation.yaml --out results/foundation/prior.h5
	brainvis image-text --config workflows/config/foundation.yaml --stimuli results/foundation/prior.h5 --out data/foundation/image_text
	brainvis foundation autoencoder --config workflows/config/foundation.yaml --stimuli results/foundation/prior.h5 --out results/foundation/autoencoder
	brainvis foundation generator --config workflows/config/foundation.yaml --stimuli results/foundation/prior.h5 --autoencoder results/foundation/autoencoder --image-text data/foundation/image_text --out data/foundation/generator
	brainvis prior-objects --config workflows/config/foundation.yaml --count 5040 --out results/foundation/objects.h5 --meshes results/foundation/objects
	brainvis foundation shape --config workflows/config/foundation.yaml --stimuli results/foundation/objects.h5 --meshes results/foundation/objects --image-text data/foundation/image_text --out data/foundation/shape
	brainvis foundation visual --config workflows/config/foundation.yaml --stimuli results/foundation/prior.h5 --out data/foundation/visual
	brainvis foundation clips --config workflows/config/foundation.yaml --out results/foundation/clips.h5
	brainvis foundation video --config workflows/config/foundation.yaml --stimuli results/foundation/clips.h5 --out data/foundation/video
	brainvis foundation motion --config workflows/config/foundation.yaml --clips results/foundation/clips.h5 --generator data/foundation/generator --image-text data/foundation/image_text --out data/foundation/motion

results: setup ## run what docs/results shows and write its pages
	snakemake report --configfile workflows/config/vangerven_digits.yaml
	brainvis results workflows/config/vangerven_digits.yaml --out docs/results/vangerven_digits.md
	{ echo "# Decoders of the measured digits, commit $$(git describe --always --dirty)"; echo; \
	  python benchmarks/digits.py; } > docs/results/digits_decoders.md
	snakemake report --configfile workflows/config/haxby.yaml
	brainvis results workflows/config/haxby.yaml --out docs/results/haxby.md
	snakemake report --configfile workflows/config/demo.yaml
	brainvis results workflows/config/demo.yaml --out docs/results/demo.md
	for one in category category-control; do \
	  snakemake report --configfile workflows/config/$$one.yaml && \
	  brainvis results workflows/config/$$one.yaml --out docs/results/$$one.md || exit 1; done
	snakemake report --configfile workflows/config/full.yaml
	brainvis results workflows/config/full.yaml --out docs/results/full.md
	{ echo "# Peak memory of the betas stage, commit $$(git describe --always --dirty)"; echo; \
	  python benchmarks/glm_memory.py; } > docs/results/glm_memory.md

measured: setup ## encoding analyses of measured fMRI: results/measured, docs/results/measured_encoding.md
	snakemake measured

benchmarks: setup ## side by side with peers, hours on two cores: docs/results/benchmarks.md
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[bench]"
	{ echo "# Benchmarks, commit $$(git describe --always --dirty)"; \
	  for one in "ridge --sizes full --repeats 1" in_context universal_step \
	      "generation --folder data/foundation/generator" interaction objects3d shape_metrics; do \
	    echo; python benchmarks/$${one%% *}.py $$(echo $$one | cut -s -d' ' -f2-); done; } \
	  > docs/results/benchmarks.md

plan: setup ## estimates of `brainvis plan` beside what runs take: docs/results/plan.md
	python benchmarks/plan.py > docs/results/plan.md

schema: ## write the JSON schema of the configuration again
	$(BIN)/brainvis config schema --out workflows/schemas/config.schema.json
