/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_dir: an engine in a temporary directory, with three tables and a derive hook,
   and small verbs over it. For tests of backend/kv only. */
#ifndef ELO_T_UNIT_KV_DIR_C
#define ELO_T_UNIT_KV_DIR_C

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/kv/kv_care.h"

enum {
    T_ONE = 1,   /* value "v…": derives "v… key" in T_BACK, counts in SUM */
    T_BACK = 2,  /* derived from T_ONE */
    T_OTHER = 4, /* nothing is derived from it */
    SUM_KEYS = 1, /* space: keys of T_ONE; id: length of the key */
};

typedef struct {
    char root[128];
    char index[160];
    elo_kv_cfg_t cfg;
    elo_kv_recovery_t found;
    elo_kv_t *kv;
    int fd;
} kvd_t;


static inline int
kvd_rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}


static inline elo_err_t
kvd_back(elo_kv_tx_t *tx, elo_slice_t key, elo_slice_t value, bool is_there)
{
    uint8_t mem[ELO_KV_KEY_MAX];
    elo_slice_t back, none = ELO_SLICE("");

    if (value.len == 0 || value.p[0] != 'v'
        || value.len + key.len > sizeof(mem)) {
        return ELO_OK;
    }
    memcpy(mem, value.p, value.len);
    memcpy(mem + value.len, key.p, key.len);
    back = elo_slice(mem, value.len + key.len);
    return elo_kv_tx_derive(tx, T_BACK, back, is_there ? &none : NULL);
}


static inline elo_err_t
kvd_derive(void *ctx, elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
           const elo_kv_entry_t *was, const elo_kv_entry_t *now, bool moved)
{
    elo_err_t rc = ELO_OK;

    (void) ctx;
    if (table != T_ONE || moved) {
        return ELO_OK;
    }
    if (was != NULL) {
        rc = kvd_back(tx, key, was->value, false);
    }
    if (rc == ELO_OK && now != NULL) {
        rc = kvd_back(tx, key, now->value, true);
    }
    if (rc == ELO_OK && (was == NULL) != (now == NULL)) {
        rc = elo_kv_tx_add(tx, SUM_KEYS, key.len, was == NULL ? 1 : -1);
    }
    return rc;
}


static const char *const kvd_tables[] = { NULL, "one", "back", NULL, "other" };


