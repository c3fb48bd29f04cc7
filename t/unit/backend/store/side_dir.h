/* SPDX-License-Identifier: BSD-2-Clause */
/* side_dir: what the tests of nodes, media indexes, tasks and uploads need beyond
   store_dir: rows of blobs without bytes, and what is in the tables. */
#ifndef ELO_T_UNIT_SIDE_DIR_H
#define ELO_T_UNIT_SIDE_DIR_H

#include "t/unit/backend/store/store_dir.c"

#include "backend/kv/kv_care.h"
#include "backend/store/node_internal.h"
#include "common/base/num.h"


/* The index is made again from the log alone. */
static inline void
side_rebuild(dir_t *d)
{
    elo_store_close(&d->s);
    nftw(dir_path(d, "index"), rm_one, 16, FTW_DEPTH | FTW_PHYS);
    dir_open(d);
}


/* ---- rows of blobs ---- */

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    elo_digest_t digest;
    elo_rec_blob_t rec;
    bool has_task, is_removed;
    elo_task_mark_t mark;
    uint64_t media;
} side_blob_op_t;


static inline elo_err_t
side_blob_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    side_blob_op_t *o = (side_blob_op_t *) op;
    elo_slice_t key = elo_digest_slice(&o->digest), data = ELO_SLICE("x");
    uint8_t mem[ELO_BLOB_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    if (o->is_removed) {
        if ((rc = elo_task_forget(tx, &o->digest, o->rec.reach,
                                  o->rec.created_us))
                != ELO_OK
            || (rc = elo_media_del(tx, &o->digest, &o->media)) != ELO_OK
            || (rc = elo_orphan_clear(tx, &o->digest)) != ELO_OK)
        {
            return rc;
        }
        return elo_kv_tx_del(tx, ELO_T_BLOB, key);
    }
    if (o->has_task
        && (rc = elo_task_join(o->s, tx, ELO_TASK_REPLICATE, &o->digest,
                               o->rec.reach, o->rec.created_us, true, &o->mark))
               != ELO_OK)
    {
        return rc;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_blob_encode(&o->rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_BLOB, key, elo_buf_slice(&buf), &data, 1);
}


/* The row of a blob of one byte; n is all of its digest. */
static inline elo_digest_t
side_digest(uint32_t n)
{
    elo_digest_t d = { { 0 } };

    for (int i = 0; i < 4; i++) {
        d.b[i] = d.b[31 - i] = (uint8_t) (n >> (8 * i));
    }
    return d;
}


static inline elo_err_t
side_blob(elo_store_t *s, uint32_t n, elo_reach_t reach, uint64_t created_us,
          bool has_task)
{
    side_blob_op_t o = {
        .op.run = side_blob_run,
        .s = s,
        .digest = side_digest(n),
        .rec = { .reach = reach, .created_us = created_us, .size = 1 },
        .has_task = has_task
    };
    elo_err_t rc = elo_kv_exec(s->kv, &o.op);

    if (rc == ELO_OK) {
        elo_task_joined(s, &o.mark);
    }
    return rc;
}


/* *media (may be NULL): the file of its media index. */
static inline elo_err_t
side_unblob(elo_store_t *s, uint32_t n, elo_reach_t reach, uint64_t created_us,
            uint64_t *media)
{
    side_blob_op_t o = { .op.run = side_blob_run,
                         .s = s,
                         .digest = side_digest(n),
                         .rec = { .reach = reach, .created_us = created_us },
                         .is_removed = true };
    elo_err_t rc = elo_kv_exec(s->kv, &o.op);

    if (rc == ELO_OK && media != NULL) {
        *media = o.media;
    }
    return rc;
}


static inline elo_store_totals_t
side_totals(elo_store_t *s)
{
    elo_store_totals_t t;

    elo_store_totals(s, &t);
    return t;
}


static inline elo_err_t
side_nothing(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    (void) op;
    (void) tx;
    return ELO_OK;
}


/* Rows of a table, when all that was submitted is done. */
static inline uint32_t
side_rows(elo_store_t *s, uint8_t table)
{
    elo_kv_op_t op = { .run = side_nothing };
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint32_t n = 0;

    assert_int_equal(elo_kv_exec(s->kv, &op), ELO_OK);
    assert_int_equal(elo_kv_view_begin(s->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, table, elo_slice("", 0), &c),
                     ELO_OK);
    while (elo_kv_cursor_next(c, &key, &e) == ELO_OK) {
        n++;
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return n;
}

#endif
