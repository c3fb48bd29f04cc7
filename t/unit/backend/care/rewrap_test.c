/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/care/care_dir.h"


/* New keys: each envelope is sealed again, once, and no byte of a blob moves. */
static void
test_after_rotation(void **state)
{
    care_t *c = *state;
    static const elo_reach_t reach[] = { ELO_REACH_PRIVATE, ELO_REACH_LOCAL };
    uint8_t seed[ELO_SEED_LEN] = { 3 };
    elo_blob_stat_t st[2], again;
    elo_slice_t b[2];

    for (uint32_t i = 0; i < 2; i++) {
        elo_put_opt_t opt = opt_of(reach[i], 0);

        b[i] = bytes_of(50000, i);
        assert_int_equal(put_opt(c->dir.s, &opt, b[i], 0, &st[i], NULL),
                         ELO_OK);
    }
    assert_int_equal(care_whole(c, elo_care_step_rewrap).items, 0);
    assert_int_equal(elo_keyring_rotate_cluster(c->dir.keyring), ELO_OK);
    assert_int_equal(care_whole(c, elo_care_step_rewrap).items, 1);
    assert_int_equal(
        elo_keyring_add(c->dir.keyring, seed, ELO_SLICE("second"), true),
        ELO_OK);
    assert_int_equal(care_whole(c, elo_care_step_rewrap).items, 2);
    assert_int_equal(care_whole(c, elo_care_step_rewrap).items, 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(elo_store_stat(c->dir.s, &st[i].digest, NULL, &again),
                         ELO_OK);
        assert_memory_equal(again._object.b, st[i]._object.b, ELO_SHA256_LEN);
        assert_true(reads_back(c->dir.s, b[i]));
        bytes_free(b[i]);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_after_rotation, care_setup,
                                        care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
