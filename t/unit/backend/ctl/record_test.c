/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/ctl/record. The expected bytes are put together by hand from
   docs/formats/record.md; the key pair is that of RFC 8032, 7.1, TEST 1, and id and
   signature of the signed one come from other programs (sha256sum, openssl). One
   file, though long: the golden bytes, and what is refused beside them, are read
   together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/ctl/record.h"
#include "common/base/cbor.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUB  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

#define TIME_MS INT64_C(0x19b76daa000) /* 2025-12-31T23:59:57.952Z */
#define TIME_S  (TIME_MS / 1000)

/* [1, author, 0, null, time, … up to the kind */
#define HEAD                                                                   \
    "87"                                                                       \
    "01"                                                                       \
    "5820" PUB "00"                                                            \
    "f6"                                                                       \
    "1b0000019b76daa000"
#define HEX_8(b)  b b b b b b b b
#define HEX_32(b) HEX_8(b) HEX_8(b) HEX_8(b) HEX_8(b)
#define AGENT     "5820" HEX_32("22")
#define DIGEST    "5820" HEX_32("33")
#define UNTIL     "1a6b000000" /* 0x6b000000 */
#define ID_ABC    "63616263"   /* "abc" */

#define ABC       .has_content = true, .content = ELO_SLICE("abc")
#define A22       .agent = { { HEX22, HEX22, HEX22, HEX22 } }
#define HEX22     0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22
#define D33       .ref = { { HEX33, HEX33, HEX33, HEX33 } }
#define HEX33     0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33
#define HEX_64(b) HEX_32(b) HEX_32(b)
#define U_8       "uuuuuuuu"
#define PROOF     U_8 U_8 U_8 U_8 U_8 U_8 U_8 U_8

