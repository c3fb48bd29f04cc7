/* SPDX-License-Identifier: BSD-2-Clause */
/* rewrap: after a change of the keyring, envelopes are sealed again for the newest
   keys. The key of a blob stays, and so do its bytes. Who may read stays too: the
   owner, the agents that the envelope names, and the cluster where it names that;
   but for keys of this node's own that have been replaced. */
#include <stdlib.h>
#include <string.h>

#include "backend/care/job.h"
#include "backend/keys/envelope.h"
#include "backend/os/log.h"
#include "backend/store/store_internal.h"

#define ENVELOPE_MAX (256u << 10) /* of ELO_WRAPS_MAX agents, with room */

typedef struct {
    uint8_t key[ELO_SEALED_KEY];
    uint8_t value[ELO_SEALED_REC_MAX];
    size_t value_len;
    elo_reach_t reach;
    uint64_t segment, off; /* where its envelope was */
    elo_agent_t owner;
    uint8_t *envelope;
    uint32_t envelope_len;
} row_t;

typedef struct {
    elo_kv_op_t op; /* first */
    const row_t *row;
    elo_slice_t envelope;
} put_t;


/* The row after `after`; ELO_ENOTFOUND at the end. */
static elo_err_t
row_next(elo_care_run_t *r, row_t *row)
{
    elo_kv_t *kv = elo_store_kv(r->cfg->store);
    elo_slice_t from = elo_slice(r->cursor, r->cursor_len), key;
    elo_kv_cursor_t *c = NULL;
    elo_rec_sealed_t rec;
    elo_digest_t blind;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint32_t agent;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_SEALED, from, &c);
    if (rc == ELO_OK) {
        rc = elo_kv_cursor_next(c, &key, &e);
    }
    if (rc == ELO_OK && r->cursor_len != 0 && elo_slice_eq(key, from)) {
        rc = elo_kv_cursor_next(c, &key, &e);
    }
    if (rc == ELO_OK
        && (rc = elo_sealed_key_parse(key, &blind, &agent)) == ELO_OK
        && (rc = elo_rec_sealed_parse(e.value, &rec)) == ELO_OK
        && (rc = elo_agent_of(&v, agent, &row->owner)) == ELO_OK)
    {
        memcpy(row->key, key.p, ELO_SEALED_KEY);
        memcpy(row->value, e.value.p, e.value.len);
        row->value_len = e.value.len;
        row->reach = rec.reach;
        row->segment = e.segment;
        row->off = e.data_off;
        row->envelope_len = e.data_len;
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    if (rc == ELO_OK && row->envelope_len > ENVELOPE_MAX) {
        rc = ELO_ECORRUPT;
    }
    return rc == ELO_OK ? elo_kv_read(kv, row->segment, row->off, row->envelope,
                                      row->envelope_len)
                        : rc;
}


/* Agents that go on being named. invited has room for ELO_WRAPS_MAX. */
static elo_err_t
readers(elo_keyring_t *k, const row_t *row, elo_agent_t *invited, uint32_t *n)
{
    elo_agent_t owner = row->owner;
    elo_envelope_t env;
    elo_slice_t sealed;
    elo_err_t rc =
        elo_envelope_parse(elo_slice(row->envelope, row->envelope_len), &env);

    if (rc != ELO_OK) {
        return rc;
    }
    if (elo_agent_is_zero(&owner)) {
        elo_keyring_owner(k, &owner);
    }
    *n = 0;
    for (uint32_t i = 0; i < env.n_agents && *n < ELO_WRAPS_MAX; i++) {
        elo_agent_t a = elo_envelope_agent(&env, i, &sealed);

        if (!elo_agent_eq(&a, &owner) && !elo_keyring_has(k, &a)) {
            invited[(*n)++] = a;
        }
    }
    return ELO_OK;
}


/* Only if the row is what it was: its blob may have gone or come again. */
static elo_err_t
run_put(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    put_t *p = (put_t *) op;
    elo_slice_t key = elo_slice(p->row->key, ELO_SEALED_KEY);
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_SEALED, key, &e);

    if (rc != ELO_OK || e.segment != p->row->segment
        || e.data_off != p->row->off) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    return elo_kv_tx_put(tx, ELO_T_SEALED, key,
                         elo_slice(p->row->value, p->row->value_len),
                         &p->envelope, 1);
}


static elo_err_t
rewrap_one(elo_care_run_t *r, const row_t *row, elo_agent_t *invited)
{
    elo_slice_t old = elo_slice(row->envelope, row->envelope_len);
    put_t put = { .op = { .run = run_put }, .row = row };
    elo_keyring_t *k = r->cfg->keyring;
    elo_content_key_t ck;
    elo_buf_t fresh;
    elo_err_t rc;
    uint32_t n;

    if ((rc = readers(k, row, invited, &n)) != ELO_OK) {
        return rc;
    }
    if (elo_envelope_is_current(k, old, row->reach, &row->owner, invited, n)) {
        return ELO_OK;
    }
    if ((rc = elo_envelope_open(k, old, &ck)) != ELO_OK) {
        return rc;
    }
    elo_buf_init(&fresh, ENVELOPE_MAX);
    rc = elo_envelope_seal(k, &ck, row->reach, &row->owner, invited, n, &fresh);
    elo_wipe(&ck, sizeof(ck));
    if (rc == ELO_OK) {
        put.envelope = elo_buf_slice(&fresh);
        rc = elo_kv_exec(elo_store_kv(r->cfg->store), &put.op);
        r->items += rc == ELO_OK;
        r->bytes += rc == ELO_OK ? fresh.len : 0;
    }
    elo_buf_dispose(&fresh);
    return rc;
}


static elo_err_t
rewrap_some(elo_care_run_t *r, row_t *row, elo_agent_t *invited, bool *more)
{
    elo_err_t rc = ELO_OK;

    while (rc == ELO_OK && !elo_care_is_over(r)) {
        rc = row_next(r, row);
        if (rc == ELO_ENOTFOUND) {
            *more = false;
            return ELO_OK;
        }
        if (rc != ELO_OK) {
            return rc;
        }
        memcpy(r->cursor, row->key, ELO_SEALED_KEY);
        r->cursor_len = ELO_SEALED_KEY;
        rc = rewrap_one(r, row, invited);
        if (rc == ELO_ENOKEY || rc == ELO_ECORRUPT) {
            r->found += 1; /* the next may be fine */
            rc = ELO_OK;
        }
    }
    *more = true;
    return rc;
}


elo_err_t
elo_care_step_rewrap(elo_care_run_t *r, bool *more)
{
    row_t row = { .envelope = NULL };
    elo_store_totals_t totals;
    elo_agent_t *invited;
    elo_err_t rc;

    *more = false;
    elo_store_totals(r->cfg->store, &totals);
    if (r->cfg->keyring == NULL || totals.sealed == 0) {
        return ELO_OK;
    }
    row.envelope = malloc(ENVELOPE_MAX);
    invited = calloc(ELO_WRAPS_MAX, sizeof(*invited));
    rc = row.envelope == NULL || invited == NULL
             ? ELO_ENOMEM
             : rewrap_some(r, &row, invited, more);
    free(invited);
    free(row.envelope);
    return rc;
}
