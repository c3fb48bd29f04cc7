/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api/tus_head: what a client of tus may say, and what it may
   not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/api/tus_head.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define MAX UINT64_C(1000)

#define SHA1_OF   "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
#define SHA256_OF "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define TYPE      ELO_TUS_TYPE

typedef struct {
    const char *what;
    const char *offset, *length, *defer, *checksum, *metadata, *concat, *type;
    elo_err_t err;
} row_t;


static elo_slice_t
field(const char *text)
{
    return text == NULL ? elo_slice(NULL, 0) : elo_slice_str(text);
}


static elo_tus_fields_t
fields(const row_t *r)
{
    return (elo_tus_fields_t){
        .offset = field(r->offset),
        .length = field(r->length),
        .defer = field(r->defer),
        .checksum = field(r->checksum),
        .metadata = field(r->metadata),
        .concat = field(r->concat),
        .type = field(r->type),
    };
}


static void
test_version(void **state)
{
    static const char *const other[] = { "",           "1",     "1.0",
                                         "0.2.2",      "1.0.1", "2.0.0",
                                         "1.0.0,0.2.2" };

    (void) state;
    assert_true(elo_tus_version_ok(ELO_SLICE("1.0.0")));
    assert_true(elo_tus_version_ok(ELO_SLICE(" 1.0.0\t")));
    assert_false(elo_tus_version_ok(elo_slice(NULL, 0)));
    for (size_t i = 0; i < ELO_COUNT(other); i++) {
        assert_false(elo_tus_version_ok(elo_slice_str(other[i])));
    }
}


/* ---- creation ---- */

static const row_t creations[] = {
    { "a length", .length = "100" },
    { "none at all", .err = ELO_EINVAL },
    { "nothing to come", .length = "0" },
    { "the largest", .length = "1000" },
    { "one byte too much", .length = "1001", .err = ELO_ETOOBIG },
    { "past 63 bits", .length = "9223372036854775808", .err = ELO_EINVAL },
    { "past 64 bits", .length = "18446744073709551616", .err = ELO_EINVAL },
    { "negative", .length = "-1", .err = ELO_EINVAL },
    { "signed", .length = "+1", .err = ELO_EINVAL },
    { "hexadecimal", .length = "0x10", .err = ELO_EINVAL },
    { "no number", .length = "many", .err = ELO_EINVAL },
    { "empty", .length = "", .err = ELO_EINVAL },
    { "a list", .length = "1, 2", .err = ELO_EINVAL },
    { "deferred", .defer = "1" },
    { "deferred by another word", .defer = "true", .err = ELO_EINVAL },
    { "deferred by 0", .defer = "0", .err = ELO_EINVAL },
    { "both", .length = "5", .defer = "1", .err = ELO_EINVAL },
    { "metadata", .length = "5", .metadata = "filename d29ybGQ=,secret" },
    { "metadata of nothing", .length = "5", .metadata = "" },
    { "bad metadata", .length = "5", .metadata = "filename w",
      .err = ELO_EINVAL },
    { "part of another", .length = "5", .concat = "partial",
      .err = ELO_EINVAL },
    { "made of others", .concat = "final;/a /b", .length = "5",
      .err = ELO_EINVAL },
    { "bytes with it", .length = "5", .type = TYPE },
    { "bytes of another type", .length = "5", .type = "text/plain" },
};


static void
test_create(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(creations); i++) {
        elo_tus_fields_t f = fields(&creations[i]);
        const char *why = NULL;
        elo_tus_head_t h;
        elo_err_t rc;

        rc = elo_tus_parse_create(&f, false, MAX, &h, &why);
        if (rc != creations[i].err || (rc != ELO_OK && why == NULL)) {
            fail_msg("%s: %d", creations[i].what, rc);
        }
        if (rc == ELO_OK) {
            assert_int_equal(h.has_length, creations[i].length != NULL);
        }
        if (rc == ELO_OK
            && elo_tus_parse_create(&f, true, MAX, &h, &why)
                   != (creations[i].type != NULL
                               && strcmp(creations[i].type, TYPE) == 0
                           ? ELO_OK
                           : ELO_EUNSUPPORTED))
        {
            fail_msg("%s, with a body", creations[i].what);
        }
    }
}


/* ---- PATCH ---- */

