# Video-STaR: prepare, then per cycle generate, rationalize, verify, finetune, evaluate. `make help` lists targets and variables.
ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error GNU Make 4.3 or newer is needed, this is $(MAKE_VERSION); on macOS: brew install make, then gmake)
endif
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += -r
.DELETE_ON_ERROR:
ifndef PARALLEL# stages of VIIT alone run beside each other
.NOTPARALLEL:
endif
.SECONDEXPANSION:
.DEFAULT_GOAL := help

RUN         ?= runs/demo# folder of the run; its run.mk remembers the variables below
include lib/tools/run.mk
N           ?= 3#         cycles to run, or auto: until held-out yield on a dev split no longer grows
DATASET     ?= demo#      demo, folder, csv, jsonl or a dataset's name (01_prepare.py --dataset)
VIDEOS      ?=#           folder of the videos, for data of your own
ANNOTATIONS ?=#           file of the labels; for a dataset its official files
MODEL       ?= $(if $(filter demo,$(DATASET)),$(RUN)/base)# folder or hub id of the model of cycle 1
BASE        ?= $(MODEL)#  what every cycle fine-tunes
ORIGINS     ?= direct rationalized# what to learn from: both, or one of them (an ablation)
DATA        ?= $(RUN)/data# what 01 prepared; name that of another run to share it
DROP        ?=#           blind, shuffled or both: learn nothing from questions that MODEL answers without the video as it is
SEED        ?= 0#         of data, base, sampling and training
PY          ?= .venv/bin/python# your own environment instead of .venv
LAUNCH      ?= $(PY)#     how model stages start, e.g. LAUNCH="torchrun --nproc_per_node 8"
SERVE       ?=#           server that answers 02 and 03 of the cycles, e.g. SERVE="vllm serve {model} --port {port}" (lib/tools/serve.py)
REPORT_TO   ?=#           tensorboard, wandb or trackio: follow 05 and the figures of each cycle there
SERVED      ?=#           how it is asked, e.g. SERVED=video=jpeg (lib/model/server.py)
TRUST       ?=#           yes or no: take what was made with other prompts or code as it is; its sidecar then says so
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
PRETRAIN    ?= --steps 500# flags of lib/demo/base.py, which trains the demo's base

VARIABLES := RUN N DATASET VIDEOS ANNOTATIONS MODEL BASE ORIGINS DATA DROP SEED PY LAUNCH SERVE SERVED REPORT_TO PREPARE GENERATE RATIONALIZE VERIFY FINETUNE EVALUATE PRETRAIN TRUST
READY  := $(if $(filter .venv/bin/python,$(PY)),.venv/DONE)
include lib/viit/viit.mk
# a tracker that cannot be used is refused before any work, and before it is remembered
no_tracker := $(if $(REPORT_TO),$(if $(MAKES),$(if $(wildcard $(PY)),$(shell $(PY) -m lib.trackers -- '$(REPORT_TO)'))))
$(if $(no_tracker),$(error $(no_tracker)))
$(remember)
ifeq (,$(strip $(MODEL)))
$(if $(filter cycle plan bound arms final compare baseline-% ablation-%,$(MAKECMDGOALS)),$(error MODEL is empty: with DATASET=$(DATASET) name a video model, e.g. MODEL=Qwen/Qwen3-VL-2B-Instruct))
endif
# the last cycle of the run: with N=auto the best one, once it is known
LAST   := $(if $(filter auto,$(N)),$(shell sed -n 's/.*"cycle": \([0-9]*\).*/\1/p' $(RUN)/best.json 2>/dev/null),$(N))
CYCLES := $(if $(filter auto,$(N)),,$(shell seq 1 $(N)))
up_to  := $(if $(filter auto,$(N)),, --cycles $(N))# what stands beyond N may have been made with other flags
AGAIN  := $(MAKE) --no-print-directory# not $(MAKE) in the recipe: -n shall print the command, not start it
quoted = '$(subst ','\'',$(1))'
again  = $(subst $$,$$$$,$(1))# a make that is told it reads it again
# with N=auto a fifth of the training videos is set apart to decide when to stop; a run that has such a split keeps it
DEV := $(if $(findstring --dev-share,$(PREPARE)),,$(if $(filter auto,$(N))$(wildcard $(RUN)/data/dev.jsonl),--dev-share 0.2))

