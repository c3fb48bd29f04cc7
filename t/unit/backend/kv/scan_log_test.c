/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/scan_log: what is torn, what is rotten, and where the log
   ends, for each kind of damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "t/unit/backend/kv/mem_log.h"
#include "t/unit/backend/kv/no_memory.h"

/* Offsets of the records of usual(), and the end. */
enum { A1, A2, B, C, D1, D2, E1, E2, N_RECORDS };

static uint64_t place[N_RECORDS + 1];
static const elo_log_pos_t start = { 0, 0 };


/* Batch 1: a1 a2. b. Batch 2: c. d1 d2. Batch 3: e1 e2. All in one segment. */
static void
usual(mem_log_t *m)
{
    static const struct {
        const char *key;
        uint32_t data_len;
        bool is_end, is_last;
    } recs[N_RECORDS] = {
        { "a1", 0, false, false }, { "a2", 100, true, false },
        { "b", 7, true, true },    { "c", 300, true, false },
        { "d1", 0, false, false }, { "d2", 50, true, true },
        { "e1", 9, false, false }, { "e2", 60, true, true },
    };

    mem_log_init(m);
    for (size_t i = 0; i < N_RECORDS; i++) {
        place[i] = m->pos.off;
        mem_log_add(m, recs[i].key, recs[i].data_len, recs[i].is_end);
        if (recs[i].is_last) {
            mem_log_sync(m);
        }
    }
    place[N_RECORDS] = m->pos.off;
}


typedef enum { NONE, FLIP_HEAD, FLIP_DATA, ZERO, GARBAGE } harm_t;


/* Harms records first to last of segment 1. */
static void
harm(mem_log_t *m, harm_t how, unsigned first, unsigned last)
{
    uint8_t *p = m->bytes[0] + place[first];
    size_t len = (size_t) (place[last + 1] - place[first]);

    switch (how) {
    case FLIP_HEAD:
        p[20] ^= 1;
        break;
    case FLIP_DATA:
        p[ELO_REC_HEADER_LEN] ^= 0x80;
        break;
    case ZERO:
        memset(p, 0, len);
        break;
    case GARBAGE:
        memset(p, 0xa5, len);
        break;
    default:
        break;
    }
}


static void
damage(void **state)
{
    static const struct {
        const char *name;
        harm_t how;
        unsigned first, last;
        harm_t also; /* to one more record */
        unsigned which;
        const char *found;
        unsigned rotten;
        unsigned end; /* the record that is due there */
        uint64_t next_lsn;
    } cases[] = {
        { "none", NONE, 0, 0, NONE, 0, "a1 a2.b.c.d1 d2.e1 e2.", 0, N_RECORDS,
          9 },
        { "last record's data", FLIP_DATA, E2, E2, NONE, 0, "a1 a2.b.c.d1 d2.",
          0, E1, 7 },
        { "last record's head", FLIP_HEAD, E2, E2, NONE, 0, "a1 a2.b.c.d1 d2.",
          0, E1, 7 },
        { "last record never written", ZERO, E2, E2, NONE, 0,
          "a1 a2.b.c.d1 d2.", 0, E1, 7 },
        { "first of the last batch never written", ZERO, E1, E1, NONE, 0,
          "a1 a2.b.c.d1 d2.", 0, E1, 7 },
        { "all of the last batch is garbage", GARBAGE, E1, E2, NONE, 0,
          "a1 a2.b.c.d1 d2.", 0, E1, 7 },
        { "one of a batch before", FLIP_DATA, C, C, NONE, 0,
          "a1 a2.b.d1 d2.e1 e2.", 1, N_RECORDS, 9 },
        { "its head", FLIP_HEAD, C, C, NONE, 0, "a1 a2.b.d1 d2.e1 e2.", 1,
          N_RECORDS, 9 },
        { "zeros among the acknowledged", ZERO, C, C, NONE, 0,
          "a1 a2.b.d1 d2.e1 e2.", 1, N_RECORDS, 9 },
        { "first of an operation takes the rest", FLIP_DATA, D1, D1, NONE, 0,
          "a1 a2.b.c.e1 e2.", 2, N_RECORDS, 9 },
        { "last of an operation takes the first", FLIP_HEAD, D2, D2, NONE, 0,
          "a1 a2.b.c.e1 e2.", 2, N_RECORDS, 9 },
        { "a whole batch is zeros", ZERO, C, D2, NONE, 0, "a1 a2.b.e1 e2.", 3,
          N_RECORDS, 9 },
        { "a whole batch is garbage", GARBAGE, C, D2, NONE, 0, "a1 a2.b.e1 e2.",
          3, N_RECORDS, 9 },
        { "the very first", FLIP_DATA, A1, A1, NONE, 0, "b.c.d1 d2.e1 e2.", 2,
          N_RECORDS, 9 },
        { "two places", FLIP_DATA, A2, A2, FLIP_HEAD, C, "b.d1 d2.e1 e2.", 3,
          N_RECORDS, 9 },
        { "rot, and a torn tail that proves it", FLIP_DATA, C, C, FLIP_DATA, E2,
          "a1 a2.b.d1 d2.", 1, E1, 7 },
        { "rot that only a torn operation proves", FLIP_DATA, D2, D2, FLIP_DATA,
          E2, "a1 a2.b.c.", 2, D1, 7 },
        { "nothing but the last batch is left", ZERO, A1, D2, NONE, 0, "e1 e2.",
          6, N_RECORDS, 9 },
        { "nothing is left", ZERO, A1, E2, NONE, 0, "", 0, A1, 1 },
    };
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        usual(m);
        harm(m, cases[i].how, cases[i].first, cases[i].last);
        harm(m, cases[i].also, cases[i].which, cases[i].which);
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
        if (strcmp(m->found, cases[i].found) != 0
            || out.rotten != cases[i].rotten || out.end.segment != 1
            || out.end.off != place[cases[i].end]
            || out.next_lsn != cases[i].next_lsn)
        {
            fail_msg("%s: \"%s\", %d rotten, end %d, next %d", cases[i].name,
                     m->found, (int) out.rotten, (int) out.end.off,
                     (int) out.next_lsn);
        }
    }
    free(m);
}


