/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/wire_auth: what is written is read back, and nothing else
   is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/cache/generation.h"
#include "common/http/wire_auth.h"
#include "t/unit/common/http/wire_case.h"

static const elo_wire_head_t head = {
    .generation = UINT64_C(0x0102030405060708),
    .slot = 4711,
    .reach = ELO_REACH_LOCAL,
};

static elo_wire_keys_t
keys(void)
{
    elo_wire_keys_t k = { .head = head,
                          .iss = ELO_SLICE("https://a.example"),
                          .aud = ELO_SLICE("doorway"),
                          .max_life_s = 86400,
                          .n = 2 };

    k.keys[0] =
        (elo_token_key_t){ .kid = "one", .alg = ELO_ALG_EDDSA, .from = 5 };
    memset(k.keys[0].key, 0x5a, sizeof(k.keys[0].key));
    k.keys[1] = (elo_token_key_t){ .alg = ELO_ALG_HS256, .until = 7 };
    return k;
}


static elo_wire_session_t
session(void)
{
    elo_wire_session_t s = { .head = head,
                             .verdict = ELO_SESSION_GOOD,
                             .facts = ELO_FACT_PROVED | ELO_FACT_OPERATOR,
                             .scopes = ELO_SCOPES_ALL,
                             .exp = INT64_MAX,
                             .until = 1,
                             .prefix = ELO_SLICE("/api/blob"),
                             .content = ELO_SLICE("talk-1") };

    memset(s.agent.b, 0xa9, sizeof(s.agent.b));
    return s;
}


static elo_wire_access_t
access_of(void)
{
    return (elo_wire_access_t){ .head = head,
                                .stage = ELO_STAGE_SERVED,
                                .agent_slot = ELO_GEN_SLOTS - 1,
                                .agent_generation = 99,
                                .facts = ELO_FACT_HOUSEHOLD,
                                .until = 1234567890 };
}


/* ---- there and back ---- */

static void
test_keys(void **state)
{
    elo_wire_keys_t in = keys(), out;

    (void) state;
    assert_int_equal(elo_wire_put_keys(&buf, &in), ELO_OK);
    assert_int_equal(elo_wire_get_keys(elo_buf_slice(&buf), &out), ELO_OK);
    assert_int_equal(out.head.generation, head.generation);
    assert_int_equal(out.head.slot, head.slot);
    assert_int_equal(out.head.reach, head.reach);
    assert_true(elo_slice_eq(out.iss, in.iss));
    assert_true(elo_slice_eq(out.aud, in.aud));
    assert_int_equal(out.max_life_s, in.max_life_s);
    assert_int_equal(out.n, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_string_equal(out.keys[i].kid, in.keys[i].kid);
        assert_int_equal(out.keys[i].alg, in.keys[i].alg);
        assert_memory_equal(out.keys[i].key, in.keys[i].key, 32);
        assert_int_equal(out.keys[i].from, in.keys[i].from);
        assert_int_equal(out.keys[i].until, in.keys[i].until);
    }
}


static void
test_session(void **state)
{
    elo_wire_session_t in = session(), out;

    (void) state;
    assert_int_equal(elo_wire_put_session(&buf, &in), ELO_OK);
    assert_int_equal(elo_wire_get_session(elo_buf_slice(&buf), &out), ELO_OK);
    assert_int_equal(out.head.reach, ELO_REACH_LOCAL);
    assert_int_equal(out.verdict, in.verdict);
    assert_memory_equal(&out.agent, &in.agent, sizeof(in.agent));
    assert_int_equal(out.facts, in.facts);
    assert_int_equal(out.scopes, in.scopes);
    assert_int_equal(out.exp, in.exp);
    assert_int_equal(out.until, in.until);
    assert_true(elo_slice_eq(out.prefix, in.prefix));
    assert_true(elo_slice_eq(out.content, in.content));
}


static void
test_access(void **state)
{
    elo_wire_access_t in = access_of(), out;

    (void) state;
    assert_int_equal(elo_wire_put_access(&buf, &in), ELO_OK);
    assert_int_equal(elo_wire_get_access(elo_buf_slice(&buf), &out), ELO_OK);
    assert_int_equal(out.stage, in.stage);
    assert_int_equal(out.agent_slot, in.agent_slot);
    assert_int_equal(out.agent_generation, in.agent_generation);
    assert_int_equal(out.facts, in.facts);
    assert_int_equal(out.until, in.until);
}


/* ---- refused ---- */

