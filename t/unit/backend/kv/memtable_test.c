/* SPDX-License-Identifier: BSD-2-Clause */
/* memtable: order, visibility by seq, taking back, iterators, readers beside the
   writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "backend/kv/memtable.h"
#include "backend/os/thread.h"
#include "common/base/num.h"

#define BYTES (64u << 10)
#define LAST  (ELO_MEM_DEAD - 1) /* a reader who sees all that lives */

/* clang-format off */
#define S(lit) ELO_SLICE(lit)
/* clang-format on */


static elo_memtable_t *
table_new(void)
{
    elo_memtable_t *m;

    assert_int_equal(elo_memtable_create(BYTES, 12345, &m), ELO_OK);
    return m;
}


static void *
put(elo_memtable_t *m, uint64_t seq, uint8_t table, elo_slice_t key,
    const char *value)
{
    elo_kv_row_t row = { .key = key,
                         .value = elo_slice_str(value),
                         .place = seq,
                         .is_deleted = value == NULL,
                         .is_fresh = true };
    void *handle;

    assert_int_equal(elo_memtable_put(m, seq, table, &row, &handle), ELO_OK);
    assert_true(elo_slice_eq(row.key, key));
    assert_ptr_not_equal(row.key.p, key.p);
    return handle;
}


/* want: NULL for nothing, "-" for a tombstone, else the value. */
static void
check_get(elo_memtable_t *m, uint64_t seq, uint8_t table, elo_slice_t key,
          const char *want)
{
    elo_kv_row_t row;
    elo_err_t rc = elo_memtable_get(m, seq, table, key, &row);

    if (want == NULL) {
        assert_int_equal(rc, ELO_ENOTFOUND);
        return;
    }
    assert_int_equal(rc, ELO_OK);
    assert_true(elo_slice_eq(row.key, key));
    if (strcmp(want, "-") == 0) {
        assert_true(row.is_deleted);
        return;
    }
    assert_false(row.is_deleted);
    assert_true(elo_slice_eq(row.value, elo_slice_str(want)));
}


/* want: "key=value key=- …", all rows from `from` on. */
static void
check_rows(elo_memtable_t *m, uint64_t seq, uint8_t table, const char *from,
           const char *want)
{
    char got[512] = "";
    size_t len = 0;
    elo_memtable_iter_t it;
    elo_kv_row_t row;

    elo_memtable_seek(m, seq, table, elo_slice_str(from), &it);
    while (elo_memtable_next(&it, &row)) {
        elo_slice_t v = row.is_deleted ? S("-") : row.value;

        len += (size_t) snprintf(got + len, sizeof(got) - len, "%s%.*s=%.*s",
                                 len == 0 ? "" : " ", (int) row.key.len,
                                 (const char *) row.key.p, (int) v.len,
                                 (const char *) v.p);
    }
    assert_string_equal(got, want);
}


