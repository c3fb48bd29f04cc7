/* SPDX-License-Identifier: BSD-2-Clause */
/* store_dir: a store in a temporary directory, and small verbs over it. For tests
   of backend/store and what stands on it. */
#ifndef ELO_T_UNIT_STORE_DIR_H
#define ELO_T_UNIT_STORE_DIR_H

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

#include "backend/os/thread.h"
#include "backend/store/node.h"
#include "backend/store/put.h"
#include "backend/store/store_internal.h"
#include "common/base/crypto.h"

#define DIR_INLINE (16u << 10) /* blobs in the log up to this size */

typedef struct {
    char root[128];
    elo_store_cfg_t cfg;
    elo_keyring_t *keyring;
    elo_store_t *s;
} dir_t;


static inline int
rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}


static inline void
dir_make_root(dir_t *d)
{
    const char *base = getenv("TMPDIR");

    if (base == NULL) {
        /* what is tested here is order and outcome, not the disk */
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    memset(d, 0, sizeof(*d));
    snprintf(d->root, sizeof(d->root), "%s/elo-store-XXXXXX", base);
    assert_non_null(mkdtemp(d->root));
    d->cfg = (elo_store_cfg_t){ .root = d->root,
                                .map_bytes = 32u << 20,
                                .inline_bytes = DIR_INLINE,
                                .segment_bytes = 1u << 20,
                                .memtable_bytes = 256u << 10,
                                .tail_bytes = 4u << 20,
                                .grace_s = 60,
                                .group = -1 };
}


static inline const char *
dir_path(const dir_t *d, const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", d->root, name);
    return path;
}


/* From now on the store has a keyring. */
static inline void
dir_keyring(dir_t *d)
{
    elo_keyring_cfg_t k = { .path = dir_path(d, "keyring"),
                            .may_create = true };

    assert_int_equal(elo_keys_init(), ELO_OK);
    assert_int_equal(elo_keyring_open(&k, &d->keyring), ELO_OK);
    d->cfg.keyring = d->keyring;
}


static inline void
dir_open(dir_t *d)
{
    assert_int_equal(elo_store_open(&d->cfg, &d->s, NULL), ELO_OK);
}


static inline void
dir_reopen(dir_t *d)
{
    elo_store_close(&d->s);
    dir_open(d);
}


/* Opens the store with another node's keyring, in which nobody is known. */
static inline void
dir_become_stranger(dir_t *d)
{
    elo_keyring_cfg_t k = { .may_create = true };

    elo_store_close(&d->s);
    elo_keyring_close(&d->keyring);
    k.path = dir_path(d, "stranger");
    assert_int_equal(elo_keyring_open(&k, &d->keyring), ELO_OK);
    d->cfg.keyring = d->keyring;
    dir_open(d);
}


static inline void
dir_end(dir_t *d)
{
    elo_store_close(&d->s);
    if (d->keyring != NULL) {
        elo_keyring_close(&d->keyring);
    }
    nftw(d->root, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


static inline int
dir_setup(void **state)
{
    dir_t *d = malloc(sizeof(*d));

    dir_make_root(d);
    dir_open(d);
    *state = d;
    return 0;
}


/* With a keyring. */
static inline int
dir_setup_keys(void **state)
{
    dir_t *d = malloc(sizeof(*d));

    dir_make_root(d);
    dir_keyring(d);
    dir_open(d);
    *state = d;
    return 0;
}


static inline int
dir_teardown(void **state)
{
    dir_end(*state);
    free(*state);
    return 0;
}


static size_t n_files; /* nftw passes no context */


static inline int
count_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) path;
    (void) st;
    (void) ftw;
    n_files += type == FTW_F || type == FTW_SL;
    return 0;
}


/* Regular files below a directory of the root. */
static inline size_t
dir_count(const dir_t *d, const char *name)
{
    n_files = 0;
    nftw(dir_path(d, name), count_one, 16, FTW_PHYS);
    return n_files;
}


static inline elo_digest_t
digest_of(elo_slice_t s)
{
    elo_digest_t d;

    assert_int_equal(elo_sha256(s, &d), ELO_OK);
    return d;
}


/* The n-th agent, a real key; 0: the operator. */
static inline elo_agent_t
agent_of(uint8_t n)
{
    uint8_t seed[ELO_SEED_LEN] = { n };
    elo_agent_t a = { { 0 } };

    if (n != 0) {
        assert_int_equal(elo_keys_init(), ELO_OK);
        elo_agent_of_seed(seed, &a);
    }
    return a;
}


static inline elo_put_opt_t
opt_of(elo_reach_t reach, uint8_t agent)
{
    return (elo_put_opt_t){ .reach = reach,
                            .agent = agent_of(agent),
                            .content_type = ELO_SLICE("text/plain") };
}


/* One put from begin to end, in pieces of `piece` bytes (0: one); *st and *existed
   may be NULL. */
static inline elo_err_t
put_opt(elo_store_t *s, const elo_put_opt_t *opt, elo_slice_t bytes,
        size_t piece, elo_blob_stat_t *st, bool *existed)
{
    elo_blob_stat_t st0;
    elo_put_t *p;
    bool ex;
    elo_err_t rc;

    if ((rc = elo_put_begin(s, opt, &p)) != ELO_OK) {
        return rc;
    }
    piece = piece == 0 ? bytes.len : piece;
    while (bytes.len > 0) {
        size_t n = bytes.len < piece ? bytes.len : piece;

        if ((rc = elo_put_write(p, elo_slice(bytes.p, n))) != ELO_OK) {
            elo_put_abort(&p);
            assert_null(p);
            return rc;
        }
        bytes = elo_slice(bytes.p + n, bytes.len - n);
    }
    rc = elo_put_commit(&p, st != NULL ? st : &st0,
                        existed != NULL ? existed : &ex);
    assert_null(p);
    return rc;
}


/* In the clear, the operator's. */
static inline elo_err_t
put_bytes(elo_store_t *s, elo_slice_t bytes, elo_blob_stat_t *st, bool *existed)
{
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);

    opt.size_hint = bytes.len;
    return put_opt(s, &opt, bytes, 0, st, existed);
}


