/* SPDX-License-Identifier: BSD-2-Clause */
/* generation: the page by which what the Doorway has cached is revoked.

   The daemon keeps one small file, "generation", in the store's root and maps
   it; each nginx worker maps it read-only. A key (a content id or a blob
   digest) selects a slot; whatever changes what may be answered for the key
   bumps the slot, after it is committed. An answer carries the slot's value
   as it was before the daemon looked anything up. An answer whose value is
   not the slot's current one is stale, and leads to another question (I1).

   Revocation thus costs one load per use and takes effect at once, in every
   worker, with no stream that could be late. Two keys may share a slot: that
   costs a question, never a wrong answer. Transient: native byte order, made
   anew by each start of the daemon, never moved between machines.

   Bytes that an edge keeps by digest carry no slot. They go by the purge ring:
   what is to go is appended, after the slots are bumped, and whoever keeps
   bytes applies the entries that he hasn't applied yet (elo_purge_next). The
   daemon keeps number and entries durably.

   (I2) A place in the ring, `seq`, is a number that counts up by one (low 40
   bits) below a random tag of the daemon's run (high 24 bits): it is compared
   for equality only. One that the ring doesn't hold, or holds with another
   tag (a store that was restored, and has gone another way since), is
   ELO_ERANGE: then everything goes.
   (I3) purge_seq is stored last: up to it all entries that the ring holds are
   whole, but those that the writer is overtaking.

   offset  size  field
        0     8  magic "ELOGEN2\0"
        8     4  slots (ELO_GEN_SLOTS)
       12     4  entries of the ring (ELO_PURGE_RING)
       16     8  store id, random, made with the store
       24     8  epoch, changes with each start of the daemon
       32     8  heartbeat, CLOCK_MONOTONIC in ns, written every 100 ms;
                 0 when the daemon has ended in order
       40     8  purge_seq: place of the last entry; 0: there is none
       48    16  reserved, 0
       64  8 each  the slots
    65600  48 each  the ring; an entry is at its number modulo its length:
        0     8  seq; 0 while the entry is written
        8     8  kind (ELO_PURGE_…)
       16    32  digest, zeros where the kind has none */
#ifndef ELO_CACHE_GENERATION_H
#define ELO_CACHE_GENERATION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/cid.h"
#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_GEN_FILE    "generation"
#define ELO_GEN_MAGIC   "ELOGEN2"
#define ELO_GEN_SLOTS   8192u
#define ELO_GEN_BEAT_MS 100u

#define ELO_PURGE_RING   1024u /* a look each 250 ms: 4,096 a second */
#define ELO_PURGE_BITS   40u   /* of the number in a place */
#define ELO_PURGE_NUMBER ((UINT64_C(1) << ELO_PURGE_BITS) - 1)

/* A kind that a reader doesn't know is to it ELO_PURGE_ALL. */
typedef enum {
    ELO_PURGE_BLOB = 1, /* whatever is kept of the blob */
    ELO_PURGE_ALL = 2   /* whatever is kept */
} elo_purge_kind_t;

typedef struct {
    uint32_t kind;
    elo_digest_t digest; /* ELO_PURGE_BLOB */
} elo_purge_t;

typedef struct {
    uint64_t seq;
    uint64_t kind;
    uint64_t digest[ELO_SHA256_LEN / 8];
} elo_gen_purge_t;

typedef struct {
    char magic[8];
    uint32_t slots;
    uint32_t purges;
    uint64_t store_id;
    uint64_t epoch;
    uint64_t heartbeat_ns;
    uint64_t purge_seq;
    uint64_t _pad[2];
    uint64_t slot[ELO_GEN_SLOTS];
    elo_gen_purge_t purge[ELO_PURGE_RING];
} elo_gen_page_t;

_Static_assert(offsetof(elo_gen_page_t, slot) == 64, "table offset");
_Static_assert(offsetof(elo_gen_page_t, purge) == 65600, "ring offset");
_Static_assert(sizeof(elo_gen_purge_t) == 48, "entry");

/* Slot of a content id (its bytes) or of a blob (its 32 digest bytes). The two
   kinds are told apart by length only: an id of 32 bytes may share a slot with
   a digest, which is harmless. FNV-1a, 64 bit, folded. */
uint32_t elo_gen_slot(elo_slice_t key);

/* True for a page of this layout; len is the length of the mapping. */
bool elo_gen_page_ok(const elo_gen_page_t *page, size_t len);

static inline uint64_t
elo_gen_load(const elo_gen_page_t *page, uint32_t slot)
{
    return __atomic_load_n(&page->slot[slot % ELO_GEN_SLOTS], __ATOMIC_ACQUIRE);
}


static inline void
elo_gen_bump(elo_gen_page_t *page, uint32_t slot)
{
    __atomic_fetch_add(&page->slot[slot % ELO_GEN_SLOTS], 1, __ATOMIC_RELEASE);
}

/* ---- the ring ---- */

/* Place of the last entry: where one begins who keeps nothing yet. Loaded before
   what is kept is looked at. */
static inline uint64_t
elo_purge_last(const elo_gen_page_t *page)
{
    return __atomic_load_n(&page->purge_seq, __ATOMIC_ACQUIRE);
}


/* The entry that follows on place *seq, which moves on to it. ELO_EAGAIN: there is
   none yet; ELO_ERANGE: the ring has gone past it, or never was there (I2): the
   caller takes elo_purge_last, and then drops all. Else nothing is written. The
   store's id is the caller's to compare. [any process] */
elo_err_t elo_purge_next(const elo_gen_page_t *page, uint64_t *seq,
                         elo_purge_t *out) ELO_MUST_USE;

/* Appends the entry of that place; one writer at a time. Places follow on each
   other; what lies between is gone. */
void elo_purge_append(elo_gen_page_t *page, uint64_t seq, const elo_purge_t *p);

/* The entry of that place as the ring has it. */
void elo_purge_entry(uint64_t seq, const elo_purge_t *p, elo_gen_purge_t *out);

/* Makes the ring that one, of the writer's memory, with `last` as its last place. A
   page that says the same already isn't touched. */
void elo_purge_restore(elo_gen_page_t *page, uint64_t last,
                       const elo_gen_purge_t ring[ELO_PURGE_RING]);

#endif
