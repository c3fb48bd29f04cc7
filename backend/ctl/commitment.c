/* SPDX-License-Identifier: BSD-2-Clause */
/* commitment: see the header. Keys that aren't known here are others' business. */
#include "backend/ctl/commitment.h"

#include "common/base/cbor.h"

enum {
    KEY_AGENT = 1,
    KEY_ROLE = 2,
    KEY_MAX_GB = 3,
    KEY_REACHES = 4,
    KEY_PRIORITY = 5,
    KEY_UNTIL = 6
};
#define SEEN(k) (1u << (k))
#define NEEDED  (SEEN(KEY_AGENT) | SEEN(KEY_ROLE) | SEEN(KEY_MAX_GB))

#define ROLE_CACHE       2u
#define PRIORITY_DEFAULT 50u
#define PRIORITY_MAX     100u
#define GB_SHIFT         30


static bool
read_reaches(elo_cbor_t *c, uint32_t *out)
{
    uint64_t n, reach;

    *out = 0;
    if (!elo_cbor_array(c, &n) || n > ELO_REACH_COUNT) {
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!elo_cbor_uint(c, &reach) || reach >= ELO_REACH_COUNT) {
            return false;
        }
        *out |= 1u << reach;
    }
    return true;
}


/* The value of a key; false: it makes no sense. */
static bool
read_value(elo_cbor_t *c, uint64_t key, elo_cache_promise_t *o, uint64_t *role)
{
    elo_slice_t agent = { 0 };
    uint64_t n = 0;

    switch (key) {
    case KEY_AGENT:
        if (!elo_cbor_bytes(c, &agent) || agent.len != sizeof(o->agent.b)) {
            return false;
        }
        memcpy(o->agent.b, agent.p, sizeof(o->agent.b));
        return true;
    case KEY_ROLE:
        return elo_cbor_uint(c, role);
    case KEY_MAX_GB:
        if (!elo_cbor_uint(c, &n) || n == 0 || n > ELO_PROMISE_GB_MAX) {
            return false;
        }
        o->max_bytes = n << GB_SHIFT;
        return true;
    case KEY_REACHES:
        return read_reaches(c, &o->reaches);
    case KEY_PRIORITY:
        if (!elo_cbor_uint(c, &n) || n > PRIORITY_MAX) {
            return false;
        }
        o->priority = (uint32_t) n;
        return true;
    case KEY_UNTIL:
        if (!elo_cbor_uint(c, &n) || n == 0 || n > ELO_RECORD_UNTIL_MAX) {
            return false;
        }
        o->until = (int64_t) n;
        return true;
    default:
        return elo_cbor_item(c, NULL);
    }
}


bool
elo_cache_promise_read(const elo_rec_t *r, elo_cache_promise_t *out)
{
    elo_cache_promise_t o = { .id = r->id,
                              .author = r->author,
                              .reaches = 1u << ELO_REACH_COMMONS,
                              .priority = PRIORITY_DEFAULT };
    uint64_t key = 0, role = 0;
    uint32_t seen = 0;
    elo_cbor_map_t m;
    elo_cbor_t c;

    elo_cbor_init(&c, r->body.raw);
    if (r->kind != ELO_REC_COMMITMENT || !elo_cbor_map(&c, &m)) {
        return false;
    }
    while (elo_cbor_key(&c, &m, &key)) {
        if (!read_value(&c, key, &o, &role)) {
            return false;
        }
        seen |= key <= KEY_UNTIL ? SEEN(key) : 0;
    }
    if (c.why != NULL || (seen & NEEDED) != NEEDED || role != ROLE_CACHE) {
        return false;
    }
    *out = o;
    return true;
}
