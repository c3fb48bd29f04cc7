/* SPDX-License-Identifier: BSD-2-Clause */
/* session: what tokens and signed URLs are worth, as facts change. */
#include "ctl_tokens.c"

#include "common/auth/agent_text.h"
#include "common/auth/signed_url.h"
#include "common/base/base64.h"

static const char secret[] = "upstream's secret of 32 bytes or more";

/* ---- tokens of ours ---- */

static void
test_good(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), eve = person(2);
    elo_ctl_session_t s;
    text_t t;

    must_tell(p, &owner,
              admission(&ada, ELO_LEVEL_AUTHENTICATED, START + 1000));
    t = token_of(p, &ada);
    s = session(p, &t);
    assert_int_equal(s.verdict, ELO_TOKEN_OK);
    assert_false(s.is_malformed || s.is_revoked);
    assert_true(elo_agent_eq(&s.agent, &ada.id));
    assert_int_equal(s.facts, KNOWN);
    assert_int_equal(s.scopes, OWN);
    assert_int_equal(s.ceiling, ELO_REACH_COMMONS);
    assert_int_equal(s.exp, START + LIFE);
    assert_int_equal(s.until, START + 1000);
    assert_string_equal(s.prefix, "");
    assert_string_equal(s.content, "");

    t = token_of(p, &owner);
    s = session(p, &t);
    assert_int_equal(s.facts, ADMIN);
    assert_int_equal(s.scopes, ELO_SCOPES_ALL);
    t = token_of(p, &eve);
    s = session(p, &t);
    assert_int_equal(s.verdict, ELO_TOKEN_OK);
    assert_int_equal(s.facts, STRANGER);
    assert_int_equal(s.scopes, ELO_SCOPE_READ);
}


/* The token stays, and what it is worth follows the records; but never above the level
   that it was given for. */
static void
test_facts_follow(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    text_t as_stranger, as_admin, as_known;
    elo_digest_t id;

    as_stranger = token_of(p, &ada);
    id = must_tell(p, &owner, admission(&ada, ELO_LEVEL_ADMIN, 0));
    as_admin = token_of(p, &ada);
    assert_int_equal(session(p, &as_stranger).facts, STRANGER);
    assert_int_equal(session(p, &as_stranger).scopes, ELO_SCOPE_READ);
    assert_int_equal(session(p, &as_admin).facts, ADMIN);

    must_tell(p, &owner, revocation(&id));
    assert_int_equal(session(p, &as_admin).verdict, ELO_TOKEN_OK);
    assert_int_equal(session(p, &as_admin).facts, STRANGER);
    assert_int_equal(session(p, &as_admin).scopes, ELO_SCOPE_READ);

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, START + 10));
    as_known = token_of(p, &ada);
    assert_int_equal(session(p, &as_admin).facts, KNOWN);
    assert_int_equal(session(p, &as_admin).scopes, OWN);
    must_tell(p, &owner, admission(&ada, ELO_LEVEL_ADMIN, START + 20));
    assert_int_equal(session(p, &as_known).facts, KNOWN);
    assert_int_equal(session(p, &as_known).scopes, OWN);
    atomic_store(&p->now, START + 20);
    assert_int_equal(session(p, &as_admin).facts, STRANGER);
    assert_int_equal(session(p, &as_known).facts, STRANGER);
}


/* What time has ended doesn't come back with a clock that does. */
static void
test_clock_goes_back(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    text_t t;

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, START + 10));
    t = token_of(p, &ada);
    atomic_store(&p->now, START + 10);
    elo_ctl_expire(p->c);
    atomic_store(&p->now, START + 5);
    assert_int_equal(session(p, &t).verdict, ELO_TOKEN_OK);
    assert_int_equal(session(p, &t).facts, STRANGER);
}


