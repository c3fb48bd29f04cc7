/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/ctl/commitment: what a promise to cache says, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/ctl/commitment.h"
#include "common/base/cbor.h"

#define BODY_MAX 256

/* A body of what is set: a member at its default isn't there. */
typedef struct {
    size_t agent_len; /* 0: none */
    uint64_t role, gb;
    const uint8_t *reaches;
    size_t n_reaches;
    uint64_t priority; /* one more than it says */
    uint64_t until;
    uint64_t other; /* a key of others, from 7 on */
} body_t;


static void
put(elo_buf_t *b, const body_t *o)
{
    static const uint8_t agent[40] = { 9, 8, 7 };
    const bool has[] = { o->agent_len != 0,  o->role != 0,     o->gb != 0,
                         o->reaches != NULL, o->priority != 0, o->until != 0,
                         o->other != 0 };
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++) {
        n += has[i];
    }
    elo_cbor_put_head(b, ELO_CBOR_MAP, n);
    if (o->agent_len != 0) {
        elo_cbor_put_uint(b, 1);
        elo_cbor_put_bytes(b, elo_slice(agent, o->agent_len));
    }
    if (o->role != 0) {
        elo_cbor_put_uint(b, 2);
        elo_cbor_put_uint(b, o->role);
    }
    if (o->gb != 0) {
        elo_cbor_put_uint(b, 3);
        elo_cbor_put_uint(b, o->gb);
    }
    if (o->reaches != NULL) {
        elo_cbor_put_uint(b, 4);
        elo_cbor_put_head(b, ELO_CBOR_ARRAY, o->n_reaches);
        for (size_t i = 0; i < o->n_reaches; i++) {
            elo_cbor_put_uint(b, o->reaches[i]);
        }
    }
    if (o->priority != 0) {
        elo_cbor_put_uint(b, 5);
        elo_cbor_put_uint(b, o->priority - 1);
    }
    if (o->until != 0) {
        elo_cbor_put_uint(b, 6);
        elo_cbor_put_uint(b, o->until);
    }
    if (o->other != 0) {
        elo_cbor_put_uint(b, o->other);
        elo_cbor_put_text(b, ELO_SLICE("else"));
    }
    assert_int_equal(elo_buf_err(b), ELO_OK);
}


static bool
read_as(const body_t *o, elo_rec_kind_t kind, elo_cache_promise_t *out)
{
    elo_rec_t r = { .kind = kind, .id = { { 5 } }, .author = { { 6 } } };
    uint8_t mem[BODY_MAX];
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    put(&b, o);
    r.body.raw = elo_buf_slice(&b);
    return elo_cache_promise_read(&r, out);
}


static void
test_says(void **state)
{
    static const uint8_t reaches[] = { 3, 7 };
    body_t o = { .agent_len = 32, .role = 2, .gb = 3 };
    elo_cache_promise_t p;

    (void) state;
    assert_true(read_as(&o, ELO_REC_COMMITMENT, &p));
    assert_int_equal(p.id.b[0], 5);
    assert_int_equal(p.author.b[0], 6);
    assert_int_equal(p.agent.b[0], 9);
    assert_int_equal(p.max_bytes, UINT64_C(3) << 30);
    assert_int_equal(p.reaches, 1u << ELO_REACH_COMMONS);
    assert_int_equal(p.priority, 50);
    assert_int_equal(p.until, 0);
    o.reaches = reaches;
    o.n_reaches = 2;
    o.priority = 1;
    o.until = 1234;
    o.other = 99;
    o.gb = ELO_PROMISE_GB_MAX;
    assert_true(read_as(&o, ELO_REC_COMMITMENT, &p));
    assert_int_equal(p.max_bytes, UINT64_C(1) << 50);
    assert_int_equal(p.reaches,
                     1u << ELO_REACH_NEIGHBORHOOD | 1u << ELO_REACH_COMMONS);
    assert_int_equal(p.priority, 0);
    assert_int_equal(p.until, 1234);
}


static void
test_none(void **state)
{
    static const uint8_t far[] = { 8 }, many[9];
    static const struct {
        const char *what;
        body_t body;
    } rows[] = {
        { "nothing", { 0 } },
        { "of nobody", { .role = 2, .gb = 1 } },
        { "a short key", { .agent_len = 31, .role = 2, .gb = 1 } },
        { "a long key", { .agent_len = 33, .role = 2, .gb = 1 } },
        { "no role", { .agent_len = 32, .gb = 1 } },
        { "to store", { .agent_len = 32, .role = 1, .gb = 1 } },
        { "to relay", { .agent_len = 32, .role = 3, .gb = 1 } },
        { "no room", { .agent_len = 32, .role = 2 } },
        { "too much",
          { .agent_len = 32, .role = 2, .gb = ELO_PROMISE_GB_MAX + 1 } },
        { "all there is", { .agent_len = 32, .role = 2, .gb = UINT64_MAX } },
        { "no reach",
          { .agent_len = 32,
            .role = 2,
            .gb = 1,
            .reaches = far,
            .n_reaches = 1 } },
        { "too many reaches",
          { .agent_len = 32,
            .role = 2,
            .gb = 1,
            .reaches = many,
            .n_reaches = 9 } },
        { "past all priority",
          { .agent_len = 32, .role = 2, .gb = 1, .priority = 102 } },
        { "past all time",
          { .agent_len = 32, .role = 2, .gb = 1, .until = UINT64_MAX } },
    };
    body_t good = { .agent_len = 32, .role = 2, .gb = 1 };
    elo_cache_promise_t p;

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (read_as(&rows[i].body, ELO_REC_COMMITMENT, &p)) {
            fail_msg("%s", rows[i].what);
        }
    }
    assert_false(read_as(&good, ELO_REC_LOCATION, &p));
}


/* Any beginning of it, and any byte of it another one. */
static void
test_cut(void **state)
{
    static const uint8_t reaches[] = { 3, 7 };
    body_t o = { 32, 2, 3, reaches, 2, 11, 1234, 0 };
    uint8_t mem[BODY_MAX], other[BODY_MAX];
    elo_rec_t r = { .kind = ELO_REC_COMMITMENT };
    elo_cache_promise_t p;
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    put(&b, &o);
    for (size_t len = 0; len < b.len; len++) {
        r.body.raw = elo_slice(mem, len);
        assert_false(elo_cache_promise_read(&r, &p));
    }
    for (size_t at = 0; at < b.len; at++) {
        for (unsigned v = 0; v < 256; v++) {
            memcpy(other, mem, b.len);
            other[at] = (uint8_t) v;
            r.body.raw = elo_slice(other, b.len);
            if (elo_cache_promise_read(&r, &p)) {
                assert_in_range(p.max_bytes, 1, ELO_PROMISE_GB_MAX << 30);
                assert_in_range(p.priority, 0, 100);
                assert_in_range(p.reaches, 0, 255);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
