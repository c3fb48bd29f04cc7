/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/fetch/policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/fetch/policy.h"
#include "common/base/num.h"


static void
test_schemes(void **state)
{
    static const struct {
        const char *text;
        uint32_t want; /* 0: refused */
    } rows[] = {
        { "https", ELO_FETCH_HTTPS },
        { "http", ELO_FETCH_HTTP },
        { "http https", ELO_FETCH_HTTP | ELO_FETCH_HTTPS },
        { " https,http ", ELO_FETCH_HTTP | ELO_FETCH_HTTPS },
        { "https https", ELO_FETCH_HTTPS },
        { "", 0 },
        { " , ", 0 },
        { "HTTPS", 0 },
        { "https ftp", 0 },
        { "file", 0 },
        { "https:", 0 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        uint32_t got = 0;
        elo_err_t rc =
            elo_fetch_read_schemes(elo_slice_str(rows[i].text), &got);

        if (got != rows[i].want || (rc == ELO_OK) != (rows[i].want != 0)) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
}


static void
test_ports(void **state)
{
    static const char *const bad[] = { "",     " ",       "0",    "65536",
                                       "-1",   "80 x",    "443;", "0x50",
                                       "80.0", "443 443a" };
    char many[8 * (ELO_FETCH_PORTS_MAX + 1)] = "";
    elo_fetch_policy_t p = { 0 };

    (void) state;
    assert_int_equal(elo_fetch_read_ports(ELO_SLICE("443, 8443 1 65535"), &p),
                     ELO_OK);
    assert_int_equal(p.n_ports, 4);
    assert_true(elo_fetch_has_port(&p, 443));
    assert_true(elo_fetch_has_port(&p, 65535));
    assert_true(elo_fetch_has_port(&p, 1));
    assert_false(elo_fetch_has_port(&p, 0));
    assert_false(elo_fetch_has_port(&p, 80));
    assert_false(elo_fetch_has_port(&p, 65536 + 443));
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        if (elo_fetch_read_ports(elo_slice_str(bad[i]), &p) != ELO_EINVAL) {
            fail_msg("\"%s\"", bad[i]);
        }
        assert_int_equal(p.n_ports, 4);
    }
    for (uint32_t i = 0; i < ELO_FETCH_PORTS_MAX; i++) {
        strcat(many, "1000 ");
    }
    assert_int_equal(elo_fetch_read_ports(elo_slice_str(many), &p), ELO_OK);
    strcat(many, "1000");
    assert_int_equal(elo_fetch_read_ports(elo_slice_str(many), &p),
                     ELO_ETOOBIG);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
