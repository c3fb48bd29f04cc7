/* SPDX-License-Identifier: BSD-2-Clause */
/* nonces: once each, and no more than fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/ctl/nonces.h"


static void
id_of(uint32_t n, uint8_t id[ELO_NONCE_ID_LEN])
{
    memset(id, 0, ELO_NONCE_ID_LEN);
    memcpy(id, &n, sizeof(n));
}


static void
test_nonces(void **state)
{
    uint8_t id[ELO_NONCE_ID_LEN];
    elo_nonces_t *n = NULL;

    (void) state;
    assert_int_equal(elo_nonces_create(8, 10, &n), ELO_OK);
    for (uint32_t i = 0; i < 8; i++) {
        id_of(i, id);
        assert_int_equal(elo_nonces_check(n, id, 100 + i), ELO_OK);
        elo_nonces_use(n, id, 100 + i);
        assert_int_equal(elo_nonces_check(n, id, 100 + i), ELO_EDENIED);
    }
    id_of(8, id);
    assert_int_equal(elo_nonces_check(n, id, 107), ELO_EBUSY);
    id_of(0, id); /* what is known is known, though it is full */
    assert_int_equal(elo_nonces_check(n, id, 110), ELO_EDENIED);
    assert_int_equal(elo_nonces_check(n, id, 111), ELO_OK); /* forgotten */
    id_of(1, id);
    assert_int_equal(elo_nonces_check(n, id, 111), ELO_EDENIED);
    for (uint32_t i = 100; i < 400; i++) { /* round and round */
        id_of(i, id);
        assert_int_equal(elo_nonces_check(n, id, 200 + i * 2), ELO_OK);
        elo_nonces_use(n, id, 200 + i * 2);
        id_of(i - 4, id);
        assert_int_equal(elo_nonces_check(n, id, 200 + i * 2),
                         i >= 104 ? ELO_EDENIED : ELO_OK);
        id_of(i - 6, id);
        assert_int_equal(elo_nonces_check(n, id, 200 + i * 2), ELO_OK);
    }
    elo_nonces_free(&n);
    assert_null(n);
    elo_nonces_free(&n);
}


int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nonces) };

    return elo_keys_init() == ELO_OK ? cmocka_run_group_tests(tests, NULL, NULL)
                                     : 1;
}
