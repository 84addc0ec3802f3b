# What a run was made with stands in RUN/run.mk: any later target needs RUN= and nothing else. Included by the Makefile before
# its defaults. What a run's content hangs on is FIXED once something was made; another flag of a stage is remembered, and
# re-makes what it concerns.
OF_DATA    := DATASET VIDEOS ANNOTATIONS SEED DATA
OF_MODEL   := MODEL BASE ORIGINS
OF_STAGES  := N DROP PY LAUNCH SERVE SERVED REPORT_TO PREPARE GENERATE RATIONALIZE VERIFY FINETUNE EVALUATE PRETRAIN TEACHER SEEDS STEPS PREFER
OF_VIIT_DATA := CAPTIONS NARRATIVES CLIPS GALLERY
OF_VIIT    := WRITER ENCODER WORLD LEARN JOBS VISION LANGUAGE TWICE CAPTION DUAL SCORE
REMEMBERED := $(OF_DATA) $(OF_MODEL) $(OF_STAGES) $(OF_VIIT_DATA) $(OF_VIIT)
ABOUT_CODE := help smoke audit bench lint test test-slow setup# targets that look at no run, or make one of their own
READS_ONLY := plan results report export push
OF_A_CALL  := RUN TRUST TO WHAT EXPORT HUB PUBLIC DEVICE GPUS PRICE EFFICIENCY SHARES RECORDS TRIAL PARALLEL DEV# which no run remembers
GOALS      := $(filter-out $(ABOUT_CODE),$(or $(MAKECMDGOALS),help))
ASKS_ONLY  := $(findstring n,$(firstword -$(MAKEFLAGS)))$(findstring q,$(firstword -$(MAKEFLAGS)))
MAKES      := $(if $(ASKS_ONLY),,$(filter-out $(READS_ONLY),$(GOALS)))

# a goal that is none, and a variable of the command line that is a slip of another (run=, GENERATES=), are refused before all else
known_goals := $(shell sed -n 's/^\.PHONY://p' Makefile lib/*/*.mk)
$(foreach g,$(filter-out $(known_goals),$(MAKECMDGOALS)),$(if $(findstring /,$g)$(wildcard $g),,$(error no target '$g': make help lists them)))
commanded   := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))
upper       = $(shell printf %s '$(subst ','\'',$(1))' | tr a-z- A-Z_)
close_to    = $(firstword $(filter $(1) $(1)S $(patsubst %S,%,$(1)),$(OF_A_CALL) $(REMEMBERED)))
meant       = $(if $(filter $(1),$(OF_A_CALL) $(REMEMBERED)),,$(call close_to,$(call upper,$(1))))
$(foreach v,$(commanded),$(foreach other,$(call meant,$v),$(error $v=... is no variable of this Makefile: did you mean $(other)=?)))
$(foreach v,PUBLIC TRUST,$(if $(filter-out yes no,$($v))$(word 2,$($v)),$(error $v is '$($v)': expected yes or no)))

# paths and names go to bash as they are: one that bash would split or read otherwise is refused
hash := \#
comma := ,
UNSAFE := ' " \ $$ ` ; & | < > ( ) * ? [ ] { } !
given = $(filter command environment,$(firstword $(origin $(1))))
unsafe_in = $(strip $(foreach sign,$(UNSAFE),$(if $(findstring $(sign),$(value $(1))),$(sign))))
words_of = $(if $(filter ANNOTATIONS,$(1)),1,$(words $(value $(1))))
# of folders that stand in targets, what make reads as a pattern, as more than one target, as a home or a flag
odd_folder = $(strip $(foreach sign,% :,$(findstring $(sign),$(value $(1)))) $(filter ~% -%,$(firstword $(value $(1)))))
odd_name = $(if $(call unsafe_in,$(1)),$(1) is '$(value $(1))': it holds $(call unsafe_in,$(1)); name a path without such signs,\
	$(if $(filter-out 0 1,$(call words_of,$(1))),$(1) is '$(value $(1))': expected one path without spaces))
$(foreach v,RUN DATA,$(if $(call given,$v),$(if $(call odd_folder,$v),$(error $v is '$(value $v)': expected a path without % and :, and no ~ or - at its beginning))))
$(foreach v,RUN VIDEOS ANNOTATIONS MODEL BASE DATA DATASET SEED $(OF_VIIT_DATA),$(if $(call given,$v),$(if $(strip $(call odd_name,$v)),$(error $(strip $(call odd_name,$v))))))
digits = $(subst 0,,$(subst 1,,$(subst 2,,$(subst 3,,$(subst 4,,$(subst 5,,$(subst 6,,$(subst 7,,$(subst 8,,$(subst 9,,$(1)))))))))))
odd_number = $(if $(call digits,$(filter-out auto,$(1))),x,$(filter-out 1,$(words $(1))))
$(if $(call given,N),$(if $(call odd_number,$(N)),$(error N is '$(N)': expected a number of cycles, or auto)))
only = $(if $(call given,$(1)),$(if $(filter-out $(2),$($(1))),$(error $(1) is '$($(1))': expected $(3))))
$(call only,ORIGINS,direct rationalized,direct or rationalized$(comma) or both)
$(call only,DROP,blind shuffled,blind or shuffled$(comma) or both)
$(if $(call given,ORIGINS),$(if $(strip $(ORIGINS)),,$(error ORIGINS is empty: expected direct or rationalized$(comma) or both)))
ifneq (1,$(words $(RUN)))
$(error RUN is '$(RUN)': expected one path without spaces)
endif

# A make that makes something leaves its name in RUN/making first, and looks who else is there. A make started by it is part of it.
# Of another machine's make only this is seen: that its name is touched while it runs.
export VIDEO_STAR_MAKES
INSIDE := $(filter $(abspath $(RUN)),$(VIDEO_STAR_MAKES))
define others
begun() { cut -d' ' -f22 /proc/$$1/stat 2>/dev/null || ps -o lstart= -p $$1 2>/dev/null || true; };
cd '$(RUN)/making'; me=$$HOSTNAME.$$PPID; began=$$(begun $$PPID); echo "$$began" > $$me;
while [ "$$began" ] && [ "$$(begun $$PPID)" = "$$began" ]; do touch -c $$me; sleep 20; done </dev/null >/dev/null 2>&1 &
for name in *; do
  if [ "$$name" = $$me ]; then continue; fi;
  if [ "$${name%.*}" = $$HOSTNAME ]; then [ "$$(begun $${name##*.})" = "$$(cat "$$name")" ]; else [ "$$(find "$$name" -mmin -3)" ]; fi
  && echo "$$name" || rm -f "$$name";
done
endef
ifneq (,$(if $(INSIDE),,$(MAKES)))
$(shell mkdir -p '$(RUN)/making')
OTHERS := $(shell $(others))
VIDEO_STAR_MAKES += $(abspath $(RUN))
endif

$(eval $(file <$(RUN)/run.mk))
# what of the run stands fast: its data once they are there, its model once it answered
BOUND := $(if $(wildcard $(RUN)/data/train.jsonl $(RUN)/cycle*/*.jsonl),$(OF_DATA)) $(if $(wildcard $(RUN)/cycle*/*.jsonl),$(OF_MODEL)) \
	$(if $(wildcard $(RUN)/viit/*/train.jsonl),$(OF_VIIT_DATA) SEED)