static void
test_times(void **state)
{
    static const struct {
        int64_t after;
        elo_token_verdict_t want;
    } rows[] = { { -ELO_TOKEN_LEEWAY_S - 1, ELO_TOKEN_EARLY },
                 { -ELO_TOKEN_LEEWAY_S, ELO_TOKEN_OK },
                 { LIFE + ELO_TOKEN_LEEWAY_S - 1, ELO_TOKEN_OK },
                 { LIFE + ELO_TOKEN_LEEWAY_S, ELO_TOKEN_EXPIRED } };
    plane_t *p = *state;
    person_t owner = owner_of(p);
    text_t t = token_of(p, &owner);

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_ctl_session_t s;

        atomic_store(&p->now, START + rows[i].after);
        s = session(p, &t);
        if (rows[i].want == ELO_TOKEN_OK) {
            assert_int_equal(s.verdict, ELO_TOKEN_OK);
            assert_int_equal(s.facts, ADMIN);
        } else {
            is_refused(&s, rows[i].want);
        }
    }
}


/* Every prefix, and every character another one: nothing of it is good. */
static void
test_damage(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    text_t t = token_of(p, &owner), bad;
    elo_ctl_session_t s;

    for (size_t n = 0; n < t.len; n++) {
        bad = t;
        bad.len = n;
        s = session(p, &bad);
        assert_true(s.is_malformed);
        is_refused(&s, ELO_TOKEN_UNKNOWN_KEY);
        bad = t;
        bad.p[n] = bad.p[n] == 'A' ? 'B' : 'A';
        s = session(p, &bad);
        assert_true(s.is_malformed || s.verdict != ELO_TOKEN_OK);
        assert_int_equal(s.facts, 0);
        assert_int_equal(s.scopes, 0);
    }
}


static elo_claims_t
claims_of(plane_t *p, const person_t *who)
{
    return (elo_claims_t){ .has_agent = true,
                           .agent = who->id,
                           .level = ELO_LEVEL_ADMIN,
                           .scopes = ELO_SCOPES_ALL,
                           .ceiling = ELO_REACH_COMMONS,
                           .iss = elo_ctl_iss(p->c),
                           .aud = elo_ctl_aud(p->c),
                           .version = 1,
                           .iat = START,
                           .exp = START + LIFE };
}


/* By a key of the node's, or, with a seed, by another. */
static text_t
sign(plane_t *p, const elo_claims_t *c, const uint8_t *seed)
{
    text_t t = { .len = 0 };
    elo_token_key_t k;
    elo_buf_t b;

    assert_int_equal(elo_ctl_keys(p->c, &k, 1), 1);
    elo_buf_init_fixed(&b, t.p, sizeof(t.p));
    assert_int_equal(seed == NULL
                         ? elo_ctl_sign(p->c, c, &b)
                         : elo_token_sign(c, elo_slice_str(k.kid), seed, &b),
                     ELO_OK);
    t.len = b.len;
    return t;
}


static void
test_claims(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), eve = person(1);
    elo_claims_t good = claims_of(p, &owner), c = good;
    elo_ctl_session_t s;
    text_t t = sign(p, &c, NULL);

    assert_int_equal(session(p, &t).facts, ADMIN);
    c.prefix = ELO_SLICE("/api/blob");
    c.content = ELO_SLICE("a-thing");
    c.ceiling = ELO_REACH_LOCAL;
    c.scopes = ELO_SCOPE_READ | ELO_SCOPE_PURGE;
    t = sign(p, &c, NULL);
    s = session(p, &t);
    assert_string_equal(s.prefix, "/api/blob");
    assert_string_equal(s.content, "a-thing");
    assert_int_equal(s.ceiling, ELO_REACH_LOCAL);
    assert_int_equal(s.scopes, ELO_SCOPE_READ | ELO_SCOPE_PURGE);

    t = sign(p, &good, eve.seed); /* with our kid, another's signature */
    s = session(p, &t);
    is_refused(&s, ELO_TOKEN_BAD_SIGNATURE);
    c = good;
    c.iss = ELO_SLICE("did:key:z6MkOther");
    t = sign(p, &c, NULL);
    s = session(p, &t);
    is_refused(&s, ELO_TOKEN_ISSUER);
    c = good;
    c.aud = ELO_SLICE("another");
    t = sign(p, &c, NULL);
    s = session(p, &t);
    is_refused(&s, ELO_TOKEN_AUDIENCE);
    c = good;
    c.exp++; /* longer than any of ours */
    t = sign(p, &c, NULL);
    s = session(p, &t);
    is_refused(&s, ELO_TOKEN_LIFE);
    c = good; /* what isn't admitted gets nothing by a claim */
    c.agent = eve.id;
    t = sign(p, &c, NULL);
    s = session(p, &t);
    assert_int_equal(s.facts, STRANGER);
    assert_int_equal(s.scopes, ELO_SCOPE_READ);
    c = good;
    c.has_agent = false;
    t = sign(p, &c, NULL);
    s = session(p, &t);
    assert_int_equal(s.verdict, ELO_TOKEN_OK);
    assert_int_equal(s.facts, 0);
    assert_int_equal(s.scopes, ELO_SCOPE_READ);
    assert_false(elo_agent_is_zero(&s.agent));
}


