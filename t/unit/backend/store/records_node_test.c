/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/records_node: each record reads back, and nothing else is
   taken for it: no prefix, nothing longer, no field out of its bounds. Every
   input ends at an unreadable page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/store/records_node.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define INPUT_MAX 4096

typedef elo_err_t (*parse_fn)(elo_slice_t s, uint32_t data_len);

static elo_rec_node_t node;
static elo_rec_nodev_t nodev;
static elo_rec_media_t media;


static elo_err_t
parse_node(elo_slice_t s, uint32_t data_len)
{
    (void) data_len;
    return elo_rec_node_parse(s, &node);
}


static elo_err_t
parse_nodev(elo_slice_t s, uint32_t data_len)
{
    return elo_rec_nodev_parse(s, data_len, &nodev);
}


static elo_err_t
parse_media(elo_slice_t s, uint32_t data_len)
{
    return elo_rec_media_parse(s, data_len, &media);
}


/* Good as it is; bad when it is cut anywhere or has a byte too many. */
static void
only_whole(parse_fn fn, elo_buf_t *b, uint32_t data_len)
{
    uint8_t copy[INPUT_MAX];
    size_t len = b->len;
    guard_t g;

    assert_int_equal(elo_buf_err(b), ELO_OK);
    assert_true(len < sizeof(copy));
    memcpy(copy, b->p, len);
    copy[len] = 0;
    guard_init(&g, INPUT_MAX);
    for (size_t n = 0; n <= len + 1; n++) {
        assert_int_equal(fn(guard_put(&g, elo_slice(copy, n)), data_len),
                         n == len ? ELO_OK : ELO_ECORRUPT);
    }
    copy[0] ^= 4; /* a version of the future */
    assert_int_equal(fn(guard_put(&g, elo_slice(copy, len)), data_len),
                     ELO_ECORRUPT);
    guard_dispose(&g);
}


static void
test_node(void **state)
{
    elo_rec_node_t r = {
        .reach = ELO_REACH_LOCAL, .current = 7, .owner = 0xfedcba98, .n_refs = 2
    };
    uint8_t mem[ELO_NODE_REC_MAX];
    elo_buf_t b;

    (void) state;
    r.refs[0].b[0] = 1;
    r.refs[1].b[31] = 2;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_rec_node_encode(&r, &b);
    only_whole(parse_node, &b, 0);
    assert_int_equal(elo_rec_node_parse(elo_buf_slice(&b), &node), ELO_OK);
    assert_int_equal(node.reach, r.reach);
    assert_int_equal(node.current, 7);
    assert_int_equal(node.owner, 0xfedcba98);
    assert_int_equal(node.n_refs, 2);
    assert_memory_equal(node.refs, r.refs, sizeof(r.refs[0]) * 2);

    /* as many as there may be take all the room */
    r.n_refs = ELO_CONTENT_BLOBS_MAX;
    elo_buf_clear(&b);
    elo_rec_node_encode(&r, &b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_int_equal(b.len, sizeof(mem));
    only_whole(parse_node, &b, 0);
}


static void
test_node_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
    } cases[] = {
        { "reach beyond the table", 1, ELO_REACH_COUNT },
        { "more references than may be", 15, ELO_CONTENT_BLOBS_MAX + 1 },
        { "version 0", 9, 0 },
    };
    elo_rec_node_t r = { .current = 7 };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        uint8_t mem[ELO_NODE_REC_MAX + ELO_SHA256_LEN] = { 0 };
        elo_buf_t b;
        size_t len;

        elo_buf_init_fixed(&b, mem, sizeof(mem));
        elo_rec_node_encode(&r, &b);
        mem[cases[i].at] = cases[i].value;
        len = b.len + (size_t) mem[15] * ELO_SHA256_LEN;
        assert_int_equal(elo_rec_node_parse(
                             elo_slice(mem, ELO_MIN(len, sizeof(mem))), &node),
                         ELO_ECORRUPT);
    }
}


