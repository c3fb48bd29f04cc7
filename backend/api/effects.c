/* SPDX-License-Identifier: BSD-2-Clause */
/* effects: see the header. A batch goes three ways:

     read    pool  records of the journal from `next` on; those that matter are kept
     look    loop  what a revocation has ended, and whether promotions stand yet
     apply   pool  each, in order; after one that changed something, and at the end,
                   how far that is

   (E1) A record is applied by what is current then, and says from what: applied twice
        in a row, as after a crash, it changes nothing the second time. */
#include "backend/api/effects.h"

#include <stdlib.h>

#include "backend/api/content_apply.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/setting.h"
#include "common/base/rd.h"

#define SETTING     "records applied" /* number of the last: 8 bytes */
#define READ_MAX    256u              /* records of a batch */
#define EFFECTS_MAX 16u               /* of these, with an effect */

typedef enum {
    DOES_NOTHING,
    DOES_MOVE,
    DOES_WIDEN,
    DOES_NARROW,
    DOES_BYTES
} does_t;

typedef struct {
    uint64_t number;
    elo_digest_t record; /* its id */
    does_t does;
    elo_rec_kind_t kind;
    elo_agent_t author;
    elo_digest_t ref; /* bytes; of a revocation: the record */
    elo_agent_t agent;
    bool has_content, stands;
    char id[ELO_CONTENT_ID_MAX + 1];
    uint64_t version;
    elo_lifecycle_t state;
    elo_reach_t from, to;
} effect_t;

struct elo_effects_s {
    elo_job_t job; /* first */
    elo_effects_cfg_t cfg;
    elo_ctl_sub_t sub;

    /* loop */
    bool is_running;
    bool is_wanted; /* a record has come since it began */
    bool is_ending;

    /* worker, while a job runs; else loop */
    uint64_t next; /* number of the first record that isn't done */
    uint64_t seen; /* of the last that was read */
    uint64_t kept; /* of the last that the store knows as done */
    uint32_t n;
    effect_t effect[EFFECTS_MAX];
    bool is_more;
    elo_err_t err;
};

static void read_batch(elo_effects_t *e);


/* ---- read [pool] ---- */

static bool
matters(elo_rec_kind_t kind)
{
    return kind == ELO_REC_LIFECYCLE || kind == ELO_REC_PROMOTION
           || kind == ELO_REC_REVOCATION;
}


static void
take_body(effect_t *f, const elo_rec_t *r)
{
    f->kind = r->kind;
    f->author = r->author;
    f->ref = r->body.ref;
    f->agent = r->body.agent;
    f->has_content = r->body.has_content;
    f->version = r->body.version;
    f->state = (elo_lifecycle_t) r->body.sort;
    f->from = r->body.from;
    f->to = r->body.to;
    if (r->body.has_content) {
        memcpy(f->id, r->body.content.p, r->body.content.len);
        f->id[r->body.content.len] = '\0';
    }
}


static bool
take_record(void *ctx, uint64_t number, const elo_rec_t *r, elo_slice_t bytes)
{
    elo_effects_t *e = ctx;

    (void) bytes;
    e->seen = number;
    if (!matters(r->kind)) {
        return true;
    }
    e->effect[e->n] = (effect_t){ .number = number, .record = r->id };
    take_body(&e->effect[e->n], r);
    return ++e->n < EFFECTS_MAX;
}


static void
work_read(elo_job_t *job)
{
    elo_effects_t *e = (elo_effects_t *) job;
    uint64_t next = 0;

    e->n = 0;
    e->seen = e->next - 1;
    e->err = elo_ctl_query(e->cfg.ctl, NULL, (elo_rec_kind_t) 0, e->next,
                           READ_MAX, take_record, e, &next);
    e->is_more = e->err == ELO_OK && next != 0;
}


/* ---- look [loop] ---- */

/* What a revocation has ended, in its place. */
static void
look_back(elo_effects_t *e, effect_t *f)
{
    elo_agent_t by = f->author;
    elo_buf_t bytes;
    elo_rec_t r;

    elo_buf_init(&bytes, ELO_RECORD_MAX);
    if (elo_ctl_get(e->cfg.ctl, &f->ref, &bytes) == ELO_OK
        && elo_rec_parse(elo_buf_slice(&bytes), &r, NULL) == ELO_OK
        && r.kind == ELO_REC_PROMOTION)
    {
        take_body(f, &r);
        f->does = f->has_content ? DOES_NARROW : DOES_BYTES;
    } else {
        f->author = by;
    }
    elo_buf_dispose(&bytes);
}


