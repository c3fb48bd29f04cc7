/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base64.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

/* RFC 4648, 10, and the two digits that aren't letters. */
static const struct {
    const char *plain;
    const char *text;
} good[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "+/+/" },
};

static const struct {
    const char *what;
    const char *text;
} bad[] = {
    { "one digit", "Z" },
    { "one digit more", "Zm9vZ" },
    { "padding alone", "=" },
    { "two of padding alone", "==" },
    { "four of padding", "====" },
    { "too much padding", "Zg===" },
    { "padding within", "Zg==Zm9v" },
    { "too little padding", "Zg=" },
    { "padding that isn't called for", "Zm9v====" },
    { "left-over bits", "Zh==" },
    { "left-over bits of two", "Zm9=" },
    { "URL alphabet", "-_-_" },
    { "a blank", "Zm 9v" },
    { "a line feed", "Zm9v\n" },
    { "a byte past ASCII", "Zm9\xc3" },
};


static void
test_good(void **state)
{
    char text[16];
    uint8_t plain[16];
    size_t len;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(good); i++) {
        elo_slice_t s = elo_slice_str(good[i].text);
        size_t n = strlen(good[i].plain);
        size_t bare = s.len;

        elo_base64_encode((const uint8_t *) good[i].plain, n, text);
        assert_string_equal(text, good[i].text);
        assert_int_equal(strlen(text), ELO_BASE64_LEN(n));
        assert_int_equal(elo_base64_decode(s, plain, n, &len), ELO_OK);
        assert_int_equal(len, n);
        assert_memory_equal(plain, good[i].plain, n);
        while (bare > 0 && s.p[bare - 1] == '=') {
            bare--;
        }
        assert_int_equal(
            elo_base64_decode(elo_slice(s.p, bare), plain, n, &len), ELO_OK);
        assert_int_equal(len, n);
        if (n > 0) {
            assert_int_equal(elo_base64_decode(s, plain, n - 1, &len),
                             ELO_ETOOBIG);
        }
    }
}


static void
test_bad(void **state)
{
    uint8_t plain[16];
    size_t len = 77;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        if (elo_base64_decode(elo_slice_str(bad[i].text), plain, sizeof(plain),
                              &len)
            != ELO_EINVAL)
        {
            fail_msg("taken: %s", bad[i].what);
        }
    }
    assert_int_equal(len, 77);
}


/* Never a byte past the end. */
static void
test_edge(void **state)
{
    uint8_t plain[16];
    size_t len;
    guard_t g;

    (void) state;
    guard_init(&g, 16);
    for (size_t i = 0; i < ELO_COUNT(good); i++) {
        for (size_t n = 0; n <= strlen(good[i].text); n++) {
            elo_slice_t s = guard_put(&g, elo_slice(good[i].text, n));

            elo_ignore(elo_base64_decode(s, plain, sizeof(plain), &len));
            /* only the reading counts */
        }
    }
    guard_dispose(&g);
}


/* RFC 4648, 5, without padding. */
static const struct {
    const char *plain;
    const char *text;
} url_good[] = {
    { "", "" },
    { "f", "Zg" },
    { "fo", "Zm8" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg" },
    { "fooba", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "-_-_" },
    { "\xff", "_w" },
};

static const struct {
    const char *what;
    const char *text;
} url_bad[] = {
    { "one digit", "Z" },
    { "one digit more", "Zm9vZ" },
    { "padding", "Zg==" },
    { "padding of two", "Zm8=" },
    { "padding alone", "=" },
    { "padding that isn't called for", "Zm9v====" },
    { "left-over bits", "Zh" },
    { "left-over bits, the highest", "Zo" },
    { "left-over bits of two", "Zm9" },
    { "left-over bits of two, the higher", "Zm-" },
    { "plain alphabet", "+/+/" },
    { "a blank", "Zm 9" },
    { "a line feed", "Zm9v\n" },
    { "a wrong one in the rest", "Zm9v.g" },
    { "a byte past ASCII", "Zm9\xc3" },
};


static void
test_url_good(void **state)
{
    char text[16];
    uint8_t plain[16];
    size_t len;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(url_good); i++) {
        elo_slice_t s = elo_slice_str(url_good[i].text);
        size_t n = strlen(url_good[i].plain);

        elo_base64url_encode((const uint8_t *) url_good[i].plain, n, text);
        assert_string_equal(text, url_good[i].text);
        assert_int_equal(strlen(text), ELO_BASE64URL_LEN(n));
        assert_int_equal(elo_base64url_decode(s, plain, n, &len), ELO_OK);
        assert_int_equal(len, n);
        assert_memory_equal(plain, url_good[i].plain, n);
        if (n > 0) {
            assert_int_equal(elo_base64url_decode(s, plain, n - 1, &len),
                             ELO_ETOOBIG);
        }
    }
}


static void
test_url_bad(void **state)
{
    uint8_t plain[16];
    size_t len = 77;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(url_bad); i++) {
        if (elo_base64url_decode(elo_slice_str(url_bad[i].text), plain,
                                 sizeof(plain), &len)
            != ELO_EINVAL)
        {
            fail_msg("taken: %s", url_bad[i].what);
        }
    }
    assert_int_equal(len, 77);
}


/* Every text of up to three digits either is what its bytes encode to, or is
   refused: no bytes have two texts. */
static void
test_url_one_text(void **state)
{
    unsigned n_taken = 0;
    uint8_t plain[4];
    char again[8];
    guard_t g;
    size_t len;

    (void) state;
    guard_init(&g, 4);
    for (unsigned n = 1; n <= 3; n++) {
        for (unsigned v = 0; v < 1u << (7 * n); v++) {
            char text[3] = { (char) (v & 127), (char) (v >> 7 & 127),
                             (char) (v >> 14 & 127) };

            if (elo_base64url_decode(guard_put(&g, elo_slice(text, n)), plain,
                                     sizeof(plain), &len)
                == ELO_OK)
            {
                n_taken++;
                elo_base64url_encode(plain, len, again);
                assert_int_equal(strlen(again), n);
                assert_memory_equal(again, text, n);
            }
        }
    }
    guard_dispose(&g);
    assert_int_equal(n_taken, 256 + 65536); /* texts of one and two bytes */
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
        cmocka_unit_test(test_edge),    cmocka_unit_test(test_url_good),
        cmocka_unit_test(test_url_bad), cmocka_unit_test(test_url_one_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
