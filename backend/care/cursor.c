/* SPDX-License-Identifier: BSD-2-Clause */
/* cursor: rows of table CARE: "at" and the name of the job -> end of its last run
   (8, Unix seconds), cursor. */
#include "backend/care/cursor.h"

#include <stdio.h>
#include <string.h>

#include "backend/store/tables.h"
#include "common/base/rd.h"

#define NAME_MAX 32u
#define TIME_LEN 8u

typedef struct {
    elo_kv_op_t op; /* first */
    elo_slice_t key, value;
} save_t;


static elo_slice_t
row_key(const char *name, char out[NAME_MAX])
{
    int n = snprintf(out, NAME_MAX, "at %s", name);

    return elo_slice(out, (size_t) n);
}


elo_err_t
elo_care_cursor_load(elo_store_t *s, const char *name, int64_t *ended_at,
                     elo_care_run_t *r)
{
    char mem[NAME_MAX];
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint64_t at;
    elo_err_t rc;

    *ended_at = 0;
    r->cursor_len = 0;
    if ((rc = elo_kv_view_begin(elo_store_kv(s), &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_get(&v, ELO_T_CARE, row_key(name, mem), &e);
    if (rc == ELO_OK
        && (elo_rd_be64(e.value.p, e.value.p + e.value.len, &at) == NULL
            || at > INT64_MAX || e.value.len - TIME_LEN > ELO_CARE_CURSOR_MAX))
    {
        rc = ELO_ECORRUPT;
    }
    if (rc == ELO_OK) {
        *ended_at = (int64_t) at;
        r->cursor_len = (uint32_t) (e.value.len - TIME_LEN);
        memcpy(r->cursor, e.value.p + TIME_LEN, r->cursor_len);
    }
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
run_save(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    save_t *w = (save_t *) op;

    return elo_kv_tx_put(tx, ELO_T_CARE, w->key, w->value, NULL, 0);
}


elo_err_t
elo_care_cursor_save(elo_store_t *s, const char *name, int64_t ended_at,
                     const elo_care_run_t *r)
{
    uint8_t value[TIME_LEN + ELO_CARE_CURSOR_MAX];
    char mem[NAME_MAX];
    save_t w = { .op = { .run = run_save },
                 .key = row_key(name, mem),
                 .value = elo_slice(value, TIME_LEN + r->cursor_len) };

    for (uint32_t i = 0; i < TIME_LEN; i++) {
        value[i] = (uint8_t) ((uint64_t) ended_at >> (56 - 8 * i));
    }
    memcpy(value + TIME_LEN, r->cursor, r->cursor_len);
    return elo_kv_exec(elo_store_kv(s), &w.op);
}
