/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/append: what a batch becomes, and what a mark takes back. */
#include "t/unit/backend/kv/log_dir.h"
#include "t/unit/backend/kv/mem_vfs.c"
#include "t/unit/backend/kv/no_memory.h"

#include "backend/os/log.h"

#define SMALL 4096u

static const elo_slice_t none = { NULL, 0 };


static void
comes_back(void **state)
{
    static const uint8_t data[300] = { 7 };
    log_dir_t d;
    elo_log_pos_t a, b;
    uint8_t back[300];

    (void) state;
    log_dir_make(&d, 0);
    log_dir_open(&d);
    assert_int_equal(d.at.next_lsn, 1);
    assert_int_equal(elo_seglog_next_lsn(d.l), 1);
    assert_int_equal(log_add(&d, "a", "one", elo_slice(data, 300), &a), ELO_OK);
    assert_int_equal(log_add(&d, "b", "", none, &b), ELO_OK);
    elo_seglog_end_op(d.l);
    assert_int_equal(log_add(&d, "c", "three", elo_slice(data, 3), NULL),
                     ELO_OK);
    elo_seglog_end_op(d.l);
    assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
    assert_int_equal(a.segment, 1);
    assert_int_equal(a.off, ELO_SEG_HEADER_LEN);
    assert_int_equal(elo_seglog_read(d.l, b.segment,
                                     a.off + ELO_REC_HEADER_LEN + 4, back, 300,
                                     false),
                     ELO_OK);
    assert_memory_equal(back, data, 300);
    assert_int_equal(log_put(&d, "d", "four", none), ELO_OK);
    for (unsigned i = 0; i < 2; i++) {
        log_dir_open(&d);
        assert_string_equal(d.found, "a=one/300;b=/0;c=three/3;d=four/0;");
        assert_int_equal(d.at.next_lsn, 5);
        assert_int_equal(d.at.rotten + d.at.torn_bytes, 0);
    }
    assert_int_equal(log_put(&d, "e", "5", none), ELO_OK);
    log_dir_open(&d);
    assert_string_equal(d.found, "a=one/300;b=/0;c=three/3;d=four/0;e=5/0;");
    log_dir_end(&d);
}


static void
rolls_over(void **state)
{
    static const uint8_t data[1000] = { 1 };
    char want[4096] = "", key[16];
    elo_log_pos_t pos = { 0, 0 };
    log_dir_t d;
    size_t n = 0;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        n += (size_t) snprintf(want + n, sizeof(want) - n, "%s=v/1000;", key);
        assert_int_equal(log_add(&d, key, "v", elo_slice(data, 1000), &pos),
                         ELO_OK);
        elo_seglog_end_op(d.l);
        if (i == 1 || i == 14) { /* the second batch spans segments 1 to 5 */
            assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
        }
    }
    assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
    assert_int_equal(pos.segment, 7);
    assert_int_equal(elo_seglog_used(d.l, 1), 64 + 3 * 1056);
    log_dir_open(&d);
    assert_string_equal(d.found, want);
    assert_int_equal(elo_seglog_used(d.l, 1), 64 + 3 * 1056);
    assert_int_equal(elo_seglog_next(d.l, 0), 1);
    assert_int_equal(elo_seglog_next(d.l, 7), 7);
    assert_int_equal(elo_seglog_next(d.l, 8), 0);
    log_dir_end(&d);
}


/* An operation that fails takes back what it added, and no more. */
static void
rewinding(void **state)
{
    static const uint8_t data[3000] = { 9 };
    elo_seglog_mark_t empty, m, within;
    log_dir_t d;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    for (unsigned i = 0; i < 3; i++) { /* with no segment, one, and another */
        elo_log_pos_t end = elo_seglog_end(d.l);
        uint64_t lsn = elo_seglog_next_lsn(d.l);

        elo_seglog_mark(d.l, &empty);
        assert_int_equal(log_add(&d, "x", "gone", elo_slice(data, 3000), NULL),
                         ELO_OK);
        assert_int_equal(log_add(&d, "x", "gone", elo_slice(data, 3000), NULL),
                         ELO_OK);
        elo_seglog_rewind(d.l, &empty);
        assert_int_equal(elo_seglog_pending(d.l), 0);
        assert_int_equal(elo_seglog_end(d.l).off, end.off);
        assert_int_equal(elo_seglog_next_lsn(d.l), lsn);
        assert_int_equal(elo_seglog_commit(d.l), ELO_OK); /* of nothing */

        assert_int_equal(log_add(&d, "a", "kept", none, NULL), ELO_OK);
        elo_seglog_end_op(d.l);
        elo_seglog_mark(d.l, &m);
        assert_int_equal(log_add(&d, "x", "gone", none, NULL), ELO_OK);
        elo_seglog_rewind(d.l, &m); /* within a part that has grown */
        assert_int_equal(log_add(&d, "b", "kept", elo_slice(data, 5), NULL),
                         ELO_OK);
        elo_seglog_mark(d.l, &within);
        assert_int_equal(log_add(&d, "x", "gone", elo_slice(data, 3000), NULL),
                         ELO_OK);
        assert_int_equal(log_add(&d, "x", "gone", elo_slice(data, 3000), NULL),
                         ELO_OK);
        elo_seglog_rewind(d.l, &within); /* to the middle of an operation */
        elo_seglog_end_op(d.l);
        elo_seglog_end_op(d.l); /* nothing to end */
        assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
        assert_int_equal(elo_seglog_next_lsn(d.l), lsn + 2);
        if (i == 1) {
            assert_int_equal(elo_seglog_seal(d.l), ELO_OK);
        }
    }
    assert_int_equal(elo_seglog_next(d.l, 3), 0); /* none for what was gone */
    log_dir_open(&d);
    assert_string_equal(d.found, "a=kept/0;b=kept/5;a=kept/0;b=kept/5;"
                                 "a=kept/0;b=kept/5;");
    assert_int_equal(d.at.rotten + d.at.torn_bytes, 0);
    log_dir_end(&d);
}


