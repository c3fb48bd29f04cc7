/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/resume_table: running hashes that are kept save reading,
   however many uploads go on at once; what belongs to no upload is swept away by
   a start; many threads. */
#include "t/unit/backend/store/upload_dir.h"

#include <pthread.h>

/* Counts what is read of files. */
typedef struct {
    elo_vfs_t v;
    uint64_t bytes; /* atomic */
} count_vfs_t;


static elo_err_t
count_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
            size_t *n)
{
    count_vfs_t *c = (count_vfs_t *) (uintptr_t) v;
    elo_err_t rc = elo_vfs_posix()->pread(elo_vfs_posix(), fd, p, len, off, n);

    if (rc == ELO_OK) {
        __atomic_fetch_add(&c->bytes, *n, __ATOMIC_RELAXED);
    }
    return rc;
}


/* Parts of one upload read nothing again; after a start, each byte once. */
static void
test_running_hash(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;
    count_vfs_t c = { .v = *elo_vfs_posix() };

    c.v.pread = count_pread;
    elo_store_close(&d->s);
    d->cfg.vfs = &c.v;
    dir_open(d);
    for (size_t r = 0; r < ELO_COUNT(reaches); r++) {
        elo_slice_t all = bytes_of(4 * CHUNK, (uint32_t) r);
        elo_upload_stat_t st = up_create(d->s, reaches[r], all.len);
        uint64_t before = c.bytes;

        for (uint64_t k = 1; k <= 8; k++) {
            up_part(d->s, &st, all, all.len * k / 10, CHUNK);
        }
        assert_true(c.bytes - before < 100000);
        dir_reopen(d);
        before = c.bytes;
        up_part(d->s, &st, all, all.len * 9 / 10, CHUNK);
        assert_true(c.bytes - before >= 3 * CHUNK);
        before = c.bytes;
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
        assert_true(c.bytes - before < 100000);
        up_is_final(d, &st, all);
        bytes_free(all);
    }
    elo_store_close(&d->s);
    d->cfg.vfs = NULL;
    dir_open(d);
}


/* More than are kept, in turns. */
static void
test_many(void **state)
{
    enum { N = 3 * ELO_UPLOADS_IDLE };
    dir_t *d = *state;
    elo_upload_stat_t st[N];
    elo_slice_t all[N];

    for (uint32_t i = 0; i < N; i++) {
        all[i] = bytes_of(30000 + i, i);
        st[i] = up_create(d->s, i % 2 ? ELO_REACH_PRIVATE : ELO_REACH_COMMONS,
                          all[i].len);
    }
    for (uint64_t k = 1; k <= 3; k++) {
        for (uint32_t i = 0; i < N; i++) {
            up_part(d->s, &st[i], all[i], all[i].len * k / 4, 10000);
        }
    }
    assert_int_equal(side_totals(d->s).uploads, N);
    for (uint32_t i = N; i-- > 0;) {
        assert_int_equal(up_finish(d->s, &st[i], all[i], NULL), ELO_OK);
        assert_true(reads_back(d->s, all[i]));
        bytes_free(all[i]);
    }
    assert_int_equal(side_totals(d->s).uploads, 0);
}


static void
touch(const dir_t *d, const char *name)
{
    int fd = open(dir_path(d, name), O_CREAT | O_WRONLY, 0600);

    assert_true(fd != -1);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}


static void
test_sweep(void **state)
{
    dir_t *d = *state;
    elo_slice_t all = bytes_of(50000, 4);
    elo_upload_stat_t st = up_create(d->s, ELO_REACH_COMMONS, all.len);
    char name[ELO_STORE_NAME_MAX + 1], old[ELO_STORE_NAME_MAX + 1];
    uint8_t id[ELO_UPLOAD_ID];

    up_part(d->s, &st, all, 20000, 20000);
    assert_int_equal(elo_upload_id_parse(up_id(&st), id), ELO_OK);
    elo_store_close(&d->s);
    elo_upload_file(id, 1, name); /* of a key that never came to be */
    touch(d, name);
    id[0] ^= 1;
    elo_upload_file(id, 0, old); /* of nobody */
    touch(d, old);
    touch(d, "uploads/notes of the operator");
    assert_int_equal(dir_count(d, "uploads"), 4);
    dir_open(d);
    assert_int_equal(dir_count(d, "uploads"), 2);
    assert_int_equal(access(dir_path(d, "uploads/notes of the operator"), F_OK),
                     0);
    assert_int_equal(unlink(dir_path(d, "uploads/notes of the operator")), 0);
    assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
    up_is_final(d, &st, all);
    bytes_free(all);
}


