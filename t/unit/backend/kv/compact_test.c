/* SPDX-License-Identifier: BSD-2-Clause */
/* compact: what is needed moves, the rest goes, and a rebuild from what is left
   tells the same. */
#include "t/unit/backend/kv/kv_dir.c"

#include "backend/os/thread.h"

#define DATA_LEN 3000u

static uint8_t bytes[DATA_LEN];

typedef struct {
    unsigned n;
    char keys[256];
} moved_t;


static elo_slice_t
data_of(unsigned n)
{
    memset(bytes, (int) n, sizeof(bytes));
    return elo_slice(bytes, sizeof(bytes) - n % 8);
}


static void
on_moved(void *ctx, uint8_t table, elo_slice_t key)
{
    moved_t *m = ctx;

    assert_int_equal(table, T_ONE);
    m->n++;
    strncat(m->keys, (const char *) key.p, key.len);
}


static void
put_numbered(kvd_t *d, unsigned from, unsigned to)
{
    char key[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(key, sizeof(key), "%03u", i);
        assert_int_equal(kvd_put_data(d, T_ONE, key, "v", data_of(i)), ELO_OK);
    }
}


static void
del_numbered(kvd_t *d, unsigned from, unsigned to)
{
    char key[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(key, sizeof(key), "%03u", i);
        assert_int_equal(kvd_del(d, T_ONE, key), ELO_OK);
    }
}


static void
check_numbered(kvd_t *d, unsigned from, unsigned to, bool is_there)
{
    char key[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(key, sizeof(key), "%03u", i);
        if (is_there) {
            kvd_check_data(d, T_ONE, key, data_of(i));
        } else {
            kvd_check(d, T_ONE, key, NULL);
        }
    }
}


/* Ends a segment. */
static void
settle(kvd_t *d)
{
    assert_int_equal(elo_kv_seal(d->kv), ELO_OK);
    assert_int_equal(kvd_put(d, T_OTHER, "settle", ""), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
}


static void
compact(kvd_t *d, uint64_t segment, moved_t *m)
{
    bool is_gone = false;

    for (int i = 0; !is_gone; i++) {
        assert_true(i < 1000);
        assert_int_equal(
            elo_kv_compact(d->kv, segment, 5000, on_moved, m, &is_gone),
            ELO_OK);
    }
    assert_int_equal(elo_kv_compact(d->kv, segment, 5000, NULL, NULL, &is_gone),
                     ELO_ENOTFOUND);
}


typedef struct {
    elo_kv_segment_t s[64];
    unsigned n;
} segs_t;


static bool
seg_add(void *ctx, const elo_kv_segment_t *s)
{
    segs_t *l = ctx;

    assert_true(l->n < 64);
    l->s[l->n++] = *s;
    return true;
}


static segs_t
segments(kvd_t *d)
{
    segs_t l = { .n = 0 };

    assert_int_equal(elo_kv_segments(d->kv, seg_add, &l), ELO_OK);
    return l;
}


/* Opens what a crash would leave, and a rebuild of it. */
static void
check_elsewhere(kvd_t *d, void (*check)(kvd_t *d))
{
    kvd_t copy;

    check(d);
    for (int i = 0; i < 2; i++) {
        kvd_copy(d, &copy);
        if (i == 1) {
            kvd_drop_index(&copy);
        }
        kvd_open(&copy);
        assert_int_equal(copy.found.rotten, 0);
        check(&copy);
        kvd_end(&copy);
    }
}


static void
check_moved(kvd_t *d)
{
    check_numbered(d, 0, 3, false);
    check_numbered(d, 3, 10, true);
    check_numbered(d, 10, 12, true);
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 3), 9);
}


static void
test_moves(void **state)
{
    kvd_t *d = *state;
    moved_t m = { .n = 0 };
    bool is_gone;
    segs_t l;

    put_numbered(d, 0, 10);
    assert_int_equal(elo_kv_compact(d->kv, 1, 1, NULL, NULL, &is_gone),
                     ELO_EBUSY); /* it is written to */
    assert_int_equal(elo_kv_compact(d->kv, 9, 1, NULL, NULL, &is_gone),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_kv_compact(d->kv, 0, 1, NULL, NULL, &is_gone),
                     ELO_ENOTFOUND);
    settle(d);
    put_numbered(d, 10, 12);
    del_numbered(d, 0, 3);
    l = segments(d);
    assert_int_equal(l.n, 2);
    assert_true(l.s[0].is_sealed && l.s[0].is_settled);
    assert_false(l.s[1].is_sealed || l.s[1].is_settled);
    assert_true(l.s[0].live < l.s[0].bytes * 8 / 10);
    assert_true(l.s[0].live > l.s[0].bytes * 6 / 10);
    compact(d, 1, &m);
    assert_int_equal(m.n, 7);
    assert_string_equal(m.keys, "003004005006007008009");
    l = segments(d);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.s[0].segment, 2);
    check_elsewhere(d, check_moved);
}


static void
check_gone(kvd_t *d)
{
    check_numbered(d, 0, 4, false);
    check_numbered(d, 4, 5, true);
    kvd_check_rows(d, T_BACK, "", "v004=");
}


/* A deletion stays while a segment that has what it undoes may be replayed, and
   goes with the last one. */
