# P2PFaaS in C
#
#   make                  build everything (release)
#   make demo             three nodes, three schedulers, one node killed: the main job
#   make check            all tests, then again under the sanitizers
#   make V=1              show the commands
#   make VARIANT=asan     debug | release | asan | tsan | cov, each in its own tree
#   make install PREFIX=/usr DESTDIR=/tmp/pkg
#
#   build/release/p2pfaas sim sim/scenarios/first.yaml     the plugins under virtual time
#   build/release/p2pfaas check PLUGIN.so                  a plugin against the rules
#   build/release/p2pfaas bench bench/experiment.yaml      load on running nodes
#
# `make help` lists the targets.  Local settings go into config.mk.
-include config.mk

VERSION  := 0.1.0
VARIANT  ?= release
PREFIX   ?= /usr/local
B        := build/$(VARIANT)
CC       ?= cc
CXX      ?= c++
PKGS     := libmicrohttpd libcjson yaml-0.1 gnutls libcurl sqlite3

WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wformat=2 -Wundef
# Texts for people are cut where their buffer ends, on purpose.
WARN     += -Wno-format-truncation
OPT.debug   := -O1 -g3
OPT.release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT.asan    := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.tsan    := -O1 -g1 -fsanitize=thread
OPT.cov     := -O0 -g3 --coverage -DP2P_COVERAGE
ifndef OPT.$(VARIANT)
$(error VARIANT=$(VARIANT) is not one of debug release asan tsan cov)
endif
# What the sanitizers add to the code makes gcc warn of what is not so.
ifdef DEVELOPER
WARN += $(if $(filter asan tsan,$(VARIANT)),,-Werror)
endif

# What is not needed to install or to tidy up is installed before it is used.
DEPS_FOR := $(if $(MAKECMDGOALS),$(MAKECMDGOALS),all)
NO_DEPS  := help clean distclean format uninstall
ifneq ($(filter-out $(NO_DEPS),$(DEPS_FOR)),)
ifeq ($(shell scripts/install-deps $(filter-out $(NO_DEPS),$(DEPS_FOR)) >&2 && echo ok),)
$(error the packages named above are missing)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS))
endif

ALL_CPPFLAGS = -D_GNU_SOURCE -DP2PFAAS_VERSION='"$(VERSION)"' -I. -Isdk/include $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=c11 $(WARN) $(OPT.$(VARIANT)) $(CFLAGS)
SO_CFLAGS    := -fPIC -fvisibility=hidden
SO_LDFLAGS   := -shared -Wl,--version-script=sdk/plugin.map -Wl,-z,relro,-z,now
ifeq ($(filter asan tsan,$(VARIANT)),)
SO_LDFLAGS   += -Wl,-z,defs   # the sanitizers' runtimes live in the executable
endif
HOST_LIBS    = $(PKG_LIBS) -lev -lhttp_parser -ldl -lm -pthread
SIM_LIBS     = $(shell pkg-config --libs yaml-0.1 gnutls sqlite3) -ldl -lm -pthread
CHECK_LIBS   = $(shell pkg-config --libs yaml-0.1 gnutls) -ldl -lm -pthread

