/* SPDX-License-Identifier: BSD-2-Clause */
/* purge: see the header. Rows of table PURGE: number modulo ELO_PURGE_RING (2) ->
   0x01, place 8, kind 1, digest 32; and 0xffff -> 0x01, place of the last 8.

   An entry waits in memory, at the index that it will have in the page, from the run
   of its operation until somebody whose operation is durable publishes it: places are
   given in the order of the log, so what is before a durable one is durable. The entry
   of an operation that failed is overwritten, for its place is given again. */
#include "backend/store/purge.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/mutex.h"
#include "backend/store/store_internal.h"
#include "common/base/rd.h"

#define VERSION  1u
#define HEAD_KEY 0xffffu

typedef struct {
    elo_gen_purge_t entry;
    const elo_slots_t
        *slots; /* of its operation, which lives until it is told */
} waiting_t;

struct elo_purges_s {
    uint64_t tag; /* of this run, in its place */
    /* shared: mtx */
    elo_mutex_t mtx;
    uint64_t published; /* place of the last in the page */
    waiting_t waiting[ELO_PURGE_RING];
};

typedef struct {
    elo_kv_op_t op; /* first */
    elo_store_t *s;
    const elo_purge_set_t *set;
    elo_slots_t slots;
    uint64_t last;
} purge_op_t;


/* ---- rows ---- */

static elo_slice_t
row_key(uint64_t index, uint8_t out[ELO_PURGE_KEY])
{
    out[0] = (uint8_t) (index >> 8);
    out[1] = (uint8_t) index;
    return elo_slice(out, ELO_PURGE_KEY);
}


elo_err_t
elo_purge_row_parse(elo_slice_t key, elo_slice_t row, bool *is_head,
                    uint64_t *seq, elo_purge_t *out)
{
    const uint8_t *end = row.p + row.len, *p;
    uint16_t index;
    uint64_t at;
    bool head;

    if (key.len != ELO_PURGE_KEY || row.len < ELO_PURGE_HEAD_REC
        || row.p[0] != VERSION
        || elo_rd_be16(key.p, key.p + key.len, &index) == NULL
        || (p = elo_rd_be64(row.p + 1, end, &at)) == NULL
        || (at & ELO_PURGE_NUMBER) == 0)
    {
        return ELO_ECORRUPT;
    }
    head = index == HEAD_KEY;
    if (row.len != (head ? ELO_PURGE_HEAD_REC : ELO_PURGE_REC)
        || (!head
            && (index != (at & ELO_PURGE_NUMBER) % ELO_PURGE_RING
                || (p[0] != ELO_PURGE_BLOB && p[0] != ELO_PURGE_ALL))))
    {
        return ELO_ECORRUPT;
    }
    if (!head) {
        out->kind = p[0];
        memcpy(out->digest.b, p + 1, ELO_SHA256_LEN);
    }
    *is_head = head;
    *seq = at;
    return ELO_OK;
}


