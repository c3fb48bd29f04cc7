/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/records: each record reads back, and nothing else is
   taken for it: no prefix, no flipped bit, no other key, no other kind of record,
   and no field out of its bounds under a right checksum. */
#include "t/unit/backend/store/store_dir.c"

#include "common/http/wire.h"

#define KEY ELO_SLICE("0123456789abcdef0123456789abcdef")

typedef union {
    elo_rec_state_t state;
    elo_rec_file_t file;
    elo_rec_blob_t blob;
    elo_rec_media_t media;
    elo_rec_node_t node;
    elo_rec_nodev_t nodev;
} any_t;

static any_t parsed;


static elo_err_t
parse_state(elo_slice_t key, elo_slice_t s)
{
    return elo_rec_state_parse(key, s, &parsed.state);
}


static elo_err_t
parse_file(elo_slice_t key, elo_slice_t s)
{
    return elo_rec_file_parse(key, s, &parsed.file);
}


static elo_err_t
parse_blob(elo_slice_t key, elo_slice_t s)
{
    return elo_rec_blob_parse(key, s, &parsed.blob);
}


static elo_err_t
parse_media(elo_slice_t key, elo_slice_t s)
{
    return elo_rec_media_parse(key, s, &parsed.media);
}


static elo_err_t
parse_node(elo_slice_t key, elo_slice_t s)
{
    return elo_rec_node_parse(key, s, &parsed.node);
}


static elo_err_t
parse_nodev(elo_slice_t key, elo_slice_t s)
{
    return elo_rec_nodev_parse(key, s, &parsed.nodev);
}


static void
put_state(elo_buf_t *b)
{
    elo_rec_state_t r = { 1, 2048, 1024, 3, 4 };

    elo_rec_state_encode(&r, KEY, b);
}


static void
put_file(elo_buf_t *b)
{
    elo_rec_file_t r = { .kind = ELO_FILE_MEDIA, .digest = { { 7 } } };

    elo_rec_file_encode(&r, KEY, b);
}


static void
put_blob(elo_buf_t *b)
{
    elo_rec_blob_t r = { 5, 6, 1700000000, ELO_SLICE("video/mp4") };

    elo_rec_blob_encode(&r, KEY, b);
}


static void
put_media(elo_buf_t *b)
{
    elo_rec_media_t r = { ELO_MEDIA_NONE, 0, 0, ELO_SLICE("no MP4") };

    elo_rec_media_encode(&r, KEY, b);
}


static void
put_node_rec(elo_buf_t *b)
{
    elo_rec_node_t r = { .reach = ELO_REACH_COMMONS,
                         .current = 9,
                         .n_refs = 2,
                         .refs = { { { 1 } }, { { 2 } } } };

    elo_rec_node_encode(&r, KEY, b);
}


static void
put_nodev(elo_buf_t *b)
{
    elo_rec_nodev_t r = { ELO_REACH_LOCAL, ELO_SLICE("{\"a\":1}") };

    elo_rec_nodev_encode(&r, KEY, b);
}


static const struct {
    const char *name;
    void (*put)(elo_buf_t *b);
    elo_err_t (*parse)(elo_slice_t key, elo_slice_t s);
} kinds[] = {
    { "state", put_state, parse_state },  { "file", put_file, parse_file },
    { "blob", put_blob, parse_blob },     { "media", put_media, parse_media },
    { "node", put_node_rec, parse_node }, { "nodev", put_nodev, parse_nodev },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))


static void
make(size_t i, elo_buf_t *b)
{
    elo_buf_init(b, 4096);
    kinds[i].put(b);
    assert_int_equal(elo_buf_err(b), ELO_OK);
}


static void
test_fields(void **state)
{
    elo_buf_t b;

    (void) state;
    for (size_t i = 0; i < N_KINDS; i++) {
        make(i, &b);
        assert_int_equal(kinds[i].parse(KEY, elo_buf_slice(&b)), ELO_OK);
        switch (i) {
        case 0:
            assert_int_equal(parsed.state.seq_reserved, 2048);
            assert_int_equal(parsed.state.scan_from, 1024);
            assert_int_equal(parsed.state.blobs, 3);
            assert_int_equal(parsed.state.bytes, 4);
            break;
        case 1:
            assert_int_equal(parsed.file.kind, ELO_FILE_MEDIA);
            assert_int_equal(parsed.file.digest.b[0], 7);
            break;
        case 2:
            assert_int_equal(parsed.blob.seq, 5);
            assert_int_equal(parsed.blob.size, 6);
            assert_int_equal(parsed.blob.created_at, 1700000000);
            assert_true(
                elo_slice_eq(parsed.blob.content_type, ELO_SLICE("video/mp4")));
            break;
        case 3:
            assert_int_equal(parsed.media.status, ELO_MEDIA_NONE);
            assert_true(elo_slice_eq(parsed.media.reason, ELO_SLICE("no MP4")));
            break;
        case 4:
            assert_int_equal(parsed.node.current, 9);
            assert_int_equal(parsed.node.n_refs, 2);
            assert_int_equal(parsed.node.refs[1].b[0], 2);
            break;
        default:
            assert_int_equal(parsed.nodev.reach, ELO_REACH_LOCAL);
            assert_true(
                elo_slice_eq(parsed.nodev.json, ELO_SLICE("{\"a\":1}")));
        }
        elo_buf_dispose(&b);
    }
}


/* The bytes lie at the end of an allocation of their own, so that a read past
   them is seen. */
static elo_err_t
parse_exact(size_t i, elo_slice_t key, elo_slice_t s)
{
    uint8_t *p = malloc(s.len + 1);
    elo_err_t rc;

    memcpy(p + 1, s.p, s.len);
    rc = kinds[i].parse(key, elo_slice(p + 1, s.len));
    free(p);
    return rc;
}


