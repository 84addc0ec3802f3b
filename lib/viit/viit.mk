# VIIT (lib/viit/README.md): adapt MODEL to video in two stages, let it caption CLIPS, train dual encoders on the captions.
# Without CAPTIONS and CLIPS all of it runs on the demo's own clips, from the demo's own model. Included by the Makefile.
CAPTIONS   ?=#           VIIT: file of clips with short captions, which the towers are trained on (empty: the demo's)
NARRATIVES ?=#           VIIT: file of clips with longer texts, which instructions are written from (default: CAPTIONS)
CLIPS      ?=#           VIIT: folder, or list, of clips to caption
GALLERY    ?=#           VIIT: file of clips with captions, to be found by them (default: a held-out part of CAPTIONS)
WRITER     ?=#           VIIT: text model or server that writes the instructions (default: MODEL)
V := $(RUN)/viit
VIIT_DEMO := $(if $(strip $(CAPTIONS) $(CLIPS)),,yes)
ifdef VIIT_DEMO
ENCODER    ?= $(V)/clip
WORLD      ?=#           VIIT: flags of lib/demo/viit.py, which renders the demo's clips
LEARN      ?= --steps 550 --clips 16# VIIT: flags of lib/demo/base.py, which trains a base that captions
JOBS       ?= 2
VISION     ?= --steps 200 --batch-size 32 --learning-rate 1e-3
LANGUAGE   ?= --steps 200 --batch-size 32 --learning-rate 5e-4
TWICE      ?= --steps 400
CAPTION    ?= --temperature 0 --max-new-tokens 32 --batch-size 64
DUAL       ?= --steps 400 --batch-size 64 --optimizer muon --learning-rate 2e-3 --frames 8
SCORE      ?= --batch-size 64 --max-new-tokens 96
else
ENCODER    ?= openai/clip-vit-base-patch16# VIIT: CLIP or SigLIP as which the dual encoders begin
JOBS       ?= 1#          VIIT: stages at once
ifeq (file,$(origin OMP_NUM_THREADS))
unexport OMP_NUM_THREADS# which is the demo's
endif
VISION     ?= --batch-size 8 --accumulate 8 --learning-rate 1e-5# VIIT: flags of 05 --train vision
LANGUAGE   ?= --batch-size 8 --accumulate 32 --learning-rate 1e-5# VIIT: flags of 05 --train language
TWICE      ?= --epochs 2# VIIT: what makes an arm of one stage as long as one of two
CAPTION    ?=#           VIIT: flags of 02 --style caption
DUAL       ?=#           VIIT: flags of lib.viit.train
SCORE      ?=#           VIIT: flags of 06
endif
VARIABLES += $(OF_VIIT_DATA) $(OF_VIIT)
$(foreach v,$(OF_VIIT_DATA) $(OF_VIIT),$(eval help: export now_$(v) = $$($(v))))
VIIT_GOALS := $(filter viit%,$(MAKECMDGOALS))
ifneq (,$(VIIT_GOALS))
ifndef VIIT_DEMO
$(foreach v,CAPTIONS CLIPS,$(if $($v),,$(error $v is empty: VIIT on clips of your own needs MODEL=, CAPTIONS= (to adapt it) and CLIPS= (to be captioned))))
# before any work, and before it is remembered
$(foreach v,$(if $(MAKES),$(OF_VIIT_DATA) VIDEOS),$(if $(call given,$v),$(if $(strip $($v)),$(if $(wildcard $($v)),,$(error $v is '$($v)': no such file or folder)))))
$(if $(filter $(RUN)/base,$(MODEL)),$(error MODEL is empty: name a video model, e.g. MODEL=Qwen/Qwen3-VL-2B-Instruct))
endif
endif

# what is adapted: MODEL, or a base that learnt to caption too, which the demo's own did not
VIIT_BASE := $(if $(VIIT_DEMO),$(if $(filter $(RUN)/base,$(MODEL)),$(V)/base,$(MODEL)),$(MODEL))
viit_model = $(if $(filter base still,$(1)),$(VIIT_BASE),$(V)/$(if $(filter samples,$(1)),vision-only,$(1)))
viit_done = $(if $(filter $(V)/%,$(1)),$(1)/DONE,$(wildcard $(1)/DONE))
viit_data = $(if $(VIIT_DEMO),$(V)/clips/DONE)
viit_file = $(if $(VIIT_DEMO),$(V)/clips/$(1),$(2))

.PHONY: viit viit-encoder viit-all viit-arms viit-compare viit-cycles viit-star viit-star-arms
viit: | $(READY) viit-encoder  ## VIIT: adapt MODEL in two stages, caption CLIPS, train dual encoders on the captions, one table (CAPTIONS= CLIPS= MODEL=: your own)
	$(AGAIN) -j$(JOBS) viit-all PARALLEL=yes
