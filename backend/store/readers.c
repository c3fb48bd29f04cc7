/* SPDX-License-Identifier: BSD-2-Clause */
/* readers: rows of nodes that refer to a blob effectively, for the gate. What one
   owner's nodes cost is bounded, so that he neither makes a question dear nor keeps
   those out whom another's node lets in. */
#include <assert.h>

#include "backend/store/node_internal.h"
#include "backend/store/possess.h"

/* Looks of all owners together for what the agent is invited to. */
#define TRIES_MAX 4096u

typedef struct {
    elo_holding_t h;
    elo_kv_view_t *view;
    const elo_agent_t *agent; /* or NULL */
    elo_reader_fn fn;
    void *ctx;
    elo_kv_cursor_t *refs;
    bool is_over; /* fn has had enough */
    uint32_t owners, tries;
    /* where it is */
    uint32_t owner;
    uint8_t rank;
    elo_slice_t id; /* borrowed from refs */
    uint32_t n;     /* of that owner and rank, with this one */
    uint32_t left;  /* tries of that owner */
    elo_agent_t owner_key;
} look_t;


static elo_err_t
ref_seek(look_t *l, uint32_t owner, uint8_t rank, elo_slice_t id)
{
    uint8_t mem[ELO_REF_KEY_MAX];

    return elo_kv_cursor_seek(l->refs,
                              elo_ref_key(l->h.d, owner, rank, id, mem));
}


/* only_invited: shown only if it lists the agent. */
static elo_err_t
show(look_t *l, bool only_invited)
{
    elo_node_head_t head;
    elo_rec_node_t rec;
    bool is_invited;
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(l->view, ELO_T_NODE, l->id, &e);

    /* A reference without a sound node gives nothing: the gate fails shut. */
    if (rc != ELO_OK || elo_rec_node_parse_head(e.value, &rec) != ELO_OK
        || rec.owner != l->owner || elo_ref_rank(&rec) != l->rank)
    {
        return rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT ? ELO_OK : rc;
    }
    is_invited = l->agent != NULL && elo_rec_node_invites(&rec, l->agent);
    if (is_invited || !only_invited) {
        elo_node_head_fill(&rec, &l->owner_key, &head);
        l->is_over = !l->fn(l->ctx, l->id, &head, is_invited);
    }
    return ELO_OK;
}


/* Of the references of this owner and rank from l->id on, those that invite the agent:
   found where they and what he is invited to have the same id. */
static elo_err_t
invited_of(look_t *l, elo_kv_cursor_t **c)
{
    uint64_t mine = elo_nodex_invited(l->agent->b), value;
    uint32_t owner = l->owner;
    uint8_t mem[ELO_NODEX_KEY_MAX], rank = l->rank;
    elo_node_dim_t dim;
    elo_kv_entry_t e;
    elo_slice_t key, id;
    elo_err_t rc = ELO_OK;

    while (rc == ELO_OK && l->left > 0 && l->tries > 0 && !l->is_over
           && owner == l->owner && rank == l->rank)
    {
        l->left--;
        l->tries--;
        key = elo_nodex_key(ELO_NODE_INVITED, mine, l->id, mem);
        rc = *c == NULL ? elo_kv_cursor_open(l->view, ELO_T_NODEX, key, c)
                        : elo_kv_cursor_seek(*c, key);
        if (rc != ELO_OK || (rc = elo_kv_cursor_next(*c, &key, &e)) != ELO_OK
            || (rc = elo_nodex_key_parse(key, &dim, &value, &id)) != ELO_OK
            || dim != ELO_NODE_INVITED || value != mine)
        {
            break;
        }
        rc = elo_slice_eq(id, l->id) ? show(l, true)
                                     : ref_seek(l, owner, rank, id);
        if (rc == ELO_OK) {
            rc = elo_ref_next(l->refs, l->h.d, &owner, &rank, &l->id);
        }
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* Of this owner and rank there are more than are looked at: only the invitations,
   then the next rank. */
static elo_err_t
crowd_pass(look_t *l)
{
    elo_kv_cursor_t *c = NULL;
    uint32_t owner = l->owner;
    uint8_t rank = l->rank;
    elo_err_t rc = ELO_OK;

    if (l->agent != NULL && rank != ELO_REF_RANK_DRAFT) {
        rc = invited_of(l, &c);
        elo_kv_cursor_close(&c);
    }
    return rc != ELO_OK
               ? rc
               : ref_seek(l, owner, (uint8_t) (rank + 1), elo_slice(NULL, 0));
}


/* Another owner's come: ELO_ENOTFOUND: no more are looked at. *has: he possesses the
   blob. */
static elo_err_t
owner_begin(look_t *l, bool *has)
{
    elo_err_t rc;

    if (l->owners++ == ELO_READERS_OWNERS) {
        return ELO_ENOTFOUND;
    }
    l->left = ELO_READERS_TRIES;
    if ((rc = elo_holding_has(&l->h, l->owner, has)) != ELO_OK || !*has) {
        return rc;
    }
    rc = elo_agent_of(l->view, l->owner, &l->owner_key);
    *has = rc == ELO_OK;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
look(look_t *l)
{
    uint32_t owner = UINT32_MAX; /* nobody's */
    uint8_t rank = 0;
    bool has = false;
    elo_err_t rc = ELO_OK;

    while (rc == ELO_OK && !l->is_over) {
        rc = elo_ref_next(l->refs, l->h.d, &l->owner, &l->rank, &l->id);
        if (rc == ELO_OK && l->owner != owner) {
            rc = owner_begin(l, &has);
        }
        if (rc != ELO_OK) {
            return rc;
        }
        l->n = l->owner != owner || l->rank != rank ? 1 : l->n + 1;
        owner = l->owner;
        rank = l->rank;
        if (!has) {
            /* behind all of his, also the operator's, who are the last */
            rc = ref_seek(l, owner, ELO_REF_RANKS, elo_slice(NULL, 0));
        } else {
            rc = l->n > ELO_READERS_PER_REACH ? crowd_pass(l) : show(l, false);
        }
    }
    return rc;
}


elo_err_t
elo_store_readers(elo_store_t *s, const elo_digest_t *d,
                  const elo_agent_t *agent, elo_reader_fn fn, void *ctx)
{
    look_t l = { .agent = agent, .fn = fn, .ctx = ctx, .tries = TRIES_MAX };
    elo_kv_view_t v;
    elo_rows_t r = { .view = &v };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    l.view = &v;
    elo_holding_init(&l.h, s, &r, d);
    rc = elo_kv_cursor_open(&v, ELO_T_REF, elo_digest_slice(d), &l.refs);
    if (rc == ELO_OK) {
        rc = look(&l);
    }
    elo_kv_cursor_close(&l.refs);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
