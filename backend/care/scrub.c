/* SPDX-License-Identifier: BSD-2-Clause */
/* scrub: reads everything that is stored again, in order of its digest, at a
   bounded rate, and compares. What is rotten is quarantined (a row of BAD: no
   grant and no read any more) and a task asks for its repair. A large blob is read
   over many steps; a restart begins with the blob that was being read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/blob_row.h"
#include "backend/store/task.h"
#include "common/base/crypto.h"

#define PIECE (256u << 10)

/* The blob that is being read; lives across steps. */
typedef struct {
    elo_digest_t stored;
    elo_blob_stat_t stat;
    elo_blob_t *blob;
    elo_sha256_t *sha;
    uint64_t off;
    uint8_t piece[PIECE];
} reading_t;

typedef struct {
    elo_kv_op_t op; /* first */
    const elo_digest_t *stored;
    const elo_blob_stat_t *stat; /* where it was when it was read */
    elo_slots_t slots;
    const char *why;
} bad_t;


static void
reading_drop(void *state)
{
    reading_t *g = state;

    elo_blob_close(&g->blob);
    elo_sha256_free(&g->sha);
    free(g);
}


/* ---- what is rotten ---- */

static elo_err_t
run_bad(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    bad_t *b = (bad_t *) op;
    elo_rec_bad_t rec = { .since = elo_clock_unix_s(),
                          .why = elo_slice_str(b->why) };
    uint8_t mem[ELO_BAD_REC_MAX];
    elo_rows_t rows = { .tx = tx };
    elo_blob_stat_t now;
    elo_rec_blob_t blob;
    elo_kv_entry_t e;
    elo_buf_t buf;
    elo_err_t rc;

    if ((rc = elo_blob_row(&rows, b->stored, &e, &blob)) != ELO_OK) {
        return rc;
    }
    elo_stat_clear(b->stored, &blob, &e, &now);
    if (now._file != b->stat->_file || now._segment != b->stat->_segment
        || now._offset != b->stat->_offset)
    {
        return ELO_EAGAIN; /* what was read is not what is stored */
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_bad_encode(&rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = elo_kv_tx_put(tx, ELO_T_BAD, elo_digest_slice(b->stored),
                               elo_buf_slice(&buf), NULL, 0))
               != ELO_OK)
    {
        return rc;
    }
    return elo_slots_mark_blob(&b->slots, tx, b->stored);
}


/* ELO_ENOTFOUND: removed meanwhile; ELO_EAGAIN: it has moved, or was sent again. */
static elo_err_t
quarantine(elo_care_run_t *r, const reading_t *g, const char *why)
{
    const elo_digest_t *d = &g->stored;
    bad_t b = {
        .op = { .run = run_bad }, .stored = d, .stat = &g->stat, .why = why
    };
    elo_store_t *s = r->cfg->store;
    elo_err_t rc = elo_kv_exec(elo_store_kv(s), &b.op);

    if (rc != ELO_OK) {
        return rc;
    }
    elo_slots_bump(s, &b.slots);
    r->found += 1;
    elo_log(
        ELO_LOG_ERROR,
        "scrub: blob %02x%02x%02x%02x is damaged, it is not served until it "
        "is put again or repaired: %s",
        d->b[0], d->b[1], d->b[2], d->b[3], why);
    rc = elo_task_add(s, ELO_TASK_REPAIR, d);
    return rc == ELO_EEXISTS ? ELO_OK : rc;
}


/* ---- reading ---- */

/* The first stored thing after the cursor that isn't known to be bad. *is_sound
   false: its own row can't be read. */
