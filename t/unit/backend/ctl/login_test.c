/* SPDX-License-Identifier: BSD-2-Clause */
/* login: who gets a token, for what, and who doesn't. */
#include "ctl_dir.c"

#define OWN (ELO_SCOPES_ALL & ~(uint32_t) ELO_SCOPE_ADMIN)


/* Signs what a login is to sign, spelt out. */
static void
prove(const person_t *who, elo_slice_t aud, const elo_agent_t *as,
      elo_ctl_login_t *l)
{
    static const char text[] = "elohim-login-1";
    uint8_t mem[512];
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put(&b, text, sizeof(text));
    elo_buf_put_slice(&b, aud);
    elo_buf_put_u8(&b, 0);
    elo_buf_put(&b, l->nonce, sizeof(l->nonce));
    elo_buf_put(&b, as->b, sizeof(as->b));
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    elo_sign(who->seed, elo_buf_slice(&b), l->sig);
}


static elo_ctl_login_t
ready(plane_t *p, const person_t *who)
{
    elo_ctl_login_t l = { .agent = who->id,
                          .scopes = ELO_SCOPES_ALL,
                          .ceiling = ELO_REACH_COMMONS };

    elo_ctl_challenge(p->c, &who->id, l.nonce);
    prove(who, elo_ctl_aud(p->c), &who->id, &l);
    return l;
}


/* Nothing is given unless it is. */
static elo_err_t
login(plane_t *p, const elo_ctl_login_t *l)
{
    int64_t exp = -7;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init(&b, ELO_TOKEN_MAX);
    rc = elo_ctl_login(p->c, l, &b, &exp);
    assert_true(rc == ELO_OK ? exp > 0 && b.len > 0 : exp == -7 && b.len == 0);
    elo_buf_dispose(&b);
    return rc;
}


static void
test_token(void **state)
{
    plane_t *p = *state;
    person_t ada = person(1);
    elo_ctl_login_t l = ready(p, &ada);
    elo_token_key_t keys[ELO_CTL_KEYS_MAX];
    char first_jti[ELO_TOKEN_ID_MAX];
    elo_agent_t key;
    const char *why;
    int64_t exp;
    elo_buf_t b;
    elo_token_t t;

    l.ceiling = ELO_REACH_LOCAL;
    for (unsigned i = 0; i < 2; i++) {
        elo_buf_init(&b, ELO_TOKEN_MAX);
        assert_int_equal(elo_ctl_login(p->c, &l, &b, &exp), ELO_OK);
        assert_int_equal(exp, START + 3600);
        assert_int_equal(elo_token_split(elo_buf_slice(&b), &t, &why), ELO_OK);
        assert_int_equal(t.alg, ELO_ALG_EDDSA);
        assert_true(elo_slice_eq(t.claims.iss, elo_ctl_iss(p->c)));
        assert_true(elo_slice_eq(t.claims.aud, elo_ctl_aud(p->c)));
        assert_true(t.claims.has_agent);
        assert_true(elo_agent_eq(&t.claims.agent, &ada.id));
        assert_int_equal(t.claims.iat, START);
        assert_int_equal(t.claims.exp, exp);
        assert_int_equal(t.claims.version, 1);
        assert_int_equal(t.claims.ceiling, ELO_REACH_LOCAL);
        assert_int_equal(t.claims.jti.len, 32);
        assert_int_equal(elo_ctl_keys(p->c, keys, ELO_CTL_KEYS_MAX), 1);
        assert_true(elo_slice_eq(t.kid, elo_slice_str(keys[0].kid)));
        memcpy(key.b, keys[0].key, sizeof(key.b));
        assert_true(elo_verify(&key, t.signing_input, t.sig));
        if (i == 0) {
            memcpy(first_jti, t.claims.jti.p, 32);
        } else {
            assert_memory_not_equal(first_jti, t.claims.jti.p, 32);
        }
        elo_buf_dispose(&b);
        l = ready(p, &ada);
        l.ceiling = ELO_REACH_LOCAL;
    }
}


/* ---- who gets what ---- */

static void
scopes_of(plane_t *p, const person_t *who, uint32_t ask, elo_err_t rc,
          elo_level_t level, uint32_t want)
{
    elo_ctl_login_t l = ready(p, who);
    const char *why;
    int64_t exp;
    elo_buf_t b;
    elo_token_t t;

    l.scopes = ask;
    elo_buf_init(&b, ELO_TOKEN_MAX);
    assert_int_equal(elo_ctl_login(p->c, &l, &b, &exp), rc);
    if (rc == ELO_OK) {
        assert_int_equal(elo_token_split(elo_buf_slice(&b), &t, &why), ELO_OK);
        assert_int_equal(t.claims.level, level);
        assert_int_equal(t.claims.scopes, want);
    }
    elo_buf_dispose(&b);
}


