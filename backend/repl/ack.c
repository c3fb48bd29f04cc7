/* SPDX-License-Identifier: BSD-2-Clause */
/* ack: how far a blob has come. */
#include "backend/repl/ack.h"

static const uint32_t wanted[ELO_REACH_COUNT] = {
    [ELO_REACH_PRIVATE] = 1,    [ELO_REACH_INVITED] = 2,
    [ELO_REACH_LOCAL] = 3,      [ELO_REACH_NEIGHBORHOOD] = 5,
    [ELO_REACH_MUNICIPAL] = 10, [ELO_REACH_BIOREGIONAL] = 10,
    [ELO_REACH_REGIONAL] = 10,  [ELO_REACH_COMMONS] = 10,
};


const char *
elo_ack_name(elo_ack_tier_t tier)
{
    switch (tier) {
    case ELO_ACK_ACCEPTED:
        return "accepted";
    case ELO_ACK_DURABLE:
        return "durable";
    case ELO_ACK_NONE:
        break;
    }
    return "none";
}


uint32_t
elo_ack_wanted(elo_reach_t reach)
{
    return (unsigned) reach < ELO_REACH_COUNT ? wanted[reach] : 1;
}


const elo_digest_t *
elo_ack_object(const elo_blob_stat_t *st)
{
    return st->is_sealed ? &st->_object : &st->digest;
}


elo_err_t
elo_ack_find(elo_store_t *s, const elo_blob_stat_t *st, elo_reach_t reach,
             elo_ack_t *out)
{
    elo_ack_t a = { .holders = 1, .wanted = elo_ack_wanted(reach) };
    elo_err_t rc;

    rc = elo_task_get(s, ELO_TASK_REPLICATE, elo_ack_object(st), &a.task);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    a.has_task = rc == ELO_OK;
    a.tier = a.has_task ? ELO_ACK_ACCEPTED : ELO_ACK_DURABLE;
    a.is_reduced = !a.has_task && a.holders < a.wanted;
    *out = a;
    return ELO_OK;
}