viit-all: $(V)/results.md
viit-encoder: | $(READY)
	$(if $(VIIT_DEMO),,@$(PY) -m lib.viit.dual $(ENCODER))

viit-compare: | $(READY) viit-encoder  ## the claims of VIIT over SEEDS, each with its test: shown or not shown
	for seed in $(SEEDS); do $(AGAIN) -j$(JOBS) viit-arms PARALLEL=yes RUN=$(RUN)/seed$$seed SEED=$$seed; done
	$(PY) -m lib.tools.viit_compare $(RUN) $(foreach seed,$(SEEDS),seed$(seed))

# ---- data: with the demo a folder of clips and of files as a user has them, from which 01 prepares as from any
$(V)/clips/DONE: $(RUN)/flags/viit_clips | $(READY)
	$(PY) -m lib.demo.viit -o $(@D) $(replace) $(flags_viit_clips)
$(V)/base/DONE: $(RUN)/flags/viit_base | $(READY)
	$(PY) -m lib.demo.base -o $(@D) $(replace) $(flags_viit_base)
$(V)/clip/DONE: $(RUN)/flags/viit_clip | $(READY)
	$(PY) -m lib.demo.clip -o $(@D) $(replace) $(flags_viit_clip)
prepare_captions = $(PY) 01_prepare.py --dataset captions -o $(@D) $(replace) --seed $(SEED)
$(V)/captions/train.jsonl: $(viit_data) $(wildcard $(CAPTIONS)) | $(READY)
	$(prepare_captions) --annotations $(call viit_file,captions.jsonl,$(CAPTIONS)) $(if $(VIDEOS),--videos $(VIDEOS)) $(if $(VIIT_DEMO)$(GALLERY),--test-share 0)
$(V)/narratives/train.jsonl: $(viit_data) $(wildcard $(NARRATIVES)) | $(READY)
	$(prepare_captions) --annotations $(call viit_file,narratives.jsonl,$(NARRATIVES)) $(if $(VIDEOS),--videos $(VIDEOS)) --test-share 0
$(V)/unlabelled/train.jsonl: $(viit_data) $(wildcard $(CLIPS)) | $(READY)
	$(prepare_captions) $(if $(wildcard $(call viit_file,unlabelled,$(CLIPS))/.),--videos,$(if $(VIIT_DEMO),--videos,--annotations)) $(call viit_file,unlabelled,$(CLIPS)) --test-share 0

# ---- the two stages; in the demo a template writes the instructions
INSTRUCTIONS := $(if $(VIIT_DEMO),$(V)/clips,$(V))/instructions.jsonl
ifndef VIIT_DEMO
$(INSTRUCTIONS): $(if $(NARRATIVES),$(V)/narratives/train.jsonl,$(V)/captions/train.jsonl) | $(READY)
	$(PY) -m lib.viit.instructions $< -o $@ $(replace) --model $(or $(WRITER),$(MODEL)) --seed $(SEED)
endif
FOR_VISION := $(V)/captions/train.jsonl $(RUN)/flags/viit_vision
FOR_LANGUAGE := $(if $(VIIT_DEMO),$(V)/clips/DONE,$(INSTRUCTIONS)) $(V)/captions/train.jsonl $(RUN)/flags/viit_language
OF_BASE := $(call viit_done,$(VIIT_BASE))
tune_vision = $(LAUNCH) 05_finetune.py $(V)/captions/train.jsonl -o $(@D) $(replace) --train vision --model $(1) $(flags_viit_vision)
tune_language = $(LAUNCH) 05_finetune.py $(INSTRUCTIONS) -o $(@D) $(replace) --train $(1) --mix $(V)/captions/train.jsonl --model $(2) $(flags_viit_language)
$(V)/vision/DONE: $(FOR_VISION) $(OF_BASE)
	$(call tune_vision,$(VIIT_BASE))
$(V)/model/DONE: $(FOR_LANGUAGE) $(V)/vision/DONE
	$(call tune_language,language,$(V)/vision)
# the arms of viit-compare: as many steps in one stage, or both in the other order
$(V)/vision-only/DONE: $(FOR_VISION) $(OF_BASE)
	$(call tune_vision,$(VIIT_BASE)) $(TWICE)
$(V)/language-only/DONE: $(FOR_LANGUAGE) $(OF_BASE)
	$(call tune_language,language,$(VIIT_BASE)) $(TWICE)
$(V)/both/DONE: $(FOR_LANGUAGE) $(OF_BASE)
	$(call tune_language,both,$(VIIT_BASE)) $(TWICE)
$(V)/language-first/DONE: $(FOR_LANGUAGE) $(OF_BASE)
	$(call tune_language,language,$(VIIT_BASE))
