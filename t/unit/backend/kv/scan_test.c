/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/scan: records of one segment, whole or in steps, in a window
   that is smaller than they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "t/unit/backend/kv/mem_log.h"

#define SMALL_WINDOW 64u


/* a. b. c., 128 bytes each; d. of 1,008 */
static void
usual(mem_log_t *m)
{
    mem_log_init(m);
    mem_log_op(m, "a", 79);
    mem_log_op(m, "b", 79);
    mem_log_op(m, "c", 79);
    mem_log_op(m, "d", 959);
}


static elo_err_t
scan(mem_log_t *m, uint64_t limit, uint64_t from, uint64_t budget,
     bool need_data, uint64_t *next, uint64_t *bad, uint64_t *end)
{
    *bad = 0;
    return elo_scan_segment(&m->src, &m->segs[0], limit, from, budget,
                            need_data, mem_log_note, m, next, bad, end);
}


static void
whole(void **state)
{
    static const struct {
        const char *name;
        uint64_t flip, zero, zero_len; /* offsets; 0: none */
        uint64_t limit;
        const char *found;
        uint64_t bad, end;
    } cases[] = {
        { "as it is", 0, 0, 0, 0, "a.b.c.d.", 0, 1456 },
        { "limit known", 0, 0, 0, 1456, "a.b.c.d.", 0, 1456 },
        { "limit before the last", 0, 0, 0, 448, "a.b.c.", 0, 448 },
        { "first", 70, 0, 0, 0, "b.c.d.", 1, 1456 },
        { "data in the middle", 300, 0, 0, 0, "a.c.d.", 1, 1456 },
        { "zeros in the middle", 0, 192, 256, 0, "a.d.", 1, 1456 },
        { "last, end not known", 1455, 0, 0, 0, "a.b.c.", 1, 448 },
        { "last, end known", 1455, 0, 0, 1456, "a.b.c.", 1, 448 },
        { "zeros at the end, not known", 0, 448, 1008, 0, "a.b.c.", 0, 448 },
        { "zeros at the end, known", 0, 448, 1008, 1456, "a.b.c.", 1, 448 },
        { "nothing", 0, 64, 1392, 0, "", 0, 64 },
    };
    mem_log_t *m = malloc(sizeof(*m));
    uint64_t next, bad, end;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        for (int need_data = 0; need_data < 2; need_data++) {
            usual(m);
            m->bytes[0][cases[i].flip] ^= cases[i].flip > 0 ? 4 : 0;
            memset(m->bytes[0] + cases[i].zero, 0, cases[i].zero_len);
            m->n_found = 0;
            m->found[0] = '\0';
            assert_int_equal(scan(m, cases[i].limit, 0, UINT64_MAX,
                                  need_data != 0, &next, &bad, &end),
                             ELO_OK);
            if (strcmp(m->found, cases[i].found) != 0 || bad != cases[i].bad
                || end != cases[i].end || next != 0)
            {
                fail_msg("%s: \"%s\", %d bad, end %d", cases[i].name, m->found,
                         (int) bad, (int) end);
            }
        }
    }
    free(m);
}


static void
in_steps(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    uint64_t next, bad, end, from, all, bads;

    (void) state;
    for (uint64_t budget = 0; budget < 2000; budget += 100) {
        usual(m);
        m->bytes[0][200] ^= 1; /* b */
        from = 0;
        bads = 0;
        all = 0;
        do {
            assert_int_equal(scan(m, 0, from, budget, false, &next, &bad, &end),
                             ELO_OK);
            assert_true(next == 0 || next > from);
            from = next;
            bads += bad;
            all++;
        } while (next != 0);
        assert_string_equal(m->found, "a.c.d.");
        assert_int_equal(bads, 1);
        assert_true(all <= 5);
    }
    free(m);
}


static elo_err_t
check_data(void *ctx, const elo_log_rec_t *r)
{
    bool need_data = *(const bool *) ctx;

    assert_true((r->data.p != NULL) == need_data);
    assert_int_equal(r->data.len, r->head.data_len);
    for (size_t i = 0; need_data && i < r->data.len; i++) {
        assert_int_equal(r->data.p[i], 'd');
    }
    return ELO_OK;
}


