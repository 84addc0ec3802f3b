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

N           ?= 3#         cycles to run, or auto: until held-out yield on a dev split no longer grows
RUN         ?= runs/demo# folder of the run
DATASET     ?= demo#      demo, folder, csv, jsonl or a dataset's name (01_prepare.py --dataset)
VIDEOS      ?=#           folder of the videos, for data of your own
ANNOTATIONS ?=#           file of the labels; for a dataset its official files
MODEL       ?= $(if $(filter demo,$(DATASET)),$(RUN)/base)# folder or hub id of the model of cycle 1
BASE        ?= $(MODEL)#  what every cycle fine-tunes
ORIGINS     ?= direct rationalized# what to learn from: both, or one of them (an ablation)
DATA        ?= $(RUN)/data# what 01 prepared; name that of another run to share it
DROP        ?=#           blind, shuffled or both: learn nothing from questions that MODEL answers without the video as it is
TEACHER     ?= $(RUN)/bound/model# the stronger model of baseline-teacher
SEED        ?= 0#         of data, base, sampling and training
SEEDS       ?= 0 1 2#     of make compare
STEPS       ?= 1000#      optimiser steps of every arm of make compare, where FINETUNE names none: equal budgets
PY          ?= .venv/bin/python# your own environment instead of .venv
LAUNCH      ?= $(PY)#     how model stages start, e.g. LAUNCH="torchrun --nproc_per_node 8"
SERVE       ?=#           server that answers 02 and 03 of the cycles, e.g. SERVE="vllm serve {model} --port {port}" (lib/serve.py)
SERVED      ?=#           how it is asked, e.g. SERVED=video=jpeg (lib/served.py)
ifeq ($(DATASET),demo)
export OMP_NUM_THREADS ?= 1#  so small a model gains nothing from two, and loses much when the second core is busy
PREPARE     ?= --clips 700
GENERATE    ?= --samples 2 --temperature 0.5 --max-new-tokens 96 --batch-size 64
RATIONALIZE ?= --conclude-unaided
VERIFY      ?= --per-question 2
FINETUNE    ?= --full --steps 140 --learning-rate 5e-4 --batch-size 32
EVALUATE    ?= --max-new-tokens 96 --batch-size 64
else
PREPARE     ?=#           flags of 01_prepare.py
GENERATE    ?=#           flags of 02_generate.py and 03_rationalize.py
RATIONALIZE ?=#           further flags of 03_rationalize.py
VERIFY      ?=#           flags of 04_verify.py
FINETUNE    ?= --batch-size 8 --accumulate 16# flags of 05_finetune.py
EVALUATE    ?=#           flags of 06_eval.py
endif
PREFER      ?= $(if $(filter demo,$(DATASET)),--full --batch-size 32 --learning-rate 5e-5)# flags of 05 with --preferences
PRETRAIN    ?= --steps 800# flags of lib/demo_base.py, which trains the demo's base

VARIABLES := N RUN DATASET VIDEOS ANNOTATIONS MODEL BASE ORIGINS DATA DROP TEACHER SEED SEEDS STEPS PY LAUNCH SERVE SERVED PREPARE GENERATE RATIONALIZE VERIFY FINETUNE PREFER EVALUATE PRETRAIN
ifneq (1,$(words $(RUN)))
$(error RUN is '$(RUN)': expected one path without spaces)
endif
ifeq (,$(strip $(MODEL)))
$(if $(filter cycle plan bound arms final compare baseline-% ablation-%,$(MAKECMDGOALS)),$(error MODEL is empty: with DATASET=$(DATASET) name a video model, e.g. MODEL=Qwen/Qwen3-VL-2B-Instruct))
endif
CYCLES := $(if $(filter auto,$(N)),,$(shell seq 1 $(N)))
# with N=auto a fifth of the training videos is set apart to decide when to stop; a run that has such a split keeps it
DEV := $(if $(findstring --dev-share,$(PREPARE)),,$(if $(filter auto,$(N))$(wildcard $(RUN)/data/dev.jsonl),--dev-share 0.2))
AGAIN := $(MAKE) --no-print-directory# not $(MAKE) in the recipe: -n shall print the command, not start it
READY  := $(if $(filter .venv/bin/python,$(PY)),.venv/DONE)

.PHONY: help cycle plan results report export bound baseline-template baseline-teacher ablation-direct-only ablation-rationalized-only preferences final arms compare smoke audit bench test setup FORCE

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-26s %s\n", $$1, $$2}'
	@echo; echo "variables, as they are now:"
	@$(foreach v,$(VARIABLES),printf '  %-12s %s\n' '$(v)' "$$now_$(v)";)
# for this target only: exported to all, they would override the defaults of a make started by a recipe (the tests start some)
$(foreach v,$(VARIABLES),$(eval help: export now_$(v) = $$($(v))))

