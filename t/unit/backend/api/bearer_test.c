/* SPDX-License-Identifier: BSD-2-Clause */
/* bearer: where a credential may stand, and what is remembered of one: never longer
   than what is said of its agent stays as it is. */
#include "t/unit/backend/ctl/ctl_tokens.c"

#include "backend/api/bearer.h"
#include "common/auth/signed_url.h"

#define T "aaaa.bbbb.cccc"

typedef struct {
    const char *name;
    const char *path;
    const char *field; /* NULL: none */
    uint32_t n;
    const char *query;
    elo_bearer_from_t from;
    const char *text;
    const char *rest;
} row_t;

static const row_t rows[] = {
    { "none", "/a", NULL, 0, "", ELO_BEARER_NONE, "", "/a" },
    { "Bearer", "/a", "Bearer " T, 1, "", ELO_BEARER_HEADER, T, "/a" },
    { "of any case", "/a", "bEARER   " T " ", 1, "", ELO_BEARER_HEADER, T,
      "/a" },
    { "bare", "/a", T, 1, "", ELO_BEARER_HEADER, T, "/a" },
    { "the word alone", "/a", "Bearer", 1, "", ELO_BEARER_HEADER, "", "/a" },
    { "and a blank", "/a", "Bearer  ", 1, "", ELO_BEARER_HEADER, "", "/a" },
    { "another scheme", "/a", "Basic " T, 1, "", ELO_BEARER_NONE, "", "/a" },
    { "another bare word", "/a", "abc", 1, "", ELO_BEARER_NONE, "", "/a" },
    { "empty", "/a", "", 1, "", ELO_BEARER_NONE, "", "/a" },
    { "two fields", "/a", "Bearer " T, 2, "", ELO_BEARER_HEADER, "", "/a" },
    { "two, the first another's", "/a", "Basic x", 2, "", ELO_BEARER_HEADER, "",
      "/a" },
    { "query", "/a", NULL, 0, "token=" T, ELO_BEARER_QUERY, T, "/a" },
    { "query, escaped", "/a", NULL, 0, "x=1&token=aaaa%2Ebbbb.cccc",
      ELO_BEARER_QUERY, T, "/a" },
    { "query, malformed", "/a", NULL, 0, "token=%zz", ELO_BEARER_QUERY, "",
      "/a" },
    { "query, empty", "/a", NULL, 0, "token=", ELO_BEARER_NONE, "", "/a" },
    { "query of another name", "/a", NULL, 0, "xtoken=" T, ELO_BEARER_NONE, "",
      "/a" },
    { "field before query", "/a", "Bearer x.y.z", 1, "token=" T,
      ELO_BEARER_HEADER, "x.y.z", "/a" },
    { "a foreign scheme beside a query", "/a", "Basic x", 1, "token=" T,
      ELO_BEARER_QUERY, T, "/a" },
    { "URL", "/s/abc/a/b", NULL, 0, "", ELO_BEARER_URL, "abc", "/a/b" },
    { "URL before the rest", "/s/abc/a", "Bearer " T, 1, "token=" T,
      ELO_BEARER_URL, "abc", "/a" },
    { "URL without a path", "/s/abc", NULL, 0, "", ELO_BEARER_NONE, "",
      "/s/abc" },
    { "URL of nothing", "/s//a", NULL, 0, "", ELO_BEARER_URL, "", "/a" },
    { "URL twice", "/s/abc/s/def/a", NULL, 0, "", ELO_BEARER_URL, "",
      "/s/def/a" },
    { "no URL", "/store/abc/a", NULL, 0, "", ELO_BEARER_NONE, "",
      "/store/abc/a" },
};


static void
test_find(void **state)
{
    static elo_bearer_t b;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        const row_t *r = &rows[i];

        elo_bearer_find(elo_slice_str(r->path), elo_slice_str(r->field), r->n,
                        elo_slice_str(r->query), &b);
        if (b.from != r->from || !elo_slice_eq(b.text, elo_slice_str(r->text))
            || !elo_slice_eq(b.path, elo_slice_str(r->rest)))
        {
            fail_msg("%s: %d \"%.*s\"", r->name, (int) b.from, (int) b.text.len,
                     (const char *) b.text.p);
        }
    }
}


