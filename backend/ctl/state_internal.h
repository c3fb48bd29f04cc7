/* SPDX-License-Identifier: BSD-2-Clause */
/* state_internal: what is kept of the records, between the files of state.

   An agent's standing is told by three times, each the end of the best way in which
   records lead from the node's owner to him (0: there is none):
     admin    ADMISSION of level admin by an administrator
     strong   ADMISSION, or ACCEPTANCE of an INVITATION by one who stands strong
     weak     RELATIONSHIP of one who stands strong
   A way ends with the first record or standing on it that ends. Only ways that begin
   at the owner count: two who admit each other hold nobody up.

   (S1) Between calls the three are the greatest that the live records give.
   (S2) What a revocation ends is judged at the state's clock, which only records move,
        so that it is the same in a replay, whenever expire was called: the greatest
        time of a record taken so far, less what it may have been ahead when it was
        taken (ELO_RECORD_SKEW_S). So nobody moves the clock past now by a time in
        the future; it is behind now, by as much at least. Therefore a record whose
        until has come stays until the clock is past it, too.
   (S3) What a call needs of memory it has before it changes anything. */
#ifndef ELO_CTL_STATE_INTERNAL_H
#define ELO_CTL_STATE_INTERNAL_H

#include "backend/ctl/state.h"
#include "backend/ctl/state_tokens.h"
#include "common/base/hashmap.h"
#include "common/base/heap.h"

#define ELO_CTL_ALWAYS INT64_MAX /* an until without end */

typedef struct elo_ctl_agent_s elo_ctl_agent_t;
typedef struct elo_ctl_pair_s elo_ctl_pair_t;
typedef struct elo_ctl_rec_s elo_ctl_rec_t;
typedef struct elo_ctl_subject_s elo_ctl_subject_t;

typedef struct {
    int64_t admin, strong, weak;
} elo_ctl_standing_t;

struct elo_ctl_agent_s {
    elo_agent_t id;
    /* his chain; next_seq 0: none */
    uint64_t next_seq;
    elo_digest_t last;
    int64_t last_ms;
    uint64_t n_live; /* of his records, and tokens that they ended */
    uint64_t bytes;  /* of all his records */
    int64_t pace_us; /* when what he has added would be due, by his rate */
    elo_ctl_standing_t is;
    elo_ctl_standing_t was; /* before the call, while is_in */
    elo_ctl_rec_t *gives;   /* his ADMISSION, RELATIONSHIP, INVITATION to the
                                node; by LINK_AUTHOR */
    elo_ctl_rec_t
        *admitted;          /* ADMISSION of him, his ACCEPTANCE; LINK_SUBJECT */
    elo_ctl_rec_t *related; /* RELATIONSHIP to him; LINK_SUBJECT */
    elo_ctl_agent_t *next_in, *next_todo;
    bool
        is_revoked; /* what admitted him was revoked, and nobody has admitted him
                        since */
    bool is_in, is_spread, is_todo, is_touched; /* see standing.c */
};

/* What stands between an owner and an agent: in general, or about one thing. */
/* PAIR_ROOT is of bytes, too; agent is of zeros: it is said to nobody. */
typedef enum { PAIR_ALL, PAIR_CONTENT, PAIR_BYTES, PAIR_ROOT } elo_ctl_about_t;

typedef struct {
    const elo_agent_t *owner, *agent;
    elo_ctl_about_t about;
    elo_slice_t what; /* content id, digest */
} elo_ctl_pair_key_t;

struct elo_ctl_pair_s {
    elo_agent_t owner, agent;
    elo_ctl_rec_t *first;  /* by LINK_PAIR, the last taken first */
    elo_ctl_subject_t *of; /* NULL: of bytes, or a root, and in no such list */
    elo_ctl_pair_t *next, **at; /* of the same agent's */
    uint32_t n;
    uint8_t about;
    uint8_t len;
    uint8_t what[];
};

/* What owners say to one agent: of those pairs that are about contents. */
struct elo_ctl_subject_s {
    elo_agent_t id;
    elo_ctl_pair_t *pairs; /* the last made first */
};

typedef enum { LINK_AUTHOR, LINK_SUBJECT, LINK_PAIR } elo_ctl_link_t;

struct elo_ctl_rec_s {
    elo_digest_t id;
    elo_ctl_agent_t *author;
    elo_ctl_agent_t *subject; /* ADMISSION, RELATIONSHIP, ACCEPTANCE */
    elo_ctl_rec_t *parent;    /* ACCEPTANCE: INVITATION; ESCALATION: GRANT */
    elo_ctl_rec_t *children;  /* of those; by LINK_AUTHOR */
    elo_ctl_pair_t *pair;
    struct {
        elo_ctl_rec_t *next, **at; /* at NULL: in no such list */
    } link[3];
    elo_heap_node_t due; /* its until; in s->due or s->lapsed */
    uint32_t used; /* INVITATION: acceptances ever; GRANT: live escalations */
    uint32_t uses;
    uint8_t kind, sort, reaches;
    elo_agent_t key[]; /* of an INVITATION to the node: one; of a MANIFEST of a
                          root: that, and the blob's size, big-endian */
};

