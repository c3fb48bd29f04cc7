/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/hashes: many threads at a time get the right digests. */
#include "t/unit/backend/store/store_dir.c"

#define THREADS 24 /* more than are kept */
#define ROUNDS  300


static void
hash_main(void *arg)
{
    elo_store_t *s = arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint8_t bytes[200] = { (uint8_t) i, (uint8_t) (i >> 8) };
        elo_slice_t m = elo_slice(bytes, i % sizeof(bytes));
        elo_digest_t is, want;

        if (elo_store_sha256(s, m, &is) != ELO_OK
            || elo_sha256(m, &want) != ELO_OK
            || memcmp(is.b, want.b, ELO_SHA256_LEN) != 0)
        {
            abort();
        }
    }
}


static void
test_threads(void **state)
{
    dir_t *d = *state;
    elo_thread_t t[THREADS];

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(elo_thread_create(&t[i], "hash", hash_main, d->s),
                         ELO_OK);
    }
    for (int i = 0; i < THREADS; i++) {
        elo_thread_join(&t[i]);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
