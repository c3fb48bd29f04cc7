/* SPDX-License-Identifier: BSD-2-Clause */
/* checkpoint: what gets into the index and when; both tables full; an index that
   can't take it. */
#include "t/unit/backend/kv/kv_dir.c"
#include "t/unit/backend/kv/kv_fault.h"

#include <errno.h>

typedef struct {
    kvd_t d;
    kvf_t f;
} both_t;


static int
setup(void **state)
{
    both_t *b = malloc(sizeof(*b));

    kvd_make(&b->d);
    kvf_init(&b->f);
    b->d.cfg.vfs = &b->f.v;
    *state = b;
    return 0;
}


static int
teardown(void **state)
{
    both_t *b = *state;

    kvd_end(&b->d);
    kvf_dispose(&b->f);
    free(b);
    return 0;
}


static uint64_t
keys_written(kvd_t *d)
{
    elo_kv_stats_t st;

    elo_kv_stats(d->kv, &st);
    return st.checkpoint_keys;
}


/* The index hears of the last value only, and of nothing that came and went. */
static void
test_least(void **state)
{
    kvd_t *d = &((both_t *) *state)->d;

    kvd_open(d);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(kvd_put(d, T_OTHER, "often", "x"), ELO_OK);
        assert_int_equal(kvd_put(d, T_OTHER, "brief", "x"), ELO_OK);
        assert_int_equal(kvd_del(d, T_OTHER, "brief"), ELO_OK);
    }
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    assert_int_equal(keys_written(d), 1);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK); /* nothing to do */
    assert_int_equal(keys_written(d), 1);
    /* a key that the index has, deleted, put, deleted: it must hear of that */
    assert_int_equal(kvd_del(d, T_OTHER, "often"), ELO_OK);
    assert_int_equal(kvd_put(d, T_OTHER, "often", "x"), ELO_OK);
    assert_int_equal(kvd_del(d, T_OTHER, "often"), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    assert_int_equal(keys_written(d), 2);
    kvd_check_rows(d, T_OTHER, "", "");
    kvd_reopen(d);
    kvd_check_rows(d, T_OTHER, "", "");
}


/* Time alone brings it there. */
static void
test_age(void **state)
{
    both_t *b = *state;
    unsigned n;

    b->d.cfg.checkpoint_ms = 5;
    kvd_open(&b->d);
    for (int i = 0; i < 3; i++) {
        elo_mutex_lock(&b->f.mtx);
        n = b->f.n_checkpoints;
        elo_mutex_unlock(&b->f.mtx);
        assert_int_equal(kvd_put(&b->d, T_OTHER, "k", "v"), ELO_OK);
        elo_mutex_lock(&b->f.mtx);
        while (b->f.n_checkpoints == n) {
            elo_cond_wait(&b->f.cond, &b->f.mtx);
        }
        elo_mutex_unlock(&b->f.mtx);
    }
}


#define MANY 3000

/* More than both tables hold. */
static void
writer_main(void *arg)
{
    kvd_t *d = arg;
    char key[16], value[101];

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(key, sizeof(key), "%u", i);
        assert_int_equal(kvd_put(d, T_OTHER, key, value), ELO_OK);
    }
}


static void
closer_main(void *arg)
{
    kvd_t *d = arg;

    elo_kv_close(&d->kv);
}


static void
count_keys(kvd_t *d, unsigned want)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    unsigned n = 0;

    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, T_OTHER, ELO_SLICE(""), &c),
                     ELO_OK);
    while (elo_kv_cursor_next(c, &key, &e) == ELO_OK) {
        n++;
    }
    assert_int_equal(n, want);
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
}


/* Both tables full: the writer waits, memory is bounded, reads go on. */
static void
test_both_full(void **state)
{
    both_t *b = *state;
    elo_kv_stats_t st;
    elo_thread_t th;
    uint64_t was;

    b->d.cfg.memtable_bytes = 64u << 10;
    kvd_open(&b->d);
    kvf_hold(&b->f, &b->f.hold_checkpoints, true);
    assert_int_equal(elo_thread_create(&th, "writer", writer_main, &b->d),
                     ELO_OK);
    kvf_await_held(&b->f);
    do {
        elo_kv_stats(b->d.kv, &st);
        was = st.mem_bytes;
        kvd_check(&b->d, T_OTHER, "no such", NULL);
    } while (was < 2 * b->d.cfg.memtable_bytes);
    for (int i = 0; i < 1000; i++) {
        elo_kv_stats(b->d.kv, &st);
        assert_true(st.mem_bytes < 3 * b->d.cfg.memtable_bytes);
    }
    kvf_hold(&b->f, &b->f.hold_checkpoints, false);
    elo_thread_join(&th);
    count_keys(&b->d, MANY);

    /* closing in that state is no deadlock, and loses nothing */
    kvf_hold(&b->f, &b->f.hold_checkpoints, true);
    for (unsigned i = 0; i < 500; i++) {
        char key[16];

        snprintf(key, sizeof(key), "again %u", i);
        assert_int_equal(kvd_put(&b->d, T_OTHER, key, "x"), ELO_OK);
    }
    assert_int_equal(elo_thread_create(&th, "closer", closer_main, &b->d),
                     ELO_OK);
    kvf_hold(&b->f, &b->f.hold_checkpoints, false);
    elo_thread_join(&th);
    kvd_open(&b->d);
    assert_int_equal(b->d.found.records, 0);
    count_keys(&b->d, MANY + 500);
}


