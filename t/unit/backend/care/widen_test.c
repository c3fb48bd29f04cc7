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


static bool
is_sealed_of(care_t *c, const elo_digest_t *d, uint8_t agent)
{
    elo_agent_t a = agent_of(agent);
    elo_digest_t blind;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint8_t key[ELO_SEALED_KEY];
    uint32_t no;
    bool is;

    assert_int_equal(elo_keyring_blind(c->dir.keyring, d, &blind), ELO_OK);
    assert_int_equal(elo_kv_view_begin(elo_store_kv(c->dir.s), &v), ELO_OK);
    is = elo_agent_no(&v, &a, &no) == ELO_OK
         && elo_kv_get(&v, ELO_T_SEALED, elo_sealed_key(&blind, no, key), &e)
                == ELO_OK;
    elo_kv_view_end(&v);
    return is;
}


/* Agents 1 and 2 have sent the same bytes, narrow, and 1 first. */
static elo_digest_t
two_narrow(care_t *c, elo_slice_t b)
{
    for (uint8_t a = 1; a <= 2; a++) {
        elo_put_opt_t opt = opt_of(ELO_REACH_LOCAL, a);

        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    }
    return digest_of(b);
}


/* Knowing the hash of what others keep private gives nothing, and doesn't even make
   work; whose node it is, his copy is the one that is written in the clear. */
static void
test_only_the_owners_copy(void **state)
{
    care_t *c = *state;
    elo_slice_t b = bytes_of(70000, 60);
    elo_digest_t d = two_narrow(c, b), next;

    for (uint8_t a = 0; a <= 3; a += 3) { /* the operator, and a stranger */
        char id[2] = { (char) ('a' + a), '\0' };

        assert_int_equal(
            put_node_of(c->dir.s, a, id, 1, ELO_REACH_COMMONS, &d, "{}"),
            ELO_OK);
        assert_int_equal(elo_store_wide_next(c->dir.s, NULL, &next),
                         ELO_ENOTFOUND);
    }
    assert_int_equal(elo_store_blob_reach(c->dir.s, &d), ELO_REACH_PRIVATE);
    assert_int_equal(
        put_node_of(c->dir.s, 2, "two", 1, ELO_REACH_REGIONAL, &d, "{}"),
        ELO_OK);
    assert_int_equal(care_whole(c, elo_care_step_widen).items, 1);
    assert_true(is_sealed_of(c, &d, 1));
    assert_false(is_sealed_of(c, &d, 2));
    assert_int_equal(elo_store_blob_reach(c->dir.s, &d), ELO_REACH_REGIONAL);
    assert_int_equal(elo_store_wide_next(c->dir.s, NULL, &next), ELO_ENOTFOUND);
    bytes_free(b);
}


static bool
promote_3(void *ctx, const elo_digest_t *d, const elo_agent_t *to)
{
    elo_agent_t three = agent_of(3);

    return *(bool *) ctx && elo_agent_eq(to, &three) && d->b[0] != 0xff;
}


/* A promotion lets a node of one who hasn't sent it make it public. */
static void
test_promoted(void **state)
{
    care_t *c = *state;
    elo_slice_t b = bytes_of(70000, 61);
    elo_digest_t d = two_narrow(c, b), next;
    bool is_promoted = false;

    c->dir.cfg.promoted = promote_3;
    c->dir.cfg.promoted_ctx = &is_promoted;
    dir_reopen(&c->dir);
    assert_int_equal(
        put_node_of(c->dir.s, 3, "p", 1, ELO_REACH_COMMONS, &d, "{}"), ELO_OK);
    assert_int_equal(elo_store_refs_changed(c->dir.s, &d), ELO_OK);
    assert_int_equal(elo_store_wide_next(c->dir.s, NULL, &next), ELO_ENOTFOUND);
    is_promoted = true;
    assert_int_equal(elo_store_refs_changed(c->dir.s, &d), ELO_OK);
    assert_int_equal(care_whole(c, elo_care_step_widen).items, 1);
    assert_true(is_sealed_of(c, &d, 1) != is_sealed_of(c, &d, 2));
    assert_int_equal(elo_store_blob_reach(c->dir.s, &d), ELO_REACH_COMMONS);
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
        cmocka_unit_test_setup_teardown(test_changed_meanwhile, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_strike_looks_again, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_full_quota_and_a_damaged_one,
                                        care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_only_the_owners_copy, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_promoted, care_setup,
                                        care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