/* Cut anywhere, it gives whole operations from the first on, and nothing is taken
   for rotten. */
static void
every_prefix(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;
    char all[256];

    (void) state;
    usual(m);
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    strcpy(all, m->found);
    for (uint64_t cut = place[N_RECORDS]; cut >= ELO_SEG_HEADER_LEN; cut--) {
        m->bytes[0][cut] = 0;
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
        if (strncmp(all, m->found, m->n_found) != 0
            || (m->n_found > 0 && m->found[m->n_found - 1] != '.')
            || out.rotten != 0 || out.end.off > cut + 8
            || out.end.off + out.torn_bytes > cut + 8)
        {
            fail_msg("cut at %d: \"%s\"", (int) cut, m->found);
        }
        /* the file may have been cut as well */
        m->segs[0].size = cut;
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
        assert_true(strncmp(all, m->found, m->n_found) == 0);
        m->segs[0].size = MEM_LOG_BYTES;
    }
    assert_string_equal(m->found, "");
    free(m);
}


/* Any eight bytes lost in the last batch: it is torn; before: rotten. */
static void
every_place(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    for (uint64_t off = ELO_SEG_HEADER_LEN;; off += 8) {
        usual(m);
        if (off >= place[N_RECORDS]) {
            break;
        }
        memset(m->bytes[0] + off, 0x5a, 8);
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
        if (out.rotten == 0) {
            continue; /* torn, or padding and a key that isn't there */
        }
        assert_true(off < place[E1]);
        assert_true(out.end.off == place[N_RECORDS] && out.torn_bytes == 0);
    }
    free(m);
}


/* A client's data that looks like records is data, also behind damage. */
static void
forged_records(void **state)
{
    static const struct {
        const char *name;
        uint64_t store;
        uint64_t lsn, batch;
    } cases[] = {
        { "of another store", MEM_LOG_STORE + 1, 3, 3 },
        { "with an lsn far ahead", MEM_LOG_STORE, 1000, 1000 },
        { "with an lsn of the past", MEM_LOG_STORE, 1, 1 },
    };
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_rec_head_t h = { .table = 1,
                             .flags = ELO_REC_BEGIN | ELO_REC_END,
                             .key_len = 1,
                             .lsn = cases[i].lsn,
                             .batch = cases[i].batch };
        uint64_t at;

        mem_log_init(m);
        mem_log_op(m, "a", 8);
        mem_log_sync(m);
        mem_log_op(m, "b", 1000); /* the last batch: torn */
        at = m->last.off + 512;
        h.body_crc = elo_crc32c(0, ELO_SLICE("X"));
        elo_rec_head_encode(&h, cases[i].store, 1, at, m->bytes[0] + at);
        m->bytes[0][at + ELO_REC_HEADER_LEN] = 'X';
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
        if (strcmp(m->found, "a.") != 0 || out.rotten != 0) {
            fail_msg("%s: \"%s\"", cases[i].name, m->found);
        }
    }
    free(m);
}


