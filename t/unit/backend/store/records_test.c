/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/records: every record comes back as it was, and nothing
   but exactly a record is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backend/store/records.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

/* Parses and says whether it is what it was made of. */
typedef struct {
    const char *name;
    void (*encode)(elo_buf_t *out);
    elo_err_t (*parse)(elo_slice_t s, bool *is_same);
} row_t;

static const elo_digest_t digest = { { 1, 2, 3, 0xff } };

static elo_rec_blob_t blob = { .reach = ELO_REACH_COMMONS,
                               .agent = 7,
                               .created_us = 0x0102030405060708,
                               .size = 4096,
                               .content_type = { (const uint8_t *) "a/b", 3 } };
static elo_rec_blob_t blob_file, blob_object;


static void
blobs_make(void)
{
    blob_file = blob;
    blob_file.file = 0x1234;
    blob_file.size = (uint64_t) 5 << 30;
    blob_object = blob;
    blob_object.is_object = true;
    blob_object.blind = digest;
    blob_object.content_type.len = 0;
}


static bool
blob_same(const elo_rec_blob_t *a, const elo_rec_blob_t *b)
{
    return a->is_object == b->is_object && a->reach == b->reach
           && a->agent == b->agent && a->created_us == b->created_us
           && a->file == b->file && a->size == b->size
           && elo_slice_eq(a->content_type, b->content_type)
           && memcmp(a->blind.b, b->blind.b, ELO_SHA256_LEN) == 0;
}


#define BLOB_ROW(which, len)                                                   \
    static void which##_encode(elo_buf_t *out)                                 \
    {                                                                          \
        elo_rec_blob_encode(&which, out);                                      \
    }                                                                          \
    static elo_err_t which##_parse(elo_slice_t s, bool *is_same)               \
    {                                                                          \
        elo_rec_blob_t r;                                                      \
        elo_err_t rc = elo_rec_blob_parse(s, len, &r);                         \
                                                                               \
        *is_same = rc == ELO_OK && blob_same(&r, &which);                      \
        return rc;                                                             \
    }

BLOB_ROW(blob, 4096)
BLOB_ROW(blob_file, 0)
BLOB_ROW(blob_object, 4096)

static const elo_rec_sealed_t sealed = {
    .reach = ELO_REACH_INVITED,
    .created_us = 99,
    .size = 12345,
    .object = { { 9, 8, 7 } },
    .content_type = { (const uint8_t *) "text/html", 9 }
};


static void
sealed_encode(elo_buf_t *out)
{
    elo_rec_sealed_encode(&sealed, out);
}


static elo_err_t
sealed_parse(elo_slice_t s, bool *is_same)
{
    elo_rec_sealed_t r;
    elo_err_t rc = elo_rec_sealed_parse(s, &r);

    *is_same = rc == ELO_OK && r.reach == sealed.reach
               && r.created_us == sealed.created_us && r.size == sealed.size
               && memcmp(r.object.b, sealed.object.b, ELO_SHA256_LEN) == 0
               && elo_slice_eq(r.content_type, sealed.content_type);
    return rc;
}


static void
agent_encode(elo_buf_t *out)
{
    elo_rec_agent_encode(&(elo_rec_agent_t){ .no = 3, .quota = 77 }, out);
}


static elo_err_t
agent_parse(elo_slice_t s, bool *is_same)
{
    elo_rec_agent_t r;
    elo_err_t rc = elo_rec_agent_parse(s, &r);

    *is_same = rc == ELO_OK && r.no == 3 && r.quota == 77;
    return rc;
}


static void
own_encode(elo_buf_t *out)
{
    elo_rec_own_encode(&(elo_rec_own_t){ .is_gone = true, .size = 5 }, out);
}


static elo_err_t
own_parse(elo_slice_t s, bool *is_same)
{
    elo_rec_own_t r;
    elo_err_t rc = elo_rec_own_parse(s, &r);

    *is_same = rc == ELO_OK && r.is_gone && r.size == 5;
    return rc;
}


