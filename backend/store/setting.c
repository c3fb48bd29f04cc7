/* SPDX-License-Identifier: BSD-2-Clause */
/* setting: rows of table SETTING: name -> 0x01, value. */
#include "backend/store/setting.h"

#include <assert.h>

#include "backend/store/store_internal.h"

#define VERSION 1u

typedef struct {
    elo_kv_op_t op; /* first */
    elo_slice_t key, row;
} put_t;


elo_err_t
elo_setting_parse(elo_slice_t row, elo_slice_t *value)
{
    if (row.len < 1 || row.p[0] != VERSION || row.len - 1 > ELO_SETTING_MAX) {
        return ELO_ECORRUPT;
    }
    *value = elo_slice(row.p + 1, row.len - 1);
    return ELO_OK;
}


elo_err_t
elo_store_setting_get(elo_store_t *s, const char *name, elo_buf_t *out)
{
    elo_kv_entry_t e;
    elo_slice_t value;
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_get(&v, ELO_T_SETTING, elo_slice_str(name), &e);
    if (rc == ELO_OK) {
        rc = elo_setting_parse(e.value, &value);
    }
    if (rc == ELO_OK) {
        elo_buf_put_slice(out, value);
        rc = elo_buf_err(out);
    }
    elo_kv_view_end(&v);
    return rc;
}


static elo_err_t
run_put(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    put_t *p = (put_t *) op;

    return elo_kv_tx_put(tx, ELO_T_SETTING, p->key, p->row, NULL, 0);
}


elo_err_t
elo_store_setting_put(elo_store_t *s, const char *name, elo_slice_t value)
{
    uint8_t row[1 + ELO_SETTING_MAX] = { VERSION };
    put_t p = { .op.run = run_put,
                .key = elo_slice_str(name),
                .row = elo_slice(row, 1 + value.len) };

    assert(s->magic == ELO_STORE_MAGIC);
    assert(p.key.len > 0 && p.key.len <= ELO_SETTING_NAME_MAX);
    if (value.len > ELO_SETTING_MAX) {
        return ELO_ETOOBIG;
    }
    if (value.len > 0) {
        memcpy(row + 1, value.p, value.len);
    }
    return elo_store_exec(s, &p.op);
}
