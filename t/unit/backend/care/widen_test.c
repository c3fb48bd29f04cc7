/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/store/agent.h"
#include "backend/store/files.h"
#include "backend/store/wide.h"
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


/* The node becomes private, or the copy goes, while the copy is written. */
static void
test_changed_meanwhile(void **state)
{
    care_t *c = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);

    for (uint32_t i = 0; i < 2; i++) {
        elo_slice_t b = bytes_of(4u << 20, 30 + i);
        elo_digest_t d = digest_of(b);
        elo_store_totals_t t;
        elo_blob_stat_t st;
        elo_care_run_t r;
        bool more = true;
        char id[8];

        snprintf(id, sizeof(id), "m%u", i);
        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
        assert_int_equal(put_node(c->dir.s, id, 1, ELO_REACH_COMMONS, &d, "{}"),
                         ELO_OK);
        r = care_run(c, false);
        while (r.bytes == 0 && more) {
            r.until_ns = elo_clock_mono_ns() + 20 * 1000;
            assert_int_equal(elo_care_step_widen(&r, &more), ELO_OK);
        }
        assert_true(more && r.bytes < b.len);
        assert_int_equal(put_node(c->dir.s, id, 2, ELO_REACH_PRIVATE, &d, "{}"),
                         ELO_OK);
        if (i == 1) {
            assert_int_equal(
                elo_store_node_remove(c->dir.s, elo_slice_str(id), 0), ELO_OK);
            assert_int_equal(elo_store_remove(c->dir.s, &d, NULL), ELO_OK);
            assert_int_equal(
                put_node(c->dir.s, id, 1, ELO_REACH_COMMONS, &d, "{}"), ELO_OK);
        }
        assert_int_equal(
            care_finish(&r, elo_care_step_widen, UINT64_C(1000000000)), ELO_OK);
        assert_int_equal(r.items, 0);
        elo_store_totals(c->dir.s, &t);
        assert_int_equal(t.sealed, 1);
        if (i == 0) {
            assert_int_equal(elo_store_stat(c->dir.s, &d, NULL, &st), ELO_OK);
            assert_true(st.is_sealed);
            assert_int_equal(elo_store_wide_next(c->dir.s, NULL, &d),
                             ELO_ENOTFOUND);
        } else {
            assert_int_equal(elo_store_stat(c->dir.s, &d, NULL, &st),
                             ELO_ENOTFOUND);
        }
        bytes_free(b);
    }
}


/* A note that was listed as narrow, and isn't when it is decided, stays. */
static void
test_strike_looks_again(void **state)
{
    care_t *c = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    elo_slice_t b = bytes_of(100, 35);
    elo_digest_t d = digest_of(b), next;

    assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    assert_int_equal(put_node(c->dir.s, "s", 1, ELO_REACH_COMMONS, &d, "{}"),
                     ELO_OK);
    assert_int_equal(elo_store_wide_strike(c->dir.s, &d), ELO_OK);
    assert_int_equal(elo_store_wide_next(c->dir.s, NULL, &next), ELO_OK);
    assert_memory_equal(next.b, d.b, sizeof(d.b));
    assert_int_equal(elo_store_wide_next(c->dir.s, &next, &next),
                     ELO_ENOTFOUND);
    assert_int_equal(put_node(c->dir.s, "s", 2, ELO_REACH_PRIVATE, &d, "{}"),
                     ELO_OK);
    assert_int_equal(elo_store_wide_strike(c->dir.s, &d), ELO_OK);
    assert_int_equal(elo_store_wide_next(c->dir.s, NULL, &next), ELO_ENOTFOUND);
    bytes_free(b);
}


/* The agent's quota is full with what he has; and one of three is damaged. */
static void
test_full_quota_and_a_damaged_one(void **state)
{
    care_t *c = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    const size_t size = 2u << 20;
    elo_agent_stat_t agent;
    elo_store_totals_t t;
    elo_care_run_t r;

    assert_int_equal(elo_store_set_quota(c->dir.s, &opt.agent, 3 * size),
                     ELO_OK);
    for (uint32_t i = 0; i < 3; i++) {
        elo_slice_t b = bytes_of(size, 40 + i);
        elo_digest_t d = digest_of(b);
        elo_blob_stat_t st;
        char id[8], name[ELO_STORE_NAME_MAX + 1];

        snprintf(id, sizeof(id), "q%u", i);
        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, &st, NULL), ELO_OK);
        assert_int_equal(put_node(c->dir.s, id, 1, ELO_REACH_COMMONS, &d, "{}"),
                         ELO_OK);
        if (i == 1) {
            elo_file_name(ELO_FILE_BLOB, st._file, name);
            assert_int_equal(truncate(dir_path(&c->dir, name), 100), 0);
        }
        bytes_free(b);
    }
    for (uint32_t i = 0; i < 2; i++) {
        r = care_whole(c, elo_care_step_widen);
        assert_int_equal(r.items, i == 0 ? 2 : 0);
        assert_int_equal(r.found, 1);
    }
    elo_store_totals(c->dir.s, &t);
    assert_int_equal(t.sealed, 1);
    assert_int_equal(elo_store_agent(c->dir.s, &opt.agent, &agent), ELO_OK);
    assert_int_equal(agent.bytes, 3 * size);
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
        cmocka_unit_test_setup_teardown(test_changed_meanwhile, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_strike_looks_again, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_full_quota_and_a_damaged_one,
                                        care_setup, care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
