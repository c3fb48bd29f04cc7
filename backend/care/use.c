/* SPDX-License-Identifier: BSD-2-Clause */
/* use: see the header. */
#include "backend/care/use.h"

#include <stdlib.h>
#include <string.h>

#include "backend/os/clock.h"
#include "backend/os/mutex.h"
#include "backend/store/tables.h"
#include "common/base/rd.h"

#define SLOTS     4096u /* 128 KiB; one an hour or so is plenty */
#define DAY_S     86400
#define DAY_LEN   4u
#define SAVE_MOST 256u /* rows of one operation */

struct elo_care_use_s {
    elo_mutex_t mtx; /* of all that follows */
    bool is_used[SLOTS];
    elo_digest_t slot[SLOTS];
};

typedef struct {
    elo_kv_op_t op; /* first */
    const elo_digest_t *list;
    uint32_t n;
    uint32_t day;
} save_t;


elo_err_t
elo_care_use_create(elo_care_use_t **out)
{
    elo_care_use_t *u = calloc(1, sizeof(*u));
    elo_err_t rc;

    if (u == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&u->mtx)) != ELO_OK) {
        free(u);
        return rc;
    }
    *out = u;
    return ELO_OK;
}


void
elo_care_use_free(elo_care_use_t **up)
{
    elo_care_use_t *u = *up;

    if (u != NULL) {
        *up = NULL;
        elo_mutex_dispose(&u->mtx);
        free(u);
    }
}


void
elo_care_use_touch(elo_care_use_t *u, const elo_digest_t *stored)
{
    uint32_t i = (uint32_t) (stored->b[0] << 8 | stored->b[1]) % SLOTS;

    elo_mutex_lock(&u->mtx);
    u->slot[i] = *stored;
    u->is_used[i] = true;
    elo_mutex_unlock(&u->mtx);
}


elo_err_t
elo_care_use_day(elo_kv_view_t *v, const elo_digest_t *stored, uint32_t *day)
{
    elo_kv_entry_t e;
    elo_err_t rc =
        elo_kv_get(v, ELO_T_USE, elo_slice(stored->b, ELO_SHA256_LEN), &e);

    *day = 0;
    if (rc == ELO_OK
        && elo_rd_be32(e.value.p, e.value.p + e.value.len, day) == NULL)
    {
        rc = ELO_ECORRUPT;
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
save_one(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t day)
{
    elo_slice_t key = elo_slice(d->b, ELO_SHA256_LEN);
    uint8_t value[DAY_LEN] = { (uint8_t) (day >> 24), (uint8_t) (day >> 16),
                               (uint8_t) (day >> 8), (uint8_t) day };
    elo_slice_t want = elo_slice(value, DAY_LEN);
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_BLOB, key, &e);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc; /* gone meanwhile */
    }
    rc = elo_kv_tx_get(tx, ELO_T_USE, key, &e);
    if (rc == ELO_OK && elo_slice_eq(e.value, want)) {
        return ELO_OK;
    }
    return rc != ELO_OK && rc != ELO_ENOTFOUND
               ? rc
               : elo_kv_tx_put(tx, ELO_T_USE, key, want, NULL, 0);
}


static elo_err_t
run_save(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    save_t *w = (save_t *) op;
    elo_err_t rc = ELO_OK;

    for (uint32_t i = 0; i < w->n && rc == ELO_OK; i++) {
        rc = save_one(tx, &w->list[i], w->day);
    }
    return rc;
}


/* Takes up to SAVE_MOST from slot *at on. */
static uint32_t
take(elo_care_use_t *u, uint32_t *at, elo_digest_t *out)
{
    uint32_t n = 0;

    elo_mutex_lock(&u->mtx);
    for (; *at < SLOTS && n < SAVE_MOST; (*at)++) {
        if (u->is_used[*at]) {
            u->is_used[*at] = false;
            out[n++] = u->slot[*at];
        }
    }
    elo_mutex_unlock(&u->mtx);
    return n;
}


elo_err_t
elo_care_use_save(elo_care_use_t *u, elo_store_t *s)
{
    elo_digest_t list[SAVE_MOST];
    save_t w = { .op = { .run = run_save },
                 .list = list,
                 .day = (uint32_t) (elo_clock_unix_s() / DAY_S) };
    uint32_t at = 0;
    elo_err_t rc = ELO_OK;

    while (rc == ELO_OK && (w.n = take(u, &at, list)) != 0) {
        rc = elo_kv_exec(elo_store_kv(s), &w.op);
    }
    return rc;
}