defined = $(filter-out undefined,$(origin $(1)))
made_with = $(if $(call defined,run_$(1)),run_$(1),was_$(1))# named by the user, or what it was without
REFUSE = $(error $(RUN) was made with $(1)=$($(call made_with,$(1))), now $(1)=$($(1)): leave $(1) out to go on with it, or name another RUN (its memory is $(RUN)/run.mk))
same   = $(if $(subst x$(1),,x$(2))$(subst x$(2),,x$(1)),,same)
same_path = $(or $(call same,$(strip $(1)),$(strip $(2))),$(call same,$(abspath $(1)),$(abspath $(2))))
ifneq (,$(GOALS))
$(foreach v,$(if $(INSIDE),,$(BOUND)),$(if $(call given,$v),$(if $(call defined,$(call made_with,$v)),$(if $(call same_path,$($v),$($(call made_with,$v))),,$(call REFUSE,$v)))))
ifeq (,$(call defined,$(call made_with,DATASET)))
ifneq (,$(wildcard $(RUN)/data/train.jsonl))
ifneq (,$(if $(call given,DATASET),,$(if $(findstring --dataset demo,$(file <$(RUN)/flags/prepare)),,x)))
$(error $(RUN) holds data, and no $(RUN)/run.mk says of what: name DATASET=, and what else it was made with, once)
endif
endif
endif
TOLD := $(foreach v,$(REMEMBERED),$(if $(call given,$v),$v,$(if $(call defined,run_$v),$(eval $v := $$(run_$v))$v)))
endif

# after the defaults: remember. A variable that names something in the run does so wherever the run is moved
define newline


endef
in_run = $(foreach word,$(subst $$,$$$$,$(1)),$(patsubst $(RUN)/%,$$(RUN)/%,$(word)))
memory_of = define $(if $(filter $(1),$(TOLD)),run,was)_$(1)$(newline)$(if $(filter $(OF_DATA) $(OF_MODEL) $(OF_VIIT_DATA),$(1)),$(call in_run,$($(1))),$(subst $$,$$$$,$($(1))))$(newline)endef$(newline)
memory = $(subst $(newline) ,$(newline),$(hash) What this run was made with; later targets need RUN= alone.$(newline)$(foreach v,$(sort $(TOLD) $(OF_DATA) $(OF_MODEL) $(if $(filter viit%,$(GOALS))$(wildcard $(RUN)/viit),$(OF_VIIT_DATA))),$(call memory_of,$v)))
BUSY = $(error $(RUN): another make is at work on it with other variables ($(OTHERS)): wait for it, or name another RUN; if it is not, remove $(OTHERS:%=$(RUN)/making/%))
changed  = $(if $(INSIDE),,$(if $(MAKES),$(if $(call same,$(strip $(memory)),$(strip $(file <$(RUN)/run.mk))),,x)))
remember = $(if $(changed),$(if $(OTHERS),$(BUSY))$(file >$(RUN)/run.mk,$(memory)))