/* Rows of version 1 have no owner: they are the operator's. */
static void
test_node_version_1(void **state)
{
    uint8_t row[] = { 1, ELO_REACH_COMMONS, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0 };
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, INPUT_MAX);
    elo_buf_put(&b, row, sizeof(row) - 2);
    elo_buf_put_be16(&b, 2);
    for (uint8_t i = 0; i < 2 * ELO_SHA256_LEN; i++) {
        elo_buf_put_u8(&b, i);
    }
    node.owner = 5;
    only_whole(parse_node, &b, 0);
    assert_int_equal(elo_rec_node_parse(elo_buf_slice(&b), &node), ELO_OK);
    assert_int_equal(node.owner, 0);
    assert_int_equal(node.current, 9);
    assert_int_equal(node.n_refs, 2);
    assert_int_equal(node.refs[1].b[31], 63);
    elo_buf_dispose(&b);
}


/* What stands for "of nobody in particular" is no owner. */
static void
test_node_owner(void **state)
{
    elo_rec_node_t r = { .current = 7, .owner = UINT32_MAX };
    uint8_t mem[ELO_NODE_REC_MAX];
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_rec_node_encode(&r, &b);
    assert_int_equal(elo_rec_node_parse(elo_buf_slice(&b), &node),
                     ELO_ECORRUPT);
}


static void
test_nodev(void **state)
{
    elo_rec_nodev_t in = { .reach = ELO_REACH_COMMONS,
                           .len = 2,
                           .json = ELO_SLICE("{}") };
    elo_rec_nodev_t out = { .len = ELO_CONTENT_JSON_MAX };
    uint8_t mem[ELO_NODEV_REC_MAX];
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_rec_nodev_encode(&in, &b);
    only_whole(parse_nodev, &b, 0);
    assert_int_equal(parse_nodev(elo_buf_slice(&b), 0), ELO_OK);
    assert_int_equal(nodev.reach, ELO_REACH_COMMONS);
    assert_true(elo_slice_eq(nodev.json, in.json));
    /* with data it would have the text twice */
    assert_int_equal(parse_nodev(elo_buf_slice(&b), 2), ELO_ECORRUPT);

    elo_buf_clear(&b);
    elo_rec_nodev_encode(&out, &b);
    only_whole(parse_nodev, &b, ELO_CONTENT_JSON_MAX);
    assert_int_equal(parse_nodev(elo_buf_slice(&b), ELO_CONTENT_JSON_MAX),
                     ELO_OK);
    assert_int_equal(nodev.len, ELO_CONTENT_JSON_MAX);
    assert_null(nodev.json.p);
    assert_int_equal(parse_nodev(elo_buf_slice(&b), ELO_CONTENT_JSON_MAX - 1),
                     ELO_ECORRUPT);
    assert_int_equal(parse_nodev(elo_buf_slice(&b), 0), ELO_ECORRUPT);

    elo_buf_clear(&b);
    out.len++;
    elo_rec_nodev_encode(&out, &b);
    assert_int_equal(parse_nodev(elo_buf_slice(&b), out.len), ELO_ECORRUPT);
}


