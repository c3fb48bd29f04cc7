/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/token_claims: what claims mean, and which aren't any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/auth/agent_text.h"
#include "common/base/num.h"
#include "t/unit/common/auth/token_make.h"

#define HEADER "{\"alg\":\"EdDSA\"}"
#define KEY    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define KEY_UP                                                                 \
    "D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A"
#define OTHER "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define ZERO  "0000000000000000000000000000000000000000000000000000000000000000"
#define X64   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static elo_token_t token;
static const elo_claims_t *const claims = &token.claims;
static const char *why;


static int
set_up(void **state)
{
    (void) state;
    return elo_keys_init();
}


static elo_err_t
split(const char *json)
{
    static token_text_t t;

    return elo_token_split(token_eddsa(&t, HEADER, json), &token, &why);
}


/* Members beside exp. */
static elo_err_t
split_with(const char *members)
{
    char json[2 * ELO_TOKEN_MAX];

    snprintf(json, sizeof(json), "{%s,\"exp\":1800000600}", members);
    return split(json);
}


static void
assert_text(elo_slice_t s, const char *text)
{
    if (!elo_slice_eq(s, elo_slice_str(text))) {
        fail_msg("\"%.*s\" is not \"%s\"", (int) s.len, (const char *) s.p,
                 text);
    }
}


static void
test_defaults(void **state)
{
    (void) state;
    assert_int_equal(split("{\"exp\":1}"), 0);
    assert_false(claims->has_agent);
    for (size_t i = 0; i < ELO_AGENT_LEN; i++) {
        assert_int_equal(claims->agent.b[i], 0xff); /* not the operator */
    }
    assert_int_equal(claims->level, ELO_LEVEL_AUTHENTICATED);
    assert_int_equal(claims->scopes,
                     ELO_SCOPE_READ | ELO_SCOPE_WRITE | ELO_SCOPE_PUBLISH);
    assert_int_equal(claims->ceiling, ELO_REACH_COMMONS);
    assert_int_equal(claims->version, 1);
    assert_int_equal(claims->exp, 1);
    assert_int_equal(claims->iat, 0);
    assert_int_equal(claims->nbf, 0);
    assert_int_equal(claims->prefix.len + claims->content.len + claims->jti.len
                         + claims->iss.len + claims->aud.len
                         + claims->human_id.len + claims->identifier.len,
                     0);
    assert_int_equal(token.n_aud, 0);
}


/* As upstream makes them: facts/upstream-doorway.md, 2.1. */
static void
test_upstream(void **state)
{
    char json[1024], holo[ELO_AGENT_TEXT_MAX];
    token_text_t t;
    elo_agent_t a;

    (void) state;
    elo_agent_of_seed(token_seed, &a);
    elo_agent_text_write(&a, ELO_AGENT_HOLO, holo);
    snprintf(
        json, sizeof(json),
        "{\"human_id\":\"human-7f3a\",\"agent_pub_key\":\"%s\","
        "\"identifier\":\"ana@example.org\",\"permission_level\":\"ADMIN\","
        "\"session_id\":null,\"doorway_id\":\"alpha\","
        "\"is_steward\":false,\"has_local_conductor\":true,"
        "\"version\":3,\"iat\":1799999000,\"exp\":1800002600}",
        holo);
    token_hs256(&t, "{\"typ\":\"JWT\",\"alg\":\"HS256\"}", json,
                token_secret());
    assert_int_equal(elo_token_split(token_slice(&t), &token, &why), 0);
    assert_int_equal(token.alg, ELO_ALG_HS256);
    assert_true(claims->has_agent);
    assert_true(elo_agent_eq(&claims->agent, &a));
    assert_text(claims->human_id, "human-7f3a");
    assert_text(claims->identifier, "ana@example.org");
    assert_int_equal(claims->level, ELO_LEVEL_ADMIN);
    assert_int_equal(claims->scopes, ELO_SCOPES_ALL);
    assert_int_equal(claims->version, 3);
    assert_int_equal(claims->iat, 1799999000);
    assert_int_equal(claims->exp, 1800002600);
}


