/* SPDX-License-Identifier: BSD-2-Clause */
/* budget: no guest and no host is asked more than its share, and the operator has
   none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/fallback/budget.h"

static const uint8_t key[ELO_SHORTHASH_KEY_LEN] = { 3, 1, 4, 1, 5 };
static elo_budget_t budget;


static elo_agent_t
guest(uint32_t no)
{
    return (elo_agent_t){ { 1, (uint8_t) (no >> 8), (uint8_t) no } };
}


static const char *
host(uint32_t no)
{
    static char name[32];

    snprintf(name, sizeof(name), "host%u.example:443", no);
    return name;
}


static int
setup(void **state)
{
    (void) state;
    assert_int_equal(elo_keys_init(), ELO_OK);
    elo_budget_init(&budget, key);
    return 0;
}


static void
test_of_one_guest(void **state)
{
    elo_agent_t a = guest(1), b = guest(2);

    (void) state;
    for (uint32_t i = 0; i < ELO_BUDGET_OWNER; i++) {
        assert_true(elo_budget_take(&budget, &a, host(i)));
    }
    assert_false(elo_budget_take(&budget, &a, host(1000)));
    assert_false(elo_budget_take(&budget, &a, host(0)));
    assert_true(elo_budget_take(&budget, &b, host(0)));
    elo_budget_init(&budget, key);
    assert_true(elo_budget_take(&budget, &a, host(0)));
}


static void
test_at_one_host(void **state)
{
    uint32_t n = 0;

    (void) state;
    for (uint32_t i = 0; i < 1000; i++) {
        elo_agent_t a = guest(i);

        n += elo_budget_take(&budget, &a, "victim.example");
    }
    assert_int_equal(n, ELO_BUDGET_HOST);
}


/* Whatever names are made up, all of them together end too. */
static void
test_all(void **state)
{
    uint32_t n = 0;

    (void) state;
    for (uint32_t i = 0; i < 400000; i++) {
        elo_agent_t a = guest(i % 60000);

        n += elo_budget_take(&budget, &a, host(i));
    }
    assert_in_range(n, 1, ELO_BUDGET_CELLS * ELO_BUDGET_HOST);
}


static void
test_operator(void **state)
{
    elo_agent_t none = { { 0 } }, a = guest(7);

    (void) state;
    for (uint32_t i = 0; i < 10 * ELO_BUDGET_HOST; i++) {
        assert_true(elo_budget_take(&budget, &none, "archive.example"));
    }
    assert_true(elo_budget_take(&budget, &a, "archive.example"));
}


int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup(fn, setup)
    const struct CMUnitTest tests[] = {
        CASE(test_of_one_guest),
        CASE(test_at_one_host),
        CASE(test_all),
        CASE(test_operator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
