/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api/content_apply, under a clock of their own. */
#include "backend/api/content_apply.h"
#include "common/base/num.h"
#include "t/unit/backend/store/store_dir.c"

#define T0 INT64_C(1700000000)

typedef struct {
    elo_store_t *s;
    elo_apply_t to;
    elo_err_t err;
    int n_judged;
    int n_races; /* writes of others, between judgement and write */
} judge_t;


static elo_err_t
put_text(elo_store_t *s, const char *id, uint64_t version, const char *text,
         const elo_content_hold_t *hold)
{
    elo_content_env_t env = { .id = elo_slice_str(id),
                              .version = version,
                              .created_at = T0,
                              .updated_at = T0,
                              .hold = hold };
    elo_agent_t nobody = { { 0 } };
    elo_content_fault_t fault;
    elo_content_t n;
    elo_buf_t json;
    elo_err_t rc;

    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    assert_int_equal(elo_content_make(elo_slice_str(text), &env, &json, &fault),
                     ELO_OK);
    assert_int_equal(elo_content_load(elo_buf_slice(&json), &n), ELO_OK);
    rc = elo_content_store(s, &n, &nobody, elo_buf_slice(&json), version - 1,
                           T0);
    elo_content_dispose(&n);
    elo_buf_dispose(&json);
    return rc;
}


static elo_err_t
judge(void *ctx, const elo_content_t *n, const elo_agent_t *owner,
      elo_apply_t *out)
{
    judge_t *j = ctx;

    assert_true(elo_agent_is_zero(owner));
    j->n_judged++;
    *out = j->to;
    if (j->n_races > 0) {
        j->n_races--;
        assert_int_equal(put_text(j->s, "x", n->version + 1,
                                  "{\"title\":\"theirs\",\"body\":\"b\"}",
                                  NULL),
                         ELO_OK);
    }
    return j->err;
}


static elo_err_t
apply(judge_t *j, elo_applied_t *out)
{
    return elo_content_apply(j->s, ELO_SLICE("x"), T0 + 50, judge, j, out);
}


static void
test_change(void **state)
{
    elo_lifecycle_t stale = ELO_LIFECYCLE_STALE;
    judge_t j = { .s = ((dir_t *) *state)->s };
    elo_applied_t a;

    assert_int_equal(apply(&j, &a), ELO_ENOTFOUND);
    elo_applied_dispose(&a);
    assert_int_equal(j.n_judged, 0);
    assert_int_equal(
        put_text(j.s, "x", 1, "{\"title\":\"t\",\"body\":\"b\"}", NULL),
        ELO_OK);

    j.to.set.lifecycle = &stale;
    assert_int_equal(apply(&j, &a), ELO_OK);
    assert_int_equal(a.was_version, 1);
    assert_int_equal(a.was, ELO_LIFECYCLE_PUBLISHED);
    assert_int_equal(a.content.version, 2);
    assert_int_equal(a.content.lifecycle, ELO_LIFECYCLE_STALE);
    assert_int_equal(a.content.updated_at, T0 + 50);
    assert_int_equal(a.content.fresh_at, T0); /* nobody has looked */
    elo_applied_dispose(&a);

    j.to = (elo_apply_t){ .is_nothing = true };
    assert_int_equal(apply(&j, &a), ELO_OK);
    assert_int_equal(a.content.version, 2);
    assert_int_equal(a.was_version, 2);
    elo_applied_dispose(&a);

    j.to = (elo_apply_t){ .is_fresh = true };
    j.err = ELO_EHELD; /* whatever it is */
    assert_int_equal(apply(&j, NULL), ELO_EHELD);
    j.err = ELO_EPRECOND;
    j.n_judged = 0;
    assert_int_equal(apply(&j, NULL), ELO_EPRECOND);
    assert_int_equal(j.n_judged, 1);
    j.err = ELO_OK;
    assert_int_equal(apply(&j, &a), ELO_OK);
    assert_int_equal(a.content.fresh_at, T0 + 50);
    elo_applied_dispose(&a);
}


/* What is judged is what is replaced. */
static void
test_races(void **state)
{
    judge_t j = { .s = ((dir_t *) *state)->s, .n_races = 3 };
    elo_reach_t local = ELO_REACH_LOCAL;
    elo_applied_t a;

    assert_int_equal(
        put_text(j.s, "x", 1, "{\"title\":\"t\",\"body\":\"b\"}", NULL),
        ELO_OK);
    j.to.set.reach = &local;
    assert_int_equal(apply(&j, &a), ELO_OK);
    assert_int_equal(j.n_judged, 4);
    assert_int_equal(a.was_version, 4);
    assert_int_equal(a.content.version, 5);
    assert_int_equal(a.content.reach, ELO_REACH_LOCAL);
    assert_memory_equal(a.content.title.p, "theirs", 6);
    elo_applied_dispose(&a);

    j.n_races = 1000000;
    assert_int_equal(apply(&j, &a), ELO_EBUSY);
    elo_applied_dispose(&a);
}


