# Video-STaR: prepare, then per cycle generate, rationalize, verify, finetune, evaluate. `make help` lists targets and variables.
ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error GNU Make 4.3 or newer is needed, this is $(MAKE_VERSION); on macOS: brew install make, then gmake)
endif
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += -r
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

N           ?= 3#         cycles to run
RUN         ?= runs/demo# folder of the run
DATASET     ?= demo#      demo, folder, csv or jsonl (01_prepare.py --dataset)
VIDEOS      ?=#           folder of the videos, for data of your own
ANNOTATIONS ?=#           file of the labels, for csv and jsonl
MODEL       ?= $(if $(filter demo,$(DATASET)),$(RUN)/base)# folder or hub id of the model of cycle 1
BASE        ?= $(MODEL)#  what every cycle fine-tunes
SEED        ?= 0#         of data, base, sampling and training
PY          ?= .venv/bin/python# your own environment instead of .venv
LAUNCH      ?= $(PY)#     how model stages start, e.g. LAUNCH="torchrun --nproc_per_node 8"
ifeq ($(DATASET),demo)
export OMP_NUM_THREADS ?= 1#  so small a model gains nothing from two, and loses much when the second core is busy
PREPARE     ?= --clips 700
GENERATE    ?= --samples 2 --temperature 0.5 --max-new-tokens 96 --batch-size 64
RATIONALIZE ?= --conclude-unaided
VERIFY      ?= --per-question 2
FINETUNE    ?= --full --epochs 2 --learning-rate 5e-4 --batch-size 32
EVALUATE    ?= --max-new-tokens 96 --batch-size 64
else
PREPARE     ?=#           flags of 01_prepare.py
GENERATE    ?=#           flags of 02_generate.py and 03_rationalize.py
RATIONALIZE ?=#           further flags of 03_rationalize.py
VERIFY      ?=#           flags of 04_verify.py
FINETUNE    ?= --batch-size 8 --accumulate 16# flags of 05_finetune.py
EVALUATE    ?=#           flags of 06_eval.py
endif
PRETRAIN    ?= --steps 800# flags of lib/demo_base.py, which trains the demo's base

VARIABLES := N RUN DATASET VIDEOS ANNOTATIONS MODEL BASE SEED PY LAUNCH PREPARE GENERATE RATIONALIZE VERIFY FINETUNE EVALUATE PRETRAIN
ifneq (1,$(words $(RUN)))
$(error RUN is '$(RUN)': expected one path without spaces)
endif
ifeq (,$(strip $(MODEL)))
$(if $(filter cycle bound,$(MAKECMDGOALS)),$(error MODEL is empty: with DATASET=$(DATASET) name a video model, e.g. MODEL=Qwen/Qwen3-VL-2B-Instruct))
endif
CYCLES := $(shell seq 1 $(N))
READY  := $(if $(filter .venv/bin/python,$(PY)),.venv/DONE)

.PHONY: help cycle results bound smoke audit test setup FORCE

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-9s %s\n", $$1, $$2}'
	@echo; echo "variables, as they are now:"
	@$(foreach v,$(VARIABLES),printf '  %-12s %s\n' '$(v)' "$$now_$(v)";)
# for this target only: exported to all, they would override the defaults of a make started by a recipe (the tests start some)
$(foreach v,$(VARIABLES),$(eval help: export now_$(v) = $$($(v))))

cycle: $(RUN)/results.md  ## N self-training cycles and their table (what is done is not done again)

results: | $(READY)  ## print the table of RUN again
	@$(PY) -m lib.results $(RUN)

bound: $(RUN)/bound/eval.json  ## demo: train on the true reasoning instead, the upper bound, and add it to the table
	$(PY) -m lib.results $(RUN)

smoke: | $(READY)  ## the same chain on a few clips, two cycles: does everything run here?
	$(MAKE) --no-print-directory cycle N=2 RUN=$(RUN) PRETRAIN="--steps 60 --clips 10" PREPARE="--clips 12" GENERATE="--samples 2 --temperature 0.7 --max-new-tokens 48 --batch-size 48" \
	  FINETUNE="--full --learning-rate 5e-4 --batch-size 16" EVALUATE="--max-new-tokens 48 --batch-size 48"

audit: | $(READY)  ## the verifier against human verdicts: precision, recall, every disagreement
	$(PY) 04_verify.py --audit tests/audit.jsonl

test: | $(READY)  ## all tests
	$(PY) -m pytest -q tests

setup: $(READY)  ## only make .venv from requirements.txt

.venv/DONE: requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check -r requirements.txt
	touch $@