struct elo_ctl_state_s {
    elo_ctl_agent_t *owner;
    uint64_t max_records;
    elo_ctl_bounds_t bounds;
    uint64_t n_chains;
    int64_t clock; /* Unix seconds (S2) */
    int64_t told;  /* up to when expire has told */
    elo_hashmap_t agents, recs, pairs, subjects;
    elo_heap_t due, lapsed;
    elo_ctl_tokens_t tokens;
};

/* state_find.c. Zeroed memory, or NULL; free gives it back. */
void *elo_ctl_zalloc(size_t len);

/* NULL: there is none. */
elo_ctl_agent_t *elo_ctl_agent_find(const elo_ctl_state_t *s,
                                    const elo_agent_t *id);
elo_ctl_rec_t *elo_ctl_rec_find(const elo_ctl_state_t *s,
                                const elo_digest_t *id);
elo_ctl_pair_t *elo_ctl_pair_find(const elo_ctl_state_t *s,
                                  const elo_ctl_pair_key_t *key);
elo_ctl_subject_t *elo_ctl_subject_find(const elo_ctl_state_t *s,
                                        const elo_agent_t *id);
/* Found or made; ELO_ENOMEM. A pair that nothing is put into, and an agent of whom
   nothing is known, are let go again by elo_ctl_…_tidy. */
elo_err_t elo_ctl_agent_need(elo_ctl_state_t *s, const elo_agent_t *id,
                             elo_ctl_agent_t **out) ELO_MUST_USE;
elo_err_t elo_ctl_pair_need(elo_ctl_state_t *s, const elo_ctl_pair_key_t *key,
                            elo_ctl_pair_t **out) ELO_MUST_USE;
void elo_ctl_agent_tidy(elo_ctl_state_t *s, elo_ctl_agent_t *a);
void elo_ctl_pair_tidy(elo_ctl_state_t *s, elo_ctl_pair_t *p);

/* The pair that a record belongs to; false: to none. */
bool elo_ctl_pair_of(const elo_rec_t *r, elo_ctl_pair_key_t *key);
/* Kept in memory as long as it is live? */
bool elo_ctl_is_kept(elo_rec_kind_t kind);
/* Is that an invitation to the node? */
bool elo_ctl_is_node_invitation(const elo_rec_t *r);

void elo_ctl_list_add(elo_ctl_rec_t **first, elo_ctl_rec_t *r,
                      elo_ctl_link_t which);
void elo_ctl_list_remove(elo_ctl_rec_t *r, elo_ctl_link_t which);

/* standing.c: agents whose standing a call may change, in the order in which they
   were found. All zero: none. */
typedef struct {
    elo_ctl_agent_t *first, **end;
    elo_ctl_agent_t *todo, **todo_end;
} elo_ctl_set_t;

/* With is_spread, also those who stand on him: the call may change his own word.
   Without: only whether he is related. */
void elo_ctl_set_add(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_agent_t *a,
                     bool is_spread);
/* Adds whoever is given something by those that spread. Before a settle. */
void elo_ctl_set_close(elo_ctl_state_t *s, elo_ctl_set_t *set);
/* (S1) again after records have ended: of a closed set. */
void elo_ctl_settle(elo_ctl_state_t *s, elo_ctl_set_t *set);
/* (S1) again after r was put in. */
void elo_ctl_raise(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r);
/* Adds a, and of those who stand on him whoever's standing ends in (told, now]. */
void elo_ctl_set_lapse(elo_ctl_state_t *s, elo_ctl_set_t *set,
                       elo_ctl_agent_t *a, int64_t now);
/* Touches who has changed, and takes the set apart. */
void elo_ctl_set_tell(elo_ctl_state_t *s, elo_ctl_set_t *set,
                      elo_ctl_touched_fn touched, void *ctx);

/* Does r, which is in the tables, give facts between two agents? At the time of the
   last expire: what ends by itself is told then. A grant that is only to hold gives
   none. Then: does nothing else in the tables give the same? */
bool elo_ctl_gives(const elo_ctl_state_t *s, const elo_ctl_rec_t *r);
bool elo_ctl_is_felt(const elo_ctl_state_t *s, const elo_ctl_rec_t *r);

/* Can that invitation to the node be accepted? */
bool elo_ctl_is_open(const elo_ctl_rec_t *invitation, int64_t now);

/* What a record gives to its subject; the end of the longer way of being admitted. */
elo_ctl_standing_t elo_ctl_given(const elo_ctl_rec_t *r);
int64_t elo_ctl_admitted_until(const elo_ctl_agent_t *a);

/* state_end.c: ends a record, with what stands on it; by: who says so. */
void elo_ctl_end(elo_ctl_state_t *s, elo_ctl_rec_t *r,
                 const elo_ctl_agent_t *by, elo_ctl_touched_fn touched,
                 void *ctx);
/* Takes a record out of all tables; it must have no children. */
void elo_ctl_rec_remove(elo_ctl_state_t *s, elo_ctl_rec_t *r);

#endif
