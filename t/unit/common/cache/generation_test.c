/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/cache/generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <cmocka.h>

#include "common/cache/generation.h"

static elo_gen_page_t page;


static int
setup(void **state)
{
    (void) state;
    memset(&page, 0, sizeof(page));
    memcpy(page.magic, ELO_GEN_MAGIC, sizeof(page.magic));
    page.slots = ELO_GEN_SLOTS;
    page.purges = ELO_PURGE_RING;
    return 0;
}


static void
test_slot(void **state)
{
    static uint32_t hits[ELO_GEN_SLOTS];
    uint32_t worst = 0;
    char key[16];
    int n;

    (void) state;
    /* FNV-1a's offset basis and its published value for "a", folded */
    assert_int_equal(elo_gen_slot(elo_slice(NULL, 0)),
                     (0xcbf29ce4u ^ 0x84222325u) % ELO_GEN_SLOTS);
    assert_int_equal(elo_gen_slot(ELO_SLICE("a")),
                     (0xaf63dc4cu ^ 0x8601ec8cu) % ELO_GEN_SLOTS);
    assert_int_not_equal(elo_gen_slot(ELO_SLICE("ab")),
                         elo_gen_slot(ELO_SLICE("ba")));
    for (int i = 0; i < 8 * (int) ELO_GEN_SLOTS; i++) {
        n = snprintf(key, sizeof(key), "node-%d", i);
        hits[elo_gen_slot(elo_slice(key, (size_t) n))]++;
    }
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        worst = hits[i] > worst ? hits[i] : worst;
    }
    assert_in_range(worst, 8, 40); /* 8 on average */
}


static void
test_page(void **state)
{
    (void) state;
    assert_true(elo_gen_page_ok(&page, sizeof(page)));
    assert_true(elo_gen_page_ok(&page, sizeof(page) + 1));
    assert_false(elo_gen_page_ok(NULL, sizeof(page)));
    assert_false(elo_gen_page_ok(&page, sizeof(page) - 1));
    assert_false(elo_gen_page_ok(&page, 0));
    page.slots = ELO_GEN_SLOTS / 2;
    assert_false(elo_gen_page_ok(&page, sizeof(page)));
    page.slots = ELO_GEN_SLOTS;
    page.purges = ELO_PURGE_RING * 2;
    assert_false(elo_gen_page_ok(&page, sizeof(page)));
    page.purges = ELO_PURGE_RING;
    page.magic[6] = '1'; /* another version */
    assert_false(elo_gen_page_ok(&page, sizeof(page)));
    memset(&page, 0, sizeof(page)); /* being made */
    assert_false(elo_gen_page_ok(&page, sizeof(page)));
}


static void
test_bump(void **state)
{
    (void) state;
    elo_gen_bump(&page, 5);
    elo_gen_bump(&page, 5);
    assert_int_equal(elo_gen_load(&page, 5), 2);
    assert_int_equal(elo_gen_load(&page, 4), 0);
    assert_int_equal(elo_gen_load(&page, 6), 0);
    /* a slot number from outside stays inside the table */
    elo_gen_bump(&page, UINT32_MAX);
    assert_int_equal(elo_gen_load(&page, ELO_GEN_SLOTS - 1), 1);
}


/* ---- the ring ---- */

#define TAG(n) ((uint64_t) (n) << ELO_PURGE_BITS)

/* What the entry of a place has to say. */
static elo_purge_t
entry_of(uint64_t seq)
{
    elo_purge_t p = { .kind = ELO_PURGE_BLOB };

    for (size_t i = 0; i < sizeof(p.digest.b); i += 8) {
        uint64_t v = seq * UINT64_C(0x9e3779b97f4a7c15) + i;

        memcpy(p.digest.b + i, &v, 8);
    }
    return p;
}


static void
append(uint64_t seq)
{
    elo_purge_t p = entry_of(seq);

    elo_purge_append(&page, seq, &p);
}


static bool
is_entry(const elo_purge_t *p, uint64_t seq)
{
    elo_purge_t want = entry_of(seq);

    return p->kind == want.kind
           && memcmp(p->digest.b, want.digest.b, sizeof(want.digest.b)) == 0;
}


static void
test_ring(void **state)
{
    elo_purge_t p = { .kind = 99 };
    uint64_t at = 0, seen;

    (void) state;
    assert_int_equal(elo_purge_last(&page), 0);
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_EAGAIN);
    append(TAG(7) + 1);
    append(TAG(7) + 2);
    append(TAG(9) + 3); /* the next run of the daemon */
    assert_true(elo_purge_last(&page) == TAG(9) + 3);
    for (uint64_t n = 1; n <= 3; n++) {
        assert_int_equal(elo_purge_next(&page, &at, &p), ELO_OK);
        assert_true(at == (n < 3 ? TAG(7) : TAG(9)) + n);
        assert_true(is_entry(&p, at));
    }
    seen = at;
    p.kind = 99;
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_EAGAIN);
    assert_true(at == seen && p.kind == 99); /* nothing is written */
    elo_purge_append(&page, TAG(9) + 4,
                     &(elo_purge_t){ ELO_PURGE_ALL, { { 0 } } });
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_OK);
    assert_int_equal(p.kind, ELO_PURGE_ALL);
}


