/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup: a table of sets of four, by bytes of the digest. In a full set the one
   that was put longest ago makes room. Tags of a set's entries lie together, so that
   a look costs the cache one line of them and that of an entry. */
#include "backend/api/lookup.h"

#include <stdlib.h>

#include "common/base/enc.h"

#define WAYS      4u
#define LINE      64u
#define TYPES_MAX 255u       /* content types that are told apart at a time */
#define TOUCH_MS  (1u << 20) /* 17 minutes: the last use is noted by the day */
#define SEGMENT   "log/"

/* Only the low half of a slot's value is kept: an entry would have to live through
   four thousand million changes of its slot to be taken for a new one. */
typedef struct {
    elo_digest_t digest;
    int64_t created_at;
    uint32_t generation;
    uint32_t segment; /* the store's; its name is "log/" and 16 digits */
    uint32_t offset, size;
    uint16_t slot;
    uint16_t epoch;   /* of the types */
    uint16_t touched; /* in units of TOUCH_MS; 0: never */
    uint8_t type;     /* as the upload stated it */
    uint8_t stated:4; /* reach, by the upload */
    uint8_t reach:4;  /* and by nodes */
} entry_t;

_Static_assert(sizeof(entry_t) == LINE, "an entry is a cache line");
_Static_assert(ELO_REACH_COUNT <= 16, "a reach has four bits");

typedef struct {
    uint16_t tag[WAYS]; /* 0: free */
} set_t;

struct elo_lookup_s {
    elo_gen_page_t *gen;
    uint64_t n_sets; /* 0: nothing is kept */
    set_t *sets;
    uint8_t *turn;    /* of each set: whose turn to make room it is */
    void *mem;        /* of entries */
    entry_t *entries; /* aligned */
    char types[TYPES_MAX][ELO_MIME_MAX + 1];
    uint32_t n_types;
    uint16_t epoch; /* counts how often there were too many types */
};


elo_err_t
elo_lookup_create(uint64_t bytes, elo_gen_page_t *gen, elo_lookup_t **out)
{
    elo_lookup_t *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        return ELO_ENOMEM;
    }
    l->gen = gen;
    l->n_sets = bytes / (WAYS * sizeof(entry_t));
    if (l->n_sets != 0) {
        l->sets = calloc(l->n_sets, sizeof(*l->sets));
        l->turn = calloc(l->n_sets, sizeof(*l->turn));
        l->mem = calloc(l->n_sets * WAYS + 1, sizeof(entry_t));
        if (l->sets == NULL || l->turn == NULL || l->mem == NULL) {
            elo_lookup_free(&l);
            return ELO_ENOMEM;
        }
        l->entries = (entry_t *) (((uintptr_t) l->mem + LINE - 1)
                                  & ~(uintptr_t) (LINE - 1));
    }
    *out = l;
    return ELO_OK;
}


void
elo_lookup_free(elo_lookup_t **l)
{
    if (*l == NULL) {
        return;
    }
    free((*l)->sets);
    free((*l)->turn);
    free((*l)->mem);
    free(*l);
    *l = NULL;
}


/* Bytes of a hash, which uploaders may choose but hardly aim. */
static uint64_t
set_of(const elo_lookup_t *l, const elo_digest_t *d)
{
    uint64_t v;

    memcpy(&v, d->b + 8, sizeof(v));
    return v % l->n_sets;
}


static uint16_t
tag_of(const elo_digest_t *d)
{
    uint16_t v;

    memcpy(&v, d->b + 16, sizeof(v));
    return v == 0 ? 1 : v;
}


/* Where d is in its set; NULL: nowhere. */
static entry_t *
find(const elo_lookup_t *l, uint64_t set, const elo_digest_t *d)
{
    uint16_t tag = tag_of(d);

    for (uint32_t i = 0; i < WAYS; i++) {
        entry_t *e = &l->entries[set * WAYS + i];

        if (l->sets[set].tag[i] == tag
            && memcmp(&e->digest, d, sizeof(*d)) == 0) {
            return e;
        }
    }
    return NULL;
}


static void
name_of(uint64_t segment, char out[ELO_STORE_NAME_MAX + 1])
{
    memcpy(out, SEGMENT, sizeof(SEGMENT) - 1);
    elo_hex_u64(segment, out + sizeof(SEGMENT) - 1);
}


