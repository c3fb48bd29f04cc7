/* SPDX-License-Identifier: BSD-2-Clause */
/* records_row: bytes of a row of NODE, and what follows from one: what it is found
   by. See records_node.h. */
#include "backend/store/records_node.h"

#include "common/base/num.h"
#include "common/base/rd.h"

#define VERSION   3
#define BARE_LAST 2 /* versions up to it have no facets; 1 has no owner */
#define FLAGS     (ELO_NODE_IS_HELD | ELO_NODE_IS_TOMB)


/* ---- bytes ---- */

void
elo_rec_node_encode(const elo_rec_node_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, VERSION);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be64(out, r->current);
    elo_buf_put_be32(out, r->owner);
    elo_buf_put_u8(out, (uint8_t) r->stated);
    elo_buf_put_u8(out, (uint8_t) r->life);
    elo_buf_put_u8(out, (uint8_t) (r->flags & FLAGS));
    elo_buf_put_be64(out, (uint64_t) r->created_at);
    elo_buf_put_be64(out, (uint64_t) r->updated_at);
    elo_buf_put_be64(out, (uint64_t) r->due_s);
    elo_buf_put_be16(out, (uint16_t) r->n_refs);
    elo_buf_put_be16(out, (uint16_t) r->n_invited);
    elo_buf_put_be16(out, (uint16_t) r->n_facets);
    for (uint32_t i = 0; i < r->n_refs; i++) {
        elo_buf_put(out, r->refs[i].b, ELO_SHA256_LEN);
    }
    elo_buf_put_slice(out, r->invited);
    elo_buf_put_slice(out, r->facets);
}


/* n pieces of len bytes, each beyond the one before. */
static bool
is_ascending(elo_slice_t s, uint32_t n, size_t len)
{
    for (uint32_t i = 1; i < n; i++) {
        if (memcmp(s.p + (i - 1) * len, s.p + i * len, len) >= 0) {
            return false;
        }
    }
    return true;
}


static bool
are_of_texts(elo_slice_t facets, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        switch (facets.p[i * ELO_NODE_FACET]) {
        case ELO_NODE_FORMAT:
        case ELO_NODE_TAG:
        case ELO_NODE_RELATED:
            break;
        default:
            return false;
        }
    }
    return true;
}


static bool
is_served(elo_node_life_t life)
{
    return life != ELO_NODE_DRAFT && life != ELO_NODE_FORGOTTEN;
}


static bool
is_sound(const elo_rec_node_t *r)
{
    bool is_tomb = (r->flags & ELO_NODE_IS_TOMB) != 0;

    if (r->created_at < 0 || r->updated_at < 0 || r->due_s < 0
        || !are_of_texts(r->facets, r->n_facets)
        || !is_ascending(r->facets, r->n_facets, ELO_NODE_FACET)
        || !is_ascending(r->invited, r->n_invited, ELO_AGENT_LEN))
    {
        return false;
    }
    if (is_tomb) {
        return r->n_refs == 0 && r->n_invited == 0 && r->n_facets == 0
               && r->due_s == 0 && r->reach == ELO_REACH_PRIVATE
               && (r->flags & ELO_NODE_IS_HELD) == 0;
    }
    return r->life != ELO_NODE_FORGOTTEN
           && r->reach == (is_served(r->life) ? r->stated : ELO_REACH_PRIVATE);
}


/* What follows the owner in a row with facets. */
static const uint8_t *
rest_parse(const uint8_t *p, const uint8_t *end, elo_rec_node_t *r)
{
    uint64_t created = 0, updated = 0, due = 0;
    uint8_t stated = 0, life = 0, flags = 0;

    p = elo_rd_u8(p, end, &stated);
    p = elo_rd_u8(p, end, &life);
    p = elo_rd_u8(p, end, &flags);
    p = elo_rd_be64(p, end, &created);
    p = elo_rd_be64(p, end, &updated);
    p = elo_rd_be64(p, end, &due);
    if (stated >= ELO_REACH_COUNT || life >= ELO_NODE_LIVES
        || (flags & ~FLAGS) != 0)
    {
        return NULL;
    }
    r->stated = (elo_reach_t) stated;
    r->life = (elo_node_life_t) life;
    r->flags = flags;
    r->created_at = (int64_t) created;
    r->updated_at = (int64_t) updated;
    r->due_s = (int64_t) due;
    return p;
}


