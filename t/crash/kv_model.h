/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_model: what a store of backend/kv must hold after a list of operations. An
   operation is a list of writes; the state after the first k operations is known
   for each k. Every operation that writes also writes its number under the key
   "mark": so the store itself says which k it stands at. */
#ifndef ELO_T_CRASH_KV_MODEL_H
#define ELO_T_CRASH_KV_MODEL_H

#include "backend/kv/kv_care.h"
#include "t/crash/simdisk.h"

#define KVM_KEYS      24u /* of each table */
#define KVM_OPS       600u
#define KVM_WRITES    6u
#define KVM_VALUE_MAX 300u
#define KVM_DATA_MAX  9000u
#define KVM_KEY_MAX   40u

enum {
    KVM_PLAIN = 1, /* small values; KVM_DERIVED follows from them */
    KVM_DATA = 2,  /* values with data */
    KVM_DERIVED = 3,
    KVM_MARK = 4,
};

/* Counters. */
enum {
    KVM_SUM_TAG = 1,   /* id: tag of a value of PLAIN; how many */
    KVM_SUM_BYTES = 2, /* id: table; bytes of values and data */
};

typedef struct {
    uint8_t table;
    uint8_t key;
    uint32_t version; /* of the bytes; 0: deleted */
    uint64_t shape;   /* of the lengths; odd: long data */
} kvm_write_t;

typedef struct {
    kvm_write_t writes[KVM_WRITES];
    uint32_t n;
    bool is_void; /* it was refused: it may be in no state */
} kvm_op_t;

typedef struct {
    uint64_t seed;
    kvm_op_t ops[KVM_OPS]; /* in the order of the log */
    uint32_t n_ops;
    uint32_t acked; /* the first so many are durable */
    uint32_t next_version;
} kvm_t;

/* Key i of a table; returns its length. */
size_t kvm_key(uint8_t table, uint8_t key, uint8_t out[KVM_KEY_MAX]);

/* Value and data that a version of a key has, into rooms of KVM_VALUE_MAX and
   KVM_DATA_MAX; the first byte of a value of PLAIN is its tag. */
void kvm_value(const kvm_t *m, const kvm_write_t *w, uint8_t *value,
               size_t *value_len, uint8_t *data, size_t *data_len);

/* The hook of the engine that keeps DERIVED and the counters. */
elo_err_t kvm_derive(void *ctx, elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                     const elo_kv_entry_t *was, const elo_kv_entry_t *now,
                     bool moved);

/* Reads everything through the engine and holds it against the model: entries,
   data, order, derived entries, counters, bookkeeping of segments. Forgets the
   operations behind the state that is found. crash_fail says what is wrong. */
void kvm_check(kvm_t *m, elo_kv_t *kv);

#endif