static void
test_scopes(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), bob = person(2),
             eve = person(3);

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_ADMIN, 0));
    must_tell(p, &owner, admission(&bob, ELO_LEVEL_AUTHENTICATED, START + 50));
    for (uint32_t ask = 0; ask <= ELO_SCOPES_ALL; ask++) {
        scopes_of(p, &ada, ask, ask == 0 ? ELO_EDENIED : ELO_OK,
                  ELO_LEVEL_ADMIN, ask);
        scopes_of(p, &owner, ask, ask == 0 ? ELO_EDENIED : ELO_OK,
                  ELO_LEVEL_ADMIN, ask);
        scopes_of(p, &bob, ask, (ask & OWN) == 0 ? ELO_EDENIED : ELO_OK,
                  ELO_LEVEL_AUTHENTICATED, ask & OWN);
        scopes_of(p, &eve, ask,
                  (ask & ELO_SCOPE_READ) == 0 ? ELO_EDENIED : ELO_OK,
                  ELO_LEVEL_PUBLIC, ELO_SCOPE_READ);
    }
    atomic_store(&p->now, START + 50); /* admitted no more */
    scopes_of(p, &bob, ELO_SCOPES_ALL, ELO_OK, ELO_LEVEL_PUBLIC,
              ELO_SCOPE_READ);
}


static void
test_life(void **state)
{
    static const struct {
        int64_t ask, get;
    } rows[] = { { 0, 3600 },
                 { 1, 1 },
                 { 3600, 3600 },
                 { 3601, 3600 },
                 { INT64_MAX, 3600 } };
    plane_t *p = *state;
    person_t ada = person(1);

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_ctl_login_t l = ready(p, &ada);
        int64_t exp;
        elo_buf_t b;

        l.life_s = rows[i].ask;
        elo_buf_init(&b, ELO_TOKEN_MAX);
        assert_int_equal(elo_ctl_login(p->c, &l, &b, &exp), ELO_OK);
        assert_int_equal(exp, START + rows[i].get);
        elo_buf_dispose(&b);
    }
}


static void
test_nonsense(void **state)
{
    plane_t *p = *state;
    person_t ada = person(1);
    elo_ctl_login_t l = ready(p, &ada), bad;

    bad = l;
    bad.life_s = -1;
    assert_int_equal(login(p, &bad), ELO_EINVAL);
    bad = l;
    bad.scopes = ELO_SCOPES_ALL + 1;
    assert_int_equal(login(p, &bad), ELO_EINVAL);
    bad = l;
    bad.ceiling = (elo_reach_t) ELO_REACH_COUNT;
    assert_int_equal(login(p, &bad), ELO_EINVAL);
    assert_int_equal(login(p, &l), ELO_OK); /* it wasn't used by these */
}


/* ---- proofs that don't hold ---- */

static void
test_bits(void **state)
{
    plane_t *p = *state;
    person_t ada = person(1);
    elo_ctl_login_t l = ready(p, &ada), bad;

    for (size_t i = 0; i < 8 * sizeof(l.nonce); i++) {
        bad = l;
        bad.nonce[i / 8] ^= (uint8_t) (1u << i % 8);
        assert_int_equal(login(p, &bad), ELO_EDENIED);
        /* signed as it is: it isn't ours */
        prove(&ada, elo_ctl_aud(p->c), &ada.id, &bad);
        assert_int_equal(login(p, &bad), ELO_EDENIED);
    }
    for (size_t i = 0; i < 8 * sizeof(l.sig); i++) {
        bad = l;
        bad.sig[i / 8] ^= (uint8_t) (1u << i % 8);
        assert_int_equal(login(p, &bad), ELO_EDENIED);
    }
    for (size_t i = 0; i < 8 * sizeof(l.agent.b); i++) {
        bad = l;
        bad.agent.b[i / 8] ^= (uint8_t) (1u << i % 8);
        assert_int_equal(login(p, &bad), ELO_EDENIED);
    }
    assert_int_equal(login(p, &l), ELO_OK);
}


static void
test_others(void **state)
{
    plane_t *p = *state;
    person_t ada = person(1), eve = person(2);
    elo_ctl_login_t l = ready(p, &ada), bad = l;

    bad.agent = eve.id; /* her own key, another's nonce */
    prove(&eve, elo_ctl_aud(p->c), &eve.id, &bad);
    assert_int_equal(login(p, &bad), ELO_EDENIED);
    bad = l; /* another's key */
    prove(&eve, elo_ctl_aud(p->c), &ada.id, &bad);
    assert_int_equal(login(p, &bad), ELO_EDENIED);
    bad = l; /* a proof that was meant for another node */
    prove(&ada, ELO_SLICE("did:key:z6MkOther"), &ada.id, &bad);
    assert_int_equal(login(p, &bad), ELO_EDENIED);
    /* the operator's zeros are no key */
    bad.agent = (elo_agent_t){ { 0 } };
    elo_ctl_challenge(p->c, &bad.agent, bad.nonce);
    memset(bad.sig, 0, sizeof(bad.sig));
    assert_int_equal(login(p, &bad), ELO_EDENIED);
    bad.sig[0] = 1; /* R of small order, S zero */
    assert_int_equal(login(p, &bad), ELO_EDENIED);
    assert_int_equal(login(p, &l), ELO_OK);
}