/* clang-format off */
static const struct {
    const char *name;
    elo_rec_kind_t kind;
    const char *hex; /* the kind and the body */
    elo_rec_body_t body;
} golden[] = {
    /* {1: peer id, 2: ["hls", "live"], 3: 0x69550000} */
    { "registration", ELO_REC_REGISTRATION,
      "01" "a3" "01" "43001122" "02" "82" "63686c73" "646c697665"
      "03" "1a69550000",
      { .peer = ELO_SLICE("\x00\x11\x22"),
        .capabilities = ELO_SLICE("\x82\x63hls\x64live"),
        .announced = 0x69550000 } },
    { "registration without capabilities", ELO_REC_REGISTRATION,
      "01" "a2" "01" "4101" "03" "01",
      { .peer = ELO_SLICE("\x01"), .announced = 1 } },
    /* {1: agent, 2: admin, 3: until, 4: "Alice"} */
    { "admission", ELO_REC_ADMISSION,
      "02" "a4" "01" AGENT "02" "02" "03" UNTIL "04" "65416c696365",
      { A22, .sort = ELO_LEVEL_ADMIN, .until = 0x6b000000,
        .text = ELO_SLICE("Alice") } },
    { "admission, shortest", ELO_REC_ADMISSION,
      "02" "a2" "01" AGENT "02" "01",
      { A22, .sort = ELO_LEVEL_AUTHENTICATED } },
    /* {1: agent, 2: household} */
    { "relationship", ELO_REC_RELATIONSHIP, "03" "a2" "01" AGENT "02" "01",
      { A22, .sort = ELO_REL_HOUSEHOLD } },
    { "relationship with an end", ELO_REC_RELATIONSHIP,
      "03" "a3" "01" AGENT "02" "04" "03" UNTIL,
      { A22, .sort = ELO_REL_COMMUNITY, .until = 0x6b000000 } },
    /* {1: hash, 2: 5 uses, 3: until, 4: "hello"} */
    { "invitation to the node", ELO_REC_INVITATION,
      "04" "a4" "01" DIGEST "02" "05" "03" UNTIL "04" "6568656c6c6f",
      { D33, .uses = 5, .until = 0x6b000000, .text = ELO_SLICE("hello") } },
    /* {5: content, 6: agent} */
    { "invitation to a content", ELO_REC_INVITATION,
      "04" "a2" "05" ID_ABC "06" AGENT, { ABC, A22 } },
    { "invitation to a content with all", ELO_REC_INVITATION,
      "04" "a4" "03" UNTIL "04" "6178" "05" ID_ABC "06" AGENT,
      { ABC, A22, .until = 0x6b000000, .text = ELO_SLICE("x") } },
    /* {1: invitation, 2: signature} */
    { "acceptance", ELO_REC_ACCEPTANCE,
      "05" "a2" "01" DIGEST "02" "5840" HEX_64("75"),
      { D33, .proof = ELO_SLICE(PROOF) } },
    /* {1: custodian, 2: read, 3: [invited, local], 4: content, 5: until} */
    { "grant", ELO_REC_GRANT,
      "06" "a5" "01" AGENT "02" "01" "03" "820102" "04" ID_ABC "05" UNTIL,
      { A22, .sort = ELO_GRANT_READ, .reaches = 6, ABC,
        .until = 0x6b000000 } },
    { "grant of all reaches", ELO_REC_GRANT,
      "06" "a3" "01" AGENT "02" "03" "03" "880001020304050607",
      { A22, .sort = ELO_GRANT_EMERGENCY, .reaches = 0xff } },
    /* {1: beneficiary, 2: grant, 3: "fire", 4: 0x69600000} */
    { "escalation", ELO_REC_ESCALATION,
      "07" "a4" "01" AGENT "02" DIGEST "03" "6466697265" "04" "1a69600000",
      { A22, D33, .text = ELO_SLICE("fire"), .until = 0x69600000 } },
    /* {1: content, 2: private, 3: commons} */
    { "promotion of a content", ELO_REC_PROMOTION,
      "08" "a3" "01" ID_ABC "02" "00" "03" "07",
      { ABC, .from = ELO_REACH_PRIVATE, .to = ELO_REACH_COMMONS } },
    /* {4: digest, 5: agent} */
    { "promotion of bytes", ELO_REC_PROMOTION,
      "08" "a2" "04" DIGEST "05" AGENT, { D33, A22 } },
    /* {1: content, 2: version 3, 3: forgotten, 4: "old"} */
    { "lifecycle", ELO_REC_LIFECYCLE,
      "09" "a4" "01" ID_ABC "02" "03" "03" "05" "04" "636f6c64",
      { ABC, .version = 3, .sort = 5, .text = ELO_SLICE("old") } },
    { "lifecycle to draft", ELO_REC_LIFECYCLE,
      "09" "a3" "01" ID_ABC "02" "01" "03" "00",
      { ABC, .version = 1, .sort = 0 } },
    /* {1: id} */
    { "revocation", ELO_REC_REVOCATION, "0a" "a1" "01" DIGEST, { D33 } },
    { "revocation with a reason", ELO_REC_REVOCATION,
      "0a" "a2" "01" DIGEST "02" "626e6f",
      { D33, .text = ELO_SLICE("no") } },
    /* any map */
    { "manifest", ELO_REC_MANIFEST, "0b" "a0", { .raw = ELO_SLICE("\xa0") } },
    { "location", ELO_REC_LOCATION, "0c" "a1" "01" "83010203",
      { .raw = ELO_SLICE("\xa1\x01\x83\x01\x02\x03") } },
    { "commitment", ELO_REC_COMMITMENT, "0d" "a1" "00" "f5",
      { .raw = ELO_SLICE("\xa1\x00\xf5") } },
    { "attestation", ELO_REC_ATTESTATION, "0e" "a1" "1864" "20",
      { .raw = ELO_SLICE("\xa1\x18\x64\x20") } },
    /* {1: agent, 4: version 2} */
    { "token revocation by version", ELO_REC_TOKEN_REVOCATION,
      "0f" "a2" "01" AGENT "04" "02", { A22, .version = 2 } },
    { "token revocation by the largest version", ELO_REC_TOKEN_REVOCATION,
      "0f" "a2" "01" AGENT "04" "1b001fffffffffffff",
      { A22, .version = ELO_RECORD_VERSION_MAX } },
    { "token revocation by id", ELO_REC_TOKEN_REVOCATION,
      "0f" "a2" "01" AGENT "02" "63616263", { A22, .jti = ELO_SLICE("abc") } },
    { "token revocation of anybody's, by the longest id",
      ELO_REC_TOKEN_REVOCATION,
      "0f" "a1" "02" "7840" HEX_32("61") HEX_32("61"),
      { .jti = ELO_SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") } },
    { "token revocation by key", ELO_REC_TOKEN_REVOCATION,
      "0f" "a1" "03" "626b31", { .kid = ELO_SLICE("k1") } },
};
/* clang-format on */

static uint8_t seed[ELO_SEED_LEN];


static size_t
unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;

    assert_true(len <= ELO_RECORD_MAX);
    assert_int_equal(elo_hex_decode(elo_slice_str(hex), out, len), ELO_OK);
    return len;
}


/* What a hostile author would send: any bytes, rightly signed. */
static void
sign_raw(elo_slice_t inner, elo_buf_t *out)
{
    uint8_t msg[16 + 2 * ELO_RECORD_MAX], sig[ELO_SIG_LEN];

    memcpy(msg, "elohim-record-1", 16); /* with its NUL */
    memcpy(msg + 16, inner.p, inner.len);
    elo_sign(seed, elo_slice(msg, 16 + inner.len), sig);
    elo_buf_put_u8(out, 0x82);
    elo_cbor_put_bytes(out, inner);
    elo_cbor_put_bytes(out, elo_slice(sig, sizeof(sig)));
}


static void
golden_make(size_t i, elo_rec_t *r, elo_buf_t *out)
{
    const char *why = "";

    *r = (elo_rec_t){ .time_ms = TIME_MS,
                      .kind = golden[i].kind,
                      .body = golden[i].body };
    if (elo_rec_make(r, seed, out, &why) != ELO_OK) {
        fail_msg("%s: %s", golden[i].name, why);
    }
}


static void
assert_body(const elo_rec_body_t *a, const elo_rec_body_t *b)
{
    assert_memory_equal(&a->agent, &b->agent, sizeof(a->agent));
    assert_memory_equal(&a->ref, &b->ref, sizeof(a->ref));
    assert_int_equal(a->has_content, b->has_content);
    assert_true(elo_slice_eq(a->content, b->content));
    assert_true(elo_slice_eq(a->text, b->text));
    assert_true(elo_slice_eq(a->proof, b->proof));
    assert_true(elo_slice_eq(a->jti, b->jti));
    assert_true(elo_slice_eq(a->kid, b->kid));
    assert_true(elo_slice_eq(a->peer, b->peer));
    assert_true(elo_slice_eq(a->capabilities, b->capabilities));
    assert_int_equal(a->sort, b->sort);
    assert_int_equal(a->reaches, b->reaches);
    assert_int_equal(a->from, b->from);
    assert_int_equal(a->to, b->to);
    assert_true(a->uses == b->uses && a->version == b->version);
    assert_true(a->until == b->until && a->announced == b->announced);
}


static void
test_golden(void **state)
{
    uint8_t want[ELO_RECORD_MAX];
    char hex[2 * ELO_RECORD_MAX];
    const char *why = "";
    elo_rec_t r, back;
    elo_buf_t out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(golden); i++) {
        elo_buf_init(&out, 2 * ELO_RECORD_MAX);
        golden_make(i, &r, &out);
        if (elo_rec_parse(elo_buf_slice(&out), &back, &why) != ELO_OK) {
            fail_msg("%s: %s", golden[i].name, why);
        }
        snprintf(hex, sizeof(hex), "%s%s", HEAD, golden[i].hex);
        assert_int_equal(back.signed_bytes.len, strlen(hex) / 2);
        unhex(hex, want);
        assert_memory_equal(back.signed_bytes.p, want, back.signed_bytes.len);
        assert_int_equal(back.kind, golden[i].kind);
        assert_int_equal(back.seq, 0);
        assert_true(back.time_ms == TIME_MS);
        assert_memory_equal(&back.author, &r.author, sizeof(r.author));
        assert_memory_equal(&back.id, &r.id, sizeof(r.id));
        assert_memory_equal(back.sig, r.sig, sizeof(r.sig));
        assert_body(&back.body, &golden[i].body);
        unhex(golden[i].hex, want);
        assert_memory_equal(back.body.raw.p, want + 1, back.body.raw.len);
        assert_int_equal(back.body.raw.len, strlen(golden[i].hex) / 2 - 1);
        elo_buf_dispose(&out);
    }
}