static void
file_encode(elo_buf_t *out)
{
    elo_rec_file_encode(
        &(elo_rec_file_t){ .kind = ELO_FILE_MEDIA, .state = ELO_FILE_DEAD },
        out);
}


static elo_err_t
file_parse(elo_slice_t s, bool *is_same)
{
    elo_rec_file_t r;
    elo_err_t rc = elo_rec_file_parse(s, &r);

    *is_same =
        rc == ELO_OK && r.kind == ELO_FILE_MEDIA && r.state == ELO_FILE_DEAD;
    return rc;
}


static void
tree_encode(elo_buf_t *out)
{
    elo_rec_tree_encode(&digest, out);
}


static elo_err_t
tree_parse(elo_slice_t s, bool *is_same)
{
    elo_digest_t r;
    elo_err_t rc = elo_rec_tree_parse(s, &r);

    *is_same = rc == ELO_OK && memcmp(r.b, digest.b, ELO_SHA256_LEN) == 0;
    return rc;
}


static void
pin_encode(elo_buf_t *out)
{
    elo_rec_pin_encode(1700000000, out);
}


static elo_err_t
pin_parse(elo_slice_t s, bool *is_same)
{
    int64_t r = 0;
    elo_err_t rc = elo_rec_pin_parse(s, &r);

    *is_same = rc == ELO_OK && r == 1700000000;
    return rc;
}


static void
bad_encode(elo_buf_t *out)
{
    elo_rec_bad_encode(
        &(elo_rec_bad_t){ .since = 42, .why = ELO_SLICE("bits flipped") }, out);
}


static elo_err_t
bad_parse(elo_slice_t s, bool *is_same)
{
    elo_rec_bad_t r;
    elo_err_t rc = elo_rec_bad_parse(s, &r);

    *is_same = rc == ELO_OK && r.since == 42
               && elo_slice_eq(r.why, ELO_SLICE("bits flipped"));
    return rc;
}


static void
format_encode(elo_buf_t *out)
{
    elo_format_encode(0x0123456789abcdef, out);
}


static elo_err_t
format_parse(elo_slice_t s, bool *is_same)
{
    uint64_t id = 0;
    elo_err_t rc = elo_format_parse(s, &id);

    *is_same = rc == ELO_OK && id == 0x0123456789abcdef;
    return rc;
}


static const row_t rows[] = {
    { "blob", blob_encode, blob_parse },
    { "blob in a file", blob_file_encode, blob_file_parse },
    { "ciphertext object", blob_object_encode, blob_object_parse },
    { "sealed", sealed_encode, sealed_parse },
    { "agent", agent_encode, agent_parse },
    { "own", own_encode, own_parse },
    { "file", file_encode, file_parse },
    { "tree", tree_encode, tree_parse },
    { "pin", pin_encode, pin_parse },
    { "bad", bad_encode, bad_parse },
    { "format", format_encode, format_parse },
};


/* As it was; and no prefix of it, nor it with a byte more. */
static void
test_round_trip(void **state)
{
    uint8_t mem[512];
    elo_buf_t buf;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(mem));
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        bool is_same = false;

        elo_buf_init_fixed(&buf, mem, sizeof(mem));
        rows[i].encode(&buf);
        assert_int_equal(elo_buf_err(&buf), ELO_OK);
        for (size_t len = 0; len <= buf.len + 1; len++) {
            elo_err_t rc;

            mem[buf.len] = 0;
            rc = rows[i].parse(guard_put(&g, elo_slice(mem, len)), &is_same);
            if ((rc == ELO_OK) != (len == buf.len)
                || (len == buf.len && !is_same)) {
                fail_msg("%s at %zu of %zu: %d", rows[i].name, len, buf.len,
                         rc);
            }
        }
    }
    guard_dispose(&g);
}


