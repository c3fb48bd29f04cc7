/* SPDX-License-Identifier: BSD-2-Clause */
/* accept: see the header. */
#include "backend/store/accept.h"

#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/store/blob_row.h"
#include "backend/store/node_internal.h"
#include "backend/store/wide.h"


bool
elo_put_type_ok(elo_slice_t type)
{
    if (type.len > ELO_MIME_MAX) {
        return false;
    }
    for (size_t i = 0; i < type.len; i++) {
        if (type.p[i] < 0x20 || type.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}


elo_err_t
elo_put_opt_check(const elo_put_opt_t *opt)
{
    return (unsigned) opt->reach < ELO_REACH_COUNT
                   && opt->n_invited <= ELO_CONTENT_INVITED_MAX
                   && elo_put_type_ok(opt->content_type)
               ? ELO_OK
               : ELO_EINVAL;
}


static const elo_digest_t *
stored(const elo_accept_t *a)
{
    return a->object != NULL ? a->object : a->plain;
}


/* ---- rows ---- */

/* The bytes, or the file, as rec says otherwise; and their tree. */
static elo_err_t
stored_put(elo_accept_t *a, elo_kv_tx_t *tx, elo_rec_blob_t *rec)
{
    uint8_t mem[ELO_BLOB_REC_MAX], tree[ELO_TREE_REC_LEN];
    elo_slice_t key = elo_digest_slice(stored(a));
    elo_buf_t buf;
    elo_err_t rc;

    if (a->file == NULL && a->n_data == 0) {
        return ELO_EAGAIN;
    }
    rec->file = 0;
    if (a->file != NULL) {
        if ((rc = elo_file_keep_tx(tx, a->file)) != ELO_OK) {
            return rc;
        }
        rec->file = a->file->id;
        rec->size = a->file->size;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_blob_encode(rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = elo_kv_tx_put(tx, ELO_T_BLOB, key, elo_buf_slice(&buf),
                               a->data, a->n_data))
               != ELO_OK
        || !a->has_tree)
    {
        return rc;
    }
    elo_buf_init_fixed(&buf, tree, sizeof(tree));
    elo_rec_tree_encode(a->root, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_TREE, key, elo_buf_slice(&buf), &a->layer,
                         1);
}


/* The first row of what is stored, and its task. */
static elo_err_t
stored_first(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent, uint64_t now_us)
{
    elo_rec_blob_t rec = { .is_object = a->object != NULL,
                           .reach = a->opt->reach,
                           .agent = agent,
                           .created_us = now_us,
                           .content_type = a->opt->content_type };
    elo_err_t rc;

    if (a->object != NULL) {
        rec.blind = *a->blind;
        rec.content_type = elo_slice(NULL, 0); /* its SEALED row has it */
    }
    rc = stored_put(a, tx, &rec);
    if (rc != ELO_OK) {
        return rc;
    }
    return elo_task_join(a->s, tx, ELO_TASK_REPLICATE, stored(a), rec.reach,
                         now_us, true, &a->mark);
}


static elo_err_t
sealed_put(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent, uint64_t now_us)
{
    elo_rec_sealed_t rec = { .reach = a->opt->reach,
                             .created_us = now_us,
                             .size = a->size,
                             .object = *a->object,
                             .content_type = a->opt->content_type };
    uint8_t key[ELO_SEALED_KEY], mem[ELO_SEALED_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_sealed_encode(&rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_SEALED, elo_sealed_key(a->blind, agent, key),
                         elo_buf_slice(&buf), &a->envelope, 1);
}


/* ---- in the clear ---- */

/* Nodes may have been waiting for the blob, or for this agent to send it, which makes
   references of his nodes effective: what was answered for them is no longer so.
   Costs nothing without nodes. */
static elo_err_t
look_for_referrers(elo_accept_t *a, elo_kv_tx_t *tx)
{
    if (elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_NODES) <= 0) {
        return ELO_OK;
    }
    return elo_node_refers(tx, a->plain, &a->has_referrers);
}


/* The bytes that came take the place of those that are damaged. Reach and time of
   the row stay: keys of tasks are made of them. */
static elo_err_t
heal(elo_accept_t *a, elo_kv_tx_t *tx, elo_rec_blob_t *rec)
{
    elo_slice_t key = elo_digest_slice(a->plain);
    uint64_t old = rec->file;
    elo_err_t rc;

    if ((rc = elo_task_forget(tx, a->plain, rec->reach, rec->created_us))
            != ELO_OK
        || (rc = elo_kv_tx_del(tx, ELO_T_BAD, key)) != ELO_OK
        || (rc = elo_kv_tx_del(tx, ELO_T_TREE, key)) != ELO_OK
        || (rc = elo_file_kill_tx(tx, ELO_FILE_BLOB, old)) != ELO_OK)
    {
        return rc;
    }
    rec->size = a->size;
    if ((rc = stored_put(a, tx, rec)) != ELO_OK
        || (rc = elo_task_join(a->s, tx, ELO_TASK_REPLICATE, a->plain,
                               rec->reach, rec->created_us, true, &a->mark))
               != ELO_OK)
    {
        return rc;
    }
    a->dead = old;
    return look_for_referrers(a, tx);
}


/* What takes the place of a sealed copy adds nothing. */
static elo_err_t
quota_check(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent)
{
    return a->opt->is_widening
               ? ELO_OK
               : elo_quota_check_tx(a->s, tx, &a->opt->agent, agent,
                                    elo_put_more(a->opt, a->size));
}


static elo_err_t
known_clear(elo_accept_t *a, elo_kv_tx_t *tx, elo_rec_blob_t *rec,
            uint32_t agent)
{
    elo_rows_t r = { .tx = tx };
    bool is_bad;
    elo_err_t rc;

    if ((rc = elo_own_has(&r, a->plain, rec, agent, &a->existed)) != ELO_OK
        || (rc = elo_blob_is_bad(a->s, &r, a->plain, &is_bad)) != ELO_OK)
    {
        return rc;
    }
    if (!a->existed) {
        if ((rc = quota_check(a, tx, agent)) != ELO_OK
            || (rc = elo_own_add_tx(tx, a->plain, rec, agent)) != ELO_OK
            || (rc = look_for_referrers(a, tx)) != ELO_OK)
        {
            return rc;
        }
    }
    if (is_bad || (rec->file != 0 && rec->file == a->broken_file)) {
        if ((rc = heal(a, tx, rec)) != ELO_OK) {
            return rc;
        }
    }
    return elo_orphan_del(tx, a->plain, agent); /* somebody wants it */
}


/* What is answered about the row is what this agent asked for: nothing of another's
   who sent the same bytes before. */
static void
stat_own(elo_accept_t *a, bool is_first)
{
    elo_slice_t type = a->opt->content_type;

    a->stat->reach = a->opt->reach;
    if (!is_first) {
        a->stat->created_at = elo_clock_unix_s();
    }
    if (type.len > 0) {
        memcpy(a->stat->content_type, type.p, type.len);
    }
    a->stat->content_type[type.len] = '\0';
}


static elo_err_t
accept_clear(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent)
{
    elo_rows_t r = { .tx = tx };
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_err_t rc = elo_blob_row(&r, a->plain, &e, &rec);
    bool is_first = rc == ELO_ENOTFOUND;

    if (rc == ELO_OK) {
        rc = known_clear(a, tx, &rec, agent);
    } else if (rc == ELO_ENOTFOUND && (rc = quota_check(a, tx, agent)) == ELO_OK
               && (rc = stored_first(a, tx, agent, elo_clock_unix_us()))
                      == ELO_OK)
    {
        rc = look_for_referrers(a, tx);
    }
    if (rc != ELO_OK || (rc = elo_blob_row(&r, a->plain, &e, &rec)) != ELO_OK) {
        return rc;
    }
    elo_stat_clear(a->plain, &rec, &e, a->stat);
    if (!a->existed) {
        stat_own(a, is_first);
    }
    return ELO_OK;
}


/* ---- sealed ---- */

/* This agent has sent the same bytes in the clear already: a sealed copy would hide
   nothing. */
static elo_err_t
sent_in_clear(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent)
{
    elo_rows_t r = { .tx = tx };
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    bool is_bad;
    elo_err_t rc = elo_blob_row(&r, a->plain, &e, &rec);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    if ((rc = elo_own_has(&r, a->plain, &rec, agent, &a->existed)) != ELO_OK
        || (rc = elo_blob_is_bad(a->s, &r, a->plain, &is_bad)) != ELO_OK)
    {
        return rc;
    }
    a->existed = a->existed && !is_bad;
    if (a->existed) {
        elo_stat_clear(a->plain, &rec, &e, a->stat);
    }
    return ELO_OK;
}


/* May the same agents open it as are asked for here? An envelope that isn't written
   yet, or can't be read, says no: at worst something is written that was there. */
static bool
is_same_readers(elo_accept_t *a, const elo_rec_sealed_t *rec,
                const elo_kv_entry_t *row)
{
    const elo_put_opt_t *opt = a->opt;
    uint8_t *old;
    bool is_same;

    if (rec->reach != opt->reach) {
        return false;
    }
    if (opt->reach != ELO_REACH_INVITED) {
        return true; /* keys that have changed are for backend/care */
    }
    if (row->data_len != a->envelope.len
        || (old = malloc(row->data_len)) == NULL) {
        return false;
    }
    /* some hundred bytes: no longer a wait than for a page of the index */
    is_same =
        elo_kv_read(a->s->kv, row->segment, row->data_off, old, row->data_len)
            == ELO_OK
        && elo_envelope_is_current(a->s->keyring, elo_slice(old, row->data_len),
                                   opt->reach, &opt->agent, opt->invited,
                                   opt->n_invited);
    free(old);
    return is_same;
}


/* A sealed row is there: fine, or (a->existed false) its object is gone or bad, or
   is for other readers, and what was left of that is taken away: the bytes that
   came take its place, with a key that nobody else has. */
static elo_err_t
known_sealed(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent,
             const elo_rec_sealed_t *rec, const elo_kv_entry_t *row)
{
    bool is_same = is_same_readers(a, rec, row);
    elo_rows_t r = { .tx = tx };
    elo_rec_blob_t obj;
    elo_kv_entry_t e;
    bool is_bad = false;
    elo_err_t rc = elo_blob_row(&r, &rec->object, &e, &obj);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    rc = elo_blob_is_bad(a->s, &r, &rec->object, &is_bad);
    if (rc != ELO_OK) {
        return rc;
    }
    if (!is_bad && (obj.file == 0 || obj.file != a->broken_file)) {
        if (!is_same) {
            return elo_sealed_del_tx(tx, a->blind, agent, &a->dead);
        }
        a->existed = true;
        elo_stat_sealed(a->plain, rec, &obj, &e, a->stat);
        return ELO_OK;
    }
    return elo_stored_del_tx(tx, &rec->object, &obj, &a->dead);
}


static elo_err_t
accept_sealed(elo_accept_t *a, elo_kv_tx_t *tx, uint32_t agent)
{
    elo_rows_t r = { .tx = tx };
    uint64_t now_us = elo_clock_unix_us();
    elo_rec_sealed_t rec;
    elo_rec_blob_t obj;
    elo_kv_entry_t e;
    bool is_again;
    uint32_t no;
    elo_err_t rc;

    if ((rc = sent_in_clear(a, tx, agent)) != ELO_OK || a->existed) {
        return rc != ELO_OK ? rc : elo_orphan_del(tx, a->plain, agent);
    }
    rc = elo_sealed_row(&r, a->blind, agent, &no, &e, &rec);
    is_again = rc == ELO_OK;
    if (is_again
        && ((rc = known_sealed(a, tx, agent, &rec, &e)) != ELO_OK
            || a->existed))
    {
        return rc != ELO_OK ? rc : elo_orphan_del(tx, a->plain, agent);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    if (!is_again
        && (rc = elo_quota_check_tx(a->s, tx, &a->opt->agent, agent,
                                    elo_put_more(a->opt, a->size)))
               != ELO_OK)
    {
        return rc;
    }
    a->existed = is_again;
    if ((rc = stored_first(a, tx, agent, now_us)) != ELO_OK
        || (rc = sealed_put(a, tx, agent, now_us)) != ELO_OK
        || (rc = look_for_referrers(a, tx)) != ELO_OK
        || (a->has_referrers && (rc = elo_wide_note_tx(tx, a->plain)) != ELO_OK)
        || (rc = elo_orphan_del(tx, a->plain, agent)) != ELO_OK
        || (rc = elo_sealed_row(&r, a->blind, agent, &no, &e, &rec)) != ELO_OK
        || (rc = elo_blob_row(&r, a->object, &e, &obj)) != ELO_OK)
    {
        return rc;
    }
    elo_stat_sealed(a->plain, &rec, &obj, &e, a->stat);
    return ELO_OK;
}


elo_err_t
elo_accept_tx(elo_accept_t *a, elo_kv_tx_t *tx)
{
    uint32_t agent;
    elo_err_t rc;

    a->existed = a->has_referrers = a->mark.is_added = false;
    a->dead = 0;
    if ((rc = elo_agent_intern_tx(tx, &a->opt->agent, &agent)) != ELO_OK) {
        return rc;
    }
    return a->object != NULL ? accept_sealed(a, tx, agent)
                             : accept_clear(a, tx, agent);
}


static bool
bump(void *ctx, elo_slice_t id)
{
    elo_gen_bump(ctx, elo_gen_slot(id));
    return true;
}


void
elo_accepted(elo_store_t *s, const elo_digest_t *plain, bool has_referrers,
             const elo_task_mark_t *mark)
{
    elo_gen_bump(s->gen, elo_gen_slot(elo_digest_slice(plain)));
    if (has_referrers && elo_store_referrers(s, plain, bump, s->gen) != ELO_OK)
    {
        /* Nobody knows whose: rather ask once too often. */
        for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
            elo_gen_bump(s->gen, i);
        }
    }
    elo_task_joined(s, mark);
}
