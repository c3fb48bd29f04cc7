/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/agent_text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/auth/agent_text.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define N_FORMS 6

/* Where each comes from:
   - the first: a key of the seed 00..1f; PeerId and CID as js-libp2p prints
     them. The rest of the row is as worked out by a script of Python's hashlib
     and base64
   - the did:key of the all-zero seed: test vectors of the did:key method
   - the PeerId and its k51… form: from the tests of a client of IPFS
   - uhCAk of 32 bytes 0xdb: the example in the documentation of Holochain's crate
     holo_hash, which tells location and all
   - the other two uhCAk…: what running conductors of Holochain printed for their
     cells, copied from public logs; their last 4 bytes are the rule's proof */
static const struct {
    const char *hex;
    const char *forms[N_FORMS - 1]; /* holo, peer, did; base32, base36 */
} golden[] = {
    { "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
      { "uhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk0",
        "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB",
        "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd",
        "bafzaajaiaejcaa5ba677htqqxyoxbxiy45f4bglh4tldbg5fbvpr3xegmqjfkmny",
        "k51qzi5uqu5dg9ufswxt229ntzdy7p4125xzv5rtyjso89ajdujg6csfxcj260" } },
    { "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
      { NULL, NULL,
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp" } },
    { "2ff6e04f7fe61bbccc1b16ef70f79492eb1c98731b08b34dc29cab1abc7c945b",
      { NULL, "12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi", NULL,
        NULL,
        "k51qzi5uqu5dhdmj65s7o239pk7w2knayz61k30js9t66wd6h82yw6iinitcuz" } },
    { "dbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdbdb",
      { "uhCAk29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb29uTp5Iv" } },
    { "8297be1447cfdf56e89915aabe9c9b1d1832d88931e2e693ce2e8272064b2ece",
      { "uhCAkgpe-FEfP31bomRWqvpybHRgy2Ikx4uaTzi6CcgZLLs6dNz5P" } },
    { "9ab9280073d57ff7ae7c6ede0b97e6e902ab5b9a4f32892dbc6e4b382d129c9e",
      { "uhCAkmrkoAHPVf_eufG7eC5fm6QKrW5pPMoktvG5LOC0SnJ4vV1Uv" } },
};

static const char b58[] =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static uint32_t seed = 1;


static int
set_up(void **state)
{
    (void) state;
    return elo_keys_init();
}


static uint32_t
roll(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t) ((uint64_t) seed * n >> 32);
}


static elo_agent_t
some_agent(void)
{
    elo_agent_t a;

    for (size_t i = 0; i < sizeof(a.b); i++) {
        a.b[i] = (uint8_t) roll(256);
    }
    return a;
}


static elo_err_t
parse(const char *text, elo_agent_t *out)
{
    return elo_agent_text_parse(elo_slice_str(text), out);
}


static void
test_golden(void **state)
{
    static const elo_agent_form_t written[] = { ELO_AGENT_HOLO, ELO_AGENT_PEER,
                                                ELO_AGENT_DID };
    char text[ELO_AGENT_TEXT_MAX];
    elo_agent_t want, got;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(golden); i++) {
        assert_int_equal(elo_agent_parse(elo_slice_str(golden[i].hex), &want),
                         0);
        assert_int_equal(parse(golden[i].hex, &got), 0);
        assert_true(elo_agent_eq(&got, &want));
        elo_agent_text_write(&want, ELO_AGENT_HEX, text);
        assert_string_equal(text, golden[i].hex);
        for (size_t k = 0; k < N_FORMS - 1; k++) {
            if (golden[i].forms[k] == NULL) {
                continue;
            }
            if (parse(golden[i].forms[k], &got) != ELO_OK
                || !elo_agent_eq(&got, &want)) {
                fail_msg("%s", golden[i].forms[k]);
            }
            if (k < ELO_COUNT(written)) {
                elo_agent_text_write(&want, written[k], text);
                assert_string_equal(text, golden[i].forms[k]);
            }
        }
    }
}


/* What is written is read, and no form is another's. */
static void
test_round_trip(void **state)
{
    static const size_t lens[] = { 64, 53, 52, 56 };

    (void) state;
    for (int i = 0; i < 2000; i++) {
        elo_agent_t a = some_agent(), back;

        /* the ends of the range, too */
        if (i < 64) {
            memset(a.b, i < 32 ? 0 : 0xff, sizeof(a.b));
            a.b[i % 32] ^= 1;
        }
        for (int form = ELO_AGENT_HEX; form <= ELO_AGENT_DID; form++) {
            char text[ELO_AGENT_TEXT_MAX];

            memset(text, '#', sizeof(text));
            elo_agent_text_write(&a, (elo_agent_form_t) form, text);
            assert_int_equal(strlen(text), lens[form]);
            assert_int_equal(parse(text, &back), ELO_OK);
            assert_true(elo_agent_eq(&a, &back));
        }
    }
}