/* Bytes that a record of that kind can't have there. */
static void
test_hostile(void **state)
{
    static const struct {
        const char *name;
        size_t row, at;
        uint8_t byte;
    } cases[] = {
        { "later version of a blob", 0, 0, 2 },
        { "unknown flag", 0, 1, 0x04 },
        { "file flag without a file", 0, 1, 0x02 },
        { "object flag without a blind", 0, 1, 0x01 },
        { "reach past the table", 0, 2, ELO_REACH_COUNT },
        { "reach of a sealed blob past the table", 3, 1, ELO_REACH_COUNT },
        { "size that is negative", 3, 10, 0x80 },
        { "later version of an agent", 4, 0, 9 },
        { "unknown state of possession", 5, 1, 2 },
        { "possession of a negative size", 5, 2, 0x80 },
        { "file of no kind", 6, 1, 0 },
        { "file of an unknown kind", 6, 1, 3 },
        { "unknown state of a file", 6, 2, 3 },
        { "format of a later version", 10, 13, '3' },
        { "format with an id that is no number", 10, 20, 'x' },
    };
    uint8_t mem[512];
    elo_buf_t buf;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        bool is_same;

        elo_buf_init_fixed(&buf, mem, sizeof(mem));
        rows[cases[i].row].encode(&buf);
        assert_true(cases[i].at < buf.len);
        mem[cases[i].at] = cases[i].byte;
        if (rows[cases[i].row].parse(elo_buf_slice(&buf), &is_same)
            != ELO_ECORRUPT) {
            fail_msg("%s is taken", cases[i].name);
        }
    }
}


static void
test_blob_in_log_and_file(void **state)
{
    uint8_t mem[512];
    elo_rec_blob_t r;
    elo_buf_t buf;

    (void) state;
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_blob_encode(&blob_file, &buf);
    /* a file, and data of the log as well */
    assert_int_equal(elo_rec_blob_parse(elo_buf_slice(&buf), 1, &r),
                     ELO_ECORRUPT);
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_blob_encode(&blob, &buf);
    assert_int_equal(elo_rec_blob_parse(elo_buf_slice(&buf), 17, &r), ELO_OK);
    assert_int_equal(r.size, 17);
}


static void
test_stamp(void **state)
{
    const elo_rec_blob_t *all[] = { &blob, &blob_file, &blob_object };
    uint8_t mem[512];
    elo_buf_t buf;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(all); i++) {
        elo_reach_t reach = ELO_REACH_PRIVATE;
        uint64_t created = 0;

        elo_buf_init_fixed(&buf, mem, sizeof(mem));
        elo_rec_blob_encode(all[i], &buf);
        assert_int_equal(
            elo_rec_blob_stamp(elo_buf_slice(&buf), &reach, &created), ELO_OK);
        assert_int_equal(reach, all[i]->reach);
        assert_int_equal(created, all[i]->created_us);
        for (size_t len = 0; len < 15; len++) {
            assert_int_equal(
                elo_rec_blob_stamp(elo_slice(mem, len), &reach, &created),
                ELO_ECORRUPT);
        }
    }
}


static void
test_keys(void **state)
{
    uint8_t mem[ELO_SEALED_KEY], small[ELO_FILE_KEY];
    elo_slice_t key = elo_sealed_key(&digest, 0x01020304, mem);
    elo_digest_t d;
    uint64_t id;
    uint32_t no;

    (void) state;
    assert_int_equal(elo_sealed_key_parse(key, &d, &no), ELO_OK);
    assert_memory_equal(d.b, digest.b, ELO_SHA256_LEN);
    assert_int_equal(no, 0x01020304);
    key.len--;
    assert_int_equal(elo_own_key_parse(key, &d, &no), ELO_ECORRUPT);

    key = elo_file_key(0x0102030405060708, small);
    assert_int_equal(small[0], 1); /* in order of number */
    assert_int_equal(elo_file_key_parse(key, &id), ELO_OK);
    assert_int_equal(id, 0x0102030405060708);
    assert_int_equal(elo_file_key_parse(elo_file_key(0, small), &id),
                     ELO_ECORRUPT);
    assert_int_equal(elo_agentno_parse(elo_agentno_key(9, small), &no), ELO_OK);
    assert_int_equal(no, 9);
    assert_int_equal(elo_agentno_parse(elo_slice(small, 3), &no), ELO_ECORRUPT);
}


