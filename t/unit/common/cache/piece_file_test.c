/* SPDX-License-Identifier: BSD-2-Clause */
/* piece_file: what is encoded parses, and nothing else does; names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/crypto.h"
#include "common/base/num.h"
#include "common/cache/piece_file.h"
#include "t/unit/guard.h"

#define MIB UINT64_C(1048576)


static elo_piece_foot_t
foot_of(uint64_t size, uint32_t index, uint32_t len, elo_cache_class_t klass)
{
    elo_piece_foot_t h;

    memset(&h, 0, sizeof(h));
    h.file = UINT64_C(0x0123456789abcdef);
    memset(h.digest.b, 0x5a, sizeof(h.digest.b));
    memset(h.sha256.b, size > MIB ? 0xa5 : 0x5a, sizeof(h.sha256.b));
    h.size = size;
    h.index = index;
    h.len = len;
    h.klass = klass;
    return h;
}


static void
sum(uint8_t *p, size_t len)
{
    elo_digest_t d;

    assert_int_equal(elo_sha256(elo_slice(p, len), &d), ELO_OK);
    memcpy(p + len, d.b, sizeof(d.b));
}


static void
test_piece_ok(void **state)
{
    static const struct {
        const char *what;
        uint64_t size;
        uint32_t index, len;
        elo_cache_class_t klass;
        bool ok;
    } rows[] = {
        { "a byte", 1, 0, 1, ELO_CACHE_COMMONS, true },
        { "community", 1, 0, 1, ELO_CACHE_COMMUNITY, true },
        { "private", 1, 0, 1, ELO_CACHE_PRIVATE, false },
        { "no class", 1, 0, 1, (elo_cache_class_t) 3, false },
        { "empty", 0, 0, 0, ELO_CACHE_COMMONS, false },
        { "one chunk", MIB, 0, MIB, ELO_CACHE_COMMONS, true },
        { "past it", MIB, 1, 0, ELO_CACHE_COMMONS, false },
        { "first of two", MIB + 1, 0, MIB, ELO_CACHE_COMMONS, true },
        { "second of two", MIB + 1, 1, 1, ELO_CACHE_COMMONS, true },
        { "too long", MIB + 1, 1, 2, ELO_CACHE_COMMONS, false },
        { "too short", 2 * MIB, 0, MIB - 1, ELO_CACHE_COMMONS, false },
        { "the last there can be", MIB << 32, UINT32_MAX, MIB,
          ELO_CACHE_COMMONS, true },
        { "size without end", UINT64_MAX, UINT32_MAX, MIB, ELO_CACHE_COMMONS,
          true },
        { "far past the end", MIB, UINT32_MAX, MIB, ELO_CACHE_COMMONS, false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_piece_ok(rows[i].size, rows[i].index, rows[i].len,
                         rows[i].klass)
            != rows[i].ok)
        {
            fail_msg("%s", rows[i].what);
        }
    }
}


static void
test_round(void **state)
{
    static const struct {
        uint64_t size;
        uint32_t index, len;
        elo_cache_class_t klass;
    } rows[] = {
        { 1, 0, 1, ELO_CACHE_COMMONS },
        { MIB, 0, MIB, ELO_CACHE_COMMUNITY },
        { 5 * MIB + 3, 5, 3, ELO_CACHE_COMMONS },
        { MIB << 32, UINT32_MAX, MIB, ELO_CACHE_COMMONS },
    };
    uint8_t buf[ELO_PIECE_FOOT], again[ELO_PIECE_FOOT];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_piece_foot_t h, back;

        h = foot_of(rows[i].size, rows[i].index, rows[i].len, rows[i].klass);
        assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_OK);
        assert_int_equal(elo_piece_foot_parse(buf, &back), ELO_OK);
        assert_true(back.file == h.file);
        assert_memory_equal(&back.digest, &h.digest, sizeof(h.digest));
        assert_memory_equal(&back.sha256, &h.sha256, sizeof(h.sha256));
        assert_true(back.size == h.size && back.index == h.index);
        assert_true(back.len == h.len && back.klass == h.klass);
        assert_int_equal(elo_piece_foot_encode(&back, again), ELO_OK);
        assert_memory_equal(buf, again, sizeof(buf));
    }
}


/* The bytes of docs/formats/cache-file.md. */
static void
test_layout(void **state)
{
    static const uint8_t fixed[48] = {
        'E', 'L',  'O', 'P',  'I',  'E',  'C',  'E',  0,    0,    0, 2, 0, 0,
        16,  0,    1,   0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0,
        0,   0x50, 0,   3,    0,    0,    0,    5,    0,    0,    0, 3, 2
    };
    elo_piece_foot_t h = foot_of(5 * MIB + 3, 5, 3, ELO_CACHE_COMMONS);
    uint8_t buf[ELO_PIECE_FOOT];

    (void) state;
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_OK);
    assert_memory_equal(buf, fixed, sizeof(fixed));
    assert_int_equal(buf[48], 0x5a);
    assert_int_equal(buf[79], 0x5a);
    assert_int_equal(buf[80], 0xa5);
    assert_int_equal(buf[111], 0xa5);
    for (size_t i = 112; i < ELO_PIECE_FOOT - 32; i++) {
        assert_int_equal(buf[i], 0);
    }
}