static inline void
kvd_make(kvd_t *d)
{
    const char *base = getenv("TMPDIR");

    if (base == NULL) {
        /* what is tested here is order and outcome, not the disk */
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    memset(d, 0, sizeof(*d));
    snprintf(d->root, sizeof(d->root), "%s/elo-kv-XXXXXX", base);
    assert_non_null(mkdtemp(d->root));
    snprintf(d->index, sizeof(d->index), "%s/index", d->root);
    assert_int_equal(mkdir(d->index, 0700), 0);
    d->fd = open(d->root, O_RDONLY | O_DIRECTORY);
    assert_true(d->fd >= 0);
    d->cfg = (elo_kv_cfg_t){
        .vfs = elo_vfs_posix(),
        .root_fd = d->fd,
        .index_path = d->index,
        .store_id = 77,
        .map_bytes = 64u << 20,
        .segment_bytes = 1u << 20,
        .memtable_bytes = 1u << 20,
        .tail_bytes = 64u << 20,
        .checkpoint_ms = 3600000, /* only when it's asked for, or full */
        .group = -1,
        .tables = kvd_tables,
        .n_tables = 5,
        .derive = kvd_derive,
    };
}


static inline void
kvd_open(kvd_t *d)
{
    assert_int_equal(elo_kv_open(&d->cfg, &d->kv, &d->found), ELO_OK);
}


static inline void
kvd_reopen(kvd_t *d)
{
    elo_kv_close(&d->kv);
    assert_null(d->kv);
    kvd_open(d);
}


static inline void
kvd_end(kvd_t *d)
{
    elo_kv_close(&d->kv);
    close(d->fd);
    nftw(d->root, kvd_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


static inline int
kvd_setup(void **state)
{
    kvd_t *d = malloc(sizeof(*d));

    kvd_make(d);
    kvd_open(d);
    *state = d;
    return 0;
}


static inline int
kvd_teardown(void **state)
{
    kvd_end(*state);
    free(*state);
    return 0;
}


/* One put or, with value NULL, one deletion. */
typedef struct {
    elo_kv_op_t op;
    uint8_t table;
    elo_slice_t key, value, data;
    bool is_del;
    elo_err_t say; /* what run returns in the end */
    uint64_t lsn;
} kvd_op_t;


static inline elo_err_t
kvd_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    kvd_op_t *o = (kvd_op_t *) op;
    elo_err_t rc;

    o->lsn = elo_kv_tx_lsn(tx);
    rc = o->is_del ? elo_kv_tx_del(tx, o->table, o->key)
                   : elo_kv_tx_put(tx, o->table, o->key, o->value, &o->data,
                                   o->data.len != 0);
    return rc != ELO_OK ? rc : o->say;
}


static inline elo_err_t
kvd_put_data(kvd_t *d, uint8_t table, const char *key, const char *value,
             elo_slice_t data)
{
    kvd_op_t o = { .op.run = kvd_run,
                   .table = table,
                   .key = elo_slice_str(key),
                   .value = elo_slice_str(value),
                   .data = data };

    return elo_kv_exec(d->kv, &o.op);
}


static inline elo_err_t
kvd_put(kvd_t *d, uint8_t table, const char *key, const char *value)
{
    return kvd_put_data(d, table, key, value, elo_slice(NULL, 0));
}


static inline elo_err_t
kvd_del(kvd_t *d, uint8_t table, const char *key)
{
    kvd_op_t o = { .op.run = kvd_run,
                   .table = table,
                   .key = elo_slice_str(key),
                   .is_del = true };

    return elo_kv_exec(d->kv, &o.op);
}


/* want: NULL for nothing. */
static inline void
kvd_check(kvd_t *d, uint8_t table, const char *key, const char *want)
{
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_err_t rc;

    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    rc = elo_kv_get(&v, table, elo_slice_str(key), &e);
    assert_int_equal(rc, want == NULL ? ELO_ENOTFOUND : ELO_OK);
    if (want != NULL && rc == ELO_OK) {
        assert_int_equal(e.value.len, strlen(want));
        assert_memory_equal(e.value.p, want, e.value.len);
    }
    elo_kv_view_end(&v);
}


/* The data of a key, byte for byte. */
static inline void
kvd_check_data(kvd_t *d, uint8_t table, const char *key, elo_slice_t want)
{
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint8_t *got;

    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_get(&v, table, elo_slice_str(key), &e), ELO_OK);
    assert_int_equal(e.data_len, want.len);
    got = malloc(want.len + 1);
    assert_int_equal(elo_kv_read(d->kv, e.segment, e.data_off, got, want.len),
                     ELO_OK);
    assert_memory_equal(got, want.p, want.len);
    free(got);
    elo_kv_view_end(&v);
}


/* All rows of a table as "key=value key=value". */
static inline void
kvd_list(elo_kv_cursor_t *c, char *out, size_t cap)
{
    elo_kv_entry_t e;
    elo_slice_t key;
    size_t len = 0;

    out[0] = '\0';
    while (elo_kv_cursor_next(c, &key, &e) == ELO_OK && len < cap) {
        len += (size_t) snprintf(out + len, cap - len, "%s%.*s=%.*s",
                                 len == 0 ? "" : " ", (int) key.len,
                                 (const char *) key.p, (int) e.value.len,
                                 (const char *) e.value.p);
    }
}


static inline void
kvd_check_rows(kvd_t *d, uint8_t table, const char *from, const char *want)
{
    elo_kv_cursor_t *c;
    elo_kv_view_t v;
    char got[1024];

    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, table, elo_slice_str(from), &c),
                     ELO_OK);
    kvd_list(c, got, sizeof(got));
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    assert_string_equal(got, want);
}


/* What a crash leaves: the files as they are, while the engine is open. */
static inline void
kvd_copy(const kvd_t *d, kvd_t *copy)
{
    char cmd[512];

    kvd_make(copy);
    snprintf(cmd, sizeof(cmd), "cp -r --sparse=always %s/. %s/", d->root,
             copy->root);
    assert_int_equal(system(cmd), 0);
    copy->cfg.segment_bytes = d->cfg.segment_bytes;
    copy->cfg.memtable_bytes = d->cfg.memtable_bytes;
    copy->cfg.map_bytes = d->cfg.map_bytes;
}


/* Takes the index away. */
static inline void
kvd_drop_index(const kvd_t *d)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/data.mdb", d->index);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/lock.mdb", d->index);
    assert_int_equal(unlink(path), 0);
}

#endif
