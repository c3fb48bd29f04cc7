/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/store/agent.h"
#include "t/unit/backend/care/care_dir.h"


static void
test_published_becomes_clear(void **state)
{
    care_t *c = *state;
    static const size_t sizes[] = { 0, 300, 3u << 20 };

    for (uint32_t i = 0; i < 3; i++) {
        elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
        elo_slice_t b = bytes_of(sizes[i], i);
        elo_digest_t d = digest_of(b);
        elo_store_totals_t t;
        elo_agent_stat_t agent;
        elo_blob_stat_t st;
        elo_care_run_t r;
        char id[8];

        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, &st, NULL), ELO_OK);
        assert_true(st.is_sealed);
        r = care_whole(c, elo_care_step_widen); /* nothing public about it */
        assert_int_equal(r.items, 0);
        snprintf(id, sizeof(id), "w%u", i);
        assert_int_equal(put_node(c->dir.s, id, 1, ELO_REACH_COMMONS, &d, "{}"),
                         ELO_OK);
        r = care_run(c, false);
        assert_int_equal(care_finish(&r, elo_care_step_widen, 50 * 1000),
                         ELO_OK);
        assert_int_equal(r.items, 1);
        assert_int_equal(elo_store_stat(c->dir.s, &d, NULL, &st), ELO_OK);
        assert_false(st.is_sealed);
        assert_true(reads_back(c->dir.s, b));
        elo_store_totals(c->dir.s, &t);
        assert_int_equal(t.sealed, 0);
        assert_int_equal(t.blobs, i + 1);
        assert_int_equal(elo_store_agent(c->dir.s, &opt.agent, &agent), ELO_OK);
        assert_int_equal(agent.blobs, i + 1); /* whose it was */
        bytes_free(b);
    }
}


/* The node was there first, and the bytes came encrypted. */
static void
test_sent_after_it_was_published(void **state)
{
    care_t *c = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    elo_slice_t b = bytes_of(1000, 9);
    elo_digest_t d = digest_of(b);
    elo_blob_stat_t st;

    assert_int_equal(
        put_node(c->dir.s, "first", 1, ELO_REACH_REGIONAL, &d, "{}"), ELO_OK);
    assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    assert_int_equal(care_whole(c, elo_care_step_widen).items, 1);
    assert_int_equal(elo_store_stat(c->dir.s, &d, NULL, &st), ELO_OK);
    assert_false(st.is_sealed);
    bytes_free(b);
}


/* A node that is narrow again, and one whose blob isn't here, cost nothing. */
static void
test_nothing_to_do(void **state)
{
    care_t *c = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    elo_slice_t b = bytes_of(1000, 9);
    elo_digest_t d = digest_of(b), other = { { 1 } };
    elo_blob_stat_t st;

    assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    assert_int_equal(put_node(c->dir.s, "n", 1, ELO_REACH_COMMONS, &d, "{}"),
                     ELO_OK);
    assert_int_equal(put_node(c->dir.s, "n", 2, ELO_REACH_PRIVATE, &d, "{}"),
                     ELO_OK);
    assert_int_equal(
        put_node(c->dir.s, "o", 1, ELO_REACH_COMMONS, &other, "{}"), ELO_OK);
    assert_int_equal(care_whole(c, elo_care_step_widen).items, 0);
    assert_int_equal(elo_store_stat(c->dir.s, &d, NULL, &st), ELO_OK);
    assert_true(st.is_sealed);
    bytes_free(b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_published_becomes_clear,
                                        care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_sent_after_it_was_published,
                                        care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_do, care_setup,
                                        care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
