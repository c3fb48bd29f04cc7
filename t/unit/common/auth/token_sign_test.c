/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/token_sign: what is signed reads back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "t/unit/common/auth/token_make.h"

static elo_token_t token;


static int
set_up(void **state)
{
    (void) state;
    return elo_keys_init();
}


static elo_claims_t
plain(void)
{
    return (elo_claims_t){ .level = ELO_LEVEL_AUTHENTICATED,
                           .scopes = ELO_SCOPE_READ | ELO_SCOPE_WRITE
                                     | ELO_SCOPE_PUBLISH,
                           .ceiling = ELO_REACH_COMMONS,
                           .version = 1,
                           .exp = TOKEN_NOW + 600 };
}


static void
assert_same(const elo_claims_t *a, const elo_claims_t *b)
{
    assert_int_equal(a->has_agent, b->has_agent);
    if (a->has_agent) {
        assert_true(elo_agent_eq(&a->agent, &b->agent));
    }
    assert_int_equal(a->level, b->level);
    assert_int_equal(a->scopes, b->scopes);
    assert_int_equal(a->ceiling, b->ceiling);
    assert_true(a->version == b->version);
    assert_int_equal(a->iat, b->iat);
    assert_int_equal(a->nbf, b->nbf);
    assert_int_equal(a->exp, b->exp);
    assert_true(elo_slice_eq(a->prefix, b->prefix));
    assert_true(elo_slice_eq(a->content, b->content));
    assert_true(elo_slice_eq(a->jti, b->jti));
    assert_true(elo_slice_eq(a->iss, b->iss));
    assert_true(elo_slice_eq(a->aud, b->aud));
    assert_true(elo_slice_eq(a->human_id, b->human_id));
    assert_true(elo_slice_eq(a->identifier, b->identifier));
}


/* Signs, reads back, verifies. */
static void
assert_round_trip(const elo_claims_t *c, elo_slice_t kid)
{
    elo_token_key_t key = { .alg = ELO_ALG_EDDSA };
    elo_token_rules_t rules = { .keys = &key, .n = 1, .now = TOKEN_NOW };
    const elo_token_key_t *by;
    const char *why;
    elo_agent_t a;
    elo_buf_t b;

    elo_agent_of_seed(token_seed, &a);
    memcpy(key.key, a.b, sizeof(a.b));
    memcpy(key.kid, kid.p, kid.len);
    elo_buf_init(&b, 2 * ELO_TOKEN_MAX);
    elo_buf_put_str(&b, "Bearer ");
    assert_int_equal(elo_token_sign(c, kid, token_seed, &b), 0);
    assert_memory_equal(b.p, "Bearer ", 7);
    assert_int_equal(
        elo_token_split(elo_slice(b.p + 7, b.len - 7), &token, &why), 0);
    assert_true(elo_slice_eq(token.kid, kid));
    assert_same(c, &token.claims);
    rules.now = c->exp;
    assert_true(c->iat > c->exp || c->nbf > c->exp
                || elo_token_verify(&token, &rules, &by) == ELO_TOKEN_OK);
    elo_buf_dispose(&b);
}


static void
test_text(void **state)
{
    static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"JWT\","
                                 "\"kid\":\"k\\\"1\"}";
    static const char json[] =
        "{\"iss\":\"us\",\"sub\":\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa6"
        "2325af021a68f707511a\",\"aud\":\"door\",\"jti\":\"j\","
        "\"human_id\":\"a\\\\b\",\"identifier\":\"\xc3\xa9\","
        "\"permission_level\":\"ADMIN\",\"scope\":\"read purge\","
        "\"reach\":\"local\",\"path\":\"/api\",\"content\":\"c\","
        "\"version\":18446744073709551615,\"iat\":1,\"nbf\":2,"
        "\"exp\":1800000600}";
    elo_claims_t c = { .has_agent = true,
                       .level = ELO_LEVEL_ADMIN,
                       .scopes = ELO_SCOPE_READ | ELO_SCOPE_PURGE,
                       .ceiling = ELO_REACH_LOCAL,
                       .prefix = ELO_SLICE("/api"),
                       .content = ELO_SLICE("c"),
                       .jti = ELO_SLICE("j"),
                       .iss = ELO_SLICE("us"),
                       .aud = ELO_SLICE("door"),
                       .human_id = ELO_SLICE("a\\b"),
                       .identifier = ELO_SLICE("\xc3\xa9"),
                       .version = UINT64_MAX,
                       .iat = 1,
                       .nbf = 2,
                       .exp = TOKEN_NOW + 600 };
    token_text_t t;
    elo_buf_t b;

    (void) state;
    elo_agent_of_seed(token_seed, &c.agent);
    elo_buf_init(&b, ELO_TOKEN_MAX + 1);
    assert_int_equal(elo_token_sign(&c, ELO_SLICE("k\"1"), token_seed, &b), 0);
    assert_true(elo_slice_eq(elo_buf_slice(&b), token_eddsa(&t, header, json)));
    elo_buf_dispose(&b);
    assert_round_trip(&c, ELO_SLICE("k\"1"));

    /* defaults are left out */
    c = plain();
    elo_buf_init(&b, ELO_TOKEN_MAX + 1);
    assert_int_equal(elo_token_sign(&c, elo_slice(NULL, 0), token_seed, &b), 0);
    assert_true(
        elo_slice_eq(elo_buf_slice(&b),
                     token_eddsa(&t, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}",
                                 "{\"exp\":1800000600}")));
    elo_buf_dispose(&b);
    assert_round_trip(&c, ELO_SLICE(""));
}


