/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/signed_url. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/auth/signed_url.h"
#include "common/base/base64.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define EXP INT64_C(1800000600)

static const uint8_t seed[ELO_SEED_LEN] = { 7, 7, 7 };
static elo_agent_t key;
static elo_signed_url_t made, got;
static elo_buf_t text;


static int
set_up(void **state)
{
    elo_err_t rc = elo_keys_init();

    (void) state;
    elo_agent_of_seed(seed, &key);
    elo_buf_init(&text, ELO_URL_TEXT_MAX + 1);
    return rc;
}


static int
tear_down(void **state)
{
    (void) state;
    elo_buf_dispose(&text);
    return 0;
}


static void
fill(const char *prefix)
{
    made = (elo_signed_url_t){ .scopes = ELO_SCOPE_READ,
                               .ceiling = ELO_REACH_COMMONS,
                               .exp = EXP,
                               .agent = key,
                               .prefix = elo_slice_str(prefix) };
    elo_buf_clear(&text);
}


static void
set_from(uint8_t family, uint8_t bits, const char *hex)
{
    made.from = (elo_addr_prefix_t){ .family = family, .bits = bits };
    assert_int_equal(
        elo_hex_decode(elo_slice_str(hex), made.from.addr, strlen(hex) / 2), 0);
}


/* Makes, parses and verifies what `made` says. */
static void
round_trip(void)
{
    elo_buf_clear(&text);
    assert_int_equal(elo_signed_url_make(&made, seed, &text), 0);
    assert_in_range(text.len, 1, ELO_URL_TEXT_MAX);
    assert_int_equal(elo_signed_url_parse(elo_buf_slice(&text), &got), 0);
    assert_true(elo_signed_url_verify(&got, &key));
}


static bool
covers_from(const char *hex)
{
    uint8_t addr[16];
    size_t n = strlen(hex) / 2;

    assert_int_equal(elo_hex_decode(elo_slice_str(hex), addr, n), 0);
    return elo_signed_url_covers(&got, ELO_SLICE("/api/x"), EXP - 1,
                                 elo_slice(addr, n));
}


static void
test_round_trip(void **state)
{
    static const char longest[] =
        "/012345678901234567890123456789012345678901234567890123456789012345678"
        "9"
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789012345678901234567/";
    uint8_t kid[ELO_KEY_ID_LEN];
    elo_agent_t other = { { 9 } };

    (void) state;
    assert_int_equal(strlen(longest), ELO_URL_PREFIX_MAX);
    elo_key_id(&key, kid);
    for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
        fill(r % 2 == 0 ? "/api/manifest/ep-1" : longest);
        made.ceiling = (elo_reach_t) r;
        made.agent = r % 3 == 0 ? other : key; /* a node's key on his behalf */
        if (r % 4 != 0) {
            set_from(r % 4 == 1 ? 4 : 6, r % 4 == 1 ? 24 : 48,
                     r % 4 == 1 ? "c0000200"
                                : "20010db8000000000000000000000000");
        }
        round_trip();
        assert_int_equal(got.scopes, ELO_SCOPE_READ);
        assert_int_equal(got.ceiling, r);
        assert_int_equal(got.exp, EXP);
        assert_memory_equal(got.kid, kid, sizeof(kid));
        assert_memory_equal(made.kid, kid, sizeof(kid));
        assert_memory_equal(got.sig, made.sig, sizeof(made.sig));
        assert_true(elo_agent_eq(&got.agent, &made.agent));
        assert_memory_equal(&got.from, &made.from, sizeof(got.from));
        assert_true(elo_slice_eq(got.prefix, made.prefix));
    }
    /* the operator of the node may give one, by a key of it */
    fill("/x");
    memset(&made.agent, 0, sizeof(made.agent));
    round_trip();
    assert_true(elo_agent_is_zero(&got.agent));
}


