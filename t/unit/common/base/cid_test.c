/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/cid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/cid.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define EMPTY_HEX                                                              \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY_CID "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define EMPTY_CID_UPPER                                                        \
    "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU"

/* The same binary CID in base58btc: 01 55 12 20 and the digest. */
#define EMPTY_CID_Z "zb2rhmy65F3REf8SZp7De11gxtECBGgUKaLdiDj7MCGCHxbDW"


static void
test_forms(void **state)
{
    static const char *const forms[] = {
        "sha256-" EMPTY_HEX,
        EMPTY_HEX,
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "sha256-"
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        EMPTY_CID,
        EMPTY_CID_UPPER,
        EMPTY_CID_Z,
    };
    elo_digest_t want, d;
    char text[ELO_ADDR_CANON_LEN + 1];
    guard_t g;

    (void) state;
    guard_init(&g, 256);
    assert_int_equal(elo_hex_decode(ELO_SLICE(EMPTY_HEX), want.b, 32), 0);
    for (size_t i = 0; i < ELO_COUNT(forms); i++) {
        memset(&d, 0, sizeof(d));
        if (elo_addr_parse(guard_put(&g, elo_slice_str(forms[i])), &d) != 0) {
            fail_msg("refused: %s", forms[i]);
        }
        assert_memory_equal(d.b, want.b, sizeof(d.b));
    }
    elo_addr_canon(&want, text);
    assert_string_equal(text, "sha256-" EMPTY_HEX);
    elo_addr_cid(&want, text);
    assert_string_equal(text, EMPTY_CID);
    assert_int_equal(strlen(text), ELO_CID_TEXT_LEN);
    guard_dispose(&g);
}


static void
test_hello_world(void **state)
{
    elo_digest_t d;
    char cid[ELO_CID_TEXT_LEN + 1];

    (void) state;
    /* sha256("hello world"), as any IPFS tool names it */
    assert_int_equal(
        elo_hex_decode(ELO_SLICE("b94d27b9934d3e08a52e52d7da7dabfac484efe37a53"
                                 "80ee9088f7ace2efcde9"),
                       d.b, 32),
        0);
    elo_addr_cid(&d, cid);
    assert_string_equal(
        cid, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
}


static void
test_prefixes(void **state)
{
    static const char *const forms[] = { ("sha256-" EMPTY_HEX), EMPTY_HEX,
                                         EMPTY_CID, EMPTY_CID_UPPER,
                                         EMPTY_CID_Z };
    elo_digest_t d, before;
    elo_slice_t s;
    guard_t g;

    (void) state;
    guard_init(&g, 256);
    memset(&before, 0xee, sizeof(before));
    for (size_t i = 0; i < ELO_COUNT(forms); i++) {
        for (size_t n = 0; n < strlen(forms[i]); n++) {
            d = before;
            s = guard_put(&g, elo_slice(forms[i], n));
            if (elo_addr_parse(s, &d) == ELO_OK && n != 64) {
                fail_msg("accepted: %.*s", (int) n, forms[i]);
            }
            assert_memory_equal(&d, &before, sizeof(d));
        }
    }
    guard_dispose(&g);
}


static void
test_refused(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        elo_err_t rc;
    } rows[] = {
        { "empty", "", ELO_EINVAL },
        { "prefix only", "sha256-", ELO_EINVAL },
        { "one digit short",
          "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e464"
          "9b934ca495991b7852b85",
          ELO_EINVAL },
        { "one digit long", "sha256-" EMPTY_HEX "0", ELO_EINVAL },
        { "another hash", "sha512-" EMPTY_HEX, ELO_EINVAL },
        { "upper-case prefix", "SHA256-" EMPTY_HEX, ELO_EINVAL },
        { "blank before", " " EMPTY_HEX, ELO_EINVAL },
        { "path behind", EMPTY_HEX "/../x", ELO_EINVAL },
        { "cid and junk", EMPTY_CID "a", ELO_EINVAL },
        { "mixed case",
          "bAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQ"
          "UVYKU",
          ELO_EINVAL },
        { "left-over bits",
          "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv",
          ELO_EINVAL },
        { "cid version 0", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
          ELO_EUNSUPPORTED },
        { "dag-pb codec",
          "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
          ELO_EUNSUPPORTED },
        { "a word", "bagel", ELO_EINVAL },
        { "a short word", "b", ELO_EINVAL },
        { "another multibase", "mAVUSIOOwxEKY", ELO_EINVAL },
    };
    elo_digest_t d;
    elo_err_t rc;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        rc = elo_addr_parse(elo_slice_str(rows[i].text), &d);
        if (rc != rows[i].rc) {
            fail_msg("%s: %d, not %d", rows[i].name, rc, rows[i].rc);
        }
    }
}


