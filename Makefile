# SPDX-License-Identifier: BSD-2-Clause
# Builds the daemon (elohimd), the command line (elohim), the nginx module and
# the tests. `make help` lists what there is. Variables:
#   V=1            print whole commands
#   SAN=…          address,undefined or thread: own build folder, own nginx
#   COV=1          coverage build; `make coverage` prints the summary
#   WERROR=1       warnings are errors (the default where CI is set)
#   PREFIX, DESTDIR  for install

VERSION := $(shell cat VERSION)
CI ?=
WERROR ?= $(if $(CI),1,)
SAN ?=
COV ?=
PREFIX ?= /usr/local
DESTDIR ?=
comma := ,
VARIANT := $(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)
BUILD ?= build$(VARIANT)
CC := gcc
AR := gcc-ar
export SAN BUILD

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# ---- flags ----

WARN := -Wall -Wextra -Wshadow -Wundef -Wvla -Wformat=2 -Wstrict-prototypes \
  -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wconversion
OPT := $(if $(SAN),-O1 -fno-omit-frame-pointer,$(if $(COV),-O0,-O2))
# _FORTIFY_SOURCE and the sanitizers get in each other's way
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection \
  -fPIE $(if $(SAN)$(COV),,-D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
  $(if $(COV),--coverage)
CFLAGS += -std=gnu11 -g $(OPT) $(WARN) $(if $(WERROR),-Werror \
  $(if $(filter thread,$(SAN)),-Wno-error=tsan)) $(HARDEN) \
  $(SANFLAGS)
CPPFLAGS += -D_GNU_SOURCE -I. -DELO_VERSION='"$(VERSION)"' \
  $(if $(SAN),-DELO_ARENA_MALLOC=1)
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS)

LIBS_common := -lcrypto -lsodium
LIBS_backend := -luv -lhttp_parser -llmdb -ljansson -lcurl
LIBS_cli := -larchive
LIBS := $(LIBS_cli) $(LIBS_backend) $(LIBS_common) -lpthread

# ---- sources ----

LAYERS := common backend/os backend/net backend/keys backend/kv \
  backend/store backend/care backend/repl backend/json backend/node \
  backend/fetch backend/fallback backend/edge backend/ctl backend/media backend/api backend/daemon cli
PROGRAMS := backend/daemon/main.c cli/main.c
src_of = $(filter-out $(PROGRAMS),$(wildcard $(1)/*.c $(1)/*/*.c))
obj_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
lib_of = $(BUILD)/lib/$(subst /,-,$(1)).a
libs := $(foreach l,$(LAYERS),$(call lib_of,$(l)))

# Archives that a layer's tests link with: what docs/layers.txt lets it use.
reach_common := common
reach_backend/os := backend/os common
reach_backend/net := backend/net backend/os common
reach_backend/keys := backend/keys backend/os common
reach_backend/kv := backend/kv backend/os common
reach_backend/store := backend/store backend/kv backend/keys backend/os common
reach_backend/care := backend/care $(reach_backend/store)
reach_backend/repl := backend/repl $(reach_backend/store)
reach_backend/json := backend/json common
reach_backend/node := backend/node backend/json common
reach_backend/fetch := backend/fetch backend/os common
reach_backend/fallback := backend/fallback backend/fetch backend/node \
  backend/json $(reach_backend/store)
reach_backend/edge := backend/edge backend/node backend/json \
  $(reach_backend/store)
reach_backend/ctl := backend/ctl backend/json $(reach_backend/store)
reach_backend/media := backend/media common
reach_backend/api := backend/api backend/ctl backend/fallback backend/edge \
  backend/fetch \
  backend/node backend/json \
  backend/media backend/care backend/repl backend/store backend/kv \
  backend/keys backend/net backend/os common
reach_backend/daemon := backend/daemon $(reach_backend/api)
reach_cli := cli backend/ctl backend/json backend/net backend/care backend/store \
  backend/kv backend/keys backend/os common

