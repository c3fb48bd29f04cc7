/* SPDX-License-Identifier: BSD-2-Clause */
/* token_claims: the claims of a token, one rule each. Spec: RFC 7519, 4.1; RFC
   8693, 4.2 (scope); the others are upstream's and ours. */
#include "common/auth/token_internal.h"

#include "common/auth/agent_text.h"
#include "common/auth/json_claims.h"
#include "common/auth/path_prefix.h"
#include "common/base/num.h"

#define WORDS_MAX 16u /* of a scope array; five are known */

/* How one claim is taken: by what, to where in elo_claims_t, of what length. */
typedef struct claim_rule_s claim_rule_t;
typedef elo_err_t (*take_fn)(const claim_rule_t *rule, const elo_jclaim_t *f,
                             void *into);
struct claim_rule_s {
    const char *name;
    take_fn take; /* NULL: by hand */
    size_t at, min, max;
};

static elo_err_t take_text(const claim_rule_t *rule, const elo_jclaim_t *f,
                           void *into);
static elo_err_t take_prefix(const claim_rule_t *rule, const elo_jclaim_t *f,
                             void *into);
static elo_err_t take_content(const claim_rule_t *rule, const elo_jclaim_t *f,
                              void *into);
static elo_err_t take_time(const claim_rule_t *rule, const elo_jclaim_t *f,
                           void *into);
static elo_err_t take_number(const claim_rule_t *rule, const elo_jclaim_t *f,
                             void *into);
static elo_err_t take_level(const claim_rule_t *rule, const elo_jclaim_t *f,
                            void *into);
static elo_err_t take_scope(const claim_rule_t *rule, const elo_jclaim_t *f,
                            void *into);
static elo_err_t take_reach(const claim_rule_t *rule, const elo_jclaim_t *f,
                            void *into);

const char *const elo_scope_names[ELO_SCOPE_COUNT] = { "read", "write",
                                                       "publish", "purge",
                                                       "admin" };
const char *const elo_level_names[ELO_LEVEL_COUNT] = { "PUBLIC",
                                                       "AUTHENTICATED",
                                                       "ADMIN" };

enum { C_SUB, C_AGENT, C_AUD, C_SCOPE, C_EXP, C_OTHERS };

#define AT(field) offsetof(elo_claims_t, field)
static const claim_rule_t claim_rules[] = {
    [C_SUB] = { "sub", NULL, 0, 0, 0 },
    [C_AGENT] = { "agent_pub_key", NULL, 0, 0, 0 },
    [C_AUD] = { "aud", NULL, 0, 1, ELO_TOKEN_ISS_MAX },
    [C_SCOPE] = { "scope", take_scope, AT(scopes), 0, 0 },
    [C_EXP] = { "exp", take_time, AT(exp), 0, 0 },
    [C_OTHERS] = { "iat", take_time, AT(iat), 0, 0 },
    { "nbf", take_time, AT(nbf), 0, 0 },
    { "version", take_number, AT(version), 0, 0 },
    { "permission_level", take_level, AT(level), 0, 0 },
    { "reach", take_reach, AT(ceiling), 0, 0 },
    { "path", take_prefix, AT(prefix), 1, ELO_TOKEN_PREFIX_MAX },
    { "content", take_content, AT(content), 1, ELO_CONTENT_ID_MAX },
    { "jti", take_text, AT(jti), 1, ELO_TOKEN_ID_MAX },
    { "iss", take_text, AT(iss), 1, ELO_TOKEN_ISS_MAX },
    { "human_id", take_text, AT(human_id), 0, ELO_TOKEN_NAME_MAX },
    { "identifier", take_text, AT(identifier), 0, ELO_TOKEN_NAME_MAX },
};
#undef AT
#define N_CLAIMS ELO_COUNT(claim_rules)


uint32_t
elo_level_scopes(elo_level_t level)
{
    switch (level) {
    case ELO_LEVEL_ADMIN:
        return ELO_SCOPES_ALL;
    case ELO_LEVEL_AUTHENTICATED:
        return ELO_SCOPE_READ | ELO_SCOPE_WRITE | ELO_SCOPE_PUBLISH;
    case ELO_LEVEL_PUBLIC:
        return ELO_SCOPE_READ;
    }
    return 0;
}