/* "relationship" of the table, by other programs. */
static void
test_golden_signature(void **state)
{
    static const char id[] =
        "821297be79e153ec1e0bbebbf9ac0496e8771cbdab2c53c45f93ab6eafb4138e";
    static const char sig[] =
        "37d4371f9f87295b45578e30082f1480f1a77aa0351aea677849866bf7401bf8"
        "ffcc8e29819127d716e39daca0d519bb48b8263f12d400df2885bce791452b0a";
    uint8_t want[64];
    elo_buf_t out;
    elo_rec_t r;

    (void) state;
    elo_buf_init(&out, ELO_RECORD_MAX);
    golden_make(4, &r, &out);
    unhex(id, want);
    assert_memory_equal(r.id.b, want, 32);
    unhex(sig, want);
    assert_memory_equal(r.sig, want, 64);
    /* 82, 5856 and 86 bytes, 5840 and 64 bytes */
    assert_int_equal(out.len, 1 + 2 + 86 + 2 + 64);
    assert_memory_equal(out.p, "\x82\x58\x56", 3);
    assert_memory_equal(out.p + 89, "\x58\x40", 2);
    assert_memory_equal(out.p + 91, want, 64);
    elo_buf_dispose(&out);
}


static void
test_prefixes_and_changes(void **state)
{
    elo_rec_t r, back;
    elo_buf_t out;
    guard_t g;

    (void) state;
    guard_init(&g, ELO_RECORD_MAX);
    for (size_t i = 0; i < ELO_COUNT(golden); i++) {
        elo_buf_init(&out, ELO_RECORD_MAX);
        golden_make(i, &r, &out);
        for (size_t n = 0; n < out.len; n++) {
            elo_slice_t cut = guard_put(&g, elo_slice(out.p, n));

            assert_int_equal(elo_rec_parse(cut, &back, NULL), ELO_EINVAL);
        }
        for (size_t at = 0; at < out.len; at++) {
            uint8_t was = out.p[at];

            for (unsigned bit = 0; bit < 8; bit++) {
                out.p[at] = (uint8_t) (was ^ 1u << bit);
                assert_int_not_equal(
                    elo_rec_parse(guard_put(&g, elo_buf_slice(&out)), &back,
                                  NULL),
                    ELO_OK);
            }
            out.p[at] = was;
        }
        elo_buf_put_u8(&out, 0);
        assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL),
                         ELO_EINVAL);
        elo_buf_dispose(&out);
    }
    guard_dispose(&g);
}


#define A_BODY                                                                 \
    "02"                                                                       \
    "a2"                                                                       \
    "01" AGENT "02"                                                            \
    "01"

