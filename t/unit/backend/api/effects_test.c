/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api/effects: records that come, and those that were left by a
   daemon that ended between a record and its effect. */
#include "t/unit/backend/ctl/ctl_dir.c"

#include "backend/api/content_apply.h"
#include "backend/api/effects.h"
#include "backend/store/setting.h"

#define SETTING "records applied"
#define MANY    300u /* more than a batch reads, and has effects */

typedef struct {
    plane_t p; /* first */
    elo_promoted_t *promoted;
    elo_effects_t *e;
    person_t owner, ada, bob;
} stand_t;


static void
begin(stand_t *x)
{
    elo_effects_cfg_t cfg = { .loop = x->p.loop,
                              .store = x->p.dir.s,
                              .ctl = x->p.c,
                              .promoted = x->promoted,
                              .node_owner = x->owner.id };

    assert_int_equal(elo_effects_create(&cfg, &x->e), ELO_OK);
    elo_loop_run(x->p.loop);
}


/* As after another start; with its effects, or without. */
static void
again(stand_t *x, bool has_effects)
{
    elo_effects_free(&x->e);
    elo_promoted_free(&x->promoted);
    assert_int_equal(elo_promoted_create(&x->owner.id, &x->promoted), ELO_OK);
    x->p.dir.cfg.promoted = elo_promoted_has;
    x->p.dir.cfg.promoted_ctx = x->promoted;
    plane_reopen(&x->p);
    if (has_effects) {
        begin(x);
    }
}


static int
setup(void **state)
{
    stand_t *x = calloc(1, sizeof(*x));

    dir_make_root(&x->p.dir);
    dir_keyring(&x->p.dir);
    dir_open(&x->p.dir);
    atomic_store(&x->p.now, START);
    plane_open(&x->p);
    x->owner = owner_of(&x->p);
    x->ada = person(1);
    x->bob = person(2);
    must_tell(&x->p, &x->owner, admission(&x->ada, ELO_LEVEL_AUTHENTICATED, 0));
    must_tell(&x->p, &x->owner, admission(&x->bob, ELO_LEVEL_AUTHENTICATED, 0));
    again(x, false);
    *state = x;
    return 0;
}


static int
teardown(void **state)
{
    stand_t *x = *state;

    elo_effects_free(&x->e);
    plane_close(&x->p);
    dir_end(&x->p.dir);
    elo_promoted_free(&x->promoted);
    free(x);
    return 0;
}


/* ---- contents ---- */

static void
put_held(stand_t *x, const elo_agent_t *owner, const char *id,
         const char *members, const elo_content_hold_t *hold)
{
    elo_content_env_t env = { .id = elo_slice_str(id),
                              .version = 1,
                              .created_at = START,
                              .updated_at = START,
                              .hold = hold };
    elo_content_fault_t fault;
    char text[512];
    elo_content_t n;
    elo_buf_t json;

    snprintf(text, sizeof(text), "{\"title\":\"t\",\"body\":\"b\"%s}", members);
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    assert_int_equal(elo_content_make(elo_slice_str(text), &env, &json, &fault),
                     ELO_OK);
    assert_int_equal(elo_content_load(elo_buf_slice(&json), &n), ELO_OK);
    assert_int_equal(elo_content_store(x->p.dir.s, &n, owner,
                                       elo_buf_slice(&json), 0, START),
                     ELO_OK);
    elo_content_dispose(&n);
    elo_buf_dispose(&json);
}


static void
put_text(stand_t *x, const elo_agent_t *owner, const char *id,
         const char *members)
{
    put_held(x, owner, id, members, NULL);
}


static void
assert_node(stand_t *x, const char *id, uint64_t version, elo_node_life_t life,
            elo_reach_t reach)
{
    elo_node_head_t head;

    assert_int_equal(elo_store_node_head(x->p.dir.s, elo_slice_str(id), &head),
                     ELO_OK);
    assert_int_equal(head.version, version);
    assert_int_equal(head.life, life);
    assert_int_equal(head.stated, reach);
}


static elo_rec_t
move(const char *id, uint64_t version, elo_lifecycle_t to)
{
    return (elo_rec_t){ .kind = ELO_REC_LIFECYCLE,
                        .body = { .has_content = true,
                                  .content = elo_slice_str(id),
                                  .version = version,
                                  .sort = (uint32_t) to } };
}


static elo_rec_t
widen(const char *id, elo_reach_t from, elo_reach_t to)
{
    return (elo_rec_t){ .kind = ELO_REC_PROMOTION,
                        .body = { .has_content = true,
                                  .content = elo_slice_str(id),
                                  .from = from,
                                  .to = to } };
}


static elo_rec_t
may_refer(const elo_digest_t *d, const person_t *to)
{
    return (elo_rec_t){ .kind = ELO_REC_PROMOTION,
                        .body = { .ref = *d, .agent = to->id } };
}


