/* SPDX-License-Identifier: BSD-2-Clause */
/* bearer: see the header. */
#include "backend/api/bearer.h"

#include <stdlib.h>

#include "backend/api/api_internal.h"
#include "common/auth/signed_url.h"
#include "common/base/crypto.h"

#define BEARER  ELO_SLICE("bearer")
#define SLOTS   64u /* of those known; a power of two */
#define KEEP_S  60  /* then it is judged again, whatever happened */
#define TAG_LEN sizeof(uint32_t)

typedef struct {
    elo_bearer_from_t from; /* NONE: empty */
    elo_digest_t sum;
    int64_t since;
    uint32_t slot; /* of the agent */
    uint64_t generation;
    elo_ctl_session_t session;
} known_t;

struct elo_bearers_s {
    int64_t second;
    uint32_t n_judged; /* in it */
    known_t known[SLOTS];
};


/* ---- finding ---- */

static bool
is_signed(elo_slice_t path)
{
    return elo_slice_has_prefix(path, ELO_SLICE(ELO_BEARER_SIGNED));
}


/* What begins so once more is no path of ours: the segment counts as a bad one. */
static void
find_url(elo_bearer_t *b)
{
    const uint8_t *p, *end, *slash;

    if (!is_signed(b->path)) {
        return;
    }
    p = b->path.p + sizeof(ELO_BEARER_SIGNED) - 1;
    end = b->path.p + b->path.len;
    slash = memchr(p, '/', (size_t) (end - p));
    if (slash == NULL) {
        return;
    }
    b->from = ELO_BEARER_URL;
    b->path = elo_slice(slash, (size_t) (end - slash));
    if (!is_signed(b->path)) {
        b->text = elo_slice(p, (size_t) (slash - p));
    }
}


/* "Bearer" and a token, or the bare token, as clients of the network send it: that
   has dots, which the name of a scheme that stands alone has not. Other schemes are
   somebody else's. Of two fields nobody can tell which one is meant. */
static void
find_field(elo_slice_t value, uint32_t n, elo_bearer_t *b)
{
    elo_slice_t scheme = BEARER;
    const uint8_t *blank;

    value = elo_slice_trim(value);
    blank = value.len == 0 ? NULL : memchr(value.p, ' ', value.len);
    if (blank != NULL) {
        scheme = elo_slice(value.p, (size_t) (blank - value.p));
        value = elo_slice_trim(
            elo_slice(blank, (size_t) (value.p + value.len - blank)));
    } else if (value.len == 0 || memchr(value.p, '.', value.len) == NULL) {
        scheme = value;
        value.len = 0;
    }
    if (!elo_slice_ieq(scheme, BEARER) && n < 2) {
        return;
    }
    b->from = ELO_BEARER_HEADER;
    b->text = n < 2 ? value : elo_slice(NULL, 0);
}


static void
find_query(elo_slice_t query, elo_bearer_t *b)
{
    elo_slice_t text;
    elo_err_t rc;

    if (query.len == 0) {
        return;
    }
    rc = elo_query_text(query, "token", b->room, sizeof(b->room), &text);
    if (rc == ELO_OK && text.len == 0) {
        return;
    }
    b->from = ELO_BEARER_QUERY;
    b->text = rc == ELO_OK ? text : elo_slice(NULL, 0);
}


void
elo_bearer_find(elo_slice_t path, elo_slice_t field, uint32_t n,
                elo_slice_t query, elo_bearer_t *out)
{
    out->from = ELO_BEARER_NONE;
    out->text = elo_slice(NULL, 0);
    out->path = path;
    find_url(out);
    if (out->from == ELO_BEARER_NONE && n != 0) {
        find_field(field, n, out);
    }
    if (out->from == ELO_BEARER_NONE) {
        find_query(query, out);
    }
}


/* ---- judging ---- */

elo_err_t
elo_bearers_create(elo_bearers_t **out)
{
    elo_bearers_t *m = calloc(1, sizeof(*m));

    if (m == NULL) {
        return ELO_ENOMEM;
    }
    *out = m;
    return ELO_OK;
}


