/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/json/problem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/json/problem.h"
#include "common/base/num.h"


static void
test_document(void **state)
{
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    elo_problem_put(&b, &(elo_problem_t){ .status = 409,
                                          .code = "HASH_MISMATCH",
                                          .detail = "not \"that\"\r\nX: y" });
    assert_string_equal(
        elo_buf_cstr(&b),
        "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
        "\"detail\":\"not \\\"that\\\"\\r\\nX: y\","
        "\"error\":\"not \\\"that\\\"\\r\\nX: y\","
        "\"code\":\"HASH_MISMATCH\"}\n");
    elo_buf_clear(&b);
    elo_problem_put(&b, &(elo_problem_t){ .status = 400,
                                          .code = "BAD_REQUEST",
                                          .detail = "d",
                                          .field = "blobs[1].hash" });
    assert_non_null(strstr(elo_buf_cstr(&b), ",\"field\":\"blobs[1].hash\"}"));
    elo_buf_dispose(&b);
}


/* Every status of the table of errors has a title. */
static void
test_titles(void **state)
{
    static const int statuses[] = {
#define ELO_ERR(name, number, status, code, text) (status),
#include "common/base/errors.def"
#undef ELO_ERR
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(statuses); i++) {
        if (statuses[i] != 499) { /* is never answered */
            assert_string_not_equal(elo_problem_title(statuses[i]), "Error");
        }
    }
    assert_string_equal(elo_problem_title(999), "Error");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_titles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
