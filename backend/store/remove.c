/* SPDX-License-Identifier: BSD-2-Clause */
/* remove: taking blobs away, and pins, which forbid it. */
#include <assert.h>

#include "backend/os/clock.h"
#include "backend/store/blob_row.h"
#include "backend/store/files.h"
#include "backend/store/node_internal.h"
#include "backend/store/possess.h"
#include "common/base/num.h"

/* A copy that is needed yet is looked at again after this long, or the grace. */
#define PUT_OFF_S 3600

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_digest_t *d;
    const elo_agent_t *agent; /* NULL: whoever's */
    bool is_anyones;
    uint32_t no;   /* collection: whose; ELO_NO_AGENT: nobody says */
    int64_t due;   /* collection: of the row that says so */
    bool is_kept;  /* collection: it stays */
    bool has_more; /* he has another copy of it */
    bool has_blind;
    elo_digest_t blind;
    elo_slots_t slots;
    bool was_clear;  /* edges may have it */
    uint64_t purged; /* place of that; 0: there is nothing to forget */
    uint64_t blob_file, media_file; /* to be buried */
    bool is_held;                   /* somebody has it still */
} remove_op_t;

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_digest_t *d;
    bool is_pinned;
} pin_op_t;


/* ELO_EBUSY: it may not go. */
static elo_err_t
may_go(elo_store_t *s, elo_kv_tx_t *tx, const elo_digest_t *d)
{
    elo_rows_t r = { .tx = tx };
    bool is_kept = false;
    elo_holding_t h;
    elo_err_t rc;

    elo_holding_init(&h, s, &r, d);
    if ((rc = elo_refs_any(&h, &is_kept)) != ELO_OK
        || (!is_kept
            && (rc = elo_row_is(&r, ELO_T_PIN, d, &is_kept)) != ELO_OK))
    {
        return rc;
    }
    return is_kept ? ELO_EBUSY : ELO_OK;
}


/* Nobody has it in the clear any more. What a SEALED row needs as its object
   stays as that. */
static elo_err_t
clear_del(remove_op_t *o, elo_kv_tx_t *tx, const elo_rec_blob_t *rec)
{
    elo_err_t rc;

    o->was_clear = true;
    if ((rc = elo_own_clear_tx(tx, o->d)) != ELO_OK
        || (rc = elo_media_del(tx, o->d, &o->media_file)) != ELO_OK
        || (rc = elo_file_kill_tx(tx, ELO_FILE_MEDIA, o->media_file)) != ELO_OK
        || rec->is_object)
    {
        return rc;
    }
    return elo_stored_del_tx(tx, o->d, rec, &o->blob_file);
}


/* ELO_ENOTFOUND: not there, or not this agent's. */
static elo_err_t
remove_clear(remove_op_t *o, elo_kv_tx_t *tx, uint32_t agent)
{
    elo_rows_t r = { .tx = tx };
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    bool has;
    elo_err_t rc;

    if ((rc = elo_blob_row(&r, o->d, &e, &rec)) != ELO_OK) {
        return rc;
    }
    if (o->is_anyones) {
        rc = elo_own_any(&r, o->d, &rec, &has);
        return rc != ELO_OK ? rc : has ? clear_del(o, tx, &rec) : ELO_ENOTFOUND;
    }
    if ((rc = elo_own_has(&r, o->d, &rec, agent, &has)) != ELO_OK || !has) {
        return rc != ELO_OK ? rc : ELO_ENOTFOUND;
    }
    if ((rc = elo_own_del_tx(tx, o->d, &rec, agent)) != ELO_OK
        || (rc = elo_own_any(&r, o->d, &rec, &has)) != ELO_OK || has)
    {
        return rc;
    }
    return clear_del(o, tx, &rec);
}


static elo_err_t
remove_sealed(remove_op_t *o, elo_kv_tx_t *tx, uint32_t agent)
{
    return o->has_blind ? elo_sealed_del_tx(tx, &o->blind, agent, &o->blob_file)
                        : ELO_ENOTFOUND;
}