ifneq ($(N),auto)
cycle: $(RUN)/results.md  ## N self-training cycles and their table (what is done is not done again)
else
cycle: | $(READY)
	for i in $$(seq 0 99); do $(AGAIN) $(RUN)/cycle$$i/dev/eval.json N=$$i DEV="$(DEV)"; $(PY) -m lib.plateau $(RUN) $$i || { [ $$? = 10 ] && break; exit 1; }; done; $(AGAIN) cycle N=$$i
endif

plan: $(DATA)/train.jsonl $(DATA)/test.jsonl $(filter $(RUN)/base/DONE,$(MODEL)/DONE $(BASE)/DONE) | $(READY)  ## what N cycles will cost: tokens, FLOPs, bytes, memory, disk, and time from a trial of ten records (TRIAL=0: none)
	$(PY) -m lib.plan $(DATA)/train.jsonl --test $(DATA)/test.jsonl --run $(RUN) --model $(MODEL) --cycles $(if $(filter auto,$(N)),1,$(N)) $(TRIAL:%=--trial %) --origins $(ORIGINS) $(if $(DROP),--views $(DROP)) \
	  --generate="$$flags_generate" --rationalize="$$flags_rationalize" --verify="--seed $(SEED) $(VERIFY)" --finetune="$$flags_finetune" --evaluate="$$flags_evaluate"

results: | $(READY)  ## print the table of RUN again
	@$(PY) -m lib.results $(RUN)

report: | $(READY)  ## RUN/report.html: figures, settings and a browsable sample of records, in one file
	$(PY) -m lib.report $(RUN)

export: $(RUN)/cycle$(N)/verified.jsonl  ## what cycle N kept, as LLaVA-style conversations: RUN/cycleN/conversations.json
	$(PY) -m lib.datasets $< $(RUN)/cycle$(N)/conversations.json

bound: $(RUN)/bound/eval.json  ## demo: train on the true reasoning instead, the upper bound, and add it to the table
	$(PY) -m lib.results $(RUN)

smoke: | $(READY)  ## the same chain on a few clips, two cycles: does everything run here?
	$(MAKE) --no-print-directory cycle N=2 RUN=$(RUN) PRETRAIN="--steps 60 --clips 10" PREPARE="--clips 12" GENERATE="--samples 2 --temperature 0.7 --max-new-tokens 48 --batch-size 48" \
	  FINETUNE="--full --learning-rate 5e-4 --batch-size 16" EVALUATE="--max-new-tokens 48 --batch-size 48"

audit: | $(READY)  ## the verifier against human verdicts: precision, recall, every disagreement
	$(PY) 04_verify.py --audit tests/audit.jsonl

bench: | $(READY)  ## what the stages cost on this machine
	$(PY) -m lib.bench

test: | $(READY)  ## all tests
	$(PY) -m pytest -q tests

setup: $(READY)  ## only make .venv from requirements.txt

.venv/DONE: requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check -r requirements.txt
	touch $@

# A note per stage holds the flags it was made with; it is rewritten, and its stage made again, only when they differ.
flags_prepare  = --dataset $(DATASET)$(if $(VIDEOS), --videos $(VIDEOS))$(if $(ANNOTATIONS), --annotations $(ANNOTATIONS)) --seed $(SEED) $(PREPARE)$(if $(DEV), $(DEV))
flags_base     = --seed $(SEED) $(PRETRAIN)
flags_generate = --seed $(SEED) $(GENERATE)
flags_rationalize = $(strip $(flags_generate) $(RATIONALIZE))
flags_verify   = --seed $(SEED) $(VERIFY)$(if $(DROP), --drop-answered $(DROP:%=$(RUN)/%.jsonl))
flags_finetune = --model $(BASE) --seed $(SEED) $(FINETUNE)
flags_preferences = --seed $(SEED) $(PREFER)
flags_evaluate = --seed $(SEED) $(EVALUATE)
flags_model    = $(MODEL)
same = $(if $(subst x$(1),,x$(2))$(subst x$(2),,x$(1)),,same)
define NOTE
export flags_$(1)
$(RUN)/flags/$(1): $(if $(call same,$(strip $(flags_$(1))),$(strip $(file <$(RUN)/flags/$(1)))),,FORCE)
	@mkdir -p $$(@D); printf '%s\n' "$$$$flags_$(1)" > $$@
endef
$(foreach stage,prepare base generate rationalize verify finetune preferences evaluate model,$(eval $(call NOTE,$(stage))))

ifeq ($(DATA),$(RUN)/data)
$(RUN)/data/train.jsonl $(RUN)/data/test.jsonl $(if $(findstring --dev-share,$(PREPARE) $(DEV)),$(RUN)/data/dev.jsonl) &: $(ANNOTATIONS) $(RUN)/flags/prepare | $(READY)
	$(PY) 01_prepare.py -o $(RUN)/data --overwrite $(flags_prepare)
