/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/ctl/state_tokens, through the state: who may end which tokens, and
   what is ended then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "t/unit/backend/ctl/world.h"
#include "t/unit/backend/kv/no_memory.h"

enum { OWNER, ADA, BOB, EVE, NOBODY };

static world_t w;
static unsigned n_touched;
static elo_agent_t last_touched;


static int
setup(void **state)
{
    elo_rec_t r;

    (void) state;
    world_init(&w, 40);
    r = world_rec(
        &w, OWNER, ELO_REC_ADMISSION,
        (elo_rec_body_t){ .agent = agent(BOB), .sort = ELO_LEVEL_ADMIN });
    assert_int_equal(world_take(&w, &r), ELO_OK);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_ctl_state_free(&w.s);
    return 0;
}


static void
note(void *ctx, const elo_agent_t *a)
{
    (void) ctx;
    n_touched++;
    last_touched = *a;
}


static elo_rec_body_t
body(unsigned of, const char *jti, const char *kid, uint64_t version)
{
    elo_rec_body_t b = { .jti = elo_slice_str(jti),
                         .kid = elo_slice_str(kid),
                         .version = version };

    if (of != NOBODY) {
        b.agent = agent(of);
    }
    return b;
}


static elo_err_t
end(unsigned by, unsigned of, const char *jti, const char *kid,
    uint64_t version)
{
    elo_rec_t r = world_rec(&w, by, ELO_REC_TOKEN_REVOCATION,
                            body(of, jti, kid, version));
    elo_err_t rc;

    n_touched = 0;
    w.why = "";
    if ((rc = elo_ctl_state_check(w.s, &r, w.now, &w.why)) == ELO_OK) {
        rc = elo_ctl_state_apply(w.s, &r, note, NULL);
    }
    return rc;
}


static bool
is_over(unsigned of, const char *jti, const char *kid, uint64_t version)
{
    elo_agent_t a = agent(of);

    return elo_ctl_is_token_revoked(w.s, of == NOBODY ? NULL : &a,
                                    elo_slice_str(jti), elo_slice_str(kid),
                                    version);
}


static void
test_who(void **state)
{
    static const struct {
        unsigned by, of;
        const char *jti, *kid;
        uint64_t version;
        bool may;
    } rows[] = {
        { ADA, ADA, "t1", NULL, 0, true },
        { ADA, ADA, NULL, NULL, 2, true },
        { ADA, ADA, NULL, "k1", 0, false }, /* keys are the node's */
        { ADA, EVE, "t2", NULL, 0, false },
        { ADA, EVE, NULL, NULL, 2, false },
        { ADA, NOBODY, "t3", NULL, 0, false },
        { ADA, NOBODY, NULL, "k1", 0, false },
        { OWNER, EVE, "t4", NULL, 0, true },
        { OWNER, EVE, NULL, NULL, 3, true },
        { OWNER, NOBODY, "t5", NULL, 0, true },
        { BOB, NOBODY, NULL, "k2", 0, true },
        { BOB, EVE, NULL, "k3", 0, true },
        { BOB, OWNER, NULL, NULL, 9, true },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_err_t rc = end(rows[i].by, rows[i].of, rows[i].jti, rows[i].kid,
                           rows[i].version);

        assert_int_equal(rc, rows[i].may ? ELO_OK : ELO_EDENIED);
        assert_int_equal(n_touched, rows[i].may);
        if (rows[i].may) {
            elo_agent_t of = rows[i].of == NOBODY ? (elo_agent_t){ { 0 } }
                                                  : agent(rows[i].of);

            assert_true(elo_agent_eq(&last_touched, &of));
        } else {
            assert_string_equal(w.why, "tokens of others");
        }
    }
    /* nothing of what was refused */
    assert_false(is_over(ADA, "x", "k1", 2));
    assert_false(is_over(EVE, "t2", NULL, 3));
    assert_false(is_over(NOBODY, "t3", "k1", 1));
}


static void
test_what(void **state)
{
    (void) state;
    assert_false(is_over(ADA, "t1", "k1", 1));
    assert_int_equal(end(ADA, ADA, "t1", NULL, 0), ELO_OK);
    assert_true(is_over(ADA, "t1", "k1", 1));
    assert_false(is_over(ADA, "t", "k1", 1)); /* no prefix of it, nor longer */
    assert_false(is_over(ADA, "t11", "k1", 1));
    assert_false(is_over(ADA, "k1", "t1", 1)); /* an id of a key is none */
    assert_false(is_over(ADA, "", "", 1));
    assert_false(is_over(EVE, "t1", "k1", 1));
    assert_false(is_over(NOBODY, "t1", "k1", 1));

    assert_int_equal(end(OWNER, NOBODY, "t2", NULL, 0), ELO_OK);
    assert_true(is_over(ADA, "t2", "k1", 1));
    assert_true(is_over(EVE, "t2", "k1", 1));
    assert_true(is_over(NOBODY, "t2", "k1", 1));

    assert_int_equal(end(OWNER, NOBODY, NULL, "k2", 0), ELO_OK);
    assert_true(is_over(ADA, "any", "k2", 99));
    assert_true(is_over(NOBODY, "", "k2", 99));
    assert_false(is_over(NOBODY, "k2", "", 99));
    assert_int_equal(end(OWNER, EVE, NULL, "k3", 0), ELO_OK);
    assert_true(is_over(EVE, "any", "k3", 99));
    assert_false(is_over(ADA, "any", "k3", 99));
}


