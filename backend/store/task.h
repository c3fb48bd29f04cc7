/* SPDX-License-Identifier: BSD-2-Clause */
/* task: the replication queue. Threads as in store.h. */
#ifndef ELO_STORE_TASK_H
#define ELO_STORE_TASK_H

#include "backend/store/store.h"

/* A task exists from the commit of its blob on, until a sink is done with it.
   Order: narrow reach first, then recent first; what is backing off comes when it
   is due. One for a blob and kind. */
typedef enum {
    ELO_TASK_REPLICATE = 1, /* bring it to enough holders */
    ELO_TASK_REPAIR = 2,    /* it is damaged here: get it back */
} elo_task_kind_t;

#define ELO_TASK_WHY_MAX 127

typedef struct {
    elo_task_kind_t kind;
    elo_digest_t digest; /* of what is stored: a clear blob or an object */
    elo_reach_t reach;
    uint64_t created_us;
    uint64_t due_ms; /* Unix; 0: at once */
    uint32_t attempts;
    bool is_dropped; /* an operator gave it up: it waits for a retry */
    char why[ELO_TASK_WHY_MAX + 1]; /* of the last failure */
} elo_task_t;

/* [any] Up to max due tasks, in order, that no other taker has; a taker ends each
   with done, fail or release. */
elo_err_t elo_task_take(elo_store_t *s, uint64_t now_ms, elo_task_t *out,
                        uint32_t max, uint32_t *n,
                        uint64_t *next_due_ms) ELO_MUST_USE;
/* [work] One batch for all of them. */
elo_err_t elo_task_done(elo_store_t *s, const elo_task_t *t,
                        uint32_t n) ELO_MUST_USE;
elo_err_t elo_task_fail(elo_store_t *s, const elo_task_t *t, uint64_t due_ms,
                        const char *why) ELO_MUST_USE;
void elo_task_release(elo_store_t *s, const elo_task_t *t, uint32_t n);
/* [any] ELO_ENOTFOUND: nothing left to do for it. */
elo_err_t elo_task_get(elo_store_t *s, elo_task_kind_t kind,
                       const elo_digest_t *d, elo_task_t *out) ELO_MUST_USE;
/* [any] The same, and whether what it is for is stored at all: both as they are at
   one moment. *has_task false: out is untouched. */
elo_err_t elo_task_look(elo_store_t *s, elo_task_kind_t kind,
                        const elo_digest_t *d, bool *is_stored, bool *has_task,
                        elo_task_t *out) ELO_MUST_USE;
/* [work] Operator's: due now, attempts from 0 / given up, kept as dropped. */
elo_err_t elo_task_retry(elo_store_t *s, elo_task_kind_t kind,
                         const elo_digest_t *d) ELO_MUST_USE;
elo_err_t elo_task_drop(elo_store_t *s, elo_task_kind_t kind,
                        const elo_digest_t *d) ELO_MUST_USE;
/* [work] Adds one by hand (scrub: repair). */
elo_err_t elo_task_add(elo_store_t *s, elo_task_kind_t kind,
                       const elo_digest_t *d) ELO_MUST_USE;
typedef bool (*elo_task_each_fn)(void *ctx, const elo_task_t *t);
/* [any] In the order of taking, then the waiting; skips the first `skip`. */
elo_err_t elo_task_each(elo_store_t *s, uint64_t skip, elo_task_each_fn fn,
                        void *ctx) ELO_MUST_USE;

/* Events, called after they are durable, on the commit thread or on that of the
   call which caused them: they pass a message on and return. Set once, before
   any traffic. d: digest of the plaintext where it is known to be a clear blob, of
   the object else. */
typedef struct {
    void (*on_task)(void *ctx);                             /* one was added */
    void (*on_done)(void *ctx, const elo_digest_t *object); /* one ended */
    void *ctx;
} elo_store_events_t;
void elo_store_on_events(elo_store_t *s, const elo_store_events_t *e);

#endif
