/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/care/care_dir.h"


static bool
is_held(care_t *c, const elo_digest_t *d)
{
    elo_blob_stat_t st;

    return elo_store_stat(c->dir.s, d, NULL, &st) == ELO_OK;
}


/* Until the grace of a second is over. */
static void
wait_for_grace(void)
{
    int64_t until = elo_clock_unix_s() + 2;

    while (elo_clock_unix_s() < until) {
        usleep(10000);
    }
}


static void
test_only_what_lost_its_references(void **state)
{
    care_t *c = *state;
    elo_slice_t b[4];
    elo_digest_t d[4];
    elo_care_run_t r;

    for (uint32_t i = 0; i < 4; i++) {
        b[i] = bytes_of(100 + i, i);
        d[i] = digest_of(b[i]);
        assert_int_equal(put_bytes(c->dir.s, b[i], NULL, NULL), ELO_OK);
    }
    /* 0: never referred to; 1: loses its node; 2: loses it but is pinned;
       3: loses one and gets another */
    for (uint32_t i = 1; i < 4; i++) {
        char id[8];

        snprintf(id, sizeof(id), "n%u", i);
        assert_int_equal(
            put_node(c->dir.s, id, 1, ELO_REACH_COMMONS, &d[i], "{}"), ELO_OK);
    }
    assert_int_equal(elo_store_pin(c->dir.s, &d[2], true), ELO_OK);
    for (uint32_t i = 1; i < 4; i++) {
        char id[8];

        snprintf(id, sizeof(id), "n%u", i);
        assert_int_equal(elo_store_node_remove(c->dir.s, elo_slice_str(id), 0),
                         ELO_OK);
    }
    assert_int_equal(
        put_node(c->dir.s, "again", 1, ELO_REACH_COMMONS, &d[3], "{}"), ELO_OK);

    r = care_whole(c, elo_care_step_collect); /* within the grace */
    assert_int_equal(r.items, 0);
    wait_for_grace();
    r = care_whole(c, elo_care_step_collect);
    assert_int_equal(r.items, 1);
    assert_true(is_held(c, &d[0]));
    assert_false(is_held(c, &d[1]));
    assert_true(is_held(c, &d[2]));
    assert_true(is_held(c, &d[3]));
    r = care_whole(c, elo_care_step_collect);
    assert_int_equal(r.items, 0);
    for (uint32_t i = 0; i < 4; i++) {
        bytes_free(b[i]);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_what_lost_its_references,
                                        care_setup, care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