/* clang-format off */
static const struct {
    const char *name, *hex, *why;
} bad_frame[] = {
    { "six members", "86" "01" "5820" PUB "00" "f6" "01" "02",
      "record: another number of members" },
    { "eight members", "88" "01" "5820" PUB "00" "f6" "01" A_BODY "00",
      "record: another number of members" },
    { "version 0", "87" "00" "5820" PUB "00" "f6" "01" A_BODY,
      "record: another version" },
    { "version 2", "87" "02" "5820" PUB "00" "f6" "01" A_BODY,
      "record: another version" },
    { "long version", "87" "1801" "5820" PUB "00" "f6" "01" A_BODY,
      "cbor: not the shortest form" },
    { "long array", "9807" "01" "5820" PUB "00" "f6" "01" A_BODY,
      "cbor: not the shortest form" },
    { "indefinite array", "9f" "01" "5820" PUB "00" "f6" "01" A_BODY "ff",
      "cbor: indefinite length" },
    { "tagged", "d9d9f7" "87" "01" "5820" PUB "00" "f6" "01" A_BODY,
      "cbor: a tag" },
    { "author as text", "87" "01" "7820" HEX_32("41") "00" "f6" "01" A_BODY,
      "cbor: another type" },
    { "long author head", "87" "01" "590020" PUB "00" "f6" "01" A_BODY,
      "cbor: not the shortest form" },
    { "short author", "87" "01" "4111" "00" "f6" "01" A_BODY,
      "record: a key or id of another length" },
    { "negative seq", "87" "01" "5820" PUB "20" "f6" "01" A_BODY,
      "cbor: another type" },
    { "seq past int64", "87" "01" "5820" PUB "1b8000000000000000" DIGEST "01"
      A_BODY, "record: a number out of range" },
    { "seq 0 with prev", "87" "01" "5820" PUB "00" DIGEST "01" A_BODY,
      "record: a prev at the start" },
    { "seq 1 without prev", "87" "01" "5820" PUB "01" "f6" "01" A_BODY,
      "record: no prev" },
    { "short prev", "87" "01" "5820" PUB "01" "4133" "01" A_BODY,
      "record: a key or id of another length" },
    { "prev undefined", "87" "01" "5820" PUB "00" "f7" "01" A_BODY,
      "cbor: a float or simple value" },
    { "time as float", "87" "01" "5820" PUB "00" "f6" "fb4278000000000000"
      A_BODY, "cbor: a float or simple value" },
    { "long time", "87" "01" "5820" PUB "00" "f6" "1a00000001" A_BODY,
      "cbor: not the shortest form" },
    { "time past year 9999", "87" "01" "5820" PUB "00" "f6"
      "1bffffffffffffffff" A_BODY, "record: a number out of range" },
    { "kind 0", HEAD "00" "a0", "record: unknown kind" },
    { "kind 16", HEAD "10" "a0", "record: unknown kind" },
    { "a token revocation of nothing", HEAD "0f" "a0",
      "body: not one thing that is ended" },
    { "of an agent alone", HEAD "0f" "a1" "01" AGENT,
      "body: not one thing that is ended" },
    { "of a token and a key", HEAD "0f" "a2" "02" "6161" "03" "6162",
      "body: not one thing that is ended" },
    { "of a token and a version", HEAD "0f" "a3" "01" AGENT "02" "6161"
      "04" "02", "body: not one thing that is ended" },
    { "of nobody's version", HEAD "0f" "a1" "04" "02",
      "body: not one thing that is ended" },
    { "of version 1, which ends nothing", HEAD "0f" "a2" "01" AGENT "04" "01",
      "body: a number out of range" },
    { "of version 2^53", HEAD "0f" "a2" "01" AGENT "04" "1b0020000000000000",
      "body: a number out of range" },
    { "of an empty id", HEAD "0f" "a1" "02" "60",
      "body: a text too short or too long" },
    { "of an id of 65 bytes", HEAD "0f" "a1" "02" "7841" HEX_32("61")
      HEX_32("61") "61", "body: a text too short or too long" },
    { "of an id with a NUL", HEAD "0f" "a1" "02" "6100",
      "body: a control character" },
    { "kind 2^32 + 2", HEAD "1b0000000100000002" "a2" "01" AGENT "02" "01",
      "record: a number out of range" },
    { "no body", HEAD "02", "cbor: cut off" },
    { "something behind", HEAD A_BODY "00", "cbor: something follows" },
};

