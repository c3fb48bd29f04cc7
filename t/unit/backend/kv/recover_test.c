/* SPDX-License-Identifier: BSD-2-Clause */
/* recover: what is left after an end of any kind, and what can't be believed. */
#include "backend/kv/index_internal.h"
#include "t/unit/backend/kv/kv_dir.c"

#define MANY 4000


static void
put_many(kvd_t *d, unsigned from, unsigned to)
{
    char key[16], value[64];

    for (unsigned i = from; i < to; i++) {
        snprintf(key, sizeof(key), "%u", i % 1000);
        snprintf(value, sizeof(value), "v%u", i);
        assert_int_equal(kvd_put(d, T_ONE, key, value), ELO_OK);
    }
}


static void
check_many(kvd_t *d, unsigned n)
{
    char key[16], value[64];
    unsigned rows = 0;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t k;

    for (unsigned i = n < 1000 ? 0 : n - 1000; i < n; i++) {
        snprintf(key, sizeof(key), "%u", i % 1000);
        snprintf(value, sizeof(value), "v%u", i);
        kvd_check(d, T_ONE, key, value);
    }
    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, T_BACK, ELO_SLICE(""), &c), ELO_OK);
    while (elo_kv_cursor_next(c, &k, &e) == ELO_OK) {
        rows++;
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    assert_int_equal(rows, n < 1000 ? n : 1000);
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 1), 10);
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 2), 90);
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 3), 900);
}


/* What must hold of the counters, whatever way they came about. */
static bool
sum_live(void *ctx, const elo_kv_segment_t *s)
{
    uint64_t *sum = ctx;

    assert_true(s->live <= s->bytes);
    *sum += s->live;
    return true;
}


static uint64_t
live_bytes(kvd_t *d)
{
    uint64_t sum = 0;

    assert_int_equal(elo_kv_segments(d->kv, sum_live, &sum), ELO_OK);
    return sum;
}


/* Small tables and segments, so that replay makes checkpoints on its way, and each
   beginning of recovery is met. */
static void
test_many(void **state)
{
    kvd_t d, copy;
    uint64_t live;

    (void) state;
    kvd_make(&d);
    d.cfg.memtable_bytes = 16u << 10;
    d.cfg.segment_bytes = 64u << 10;
    kvd_open(&d);
    put_many(&d, 0, MANY);
    check_many(&d, MANY);
    live = live_bytes(&d);
    for (int i = 0; i < 3; i++) {
        kvd_copy(&d, &copy);
        if (i > 0) {
            kvd_drop_index(&copy);
        }
        if (i == 2) {
            copy.cfg.memtable_bytes = 8u << 20;
        }
        kvd_open(&copy);
        assert_int_equal(copy.found.is_rebuilt, i > 0);
        if (i > 0) {
            assert_int_equal(copy.found.records, MANY);
        } else {
            assert_true(copy.found.records < MANY / 2);
        }
        check_many(&copy, MANY);
        assert_int_equal(live_bytes(&copy), live);
        put_many(&copy, MANY, MANY + 500);
        kvd_reopen(&copy);
        check_many(&copy, MANY + 500);
        kvd_end(&copy);
    }
    kvd_end(&d);
}


/* Numbers go on after every kind of opening. */
static void
test_lsn(void **state)
{
    kvd_op_t o = { .op.run = kvd_run,
                   .table = T_ONE,
                   .key = ELO_SLICE("k"),
                   .value = ELO_SLICE("v") };
    kvd_t *d = *state, copy;
    uint64_t last = 0;

    for (int i = 0; i < 8; i++) {
        assert_int_equal(elo_kv_exec(d->kv, &o.op), ELO_OK);
        assert_true(o.lsn > last);
        last = o.lsn;
        if (i % 4 == 1) {
            kvd_reopen(d);
        } else if (i % 4 == 2) {
            elo_kv_close(&d->kv);
            kvd_drop_index(d);
            kvd_open(d);
        } else if (i % 4 == 3) {
            kvd_copy(d, &copy);
            kvd_open(&copy);
            assert_int_equal(elo_kv_exec(copy.kv, &o.op), ELO_OK);
            assert_int_equal(o.lsn, last + 1);
            kvd_end(&copy);
        }
    }
}