/* The byte table of the header, byte for byte. */
static void
test_bytes(void **state)
{
    uint8_t bytes[256], sig[ELO_SIG_LEN], message[256] = "elohim-url-1";
    char hex[512], want[512], kid[17], agent[65];
    size_t len;

    (void) state;
    fill("/a");
    made.ceiling = ELO_REACH_LOCAL;
    set_from(4, 31, "c0000202");
    round_trip();
    elo_hex_encode(made.kid, 8, kid);
    elo_agent_text(&key, agent);
    snprintf(want, sizeof(want), "01010102%016llx%s%s041fc0000202022f61",
             (unsigned long long) EXP, kid, agent);
    assert_int_equal(
        elo_base64url_decode(elo_buf_slice(&text), bytes, sizeof(bytes), &len),
        0);
    elo_hex_encode(bytes, len - ELO_SIG_LEN, hex);
    assert_string_equal(hex, want);
    memcpy(message + 13, bytes, len - ELO_SIG_LEN);
    elo_sign(seed, elo_slice(message, 13 + len - ELO_SIG_LEN), sig);
    assert_memory_equal(sig, bytes + len - ELO_SIG_LEN, ELO_SIG_LEN);
}


/* Every change of every character is refused, before or by the signature. */
static void
test_changed(void **state)
{
    elo_agent_t other = { { 3 } };
    unsigned n_parsed = 0;

    (void) state;
    fill("/api/manifest/ep-1");
    set_from(4, 24, "c0000200");
    round_trip();
    for (size_t i = 0; i < text.len; i++) {
        uint8_t was = text.p[i];

        for (unsigned c = 0; c < 256; c++) {
            text.p[i] = (uint8_t) c;
            if (c == was
                || elo_signed_url_parse(elo_buf_slice(&text), &got) != ELO_OK) {
                continue;
            }
            if (elo_signed_url_verify(&got, &key)) {
                fail_msg("%c for %c at %zu", (char) c, (char) was, i);
            }
            n_parsed++;
        }
        text.p[i] = was;
    }
    assert_true(n_parsed > 1000);
    assert_int_equal(elo_signed_url_parse(elo_buf_slice(&text), &got), 0);
    assert_true(elo_signed_url_verify(&got, &key));
    assert_false(elo_signed_url_verify(&got, &other));
    /* another key's id for the same key */
    got.kid[7] ^= 1;
    assert_false(elo_signed_url_verify(&got, &key));
}


static void
test_prefixes_of_text(void **state)
{
    guard_t g;

    (void) state;
    guard_init(&g, ELO_URL_TEXT_MAX + 1);
    fill("/api/manifest/ep-1");
    set_from(6, 48, "20010db8000000000000000000000000");
    round_trip();
    for (size_t n = 0; n < text.len; n++) {
        assert_int_equal(
            elo_signed_url_parse(guard_put(&g, elo_slice(text.p, n)), &got),
            ELO_EINVAL);
    }
    memset(text.p, 'A', text.len);
    assert_int_equal(elo_signed_url_parse(elo_buf_slice(&text), &got),
                     ELO_EINVAL);
    guard_dispose(&g);

    uint8_t many[ELO_URL_TEXT_MAX + 1];
    memset(many, 'A', sizeof(many));
    assert_int_equal(elo_signed_url_parse(elo_slice(many, sizeof(many)), &got),
                     ELO_ETOOBIG);
    assert_int_equal(
        elo_signed_url_parse(elo_slice(many, sizeof(many) - 1), &got),
        ELO_EINVAL);
}


