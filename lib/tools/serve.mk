# With SERVE a server of the cycle's model answers, one start for both stages: one rule then makes both files. They are precious, since
# they exist only when complete: what 02 has finished must outlive a 03 that fails or is interrupted. Included by the Makefile.
URL = {url}$(SERVED:%=$(comma)%)
served = $(PY) -m lib.tools.serve --server $(call quoted,$(SERVE)) --model $(call model_of,$(1)) --log $(RUN)/cycle$(1)/server.log -- $(SHELL) $(.SHELLFLAGS) $(call quoted,$(2))
asked  = $(PY) $(call $(1)_of,$(2),$(URL))
both   = $(call asked,generate,$(1))$(if $(word 2,$(ANSWERS)), && $(call asked,rationalize,$(1)))
define SERVED_CYCLE
.PRECIOUS: $(ANSWERS:%=$(RUN)/cycle$(1)/%.jsonl)
$(ANSWERS:%=$(RUN)/cycle$(1)/%.jsonl) &: $(DATA)/train.jsonl $(call done_of,$(call model_of,$(1))) $(RUN)/flags/generate $(RUN)/flags/rationalize $(RUN)/flags/model | $(READY)
	$$(call served,$(1),$(if $(word 2,$(ANSWERS)),$$(call both,$(1)),$$(call asked,$(patsubst %d,%,$(ANSWERS)),$(1))))
endef
$(foreach i,$(CYCLES),$(eval $(call SERVED_CYCLE,$(i))))