static elo_err_t
get_any(elo_slice_t msg)
{
    elo_wire_session_t s;
    elo_wire_access_t a;
    elo_wire_keys_t k;

    if (elo_wire_get_keys(msg, &k) == ELO_OK
        || elo_wire_get_session(msg, &s) == ELO_OK
        || elo_wire_get_access(msg, &a) == ELO_OK)
    {
        return ELO_OK;
    }
    return ELO_EINVAL;
}


/* A message that is cut or has a byte more, with its length made to agree. */
static void
refuse_other_lengths(void)
{
    elo_slice_t whole = elo_buf_slice(&buf);
    uint8_t msg[1024];

    assert_true(whole.len + 1 < sizeof(msg));
    for (size_t n = 0; n <= whole.len + 1; n++) {
        uint32_t body = (uint32_t) (n - ELO_WIRE_HEADER_LEN);

        if (n == whole.len) {
            continue;
        }
        memset(msg, 0, sizeof(msg));
        memcpy(msg, whole.p, ELO_MIN(n, whole.len));
        if (n >= ELO_WIRE_HEADER_LEN) {
            for (int i = 0; i < 4; i++) {
                msg[4 + i] = (uint8_t) (body >> (24 - 8 * i));
            }
        }
        assert_int_equal(get_any(guard_put(&guard, elo_slice(msg, n))),
                         ELO_EINVAL);
    }
}


static void
test_lengths(void **state)
{
    elo_wire_session_t s = session();
    elo_wire_access_t a = access_of();
    elo_wire_keys_t k = keys();

    (void) state;
    assert_int_equal(elo_wire_put_keys(&buf, &k), ELO_OK);
    refuse_other_lengths();
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_session(&buf, &s), ELO_OK);
    refuse_other_lengths();
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_access(&buf, &a), ELO_OK);
    refuse_other_lengths();
}


static void
refuse_session(elo_wire_session_t s)
{
    elo_wire_session_t out;

    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_session(&buf, &s), ELO_OK);
    assert_int_equal(elo_wire_get_session(elo_buf_slice(&buf), &out),
                     ELO_EINVAL);
}


static void
test_session_refused(void **state)
{
    static const char prefix[ELO_TOKEN_PREFIX_MAX + 1] = { 0 };
    elo_wire_session_t s;

    (void) state;
    s = session();
    s.verdict = (elo_session_verdict_t) ELO_SESSION_VERDICTS;
    refuse_session(s);
    s = session();
    s.facts = ELO_FACT_OPERATOR << 1;
    refuse_session(s);
    s = session();
    s.scopes = ELO_SCOPES_ALL + 1;
    refuse_session(s);
    s = session();
    s.exp = -1;
    refuse_session(s);
    s = session();
    s.head.reach = (elo_reach_t) ELO_REACH_COUNT;
    refuse_session(s);
    s = session();
    s.head.slot = ELO_GEN_SLOTS;
    refuse_session(s);
    s = session();
    s.prefix = elo_slice(prefix, sizeof(prefix));
    refuse_session(s);
}


static void
test_access_refused(void **state)
{
    elo_wire_access_t a = access_of(), out;

    (void) state;
    a.stage = (elo_stage_t) (ELO_STAGE_FORGOTTEN + 1);
    assert_int_equal(elo_wire_put_access(&buf, &a), ELO_OK);
    assert_int_equal(elo_wire_get_access(elo_buf_slice(&buf), &out),
                     ELO_EINVAL);
    a = access_of();
    a.agent_slot = ELO_GEN_SLOTS;
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_access(&buf, &a), ELO_OK);
    assert_int_equal(elo_wire_get_access(elo_buf_slice(&buf), &out),
                     ELO_EINVAL);
}


static void
test_keys_refused(void **state)
{
    elo_wire_keys_t k = keys(), out;

    (void) state;
    strcpy(k.keys[1].kid, "one"); /* twice */
    assert_int_equal(elo_wire_put_keys(&buf, &k), ELO_OK);
    assert_int_equal(elo_wire_get_keys(elo_buf_slice(&buf), &out), ELO_EINVAL);
    k = keys();
    k.keys[0].alg = (elo_alg_t) 3;
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_keys(&buf, &k), ELO_OK);
    assert_int_equal(elo_wire_get_keys(elo_buf_slice(&buf), &out), ELO_EINVAL);
    k = keys();
    k.n = ELO_WIRE_KEYS_MAX + 1;
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_keys(&buf, &k), ELO_ETOOBIG);
    assert_int_equal(buf.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_session, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_access, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_lengths, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_session_refused, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_access_refused, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_keys_refused, wire_case_setup,
                                        wire_case_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
