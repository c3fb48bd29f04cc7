/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/care/restate: rows that an older version has written, by the texts
   that backend/api makes. */
#include "backend/api/content_apply.h"
#include "backend/node/content_node.h"
#include "backend/store/node_find.h"
#include "backend/store/node_internal.h"
#include "backend/store/setting.h"
#include "t/unit/backend/care/care_dir.h"

#define MANY    600u /* more than two looks */
#define SETTING "nodes stated"
#define GUEST   "1111111111111111111111111111111111111111111111111111111111111111"

static unsigned n_restated;
static const char *stuck;   /* an id that can't be done */
static elo_err_t stuck_err; /* of that */


static elo_err_t
restate(elo_store_t *s, elo_slice_t id, int64_t now)
{
    n_restated++;
    return stuck != NULL && elo_slice_eq(id, elo_slice_str(stuck))
               ? stuck_err
               : elo_content_restate(s, id, now);
}


typedef struct {
    elo_kv_op_t op;
    elo_slice_t id, row;
} raw_t;


static elo_err_t
raw_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    raw_t *r = (raw_t *) op;

    return elo_kv_tx_put(tx, ELO_T_NODE, r->id, r->row, NULL, 0);
}


/* The row is as version 2 had it. */
static void
age(elo_store_t *s, const char *id, elo_reach_t reach)
{
    uint8_t mem[32];
    elo_buf_t b;
    raw_t r = { .op.run = raw_run, .id = elo_slice_str(id) };

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_u8(&b, 2);
    elo_buf_put_u8(&b, (uint8_t) reach);
    elo_buf_put_be64(&b, 1);
    elo_buf_put_be32(&b, 0);
    elo_buf_put_be16(&b, 0);
    r.row = elo_buf_slice(&b);
    assert_int_equal(elo_store_exec(s, &r.op), ELO_OK);
}


static void
put(elo_store_t *s, const char *id, const char *text)
{
    elo_content_env_t env = {
        .id = elo_slice_str(id), .version = 1, .created_at = 7, .updated_at = 8
    };
    elo_agent_t nobody = { { 0 } };
    elo_content_fault_t fault;
    elo_content_t n;
    elo_buf_t json;

    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    assert_int_equal(elo_content_make(elo_slice_str(text), &env, &json, &fault),
                     ELO_OK);
    assert_int_equal(elo_content_load(elo_buf_slice(&json), &n), ELO_OK);
    assert_int_equal(
        elo_content_store(s, &n, &nobody, elo_buf_slice(&json), 0, 8), ELO_OK);
    elo_content_dispose(&n);
    elo_buf_dispose(&json);
}


static elo_node_head_t
head_of(elo_store_t *s, const char *id)
{
    elo_node_head_t head;

    assert_int_equal(elo_store_node_head(s, elo_slice_str(id), &head), ELO_OK);
    return head;
}


static bool
is_bare(elo_store_t *s, const char *id)
{
    return (head_of(s, id).flags & ELO_NODE_IS_BARE) != 0;
}


static bool
is_stated(elo_store_t *s)
{
    uint8_t mem[ELO_SETTING_MAX];
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    return elo_store_setting_get(s, SETTING, &b) == ELO_OK;
}


static void
begin(care_t *c)
{
    n_restated = 0;
    stuck = NULL;
    c->cfg.restate = restate;
}


static bool
invites_guest(elo_store_t *s, const char *id)
{
    elo_node_head_t head;
    elo_agent_t guest;
    bool is_invited;

    memset(guest.b, 0x11, sizeof(guest.b));
    assert_int_equal(elo_store_node_invites(s, elo_slice_str(id), &guest, &head,
                                            &is_invited),
                     ELO_OK);
    return is_invited;
}


