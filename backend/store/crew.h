/* SPDX-License-Identifier: BSD-2-Clause */
/* crew: a second pair of hands for those who put large blobs: one thread, started
   when it is first needed, that takes parts of a work off the thread that has
   them. A part that nobody has begun when its owner wants it done, he does
   himself: so many puts at a time are no slower than they would be alone. */
#ifndef ELO_STORE_CREW_H
#define ELO_STORE_CREW_H

#include <stdbool.h>

#include "common/base/err.h"

typedef struct elo_crew_s elo_crew_t;

/* Embedded as first member of the owner's struct. fn runs once, on either
   thread. */
typedef struct elo_crew_part_s elo_crew_part_t;
struct elo_crew_part_s {
    void (*fn)(elo_crew_part_t *p);
    /* shared: the crew's */
    elo_crew_part_t *_next, *_prev;
    int _state;
};

elo_err_t elo_crew_create(elo_crew_t **out) ELO_MUST_USE;
void elo_crew_free(elo_crew_t **c); /* no part may be given */

/* Offers a part; the crew takes them in the order they were given. Each is ended
   with elo_crew_end by the thread that gave it. */
void elo_crew_give(elo_crew_t *c, elo_crew_part_t *p);

/* Returns when it is done: runs it here unless the crew has begun. */
void elo_crew_end(elo_crew_t *c, elo_crew_part_t *p);

#endif
