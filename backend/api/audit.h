/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: what is on its way to the audit log (store/journal.h, AUDIT). What is the
   same, but for when, is counted together for a minute.

   (A1) Nothing is read by an audited rule before an entry that says so is durable.
        The first use in a minute waits for its entry, of count 1; those after it in
        that minute don't, and an entry at its end counts them.
   (A2) When an entry can't be written, no use is allowed until one can: the next use
        tries again. What was counted is kept, and written then.
   (A3) Memory and log are bounded: ELO_AUDIT_USES things a minute, past half of
        them told by agent and owner alone; ELO_AUDIT_REFUSALS kinds of refusals,
        past which they are counted as lost, which is an entry too.

   Loop thread; entries are written on the pool, one batch at a time. */
#ifndef ELO_API_AUDIT_H
#define ELO_API_AUDIT_H

#include "backend/api/audit_entry.h"
#include "backend/os/loop.h"

#define ELO_AUDIT_USES     2048u
#define ELO_AUDIT_REFUSALS 64u /* a minute: 33 MB of log a day */
#define ELO_AUDIT_MINUTE   60  /* seconds */

typedef struct elo_audit_s elo_audit_t;

typedef struct {
    elo_loop_t *loop;
    /* [work] Appends entries, durably, all or none. */
    elo_err_t (*append)(void *ctx, const elo_slice_t *entries, uint32_t n);
    int64_t (*now)(void *ctx); /* Unix seconds; NULL: the system's */
    void *ctx;
} elo_audit_cfg_t;

/* cfg is copied. elo_keys_init was called. */
elo_err_t elo_audit_create(const elo_audit_cfg_t *cfg,
                           elo_audit_t **out) ELO_MUST_USE;
void elo_audit_free(elo_audit_t **a); /* after the loop has run */

/* Who waits for an entry; embedded, until done is called, which may free it. */
typedef struct elo_audit_wait_s {
    void (*done)(struct elo_audit_wait_s *w, elo_err_t err);
    struct elo_audit_wait_s *_next;
} elo_audit_wait_t;

/* A use of class USE or OPERATOR. ELO_OK: it may be (A1); ELO_EAGAIN: w->done is
   called later, once, with ELO_OK or with why it may not be; ELO_ENOMEM, ELO_ERATE:
   it may not be. is_told: it was counted before, by the same words but for via; it
   counts once more only if that isn't known here. */
elo_err_t elo_audit_use(elo_audit_t *a, const elo_audit_what_t *what,
                        bool is_told, elo_audit_wait_t *w) ELO_MUST_USE;

/* At most n uses together: done is called once, after end, perhaps from within it:
   with ELO_OK when each may be, else ELO_EAUDIT. ELO_ENOMEM. The batch frees
   itself. */
typedef struct elo_audit_batch_s elo_audit_batch_t;
typedef void (*elo_audit_done_fn)(void *ctx, elo_err_t err);
elo_err_t elo_audit_batch_create(elo_audit_t *a, uint32_t n,
                                 elo_audit_done_fn done, void *ctx,
                                 elo_audit_batch_t **out) ELO_MUST_USE;
void elo_audit_batch_use(elo_audit_batch_t *b, const elo_audit_what_t *what);
void elo_audit_batch_end(elo_audit_batch_t *b);

/* A refusal. Never fails: what there is no room for is counted as lost. */
void elo_audit_refusal(elo_audit_t *a, const elo_audit_what_t *what);

/* What is counted so far is written at once, and so is, without waiting for the
   minute's end, all from now on. */
void elo_audit_drain(elo_audit_t *a);

/* audit_hold.c: append of a cfg; ctx is the store. */
elo_err_t elo_audit_append(void *ctx, const elo_slice_t *entries,
                           uint32_t n) ELO_MUST_USE;

/* What is due by now goes to the pool; for tests, which have no second to wait. */
void elo_audit_tick(elo_audit_t *a);

#endif
