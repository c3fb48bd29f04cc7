/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/agent: numbers, usage, quotas, also over restarts and with
   an index that was made again. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/store/agent.h"

typedef struct {
    elo_agent_stat_t all[16];
    size_t n, most;
} list_t;


static bool
collect(void *ctx, const elo_agent_stat_t *a)
{
    list_t *l = ctx;

    l->all[l->n++] = *a;
    return l->n < l->most;
}


static elo_agent_stat_t
stat_of(dir_t *d, uint8_t n)
{
    elo_agent_t a = agent_of(n);
    elo_agent_stat_t st;

    assert_int_equal(elo_store_agent(d->s, &a, &st), ELO_OK);
    assert_true(elo_agent_eq(&st.agent, &a));
    return st;
}


static void
send(dir_t *d, uint8_t agent, elo_reach_t reach, const char *text)
{
    elo_put_opt_t opt = opt_of(reach, agent);

    assert_int_equal(put_opt(d->s, &opt, elo_slice_str(text), 0, NULL, NULL),
                     ELO_OK);
}


static void
as_sent(dir_t *d)
{
    static const uint64_t bytes[] = { 3, 7, 4, 0 };
    static const uint64_t blobs[] = { 1, 2, 1, 0 };

    for (uint8_t i = 0; i < 4; i++) {
        assert_int_equal(stat_of(d, i).bytes, bytes[i]);
        assert_int_equal(stat_of(d, i).blobs, blobs[i]);
    }
}


static void
test_usage(void **state)
{
    dir_t *d = *state;
    list_t l = { .most = 16 };

    assert_int_equal(elo_store_each_agent(d->s, collect, &l), ELO_OK);
    assert_int_equal(l.n, 1); /* the operator */
    send(d, 0, ELO_REACH_COMMONS, "abc");
    send(d, 1, ELO_REACH_COMMONS, "abc");
    send(d, 1, ELO_REACH_PRIVATE, "defg");
    send(d, 2, ELO_REACH_LOCAL, "defg");
    as_sent(d);
    dir_reopen(d);
    as_sent(d);
    l.n = 0;
    assert_int_equal(elo_store_each_agent(d->s, collect, &l), ELO_OK);
    assert_int_equal(l.n, 3);
    assert_true(elo_agent_is_zero(&l.all[0].agent));
    assert_int_equal(l.all[1].bytes + l.all[2].bytes, 11);
    l = (list_t){ .most = 2 };
    assert_int_equal(elo_store_each_agent(d->s, collect, &l), ELO_OK);
    assert_int_equal(l.n, 2);
}


/* Numbers stay whose they were when the index is lost. */
static void
test_rebuilt(void **state)
{
    dir_t *d = *state;
    elo_agent_t one = agent_of(1), five = agent_of(5);
    elo_agent_t found;
    elo_kv_view_t v;
    uint32_t no1, no5;

    send(d, 0, ELO_REACH_COMMONS, "abc");
    send(d, 1, ELO_REACH_COMMONS, "abc");
    send(d, 1, ELO_REACH_PRIVATE, "defg");
    send(d, 2, ELO_REACH_LOCAL, "defg");
    elo_store_close(&d->s);
    assert_int_equal(unlink(dir_path(d, "index/data.mdb")), 0);
    dir_open(d);
    as_sent(d);
    send(d, 5, ELO_REACH_COMMONS, "x");
    assert_int_equal(elo_kv_view_begin(elo_store_kv(d->s), &v), ELO_OK);
    assert_int_equal(elo_agent_no(&v, &one, &no1), ELO_OK);
    assert_int_equal(elo_agent_no(&v, &five, &no5), ELO_OK);
    assert_int_equal(no5, 3);
    assert_int_equal(elo_agent_of(&v, no1, &found), ELO_OK);
    assert_true(elo_agent_eq(&found, &one));
    assert_int_equal(elo_agent_of(&v, 0, &found), ELO_OK);
    assert_true(elo_agent_is_zero(&found));
    assert_int_equal(elo_agent_of(&v, 77, &found), ELO_ENOTFOUND);
    elo_kv_view_end(&v);
}


static void
test_quota(void **state)
{
    dir_t *d = *state;
    elo_agent_t op = agent_of(0), one = agent_of(1);

    elo_store_close(&d->s);
    d->cfg.quota_bytes = 100;
    dir_open(d);
    assert_int_equal(stat_of(d, 0).quota, 100);
    assert_int_equal(stat_of(d, 1).quota, 100);
    assert_int_equal(elo_store_set_quota(d->s, &op, 7), ELO_OK);
    assert_int_equal(elo_store_set_quota(d->s, &one, 0), ELO_OK);
    assert_int_equal(stat_of(d, 0).quota, 7);
    assert_int_equal(stat_of(d, 1).quota, 0); /* without bound */
    assert_int_equal(elo_quota_check(d->s, &one, UINT64_MAX), ELO_OK);
    assert_int_equal(elo_quota_check(d->s, &op, 7), ELO_OK);
    assert_int_equal(elo_quota_check(d->s, &op, 8), ELO_EQUOTA);
    dir_reopen(d);
    assert_int_equal(stat_of(d, 0).quota, 7);
    assert_int_equal(stat_of(d, 1).quota, 0);
    assert_int_equal(elo_store_set_quota(d->s, &op, UINT64_MAX), ELO_OK);
    assert_int_equal(elo_store_set_quota(d->s, &one, UINT64_MAX), ELO_OK);
    assert_int_equal(stat_of(d, 0).quota, 100);
    assert_int_equal(stat_of(d, 1).quota, 100);
    assert_int_equal(elo_quota_check(d->s, &one, 101), ELO_EQUOTA);
    /* A quota below what there is takes nothing away. */
    send(d, 1, ELO_REACH_COMMONS, "abc");
    assert_int_equal(elo_store_set_quota(d->s, &one, 1), ELO_OK);
    assert_true(reads_back(d->s, ELO_SLICE("abc")));
    assert_int_equal(elo_quota_check(d->s, &one, 0), ELO_EQUOTA);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_usage, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_rebuilt, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_quota, dir_setup_keys,
                                        dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
