/* SPDX-License-Identifier: BSD-2-Clause */
/* task_head: the front of the queue in memory. Ready keys stand in one array, the
   next to be taken at its end: the most recent task of the narrowest reach is put
   and taken there without moving anything. */
#include "backend/store/task_head.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/mutex.h"

#define BUCKETS    4096u /* of the taken; a power of two */
#define NONE       UINT16_MAX
#define DROP_SHARE 4u /* a full head gives up this part of itself at once */

_Static_assert(ELO_TAKEN_MAX < NONE, "an index and a mark");

typedef struct {
    uint8_t id[ELO_TASK_ID];
    uint16_t next;
} taken_t;

struct elo_task_head_s {
    elo_mutex_t filling; /* one fill at a time; held over its reading */
    elo_mutex_t mtx;
    /* shared: mtx */
    elo_ready_t ready[ELO_HEAD_MAX]; /* descending */
    uint32_t n_ready;
    uint8_t horizon[ELO_TASK_READY_KEY]; /* (H1) */
    taken_t taken[ELO_TAKEN_MAX];
    uint16_t bucket[BUCKETS];
    uint16_t unused; /* list of slots */
    uint64_t due_ms;
    uint64_t stamp;
};


elo_err_t
elo_head_create(elo_task_head_t **out)
{
    elo_task_head_t *h = calloc(1, sizeof(*h));
    elo_err_t rc;

    if (h == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&h->mtx)) != ELO_OK) {
        free(h);
        return rc;
    }
    if ((rc = elo_mutex_init(&h->filling)) != ELO_OK) {
        elo_mutex_dispose(&h->mtx);
        free(h);
        return rc;
    }
    memset(h->bucket, 0xff, sizeof(h->bucket)); /* NONE */
    for (uint32_t i = 0; i < ELO_TAKEN_MAX; i++) {
        h->taken[i].next = (uint16_t) (i + 1);
    }
    h->taken[ELO_TAKEN_MAX - 1].next = NONE;
    *out = h;
    return ELO_OK;
}


void
elo_head_free(elo_task_head_t **h)
{
    if (*h != NULL) {
        elo_mutex_dispose(&(*h)->filling);
        elo_mutex_dispose(&(*h)->mtx);
        free(*h);
        *h = NULL;
    }
}


/* ---- taken ---- */

static const uint8_t *
id_of(const uint8_t key[ELO_TASK_READY_KEY])
{
    return key + ELO_TASK_READY_KEY - ELO_TASK_ID;
}


static uint16_t *
bucket_of(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID])
{
    /* kind, then a digest, whose bytes are as good as random */
    return &h->bucket[(uint32_t) (id[1] << 8 | id[2]) % BUCKETS];
}


static uint16_t *
taken_find(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID])
{
    uint16_t *at = bucket_of(h, id);

    while (*at != NONE && memcmp(h->taken[*at].id, id, ELO_TASK_ID) != 0) {
        at = &h->taken[*at].next;
    }
    return at;
}


static bool
taken_add(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID])
{
    uint16_t *at = taken_find(h, id), i = h->unused;

    if (*at != NONE || i == NONE) {
        return false;
    }
    h->unused = h->taken[i].next;
    memcpy(h->taken[i].id, id, ELO_TASK_ID);
    h->taken[i].next = NONE;
    *at = i;
    return true;
}


bool
elo_head_take(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID])
{
    bool is_taken;

    elo_mutex_lock(&h->mtx);
    is_taken = taken_add(h, id);
    elo_mutex_unlock(&h->mtx);
    return is_taken;
}


void
elo_head_give(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID])
{
    uint16_t *at, i;

    elo_mutex_lock(&h->mtx);
    at = taken_find(h, id);
    if ((i = *at) != NONE) {
        *at = h->taken[i].next;
        h->taken[i].next = h->unused;
        h->unused = i;
    }
    elo_mutex_unlock(&h->mtx);
}


/* ---- ready ---- */

