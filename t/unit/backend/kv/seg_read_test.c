/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/seg_read: reading from any thread, with few descriptors, also
   while segments are removed. */
#include "t/unit/backend/kv/log_dir.h"

#include <pthread.h>

#define SMALL    4096u
#define SEGMENTS (ELO_SEG_OPEN_MAX + 40)

static const elo_slice_t none = { NULL, 0 };
static uint8_t bytes[4000];

/* The real file operations, counting descriptors of segments. */
static elo_vfs_t counting;
static int n_open, max_open;


static elo_err_t
count_open(const elo_vfs_t *v, int dir, const char *path, elo_vfs_open_t how,
           unsigned mode, int *fd)
{
    const elo_vfs_t *real = elo_vfs_posix();
    elo_err_t rc = real->open(real, dir, path, how, mode, fd);

    (void) v;
    if (rc == ELO_OK) {
        int n = __atomic_add_fetch(&n_open, 1, __ATOMIC_RELAXED);

        max_open = ELO_MAX(max_open, n); /* one thread when it matters */
    }
    return rc;
}


static void
count_close(const elo_vfs_t *v, int fd)
{
    const elo_vfs_t *real = elo_vfs_posix();

    (void) v;
    __atomic_sub_fetch(&n_open, 1, __ATOMIC_RELAXED);
    real->close(real, fd);
}


/* n sealed segments with one record, then the head with one. */
static void
many(log_dir_t *d, unsigned n)
{
    log_dir_make(d, SMALL);
    counting = *elo_vfs_posix();
    counting.open = count_open;
    counting.close = count_close;
    n_open = 0;
    max_open = 0;
    d->cfg.vfs = &counting;
    log_dir_open(d);
    for (unsigned i = 0; i <= n; i++) {
        elo_rec_head_t h = { .table = 1 };
        elo_slice_t data = elo_slice(bytes + i % 8, 3900);
        elo_log_pos_t pos;

        assert_int_equal(
            elo_seglog_add(d->l, &h, ELO_SLICE("k"), none, &data, 1, &pos),
            ELO_OK);
        elo_seglog_end_op(d->l);
        assert_int_equal(pos.segment, i + 1);
    }
    assert_int_equal(elo_seglog_commit(d->l), ELO_OK);
}


static elo_err_t
read_data(log_dir_t *d, uint64_t segment, uint8_t *out, bool now)
{
    return elo_seglog_read(d->l, segment,
                           ELO_SEG_HEADER_LEN + ELO_REC_HEADER_LEN + 1, out,
                           3900, now);
}


static void
few_descriptors(void **state)
{
    uint8_t out[3900];
    log_dir_t d;

    (void) state;
    many(&d, SEGMENTS); /* one batch needs them all at once */
    assert_int_equal(n_open, ELO_SEG_OPEN_MAX + 1); /* and log/ */
    elo_seglog_close(&d.l);
    assert_int_equal(n_open, 0);
    max_open = 0;
    log_dir_open(&d);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < SEGMENTS; i++) {
            assert_int_equal(read_data(&d, i + 1, out, false), ELO_OK);
            assert_memory_equal(out, bytes + i % 8, 3900);
        }
    }
    assert_true(max_open <= (int) ELO_SEG_OPEN_MAX + 3);
    /* the last used are open, the first are not */
    assert_int_equal(read_data(&d, SEGMENTS, out, true), ELO_OK);
    assert_int_equal(read_data(&d, 1, out, true), ELO_EAGAIN);
    log_dir_end(&d);
    assert_int_equal(n_open, 0);
}


static void
what_cannot_be_read(void **state)
{
    static const struct {
        const char *name;
        uint64_t segment, off;
        size_t len;
        elo_err_t rc;
    } cases[] = {
        { "header", 1, 0, 64, ELO_OK },
        { "nothing", 1, SMALL, 0, ELO_OK },
        { "to the end", 1, 0, SMALL, ELO_OK },
        { "one byte behind it", 1, 1, SMALL, ELO_ECORRUPT },
        { "offset behind it", 1, SMALL + 1, 0, ELO_ECORRUPT },
        { "largest offset", 1, UINT64_MAX, 1, ELO_ECORRUPT },
        { "no such segment", 9, 0, 1, ELO_ENOTFOUND },
        { "segment zero", 0, 0, 1, ELO_ENOTFOUND },
        { "a file that was cut", 2, 4000, 96, ELO_ECORRUPT },
    };
    uint8_t out[SMALL];
    log_dir_t d;
    int fd;

    (void) state;
    many(&d, 2);
    fd = log_dir_file(&d, 2);
    assert_int_equal(ftruncate(fd, 4050), 0);
    close(fd);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_err_t rc = elo_seglog_read(d.l, cases[i].segment, cases[i].off, out,
                                       cases[i].len, false);

        if (rc != cases[i].rc) {
            fail_msg("%s: %d", cases[i].name, rc);
        }
        rc = elo_seglog_read(d.l, cases[i].segment, cases[i].off, out,
                             cases[i].len, true);
        if (rc != cases[i].rc && rc != ELO_EAGAIN) {
            fail_msg("%s, now: %d", cases[i].name, rc);
        }
    }
    log_dir_end(&d);
}


