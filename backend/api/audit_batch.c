/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_batch: several uses of one request, which waits for all of them. */
#include <assert.h>
#include <stdlib.h>

#include "backend/api/audit.h"

typedef struct {
    elo_audit_wait_t wait; /* first */
    elo_audit_batch_t *batch;
} slot_t;

struct elo_audit_batch_s {
    elo_audit_t *audit;
    elo_audit_done_fn done;
    void *ctx;
    elo_err_t err;
    uint32_t left; /* that are waited for, and end */
    uint32_t n, max;
    slot_t slots[];
};


elo_err_t
elo_audit_batch_create(elo_audit_t *a, uint32_t n, elo_audit_done_fn done,
                       void *ctx, elo_audit_batch_t **out)
{
    elo_audit_batch_t *b = calloc(1, sizeof(*b) + n * sizeof(b->slots[0]));

    if (b == NULL) {
        return ELO_ENOMEM;
    }
    b->audit = a;
    b->done = done;
    b->ctx = ctx;
    b->left = 1;
    b->max = n;
    *out = b;
    return ELO_OK;
}


static void
settle(elo_audit_batch_t *b, elo_err_t err)
{
    if (err != ELO_OK) {
        b->err = ELO_EAUDIT;
    }
    if (--b->left == 0) {
        b->done(b->ctx, b->err);
        free(b);
    }
}


static void
on_written(elo_audit_wait_t *w, elo_err_t err)
{
    slot_t *s = (slot_t *) w;

    settle(s->batch, err);
}


void
elo_audit_batch_use(elo_audit_batch_t *b, const elo_audit_what_t *what)
{
    slot_t *s = &b->slots[b->n];
    elo_err_t rc;

    assert(b->n < b->max);
    b->n++;
    b->left++;
    *s = (slot_t){ .wait.done = on_written, .batch = b };
    rc = elo_audit_use(b->audit, what, false, &s->wait);
    if (rc != ELO_EAGAIN) {
        settle(b, rc);
    }
}


void
elo_audit_batch_end(elo_audit_batch_t *b)
{
    settle(b, ELO_OK);
}