static void
test_long_query(void **state)
{
    static char query[6 + 2 * ELO_TOKEN_MAX] = "token=";
    static elo_bearer_t b;

    (void) state;
    memset(query + 6, 'a', ELO_TOKEN_MAX);
    elo_bearer_find(ELO_SLICE("/"), elo_slice(NULL, 0), 0,
                    elo_slice(query, 6 + ELO_TOKEN_MAX), &b);
    assert_int_equal(b.text.len, ELO_TOKEN_MAX);
    query[6 + ELO_TOKEN_MAX] = 'a';
    elo_bearer_find(ELO_SLICE("/"), elo_slice(NULL, 0), 0,
                    elo_slice(query, 7 + ELO_TOKEN_MAX), &b);
    assert_int_equal(b.from, ELO_BEARER_QUERY);
    assert_int_equal(b.text.len, 0);
}


/* ---- judging ---- */

typedef struct {
    plane_t *p;
    elo_bearers_t *m;
} judge_t;


static elo_err_t
judge_as(judge_t *j, elo_bearer_from_t from, elo_slice_t text, const char *path,
         elo_ctl_session_t *s)
{
    static const uint8_t peer[] = { 127, 0, 0, 1 };
    elo_bearer_t b = { .from = from,
                       .text = text,
                       .path = elo_slice_str(path) };

    return elo_bearers_judge(j->m, j->p->c, elo_store_gen(j->p->dir.s), &b,
                             elo_slice(peer, sizeof(peer)),
                             atomic_load(&j->p->now), s);
}


static elo_err_t
judge(judge_t *j, const text_t *t, elo_ctl_session_t *s)
{
    return judge_as(j, ELO_BEARER_HEADER, text_slice(t), "/", s);
}


static elo_rec_t
admission_of(const person_t *of)
{
    return admission(of, ELO_LEVEL_AUTHENTICATED, 0);
}


/* What is known is told as it is now, not as it was. */
static void
test_remembered(void **state)
{
    judge_t j = { .p = *state };
    person_t owner = owner_of(j.p), ada = person(1);
    elo_ctl_session_t s;
    elo_digest_t id;
    text_t t;

    assert_int_equal(elo_bearers_create(&j.m), ELO_OK);
    id = must_tell(j.p, &owner, admission_of(&ada));
    t = token_of(j.p, &ada);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(judge(&j, &t, &s), ELO_OK);
        assert_int_equal(s.facts, KNOWN);
        assert_true(elo_agent_eq(&s.agent, &ada.id));
    }
    must_tell(j.p, &owner, revocation(&id));
    assert_int_equal(judge(&j, &t, &s), ELO_OK);
    assert_int_equal(s.facts, STRANGER);
    must_tell(j.p, &owner, admission_of(&ada));
    assert_int_equal(judge(&j, &t, &s), ELO_OK);
    assert_int_equal(s.facts, KNOWN);

    /* the end of it, known and not: no leeway, as at the Doorway */
    atomic_store(&j.p->now, START + LIFE - 1);
    assert_int_equal(judge(&j, &t, &s), ELO_OK);
    atomic_store(&j.p->now, START + LIFE);
    assert_int_equal(judge(&j, &t, &s), ELO_EEXPIRED);
    atomic_store(&j.p->now, START + LIFE + ELO_TOKEN_LEEWAY_S);
    assert_int_equal(judge(&j, &t, &s), ELO_EEXPIRED);
    elo_bearers_free(&j.m);
    assert_null(j.m);
}


/* An admission that ends by itself ends for what is known, too. */
static void
test_until(void **state)
{
    judge_t j = { .p = *state };
    person_t owner = owner_of(j.p), ada = person(1);
    elo_ctl_session_t s;
    text_t t;

    assert_int_equal(elo_bearers_create(&j.m), ELO_OK);
    must_tell(j.p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, START + 5));
    t = token_of(j.p, &ada);
    assert_int_equal(judge(&j, &t, &s), ELO_OK);
    assert_int_equal(s.facts, KNOWN);
    atomic_store(&j.p->now, START + 5);
    assert_int_equal(judge(&j, &t, &s), ELO_OK);
    assert_int_equal(s.facts, STRANGER);
    elo_bearers_free(&j.m);
}


