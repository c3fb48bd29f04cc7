/* SPDX-License-Identifier: BSD-2-Clause */
/* record_words: each kind of record in words, on one line whatever it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/record.h"
#include "common/base/num.h"

#define A "a900000000000000000000000000000000000000000000000000000000000000"
#define D "d100000000000000000000000000000000000000000000000000000000000000"
/* D as bytes */
#define D_BYTES                                                                \
    "\xd1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define AG                                                                     \
    {                                                                          \
        {                                                                      \
            0xa9                                                               \
        }                                                                      \
    }
#define DI                                                                     \
    {                                                                          \
        {                                                                      \
            0xd1                                                               \
        }                                                                      \
    }
#define S(s)                                                                   \
    {                                                                          \
        (const uint8_t *) (s), sizeof(s) - 1                                   \
    }

static const struct {
    elo_rec_kind_t kind;
    elo_rec_body_t body;
    const char *words;
} rows[] = {
    { ELO_REC_REGISTRATION,
      { .peer = S("\x01\xff") },
      "is the node with the peer id 01ff" },
    { ELO_REC_ADMISSION,
      { .agent = AG, .sort = 2, .text = S("Anna") },
      "admits " A " as admin, called \"Anna\"" },
    { ELO_REC_ADMISSION,
      { .agent = AG, .sort = 1, .until = 951782400 },
      "admits " A " as authenticated, until 2000-02-29T00:00:00Z" },
    { ELO_REC_RELATIONSHIP,
      { .agent = AG, .sort = 4 },
      "says that " A " is community" },
    { ELO_REC_INVITATION,
      { .ref = DI, .uses = 3, .text = S("party") },
      "invites to this node, 3 times at most, by the key " D ", as \"party\"" },
    { ELO_REC_INVITATION,
      { .has_content = true, .content = S("film"), .agent = AG },
      "invites " A " to \"film\"" },
    { ELO_REC_ACCEPTANCE, { .ref = DI }, "accepts the invitation " D },
    { ELO_REC_GRANT,
      { .agent = AG, .sort = 1, .reaches = 5 },
      "grants " A " read for private, local" },
    { ELO_REC_GRANT,
      { .agent = AG, .sort = 3, .reaches = 128, .content = S("film") },
      "grants " A " emergency for commons of \"film\"" },
    { ELO_REC_ESCALATION,
      { .agent = AG, .ref = DI, .text = S("a\nb\x1b[m") },
      "reads what is " A "'s in an emergency, by the grant " D
      ", because \"a?b?[m\"" },
    { ELO_REC_PROMOTION,
      { .has_content = true,
        .content = S("film"),
        .from = ELO_REACH_LOCAL,
        .to = ELO_REACH_COMMONS },
      "promotes \"film\" from local to commons" },
    { ELO_REC_PROMOTION,
      { .agent = AG, .ref = DI },
      "lets " A " refer to the bytes " D },
    { ELO_REC_LIFECYCLE,
      { .content = S("film"), .sort = 3, .version = 7, .text = S("old") },
      "makes \"film\" deprecated at version 7, because \"old\"" },
    { ELO_REC_REVOCATION, { .ref = DI }, "ends the record " D },
    { ELO_REC_MANIFEST,
      { .raw = S("\xa0") },
      "says 1 bytes of a manifest that isn't read here" },
    { ELO_REC_MANIFEST,
      { .raw = S("\xa3\x01\x58\x20" D_BYTES "\x02\x1a\x00\x20\x00\x00"
                 "\x03\x58\x20" D_BYTES) },
      "states that the bytes " D ", 2097152 of them, have the hash tree " D },
    { ELO_REC_LOCATION,
      { .raw = S("\xa0") },
      "says 1 bytes of a kind that isn't read here: location" },
    { ELO_REC_COMMITMENT,
      { .raw = S("\xa0") },
      "says 1 bytes of a kind that isn't read here: commitment" },
    { ELO_REC_ATTESTATION,
      { .raw = S("\xa0") },
      "says 1 bytes of a kind that isn't read here: attestation" },
    { ELO_REC_TOKEN_REVOCATION,
      { .agent = AG, .version = 2 },
      "ends tokens of " A " below version 2" },
    { ELO_REC_TOKEN_REVOCATION,
      { .jti = S("t1") },
      "ends tokens with the id \"t1\"" },
    { ELO_REC_TOKEN_REVOCATION,
      { .kid = S("k1") },
      "ends tokens signed by the key \"k1\"" },
    /* numbers that no parser lets through */
    { ELO_REC_RELATIONSHIP,
      { .agent = AG, .sort = 99 },
      "says that " A " is ?" },
    { ELO_REC_LIFECYCLE,
      { .content = S("x"), .sort = 6, .version = 1 },
      "makes \"x\" ? at version 1" },
};


static void
test_words(void **state)
{
    bool is_seen[ELO_REC_KINDS + 1] = { false };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_rec_t r = { .kind = rows[i].kind, .body = rows[i].body };
        elo_buf_t b;

        elo_buf_init(&b, 4096);
        elo_record_words(&b, &r);
        assert_int_equal(elo_buf_err(&b), ELO_OK);
        assert_string_equal(elo_buf_cstr(&b), rows[i].words);
        elo_buf_dispose(&b);
        is_seen[r.kind] = true;
    }
    for (int k = 1; k <= ELO_REC_KINDS; k++) {
        assert_true(is_seen[k]);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_words) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