UNIT := $(shell find t/unit -name '*_test.c' 2>/dev/null)
FUZZ := $(wildcard fuzz/*_fuzz.c)
# common, backend/store, cli … of t/unit/<layer>/…/x_test.c
layer_of = $(firstword $(foreach l,$(LAYERS),$(if $(filter \
  t/unit/$(l)/%,$(1)),$(l))))
unit_bins := $(UNIT:%.c=$(BUILD)/%)
replay_bins := $(FUZZ:fuzz/%_fuzz.c=$(BUILD)/fuzz/%_replay)

PLAY := $(BUILD)/web/play.html $(BUILD)/web/play.js $(BUILD)/web/play.css \
  $(BUILD)/web/hls.min.js $(BUILD)/web/login.html $(BUILD)/web/login.js \
  $(BUILD)/web/login.css $(BUILD)/web/agent.js $(BUILD)/web/session.js
MODULE := $(BUILD)/ngx_http_elohim_module.so

.PHONY: all programs module web help
.DEFAULT_GOAL := all
all: programs module web ## daemon, command line, module and page

programs: $(BUILD)/elohimd $(BUILD)/elohim
module: $(MODULE)
web: $(PLAY)

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

# ---- rules ----

$(BUILD)/obj/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define archive
$(call lib_of,$(1)): $(call obj_of,$(call src_of,$(1)))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call archive,$(l))))

link = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
  -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)

$(BUILD)/elohimd: $(BUILD)/obj/backend/daemon/main.o \
    $(foreach l,$(reach_backend/daemon),$(call lib_of,$(l)))
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS))

$(BUILD)/elohim: $(BUILD)/obj/cli/main.o \
    $(foreach l,$(reach_cli),$(call lib_of,$(l)))
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS))

define unit_rule
$(BUILD)/$(1:%.c=%): $(BUILD)/obj/$(1:%.c=%.o) \
    $(foreach l,$(reach_$(call layer_of,$(1))),$(call lib_of,$(l)))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(call link,-lcmocka $(LIBS))
endef
$(foreach u,$(UNIT),$(eval $(call unit_rule,$(u))))

# replays traces as bench/cachesim does
$(BUILD)/t/unit/common/cache/replay_test: $(BUILD)/obj/bench/lib/sim_trace.o \
    $(BUILD)/obj/bench/lib/sim_ours.o

fuzz_libs := $(call lib_of,backend/ctl) $(call lib_of,backend/media) \
  $(call lib_of,backend/node) $(call lib_of,backend/json) \
  $(call lib_of,backend/store) $(call lib_of,backend/kv) \
  $(call lib_of,backend/keys) $(call lib_of,backend/api) \
  $(call lib_of,backend/fallback) $(call lib_of,backend/edge) \
  $(call lib_of,backend/fetch) $(call lib_of,backend/os) $(call lib_of,common)
$(BUILD)/fuzz/%_replay: $(BUILD)/obj/fuzz/%_fuzz.o $(BUILD)/obj/fuzz/replay.o \
    $(fuzz_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS))

# libFuzzer objects keep a folder of their own: clang compiles them. What stands on
# the store is left out.
CTL_RUNTIME := $(patsubst %,backend/ctl/%.c,ctl publish query login session \
  token_keys replay)
$(BUILD)/fuzz/%_fuzz: fuzz/%_fuzz.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)clang $(CPPFLAGS) -std=gnu11 -g -O1 \
	  -fsanitize=fuzzer,address,undefined -o $@ $< \
	  $(call src_of,common) $(call src_of,backend/media) \
	  $(call src_of,backend/json) $(call src_of,backend/node) \
	  $(filter-out $(CTL_RUNTIME),$(call src_of,backend/ctl)) \
	  $(call src_of,backend/kv) $(call src_of,backend/keys) \
	  $(call src_of,backend/os) $(LIBS)

# ---- what the benchmarks run beside the programs ----

BENCH_BIN := $(BUILD)/bench/load $(BUILD)/bench/digests $(BUILD)/bench/cipher \
  $(BUILD)/bench/stream $(BUILD)/bench/pread_server $(BUILD)/bench/verify \
  $(BUILD)/bench/nodes $(BUILD)/bench/cachesim \
  $(BUILD)/bench/source $(BUILD)/bench/herd \
  $(BUILD)/bench/replay \
  $(BUILD)/bench/slowsync.so
PG_CFLAGS = -isystem $(shell pg_config --includedir 2>/dev/null)

$(BUILD)/obj/bench/lib/load.o: CPPFLAGS += $(PG_CFLAGS)
$(BUILD)/bench/load: LIBS_bench := -lpq
$(BUILD)/bench/%: $(BUILD)/obj/bench/lib/%.o \
    $(foreach l,backend/net backend/os common,$(call lib_of,$(l)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS_bench) $(LIBS))

$(BUILD)/bench/nodes: $(BUILD)/obj/bench/lib/nodes.o \
    $(foreach l,backend/store backend/kv backend/keys backend/os \
      backend/net common,$(call lib_of,$(l)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS))

$(BUILD)/bench/cachesim: $(patsubst %,$(BUILD)/obj/bench/lib/%.o,cachesim \
    sim_trace sim_ours sim_peers sim_tinylfu) $(call lib_of,common)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS_common))

$(BUILD)/bench/slowsync.so: bench/lib/slowsync.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $< -ldl

# ---- what t/crash is built of ----

include t/crash/crash.mk

# ---- module: built in a copy of nginx's own tree ----

MODULE_SRC := config common/sources.list \
  $(wildcard ngx_elohim_module/*.[ch] ngx_elohim_module/*/*.[ch]) \
  $(wildcard common/*/*.[ch] common/*/*.def)