static elo_err_t
row_put(elo_kv_tx_t *tx, uint64_t seq, const elo_purge_t *p)
{
    uint8_t mem[ELO_PURGE_REC], key[ELO_PURGE_KEY];
    uint64_t index =
        p == NULL ? HEAD_KEY : (seq & ELO_PURGE_NUMBER) % ELO_PURGE_RING;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_u8(&b, VERSION);
    elo_buf_put_be64(&b, seq);
    if (p != NULL) {
        elo_buf_put_u8(&b, (uint8_t) p->kind);
        elo_buf_put(&b, p->digest.b, ELO_SHA256_LEN);
    }
    if ((rc = elo_buf_err(&b)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_PURGE, row_key(index, key),
                         elo_buf_slice(&b), NULL, 0);
}


/* ---- a start ---- */

/* What is damaged is a gap in the ring: who needs it drops all (generation.h, I2). */
static elo_err_t
load(elo_store_t *s, uint64_t *last, elo_gen_purge_t ring[ELO_PURGE_RING])
{
    elo_kv_cursor_t *c = NULL;
    elo_kv_view_t v;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_PURGE, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        elo_purge_t p;
        uint64_t seq;
        bool is_head;

        if (elo_purge_row_parse(key, e.value, &is_head, &seq, &p) != ELO_OK) {
            continue;
        }
        if (is_head) {
            *last = seq;
        } else {
            elo_purge_entry(seq, &p,
                            &ring[(seq & ELO_PURGE_NUMBER) % ELO_PURGE_RING]);
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static uint64_t
new_tag(void)
{
    uint64_t tag;

    do {
        elo_random(&tag, sizeof(tag));
        tag &= ~ELO_PURGE_NUMBER;
    } while (tag == 0);
    return tag;
}


elo_err_t
elo_purges_open(elo_store_t *s)
{
    elo_gen_purge_t *ring = calloc(ELO_PURGE_RING, sizeof(*ring));
    struct elo_purges_s *m = calloc(1, sizeof(*m));
    elo_err_t rc = ELO_ENOMEM;

    if (ring == NULL || m == NULL || (rc = elo_mutex_init(&m->mtx)) != ELO_OK) {
        free(ring);
        free(m);
        return rc;
    }
    m->tag = new_tag();
    s->purges = m;
    if ((rc = load(s, &m->published, ring)) == ELO_OK) {
        elo_genpage_ready(s, m->published, ring);
    }
    free(ring);
    return rc;
}


void
elo_purges_close(elo_store_t *s)
{
    if (s->purges != NULL) {
        elo_mutex_dispose(&s->purges->mtx);
        free(s->purges);
        s->purges = NULL;
    }
}


/* ---- appending ---- */

/* Number of the last entry, durable or of an operation before in this batch. One that
   is damaged begins anew: the tag tells edges. */
static elo_err_t
last_number(elo_kv_tx_t *tx, uint64_t *out)
{
    uint8_t key[ELO_PURGE_KEY];
    elo_kv_entry_t e;
    elo_purge_t p;
    uint64_t seq;
    bool is_head;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_PURGE, row_key(HEAD_KEY, key), &e);

    *out = 0;
    if (rc == ELO_OK) {
        rc = elo_purge_row_parse(row_key(HEAD_KEY, key), e.value, &is_head,
                                 &seq, &p);
        if (rc == ELO_OK) {
            *out = seq & ELO_PURGE_NUMBER;
        }
    }
    return rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT ? ELO_OK : rc;
}


static void
wait_for(struct elo_purges_s *m, uint64_t seq, const elo_purge_t *p,
         const elo_slots_t *slots)
{
    waiting_t *w = &m->waiting[(seq & ELO_PURGE_NUMBER) % ELO_PURGE_RING];

    elo_mutex_lock(&m->mtx);
    elo_purge_entry(seq, p, &w->entry);
    w->slots = slots;
    elo_mutex_unlock(&m->mtx);
}


elo_err_t
elo_purge_tx(elo_store_t *s, elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t n,
             const elo_slots_t *slots, uint64_t *last)
{
    uint32_t count = d == NULL ? 1 : n;
    uint64_t number, seq = 0;
    elo_err_t rc;

    *last = 0;
    assert(count <= ELO_PURGE_RING);
    if (count == 0 || (rc = last_number(tx, &number)) != ELO_OK) {
        return count == 0 ? ELO_OK : rc;
    }
    for (uint32_t i = 0; i < count; i++) {
        elo_purge_t p = { .kind = ELO_PURGE_ALL };

        if (d != NULL) {
            p = (elo_purge_t){ ELO_PURGE_BLOB, d[i] };
        }
        seq = s->purges->tag | ((number + 1 + i) & ELO_PURGE_NUMBER);
        if ((rc = row_put(tx, seq, &p)) != ELO_OK) {
            return rc;
        }
        wait_for(s->purges, seq, &p, slots);
    }
    *last = seq;
    return row_put(tx, seq, NULL);
}


/* Those that others have overwritten meanwhile are more than a ring behind. */
static void
publish_locked(elo_store_t *s, uint64_t last)
{
    struct elo_purges_s *m = s->purges;
    uint64_t number = m->published & ELO_PURGE_NUMBER;
    uint64_t to = last & ELO_PURGE_NUMBER;

    elo_mutex_assert_held(&m->mtx);
    if (number >= to) {
        number = 0; /* the row that counts was damaged */
    }
    if (to - number > ELO_PURGE_RING) {
        number = to - ELO_PURGE_RING;
    }
    for (number++; number <= to; number++) {
        waiting_t *w = &m->waiting[number % ELO_PURGE_RING];
        elo_purge_t p = { .kind = (uint32_t) w->entry.kind };

        if (w->entry.seq != (m->tag | number)) {
            continue;
        }
        elo_slots_bump(s, w->slots);
        memcpy(p.digest.b, w->entry.digest, sizeof(p.digest.b));
        elo_purge_append(s->gen, w->entry.seq, &p);
    }
    if (elo_purge_last(s->gen) != last) {
        __atomic_store_n(&s->gen->purge_seq, last, __ATOMIC_RELEASE);
    }
    m->published = last;
}


void
elo_purge_publish(elo_store_t *s, const elo_slots_t *slots, uint64_t last)
{
    struct elo_purges_s *m = s->purges;

    elo_slots_bump(s, slots);
    if (last == 0) {
        return;
    }
    elo_mutex_lock(&m->mtx);
    if ((last & ELO_PURGE_NUMBER) > (m->published & ELO_PURGE_NUMBER)
        || (m->published & ~ELO_PURGE_NUMBER) != m->tag)
    {
        publish_locked(s, last);
    }
    elo_mutex_unlock(&m->mtx);
}


/* ---- a purge that was asked for ---- */

static elo_err_t
purge_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    purge_op_t *o = (purge_op_t *) op;

    return elo_purge_tx(o->s, tx, o->set->is_all ? NULL : o->set->digests,
                        o->set->n_digests, &o->slots, &o->last);
}


elo_err_t
elo_store_purge(elo_store_t *s, const elo_purge_set_t *set, uint64_t *seq)
{
    purge_op_t o = { .op.run = purge_run, .s = s, .set = set };
    elo_err_t rc = ELO_OK;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!set->is_all && set->n_digests > ELO_PURGE_DIGESTS_MAX) {
        return ELO_ETOOBIG;
    }
    if (set->slots != NULL) {
        o.slots = *set->slots;
    }
    for (uint32_t i = 0; i < set->n_digests; i++) {
        elo_slots_mark(&o.slots, elo_digest_slice(&set->digests[i]));
    }
    if (set->is_all) {
        elo_slots_mark_all(&o.slots);
    }
    if (set->is_all || set->n_digests > 0) {
        rc = elo_store_exec(s, &o.op);
    }
    if (rc == ELO_OK) {
        elo_purge_publish(s, &o.slots, o.last);
        if (seq != NULL) {
            *seq = o.last != 0 ? o.last : elo_purge_last(s->gen);
        }
    }
    return rc;
}