elo_err_t
elo_token_text_check(elo_slice_t s, size_t min, size_t max)
{
    if (s.len > max) {
        return ELO_ETOOBIG;
    }
    if (s.len < min) {
        return ELO_EINVAL;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] == 0x7f) {
            return ELO_EINVAL;
        }
    }
    return ELO_OK;
}


static elo_err_t
take_text(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    elo_err_t rc;

    if (f->kind != ELO_JCLAIM_TEXT) {
        return ELO_EINVAL;
    }
    rc = elo_token_text_check(f->text, rule->min, rule->max);
    if (rc == ELO_OK) {
        *(elo_slice_t *) into = f->text;
    }
    return rc;
}


static elo_err_t
take_prefix(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    elo_err_t rc = take_text(rule, f, into);

    return rc == ELO_OK && !elo_path_prefix_ok(f->text) ? ELO_EINVAL : rc;
}


static elo_err_t
take_content(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    elo_err_t rc = take_text(rule, f, into);

    return rc == ELO_OK && !elo_content_id_ok(f->text) ? ELO_EINVAL : rc;
}


static elo_err_t
take_time(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    (void) rule;
    if (f->kind != ELO_JCLAIM_UINT || f->number > (uint64_t) ELO_TOKEN_TIME_MAX)
    {
        return ELO_EINVAL;
    }
    *(int64_t *) into = (int64_t) f->number;
    return ELO_OK;
}


static elo_err_t
take_number(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    (void) rule;
    if (f->kind != ELO_JCLAIM_UINT) {
        return ELO_EINVAL;
    }
    *(uint64_t *) into = f->number;
    return ELO_OK;
}


static elo_err_t
take_level(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    (void) rule;
    for (unsigned i = 0; i < ELO_LEVEL_COUNT; i++) {
        if (f->kind == ELO_JCLAIM_TEXT
            && elo_slice_ieq(f->text, elo_slice_str(elo_level_names[i])))
        {
            *(elo_level_t *) into = (elo_level_t) i;
            return ELO_OK;
        }
    }
    return ELO_EINVAL;
}


static elo_err_t
take_reach(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    (void) rule;
    return f->kind == ELO_JCLAIM_TEXT && elo_reach_parse(f->text, into)
               ? ELO_OK
               : ELO_EINVAL;
}


/* Zero for a word that is no scope here: it gives nothing. */
static uint32_t
scope_of(elo_slice_t word)
{
    for (unsigned i = 0; i < ELO_SCOPE_COUNT; i++) {
        if (elo_slice_eq(word, elo_slice_str(elo_scope_names[i]))) {
            return 1u << i;
        }
    }
    return 0;
}


uint32_t
elo_scopes_parse(elo_slice_t words)
{
    uint32_t scopes = 0;

    while (words.len > 0) {
        const uint8_t *blank = memchr(words.p, ' ', words.len);
        size_t n = blank == NULL ? words.len : (size_t) (blank - words.p);

        scopes |= scope_of(elo_slice(words.p, n));
        n += blank != NULL;
        words = elo_slice(words.p + n, words.len - n);
    }
    return scopes;
}


static elo_err_t
take_scope(const claim_rule_t *rule, const elo_jclaim_t *f, void *into)
{
    uint32_t scopes = 0;

    (void) rule;
    if (f->kind == ELO_JCLAIM_TEXTS) {
        for (uint32_t i = 0; i < f->n_items; i++) {
            scopes |= scope_of(f->items[i]);
        }
    } else if (f->kind != ELO_JCLAIM_TEXT) {
        return ELO_EINVAL;
    } else {
        scopes = elo_scopes_parse(f->text);
    }
    *(uint32_t *) into = scopes;
    return ELO_OK;
}


