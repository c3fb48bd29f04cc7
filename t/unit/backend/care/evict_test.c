/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/care/care_dir.h"

typedef struct {
    uint32_t others;
} world_t;


static uint32_t
holders(void *ctx, const elo_digest_t *stored)
{
    (void) stored;
    return ((world_t *) ctx)->others;
}


static bool
is_held(care_t *c, const elo_digest_t *d)
{
    elo_blob_stat_t st;

    return elo_store_stat(c->dir.s, d, NULL, &st) == ELO_OK;
}


static void
test_what_may_go(void **state)
{
    static const struct {
        const char *what;
        uint32_t others;
        bool below_wanted, is_forced, is_pinned, goes;
    } rows[] = {
        { "the last known copy", 0, true, true, false, false },
        { "fewer than wanted", 9, false, false, false, false },
        { "fewer than wanted, told to", 1, true, false, false, true },
        { "fewer than wanted, asked for", 1, false, true, false, true },
        { "enough", 10, false, false, false, true },
        { "enough, pinned", 10, true, true, true, false },
    };
    care_t *c = *state;
    elo_slice_t b = bytes_of(1000, 1);
    elo_digest_t d = digest_of(b);
    world_t world;

    c->cfg.holders = holders;
    c->cfg.holders_ctx = &world;
    c->cfg.evict_free_bytes = UINT64_MAX; /* pressure, always */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        elo_care_run_t r;

        assert_int_equal(put_bytes(c->dir.s, b, NULL, NULL), ELO_OK);
        assert_int_equal(elo_store_pin(c->dir.s, &d, rows[i].is_pinned),
                         ELO_OK);
        world.others = rows[i].others;
        c->cfg.evict_below_wanted = rows[i].below_wanted;
        r = care_run(c, rows[i].is_forced);
        assert_int_equal(care_finish(&r, elo_care_step_evict, 1000000000),
                         ELO_OK);
        if (is_held(c, &d) == rows[i].goes) {
            fail_msg("%s", rows[i].what);
        }
    }
    bytes_free(b);
}


/* The wide before the narrow, and the unused before the used. */
static void
test_order(void **state)
{
    care_t *c = *state;
    world_t world = { 20 };
    elo_slice_t b[3];
    elo_blob_stat_t st[3];
    elo_care_run_t r;
    bool more;

    for (uint32_t i = 0; i < 3; i++) {
        elo_put_opt_t opt =
            opt_of(i == 0 ? ELO_REACH_PRIVATE : ELO_REACH_COMMONS, 0);

        b[i] = bytes_of(1000, i);
        assert_int_equal(put_opt(c->dir.s, &opt, b[i], 0, &st[i], NULL),
                         ELO_OK);
    }
    c->cfg.holders = holders;
    c->cfg.holders_ctx = &world;
    elo_care_use_touch(c->use, &st[1].digest);
    c->cfg.evict_free_bytes = UINT64_MAX;
    r = care_run(c, false);
    r.until_ns = elo_clock_mono_ns() + 1000000000;
    assert_int_equal(elo_care_step_evict(&r, &more), ELO_OK);
    assert_true(more);
    assert_false(is_held(c, &st[1].digest));
    assert_false(is_held(c, &st[2].digest));
    assert_true(is_held(c, &st[0].digest)); /* private: last */
    assert_int_equal(elo_care_step_evict(&r, &more), ELO_OK);
    assert_int_equal(r.items, 3);
    for (uint32_t i = 0; i < 3; i++) {
        bytes_free(b[i]);
    }
}


static void
test_without_pressure(void **state)
{
    care_t *c = *state;
    world_t world = { 20 };
    elo_slice_t b = bytes_of(1000, 1);
    elo_digest_t d = digest_of(b);

    assert_int_equal(put_bytes(c->dir.s, b, NULL, NULL), ELO_OK);
    c->cfg.holders = holders;
    c->cfg.holders_ctx = &world;
    c->cfg.evict_free_bytes = 1;
    assert_int_equal(care_whole(c, elo_care_step_evict).items, 0);
    c->cfg.evict_free_bytes = 0;
    assert_int_equal(care_whole(c, elo_care_step_evict).items, 0);
    assert_true(is_held(c, &d));
    bytes_free(b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_may_go, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_order, care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_without_pressure, care_setup,
                                        care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
