# SPDX-License-Identifier: BSD-2-Clause
# What t/crash/ is built of; included by the Makefile. `crash-build` makes all.

crash_sim := $(patsubst %,$(BUILD)/obj/t/crash/%.o,simdisk simdisk_name \
  simdisk_file simdisk_crash)
crash_libs := $(foreach l,backend/store backend/kv backend/keys backend/os \
  common,$(call lib_of,$(l)))

crash_store := store_work store_put store_rest store_model store_observe
crash_wrap := -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc

CRASH_BIN := $(patsubst %,$(BUILD)/t/crash/%,simdisk_test kv_crash \
  kv_inject crash_run store_inject powerdisk nosync.so)

$(BUILD)/t/crash/simdisk_test: $(BUILD)/obj/t/crash/simdisk_test.o $(crash_sim)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,-lcmocka -lpthread)

$(BUILD)/t/crash/kv_crash: $(BUILD)/obj/t/crash/kv_crash.o \
    $(BUILD)/obj/t/crash/kv_work.o $(BUILD)/obj/t/crash/kv_model.o \
    $(BUILD)/obj/t/crash/sweep.o \
    $(crash_sim) $(foreach l,backend/kv backend/os common,$(call lib_of,$(l)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS))

$(BUILD)/t/crash/kv_inject: $(patsubst %,$(BUILD)/obj/t/crash/%.o,kv_inject \
    faults alloc inject kv_work kv_model sweep) $(crash_sim) \
    $(foreach l,backend/kv backend/os common,$(call lib_of,$(l)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(crash_wrap) $(LIBS))

$(BUILD)/t/crash/crash_run: $(patsubst %,$(BUILD)/obj/t/crash/%.o,crash_run \
    $(crash_store) sweep) $(crash_sim) $(crash_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(LIBS))

$(BUILD)/t/crash/store_inject: $(patsubst %,$(BUILD)/obj/t/crash/%.o,\
    store_inject faults alloc inject $(crash_store) sweep) $(crash_sim) \
    $(crash_libs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(call link,$(crash_wrap) $(LIBS))

# Never sanitized: it is the disk.
$(BUILD)/t/crash/powerdisk: t/crash/powerdisk.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -g -O2 $(WARN) $(if $(WERROR),-Werror) \
	  -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	  $(patsubst -I%,-isystem %,$(shell pkg-config --cflags fuse3)) -o $@ $< \
	  $(shell pkg-config --libs fuse3)

$(BUILD)/t/crash/nosync.so: t/crash/nosync.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu11 -g -O2 $(WARN) -D_GNU_SOURCE -fPIC -shared -o $@ $<

.PHONY: crash-build
crash-build: $(CRASH_BIN)