static void
wind_back(stand_t *x)
{
    static const uint8_t zero[8];

    assert_int_equal(elo_store_setting_put(x->p.dir.s, SETTING,
                                           elo_slice(zero, sizeof(zero))),
                     ELO_OK);
}


/* ---- tests ---- */

static void
test_as_they_come(void **state)
{
    elo_agent_t operator= { { 0 } };
    stand_t *x = *state;
    elo_digest_t id;

    put_text(x, &x->ada.id, "hers", ",\"reach\":\"local\"");
    put_text(x, &operator, "own", ",\"reach\":\"local\"");
    begin(x);
    must_tell(&x->p, &x->bob, move("hers", 1, ELO_LIFECYCLE_FORGOTTEN));
    must_tell(&x->p, &x->ada, move("own", 1, ELO_LIFECYCLE_FORGOTTEN));
    must_tell(&x->p, &x->ada, move("hers", 2, ELO_LIFECYCLE_STALE));
    must_tell(&x->p, &x->ada, move("hers", 1, ELO_LIFECYCLE_DRAFT));
    must_tell(&x->p, &x->ada, move("none", 1, ELO_LIFECYCLE_STALE));
    must_tell(&x->p, &x->bob,
              widen("hers", ELO_REACH_LOCAL, ELO_REACH_COMMONS));
    must_tell(&x->p, &x->ada,
              widen("hers", ELO_REACH_PRIVATE, ELO_REACH_COMMONS));
    assert_node(x, "hers", 1, ELO_NODE_PUBLISHED, ELO_REACH_LOCAL);
    assert_node(x, "own", 1, ELO_NODE_PUBLISHED, ELO_REACH_LOCAL);

    must_tell(&x->p, &x->owner, move("own", 1, ELO_LIFECYCLE_ARCHIVED));
    assert_node(x, "own", 2, ELO_NODE_ARCHIVED, ELO_REACH_LOCAL);
    must_tell(&x->p, &x->ada, move("hers", 1, ELO_LIFECYCLE_STALE));
    assert_node(x, "hers", 2, ELO_NODE_STALE, ELO_REACH_LOCAL);
    id = must_tell(&x->p, &x->ada,
                   widen("hers", ELO_REACH_LOCAL, ELO_REACH_COMMONS));
    assert_node(x, "hers", 3, ELO_NODE_STALE, ELO_REACH_COMMONS);
    must_tell(&x->p, &x->ada, revocation(&id));
    assert_node(x, "hers", 4, ELO_NODE_STALE, ELO_REACH_LOCAL);
}


/* By the owner's revocation only what is as his promotion left it: who has set another
   reach since has had the last word. An administrator's counts too. */
static void
test_revocations(void **state)
{
    elo_agent_t operator= { { 0 } };
    stand_t *x = *state;
    elo_digest_t one, two;

    put_text(x, &x->ada.id, "hers", ",\"reach\":\"private\"");
    put_text(x, &operator, "own", "");
    begin(x);
    one = must_tell(&x->p, &x->ada,
                    widen("hers", ELO_REACH_PRIVATE, ELO_REACH_LOCAL));
    two = must_tell(&x->p, &x->ada,
                    widen("hers", ELO_REACH_LOCAL, ELO_REACH_COMMONS));
    must_tell(&x->p, &x->ada, revocation(&one));
    assert_node(x, "hers", 3, ELO_NODE_PUBLISHED, ELO_REACH_COMMONS);
    must_tell(&x->p, &x->owner, revocation(&two));
    assert_node(x, "hers", 4, ELO_NODE_PUBLISHED, ELO_REACH_LOCAL);
    one = must_tell(&x->p, &x->owner, relation(&x->bob, ELO_REL_FAMILY));
    must_tell(&x->p, &x->owner, revocation(&one)); /* of something else */
    assert_node(x, "hers", 4, ELO_NODE_PUBLISHED, ELO_REACH_LOCAL);
}


/* A hold is stronger than its owner's word; other moves it allows. */
static void
test_held(void **state)
{
    elo_content_hold_t hold = { .since = START, .by = ELO_SLICE("a") };
    stand_t *x = *state;

    put_held(x, &x->ada.id, "kept", "", &hold);
    begin(x);
    must_tell(&x->p, &x->ada, move("kept", 1, ELO_LIFECYCLE_FORGOTTEN));
    must_tell(&x->p, &x->ada, move("kept", 1, ELO_LIFECYCLE_ARCHIVED));
    assert_node(x, "kept", 1, ELO_NODE_PUBLISHED, ELO_REACH_PRIVATE);
    must_tell(&x->p, &x->ada, move("kept", 1, ELO_LIFECYCLE_DEPRECATED));
    assert_node(x, "kept", 2, ELO_NODE_DEPRECATED, ELO_REACH_PRIVATE);
}