$(BUILD)/nginx.stamp: tools/nginx-tree config common/sources.list
	@mkdir -p $(BUILD)
	$(call say,NGINX,$(BUILD)/nginx-tree)
	$(Q)NGX_WERROR=$(WERROR) NGX_SAN=$(SAN) NGX_COV=$(COV) tools/nginx-tree \
	  $(BUILD)/nginx-tree >$(BUILD)/nginx-configure.log 2>&1 \
	  || { cat $(BUILD)/nginx-configure.log; exit 1; }
	$(Q)touch $@

$(MODULE): $(BUILD)/nginx.stamp $(MODULE_SRC)
	$(call say,MODULE,$@)
	$(Q)$(MAKE) -C $(BUILD)/nginx-tree -f objs/Makefile $(if $(V),,-s) \
	  $(if $(SAN)$(COV),,modules) >$(BUILD)/nginx-make.log 2>&1 \
	  || { cat $(BUILD)/nginx-make.log; exit 1; }
	$(Q)$(if $(V),cat $(BUILD)/nginx-make.log,:)
	@# a new inode: the old one may be mapped by a running nginx
	$(Q)cp $(BUILD)/nginx-tree/objs/ngx_http_elohim_module.so $@.new
	$(Q)mv $@.new $@

# ---- page ----

node_modules/.stamp: package.json package-lock.json
	$(call say,NPM,node_modules)
	$(Q)npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(Q)touch $@

$(BUILD)/web/hls.min.js: node_modules/.stamp
	@mkdir -p $(@D)
	$(Q)cp node_modules/hls.js/dist/hls.min.js $@

$(BUILD)/web/%: web/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# ---- commands ----

.PHONY: deps demo demo-stop smoke test check unit crash e2e browser lint format \
  fuzz bench soak coverage docs check-docs install uninstall clean layers sizes

deps: ## install what building and testing need (Debian, as root)
	tools/deps

demo: ## build, start on PORT (8080), put media in, print URLs that play
	@tools/deps --if-missing
	@$(MAKE) --no-print-directory -s all
	@tools/demo

demo-stop: ## end what `make demo` started
	@tools/demo-stop

smoke: ## the same on free ports, checked by itself, then ended
	@tools/deps --if-missing
	@$(MAKE) --no-print-directory -s all
	@tools/smoke