/* Every claim of ours at once, with escapes where they may stand. */
static void
test_all(void **state)
{
    (void) state;
    assert_int_equal(
        split(" { \"iss\":\"https:\\/\\/door.example\",\"sub\":\"" KEY "\","
              "\"agent_pub_key\":\"" KEY_UP "\",\"aud\":[\"a\",\"b\"],"
              "\"jti\":\"t-1\",\"human_id\":\"Zo\\u00eb \\ud83d\\ude00\","
              "\"identifier\":\"\",\"permission_level\":\"public\","
              "\"scope\":\"read purge\",\"reach\":\"local\","
              "\"path\":\"\\/api\\/blob\",\"content\":\"ep-12\","
              "\"version\":18446744073709551615,\"iat\":1,\"nbf\":2,"
              "\"exp\":253402300799, \"x\":{\"exp\":7} } "),
        0);
    assert_text(claims->iss, "https://door.example");
    assert_true(claims->has_agent);
    assert_text(claims->jti, "t-1");
    assert_text(claims->human_id, "Zo\xc3\xab \xf0\x9f\x98\x80");
    assert_int_equal(claims->level, ELO_LEVEL_PUBLIC);
    assert_int_equal(claims->scopes, ELO_SCOPE_READ | ELO_SCOPE_PURGE);
    assert_int_equal(claims->ceiling, ELO_REACH_LOCAL);
    assert_text(claims->prefix, "/api/blob");
    assert_text(claims->content, "ep-12");
    assert_true(claims->version == UINT64_MAX);
    assert_int_equal(claims->iat, 1);
    assert_int_equal(claims->nbf, 2);
    assert_int_equal(claims->exp, 253402300799);
    assert_int_equal(token.n_aud, 2);
    assert_text(token.auds[1], "b");
    assert_text(claims->aud, "a");
}