static void
test_order(void **state)
{
    /* how keys compare: bytes, unsigned, a prefix first; also beyond the eight
       bytes that are compared as a number */
    static const struct {
        elo_slice_t key;
    } keys[] = {
        { { (const uint8_t *) "\0", 1 } },
        { { (const uint8_t *) "\0\0", 2 } },
        { { (const uint8_t *) "\0\0\0\0\0\0\0\0", 8 } },
        { { (const uint8_t *) "\0\0\0\0\0\0\0\0\0", 9 } },
        { { (const uint8_t *) "\1", 1 } },
        { { (const uint8_t *) "a", 1 } },
        { { (const uint8_t *) "a\0", 2 } },
        { { (const uint8_t *) "aaaaaaaa", 8 } },
        { { (const uint8_t *) "aaaaaaaaa", 9 } },
        { { (const uint8_t *) "aaaaaaaab", 9 } },
        { { (const uint8_t *) "aaaaaaaab\0", 10 } },
        { { (const uint8_t *) "b", 1 } },
        { { (const uint8_t *) "\x7f", 1 } },
        { { (const uint8_t *) "\x80", 1 } },
        { { (const uint8_t *) "\xff\xff\xff\xff\xff\xff\xff\xff", 8 } },
        { { (const uint8_t *) "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9 } },
    };
    static const size_t n = ELO_COUNT(keys);
    elo_memtable_iter_t it;
    elo_memtable_t *m;
    elo_kv_row_t row;

    (void) state;
    /* three orders of arrival: up, down, hither and thither */
    for (size_t way = 0; way < 3; way++) {
        m = table_new();
        for (size_t i = 0; i < n; i++) {
            size_t at = way == 0 ? i : way == 1 ? n - 1 - i : i * 7 % n;
            put(m, 1, 3, keys[at].key, "x");
        }
        for (size_t i = 0; i < n; i++) {
            check_get(m, 1, 3, keys[i].key, "x");
            elo_memtable_seek(m, 1, 3, keys[i].key, &it);
            for (size_t k = i; k < n; k++) {
                assert_true(elo_memtable_next(&it, &row));
                assert_true(elo_slice_eq(row.key, keys[k].key));
            }
            assert_false(elo_memtable_next(&it, &row));
            assert_false(elo_memtable_next(&it, &row));
        }
        assert_int_equal(elo_memtable_count(m), n);
        elo_memtable_unref(&m);
        assert_null(m);
    }
}


static void
test_seq(void **state)
{
    elo_memtable_t *m = table_new();

    (void) state;
    put(m, 2, 1, S("k"), "two");
    put(m, 4, 1, S("k"), NULL);
    put(m, 6, 1, S("k"), "six");
    put(m, 6, 1, S("k"), "six again");
    put(m, 5, 1, S("other"), "");
    check_get(m, 1, 1, S("k"), NULL);
    check_get(m, 2, 1, S("k"), "two");
    check_get(m, 3, 1, S("k"), "two");
    check_get(m, 4, 1, S("k"), "-");
    check_get(m, 6, 1, S("k"), "six again");
    check_get(m, LAST, 1, S("k"), "six again");
    check_get(m, LAST, 2, S("k"), NULL); /* another table */
    check_get(m, LAST, 1, S("other"), "");
    check_rows(m, 1, 1, "", "");
    check_rows(m, 2, 1, "", "k=two");
    check_rows(m, 5, 1, "", "k=- other=");
    check_rows(m, 6, 1, "", "k=six again other=");
    check_rows(m, 6, 1, "l", "other=");
    check_rows(m, 6, 1, "z", "");
    check_rows(m, 6, 0, "", "");
    elo_memtable_unref(&m);
}


static void
test_kill(void **state)
{
    elo_memtable_t *m = table_new();
    void *first, *second, *third;

    (void) state;
    first = put(m, 1, 1, S("k"), "one");
    second = put(m, 2, 1, S("k"), "two");
    third = put(m, 2, 1, S("l"), "lonely");
    elo_memtable_kill(third);
    check_rows(m, LAST, 1, "", "k=two");
    check_get(m, LAST, 1, S("l"), NULL);
    elo_memtable_kill(second);
    check_rows(m, LAST, 1, "", "k=one");
    put(m, 2, 1, S("k"), "two, once more"); /* the number is given again */
    check_rows(m, LAST, 1, "", "k=two, once more");
    check_get(m, 1, 1, S("k"), "one");
    elo_memtable_kill(first);
    check_get(m, 1, 1, S("k"), NULL);
    elo_memtable_unref(&m);
}


/* What was first said of the layers below holds for the key for good, for they
   don't change below it; also when that entry was taken back. */
static void
test_fresh(void **state)
{
    elo_memtable_t *m = table_new();
    elo_kv_row_t row = { .key = S("old"), .value = S("v"), .is_fresh = false };
    void *handle;

    (void) state;
    assert_int_equal(elo_memtable_put(m, 1, 1, &row, &handle), ELO_OK);
    put(m, 2, 1, S("old"), NULL);
    assert_int_equal(elo_memtable_get(m, 2, 1, S("old"), &row), ELO_OK);
    assert_true(row.is_deleted);
    assert_false(row.is_fresh);
    elo_memtable_kill(handle);
    put(m, 3, 1, S("old"), NULL);
    assert_int_equal(elo_memtable_get(m, 3, 1, S("old"), &row), ELO_OK);
    assert_false(row.is_fresh);
    put(m, 4, 1, S("new"), "v");
    row = (elo_kv_row_t){ .key = S("new"), .is_deleted = true };
    assert_int_equal(elo_memtable_put(m, 5, 1, &row, &handle), ELO_OK);
    assert_int_equal(elo_memtable_get(m, 5, 1, S("new"), &row), ELO_OK);
    assert_true(row.is_deleted && row.is_fresh);
    elo_memtable_unref(&m);
}


/* Thousands of entries of one key, and of a node larger than a chunk. */
static void
test_large(void **state)
{
    elo_memtable_t *m = table_new(), *held;
    size_t len = 3u << 20;
    uint8_t *big = calloc(1, len);
    elo_kv_row_t row;
    void *handle;
    char key[16];

    (void) state;
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        put(m, seq, 1, S("hot"), seq % 2 == 0 ? NULL : "odd");
    }
    put(m, 1, 1, S("cold"), "c");
    put(m, 1, 1, S("warm"), "w");
    check_rows(m, LAST, 1, "", "cold=c hot=- warm=w");
    check_rows(m, 4999, 1, "", "cold=c hot=odd warm=w");
    check_rows(m, 1, 1, "d", "hot=odd warm=w");

    row = (elo_kv_row_t){ .key = S("big"), .value = elo_slice(big, len) };
    assert_int_equal(elo_memtable_put(m, 7, 2, &row, &handle), ELO_OK);
    assert_true(elo_memtable_bytes(m) > len);
    held = elo_memtable_ref(m);
    elo_memtable_unref(&m);
    assert_int_equal(elo_memtable_get(held, 7, 2, S("big"), &row), ELO_OK);
    assert_int_equal(row.value.len, len);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "%08x", i * 2654435761u);
        put(held, 8, 4, elo_slice_str(key), key);
    }
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "%08x", i * 2654435761u);
        check_get(held, 8, 4, elo_slice_str(key), key);
    }
    elo_memtable_unref(&held);
    free(big);
}


