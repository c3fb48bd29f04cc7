/* SPDX-License-Identifier: BSD-2-Clause */
/* store_dir: a store in a temporary directory, and small verbs over it. For tests
   of backend/store only. */
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

#include "backend/store/store_internal.h"
#include "common/base/crypto.h"

typedef struct {
    char root[128];
    elo_store_cfg_t cfg;
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
                                .group = -1 };
}


static inline void
dir_open(dir_t *d)
{
    assert_int_equal(elo_store_open(&d->cfg, &d->s), ELO_OK);
}


static inline void
dir_reopen(dir_t *d)
{
    elo_store_close(&d->s);
    dir_open(d);
}


static inline void
dir_end(dir_t *d)
{
    elo_store_close(&d->s);
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


static inline int
dir_teardown(void **state)
{
    dir_end(*state);
    free(*state);
    return 0;
}


static inline const char *
dir_path(const dir_t *d, const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", d->root, name);
    return path;
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


/* One put from begin to end; *st and *existed may be NULL. */
static inline elo_err_t
put_bytes(elo_store_t *s, elo_slice_t bytes, elo_blob_stat_t *st, bool *existed)
{
    elo_blob_stat_t st0;
    elo_put_t *p;
    bool ex;
    elo_err_t rc;

    rc = elo_put_begin(s, NULL, bytes.len, ELO_SLICE("text/plain"), &p);
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = elo_put_write(p, bytes)) != ELO_OK) {
        elo_put_abort(&p);
        assert_null(p);
        return rc;
    }
    rc = elo_put_commit(&p, st != NULL ? st : &st0,
                        existed != NULL ? existed : &ex);
    assert_null(p);
    return rc;
}


/* True when the blob reads back whole and under its name. */
static inline bool
reads_back(elo_store_t *s, elo_slice_t bytes)
{
    elo_digest_t d = digest_of(bytes);
    elo_blob_stat_t st;
    uint8_t *got;
    bool same;
    int fd;

    if (elo_store_open_blob(s, &d, &fd, &st) != ELO_OK) {
        return false;
    }
    got = malloc(bytes.len + 1);
    same = st.size == bytes.len
           && pread(fd, got, bytes.len + 1, (off_t) st.offset)
                  == (ssize_t) bytes.len
           && memcmp(got, bytes.p, bytes.len) == 0;
    free(got);
    close(fd);
    return same;
}


static inline void
totals_are(elo_store_t *s, uint64_t blobs, uint64_t bytes)
{
    uint64_t n, len;

    elo_store_totals(s, &n, &len);
    assert_int_equal(n, blobs);
    assert_int_equal(len, bytes);
}


static inline uint64_t
gen_of(elo_store_t *s, elo_slice_t key)
{
    return elo_gen_load(elo_store_gen(s), elo_gen_slot(key));
}


/* A node of one reference. */
static inline elo_err_t
put_node(elo_store_t *s, const char *id, uint64_t version, elo_reach_t reach,
         const elo_digest_t *ref, const char *json)
{
    elo_node_t node = { .id = elo_slice_str(id),
                        .version = version,
                        .reach = reach,
                        .n_refs = ref != NULL,
                        .refs = ref,
                        .json = elo_slice_str(json) };

    return elo_store_node_put(s, &node, version - 1);
}

#endif