/* Whatever byte stands at whatever place instead: the text is refused, or names
   another agent. With a location or a checksum it is refused. */
static void
one_change(const char *good, bool is_checked)
{
    elo_agent_t own, got;
    char text[ELO_AGENT_TEXT_MAX];
    size_t len = strlen(good), n_named = 0;

    assert_int_equal(parse(good, &own), ELO_OK);
    memcpy(text, good, len + 1);
    for (size_t i = 0; i < len; i++) {
        for (unsigned c = 0; c < 256; c++) {
            if ((char) c == good[i]) {
                continue;
            }
            text[i] = (char) c;
            memset(&got, 0x5a, sizeof(got));
            if (elo_agent_text_parse(elo_slice(text, len), &got) != ELO_OK) {
                assert_int_equal(got.b[0] ^ got.b[31], 0);
                assert_int_equal(got.b[0], 0x5a);
                continue;
            }
            n_named++;
            if (is_checked || elo_agent_eq(&got, &own) || c >= 0x80) {
                fail_msg("%s: %02x at %zu", good, c, i);
            }
        }
        text[i] = good[i];
    }
    /* the other forms have no room for a check: a key is bytes */
    assert_true(is_checked || n_named > 0);
}


static void
test_one_change(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(golden); i++) {
        one_change(golden[i].hex, false);
        for (size_t k = 0; k < N_FORMS - 1; k++) {
            if (golden[i].forms[k] != NULL) {
                one_change(golden[i].forms[k], k == 0);
            }
        }
    }
}


/* One character less, one more, anywhere; and each prefix at the end of a page. */
static void
test_lengths(void **state)
{
    guard_t g;

    (void) state;
    guard_init(&g, ELO_AGENT_TEXT_MAX);
    for (size_t k = 0; k < N_FORMS; k++) {
        const char *good = k == 0 ? golden[0].hex : golden[0].forms[k - 1];
        size_t len = strlen(good);
        char text[ELO_AGENT_TEXT_MAX];
        elo_agent_t a;

        for (size_t n = 0; n < len; n++) {
            assert_int_equal(
                elo_agent_text_parse(guard_put(&g, elo_slice(good, n)), &a),
                ELO_EINVAL);
        }
        assert_int_equal(
            elo_agent_text_parse(guard_put(&g, elo_slice(good, len)), &a),
            ELO_OK);
        for (size_t at = 0; at <= len; at++) {
            memcpy(text, good, at);
            memcpy(text + at, good + at + 1, at < len ? len - at : 0);
            if (at < len) {
                assert_int_equal(
                    elo_agent_text_parse(elo_slice(text, len - 1), &a),
                    ELO_EINVAL);
            }
            memcpy(text + at + 1, good + at, len - at);
            for (const char *c = "1AZaz0-_=+/ \n\t.\xc3"; *c != '\0'; c++) {
                text[at] = *c;
                assert_int_equal(
                    elo_agent_text_parse(elo_slice(text, len + 1), &a),
                    ELO_EINVAL);
            }
            text[at] = '\0';
            assert_int_equal(elo_agent_text_parse(elo_slice(text, len + 1), &a),
                             ELO_EINVAL);
        }
    }
    guard_dispose(&g);
}