# Everything of the node but main.c: what the tests link.
CORE_SRC  := $(wildcard base/*.c engine/*.c)
CORE_OBJ  := $(CORE_SRC:%.c=$(B)/%.o)
LIB_SRC   := $(CORE_SRC) $(filter-out host/main.c,$(wildcard host/*.c host/api/*.c host/async/*.c host/runtimes/*.c host/discovery/*.c))
LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o)
# The simulator, the plugin checker and the benchmark are programs of their own, which keeps the node small.
SIM_OBJ   := $(patsubst %.c,$(B)/%.o,$(filter-out sim/main.c,$(wildcard sim/*.c))) $(CORE_OBJ)
CHECK_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out sdk/check/main.c,$(wildcard sdk/check/*.c))) $(CORE_OBJ)
PROGRAMS  := $(B)/p2pfaas $(B)/p2pfaas-sim $(B)/p2pfaas-check $(B)/p2pfaas-bench
PLUGINS   := $(filter-out shared,$(patsubst plugins/%/,%,$(wildcard plugins/*/)))
SOS       := $(PLUGINS:%=$(B)/plugins/%.so)
FUNCTIONS := $(filter-out serve,$(patsubst functions/%.c,%,$(wildcard functions/*.c)))
FUNCS     := $(FUNCTIONS:%=$(B)/functions/%)
BENCH_OBJ := $(B)/bench/cluster.o $(B)/bench/http.o $(B)/bench/netns.o $(B)/bench/dockerd.o
BENCHES   := $(B)/bench/demo $(B)/bench/idle $(B)/bench/live_vs_sim $(B)/bench/live_learning
# The benchmark reads files as the simulator does and calls as the node does; both have functions
# of the same names, so it takes of the node what goes out.
RUN_OBJ   := $(patsubst %,$(B)/bench/%.o,experiment experiment_keys traffic plan spool answer measures rewards line generator \
             generator_calls generator_ask results_schema results_sqlite progress command) \
             $(patsubst %,$(B)/host/%.o,upstream connection endpoint http buf reactor)
# What compares real nodes with the simulator is linked with the simulator.
LIVE_OBJ  := $(patsubst %,$(B)/bench/%.o,live live_cluster live_measure load cpu compare) $(SIM_OBJ)

# The report of a benchmark, which has the simulator's way to gnuplot.
REPORT_OBJ := $(patsubst %,$(B)/bench/%.o,report report_data report_text report_charts report_draw report_page report_style)

ifndef V
Q := @
say = @printf '  %-5s %s\n' $(1) $(2);
endif

.PHONY: all programs demo run check check-variant fuzz bench bench-cluster bench-cold bench-sim bench-act live-vs-sim live-learning lint format hdr-check install uninstall deb deb-check clean \
        distclean help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

## all: the node, the simulator, the plugin checker, the benchmark, every plugin, the functions (default)
all: $(PROGRAMS) $(SOS) $(FUNCS)

# Objects depend on the flags that they were built with.
FLAGS = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(SO_CFLAGS) $(SO_LDFLAGS) $(LDFLAGS)
$(B)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' > $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(if $(filter plugins/%,$<),$(SO_CFLAGS)) -MMD -MP -c -o $@ $<

$(B)/p2pfaas: $(B)/host/main.o $(LIB_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

$(B)/p2pfaas-sim: $(B)/sim/main.o $(SIM_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)

$(B)/p2pfaas-check: $(B)/sdk/check/main.o $(CHECK_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS)

$(B)/p2pfaas-bench: $(B)/bench/main.o $(RUN_OBJ) $(REPORT_OBJ) $(BENCH_OBJ) $(SIM_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(SIM_LIBS) $(HOST_LIBS)

# A plugin is any folder under plugins/ but shared/, of which those have parts that say so below.
define plugin
$(B)/plugins/$(1).so: $$(patsubst %.c,$(B)/%.o,$$(wildcard plugins/$(1)/*.c)) sdk/plugin.map
	@mkdir -p $$(@D)
	$$(call say,SO,$$@)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) $$(SO_LDFLAGS) -o $$@ $$(filter %.o,$$^) -lm
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin,$(p))))
$(B)/plugins/rl_qlearning.so $(B)/plugins/rl_double.so: $(patsubst %.c,$(B)/%.o,$(wildcard plugins/shared/*.c))

$(FUNCS): $(B)/functions/%: $(B)/functions/%.o $(B)/functions/serve.o
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lmicrohttpd -lcjson -pthread

$(B)/bench/demo: $(B)/bench/inputs.o $(B)/bench/watch.o
$(B)/bench/live_vs_sim $(B)/bench/live_learning: $(LIVE_OBJ)
$(B)/bench/live_vs_sim $(B)/bench/live_learning: BENCH_LIBS := $(SIM_LIBS)
$(BENCHES): $(B)/bench/%: $(B)/bench/%.o $(BENCH_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lcurl -lgnutls -lcjson -lm -pthread $(BENCH_LIBS)

## demo: three nodes, three schedulers swapped under load, one node killed; under a minute
demo: all $(B)/bench/demo
	$(Q)$(B)/bench/demo $(B)/p2pfaas

## run: one node with plugins.yaml
run: all
	$(Q)exec $(B)/p2pfaas --config plugins.yaml

include make/tests.mk

## bench: latency and throughput against the function alone and against nginx
bench: all
	$(Q)bench/gateway $(B)

## bench-cluster: a forwarded call and a probe round against a local call; idle traffic
bench-cluster: all $(B)/bench/idle $(filter %/test_swim_cluster,$(UNITS))
	$(Q)bench/peers $(B)

INSTANT_OBJ := $(patsubst %,$(B)/bench/%.o,instant median cpu)
$(B)/bench/sim: $(B)/bench/sim.o $(INSTANT_OBJ) $(SIM_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)

$(B)/bench/cold: $(B)/bench/cold.o $(B)/bench/median.o $(BENCH_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lcurl -lcjson -lm -pthread

## bench-cold: a call to a function that does not run, beside docker run; wants root and docker.io; ROUNDS=20
bench-cold: all $(B)/bench/cold $(IMAGE_PROGRAM)
	$(Q)$(B)/bench/cold $(B) $(or $(ROUNDS),20)

## bench-sim: events a second of the simulator, what a decision costs, a million nodes
bench-sim: all $(B)/bench/sim
	$(Q)$(B)/bench/sim $(B)/plugins

$(B)/bench/act: $(B)/bench/act.o $(B)/bench/act_http.o $(INSTANT_OBJ) $(CORE_OBJ)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) -lcurl

## bench-act: what a learner's choice costs, and one that is asked over HTTP as the original's
bench-act: all $(B)/bench/act
	$(Q)$(B)/bench/act $(B)/plugins

## live-learning: learners trained in the simulator against the power of two, in real nodes; DAYS=3 DAY_SECONDS=45
live-learning: all $(B)/bench/live_learning
	$(Q)rm -rf $(B)/learners
	$(Q)$(B)/p2pfaas-sim sim --quiet --learners $(B)/learners sim/scenarios/day-long.yaml >/dev/null
	$(Q)$(B)/bench/live_learning $(B)/p2pfaas sim/scenarios/day-long.yaml $(B)/learners $(or $(DAYS),3) $(or $(DAY_SECONDS),45)

## live-vs-sim: real nodes against their simulation, figure by figure; QUICK=1 takes a minute
live-vs-sim: all $(B)/bench/live_vs_sim
	$(Q)$(B)/bench/live_vs_sim $(if $(QUICK),--quick) $(B)/p2pfaas bench/live-vs-sim.yaml

## lint: warnings as errors, formatting, clang-tidy, headers, shell scripts, own rules
lint: hdr-check
	$(Q)MAKE='$(MAKE)' scripts/lint

## format: clang-format on every C file
format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

## hdr-check: every header compiles alone; the SDK also as C++11
hdr-check:
	$(Q)for h in $$(git ls-files '*.h'); do \
	    echo 'extern int alone;' | $(CC) $(ALL_CPPFLAGS) -std=c11 $(WARN) -Werror -fsyntax-only -include $$h -x c - || exit 1; done
	$(Q)$(CXX) -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ sdk/include/p2pfaas/plugin.h

LIBDIR := $(DESTDIR)$(PREFIX)/lib
SHARE  := $(DESTDIR)$(PREFIX)/share/p2pfaas
## install: programs, plugins, SDK, template and scenarios; PREFIX and DESTDIR are honoured
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/p2pfaas $(LIBDIR)/p2pfaas/plugins $(LIBDIR)/p2pfaas/functions $(LIBDIR)/pkgconfig $(SHARE)/template $(SHARE)/scenarios
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(SOS) $(LIBDIR)/p2pfaas/plugins/
	install -m 755 $(FUNCS) $(LIBDIR)/p2pfaas/functions/
	install -m 644 sdk/include/p2pfaas/plugin.h $(DESTDIR)$(PREFIX)/include/p2pfaas/
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' sdk/p2pfaas-plugin.pc.in > $(LIBDIR)/pkgconfig/p2pfaas-plugin.pc
	install -m 644 sdk/template/* $(SHARE)/template/
	install -m 644 sim/scenarios/* $(SHARE)/scenarios/
	install -m 644 bench/experiment.yaml $(SHARE)/
	sed -e 's|$${BIN}/|$${LIB}/|g' plugins.yaml > $(SHARE)/plugins.yaml

## uninstall: what install put there
uninstall:
	rm -f $(PROGRAMS:$(B)/%=$(DESTDIR)$(PREFIX)/bin/%) $(LIBDIR)/pkgconfig/p2pfaas-plugin.pc
	rm -rf $(DESTDIR)$(PREFIX)/include/p2pfaas $(LIBDIR)/p2pfaas $(SHARE)

## deb: a Debian package of what install installs, as a service
deb: all
	$(Q)MAKE='$(MAKE)' deploy/build-deb $(VERSION) $(B)

## deb-check: installs, starts and purges the package on a clean system in a folder; wants root
deb-check: deb
	$(Q)deploy/check-deb $(B)/p2pfaas_$(VERSION)_$$(dpkg --print-architecture).deb

## clean: remove this variant's build tree
clean:
	rm -rf $(B)
## distclean: remove every variant's
distclean:
	rm -rf build

## help: this list
help:
	@sed -n '/^[^#]/q;s/^# \{0,1\}//p' Makefile
	@sed -n 's/^## \([^:]*\): /  \1\t/p' Makefile make/*.mk | sort | expand -t 16

-include $(LIB_OBJ:.o=.d) $(patsubst %.c,$(B)/%.d,host/main.c $(wildcard sim/*.c sdk/check/*.c plugins/*/*.c functions/*.c bench/*.c))