static void
fill(const elo_lookup_t *l, const entry_t *e, elo_target_t *out)
{
    elo_slice_t type = elo_slice_str(l->types[e->type]);
    elo_blob_stat_t *st = &out->stat;

    st->digest = e->digest;
    st->size = e->size;
    st->created_at = e->created_at;
    st->reach = (elo_reach_t) e->stated;
    memcpy(st->content_type, type.p, type.len + 1);
    st->is_sealed = st->is_bad = false;
    name_of(e->segment, st->name);
    st->offset = e->offset;
    st->_object = e->digest;
    st->_segment = e->segment;
    st->_offset = e->offset;
    st->_file = 0;
    st->_stored = e->size;
    out->reach = (elo_reach_t) e->reach;
    out->life = ELO_LIFECYCLE_PUBLISHED;
    out->is_by_hash = true;
    elo_target_set_type(out, elo_slice(NULL, 0));
}


static uint16_t
touch_time(uint64_t now_ms)
{
    return (uint16_t) (now_ms / TOUCH_MS % UINT16_MAX + 1);
}


bool
elo_lookup_get(elo_lookup_t *l, const elo_digest_t *d, uint64_t now_ms,
               elo_target_t *out)
{
    uint16_t now = touch_time(now_ms);
    entry_t *e;

    if (l->n_sets == 0 || (e = find(l, set_of(l, d), d)) == NULL
        || (uint32_t) elo_gen_load(l->gen, e->slot) != e->generation
        || e->epoch != l->epoch)
    {
        return false;
    }
    fill(l, e, out);
    out->is_touched = e->touched == now;
    return true;
}


void
elo_lookup_touch(elo_lookup_t *l, const elo_digest_t *d, uint64_t now_ms)
{
    entry_t *e = l->n_sets == 0 ? NULL : find(l, set_of(l, d), d);

    if (e != NULL) {
        e->touched = touch_time(now_ms);
    }
}


uint64_t
elo_lookup_begin(const elo_lookup_t *l, const elo_digest_t *d)
{
    if (l->n_sets == 0) {
        return 0;
    }
    return elo_gen_load(l->gen, elo_gen_slot(elo_slice(d->b, sizeof(d->b))));
}


/* A clear blob of the log of which an entry says all. */
static bool
is_kept(const elo_blob_stat_t *st)
{
    char name[ELO_STORE_NAME_MAX + 1];

    name_of(st->_segment, name);
    return !st->is_sealed && !st->is_bad && st->size <= UINT32_MAX
           && st->_segment <= UINT32_MAX && st->offset <= UINT32_MAX
           && st->_stored == st->size && st->_offset == st->offset
           && st->_file == 0 && strcmp(st->name, name) == 0
           && memcmp(&st->_object, &st->digest, sizeof(st->digest)) == 0;
}


/* The number of a type. When there are too many, all that was kept is forgotten:
   uploads choose their types, and may not make the table useless for good. */
static uint8_t
type_of(elo_lookup_t *l, const char *type)
{
    for (uint32_t i = 0; i < l->n_types; i++) {
        if (strcmp(l->types[i], type) == 0) {
            return (uint8_t) i;
        }
    }
    if (l->n_types == TYPES_MAX) {
        l->n_types = 0;
        if (++l->epoch == 0) { /* or the oldest would count again */
            memset(l->sets, 0, l->n_sets * sizeof(*l->sets));
        }
    }
    memcpy(l->types[l->n_types], type, strlen(type) + 1);
    return (uint8_t) l->n_types++;
}


/* Its own place, if it has one; else one that is free, or the next in turn. */
static entry_t *
place_for(elo_lookup_t *l, const elo_digest_t *d)
{
    uint64_t set = set_of(l, d);
    entry_t *e = find(l, set, d);
    uint32_t i = 0;

    if (e != NULL) {
        return e;
    }
    while (i < WAYS && l->sets[set].tag[i] != 0) {
        i++;
    }
    if (i == WAYS) {
        i = l->turn[set]++ % WAYS;
    }
    l->sets[set].tag[i] = tag_of(d);
    return &l->entries[set * WAYS + i];
}


void
elo_lookup_put(elo_lookup_t *l, uint64_t generation, const elo_target_t *t)
{
    const elo_blob_stat_t *st = &t->stat;
    elo_slice_t key = elo_slice(st->digest.b, sizeof(st->digest.b));
    uint8_t type;

    if (l->n_sets == 0 || !is_kept(st)) {
        return;
    }
    type = type_of(l, st->content_type);
    *place_for(l, &st->digest) =
        (entry_t){ .digest = st->digest,
                   .created_at = st->created_at,
                   .generation = (uint32_t) generation,
                   .segment = (uint32_t) st->_segment,
                   .offset = (uint32_t) st->offset,
                   .size = (uint32_t) st->size,
                   .slot = (uint16_t) elo_gen_slot(key),
                   .epoch = l->epoch,
                   .type = type,
                   .stated = (uint8_t) (st->reach & 0xf),
                   .reach = (uint8_t) (t->reach & 0xf) };
}