/* Only so many a second are looked at; those that are known don't count. */
static void
test_rate(void **state)
{
    judge_t j = { .p = *state };
    person_t ada = person(1), eve = person(2);
    text_t good = token_of(j.p, &ada), bad = token_of(j.p, &eve);
    elo_ctl_session_t s;
    elo_err_t rc = ELO_OK;
    uint32_t n = 1;

    assert_int_equal(elo_bearers_create(&j.m), ELO_OK);
    assert_int_equal(judge(&j, &good, &s), ELO_OK);
    bad.p[bad.len - 10] = bad.p[bad.len - 10] == 'A' ? 'B' : 'A';
    while (n <= ELO_BEARERS_RATE && (rc = judge(&j, &bad, &s)) != ELO_ERATE) {
        assert_int_equal(rc, ELO_ETOKEN);
        n++;
    }
    assert_int_equal(n, ELO_BEARERS_RATE);
    assert_int_equal(rc, ELO_ERATE);
    assert_int_equal(judge(&j, &good, &s), ELO_OK);
    atomic_store(&j.p->now, START + 1);
    assert_int_equal(judge(&j, &bad, &s), ELO_ETOKEN);
    elo_bearers_free(&j.m);
}


static void
test_malformed(void **state)
{
    static char longest[ELO_TOKEN_MAX + 1];
    judge_t j = { .p = *state };
    elo_ctl_session_t s;

    assert_int_equal(elo_bearers_create(&j.m), ELO_OK);
    memset(longest, 'a', sizeof(longest));
    for (int from = ELO_BEARER_URL; from <= ELO_BEARER_QUERY; from++) {
        elo_err_t want = from == ELO_BEARER_URL ? ELO_EURL : ELO_ETOKEN;
        elo_bearer_from_t f = (elo_bearer_from_t) from;

        assert_int_equal(judge_as(&j, f, elo_slice(NULL, 0), "/", &s), want);
        assert_int_equal(judge_as(&j, f, ELO_SLICE("x"), "/", &s), want);
        assert_int_equal(
            judge_as(&j, f, elo_slice(longest, ELO_TOKEN_MAX), "/", &s), want);
        assert_int_equal(
            judge_as(&j, f, elo_slice(longest, sizeof(longest)), "/", &s),
            want);
    }
    elo_bearers_free(&j.m);
}


/* The one isn't taken for the other, known or not; and a URL is looked at anew for
   each path. */
static void
test_urls(void **state)
{
    judge_t j = { .p = *state };
    person_t owner = owner_of(j.p), ada = person(1);
    elo_signed_url_t u = { .scopes = ELO_SCOPE_READ,
                           .ceiling = ELO_REACH_COMMONS,
                           .exp = START + 500,
                           .agent = ada.id,
                           .prefix = ELO_SLICE("/store/x") };
    elo_ctl_session_t s;
    elo_slice_t text;
    text_t t;
    elo_buf_t b;

    assert_int_equal(elo_bearers_create(&j.m), ELO_OK);
    must_tell(j.p, &owner, admission_of(&ada));
    elo_buf_init_fixed(&b, t.p, sizeof(t.p));
    assert_int_equal(elo_signed_url_make(&u, ada.seed, &b), ELO_OK);
    text = elo_buf_slice(&b);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(judge_as(&j, ELO_BEARER_URL, text, "/store/x", &s),
                         ELO_OK);
        assert_int_equal(s.facts, KNOWN);
        assert_int_equal(s.scopes, ELO_SCOPE_READ);
        assert_int_equal(judge_as(&j, ELO_BEARER_URL, text, "/store/xy", &s),
                         ELO_EURL);
        assert_int_equal(judge_as(&j, ELO_BEARER_HEADER, text, "/store/x", &s),
                         ELO_ETOKEN);
    }
    atomic_store(&j.p->now, START + 500);
    assert_int_equal(judge_as(&j, ELO_BEARER_URL, text, "/store/x", &s),
                     ELO_EURLEXPIRED);

    t = token_of(j.p, &ada);
    assert_int_equal(judge(&j, &t, &s), ELO_OK);
    assert_int_equal(
        judge_as(&j, ELO_BEARER_URL, text_slice(&t), "/store/x", &s), ELO_EURL);

    /* for one address, which isn't the client's */
    u.exp = START + 1000;
    u.from = (elo_addr_prefix_t){ .family = 4, .bits = 8, .addr = { 10 } };
    elo_buf_init_fixed(&b, t.p, sizeof(t.p));
    assert_int_equal(elo_signed_url_make(&u, ada.seed, &b), ELO_OK);
    assert_int_equal(
        judge_as(&j, ELO_BEARER_URL, elo_buf_slice(&b), "/store/x", &s),
        ELO_EURL);
    elo_bearers_free(&j.m);
}


int
main(void)
{
#define P(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_long_query),
        P(test_remembered),
        P(test_until),
        P(test_rate),
        P(test_malformed),
        P(test_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