static void
test_names(void **state)
{
    char name[ELO_STORE_NAME_MAX + 1];

    (void) state;
    elo_file_name(ELO_FILE_BLOB, 0xabcdef, name);
    assert_string_equal(name, "blobs/ef/0000000000abcdef");
    elo_file_dir(ELO_FILE_MEDIA, UINT64_MAX, name);
    assert_string_equal(name, "media/ff");
    elo_file_name(ELO_FILE_MEDIA, UINT64_MAX, name);
    assert_string_equal(name, "media/ff/ffffffffffffffff");
}


static void
test_format(void **state)
{
    uint64_t id;

    (void) state;
    /* The simple store: told apart from damage, for the way out is another. */
    assert_int_equal(
        elo_format_parse(ELO_SLICE("elohim-store 1\nid 0123456789abcdef\n"),
                         &id),
        ELO_EUNSUPPORTED);
    assert_int_equal(elo_format_parse(ELO_SLICE(""), &id), ELO_ECORRUPT);
    assert_int_equal(elo_format_parse(ELO_SLICE("elohim-store 12\nid "), &id),
                     ELO_ECORRUPT);
}


/* A text that is too long is cut, not refused: it is only for people. */
static void
test_long_why(void **state)
{
    uint8_t mem[512], why[300];
    elo_rec_bad_t r;
    elo_buf_t buf;

    (void) state;
    memset(why, 'y', sizeof(why));
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_bad_encode(&(elo_rec_bad_t){ .why = elo_slice(why, sizeof(why)) },
                       &buf);
    assert_in_range(buf.len, 1, ELO_BAD_REC_MAX);
    assert_int_equal(elo_rec_bad_parse(elo_buf_slice(&buf), &r), ELO_OK);
    assert_int_equal(r.why.len, ELO_WHY_MAX);
}


/* Lengths that others make arrays of. */
static void
test_lengths(void **state)
{
    static const size_t most[] = { 0,
                                   0,
                                   0,
                                   0,
                                   ELO_AGENT_REC_LEN,
                                   ELO_OWN_REC_LEN,
                                   ELO_FILE_REC_LEN,
                                   ELO_TREE_REC_LEN,
                                   ELO_PIN_REC_LEN };
    static char type[ELO_MIME_MAX];
    uint8_t mem[512];
    elo_rec_sealed_t s = sealed;
    elo_rec_blob_t b = blob_file;
    elo_buf_t buf;

    (void) state;
    for (size_t i = 4; i < ELO_COUNT(most); i++) {
        elo_buf_init_fixed(&buf, mem, sizeof(mem));
        rows[i].encode(&buf);
        assert_int_equal(buf.len, most[i]);
    }
    memset(type, 't', sizeof(type));
    s.content_type = b.content_type = elo_slice(type, sizeof(type));
    b.is_object = true;
    elo_buf_init_fixed(&buf, mem, ELO_BLOB_REC_MAX);
    elo_rec_blob_encode(&b, &buf);
    assert_int_equal(elo_buf_err(&buf), ELO_OK);
    elo_buf_init_fixed(&buf, mem, ELO_SEALED_REC_MAX);
    elo_rec_sealed_encode(&s, &buf);
    assert_int_equal(elo_buf_err(&buf), ELO_OK);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_blob_in_log_and_file),
        cmocka_unit_test(test_stamp),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_long_why),
        cmocka_unit_test(test_lengths),
    };

    blobs_make();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