# what this make remembered, a make for a run beside it is told
$(foreach v,$(TOLD),$(eval compare $(addprefix ablation-,direct-only rationalized-only one-sample two-samples): private export $v := $$(call again,$$($v))))

.PHONY: help cycle data plan results report smoke audit bench lint test test-slow setup FORCE

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-26s %s\n", $$1, $$2}'
	@echo; echo "variables, as they are now:"
	@$(foreach v,$(VARIABLES),printf '  %-12s %s\n' '$(v)' "$$now_$(v)";)
# for this target only: exported to all, they would override the defaults of a make started by a recipe (the tests start some)
$(foreach v,$(VARIABLES),$(eval help: export now_$(v) = $$($(v))))

ifneq ($(N),auto)
cycle: $(RUN)/results.md  ## N self-training cycles and their table (what is done is not done again)
else
cycle: | $(READY)
	for i in $$(seq 0 99); do $(AGAIN) $(RUN)/cycle$$i/dev/eval.json N=$$i DEV="$(DEV)"; $(PY) -m lib.tools.plateau $(RUN) $$i || { [ $$? = 10 ] && break; exit 1; }; done; $(AGAIN) cycle N=$$i
endif

data: $(DATA)/train.jsonl $(DATA)/test.jsonl  ## only prepare the data (01): to look at them, or for make plan

plan: | $(READY)  ## what N cycles will cost: tokens, FLOPs, memory, disk, and time from a trial of ten records (TRIAL=0: none); DEVICE=h100 GPUS=8 PRICE=2.5: on cards that are not here
	$(PY) -m lib.tools.plan $(DATA)/train.jsonl --test $(DATA)/test.jsonl --run $(RUN) --model $(MODEL) --cycles $(if $(filter auto,$(N)),1,$(N)) $(TRIAL:%=--trial %) --origins $(ORIGINS) $(if $(DROP),--views $(DROP)) \
	  $(if $(DEVICE),--device '$(DEVICE)') $(GPUS:%=--gpus %) $(PRICE:%=--price %) $(EFFICIENCY:%=--efficiency %) $(if $(SHARES),--shares $(SHARES)) $(RECORDS:%=--records %) \
	  --generate="$$flags_generate" --rationalize="$$flags_rationalize" --verify="--seed $(SEED) $(VERIFY)" --finetune="$$flags_finetune" --evaluate="$$flags_evaluate"

results: | $(READY)  ## print the table of RUN again
	@$(PY) -m lib.tools.results $(RUN)$(up_to)
	$(follow)

report: | $(READY)  ## RUN/report.html: figures, settings and a browsable sample of records, in one file
	$(PY) -m lib.tools.report $(RUN)$(up_to)

smoke: | $(READY)  ## the same chain on a few clips, two cycles, in runs/smoke: does everything run here?
	$(PY) -m lib.tools.smoke $(if $(filter file,$(origin RUN)),runs/smoke,$(RUN))

audit: | $(READY)  ## the verifier against human verdicts, beside the paper's rules and substring matching
	$(PY) 04_verify.py --audit tests/audit/written.jsonl tests/audit/scored.jsonl tests/audit/near.jsonl

bench: | $(READY)  ## what the stages cost on this machine
	$(PY) -m lib.tools.bench

lint: | $(READY)  ## ruff: errors, and lines of at most 110 columns
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

test: | $(READY)  ## the tests, in minutes
	$(PY) -m pytest -q -m "not slow" tests

test-slow: | $(READY)  ## those that need longer: a real server, whole runs killed in the middle, several processes
	$(PY) -m pytest -q -m slow tests

setup: $(READY)  ## only make .venv from requirements.txt

.venv/DONE: requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check -r requirements.txt
	touch $@

