/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/http/range.h"
#include "t/unit/guard.h"

#define NONE ELO_RANGE_NONE
#define PART ELO_RANGE_PARTIAL
#define R416 ELO_RANGE_UNSATISFIABLE

typedef struct {
    const char *name;
    const char *value;
    uint64_t size;
    elo_range_verdict_t verdict;
    uint32_t n;
    elo_range_t r[4];
} row_t;

static const row_t rows[] = {
    { "first byte", "bytes=0-0", 1000, PART, 1, { { 0, 1 } } },
    { "first 500", "bytes=0-499", 1000, PART, 1, { { 0, 500 } } },
    { "last byte", "bytes=999-999", 1000, PART, 1, { { 999, 1000 } } },
    { "open end", "bytes=500-", 1000, PART, 1, { { 500, 1000 } } },
    { "whole", "bytes=0-", 1000, PART, 1, { { 0, 1000 } } },
    { "suffix", "bytes=-500", 1000, PART, 1, { { 500, 1000 } } },
    { "suffix of one", "bytes=-1", 1000, PART, 1, { { 999, 1000 } } },
    { "suffix past the start", "bytes=-5000", 1000, PART, 1, { { 0, 1000 } } },
    { "end clamped", "bytes=900-4000", 1000, PART, 1, { { 900, 1000 } } },
    { "two", "bytes=0-1,4-5", 1000, PART, 2, { { 0, 2 }, { 4, 6 } } },
    { "order kept", "bytes=4-5,0-1", 1000, PART, 2, { { 4, 6 }, { 0, 2 } } },
    { "adjacent",
      "bytes=0-499,500-",
      1000,
      PART,
      2,
      { { 0, 500 }, { 500, 1000 } } },
    { "blanks around members",
      "bytes= 0-1 ,\t4-5 ",
      1000,
      PART,
      2,
      { { 0, 2 }, { 4, 6 } } },
    { "empty members",
      "bytes=,0-1,,4-5,",
      1000,
      PART,
      2,
      { { 0, 2 }, { 4, 6 } } },
    { "one of two past the end",
      "bytes=5000-6000,0-1",
      1000,
      PART,
      1,
      { { 0, 2 } } },
    { "suffix zero beside a good one",
      "bytes=-0,0-1",
      1000,
      PART,
      1,
      { { 0, 2 } } },
    { "unit in capitals", "Bytes=0-1", 1000, PART, 1, { { 0, 2 } } },
    { "leading zeros",
      "bytes=00000000000000000000000001-002",
      1000,
      PART,
      1,
      { { 1, 3 } } },
    { "huge blob",
      "bytes=18446744073709551614-",
      UINT64_MAX,
      PART,
      1,
      { { UINT64_MAX - 1, UINT64_MAX } } },
    { "last past 64 bits",
      "bytes=1-99999999999999999999999",
      1000,
      PART,
      1,
      { { 1, 1000 } } },
    { "suffix past 64 bits",
      "bytes=-99999999999999999999999",
      1000,
      PART,
      1,
      { { 0, 1000 } } },
    { "last is UINT64_MAX",
      "bytes=0-18446744073709551615",
      1000,
      PART,
      1,
      { { 0, 1000 } } },

    { "start at the end", "bytes=1000-", 1000, R416, 0, { { 0 } } },
    { "start past the end", "bytes=1001-2000", 1000, R416, 0, { { 0 } } },
    { "start past 64 bits",
      "bytes=99999999999999999999999-",
      1000,
      R416,
      0,
      { { 0 } } },
    { "suffix zero", "bytes=-0", 1000, R416, 0, { { 0 } } },
    { "all past the end", "bytes=1000-,2000-", 1000, R416, 0, { { 0 } } },
    { "empty blob", "bytes=0-", 0, R416, 0, { { 0 } } },
    { "empty blob, suffix", "bytes=-5", 0, R416, 0, { { 0 } } },

    { "end before start", "bytes=5-2", 1000, NONE, 0, { { 0 } } },
    { "end before start, past the end",
      "bytes=5000-2000",
      1000,
      NONE,
      0,
      { { 0 } } },
    { "one bad of two", "bytes=0-1,5-2", 1000, NONE, 0, { { 0 } } },
    { "another unit", "lines=0-1", 1000, NONE, 0, { { 0 } } },
    { "no unit", "0-1", 1000, NONE, 0, { { 0 } } },
    { "blank before =", "bytes =0-1", 1000, NONE, 0, { { 0 } } },
    { "empty", "", 1000, NONE, 0, { { 0 } } },
    { "no set", "bytes=", 1000, NONE, 0, { { 0 } } },
    { "only commas", "bytes=, ,,", 1000, NONE, 0, { { 0 } } },
    { "only a dash", "bytes=-", 1000, NONE, 0, { { 0 } } },
    { "no dash", "bytes=5", 1000, NONE, 0, { { 0 } } },
    { "two dashes", "bytes=5--6", 1000, NONE, 0, { { 0 } } },
    { "negative suffix", "bytes=--5", 1000, NONE, 0, { { 0 } } },
    { "blank inside", "bytes=0 -1", 1000, NONE, 0, { { 0 } } },
    { "blank inside, after", "bytes=0- 1", 1000, NONE, 0, { { 0 } } },
    { "hex", "bytes=0x0-0x1", 1000, NONE, 0, { { 0 } } },
    { "sign", "bytes=+0-1", 1000, NONE, 0, { { 0 } } },
    { "letters", "bytes=a-b", 1000, NONE, 0, { { 0 } } },
    { "junk after", "bytes=0-1x", 1000, NONE, 0, { { 0 } } },
    { "semicolon", "bytes=0-1;2-3", 1000, NONE, 0, { { 0 } } },
    { "overlap past the size", "bytes=0-,0-", 1000, NONE, 0, { { 0 } } },
    { "overlap by one", "bytes=0-500,500-", 1000, NONE, 0, { { 0 } } },
    { "two overlap",
      "bytes=0-9,5-14",
      1000,
      PART,
      2,
      { { 0, 10 }, { 5, 15 } } },
    { "two pairs overlap",
      "bytes=0-9,5-14,50-59,55-64",
      1000,
      NONE,
      0,
      { { 0 } } },
    { "three times the same byte",
      "bytes=0-0,0-0,0-0",
      1000,
      NONE,
      0,
      { { 0 } } },
    { "one around two",
      "bytes=10-11,20-21,0-99",
      1000,
      PART,
      3,
      { { 10, 12 }, { 20, 22 }, { 0, 100 } } },
    { "overlap wraps 64 bits",
      "bytes=0-,0-,0-",
      UINT64_MAX,
      NONE,
      0,
      { { 0 } } },
};