/* Each member of a row comes back from its text, and the version stays. */
static void
test_members(void **state)
{
    care_t *c = *state;
    elo_store_t *s = c->dir.s;
    elo_node_head_t head;
    elo_care_run_t r;

    begin(c);
    put(s, "private", "{\"title\":\"t\",\"body\":\"b\",\"reach\":\"private\"}");
    age(s, "private", ELO_REACH_PRIVATE);
    put(s, "draft",
        "{\"title\":\"t\",\"body\":\"b\",\"reach\":\"commons\","
        "\"lifecycle\":\"draft\"}");
    age(s, "draft", ELO_REACH_PRIVATE);
    put(s, "invited",
        "{\"title\":\"t\",\"body\":\"b\",\"reach\":\"invited\",\"invited\":["
        "\"" GUEST "\"],\"refreshInterval\":\"P1Y\"}");
    age(s, "invited", ELO_REACH_INVITED);
    put(s, "gone", "{\"title\":\"t\",\"body\":\"b\"}");
    assert_int_equal(elo_store_node_remove(s, ELO_SLICE("gone"), 0), ELO_OK);
    put(s, "young", "{\"title\":\"t\",\"body\":\"b\"}");
    assert_false(invites_guest(s, "invited"));
    assert_int_equal(head_of(s, "private").life, ELO_NODE_DRAFT);

    r = care_whole(c, elo_care_step_restate);
    assert_int_equal(r.items, 3);
    assert_int_equal(r.found, 0);
    assert_int_equal(n_restated, 3);
    head = head_of(s, "private");
    assert_int_equal(head.life, ELO_NODE_PUBLISHED);
    assert_int_equal(head.version, 1);
    assert_int_equal(head.created_at, 7);
    assert_int_equal(head.flags, 0);
    head = head_of(s, "draft");
    assert_int_equal(head.life, ELO_NODE_DRAFT);
    assert_int_equal(head.stated, ELO_REACH_COMMONS);
    assert_int_equal(head.reach, ELO_REACH_PRIVATE);
    assert_true(invites_guest(s, "invited"));
    assert_true(head_of(s, "invited").due_s > 0);
    assert_true(is_stated(s));

    /* nothing is looked at again */
    age(s, "private", ELO_REACH_PRIVATE);
    r = care_whole(c, elo_care_step_restate);
    assert_int_equal(r.items, 0);
    assert_true(is_bare(s, "private"));
}


/* A run that ends anywhere says nothing of being done, and another goes on. */
static void
test_interrupted(void **state)
{
    care_t *c = *state;
    elo_care_run_t r;
    unsigned runs = 0, n = 0;
    bool more = true;
    char id[8];

    begin(c);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "n%03u", i);
        put(c->dir.s, id, "{\"title\":\"t\",\"body\":\"b\"}");
        if (i % 3 != 1) {
            age(c->dir.s, id, ELO_REACH_PRIVATE);
            n++;
        }
    }
    while (!is_stated(c->dir.s)) {
        assert_true(runs++ < MANY);
        r = care_run(c, false);
        /* a step of no budget is one look, or one row */
        for (unsigned i = 0; i < 37 && (i == 0 || more); i++) {
            assert_int_equal(elo_care_step_restate(&r, &more), ELO_OK);
        }
        care_drop(&r);
        if (runs % 4 == 0 && !is_stated(c->dir.s)) {
            dir_reopen(&c->dir);
        }
    }
    assert_true(runs > 2);
    assert_int_equal(n_restated, n);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "n%03u", i);
        assert_false(is_bare(c->dir.s, id));
    }
}


/* One that can't be done is told of and passed over; a store that takes nothing is
   not done. */
static void
test_stuck(void **state)
{
    care_t *c = *state;
    elo_care_run_t r;

    begin(c);
    put(c->dir.s, "a", "{\"title\":\"t\",\"body\":\"b\"}");
    put(c->dir.s, "b", "{\"title\":\"t\",\"body\":\"b\"}");
    age(c->dir.s, "a", ELO_REACH_COMMONS);
    age(c->dir.s, "b", ELO_REACH_COMMONS);
    stuck = "a";
    stuck_err = ELO_ENOSPC;
    r = care_run(c, false);
    assert_int_equal(
        care_finish(&r, elo_care_step_restate, UINT64_C(1000000000)),
        ELO_ENOSPC);
    assert_false(is_stated(c->dir.s));
    assert_true(is_bare(c->dir.s, "b"));
    stuck_err = ELO_ECORRUPT;
    r = care_whole(c, elo_care_step_restate);
    assert_int_equal(r.items, 2);
    assert_int_equal(r.found, 1);
    assert_true(is_bare(c->dir.s, "a"));
    assert_false(is_bare(c->dir.s, "b"));
    assert_true(is_stated(c->dir.s));
}


int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, care_setup, care_teardown)
    const struct CMUnitTest tests[] = {
        T(test_members),
        T(test_interrupted),
        T(test_stuck),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