static void
test_deletions(void **state)
{
    kvd_t *d = *state;
    moved_t m = { .n = 0 };
    segs_t l;

    put_numbered(d, 0, 5);
    settle(d); /* 1: puts */
    del_numbered(d, 0, 4);
    settle(d); /* 2: deletions */
    compact(d, 2, &m);
    assert_int_equal(m.n, 0);
    check_elsewhere(d, check_gone);
    settle(d); /* 3: the same ones, moved */
    l = segments(d);
    assert_int_equal(l.s[1].segment, 3);
    assert_true(l.s[1].live >= 4 * 48); /* nothing is won by moving them */
    compact(d, 3, &m);
    check_elsewhere(d, check_gone);
    settle(d); /* 4: again */
    compact(d, 1, &m);
    assert_int_equal(m.n, 1);
    check_elsewhere(d, check_gone);
    l = segments(d);
    assert_int_equal(l.s[0].segment, 4);
    assert_true(l.s[0].live < 4 * 48); /* now it's won */
    compact(d, 4, &m);
    check_elsewhere(d, check_gone);
    settle(d);
    l = segments(d);
    for (unsigned i = 0; i < l.n; i++) {
        assert_true(l.s[i].bytes < 4 * 48 + DATA_LEN + 1000);
    }
}


static void
check_again(kvd_t *d)
{
    check_numbered(d, 0, 4, true);
    kvd_check_rows(d, T_BACK, "", "v000= v001= v002= v003=");
}


/* Put, deleted, put again: the deletion isn't moved behind the second put. */
static void
test_put_again(void **state)
{
    kvd_t *d = *state;
    moved_t m = { .n = 0 };

    put_numbered(d, 0, 4);
    settle(d);
    del_numbered(d, 0, 4);
    settle(d);
    put_numbered(d, 0, 4);
    settle(d);
    compact(d, 2, &m);
    check_elsewhere(d, check_again);
    compact(d, 3, &m);
    check_elsewhere(d, check_again);
    compact(d, 1, &m);
    check_elsewhere(d, check_again);
    assert_int_equal(m.n, 4);
}


/* A needed record that can't be read: the rest moves, the file stays. */
static void
test_damaged(void **state)
{
    kvd_t *d = *state;
    moved_t m = { .n = 0 };
    char path[256];
    bool is_gone;
    elo_err_t rc;
    FILE *f;

    put_numbered(d, 0, 5);
    settle(d);
    snprintf(path, sizeof(path), "%s/log/0000000000000001", d->root);
    assert_non_null(f = fopen(path, "r+"));
    assert_int_equal(fseek(f, 8000, SEEK_SET), 0); /* data of the third */
    fputs("rotten", f);
    assert_int_equal(fclose(f), 0);
    do {
        rc = elo_kv_compact(d->kv, 1, 1000, on_moved, &m, &is_gone);
        assert_false(is_gone);
    } while (rc == ELO_OK);
    assert_int_equal(rc, ELO_ECORRUPT);
    assert_int_equal(m.n, 4);
    assert_int_equal(access(path, F_OK), 0);
    check_numbered(d, 0, 2, true);
    check_numbered(d, 3, 5, true);
    /* once nobody needs it any more, it goes */
    del_numbered(d, 2, 3);
    compact(d, 1, &m);
    assert_int_equal(m.n, 4);
    check_numbered(d, 0, 2, true);
}


typedef struct {
    kvd_t *d;
    bool is_done;
} writer_t;


/* Overwrites and deletes what is being moved. */
static void
writer_main(void *arg)
{
    writer_t *w = arg;

    for (int i = 0; i < 20; i++) {
        del_numbered(w->d, 0, 30);
        put_numbered(w->d, 0, 20);
    }
    __atomic_store_n(&w->is_done, true, __ATOMIC_RELEASE);
}


static void
check_raced(kvd_t *d)
{
    check_numbered(d, 0, 20, true);
    check_numbered(d, 20, 30, false);
    check_numbered(d, 30, 60, true);
    assert_int_equal(elo_kv_sum(d->kv, SUM_KEYS, 3), 50);
}


static bool
settled_one(void *ctx, const elo_kv_segment_t *s)
{
    if (s->is_settled) {
        *(uint64_t *) ctx = s->segment;
    }
    return !s->is_settled;
}


static void
test_beside_writer(void **state)
{
    kvd_t d;
    writer_t w = { .d = &d };
    elo_thread_t th;
    uint64_t segment;
    unsigned n_gone = 0;
    bool is_gone;

    (void) state;
    kvd_make(&d);
    d.cfg.segment_bytes = 128u << 10;
    d.cfg.memtable_bytes = 8u << 10;
    kvd_open(&d);
    put_numbered(&d, 0, 60);
    assert_int_equal(elo_thread_create(&th, "writer", writer_main, &w), ELO_OK);
    while (!__atomic_load_n(&w.is_done, __ATOMIC_ACQUIRE)) {
        segment = 0;
        assert_int_equal(elo_kv_segments(d.kv, settled_one, &segment), ELO_OK);
        if (segment == 0) {
            assert_int_equal(elo_kv_checkpoint(d.kv), ELO_OK);
            continue;
        }
        do {
            assert_int_equal(
                elo_kv_compact(d.kv, segment, 20000, NULL, NULL, &is_gone),
                ELO_OK);
        } while (!is_gone);
        n_gone++;
    }
    elo_thread_join(&th);
    assert_true(n_gone > 0);
    check_elsewhere(&d, check_raced);
    kvd_end(&d);
}


int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, kvd_setup, kvd_teardown)
    const struct CMUnitTest tests[] = {
        T(test_moves),
        T(test_deletions),
        T(test_put_again),
        T(test_damaged),
        cmocka_unit_test(test_beside_writer),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