/* Nobody was there when they came. */
static void
test_catching_up(void **state)
{
    stand_t *x = *state;
    char id[16];

    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "n%u", i);
        if (i % 10 == 0) {
            put_text(x, &x->ada.id, id, "");
        }
        must_tell(&x->p, &x->ada, move(id, 1, ELO_LIFECYCLE_DEPRECATED));
    }
    assert_node(x, "n0", 1, ELO_NODE_PUBLISHED, ELO_REACH_PRIVATE);
    again(x, true);
    for (uint32_t i = 0; i < MANY; i += 10) {
        snprintf(id, sizeof(id), "n%u", i);
        assert_node(x, id, 2, ELO_NODE_DEPRECATED, ELO_REACH_PRIVATE);
    }
}


/* What was done before a crash, and isn't known to be, is done again: to the same
   end. */
static void
test_done_twice(void **state)
{
    stand_t *x = *state;
    elo_digest_t id;

    put_text(x, &x->ada.id, "a", ",\"reach\":\"local\"");
    put_text(x, &x->ada.id, "b", ",\"reach\":\"local\"");
    begin(x);
    must_tell(&x->p, &x->ada, move("a", 1, ELO_LIFECYCLE_STALE));
    wind_back(x);
    again(x, true);
    assert_node(x, "a", 2, ELO_NODE_STALE, ELO_REACH_LOCAL);

    id = must_tell(&x->p, &x->ada,
                   widen("b", ELO_REACH_LOCAL, ELO_REACH_COMMONS));
    wind_back(x);
    again(x, true);
    assert_node(x, "b", 2, ELO_NODE_PUBLISHED, ELO_REACH_COMMONS);
    must_tell(&x->p, &x->ada, revocation(&id));
    again(x, true);
    assert_node(x, "b", 3, ELO_NODE_PUBLISHED, ELO_REACH_LOCAL);
}


/* A promotion that was revoked while nobody was there is never in effect. */
static void
test_revoked_meanwhile(void **state)
{
    stand_t *x = *state;
    elo_digest_t id;

    put_text(x, &x->ada.id, "a", ",\"reach\":\"local\"");
    id = must_tell(&x->p, &x->ada,
                   widen("a", ELO_REACH_LOCAL, ELO_REACH_COMMONS));
    must_tell(&x->p, &x->ada, revocation(&id));
    again(x, true);
    assert_node(x, "a", 1, ELO_NODE_PUBLISHED, ELO_REACH_LOCAL);
}


static void
test_bytes(void **state)
{
    stand_t *x = *state;
    elo_slice_t b = bytes_of(70, 1);
    elo_digest_t d = digest_of(b), id, second;
    elo_put_opt_t opt = { .reach = ELO_REACH_COMMONS, .agent = x->ada.id };

    assert_int_equal(put_opt(x->p.dir.s, &opt, b, 100, NULL, NULL), ELO_OK);
    begin(x);
    id = must_tell(&x->p, &x->ada, may_refer(&d, &x->bob));
    assert_true(elo_promoted_has(x->promoted, &d, &x->bob.id));
    assert_false(elo_promoted_has(x->promoted, &d, &x->ada.id));
    second = must_tell(&x->p, &x->ada, may_refer(&d, &x->bob));
    must_tell(&x->p, &x->ada, revocation(&id));
    assert_true(elo_promoted_has(x->promoted, &d, &x->bob.id));
    again(x, true);
    assert_true(elo_promoted_has(x->promoted, &d, &x->bob.id));
    assert_int_equal(elo_promoted_count(x->promoted), 1);
    must_tell(&x->p, &x->ada, revocation(&second));
    assert_false(elo_promoted_has(x->promoted, &d, &x->bob.id));
    again(x, true);
    assert_false(elo_promoted_has(x->promoted, &d, &x->bob.id));
    assert_int_equal(elo_promoted_count(x->promoted), 0);
    bytes_free(b);
}


static void
test_damaged_setting(void **state)
{
    stand_t *x = *state;
    elo_effects_cfg_t cfg = { .loop = x->p.loop,
                              .store = x->p.dir.s,
                              .ctl = x->p.c,
                              .promoted = x->promoted,
                              .node_owner = x->owner.id };

    assert_int_equal(
        elo_store_setting_put(x->p.dir.s, SETTING, ELO_SLICE("1234567")),
        ELO_OK);
    assert_int_equal(elo_effects_create(&cfg, &x->e), ELO_ECORRUPT);
    assert_null(x->e);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_as_they_come, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revocations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held, setup, teardown),
        cmocka_unit_test_setup_teardown(test_catching_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_done_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_revoked_meanwhile, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_setting, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