static void
look_at(elo_effects_t *e, effect_t *f)
{
    switch (f->kind) {
    case ELO_REC_LIFECYCLE:
        f->does = DOES_MOVE;
        break;
    case ELO_REC_PROMOTION:
        f->does = !f->has_content ? DOES_BYTES
                  : elo_ctl_is_live(elo_ctl_state(e->cfg.ctl), &f->record)
                      ? DOES_WIDEN
                      : DOES_NOTHING; /* its end is on its way here */
        break;
    default:
        look_back(e, f);
        break;
    }
    if (f->does == DOES_BYTES) {
        f->stands = elo_ctl_has_promotion(elo_ctl_state(e->cfg.ctl), &f->ref,
                                          &f->agent, &f->author);
    }
}


/* ---- apply [pool] ---- */

typedef struct {
    const elo_effects_t *e;
    const effect_t *f;
    const char *why; /* it does nothing */
} judge_t;


static bool
is_owner(const elo_effects_t *e, const effect_t *f, const elo_agent_t *owner)
{
    return elo_agent_is_zero(owner)
               ? elo_agent_eq(&f->author, &e->cfg.node_owner)
               : elo_agent_eq(&f->author, owner);
}


static void
judge_move(judge_t *j, const elo_content_t *n, elo_apply_t *out)
{
    const effect_t *f = j->f;

    if (f->version != n->version) {
        j->why = "it is of another version";
    } else if (elo_content_may_become(n, f->state, &j->why) == ELO_OK) {
        out->set.lifecycle = &f->state;
        out->is_fresh = f->state == ELO_LIFECYCLE_PUBLISHED;
        out->is_nothing = false;
    }
}


static void
judge_reach(judge_t *j, const elo_content_t *n, elo_apply_t *out)
{
    const effect_t *f = j->f;
    bool is_widening = f->does == DOES_WIDEN;

    if (n->reach != (is_widening ? f->from : f->to)) {
        j->why = "the content has another reach";
        return;
    }
    out->set.reach = is_widening ? &f->to : &f->from;
    out->is_nothing = false;
}


/* What its own record tells of, and is done already, is no news. */
static bool
is_so(const effect_t *f, const elo_content_t *n)
{
    return f->does == DOES_MOVE    ? n->lifecycle == f->state
           : f->does == DOES_WIDEN ? n->reach == f->to
                                   : n->reach == f->from;
}


static elo_err_t
judge(void *ctx, const elo_content_t *n, const elo_agent_t *owner,
      elo_apply_t *out)
{
    judge_t *j = ctx;

    j->why = NULL;
    out->is_nothing = true;
    if (!is_owner(j->e, j->f, owner)) {
        j->why = "the content is another's";
    } else if (j->f->does == DOES_MOVE) {
        judge_move(j, n, out);
    } else {
        judge_reach(j, n, out);
    }
    if (j->why != NULL && is_owner(j->e, j->f, owner) && is_so(j->f, n)) {
        j->why = NULL;
    }
    return ELO_OK;
}


static elo_err_t
apply_content(elo_effects_t *e, const effect_t *f)
{
    judge_t j = { .e = e, .f = f };
    elo_err_t rc = elo_content_apply(e->cfg.store, elo_slice_str(f->id),
                                     elo_clock_unix_s(), judge, &j, NULL);

    if (rc == ELO_ENOTFOUND) {
        j.why = "there is no such content";
        rc = ELO_OK;
    }
    if (rc == ELO_OK && j.why != NULL) {
        elo_log(ELO_LOG_INFO, "record %llu changes nothing: %s",
                (unsigned long long) f->number, j.why);
    }
    return rc;
}


static elo_err_t
apply(elo_effects_t *e, const effect_t *f)
{
    elo_err_t rc;

    switch (f->does) {
    case DOES_MOVE:
    case DOES_WIDEN:
    case DOES_NARROW:
        return apply_content(e, f);
    case DOES_BYTES:
        rc = elo_promoted_set(e->cfg.promoted, e->cfg.store, &f->ref, &f->agent,
                              &f->author, f->stands);
        return rc != ELO_OK ? rc
                            : elo_store_refs_changed(e->cfg.store, &f->ref);
    case DOES_NOTHING:
        break;
    }
    return ELO_OK;
}


static elo_err_t
keep(elo_effects_t *e, uint64_t number)
{
    uint8_t mem[8];
    elo_buf_t b;
    elo_err_t rc;

    if (number == e->kept) {
        return ELO_OK;
    }
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_be64(&b, number);
    rc = elo_store_setting_put(e->cfg.store, SETTING, elo_buf_slice(&b));
    if (rc == ELO_OK) {
        e->kept = number;
    }
    return rc;
}


/* A node that isn't taken for a reason of its own (too large with what the server adds,
   damaged) is not in the way of others; a store that takes nothing is. */
static bool
is_of_one(elo_err_t rc)
{
    return rc == ELO_ECORRUPT || rc == ELO_ETOOBIG || rc == ELO_EBUSY
           || rc == ELO_EDENIED || rc == ELO_EINVAL;
}