# A note per stage holds the flags it was made with, and a sum of the code; it is rewritten, and its stage made again, only when
# they differ. The stage then knows whether the difference changes what it makes: a comment does not.
flags_prepare  = --dataset $(DATASET)$(if $(VIDEOS), --videos $(VIDEOS))$(if $(ANNOTATIONS), --annotations $(ANNOTATIONS)) --seed $(SEED) $(PREPARE)$(if $(DEV), $(DEV))
flags_base     = --seed $(SEED) $(PRETRAIN)
flags_generate = --seed $(SEED) $(GENERATE)
flags_rationalize = $(strip $(flags_generate) $(RATIONALIZE))
flags_verify   = --seed $(SEED) $(VERIFY)$(if $(DROP), --drop-answered $(DROP:%=$(RUN)/%.jsonl))
flags_finetune = --model $(BASE) --seed $(SEED) $(FINETUNE)
flags_evaluate = --seed $(SEED) $(EVALUATE)
flags_model    = $(MODEL)
flags_results  = $(up_to)
STAGES := generate rationalize verify finetune evaluate
NOTES := prepare base $(STAGES) preferences model results $(VIIT_NOTES)
asking = lib/prompts.py lib/thoughts.py lib/video.py lib/streams.py lib/labels.py lib/records.py lib/model/*.py
code_prepare     = 01_prepare.py lib/labels.py lib/records.py lib/video.py lib/streams.py lib/datasets/*.py lib/captions/*.py lib/demo/world.py
code_base        = lib/prompts.py lib/muon.py lib/demo/*.py
code_generate    = 02_generate.py $(asking)
code_rationalize = 03_rationalize.py $(asking) lib/verifier/*.py
code_verify      = 04_verify.py lib/labels.py lib/records.py lib/thoughts.py lib/verifier/*.py
code_finetune    = 05_finetune.py $(asking) lib/training/*.py
code_preferences = $(code_finetune)
code_evaluate    = 06_eval.py $(asking) lib/verifier/*.py lib/benchmarks/*.py
$(foreach v,$(if $(GOALS),$(NOTES)),$(eval sum_$v := $(if $(code_$v),| code $(firstword $(shell cat $(code_$v) | cksum)))))
ifeq (folder,$(strip $(DATASET)))
sum_prepare += | videos $(firstword $(shell ls -LR '$(VIDEOS)' 2>/dev/null | cksum))# there is no annotation file to be newer
endif
$(foreach v,$(NOTES),$(eval note_$v = $$(strip $$(flags_$v) $(sum_$v))))
export $(NOTES:%=flags_%) $(NOTES:%=note_%)
stale = $(if $(call same,$(note_$(1)),$(strip $(file <$(RUN)/flags/$(1)))),,FORCE)
$(NOTES:%=$(RUN)/flags/%): $(RUN)/flags/%: $$(call stale,$$*)
	@mkdir -p $(@D); printf '%s\n' "$$note_$*" > $@
# before the first stage: what another does not take is told at once
$(RUN)/flags/stages: $(STAGES:%=$(RUN)/flags/%) | $(READY)
	@$(PY) -m lib.tools.stage_flags && touch $@
$(RUN)/flags/prepare $(RUN)/flags/base $(RUN)/flags/model: | $(RUN)/flags/stages

replace = --overwrite$(if $(filter yes,$(TRUST)), --trust-code)
report_to = $(patsubst %,--report-to %,$(filter-out none,$(REPORT_TO)))
follow = $(if $(report_to),-$(PY) -m lib.tools.follow $(RUN)$(up_to) $(report_to))# a tracker that fails costs no cycle
ifeq ($(DATA),$(RUN)/data)
$(RUN)/data/train.jsonl $(RUN)/data/test.jsonl $(if $(findstring --dev-share,$(PREPARE) $(DEV)),$(RUN)/data/dev.jsonl) &: $(wildcard $(ANNOTATIONS)) $(RUN)/flags/prepare | $(READY)
	$(PY) 01_prepare.py -o $(RUN)/data $(replace) $(flags_prepare)
else
$(DATA)/train.jsonl $(DATA)/test.jsonl $(DATA)/dev.jsonl:
	$(error DATA is '$(DATA)': it has no $(@F); make the data of the run it belongs to first, or leave DATA out)
endif

$(RUN)/base/DONE: $(RUN)/flags/base | $(READY)
	$(PY) -m lib.demo.base -o $(RUN)/base $(replace) $(flags_base)

# Cycle i asks the model of cycle i - 1, cycle 1 asks MODEL; every cycle trains from BASE.
model_of = $(if $(filter 1,$(1)),$(MODEL),$(RUN)/cycle$(shell expr $(1) - 1)/model)
done_of  = $(if $(filter $(1),$(RUN)/base $(CYCLES:%=$(RUN)/cycle%/model)),$(1)/DONE,$(wildcard $(1)/DONE))
ANSWERS := $(if $(filter direct,$(ORIGINS)),generated) $(if $(filter rationalized,$(ORIGINS)),rationalized)
explained_of = $(if $(filter direct,$(ORIGINS)),$(RUN)/cycle$(1)/generated.jsonl,$(DATA)/train.jsonl)# what 03 looks for failures in
generate_of    = 02_generate.py $(DATA)/train.jsonl -o $(RUN)/cycle$(1)/generated.jsonl $(replace) --model $(2) --cycle $(1) $(flags_generate)
rationalize_of = 03_rationalize.py $(explained_of) -o $(RUN)/cycle$(1)/rationalized.jsonl $(replace) --model $(2) --cycle $(1) $(flags_rationalize)
ifeq ($(SERVE),)
$(CYCLES:%=$(RUN)/cycle%/generated.jsonl): $(RUN)/cycle%/generated.jsonl: $(DATA)/train.jsonl $$(call done_of,$$(call model_of,$$*)) $(RUN)/flags/generate $(RUN)/flags/model | $(READY)
	$(LAUNCH) $(call generate_of,$*,$(call model_of,$*))
$(CYCLES:%=$(RUN)/cycle%/rationalized.jsonl): $(RUN)/cycle%/rationalized.jsonl: $$(call explained_of,$$*) $$(call done_of,$$(call model_of,$$*)) $(RUN)/flags/rationalize $(RUN)/flags/model | $(READY)
	$(LAUNCH) $(call rationalize_of,$*,$(call model_of,$*))
else
include lib/tools/serve.mk
endif
$(CYCLES:%=$(RUN)/cycle%/verified.jsonl): $(RUN)/cycle%/verified.jsonl: $(ANSWERS:%=$(RUN)/cycle$$*/%.jsonl) $(DROP:%=$(RUN)/%.jsonl) $(RUN)/flags/verify | $(READY)
	$(PY) 04_verify.py $(ANSWERS:%=$(@D)/%.jsonl) -o $@ $(replace) $(flags_verify)