/* Bytes that are well signed and still no permission. */
static void
test_bad_bytes(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t byte;
    } rows[] = {
        { "version 0", 0, 0 },
        { "version 2", 0, 2 },
        { "an unknown flag", 1, 3 },
        { "no address, though there is one", 1, 0 },
        { "no scopes", 2, 0 },
        { "write", 2, ELO_SCOPE_READ | ELO_SCOPE_WRITE },
        { "write alone", 2, ELO_SCOPE_WRITE },
        { "an unknown scope", 2, 0x81 },
        { "no reach", 3, ELO_REACH_COUNT },
        { "a negative time", 4, 0x80 },
        { "family 0", 52, 0 },
        { "family 5", 52, 5 },
        { "family 6 in the room of 4", 52, 6 },
        { "33 bits", 53, 33 },
        { "255 bits", 53, 255 },
        { "a bit past the prefix", 57, 1 },
        { "a longer prefix than there is", 58, 7 },
        { "a shorter one", 58, 5 },
        { "no prefix", 58, 0 },
        { "a relative prefix", 59, 'x' },
        { "a control character", 60, '\n' },
        { "a dot segment", 60, 0x2e },
    };
    uint8_t good[256], bytes[256];
    char bad[512];
    size_t len;

    (void) state;
    fill("/a/i/x");
    set_from(4, 24, "c0000200");
    round_trip();
    assert_int_equal(
        elo_base64url_decode(elo_buf_slice(&text), good, sizeof(good), &len),
        0);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        memcpy(bytes, good, len);
        bytes[rows[i].at] = rows[i].byte;
        elo_base64url_encode(bytes, len, bad);
        if (elo_signed_url_parse(elo_slice_str(bad), &got) != ELO_EINVAL) {
            fail_msg("taken: %s", rows[i].what);
        }
    }
    /* a byte more behind it all */
    good[len] = 0;
    elo_base64url_encode(good, len + 1, bad);
    assert_int_equal(elo_signed_url_parse(elo_slice_str(bad), &got),
                     ELO_EINVAL);
}


/* What would be refused isn't made. */
static void
test_not_made(void **state)
{
    char many[ELO_URL_PREFIX_MAX + 2];
    size_t len;

    (void) state;
#define REFUSED(field, value)                                                  \
    do {                                                                       \
        fill("/x");                                                            \
        made.field = (value);                                                  \
        assert_int_equal(elo_signed_url_make(&made, seed, &text), ELO_EINVAL); \
        assert_int_equal(text.len, 0);                                         \
    } while (0)
    memset(many, '/', sizeof(many));
    REFUSED(prefix, ELO_SLICE(""));
    REFUSED(prefix, ELO_SLICE("/"));
    REFUSED(prefix, ELO_SLICE("x"));
    REFUSED(prefix, ELO_SLICE("/x/.."));
    REFUSED(prefix, elo_slice(many, ELO_URL_PREFIX_MAX + 1));
    REFUSED(scopes, 0);
    REFUSED(scopes, ELO_SCOPES_ALL);
    REFUSED(ceiling, (elo_reach_t) ELO_REACH_COUNT);
    REFUSED(exp, -1);
    REFUSED(from.family, 5);
    REFUSED(from.family, 255);
    REFUSED(from, ((elo_addr_prefix_t){ .family = 4, .bits = 33 }));
    REFUSED(from, ((elo_addr_prefix_t){ .family = 6, .bits = 129 }));
#undef REFUSED
    fill("/x");
    round_trip();
    len = text.len;
    for (size_t n = 0; n <= len; n++) {
        elo_buf_t small;

        elo_buf_init(&small, n);
        assert_int_equal(elo_signed_url_make(&made, seed, &small), ELO_ETOOBIG);
        assert_int_equal(small.len, 0);
        elo_buf_dispose(&small);
    }
}


static void
test_addresses(void **state)
{
    (void) state;
    fill("/api");
    set_from(4, 24, "c0000200");
    round_trip();
    assert_true(covers_from("c0000200"));
    assert_true(covers_from("c00002ff"));
    assert_false(covers_from("c0000300"));
    assert_false(covers_from("00000000"));
    /* as a mapped address, too; not as others that end alike */
    assert_true(covers_from("00000000000000000000ffffc0000201"));
    assert_false(covers_from("00000000000000000000ffffc0000301"));
    assert_false(covers_from("000000000000000000000000c0000201"));
    assert_false(covers_from("c0000201000000000000000000000000"));
    /* unix sockets have none, and what is no address matches nothing */
    assert_false(covers_from(""));
    assert_false(covers_from("c00002"));
    assert_false(covers_from("c000020100"));

    set_from(4, 0, "00000000");
    round_trip();
    assert_true(covers_from("ffffffff"));
    assert_true(covers_from("00000000000000000000ffff01020304"));
    assert_false(covers_from("20010db8000000000000000000000001"));
    assert_false(covers_from(""));

    set_from(6, 0, "00000000000000000000000000000000");
    round_trip();
    assert_true(covers_from("20010db8000000000000000000000001"));
    assert_false(covers_from("00000000000000000000ffff01020304"));
    assert_false(covers_from("01020304"));

    set_from(6, 95, "00000000000000000000fffe00000000");
    round_trip();
    assert_true(covers_from("00000000000000000000fffe01020304"));
    assert_false(covers_from("00000000000000000000ffff01020304"));
    set_from(6, 96, "00000000000000000000ffff00000000");
    assert_int_equal(elo_signed_url_make(&made, seed, &text), ELO_EINVAL);

    made.from.family = 0; /* anywhere */
    memset(made.from.addr, 0, 16);
    round_trip();
    assert_true(covers_from("01020304"));
    assert_true(covers_from("20010db8000000000000000000000001"));
    assert_true(covers_from(""));
}