/* Records between BEGIN and END are one operation, also over many records and
   segments; a batch that ends within one ends it. */
static void
operations(void **state)
{
    static const uint8_t data[1500] = { 5 };
    log_dir_t d;
    int fd;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(log_put(&d, "a", "", none), ELO_OK);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(log_add(&d, "b", "", elo_slice(data, 1500), NULL),
                         ELO_OK);
    }
    assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
    elo_seglog_close(&d.l);
    assert_int_equal(log_dir_recover(&d, (elo_log_pos_t){ 0, 0 }, 0), ELO_OK);
    assert_int_equal(d.at.records, 7);
    fd = log_dir_file(&d, 3); /* its last record is gone: all of it is */
    assert_int_equal(pwrite(fd, "x", 1, 64 + 1552 + 100), 1);
    close(fd);
    log_dir_open(&d);
    assert_string_equal(d.found, "a=/0;");
    assert_int_equal(elo_seglog_next(d.l, 2), 0);
    log_dir_end(&d);
}


static void
what_is_refused(void **state)
{
    static const uint8_t data[SMALL] = { 0 };
    static const struct {
        const char *name;
        uint8_t table;
        size_t key, value, data;
        elo_err_t rc;
    } cases[] = {
        { "largest", 1, 1, 0, SMALL - 64 - 48 - 1, ELO_OK },
        { "a byte more", 1, 1, 0, SMALL - 64 - 48, ELO_ETOOBIG },
        { "largest key", 1, ELO_KV_KEY_MAX, 0, 0, ELO_OK },
        { "key a byte longer", 1, ELO_KV_KEY_MAX + 1, 0, 0, ELO_EINVAL },
        { "value too long", 1, 1, SMALL, 0, ELO_ETOOBIG },
        { "value of no length at all", 1, 1, SIZE_MAX, 0, ELO_ETOOBIG },
        { "data of no length at all", 1, 1, 0, SIZE_MAX, ELO_ETOOBIG },
        { "no such table", ELO_KV_TABLES_MAX, 1, 0, 0, ELO_EINVAL },
        { "last table", ELO_KV_TABLES_MAX - 1, 1, 0, 0, ELO_OK },
    };
    log_dir_t d;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_rec_head_t h = { .table = cases[i].table };
        elo_slice_t parts[2] = { { data, cases[i].data }, { data, 0 } };
        elo_seglog_mark_t m;
        elo_log_pos_t pos;
        elo_err_t rc;

        elo_seglog_mark(d.l, &m);
        rc = elo_seglog_add(d.l, &h, elo_slice(data, cases[i].key),
                            elo_slice(data, cases[i].value), parts, 2, &pos);
        if (rc != cases[i].rc) {
            fail_msg("%s: %d", cases[i].name, rc);
        }
        if (rc != ELO_OK) {
            assert_int_equal(elo_seglog_pending(d.l), 0);
        }
        elo_seglog_rewind(d.l, &m);
    }
    log_dir_end(&d);
}


/* The caller's fields are kept, the log's are its own. */
static elo_err_t
check_flags(void *ctx, const elo_log_rec_t *r)
{
    (void) ctx;
    assert_int_equal(r->head.table, 9);
    assert_int_equal(r->head.flags, ELO_REC_DELETE | ELO_REC_MOVED
                                        | ELO_REC_BEGIN | ELO_REC_END);
    assert_int_equal(r->head.first_segment, 77);
    assert_int_equal(r->head.lsn, 1);
    assert_int_equal(r->head.batch, 1);
    return ELO_OK;
}


static void
fields_of_the_caller(void **state)
{
    elo_rec_head_t h = { .table = 9,
                         .flags = ELO_REC_DELETE | ELO_REC_MOVED,
                         .first_segment = 77,
                         .lsn = 1000,
                         .batch = 1000,
                         .key_len = 4,
                         .body_crc = 5 };
    uint64_t next, bad = 0;
    elo_log_pos_t pos;
    log_dir_t d;

    (void) state;
    log_dir_make(&d, SMALL);
    log_dir_open(&d);
    assert_int_equal(
        elo_seglog_add(d.l, &h, ELO_SLICE("k"), none, NULL, 0, &pos), ELO_OK);
    assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
    assert_int_equal(elo_seglog_scan(d.l, 1, 0, UINT64_MAX, false, check_flags,
                                     NULL, &next, &bad),
                     ELO_OK);
    assert_int_equal(bad, 0);
    log_dir_end(&d);
}


