/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/err. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/num.h"

typedef struct {
    elo_err_t err;
    int status;
    const char *code;
} row_t;

static const row_t table[] = {
#define ELO_ERR(name, number, status, code, text)                              \
    { (number), (status), (code) },
#include "common/base/errors.def"
#undef ELO_ERR
};


static void
test_table(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        assert_true(table[i].err < 0);
        assert_in_range(table[i].status, 400, 599);
        assert_int_equal(elo_err_status(table[i].err), table[i].status);
        assert_string_equal(elo_err_code(table[i].err), table[i].code);
        assert_string_equal(elo_err_public(table[i].err),
                            elo_strerror(table[i].err));
        for (const char *c = table[i].code; *c != '\0'; c++) {
            assert_true((*c >= 'A' && *c <= 'Z') || *c == '_');
        }
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(table[k].err, table[i].err);
            assert_string_not_equal(table[k].code, table[i].code);
        }
    }
}


static void
test_ok(void **state)
{
    (void) state;
    assert_int_equal(elo_err_status(ELO_OK), 200);
    assert_string_equal(elo_err_code(ELO_OK), "OK");
    assert_string_equal(elo_err_public(ELO_OK), "ok");
    assert_string_equal(elo_strerror(ELO_OK), "ok");
}


static void
test_errno(void **state)
{
    (void) state;
    assert_int_equal(elo_err_status(ENOSPC), 507);
    assert_int_equal(elo_err_status(EDQUOT), 507);
    assert_string_equal(elo_err_code(ENOSPC), "STORAGE_FULL");
    assert_int_equal(elo_err_status(EIO), 500);
    assert_string_equal(elo_err_code(EIO), "INTERNAL");
    assert_string_equal(elo_strerror(ENOENT), "No such file or directory");
    /* what leaves the machine says nothing of the system's own words */
    assert_string_equal(elo_err_public(ENOENT), "internal error");
}


static void
test_unknown(void **state)
{
    (void) state;
    assert_int_equal(elo_err_status(-9999), 500);
    assert_string_equal(elo_err_code(-9999), "INTERNAL");
    assert_string_equal(elo_err_public(-9999), "internal error");
    assert_string_equal(elo_strerror(-9999), "unknown error");
    assert_string_equal(elo_strerror(99999), "unknown system error");
    assert_int_equal(elo_err_status(99999), 500);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