$(V)/language-then-vision/DONE: $(FOR_VISION) $(V)/language-first/DONE
	$(call tune_vision,$(V)/language-first)
$(V)/no-short/DONE: $(FOR_LANGUAGE) $(V)/vision/DONE
	$(call tune_language,language,$(V)/vision) --shares short=0

# ---- captions of CLIPS: by the base, of their middle frame alone, by what was adapted; several of each
ARMS_OF_ORDER := vision-only language-only both language-then-vision no-short
$(foreach m,base vision model still samples $(ARMS_OF_ORDER),$(V)/captioned/$m.jsonl): $(V)/captioned/%.jsonl: $(V)/unlabelled/train.jsonl $$(call viit_done,$$(call viit_model,$$*)) $(RUN)/flags/viit_caption | $(READY)
	$(LAUNCH) 02_generate.py $< -o $@ $(replace) --style caption --model $(call viit_model,$*) $(flags_viit_caption) \
	  $(if $(filter still,$*),--view still) $(if $(filter samples,$*),--samples 4 --temperature 0.7 --top-p 0.95) $(if $(filter language% both no-short,$*),$(FEW))

LABELLED := base model# whose captions of clips with labels are verified
# ---- a dual encoder of each source of captions; NAME@K: of the first K clips alone
source_of = $(if $(filter true alt-text,$(1)),$(V)/clips/$(1).jsonl,$(V)/captioned/$(1).jsonl)
few_of = $(patsubst %,--limit %,$(word 2,$(subst @, ,$(1))))
VIIT_SOURCES := base vision model $(if $(VIIT_DEMO),true alt-text)
MORE_SOURCES := vision-only still samples alt-text@200 alt-text@666 model@200 model@666
DUALS := $(VIIT_SOURCES) $(MORE_SOURCES)
FOUND_IN := $(call viit_file,gallery.jsonl,$(or $(GALLERY),$(V)/captions/test.jsonl))
FOUND_BY := $(if $(VIIT_DEMO),$(V)/clips/DONE,$(or $(GALLERY),$(V)/captions/train.jsonl))
# CLIPS may hold the gallery's; the demo's do not
UNSEEN := $(if $(VIIT_DEMO),,--unseen $(FOUND_IN) $(if $(VIDEOS),--videos $(VIDEOS)))
STAR_DUALS := $(LABELLED:%=kept-%) $(LABELLED:%=all-%)
$(DUALS:%=$(V)/dual/%/DONE): $(V)/dual/%/DONE: $$(if $$(filter true alt-text,$$(firstword $$(subst @, ,$$*))),$(V)/clips/DONE,$$(call source_of,$$(firstword $$(subst @, ,$$*)))) $$(call viit_done,$(ENCODER)) $(if $(VIIT_DEMO),,$(FOUND_BY)) $(RUN)/flags/viit_dual | $(READY)
	$(LAUNCH) -m lib.viit.train $(call source_of,$(firstword $(subst @, ,$*))) -o $(@D) $(replace) --model $(ENCODER) $(flags_viit_dual) $(call few_of,$*) $(UNSEEN)
$(foreach d,$(DUALS) $(STAR_DUALS),$(V)/retrieval/$d/eval.json): $(V)/retrieval/%/eval.json: $(V)/dual/%/DONE $(FOUND_BY)
	$(PY) 06_eval.py --benchmark retrieval --task own --questions $(FOUND_IN) --videos $(or $(if $(VIIT_DEMO),,$(VIDEOS)),$(dir $(FOUND_IN))) --model $(V)/dual/$* -o $@ $(replace)

# ---- questions, with their reasoning and short; of clips of one's own those of DATA, where there are any
ASKED_OF := $(if $(VIIT_DEMO),$(V)/clips/test.jsonl,$(wildcard $(DATA)/test.jsonl))
ANSWERING := base vision model
$(foreach m,$(ANSWERING) $(ARMS_OF_ORDER) with-rationales,$(V)/answers/$m/direct/eval.json $(V)/answers/$m/short/eval.json): $$(call viit_done,$$(call viit_model,$$(word 1,$$(subst /, ,$$(patsubst $(V)/answers/%,%,$$@))))) $(viit_data) $(RUN)/flags/viit_score
	$(LAUNCH) 06_eval.py $(ASKED_OF) -o $@ $(replace) --model $(call viit_model,$(word 1,$(subst /, ,$(patsubst $(V)/answers/%,%,$@)))) --style $(notdir $(@D)) $(flags_viit_score)
answers_of = $(if $(ASKED_OF),$(foreach m,$(1),$(V)/answers/$m/direct/eval.json $(V)/answers/$m/short/eval.json))

$(V)/results.md: $(VIIT_SOURCES:%=$(V)/retrieval/%/eval.json) $(call answers_of,$(ANSWERING))
	$(PY) -m lib.tools.viit $(RUN)