/* Kind and body. */
static const struct {
    const char *name, *hex, *why;
} bad_body[] = {
    { "an array", "02" "82" AGENT "01", "cbor: another type" },
    { "a null", "0b" "f6", "body: no map" },
    { "bytes", "0b" "41a0", "body: no map" },
    { "indefinite map", "02" "bf" "01" AGENT "02" "01" "ff",
      "cbor: indefinite length" },
    { "long map head", "02" "b802" "01" AGENT "02" "01",
      "cbor: not the shortest form" },
    { "keys out of order", "02" "a2" "02" "01" "01" AGENT,
      "cbor: keys out of order" },
    { "a key twice", "02" "a3" "01" AGENT "02" "01" "02" "01",
      "cbor: a key twice" },
    { "long key", "02" "a2" "1801" AGENT "02" "01",
      "cbor: not the shortest form" },
    { "unknown key", "02" "a3" "01" AGENT "02" "01" "05" "00",
      "body: a key that the kind hasn't got" },
    { "key 0", "02" "a3" "00" "00" "01" AGENT "02" "01",
      "body: a key that the kind hasn't got" },
    { "key of 2^64 - 1", "02" "a3" "01" AGENT "02" "01" "1bffffffffffffffff"
      "00", "body: a key that the kind hasn't got" },
    { "no agent", "02" "a1" "02" "01", "body: a key is missing" },
    { "no level", "02" "a1" "01" AGENT, "body: a key is missing" },
    { "empty", "0a" "a0", "body: a key is missing" },
    { "agent of 31 bytes", "02" "a2" "01" "581f" HEX_8("22") HEX_8("22")
      HEX_8("22") "22222222222222" "02" "01",
      "body: a key or hash of another length" },
    { "agent of zeros", "02" "a2" "01" "5820" HEX_32("00") "02" "01",
      "body: a key or hash of zeros" },
    { "level 0", "02" "a2" "01" AGENT "02" "00", "body: a number out of range" },
    { "level 3", "02" "a2" "01" AGENT "02" "03", "body: a number out of range" },
    { "until 0", "02" "a3" "01" AGENT "02" "01" "03" "00",
      "body: a number out of range" },
    { "until past year 9999", "02" "a3" "01" AGENT "02" "01" "03"
      "1b0000003afff44180", "body: a number out of range" },
    { "until as float", "02" "a3" "01" AGENT "02" "01" "03"
      "fb41dac00000000000", "cbor: a float or simple value" },
    { "until as tagged time", "02" "a3" "01" AGENT "02" "01" "03" "c1" UNTIL,
      "cbor: a tag" },
    { "until null", "02" "a3" "01" AGENT "02" "01" "03" "f6",
      "cbor: another type" },
    { "empty label", "02" "a3" "01" AGENT "02" "01" "04" "60",
      "body: a text too short or too long" },
    { "line feed", "02" "a3" "01" AGENT "02" "01" "04" "610a",
      "body: a control character" },
    { "NUL", "02" "a3" "01" AGENT "02" "01" "04" "6100",
      "body: a control character" },
    { "DEL", "02" "a3" "01" AGENT "02" "01" "04" "617f",
      "body: a control character" },
    { "C1", "02" "a3" "01" AGENT "02" "01" "04" "62c285",
      "body: a control character" },
    { "no UTF-8", "02" "a3" "01" AGENT "02" "01" "04" "61ff",
      "cbor: text that is no UTF-8" },
    { "label as bytes", "02" "a3" "01" AGENT "02" "01" "04" "4141",
      "cbor: another type" },
    { "indefinite label", "02" "a3" "01" AGENT "02" "01" "04" "7f6141ff",
      "cbor: indefinite length" },
    { "relation 0", "03" "a2" "01" AGENT "02" "00",
      "body: a number out of range" },
    { "relation 5", "03" "a2" "01" AGENT "02" "05",
      "body: a number out of range" },
    { "no use", "04" "a2" "01" DIGEST "02" "00", "body: a number out of range" },
    { "uses past uint32", "04" "a2" "01" DIGEST "02" "1b0000000100000000",
      "body: a number out of range" },
    { "uses left out", "04" "a1" "01" DIGEST, "body: a key is missing" },
    { "both invitations", "04" "a4" "01" DIGEST "02" "01" "05" ID_ABC "06"
      AGENT, "body: keys of two forms" },
    { "invitation of nobody", "04" "a1" "05" ID_ABC, "body: a key is missing" },
    { "node with an agent", "04" "a3" "01" DIGEST "02" "01" "06" AGENT,
      "body: keys of two forms" },
    { "proof of 63 bytes", "05" "a2" "01" DIGEST "02" "583f" HEX_32("61")
      HEX_8("61") HEX_8("61") HEX_8("61") "61616161616161",
      "body: a text too short or too long" },
    { "proof of 65 bytes", "05" "a2" "01" DIGEST "02" "5841" HEX_64("61") "61",
      "body: a text too short or too long" },
    { "a secret in the clear", "05" "a2" "01" DIGEST "02" "50" HEX_8("61")
      HEX_8("61"), "body: a text too short or too long" },
    { "category 0", "06" "a3" "01" AGENT "02" "00" "03" "8100",
      "body: a number out of range" },
    { "category 4", "06" "a3" "01" AGENT "02" "04" "03" "8100",
      "body: a number out of range" },
    { "no reach", "06" "a3" "01" AGENT "02" "01" "03" "80",
      "body: no reach, or too many" },
    { "nine reaches", "06" "a3" "01" AGENT "02" "01" "03"
      "89000102030405060708", "body: no reach, or too many" },
    { "reach 8", "06" "a3" "01" AGENT "02" "01" "03" "8108",
      "body: reaches out of range or order" },
    { "reach 64", "06" "a3" "01" AGENT "02" "01" "03" "811840",
      "body: reaches out of range or order" },
    { "reach twice", "06" "a3" "01" AGENT "02" "01" "03" "820101",
      "body: reaches out of range or order" },
    { "reaches descending", "06" "a3" "01" AGENT "02" "01" "03" "820201",
      "body: reaches out of range or order" },
    { "content that is no id", "06" "a4" "01" AGENT "02" "01" "03" "8100" "04"
      "632e2e2f", "body: no content id" },
    { "empty content", "06" "a4" "01" AGENT "02" "01" "03" "8100" "04" "60",
      "body: no content id" },
    { "escalation without reason", "07" "a3" "01" AGENT "02" DIGEST "04"
      "1a69600000", "body: a key is missing" },
    { "escalation with an empty one", "07" "a4" "01" AGENT "02" DIGEST "03"
      "60" "04" "1a69600000", "body: a text too short or too long" },
    { "escalation without end", "07" "a3" "01" AGENT "02" DIGEST "03"
      "6466697265", "body: a key is missing" },
    { "promotion from 8", "08" "a3" "01" ID_ABC "02" "08" "03" "07",
      "body: a number out of range" },
    { "both promotions", "08" "a5" "01" ID_ABC "02" "00" "03" "07" "04" DIGEST
      "05" AGENT, "body: keys of two forms" },
    { "promotion of bytes to nobody", "08" "a1" "04" DIGEST,
      "body: a key is missing" },
    { "version 0", "09" "a3" "01" ID_ABC "02" "00" "03" "01",
      "body: a number out of range" },
    { "state 6", "09" "a3" "01" ID_ABC "02" "01" "03" "06",
      "body: a number out of range" },
    { "registration without peer", "01" "a1" "03" "01",
      "body: a key is missing" },
    { "empty peer id", "01" "a2" "01" "40" "03" "01",
      "body: a text too short or too long" },
    { "empty capabilities", "01" "a3" "01" "4101" "02" "80" "03" "01",
      "body: empty instead of left out" },
    { "capability that is a number", "01" "a3" "01" "4101" "02" "8101" "03"
      "01", "cbor: another type" },
    { "empty capability", "01" "a3" "01" "4101" "02" "8160" "03" "01",
      "body: a text too short or too long" },
    { "float in a manifest", "0b" "a1" "01" "f90000",
      "cbor: a float or simple value" },
    { "tag in a location", "0c" "a1" "01" "c001", "cbor: a tag" },
    { "keys of a commitment", "0d" "a2" "02" "01" "01" "01",
      "cbor: keys out of order" },
    { "text keys of an attestation", "0e" "a1" "6161" "01",
      "cbor: another type" },
};
/* clang-format on */