/* *refs: their bytes. */
static elo_err_t
parse(elo_slice_t s, elo_rec_node_t *r, elo_slice_t *refs)
{
    const uint8_t *p = s.len < 1 ? NULL : s.p, *end = s.p + s.len;
    uint16_t n_refs = 0, n_invited = 0, n_facets = 0;
    uint8_t version = 0, reach = 0;

    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_be64(p, end, &r->current);
    r->owner = 0;
    p = version == 1 ? p : elo_rd_be32(p, end, &r->owner);
    if (p == NULL || version < 1 || version > VERSION
        || reach >= ELO_REACH_COUNT || r->current == 0
        || r->owner == UINT32_MAX)
    {
        return ELO_ECORRUPT;
    }
    r->reach = r->stated = (elo_reach_t) reach;
    r->life = reach == ELO_REACH_PRIVATE ? ELO_NODE_DRAFT : ELO_NODE_PUBLISHED;
    r->flags = ELO_NODE_IS_BARE;
    r->created_at = r->updated_at = r->due_s = 0;
    p = version <= BARE_LAST ? p : rest_parse(p, end, r);
    p = elo_rd_be16(p, end, &n_refs);
    if (version > BARE_LAST) {
        p = elo_rd_be16(p, end, &n_invited);
        p = elo_rd_be16(p, end, &n_facets);
    }
    if (n_refs > ELO_CONTENT_BLOBS_MAX || n_invited > ELO_CONTENT_INVITED_MAX
        || n_facets > ELO_NODE_FACETS_MAX)
    {
        return ELO_ECORRUPT;
    }
    p = elo_rd_bytes(p, end, (uint64_t) n_refs * ELO_SHA256_LEN, refs);
    p = elo_rd_bytes(p, end, (uint64_t) n_invited * ELO_AGENT_LEN, &r->invited);
    p = elo_rd_bytes(p, end, (uint64_t) n_facets * ELO_NODE_FACET, &r->facets);
    r->n_refs = n_refs;
    r->n_invited = n_invited;
    r->n_facets = n_facets;
    return p == NULL || p != end || !is_sound(r) ? ELO_ECORRUPT : ELO_OK;
}


elo_err_t
elo_rec_node_parse_head(elo_slice_t s, elo_rec_node_t *out)
{
    elo_slice_t refs;

    return parse(s, out, &refs);
}


elo_err_t
elo_rec_node_parse(elo_slice_t s, elo_rec_node_t *out)
{
    elo_slice_t refs = { 0 };
    elo_err_t rc = parse(s, out, &refs);

    for (uint32_t i = 0; rc == ELO_OK && i < out->n_refs; i++) {
        memcpy(out->refs[i].b, refs.p + (size_t) i * ELO_SHA256_LEN,
               ELO_SHA256_LEN);
    }
    return rc;
}


/* ---- what it is found by ---- */

uint8_t
elo_ref_rank(const elo_rec_node_t *node)
{
    return is_served(node->life) ? (uint8_t) (ELO_REACH_COMMONS - node->reach)
                                 : ELO_REF_RANK_DRAFT;
}


static bool
is_listed(const elo_rec_node_t *r)
{
    return r->life == ELO_NODE_PUBLISHED || r->life == ELO_NODE_STALE;
}


static uint64_t
value_at(elo_slice_t facets, uint32_t i)
{
    const uint8_t *p = facets.p + (size_t) i * ELO_NODE_FACET + 1;
    uint64_t v = 0;

    elo_rd_be64(p, p + 8, &v);
    return v;
}


