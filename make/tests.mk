# The tests: tests/ mirrors the tree, each test_*.c is one program.
#
# A test links everything of the node but main.c, those of tests/sim/ of the simulator, those of tests/bench/ what compares
# both.  One that fakes a part of it says in its first line what it links instead:   // link: engine/decision.c tests/fake.c
# The support*.c beside it are linked too, and those of tests/host by all below it.

TEST_SRC  := $(wildcard tests/*/test_*.c tests/host/*/test_*.c)
UNIT_SRC  := $(filter-out tests/cluster/% tests/plugins/%,$(TEST_SRC))
UNITS     := $(UNIT_SRC:%.c=$(B)/%)
PLUGIN_TESTS  := $(patsubst %.c,$(B)/%,$(wildcard tests/plugins/test_*.c))
CLUSTER_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/cluster/test_*.c))
# These measure times or watch for seconds who is heard: nothing runs beside them.
TIMED_TESTS   := $(patsubst %,$(B)/tests/cluster/test_%,live_vs_sim network times)
TEST_SOS  := $(patsubst %.c,$(B)/%.so,$(wildcard tests/engine/plugins/*.c tests/cluster/plugins/*.c tests/check/good/*.c tests/check/bad/*.c))
# Plugins have no threads: their own tests have nothing to show to tsan.
ALL_TESTS := $(UNITS) $(if $(filter tsan,$(VARIANT)),,$(PLUGIN_TESTS)) $(CLUSTER_TESTS)
# Some three hundred programs are linked, and lld takes a quarter of the time of ld.
TEST_LD   := $(if $(shell command -v ld.lld),-fuse-ld=lld)

lib_of = $(if $(filter tests/sim/%,$(1)),$(SIM_OBJ),$(if $(filter tests/bench/%,$(1)),$(REPORT_OBJ) $(LIVE_OBJ) $(RUN_OBJ) $(BENCH_OBJ),$(LIB_OBJ)))
linked_instead = $(shell sed -n '1s|^// link: ||p' $(1))
define unit
$(B)/$(basename $(1)): $(B)/$(basename $(1)).o $(if $(call linked_instead,$(1)),$(patsubst %.c,$(B)/%.o,$(call linked_instead,$(1))),$(call lib_of,$(1))) $(patsubst %.c,$(B)/%.o,$(sort $(wildcard $(dir $(1))support*.c $(if $(filter tests/host/%,$(1)),tests/host/support*.c))))
	$$(call say,LD,$$@)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) $$(TEST_LD) -o $$@ $$^ -lcmocka $$(HOST_LIBS) $(if $(filter tests/sim/% tests/bench/%,$(1)),-lsqlite3)
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit,$(t))))

# Theory: one table of cases, at full size by `make conformance`, small in a test.
CONFORMANCE_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/conformance.c,$(wildcard tests/conformance/*.c)))
$(B)/tests/sim/test_conformance: $(CONFORMANCE_OBJ)
$(B)/tests/conformance/conformance: $(B)/tests/conformance/conformance.o $(CONFORMANCE_OBJ) $(SIM_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)

.PHONY: conformance
## conformance: the simulator against queueing theory; some minutes; writes docs/conformance.md
conformance: all $(B)/tests/conformance/conformance
	$(Q)$(B)/tests/conformance/conformance --write docs/conformance.md

CLAIM := $(B)/p2pfaas-sim plot $(B)/paper-claim --x arrivals.load --by nodes.node.scheduler.parameters.threshold
CLAIM_THEORY := $(foreach t,0 8 9 10,--theory ll:F=1,T=$(t),K=10) --theory erlang_b:K=10
.PHONY: figure-claim
## figure-claim: docs/figures/paper-claim-*, of a simulation of two minutes
figure-claim: all
	$(Q)rm -rf $(B)/paper-claim; mkdir -p docs/figures
	$(Q)$(B)/p2pfaas-sim sim --out $(B)/paper-claim sim/scenarios/paper-claim.yaml
	$(Q)for f in png svg; do \
	    $(CLAIM) --y loss $(CLAIM_THEORY) --theory ll:F=2,T=0,K=10 --out docs/figures/paper-claim-loss.$$f && \
	    $(CLAIM) --y loss --log $(CLAIM_THEORY) --theory ll:F=2,T=0,K=10 --out docs/figures/paper-claim-small-loss.$$f && \
	    $(CLAIM) --y probes $(CLAIM_THEORY) --out docs/figures/paper-claim-probes.$$f || exit 1; done; \
	    rm -f docs/figures/*.gp

.PHONY: figure-learning
## figure-learning: docs/figures/learning-*, of some minutes of simulations, and the table of docs/learning.md
figure-learning: all
	$(Q)scripts/figure-learning $(B)/p2pfaas-sim $(B)/learning docs/figures

# Plugins are linked into their tests under a name of their own.
$(B)/tests/plugins/linked/%.o: plugins/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -DP2P_MODULE_SYMBOL=$(notdir $*)_plugin -MMD -MP -c -o $@ $<
LINKED_PLUGINS := $(patsubst plugins/%.c,$(B)/tests/plugins/linked/%.o,$(wildcard plugins/*/*.c))
PLUGIN_HELP := $(patsubst %.c,$(B)/%.o,$(filter-out $(wildcard tests/plugins/test_*.c),$(wildcard tests/plugins/*.c)))
$(PLUGIN_TESTS): $(B)/tests/plugins/%: $(B)/tests/plugins/%.o $(PLUGIN_HELP) $(LINKED_PLUGINS)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(TEST_LD) -o $@ $^ -lcmocka -lm

CLUSTER_HELP := $(patsubst %.c,$(B)/%.o,$(filter-out $(wildcard tests/cluster/test_*.c),$(wildcard tests/cluster/*.c)))
$(CLUSTER_TESTS): $(B)/tests/cluster/%: $(B)/tests/cluster/%.o $(CLUSTER_HELP) $(BENCH_OBJ) $(LIB_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(TEST_LD) -o $@ $^ -lcmocka -lcurl $(HOST_LIBS) $(TEST_LIBS)

$(B)/tests/cluster/test_bench: TEST_LIBS := -lsqlite3
# What the images of the tests are made of: they have no libraries.
IMAGE_PROGRAM := $(B)/tests/cluster/images/function
$(IMAGE_PROGRAM): tests/cluster/images/function.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O1 -static -o $@ $< -pthread
$(patsubst %.c,$(B)/%,$(wildcard tests/cluster/test_*docker*.c)): | $(IMAGE_PROGRAM)

$(B)/tests/cluster/test_live_vs_sim: | $(B)/bench/live_vs_sim

$(TEST_SOS): $(B)/%.so: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,SO,$@)$(CC) $(ALL_CPPFLAGS) -std=c11 -g -fPIC -fvisibility=hidden -shared -o $@ $<

.PHONY: tests long
## tests: build them, run none
tests: $(ALL_TESTS) $(TEST_SOS)

## check-variant: the tests of this VARIANT only; ONLY=text runs those whose path has it
check-variant: all tests
	$(Q)scripts/run-tests $(B) $(filter-out $(CLUSTER_TESTS),$(ALL_TESTS)) -- $(filter-out $(TIMED_TESTS),$(CLUSTER_TESTS)) -- $(TIMED_TESTS)

## long: the tests that watch a lossy network for minutes
long: all $(B)/tests/cluster/test_network
	$(Q)P2P_LONG_TESTS=1 P2P_TEST_SECONDS=1200 ONLY= scripts/run-tests $(B) -- -- $(B)/tests/cluster/test_network

## check: all tests, plain, under asan and ubsan, and under tsan
check:
	$(Q)MAKE='$(MAKE)' scripts/check $(or $(VARIANTS),release asan tsan)

FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 20
FUZZ_FLAGS = $(ALL_CPPFLAGS) -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined
# Node and simulator have functions of the same names: a fuzzer links the one that it includes.
fuzz_src = $(if $(shell grep -l '^#include "bench/' $(1)),$(patsubst $(B)/%.o,%.c,$(RUN_OBJ) $(REPORT_OBJ) $(BENCH_OBJ) $(SIM_OBJ)),$(if $(shell grep -l \
           '^#include "sim/' $(1)),$(SIM_OBJ:$(B)/%.o=%.c),$(LIB_SRC)))
build/fuzz/%: tests/fuzz/%.c $(LIB_SRC) $(wildcard sim/*.c plugins/*/*.c)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)clang $(FUZZ_FLAGS) -o $@ $< $(call fuzz_src,$<) $(HOST_LIBS) -lsqlite3
## fuzz: each fuzzer for FUZZ_SECONDS=20
fuzz: $(FUZZERS:%=build/fuzz/%)
	$(Q)for f in $(FUZZERS); do mkdir -p build/fuzz/corpus/$$f; \
	    ASAN_OPTIONS=detect_leaks=1 build/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -artifact_prefix=build/fuzz/$$f- \
	    build/fuzz/corpus/$$f $$(ls -d tests/fuzz/corpus/$$f 2>/dev/null) >build/fuzz/$$f.log 2>&1 || \
	    { tail -n 40 build/fuzz/$$f.log; exit 1; }; \
	    sed -n "s/^Done \(.*\)/  $$f: \1, nothing found/p" build/fuzz/$$f.log; done

-include $(patsubst %.c,$(B)/%.d,$(wildcard tests/*/*.c tests/host/*/*.c)) $(LINKED_PLUGINS:.o=.d)