static void
test_not_encoded(void **state)
{
    elo_piece_foot_t h = foot_of(100, 0, 100, ELO_CACHE_COMMONS);
    uint8_t buf[ELO_PIECE_FOOT];

    (void) state;
    memset(buf, 7, sizeof(buf));
    h.file = 0;
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_EINVAL);
    h = foot_of(100, 0, 99, ELO_CACHE_COMMONS);
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_EINVAL);
    h = foot_of(100, 0, 100, ELO_CACHE_PRIVATE);
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_EINVAL);
    h = foot_of(100, 0, 100, ELO_CACHE_COMMONS);
    h.sha256.b[31] ^= 1; /* other bytes than the blob's */
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_EINVAL);
    assert_int_equal(buf[0], 7);
}


/* Any bit that is another one is found, wherever it is. */
static void
test_flips(void **state)
{
    elo_piece_foot_t h = foot_of(3 * MIB, 1, MIB, ELO_CACHE_COMMUNITY), out;
    uint8_t buf[ELO_PIECE_FOOT];
    elo_slice_t in = elo_slice(buf, sizeof(buf));
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(buf));
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_OK);
    memset(&out, 0xee, sizeof(out));
    for (size_t i = 0; i < ELO_PIECE_FOOT; i++) {
        buf[i] ^= (uint8_t) (1u << i % 8);
        assert_int_equal(elo_piece_foot_parse(guard_put(&g, in).p, &out),
                         ELO_ECORRUPT);
        buf[i] ^= (uint8_t) (1u << i % 8);
    }
    assert_true(out.file == UINT64_C(0xeeeeeeeeeeeeeeee));
    assert_int_equal(elo_piece_foot_parse(buf, &out), ELO_OK);
    guard_dispose(&g);
}


/* What is wrong in spite of a right sum: somebody wrote it on purpose. */
static void
test_forged(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t byte;
        elo_err_t rc;
    } rows[] = {
        { "another version", 11, 1, ELO_EUNSUPPORTED },
        { "another length of the foot", 14, 0, ELO_ECORRUPT },
        { "size below the piece's", 29, 0, ELO_ECORRUPT },
        { "index past the size", 35, 9, ELO_ECORRUPT },
        { "len beyond the piece's", 37, 0x20, ELO_ECORRUPT },
        { "class private", 40, 0, ELO_ECORRUPT },
        { "class unknown", 40, 3, ELO_ECORRUPT },
        { "reserved, first", 41, 1, ELO_ECORRUPT },
        { "reserved, last", 47, 1, ELO_ECORRUPT },
        { "behind, first", 112, 1, ELO_ECORRUPT },
        { "behind, last", ELO_PIECE_FOOT - 33, 1, ELO_ECORRUPT },
    };
    elo_piece_foot_t h = foot_of(3 * MIB, 1, MIB, ELO_CACHE_COMMUNITY), out;
    uint8_t buf[ELO_PIECE_FOOT];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_OK);
        buf[rows[i].at] = rows[i].byte;
        sum(buf, ELO_PIECE_FOOT - 32);
        if (elo_piece_foot_parse(buf, &out) != rows[i].rc) {
            fail_msg("%s", rows[i].what);
        }
    }
    assert_int_equal(elo_piece_foot_encode(&h, buf), ELO_OK);
    memset(buf + 16, 0, 8); /* no number */
    sum(buf, ELO_PIECE_FOOT - 32);
    assert_int_equal(elo_piece_foot_parse(buf, &out), ELO_ECORRUPT);
    memset(buf, 0, sizeof(buf)); /* as a file is that was never finished */
    assert_int_equal(elo_piece_foot_parse(buf, &out), ELO_ECORRUPT);
}


