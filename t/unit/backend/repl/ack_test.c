/* SPDX-License-Identifier: BSD-2-Clause */
/* ack: the tier of a blob follows from its task, over a queue of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "backend/repl/ack.h"
#include "common/base/num.h"

static elo_err_t answer;
static elo_digest_t asked;
static bool is_stored = true;


elo_err_t
elo_task_look(elo_store_t *s, elo_task_kind_t kind, const elo_digest_t *d,
              bool *there, bool *has_task, elo_task_t *out)
{
    (void) s;
    *there = is_stored;
    *has_task = answer == ELO_OK;
    assert_int_equal(kind, ELO_TASK_REPLICATE);
    asked = *d;
    *out = (elo_task_t){ .kind = kind, .digest = *d, .attempts = 3 };
    return answer == ELO_ENOTFOUND ? ELO_OK : answer;
}

static const struct {
    elo_reach_t reach;
    elo_err_t task;
    elo_ack_tier_t tier;
    bool is_reduced;
    uint32_t wanted;
} rows[] = {
    { ELO_REACH_PRIVATE, ELO_OK, ELO_ACK_ACCEPTED, false, 1 },
    { ELO_REACH_PRIVATE, ELO_ENOTFOUND, ELO_ACK_DURABLE, false, 1 },
    { ELO_REACH_INVITED, ELO_ENOTFOUND, ELO_ACK_DURABLE, true, 2 },
    { ELO_REACH_LOCAL, ELO_ENOTFOUND, ELO_ACK_DURABLE, true, 3 },
    { ELO_REACH_NEIGHBORHOOD, ELO_OK, ELO_ACK_ACCEPTED, false, 5 },
    { ELO_REACH_REGIONAL, ELO_ENOTFOUND, ELO_ACK_DURABLE, true, 10 },
    { ELO_REACH_COMMONS, ELO_OK, ELO_ACK_ACCEPTED, false, 10 },
    { ELO_REACH_COMMONS, ELO_ENOTFOUND, ELO_ACK_DURABLE, true, 10 },
};


static void
test_tiers(void **state)
{
    elo_blob_stat_t st = { .digest = { { 1 } }, ._object = { { 2 } } };
    elo_ack_t a;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        st.is_sealed = rows[i].reach < ELO_REACH_NEIGHBORHOOD;
        answer = rows[i].task;
        assert_int_equal(elo_ack_find(NULL, &st, rows[i].reach, &a), ELO_OK);
        assert_int_equal(a.tier, rows[i].tier);
        assert_int_equal(a.is_reduced, rows[i].is_reduced);
        assert_int_equal(a.wanted, rows[i].wanted);
        assert_int_equal(a.holders, 1);
        assert_int_equal(a.has_task, rows[i].task == ELO_OK);
        /* by what is stored */
        assert_int_equal(asked.b[0], st.is_sealed ? 2 : 1);
    }
    answer = ELO_ECORRUPT;
    a.tier = ELO_ACK_NONE;
    assert_int_equal(elo_ack_find(NULL, &st, ELO_REACH_COMMONS, &a),
                     ELO_ECORRUPT);
    assert_int_equal(a.tier, ELO_ACK_NONE);
}


/* Whatever is left of its task: what is gone is no more than gone. */
static void
test_removed(void **state)
{
    static const elo_err_t tasks[] = { ELO_OK, ELO_ENOTFOUND };
    elo_blob_stat_t st = { .digest = { { 1 } } };
    elo_ack_t a;

    (void) state;
    is_stored = false;
    for (size_t i = 0; i < ELO_COUNT(tasks); i++) {
        answer = tasks[i];
        assert_int_equal(elo_ack_find(NULL, &st, ELO_REACH_COMMONS, &a),
                         ELO_OK);
        assert_int_equal(a.tier, ELO_ACK_NONE);
        assert_false(a.is_reduced || a.has_task);
        assert_int_equal(a.holders, 0);
    }
    is_stored = true;
}


static void
test_names(void **state)
{
    (void) state;
    assert_string_equal(elo_ack_name(ELO_ACK_ACCEPTED), "accepted");
    assert_string_equal(elo_ack_name(ELO_ACK_DURABLE), "durable");
    assert_string_equal(elo_ack_name(ELO_ACK_NONE), "none");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
