/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/records_task: keys are in the order of work, each record
   reads back, and nothing else is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/store/records_task.h"
#include "common/base/num.h"
#include "t/unit/guard.h"


static void
test_order(void **state)
{
    /* as they are to be taken */
    static const elo_task_t cases[] = {
        { .kind = 2, .reach = ELO_REACH_PRIVATE, .created_us = UINT64_MAX },
        { .kind = 1, .reach = ELO_REACH_PRIVATE, .created_us = 9 },
        { .kind = 2, .reach = ELO_REACH_PRIVATE, .created_us = 9 },
        { .kind = 1, .reach = ELO_REACH_PRIVATE, .created_us = 8 },
        { .kind = 1, .reach = ELO_REACH_COMMONS, .created_us = 10 },
        { .kind = 1, .reach = ELO_REACH_COMMONS, .created_us = 0 },
        { .kind = 1, .due_ms = 1 },
        { .kind = 1, .due_ms = 256 },
        { .kind = 2, .due_ms = 256 },
        { .kind = 1, .due_ms = ELO_TASK_DROPPED, .is_dropped = true },
    };
    uint8_t mem[2][ELO_TASK_KEY_MAX];
    elo_task_place_t place;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t key = elo_task_key(&cases[i], mem[i % 2]);
        elo_task_t t = { 0 };

        assert_int_equal(elo_task_key_parse(key, &t, &place), ELO_OK);
        assert_int_equal(t.kind, cases[i].kind);
        assert_int_equal(t.reach, cases[i].reach);
        assert_int_equal(t.created_us, cases[i].created_us);
        assert_int_equal(t.due_ms, cases[i].due_ms);
        assert_int_equal(t.is_dropped, cases[i].is_dropped);
        assert_int_equal(place, cases[i].is_dropped   ? ELO_TASK_GIVEN_UP
                                : cases[i].due_ms > 0 ? ELO_TASK_WAITING
                                                      : ELO_TASK_READY);
        if (i > 0) {
            assert_true(memcmp(mem[(i + 1) % 2], mem[i % 2], ELO_TASK_WAIT_KEY)
                        < 0);
        }
    }
}


static void
test_keys(void **state)
{
    static const struct {
        const char *name;
        bool is_waiting;
        size_t at;
        uint8_t value;
    } cases[] = {
        { "a zone of the future", false, 0, 2 },
        { "reach beyond the table", false, 1, ELO_REACH_COUNT },
        { "kind 0", false, 10, 0 },
        { "kind beyond the last", false, 10, 3 },
        { "a ready one said to wait", false, 0, 1 },
        { "a waiting one said to be ready", true, 0, 0 },
        { "due at 0", true, 8, 0 },
        { "kind 0, waiting", true, 9, 0 },
    };
    elo_task_t t = { .kind = 1, .reach = ELO_REACH_LOCAL, .created_us = 5 };
    uint8_t mem[ELO_TASK_KEY_MAX + 1] = { 0 };
    elo_task_place_t place;
    elo_slice_t key;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(mem));
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        t.due_ms = cases[i].is_waiting ? 7 : 0;
        key = elo_task_key(&t, mem);
        mem[cases[i].at] = cases[i].value;
        if (elo_task_key_parse(guard_put(&g, key), &t, &place) != ELO_ECORRUPT)
        {
            fail_msg("%s", cases[i].name);
        }
    }
    for (int i = 0; i < 2; i++) {
        t.due_ms = i == 0 ? 0 : 7;
        key = elo_task_key(&t, mem);
        mem[key.len] = 0;
        for (size_t n = 0; n <= key.len + 1; n++) {
            assert_int_equal(elo_task_key_parse(
                                 guard_put(&g, elo_slice(mem, n)), &t, &place),
                             n == key.len ? ELO_OK : ELO_ECORRUPT);
        }
    }
    guard_dispose(&g);
}


static void
test_record(void **state)
{
    elo_task_t t = { .kind = 1,
                     .reach = ELO_REACH_LOCAL,
                     .created_us = 5,
                     .due_ms = 8,
                     .attempts = 3 };
    elo_task_t got = { .due_ms = 8 }, ready = { .kind = 1 };
    uint8_t mem[ELO_TASK_REC_MAX + 1] = { 0 };
    elo_buf_t b;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(mem));
    memset(t.why, 'w', ELO_TASK_WHY_MAX);
    elo_buf_init_fixed(&b, mem, ELO_TASK_REC_MAX);
    elo_rec_task_encode(&t, &b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_int_equal(b.len, ELO_TASK_REC_MAX);
    for (size_t n = 0; n <= b.len + 1; n++) {
        assert_int_equal(
            elo_rec_task_parse(guard_put(&g, elo_slice(mem, n)), &got),
            n == b.len ? ELO_OK : ELO_ECORRUPT);
    }
    assert_int_equal(elo_rec_task_parse(elo_buf_slice(&b), &got), ELO_OK);
    assert_int_equal(got.attempts, 3);
    assert_int_equal(got.reach, ELO_REACH_LOCAL);
    assert_int_equal(got.created_us, 5);
    assert_string_equal(got.why, t.why);
    mem[20] = '\0'; /* a text that ends before its length */
    assert_int_equal(elo_rec_task_parse(elo_buf_slice(&b), &got), ELO_ECORRUPT);
    mem[5] = ELO_REACH_COUNT;
    assert_int_equal(elo_rec_task_parse(elo_buf_slice(&b), &got), ELO_ECORRUPT);

    /* a fresh one is one byte; a waiting one never is */
    elo_buf_clear(&b);
    elo_rec_task_encode(&ready, &b);
    assert_int_equal(b.len, 1);
    assert_int_equal(elo_rec_task_parse(elo_buf_slice(&b), &ready), ELO_OK);
    assert_int_equal(elo_rec_task_parse(elo_buf_slice(&b), &got), ELO_ECORRUPT);
    mem[0] = 9;
    assert_int_equal(elo_rec_task_parse(elo_buf_slice(&b), &ready),
                     ELO_ECORRUPT);
    guard_dispose(&g);
}


static void
test_wait(void **state)
{
    uint8_t mem[ELO_WAIT_REC], key[ELO_WAIT_KEY], task[ELO_TASK_KEY_MAX];
    elo_task_t t = { .kind = 2, .digest = { { 1, 2, 3 } } };
    elo_slice_t s = elo_wait_encode(0x0102030405060708, mem);
    uint64_t due = 0;

    (void) state;
    assert_int_equal(elo_wait_parse(s, &due), ELO_OK);
    assert_int_equal(due, 0x0102030405060708);
    s.len--;
    assert_int_equal(elo_wait_parse(s, &due), ELO_ECORRUPT);
    assert_int_equal(elo_wait_parse(elo_wait_encode(0, mem), &due),
                     ELO_ECORRUPT);
    /* it is how either key of the task ends */
    s = elo_wait_key(t.kind, &t.digest, key);
    for (t.due_ms = 0; t.due_ms < 2; t.due_ms++) {
        elo_slice_t k = elo_task_key(&t, task);

        assert_memory_equal(k.p + k.len - s.len, s.p, s.len);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