# A note per stage holds the flags it was made with; it is rewritten, and its stage made again, only when they differ.
flags_prepare  = --dataset $(DATASET)$(if $(VIDEOS), --videos $(VIDEOS))$(if $(ANNOTATIONS), --annotations $(ANNOTATIONS)) --seed $(SEED) $(PREPARE)
flags_base     = --seed $(SEED) $(PRETRAIN)
flags_generate = --seed $(SEED) $(GENERATE)
flags_rationalize = $(strip $(flags_generate) $(RATIONALIZE))
flags_verify   = --seed $(SEED) $(VERIFY)
flags_finetune = --model $(BASE) --seed $(SEED) $(FINETUNE)
flags_evaluate = --seed $(SEED) $(EVALUATE)
flags_model    = $(MODEL)
same = $(if $(subst x$(1),,x$(2))$(subst x$(2),,x$(1)),,same)
define NOTE
export flags_$(1)
$(RUN)/flags/$(1): $(if $(call same,$(strip $(flags_$(1))),$(strip $(file <$(RUN)/flags/$(1)))),,FORCE)
	@mkdir -p $$(@D); printf '%s\n' "$$$$flags_$(1)" > $$@
endef
$(foreach stage,prepare base generate rationalize verify finetune evaluate model,$(eval $(call NOTE,$(stage))))

$(RUN)/data/train.jsonl $(RUN)/data/test.jsonl &: $(ANNOTATIONS) $(RUN)/flags/prepare | $(READY)
	$(PY) 01_prepare.py -o $(RUN)/data --overwrite $(flags_prepare)

$(RUN)/base/DONE: $(RUN)/flags/base | $(READY)
	$(PY) -m lib.demo_base -o $(RUN)/base --overwrite $(flags_base)

# The model of cycle i is cycle i-1's; of cycle 1 it is MODEL. Files are named one by one: no pattern, so nothing counts as intermediate.
done_of = $(if $(filter $(1),$(RUN)/base),$(1)/DONE,$(wildcard $(1)/DONE))
MODEL_1 := $(MODEL)
DONE_1  := $(call done_of,$(MODEL))
define CYCLE
C_$(1) := $(RUN)/cycle$(1)
$(RUN)/cycle$(1)/generated.jsonl: $(RUN)/data/train.jsonl $$(DONE_$(1)) $(RUN)/flags/generate $(RUN)/flags/model | $(READY)
	$(LAUNCH) 02_generate.py $(RUN)/data/train.jsonl -o $$@ --overwrite --model $$(MODEL_$(1)) --cycle $(1) $$(flags_generate)
$(RUN)/cycle$(1)/rationalized.jsonl: $(RUN)/cycle$(1)/generated.jsonl $(RUN)/flags/rationalize | $(READY)
	$(LAUNCH) 03_rationalize.py $$< -o $$@ --overwrite --model $$(MODEL_$(1)) --cycle $(1) $$(flags_rationalize)
$(RUN)/cycle$(1)/verified.jsonl: $(RUN)/cycle$(1)/generated.jsonl $(RUN)/cycle$(1)/rationalized.jsonl $(RUN)/flags/verify | $(READY)
	$(PY) 04_verify.py $$(wordlist 1,2,$$^) -o $$@ --overwrite $$(flags_verify)
$(RUN)/cycle$(1)/model/DONE: $(RUN)/cycle$(1)/verified.jsonl $(call done_of,$(BASE)) $(RUN)/flags/finetune | $(READY)
	$(LAUNCH) 05_finetune.py $$< -o $$(@D) --overwrite $$(flags_finetune)
$(RUN)/cycle$(1)/eval.json: $(RUN)/data/test.jsonl $(RUN)/cycle$(1)/model/DONE $(RUN)/flags/evaluate | $(READY)
	$(LAUNCH) 06_eval.py $$< -o $$@ --overwrite --model $(RUN)/cycle$(1)/model $$(flags_evaluate)
MODEL_$(shell expr $(1) + 1) := $(RUN)/cycle$(1)/model
DONE_$(shell expr $(1) + 1) := $(RUN)/cycle$(1)/model/DONE
endef
$(foreach i,$(CYCLES),$(eval $(call CYCLE,$(i))))

$(RUN)/cycle0/eval.json: $(RUN)/data/test.jsonl $(DONE_1) $(RUN)/flags/evaluate $(RUN)/flags/model | $(READY)
	$(LAUNCH) 06_eval.py $< -o $@ --overwrite --model $(MODEL) $(flags_evaluate)

$(RUN)/results.md: $(RUN)/cycle0/eval.json $(foreach i,$(CYCLES),$(RUN)/cycle$(i)/eval.json)
	$(PY) -m lib.results $(RUN)

$(RUN)/bound/verified.jsonl: $(RUN)/data/train.jsonl | $(READY)
	$(PY) -m lib.demo_world $(RUN)/data $@
$(RUN)/bound/model/DONE: $(RUN)/bound/verified.jsonl $(call done_of,$(BASE)) $(RUN)/flags/finetune
	$(LAUNCH) 05_finetune.py $< -o $(@D) --overwrite $(flags_finetune)
$(RUN)/bound/eval.json: $(RUN)/data/test.jsonl $(RUN)/bound/model/DONE $(RUN)/flags/evaluate
	$(LAUNCH) 06_eval.py $< -o $@ --overwrite --model $(RUN)/bound/model $(flags_evaluate)
