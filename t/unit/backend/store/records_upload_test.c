/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/records_upload: each record and key reads back, and nothing
   else is taken for one; names of files are those of uploads and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "backend/store/records_upload.h"
#include "common/base/keys.h"
#include "common/base/num.h"
#include "t/unit/guard.h"


static void
test_keys(void **state)
{
    static const struct {
        elo_upload_part_t part;
        uint64_t at;
        size_t len;
    } cases[] = {
        /* in the order of bytes */
        { ELO_UPLOAD_PART_STATE, 0, 16 },
        { ELO_UPLOAD_PART_FORM, 0, 17 },
        { ELO_UPLOAD_PART_KEY, 0, 17 },
        { ELO_UPLOAD_PART_PIECE, 0, 25 },
        { ELO_UPLOAD_PART_PIECE, 255, 25 },
        { ELO_UPLOAD_PART_PIECE, UINT64_MAX, 25 },
    };
    uint8_t id[ELO_UPLOAD_ID] = { 1, 2, 3 }, got[ELO_UPLOAD_ID];
    uint8_t mem[ELO_UPLOAD_KEY_MAX + 1] = { 0 };
    uint8_t last[ELO_UPLOAD_KEY_MAX + 1] = { 0 };
    elo_upload_part_t part;
    uint64_t at;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(mem));
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t key = elo_upload_key(id, cases[i].part, cases[i].at, mem);

        assert_int_equal(key.len, cases[i].len);
        assert_int_equal(
            elo_upload_key_parse(guard_put(&g, key), got, &part, &at), ELO_OK);
        assert_memory_equal(got, id, sizeof(id));
        assert_int_equal(part, cases[i].part);
        assert_int_equal(at, cases[i].at);
        assert_true(memcmp(last, mem, key.len) < 0);
        memcpy(last, mem, sizeof(mem));
        mem[key.len] = 9;
        for (size_t n = 0; n <= key.len + 1; n++) {
            if (n != key.len && n != 16) {
                assert_int_equal(
                    elo_upload_key_parse(guard_put(&g, elo_slice(mem, n)), got,
                                         &part, &at),
                    ELO_ECORRUPT);
            }
        }
        memset(mem + 16, 0, sizeof(mem) - 16);
    }
    guard_dispose(&g);
}


static void
test_state(void **state)
{
    static const struct {
        const char *name;
        elo_upload_state_t r;
        elo_err_t want;
    } cases[] = {
        { "open", { .phase = ELO_UPLOAD_OPEN, .length = 5 }, ELO_OK },
        { "length not told",
          { .phase = ELO_UPLOAD_OPEN, .length = UINT64_MAX, .offset = 7 },
          ELO_OK },
        { "ended", { .phase = ELO_UPLOAD_ENDED, .created_at = 7 }, ELO_OK },
        { "final",
          { .phase = ELO_UPLOAD_FINAL,
            .length = 9,
            .offset = 9,
            .expires_at = INT64_MAX,
            .key_no = 3,
            .agent = 77,
            .sealed_to = 4,
            .digest = { { 1, 2, 3 } } },
          ELO_OK },
        { "no phase", { .length = 5 }, ELO_ECORRUPT },
        { "a phase of the future", { .phase = 4, .length = 5 }, ELO_ECORRUPT },
        { "past its length",
          { .phase = ELO_UPLOAD_OPEN, .length = 5, .offset = 6 },
          ELO_ECORRUPT },
        { "longer than can be",
          { .phase = ELO_UPLOAD_OPEN, .length = UINT64_MAX - 1 },
          ELO_ECORRUPT },
        { "more than can be",
          { .phase = ELO_UPLOAD_OPEN,
            .length = UINT64_MAX,
            .offset = (uint64_t) INT64_MAX + 1 },
          ELO_ECORRUPT },
        { "before all time",
          { .phase = ELO_UPLOAD_OPEN, .length = 5, .expires_at = -1 },
          ELO_ECORRUPT },
    };
    elo_upload_state_t got;
    guard_t g;

    (void) state;
    guard_init(&g, 256);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        uint8_t mem[ELO_UPLOAD_STATE_MAX + 1] = { 0 };
        elo_buf_t b;

        elo_buf_init_fixed(&b, mem, ELO_UPLOAD_STATE_MAX);
        elo_upload_state_encode(&cases[i].r, &b);
        assert_int_equal(elo_buf_err(&b), ELO_OK);
        if (elo_upload_state_parse(elo_buf_slice(&b), &got) != cases[i].want) {
            fail_msg("%s", cases[i].name);
        }
        if (cases[i].want != ELO_OK) {
            continue;
        }
        assert_int_equal(got.phase, cases[i].r.phase);
        assert_int_equal(got.length, cases[i].r.length);
        assert_int_equal(got.offset, cases[i].r.offset);
        assert_int_equal(got.expires_at, cases[i].r.expires_at);
        assert_int_equal(got.sealed_to, cases[i].r.sealed_to);
        assert_int_equal(got.key_no, cases[i].r.key_no);
        assert_int_equal(got.agent, cases[i].r.agent);
        assert_memory_equal(&got.digest, &cases[i].r.digest, ELO_SHA256_LEN);
        for (size_t n = 0; n <= b.len + 1; n++) {
            assert_int_equal(
                elo_upload_state_parse(guard_put(&g, elo_slice(mem, n)), &got),
                n == b.len ? ELO_OK : ELO_ECORRUPT);
        }
        mem[0] ^= 2;
        assert_int_equal(elo_upload_state_parse(elo_buf_slice(&b), &got),
                         ELO_ECORRUPT);
    }
    guard_dispose(&g);
}


