/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/lifecycle, and of what content nodes make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/node/content_node.h"
#include "backend/node/lifecycle.h"
#include "backend/node/shape.h"
#include "common/base/num.h"

#define H1                                                                     \
    "sha256-1111111111111111111111111111111111111111111111111111111111111111"
#define H2                                                                     \
    "sha256-2222222222222222222222222222222222222222222222222222222222222222"


static void
test_moves(void **state)
{
    /* rows: from; columns: to; in the order of the enum */
    static const char *const table[ELO_LIFECYCLE_COUNT] = {
        ".x...x", /* draft */
        ".xxxxx", /* published: on itself, it is refreshed */
        ".x.xxx", /* stale */
        ".x..xx", /* deprecated */
        ".x...x", /* archived */
        "......", /* forgotten */
    };

    (void) state;
    for (int from = 0; from < ELO_LIFECYCLE_COUNT; from++) {
        for (int to = 0; to < ELO_LIFECYCLE_COUNT; to++) {
            bool is = elo_lifecycle_may_move((elo_lifecycle_t) from,
                                             (elo_lifecycle_t) to);

            if (is != (table[from][to] == 'x')) {
                fail_msg("%s to %s is %d",
                         elo_lifecycle_name((elo_lifecycle_t) from),
                         elo_lifecycle_name((elo_lifecycle_t) to), is);
            }
        }
    }
}


static void
test_names(void **state)
{
    elo_lifecycle_t l = ELO_LIFECYCLE_STALE;

    (void) state;
    for (int i = 0; i < ELO_LIFECYCLE_COUNT; i++) {
        const char *name = elo_lifecycle_name((elo_lifecycle_t) i);

        assert_true(elo_lifecycle_parse(elo_slice_str(name), &l));
        assert_int_equal(l, i);
        assert_int_equal(elo_lifecycle_may_begin(l),
                         l != ELO_LIFECYCLE_FORGOTTEN);
    }
    l = ELO_LIFECYCLE_STALE;
    assert_false(elo_lifecycle_parse(ELO_SLICE("Draft"), &l));
    assert_false(elo_lifecycle_parse(ELO_SLICE("draft "), &l));
    assert_false(elo_lifecycle_parse(elo_slice(NULL, 0), &l));
    assert_int_equal(l, ELO_LIFECYCLE_STALE);
    assert_false(elo_lifecycle_is_marked(ELO_LIFECYCLE_PUBLISHED));
    assert_true(elo_lifecycle_is_marked(ELO_LIFECYCLE_ARCHIVED));
    assert_false(elo_lifecycle_is_held_back(ELO_LIFECYCLE_DEPRECATED));
    assert_true(elo_lifecycle_is_held_back(ELO_LIFECYCLE_ARCHIVED));
    assert_true(elo_lifecycle_is_held_back(ELO_LIFECYCLE_FORGOTTEN));
}


static int64_t
at(const char *text)
{
    int64_t t = -1;

    assert_true(elo_shape_time(elo_slice_str(text), &t));
    return t;
}


static void
test_stale_at(void **state)
{
    int64_t t = at("2026-01-31T10:00:00Z");

    (void) state;
    assert_int_equal(elo_lifecycle_stale_at(ELO_SLICE("P1M"), t),
                     at("2026-02-28T10:00:00Z"));
    assert_int_equal(elo_lifecycle_stale_at(elo_slice(NULL, 0), t), 0);
    assert_int_equal(elo_lifecycle_stale_at(ELO_SLICE("soon"), t), 0);
    assert_int_equal(elo_lifecycle_stale_at(ELO_SLICE("P9000Y"), t), 0);
}


/* ---- nodes ---- */

typedef struct {
    elo_buf_t json;
    elo_content_t n;
} node_t;


static void
put_random(void *ctx, uint8_t *p, size_t n)
{
    (void) ctx;
    memset(p, 7, n);
}


static void
make(node_t *to, const char *text, elo_content_env_t env)
{
    elo_content_fault_t fault;

    env.id = ELO_SLICE("x");
    env.version = env.version == 0 ? 1 : env.version;
    env.random = put_random;
    elo_buf_init(&to->json, ELO_CONTENT_TEXT_MAX);
    if (elo_content_make(elo_slice_str(text), &env, &to->json, &fault)
        != ELO_OK) {
        fail_msg("%s: %s", text, fault.detail);
    }
    assert_int_equal(elo_content_load(elo_buf_slice(&to->json), &to->n),
                     ELO_OK);
}


