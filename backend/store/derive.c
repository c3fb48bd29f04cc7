/* SPDX-License-Identifier: BSD-2-Clause */
/* derive: what follows from the rows and is kept beside them: totals, what agents
   hold, numbers of agents, references (S8). It is a function of single rows, so
   that it comes out the same from whatever is left of the log. */
#include "backend/store/journal.h"
#include "backend/store/node_internal.h"
#include "backend/store/store_internal.h"


/* delta blobs of size bytes, of that agent. */
static elo_err_t
add_held(elo_kv_tx_t *tx, uint32_t agent, uint64_t size, int64_t sign)
{
    elo_err_t rc = elo_kv_tx_add(tx, ELO_SUM_AGENT_BLOBS, agent, sign);

    if (rc != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_add(tx, ELO_SUM_AGENT_BYTES, agent, sign * (int64_t) size);
}


static elo_err_t
add_total(elo_kv_tx_t *tx, uint64_t size, int64_t sign)
{
    elo_err_t rc = elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_BLOBS, sign);

    if (rc != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_BYTES,
                         sign * (int64_t) size);
}


/* A clear blob counts here, a ciphertext object where its SEALED row is. */
static elo_err_t
count_blob(elo_kv_tx_t *tx, const elo_kv_entry_t *e, int64_t sign)
{
    elo_rec_blob_t rec;
    elo_err_t rc = elo_rec_blob_parse(e->value, e->data_len, &rec);

    if (rc != ELO_OK || rec.is_object
        || (rc = add_total(tx, rec.size, sign)) != ELO_OK)
    {
        return rc;
    }
    return add_held(tx, rec.agent, rec.size, sign);
}


static elo_err_t
count_sealed(elo_kv_tx_t *tx, elo_slice_t key, const elo_kv_entry_t *e,
             int64_t sign)
{
    elo_rec_sealed_t rec;
    elo_digest_t blind;
    uint32_t agent;
    elo_err_t rc;

    if ((rc = elo_sealed_key_parse(key, &blind, &agent)) != ELO_OK
        || (rc = elo_rec_sealed_parse(e->value, &rec)) != ELO_OK
        || (rc = add_total(tx, rec.size, sign)) != ELO_OK
        || (rc = elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_SEALED, sign))
               != ELO_OK)
    {
        return rc;
    }
    return add_held(tx, agent, rec.size, sign);
}


static elo_err_t
count_own(elo_kv_tx_t *tx, elo_slice_t key, const elo_kv_entry_t *e,
          int64_t sign)
{
    elo_rec_own_t rec;
    elo_digest_t d;
    uint32_t agent;
    elo_err_t rc;

    if ((rc = elo_own_key_parse(key, &d, &agent)) != ELO_OK
        || (rc = elo_rec_own_parse(e->value, &rec)) != ELO_OK)
    {
        return rc;
    }
    return add_held(tx, agent, rec.size, rec.is_gone ? -sign : sign);
}


static elo_err_t
count(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key, const elo_kv_entry_t *e,
      int64_t sign)
{
    switch (table) {
    case ELO_T_BLOB:
        return count_blob(tx, e, sign);
    case ELO_T_SEALED:
        return count_sealed(tx, key, e, sign);
    case ELO_T_OWN:
        return count_own(tx, key, e, sign);
    default: /* ELO_T_BAD */
        return elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_BAD, sign);
    }
}


/* AGENTNO, and the highest number that was given. Agents aren't deleted. */
static elo_err_t
derive_agent(elo_kv_tx_t *tx, elo_slice_t key, const elo_kv_entry_t *now)
{
    uint8_t mem[ELO_AGENTNO_KEY];
    elo_rec_agent_t rec;
    int64_t more;
    elo_err_t rc;

    if (key.len != ELO_AGENT_LEN) {
        return ELO_ECORRUPT;
    }
    if (now == NULL) {
        return ELO_OK;
    }
    if ((rc = elo_rec_agent_parse(now->value, &rec)) != ELO_OK
        || (rc = elo_kv_tx_derive(tx, ELO_T_AGENTNO,
                                  elo_agentno_key(rec.no, mem), &key))
               != ELO_OK)
    {
        return rc;
    }
    more =
        (int64_t) rec.no - elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_AGENTS);
    return more <= 0 ? ELO_OK
                     : elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_AGENTS, more);
}


elo_err_t
elo_store_derive(void *ctx, elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                 const elo_kv_entry_t *was, const elo_kv_entry_t *now,
                 bool moved)
{
    elo_err_t rc = ELO_OK;

    (void) ctx;
    if (moved && was != NULL) {
        return ELO_OK; /* the same row at another place */
    }
    switch (table) {
    case ELO_T_BLOB:
    case ELO_T_SEALED:
    case ELO_T_OWN:
    case ELO_T_BAD:
        if (was != NULL) {
            rc = count(tx, table, key, was, -1);
        }
        return rc != ELO_OK || now == NULL ? rc : count(tx, table, key, now, 1);
    case ELO_T_AGENT:
        return derive_agent(tx, key, now);
    case ELO_T_NODE:
        return elo_node_derive(tx, key, was, now);
    case ELO_T_TASK:
        return elo_task_derive(tx, key, was, now);
    case ELO_T_RECORD:
        return elo_journal_derive(tx, ELO_JOURNAL_RECORD, key, now);
    case ELO_T_AUDIT:
        return elo_journal_derive(tx, ELO_JOURNAL_AUDIT, key, now);
    case ELO_T_UPLOAD:
        return elo_upload_derive(tx, key, was, now);
    default:
        return ELO_OK;
    }
}