static elo_node_head_t
head_of(elo_store_t *s, const char *id)
{
    elo_node_head_t head;

    assert_int_equal(elo_store_node_head(s, elo_slice_str(id), &head), ELO_OK);
    return head;
}


/* T0 is 14 November 2023, 22:13:20. */
static void
test_calendar(void **state)
{
    elo_store_t *s = ((dir_t *) *state)->s;
    elo_slice_t id = ELO_SLICE("x"), b = bytes_of(40, 1);
    elo_digest_t d = digest_of(b);
    char hash[ELO_ADDR_CANON_LEN + 1], text[512];
    int64_t month = INT64_C(30) * 86400; /* November's */

    assert_int_equal(put_bytes(s, b, NULL, NULL), ELO_OK);
    elo_addr_canon(&d, hash);
    snprintf(text, sizeof(text),
             "{\"title\":\"t\",\"reach\":\"commons\",\"refreshInterval\":"
             "\"P1M\",\"blobs\":[{\"hash\":\"%s\",\"expiresAt\":"
             "\"2024-02-01T00:00:00Z\"}]}",
             hash);
    assert_int_equal(put_text(s, "x", 1, text, NULL), ELO_OK);
    assert_int_equal(head_of(s, "x").due_s, T0 + month);
    assert_int_equal(elo_store_blob_reach(s, &d), ELO_REACH_COMMONS);

    assert_int_equal(elo_content_grow_old(s, id, T0 + month - 1), ELO_OK);
    assert_int_equal(head_of(s, "x").version, 1);
    assert_int_equal(elo_content_grow_old(s, id, T0 + month), ELO_OK);
    assert_int_equal(head_of(s, "x").version, 2);
    assert_int_equal(head_of(s, "x").life, ELO_NODE_STALE);
    assert_int_equal(head_of(s, "x").due_s, INT64_C(1706745600));

    /* the clock goes back, and leaps */
    assert_int_equal(elo_content_grow_old(s, id, T0 - month), ELO_OK);
    assert_int_equal(head_of(s, "x").version, 2);
    assert_int_equal(elo_content_grow_old(s, id, INT64_C(4000000000)), ELO_OK);
    assert_int_equal(head_of(s, "x").version, 3);
    assert_int_equal(head_of(s, "x").life, ELO_NODE_DEPRECATED);
    assert_int_equal(head_of(s, "x").due_s, 0);
    assert_int_equal(head_of(s, "x").n_refs, 0);
    assert_int_equal(elo_store_blob_reach(s, &d), ELO_REACH_PRIVATE);
    assert_int_equal(elo_content_grow_old(s, ELO_SLICE("none"), T0), ELO_OK);
    bytes_free(b);
}


/* A hold keeps what has expired, and lets a node become stale. */
static void
test_held(void **state)
{
    elo_content_hold_t hold = { .since = T0, .by = ELO_SLICE("a") };
    elo_store_t *s = ((dir_t *) *state)->s;
    elo_slice_t id = ELO_SLICE("x");

    assert_int_equal(
        put_text(s, "x", 1,
                 "{\"title\":\"t\",\"reach\":\"commons\",\"refreshInterval\":"
                 "\"P1M\",\"blobs\":[{\"hash\":\"11111111111111111111111111111"
                 "11111111111111111111111111111111111\",\"expiresAt\":"
                 "\"2001-01-01T00:00:00Z\"}]}",
                 &hold),
        ELO_OK);
    assert_int_equal(head_of(s, "x").n_refs, 1);
    assert_int_equal(head_of(s, "x").flags & ELO_NODE_IS_HELD,
                     ELO_NODE_IS_HELD);
    assert_int_equal(elo_content_grow_old(s, id, T0), ELO_OK);
    assert_int_equal(head_of(s, "x").version, 1);
    assert_int_equal(elo_content_grow_old(s, id, T0 + 40 * 86400), ELO_OK);
    assert_int_equal(head_of(s, "x").life, ELO_NODE_STALE);
    assert_int_equal(head_of(s, "x").n_refs, 1);
    assert_int_equal(elo_store_node_remove(s, id, 0), ELO_EBUSY);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_change, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_races, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_calendar, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_held, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
