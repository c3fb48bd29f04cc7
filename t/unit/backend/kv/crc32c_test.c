/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/kv/crc32c: the values of RFC 3720, B.4, and every way against
   a bit-by-bit one, at each length and alignment around the block sizes. */
#include "t/unit/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "backend/kv/crc32c_internal.h"
#include "backend/kv/record.h"
#include "common/base/num.h"

#define MAX_LEN 8200u

static uint8_t bytes[MAX_LEN];


static uint32_t
by_bit(uint32_t crc, elo_slice_t s)
{
    crc = ~crc;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= s.p[i];
        for (unsigned b = 0; b < 8; b++) {
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
        }
    }
    return ~crc;
}


static int
fill(void **state)
{
    uint32_t x = 1;

    (void) state;
    for (size_t i = 0; i < MAX_LEN; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t) (x >> 24);
    }
    return 0;
}


static void
rfc_values(void **state)
{
    uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
    const struct {
        const char *name;
        elo_slice_t s;
        uint32_t crc;
    } cases[] = {
        { "nothing", { zeros, 0 }, 0 },
        { "32 zeros", { zeros, 32 }, 0x8a9136aa },
        { "32 ones", { ones, 32 }, 0x62a8ab43 },
        { "counting up", { up, 32 }, 0x46dd794e },
        { "counting down", { down, 32 }, 0x113fdb5c },
        { "digits", ELO_SLICE("123456789"), 0xe3069283 },
    };

    (void) state;
    for (unsigned i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t) i;
        down[i] = (uint8_t) (31 - i);
    }
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        for (int way = 0; way <= (int) elo_crc32c_best(); way++) {
            if (elo_crc32c_by((elo_crc32c_way_t) way, 0, cases[i].s)
                != cases[i].crc) {
                fail_msg("%s by way %d", cases[i].name, way);
            }
        }
        assert_int_equal(elo_crc32c(0, cases[i].s), cases[i].crc);
    }
}


static void
every_way_agrees(void **state)
{
    static const size_t around[] = { 0, 128, 384, 768, 1024, 3072, 6144, 8192 };
    guard_t g;

    (void) state;
    guard_init(&g, MAX_LEN);
    for (size_t i = 0; i < ELO_COUNT(around); i++) {
        for (size_t d = 0; d < 40; d++) {
            size_t len = around[i] + d < 20 ? d : around[i] + d - 20;
            elo_slice_t s;
            uint32_t want;

            if (len > MAX_LEN - 8) {
                continue;
            }
            s = guard_put(&g, elo_slice(bytes + d % 8, len));
            want = by_bit(0x12345678, s);
            for (int way = 0; way <= (int) elo_crc32c_best(); way++) {
                if (elo_crc32c_by((elo_crc32c_way_t) way, 0x12345678, s)
                    != want) {
                    fail_msg("%zu bytes by way %d", len, way);
                }
            }
        }
    }
    guard_dispose(&g);
}


static void
continues(void **state)
{
    uint32_t whole = by_bit(0, elo_slice(bytes, 5000));

    (void) state;
    for (size_t cut = 0; cut <= 5000; cut += 97) {
        uint32_t crc = elo_crc32c(0, elo_slice(bytes, cut));

        assert_int_equal(elo_crc32c(crc, elo_slice(bytes + cut, 5000 - cut)),
                         whole);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_values),
        cmocka_unit_test(every_way_agrees),
        cmocka_unit_test(continues),
    };

    return cmocka_run_group_tests_name("crc32c", tests, fill, NULL);
}
