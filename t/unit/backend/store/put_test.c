/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/put: uploads, one and many at a time. */
#include "t/unit/backend/store/store_dir.c"

#include <pthread.h>

#define MIB (1u << 20)


static void
test_put(void **state)
{
    dir_t *d = *state;
    elo_slice_t hello = ELO_SLICE("hello"), empty = ELO_SLICE("");
    elo_digest_t want = digest_of(hello);
    elo_blob_stat_t st;
    struct stat sb;
    bool existed;

    assert_int_equal(put_bytes(d->s, hello, &st, &existed), ELO_OK);
    assert_false(existed);
    assert_memory_equal(st.digest.b, want.b, ELO_SHA256_LEN);
    assert_int_equal(st.size, 5);
    assert_int_equal(st.offset, 0);
    assert_string_equal(st.content_type, "text/plain");
    assert_true(reads_back(d->s, hello));
    assert_int_equal(stat(dir_path(d, st.name), &sb), 0);
    assert_int_equal(sb.st_mode & 07777, ELO_FILE_MODE);
    totals_are(d->s, 1, 5);

    assert_int_equal(put_bytes(d->s, hello, &st, &existed), ELO_OK);
    assert_true(existed);
    assert_int_equal(dir_count(d, "blobs"), 1);
    assert_int_equal(put_bytes(d->s, empty, &st, &existed), ELO_OK);
    assert_true(reads_back(d->s, empty));
    totals_are(d->s, 2, 5);

    dir_reopen(d);
    assert_true(reads_back(d->s, hello));
    assert_true(reads_back(d->s, empty));
    totals_are(d->s, 2, 5);
    assert_int_equal(dir_count(d, "tmp"), 0);
}


static void
test_mismatch_and_abort(void **state)
{
    dir_t *d = *state;
    elo_digest_t want = digest_of(ELO_SLICE("something else"));
    elo_blob_stat_t st;
    elo_put_t *p;
    bool existed;

    assert_int_equal(elo_put_begin(d->s, &want, 0, ELO_SLICE(""), &p), ELO_OK);
    assert_int_equal(elo_put_write(p, ELO_SLICE("hello")), ELO_OK);
    assert_int_equal(elo_put_commit(&p, &st, &existed), ELO_EHASH);
    assert_null(p);
    assert_int_equal(elo_put_begin(d->s, NULL, 0, ELO_SLICE(""), &p), ELO_OK);
    assert_int_equal(elo_put_write(p, ELO_SLICE("hello")), ELO_OK);
    elo_put_abort(&p);
    elo_put_abort(&p);
    assert_int_equal(dir_count(d, "blobs"), 0);
    assert_int_equal(dir_count(d, "tmp"), 0);
    totals_are(d->s, 0, 0);

    want = digest_of(ELO_SLICE("hello"));
    assert_int_equal(elo_put_begin(d->s, &want, 0, ELO_SLICE(""), &p), ELO_OK);
    assert_int_equal(elo_put_write(p, ELO_SLICE("hel")), ELO_OK);
    assert_int_equal(elo_put_write(p, ELO_SLICE("lo")), ELO_OK);
    assert_int_equal(elo_put_commit(&p, &st, &existed), ELO_OK);
}


static void
test_content_type(void **state)
{
    dir_t *d = *state;
    char longest[ELO_MIME_MAX + 2];
    elo_put_t *p;
    static const char *const bad[] = { "text/html\r\nX-Evil: 1", "a\x01",
                                       "\x7f" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            elo_put_begin(d->s, NULL, 0, elo_slice_str(bad[i]), &p),
            ELO_EINVAL);
    }
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(
        elo_put_begin(d->s, NULL, 0, elo_slice(longest, ELO_MIME_MAX + 1), &p),
        ELO_EINVAL);
    assert_int_equal(
        elo_put_begin(d->s, NULL, 0, elo_slice(longest, ELO_MIME_MAX), &p),
        ELO_OK);
    elo_put_abort(&p);
}


/* Long enough for several windows of write-behind and a look at free space. */
static void
test_long(void **state)
{
    dir_t *d = *state;
    uint8_t *mib = malloc(MIB);
    elo_blob_stat_t st;
    elo_put_t *p;
    bool existed;
    struct stat sb;

    for (size_t i = 0; i < MIB; i++) {
        mib[i] = (uint8_t) (i * 31 >> 3);
    }
    assert_int_equal(elo_put_begin(d->s, NULL, 0, ELO_SLICE(""), &p), ELO_OK);
    for (uint32_t i = 0; i < 70; i++) {
        memcpy(mib, &i, sizeof(i));
        assert_int_equal(elo_put_write(p, elo_slice(mib, MIB - i)), ELO_OK);
    }
    assert_int_equal(elo_put_commit(&p, &st, &existed), ELO_OK);
    assert_int_equal(st.size, 70u * MIB - 69 * 70 / 2);
    assert_int_equal(stat(dir_path(d, st.name), &sb), 0);
    assert_int_equal(sb.st_size, st.size);
    free(mib);
}


static void
test_floor(void **state)
{
    dir_t *d = *state;
    elo_put_t *p;

    assert_int_equal(elo_put_begin(d->s, NULL, UINT64_MAX, ELO_SLICE(""), &p),
                     ELO_ENOSPC);
    assert_int_equal(
        elo_put_begin(d->s, NULL, (uint64_t) 1 << 60, ELO_SLICE(""), &p),
        ELO_ENOSPC);
    elo_store_close(&d->s);
    d->cfg.min_free_bytes = (uint64_t) 1 << 60;
    dir_open(d);
    assert_int_equal(elo_put_begin(d->s, NULL, 0, ELO_SLICE(""), &p),
                     ELO_ENOSPC);
    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_COMMONS, NULL, "{}"),
                     ELO_ENOSPC);
    assert_false(elo_store_is_readonly(d->s));
}


