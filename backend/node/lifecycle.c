/* SPDX-License-Identifier: BSD-2-Clause */
/* lifecycle: see the header. */
#include "backend/node/lifecycle.h"

#include "backend/node/content_fields.h"
#include "backend/node/duration.h"

#define TO(state) (1u << ELO_LIFECYCLE_##state)

/* The diagram: what may follow on each. */
static const uint8_t moves[ELO_LIFECYCLE_COUNT] = {
    [ELO_LIFECYCLE_DRAFT] = TO(PUBLISHED) | TO(FORGOTTEN),
    [ELO_LIFECYCLE_PUBLISHED] = TO(PUBLISHED) | TO(STALE) | TO(DEPRECATED)
                                | TO(ARCHIVED) | TO(FORGOTTEN),
    [ELO_LIFECYCLE_STALE] =
        TO(PUBLISHED) | TO(DEPRECATED) | TO(ARCHIVED) | TO(FORGOTTEN),
    [ELO_LIFECYCLE_DEPRECATED] = TO(PUBLISHED) | TO(ARCHIVED) | TO(FORGOTTEN),
    [ELO_LIFECYCLE_ARCHIVED] = TO(PUBLISHED) | TO(FORGOTTEN),
    [ELO_LIFECYCLE_FORGOTTEN] = 0,
};


const char *
elo_lifecycle_name(elo_lifecycle_t l)
{
    return elo_content_lifecycles[l];
}


bool
elo_lifecycle_parse(elo_slice_t s, elo_lifecycle_t *out)
{
    for (int i = 0; i < ELO_LIFECYCLE_COUNT; i++) {
        if (elo_slice_eq(s, elo_slice_str(elo_content_lifecycles[i]))) {
            *out = (elo_lifecycle_t) i;
            return true;
        }
    }
    return false;
}


bool
elo_lifecycle_may_move(elo_lifecycle_t from, elo_lifecycle_t to)
{
    return (moves[from] & 1u << to) != 0;
}


bool
elo_lifecycle_may_begin(elo_lifecycle_t l)
{
    return l != ELO_LIFECYCLE_FORGOTTEN;
}


bool
elo_lifecycle_is_held_back(elo_lifecycle_t to)
{
    return to == ELO_LIFECYCLE_ARCHIVED || to == ELO_LIFECYCLE_FORGOTTEN;
}


bool
elo_lifecycle_is_marked(elo_lifecycle_t l)
{
    return l == ELO_LIFECYCLE_STALE || l == ELO_LIFECYCLE_DEPRECATED
           || l == ELO_LIFECYCLE_ARCHIVED;
}


int64_t
elo_lifecycle_stale_at(elo_slice_t interval, int64_t fresh_at)
{
    elo_duration_t d;
    int64_t at;

    if (!elo_duration_parse(interval, &d)) {
        return 0;
    }
    at = elo_duration_add(fresh_at, &d);
    return at == ELO_DURATION_END ? 0 : at;
}
