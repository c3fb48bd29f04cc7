/* SPDX-License-Identifier: BSD-2-Clause */
/* orphan: blobs of agents whose last reference to them has gone, in order of the time
   when they may be collected. A second row leads back to the first, so that a blob
   that is referred to again is taken out without a search. */
#include "backend/store/node_internal.h"

#include "common/base/rd.h"


/* Due time of d's row; ELO_ENOTFOUND. */
static elo_err_t
due_of(elo_kv_tx_t *tx, elo_slice_t back, int64_t *due)
{
    elo_kv_entry_t e;
    uint64_t v;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_ORPHAN, back, &e);

    if (rc != ELO_OK) {
        return rc;
    }
    if (e.value.len != 8 || elo_rd_be64(e.value.p, e.value.p + 8, &v) == NULL
        || v > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    *due = (int64_t) v;
    return ELO_OK;
}


elo_err_t
elo_orphan_add(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent,
               int64_t due)
{
    uint8_t key[ELO_ORPHAN_KEY], back[ELO_ORPHAN_BACK];
    elo_slice_t k = elo_orphan_key(due, d, agent, key);
    elo_slice_t b = elo_orphan_back(d, agent, back);
    elo_kv_entry_t e;
    int64_t is;
    elo_err_t rc = due_of(tx, b, &is);

    if (rc == ELO_OK) {
        /* the way back is believed only when it leads somewhere */
        uint8_t old[ELO_ORPHAN_KEY];

        rc = elo_kv_tx_get(tx, ELO_T_ORPHAN, elo_orphan_key(is, d, agent, old),
                           &e);
        if (rc != ELO_ENOTFOUND) {
            return rc;
        }
    } else if (rc != ELO_ENOTFOUND) {
        return rc;
    }
    rc = elo_kv_tx_put(tx, ELO_T_ORPHAN, k, elo_slice(NULL, 0), NULL, 0);
    if (rc != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_ORPHAN, b, elo_slice(key, 8), NULL, 0);
}


/* agent ELO_NO_AGENT: as it was before rows had one. */
static elo_slice_t
key_of(const elo_digest_t *d, uint32_t agent, int64_t due,
       uint8_t mem[ELO_ORPHAN_KEY])
{
    elo_slice_t key = elo_orphan_key(due, d, agent, mem);

    return agent != ELO_NO_AGENT ? key : elo_slice(key.p, key.len - 4);
}


elo_err_t
elo_orphan_is(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent,
              int64_t due, bool *out)
{
    uint8_t key[ELO_ORPHAN_KEY];
    elo_kv_entry_t e;
    elo_err_t rc =
        elo_kv_tx_get(tx, ELO_T_ORPHAN, key_of(d, agent, due, key), &e);

    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = rc == ELO_OK;
        rc = ELO_OK;
    }
    return rc;
}


elo_err_t
elo_orphan_drop(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent,
                int64_t due)
{
    uint8_t mem[ELO_ORPHAN_KEY], back[ELO_ORPHAN_BACK];
    elo_slice_t b = elo_orphan_back(d, agent, back);
    elo_err_t rc = elo_kv_tx_del(tx, ELO_T_ORPHAN, key_of(d, agent, due, mem));

    if (rc != ELO_OK) {
        return rc;
    }
    return agent != ELO_NO_AGENT
               ? elo_orphan_del(tx, d, agent)
               : elo_kv_tx_del(tx, ELO_T_ORPHAN, elo_slice(b.p, b.len - 4));
}


elo_err_t
elo_orphan_del(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent)
{
    uint8_t key[ELO_ORPHAN_KEY], back[ELO_ORPHAN_BACK];
    elo_slice_t b = elo_orphan_back(d, agent, back);
    int64_t due;
    elo_err_t rc = due_of(tx, b, &due);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    rc = elo_kv_tx_del(tx, ELO_T_ORPHAN, elo_orphan_key(due, d, agent, key));
    return rc != ELO_OK ? rc : elo_kv_tx_del(tx, ELO_T_ORPHAN, b);
}


/* The first agent from `from` on who has a row; ELO_ENOTFOUND. */
static elo_err_t
agent_next(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t from, uint32_t *no)
{
    uint8_t back[ELO_ORPHAN_BACK];
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc;

    rc = elo_kv_tx_cursor_open(tx, ELO_T_ORPHAN, elo_orphan_back(d, from, back),
                               &c);
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        rc = elo_orphan_back_parse(key, d, no);
    }
    elo_kv_cursor_close(&c);
    return rc;
}


elo_err_t
elo_orphan_clear(elo_kv_tx_t *tx, const elo_digest_t *d)
{
    uint32_t no = 0;
    elo_err_t rc;

    while ((rc = agent_next(tx, d, no, &no)) == ELO_OK) {
        if ((rc = elo_orphan_del(tx, d, no)) != ELO_OK) {
            return rc;
        }
        no++;
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