/* ---- small puts ---- */

typedef struct {
    elo_small_t small; /* first */
    elo_mutex_t mtx;
    elo_cond_t cond;
    bool is_done;
    elo_err_t err;
} small_t;


static inline void
small_done_cb(elo_small_t *p, elo_err_t err)
{
    small_t *s = (small_t *) p;

    elo_mutex_lock(&s->mtx);
    assert_false(s->is_done);
    s->is_done = true;
    s->err = err;
    elo_cond_signal(&s->cond);
    elo_mutex_unlock(&s->mtx);
}


static inline void
small_start(elo_store_t *s, small_t *p, const elo_put_opt_t *opt,
            elo_slice_t bytes)
{
    memset(p, 0, sizeof(*p));
    assert_int_equal(elo_mutex_init(&p->mtx), ELO_OK);
    assert_int_equal(elo_cond_init(&p->cond), ELO_OK);
    p->small.opt = *opt;
    p->small.bytes = bytes;
    p->small.done = small_done_cb;
    elo_store_put_small(s, &p->small);
}


static inline elo_err_t
small_wait(small_t *p)
{
    elo_mutex_lock(&p->mtx);
    while (!p->is_done) {
        elo_cond_wait(&p->cond, &p->mtx);
    }
    elo_mutex_unlock(&p->mtx);
    elo_cond_dispose(&p->cond);
    elo_mutex_dispose(&p->mtx);
    return p->err;
}


static inline elo_err_t
small_put(elo_store_t *s, const elo_put_opt_t *opt, elo_slice_t bytes,
          elo_blob_stat_t *st, bool *existed)
{
    small_t p;
    elo_err_t rc;

    small_start(s, &p, opt, bytes);
    if ((rc = small_wait(&p)) == ELO_OK) {
        if (st != NULL) {
            *st = p.small.stat;
        }
        if (existed != NULL) {
            *existed = p.small.existed;
        }
    }
    return rc;
}


/* True when the blob reads back whole and under its name. */
static inline bool
reads_back_as(elo_store_t *s, elo_slice_t bytes, const elo_agent_t *agent)
{
    elo_digest_t d = digest_of(bytes);
    elo_blob_stat_t st;
    elo_blob_t *b;
    uint8_t *got;
    bool same;

    if (elo_store_stat(s, &d, agent, &st) != ELO_OK || st.size != bytes.len
        || elo_blob_open(s, &st, &b) != ELO_OK)
    {
        return false;
    }
    got = malloc(bytes.len + 1);
    same = elo_blob_read(b, 0, got, bytes.len) == ELO_OK
           && memcmp(got, bytes.p, bytes.len) == 0;
    free(got);
    elo_blob_close(&b);
    return same;
}


static inline bool
reads_back(elo_store_t *s, elo_slice_t bytes)
{
    return reads_back_as(s, bytes, NULL);
}


/* Deterministic bytes; free them. */
static inline elo_slice_t
bytes_of(size_t len, uint32_t seed)
{
    uint8_t *p = malloc(len + 1);
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

    for (size_t i = 0; i < len; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        p[i] = (uint8_t) (x >> 56);
    }
    return elo_slice(p, len);
}


static inline void
bytes_free(elo_slice_t s)
{
    free((void *) (uintptr_t) s.p);
}


static inline void
totals_are(elo_store_t *s, uint64_t blobs, uint64_t bytes)
{
    elo_store_totals_t t;

    elo_store_totals(s, &t);
    assert_int_equal(t.blobs, blobs);
    assert_int_equal(t.bytes, bytes);
}


static inline uint64_t
gen_of(elo_store_t *s, elo_slice_t key)
{
    return elo_gen_load(elo_store_gen(s), elo_gen_slot(key));
}


/* A node of one reference, of the n-th agent; the next version, if he may. Version 1
   of an id that was removed is the one after its tombstone. */
static inline elo_err_t
put_node_of(elo_store_t *s, uint8_t agent, const char *id, uint64_t version,
            elo_reach_t reach, const elo_digest_t *ref, const char *json)
{
    elo_node_t node = { .id = elo_slice_str(id),
                        .version = version,
                        .reach = reach,
                        .life = ELO_NODE_PUBLISHED,
                        .owner = agent_of(agent),
                        .n_refs = ref != NULL,
                        .refs = ref,
                        .json = elo_slice_str(json) };

    elo_node_head_t last;

    if (version == 1 && elo_store_node_last(s, node.id, &last) == ELO_OK
        && (last.flags & ELO_NODE_IS_TOMB) != 0)
    {
        node.version = last.version + 1;
        return elo_store_node_put(s, &node, 0, false);
    }
    return elo_store_node_put(s, &node, version - 1, false);
}


/* The operator's. */
static inline elo_err_t
put_node(elo_store_t *s, const char *id, uint64_t version, elo_reach_t reach,
         const elo_digest_t *ref, const char *json)
{
    return put_node_of(s, 0, id, version, reach, ref, json);
}


/* Rows of a table, as an operation leaves them. */
static inline size_t
rows_of(elo_store_t *s, uint8_t table)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    size_t n = 0;

    assert_int_equal(elo_kv_view_begin(s->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, table, elo_slice("", 0), &c),
                     ELO_OK);
    while (elo_kv_cursor_next(c, &key, &e) == ELO_OK) {
        n++;
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return n;
}

#endif