static void
test_media(void **state)
{
    static const struct {
        const char *name;
        uint8_t where;
        uint64_t file, size;
        uint32_t data_len;
        elo_err_t want;
    } cases[] = {
        { "a reason", ELO_MEDIA_NOWHERE, 0, 0, 0, ELO_OK },
        { "data of the entry", ELO_MEDIA_LOG, 0, 9, 9, ELO_OK },
        { "a file", ELO_MEDIA_FILE, 7, 9, 0, ELO_OK },
        { "a file, the largest", ELO_MEDIA_FILE, UINT64_MAX, INT64_MAX, 0,
          ELO_OK },
        { "nothing with a size", ELO_MEDIA_NOWHERE, 0, 1, 0, ELO_ECORRUPT },
        { "nothing with a file", ELO_MEDIA_NOWHERE, 1, 0, 0, ELO_ECORRUPT },
        { "nothing with data", ELO_MEDIA_NOWHERE, 0, 0, 1, ELO_ECORRUPT },
        { "data of another length", ELO_MEDIA_LOG, 0, 9, 8, ELO_ECORRUPT },
        { "data and a file", ELO_MEDIA_LOG, 1, 9, 9, ELO_ECORRUPT },
        { "no data", ELO_MEDIA_LOG, 0, 0, 0, ELO_ECORRUPT },
        { "a file without id", ELO_MEDIA_FILE, 0, 9, 0, ELO_ECORRUPT },
        { "a file and data", ELO_MEDIA_FILE, 7, 9, 9, ELO_ECORRUPT },
        { "an empty file", ELO_MEDIA_FILE, 7, 0, 0, ELO_ECORRUPT },
        { "a size that is negative", ELO_MEDIA_FILE, 7, UINT64_MAX, 0,
          ELO_ECORRUPT },
        { "some other place", 3, 7, 9, 0, ELO_ECORRUPT },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_rec_media_t r = { .status = 3,
                              .where = (elo_media_where_t) cases[i].where,
                              .file = cases[i].file,
                              .size = cases[i].size,
                              .reason = ELO_SLICE("why") };
        uint8_t mem[ELO_MEDIA_REC_MAX];
        elo_buf_t b;

        elo_buf_init_fixed(&b, mem, sizeof(mem));
        elo_rec_media_encode(&r, &b);
        if (parse_media(elo_buf_slice(&b), cases[i].data_len) != cases[i].want)
        {
            fail_msg("%s", cases[i].name);
        }
        if (cases[i].want == ELO_OK) {
            only_whole(parse_media, &b, cases[i].data_len);
            assert_int_equal(media.status, 3);
            assert_int_equal(media.file, cases[i].file);
            assert_int_equal(media.size, cases[i].size);
        }
    }
}


static void
test_nodev_keys(void **state)
{
    static const char *const ids[] = { "a", "a-b", "a.b", "b" };
    uint8_t mem[ELO_NODEV_KEY_MAX], prev[ELO_NODEV_KEY_MAX];
    elo_slice_t last = elo_slice("", 0), id;
    uint64_t version;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(ids); i++) {
        for (uint64_t v = 1; v <= 0x10000; v *= 256) {
            elo_slice_t name = elo_slice_str(ids[i]);
            elo_slice_t key = elo_nodev_key(name, v, mem);
            size_t n = ELO_MIN(key.len, last.len);
            int cmp = n == 0 ? 1 : memcmp(key.p, last.p, n);

            assert_int_equal(elo_nodev_key_parse(key, &id, &version), ELO_OK);
            assert_true(elo_slice_eq(id, name));
            assert_int_equal(version, v);
            assert_true(cmp > 0 || (cmp == 0 && key.len > last.len));
            memcpy(prev, key.p, key.len);
            last = elo_slice(prev, key.len);
        }
    }
    assert_int_equal(elo_nodev_key_parse(elo_slice("", 0), &id, &version),
                     ELO_ECORRUPT);
    assert_int_equal(
        elo_nodev_key_parse(ELO_SLICE("\0\0\0\0\0\0\0\0\1"), &id, &version),
        ELO_ECORRUPT);
    assert_int_equal(
        elo_nodev_key_parse(ELO_SLICE("a1\0\0\0\0\0\0\0\1"), &id, &version),
        ELO_ECORRUPT);
    assert_int_equal(
        elo_nodev_key_parse(ELO_SLICE("/\0\0\0\0\0\0\0\0\1"), &id, &version),
        ELO_ECORRUPT);
}