/* The index is full: 507, nothing left behind, and room again after a removal. */
static void
test_map_full(void **state)
{
    dir_t *d = *state;
    char *json = malloc(64 * 1024);
    char id[32];
    elo_err_t rc = ELO_OK;
    size_t n = 0;

    elo_store_close(&d->s);
    d->cfg.map_bytes = MIB;
    dir_open(d);
    memset(json, 'x', 64 * 1024 - 1);
    json[64 * 1024 - 1] = '\0';
    while (rc == ELO_OK && n < 100) {
        snprintf(id, sizeof(id), "node-%zu", n);
        rc = put_node(d->s, id, 1, ELO_REACH_COMMONS, NULL, json);
        n += rc == ELO_OK;
    }
    assert_int_equal(rc, ELO_ENOSPC);
    assert_in_range(n, 2, 99);
    assert_false(elo_store_is_readonly(d->s));
    assert_int_equal(elo_store_node_remove(d->s, ELO_SLICE("node-0"), 0),
                     ELO_OK);
    assert_int_equal(elo_store_node_remove(d->s, ELO_SLICE("node-1"), 0),
                     ELO_OK);
    assert_int_equal(put_bytes(d->s, ELO_SLICE("fits"), NULL, NULL), ELO_OK);
    dir_reopen(d);
    assert_true(reads_back(d->s, ELO_SLICE("fits")));
    free(json);
}


/* A blob whose file is gone or cut is made whole by putting it again. */
static void
test_heal(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = ELO_SLICE("to be damaged");
    elo_digest_t dig = digest_of(bytes);
    elo_blob_stat_t st, again;
    bool existed;
    int fd;

    assert_int_equal(put_bytes(d->s, bytes, &st, &existed), ELO_OK);
    assert_int_equal(truncate(dir_path(d, st.name), 4), 0);
    assert_int_equal(elo_store_open_blob(d->s, &dig, &fd, &again),
                     ELO_ECORRUPT);
    assert_int_equal(put_bytes(d->s, bytes, &again, &existed), ELO_OK);
    assert_false(existed);
    assert_string_not_equal(st.name, again.name);
    assert_true(reads_back(d->s, bytes));
    totals_are(d->s, 1, bytes.len);
    assert_int_equal(dir_count(d, "blobs"), 1);

    assert_int_equal(unlink(dir_path(d, again.name)), 0);
    assert_int_equal(elo_store_open_blob(d->s, &dig, &fd, &st), ELO_ECORRUPT);
    assert_int_equal(put_bytes(d->s, bytes, &st, &existed), ELO_OK);
    dir_reopen(d);
    assert_true(reads_back(d->s, bytes));
    totals_are(d->s, 1, bytes.len);
}


typedef struct {
    elo_store_t *s;
    unsigned id;
    unsigned fresh; /* puts that were the first */
    unsigned failed;
} worker_t;

#define SHARED  20
#define PRIVATE 20


static void *
work(void *arg)
{
    worker_t *w = arg;
    char text[64];
    bool existed;

    for (unsigned i = 0; i < SHARED + PRIVATE; i++) {
        if (i % 2 == 0) {
            snprintf(text, sizeof(text), "shared %u", i);
        } else {
            snprintf(text, sizeof(text), "private %u %u", w->id, i);
        }
        if (put_bytes(w->s, elo_slice_str(text), NULL, &existed) != ELO_OK) {
            w->failed++;
        } else {
            w->fresh += !existed;
        }
        if (!reads_back(w->s, elo_slice_str(text))) {
            w->failed++;
        }
    }
    return NULL;
}


static void
test_threads(void **state)
{
    dir_t *d = *state;
    worker_t w[8];
    pthread_t t[8];
    unsigned fresh = 0;
    uint64_t n, len;

    for (unsigned i = 0; i < 8; i++) {
        w[i] = (worker_t){ .s = d->s, .id = i };
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].failed, 0);
        fresh += w[i].fresh;
    }
    assert_int_equal(fresh, SHARED + 8 * PRIVATE);
    elo_store_totals(d->s, &n, &len);
    assert_int_equal(n, fresh);
    assert_int_equal(dir_count(d, "blobs"), fresh);
    assert_int_equal(dir_count(d, "tmp"), 0);
    dir_reopen(d);
    assert_int_equal(dir_count(d, "blobs"), fresh);
}


/* Two puts of the same bytes, interleaved: the second to commit drops its copy. */
static void
test_same_twice(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = ELO_SLICE("twin");
    elo_blob_stat_t a, b;
    elo_put_t *p, *q;
    bool ex_p, ex_q;

    assert_int_equal(elo_put_begin(d->s, NULL, 0, ELO_SLICE(""), &p), ELO_OK);
    assert_int_equal(elo_put_begin(d->s, NULL, 0, ELO_SLICE(""), &q), ELO_OK);
    assert_int_equal(elo_put_write(p, bytes), ELO_OK);
    assert_int_equal(elo_put_write(q, bytes), ELO_OK);
    assert_int_equal(elo_put_commit(&q, &a, &ex_q), ELO_OK);
    assert_int_equal(elo_put_commit(&p, &b, &ex_p), ELO_OK);
    assert_false(ex_q);
    assert_true(ex_p);
    assert_string_equal(a.name, b.name);
    assert_int_equal(dir_count(d, "blobs"), 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_mismatch_and_abort, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_content_type, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_long, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_floor, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_map_full, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_heal, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_same_twice, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_threads, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("store/put", tests, NULL, NULL);
}