# bound, template, teacher and final are models trained once, on what is written into their verified.jsonl (lib/tools/compare.mk)
TRAINED := $(CYCLES:%=cycle%) bound template teacher final
$(TRAINED:%=$(RUN)/%/model/DONE): $(RUN)/%/model/DONE: $(RUN)/%/verified.jsonl $(call done_of,$(BASE)) $(RUN)/flags/finetune | $(READY)
	$(LAUNCH) 05_finetune.py $< -o $(@D) $(replace) $(flags_finetune) $(report_to)

ARMS := $(TRAINED) preferences
$(RUN)/cycle0/eval.json $(RUN)/cycle0/dev/eval.json: $(call done_of,$(MODEL)) $(RUN)/flags/model
$(ARMS:%=$(RUN)/%/eval.json) $(ARMS:%=$(RUN)/%/dev/eval.json): $$(patsubst %/dev/,%/,$$(dir $$@))model/DONE
evaluate = $(LAUNCH) 06_eval.py $< -o $@ $(replace) --model $(if $(filter $(RUN)/cycle0/%,$@),$(MODEL),$(patsubst %/dev/,%/,$(dir $@))model) $(flags_evaluate)
$(RUN)/cycle0/eval.json $(ARMS:%=$(RUN)/%/eval.json): $(DATA)/test.jsonl $(RUN)/flags/evaluate | $(READY)
	$(evaluate)
	$(if $(filter $(RUN)/cycle%,$@),$(follow))
$(RUN)/cycle0/dev/eval.json $(ARMS:%=$(RUN)/%/dev/eval.json): $(DATA)/dev.jsonl $(RUN)/flags/evaluate | $(READY)
	$(evaluate)

$(RUN)/results.md: $(RUN)/cycle0/eval.json $(CYCLES:%=$(RUN)/cycle%/eval.json) $(RUN)/flags/results
	$(PY) -m lib.tools.results $(RUN)$(up_to)

include lib/tools/compare.mk
include lib/tools/share.mk
