/* SPDX-License-Identifier: BSD-2-Clause */
/* agent: numbers of agents, what they hold and may hold. An agent gets a number
   with its first write; the operator, the zero agent, has 0 without a row. */
#include "backend/store/agent.h"

#include <assert.h>

#include "backend/store/store_internal.h"

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_agent_t *agent;
    uint64_t quota;
} quota_op_t;


static elo_slice_t
agent_key(const elo_agent_t *a)
{
    return elo_slice(a->b, ELO_AGENT_LEN);
}


/* ---- numbers ---- */

static elo_err_t
row_tx(elo_kv_tx_t *tx, const elo_agent_t *a, elo_rec_agent_t *out)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_AGENT, agent_key(a), &e);

    return rc != ELO_OK ? rc : elo_rec_agent_parse(e.value, out);
}


static elo_err_t
row_put(elo_kv_tx_t *tx, const elo_agent_t *a, const elo_rec_agent_t *rec)
{
    uint8_t mem[ELO_AGENT_REC_LEN];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_agent_encode(rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_AGENT, agent_key(a), elo_buf_slice(&buf),
                         NULL, 0);
}


/* A number that nobody has, also where a damaged log has lost an agent's row but
   not that of a later one. */
static elo_err_t
no_next(elo_kv_tx_t *tx, uint32_t *no)
{
    int64_t last = elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_AGENTS);

    if (last < 0 || last >= (int64_t) ELO_NO_AGENT - 1) {
        return ELO_ETOOBIG;
    }
    *no = (uint32_t) last + 1;
    return ELO_OK;
}


elo_err_t
elo_agent_no_tx(elo_kv_tx_t *tx, const elo_agent_t *a, uint32_t *no)
{
    elo_rec_agent_t rec = { .no = 0 };
    elo_err_t rc = elo_agent_is_zero(a) ? ELO_OK : row_tx(tx, a, &rec);

    if (rc == ELO_OK) {
        *no = rec.no;
    }
    return rc;
}


elo_err_t
elo_agent_intern_tx(elo_kv_tx_t *tx, const elo_agent_t *a, uint32_t *no)
{
    elo_rec_agent_t rec = { .quota = ELO_QUOTA_DEFAULT };
    elo_err_t rc = elo_agent_no_tx(tx, a, no);

    if (rc != ELO_ENOTFOUND || (rc = no_next(tx, &rec.no)) != ELO_OK
        || (rc = row_put(tx, a, &rec)) != ELO_OK)
    {
        return rc;
    }
    *no = rec.no;
    return ELO_OK;
}


static elo_err_t
row_view(elo_kv_view_t *v, const elo_agent_t *a, elo_rec_agent_t *out)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(v, ELO_T_AGENT, agent_key(a), &e);

    return rc != ELO_OK ? rc : elo_rec_agent_parse(e.value, out);
}


elo_err_t
elo_agent_no(elo_kv_view_t *v, const elo_agent_t *a, uint32_t *no)
{
    elo_rec_agent_t rec = { .no = 0 };
    elo_err_t rc = elo_agent_is_zero(a) ? ELO_OK : row_view(v, a, &rec);

    if (rc == ELO_OK) {
        *no = rec.no;
    }
    return rc;
}


/* By an operation, or by a view. */
static elo_err_t
agent_by_no(elo_kv_tx_t *tx, elo_kv_view_t *v, uint32_t no, elo_agent_t *out)
{
    uint8_t mem[ELO_AGENTNO_KEY];
    elo_slice_t key = elo_agentno_key(no, mem);
    elo_kv_entry_t e;
    elo_err_t rc;

    if (no == 0) {
        *out = (elo_agent_t){ { 0 } };
        return ELO_OK;
    }
    rc = tx != NULL ? elo_kv_tx_get(tx, ELO_T_AGENTNO, key, &e)
                    : elo_kv_get(v, ELO_T_AGENTNO, key, &e);
    if (rc == ELO_OK && e.value.len != ELO_AGENT_LEN) {
        rc = ELO_ECORRUPT;
    }
    if (rc == ELO_OK) {
        memcpy(out->b, e.value.p, ELO_AGENT_LEN);
    }
    return rc;
}


elo_err_t
elo_agent_of(elo_kv_view_t *v, uint32_t no, elo_agent_t *out)
{
    return agent_by_no(NULL, v, no, out);
}


elo_err_t
elo_agent_of_tx(elo_kv_tx_t *tx, uint32_t no, elo_agent_t *out)
{
    return agent_by_no(tx, NULL, no, out);
}


/* ---- quotas ---- */

static uint64_t
quota_of(const elo_store_t *s, uint64_t own)
{
    return own == ELO_QUOTA_DEFAULT ? s->quota_bytes : own;
}


static elo_err_t
within(uint64_t quota, int64_t has, uint64_t more)
{
    uint64_t held = has < 0 ? 0 : (uint64_t) has;

    return quota == 0 || (held <= quota && more <= quota - held) ? ELO_OK
                                                                 : ELO_EQUOTA;
}