/* The tail of the log is bounded too, whatever little the table holds. */
static void
test_tail(void **state)
{
    both_t *b = *state;
    static uint8_t mem[64u << 10];
    elo_kv_stats_t st;

    b->d.cfg.tail_bytes = 512u << 10;
    kvd_open(&b->d);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(
            kvd_put_data(&b->d, T_OTHER, "k", "", elo_slice(mem, sizeof(mem))),
            ELO_OK);
    }
    elo_kv_close(&b->d.kv);
    kvd_open(&b->d);
    elo_kv_stats(b->d.kv, &st);
    assert_true(b->f.n_checkpoints >= 4);
}


/* The map is full: writes are refused, all else goes on; with a larger map all that
   was acknowledged is there. */
static void
test_map_full(void **state)
{
    both_t *b = *state;
    kvd_t *d = &b->d;
    static char value[4001];
    unsigned n = 0, had;
    elo_err_t rc;
    char key[16];

    memset(value, 'x', sizeof(value) - 1);
    d->cfg.map_bytes = 1u << 20;
    d->cfg.memtable_bytes = 64u << 10;
    kvd_open(d);
    for (rc = ELO_OK; rc == ELO_OK && n < 10000; n += rc == ELO_OK) {
        snprintf(key, sizeof(key), "%u", n);
        rc = kvd_put(d, T_OTHER, key, value);
    }
    assert_int_equal(rc, ELO_ENOSPC);
    assert_true(n > 100);
    assert_false(elo_kv_is_readonly(d->kv));
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_ENOSPC);
    assert_int_equal(kvd_del(d, T_OTHER, "0"), ELO_ENOSPC);
    count_keys(d, n);
    kvd_check(d, T_OTHER, "0", value);
    had = n;

    kvd_reopen(d); /* no larger: reads go on, and what was there is */
    count_keys(d, had);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_ENOSPC);
    assert_int_equal(kvd_put(d, T_OTHER, "more", value), ELO_ENOSPC);
    elo_kv_close(&d->kv);

    d->cfg.map_bytes = 16u << 20;
    kvd_open(d);
    count_keys(d, had);
    assert_int_equal(kvd_put(d, T_OTHER, "more", value), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    count_keys(d, had + 1);
    elo_kv_close(&d->kv);

    /* nor can it be rebuilt in too small a map; that is said, not done by half */
    kvd_drop_index(d);
    d->cfg.map_bytes = 1u << 20;
    assert_int_equal(elo_kv_open(&d->cfg, &d->kv, NULL), ELO_ENOSPC);
    d->cfg.map_bytes = 16u << 20;
    kvd_open(d);
    count_keys(d, had + 1);
}


/* A full disk passes; anything else is the end of writing. */
static void
test_fails(void **state)
{
    static const struct {
        elo_err_t err, checkpoint, put;
        bool is_readonly;
    } cases[] = {
        { ENOSPC, ELO_ENOSPC, ELO_ENOSPC, false },
        { EDQUOT, ELO_ENOSPC, ELO_ENOSPC, false },
        { EIO, ELO_EREADONLY, ELO_EREADONLY, true },
        { EROFS, ELO_EREADONLY, ELO_EREADONLY, true },
    };
    both_t *b = *state;
    kvd_t *d = &b->d;
    char key[16];

    kvd_open(d);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(key, sizeof(key), "%u", i);
        assert_int_equal(kvd_put(d, T_ONE, key, "v"), ELO_OK);
        kvf_fail(&b->f, &b->f.checkpoint_err, cases[i].err);
        assert_int_equal(elo_kv_checkpoint(d->kv), cases[i].checkpoint);
        assert_int_equal(elo_kv_is_readonly(d->kv), cases[i].is_readonly);
        assert_int_equal(kvd_put(d, T_ONE, "no", "v"), cases[i].put);
        kvd_check(d, T_ONE, key, "v");
        kvd_check(d, T_ONE, "no", NULL);
        kvf_fail(&b->f, &b->f.checkpoint_err, ELO_OK);
        if (cases[i].is_readonly) {
            assert_int_equal(elo_kv_checkpoint(d->kv), ELO_EREADONLY);
            kvd_reopen(d);
        }
        assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
        kvd_check(d, T_ONE, key, "v");
        assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 1), i + 1);
        kvd_reopen(d);
        assert_int_equal(d->found.records, 0);
        assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 1), i + 1);
    }
}


/* The store's own sync failed, while a checkpoint is under way. */
static void
test_set_readonly(void **state)
{
    both_t *b = *state;
    elo_thread_t th;

    kvd_open(&b->d);
    assert_int_equal(kvd_put(&b->d, T_ONE, "k", "v"), ELO_OK);
    elo_kv_set_readonly(b->d.kv);
    assert_true(elo_kv_is_readonly(b->d.kv));
    assert_int_equal(kvd_put(&b->d, T_ONE, "l", "v"), ELO_EREADONLY);
    kvd_check(&b->d, T_ONE, "k", "v");
    assert_int_equal(elo_thread_create(&th, "closer", closer_main, &b->d),
                     ELO_OK);
    elo_thread_join(&th);
    kvd_open(&b->d);
    assert_int_equal(b->d.found.records, 1);
    kvd_check(&b->d, T_ONE, "k", "v");
}


int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_least), T(test_age),      T(test_both_full),    T(test_tail),
        T(test_fails), T(test_map_full), T(test_set_readonly),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
