/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/record: what is written is read back, in its place only, and
   no damage goes unseen. */
#include "t/unit/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "backend/kv/record.h"
#include "common/base/num.h"

#define STORE   UINT64_C(0x0102030405060708)
#define SEGMENT 77u
#define OFF     4096u

static const elo_rec_head_t rec = {
    .table = 3,
    .flags = ELO_REC_DELETE | ELO_REC_END,
    .key_len = 500,
    .value_len = 0x01020304,
    .data_len = 0x05060708,
    .lsn = UINT64_C(0x1112131415161718),
    .batch = UINT64_C(0x1112131415161700),
    .first_segment = 9,
    .body_crc = 0xdeadbeef,
};

static const elo_seg_head_t seg = {
    .store_id = STORE,
    .segment = SEGMENT,
    .first_lsn = 1234,
    .file_len = 64u << 20,
    .prev_segment = 76,
    .prev_end = 5000,
};


static void
bytes_of_a_record(void **state)
{
    /* The format: docs/formats/log.md. */
    static const uint8_t want[ELO_REC_HEADER_LEN - 4] = {
        'E',  'L',  'O',  'R',  3,    3,    0x01, 0xf4, 0x01, 0x02, 0x03,
        0x04, 0x05, 0x06, 0x07, 0x08, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
        0x17, 0x18, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x00, 0,
        0,    0,    0,    0,    0,    0,    9,    0xde, 0xad, 0xbe, 0xef,
    };
    uint8_t buf[ELO_REC_HEADER_LEN];

    (void) state;
    elo_rec_head_encode(&rec, STORE, SEGMENT, OFF, buf);
    assert_memory_equal(buf, want, sizeof(want));
}


static void
record_in_its_place_only(void **state)
{
    static const struct {
        const char *name;
        uint64_t store, segment, off;
        elo_err_t rc;
    } cases[] = {
        { "its place", STORE, SEGMENT, OFF, ELO_OK },
        { "another store", STORE + 1, SEGMENT, OFF, ELO_ECORRUPT },
        { "another segment", STORE, SEGMENT + 1, OFF, ELO_ECORRUPT },
        { "another offset", STORE, SEGMENT, OFF + 8, ELO_ECORRUPT },
        { "fields exchanged", STORE, OFF, SEGMENT, ELO_ECORRUPT },
    };
    uint8_t buf[ELO_REC_HEADER_LEN], again[ELO_REC_HEADER_LEN];
    elo_rec_head_t h;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(buf));
    elo_rec_head_encode(&rec, STORE, SEGMENT, OFF, buf);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t s = guard_put(&g, elo_slice(buf, sizeof(buf)));

        if (elo_rec_head_parse(s.p, cases[i].store, cases[i].segment,
                               cases[i].off, &h)
            != cases[i].rc)
        {
            fail_msg("%s", cases[i].name);
        }
        if (cases[i].rc == ELO_OK) {
            elo_rec_head_encode(&h, STORE, SEGMENT, OFF, again);
            assert_memory_equal(again, buf, sizeof(buf));
        }
    }
    guard_dispose(&g);
}


static void
each_flipped_bit_is_seen(void **state)
{
    uint8_t buf[ELO_REC_HEADER_LEN], head[ELO_SEG_HEADER_LEN];
    elo_rec_head_t h;
    elo_seg_head_t s;

    (void) state;
    elo_rec_head_encode(&rec, STORE, SEGMENT, OFF, buf);
    for (size_t i = 0; i < sizeof(buf) * 8; i++) {
        buf[i / 8] ^= (uint8_t) (1u << i % 8);
        assert_int_equal(elo_rec_head_parse(buf, STORE, SEGMENT, OFF, &h),
                         ELO_ECORRUPT);
        buf[i / 8] ^= (uint8_t) (1u << i % 8);
    }
    elo_seg_head_encode(&seg, head);
    for (size_t i = 0; i < sizeof(head) * 8; i++) {
        head[i / 8] ^= (uint8_t) (1u << i % 8);
        assert_int_equal(elo_seg_head_parse(head, &s), ELO_ECORRUPT);
        head[i / 8] ^= (uint8_t) (1u << i % 8);
    }
}


static void
zeros_are_nothing(void **state)
{
    uint8_t zeros[ELO_SEG_HEADER_LEN] = { 0 };
    elo_rec_head_t h;
    elo_seg_head_t s;

    (void) state;
    assert_int_equal(elo_rec_head_parse(zeros, STORE, SEGMENT, OFF, &h),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_seg_head_parse(zeros, &s), ELO_ENOTFOUND);
    zeros[ELO_REC_HEADER_LEN - 1] = 1;
    assert_int_equal(elo_rec_head_parse(zeros, STORE, SEGMENT, OFF, &h),
                     ELO_ECORRUPT);
}


static void
senseless_heads(void **state)
{
    static const struct {
        const char *name;
        uint8_t flags;
        uint64_t lsn, batch;
    } cases[] = {
        { "unknown flag", 0x80, 5, 5 },
        { "batch zero", 0, 5, 0 },
        { "batch after the record", 0, 5, 6 },
        { "lsn zero", 0, 0, 0 },
    };
    uint8_t buf[ELO_REC_HEADER_LEN];
    elo_rec_head_t h = rec;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        h.flags = cases[i].flags;
        h.lsn = cases[i].lsn;
        h.batch = cases[i].batch;
        elo_rec_head_encode(&h, STORE, SEGMENT, OFF, buf);
        if (elo_rec_head_parse(buf, STORE, SEGMENT, OFF, &h) != ELO_ECORRUPT) {
            fail_msg("%s", cases[i].name);
        }
    }
}


static void
lengths(void **state)
{
    static const struct {
        uint16_t key;
        uint32_t value, data;
        uint64_t len;
    } cases[] = {
        { 0, 0, 0, 48 },
        { 1, 0, 0, 56 },
        { 8, 0, 0, 56 },
        { 1, 2, 5, 56 },
        { 1, 2, 6, 64 },
        { UINT16_MAX, UINT32_MAX, UINT32_MAX, UINT64_C(8590000176) },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_rec_head_t h = { .key_len = cases[i].key,
                             .value_len = cases[i].value,
                             .data_len = cases[i].data };

        assert_true(elo_rec_len(&h) == cases[i].len);
    }
}


static void
segment_head(void **state)
{
    uint8_t buf[ELO_SEG_HEADER_LEN];
    elo_seg_head_t h;

    (void) state;
    elo_seg_head_encode(&seg, buf);
    assert_memory_equal(buf, "ELOSEG2\n", 8);
    assert_int_equal(elo_seg_head_parse(buf, &h), ELO_OK);
    assert_memory_equal(&h, &seg, sizeof(h));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_a_record),
        cmocka_unit_test(record_in_its_place_only),
        cmocka_unit_test(each_flipped_bit_is_seen),
        cmocka_unit_test(zeros_are_nothing),
        cmocka_unit_test(senseless_heads),
        cmocka_unit_test(lengths),
        cmocka_unit_test(segment_head),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