/* ---- several segments ---- */

/* 1: a. b1 | 2: b2. c. | 4 (3 was never made): d. */
static void
three(mem_log_t *m)
{
    mem_log_init(m);
    mem_log_op(m, "a", 10);
    mem_log_sync(m);
    mem_log_add(m, "b1", 10, false);
    mem_log_roll(m, 2);
    mem_log_add(m, "b2", 10, true);
    mem_log_sync(m);
    mem_log_op(m, "c", 10);
    mem_log_sync(m);
    mem_log_roll(m, 4);
    mem_log_op(m, "d", 10);
}


static void
drop_segment(mem_log_t *m, size_t i)
{
    for (; i + 1 < m->src.n_segs; i++) {
        m->segs[i] = m->segs[i + 1];
        memcpy(m->bytes[i], m->bytes[i + 1], MEM_LOG_BYTES);
    }
    m->src.n_segs--;
}


static void
across_segments(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    three(m);
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.b1 b2.c.d.");
    assert_int_equal(out.end.segment, 4);
    assert_int_equal(out.batch.segment, 4);
    /* an empty one at the end */
    mem_log_roll(m, 5);
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_int_equal(out.end.segment, 5);
    assert_int_equal(out.end.off, ELO_SEG_HEADER_LEN);
    assert_int_equal(out.rotten + out.torn_bytes, 0);
    free(m);
}


static void
torn_across_segments(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    three(m);
    m->src.n_segs = 2;
    m->bytes[1][ELO_SEG_HEADER_LEN + 50] ^= 1; /* b2; c is of a later batch */
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.c.");
    assert_int_equal(out.rotten, 2);
    memset(m->bytes[1] + ELO_SEG_HEADER_LEN, 0, 2000); /* and without c */
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.");
    assert_int_equal(out.rotten, 0);
    assert_int_equal(out.end.segment, 1);
    assert_int_equal(out.next_lsn, 2);
    assert_true(out.torn_bytes > 0);
    /* the second segment's head never reached the disk */
    memset(m->bytes[1], 0, MEM_LOG_BYTES);
    m->segs[1].head_rc = ELO_ENOTFOUND;
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.");
    assert_int_equal(out.end.segment, 1);
    free(m);
}


static void
compacted_segments_are_no_loss(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    three(m);
    drop_segment(m, 1); /* b2 and c were moved or dead */
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.b1 d.");
    assert_int_equal(out.rotten, 0);
    three(m);
    drop_segment(m, 0);
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "b2.c.d.");
    assert_int_equal(out.rotten, 0);
    /* but damage before a gap is */
    three(m);
    drop_segment(m, 1);
    m->bytes[0][ELO_SEG_HEADER_LEN + 50] ^= 1; /* a */
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "b1 d.");
    assert_int_equal(out.rotten, 1);
    free(m);
}


static void
damaged_segment_heads(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    for (size_t i = 0; i < 3; i++) {
        three(m);
        m->segs[i].head_rc = ELO_ECORRUPT;
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
        assert_string_equal(m->found, "a.b1 b2.c.d.");
        assert_int_equal(out.rotten, 0);
    }
    free(m);
}


/* (L5): what stands behind the place where the next segment says that this one
   ends, is nothing, however good. */
static void
stale_records_behind_the_end(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;
    elo_log_pos_t end;
    uint64_t lsn;

    (void) state;
    mem_log_init(m);
    mem_log_op(m, "a", 10);
    mem_log_sync(m);
    end = m->pos;
    lsn = m->lsn;
    mem_log_op(m, "refused", 10);
    m->pos = end;
    m->lsn = lsn;
    mem_log_roll(m, 2);
    mem_log_op(m, "b", 10);
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.b.");
    assert_int_equal(out.rotten, 0);
    free(m);
}


/* (L7): a leap of the lsn at the start of a segment is no loss. */
static void
leaps(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    mem_log_init(m);
    mem_log_op(m, "a", 10);
    m->lsn = 100;
    mem_log_sync(m);
    mem_log_roll(m, 2);
    mem_log_op(m, "b", 10);
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_string_equal(m->found, "a.b.");
    assert_int_equal(out.rotten, 0);
    assert_int_equal(out.next_lsn, 101);
    free(m);
}


