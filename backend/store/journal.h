/* SPDX-License-Identifier: BSD-2-Clause */
/* journal: two append-only tables of numbered entries: RECORD, the control plane's
   signed records in the order in which they came to be known here, and AUDIT, what
   grants were used for. An entry is never changed nor removed. AUDIT is chained by
   hashes: whoever has kept the head of the chain can tell whether what is before it
   was changed. Format: docs/formats/store-tables.md (J1 to J3). Threads as in
   store.h. */
#ifndef ELO_STORE_JOURNAL_H
#define ELO_STORE_JOURNAL_H

#include "backend/store/store.h"

#define ELO_JOURNAL_ENTRY_MAX 8192u /* a record of the control plane has that */
#define ELO_JOURNAL_BATCH_MAX 256u  /* entries of one operation: 2 MiB of log */

typedef enum { ELO_JOURNAL_RECORD, ELO_JOURNAL_AUDIT } elo_journal_t;
#define ELO_JOURNALS 2u

typedef struct {
    uint64_t number; /* from 1, without gaps */
    elo_slice_t bytes;
    const elo_digest_t
        *before; /* AUDIT: SHA-256 of the value of the entry before,
                                   zeros for the first; RECORD: NULL */
} elo_journal_entry_t;

/* [work] Appends an entry of 1 to ELO_JOURNAL_ENTRY_MAX bytes (else ELO_EINVAL,
   ELO_ETOOBIG), durably. *number: its own (may be NULL). */
elo_err_t elo_store_journal_append(elo_store_t *s, elo_journal_t which,
                                   elo_slice_t bytes,
                                   uint64_t *number) ELO_MUST_USE;

/* [work] n of them, 1 to ELO_JOURNAL_BATCH_MAX, all or none; *first: the number of
   the first (may be NULL), the others follow on it. */
elo_err_t elo_store_journal_append_all(elo_store_t *s, elo_journal_t which,
                                       const elo_slice_t *entries, uint32_t n,
                                       uint64_t *first) ELO_MUST_USE;

/* [commit] The same within an operation that does other things too. */
elo_err_t elo_journal_append_tx(elo_store_t *s, elo_kv_tx_t *tx,
                                elo_journal_t which, elo_slice_t bytes,
                                uint64_t *number) ELO_MUST_USE;

/* [any] Entries in order, from number `from` on (0 is as 1), until fn returns false
   or `budget` of them were shown; fine when there are none. Slices end with the
   call. ELO_ECORRUPT: a row makes no sense. Numbers that damage of the log has
   taken are passed over. */
typedef bool (*elo_journal_fn)(void *ctx, const elo_journal_entry_t *e);
elo_err_t elo_store_journal_each(elo_store_t *s, elo_journal_t which,
                                 uint64_t from, uint32_t budget,
                                 elo_journal_fn fn, void *ctx) ELO_MUST_USE;

/* [any] Number of the last entry; 0: there is none. */
uint64_t elo_store_journal_last(elo_store_t *s, elo_journal_t which);

typedef enum {
    ELO_AUDIT_WHOLE,
    ELO_AUDIT_GAP, /* entry `number` isn't there, and a later one is, or was */
    ELO_AUDIT_CHAIN, /* it doesn't have the hash of the one before it */
    ELO_AUDIT_ROW,   /* it makes no sense, or can't be read */
} elo_audit_break_t;

typedef struct {
    elo_audit_break_t what;
    uint64_t number; /* of the first break; whole: of the last entry */
    elo_digest_t
        head; /* SHA-256 of the last value that is right; zeros: none */
} elo_audit_check_t;

/* [work] Walks all of AUDIT. ELO_OK: *out says what was found. */
elo_err_t elo_store_audit_verify(elo_store_t *s,
                                 elo_audit_check_t *out) ELO_MUST_USE;

/* ---- the rows, for derive.c and fsck; pure ---- */

uint8_t elo_journal_table(elo_journal_t which);
elo_err_t elo_journal_key_parse(elo_slice_t key, uint64_t *number) ELO_MUST_USE;
/* value borrows into out. */
elo_err_t elo_journal_value_parse(elo_journal_t which, elo_slice_t value,
                                  elo_journal_entry_t *out,
                                  elo_digest_t *before) ELO_MUST_USE;

/* Derive hook of both tables: keeps the highest number. */
elo_err_t elo_journal_derive(elo_kv_tx_t *tx, elo_journal_t which,
                             elo_slice_t key,
                             const elo_kv_entry_t *now) ELO_MUST_USE;

#endif