static void
test_names(void **state)
{
    static const struct {
        const char *name;
        uint8_t folder;
        uint64_t file; /* 0: refused */
    } rows[] = {
        { "0123456789abcdef", 0xef, UINT64_C(0x0123456789abcdef) },
        { "ffffffffffffffff", 0xff, UINT64_MAX },
        { "0000000000000001", 0x01, 1 },
        { "0000000000000000", 0x00, 0 },
        { "0123456789abcdef", 0xee, 0 },  /* in another's folder */
        { "0123456789ABCDEF", 0xef, 0 },  /* capitals */
        { "123456789abcdef", 0xef, 0 },   /* short */
        { "00123456789abcdef", 0xef, 0 }, /* long */
        { "0123456789abcdeg", 0xef, 0 },
        { "0123456789abcd ef", 0xef, 0 },
        { "-123456789abcdef", 0xef, 0 },
        { ".", 0, 0 },
        { "", 0, 0 },
    };
    char name[ELO_PIECE_NAME + 1];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = elo_slice(rows[i].name, strlen(rows[i].name));
        uint64_t file = 0;

        assert_true(elo_piece_name_parse(s, rows[i].folder, &file)
                    == (rows[i].file != 0));
        assert_true(file == rows[i].file);
        if (file != 0) {
            elo_piece_name(file, name);
            assert_string_equal(name + 3, rows[i].name);
            assert_int_equal(strtoul(name, NULL, 16), rows[i].folder);
            assert_int_equal(name[2], '/');
        }
    }
}


static void
test_owner(void **state)
{
    elo_piece_owner_t o, back;
    uint8_t buf[ELO_PIECE_OWNER_LEN];
    elo_slice_t in = elo_slice(buf, sizeof(buf));
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(buf));
    for (uint32_t n = 0; n <= ELO_PIECE_STORES; n++) {
        memset(&o, 0, sizeof(o));
        o.index_id = 77 + n;
        o.n = n;
        for (uint32_t i = 0; i < n; i++) {
            o.store[i].id = UINT64_MAX - i;
            o.store[i].seq = i * UINT64_C(0x100000001);
        }
        assert_int_equal(elo_piece_owner_encode(&o, buf), ELO_OK);
        assert_int_equal(elo_piece_owner_parse(guard_put(&g, in), &back),
                         ELO_OK);
        assert_memory_equal(&o, &back, sizeof(o));
    }
    for (size_t i = 0; i < sizeof(buf); i++) {
        elo_slice_t begin = elo_slice(buf, i);
        elo_slice_t end = elo_slice(buf + sizeof(buf) - i, i);

        assert_int_equal(elo_piece_owner_parse(guard_put(&g, begin), &back),
                         ELO_ECORRUPT);
        assert_int_equal(elo_piece_owner_parse(guard_put(&g, end), &back),
                         ELO_ECORRUPT);
        buf[i] ^= 0x10;
        assert_int_equal(elo_piece_owner_parse(guard_put(&g, in), &back),
                         ELO_ECORRUPT);
        buf[i] ^= 0x10;
    }
    guard_dispose(&g);
}


static void
test_owner_forged(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        elo_err_t rc;
    } rows[] = {
        { 11, 9, ELO_EUNSUPPORTED },
        { 15, ELO_PIECE_STORES + 1, ELO_ECORRUPT },
        { 12, 1, ELO_ECORRUPT }, /* many more */
        { 15, 1, ELO_ECORRUPT }, /* fewer than there are */
        { ELO_PIECE_OWNER_LEN - 33, 1, ELO_ECORRUPT },
    };
    elo_piece_owner_t o, back;
    uint8_t buf[ELO_PIECE_OWNER_LEN];

    (void) state;
    memset(&o, 0, sizeof(o));
    o.n = 2;
    o.store[1].id = 5;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_piece_owner_encode(&o, buf), ELO_OK);
        buf[rows[i].at] = rows[i].byte;
        sum(buf, ELO_PIECE_OWNER_LEN - 32);
        assert_int_equal(
            elo_piece_owner_parse(elo_slice(buf, sizeof(buf)), &back),
            rows[i].rc);
    }
    o.n = ELO_PIECE_STORES + 1;
    assert_int_equal(elo_piece_owner_encode(&o, buf), ELO_EINVAL);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_piece_ok),     cmocka_unit_test(test_round),
        cmocka_unit_test(test_layout),       cmocka_unit_test(test_not_encoded),
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_owner_forged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