static void
spoil(const kvd_t *d, const char *name, long at, size_t n)
{
    static uint8_t junk[4096];
    char path[256];
    FILE *f;

    memset(junk, 0xa5, sizeof(junk));
    snprintf(path, sizeof(path), "%s/%s", d->root, name);
    assert_non_null(f = fopen(path, "r+"));
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(junk, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}


/* Changes all that stands behind a text, as far as it's ours. */
static void
spoil_text(const char *path, const char *text)
{
    static char file[2u << 20];
    size_t n = 0, len = strlen(text);
    FILE *f;

    assert_non_null(f = fopen(path, "r+"));
    n = fread(file, 1, sizeof(file), f);
    for (size_t i = 0; i + len + 2 < n; i++) {
        if (memcmp(file + i, text, len) == 0) {
            file[i + len + 1] ^= 1;
        }
    }
    rewind(f);
    assert_int_equal(fwrite(file, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}


/* The index is no truth: whatever is wrong with it, the log makes it anew. */
static void
test_damaged_index(void **state)
{
    static const struct {
        const char *what;
        long at; /* -1: cut the file to one page */
        size_t n;
    } cases[] = {
        { "both heads are junk", 0, 4096 },
        { "the file is a page long", -1, 0 },
        { "magic of the first page", 16, 4 },
        { "the state", -2, 0 },
        { "a value that replay meets", -3, 0 },
    };
    char path[256];
    kvd_t d, copy;

    (void) state;
    kvd_make(&d);
    kvd_open(&d);
    put_many(&d, 0, 1000);
    assert_int_equal(kvd_put(&d, T_OTHER, "one", "v77777"), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d.kv), ELO_OK);
    assert_int_equal(kvd_put(&d, T_OTHER, "one", "x"), ELO_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kvd_copy(&d, &copy);
        snprintf(path, sizeof(path), "%s/data.mdb", copy.index);
        if (cases[i].at == -1) {
            assert_int_equal(truncate(path, 8192), 0);
        } else if (cases[i].at < 0) {
            spoil_text(path, cases[i].at == -2 ? "state" : "v77777");
        } else {
            spoil(&copy, "index/data.mdb", cases[i].at, cases[i].n);
        }
        kvd_open(&copy);
        assert_true(copy.found.is_rebuilt);
        check_many(&copy, 1000);
        snprintf(path, sizeof(path), "%s/data.mdb.damaged", copy.index);
        assert_int_equal(access(path, F_OK), 0);
        kvd_reopen(&copy);
        assert_false(copy.found.is_rebuilt);
        check_many(&copy, 1000);
        kvd_end(&copy);
    }
    kvd_end(&d);
}


/* States that it is of the version before, by a good checksum. */
static void
index_age(const kvd_t *d)
{
    static uint8_t file[2u << 20];
    elo_slice_t key = ELO_INDEX_STATE_KEY;
    const size_t len = ELO_INDEX_STATE_LEN - ELO_INDEX_SUM_LEN;
    char path[256];
    size_t n, found = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/data.mdb", d->index);
    assert_non_null(f = fopen(path, "r+"));
    n = fread(file, 1, sizeof(file), f);
    for (size_t i = 0; i + key.len + ELO_INDEX_STATE_LEN < n; i++) {
        uint8_t *value = file + i + key.len;
        uint32_t sum;

        if (memcmp(file + i, key.p, key.len) != 0
            || value[3] != ELO_INDEX_VERSION) {
            continue;
        }
        value[3]--;
        sum = elo_index_sum(key, value, len);
        for (int k = 0; k < 4; k++) {
            value[len + (size_t) k] = (uint8_t) (sum >> (24 - 8 * k));
        }
        found++;
    }
    assert_true(found > 0);
    rewind(f);
    assert_int_equal(fwrite(file, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}


/* Of another version: nothing is wrong with it, and nothing worth keeping in it. */
static void
test_older_index(void **state)
{
    char path[256];
    kvd_t d;

    (void) state;
    kvd_make(&d);
    kvd_open(&d);
    put_many(&d, 0, 1000);
    assert_int_equal(elo_kv_checkpoint(d.kv), ELO_OK);
    elo_kv_close(&d.kv);
    index_age(&d);
    kvd_open(&d);
    assert_true(d.found.is_rebuilt);
    check_many(&d, 1000);
    snprintf(path, sizeof(path), "%s/data.mdb.damaged", d.index);
    assert_int_equal(access(path, F_OK), -1);
    kvd_reopen(&d);
    assert_false(d.found.is_rebuilt);
    kvd_end(&d);
}


/* Of another store, or ahead of a log that has lost its end: nobody guesses. */
static void
test_not_together(void **state)
{
    char path[256];
    kvd_t d;

    (void) state;
    kvd_make(&d);
    d.cfg.segment_bytes = 16u << 10;
    kvd_open(&d);
    put_many(&d, 0, 1000);
    elo_kv_close(&d.kv);
    d.cfg.store_id++;
    assert_int_equal(elo_kv_open(&d.cfg, &d.kv, NULL), ELO_ECORRUPT);
    d.cfg.store_id--;
    kvd_open(&d);
    check_many(&d, 1000);
    elo_kv_close(&d.kv);
    for (unsigned i = 2; i < 1000; i++) {
        snprintf(path, sizeof(path), "%s/log/%016x", d.root, i);
        if (unlink(path) != 0) {
            break;
        }
    }
    assert_int_equal(elo_kv_open(&d.cfg, &d.kv, NULL), ELO_ECORRUPT);
    assert_null(d.kv);
    close(d.fd);
    nftw(d.root, kvd_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


/* The last operations are torn at each of their bytes in turn. */
static void
test_torn(void **state)
{
    kvd_t d, copy;
    char value[200];

    (void) state;
    kvd_make(&d);
    kvd_open(&d);
    assert_int_equal(kvd_put(&d, T_ONE, "a", "v1"), ELO_OK);
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    value[0] = 'v';
    assert_int_equal(kvd_put(&d, T_ONE, "b", value), ELO_OK);
    /* the second record: 64 for the segment's head, 56 for the first one */
    for (long at = 64 + 56; at < 64 + 56 + 48 + 200; at += 13) {
        kvd_copy(&d, &copy);
        spoil(&copy, "log/0000000000000001", at, 8);
        kvd_open(&copy);
        assert_true(copy.found.torn_bytes > 0);
        assert_int_equal(copy.found.records, 1);
        kvd_check_rows(&copy, T_ONE, "", "a=v1");
        kvd_check_rows(&copy, T_BACK, "", "v1a=");
        assert_int_equal(elo_kv_sum(copy.kv, SUM_KEYS, 1), 1);
        assert_int_equal(kvd_put(&copy, T_ONE, "b", "v2"), ELO_OK);
        kvd_reopen(&copy);
        kvd_check_rows(&copy, T_ONE, "", "a=v1 b=v2");
        kvd_end(&copy);
    }
    kvd_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test_setup_teardown(test_lsn, kvd_setup, kvd_teardown),
        cmocka_unit_test(test_damaged_index),
        cmocka_unit_test(test_older_index),
        cmocka_unit_test(test_not_together),
        cmocka_unit_test(test_torn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