/* Who is behind by as many as the ring holds beside his own place goes on; by one
   more, he doesn't. */
static void
test_ring_past(void **state)
{
    uint64_t at, n;
    elo_purge_t p;

    (void) state;
    for (n = 1; n <= ELO_PURGE_RING; n++) {
        append(TAG(1) + n);
    }
    at = 0;
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_OK);
    at = TAG(1) + 1;
    for (n = 2; n <= ELO_PURGE_RING; n++) {
        assert_int_equal(elo_purge_next(&page, &at, &p), ELO_OK);
        assert_true(at == TAG(1) + n && is_entry(&p, at));
    }
    append(TAG(1) + n);
    at = 0;
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_ERANGE);
    at = TAG(1) + 1;
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_ERANGE);
    assert_true(at == TAG(1) + 1);
    at = TAG(1) + 2;
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_OK);
}


/* A store that is an older one, restored, and that went another way. */
static void
test_ring_alien(void **state)
{
    static const struct {
        const char *what;
        uint64_t at;
        elo_err_t want;
    } rows[] = {
        { "both have been here", TAG(1) + 3, ELO_OK },
        { "the last that both had", TAG(1) + 4, ELO_OK },
        { "another five", TAG(2) + 5, ELO_ERANGE },
        { "another last", TAG(2) + 6, ELO_ERANGE },
        { "further than the ring", TAG(2) + 7, ELO_ERANGE },
        { "much further", TAG(2) + 7 + ELO_PURGE_RING, ELO_ERANGE },
        { "no tag", 4, ELO_ERANGE },
        { "no number", TAG(1), ELO_ERANGE },
        { "all bits", UINT64_MAX, ELO_ERANGE },
        { "the last", TAG(3) + 6, ELO_EAGAIN },
    };
    elo_purge_t p;

    (void) state;
    for (uint64_t n = 1; n <= 6; n++) {
        append(TAG(n <= 4 ? 1 : 3) + n);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t at = rows[i].at;
        elo_err_t rc = elo_purge_next(&page, &at, &p);

        if (rc != rows[i].want) {
            fail_msg("%s: %d", rows[i].what, rc);
        }
        assert_true(rc == ELO_OK || at == rows[i].at);
    }
}


/* Entries that the daemon has lost are a gap, and that is no way. */
static void
test_ring_gap(void **state)
{
    uint64_t at = TAG(1) + 1;
    elo_purge_t p;

    (void) state;
    append(TAG(1) + 1);
    append(TAG(1) + 3);
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_ERANGE);
    at = TAG(1) + 2;
    assert_int_equal(elo_purge_next(&page, &at, &p), ELO_ERANGE);
}


#define WRITES 400000u

static void *
reader(void *arg)
{
    uint64_t *got = arg, at = 0;
    elo_purge_t p;

    while ((at & ELO_PURGE_NUMBER) < WRITES) {
        uint64_t was = at;

        switch (elo_purge_next(&page, &at, &p)) {
        case ELO_OK:
            if (at != was + 1 && was != 0) {
                return "went past one";
            }
            if (!is_entry(&p, at)) {
                return "torn";
            }
            *got += 1;
            break;
        case ELO_ERANGE: /* overtaken: starts over */
            at = elo_purge_last(&page);
            break;
        default:
            break;
        }
    }
    return NULL;
}


/* Readers that the writer overtakes all the time see whole entries, in order, or are
   told. */
static void
test_ring_threads(void **state)
{
    pthread_t t[3];
    uint64_t got[3] = { 0 };
    void *said;

    (void) state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, reader, &got[i]), 0);
    }
    for (uint64_t n = 1; n <= WRITES; n++) {
        append(TAG(5) + n);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(t[i], &said), 0);
        if (said != NULL) {
            fail_msg("%s", (const char *) said);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_slot, setup),
        cmocka_unit_test_setup(test_page, setup),
        cmocka_unit_test_setup(test_bump, setup),
        cmocka_unit_test_setup(test_ring, setup),
        cmocka_unit_test_setup(test_ring_past, setup),
        cmocka_unit_test_setup(test_ring_alien, setup),
        cmocka_unit_test_setup(test_ring_gap, setup),
        cmocka_unit_test_setup(test_ring_threads, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