/* Every prefix length of both families: a change of one bit matters if it lies in
   the prefix, and bits past it may not be set. */
static void
test_all_bits(void **state)
{
    (void) state;
    for (unsigned family = 4; family <= 6; family += 2) {
        unsigned all = family == 4 ? 32 : 128;

        for (unsigned bits = 0; bits <= all; bits++) {
            uint8_t addr[16];

            fill("/api");
            made.from.family = (uint8_t) family;
            made.from.bits = (uint8_t) bits;
            for (unsigned i = 0; i < bits; i++) {
                made.from.addr[i / 8] |= (uint8_t) (0x80 >> i % 8);
            }
            round_trip();
            for (unsigned i = 0; i < all; i++) {
                memset(addr, 0xff, sizeof(addr));
                addr[i / 8] ^= (uint8_t) (0x80 >> i % 8);
                assert_int_equal(
                    elo_signed_url_covers(&got, made.prefix, EXP - 1,
                                          elo_slice(addr, all / 8)),
                    i >= bits);
                if (i >= bits) {
                    made.from.addr[i / 8] ^= (uint8_t) (0x80 >> i % 8);
                    assert_int_equal(elo_signed_url_make(&made, seed, &text),
                                     ELO_EINVAL);
                    made.from.addr[i / 8] ^= (uint8_t) (0x80 >> i % 8);
                }
            }
            made.from.bits = (uint8_t) (all + 1);
            assert_int_equal(elo_signed_url_make(&made, seed, &text),
                             ELO_EINVAL);
        }
    }
}


static void
test_time_and_path(void **state)
{
    static const struct {
        const char *path;
        int64_t now;
        bool does;
    } rows[] = {
        { "/api/m/ep-1", EXP - 1, true },
        { "/api/m/ep-1", EXP, false },
        { "/api/m/ep-1", EXP + 1, false },
        { "/api/m/ep-1", INT64_MAX, false },
        { "/api/m/ep-1", 0, true },
        { "/api/m/ep-1", INT64_MIN, true },
        { "/api/m/ep-1/hls.m3u8", EXP - 1, true },
        { "/api/m/ep-1/", EXP - 1, true },
        { "/api/m/ep-10", EXP - 1, false },
        { "/api/m/ep-", EXP - 1, false },
        { "/api/m/", EXP - 1, false },
        { "/api/m/ep-1/../ep-2", EXP - 1, false },
        { "/api/m/ep-1/.", EXP - 1, false },
        { "/API/m/ep-1", EXP - 1, false },
        { "", EXP - 1, false },
        { "api/m/ep-1", EXP - 1, false },
    };

    (void) state;
    fill("/api/m/ep-1");
    round_trip();
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_signed_url_covers(&got, elo_slice_str(rows[i].path),
                                  rows[i].now, elo_slice(NULL, 0))
            != rows[i].does)
        {
            fail_msg("%s", rows[i].path);
        }
    }
    made.exp = 0;
    round_trip();
    assert_false(
        elo_signed_url_covers(&got, made.prefix, 0, elo_slice(NULL, 0)));
    made.exp = INT64_MAX;
    round_trip();
    assert_int_equal(got.exp, INT64_MAX);
    assert_true(elo_signed_url_covers(&got, made.prefix, INT64_MAX - 1,
                                      elo_slice(NULL, 0)));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_prefixes_of_text),
        cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_not_made),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_all_bits),
        cmocka_unit_test(test_time_and_path),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