static void
drop(node_t *x)
{
    elo_content_dispose(&x->n);
    elo_buf_dispose(&x->json);
}


/* A next version of x's own text. */
static void
remake(node_t *x, elo_content_env_t env)
{
    node_t next;

    elo_buf_put_u8(&x->json, 0);
    make(&next, (const char *) x->json.p, env);
    drop(x);
    *x = next;
}


static void
test_due(void **state)
{
    static const char text[] =
        "{\"title\":\"t\",\"refreshInterval\":\"P1Y\",\"blobs\":["
        "{\"hash\":\"" H1 "\",\"expiresAt\":\"2026-09-01T00:00:00Z\"},"
        "{\"hash\":\"" H2 "\",\"role\":\"variant\"}]}";
    elo_content_env_t env = { .created_at = at("2026-01-01T00:00:00Z"),
                              .updated_at = at("2026-01-01T00:00:00Z") };
    int64_t expiry = at("2026-09-01T00:00:00Z");
    int64_t stale = at("2027-01-01T00:00:00Z");
    bool expired;
    node_t x;

    (void) state;
    make(&x, text, env);
    assert_int_equal(elo_content_due(&x.n), expiry);
    assert_int_equal(elo_content_age(&x.n, expiry - 1, &expired),
                     ELO_LIFECYCLE_PUBLISHED);
    assert_false(expired);
    /* the last original goes */
    assert_int_equal(elo_content_age(&x.n, expiry, &expired),
                     ELO_LIFECYCLE_DEPRECATED);
    assert_true(expired);
    assert_int_equal(elo_content_primary(&x.n)->digest.b[0], 0x11);
    elo_content_drop_expired(&x.n, expiry - 1);
    assert_int_equal(x.n.n_blobs, 2);
    elo_content_drop_expired(&x.n, expiry);
    assert_int_equal(x.n.n_blobs, 1);
    assert_int_equal(elo_content_primary(&x.n)->digest.b[0], 0x22);
    assert_int_equal(x.n.refs[0].b[0], 0x22);
    assert_int_equal(elo_content_due(&x.n), stale);
    assert_int_equal(elo_content_age(&x.n, stale - 1, NULL),
                     ELO_LIFECYCLE_PUBLISHED);
    assert_int_equal(elo_content_age(&x.n, stale, NULL), ELO_LIFECYCLE_STALE);
    drop(&x);

    /* a hold keeps what expires, and lets it become stale */
    make(&x, text, env);
    env.hold =
        &(elo_content_hold_t){ .by = ELO_SLICE("a"), .since = expiry - 9 };
    remake(&x, env);
    assert_true(x.n.is_held);
    assert_int_equal(elo_content_due(&x.n), stale);
    assert_int_equal(elo_content_age(&x.n, expiry, &expired),
                     ELO_LIFECYCLE_PUBLISHED);
    assert_false(expired);
    drop(&x);
}


static void
test_only_the_published_age(void **state)
{
    elo_content_env_t env = { .created_at = 1000, .updated_at = 1000 };
    elo_content_set_t set = { .expired_by = 0 };
    node_t x;

    (void) state;
    env.set = &set;
    for (int i = 0; i < ELO_LIFECYCLE_COUNT; i++) {
        elo_lifecycle_t l = (elo_lifecycle_t) i;

        set.lifecycle = &l;
        make(&x,
             "{\"title\":\"t\",\"body\":\"b\",\"refreshInterval\":\"PT1S\"}",
             env);
        assert_int_equal(x.n.lifecycle, l);
        assert_int_equal(elo_content_due(&x.n),
                         l == ELO_LIFECYCLE_PUBLISHED ? 1001 : 0);
        assert_int_equal(elo_content_age(&x.n, 5000, NULL),
                         l == ELO_LIFECYCLE_PUBLISHED ? ELO_LIFECYCLE_STALE
                                                      : l);
        drop(&x);
    }
}


/* What the server says can't be said from outside, and lives on from one version
   to the next as it says. */
