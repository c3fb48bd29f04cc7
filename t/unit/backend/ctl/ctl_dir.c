/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl_dir: a control plane over a real store in a temporary directory, with a clock of
   the test's, and people who sign records. */
#ifndef ELO_T_UNIT_CTL_DIR_C
#define ELO_T_UNIT_CTL_DIR_C

#include "t/unit/backend/store/store_dir.c"

#include <stdatomic.h>

#include "backend/ctl/ctl_internal.h"
#include "backend/store/journal.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define START INT64_C(1800000000)

typedef struct {
    dir_t dir;
    elo_loop_t *loop;
    elo_ctl_cfg_t cfg;
    elo_ctl_t *c;
    _Atomic int64_t now;
} plane_t;

/* An agent whose key the test has, and where his chain is. */
typedef struct {
    uint8_t seed[ELO_SEED_LEN];
    elo_agent_t id;
    uint64_t seq;
    elo_digest_t prev;
} person_t;

typedef struct {
    uint8_t b[ELO_RECORD_MAX];
    size_t len;
    elo_digest_t id;
} bytes_t;

/* What a done was told. */
typedef struct {
    unsigned n;
    elo_err_t err;
    char why[96];
    elo_digest_t id;
    uint64_t number;
} told_t;


static int64_t
plane_now(void *ctx)
{
    return atomic_load(&((plane_t *) ctx)->now);
}


static inline void
plane_open(plane_t *p)
{
    assert_int_equal(elo_loop_create(&p->loop), ELO_OK);
    p->cfg.loop = p->loop;
    p->cfg.store = p->dir.s;
    p->cfg.keyring = p->dir.keyring;
    p->cfg.now = plane_now;
    p->cfg.now_ctx = p;
    assert_int_equal(elo_ctl_open(&p->cfg, &p->c), ELO_OK);
}


static inline void
plane_close(plane_t *p)
{
    elo_ctl_close(&p->c);
    assert_null(p->c);
    elo_loop_free(&p->loop);
}


/* As after another start of the daemon. */
static inline void
plane_reopen(plane_t *p)
{
    plane_close(p);
    dir_reopen(&p->dir);
    plane_open(p);
}


static inline int
plane_setup(void **state)
{
    plane_t *p = calloc(1, sizeof(*p));

    dir_make_root(&p->dir);
    dir_keyring(&p->dir);
    dir_open(&p->dir);
    atomic_store(&p->now, START);
    plane_open(p);
    *state = p;
    return 0;
}


static inline int
plane_teardown(void **state)
{
    plane_t *p = *state;

    plane_close(p);
    dir_end(&p->dir);
    free(p);
    return 0;
}


/* ---- people ---- */

static inline person_t
person(uint8_t n)
{
    person_t p = { .seed = { n, 0x70 } };

    elo_agent_of_seed(p.seed, &p.id);
    return p;
}


static elo_err_t
copy_seed(void *ctx, const uint8_t seed[ELO_SEED_LEN])
{
    memcpy(ctx, seed, ELO_SEED_LEN);
    return ELO_OK;
}


/* The owner of the node, with his chain as the state has it. */
static inline person_t
owner_of(const plane_t *p)
{
    person_t o = { .seq = 0 };

    elo_keyring_owner(p->dir.keyring, &o.id);
    assert_int_equal(elo_keyring_use(p->dir.keyring, &o.id, copy_seed, o.seed),
                     ELO_OK);
    (void) elo_ctl_head(elo_ctl_state(p->c), &o.id, &o.seq, &o.prev);
    return o;
}


/* Signs r as the next of his chain. */
static inline void
sign_next(person_t *by, elo_rec_t r, int64_t now, bytes_t *out)
{
    const char *why = "";
    elo_buf_t b;

    r.seq = by->seq;
    r.prev = by->prev;
    r.time_ms = r.time_ms == 0 ? now * 1000 : r.time_ms;
    elo_buf_init_fixed(&b, out->b, sizeof(out->b));
    if (elo_rec_make(&r, by->seed, &b, &why) != ELO_OK) {
        fail_msg("%s", why);
    }
    out->len = b.len;
    out->id = r.id;
    by->seq++;
    by->prev = r.id;
}


static inline elo_rec_t
admission(const person_t *who, elo_level_t level, int64_t until)
{
    return (elo_rec_t){
        .kind = ELO_REC_ADMISSION,
        .body = { .agent = who->id, .sort = (uint32_t) level, .until = until }
    };
}


static inline elo_rec_t
relation(const person_t *who, elo_relation_t what)
{
    return (elo_rec_t){ .kind = ELO_REC_RELATIONSHIP,
                        .body = { .agent = who->id, .sort = (uint32_t) what } };
}


static inline elo_rec_t
revocation(const elo_digest_t *id)
{
    return (elo_rec_t){ .kind = ELO_REC_REVOCATION, .body = { .ref = *id } };
}


/* ---- publishing ---- */

static void
on_told(void *ctx, elo_err_t err, const char *why, const elo_digest_t *id,
        uint64_t number)
{
    told_t *t = ctx;

    t->n++;
    t->err = err;
    snprintf(t->why, sizeof(t->why), "%s", why);
    t->id = *id;
    t->number = number;
}


static inline told_t
publish(plane_t *p, elo_slice_t bytes)
{
    told_t t = { .n = 0 };

    elo_ctl_publish(p->c, bytes, on_told, &t);
    assert_int_equal(t.n, 0); /* later */
    elo_loop_run(p->loop);
    assert_int_equal(t.n, 1);
    return t;
}


static inline elo_slice_t
slice_of(const bytes_t *b)
{
    return elo_slice(b->b, b->len);
}


/* Signs and publishes; his chain goes on only when it is taken. */
static inline told_t
tell(plane_t *p, person_t *by, elo_rec_t r)
{
    person_t before = *by;
    bytes_t b;
    told_t t;

    sign_next(by, r, atomic_load(&p->now), &b);
    t = publish(p, slice_of(&b));
    if (t.err != ELO_OK) {
        *by = before;
    } else {
        assert_memory_equal(t.id.b, b.id.b, sizeof(b.id.b));
    }
    return t;
}


/* Likewise, and it must be taken. */
static inline elo_digest_t
must_tell(plane_t *p, person_t *by, elo_rec_t r)
{
    told_t t = tell(p, by, r);

    if (t.err != ELO_OK) {
        fail_msg("%s (%d)", t.why, t.err);
    }
    return t.id;
}


static inline uint32_t
facts_of(const plane_t *p, const person_t *who)
{
    return elo_ctl_facts_of(elo_ctl_state(p->c), &who->id,
                            atomic_load(&p->now));
}


static inline uint64_t
slot_of(const plane_t *p, const elo_agent_t *a)
{
    return elo_gen_load(elo_store_gen(p->dir.s),
                        elo_gen_slot(elo_slice(a->b, sizeof(a->b))));
}

#endif