/* Against a plain array: random puts, deletions and takings back. */
static void
test_model(void **state)
{
    enum { KEYS = 300, STEPS = 20000 };
    static int value[KEYS]; /* 0 nothing, -1 tombstone */
    elo_memtable_t *m = table_new();
    elo_memtable_iter_t it;
    unsigned seed = 7;
    elo_kv_row_t row;
    uint8_t key[20] = { 0 };
    char text[16];
    void *handle;
    int got;

    (void) state;
    for (uint64_t seq = 1; seq <= STEPS; seq++) {
        unsigned k = (unsigned) rand_r(&seed) % KEYS;

        /* keys of 9 to 20 bytes that differ at both ends */
        memset(key, (int) (k % 3), sizeof(key));
        key[8] = (uint8_t) (k >> 8);
        key[7] = (uint8_t) k;
        snprintf(text, sizeof(text), "%u", (unsigned) seq);
        handle = put(m, seq, 5, elo_slice(key, 9 + k % 12),
                     seq % 5 == 0 ? NULL : text);
        if (seq % 7 == 0) {
            elo_memtable_kill(handle);
        } else {
            value[k] = seq % 5 == 0 ? -1 : (int) seq;
        }
    }
    elo_memtable_seek(m, STEPS, 5, S(""), &it);
    while (elo_memtable_next(&it, &row)) {
        unsigned k = (unsigned) row.key.p[8] << 8 | row.key.p[7];

        assert_true(k < KEYS);
        snprintf(text, sizeof(text), "%.*s", (int) row.value.len,
                 (const char *) row.value.p);
        got = row.is_deleted ? -1 : atoi(text);
        assert_int_equal(got, value[k]);
        value[k] = 0;
    }
    for (unsigned k = 0; k < KEYS; k++) {
        assert_int_equal(value[k], 0);
    }
    elo_memtable_unref(&m);
}


typedef struct {
    elo_memtable_t *m;
    uint64_t visible;
    bool is_done;
} shared_t;


/* What is visible stays as it is: each batch writes its number under the same ten
   keys and raises visible, so that all rows must show one number. */
static void
reader_main(void *arg)
{
    shared_t *sh = arg;
    elo_memtable_iter_t it;
    elo_kv_row_t row, again;
    uint64_t seq, n;

    while (!__atomic_load_n(&sh->is_done, __ATOMIC_ACQUIRE)) {
        seq = __atomic_load_n(&sh->visible, __ATOMIC_ACQUIRE);
        elo_memtable_seek(sh->m, seq, 1, S(""), &it);
        for (n = 0; elo_memtable_next(&it, &row); n++) {
            assert_int_equal(row.place, seq);
            assert_int_equal(elo_memtable_get(sh->m, seq, 1, row.key, &again),
                             ELO_OK);
            assert_int_equal(again.place, seq);
        }
        assert_int_equal(n, seq == 0 ? 0 : 10);
    }
}


static void
test_threads(void **state)
{
    shared_t sh = { .m = table_new() };
    elo_thread_t readers[2];
    char key[16];

    (void) state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            elo_thread_create(&readers[i], "reader", reader_main, &sh), ELO_OK);
    }
    for (uint64_t seq = 1; seq <= 2000; seq++) {
        for (unsigned k = 0; k < 10; k++) {
            snprintf(key, sizeof(key), "key %u", k * 3 % 10);
            put(sh.m, seq, 1, elo_slice_str(key), key);
        }
        /* and one that is taken back */
        elo_memtable_kill(put(sh.m, seq, 1, S("killed"), "x"));
        __atomic_store_n(&sh.visible, seq, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&sh.is_done, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) {
        elo_thread_join(&readers[i]);
    }
    elo_memtable_unref(&sh.m);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),   cmocka_unit_test(test_seq),
        cmocka_unit_test(test_kill),    cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_large),   cmocka_unit_test(test_model),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
