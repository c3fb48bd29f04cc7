/* SPDX-License-Identifier: BSD-2-Clause */
/* orphan: blobs whose last reference has gone, in order of the time when they may
   be collected. A second row a digest leads back to the first, so that a blob
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
elo_orphan_add(elo_kv_tx_t *tx, const elo_digest_t *d, int64_t due)
{
    uint8_t key[ELO_ORPHAN_KEY], back[ELO_ORPHAN_BACK];
    elo_slice_t k = elo_orphan_key(due, d, key);
    elo_slice_t b = elo_orphan_back(d, back);
    elo_kv_entry_t e;
    int64_t is;
    elo_err_t rc = due_of(tx, b, &is);

    if (rc == ELO_OK) {
        /* the way back is believed only when it leads somewhere */
        uint8_t old[ELO_ORPHAN_KEY];

        rc = elo_kv_tx_get(tx, ELO_T_ORPHAN, elo_orphan_key(is, d, old), &e);
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


elo_err_t
elo_orphan_is(elo_kv_tx_t *tx, const elo_digest_t *d, int64_t due, bool *out)
{
    uint8_t key[ELO_ORPHAN_KEY];
    elo_kv_entry_t e;
    elo_err_t rc =
        elo_kv_tx_get(tx, ELO_T_ORPHAN, elo_orphan_key(due, d, key), &e);

    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = rc == ELO_OK;
        rc = ELO_OK;
    }
    return rc;
}


elo_err_t
elo_orphan_drop(elo_kv_tx_t *tx, const elo_digest_t *d, int64_t due)
{
    uint8_t key[ELO_ORPHAN_KEY];
    elo_err_t rc = elo_kv_tx_del(tx, ELO_T_ORPHAN, elo_orphan_key(due, d, key));

    return rc != ELO_OK ? rc : elo_orphan_del(tx, d);
}


elo_err_t
elo_orphan_del(elo_kv_tx_t *tx, const elo_digest_t *d)
{
    uint8_t key[ELO_ORPHAN_KEY], back[ELO_ORPHAN_BACK];
    elo_slice_t b = elo_orphan_back(d, back);
    int64_t due;
    elo_err_t rc = due_of(tx, b, &due);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    rc = elo_kv_tx_del(tx, ELO_T_ORPHAN, elo_orphan_key(due, d, key));
    return rc != ELO_OK ? rc : elo_kv_tx_del(tx, ELO_T_ORPHAN, b);
}
