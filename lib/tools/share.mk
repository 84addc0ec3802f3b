# What a run gives to others: rows for their trainers, and model, card and rows on the hub. Included by the Makefile.
TO     ?= llava#         of make export: whose rows, one of llava messages swift llamafactory trl verl easyr1 (lib/tools/README.md)
WHAT   ?=#               of make export: kept, preferences, kto or reward
EXPORT ?=#               of make export: further flags of lib/tools/export.py
HUB    ?=#               of make push: name of the repository on the hub, e.g. HUB=me/my-model
PUBLIC ?=#               of make push: yes, or the repositories are private
VARIABLES += TO WHAT EXPORT HUB PUBLIC
$(foreach v,TO WHAT EXPORT HUB PUBLIC,$(eval help: export now_$(v) = $$($(v))))

.PHONY: export push

LAST_CYCLE = $(RUN)/cycle$(LAST)
rows_of = $(if $(filter llava,$(1)),conversations.json,$(1)$(if $(2),-$(2)).$(if $(filter verl,$(1)),parquet,$(if $(filter llamafactory easyr1,$(1)),json,jsonl)))
export: | $(READY)  ## what cycle N kept, as rows of other trainers (TO=swift WHAT=preferences ...): RUN/cycleN/conversations.json by default
	$(PY) -m lib.tools.export $(LAST_CYCLE)/verified.jsonl $(LAST_CYCLE)/$(call rows_of,$(strip $(TO)),$(strip $(WHAT))) --to $(TO) $(WHAT:%=--what %) $(EXPORT)

push: | $(READY)  ## HUB=name: model, card and kept rows of cycle N to the hub, private unless PUBLIC=yes
	$(PY) -m lib.tools.push $(RUN) $(LAST_CYCLE) $(if $(HUB),--hub $(HUB)) $(if $(filter yes,$(PUBLIC)),--public)