viit-arms: $(V)/results.md $(MORE_SOURCES:%=$(V)/retrieval/%/eval.json) $(ARMS_OF_ORDER:%=$(V)/captioned/%.jsonl) $(call answers_of,$(ARMS_OF_ORDER))

# ---- where both papers meet: cycles from the adapted model, captions kept by their clips' labels, rationales in stage 2
$(LABELLED:%=$(V)/captioned/labelled-%.jsonl): $(V)/captioned/labelled-%.jsonl: $(viit_data) $$(call viit_done,$$(call viit_model,$$*)) $(RUN)/flags/viit_caption
	$(LAUNCH) 02_generate.py $(V)/clips/labelled.jsonl -o $@ $(replace) --style caption --model $(call viit_model,$*) $(flags_viit_caption)
$(LABELLED:%=$(V)/captioned/kept-%.jsonl): $(V)/captioned/kept-%.jsonl: $(V)/captioned/labelled-%.jsonl
	$(PY) 04_verify.py $< -o $@ $(replace) --seed $(SEED) --max-failures 0.5
kept_of = $$(grep -c '"keep": true' $(V)/captioned/kept-$(1).jsonl)
$(LABELLED:%=$(V)/dual/kept-%/DONE): $(V)/dual/kept-%/DONE: $(V)/captioned/kept-%.jsonl $$(call viit_done,$(ENCODER)) $(RUN)/flags/viit_dual
	$(LAUNCH) -m lib.viit.train $< -o $(@D) $(replace) --model $(ENCODER) $(flags_viit_dual)
$(LABELLED:%=$(V)/dual/all-%/DONE): $(V)/dual/all-%/DONE: $(V)/captioned/labelled-%.jsonl $(V)/captioned/kept-%.jsonl $$(call viit_done,$(ENCODER)) $(RUN)/flags/viit_dual
	$(LAUNCH) -m lib.viit.train $< -o $(@D) $(replace) --model $(ENCODER) $(flags_viit_dual) --limit $(call kept_of,$*)
cycles_from = $(AGAIN) cycle RUN=$(RUN)/$(1) DATA=$(DATA) MODEL=$(2) BASE=$(2) N=$(N) PARALLEL=
viit-cycles: $(DATA)/train.jsonl $(OF_BASE) $(V)/model/DONE
	$(call cycles_from,cycles-from-base,$(VIIT_BASE))
	$(call cycles_from,cycles-from-viit,$(V)/model)
$(V)/with-rationales/DONE: $(FOR_LANGUAGE) $(V)/vision/DONE viit-cycles
	$(call tune_language,language,$(V)/vision) --mix $(RUN)/cycles-from-base/cycle$(N)/verified.jsonl
viit-star-arms: $(V)/results.md $(STAR_DUALS:%=$(V)/retrieval/%/eval.json) $(call answers_of,with-rationales)
viit-star: | $(READY) viit-encoder  ## VIIT and Video-STaR together over SEEDS: cycles from the adapted model, captions kept by labels, rationales in stage 2
	for seed in $(SEEDS); do $(AGAIN) viit-star-arms RUN=$(RUN)/seed$$seed SEED=$$seed; done
	$(PY) -m lib.tools.viit_compare $(RUN) $(foreach seed,$(SEEDS),seed$(seed))

# notes of flags, as the Makefile has them for the stages of a cycle
FEW := $(if $(VIIT_DEMO),--limit 600)# clips that an arm captions which no dual encoder learns from
flags_viit_clips = --seed $(SEED) $(WORLD)
flags_viit_clip = --seed $(SEED)
flags_viit_base = --seed $(SEED) $(LEARN) --captions
flags_viit_vision = --seed $(SEED) $(VISION)
flags_viit_language = --seed $(SEED) $(LANGUAGE)
flags_viit_caption = --seed $(SEED) $(CAPTION)
flags_viit_dual = --seed $(SEED) $(DUAL)
flags_viit_score = --seed $(SEED) $(SCORE)
code_viit_clips = lib/demo/world.py lib/demo/captions.py lib/demo/viit.py
code_viit_clip = lib/demo/clip.py lib/demo/captions.py
code_viit_base = $(code_base)
code_viit_vision = $(code_finetune)
code_viit_language = $(code_finetune)
code_viit_caption = $(code_generate)
code_viit_dual = lib/captions/*.py lib/muon.py lib/viit/train.py lib/viit/pairs.py lib/viit/dual.py \
  lib/video.py lib/streams.py
code_viit_score = $(code_evaluate)
VIIT_NOTES := $(if $(VIIT_GOALS),viit_clips viit_clip viit_base viit_vision viit_language viit_caption viit_dual viit_score)