elo_err_t
elo_quota_check_tx(elo_store_t *s, elo_kv_tx_t *tx, const elo_agent_t *a,
                   uint32_t no, uint64_t more)
{
    elo_rec_agent_t rec = { .quota = __atomic_load_n(&s->operator_quota,
                                                     __ATOMIC_RELAXED) };
    elo_err_t rc;

    if (no != 0 && (rc = row_tx(tx, a, &rec)) != ELO_OK) {
        return rc;
    }
    return within(quota_of(s, rec.quota),
                  elo_kv_tx_sum(tx, ELO_SUM_AGENT_BYTES, no)
                      + elo_kv_tx_sum(tx, ELO_SUM_AGENT_KEPT, no),
                  more);
}


elo_err_t
elo_quota_check(elo_store_t *s, const elo_agent_t *a, uint64_t more)
{
    elo_agent_stat_t st;
    elo_err_t rc = elo_store_agent(s, a, &st);

    return rc != ELO_OK
               ? rc
               : within(st.quota, (int64_t) (st.bytes + st.kept), more);
}


static void
fill(elo_store_t *s, const elo_agent_t *a, const elo_rec_agent_t *rec,
     elo_agent_stat_t *out)
{
    int64_t bytes = elo_kv_sum(s->kv, ELO_SUM_AGENT_BYTES, rec->no);
    int64_t blobs = elo_kv_sum(s->kv, ELO_SUM_AGENT_BLOBS, rec->no);
    int64_t kept = elo_kv_sum(s->kv, ELO_SUM_AGENT_KEPT, rec->no);

    *out = (elo_agent_stat_t){ .agent = *a,
                               .kept = kept < 0 ? 0 : (uint64_t) kept,
                               .bytes = bytes < 0 ? 0 : (uint64_t) bytes,
                               .blobs = blobs < 0 ? 0 : (uint64_t) blobs,
                               .quota = quota_of(s, rec->quota) };
}


elo_err_t
elo_store_agent(elo_store_t *s, const elo_agent_t *a, elo_agent_stat_t *out)
{
    elo_rec_agent_t rec = { .quota = ELO_QUOTA_DEFAULT };
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = row_view(&v, a, &rec);
    elo_kv_view_end(&v);
    if (rc == ELO_ENOTFOUND && !elo_agent_is_zero(a)) {
        *out = (elo_agent_stat_t){ .agent = *a, .quota = s->quota_bytes };
        return ELO_OK;
    }
    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        fill(s, a, &rec, out);
        rc = ELO_OK;
    }
    return rc;
}


static elo_err_t
quota_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    quota_op_t *o = (quota_op_t *) op;
    elo_rec_agent_t rec = { .quota = o->quota };
    elo_err_t rc = elo_agent_intern_tx(tx, o->agent, &rec.no);

    return rc != ELO_OK ? rc : row_put(tx, o->agent, &rec);
}


elo_err_t
elo_store_set_quota(elo_store_t *s, const elo_agent_t *a, uint64_t bytes)
{
    quota_op_t o = { .op.run = quota_run, .s = s, .agent = a, .quota = bytes };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    rc = elo_store_exec(s, &o.op);
    if (rc == ELO_OK && elo_agent_is_zero(a)) {
        __atomic_store_n(&s->operator_quota, bytes, __ATOMIC_RELAXED);
    }
    return rc;
}


elo_err_t
elo_agents_open(elo_store_t *s)
{
    static const elo_agent_t op = { { 0 } };
    elo_rec_agent_t rec = { .quota = ELO_QUOTA_DEFAULT };
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = row_view(&v, &op, &rec);
    elo_kv_view_end(&v);
    s->operator_quota = rec.quota;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* ---- listing ---- */

static elo_err_t
each(elo_store_t *s, elo_kv_view_t *v, elo_agent_each_fn fn, void *ctx)
{
    elo_rec_agent_t rec = { .quota = __atomic_load_n(&s->operator_quota,
                                                     __ATOMIC_RELAXED) };
    elo_agent_t a = { { 0 } };
    elo_agent_stat_t st;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc;

    fill(s, &a, &rec, &st);
    if (!fn(ctx, &st)) {
        return ELO_OK;
    }
    rc = elo_kv_cursor_open(v, ELO_T_AGENT, elo_slice("", 0), &c);
    if (rc != ELO_OK) {
        return rc;
    }
    while ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        if (key.len != ELO_AGENT_LEN) {
            rc = ELO_ECORRUPT;
            break;
        }
        memcpy(a.b, key.p, ELO_AGENT_LEN);
        if ((rc = elo_rec_agent_parse(e.value, &rec)) != ELO_OK) {
            break;
        }
        if (!elo_agent_is_zero(&a)) {
            fill(s, &a, &rec, &st);
            if (!fn(ctx, &st)) {
                break;
            }
        }
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


elo_err_t
elo_store_each_agent(elo_store_t *s, elo_agent_each_fn fn, void *ctx)
{
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = each(s, &v, fn, ctx);
    elo_kv_view_end(&v);
    return rc;
}