/* Binary CIDs with one thing wrong each, as base32. */
static void
test_binary_forms(void **state)
{
    static const struct {
        const char *name;
        uint8_t head[5];
        size_t head_len;
        size_t digest_len;
        elo_err_t rc;
    } rows[] = {
        { "good", { 1, 0x55, 0x12, 0x20 }, 4, 32, ELO_OK },
        { "version 2", { 2, 0x55, 0x12, 0x20 }, 4, 32, ELO_EINVAL },
        { "sha2-512", { 1, 0x55, 0x13, 0x40 }, 4, 64, ELO_EUNSUPPORTED },
        { "dag-cbor", { 1, 0x71, 0x12, 0x20 }, 4, 32, ELO_EUNSUPPORTED },
        { "short digest", { 1, 0x55, 0x12, 0x1f }, 4, 31, ELO_EINVAL },
        { "length lies", { 1, 0x55, 0x12, 0x20 }, 4, 33, ELO_EINVAL },
        { "length lies, more", { 1, 0x55, 0x12, 0x21 }, 4, 32, ELO_EINVAL },
        { "varint not minimal",
          { 1, 0xd5, 0x00, 0x12, 0x20 },
          5,
          32,
          ELO_EINVAL },
        { "identity hash", { 1, 0x55, 0x00, 0x05 }, 4, 5, ELO_EINVAL },
    };
    uint8_t bin[80];
    char text[ELO_BASE32_LEN(80) + 2] = "b";
    elo_digest_t d;
    elo_err_t rc;

    (void) state;
    memset(bin, 7, sizeof(bin));
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        memcpy(bin, rows[i].head, rows[i].head_len);
        memset(bin + rows[i].head_len, 7, rows[i].digest_len);
        elo_base32_encode(bin, rows[i].head_len + rows[i].digest_len, text + 1);
        rc = elo_addr_parse(elo_slice_str(text), &d);
        if (rc != rows[i].rc) {
            fail_msg("%s: %d, not %d", rows[i].name, rc, rows[i].rc);
        }
    }
}


static void
test_content_id(void **state)
{
    static const struct {
        const char *id;
        bool ok;
    } rows[] = {
        { "a", true },
        { "Intro-to_Elohim.v2~x:1", true },
        { "0", true },
        { "sha256-abc", true }, /* no address, so free for use */
        { "bafkrei", true },
        { "", false },
        { ".", false },
        { "..", false },
        { "-a", false },
        { "_a", false },
        { "a/b", false },
        { "a b", false },
        { "a%2fb", false },
        { "a\nb", false },
        { "a\x7f", false },
        { "\xc3\xa9", false },
        { "a\xc3\xa9", false },
        { "a?b", false },
        { "a\"b", false },
        { EMPTY_HEX, false },
        { "sha256-" EMPTY_HEX, false },
        { EMPTY_CID, false },
        { "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG", false },
    };
    char longest[ELO_CONTENT_ID_MAX + 1];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_content_id_ok(elo_slice_str(rows[i].id)) != rows[i].ok) {
            fail_msg("\"%s\"", rows[i].id);
        }
    }
    assert_false(elo_content_id_ok(elo_slice("a\0b", 3)));
    memset(longest, 'x', sizeof(longest));
    assert_true(elo_content_id_ok(elo_slice(longest, ELO_CONTENT_ID_MAX)));
    assert_false(elo_content_id_ok(elo_slice(longest, sizeof(longest))));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_hello_world),
        cmocka_unit_test(test_prefixes),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_binary_forms), cmocka_unit_test(test_content_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
