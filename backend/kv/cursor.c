/* SPDX-License-Identifier: BSD-2-Clause */
/* cursor: three layers read as one: the active table, the sealed one, the index.
   Of the rows of a key that of the uppermost layer counts. */
#include <assert.h>
#include <stdlib.h>

#include "backend/kv/kv_internal.h"

#define LAYERS 3
#define INDEX  2 /* the lowest layer */

/* A layer's next row. */
typedef enum {
    HEAD_UNKNOWN,
    HEAD_ROW,
    HEAD_DAMAGED, /* row.key is known, the rest isn't */
    HEAD_END
} head_t;

struct elo_kv_cursor_s {
    const elo_kv_view_t *view;
    elo_kv_tx_t *tx; /* NULL in a view */
    uint64_t seq;
    uint32_t count; /* entries of the active table when mem[0] was placed */
    elo_memtable_iter_t mem[2];
    elo_index_cursor_t index;
    head_t heads[LAYERS];
    elo_kv_row_t rows[LAYERS];
    elo_slice_t last; /* key that was given last; borrowed from its layer */
    elo_slice_t from; /* in mem_from */
    uint8_t table;
    uint8_t mem_from[ELO_KV_KEY_MAX];
};


static int
slice_cmp(elo_slice_t a, elo_slice_t b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int rc = len == 0 ? 0 : memcmp(a.p, b.p, len);

    return rc != 0 ? rc : (a.len > b.len) - (a.len < b.len);
}


/* All layers stand before from; that of the index is told apart. */
static void
place(elo_kv_cursor_t *c, elo_slice_t from)
{
    const elo_kv_view_t *view = c->view;

    if (from.len != 0) {
        memmove(c->mem_from, from.p, from.len);
    }
    c->from = elo_slice(c->mem_from, from.len);
    c->last = elo_slice(NULL, 0);
    c->count = elo_memtable_count(view->_mem[0]);
    for (int i = 0; i < INDEX; i++) {
        if (view->_mem[i] != NULL) {
            elo_memtable_seek(view->_mem[i], c->seq, c->table, c->from,
                              &c->mem[i]);
            c->heads[i] = HEAD_UNKNOWN;
        } else {
            c->heads[i] = HEAD_END;
        }
    }
    c->heads[INDEX] = HEAD_UNKNOWN;
}


static elo_err_t
cursor_open(const elo_kv_view_t *view, elo_kv_tx_t *tx, uint8_t table,
            elo_slice_t from, elo_kv_cursor_t **out)
{
    elo_kv_cursor_t *c;
    elo_err_t rc;

    assert(elo_kv_is_table(view->_kv, table));
    if (from.len > ELO_KV_KEY_MAX) {
        return ELO_EINVAL;
    }
    if ((c = malloc(sizeof(*c))) == NULL) {
        return ELO_ENOMEM;
    }
    *c = (elo_kv_cursor_t){ .view = view, .tx = tx, .table = table };
    c->seq = tx != NULL ? tx->seq : view->_seq;
    place(c, from);
    if ((rc = elo_index_seek(view->_txn, table, c->from, &c->index)) != ELO_OK)
    {
        free(c);
        return rc;
    }
    *out = c;
    return ELO_OK;
}


elo_err_t
elo_kv_cursor_seek(elo_kv_cursor_t *c, elo_slice_t from)
{
    if (from.len > ELO_KV_KEY_MAX) {
        return ELO_EINVAL;
    }
    place(c, from);
    elo_index_reseek(&c->index, c->from);
    return ELO_OK;
}


elo_err_t
elo_kv_cursor_open(elo_kv_view_t *v, uint8_t table, elo_slice_t from,
                   elo_kv_cursor_t **out)
{
    return cursor_open(v, NULL, table, from, out);
}


elo_err_t
elo_kv_tx_cursor_open(elo_kv_tx_t *tx, uint8_t table, elo_slice_t from,
                      elo_kv_cursor_t **out)
{
    return cursor_open(&tx->base, tx, table, from, out);
}


void
elo_kv_cursor_close(elo_kv_cursor_t **c)
{
    if (*c != NULL) {
        elo_index_cursor_end(&(*c)->index);
        free(*c);
        *c = NULL;
    }
}


/* The operation has written since: what the active table would have given next
   may be something else now. */
static void
catch_up(elo_kv_cursor_t *c)
{
    elo_memtable_t *m = c->view->_mem[0];
    uint32_t count = elo_memtable_count(m);

    if (c->tx == NULL || count == c->count) {
        return;
    }
    c->count = count;
    elo_memtable_seek(m, c->seq, c->table, c->last.len != 0 ? c->last : c->from,
                      &c->mem[0]);
    c->heads[0] = HEAD_UNKNOWN;
}


static elo_err_t
head_look(elo_kv_cursor_t *c, int i)
{
    elo_err_t rc;

    if (i < INDEX) {
        do {
            c->heads[i] = elo_memtable_next(&c->mem[i], &c->rows[i]) ? HEAD_ROW
                                                                     : HEAD_END;
        } while (c->heads[i] == HEAD_ROW && c->last.len != 0
                 && slice_cmp(c->rows[i].key, c->last) <= 0);
        return ELO_OK;
    }
    rc = elo_index_next(&c->index, &c->rows[i]);
    if (rc == ELO_OK) {
        c->heads[i] = HEAD_ROW;
    } else if (rc == ELO_ENOTFOUND) {
        c->heads[i] = HEAD_END;
    } else if (rc == ELO_ECORRUPT && c->rows[i].key.len != 0) {
        c->heads[i] = HEAD_DAMAGED; /* unless a layer above has the key */
    } else {
        return rc;
    }
    return ELO_OK;
}


/* The layer that has the next key, and all layers past it; -1 at the end. */
static elo_err_t
step(elo_kv_cursor_t *c, int *layer, head_t *head)
{
    bool is_equal[LAYERS];
    int best = -1, rc;
    elo_err_t err;

    for (int i = 0; i < LAYERS; i++) {
        if (c->heads[i] == HEAD_UNKNOWN && (err = head_look(c, i)) != ELO_OK) {
            return err;
        }
        is_equal[i] = false;
        if (c->heads[i] == HEAD_END) {
            continue;
        }
        rc = best == -1 ? -1 : slice_cmp(c->rows[i].key, c->rows[best].key);
        is_equal[i] = rc <= 0;
        if (rc < 0) {
            best = i;
            memset(is_equal, 0, (size_t) i * sizeof(is_equal[0]));
        }
    }
    *layer = best;
    if (best != -1) {
        *head = c->heads[best];
        c->last = c->rows[best].key;
    }
    for (int i = 0; i < LAYERS; i++) {
        if (is_equal[i]) {
            c->heads[i] = HEAD_UNKNOWN;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_kv_cursor_next(elo_kv_cursor_t *c, elo_slice_t *key, elo_kv_entry_t *out)
{
    const elo_kv_row_t *row;
    head_t head = HEAD_END;
    elo_err_t rc;
    int layer;

    for (;;) {
        catch_up(c);
        if ((rc = step(c, &layer, &head)) != ELO_OK) {
            return rc;
        }
        if (layer == -1) {
            return ELO_ENOTFOUND;
        }
        row = &c->rows[layer];
        if (head == HEAD_DAMAGED) {
            *key = row->key;
            return ELO_ECORRUPT;
        }
        if (!row->is_deleted) {
            break;
        }
    }
    *key = row->key;
    *out = elo_row_entry(row);
    return ELO_OK;
}