endif

$(RUN)/base/DONE: $(RUN)/flags/base | $(READY)
	$(PY) -m lib.demo_base -o $(RUN)/base --overwrite $(flags_base)

# The model of cycle i is cycle i-1's; of cycle 1 it is MODEL. Files are named one by one: no pattern, so nothing counts as intermediate.
done_of = $(if $(filter $(1),$(RUN)/base),$(1)/DONE,$(wildcard $(1)/DONE))
MODEL_1 := $(MODEL)
DONE_1  := $(call done_of,$(MODEL))
# With SERVE a server of the cycle's model answers, one start for both stages: one rule then makes both files. They are precious, since they exist
# only when complete: what 02 has finished must outlive a 03 that fails or is interrupted.
comma := ,
quoted = '$(subst ','\'',$(1))'
command  = $(if $(SERVE),$(PY),$(LAUNCH)) $(1) --overwrite --model $(if $(SERVE),{url}$(SERVED:%=$(comma)%),$(2))
answered = $(if $(SERVE),$(PY) -m lib.serve --server $(call quoted,$(SERVE)) --model $(MODEL_$(1)) --log $(RUN)/cycle$(1)/server.log -- $(SHELL) $(.SHELLFLAGS) $(call quoted,$(2)),$(2))
define CYCLE
answers_$(1) := $(if $(filter direct,$(ORIGINS)),$(RUN)/cycle$(1)/generated.jsonl) $(if $(filter rationalized,$(ORIGINS)),$(RUN)/cycle$(1)/rationalized.jsonl)
asked_$(1) := $(if $(filter direct,$(ORIGINS)),$(RUN)/cycle$(1)/generated.jsonl,$(DATA)/train.jsonl)
generate_$(1) = $$(call command,02_generate.py $(DATA)/train.jsonl -o $(RUN)/cycle$(1)/generated.jsonl,$$(MODEL_$(1))) --cycle $(1) $$(flags_generate)
rationalize_$(1) = $$(call command,03_rationalize.py $$(asked_$(1)) -o $(RUN)/cycle$(1)/rationalized.jsonl,$$(MODEL_$(1))) --cycle $(1) $$(flags_rationalize)
$(RUN)/cycle$(1)/verified.jsonl: $$(answers_$(1)) $(DROP:%=$(RUN)/%.jsonl) $(RUN)/flags/verify | $(READY)
	$(PY) 04_verify.py $$(answers_$(1)) -o $$@ --overwrite $$(flags_verify)
$(RUN)/cycle$(1)/model/DONE: $(RUN)/cycle$(1)/verified.jsonl $(call done_of,$(BASE)) $(RUN)/flags/finetune | $(READY)
	$(LAUNCH) 05_finetune.py $$< -o $$(@D) --overwrite $$(flags_finetune)
MODEL_$(shell expr $(1) + 1) := $(RUN)/cycle$(1)/model
DONE_$(shell expr $(1) + 1) := $(RUN)/cycle$(1)/model/DONE
endef
define ONE_BY_ONE
$(RUN)/cycle$(1)/generated.jsonl: $(DATA)/train.jsonl $$(DONE_$(1)) $(RUN)/flags/generate $(RUN)/flags/model | $(READY)
	$$(call answered,$(1),$$(generate_$(1)))
$(RUN)/cycle$(1)/rationalized.jsonl: $$(asked_$(1)) $$(DONE_$(1)) $(RUN)/flags/rationalize $(RUN)/flags/model | $(READY)
	$$(call answered,$(1),$$(rationalize_$(1)))
endef
define TOGETHER
.PRECIOUS: $(answers_$(1))
$(answers_$(1)) &: $(DATA)/train.jsonl $$(DONE_$(1)) $(RUN)/flags/generate $(RUN)/flags/rationalize $(RUN)/flags/model | $(READY)
	$$(call answered,$(1),$$(generate_$(1)) && $$(rationalize_$(1)))
endef
$(foreach i,$(CYCLES),$(eval $(call CYCLE,$(i)))$(eval $(call $(if $(and $(SERVE),$(word 2,$(answers_$(i)))),TOGETHER,ONE_BY_ONE),$(i))))

$(RUN)/blind.jsonl $(RUN)/shuffled.jsonl: $(DATA)/train.jsonl $(DONE_1) $(RUN)/flags/generate $(RUN)/flags/model | $(READY)
	$(LAUNCH) 02_generate.py $(DATA)/train.jsonl -o $@ --overwrite --model $(MODEL) --view $(basename $(@F)) $(flags_generate)