/* ELO_ENOTFOUND: not there, or not this agent's, whatever holds it. */
static elo_err_t
is_there(remove_op_t *o, elo_kv_tx_t *tx, uint32_t agent)
{
    elo_rows_t r = { .tx = tx };
    elo_rec_sealed_t sealed;
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    bool has = false;
    elo_err_t rc;

    if (o->is_anyones) {
        rc = elo_blob_is_held(o->s, tx, o->d, &has);
        return rc != ELO_OK ? rc : has ? ELO_OK : ELO_ENOTFOUND;
    }
    if ((rc = elo_blob_row(&r, o->d, &e, &rec)) == ELO_OK) {
        rc = elo_own_has(&r, o->d, &rec, agent, &has);
    }
    if ((rc != ELO_OK && rc != ELO_ENOTFOUND) || has) {
        return rc;
    }
    return o->has_blind
               ? elo_sealed_row(&r, &o->blind, agent, &agent, &e, &sealed)
               : ELO_ENOTFOUND;
}


/* One of what there is: the clear blob, or a sealed one. */
static elo_err_t
take_one(remove_op_t *o, elo_kv_tx_t *tx, uint32_t agent)
{
    elo_err_t rc;

    o->blob_file = o->media_file = o->purged = 0;
    o->was_clear = false;
    rc = remove_clear(o, tx, agent);
    if (rc == ELO_ENOTFOUND) {
        rc = remove_sealed(o, tx, agent);
    }
    if (rc != ELO_OK
        || (rc = elo_blob_is_held(o->s, tx, o->d, &o->is_held)) != ELO_OK)
    {
        return rc;
    }
    rc = o->is_held ? is_there(o, tx, agent) : ELO_ENOTFOUND;
    o->has_more = rc == ELO_OK;
    if (rc == ELO_ENOTFOUND) {
        rc = !o->is_held     ? elo_orphan_clear(tx, o->d)
             : o->is_anyones ? ELO_OK
                             : elo_orphan_del(tx, o->d, agent);
    }
    if (rc != ELO_OK
        || (rc = elo_slots_mark_blob(&o->slots, tx, o->d)) != ELO_OK) {
        return rc;
    }
    return elo_purge_tx(o->s, tx, o->d, o->was_clear ? 1 : 0, &o->slots,
                        &o->purged);
}


static elo_err_t
remove_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    remove_op_t *o = (remove_op_t *) op;
    uint32_t agent = ELO_NO_AGENT;
    elo_err_t rc;

    if ((o->agent != NULL
         && (rc = elo_agent_no_tx(tx, o->agent, &agent)) != ELO_OK))
    {
        return rc;
    }
    if ((rc = is_there(o, tx, agent)) != ELO_OK
        || (rc = may_go(o->s, tx, o->d)) != ELO_OK)
    {
        return rc;
    }
    return take_one(o, tx, agent);
}


/* ---- collection: one agent's, whatever others do with theirs (N2) ---- */

/* ELO_ENOTFOUND: there is nothing of his to be collected. */
static elo_err_t
is_collected(remove_op_t *o, elo_kv_tx_t *tx)
{
    elo_rows_t r = { .tx = tx };
    bool is_kept;
    elo_err_t rc;

    if (o->no == ELO_NO_AGENT) {
        return ELO_ENOTFOUND;
    }
    if ((rc = elo_refs_of(&r, o->d, o->no, &is_kept)) != ELO_OK
        || (!is_kept
            && (rc = elo_row_is(&r, ELO_T_PIN, o->d, &is_kept)) != ELO_OK))
    {
        return rc;
    }
    return is_kept ? ELO_ENOTFOUND : is_there(o, tx, o->no);
}


/* The row is looked at where it is decided: what was sent or referred to since it
   was listed has taken it away. ELO_EAGAIN, and nothing is written: his is the last
   copy, and others were promoted to refer to it. */
static elo_err_t
collect_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    remove_op_t *o = (remove_op_t *) op;
    elo_rows_t r = { .tx = tx };
    bool is_due, is_needed = false;
    elo_holding_t h;
    elo_err_t rc;

    o->is_kept = o->has_more = false;
    o->purged = 0;
    if ((rc = elo_orphan_is(tx, o->d, o->no, o->due, &is_due)) != ELO_OK
        || !is_due) {
        return rc != ELO_OK ? rc : ELO_EBUSY;
    }
    if ((rc = is_collected(o, tx)) == ELO_ENOTFOUND) {
        o->is_kept = true;
        return elo_orphan_drop(tx, o->d, o->no, o->due);
    }
    if (rc != ELO_OK || (rc = take_one(o, tx, o->no)) != ELO_OK || o->has_more)
    {
        return rc;
    }
    elo_holding_init(&h, o->s, &r, o->d);
    if (!o->is_held && (rc = elo_refs_any(&h, &is_needed)) != ELO_OK) {
        return rc;
    }
    return is_needed ? ELO_EAGAIN : elo_orphan_drop(tx, o->d, o->no, o->due);
}


