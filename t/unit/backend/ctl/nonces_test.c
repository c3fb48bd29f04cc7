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
    elo_agent_t one = { { 1 } };

    (void) state;
    assert_int_equal(elo_nonces_create(8, 8, 10, &n), ELO_OK);
    for (uint32_t i = 0; i < 8; i++) {
        id_of(i, id);
        assert_int_equal(elo_nonces_check(n, id, &one, 100 + i), ELO_OK);
        elo_nonces_use(n, id, &one, 100 + i);
        assert_int_equal(elo_nonces_check(n, id, &one, 100 + i), ELO_EDENIED);
    }
    id_of(8, id);
    assert_int_equal(elo_nonces_check(n, id, &one, 107), ELO_EBUSY);
    id_of(0, id); /* what is known is known, though it is full */
    assert_int_equal(elo_nonces_check(n, id, &one, 110), ELO_EDENIED);
    assert_int_equal(elo_nonces_check(n, id, &one, 111),
                     ELO_OK); /* forgotten */
    id_of(1, id);
    assert_int_equal(elo_nonces_check(n, id, &one, 111), ELO_EDENIED);
    for (uint32_t i = 100; i < 400; i++) { /* round and round */
        id_of(i, id);
        assert_int_equal(elo_nonces_check(n, id, &one, 200 + i * 2), ELO_OK);
        elo_nonces_use(n, id, &one, 200 + i * 2);
        id_of(i - 4, id);
        assert_int_equal(elo_nonces_check(n, id, &one, 200 + i * 2),
                         i >= 104 ? ELO_EDENIED : ELO_OK);
        id_of(i - 6, id);
        assert_int_equal(elo_nonces_check(n, id, &one, 200 + i * 2), ELO_OK);
    }
    elo_nonces_free(&n);
    assert_null(n);
    elo_nonces_free(&n);
}


/* Against a list of all uses, with few agents who come often. */
static void
test_shares(void **state)
{
    enum { MAX = 40, SHARE = 7, KEEP = 9, ROUNDS = 20000, AGENTS = 12 };
    static struct {
        int64_t at;
        uint8_t who;
    } used[ROUNDS];
    uint8_t id[ELO_NONCE_ID_LEN];
    elo_nonces_t *n = NULL;
    uint64_t seed = 7;
    int64_t now = 0;
    uint32_t n_used = 0, all, his;

    (void) state;
    assert_int_equal(elo_nonces_create(MAX, SHARE, KEEP, &n), ELO_OK);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        elo_agent_t agent = { { 0 } };
        elo_err_t rc;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        agent.b[5] = (uint8_t) ((seed >> 33) % AGENTS);
        now += (seed >> 50) % 8 == 0;
        all = his = 0;
        for (uint32_t k = n_used; k-- > 0 && used[k].at >= now - KEEP;) {
            all++;
            his += used[k].who == agent.b[5];
        }
        id_of(i, id);
        rc = elo_nonces_check(n, id, &agent, now);
        assert_int_equal(rc, all < MAX && his < SHARE ? ELO_OK : ELO_EBUSY);
        assert_false(elo_nonces_has(n, id, now));
        if (rc == ELO_OK) {
            elo_nonces_use(n, id, &agent, now);
            assert_true(elo_nonces_has(n, id, now));
            used[n_used].at = now;
            used[n_used++].who = agent.b[5];
        }
    }
    assert_true(n_used > ROUNDS / 10 && n_used < ROUNDS);
    elo_nonces_free(&n);
}


int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nonces),
                                        cmocka_unit_test(test_shares) };

    return elo_keys_init() == ELO_OK ? cmocka_run_group_tests(tests, NULL, NULL)
                                     : 1;
}
