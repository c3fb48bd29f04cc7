/* SPDX-License-Identifier: BSD-2-Clause */
/* index: rows, state and counters, their checksums, a full map, copies. */
#include "t/unit/backend/kv/kv_dir.c"

#include <errno.h>

#include "backend/kv/index.h"

static elo_index_t *ix;


static int
setup(void **state)
{
    kvd_t *d = malloc(sizeof(*d));

    kvd_make(d);
    assert_int_equal(elo_index_open(&d->cfg, &ix), ELO_OK);
    *state = d;
    return 0;
}


static int
teardown(void **state)
{
    elo_index_close(&ix);
    assert_null(ix);
    return kvd_teardown(state);
}


static elo_kv_row_t
row_of(const char *key, const char *value, uint64_t place, uint32_t data_len)
{
    return (elo_kv_row_t){ .key = elo_slice_str(key),
                           .value = elo_slice_str(value),
                           .place = place,
                           .data_len = data_len };
}


static void
put(uint8_t table, const char *key, const char *value)
{
    elo_kv_row_t row = row_of(key, value, 99, 7);
    elo_index_write_t *w;

    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    assert_int_equal(elo_index_put(w, table, &row), ELO_OK);
    assert_int_equal(elo_index_commit(&w), ELO_OK);
    assert_null(w);
}


static void
check(elo_index_read_t *r, uint8_t table, const char *key, const char *want)
{
    elo_kv_row_t row;
    elo_err_t rc = elo_index_get(r, table, elo_slice_str(key), &row);

    assert_int_equal(rc, want == NULL ? ELO_ENOTFOUND : ELO_OK);
    if (want != NULL) {
        assert_true(elo_slice_eq(row.value, elo_slice_str(want)));
        assert_int_equal(row.place, 99);
        assert_int_equal(row.data_len, 7);
        assert_false(row.is_deleted);
    }
}


static void
test_rows(void **state)
{
    elo_index_read_t *before, *after;
    elo_index_write_t *w;
    elo_index_cursor_t c;
    elo_kv_row_t row;

    (void) state;
    put(T_ONE, "a", "1");
    put(T_ONE, "b", "");
    put(T_ONE, "c", "3");
    assert_int_equal(elo_index_read_begin(ix, &before), ELO_OK);
    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    assert_int_equal(elo_index_del(w, T_ONE, ELO_SLICE("a")), ELO_OK);
    assert_int_equal(elo_index_del(w, T_ONE, ELO_SLICE("no such")), ELO_OK);
    row = row_of("c", "33", 99, 7);
    assert_int_equal(elo_index_put(w, T_ONE, &row), ELO_OK);
    assert_int_equal(elo_index_commit(&w), ELO_OK);
    assert_int_equal(elo_index_read_begin(ix, &after), ELO_OK);
    check(before, T_ONE, "a", "1");
    check(before, T_ONE, "c", "3");
    check(after, T_ONE, "a", NULL);
    check(after, T_ONE, "b", "");
    check(after, T_ONE, "c", "33");
    check(after, T_OTHER, "c", NULL);

    assert_int_equal(elo_index_seek(before, T_ONE, ELO_SLICE("ab"), &c),
                     ELO_OK);
    assert_int_equal(elo_index_next(&c, &row), ELO_OK);
    assert_true(elo_slice_eq(row.key, ELO_SLICE("b")));
    assert_int_equal(elo_index_next(&c, &row), ELO_OK);
    assert_true(elo_slice_eq(row.key, ELO_SLICE("c")));
    assert_int_equal(elo_index_next(&c, &row), ELO_ENOTFOUND);
    elo_index_cursor_end(&c);
    elo_index_cursor_end(&c);
    elo_index_read_end(&before);
    assert_null(before);
    elo_index_read_end(&after);

    /* what is aborted never was */
    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    assert_int_equal(elo_index_del(w, T_ONE, ELO_SLICE("b")), ELO_OK);
    elo_index_abort(&w);
    assert_null(w);
    assert_int_equal(elo_index_read_begin(ix, &after), ELO_OK);
    check(after, T_ONE, "b", "");
    elo_index_read_end(&after);
    assert_true(elo_index_bytes(ix) > 0);
}


typedef struct {
    uint64_t n, sum;
} seen_t;


static elo_err_t
count(void *ctx, uint8_t space, uint64_t id, int64_t value)
{
    seen_t *s = ctx;

    s->n++;
    s->sum += (uint64_t) space + id + (uint64_t) value;
    return ELO_OK;
}


static void
test_state(void **state)
{
    elo_index_state_t s = { .store_id = 5,
                            .pos = { .segment = 6, .off = 64 },
                            .next_lsn = UINT64_MAX },
                      got;
    elo_index_read_t *r;
    elo_index_write_t *w;
    seen_t seen = { .n = 0 };

    (void) state;
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    assert_int_equal(elo_index_state(r, &got), ELO_ENOTFOUND);
    assert_int_equal(elo_index_counters(r, count, &seen), ELO_OK);
    assert_int_equal(seen.n, 0);
    elo_index_read_end(&r);
    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    assert_int_equal(elo_index_put_state(w, &s), ELO_OK);
    assert_int_equal(elo_index_put_counter(w, 0, 7, -1), ELO_OK);
    assert_int_equal(elo_index_put_counter(w, 255, UINT64_MAX, 10), ELO_OK);
    assert_int_equal(elo_index_put_counter(w, 1, 1, 10), ELO_OK);
    assert_int_equal(elo_index_put_counter(w, 1, 1, 0), ELO_OK);
    assert_int_equal(elo_index_put_counter(w, 1, 2, 0), ELO_OK);
    assert_int_equal(elo_index_commit(&w), ELO_OK);
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    assert_int_equal(elo_index_state(r, &got), ELO_OK);
    assert_int_equal(got.store_id, 5);
    assert_int_equal(got.pos.segment, 6);
    assert_int_equal(got.pos.off, 64);
    assert_true(got.next_lsn == UINT64_MAX);
    assert_int_equal(elo_index_counters(r, count, &seen), ELO_OK);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.sum, 7 - 1 + 255 - 1 + 10);
    elo_index_read_end(&r);
}