static void
test_form(void **state)
{
    static elo_agent_t invited[ELO_CONTENT_INVITED_MAX];
    char type[ELO_MIME_MAX], meta[ELO_UPLOAD_META_MAX];
    elo_put_opt_t full = { .has_expect = true,
                           .expect = { { 9 } },
                           .content_type = elo_slice(type, sizeof(type)),
                           .reach = ELO_REACH_INVITED,
                           .agent = { { 7 } },
                           .invited = invited,
                           .n_invited = ELO_CONTENT_INVITED_MAX };
    elo_put_opt_t bare = { .reach = ELO_REACH_COMMONS };
    elo_upload_form_t got;
    elo_buf_t b;
    guard_t g;

    (void) state;
    memset(type, 't', sizeof(type));
    memset(meta, 'm', sizeof(meta));
    invited[1].b[0] = 8;
    elo_buf_init(&b, ELO_UPLOAD_FORM_MAX + 1);
    elo_upload_form_encode(&full, elo_slice(meta, sizeof(meta)), &b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_true(b.len <= ELO_UPLOAD_FORM_MAX);
    assert_int_equal(elo_upload_form_parse(elo_buf_slice(&b), &got), ELO_OK);
    assert_true(got.opt.has_expect);
    assert_memory_equal(&got.opt.expect, &full.expect, ELO_SHA256_LEN);
    assert_memory_equal(&got.opt.agent, &full.agent, ELO_AGENT_LEN);
    assert_int_equal(got.opt.reach, ELO_REACH_INVITED);
    assert_int_equal(got.opt.n_invited, ELO_CONTENT_INVITED_MAX);
    assert_int_equal(got.invited_raw.p[ELO_AGENT_LEN], 8);
    assert_true(elo_slice_eq(got.meta, elo_slice(meta, sizeof(meta))));
    assert_true(elo_slice_eq(got.opt.content_type, full.content_type));
    assert_null(got.opt.invited);

    guard_init(&g, ELO_UPLOAD_FORM_MAX + 1);
    elo_buf_clear(&b);
    elo_upload_form_encode(&bare, ELO_SLICE("m"), &b);
    elo_buf_put_u8(&b, 0);
    for (size_t n = 0; n <= b.len; n++) {
        assert_int_equal(
            elo_upload_form_parse(guard_put(&g, elo_slice(b.p, n)), &got),
            n + 1 == b.len ? ELO_OK : ELO_ECORRUPT);
    }
    b.len--;
    for (size_t at = 0; at < 3; at++) { /* version, flags, reach */
        uint8_t was = b.p[at];

        b.p[at] = 8;
        assert_int_equal(elo_upload_form_parse(elo_buf_slice(&b), &got),
                         ELO_ECORRUPT);
        b.p[at] = was;
    }
    elo_buf_dispose(&b);
    guard_dispose(&g);
}


/* Of a boxed form reach and agent can be read, and no more. */
static void
test_form_boxed(void **state)
{
    uint8_t box[60] = { 5 };
    elo_put_opt_t opt = { .has_expect = true,
                          .expect = { { 9 } },
                          .content_type = ELO_SLICE("text/plain"),
                          .reach = ELO_REACH_LOCAL,
                          .agent = { { 7 } } };
    elo_upload_form_t got;
    elo_buf_t b;
    guard_t g;

    (void) state;
    elo_buf_init(&b, ELO_UPLOAD_FORM_MAX);
    elo_upload_form_encode_boxed(&opt, elo_slice(box, sizeof(box)), &b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_int_equal(b.len, 3 + ELO_AGENT_LEN + sizeof(box));
    assert_int_equal(elo_upload_form_parse(elo_buf_slice(&b), &got), ELO_OK);
    assert_int_equal(got.opt.reach, ELO_REACH_LOCAL);
    assert_memory_equal(&got.opt.agent, &opt.agent, ELO_AGENT_LEN);
    assert_false(got.opt.has_expect);
    assert_int_equal(got.opt.content_type.len, 0);
    assert_true(elo_slice_eq(got.box, elo_slice(box, sizeof(box))));
    guard_init(&g, ELO_UPLOAD_FORM_MAX);
    for (size_t n = 0; n <= 3 + ELO_AGENT_LEN + ELO_SBOX_OVERHEAD; n++) {
        assert_int_equal(
            elo_upload_form_parse(guard_put(&g, elo_slice(b.p, n)), &got),
            ELO_ECORRUPT);
    }
    b.p[1] = 3; /* boxed, and not */
    assert_int_equal(elo_upload_form_parse(elo_buf_slice(&b), &got),
                     ELO_ECORRUPT);
    guard_dispose(&g);
    elo_buf_dispose(&b);
}


static void
test_names(void **state)
{
#define ID "0123456789abcdef0123456789abcdef"
    static const struct {
        const char *name;
        elo_err_t want;
        uint32_t key_no;
    } cases[] = {
        { ID, ELO_OK, 0 },
        { ID ".1", ELO_OK, 1 },
        { ID ".4294967295", ELO_OK, UINT32_MAX },
        { ID ".4294967296", ELO_ENOTFOUND, 0 },
        { ID ".0", ELO_ENOTFOUND, 0 },
        { ID ".01", ELO_ENOTFOUND, 0 },
        { ID ".", ELO_ENOTFOUND, 0 },
        { ID ".x", ELO_ENOTFOUND, 0 },
        { ID "x1", ELO_ENOTFOUND, 0 },
        { ID "1", ELO_ENOTFOUND, 0 },
        { "0123456789ABCDEF0123456789ABCDEF", ELO_ENOTFOUND, 0 },
        { "0123456789abcdef", ELO_ENOTFOUND, 0 },
        { "", ELO_ENOTFOUND, 0 },
        { "notes", ELO_ENOTFOUND, 0 },
    };
    char name[ELO_STORE_NAME_MAX + 1];
    uint8_t id[ELO_UPLOAD_ID];
    uint32_t key_no = 0;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t s = elo_slice_str(cases[i].name);

        if (elo_upload_file_parse(s, id, &key_no) != cases[i].want) {
            fail_msg("%s", cases[i].name);
        }
        if (cases[i].want == ELO_OK) {
            assert_int_equal(key_no, cases[i].key_no);
            elo_upload_file(id, key_no, name);
            assert_memory_equal(name, "uploads/", 8);
            assert_string_equal(name + 8, cases[i].name);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),  cmocka_unit_test(test_state),
        cmocka_unit_test(test_form),  cmocka_unit_test(test_form_boxed),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