static void
assert_refused(const char *name, const char *hex, const char *want)
{
    uint8_t mem[ELO_RECORD_MAX];
    const char *why = "";
    elo_rec_t r = { .seq = 77 };
    elo_buf_t out;

    elo_buf_init(&out, ELO_RECORD_MAX);
    sign_raw(elo_slice(mem, unhex(hex, mem)), &out);
    if (elo_rec_parse(elo_buf_slice(&out), &r, &why) != ELO_EINVAL
        || strcmp(why, want) != 0)
    {
        fail_msg("%s: \"%s\"", name, why);
    }
    assert_int_equal(r.seq, 77);
    elo_buf_dispose(&out);
}


static void
test_bad_frames(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad_frame); i++) {
        assert_refused(bad_frame[i].name, bad_frame[i].hex, bad_frame[i].why);
    }
}


static void
test_bad_bodies(void **state)
{
    char hex[2 * ELO_RECORD_MAX];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad_body); i++) {
        snprintf(hex, sizeof(hex), "%s%s", HEAD, bad_body[i].hex);
        assert_refused(bad_body[i].name, hex, bad_body[i].why);
    }
}


/* The pair around what is signed has one form, too. */
static void
test_bad_pairs(void **state)
{
    static const struct {
        const char *head, *middle, *tail;
    } bad[] = {
        { "9802", "5840", "" },     /* array of two, long */
        { "9f", "5840", "ff" },     /* indefinite */
        { "83", "5840", "00" },     /* of three */
        { "81", "", "" },           /* of one */
        { "d9d9f782", "5840", "" }, /* tagged */
        { "82", "590040", "" },     /* long head of the signature */
        { "82", "7840", "" },       /* as text */
        { "82", "5840", "00" },     /* something behind */
    };
    uint8_t mem[64];
    elo_rec_t r, back;
    elo_buf_t out, copy;
    size_t inner;

    (void) state;
    elo_buf_init(&out, ELO_RECORD_MAX);
    golden_make(4, &r, &out);
    inner = out.len - 1 - 2 - 64; /* with its head */
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        elo_buf_init(&copy, ELO_RECORD_MAX);
        elo_buf_put(&copy, mem, unhex(bad[i].head, mem));
        elo_buf_put(&copy, out.p + 1, inner);
        elo_buf_put(&copy, mem, unhex(bad[i].middle, mem));
        elo_buf_put(&copy, out.p + out.len - 64, 64);
        elo_buf_put(&copy, mem, unhex(bad[i].tail, mem));
        assert_int_equal(elo_rec_parse(elo_buf_slice(&copy), &back, NULL),
                         ELO_EINVAL);
        elo_buf_dispose(&copy);
    }
    elo_buf_dispose(&out);
}