static void
test_server_members(void **state)
{
    elo_content_hold_t hold = { .reason = ELO_SLICE("a \"case\""),
                                .since = 2000,
                                .by = ELO_SLICE("somebody") };
    elo_content_env_t env = { .created_at = 1000, .updated_at = 1000 };
    node_t x;

    (void) state;
    make(&x,
         "{\"title\":\"t\",\"hold\":{\"reason\":1},\"refreshedAt\":true,"
         "\"body\":\"b\"}",
         env);
    assert_false(x.n.is_held);
    assert_int_equal(x.n.fresh_at, 1000);
    env.hold = &hold;
    env.updated_at = 3000;
    env.fresh_at = 1000;
    remake(&x, env);
    assert_true(x.n.is_held);
    assert_memory_equal(x.n.hold.reason.p, "a \"case\"", 8);
    assert_int_equal(x.n.hold.since, 2000);
    assert_memory_equal(x.n.hold.by.p, "somebody", 8);
    assert_int_equal(x.n.updated_at, 3000);
    assert_int_equal(x.n.fresh_at, 1000);
    env.hold = NULL; /* not because the text has it */
    env.fresh_at = 0;
    remake(&x, env);
    assert_false(x.n.is_held);
    assert_int_equal(x.n.fresh_at, 3000);
    drop(&x);
}


static void
test_set(void **state)
{
    elo_content_env_t env = { .created_at = 1000, .updated_at = 1000 };
    const elo_slice_t list[] = { ELO_SLICE("eve"), ELO_SLICE("adam") };
    elo_reach_t reach = ELO_REACH_LOCAL;
    elo_content_set_t set = {
        .reach = &reach, .invited = list, .n_invited = 2, .expired_by = 1500
    };
    elo_slice_t text;
    node_t x;

    (void) state;
    make(&x,
         "{\"title\":\"t\",\"reach\":\"commons\",\"invited\":[\"bob\"],"
         "\"blobs\":["
         "{\"hash\":\"" H1 "\",\"expiresAt\":\"1970-01-01T00:25:00Z\"},"
         "{\"hash\":\"" H2 "\",\"expiresAt\":\"1970-01-01T00:25:01Z\"}]}",
         env);
    env.set = &set;
    remake(&x, env);
    assert_int_equal(x.n.reach, ELO_REACH_LOCAL);
    assert_int_equal(x.n.n_blobs, 1);
    assert_int_equal(x.n.blobs[0].expires_at, 1501);
    assert_true(elo_content_invited_at(&x.n, 1, &text));
    assert_memory_equal(text.p, "adam", 4);
    assert_false(elo_content_invited_at(&x.n, 2, &text));
    set = (elo_content_set_t){ .invited = list };
    remake(&x, env);
    assert_false(elo_content_invited_at(&x.n, 0, &text));
    assert_int_equal(x.n.reach, ELO_REACH_LOCAL);
    drop(&x);
}


/* The lifecycle of a text that names none, by what it replaces. */
static void
test_unnamed(void **state)
{
    static const elo_lifecycle_t by_was[ELO_LIFECYCLE_COUNT] = {
        [ELO_LIFECYCLE_DRAFT] = ELO_LIFECYCLE_DRAFT,
        [ELO_LIFECYCLE_PUBLISHED] = ELO_LIFECYCLE_PUBLISHED,
        [ELO_LIFECYCLE_STALE] = ELO_LIFECYCLE_PUBLISHED,
        [ELO_LIFECYCLE_DEPRECATED] = ELO_LIFECYCLE_DEPRECATED,
        [ELO_LIFECYCLE_ARCHIVED] = ELO_LIFECYCLE_ARCHIVED,
        [ELO_LIFECYCLE_FORGOTTEN] = ELO_LIFECYCLE_DRAFT,
    };
    elo_content_env_t env = { .created_at = 1, .updated_at = 1 };
    node_t x;

    (void) state;
    for (int i = 0; i < ELO_LIFECYCLE_COUNT; i++) {
        elo_lifecycle_t was = (elo_lifecycle_t) i;

        env.was = &was;
        make(&x, "{\"title\":\"t\"}", env);
        assert_int_equal(x.n.lifecycle, by_was[i]);
        drop(&x);
        make(&x, "{\"title\":\"t\",\"lifecycle\":\"archived\"}", env);
        assert_int_equal(x.n.lifecycle, ELO_LIFECYCLE_ARCHIVED);
        drop(&x);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_stale_at),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_only_the_published_age),
        cmocka_unit_test(test_server_members),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_unnamed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
