/* SPDX-License-Identifier: BSD-2-Clause */
/* commit_thread: many submitters, order, batches, an end with a full queue. */
#include "t/unit/backend/kv/kv_dir.c"

#include "backend/os/thread.h"

#define SUBMITTERS 4
#define EACH       1500u

typedef struct submitter_s submitter_t;

typedef struct {
    elo_kv_op_t op;
    submitter_t *s;
    unsigned n;
} numbered_t;

struct submitter_s {
    kvd_t *d;
    unsigned id;
    elo_mutex_t mtx;
    elo_cond_t cond;
    unsigned n_done;
    numbered_t ops[EACH];
};


/* The key's number is one more than the one before: nothing is lost, and the
   operations of a thread run in its order. */
static elo_err_t
numbered_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    numbered_t *n = (numbered_t *) op;
    uint8_t id = (uint8_t) n->s->id;
    elo_slice_t key = elo_slice(&id, 1);
    elo_kv_entry_t e;
    unsigned was = 0;
    elo_err_t rc = elo_kv_tx_get(tx, T_OTHER, key, &e);

    if (rc == ELO_OK) {
        memcpy(&was, e.value.p, sizeof(was));
    }
    if (was != n->n) {
        return ELO_EINTERNAL;
    }
    was++;
    return elo_kv_tx_put(tx, T_OTHER, key, elo_slice(&was, sizeof(was)), NULL,
                         0);
}


static void
numbered_done(elo_kv_op_t *op, elo_err_t err)
{
    numbered_t *n = (numbered_t *) op;
    submitter_t *s = n->s;

    elo_mutex_lock(&s->mtx);
    if (err == ELO_OK && s->n_done == n->n) {
        s->n_done++;
    }
    elo_cond_signal(&s->cond);
    elo_mutex_unlock(&s->mtx);
}


static void
submitter_main(void *arg)
{
    submitter_t *s = arg;

    for (unsigned i = 0; i < EACH; i++) {
        s->ops[i] = (numbered_t){
            .op = { .run = numbered_run, .done = numbered_done },
            .s = s,
            .n = i,
        };
        elo_kv_submit(s->d->kv, &s->ops[i].op);
        if (i % 100 == 0) { /* sometimes nothing is to do */
            elo_mutex_lock(&s->mtx);
            while (s->n_done <= i) {
                elo_cond_wait(&s->cond, &s->mtx);
            }
            elo_mutex_unlock(&s->mtx);
        }
    }
}


static void
test_submitters(void **state)
{
    static submitter_t subs[SUBMITTERS];
    kvd_t *d = *state;
    elo_thread_t th[SUBMITTERS];
    elo_kv_stats_t st;

    for (unsigned i = 0; i < SUBMITTERS; i++) {
        subs[i].d = d;
        subs[i].id = i;
        subs[i].n_done = 0;
        assert_int_equal(elo_mutex_init(&subs[i].mtx), ELO_OK);
        assert_int_equal(elo_cond_init(&subs[i].cond), ELO_OK);
        assert_int_equal(
            elo_thread_create(&th[i], "submitter", submitter_main, &subs[i]),
            ELO_OK);
    }
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        elo_thread_join(&th[i]);
    }
    elo_kv_stats(d->kv, &st);
    assert_true(st.batches <= SUBMITTERS * EACH);
    kvd_reopen(d); /* with a queue that may not be empty: it is ended */
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        assert_int_equal(subs[i].n_done, EACH);
        elo_cond_dispose(&subs[i].cond);
        elo_mutex_dispose(&subs[i].mtx);
    }
}


typedef struct {
    elo_kv_op_t op;
    kvd_t *d;
    unsigned left;
    unsigned *n_freed;
} chain_t;


static elo_err_t
chain_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    (void) op;
    return elo_kv_tx_put(tx, T_OTHER, ELO_SLICE("chain"), ELO_SLICE(""), NULL,
                         0);
}


/* Submits the next, and frees itself. */
static void
chain_done(elo_kv_op_t *op, elo_err_t err)
{
    chain_t *c = (chain_t *) op, *next;

    assert_int_equal(err, ELO_OK);
    ++*c->n_freed;
    if (c->left > 0) {
        next = malloc(sizeof(*next));
        *next = *c;
        next->left--;
        elo_kv_submit(c->d->kv, &next->op);
    }
    free(c);
}


static elo_err_t
nothing_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    (void) op;
    (void) tx;
    return ELO_OK;
}


/* done may submit and free; an operation that writes nothing is answered too. */
static void
test_chain(void **state)
{
    kvd_t *d = *state;
    unsigned n_freed = 0;
    elo_kv_op_t nothing = { .run = nothing_run };
    chain_t *c = malloc(sizeof(*c));
    elo_kv_stats_t st;

    *c = (chain_t){ .op = { .run = chain_run, .done = chain_done },
                    .d = d,
                    .left = 99,
                    .n_freed = &n_freed };
    elo_kv_submit(d->kv, &c->op);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(elo_kv_exec(d->kv, &nothing), ELO_OK);
    }
    do {
        assert_int_equal(elo_kv_exec(d->kv, &nothing), ELO_OK);
        elo_kv_stats(d->kv, &st);
    } while (st.records < 100);
    assert_int_equal(elo_kv_exec(d->kv, &nothing), ELO_OK);
    elo_kv_close(&d->kv);
    assert_int_equal(n_freed, 100);
    kvd_open(d);
}


int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, kvd_setup, kvd_teardown)
    const struct CMUnitTest tests[] = {
        T(test_submitters),
        T(test_chain),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
