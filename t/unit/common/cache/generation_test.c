/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/cache/generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
    page.magic[6] = '2'; /* another version */
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


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_slot, setup),
        cmocka_unit_test_setup(test_page, setup),
        cmocka_unit_test_setup(test_bump, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
