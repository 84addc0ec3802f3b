# Baselines, ablations and what else is trained once beside the loop; included by the Makefile.
TEACHER     ?= $(RUN)/bound/model# the stronger model of baseline-teacher
SEEDS       ?= 0 1 2#     of make compare
STEPS       ?= 1000#      optimiser steps of every arm of make compare, where FINETUNE names neither them nor --epochs: equal budgets
PREFER      ?= $(if $(filter demo,$(DATASET)),--full --batch-size 32 --learning-rate 5e-5)# flags of 05 with --preferences
flags_preferences = --seed $(SEED) $(PREFER)
VARIABLES += TEACHER SEEDS STEPS PREFER
$(foreach v,TEACHER SEEDS STEPS PREFER,$(eval help: export now_$(v) = $$($(v))))

.PHONY: bound baseline-template baseline-teacher ablation-direct-only ablation-rationalized-only ablation-one-sample ablation-two-samples preferences final arms compare

bound: $(RUN)/bound/eval.json  ## demo: train on the true reasoning instead, the upper bound, and add it to the table
	$(PY) -m lib.tools.results $(RUN)$(up_to)

baseline-template: $(RUN)/template/eval.json  ## the paper's Video-LLaVA+: template answers made from the labels

baseline-teacher: $(RUN)/teacher/eval.json  ## the paper's Gemini row: TEACHER answers 500 questions, mixed with half of the template data

# sub-makes share data and models, not the variable names of this run
$(foreach v,GENERATE VERIFY FINETUNE,$(eval again_$v := $$(call again,$$($v))))
BESIDE = $(AGAIN) cycle RUN=$(RUN)/$(1) DATA=$(DATA) MODEL=$(MODEL) BASE=$(BASE)
SHARED = $(DATA)/train.jsonl $(DATA)/test.jsonl $(call done_of,$(MODEL))
ablation-direct-only: $(SHARED)  ## the loop without rationalization
	$(call BESIDE,direct-only) ORIGINS=direct

ablation-rationalized-only: $(SHARED)  ## the loop without direct answers: every label rationalized
	$(call BESIDE,rationalized-only) ORIGINS=rationalized

# of each question one answer is drawn and learnt from, or two
samples = $(call BESIDE,$(1)) GENERATE=$(call quoted,$(again_GENERATE) --samples $(2)) VERIFY=$(call quoted,$(again_VERIFY) --per-question $(2))
ablation-one-sample: $(SHARED)  ## the loop with one answer a question, as the paper (the demo draws two)
	$(call samples,one-sample,1)

ablation-two-samples: $(SHARED)  ## the loop with two answers a question (the default for data of your own is one)
	$(call samples,two-samples,2)

preferences: $(RUN)/preferences/eval.json  ## after cycle N: its kept answers preferred to its wrong ones (DPO), from its own model

final: $(RUN)/final/eval.json  ## the paper's last model: trained on the direct answers of cycle N only

arms: cycle baseline-template ablation-direct-only ablation-rationalized-only ablation-$(if $(filter demo,$(DATASET)),one-sample,two-samples) final

compare: | $(READY)  ## base, baselines, ablations and loop over SEEDS at equal training STEPS: one table
	for seed in $(SEEDS); do $(AGAIN) arms RUN=$(RUN)/seed$$seed SEED=$$seed FINETUNE=$(call quoted,$(again_FINETUNE)$(if $(findstring --steps,$(FINETUNE))$(findstring --epochs,$(FINETUNE)),, --steps $(STEPS))); done
	$(PY) -m lib.tools.compare $(RUN)$(up_to) $(foreach seed,$(SEEDS),seed$(seed))

# what MODEL answers without the video as it is (DROP)
$(RUN)/blind.jsonl $(RUN)/shuffled.jsonl: $(DATA)/train.jsonl $(call done_of,$(MODEL)) $(RUN)/flags/generate $(RUN)/flags/model | $(READY)
	$(LAUNCH) 02_generate.py $(DATA)/train.jsonl -o $@ $(replace) --model $(MODEL) --view $(basename $(@F)) $(flags_generate)

$(RUN)/bound/verified.jsonl: $(DATA)/train.jsonl | $(READY)
	$(PY) -m lib.tools.baselines truth $< $@
$(RUN)/template/verified.jsonl: $(DATA)/train.jsonl | $(READY)
	$(PY) -m lib.tools.baselines template $< $@
$(RUN)/teacher/generated.jsonl: $(DATA)/train.jsonl $(call done_of,$(TEACHER)) $(RUN)/flags/generate | $(READY)
	$(LAUNCH) 02_generate.py $< -o $@ $(replace) --limit 500 --model $(TEACHER) $(flags_generate)
$(RUN)/teacher/answers.jsonl: $(RUN)/teacher/generated.jsonl $(RUN)/flags/verify
	$(PY) 04_verify.py $< -o $@ $(replace) $(flags_verify)
$(RUN)/teacher/verified.jsonl: $(DATA)/train.jsonl $(RUN)/teacher/answers.jsonl
	$(PY) -m lib.tools.baselines template $< $@ --share 0.5 --add $(RUN)/teacher/answers.jsonl
$(RUN)/final/verified.jsonl: $(RUN)/cycle$(LAST)/generated.jsonl $(RUN)/flags/verify | $(READY)
	$(PY) 04_verify.py $< -o $@ $(replace) $(flags_verify)
$(RUN)/preferences/model/DONE: $(RUN)/cycle$(LAST)/verified.jsonl $(RUN)/cycle$(LAST)/model/DONE $(RUN)/flags/preferences | $(READY)
	$(LAUNCH) 05_finetune.py $< -o $(@D) $(replace) --model $(RUN)/cycle$(LAST)/model --preferences 0.1 $(flags_preferences)