static const uint8_t *
invited_at(const elo_rec_node_t *r, uint32_t i)
{
    return r->invited.p + (size_t) i * ELO_AGENT_LEN;
}


/* Those of single members: at 0 to SINGLES - 1. */
#define SINGLES 5

static bool
single(const elo_rec_node_t *r, uint32_t at, elo_node_dim_t *dim,
       uint64_t *value)
{
    switch (at) {
    case 0:
        *dim = ELO_NODE_OWNER;
        *value = elo_nodex_owner(r->owner);
        return true;
    case 1:
        *dim = ELO_NODE_OWNER_REACH;
        *value = elo_nodex_owner_reach(r->owner, r->stated);
        return true;
    case 2:
        *dim = ELO_NODE_REACH;
        *value = (uint64_t) r->stated;
        return is_listed(r);
    case 3:
        *dim = ELO_NODE_LIFECYCLE;
        *value = (uint64_t) r->life;
        return true;
    default:
        *dim = ELO_NODE_DUE;
        *value = (uint64_t) r->due_s;
        return r->due_s != 0;
    }
}


bool
elo_rec_node_facet(const elo_rec_node_t *r, uint32_t *at, elo_node_dim_t *dim,
                   uint64_t *value)
{
    if ((r->flags & ELO_NODE_IS_TOMB) != 0) {
        return false;
    }
    while (*at < SINGLES) {
        if (single(r, (*at)++, dim, value)) {
            return true;
        }
    }
    if (*at - SINGLES < r->n_facets) {
        uint32_t i = (*at)++ - SINGLES;

        *dim = (elo_node_dim_t) r->facets.p[i * ELO_NODE_FACET];
        *value = value_at(r->facets, i);
        return true;
    }
    while (*at - SINGLES - r->n_facets < r->n_invited) {
        uint32_t i = (*at)++ - SINGLES - r->n_facets;

        *dim = ELO_NODE_INVITED;
        *value = elo_nodex_invited(invited_at(r, i));
        if (i == 0 || elo_nodex_invited(invited_at(r, i - 1)) != *value) {
            return true;
        }
    }
    return false;
}


/* First of n ascending pieces that isn't below the first len bytes of what. */
static uint32_t
lower(elo_slice_t s, uint32_t n, size_t piece, const uint8_t *what, size_t len)
{
    uint32_t lo = 0, hi = n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (memcmp(s.p + mid * piece, what, len) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}


bool
elo_rec_node_has(const elo_rec_node_t *r, elo_node_dim_t dim, uint64_t value)
{
    uint8_t key[ELO_NODEX_KEY_MAX];
    elo_node_dim_t is;
    uint64_t v;
    uint32_t i;

    if ((r->flags & ELO_NODE_IS_TOMB) != 0) {
        return false;
    }
    for (uint32_t at = 0; at < SINGLES; at++) {
        if (single(r, at, &is, &v) && is == dim) {
            return v == value;
        }
    }
    elo_nodex_key(dim, value, elo_slice(NULL, 0), key);
    if (dim == ELO_NODE_INVITED) {
        i = lower(r->invited, r->n_invited, ELO_AGENT_LEN, key + 1, 8);
        return i < r->n_invited && memcmp(invited_at(r, i), key + 1, 8) == 0;
    }
    i = lower(r->facets, r->n_facets, ELO_NODE_FACET, key, ELO_NODE_FACET);
    return i < r->n_facets
           && memcmp(r->facets.p + (size_t) i * ELO_NODE_FACET, key,
                     ELO_NODE_FACET)
                  == 0;
}


bool
elo_rec_node_invites(const elo_rec_node_t *r, const elo_agent_t *agent)
{
    uint32_t i =
        lower(r->invited, r->n_invited, ELO_AGENT_LEN, agent->b, ELO_AGENT_LEN);

    return i < r->n_invited
           && memcmp(invited_at(r, i), agent->b, ELO_AGENT_LEN) == 0;
}