/* A file that is gone or short is damage, said as such; the client may end the
   upload and begin anew. */
static void
test_damage(void **state)
{
    dir_t *d = *state;
    elo_slice_t all = bytes_of(50000, 4);
    elo_upload_stat_t st = up_create(d->s, ELO_REACH_COMMONS, all.len);
    char name[ELO_STORE_NAME_MAX + 1];
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_t *u;

    up_part(d->s, &st, all, 20000, 20000);
    assert_int_equal(elo_upload_id_parse(up_id(&st), id), ELO_OK);
    elo_upload_file(id, 0, name);
    elo_store_close(&d->s);
    assert_int_equal(truncate(dir_path(d, name), 19999), 0);
    dir_open(d);
    assert_int_equal(elo_upload_open(d->s, up_id(&st), &u), ELO_ECORRUPT);
    assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_OK);
    assert_int_equal(dir_count(d, "uploads"), 0);
    bytes_free(all);
}


/* ---- threads ---- */

enum { THREADS = 4, EACH = 6 };

typedef struct {
    elo_store_t *s;
    uint32_t no;
    uint32_t trouble;
    const elo_upload_stat_t *shared;
    uint32_t *n_shared; /* atomic: who holds the shared one */
} worker_t;


static elo_err_t
work_one(worker_t *w, uint32_t i)
{
    elo_slice_t all = bytes_of(40000 + i, w->no * 100 + i);
    elo_put_opt_t opt =
        opt_of(i % 2 ? ELO_REACH_PRIVATE : ELO_REACH_COMMONS, 0);
    elo_upload_stat_t st;
    elo_upload_t *u;
    elo_blob_stat_t blob;
    bool existed;
    elo_err_t rc = elo_upload_create(w->s, &opt, all.len, ELO_SLICE(""), &st);

    for (uint64_t k = 1; rc == ELO_OK && k <= 4; k++) {
        if ((rc = elo_upload_open(w->s, up_id(&st), &u)) != ELO_OK) {
            break;
        }
        rc = up_write(u, all, all.len * k / 4, 9000);
        if (rc == ELO_OK) {
            rc = k < 4 ? elo_upload_sync(u)
                       : elo_upload_finish(u, &blob, &existed);
        }
        elo_upload_close(&u);
    }
    if (rc == ELO_OK && !reads_back(w->s, all)) {
        rc = ELO_ECORRUPT;
    }
    bytes_free(all);
    return rc;
}


/* Only one at a time gets it. */
static void
try_shared(worker_t *w)
{
    elo_upload_t *u;
    elo_err_t rc = elo_upload_open(w->s, up_id(w->shared), &u);

    if (rc == ELO_EBUSY) {
        return;
    }
    if (rc != ELO_OK
        || __atomic_fetch_add(w->n_shared, 1, __ATOMIC_ACQ_REL) != 0
        || elo_upload_write(u, ELO_SLICE("x")) != ELO_OK)
    {
        w->trouble++;
    }
    __atomic_fetch_sub(w->n_shared, 1, __ATOMIC_ACQ_REL);
    if (rc == ELO_OK) {
        elo_upload_close(&u);
    }
}


static void *
work(void *ctx)
{
    worker_t *w = ctx;

    for (uint32_t i = 0; i < EACH; i++) {
        w->trouble += work_one(w, i) != ELO_OK;
        try_shared(w);
    }
    return NULL;
}


static void
test_threads(void **state)
{
    dir_t *d = *state;
    elo_upload_stat_t shared = up_create(d->s, ELO_REACH_COMMONS, NO_LENGTH);
    uint32_t n_shared = 0;
    pthread_t t[THREADS];
    worker_t w[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        w[i] = (worker_t){
            .s = d->s, .no = i, .shared = &shared, .n_shared = &n_shared
        };
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].trouble, 0);
    }
    assert_true(up_offset(d->s, &shared) > 0);
    assert_int_equal(side_totals(d->s).uploads, 1);
    assert_int_equal(dir_count(d, "uploads"), 1);
}


int
main(void)
{
#define TEST(fn)                                                               \
    cmocka_unit_test_setup_teardown(fn, dir_setup_keys, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_running_hash), TEST(test_many),    TEST(test_sweep),
        TEST(test_damage),       TEST(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