/* Of another purpose, by another, of another statement. */
static void
test_wrong_signatures(void **state)
{
    uint8_t mem[ELO_RECORD_MAX], sig[ELO_SIG_LEN], other[ELO_SEED_LEN] = { 1 };
    elo_rec_t r, back;
    const char *why = "";
    elo_buf_t out;
    elo_slice_t inner;

    (void) state;
    elo_buf_init(&out, ELO_RECORD_MAX);
    golden_make(4, &r, &out);
    inner = elo_slice(out.p + 3, out.len - 3 - 2 - 64);

    elo_sign(seed, inner, sig); /* no purpose in front */
    memcpy(out.p + out.len - 64, sig, 64);
    assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, &why),
                     ELO_ECORRUPT);
    assert_string_equal(why, "record: wrong signature");

    memcpy(mem, "elohim-record-2", 16);
    memcpy(mem + 16, inner.p, inner.len);
    elo_sign(seed, elo_slice(mem, 16 + inner.len), sig);
    memcpy(out.p + out.len - 64, sig, 64);
    assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL),
                     ELO_ECORRUPT);

    memcpy(mem, "elohim-record-1", 16);
    elo_sign(other, elo_slice(mem, 16 + inner.len), sig);
    memcpy(out.p + out.len - 64, sig, 64);
    assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL),
                     ELO_ECORRUPT);

    assert_int_equal(elo_rec_read(elo_buf_slice(&out), &back, NULL), ELO_OK);
    assert_memory_equal(back.id.b, r.id.b, 32);
    assert_memory_equal(back.sig, sig, 64); /* nobody looked at it */

    elo_sign(seed, elo_slice(mem, 16 + inner.len), sig);
    memcpy(out.p + out.len - 64, sig, 64);
    assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL), ELO_OK);
    elo_buf_dispose(&out);
}


static elo_err_t
make(elo_rec_kind_t kind, elo_rec_body_t body, const char **why)
{
    elo_rec_t r = { .time_ms = TIME_MS, .kind = kind, .body = body }, back;
    elo_buf_t out;
    elo_err_t rc;

    elo_buf_init(&out, ELO_RECORD_MAX);
    *why = "";
    rc = elo_rec_make(&r, seed, &out, why);
    if (rc == ELO_OK) {
        assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL),
                         ELO_OK);
    } else {
        assert_int_equal(out.len, 0);
        assert_true(elo_agent_is_zero(&r.author));
    }
    elo_buf_dispose(&out);
    return rc;
}


static void
test_bounds(void **state)
{
    static const uint8_t x[ELO_RECORD_TEXT_MAX + 1] = { 'x' };
    uint8_t text[ELO_RECORD_TEXT_MAX + 1];
    elo_rec_body_t b = { A22, .sort = 1 };
    const char *why;

    (void) state;
    memset(text, 'x', sizeof(text));
    b.text = elo_slice(text, ELO_RECORD_TEXT_MAX);
    assert_int_equal(make(ELO_REC_ADMISSION, b, &why), ELO_OK);
    b.text.len++;
    assert_int_equal(make(ELO_REC_ADMISSION, b, &why), ELO_EINVAL);
    b.text.len = 0;
    b.until = ELO_RECORD_UNTIL_MAX;
    assert_int_equal(make(ELO_REC_ADMISSION, b, &why), ELO_OK);
    b.until++;
    assert_int_equal(make(ELO_REC_ADMISSION, b, &why), ELO_EINVAL);
    b.until = -1;
    assert_int_equal(make(ELO_REC_ADMISSION, b, &why), ELO_EINVAL);

    b = (elo_rec_body_t){ A22, D33, .text = ELO_SLICE("fire"),
                          .until = TIME_S + ELO_RECORD_ESCALATION_S };
    assert_int_equal(make(ELO_REC_ESCALATION, b, &why), ELO_OK);
    b.until++;
    assert_int_equal(make(ELO_REC_ESCALATION, b, &why), ELO_EINVAL);
    assert_string_equal(why, "body: an escalation of more than 30 days");

    b = (elo_rec_body_t){ D33, .proof = elo_slice(x, ELO_SIG_LEN) };
    assert_int_equal(make(ELO_REC_ACCEPTANCE, b, &why), ELO_OK);
    b.proof.len++;
    assert_int_equal(make(ELO_REC_ACCEPTANCE, b, &why), ELO_EINVAL);
    b.proof.len = ELO_SIG_LEN - 1;
    assert_int_equal(make(ELO_REC_ACCEPTANCE, b, &why), ELO_EINVAL);

    b = (elo_rec_body_t){ .peer = elo_slice(x, ELO_RECORD_PEER_MAX),
                          .announced = 1 };
    assert_int_equal(make(ELO_REC_REGISTRATION, b, &why), ELO_OK);
    b.peer.len++;
    assert_int_equal(make(ELO_REC_REGISTRATION, b, &why), ELO_EINVAL);
}


/* A statement isn't made with less than what the caller filled in. */
static void
test_make_refuses(void **state)
{
    const char *why;

    (void) state;
    assert_int_equal(
        make(ELO_REC_INVITATION, (elo_rec_body_t){ D33, .uses = 1, A22 }, &why),
        ELO_EINVAL);
    assert_string_equal(why, "body: keys of two forms");
    assert_int_equal(make(ELO_REC_PROMOTION,
                          (elo_rec_body_t){ ABC, .to = ELO_REACH_COMMONS, D33 },
                          &why),
                     ELO_EINVAL);
    assert_int_equal(make(ELO_REC_ADMISSION, (elo_rec_body_t){ A22 }, &why),
                     ELO_EINVAL);
    assert_int_equal(make((elo_rec_kind_t) 0, (elo_rec_body_t){ 0 }, &why),
                     ELO_EINVAL);
    assert_int_equal(
        make(ELO_REC_TOKEN_REVOCATION,
             (elo_rec_body_t){ A22, .version = 2, .jti = ELO_SLICE("a") },
             &why),
        ELO_EINVAL);
    assert_int_equal(make((elo_rec_kind_t) 16, (elo_rec_body_t){ 0 }, &why),
                     ELO_EINVAL);
    assert_string_equal(why, "record: unknown kind");
    assert_int_equal(make(ELO_REC_MANIFEST, (elo_rec_body_t){ 0 }, &why),
                     ELO_EINVAL);
    assert_int_equal(make(ELO_REC_MANIFEST,
                          (elo_rec_body_t){ .raw = ELO_SLICE("\xa0\xa0") },
                          &why),
                     ELO_EINVAL);
    assert_int_equal(make(ELO_REC_GRANT,
                          (elo_rec_body_t){ A22, .sort = 1, .reaches = 0x100 },
                          &why),
                     ELO_EINVAL);
    assert_int_equal(
        make(ELO_REC_REGISTRATION,
             (elo_rec_body_t){ .peer = ELO_SLICE("x"),
                               .announced = 1,
                               .capabilities = ELO_SLICE("\x61x") },
             &why),
        ELO_EINVAL);
}


