/* SPDX-License-Identifier: BSD-2-Clause */
/* ack: how far a blob has come. */
#include "backend/repl/ack.h"


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


const elo_digest_t *
elo_ack_object(const elo_blob_stat_t *st)
{
    return st->is_sealed ? &st->_object : &st->digest;
}


elo_err_t
elo_ack_find(elo_store_t *s, const elo_blob_stat_t *st, elo_reach_t reach,
             elo_ack_t *out)
{
    elo_ack_t a = { .holders = 1, .wanted = elo_reach_wanted(reach) };
    bool is_stored;
    elo_err_t rc;

    rc = elo_task_look(s, ELO_TASK_REPLICATE, elo_ack_object(st), &is_stored,
                       &a.has_task, &a.task);
    if (rc != ELO_OK) {
        return rc;
    }
    if (!is_stored) {
        a.tier = ELO_ACK_NONE; /* without a task, for that went with it */
        a.has_task = false;
        a.holders = 0;
    } else if (a.has_task) {
        a.tier = ELO_ACK_ACCEPTED;
    } else {
        a.tier = ELO_ACK_DURABLE;
        a.is_reduced = a.holders < a.wanted;
    }
    *out = a;
    return ELO_OK;
}