static void
test_once(void **state)
{
    plane_t *p = *state;
    person_t ada = person(1), bob = person(2);
    elo_ctl_login_t l = ready(p, &ada), other = ready(p, &bob);

    assert_int_equal(login(p, &l), ELO_OK);
    assert_int_equal(login(p, &l), ELO_EDENIED);
    assert_int_equal(login(p, &other), ELO_OK);
    for (int64_t t = START; t <= START + 3 * ELO_CTL_NONCE_S; t++) {
        atomic_store(&p->now, t);
        assert_int_equal(login(p, &l), ELO_EDENIED);
    }
    atomic_store(&p->now, START); /* the clock goes back: it stays used */
    assert_int_equal(login(p, &l), ELO_EDENIED);
    l = ready(p, &ada);
    assert_int_equal(login(p, &l), ELO_OK);
}


static void
test_age(void **state)
{
    static const struct {
        int64_t after;
        elo_err_t rc;
    } rows[] = { { 0, ELO_OK },
                 { 1, ELO_OK },
                 { ELO_CTL_NONCE_S, ELO_OK },
                 { ELO_CTL_NONCE_S + 1, ELO_EDENIED },
                 { INT64_C(1) << 40, ELO_EDENIED } };
    plane_t *p = *state;
    person_t ada = person(1);

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_ctl_login_t l = ready(p, &ada);

        atomic_fetch_add(&p->now, rows[i].after);
        assert_int_equal(login(p, &l), rows[i].rc);
    }
}


/* Fills the table of that agent's kind by others of it: each use a different id. */
static void
flood(elo_nonces_t *n, int64_t now)
{
    uint8_t id[ELO_NONCE_ID_LEN] = { 0xf1 };
    elo_agent_t by = { { 0xf2 } };

    for (uint32_t i = 0; i < ELO_CTL_NONCES_MAX; i++) {
        memcpy(id + 8, &i, sizeof(i));
        memcpy(by.b + 8, &i, sizeof(i));
        if (elo_nonces_check(n, id, &by, now) == ELO_OK) {
            elo_nonces_use(n, id, &by, now);
        }
    }
}


/* As many made-up keys as may log in: who is admitted still can, and the node's
   owner; and when all of these are there, the strangers. */
static void
test_flood(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1), eve = person(3),
             zoe = person(4);
    elo_ctl_login_t l = ready(p, &zoe), early = ready(p, &ada);

    assert_int_equal(login(p, &early), ELO_OK); /* a stranger, as yet */
    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    assert_int_equal(login(p, &early), ELO_EDENIED); /* used all the same */
    flood(p->c->strange, START);
    assert_int_equal(login(p, &l), ELO_EBUSY);
    for (uint32_t i = 0; i < ELO_CTL_NONCES_EACH; i++) {
        l = ready(p, &ada);
        assert_int_equal(login(p, &l), ELO_OK);
    }
    l = ready(p, &ada);
    assert_int_equal(login(p, &l), ELO_EBUSY); /* it is her share */
    l = ready(p, &owner);
    assert_int_equal(login(p, &l), ELO_OK);
    assert_int_equal(login(p, &l), ELO_EDENIED);
    l = ready(p, &eve);
    assert_int_equal(login(p, &l), ELO_EBUSY);
    atomic_store(&p->now, START + ELO_CTL_NONCE_S + 1);
    flood(p->c->nonces, START + ELO_CTL_NONCE_S + 1);
    l = ready(p, &eve);
    assert_int_equal(login(p, &l), ELO_OK);
}


/* A nonce of the same node holds over a start, another node's doesn't. */
static void
test_nodes(void **state)
{
    plane_t *p = *state, *q;
    person_t ada = person(1);
    elo_ctl_login_t l = ready(p, &ada), unused;
    void *other;

    assert_int_equal(plane_setup(&other), 0);
    q = other;
    prove(&ada, elo_ctl_aud(q->c), &ada.id, &l);
    assert_int_equal(login(q, &l), ELO_EDENIED);
    plane_teardown(&other);
    prove(&ada, elo_ctl_aud(p->c), &ada.id, &l);
    assert_int_equal(login(p, &l), ELO_OK);
    unused = ready(p, &ada);
    plane_reopen(p);
    /* which of them was used is known no more */
    assert_int_equal(login(p, &l), ELO_EDENIED);
    assert_int_equal(login(p, &unused), ELO_EDENIED);
    l = ready(p, &ada);
    assert_int_equal(login(p, &l), ELO_OK);
}


int
main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = {
        T(test_token), T(test_scopes), T(test_life), T(test_nonsense),
        T(test_bits),  T(test_others), T(test_once), T(test_age),
        T(test_flood), T(test_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