/* ---- from a checkpoint ---- */

static void
checkpoints(void **state)
{
    static const struct {
        const char *name;
        size_t drop; /* so many segments from the front */
        uint64_t segment, off, lsn;
        elo_err_t rc;
        const char *found;
    } cases[] = {
        { "start of the first", 0, 1, 64, 1, ELO_OK, "a.b1 b2.c.d." },
        { "behind a", 0, 1, 128, 2, ELO_OK, "b1 b2.c.d." },
        { "the end of the second", 0, 2, 192, 5, ELO_OK, "d." },
        { "the end of a removed one", 2, 2, 192, 5, ELO_OK, "d." },
        { "not its end", 2, 2, 128, 4, ELO_ECORRUPT, "" },
        { "not its lsn", 2, 2, 192, 6, ELO_ECORRUPT, "" },
        { "a lost segment", 2, 1, 128, 2, ELO_ECORRUPT, "" },
        { "a segment that isn't there yet", 0, 5, 64, 6, ELO_ECORRUPT, "" },
        { "behind the end of a segment", 0, 2, 200, 5, ELO_ECORRUPT, "" },
        { "behind the end of the file", 0, 4, 4104, 6, ELO_ECORRUPT, "" },
        { "within the head", 0, 1, 8, 1, ELO_ECORRUPT, "" },
        { "unaligned", 0, 1, 129, 2, ELO_ECORRUPT, "" },
        { "no lsn", 0, 1, 128, 0, ELO_ECORRUPT, "" },
        { "of an empty log, long ago", 0, 0, 0, 1, ELO_OK, "a.b1 b2.c.d." },
        { "the end of all", 0, 4, 128, 6, ELO_OK, "" },
    };
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_log_pos_t from = { cases[i].segment, cases[i].off };
        elo_err_t rc;

        three(m);
        for (size_t k = 0; k < cases[i].drop; k++) {
            drop_segment(m, 0);
        }
        rc = mem_log_scan(m, from, cases[i].lsn, &out);
        if (rc != cases[i].rc || strcmp(m->found, cases[i].found) != 0
            || (rc == ELO_OK
                && (out.rotten != 0 || out.next_lsn != 6
                    || out.end.segment != 4)))
        {
            fail_msg("%s: %d, \"%s\", end %d/%d next %d", cases[i].name, rc,
                     m->found, (int) out.end.segment, (int) out.end.off,
                     (int) out.next_lsn);
        }
    }
    free(m);
}


static elo_err_t
refuse(void *ctx, const elo_log_rec_t *r)
{
    (void) ctx;
    return r->head.lsn == 2 ? ELO_EDENIED : ELO_OK;
}


static void
errors_end_it(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    elo_log_scan_t out;

    (void) state;
    usual(m);
    assert_int_equal(elo_scan_log(&m->src, start, 0, refuse, NULL, &out),
                     ELO_EDENIED);
    for (unsigned at = 1;; at++) {
        elo_err_t rc;

        three(m);
        m->fails_at = at;
        rc = mem_log_scan(m, start, 0, &out);
        if (rc == ELO_OK) {
            assert_true(at > 3);
            break;
        }
        assert_int_equal(rc, 5);
    }
    for (unsigned at = 1; at <= 2; at++) { /* for an operation of two */
        no_memory_at = at;
        m->fails_at = 0;
        assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_ENOMEM);
    }
    /* nothing at all */
    m->src.n_segs = 0;
    assert_int_equal(mem_log_scan(m, start, 0, &out), ELO_OK);
    assert_int_equal(out.next_lsn, 1);
    assert_int_equal(out.end.segment, 0);
    free(m);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_place),
        cmocka_unit_test(forged_records),
        cmocka_unit_test(across_segments),
        cmocka_unit_test(torn_across_segments),
        cmocka_unit_test(compacted_segments_are_no_loss),
        cmocka_unit_test(damaged_segment_heads),
        cmocka_unit_test(stale_records_behind_the_end),
        cmocka_unit_test(leaps),
        cmocka_unit_test(checkpoints),
        cmocka_unit_test(errors_end_it),
    };

    return cmocka_run_group_tests_name("scan_log", tests, NULL, NULL);
}