/* ---- revocation ---- */

static elo_rec_t
token_revocation(const person_t *of, elo_slice_t jti, elo_slice_t kid,
                 uint64_t version)
{
    elo_rec_t r = { .kind = ELO_REC_TOKEN_REVOCATION,
                    .body = { .jti = jti, .kid = kid, .version = version } };

    if (of != NULL) {
        r.body.agent = of->id;
    }
    return r;
}


static void
test_revoked_by_id(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    uint64_t slot, other;
    text_t one, two;
    const char *why;
    elo_token_t t;

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    one = token_of(p, &ada);
    two = token_of(p, &ada);
    assert_int_equal(elo_token_split(text_slice(&one), &t, &why), ELO_OK);
    slot = slot_of(p, &ada.id);
    other = slot_of(p, &owner.id);
    must_tell(p, &ada,
              token_revocation(&ada, t.claims.jti, elo_slice(NULL, 0), 0));
    assert_true(slot_of(p, &ada.id) > slot);
    assert_int_equal(slot_of(p, &owner.id), other);
    for (unsigned i = 0; i < 2; i++) { /* also after a start */
        assert_int_equal(session(p, &one).verdict, ELO_TOKEN_OK);
        assert_true(session(p, &one).is_revoked);
        assert_false(session(p, &two).is_revoked);
        assert_int_equal(session(p, &two).facts, KNOWN);
        plane_reopen(p);
    }
    /* the owner says so of anybody's, and every slot tells */
    assert_int_equal(elo_token_split(text_slice(&two), &t, &why), ELO_OK);
    slot = slot_of(p, &ada.id);
    must_tell(p, &owner,
              token_revocation(NULL, t.claims.jti, elo_slice(NULL, 0), 0));
    assert_true(session(p, &two).is_revoked);
    assert_true(slot_of(p, &ada.id) > slot);
}


static void
test_revoked_by_version(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    elo_slice_t none = elo_slice(NULL, 0);
    text_t before, after, not_his;
    elo_ctl_session_t s;

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    before = token_of(p, &ada);
    not_his = token_of(p, &owner);
    assert_int_equal(tell(p, &ada, token_revocation(&owner, none, none, 2)).err,
                     ELO_EDENIED);
    must_tell(p, &ada, token_revocation(&ada, none, none, 5));
    after = token_of(p, &ada); /* he may come again */
    assert_true(session(p, &before).is_revoked);
    assert_false(session(p, &not_his).is_revoked);
    s = session(p, &after);
    assert_false(s.is_revoked);
    assert_int_equal(s.facts, KNOWN);
}


