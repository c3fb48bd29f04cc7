/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/seg_make: when a segment is prepared, that it is used, and
   that it is never in the way. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"

#include <pthread.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"

#define SEGMENT 8192u

static const elo_slice_t none = { NULL, 0 };
static uint8_t bytes[5000];

typedef struct {
    mem_vfs_t *m;
    log_dir_t d;
} disk_t;


/* A log with one segment, half full and old enough. */
static void
disk_make(disk_t *k)
{
    memset(k, 0, sizeof(*k));
    k->m = mem_create(1);
    k->d.cfg = (elo_kv_cfg_t){ .vfs = &k->m->v,
                               .root_fd = MEM_FD_ROOT,
                               .store_id = STORE_ID,
                               .segment_bytes = SEGMENT,
                               .group = -1 };
    log_dir_open(&k->d);
    assert_int_equal(log_put(&k->d, "a", "", elo_slice(bytes, 5000)), ELO_OK);
    k->d.l->rolled_ns = 1;
}


static void
disk_end(disk_t *k)
{
    elo_seglog_close(&k->d.l);
    assert_int_equal(k->m->n_open, 0);
    mem_destroy(k->m);
}


static bool
has(disk_t *k, uint64_t number)
{
    char name[ELO_STORE_NAME_MAX + 1];

    elo_seg_name(number, name);
    return mem_find(k->m, name) != NULL;
}