/* No scopes at all is something else than the level's. */
static void
test_scopes(void **state)
{
    (void) state;
    for (unsigned level = 0; level <= ELO_LEVEL_ADMIN; level++) {
        for (uint32_t scopes = 0; scopes <= ELO_SCOPES_ALL; scopes++) {
            elo_claims_t c = plain();

            c.level = (elo_level_t) level;
            c.scopes = scopes;
            assert_round_trip(&c, ELO_SLICE("k"));
        }
    }
}


/* Claims of all sorts, by a generator with a fixed seed. */
static uint32_t dice = 20;

static uint32_t
roll(uint32_t n)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % n;
}


static elo_slice_t
roll_text(char *room, size_t max)
{
    static const char *const pieces[] = { "a", "\"",       "\\",
                                          "/", "\xc3\xa9", " ",
                                          "{", "%",        "\xf0\x9f\x98\x80" };
    size_t want = roll(2) == 0 ? 0 : roll((uint32_t) max + 1), len = 0;

    for (;;) {
        const char *piece = pieces[roll(ELO_COUNT(pieces))];

        if (len + strlen(piece) > want) {
            return elo_slice(room, len);
        }
        memcpy(room + len, piece, strlen(piece));
        len += strlen(piece);
    }
}


static void
test_rolled(void **state)
{
    (void) state;
    for (unsigned i = 0; i < 2000; i++) {
        char room[6][256];
        elo_claims_t c = plain();

        c.has_agent = roll(2) == 0;
        memset(c.agent.b, (int) (1 + roll(255)), sizeof(c.agent.b));
        c.level = (elo_level_t) roll(ELO_LEVEL_ADMIN + 1);
        c.scopes = roll(ELO_SCOPES_ALL + 1);
        c.ceiling = (elo_reach_t) roll(ELO_REACH_COUNT);
        c.version = roll(3) == 0 ? roll(9) : (uint64_t) dice << 32 | dice;
        c.iat = roll(2) == 0 ? 0 : roll(1u << 24);
        c.nbf = roll(2) == 0 ? 0 : roll(1u << 24);
        c.exp = 1 + (int64_t) roll(1u << 24);
        c.jti = roll_text(room[0], ELO_TOKEN_ID_MAX);
        c.iss = roll_text(room[1], ELO_TOKEN_ISS_MAX);
        c.aud = roll_text(room[2], ELO_TOKEN_ISS_MAX);
        c.human_id = roll_text(room[3], ELO_TOKEN_NAME_MAX);
        c.identifier = roll_text(room[4], ELO_TOKEN_NAME_MAX);
        if (roll(2) == 0) {
            c.prefix = ELO_SLICE("/api/\"x\\/%2e");
        }
        if (roll(2) == 0) {
            c.content = ELO_SLICE("ep-12:1.0~x");
        }
        assert_round_trip(&c, roll_text(room[5], ELO_TOKEN_ID_MAX));
    }
}