static void
test_revoked_by_key(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    elo_slice_t none = elo_slice(NULL, 0);
    elo_signed_url_t u = { .scopes = ELO_SCOPE_READ,
                           .ceiling = ELO_REACH_COMMONS,
                           .exp = START + 500,
                           .agent = ada.id,
                           .prefix = ELO_SLICE("/api/blob") };
    char kid[ELO_CTL_KID_LEN + 1];
    elo_ctl_session_t s;
    text_t old, new, by_ada, by_node, link;
    uint8_t id[ELO_KEY_ID_LEN];
    elo_buf_t b;

    old = token_of(p, &owner);
    elo_buf_init_fixed(&b, by_ada.p, sizeof(by_ada.p));
    assert_int_equal(elo_signed_url_make(&u, ada.seed, &b), ELO_OK);
    by_ada.len = b.len;
    elo_buf_init_fixed(&b, by_node.p, sizeof(by_node.p));
    assert_int_equal(elo_signed_url_make(&u, p->c->secrets->seed, &b), ELO_OK);
    by_node.len = b.len;
    memcpy(kid, p->c->keys[0].kid, sizeof(kid));
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
    new = token_of(p, &owner);
    assert_false(session(p, &old).is_revoked);
    must_tell(p, &owner, token_revocation(NULL, none, elo_slice_str(kid), 0));
    assert_true(session(p, &old).is_revoked);
    assert_false(session(p, &new).is_revoked);
    for (unsigned i = 0; i < 2; i++) {
        link = i == 0 ? by_ada : by_node;
        elo_ctl_url_session(p->c, text_slice(&link), START, &s);
        assert_int_equal(s.verdict, ELO_TOKEN_OK);
        assert_int_equal(s.is_revoked, i == 1);
    }
    elo_key_id(&ada.id, id); /* and all that she has signed */
    elo_hex_encode(id, sizeof(id), kid);
    must_tell(p, &owner, token_revocation(NULL, none, elo_slice_str(kid), 0));
    elo_ctl_url_session(p->c, text_slice(&by_ada), START, &s);
    assert_true(s.is_revoked);
}


/* A signed URL is as good as the key it was signed by, however late its own end. */
static void
test_retired_key(void **state)
{
    plane_t *p = *state;
    person_t ada = person(1);
    elo_signed_url_t u = { .scopes = ELO_SCOPE_READ,
                           .ceiling = ELO_REACH_COMMONS,
                           .exp = START + 1000000,
                           .agent = ada.id,
                           .prefix = ELO_SLICE("/api/blob") };
    int64_t end = START + 3600 + ELO_TOKEN_LEEWAY_S;
    elo_ctl_session_t s;
    elo_buf_t b;
    text_t link;

    elo_buf_init_fixed(&b, link.p, sizeof(link.p));
    assert_int_equal(elo_signed_url_make(&u, p->c->secrets->seed, &b), ELO_OK);
    link.len = b.len;
    elo_ctl_url_session(p->c, text_slice(&link), end + 1, &s);
    assert_int_equal(s.verdict, ELO_TOKEN_OK); /* it is the newest */
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
    elo_ctl_url_session(p->c, text_slice(&link), end - 1, &s);
    assert_int_equal(s.verdict, ELO_TOKEN_OK);
    for (int64_t now = end; now < end + 3; now++) {
        elo_ctl_url_session(p->c, text_slice(&link), now, &s);
        assert_int_equal(s.verdict, ELO_TOKEN_UNKNOWN_KEY);
    }
    atomic_store(&p->now, end);
    elo_ctl_url_session(p->c, text_slice(&link), end, &s);
    assert_int_equal(s.verdict, ELO_TOKEN_UNKNOWN_KEY);
}


/* ---- upstream's tokens ---- */

static text_t
upstream(const char *claims, const char *key)
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";
    elo_digest_t mac;
    elo_slice_t in;
    text_t t = { .len = 0 };

    elo_base64url_encode((const uint8_t *) header, strlen(header), t.p);
    t.len = strlen(t.p);
    t.p[t.len++] = '.';
    elo_base64url_encode((const uint8_t *) claims, strlen(claims), t.p + t.len);
    t.len = strlen(t.p);
    in = text_slice(&t);
    elo_hmac_any(elo_slice_str(key), &in, 1, &mac);
    t.p[t.len++] = '.';
    elo_base64url_encode(mac.b, sizeof(mac.b), t.p + t.len);
    t.len = strlen(t.p);
    return t;
}


static text_t
upstream_of(const person_t *who, const char *level, int64_t life,
            const char *key)
{
    char agent[ELO_AGENT_TEXT_MAX] = "", claims[1024];

    if (who != NULL) {
        elo_agent_text_write(&who->id, ELO_AGENT_HOLO, agent);
    }
    snprintf(claims, sizeof(claims),
             "{\"human_id\":\"h-1\",\"agent_pub_key\":\"%s\","
             "\"identifier\":\"ada@example.org\",\"permission_level\":\"%s\","
             "\"session_id\":null,\"is_steward\":false,"
             "\"has_local_conductor\":false,\"version\":1,\"iat\":%lld,"
             "\"exp\":%lld}",
             agent, level, (long long) START, (long long) (START + life));
    return upstream(claims, key);
}


