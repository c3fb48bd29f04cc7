/* SPDX-License-Identifier: BSD-2-Clause */
/* care: segments, sealing, backup while writing goes on, statistics. */
#include "t/unit/backend/kv/kv_dir.c"

#include "backend/os/thread.h"

typedef struct {
    kvd_t *d;
    kvd_t *to;
    elo_err_t say;
    unsigned n;
} backup_t;


static bool
link_sealed(void *ctx, const elo_kv_segment_t *s)
{
    char name[65], from[256], to[256];
    backup_t *b = ctx;

    if (s->is_sealed) {
        elo_kv_segment_name(s->segment, name);
        snprintf(from, sizeof(from), "%s/%s", b->d->root, name);
        snprintf(to, sizeof(to), "%s/%s", b->to->root, name);
        assert_int_equal(link(from, to), 0);
        b->n++;
    }
    return true;
}


static elo_err_t
settled(void *ctx)
{
    backup_t *b = ctx;

    if (b->say == ELO_OK) {
        assert_int_equal(elo_kv_segments(b->d->kv, link_sealed, b), ELO_OK);
    }
    return b->say;
}


typedef struct {
    kvd_t *d;
    bool is_done; /* atomic */
} writer_t;


static void
writer_main(void *arg)
{
    writer_t *w = arg;
    char value[16];

    for (unsigned i = 0; !__atomic_load_n(&w->is_done, __ATOMIC_ACQUIRE); i++) {
        snprintf(value, sizeof(value), "v%u", i);
        assert_int_equal(kvd_put(w->d, T_ONE, "busy", value), ELO_OK);
        if (i % 64 == 0) {
            assert_int_equal(elo_kv_checkpoint(w->d->kv), ELO_OK);
        }
    }
}


static void
test_backup(void **state)
{
    kvd_t d, to;
    writer_t w = { .d = &d };
    backup_t b = { .d = &d, .to = &to };
    elo_thread_t th;
    char path[256];

    (void) state;
    kvd_make(&d);
    d.cfg.segment_bytes = 16u << 10;
    kvd_open(&d);
    assert_int_equal(kvd_put_data(&d, T_ONE, "a", "v1", ELO_SLICE("data")),
                     ELO_OK);
    assert_int_equal(elo_thread_create(&th, "writer", writer_main, &w), ELO_OK);
    for (int i = 0; i < 5; i++) {
        kvd_make(&to);
        to.cfg.segment_bytes = d.cfg.segment_bytes;
        snprintf(path, sizeof(path), "%s/log", to.root);
        assert_int_equal(mkdir(path, 0700), 0);
        b.n = 0;
        assert_int_equal(elo_kv_backup(d.kv, to.index, NULL, settled, &b),
                         ELO_OK);
        assert_true(b.n > 0);
        kvd_open(&to);
        assert_int_equal(to.found.rotten, 0);
        assert_int_equal(to.found.torn_bytes, 0);
        kvd_check(&to, T_ONE, "a", "v1");
        kvd_check_data(&to, T_ONE, "a", ELO_SLICE("data"));
        kvd_end(&to);
    }
    __atomic_store_n(&w.is_done, true, __ATOMIC_RELEASE);
    elo_thread_join(&th);

    kvd_make(&to);
    b.say = ELO_EDENIED; /* the caller couldn't link */
    assert_int_equal(elo_kv_backup(d.kv, to.index, NULL, settled, &b),
                     ELO_EDENIED);
    kvd_end(&to);
    kvd_end(&d);
}


/* What an earlier run has written is sealed, whether this one writes or not. */
static void
test_backup_idle(void **state)
{
    kvd_t d, to;
    backup_t b = { .d = &d, .to = &to };
    char path[256];

    (void) state;
    kvd_make(&d);
    kvd_open(&d);
    assert_int_equal(kvd_put(&d, T_ONE, "a", "v1"), ELO_OK);
    for (unsigned run = 1; run <= 2; run++) {
        kvd_reopen(&d);
        assert_int_equal(elo_kv_seal(d.kv), ELO_OK); /* nothing to seal */
        kvd_make(&to);
        snprintf(path, sizeof(path), "%s/log", to.root);
        assert_int_equal(mkdir(path, 0700), 0);
        b.n = 0;
        assert_int_equal(elo_kv_backup(d.kv, to.index, NULL, settled, &b),
                         ELO_OK);
        assert_int_equal(b.n, run);
        kvd_open(&to);
        kvd_check(&to, T_ONE, "a", "v1");
        if (run == 2) {
            kvd_check(&to, T_ONE, "b", "v2");
        }
        kvd_end(&to);
        assert_int_equal(kvd_put(&d, T_ONE, "b", "v2"), ELO_OK);
        kvd_check(&d, T_ONE, "a", "v1");
    }
    kvd_end(&d);
}