static void
data_when_asked_for(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    uint64_t next, bad = 0, end;

    (void) state;
    usual(m);
    for (int i = 0; i < 2; i++) {
        bool need_data = i == 1;

        assert_int_equal(elo_scan_segment(&m->src, &m->segs[0], 0, 0,
                                          UINT64_MAX, need_data, check_data,
                                          &need_data, &next, &bad, &end),
                         ELO_OK);
        assert_int_equal(bad, 0);
    }
    free(m);
}


static void
window_smaller_than_records(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    uint64_t off = ELO_SEG_HEADER_LEN, past = 0;
    elo_scan_win_t w;
    elo_log_rec_t r;

    (void) state;
    usual(m);
    assert_int_equal(elo_scan_win_init(&w, &m->src, SMALL_WINDOW), ELO_OK);
    elo_scan_win_segment(&w, &m->segs[0], UINT64_MAX);
    for (const char *key = "abcd"; *key != '\0'; key++) {
        assert_int_equal(elo_scan_record(&w, off, false, &r), ELO_OK);
        assert_int_equal(r.key.p[0], *key);
        off += elo_rec_len(&r.head);
    }
    assert_int_equal(w.cap, SMALL_WINDOW); /* nothing was loaded as a whole */
    assert_int_equal(elo_scan_record(&w, off, false, &r), ELO_ENOTFOUND);
    assert_int_equal(elo_scan_record(&w, 64, true, &r), ELO_OK);
    assert_int_equal(r.data.p[78], 'd');
    assert_int_equal(elo_scan_record(&w, UINT64_MAX, true, &r), ELO_ENOTFOUND);

    elo_scan_win_dispose(&w);
    assert_int_equal(elo_scan_win_init(&w, &m->src, SMALL_WINDOW), ELO_OK);
    elo_scan_win_segment(&w, &m->segs[0], UINT64_MAX);
    assert_int_equal(elo_scan_find(&w, 65, &past, &r), ELO_OK);
    assert_int_equal(r.pos.off, 192);
    assert_int_equal(elo_scan_find(&w, 449, &past, &r), ELO_ENOTFOUND);
    assert_int_equal(past, 1456);
    elo_scan_win_dispose(&w);
    free(m);
}


/* Heads that are right, of bodies that can't be. */
static void
senseless_records(void **state)
{
    static const struct {
        const char *name;
        uint8_t table;
        uint16_t key_len;
        uint32_t value_len, data_len;
    } cases[] = {
        { "table", ELO_KV_TABLES_MAX, 1, 0, 0 },
        { "key", 1, ELO_KV_KEY_MAX + 1, 0, 0 },
        { "value beyond the file", 1, 1, MEM_LOG_BYTES, 0 },
        { "data beyond the file", 1, 1, 0, MEM_LOG_BYTES - 64 - 48 },
        { "lengths that overflow", 1, 1, UINT32_MAX, UINT32_MAX },
    };
    mem_log_t *m = malloc(sizeof(*m));
    elo_scan_win_t w;
    elo_log_rec_t r;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_rec_head_t h = { .table = cases[i].table,
                             .key_len = cases[i].key_len,
                             .value_len = cases[i].value_len,
                             .data_len = cases[i].data_len,
                             .lsn = 1,
                             .batch = 1 };

        mem_log_init(m);
        elo_rec_head_encode(&h, MEM_LOG_STORE, 1, 64, m->bytes[0] + 64);
        assert_int_equal(elo_scan_win_init(&w, &m->src, SMALL_WINDOW), ELO_OK);
        elo_scan_win_segment(&w, &m->segs[0], UINT64_MAX);
        if (elo_scan_record(&w, 64, false, &r) != ELO_ECORRUPT) {
            fail_msg("%s", cases[i].name);
        }
        elo_scan_win_dispose(&w);
    }
    free(m);
}


static void
read_errors(void **state)
{
    mem_log_t *m = malloc(sizeof(*m));
    uint64_t next, bad, end;

    (void) state;
    usual(m);
    m->fails_at = 1;
    assert_int_equal(scan(m, 0, 0, UINT64_MAX, false, &next, &bad, &end), 5);
    free(m);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(in_steps),
        cmocka_unit_test(data_when_asked_for),
        cmocka_unit_test(window_smaller_than_records),
        cmocka_unit_test(senseless_records),
        cmocka_unit_test(read_errors),
    };

    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
