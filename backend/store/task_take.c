/* SPDX-License-Identifier: BSD-2-Clause */
/* task_take: what the queue has in memory, and taking from it. */
#include "backend/store/task_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/store/store_internal.h"
#include "backend/store/task_head.h"
#include "common/base/num.h"

#define POP_BATCH 64u


elo_err_t
elo_tasks_create(elo_tasks_t **out)
{
    elo_tasks_t *t = calloc(1, sizeof(*t));
    elo_err_t rc;

    if (t == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_head_create(&t->head)) != ELO_OK) {
        free(t);
        return rc;
    }
    *out = t;
    return ELO_OK;
}


void
elo_tasks_free(elo_tasks_t **t)
{
    if (*t != NULL) {
        elo_head_free(&(*t)->head);
        free(*t);
        *t = NULL;
    }
}


void
elo_store_on_events(elo_store_t *s, const elo_store_events_t *e)
{
    assert(s->magic == ELO_STORE_MAGIC);
    s->tasks->ev = *e;
}


/* Reads more of the table into the head; false when there is no more. */
static elo_err_t
fill(elo_store_t *s, bool *is_more)
{
    uint8_t from[ELO_TASK_READY_KEY], (*found)[ELO_TASK_READY_KEY];
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint32_t n = 0;
    elo_err_t rc;

    *is_more = false;
    if (!elo_head_fill_begin(s->tasks->head, from)) {
        return ELO_OK;
    }
    found = calloc(ELO_FILL_MAX, sizeof(found[0]));
    rc = found == NULL ? ELO_ENOMEM : elo_kv_view_begin(s->kv, &v);
    if (rc == ELO_OK) {
        rc = elo_kv_cursor_open(&v, ELO_T_TASK, elo_slice(from, sizeof(from)),
                                &c);
        while (rc == ELO_OK && n < ELO_FILL_MAX
               && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK)
        {
            if (key.len != ELO_TASK_READY_KEY) {
                rc = ELO_ENOTFOUND; /* those that wait */
            } else {
                memcpy(found[n++], key.p, ELO_TASK_READY_KEY);
            }
        }
        elo_kv_cursor_close(&c);
        elo_kv_view_end(&v);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        n = 0;
    }
    elo_head_fill_end(s->tasks->head, from,
                      (const uint8_t(*)[ELO_TASK_READY_KEY]) found, n,
                      rc == ELO_ENOTFOUND);
    free(found);
    *is_more = n > 0;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


void
elo_tasks_give(elo_tasks_t *q, const elo_task_t *t, uint32_t n)
{
    uint8_t id[ELO_TASK_ID];

    for (uint32_t i = 0; i < n; i++) {
        elo_head_give(q->head, elo_wait_key(t[i].kind, &t[i].digest, id).p);
    }
}


/* Completes what was just taken from the table as an older view showed it; what
   has left its place since is given back, and *n lessened. */
static elo_err_t
verify(elo_store_t *s, elo_task_t *t, uint32_t *n)
{
    uint8_t mem[ELO_TASK_KEY_MAX];
    uint32_t kept = 0, i;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_err_t rc;

    if (*n == 0) {
        return ELO_OK;
    }
    rc = elo_kv_view_begin(s->kv, &v);
    if (rc != ELO_OK) {
        elo_tasks_give(s->tasks, t, *n);
        return rc;
    }
    for (i = 0; i < *n; i++) {
        rc = elo_kv_get(&v, ELO_T_TASK, elo_task_key(&t[i], mem), &e);
        if (rc == ELO_ENOTFOUND) {
            elo_tasks_give(s->tasks, &t[i], 1);
            continue;
        }
        if (rc != ELO_OK || (rc = elo_rec_task_parse(e.value, &t[i])) != ELO_OK)
        {
            break;
        }
        t[kept++] = t[i];
    }
    elo_kv_view_end(&v);
    if (i < *n) {
        elo_tasks_give(s->tasks, t, kept);
        elo_tasks_give(s->tasks, t + i, *n - i);
        return rc;
    }
    *n = kept;
    return ELO_OK;
}


/* One batch from the head. *got: how many it gave, of which *n are still tasks. */
static elo_err_t
pop(elo_store_t *s, elo_task_t *out, uint32_t max, uint32_t *got, uint32_t *n)
{
    elo_ready_t ready[POP_BATCH];
    elo_task_place_t place;
    bool is_sure = true;
    elo_err_t rc;

    *n = *got = elo_head_pop(s->tasks->head, ready, ELO_MIN(max, POP_BATCH));
    for (uint32_t i = 0; i < *n; i++) {
        out[i] = (elo_task_t){ 0 };
        rc = elo_task_key_parse(elo_slice(ready[i].key, ELO_TASK_READY_KEY),
                                &out[i], &place);
        assert(rc == ELO_OK); /* the head takes none that wasn't made by us */
        (void) rc;
        is_sure &= ready[i].is_sure;
    }
    return is_sure ? ELO_OK : verify(s, out, n);
}


static elo_err_t
take_ready(elo_store_t *s, elo_task_t *out, uint32_t max, uint32_t *n)
{
    uint32_t got, k;
    bool is_more = true;
    elo_err_t rc = ELO_OK;

    while (rc == ELO_OK && *n < max && is_more) {
        if ((rc = pop(s, out + *n, max - *n, &got, &k)) == ELO_OK) {
            *n += k;
            if (got == 0) {
                rc = fill(s, &is_more);
            }
        }
    }
    return rc;
}


/* Those that are due, up to max in all; *due when the next one is. */
static elo_err_t
take_waiting(elo_store_t *s, uint64_t now_ms, elo_task_t *out, uint32_t max,
             uint32_t *n, uint64_t *due)
{
    static const uint8_t from[] = { 0x01 };
    elo_task_head_t *h = s->tasks->head;
    uint32_t first = *n, k;
    elo_kv_cursor_t *c = NULL;
    elo_task_place_t place;
    uint8_t id[ELO_TASK_ID];
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint64_t stamp_is;
    elo_slice_t key;
    elo_task_t t;
    elo_err_t rc;

    *due = elo_head_due(h, &stamp_is);
    if (*due > now_ms || *n >= max) {
        return ELO_OK;
    }
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    *due = UINT64_MAX;
    rc = elo_kv_cursor_open(&v, ELO_T_TASK, elo_slice(from, 1), &c);
    while (rc == ELO_OK && *n < max
           && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK)
    {
        t = (elo_task_t){ 0 };
        if ((rc = elo_task_key_parse(key, &t, &place)) != ELO_OK) {
            break;
        }
        if (place == ELO_TASK_GIVEN_UP || t.due_ms > now_ms) {
            *due = place == ELO_TASK_GIVEN_UP ? UINT64_MAX : t.due_ms;
            rc = ELO_ENOTFOUND;
            break;
        }
        if (elo_head_take(h, elo_wait_key(t.kind, &t.digest, id).p)) {
            out[(*n)++] = t;
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    if (rc == ELO_ENOTFOUND) { /* all that are due were seen */
        elo_head_set_due(h, *due, stamp_is);
        rc = ELO_OK;
    } else {
        *due = 0;
    }
    if (rc != ELO_OK) {
        elo_tasks_give(s->tasks, out + first, *n - first);
        *n = first;
        return rc;
    }
    k = *n - first;
    rc = verify(s, out + first, &k);
    *n = rc == ELO_OK ? first + k : first;
    return rc;
}


/* Ready ones come first, but for half of what is asked for, so that tasks that
   were tried before get their turn under a steady stream. */
elo_err_t
elo_task_take(elo_store_t *s, uint64_t now_ms, elo_task_t *out, uint32_t max,
              uint32_t *n, uint64_t *next_due_ms)
{
    uint32_t share = max / 2, got = 0;
    uint64_t due;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (max == 1) {
        share = __atomic_fetch_add(&s->tasks->turn, 1, __ATOMIC_RELAXED) & 1;
    }
    rc = take_waiting(s, now_ms, out, share, &got, &due);
    if (rc == ELO_OK && (rc = take_ready(s, out, max, &got)) == ELO_OK) {
        rc = take_waiting(s, now_ms, out, max, &got, &due);
    }
    if (rc != ELO_OK) {
        elo_task_release(s, out, got);
        return rc;
    }
    *n = got;
    *next_due_ms = due;
    return ELO_OK;
}


/* Each may have been moved meanwhile, so that none is sure to be there. */
void
elo_task_release(elo_store_t *s, const elo_task_t *t, uint32_t n)
{
    elo_task_head_t *h = s->tasks->head;
    uint8_t key[ELO_TASK_KEY_MAX];
    elo_task_t ready;

    assert(s->magic == ELO_STORE_MAGIC);
    elo_tasks_give(s->tasks, t, n);
    for (uint32_t i = 0; i < n; i++) {
        ready = t[i];
        ready.due_ms = 0;
        ready.is_dropped = false;
        elo_task_key(&ready, key);
        elo_head_push(h, key, false);
        if (t[i].due_ms > 0) {
            elo_head_wait(h, t[i].due_ms);
        }
    }
}
