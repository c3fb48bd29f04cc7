/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/store/node_internal.h"
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


/* Row of ORPHAN of the only blob there is; false: none. */
static bool
orphan_due(care_t *c, elo_digest_t *d, int64_t *due)
{
    elo_kv_cursor_t *cur;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint32_t agent;
    bool is_there;

    assert_int_equal(elo_kv_view_begin(elo_store_kv(c->dir.s), &v), ELO_OK);
    assert_int_equal(
        elo_kv_cursor_open(&v, ELO_T_ORPHAN, elo_slice(NULL, 0), &cur), ELO_OK);
    is_there = elo_kv_cursor_next(cur, &key, &e) == ELO_OK
               && elo_orphan_key_parse(key, due, d, &agent) == ELO_OK;
    elo_kv_cursor_close(&cur);
    elo_kv_view_end(&v);
    return is_there;
}


/* Of agent 1, who has sent it. */
static void
make_orphan(care_t *c, const elo_digest_t *d, const char *id)
{
    assert_int_equal(
        put_node_of(c->dir.s, 1, id, 1, ELO_REACH_COMMONS, d, "{}"), ELO_OK);
    assert_int_equal(elo_store_node_remove(c->dir.s, elo_slice_str(id), 0),
                     ELO_OK);
}


/* Sent again after it was listed: whoever sent it was told that it is there. Small
   and large, in the clear, sealed, and sealed by one who had sent it in the clear. */
static void
test_sent_again_stays(void **state)
{
    static const struct {
        elo_reach_t first, again;
        size_t size;
    } t[] = {
        { ELO_REACH_COMMONS, ELO_REACH_COMMONS, 100 },
        { ELO_REACH_COMMONS, ELO_REACH_COMMONS, 2u << 20 },
        { ELO_REACH_PRIVATE, ELO_REACH_PRIVATE, 100 },
        { ELO_REACH_PRIVATE, ELO_REACH_PRIVATE, 2u << 20 },
        { ELO_REACH_COMMONS, ELO_REACH_PRIVATE, 100 },
    };
    care_t *c = *state;

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        elo_slice_t b = bytes_of(t[i].size, 50 + (uint32_t) i);
        elo_put_opt_t opt = opt_of(t[i].first, 1);
        elo_digest_t d = digest_of(b), listed;
        bool existed, is_gone = false;
        int64_t due;
        char id[8];

        snprintf(id, sizeof(id), "s%zu", i);
        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
        make_orphan(c, &d, id);
        assert_true(orphan_due(c, &listed, &due));
        opt.reach = t[i].again;
        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, &existed), ELO_OK);
        assert_true(existed);
        assert_int_equal(rows_of(c->dir.s, ELO_T_ORPHAN), 0);
        assert_int_equal(elo_store_collect(c->dir.s, &listed, 1, due, &is_gone),
                         ELO_EBUSY);
        assert_false(is_gone);
        assert_true(is_held(c, &d));
        assert_int_equal(elo_store_remove(c->dir.s, &d, NULL), ELO_OK);
        bytes_free(b);
    }
}


static bool
has(care_t *c, uint8_t agent, const elo_digest_t *d)
{
    elo_agent_t a = agent_of(agent);

    return elo_store_possesses(c->dir.s, &a, d);
}


/* One operation takes the copies and the row; a row of a blob that is pinned, or is
   gone already, goes by itself. What others have sent stays theirs. */
static void
test_row_goes_with_it(void **state)
{
    care_t *c = *state;
    elo_slice_t b = bytes_of(1000, 70);
    elo_digest_t d = digest_of(b), listed;
    bool is_gone = true;
    int64_t due;

    for (uint8_t a = 1; a <= 3; a++) {
        elo_put_opt_t opt =
            opt_of(a == 3 ? ELO_REACH_COMMONS : ELO_REACH_LOCAL, a);

        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    }
    make_orphan(c, &d, "r1");
    assert_int_equal(elo_store_pin(c->dir.s, &d, true), ELO_OK);
    assert_true(orphan_due(c, &listed, &due));
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due, &is_gone), ELO_OK);
    assert_false(is_gone);
    assert_true(is_held(c, &d));
    assert_int_equal(rows_of(c->dir.s, ELO_T_ORPHAN), 0);

    assert_int_equal(elo_store_pin(c->dir.s, &d, false), ELO_OK);
    make_orphan(c, &d, "r2");
    assert_true(orphan_due(c, &listed, &due));
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due + 1, &is_gone),
                     ELO_EBUSY);
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due, &is_gone), ELO_OK);
    assert_true(is_gone);
    assert_false(has(c, 1, &d));
    assert_true(has(c, 2, &d));
    assert_true(has(c, 3, &d));
    assert_int_equal(rows_of(c->dir.s, ELO_T_ORPHAN), 0);
    assert_int_equal(rows_of(c->dir.s, ELO_T_SEALED), 1);
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due, &is_gone),
                     ELO_EBUSY);
    bytes_free(b);
}