static void
removing(void **state)
{
    uint8_t out[3900];
    elo_seg_t *held;
    log_dir_t d;

    (void) state;
    many(&d, 3);
    assert_int_equal(elo_seglog_remove(d.l, 4), ELO_EBUSY); /* the head */
    assert_int_equal(elo_seglog_remove(d.l, 7), ELO_ENOTFOUND);
    assert_int_equal(elo_seg_acquire(d.l, 2, true, &held), ELO_OK);
    assert_int_equal(elo_seglog_remove(d.l, 2), ELO_OK);
    assert_false(log_dir_has(&d, 2));
    assert_int_equal(elo_seg_pread(&counting, held->fd, out, 3900, 113),
                     ELO_OK); /* a read that was running goes on */
    assert_memory_equal(out, bytes + 1, 3900);
    elo_seg_release(d.l, &held);
    assert_int_equal(read_data(&d, 2, out, false), ELO_ENOTFOUND);
    assert_int_equal(elo_seglog_remove(d.l, 2), ELO_ENOTFOUND);
    assert_int_equal(elo_seglog_next(d.l, 2), 3);
    assert_int_equal(elo_seglog_used(d.l, 2), 0);
    log_dir_end(&d);
    assert_int_equal(n_open, 0);
}


/* One whose file somebody took away. */
static void
file_is_gone(void **state)
{
    uint8_t out[3900];
    char name[ELO_STORE_NAME_MAX + 1];
    log_dir_t d;

    (void) state;
    many(&d, 2);
    elo_seglog_close(&d.l); /* and its descriptors */
    assert_int_equal(elo_seglog_open(&d.cfg, &d.l), ELO_OK);
    elo_seg_name(1, name);
    assert_int_equal(unlinkat(d.cfg.root_fd, name, 0), 0);
    assert_int_equal(read_data(&d, 1, out, false), ELO_ENOTFOUND);
    assert_int_equal(elo_seglog_remove(d.l, 1), ELO_OK);
    log_dir_end(&d);
}


/* ---- threads ---- */

typedef struct {
    log_dir_t d;
    uint64_t last; /* segment that may be read; grows */
    uint64_t first;
    bool is_done;
} shared_t;


static void *
read_all(void *arg)
{
    shared_t *s = arg;
    uint8_t out[3900];
    uint64_t x = (uintptr_t) &out, n = 0;

    while (!__atomic_load_n(&s->is_done, __ATOMIC_ACQUIRE) || n < 100) {
        uint64_t first = __atomic_load_n(&s->first, __ATOMIC_ACQUIRE);
        uint64_t last = __atomic_load_n(&s->last, __ATOMIC_ACQUIRE);
        uint64_t seg;
        elo_err_t rc;

        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        seg = first + (x >> 33) % (last - first + 1);
        rc = read_data(&s->d, seg, out, (x >> 40) % 4 == 0);
        if (rc == ELO_OK) {
            assert_memory_equal(out, bytes + (seg - 1) % 8, 3900);
        } else if (rc == ELO_ENOTFOUND) {
            assert_true(seg < __atomic_load_n(&s->first, __ATOMIC_ACQUIRE));
        } else {
            assert_int_equal(rc, ELO_EAGAIN);
        }
        n++;
    }
    return NULL;
}


static void
readers_beside_a_writer_and_removal(void **state)
{
    shared_t *s = malloc(sizeof(*s));
    pthread_t t[3];

    (void) state;
    many(&s->d, 10);
    s->first = 1;
    s->last = 10;
    s->is_done = false;
    for (size_t i = 0; i < ELO_COUNT(t); i++) {
        assert_int_equal(pthread_create(&t[i], NULL, read_all, s), 0);
    }
    for (unsigned i = 11; i < SEGMENTS; i++) {
        assert_int_equal(
            log_put(&s->d, "k", "", elo_slice(bytes + i % 8, 3900)), ELO_OK);
        __atomic_store_n(&s->last, i + 1, __ATOMIC_RELEASE);
        if (i % 3 == 0) {
            __atomic_store_n(&s->first, s->first + 1, __ATOMIC_RELEASE);
            assert_int_equal(elo_seglog_remove(s->d.l, s->first - 1), ELO_OK);
        }
    }
    __atomic_store_n(&s->is_done, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < ELO_COUNT(t); i++) {
        pthread_join(t[i], NULL);
    }
    log_dir_end(&s->d);
    assert_int_equal(n_open, 0);
    free(s);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_descriptors),
        cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(removing),
        cmocka_unit_test(file_is_gone),
        cmocka_unit_test(readers_beside_a_writer_and_removal),
    };

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 31 >> 3);
    }
    return cmocka_run_group_tests_name("seg_read", tests, NULL, NULL);
}