static void
test_upstream(void **state)
{
    static const struct {
        const char *level;
        uint32_t admin, known, stranger; /* facts */
    } rows[] = { { "ADMIN", ADMIN, KNOWN, STRANGER },
                 { "admin", ADMIN, KNOWN, STRANGER },
                 { "AUTHENTICATED", KNOWN, KNOWN, STRANGER },
                 { "PUBLIC", STRANGER, STRANGER, STRANGER } };
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), eve = person(2);
    elo_ctl_session_t s;
    text_t t = upstream_of(&owner, "ADMIN", LIFE, secret);

    s = session(p, &t); /* no secret was given: there are no such tokens */
    is_refused(&s, ELO_TOKEN_UNKNOWN_KEY);
    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    p->cfg.hs256_secret = elo_slice_str(secret);
    plane_reopen(p);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        t = upstream_of(&owner, rows[i].level, LIFE, secret);
        s = session(p, &t);
        assert_int_equal(s.verdict, ELO_TOKEN_OK);
        assert_true(elo_agent_eq(&s.agent, &owner.id));
        assert_int_equal(s.facts, rows[i].admin);
        t = upstream_of(&ada, rows[i].level, LIFE, secret);
        assert_int_equal(session(p, &t).facts, rows[i].known);
        t = upstream_of(&eve, rows[i].level, LIFE, secret);
        s = session(p, &t);
        assert_int_equal(s.facts, rows[i].stranger);
        assert_int_equal(s.scopes, ELO_SCOPE_READ);
    }
    /* a human without a key is nobody */
    t = upstream_of(NULL, "ADMIN", LIFE, secret);
    s = session(p, &t);
    assert_int_equal(s.verdict, ELO_TOKEN_OK);
    assert_int_equal(s.facts, 0);
    assert_int_equal(s.scopes, ELO_SCOPE_READ);
    assert_false(elo_agent_is_zero(&s.agent));
    /* a week, as its refresh tokens have */
    t = upstream_of(&owner, "ADMIN", 7 * 86400, secret);
    assert_int_equal(session(p, &t).facts, ADMIN);
    t = upstream_of(&owner, "ADMIN", LIFE, "another secret of 32 bytes or so");
    s = session(p, &t);
    is_refused(&s, ELO_TOKEN_BAD_SIGNATURE);
    t = upstream_of(&owner, "ADMIN", -61, secret);
    s = session(p, &t);
    is_refused(&s, ELO_TOKEN_EXPIRED);
}


/* A public key is no secret: signed with it, a token is nothing (RFC 8725, 2.1). */
static void
test_confusion(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    elo_token_key_t k;
    elo_ctl_session_t s;
    char claims[512], agent[2 * ELO_AGENT_LEN + 1], header[128];
    elo_digest_t mac;
    elo_slice_t in;
    text_t t;

    p->cfg.hs256_secret = elo_slice_str(secret);
    plane_reopen(p);
    assert_int_equal(elo_ctl_keys(p->c, &k, 1), 1);
    elo_agent_text(&owner.id, agent);
    snprintf(claims, sizeof(claims),
             "{\"sub\":\"%s\",\"iss\":\"%s\",\"aud\":\"%s\",\"iat\":%lld,"
             "\"exp\":%lld,\"permission_level\":\"ADMIN\"}",
             agent, p->c->iss, p->c->aud, (long long) START,
             (long long) START + LIFE);
    for (unsigned i = 0; i < 2; i++) { /* with the kid of that key, without */
        snprintf(header, sizeof(header), "{\"alg\":\"HS256\"%s%s%s}",
                 i == 0 ? ",\"kid\":\"" : "", i == 0 ? k.kid : "",
                 i == 0 ? "\"" : "");
        elo_base64url_encode((const uint8_t *) header, strlen(header), t.p);
        t.len = strlen(t.p);
        t.p[t.len++] = '.';
        elo_base64url_encode((const uint8_t *) claims, strlen(claims),
                             t.p + t.len);
        t.len = strlen(t.p);
        in = text_slice(&t);
        elo_hmac_any(elo_slice(k.key, 32), &in, 1, &mac);
        t.p[t.len++] = '.';
        elo_base64url_encode(mac.b, sizeof(mac.b), t.p + t.len);
        t.len = strlen(t.p);
        s = session(p, &t);
        is_refused(&s,
                   i == 0 ? ELO_TOKEN_UNKNOWN_KEY : ELO_TOKEN_BAD_SIGNATURE);
    }
}


