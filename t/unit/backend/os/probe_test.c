/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/os/probe.h"


static int
give(void *ctx)
{
    printf("this is not seen\n");
    (void) fflush(stdout);
    return *(int *) ctx;
}


static int
die(void *ctx)
{
    (void) raise(*(int *) ctx);
    return 0;
}


static void
test_what_is_told(void **state)
{
    static const struct {
        const char *name;
        int (*fn)(void *ctx);
        int arg, want;
    } table[] = {
        { "all is well", give, 0, 0 },
        { "a status", give, 7, 7 },
        { "killed", die, SIGKILL, 128 + SIGKILL },
        { "a fault", die, SIGSEGV, 128 + SIGSEGV },
        { "an assertion", die, SIGABRT, 128 + SIGABRT },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int arg = table[i].arg, status = -1;

        print_message("%s\n", table[i].name);
        assert_int_equal(elo_probe(table[i].fn, &arg, &status), ELO_OK);
        assert_int_equal(status, table[i].want);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