typedef struct {
    uint64_t last;
    unsigned n_sealed, n_settled;
} marks_t;


static bool
count_marks(void *ctx, const elo_kv_segment_t *s)
{
    marks_t *m = ctx;

    m->last = s->segment;
    m->n_sealed += s->is_sealed;
    m->n_settled += s->is_settled;
    return true;
}


/* The last segment says where the log ends: it goes when there is another. */
static void
test_idle_last(void **state)
{
    kvd_t *d = *state;
    marks_t m = { 0 }, then = { 0 };
    bool is_gone;

    assert_int_equal(kvd_put(d, T_ONE, "k", "v"), ELO_OK);
    kvd_reopen(d);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    assert_int_equal(elo_kv_segments(d->kv, count_marks, &m), ELO_OK);
    assert_int_equal(m.n_sealed, 1);
    assert_int_equal(m.n_settled, 0);
    assert_int_equal(
        elo_kv_compact(d->kv, m.last, 1u << 20, NULL, NULL, &is_gone),
        ELO_EBUSY);
    assert_int_equal(kvd_put(d, T_ONE, "x", "v"), ELO_OK);
    assert_int_equal(elo_kv_segments(d->kv, count_marks, &then), ELO_OK);
    assert_int_equal(then.n_sealed, 1);
    assert_int_equal(then.n_settled, 1);
    assert_int_equal(
        elo_kv_compact(d->kv, m.last, 1u << 20, NULL, NULL, &is_gone), ELO_OK);
    assert_true(is_gone);
    kvd_reopen(d);
    kvd_check(d, T_ONE, "k", "v");
    kvd_check(d, T_ONE, "x", "v");
}


static bool
stop_at_once(void *ctx, const elo_kv_segment_t *s)
{
    ++*(unsigned *) ctx;
    assert_int_equal(s->segment, 1);
    return false;
}


static bool
count_all(void *ctx, const elo_kv_segment_t *s)
{
    (void) s;
    ++*(unsigned *) ctx;
    return true;
}


static void
test_segments(void **state)
{
    kvd_t *d = *state;
    unsigned n = 0;
    char name[65];

    assert_int_equal(elo_kv_segments(d->kv, count_all, &n), ELO_OK);
    assert_true(n <= 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kvd_put(d, T_ONE, "k", "v"), ELO_OK);
        assert_int_equal(elo_kv_seal(d->kv), ELO_OK);
        assert_int_equal(elo_kv_seal(d->kv), ELO_OK); /* nothing to seal */
    }
    assert_int_equal(kvd_put(d, T_ONE, "k", "v"), ELO_OK);
    n = 0;
    assert_int_equal(elo_kv_segments(d->kv, stop_at_once, &n), ELO_OK);
    assert_int_equal(n, 1);
    n = 0;
    assert_int_equal(elo_kv_segments(d->kv, count_all, &n), ELO_OK);
    assert_int_equal(n, 4);
    elo_kv_segment_name(0x1f, name);
    assert_string_equal(name, "log/000000000000001f");
}


static void
test_stats(void **state)
{
    kvd_t *d = *state;
    elo_kv_stats_t st;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(kvd_put(d, T_ONE, "k", "v"), ELO_OK);
    }
    elo_kv_stats(d->kv, &st);
    assert_int_equal(st.batches, 3);
    assert_int_equal(st.records, 3);
    assert_true(st.log_bytes >= 3 * 48);
    assert_true(st.mem_bytes > 0);
    assert_int_equal(st.batch_max, 1);
    assert_int_equal(st.segments, 1);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    elo_kv_stats(d->kv, &st);
    assert_int_equal(st.checkpoint_keys, 2); /* the key, and what is derived */
    assert_int_equal(st.mem_bytes, 0);
    assert_true(st.index_bytes > 0);
}


int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, kvd_setup, kvd_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_backup_idle),
        T(test_idle_last),
        T(test_segments),
        T(test_stats),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