test: ## every test, from a fresh clone
	@tools/deps --if-missing
	@$(MAKE) --no-print-directory -s -j2 all unit-build crash-build
	@tools/run-tests all

check: all unit-build crash-build ## format, layers, unit, crash, t/*.t
	@tools/run-tests check

.PHONY: unit-build
unit-build: $(unit_bins) $(replay_bins)

unit: unit-build ## unit tests and fuzz corpora only
	@tools/run-tests unit

e2e: all ## t/*.t only
	@tools/run-tests e2e

browser: all
	@tools/run-tests browser

layers:
	@tools/check-layers

sizes:
	@tools/check-sizes

C_FILES = $(shell find common backend cli ngx_elohim_module fuzz t bench \
  -name '*.[ch]' 2>/dev/null)

lint: layers sizes check-docs ## layers, sizes, docs, format, clang-tidy, scripts
	@tools/lint

format: ## let clang-format lay out all C files
	clang-format -i $(C_FILES)

FUZZ_SECONDS ?= 60
fuzz: $(FUZZ:fuzz/%.c=$(BUILD)/fuzz/%) ## libFuzzer, FUZZ_SECONDS each
	@for f in $(FUZZ:fuzz/%_fuzz.c=%); do \
	  mkdir -p $(BUILD)/fuzz/corpus/$$f; \
	  d=; [ ! -f fuzz/dict/$$f.dict ] || d=-dict=fuzz/dict/$$f.dict; \
	  $(BUILD)/fuzz/$${f}_fuzz -max_total_time=$(FUZZ_SECONDS) $$d \
	    -print_final_stats=1 $(BUILD)/fuzz/corpus/$$f fuzz/corpus/$$f \
	    || exit 1; done

bench: ## bench/*, one JSON line a case
	@tools/deps --if-missing --bench
	@$(MAKE) --no-print-directory -s all bench-build
	@for b in bench/*; do [ -x "$$b" ] && [ -f "$$b" ] || continue; \
	  "$$b" || exit 1; done

.PHONY: bench-build
bench-build: $(BENCH_BIN)

crash: all crash-build ## t/crash only
	@tools/run-tests crash

soak: all crash-build ## what is long: a 10 GB blob, kills, power cuts
	@tools/soak

coverage: ## build with COV=1, run the tests, print what they reach
	@$(MAKE) --no-print-directory COV=1 all unit-build
	@COV=1 BUILD=build-cov tools/run-tests check
	@command -v gcovr >/dev/null || { echo "coverage: install gcovr" >&2; exit 1; }
	@gcovr -r . build-cov --print-summary

docs: $(BUILD)/elohimd ## regenerate what comes from tables
	@tools/gen-docs

check-docs: $(BUILD)/elohimd
	@tools/gen-docs --check

install: all ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/elohimd $(DESTDIR)$(PREFIX)/sbin/elohimd
	install -D -m 755 $(BUILD)/elohim $(DESTDIR)$(PREFIX)/bin/elohim
	install -D -m 644 $(MODULE) \
	  $(DESTDIR)$(PREFIX)/lib/nginx/modules/ngx_http_elohim_module.so
	install -D -m 644 conf/elohim.conf \
	  $(DESTDIR)$(PREFIX)/share/elohim/elohim.conf
	install -D -m 644 conf/elohimd.service \
	  $(DESTDIR)$(PREFIX)/share/elohim/elohimd.service
	install -D -m 644 conf/elohimd.conf \
	  $(DESTDIR)$(PREFIX)/share/elohim/elohimd.conf
	install -d $(DESTDIR)$(PREFIX)/share/elohim/web
	install -m 644 $(PLAY) $(DESTDIR)$(PREFIX)/share/elohim/web/

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/elohimd $(DESTDIR)$(PREFIX)/bin/elohim \
	  $(DESTDIR)$(PREFIX)/lib/nginx/modules/ngx_http_elohim_module.so
	rm -rf $(DESTDIR)$(PREFIX)/share/elohim

clean:
	rm -rf build build-*

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
