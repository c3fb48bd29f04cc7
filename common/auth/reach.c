/* SPDX-License-Identifier: BSD-2-Clause */
/* reach: names of the reaches, and how many nodes are to hold them. Pure. */
#include "common/auth/reach.h"

static const char *const names[ELO_REACH_COUNT] = {
    [ELO_REACH_PRIVATE] = "private",
    [ELO_REACH_INVITED] = "invited",
    [ELO_REACH_LOCAL] = "local",
    [ELO_REACH_NEIGHBORHOOD] = "neighborhood",
    [ELO_REACH_MUNICIPAL] = "municipal",
    [ELO_REACH_BIOREGIONAL] = "bioregional",
    [ELO_REACH_REGIONAL] = "regional",
    [ELO_REACH_COMMONS] = "commons",
};


static bool
is_reach(elo_reach_t reach)
{
    return (unsigned) reach < ELO_REACH_COUNT;
}


bool
elo_reach_parse(elo_slice_t name, elo_reach_t *out)
{
    for (unsigned i = 0; i < ELO_REACH_COUNT; i++) {
        if (elo_slice_eq(name, elo_slice_str(names[i]))) {
            *out = (elo_reach_t) i;
            return true;
        }
    }
    return false;
}


elo_reach_t
elo_reach_or_private(elo_slice_t name)
{
    elo_reach_t reach = ELO_REACH_PRIVATE;

    /* what is not the name of a reach leaves it private */
    if (!elo_reach_parse(name, &reach)) {
        return ELO_REACH_PRIVATE;
    }
    return reach;
}


const char *
elo_reach_name(elo_reach_t reach)
{
    return names[is_reach(reach) ? reach : ELO_REACH_PRIVATE];
}


uint32_t
elo_reach_wanted(elo_reach_t reach)
{
    static const uint32_t wanted[ELO_REACH_COUNT] = {
        [ELO_REACH_PRIVATE] = 1,    [ELO_REACH_INVITED] = 2,
        [ELO_REACH_LOCAL] = 3,      [ELO_REACH_NEIGHBORHOOD] = 5,
        [ELO_REACH_MUNICIPAL] = 10, [ELO_REACH_BIOREGIONAL] = 10,
        [ELO_REACH_REGIONAL] = 10,  [ELO_REACH_COMMONS] = 10,
    };

    return (unsigned) reach < ELO_REACH_COUNT ? wanted[reach] : 1;
}