static void
test_bad(void **state)
{
    static const struct {
        const char *what, *text;
    } bad[] = {
        { "nothing", "" },
        { "a word", "agent" },
        { "zeros, which are the operator",
          "0000000000000000000000000000000000000000000000000000000000000000" },
        { "zeros as a PeerId",
          "12D3KooW9pNAk8aiBuGVQtWRdbkLmo5qVL3e2h5UxbN2Nz9ttwiw" },
        { "hex of two cases",
          "03A107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8" },
        { "an invented key of the system that was",
          "uhCAk_00112233445566778899aabbccddeeff" },
        { "upper-case prefix",
          "UhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk0" },
        { "the alphabet of plain base64",
          "uhCAkA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk0" },
        { "a key's location of zeros",
          "uhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgAAAAA" },
        { "another agent's location",
          "uhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiTp5Iv" },
        { "the first 4 bytes of its BLAKE2b-128 for a location",
          "uhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbhAvKTq" },
        { "a location whose bytes are turned round",
          "uhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg0yfSQ" },
        { "an EntryHash",
          "uhCEkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk0" },
        { "an ActionHash",
          "uhCkkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk0" },
        { "padding in place of the end",
          "uhCAkA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk=" },
        { "upper-case base32",
          "BAFZAAJAIAEJCAA5BA677HTQQXYOXBXIY45F4BGLH4TLDBG5FBVPR3XEGMQJFKMNY" },
        { "upper-case digits of lower-case base32",
          "bAFZAAJAIAEJCAA5BA677HTQQXYOXBXIY45F4BGLH4TLDBG5FBVPR3XEGMQJFKMNY" },
        { "upper-case base36",
          "K51QZI5UQU5DG9UFSWXT229NTZDY7P4125XZV5RTYJSO89AJDUJG6CSFXCJ260" },
        { "a CID of raw bytes",
          "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq" },
        { "a PeerId of an RSA key",
          "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N" },
        { "a PeerId of a secp256k1 key",
          "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY" },
        { "an upper-case scheme",
          "DID:KEY:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd" },
        { "another method",
          "did:web:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd" },
        { "an X25519 key",
          "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F" },
        { "a DID URL",
          "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd#x" },
        { "a bare multibase key",
          "z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd" },
        { "letters that look alike (Cyrillic a)",
          "uhC\xd0\x90kA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk0" },
        { "the same, of the right length",
          "uhC\xd0\x90kA6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbiQ9Mk" },
        { "digits of full width",
          "\xef\xbc\x90"
          "3a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc86641255"
          "31" },
        { "a blank in front",
          " 12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB" },
        { "a zero byte more in front",
          "112D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB" },
    };
    elo_agent_t a;

    (void) state;
    memset(&a, 7, sizeof(a));
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        if (parse(bad[i].text, &a) != ELO_EINVAL) {
            fail_msg("taken: %s", bad[i].what);
        }
    }
    assert_int_equal(elo_agent_text_parse(elo_slice(NULL, 0), &a), ELO_EINVAL);
    for (size_t i = 0; i < sizeof(a.b); i++) {
        assert_int_equal(a.b[i], 7);
    }
}


/* The zero agent is written, for those who list what there is, and not read in
   any form. */
static void
test_zero(void **state)
{
    elo_agent_t zero = { 0 }, a;
    char text[ELO_AGENT_TEXT_MAX];

    (void) state;
    for (int form = ELO_AGENT_HEX; form <= ELO_AGENT_DID; form++) {
        elo_agent_text_write(&zero, (elo_agent_form_t) form, text);
        assert_int_equal(parse(text, &a), ELO_EINVAL);
    }
}


/* The other case of each letter, of all texts: base58 and base64url tell them
   apart, hex may be all of one. */
static void
test_case(void **state)
{
    (void) state;
    for (int i = 0; i < 200; i++) {
        elo_agent_t a = some_agent(), got;

        for (int form = ELO_AGENT_HEX; form <= ELO_AGENT_DID; form++) {
            char text[ELO_AGENT_TEXT_MAX], upper[ELO_AGENT_TEXT_MAX];
            size_t len;

            elo_agent_text_write(&a, (elo_agent_form_t) form, text);
            len = strlen(text);
            for (size_t k = 0; k <= len; k++) {
                bool is_lower = text[k] >= 'a' && text[k] <= 'z';

                upper[k] = is_lower ? (char) (text[k] - 'a' + 'A') : text[k];
            }
            if (form == ELO_AGENT_HEX) {
                assert_int_equal(parse(upper, &got), ELO_OK);
                assert_true(elo_agent_eq(&got, &a));
            } else {
                assert_int_equal(parse(upper, &got), ELO_EINVAL);
            }
        }
    }
}


/* Random texts of the lengths and beginnings there are: what is taken is what
   would be written. */
static void
test_one_text(void **state)
{
    static const char *const leads[] = { "12D3KooW", "did:key:z6Mk" };
    static const size_t lens[] = { 52, 56 };
    static const elo_agent_form_t forms[] = { ELO_AGENT_PEER, ELO_AGENT_DID };
    size_t n_taken = 0;

    (void) state;
    for (int i = 0; i < 20000; i++) {
        size_t k = (size_t) i % 2, at = strlen(leads[k]);
        char text[ELO_AGENT_TEXT_MAX], again[ELO_AGENT_TEXT_MAX];
        elo_agent_t a;

        memcpy(text, leads[k], at);
        for (; at < lens[k]; at++) {
            text[at] = b58[roll(58)];
        }
        text[at] = '\0';
        if (parse(text, &a) == ELO_OK) {
            elo_agent_text_write(&a, forms[k], again);
            assert_string_equal(again, text);
            n_taken++;
        }
    }
    assert_true(n_taken > 100);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),     cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_one_change), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_bad),        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_case),       cmocka_unit_test(test_one_text),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