static void
test_rows(void **state)
{
    elo_range_set_t set;
    elo_range_verdict_t v;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        memset(&set, 0xee, sizeof(set));
        v = elo_range_parse(guard_put(&g, elo_slice_str(rows[i].value)),
                            rows[i].size, &set);
        if (v != rows[i].verdict || (v == PART && set.n != rows[i].n)) {
            fail_msg("%s: verdict %d, n %u", rows[i].name, (int) v, set.n);
        }
        for (uint32_t k = 0; v == PART && k < set.n; k++) {
            if (set.r[k].start != rows[i].r[k].start
                || set.r[k].end != rows[i].r[k].end) {
                fail_msg("%s: range %u", rows[i].name, k);
            }
        }
    }
    guard_dispose(&g);
}


/* Whatever is read: ranges are not empty and lie in the blob. */
static void
test_prefixes(void **state)
{
    elo_range_set_t set;
    elo_slice_t s;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        for (size_t n = 0; n <= strlen(rows[i].value); n++) {
            s = guard_put(&g, elo_slice(rows[i].value, n));
            if (elo_range_parse(s, rows[i].size, &set) != PART) {
                continue;
            }
            assert_in_range(set.n, 1, ELO_RANGE_MAX);
            for (uint32_t k = 0; k < set.n; k++) {
                assert_true(set.r[k].start < set.r[k].end);
                assert_true(set.r[k].end <= rows[i].size);
            }
        }
    }
    guard_dispose(&g);
}


static elo_range_verdict_t
parse_n(unsigned n, elo_range_set_t *set)
{
    char value[1024];
    size_t len;

    len = (size_t) snprintf(value, sizeof(value), "bytes=");
    for (unsigned i = 0; i < n; i++) {
        len += (size_t) snprintf(value + len, sizeof(value) - len, "%u-%u,",
                                 2 * i, 2 * i);
    }
    return elo_range_parse(elo_slice(value, len), 1000, set);
}


static void
test_many(void **state)
{
    elo_range_set_t set;

    (void) state;
    assert_int_equal(parse_n(ELO_RANGE_MAX, &set), PART);
    assert_int_equal(set.n, ELO_RANGE_MAX);
    assert_int_equal(set.r[ELO_RANGE_MAX - 1].start, 2 * (ELO_RANGE_MAX - 1));
    assert_int_equal(parse_n(ELO_RANGE_MAX + 1, &set), NONE);
}


/* Sets at random: no answer's parts are longer together than the blob, and no byte
   comes more than twice. */
static void
test_sets(void **state)
{
    enum { SIZE = 200, SETS = 20000 };
    uint64_t seed = 3;
    unsigned n_part = 0;

    (void) state;
    for (unsigned i = 0; i < SETS; i++) {
        char value[1024];
        uint8_t times[SIZE] = { 0 };
        uint64_t total = 0;
        elo_range_set_t set;
        size_t len = (size_t) snprintf(value, sizeof(value), "bytes=");

        for (unsigned n = 1 + i % (ELO_RANGE_MAX + 2); n > 0; n--) {
            unsigned from, size;

            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            from = (unsigned) (seed >> 40) % (SIZE + 20);
            size = (unsigned) (seed >> 20) % 24;
            len += (size_t) snprintf(value + len, sizeof(value) - len, "%u-%u,",
                                     from, from + size);
        }
        if (elo_range_parse(elo_slice(value, len), SIZE, &set) != PART) {
            continue;
        }
        n_part++;
        for (uint32_t k = 0; k < set.n; k++) {
            total += set.r[k].end - set.r[k].start;
            for (uint64_t at = set.r[k].start; at < set.r[k].end; at++) {
                assert_true(++times[at] <= 2);
            }
        }
        assert_true(total <= SIZE);
    }
    assert_true(n_part > SETS / 20 && n_part < SETS);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