/* {0: bytes} of which the whole record has len bytes. */
static elo_err_t
make_of(size_t len, elo_buf_t *out)
{
    /* outer 1 + 3 + 2 + 64; inner up to the kind 49; map, key, head of bytes */
    static uint8_t raw[ELO_RECORD_MAX + 1] = { 0xa1, 0x00, 0x59 };
    size_t n = len - (1 + 3 + 2 + 64) - (strlen(HEAD) / 2 + 1);
    elo_rec_t r = { .time_ms = TIME_MS, .kind = ELO_REC_MANIFEST };

    raw[3] = (uint8_t) ((n - 5) >> 8);
    raw[4] = (uint8_t) (n - 5);
    r.body.raw = elo_slice(raw, n);
    return elo_rec_make(&r, seed, out, NULL);
}


static void
test_size(void **state)
{
    uint8_t mem[ELO_RECORD_MAX + 1] = { 0x82 };
    elo_rec_t back;
    elo_buf_t out;

    (void) state;
    elo_buf_init(&out, 2 * ELO_RECORD_MAX);
    assert_int_equal(make_of(ELO_RECORD_MAX, &out), ELO_OK);
    assert_int_equal(out.len, ELO_RECORD_MAX);
    assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL), ELO_OK);
    assert_int_equal(make_of(ELO_RECORD_MAX + 1, &out), ELO_ETOOBIG);
    assert_int_equal(out.len, ELO_RECORD_MAX);
    assert_int_equal(elo_rec_parse(elo_slice(mem, sizeof(mem)), &back, NULL),
                     ELO_ETOOBIG);
    elo_buf_dispose(&out);

    elo_buf_init(&out, 20); /* no room of the caller's */
    assert_int_equal(make_of(1000, &out), ELO_ETOOBIG);
    elo_buf_dispose(&out);
}


static void
test_second_of_chain(void **state)
{
    elo_rec_t first = { .time_ms = 1,
                        .kind = ELO_REC_REVOCATION,
                        .body = { D33 } };
    elo_rec_t r = first, back;
    elo_buf_t out;

    (void) state;
    elo_buf_init(&out, ELO_RECORD_MAX);
    assert_int_equal(elo_rec_make(&first, seed, &out, NULL), ELO_OK);
    elo_buf_clear(&out);
    r.seq = 1;
    r.prev = first.id;
    assert_int_equal(elo_rec_make(&r, seed, &out, NULL), ELO_OK);
    assert_int_equal(elo_rec_parse(elo_buf_slice(&out), &back, NULL), ELO_OK);
    assert_int_equal(back.seq, 1);
    assert_memory_equal(back.prev.b, first.id.b, 32);
    assert_memory_not_equal(back.id.b, first.id.b, 32);
    /* a prev at seq 0 isn't written, for it stands for nothing */
    r.seq = 0;
    elo_buf_clear(&out);
    assert_int_equal(elo_rec_make(&r, seed, &out, NULL), ELO_OK);
    assert_memory_equal(r.id.b, first.id.b, 32);
    elo_buf_dispose(&out);
}


static void
test_names(void **state)
{
    static const char *const names[] = {
        "registration", "admission",   "relationship",    "invitation",
        "acceptance",   "grant",       "escalation",      "promotion",
        "lifecycle",    "revocation",  "manifest",        "location",
        "commitment",   "attestation", "token-revocation"
    };

    (void) state;
    assert_int_equal(ELO_COUNT(names), ELO_REC_KINDS);
    for (unsigned i = 0; i < ELO_REC_KINDS; i++) {
        assert_string_equal(elo_rec_kind_name((elo_rec_kind_t) (i + 1)),
                            names[i]);
    }
    assert_null(elo_rec_kind_name((elo_rec_kind_t) 0));
    assert_null(elo_rec_kind_name((elo_rec_kind_t) 16));
    assert_null(elo_rec_kind_name((elo_rec_kind_t) -1));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_signature),
        cmocka_unit_test(test_prefixes_and_changes),
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_bad_pairs),
        cmocka_unit_test(test_wrong_signatures),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_make_refuses),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_second_of_chain),
        cmocka_unit_test(test_names),
    };

    if (elo_keys_init() != ELO_OK) {
        return 1;
    }
    unhex(SEED, seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