static void
work_apply(elo_job_t *job)
{
    elo_effects_t *e = (elo_effects_t *) job;
    elo_err_t rc;

    for (uint32_t i = 0; i < e->n && e->err == ELO_OK; i++) {
        const effect_t *f = &e->effect[i];

        if ((rc = apply(e, f)) != ELO_OK && is_of_one(rc)) {
            elo_log(ELO_LOG_ERROR, "record %llu has no effect: %s",
                    (unsigned long long) f->number, elo_strerror(rc));
            rc = ELO_OK;
        }
        if (rc == ELO_OK) {
            e->next = f->number + 1;
            rc = f->does != DOES_NOTHING ? keep(e, f->number) : ELO_OK;
        }
        e->err = rc;
    }
    if (e->err == ELO_OK) {
        e->next = e->seen + 1;
        e->err = keep(e, e->seen);
    }
}


/* ---- batches ---- */

/* An error ends it until a record comes, or the next start. */
static void
end_batch(elo_effects_t *e)
{
    e->is_running = false;
    if (e->err != ELO_OK) {
        elo_log(ELO_LOG_ERROR, "the effects of records stand still at %llu: %s",
                (unsigned long long) e->next, elo_strerror(e->err));
    }
    if (e->is_wanted || (e->err == ELO_OK && e->is_more)) {
        read_batch(e);
    }
}


static void
after_apply(elo_job_t *job)
{
    end_batch((elo_effects_t *) job);
}


static void
after_read(elo_job_t *job)
{
    elo_effects_t *e = (elo_effects_t *) job;

    if (e->err != ELO_OK || e->seen < e->next) {
        end_batch(e);
        return;
    }
    for (uint32_t i = 0; i < e->n; i++) {
        look_at(e, &e->effect[i]);
    }
    e->job.work = work_apply;
    e->job.after = after_apply;
    elo_loop_work(e->cfg.loop, &e->job);
}


static void
read_batch(elo_effects_t *e)
{
    e->is_wanted = e->is_running;
    if (e->is_running || e->is_ending) {
        return;
    }
    e->is_running = true;
    e->job.work = work_read;
    e->job.after = after_read;
    elo_loop_work(e->cfg.loop, &e->job);
}


static void
on_record(void *ctx, uint64_t number, const elo_rec_t *r)
{
    (void) number;
    if (matters(r->kind)) {
        read_batch(ctx);
    }
}


/* ---- life ---- */

typedef struct {
    elo_effects_t *e;
    elo_err_t err;
} fill_t;


static bool
fill_one(void *ctx, const elo_digest_t *d, const elo_agent_t *to,
         const elo_agent_t *from)
{
    fill_t *x = ctx;

    x->err = elo_promoted_set(x->e->cfg.promoted, x->e->cfg.store, d, to, from,
                              true);
    return x->err == ELO_OK;
}


/* How far it had got. */
static elo_err_t
load(elo_effects_t *e)
{
    elo_buf_t b;
    elo_slice_t s;
    elo_err_t rc;

    elo_buf_init(&b, ELO_SETTING_MAX);
    rc = elo_store_setting_get(e->cfg.store, SETTING, &b);
    s = elo_buf_slice(&b);
    if (rc == ELO_ENOTFOUND) {
        rc = ELO_OK;
    } else if (rc == ELO_OK && s.len == 8) {
        (void) elo_rd_be64(s.p, s.p + s.len, &e->kept);
    } else if (rc == ELO_OK) {
        rc = ELO_ECORRUPT;
    }
    elo_buf_dispose(&b);
    e->next = e->kept + 1;
    return rc;
}


elo_err_t
elo_effects_create(const elo_effects_cfg_t *cfg, elo_effects_t **out)
{
    elo_effects_t *e = calloc(1, sizeof(*e));
    fill_t x = { .e = e };
    elo_err_t rc;

    if (e == NULL) {
        return ELO_ENOMEM;
    }
    e->cfg = *cfg;
    elo_ctl_state_promotions(elo_ctl_state(cfg->ctl), fill_one, &x);
    if ((rc = x.err) != ELO_OK || (rc = load(e)) != ELO_OK) {
        free(e);
        return rc;
    }
    e->sub.fn = on_record;
    e->sub.ctx = e;
    elo_ctl_subscribe(cfg->ctl, &e->sub);
    read_batch(e); /* what the last run has left */
    *out = e;
    return ELO_OK;
}


void
elo_effects_end(elo_effects_t *e)
{
    e->is_ending = true;
}


void
elo_effects_free(elo_effects_t **e)
{
    if (*e != NULL) {
        elo_ctl_unsubscribe((*e)->cfg.ctl, &(*e)->sub);
        free(*e);
        *e = NULL;
    }
}