/* Index of key, or where it belongs. */
static uint32_t
ready_find(const elo_task_head_t *h, const uint8_t key[ELO_TASK_READY_KEY],
           bool *is_there)
{
    uint32_t lo = 0, hi = h->n_ready;

    *is_there = false;
    /* most often it comes next of all */
    if (hi > 0 && memcmp(h->ready[hi - 1].key, key, ELO_TASK_READY_KEY) > 0) {
        return hi;
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int cmp = memcmp(h->ready[mid].key, key, ELO_TASK_READY_KEY);

        if (cmp == 0) {
            *is_there = true;
            return mid;
        }
        if (cmp > 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}


/* The head is full: those that come last are left to the table. */
static void
ready_shed(elo_task_head_t *h)
{
    uint32_t n = h->n_ready / DROP_SHARE;

    memcpy(h->horizon, h->ready[n - 1].key, ELO_TASK_READY_KEY);
    h->n_ready -= n;
    memmove(h->ready, h->ready + n, h->n_ready * sizeof(h->ready[0]));
}


static void
ready_add(elo_task_head_t *h, const uint8_t key[ELO_TASK_READY_KEY],
          bool is_sure)
{
    bool is_there;
    uint32_t i;

    if (h->n_ready == ELO_HEAD_MAX) {
        ready_shed(h);
    }
    if (memcmp(key, h->horizon, ELO_TASK_READY_KEY) >= 0
        || *taken_find(h, id_of(key)) != NONE)
    {
        return;
    }
    i = ready_find(h, key, &is_there);
    if (is_there) {
        h->ready[i].is_sure |= is_sure;
        return;
    }
    memmove(h->ready + i + 1, h->ready + i,
            (h->n_ready - i) * sizeof(h->ready[0]));
    memcpy(h->ready[i].key, key, ELO_TASK_READY_KEY);
    h->ready[i].is_sure = is_sure;
    h->n_ready++;
}


void
elo_head_push(elo_task_head_t *h, const uint8_t key[ELO_TASK_READY_KEY],
              bool is_sure)
{
    elo_mutex_lock(&h->mtx);
    ready_add(h, key, is_sure);
    elo_mutex_unlock(&h->mtx);
}


void
elo_head_drop(elo_task_head_t *h, const uint8_t key[ELO_TASK_READY_KEY])
{
    bool is_there;
    uint32_t i;

    elo_mutex_lock(&h->mtx);
    i = ready_find(h, key, &is_there);
    if (is_there) {
        h->n_ready--;
        memmove(h->ready + i, h->ready + i + 1,
                (h->n_ready - i) * sizeof(h->ready[0]));
    }
    elo_mutex_unlock(&h->mtx);
}


uint32_t
elo_head_pop(elo_task_head_t *h, elo_ready_t *out, uint32_t max)
{
    uint32_t n = 0;

    elo_mutex_lock(&h->mtx);
    while (n < max && h->n_ready > 0 && h->unused != NONE) {
        out[n] = h->ready[--h->n_ready];
        if (taken_add(h, id_of(out[n].key))) {
            n++;
        }
    }
    elo_mutex_unlock(&h->mtx);
    return n;
}


/* ---- fill ---- */

static bool
is_last(const uint8_t key[ELO_TASK_READY_KEY])
{
    return key[0] == 0xff; /* behind all keys: the first byte is a small one */
}


bool
elo_head_fill_begin(elo_task_head_t *h, uint8_t from[ELO_TASK_READY_KEY])
{
    bool is_needed;

    elo_mutex_lock(&h->filling);
    elo_mutex_lock(&h->mtx);
    is_needed = !is_last(h->horizon) && h->n_ready < ELO_HEAD_MAX / 2
                && h->unused != NONE;
    memcpy(from, h->horizon, ELO_TASK_READY_KEY);
    if (is_needed) {
        /* what comes while the table is read is told, and not in the view */
        memset(h->horizon, 0xff, sizeof(h->horizon));
    }
    elo_mutex_unlock(&h->mtx);
    if (!is_needed) {
        elo_mutex_unlock(&h->filling);
    }
    return is_needed;
}


/* The key that follows directly. */
static void
key_next(uint8_t key[ELO_TASK_READY_KEY])
{
    for (int i = ELO_TASK_READY_KEY - 1; i >= 0 && ++key[i] == 0; i--) {
    }
}


void
elo_head_fill_end(elo_task_head_t *h, const uint8_t from[ELO_TASK_READY_KEY],
                  const uint8_t (*found)[ELO_TASK_READY_KEY], uint32_t n,
                  bool is_end)
{
    uint8_t reached[ELO_TASK_READY_KEY];
    bool is_there;
    uint32_t far;

    memcpy(reached, n > 0 ? found[n - 1] : from, ELO_TASK_READY_KEY);
    if (is_end) {
        memset(reached, 0xff, sizeof(reached));
    } else if (n > 0) {
        key_next(reached);
    }
    elo_mutex_lock(&h->mtx);
    if (memcmp(reached, h->horizon, ELO_TASK_READY_KEY) < 0) {
        memcpy(h->horizon, reached, ELO_TASK_READY_KEY);
    }
    for (uint32_t i = 0; i < n; i++) {
        ready_add(h, found[i], false);
    }
    /* what was told meanwhile and lies beyond is left to the next fill */
    far = ready_find(h, h->horizon, &is_there);
    far += is_there;
    h->n_ready -= far;
    memmove(h->ready, h->ready + far, h->n_ready * sizeof(h->ready[0]));
    elo_mutex_unlock(&h->mtx);
    elo_mutex_unlock(&h->filling);
}


/* ---- waiting ---- */

uint64_t
elo_head_due(elo_task_head_t *h, uint64_t *stamp)
{
    uint64_t due_ms;

    elo_mutex_lock(&h->mtx);
    due_ms = h->due_ms;
    *stamp = h->stamp;
    elo_mutex_unlock(&h->mtx);
    return due_ms;
}


void
elo_head_set_due(elo_task_head_t *h, uint64_t due_ms, uint64_t stamp)
{
    elo_mutex_lock(&h->mtx);
    if (h->stamp == stamp) {
        h->due_ms = due_ms;
    }
    elo_mutex_unlock(&h->mtx);
}


void
elo_head_wait(elo_task_head_t *h, uint64_t due_ms)
{
    elo_mutex_lock(&h->mtx);
    h->stamp++;
    if (due_ms < h->due_ms) {
        h->due_ms = due_ms;
    }
    elo_mutex_unlock(&h->mtx);
}
