/* SPDX-License-Identifier: BSD-2-Clause */
/* store_model: what a store (backend/store) must hold. Facts are plain data: who
   has sent which blob, nodes, uploads, tasks. Before each operation the work says
   what the facts will be when it has succeeded, and, where it consists of several
   commits, in between; after a crash the store must show one of these. */
#ifndef ELO_T_CRASH_STORE_MODEL_H
#define ELO_T_CRASH_STORE_MODEL_H

#include "backend/store/journal.h"
#include "backend/store/node.h"
#include "backend/store/resume.h"
#include "backend/store/task.h"
#include "t/crash/simdisk.h"

#define SM_AGENTS    3u /* the first is the operator */
#define SM_BLOBS     16u
#define SM_NODES     5u
#define SM_UPLOADS   3u
#define SM_VERSIONS  6u /* of a node */
#define SM_NEXT      8u
#define SM_NAMES     2u /* of settings, and of origins */
#define SM_INLINE    (8u << 10)
#define SM_BLOB_MAX  ((1u << 20) + 200000u) /* two chunks when sealed */
#define SM_JSON_MAX  4096u
#define SM_MEDIA_MAX 12000u

typedef enum {
    SM_TASK_NONE,
    SM_TASK_READY,
    SM_TASK_WAITING,
    SM_TASK_DROPPED
} sm_place_t;

typedef struct {
    uint8_t place, attempts;
} sm_task_t;

/* Bit i of a set is agent i. */
typedef struct {
    uint8_t owns;  /* have sent it in the clear; 0: it isn't held so */
    uint8_t reach; /* that the first of them stated */
    uint8_t sealed;
    uint8_t sealed_reach[SM_AGENTS];
    uint8_t pinned;
    uint16_t media; /* serial of its index; 0: none */
    sm_task_t task, sealed_task[SM_AGENTS];
} sm_blob_t;

typedef struct {
    uint8_t version; /* 0: there is none */
    uint8_t reach, owner, stated;
    uint8_t is_held;
    uint8_t is_tomb, life; /* life: of a tombstone; else the text's */
    uint16_t row;  /* version of the row, which no other text ever had */
    uint32_t refs; /* bit b: refers to blob b */
    uint16_t serial[SM_VERSIONS + 1]; /* of each version's text */
} sm_node_t;

typedef enum { SM_UP_NONE, SM_UP_OPEN, SM_UP_FINAL, SM_UP_ENDED } sm_up_t;

typedef struct {
    uint8_t state;
    uint32_t lo, hi; /* its offset is within; in what is observed lo == hi */
} sm_upload_t;

typedef struct {
    sm_blob_t blobs[SM_BLOBS];
    sm_node_t nodes[SM_NODES];
    sm_upload_t uploads[SM_UPLOADS];
    uint32_t strangers; /* open uploads whose creation never answered */
    uint64_t quota[SM_AGENTS];
    uint32_t journal[ELO_JOURNALS]; /* how many entries */
    uint16_t settings[SM_NAMES];    /* 0: there is none */
    uint16_t origins[SM_NAMES];
} sm_facts_t;

typedef struct {
    uint64_t seed;
    sm_facts_t now;
    sm_facts_t next[SM_NEXT]; /* what may be instead, since the last answer */
    uint32_t n_next;
    uint16_t serial; /* of the last text */
    uint32_t n_ops;
    /* what the facts are about */
    struct {
        char id[ELO_UPLOAD_ID_LEN + 1];
        uint8_t blob, agent, reach;
    } uploads[SM_UPLOADS];
    elo_digest_t objects[SM_BLOBS][SM_AGENTS]; /* of sealed blobs */
} sm_t;

/* Blobs, agents and keys are the same for all seeds. Once, before anything else. */
void sm_init(void);
void sm_end(void);
elo_slice_t sm_blob(uint32_t b);
const elo_digest_t *sm_digest(uint32_t b);
const elo_agent_t *sm_agent(uint32_t a);
elo_keyring_t *sm_keyring(void);

/* Text of a node's version, bytes of a media index; into rooms of SM_JSON_MAX and
   SM_MEDIA_MAX. Of media, len 0 means that there is a reason instead. */
elo_slice_t sm_json(uint16_t serial, uint8_t *room);
elo_slice_t sm_media(uint16_t serial, uint8_t *room);
#define SM_MEDIA_REASON "no tracks"
#define SM_MEDIA_NONE   4u /* the serial of all that have a reason */

/* What a node with that text has beside it: life, facets, invited, times. Borrowed
   until the next call. */
void sm_describe(uint16_t serial, elo_node_t *out);

/* Entry n, from 1, of a journal; into a room of ELO_JOURNAL_ENTRY_MAX. */
elo_slice_t sm_entry(elo_journal_t j, uint32_t n, uint8_t *room);

/* ---- what operations do to facts ---- */

/* Agent a sends blob b. Returns whether it had done so before. */
bool sm_put(sm_facts_t *f, uint32_t b, uint32_t a, elo_reach_t reach);
/* Takes away the clear blob's part of agent a; sealed is another step. */
void sm_remove_clear(sm_facts_t *f, uint32_t b, uint32_t a);
void sm_remove_sealed(sm_facts_t *f, uint32_t b, uint32_t a);
/* Was that agent given the right to refer to it? Some always were; ctx is unused. */
bool sm_promoted(void *ctx, const elo_digest_t *d, const elo_agent_t *to);
/* A node refers to it whose owner has sent it, or was promoted. */
bool sm_counts(const sm_facts_t *f, uint32_t n, uint32_t b);
bool sm_is_referred(const sm_facts_t *f, uint32_t b);
bool sm_is_held(const sm_facts_t *f, uint32_t b);

/* Whether what was seen may be f; if not, why says the first difference. */
bool sm_same(const sm_facts_t *f, const sm_facts_t *seen, char why[120]);

/* What was seen must be now or one of next, and is now from here on. */
bool sm_settle(sm_t *m, const sm_facts_t *seen);

/* ---- looking at a store ---- */

/* Sees all facts, and reads all that they say is there, byte for byte; totals and
   what agents hold are counted again. crash_fail says what is wrong. */
bool sm_observe(sm_t *m, elo_store_t *s, sm_facts_t *seen);

#endif