/* The bytes of a value in the file are changed behind the index's back. */
static void
spoil(const kvd_t *d, const char *what)
{
    static char file[1u << 20];
    size_t len, n = strlen(what);
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/data.mdb", d->index);
    assert_non_null(f = fopen(path, "r+"));
    len = fread(file, 1, sizeof(file), f);
    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(file + i, what, n) == 0) {
            file[i] ^= 1;
            assert_int_equal(fseek(f, (long) i, SEEK_SET), 0);
            assert_int_equal(fputc(file[i], f), (unsigned char) file[i]);
        }
    }
    assert_int_equal(fclose(f), 0);
}


static void
test_checksum(void **state)
{
    kvd_t *d = *state;
    elo_index_read_t *r;
    elo_index_cursor_t c;
    elo_kv_row_t row;

    put(T_ONE, "a", "fine");
    put(T_ONE, "b", "spoiled value");
    put(T_ONE, "spoiled key", "x");
    put(T_ONE, "z", "fine");
    elo_index_close(&ix);
    spoil(d, "spoiled value");
    spoil(d, "spoiled key");
    assert_int_equal(elo_index_open(&d->cfg, &ix), ELO_OK);
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    check(r, T_ONE, "a", "fine");
    assert_int_equal(elo_index_get(r, T_ONE, ELO_SLICE("b"), &row),
                     ELO_ECORRUPT);
    assert_int_equal(elo_index_get(r, T_ONE, ELO_SLICE("rpoiled key"), &row),
                     ELO_ECORRUPT);
    assert_int_equal(elo_index_seek(r, T_ONE, ELO_SLICE(""), &c), ELO_OK);
    assert_int_equal(elo_index_next(&c, &row), ELO_OK);
    assert_int_equal(elo_index_next(&c, &row), ELO_ECORRUPT);
    assert_true(elo_slice_eq(row.key, ELO_SLICE("b")));
    assert_int_equal(elo_index_next(&c, &row), ELO_ECORRUPT);
    assert_int_equal(elo_index_next(&c, &row), ELO_OK);
    assert_true(elo_slice_eq(row.key, ELO_SLICE("z")));
    elo_index_cursor_end(&c);
    elo_index_read_end(&r);
}


static void
test_map_full(void **state)
{
    static char value[3000];
    kvd_t *d = *state;
    elo_index_write_t *w;
    elo_index_read_t *r;
    elo_kv_row_t row;
    elo_err_t rc = ELO_OK;
    char key[16];

    elo_index_close(&ix);
    d->cfg.map_bytes = 256u << 10;
    assert_int_equal(elo_index_open(&d->cfg, &ix), ELO_OK);
    put(T_ONE, "a", "there");
    memset(value, 'x', sizeof(value) - 1);
    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    for (unsigned i = 0; rc == ELO_OK && i < 1000; i++) {
        snprintf(key, sizeof(key), "%u", i);
        row = row_of(key, value, 99, 7);
        rc = elo_index_put(w, T_ONE, &row);
    }
    assert_int_equal(rc, ELO_ENOSPC);
    elo_index_abort(&w);
    put(T_ONE, "b", "fits");
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    check(r, T_ONE, "a", "there");
    check(r, T_ONE, "0", NULL);
    check(r, T_ONE, "b", "fits");
    elo_index_read_end(&r);
}


static void
test_copy(void **state)
{
    kvd_t *d = *state;
    elo_index_read_t *r;
    char dir[256], path[300];
    char key[16], value[1000];
    atomic_bool must_end;

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (unsigned i = 0; i < 300; i++) { /* more than a pipe holds */
        snprintf(key, sizeof(key), "k%u", i);
        put(T_ONE, key, value);
    }
    put(T_ONE, "a", "1");
    snprintf(dir, sizeof(dir), "%s/copy", d->root);
    assert_int_equal(elo_index_copy(ix, dir, NULL), ENOENT);
    assert_int_equal(mkdir(dir, 0700), 0);
    atomic_init(&must_end, true);
    assert_int_equal(elo_index_copy(ix, dir, &must_end), ECANCELED);
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(elo_index_copy(ix, dir, NULL), EEXIST); /* a part of it */
    assert_int_equal(unlink(path), 0);
    atomic_store(&must_end, false);
    assert_int_equal(elo_index_copy(ix, dir, &must_end), ELO_OK);
    put(T_ONE, "a", "2");
    elo_index_close(&ix);
    d->cfg.index_path = dir;
    assert_int_equal(elo_index_open(&d->cfg, &ix), ELO_OK);
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    check(r, T_ONE, "a", "1");
    check(r, T_ONE, "k0", value);
    check(r, T_ONE, "k299", value);
    elo_index_read_end(&r);
    elo_index_close(&ix);

    assert_int_equal(elo_index_discard(&d->cfg, true), ELO_OK);
    snprintf(path, sizeof(path), "%s/data.mdb.damaged", dir);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(elo_index_open(&d->cfg, &ix), ELO_OK);
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    check(r, T_ONE, "a", NULL);
    elo_index_read_end(&r);
}


int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_rows),     T(test_state), T(test_checksum),
        T(test_map_full), T(test_copy),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