/* A record that there is no memory for isn't added; the next one is. */
static void
want_of_memory(void **state)
{
    static const uint8_t data[100] = { 0 };
    char want[4096] = "", key[16];
    unsigned n_failed = 0;
    log_dir_t d;
    size_t n = 0;

    (void) state;
    log_dir_make(&d, SMALL);
    for (unsigned at = 1; at < 4; at++) {
        log_dir_open(&d); /* with no buffers yet */
        no_memory_at = at;
        for (unsigned i = 0; i < 60; i++) {
            elo_seglog_mark_t m;
            elo_err_t rc;

            snprintf(key, sizeof(key), "%u-%u", at, i);
            elo_seglog_mark(d.l, &m);
            rc = log_add(&d, key, "", elo_slice(data, 100), NULL);
            if (rc != ELO_OK) {
                assert_int_equal(rc, ELO_ENOMEM);
                elo_seglog_rewind(d.l, &m);
                n_failed++;
                continue;
            }
            elo_seglog_end_op(d.l);
            n += (size_t) snprintf(want + n, sizeof(want) - n, "%s=/100;", key);
        }
        assert_int_equal(elo_seglog_commit(d.l), ELO_OK);
    }
    no_memory_at = 0;
    assert_int_equal(n_failed, 3);
    log_dir_open(&d);
    assert_string_equal(d.found, want);
    log_dir_end(&d);
}


/* ---- the floor of free space ---- */

static void
floor_of_free_space(void **state)
{
    static const uint8_t data[1000] = { 0 };
    static const struct {
        const char *name;
        uint64_t free;
        uint8_t flags;
        size_t data;
        elo_err_t rc;
    } cases[] = {
        { "enough", 5000, 0, 1000, ELO_OK },
        { "not for this one", 5000 - 9, 0, 1000, ELO_ENOSPC },
        { "no data: a quarter is enough", 2000, 0, 0, ELO_OK },
        { "moved: likewise", 3000, ELO_REC_MOVED, 1000, ELO_OK },
        { "deleted: likewise", 2000, ELO_REC_DELETE, 0, ELO_OK },
        { "not below the quarter", 1000, ELO_REC_DELETE, 0, ELO_ENOSPC },
        { "nothing left", 0, ELO_REC_DELETE, 0, ELO_ENOSPC },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        mem_vfs_t *m = mem_create(1);
        log_dir_t d = { .cfg = { .vfs = &m->v,
                                 .root_fd = MEM_FD_ROOT,
                                 .segment_bytes = SMALL,
                                 .min_free_bytes = 3944,
                                 .group = -1 } };
        elo_rec_head_t h = { .table = 1, .flags = cases[i].flags };
        elo_slice_t s = elo_slice(data, cases[i].data);
        elo_log_pos_t pos;
        elo_err_t rc;

        log_dir_open(&d);
        m->free = cases[i].free;
        rc = elo_seglog_add(d.l, &h, ELO_SLICE("k"), none, &s, 1, &pos);
        if (rc != cases[i].rc) {
            fail_msg("%s: %d", cases[i].name, rc);
        }
        m->free = UINT64_MAX; /* room has been made */
        assert_int_equal(log_put(&d, "x", "", none), ELO_OK);
        elo_seglog_close(&d.l);
        mem_destroy(m);
    }
}


/* Free space isn't asked for each record, while there is plenty. */
static void
looks_at_free_space(void **state)
{
    mem_vfs_t *m = mem_create(1);
    log_dir_t d = { .cfg = { .vfs = &m->v,
                             .root_fd = MEM_FD_ROOT,
                             .segment_bytes = 16u << 10,
                             .min_free_bytes = 1000,
                             .group = -1 } };

    (void) state;
    log_dir_open(&d);
    m->free = 20000;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(log_put(&d, "k", "v", none), ELO_OK);
    }
    assert_int_equal(m->n_looks, 1);
    m->free = 200; /* meanwhile somebody else has used it up */
    while (log_put(&d, "k", "v", none) == ELO_OK) {
        assert_true(m->n_looks < 3);
    }
    mem_arm(m, MEM_FAIL, EIO, 1);
    assert_int_equal(log_put(&d, "k", "v", none), EIO);
    elo_seglog_close(&d.l);
    mem_destroy(m);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(rolls_over),
        cmocka_unit_test(rewinding),
        cmocka_unit_test(operations),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(fields_of_the_caller),
        cmocka_unit_test(want_of_memory),
        cmocka_unit_test(floor_of_free_space),
        cmocka_unit_test(looks_at_free_space),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_CRIT)); /* or it is told */
    return cmocka_run_group_tests_name("append", tests, NULL, NULL);
}