void
elo_bearers_free(elo_bearers_t **m)
{
    free(*m);
    *m = NULL;
}


/* Is it one, and for this path, this time and this client? */
static elo_err_t
check_url(const elo_bearer_t *b, elo_slice_t peer, int64_t now)
{
    elo_signed_url_t u;

    if (elo_signed_url_parse(b->text, &u) != ELO_OK) {
        return ELO_EURL;
    }
    if (u.exp <= now) {
        return ELO_EURLEXPIRED;
    }
    return elo_signed_url_covers(&u, b->path, now, peer) ? ELO_OK : ELO_EURL;
}


static known_t *
slot_of(elo_bearers_t *m, const elo_digest_t *sum)
{
    uint32_t n;

    memcpy(&n, sum->b, TAG_LEN);
    return &m->known[n % SLOTS];
}


static bool
is_known(const known_t *k, const elo_bearer_t *b, const elo_digest_t *sum,
         const elo_gen_page_t *gen, int64_t now)
{
    return k->from == b->from && memcmp(k->sum.b, sum->b, sizeof(sum->b)) == 0
           && now >= k->since && now - k->since < KEEP_S && now < k->session.exp
           && (k->session.until == 0 || now < k->session.until)
           && elo_gen_load(gen, k->slot) == k->generation;
}


static bool
may_judge(elo_bearers_t *m, int64_t now)
{
    if (m->second != now) {
        m->second = now;
        m->n_judged = 0;
    }
    return m->n_judged++ < ELO_BEARERS_RATE;
}


static elo_err_t
verdict_of(const elo_bearer_t *b, const elo_ctl_session_t *s)
{
    bool is_url = b->from == ELO_BEARER_URL;

    if (!s->is_malformed && !s->is_revoked && s->verdict == ELO_TOKEN_OK) {
        return ELO_OK;
    }
    if (!s->is_malformed && s->verdict == ELO_TOKEN_EXPIRED) {
        return is_url ? ELO_EURLEXPIRED : ELO_EEXPIRED;
    }
    return is_url ? ELO_EURL : ELO_ETOKEN;
}


/* What is said of agents changes on this thread, with the bump of their slots. */
static void
remember(known_t *k, const elo_bearer_t *b, const elo_digest_t *sum,
         const elo_gen_page_t *gen, int64_t now, const elo_ctl_session_t *s)
{
    k->from = b->from;
    k->sum = *sum;
    k->since = now;
    k->session = *s;
    k->slot = elo_gen_slot(elo_slice(s->agent.b, sizeof(s->agent.b)));
    k->generation = elo_gen_load(gen, k->slot);
}


elo_err_t
elo_bearers_judge(elo_bearers_t *m, elo_ctl_t *ctl, const elo_gen_page_t *gen,
                  const elo_bearer_t *b, elo_slice_t peer, int64_t now,
                  elo_ctl_session_t *out)
{
    bool is_url = b->from == ELO_BEARER_URL;
    elo_digest_t sum;
    elo_err_t rc = ELO_OK;
    known_t *k;

    if (b->text.len == 0
        || b->text.len > (is_url ? ELO_URL_TEXT_MAX : ELO_TOKEN_MAX))
    {
        return is_url ? ELO_EURL : ELO_ETOKEN;
    }
    if (is_url) {
        rc = check_url(b, peer, now);
    }
    if (rc != ELO_OK || (rc = elo_sha256(b->text, &sum)) != ELO_OK) {
        return rc;
    }
    k = slot_of(m, &sum);
    if (is_known(k, b, &sum, gen, now)) {
        *out = k->session;
        return ELO_OK;
    }
    if (!may_judge(m, now)) {
        return ELO_ERATE;
    }
    if (is_url) {
        elo_ctl_url_session(ctl, b->text, now, out);
    } else {
        elo_ctl_session(ctl, b->text, now, out);
    }
    rc = verdict_of(b, out);
    if (rc == ELO_OK && now >= out->exp) {
        rc = ELO_EEXPIRED; /* no leeway, as at the Doorway */
    }
    if (rc == ELO_OK) {
        remember(k, b, &sum, gen, now, out);
    }
    return rc;
}