static void
test_damage(void **state)
{
    elo_buf_t b;

    (void) state;
    for (size_t i = 0; i < N_KINDS; i++) {
        make(i, &b);
        for (size_t len = 0; len < b.len; len++) {
            assert_int_equal(parse_exact(i, KEY, elo_slice(b.p, len)),
                             ELO_ECORRUPT);
        }
        for (size_t bit = 0; bit < b.len * 8; bit++) {
            b.p[bit / 8] ^= (uint8_t) (1u << bit % 8);
            assert_int_equal(parse_exact(i, KEY, elo_buf_slice(&b)),
                             ELO_ECORRUPT);
            b.p[bit / 8] ^= (uint8_t) (1u << bit % 8);
        }
        assert_int_equal(
            parse_exact(i, ELO_SLICE("another"), elo_buf_slice(&b)),
            ELO_ECORRUPT);
        elo_buf_put_u8(&b, 0);
        assert_int_equal(parse_exact(i, KEY, elo_buf_slice(&b)), ELO_ECORRUPT);
        elo_buf_dispose(&b);
    }
}


/* A record of one kind is none of another: lengths or fields tell. */
static void
test_kinds_differ(void **state)
{
    elo_buf_t b;

    (void) state;
    for (size_t i = 0; i < N_KINDS; i++) {
        make(i, &b);
        for (size_t j = 0; j < N_KINDS; j++) {
            if (i != j
                && parse_exact(j, KEY, elo_buf_slice(&b)) != ELO_ECORRUPT) {
                fail_msg("a %s record is taken for a %s record", kinds[i].name,
                         kinds[j].name);
            }
        }
        elo_buf_dispose(&b);
    }
}


/* Puts v at offset off of a record, with a checksum that fits again. */
static elo_err_t
parse_changed(size_t i, size_t off, uint8_t v)
{
    elo_buf_t b;
    uint32_t crc;
    elo_err_t rc;

    make(i, &b);
    b.p[off] = v;
    b.len -= 4;
    crc = elo_crc32c(elo_crc32c(0, KEY), elo_buf_slice(&b));
    elo_buf_put_be32(&b, crc);
    rc = parse_exact(i, KEY, elo_buf_slice(&b));
    elo_buf_dispose(&b);
    return rc;
}


static void
test_bounds(void **state)
{
    static const struct {
        const char *what;
        size_t kind;
        size_t off;
        uint8_t v;
    } cases[] = {
        { "version of a state", 0, 0, 2 },
        { "scan mark past the reserved", 0, 17, 0xff },
        { "version of a file", 1, 0, 0 },
        { "no kind of file", 1, 1, 0 },
        { "another kind of file", 1, 1, 3 },
        { "unknown storage", 2, 1, 1 },
        { "type longer than the record", 2, 26, 0xff },
        { "type shorter than the record", 2, 27, 1 },
        { "reason longer than the record", 3, 18, 0xff },
        { "reach out of range", 4, 1, ELO_REACH_COUNT },
        { "more references than bytes", 4, 11, 3 },
        { "fewer references than bytes", 4, 11, 1 },
        { "very many references", 4, 10, 0xff },
        { "reach of a version", 5, 1, 0xff },
        { "text longer than the record", 5, 2, 0xff },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (parse_changed(cases[i].kind, cases[i].off, cases[i].v)
            != ELO_ECORRUPT) {
            fail_msg("%s is accepted", cases[i].what);
        }
    }
}


static void
test_names(void **state)
{
    char dir[ELO_STORE_NAME_MAX + 1], name[ELO_STORE_NAME_MAX + 1];
    uint8_t key[8];
    uint64_t seq;

    (void) state;
    elo_file_dir(ELO_FILE_BLOB, 0x1234, dir);
    assert_string_equal(dir, "blobs/34");
    elo_file_name(ELO_FILE_MEDIA, UINT64_MAX, name);
    assert_string_equal(name, "media/ff/ffffffffffffffff");
    elo_seq_encode(0x0102030405060708, key);
    assert_int_equal(elo_seq_parse(elo_slice(key, 8), &seq), ELO_OK);
    assert_int_equal(seq, 0x0102030405060708);
    assert_int_equal(elo_seq_parse(elo_slice(key, 7), &seq), ELO_ECORRUPT);
    /* RFC 3720, B.4: 32 bytes of zeros */
    assert_int_equal(elo_crc32c(0, elo_slice((const uint8_t[32]){ 0 }, 32)),
                     0x8a9136aa);
}


static void
test_format(void **state)
{
    static const char *const bad[] = {
        "",
        "elohim-store 1\n",
        "elohim-store 1\nid 0123456789abcdef",
        "elohim-store 1\nid 0123456789abcdeg\n",
        "elohim-store 1\nid 0123456789abcdef\n\n",
        "elohim-store 2\nid 0123456789abcdef\n",
        "elohim-store 1\r\nid 0123456789abcdef\n",
    };
    elo_buf_t b;
    uint64_t id;

    (void) state;
    elo_buf_init(&b, 128);
    elo_format_encode(0x0123456789abcdef, &b);
    assert_string_equal(elo_buf_cstr(&b),
                        "elohim-store 1\nid 0123456789abcdef\n");
    assert_int_equal(elo_format_parse(elo_buf_slice(&b), &id), ELO_OK);
    assert_int_equal(id, 0x0123456789abcdef);
    elo_buf_dispose(&b);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(elo_format_parse(elo_slice_str(bad[i]), &id),
                         ELO_ECORRUPT);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_damage),
        cmocka_unit_test(test_kinds_differ), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