/* A node whose owner hasn't sent the blob neither keeps nor orphans it. */
static void
test_references_without_effect(void **state)
{
    care_t *c = *state;
    elo_slice_t b = bytes_of(1000, 80);
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 1);
    elo_digest_t d = digest_of(b), listed;
    bool is_gone = false;
    int64_t due;

    assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    assert_int_equal(put_node(c->dir.s, "e1", 1, ELO_REACH_COMMONS, &d, "{}"),
                     ELO_OK);
    assert_int_equal(elo_store_node_remove(c->dir.s, ELO_SLICE("e1"), 0),
                     ELO_OK);
    assert_int_equal(rows_of(c->dir.s, ELO_T_ORPHAN), 0);

    /* nor does one that is there hinder what an effective one had kept */
    assert_int_equal(put_node(c->dir.s, "e2", 1, ELO_REACH_COMMONS, &d, "{}"),
                     ELO_OK);
    make_orphan(c, &d, "e3");
    assert_true(orphan_due(c, &listed, &due));
    assert_int_equal(put_node(c->dir.s, "e4", 1, ELO_REACH_COMMONS, &d, "{}"),
                     ELO_OK);
    assert_true(orphan_due(c, &listed, &due));
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due, &is_gone), ELO_OK);
    assert_true(is_gone);
    assert_false(is_held(c, &d));
    bytes_free(b);
}


/* Who sends bytes that another has, and makes and removes a node, takes nothing from
   him: neither at once nor when all of his own is collected. */
static void
test_anothers_copy_stays(void **state)
{
    care_t *c = *state;
    elo_slice_t b = bytes_of(1000, 90);
    elo_digest_t d = digest_of(b), listed;
    elo_put_opt_t opt;
    bool is_gone = false;
    int64_t due;

    for (uint8_t a = 1; a <= 2; a++) {
        opt = opt_of(ELO_REACH_COMMONS, a);
        assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    }
    make_orphan(c, &d, "mine");
    assert_true(orphan_due(c, &listed, &due));
    assert_int_equal(elo_store_collect(c->dir.s, &d, 2, due, &is_gone),
                     ELO_EBUSY); /* there is none of agent 2 */
    /* 1 is collected although 2's node refers to the bytes: 2 has his own */
    assert_int_equal(
        put_node_of(c->dir.s, 2, "his", 1, ELO_REACH_COMMONS, &d, "{}"),
        ELO_OK);
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due, &is_gone), ELO_OK);
    assert_true(is_gone);
    assert_false(has(c, 1, &d));
    assert_true(has(c, 2, &d));
    assert_true(is_held(c, &d));
    assert_int_equal(elo_store_blob_reach(c->dir.s, &d), ELO_REACH_COMMONS);
    bytes_free(b);
}


static bool
to_agent_2(void *ctx, const elo_digest_t *d, const elo_agent_t *to)
{
    elo_agent_t a = agent_of(2);

    (void) ctx;
    (void) d;
    return elo_agent_eq(to, &a);
}


/* The last copy, which a promoted reference of another's needs, is put off; once that
   has gone, it is collected. */
static void
test_needed_copy_is_put_off(void **state)
{
    care_t *c = *state;
    elo_slice_t b = bytes_of(1000, 91);
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 1);
    elo_digest_t d = digest_of(b), listed;
    bool is_gone = true;
    int64_t due, then;

    c->dir.cfg.promoted = to_agent_2;
    dir_reopen(&c->dir);
    assert_int_equal(put_opt(c->dir.s, &opt, b, 0, NULL, NULL), ELO_OK);
    assert_int_equal(
        put_node_of(c->dir.s, 2, "given", 1, ELO_REACH_COMMONS, &d, "{}"),
        ELO_OK);
    make_orphan(c, &d, "mine");
    assert_true(orphan_due(c, &listed, &due));
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, due, &is_gone), ELO_OK);
    assert_false(is_gone);
    assert_true(is_held(c, &d));
    assert_true(orphan_due(c, &listed, &then));
    assert_true(then > due);
    assert_int_equal(rows_of(c->dir.s, ELO_T_ORPHAN), 2);

    assert_int_equal(elo_store_node_remove(c->dir.s, ELO_SLICE("given"), 0),
                     ELO_OK);
    assert_int_equal(elo_store_collect(c->dir.s, &d, 1, then, &is_gone),
                     ELO_OK);
    assert_true(is_gone);
    assert_false(is_held(c, &d));
    assert_int_equal(rows_of(c->dir.s, ELO_T_ORPHAN), 0);
    bytes_free(b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_what_lost_its_references,
                                        care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_sent_again_stays, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_row_goes_with_it, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_anothers_copy_stays, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_needed_copy_is_put_off, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_references_without_effect,
                                        care_setup, care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