static void
only_when_worth_it(void **state)
{
    static const struct {
        const char *name;
        bool is_old, is_half_full, is_stopped, is_refused;
        uint64_t free;
        bool is_made;
    } cases[] = {
        { "old and half full", true, true, false, false, UINT64_MAX, true },
        { "rolled over just now", false, true, false, false, UINT64_MAX,
          false },
        { "nearly empty", true, false, false, false, UINT64_MAX, false },
        { "being closed", true, true, true, false, UINT64_MAX, false },
        { "failed before", true, true, false, true, UINT64_MAX, false },
        { "little space", true, true, false, false, SEGMENT + 100, false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        disk_t k;

        disk_make(&k);
        k.m->free = cases[i].free;
        k.d.l->prep_refused = cases[i].is_refused;
        if (!cases[i].is_old) {
            k.d.l->rolled_ns = elo_clock_mono_ns();
        }
        if (!cases[i].is_half_full) {
            k.d.l->head->used = 100;
        }
        if (cases[i].is_stopped) {
            elo_seglog_stop(k.d.l);
        }
        assert_int_equal(elo_seglog_prepare(k.d.l), ELO_OK);
        if (has(&k, 2) != cases[i].is_made) {
            fail_msg("%s", cases[i].name);
        }
        assert_int_equal(elo_seglog_prepare(k.d.l), ELO_OK); /* no second */
        assert_false(has(&k, 3));
        disk_end(&k);
    }
}


static void
is_used(void **state)
{
    disk_t k;

    (void) state;
    disk_make(&k);
    assert_int_equal(elo_seglog_prepare(k.d.l), ELO_OK);
    assert_int_equal(elo_seglog_next(k.d.l, 2), 0); /* no segment yet */
    assert_int_equal(log_put(&k.d, "b", "", elo_slice(bytes, 5000)), ELO_OK);
    assert_int_equal(elo_seglog_next(k.d.l, 2), 2);
    assert_int_equal(elo_seglog_end(k.d.l).segment, 2);
    elo_seglog_close(&k.d.l);
    mem_power_on(k.m);
    log_dir_open(&k.d);
    assert_string_equal(k.d.found, "a=/5000;b=/5000;");
    disk_end(&k);
}


/* A refused batch erases it like any other. */
static void
taken_back(void **state)
{
    disk_t k;

    (void) state;
    disk_make(&k);
    assert_int_equal(elo_seglog_prepare(k.d.l), ELO_OK);
    mem_arm(k.m, MEM_SHORT, 0, 1);
    assert_int_equal(log_put(&k.d, "b", "", elo_slice(bytes, 5000)),
                     ELO_ENOSPC);
    mem_arm(k.m, MEM_CUT, 0, 0);
    assert_false(has(&k, 2));
    assert_int_equal(log_put(&k.d, "c", "", elo_slice(bytes, 5000)), ELO_OK);
    elo_seglog_close(&k.d.l);
    mem_power_on(k.m);
    log_dir_open(&k.d);
    assert_string_equal(k.d.found, "a=/5000;c=/5000;");
    disk_end(&k);
}


/* One that nobody used is gone after a close, and after a crash. */
static void
left_over(void **state)
{
    disk_t k;

    (void) state;
    disk_make(&k);
    assert_int_equal(elo_seglog_prepare(k.d.l), ELO_OK);
    elo_seglog_close(&k.d.l);
    assert_false(has(&k, 2));
    disk_end(&k);

    disk_make(&k);
    assert_int_equal(elo_seglog_prepare(k.d.l), ELO_OK);
    k.d.l->prep = ELO_PREP_NONE; /* the close doesn't know it */
    k.m->v.close(&k.m->v, k.d.l->prep_fd);
    elo_seglog_close(&k.d.l);
    assert_true(has(&k, 2));
    log_dir_open(&k.d);
    assert_string_equal(k.d.found, "a=/5000;");
    assert_int_equal(k.d.at.torn_bytes, 0);
    assert_false(has(&k, 2));
    disk_end(&k);
}


static void
failures(void **state)
{
    static const struct {
        elo_err_t err, rc;
    } cases[] = {
        { ENOSPC, ELO_OK }, { EDQUOT, ELO_OK }, { EMFILE, ELO_OK },
        { EIO, EIO },       { EROFS, EROFS },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        for (unsigned at = 1;; at++) {
            elo_err_t rc;
            bool fired;
            disk_t k;

            disk_make(&k);
            mem_arm(k.m, MEM_FAIL, cases[i].err, at);
            rc = elo_seglog_prepare(k.d.l);
            fired = k.m->fired;
            mem_arm(k.m, MEM_CUT, 0, 0);
            assert_int_equal(rc, fired ? cases[i].rc : ELO_OK);
            assert_true(has(&k, 2) == !fired);
            assert_int_equal(log_put(&k.d, "b", "", elo_slice(bytes, 5000)),
                             ELO_OK);
            disk_end(&k);
            if (!fired) {
                assert_true(at > 5);
                break;
            }
        }
    }
}


/* ---- with a thread of its own ---- */

typedef struct {
    log_dir_t d;
    bool is_done;
} shared_t;


static void *
prepare_again_and_again(void *arg)
{
    shared_t *s = arg;
    unsigned n = 0;

    while (!__atomic_load_n(&s->is_done, __ATOMIC_RELAXED)) {
        elo_mutex_lock(&s->d.l->mtx);
        s->d.l->rolled_ns = 1;
        s->d.l->prep_refused = false;
        elo_mutex_unlock(&s->d.l->mtx);
        assert_int_equal(elo_seglog_prepare(s->d.l), ELO_OK);
        n++;
    }
    return NULL;
}


static void
beside_commits(void **state)
{
    shared_t *s = malloc(sizeof(*s));
    pthread_t t;

    (void) state;
    log_dir_make(&s->d, SEGMENT);
    log_dir_open(&s->d);
    s->is_done = false;
    assert_int_equal(pthread_create(&t, NULL, prepare_again_and_again, s), 0);
    for (unsigned i = 0; i < 200; i++) {
        if (i % 7 == 3) { /* a batch of several segments, some of it undone */
            elo_seglog_mark_t m;

            assert_int_equal(
                log_add(&s->d, "x", "", elo_slice(bytes, 5000), NULL), ELO_OK);
            elo_seglog_end_op(s->d.l);
            elo_seglog_mark(s->d.l, &m);
            assert_int_equal(
                log_add(&s->d, "y", "", elo_slice(bytes, 5000), NULL), ELO_OK);
            elo_seglog_rewind(s->d.l, &m);
        }
        assert_int_equal(log_put(&s->d, "k", "", elo_slice(bytes, 3000)),
                         ELO_OK);
    }
    __atomic_store_n(&s->is_done, true, __ATOMIC_RELAXED);
    elo_seglog_stop(s->d.l);
    pthread_join(t, NULL);
    elo_seglog_close(&s->d.l);
    log_dir_open(&s->d);
    assert_int_equal(s->d.at.records, 229);
    assert_int_equal(s->d.at.rotten + s->d.at.torn_bytes, 0);
    assert_int_equal(log_put(&s->d, "z", "", none), ELO_OK);
    log_dir_end(&s->d);
    free(s);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_when_worth_it), cmocka_unit_test(is_used),
        cmocka_unit_test(taken_back),         cmocka_unit_test(left_over),
        cmocka_unit_test(failures),           cmocka_unit_test(beside_commits),
    };

    memset(bytes, 3, sizeof(bytes));
    elo_ignore(elo_log_open("/dev/null", ELO_LOG_CRIT)); /* or it is told */
    return cmocka_run_group_tests_name("seg_make", tests, NULL, NULL);
}