/* Each place is behind the one before; one with an id reads back. */
static void
test_ref_keys(void **state)
{
    static const struct {
        uint32_t owner;
        const char *id;
    } cases[] = {
        { 1, "" },        { 1, "0" },
        { 1, "id" },      { 2, "" },
        { 2, "a" },       { 255, "" },
        { 256, "" },      { 256, "z" },
        { 1u << 31, "" }, { UINT32_MAX - 1, "z" },
        { 0, "" },        { 0, "0" },
        { 0, "id" },
    };
    elo_digest_t d = { { 1, 2, 3 } }, got;
    uint8_t mem[2][ELO_REF_KEY_MAX], longest[ELO_CONTENT_ID_MAX];
    elo_slice_t key, before = { NULL, 0 }, id;
    uint32_t owner = 77;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        size_t n;

        key = elo_ref_key(&d, cases[i].owner, elo_slice_str(cases[i].id),
                          mem[i % 2]);
        n = ELO_MIN(key.len, before.len);
        if (i > 0) {
            int cmp = memcmp(before.p, key.p, n);

            assert_true(cmp < 0 || (cmp == 0 && before.len < key.len));
        }
        before = key;
        if (cases[i].id[0] == '\0') {
            assert_int_equal(elo_ref_key_parse(key, &got, &owner, &id),
                             ELO_ECORRUPT);
            continue;
        }
        assert_int_equal(elo_ref_key_parse(key, &got, &owner, &id), ELO_OK);
        assert_memory_equal(got.b, d.b, ELO_SHA256_LEN);
        assert_int_equal(owner, cases[i].owner);
        assert_true(elo_slice_eq(id, elo_slice_str(cases[i].id)));
        for (size_t len = 0; len < key.len - id.len + 1; len++) {
            assert_int_equal(
                elo_ref_key_parse(elo_slice(key.p, len), &got, &owner, &id),
                ELO_ECORRUPT);
        }
    }
    memset(longest, 'a', sizeof(longest));
    for (uint32_t o = 0; o < 2; o++) {
        key = elo_ref_key(&d, o, elo_slice(longest, sizeof(longest)), mem[0]);
        assert_true(key.len <= sizeof(mem[0]));
        assert_int_equal(elo_ref_key_parse(key, &got, &owner, &id), ELO_OK);
    }
    /* an owner that must not be written like this, and what is no id */
    key = elo_ref_key(&d, 1, ELO_SLICE("a"), mem[0]);
    mem[0][ELO_SHA256_LEN + 4] = 0;
    assert_int_equal(elo_ref_key_parse(key, &got, &owner, &id), ELO_ECORRUPT);
    key = elo_ref_key(&d, 0, ELO_SLICE("a"), mem[0]);
    mem[0][ELO_SHA256_LEN] = '/';
    assert_int_equal(elo_ref_key_parse(key, &got, &owner, &id), ELO_ECORRUPT);
}


static void
test_other_keys(void **state)
{
    elo_digest_t d = { { 1, 2, 3 } }, got;
    uint8_t mem[ELO_REF_KEY_MAX], orphan[ELO_ORPHAN_KEY];
    elo_slice_t key;
    int64_t due = 0;

    (void) state;
    key = elo_orphan_key(77, &d, orphan);
    assert_int_equal(elo_orphan_key_parse(key, &due, &got), ELO_OK);
    assert_int_equal(due, 77);
    assert_memory_equal(got.b, d.b, ELO_SHA256_LEN);
    key.len--;
    assert_int_equal(elo_orphan_key_parse(key, &due, &got), ELO_ECORRUPT);
    key.len++;
    orphan[0] = 0xff; /* a time before all time */
    assert_int_equal(elo_orphan_key_parse(key, &due, &got), ELO_ECORRUPT);
    /* the way back sorts behind whatever is due, ever */
    key = elo_orphan_key(INT64_MAX, &d, orphan);
    assert_true(memcmp(elo_orphan_back(&d, mem).p, key.p, ELO_ORPHAN_BACK) > 0);
    assert_int_equal(
        elo_orphan_key_parse(elo_slice(mem, ELO_ORPHAN_BACK), &due, &got),
        ELO_ENOTFOUND);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ref_keys),
        cmocka_unit_test(test_node),
        cmocka_unit_test(test_node_bounds),
        cmocka_unit_test(test_node_version_1),
        cmocka_unit_test(test_node_owner),
        cmocka_unit_test(test_nodev),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_nodev_keys),
        cmocka_unit_test(test_other_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