static const row_t patches[] = {
    { "the first bytes", .type = TYPE, .offset = "0" },
    { "further ones", .type = TYPE, .offset = "70" },
    { "type in capitals", .type = "Application/Offset+Octet-Stream",
      .offset = "70" },
    { "type with a parameter", .type = TYPE "; x=y", .offset = "0" },
    { "no type", .offset = "0", .err = ELO_EUNSUPPORTED },
    { "an empty type", .type = "", .offset = "0", .err = ELO_EUNSUPPORTED },
    { "another type", .type = "application/octet-stream", .offset = "0",
      .err = ELO_EUNSUPPORTED },
    { "a longer type", .type = TYPE "x", .offset = "0",
      .err = ELO_EUNSUPPORTED },
    { "no offset", .type = TYPE, .err = ELO_EINVAL },
    { "a negative offset", .type = TYPE, .offset = "-1", .err = ELO_EINVAL },
    { "an offset past 63 bits", .type = TYPE, .offset = "9223372036854775808",
      .err = ELO_EINVAL },
    { "a length at last", .type = TYPE, .offset = "0", .length = "1000" },
    { "a length too large", .type = TYPE, .offset = "0", .length = "1001",
      .err = ELO_ETOOBIG },
    { "SHA-1", .type = TYPE, .offset = "0", .checksum = SHA1_OF },
    { "SHA-256", .type = TYPE, .offset = "0", .checksum = SHA256_OF },
    { "an unknown sum", .type = TYPE, .offset = "0", .checksum = "md5 AAAA",
      .err = ELO_EINVAL },
    { "a name in capitals", .type = TYPE, .offset = "0",
      .checksum = "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .err = ELO_EINVAL },
    { "a sum too short", .type = TYPE, .offset = "0",
      .checksum = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRg==", .err = ELO_EINVAL },
    { "a sum too long", .type = TYPE, .offset = "0",
      .checksum = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu1s", .err = ELO_EINVAL },
    { "the other's sum", .type = TYPE, .offset = "0",
      .checksum = "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .err = ELO_EINVAL },
    { "a sum in hex", .type = TYPE, .offset = "0",
      .checksum = "sha1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
      .err = ELO_EINVAL },
    { "a sum without a name", .type = TYPE, .offset = "0",
      .checksum = "Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .err = ELO_EINVAL },
    { "a name without a sum", .type = TYPE, .offset = "0", .checksum = "sha1",
      .err = ELO_EINVAL },
    { "two blanks", .type = TYPE, .offset = "0",
      .checksum = "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=", .err = ELO_EINVAL },
    { "an empty sum", .type = TYPE, .offset = "0", .checksum = "",
      .err = ELO_EINVAL },
};


static void
test_patch(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(patches); i++) {
        elo_tus_fields_t f = fields(&patches[i]);
        const char *why = NULL;
        elo_tus_head_t h;
        elo_err_t rc;

        rc = elo_tus_parse_patch(&f, MAX, &h, &why);
        if (rc != patches[i].err || (rc != ELO_OK && why == NULL)) {
            fail_msg("%s: %d", patches[i].what, rc);
        }
    }
}


static void
test_values(void **state)
{
    row_t r = { "", .type = TYPE, .offset = "70", .length = "100",
                .checksum = SHA1_OF };
    elo_tus_fields_t f = fields(&r);
    const char *why;
    elo_tus_head_t h;

    (void) state;
    assert_int_equal(elo_tus_parse_patch(&f, MAX, &h, &why), ELO_OK);
    assert_int_equal(h.offset, 70);
    assert_true(h.has_length);
    assert_int_equal(h.length, 100);
    assert_int_equal(h.sum, ELO_TUS_SUM_SHA1);
    assert_int_equal(h.digest[0], 0x2a);
    assert_int_equal(h.digest[19], 0xed);
    assert_int_equal(h.digest[20], 0);
}


/* ---- metadata ---- */

static const struct {
    const char *what;
    const char *text;
    bool ok;
} metas[] = {
    { "nothing", "", true },
    { "a pair", "filename d29ybGQ=", true },
    { "a key alone", "is_confidential", true },
    { "a key and a blank", "is_confidential ", true },
    { "pairs", "filename d29ybGQ=,is_confidential,filetype dmlkZW8vbXA0",
      true },
    { "blanks around", "  a Zg== , b Zg==", true },
    { "no padding", "a Zg", true },
    { "no key", " ,a Zg==", false },
    { "no key at the end", "a Zg==,", false },
    { "no key between", "a Zg==,,b Zg==", false },
    { "a key twice", "a Zg==,b,a", false },
    { "no base64", "a w", false },
    { "base64 of URLs", "a -_-_", false },
    { "two blanks", "a  Zg==", false },
    { "three words", "a Zg== Zg==", false },
    { "a control byte", "a\x01 Zg==", false },
    { "a line feed", "a Zg==\n", false },
    { "past ASCII", "\xc3\xa9 Zg==", false },
};


static void
test_meta(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(metas); i++) {
        if (elo_tus_meta_ok(elo_slice_str(metas[i].text)) != metas[i].ok) {
            fail_msg("%s", metas[i].what);
        }
    }
}


static void
test_meta_limits(void **state)
{
    char text[8192] = "";
    size_t n = 0;

    (void) state;
    for (unsigned i = 0; i < ELO_TUS_KEY_MAX; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%sk%u",
                               i == 0 ? "" : ",", i);
    }
    assert_true(elo_tus_meta_ok(elo_slice(text, n)));
    (void) snprintf(text + n, sizeof(text) - n, ",one-more");
    assert_false(elo_tus_meta_ok(elo_slice_str(text)));
    memset(text, 'A', 6000); /* 4500 bytes */
    memcpy(text, "k ", 2);
    assert_false(elo_tus_meta_ok(elo_slice(text, 6002)));
}


static void
test_meta_get(void **state)
{
    elo_slice_t m =
        ELO_SLICE("filename d29ybGQ=, empty ,filetype dmlkZW8vbXA0");
    uint8_t room[16];
    size_t len = 9;

    (void) state;
    assert_true(elo_tus_meta_ok(m));
    assert_int_equal(elo_tus_meta_get(m, "filetype", room, 16, &len), ELO_OK);
    assert_int_equal(len, 9);
    assert_memory_equal(room, "video/mp4", 9);
    assert_int_equal(elo_tus_meta_get(m, "empty", room, 16, &len), ELO_OK);
    assert_int_equal(len, 0);
    assert_int_equal(elo_tus_meta_get(m, "filename", room, 4, &len),
                     ELO_ETOOBIG);
    assert_int_equal(elo_tus_meta_get(m, "file", room, 16, &len),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_tus_meta_get(m, "FILENAME", room, 16, &len),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_tus_meta_get(elo_slice(NULL, 0), "a", room, 16, &len),
                     ELO_ENOTFOUND);
}


/* Every prefix of what is good, ending where nothing may be read. */
static void
test_edge(void **state)
{
    uint8_t room[64];
    guard_t g;

    (void) state;
    guard_init(&g, 256);
    for (size_t i = 0; i < ELO_COUNT(metas); i++) {
        for (size_t n = 0; n <= strlen(metas[i].text); n++) {
            elo_slice_t s = guard_put(&g, elo_slice(metas[i].text, n));
            size_t len;

            if (elo_tus_meta_ok(s)) {
                elo_ignore(elo_tus_meta_get(s, "filetype", room, 64, &len));
                /* only the reading counts */
            }
        }
    }
    for (size_t n = 0; n <= strlen(SHA1_OF); n++) {
        elo_tus_fields_t f = { .type = ELO_SLICE(TYPE),
                               .offset = ELO_SLICE("0"),
                               .checksum =
                                   guard_put(&g, elo_slice(SHA1_OF, n)) };
        const char *why;
        elo_tus_head_t h;
        elo_err_t rc = elo_tus_parse_patch(&f, MAX, &h, &why);
        bool is_whole = n >= strlen(SHA1_OF) - 1; /* padding may be missing */

        assert_int_equal(rc, is_whole ? ELO_OK : ELO_EINVAL);
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),  cmocka_unit_test(test_create),
        cmocka_unit_test(test_patch),    cmocka_unit_test(test_values),
        cmocka_unit_test(test_meta),     cmocka_unit_test(test_meta_limits),
        cmocka_unit_test(test_meta_get), cmocka_unit_test(test_edge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