static void
test_bad(void **state)
{
    static const struct {
        const char *members;
        elo_err_t rc;
        const char *why;
    } rows[] = {
        { "\"iat\":\"1\"", ELO_EINVAL, "iat" },
        { "\"iat\":-1", ELO_EINVAL, "iat" },
        { "\"iat\":null", ELO_EINVAL, "iat" },
        { "\"nbf\":1.5", ELO_EINVAL, "nbf" },
        { "\"nbf\":[1]", ELO_EINVAL, "nbf" },
        { "\"version\":-1", ELO_EINVAL, "version" },
        { "\"version\":18446744073709551616", ELO_EINVAL, "version" },
        { "\"version\":\"1\"", ELO_EINVAL, "version" },
        { "\"permission_level\":\"ROOT\"", ELO_EINVAL, "permission_level" },
        { "\"permission_level\":\"\"", ELO_EINVAL, "permission_level" },
        { "\"permission_level\":2", ELO_EINVAL, "permission_level" },
        { "\"permission_level\":\"ADMIN \"", ELO_EINVAL, "permission_level" },
        { "\"permission_level\":\"ADM\xc4\xb0N\"", ELO_EINVAL,
          "permission_level" },
        { "\"scope\":1", ELO_EINVAL, "scope" },
        { "\"scope\":null", ELO_EINVAL, "scope" },
        { "\"scope\":[\"read\",1]", ELO_EINVAL, "scope" },
        { "\"scope\":{\"read\":true}", ELO_EINVAL, "scope" },
        { "\"reach\":\"everyone\"", ELO_EINVAL, "reach" },
        { "\"reach\":\"\"", ELO_EINVAL, "reach" },
        { "\"reach\":\"Commons\"", ELO_EINVAL, "reach" },
        { "\"reach\":7", ELO_EINVAL, "reach" },
        /* what would mean "any" if it were passed over */
        { "\"path\":\"\"", ELO_EINVAL, "path" },
        { "\"path\":null", ELO_EINVAL, "path" },
        { "\"path\":[\"/api\"]", ELO_EINVAL, "path" },
        { "\"path\":\"api\"", ELO_EINVAL, "path" },
        { "\"path\":\"/api/../x\"", ELO_EINVAL, "path" },
        { "\"path\":\"/api/\\u002e\\u002e\"", ELO_EINVAL, "path" },
        { "\"path\":\"/a\\nb\"", ELO_EINVAL, "path" },
        { "\"content\":\"\"", ELO_EINVAL, "content" },
        { "\"content\":false", ELO_EINVAL, "content" },
        { "\"content\":\"a/b\"", ELO_EINVAL, "content" },
        { "\"content\":\"../x\"", ELO_EINVAL, "content" },
        { "\"jti\":\"\"", ELO_EINVAL, "jti" },
        { "\"jti\":5", ELO_EINVAL, "jti" },
        { "\"jti\":\"a\\u007fb\"", ELO_EINVAL, "jti" },
        { "\"jti\":\"" X64 "\"", ELO_OK, "" },
        { "\"jti\":\"" X64 "x\"", ELO_ETOOBIG, "jti" },
        { "\"iss\":\"" X64 X64 "\"", ELO_OK, "" },
        { "\"iss\":\"" X64 X64 "x\"", ELO_ETOOBIG, "iss" },
        { "\"iss\":\"\"", ELO_EINVAL, "iss" },
        { "\"iss\":[\"a\"]", ELO_EINVAL, "iss" },
        { "\"aud\":\"\"", ELO_EINVAL, "aud" },
        { "\"aud\":[]", ELO_EINVAL, "aud" },
        { "\"aud\":[\"\"]", ELO_EINVAL, "aud" },
        { "\"aud\":[\"a\",1]", ELO_EINVAL, "aud" },
        { "\"aud\":null", ELO_EINVAL, "aud" },
        { "\"aud\":[\"" X64 X64 "x\"]", ELO_ETOOBIG, "aud" },
        { "\"aud\":[\"1\",\"2\",\"3\",\"4\"]", ELO_OK, "" },
        { "\"aud\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", ELO_ETOOBIG, "claims" },
        { "\"human_id\":\"" X64 X64 "\"", ELO_OK, "" },
        { "\"human_id\":\"" X64 X64 "x\"", ELO_ETOOBIG, "human_id" },
        { "\"human_id\":\"a\\u000ab\"", ELO_EINVAL, "human_id" },
        { "\"human_id\":\"a\\u0000b\"", ELO_EINVAL, "claims" },
        { "\"identifier\":7", ELO_EINVAL, "identifier" },
        { "\"path\":\"/" X64 X64 X64 X64 "\"", ELO_ETOOBIG, "path" },
        { "\"sub\":7", ELO_EINVAL, "sub" },
        { "\"sub\":null", ELO_EINVAL, "sub" },
        { "\"agent_pub_key\":null", ELO_EINVAL, "sub" },
        { "\"sub\":\"" ZERO "\",\"agent_pub_key\":\"" ZERO "\"", ELO_EINVAL,
          "sub" },
        { "\"sub\":\"" KEY "\",\"agent_pub_key\":\"" OTHER "\"", ELO_EINVAL,
          "sub" },
        { "\"sub\":\"" KEY "\",\"agent_pub_key\":\"x\"", ELO_EINVAL, "sub" },
        { "\"sub\":\"x\",\"agent_pub_key\":\"" KEY "\"", ELO_EINVAL, "sub" },
        { "\"sub\":\"x\",\"agent_pub_key\":\"x\"", ELO_EINVAL, "sub" },
        { "\"sub\":\"a\",\"sub\":\"a\"", ELO_EINVAL, "claims" },
        { "\"exp\":1800000600", ELO_EINVAL, "claims" }, /* twice */
        { "\"s\\u0075b\":\"" KEY "\"", ELO_EINVAL, "claims" },
        { "\"\\u0065xp\":9999999999", ELO_EINVAL, "claims" },
        { "\"x\":[[[[1]]]]", ELO_ETOOBIG, "claims" },
        { "\"x\":\"\xff\"", ELO_EINVAL, "claims" },
        { "\"x\":1e400", ELO_OK, "" },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_err_t rc = split_with(rows[i].members);

        if (rc != rows[i].rc || strcmp(why, rows[i].why) != 0) {
            fail_msg("%s: %d, %s", rows[i].members, rc, why);
        }
    }
}