static void
test_largest(void **state)
{
    char quotes[256];
    elo_claims_t c = plain();

    (void) state;
    memset(quotes, '"', sizeof(quotes));
    c.has_agent = true;
    elo_agent_of_seed(token_seed, &c.agent);
    c.jti = elo_slice(quotes, ELO_TOKEN_ID_MAX);
    c.iss = c.aud = elo_slice(quotes, ELO_TOKEN_ISS_MAX);
    c.human_id = c.identifier = elo_slice(quotes, ELO_TOKEN_NAME_MAX);
    c.version = UINT64_MAX;
    c.iat = c.nbf = c.exp = INT64_C(253402300799);
    c.ceiling = ELO_REACH_BIOREGIONAL;
    assert_round_trip(&c, elo_slice(quotes, ELO_TOKEN_ID_MAX));
    quotes[0] = '/';
    c.prefix = elo_slice(quotes, ELO_TOKEN_PREFIX_MAX);
    assert_round_trip(&c, elo_slice(quotes, ELO_TOKEN_ID_MAX));
}


static void
assert_refused(const elo_claims_t *c, elo_slice_t kid, elo_err_t rc)
{
    elo_buf_t b;

    elo_buf_init(&b, 2 * ELO_TOKEN_MAX);
    elo_buf_put_str(&b, "x");
    assert_int_equal(elo_token_sign(c, kid, token_seed, &b), rc);
    assert_int_equal(b.len, 1);
    elo_buf_dispose(&b);
}


static void
test_refused(void **state)
{
    elo_slice_t kid = ELO_SLICE("k");
    char many[300];
    elo_claims_t c;

    (void) state;
    memset(many, 'x', sizeof(many));
#define REFUSED(field, value, rc)                                              \
    do {                                                                       \
        c = plain();                                                           \
        c.field = (value);                                                     \
        assert_refused(&c, kid, (rc));                                         \
    } while (0)
    REFUSED(exp, 0, ELO_EINVAL);
    REFUSED(exp, -1, ELO_EINVAL);
    REFUSED(exp, INT64_C(253402300800), ELO_EINVAL);
    REFUSED(iat, -1, ELO_EINVAL);
    REFUSED(nbf, INT64_MAX, ELO_EINVAL);
    REFUSED(scopes, ELO_SCOPES_ALL + 1, ELO_EINVAL);
    REFUSED(level, (elo_level_t) 3, ELO_EINVAL);
    REFUSED(ceiling, (elo_reach_t) ELO_REACH_COUNT, ELO_EINVAL);
    REFUSED(has_agent, true, ELO_EINVAL); /* the zero key */
    REFUSED(prefix, ELO_SLICE("api"), ELO_EINVAL);
    REFUSED(prefix, ELO_SLICE("/a/.."), ELO_EINVAL);
    REFUSED(content, ELO_SLICE("a/b"), ELO_EINVAL);
    REFUSED(jti, ELO_SLICE("a\nb"), ELO_EINVAL);
    REFUSED(human_id, ELO_SLICE("\xff"), ELO_EINVAL);
    REFUSED(human_id, ELO_SLICE("\xed\xa0\x80"), ELO_EINVAL);
    REFUSED(jti, elo_slice(many, ELO_TOKEN_ID_MAX + 1), ELO_ETOOBIG);
    REFUSED(iss, elo_slice(many, ELO_TOKEN_ISS_MAX + 1), ELO_ETOOBIG);
    REFUSED(aud, elo_slice(many, ELO_TOKEN_ISS_MAX + 1), ELO_ETOOBIG);
    REFUSED(identifier, elo_slice(many, ELO_TOKEN_NAME_MAX + 1), ELO_ETOOBIG);
#undef REFUSED
    c = plain();
    assert_refused(&c, elo_slice(many, ELO_TOKEN_ID_MAX + 1), ELO_ETOOBIG);
    assert_refused(&c, ELO_SLICE("\x01"), ELO_EINVAL);
}


/* A buffer that is too small is as long afterwards as it was. */
static void
test_no_room(void **state)
{
    elo_claims_t c = plain();
    elo_buf_t b;
    size_t len;

    (void) state;
    elo_buf_init(&b, ELO_TOKEN_MAX);
    assert_int_equal(elo_token_sign(&c, ELO_SLICE("k"), token_seed, &b), 0);
    len = b.len;
    elo_buf_dispose(&b);
    for (size_t n = 0; n <= len; n++) {
        elo_buf_init(&b, n);
        assert_int_equal(elo_token_sign(&c, ELO_SLICE("k"), token_seed, &b),
                         ELO_ETOOBIG);
        assert_int_equal(b.len, 0);
        elo_buf_dispose(&b);
    }
    elo_buf_init(&b, len + 1); /* the NUL of base64 */
    assert_int_equal(elo_token_sign(&c, ELO_SLICE("k"), token_seed, &b), 0);
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),    cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_rolled),  cmocka_unit_test(test_largest),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
