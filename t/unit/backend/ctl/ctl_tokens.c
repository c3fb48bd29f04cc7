/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl_tokens: tokens by login, and what they are worth; for tests. */
#ifndef ELO_T_UNIT_CTL_TOKENS_C
#define ELO_T_UNIT_CTL_TOKENS_C

#include "ctl_dir.c"

#define KNOWN    (ELO_FACT_PROVED | ELO_FACT_ADMITTED)
#define ADMIN    (KNOWN | ELO_FACT_ADMIN)
#define STRANGER ELO_FACT_PROVED
#define OWN      (ELO_SCOPES_ALL & ~(uint32_t) ELO_SCOPE_ADMIN)
#define LIFE     3600

typedef struct {
    char p[ELO_TOKEN_MAX + 1];
    size_t len;
} text_t;


static inline elo_slice_t
text_slice(const text_t *t)
{
    return elo_slice(t->p, t->len);
}


static inline elo_ctl_session_t
session(plane_t *p, const text_t *t)
{
    elo_ctl_session_t s;

    elo_ctl_session(p->c, text_slice(t), atomic_load(&p->now), &s);
    return s;
}


/* Nothing that could be used is in one that isn't good. */
static inline void
is_refused(const elo_ctl_session_t *s, elo_token_verdict_t want)
{
    assert_int_equal(s->verdict, want);
    assert_int_equal(s->facts, 0);
    assert_int_equal(s->scopes, 0);
    assert_int_equal(s->ceiling, ELO_REACH_PRIVATE);
    assert_false(elo_agent_is_zero(&s->agent));
}


/* A token by login. */
static inline text_t
token_of(plane_t *p, const person_t *who)
{
    elo_ctl_login_t l = { .agent = who->id,
                          .scopes = ELO_SCOPES_ALL,
                          .ceiling = ELO_REACH_COMMONS };
    uint8_t mem[512];
    text_t t = { .len = 0 };
    elo_buf_t b;
    int64_t exp;

    elo_ctl_challenge(p->c, &who->id, l.nonce);
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put(&b, ELO_CTL_LOGIN_TEXT, sizeof(ELO_CTL_LOGIN_TEXT));
    elo_buf_put_slice(&b, elo_ctl_aud(p->c));
    elo_buf_put_u8(&b, 0);
    elo_buf_put(&b, l.nonce, sizeof(l.nonce));
    elo_buf_put(&b, who->id.b, sizeof(who->id.b));
    elo_sign(who->seed, elo_buf_slice(&b), l.sig);
    elo_buf_init_fixed(&b, t.p, sizeof(t.p));
    assert_int_equal(elo_ctl_login(p->c, &l, &b, &exp), ELO_OK);
    t.len = b.len;
    return t;
}

#endif