static elo_err_t
put_off_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    remove_op_t *o = (remove_op_t *) op;
    bool is_due;
    elo_err_t rc = elo_orphan_is(tx, o->d, o->no, o->due, &is_due);

    if (rc != ELO_OK || !is_due) {
        return rc;
    }
    if ((rc = elo_orphan_drop(tx, o->d, o->no, o->due)) != ELO_OK) {
        return rc;
    }
    return elo_orphan_add(
        tx, o->d, o->no,
        ELO_MAX(elo_store_orphan_due(o->s), elo_clock_unix_s() + PUT_OFF_S));
}


static elo_err_t
remove_one(remove_op_t *o)
{
    elo_err_t rc;

    o->slots = (elo_slots_t){ { 0 } };
    if ((rc = elo_store_exec(o->s, &o->op)) != ELO_OK) {
        return rc;
    }
    elo_purge_publish(o->s, &o->slots, o->purged);
    elo_file_bury(o->s, ELO_FILE_BLOB, o->blob_file);
    elo_file_bury(o->s, ELO_FILE_MEDIA, o->media_file);
    return ELO_OK;
}


static elo_err_t
blind(remove_op_t *o)
{
    elo_keyring_t *k = o->s->keyring;
    elo_err_t rc;

    if (k == NULL) {
        return ELO_OK;
    }
    rc = elo_keyring_blind(k, o->d, &o->blind);
    o->has_blind = rc == ELO_OK;
    return rc;
}


elo_err_t
elo_store_collect(elo_store_t *s, const elo_digest_t *d, uint32_t agent,
                  int64_t due, bool *is_gone)
{
    remove_op_t o = {
        .op.run = collect_run, .s = s, .d = d, .no = agent, .due = due
    };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = blind(&o)) != ELO_OK) {
        return rc;
    }
    do { /* sealed ones too, each by itself */
        rc = remove_one(&o);
    } while (rc == ELO_OK && o.has_more);
    if (rc == ELO_EAGAIN) {
        o.op.run = put_off_run;
        o.is_kept = true;
        rc = elo_store_exec(s, &o.op);
    }
    if (rc == ELO_OK) {
        *is_gone = !o.is_kept;
    }
    return rc;
}


elo_err_t
elo_store_remove(elo_store_t *s, const elo_digest_t *d,
                 const elo_agent_t *agent)
{
    remove_op_t o = { .op.run = remove_run,
                      .s = s,
                      .d = d,
                      .agent = agent,
                      .is_anyones = agent == NULL };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = blind(&o)) != ELO_OK) {
        return rc;
    }
    if ((rc = remove_one(&o)) != ELO_OK) {
        return rc;
    }
    while (rc == ELO_OK && (agent == NULL ? o.is_held : o.has_more))
    { /* sealed ones too, each by itself */
        rc = remove_one(&o);
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* ---- pins ---- */

static elo_err_t
pin_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    pin_op_t *o = (pin_op_t *) op;
    uint8_t mem[ELO_PIN_REC_LEN];
    elo_buf_t buf;
    bool is_held;
    elo_err_t rc;

    if (!o->is_pinned) {
        return elo_kv_tx_del(tx, ELO_T_PIN, elo_digest_slice(o->d));
    }
    if ((rc = elo_blob_is_held(o->s, tx, o->d, &is_held)) != ELO_OK || !is_held)
    {
        return rc != ELO_OK ? rc : ELO_ENOTFOUND;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_pin_encode(elo_clock_unix_s(), &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_PIN, elo_digest_slice(o->d),
                         elo_buf_slice(&buf), NULL, 0);
}


elo_err_t
elo_store_pin(elo_store_t *s, const elo_digest_t *d, bool is_pinned)
{
    pin_op_t o = { .op.run = pin_run, .s = s, .d = d, .is_pinned = is_pinned };

    assert(s->magic == ELO_STORE_MAGIC);
    return elo_store_exec(s, &o.op);
}


bool
elo_store_is_pinned(elo_store_t *s, const elo_digest_t *d)
{
    elo_kv_view_t v;
    bool is_pinned = false;

    assert(s->magic == ELO_STORE_MAGIC);
    if (elo_kv_view_begin(s->kv, &v) != ELO_OK) {
        return true; /* not known: better kept */
    }
    if (elo_row_is(&(elo_rows_t){ .view = &v }, ELO_T_PIN, d, &is_pinned)
        != ELO_OK) {
        is_pinned = true;
    }
    elo_kv_view_end(&v);
    return is_pinned;
}