/* ---- signed URLs ---- */

static text_t
url(const elo_signed_url_t *of, const uint8_t *seed)
{
    elo_signed_url_t u = *of;
    text_t t = { .len = 0 };
    elo_buf_t b;

    elo_buf_init_fixed(&b, t.p, sizeof(t.p));
    assert_int_equal(elo_signed_url_make(&u, seed, &b), ELO_OK);
    t.len = b.len;
    return t;
}


static elo_ctl_session_t
url_session(plane_t *p, const text_t *t)
{
    elo_ctl_session_t s;

    elo_ctl_url_session(p->c, text_slice(t), atomic_load(&p->now), &s);
    return s;
}


static void
test_urls(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), eve = person(2);
    elo_signed_url_t u = { .scopes = ELO_SCOPE_READ,
                           .ceiling = ELO_REACH_LOCAL,
                           .exp = START + 500,
                           .agent = ada.id,
                           .prefix = ELO_SLICE("/api/manifest/a-thing") };
    elo_ctl_session_t s;
    elo_digest_t id;
    text_t t, bad;

    id = must_tell(p, &owner, admission(&ada, ELO_LEVEL_ADMIN, 0));
    t = url(&u, ada.seed);
    s = url_session(p, &t);
    assert_int_equal(s.verdict, ELO_TOKEN_OK);
    assert_false(s.is_malformed || s.is_revoked);
    assert_true(elo_agent_eq(&s.agent, &ada.id));
    assert_int_equal(s.facts, KNOWN); /* no administrator by a link */
    assert_int_equal(s.scopes, ELO_SCOPE_READ);
    assert_int_equal(s.ceiling, ELO_REACH_LOCAL);
    assert_int_equal(s.exp, START + 500);
    assert_string_equal(s.prefix, "/api/manifest/a-thing");

    bad = url(&u, eve.seed); /* hers, in another's name */
    s = url_session(p, &bad);
    is_refused(&s, ELO_TOKEN_UNKNOWN_KEY);
    for (size_t n = 0; n < t.len; n++) {
        bad = t;
        bad.len = n;
        s = url_session(p, &bad);
        assert_true(s.is_malformed);
        bad = t;
        bad.p[n] = bad.p[n] == 'A' ? 'B' : 'A';
        s = url_session(p, &bad);
        assert_true(s.is_malformed || s.verdict != ELO_TOKEN_OK);
        assert_int_equal(s.facts, 0);
    }
    must_tell(p, &owner, revocation(&id));
    assert_int_equal(url_session(p, &t).facts, STRANGER);
    atomic_store(&p->now, START + 500);
    s = url_session(p, &t);
    is_refused(&s, ELO_TOKEN_EXPIRED);
}


/* By the node, on behalf of somebody: as long as that key of it counts. */
static void
test_urls_of_the_node(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    elo_signed_url_t u = { .scopes = ELO_SCOPE_READ,
                           .ceiling = ELO_REACH_COMMONS,
                           .exp = START + 100 * LIFE,
                           .agent = ada.id,
                           .prefix = ELO_SLICE("/api/blob") };
    elo_ctl_session_t s;
    text_t t;

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    t = url(&u, p->c->secrets->seed);
    assert_int_equal(url_session(p, &t).facts, KNOWN);
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
    assert_int_equal(url_session(p, &t).facts, KNOWN);
    atomic_store(&p->now, START + LIFE + ELO_TOKEN_LEEWAY_S);
    s = url_session(p, &t);
    is_refused(&s, ELO_TOKEN_UNKNOWN_KEY);
}


int
main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = {
        T(test_good),
        T(test_facts_follow),
        T(test_clock_goes_back),
        T(test_times),
        T(test_damage),
        T(test_claims),
        T(test_revoked_by_id),
        T(test_revoked_by_version),
        T(test_revoked_by_key),
        T(test_retired_key),
        T(test_upstream),
        T(test_confusion),
        T(test_urls),
        T(test_urls_of_the_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