# Models trained once, on what is written into their verified.jsonl
define ONCE
$(RUN)/$(1)/model/DONE: $(RUN)/$(1)/verified.jsonl $(call done_of,$(BASE)) $(RUN)/flags/finetune | $(READY)
	$(LAUNCH) 05_finetune.py $$< -o $$(@D) --overwrite $$(flags_finetune)
endef
$(foreach arm,bound template teacher final,$(eval $(call ONCE,$(arm))))

define EVALUATED
$(RUN)/$(1)/eval.json: $(DATA)/test.jsonl $(3) $(RUN)/flags/evaluate | $(READY)
	$(LAUNCH) 06_eval.py $(DATA)/test.jsonl -o $$@ --overwrite --model $(2) $$(flags_evaluate)
$(RUN)/$(1)/dev/eval.json: $(DATA)/dev.jsonl $(3) $(RUN)/flags/evaluate | $(READY)
	$(LAUNCH) 06_eval.py $(DATA)/dev.jsonl -o $$@ --overwrite --model $(2) $$(flags_evaluate)
endef
$(eval $(call EVALUATED,cycle0,$(MODEL),$(DONE_1) $(RUN)/flags/model))
$(foreach arm,$(CYCLES:%=cycle%) bound template teacher final preferences,$(eval $(call EVALUATED,$(arm),$(RUN)/$(arm)/model,$(RUN)/$(arm)/model/DONE)))

$(RUN)/results.md: $(RUN)/cycle0/eval.json $(foreach i,$(CYCLES),$(RUN)/cycle$(i)/eval.json)
	$(PY) -m lib.results $(RUN)

$(RUN)/bound/verified.jsonl: $(DATA)/train.jsonl | $(READY)
	$(PY) -m lib.baselines truth $< $@
$(RUN)/template/verified.jsonl: $(DATA)/train.jsonl | $(READY)
	$(PY) -m lib.baselines template $< $@
$(RUN)/teacher/generated.jsonl: $(DATA)/train.jsonl $(call done_of,$(TEACHER)) $(RUN)/flags/generate | $(READY)
	$(LAUNCH) 02_generate.py $< -o $@ --overwrite --limit 500 --model $(TEACHER) $(flags_generate)
$(RUN)/teacher/answers.jsonl: $(RUN)/teacher/generated.jsonl $(RUN)/flags/verify
	$(PY) 04_verify.py $< -o $@ --overwrite $(flags_verify)
$(RUN)/teacher/verified.jsonl: $(DATA)/train.jsonl $(RUN)/teacher/answers.jsonl
	$(PY) -m lib.baselines template $< $@ --share 0.5 --add $(RUN)/teacher/answers.jsonl
$(RUN)/preferences/model/DONE: $(RUN)/cycle$(N)/verified.jsonl $(RUN)/cycle$(N)/model/DONE $(RUN)/flags/preferences | $(READY)
	$(LAUNCH) 05_finetune.py $< -o $(@D) --overwrite --model $(RUN)/cycle$(N)/model --preferences 0.1 $(flags_preferences)
$(RUN)/final/verified.jsonl: $(RUN)/cycle$(N)/generated.jsonl $(RUN)/flags/verify | $(READY)
	$(PY) 04_verify.py $< -o $@ --overwrite $(flags_verify)

baseline-template: $(RUN)/template/eval.json  ## the paper's Video-LLaVA+: template answers made from the labels

baseline-teacher: $(RUN)/teacher/eval.json  ## the paper's Gemini row: TEACHER answers 500 questions, mixed with half of the template data

ARM = $(AGAIN) cycle RUN=$(RUN)/$(1)-only ORIGINS=$(1) DATA=$(DATA) MODEL=$(MODEL) BASE=$(BASE)
ablation-direct-only: $(DATA)/train.jsonl $(DATA)/test.jsonl $(DONE_1)  ## the loop without rationalization
	$(call ARM,direct)

ablation-rationalized-only: $(DATA)/train.jsonl $(DATA)/test.jsonl $(DONE_1)  ## the loop without direct answers: every label rationalized
	$(call ARM,rationalized)

preferences: $(RUN)/preferences/eval.json  ## after cycle N: its kept answers preferred to its wrong ones (DPO), from its own model

final: $(RUN)/final/eval.json  ## the paper's last model: trained on the direct answers of cycle N only

arms: cycle baseline-template ablation-direct-only ablation-rationalized-only final

compare: | $(READY)  ## base, baselines, ablations and loop over SEEDS at equal training STEPS: one table
	for seed in $(SEEDS); do $(AGAIN) arms RUN=$(RUN)/seed$$seed SEED=$$seed FINETUNE="$(FINETUNE)$(if $(findstring --steps,$(FINETUNE)),, --steps $(STEPS))"; done
	$(PY) -m lib.compare $(RUN) $(foreach seed,$(SEEDS),seed$(seed))