static elo_err_t
stored_next(elo_care_run_t *r, elo_digest_t *d, elo_blob_stat_t *st,
            bool *is_sound)
{
    elo_slice_t from = elo_slice(r->cursor, r->cursor_len), key;
    elo_kv_cursor_t *c = NULL;
    elo_rec_blob_t rec;
    elo_rows_t rows;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    bool is_bad = true;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(elo_store_kv(r->cfg->store), &v)) != ELO_OK) {
        return rc;
    }
    rows = (elo_rows_t){ .view = &v };
    rc = elo_kv_cursor_open(&v, ELO_T_BLOB, from, &c);
    while (rc == ELO_OK && is_bad
           && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK)
    {
        if (key.len != ELO_SHA256_LEN) {
            rc = ELO_ECORRUPT;
        } else if (r->cursor_len == 0 || !elo_slice_eq(key, from)) {
            memcpy(d->b, key.p, ELO_SHA256_LEN);
            rc = elo_row_is(&rows, ELO_T_BAD, d, &is_bad);
        }
    }
    if (rc == ELO_OK) {
        *is_sound = elo_rec_blob_parse(e.value, e.data_len, &rec) == ELO_OK;
        if (*is_sound) {
            elo_stat_clear(d, &rec, &e, st); /* objects too: their own bytes */
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc;
}


/* On to what comes after it. */
static void
reading_pass(elo_care_run_t *r, reading_t *g)
{
    elo_blob_close(&g->blob);
    memcpy(r->cursor, g->stored.b, ELO_SHA256_LEN);
    r->cursor_len = ELO_SHA256_LEN;
}


static void
reading_done(elo_care_run_t *r, reading_t *g)
{
    reading_pass(r, g);
    r->items += 1;
}


/* What has been removed is passed; what has moved is read again from its start. */
static elo_err_t
reading_bad(elo_care_run_t *r, reading_t *g, const char *why)
{
    elo_err_t rc = quarantine(r, g, why);

    if (rc == ELO_OK) {
        reading_done(r, g);
    } else if (rc == ELO_ENOTFOUND) {
        reading_pass(r, g);
    } else if (rc == ELO_EAGAIN) {
        elo_blob_close(&g->blob);
    } else {
        return rc;
    }
    return ELO_OK;
}


static bool
is_damage(elo_err_t rc)
{
    return rc == ELO_ECORRUPT || rc == EIO;
}


/* Begins with the next one. ELO_ENOTFOUND at the end. An error before there is one
   says nothing about any blob. */
static elo_err_t
reading_next(elo_care_run_t *r, reading_t *g)
{
    bool is_sound;
    elo_err_t rc = stored_next(r, &g->stored, &g->stat, &is_sound);

    if (rc != ELO_OK || (rc = elo_sha256_reset(g->sha)) != ELO_OK) {
        return rc;
    }
    if (!is_sound) {
        r->found += 1;
        reading_pass(r, g);
        return ELO_OK;
    }
    g->off = 0;
    rc = elo_blob_open(r->cfg->store, &g->stat, &g->blob);
    if (is_damage(rc)) {
        return reading_bad(r, g, "it can't be read");
    }
    if (rc == ELO_ENOTFOUND) { /* removed just then */
        reading_pass(r, g);
        return ELO_OK;
    }
    return rc == ELO_EAGAIN ? ELO_OK : rc; /* it moves and moves */
}


/* One piece, or the comparison at the end. */
static elo_err_t
reading_go_on(elo_care_run_t *r, reading_t *g)
{
    uint64_t left = g->stat.size - g->off;
    size_t len = left < PIECE ? (size_t) left : PIECE;
    elo_digest_t d;
    elo_err_t rc;

    if (len != 0) {
        rc = elo_blob_read(g->blob, g->off, g->piece, len);
        g->off += len;
        r->bytes += len;
        if (rc != ELO_OK) {
            return is_damage(rc) ? reading_bad(r, g, "it can't be read") : rc;
        }
        return elo_sha256_update(g->sha, elo_slice(g->piece, len));
    }
    if ((rc = elo_sha256_final(g->sha, &d)) != ELO_OK) {
        return rc;
    }
    if (memcmp(d.b, g->stored.b, ELO_SHA256_LEN) != 0) {
        return reading_bad(r, g, "its bytes have another hash");
    }
    reading_done(r, g);
    return ELO_OK;
}


static elo_err_t
scrub_some(elo_care_run_t *r, reading_t *g, bool *more)
{
    elo_err_t rc = ELO_OK;

    *more = true;
    while (rc == ELO_OK && !elo_care_is_over(r)) {
        rc = g->blob == NULL ? reading_next(r, g) : reading_go_on(r, g);
        if (rc == ELO_ENOTFOUND && g->blob == NULL) {
            *more = false;
            return ELO_OK;
        }
    }
    return rc;
}


elo_err_t
elo_care_step_scrub(elo_care_run_t *r, bool *more)
{
    uint64_t before = r->bytes, rate = r->cfg->scrub_bytes_s;
    reading_t *g = r->state;
    elo_err_t rc;

    if (g == NULL) {
        if ((g = calloc(1, sizeof(*g))) == NULL) {
            return ELO_ENOMEM;
        }
        r->state = g;
        r->drop = reading_drop;
        if ((rc = elo_sha256_create(&g->sha)) != ELO_OK) {
            return rc;
        }
    }
    rc = scrub_some(r, g, more);
    r->keep_cursor = true;
    r->wait_ms = rate != 0 ? (r->bytes - before) * 1000 / rate : 0;
    return rc;
}