static elo_err_t
take_aud(elo_jclaim_t *f, elo_token_t *t)
{
    const claim_rule_t *rule = &claim_rules[C_AUD];
    elo_err_t rc;

    t->n_aud = 0;
    if (f->kind == ELO_JCLAIM_ABSENT) {
        return ELO_OK;
    }
    if (f->kind == ELO_JCLAIM_TEXT) {
        t->auds[0] = f->text;
        f->n_items = 1;
    } else if (f->kind != ELO_JCLAIM_TEXTS || f->n_items == 0) {
        return ELO_EINVAL;
    }
    for (uint32_t i = 0; i < f->n_items; i++) {
        rc = elo_token_text_check(t->auds[i], rule->min, rule->max);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    t->n_aud = f->n_items;
    t->claims.aud = t->auds[0];
    return ELO_OK;
}


/* A text that names no agent is as none: upstream's nodes invent such. */
static elo_err_t
take_agent(const elo_jclaim_t *sub, const elo_jclaim_t *key, elo_claims_t *c)
{
    const elo_jclaim_t *one = sub->kind != ELO_JCLAIM_ABSENT ? sub : key;
    elo_agent_t other;

    if (one->kind == ELO_JCLAIM_ABSENT) {
        return ELO_OK;
    }
    if (one->kind != ELO_JCLAIM_TEXT
        || (key->kind != ELO_JCLAIM_ABSENT && key->kind != ELO_JCLAIM_TEXT))
    {
        return ELO_EINVAL;
    }
    c->has_agent = elo_agent_text_parse(one->text, &c->agent) == ELO_OK;
    if (one == key || key->kind == ELO_JCLAIM_ABSENT) {
        return ELO_OK;
    }
    return c->has_agent && elo_agent_text_parse(key->text, &other) == ELO_OK
                   && elo_agent_eq(&c->agent, &other)
               ? ELO_OK
               : ELO_EINVAL;
}


static elo_err_t
take_claims(elo_token_t *t, elo_jclaim_t *want, const char **why)
{
    elo_claims_t *c = &t->claims;
    elo_err_t rc;

    *c = (elo_claims_t){ .level = ELO_LEVEL_AUTHENTICATED,
                         .ceiling = ELO_REACH_COMMONS,
                         .version = 1 };
    memset(&c->agent, 0xff, sizeof(c->agent)); /* zero is the operator */
    for (size_t i = 0; i < N_CLAIMS; i++) {
        const claim_rule_t *rule = &claim_rules[i];

        *why = rule->name;
        if (rule->take != NULL && want[i].kind != ELO_JCLAIM_ABSENT
            && (rc = rule->take(rule, &want[i], (char *) c + rule->at))
                   != ELO_OK)
        {
            return rc;
        }
    }
    if (want[C_SCOPE].kind == ELO_JCLAIM_ABSENT) {
        c->scopes = elo_level_scopes(c->level);
    }
    *why = claim_rules[C_EXP].name;
    if (want[C_EXP].kind == ELO_JCLAIM_ABSENT) {
        return ELO_EINVAL;
    }
    *why = claim_rules[C_AUD].name;
    if ((rc = take_aud(&want[C_AUD], t)) != ELO_OK) {
        return rc;
    }
    *why = claim_rules[C_SUB].name;
    return take_agent(&want[C_SUB], &want[C_AGENT], c);
}


elo_err_t
elo_token_read_claims(elo_token_t *t, uint8_t *json, size_t len,
                      const char **why)
{
    elo_slice_t words[WORDS_MAX];
    elo_jclaim_t want[N_CLAIMS];
    elo_err_t rc;

    for (size_t i = 0; i < N_CLAIMS; i++) {
        want[i].name = elo_slice_str(claim_rules[i].name);
        want[i].items = NULL;
    }
    want[C_AUD].items = t->auds;
    want[C_AUD].max_items = ELO_COUNT(t->auds);
    want[C_SCOPE].items = words;
    want[C_SCOPE].max_items = WORDS_MAX;
    *why = "claims";
    if ((rc = elo_jclaims_read(json, len, want, N_CLAIMS)) != ELO_OK) {
        return rc;
    }
    return take_claims(t, want, why);
}