static void
test_exp(void **state)
{
    static const struct {
        const char *json;
        bool is_taken;
    } rows[] = {
        { "{\"exp\":0}", true },
        { "{\"exp\":253402300799}", true },
        { "{\"exp\":253402300800}", false },
        { "{\"exp\":9223372036854775807}", false },
        { "{\"exp\":18446744073709551616}", false },
        { "{\"exp\":99999999999999999999999999}", false },
        { "{\"exp\":-1}", false },
        { "{\"exp\":-0}", false },
        { "{\"exp\":1800000600.0}", false },
        { "{\"exp\":1800000600.5}", false },
        { "{\"exp\":18e8}", false },
        { "{\"exp\":\"1800000600\"}", false },
        { "{\"exp\":null}", false },
        { "{\"exp\":true}", false },
        { "{\"exp\":[1800000600]}", false },
        { "{\"EXP\":1800000600}", false },
        { "{\"x\":{\"exp\":1800000600}}", false },
        { "{}", false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_err_t rc = split(rows[i].json);

        if (rc != (rows[i].is_taken ? ELO_OK : ELO_EINVAL)
            || (rc != ELO_OK && strcmp(why, "exp") != 0))
        {
            fail_msg("%s: %d", rows[i].json, rc);
        }
    }
}


static void
test_scopes(void **state)
{
    static const struct {
        const char *scope;
        uint32_t scopes;
    } rows[] = {
        { "\"read\"", ELO_SCOPE_READ },
        { "\"read write publish purge admin\"", ELO_SCOPES_ALL },
        { "\"admin\"", ELO_SCOPE_ADMIN },
        { "\"\"", 0 },
        { "\" \"", 0 },
        { "\"  write   read  \"", ELO_SCOPE_READ | ELO_SCOPE_WRITE },
        { "\"read,write\"", 0 },
        { "\"READ\"", 0 },
        { "\"reads openid\"", 0 },
        { "\"read read\"", ELO_SCOPE_READ },
        { "[\"publish\",\"purge\"]", ELO_SCOPE_PUBLISH | ELO_SCOPE_PURGE },
        { "[\"read write\"]", 0 }, /* one word an item */
        { "[]", 0 },
        { "[\"email\",\"read\"]", ELO_SCOPE_READ },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        char members[128];

        /* an ADMIN's words are all he has, too */
        snprintf(members, sizeof(members),
                 "\"permission_level\":\"Admin\",\"scope\":%s", rows[i].scope);
        assert_int_equal(split_with(members), 0);
        if (claims->scopes != rows[i].scopes) {
            fail_msg("%s: %x", rows[i].scope, claims->scopes);
        }
    }
    assert_int_equal(split_with("\"permission_level\":\"ADMIN\""), 0);
    assert_int_equal(claims->scopes, ELO_SCOPES_ALL);
    assert_int_equal(split_with("\"permission_level\":\"PUBLIC\""), 0);
    assert_int_equal(claims->scopes, ELO_SCOPE_READ);
}


/* Every form of an agent's text, by either claim; what is none names nobody. */
static void
test_agents(void **state)
{
    static const char *const nobody[] = {
        "", "x", "uhCAk_0123456789abcdef", KEY "0", " " KEY, KEY "\\u0020"
    };
    elo_agent_t a;

    (void) state;
    elo_agent_of_seed(token_seed, &a);
    for (unsigned i = ELO_AGENT_HEX; i <= ELO_AGENT_DID; i++) {
        char text[ELO_AGENT_TEXT_MAX], members[512];

        elo_agent_text_write(&a, (elo_agent_form_t) i, text);
        snprintf(members, sizeof(members), "\"sub\":\"%s\"", text);
        assert_int_equal(split_with(members), 0);
        assert_true(claims->has_agent && elo_agent_eq(&claims->agent, &a));
        snprintf(members, sizeof(members), "\"agent_pub_key\":\"%s\"", text);
        assert_int_equal(split_with(members), 0);
        assert_true(claims->has_agent && elo_agent_eq(&claims->agent, &a));
        snprintf(members, sizeof(members),
                 "\"agent_pub_key\":\"%s\",\"sub\":\"" KEY "\"", text);
        assert_int_equal(split_with(members), 0);
        assert_true(claims->has_agent && elo_agent_eq(&claims->agent, &a));
    }
    for (size_t i = 0; i < ELO_COUNT(nobody); i++) {
        char members[512];

        snprintf(members, sizeof(members), "\"sub\":\"%s\"", nobody[i]);
        assert_int_equal(split_with(members), 0);
        assert_false(claims->has_agent);
        assert_int_equal(claims->agent.b[0], 0xff);
        snprintf(members, sizeof(members), "\"agent_pub_key\":\"%s\"",
                 nobody[i]);
        assert_int_equal(split_with(members), 0);
        assert_false(claims->has_agent);
    }
}


/* Nothing of a token is left in the next one that is read into its place. */
static void
test_reused(void **state)
{
    (void) state;
    assert_int_equal(
        split_with("\"sub\":\"" KEY "\",\"aud\":[\"a\",\"b\"],\"jti\":\"j\","
                   "\"path\":\"/x\",\"content\":\"c\",\"reach\":\"local\","
                   "\"permission_level\":\"ADMIN\",\"version\":9,\"iat\":5"),
        0);
    test_defaults(state);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_upstream),
        cmocka_unit_test(test_all),      cmocka_unit_test(test_bad),
        cmocka_unit_test(test_exp),      cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_agents),   cmocka_unit_test(test_reused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