static void
test_versions(void **state)
{
    elo_agent_t ada = agent(ADA);

    (void) state;
    assert_int_equal(elo_ctl_token_version(w.s, &ada), 1);
    assert_false(is_over(ADA, "", "", 1));
    assert_int_equal(end(ADA, ADA, NULL, NULL, 3), ELO_OK);
    assert_int_equal(elo_ctl_token_version(w.s, &ada), 3);
    assert_true(is_over(ADA, "", "", 0));
    assert_true(is_over(ADA, "", "", 2));
    assert_false(is_over(ADA, "", "", 3));
    assert_false(is_over(EVE, "", "", 1));
    assert_false(is_over(NOBODY, "", "", 0));
    /* what ends nothing costs nothing, nor brings any back */
    assert_int_equal(end(ADA, ADA, NULL, NULL, 2), ELO_EEXISTS);
    assert_int_equal(end(OWNER, ADA, NULL, NULL, 3), ELO_EEXISTS);
    assert_int_equal(n_touched, 0);
    assert_int_equal(elo_ctl_token_version(w.s, &ada), 3);
    assert_int_equal(end(ADA, ADA, NULL, NULL, ELO_RECORD_VERSION_MAX), ELO_OK);
    assert_true(is_over(ADA, "", "", ELO_RECORD_VERSION_MAX - 1));
    assert_false(is_over(ADA, "", "", ELO_RECORD_VERSION_MAX));
}


/* What is longer than any that was ended is none of them. */
static void
test_long_ids(void **state)
{
    char id[ELO_RECORD_TOKEN_MAX + 2];

    (void) state;
    memset(id, 'a', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    assert_false(is_over(ADA, id, id, 1));
    id[ELO_RECORD_TOKEN_MAX] = '\0';
    assert_int_equal(end(ADA, ADA, id, NULL, 0), ELO_OK);
    assert_true(is_over(ADA, id, "", 1));
    id[ELO_RECORD_TOKEN_MAX] = 'a';
    assert_false(is_over(ADA, id, "", 1));
}


static void
test_not_revoked_again(void **state)
{
    elo_rec_t r;

    (void) state;
    assert_int_equal(end(ADA, ADA, "t1", NULL, 0), ELO_OK);
    r = world_rec(&w, ADA, ELO_REC_REVOCATION,
                  (elo_rec_body_t){ .ref = digest(w.n_made) });
    assert_int_equal(world_take(&w, &r), ELO_EINVAL);
    assert_true(is_over(ADA, "t1", "", 1));
}


static void
test_room(void **state)
{
    char id[8];

    (void) state;
    for (unsigned i = 0; i < 35; i++) { /* the rest is for administrators */
        snprintf(id, sizeof(id), "t%u", i);
        assert_int_equal(end(ADA, ADA, id, NULL, 0), ELO_OK);
    }
    assert_int_equal(end(ADA, ADA, "more", NULL, 0), ELO_ENOSPC);
    assert_int_equal(end(ADA, ADA, NULL, NULL, 2), ELO_ENOSPC);
    assert_int_equal(end(ADA, ADA, "t7", NULL, 0), ELO_EEXISTS);
    for (unsigned i = 35; i < 40; i++) {
        snprintf(id, sizeof(id), "t%u", i);
        assert_int_equal(end(BOB, EVE, id, NULL, 0), ELO_OK);
    }
    assert_int_equal(end(BOB, EVE, "more", NULL, 0), ELO_ENOSPC);
    assert_int_equal(end(OWNER, EVE, NULL, NULL, 2), ELO_OK);
    assert_true(is_over(EVE, "", "", 1));
}


static void
test_no_memory(void **state)
{
    elo_rec_t r =
        world_rec(&w, ADA, ELO_REC_TOKEN_REVOCATION, body(ADA, "t1", NULL, 0));
    elo_agent_t ada = agent(ADA);
    elo_err_t rc = ELO_ENOMEM;
    elo_digest_t d;
    uint64_t seq;
    unsigned n = 0;

    (void) state;
    while (rc == ELO_ENOMEM) {
        no_memory_at = ++n;
        rc = elo_ctl_state_apply(w.s, &r, NULL, NULL);
        no_memory_at = 0;
        assert_int_equal(is_over(ADA, "t1", "", 1), rc == ELO_OK);
        assert_int_equal(elo_ctl_head(w.s, &ada, &seq, &d), rc == ELO_OK);
    }
    assert_int_equal(rc, ELO_OK);
    assert_true(n > 1);
}


int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_who),
        T(test_what),
        T(test_versions),
        T(test_long_ids),
        T(test_not_revoked_again),
        T(test_room),
        T(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
