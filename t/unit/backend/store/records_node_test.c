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


#define INVITED (ELO_CONTENT_INVITED_MAX * ELO_AGENT_LEN)
#define LISTS   (INVITED + ELO_NODE_FACETS_MAX * ELO_NODE_FACET)

/* As many as there may be. */
static void
lists_fill(elo_rec_node_t *r, uint8_t mem[LISTS])
{
    uint8_t key[ELO_NODEX_KEY_MAX];

    memset(mem, 0, LISTS);
    r->n_invited = ELO_CONTENT_INVITED_MAX;
    r->n_facets = ELO_NODE_FACETS_MAX;
    for (uint32_t i = 0; i < ELO_CONTENT_INVITED_MAX; i++) {
        /* two and two begin alike */
        mem[i * ELO_AGENT_LEN + 6] = (uint8_t) (i >> 9);
        mem[i * ELO_AGENT_LEN + 7] = (uint8_t) (i >> 1);
        mem[i * ELO_AGENT_LEN + 31] = (uint8_t) i;
    }
    for (uint32_t i = 0; i < ELO_NODE_FACETS_MAX; i++) {
        elo_nodex_key(i < 1     ? ELO_NODE_FORMAT
                      : i < 300 ? ELO_NODE_TAG
                                : ELO_NODE_RELATED,
                      i, ELO_SLICE(""), key);
        memcpy(mem + INVITED + i * ELO_NODE_FACET, key, ELO_NODE_FACET);
    }
    r->invited = elo_slice(mem, INVITED);
    r->facets = elo_slice(mem + INVITED, LISTS - INVITED);
}


/* Each facet is listed once and found again; nothing else is. */
static void
test_node_facets(void **state)
{
    static uint8_t lists[LISTS];
    elo_rec_node_t r = { .reach = ELO_REACH_COMMONS,
                         .stated = ELO_REACH_COMMONS,
                         .life = ELO_NODE_PUBLISHED,
                         .current = 1,
                         .owner = 9,
                         .due_s = 5 };
    uint32_t n = 0, of[ELO_NODE_DUE + 1] = { 0 };
    elo_agent_t a = { { 0 } };
    elo_node_dim_t dim;
    uint64_t value;

    (void) state;
    lists_fill(&r, lists);
    for (uint32_t at = 0; elo_rec_node_facet(&r, &at, &dim, &value); n++) {
        of[dim]++;
        assert_true(elo_rec_node_has(&r, dim, value));
        assert_false(elo_rec_node_has(&r, dim, value ^ (UINT64_C(1) << 63)));
    }
    assert_int_equal(n, 5 + ELO_NODE_FACETS_MAX + ELO_CONTENT_INVITED_MAX / 2);
    assert_int_equal(of[ELO_NODE_INVITED], ELO_CONTENT_INVITED_MAX / 2);
    assert_int_equal(of[ELO_NODE_DUE], 1);
    a.b[7] = 1;
    a.b[31] = 2;
    assert_true(elo_rec_node_invites(&r, &a));
    a.b[31] = 4; /* begins as one that is listed */
    assert_true(elo_rec_node_has(&r, ELO_NODE_INVITED, elo_nodex_invited(a.b)));
    assert_false(elo_rec_node_invites(&r, &a));

    r.life = ELO_NODE_DEPRECATED; /* not listed by its reach */
    assert_false(elo_rec_node_has(&r, ELO_NODE_REACH, ELO_REACH_COMMONS));
    assert_true(elo_rec_node_has(&r, ELO_NODE_OWNER_REACH,
                                 elo_nodex_owner_reach(9, ELO_REACH_COMMONS)));
    r.flags = ELO_NODE_IS_TOMB;
    for (uint32_t at = 0; elo_rec_node_facet(&r, &at, &dim, &value);) {
        fail();
    }
    assert_false(elo_rec_node_has(&r, ELO_NODE_OWNER, elo_nodex_owner(9)));
}


static void
test_node(void **state)
{
    static uint8_t mem[ELO_NODE_REC_MAX], lists[LISTS];
    elo_rec_node_t r = { .reach = ELO_REACH_LOCAL,
                         .stated = ELO_REACH_LOCAL,
                         .life = ELO_NODE_STALE,
                         .flags = ELO_NODE_IS_HELD,
                         .current = 7,
                         .owner = 0xfedcba98,
                         .created_at = 1,
                         .updated_at = INT64_MAX,
                         .due_s = 1u << 31,
                         .n_refs = 2 };
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
    assert_int_equal(node.stated, r.stated);
    assert_int_equal(node.life, r.life);
    assert_int_equal(node.flags, ELO_NODE_IS_HELD);
    assert_int_equal(node.created_at, r.created_at);
    assert_int_equal(node.updated_at, r.updated_at);
    assert_int_equal(node.due_s, r.due_s);

    /* as many as there may be take all the room */
    r.n_refs = ELO_CONTENT_BLOBS_MAX;
    lists_fill(&r, lists);
    elo_buf_clear(&b);
    elo_rec_node_encode(&r, &b);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_int_equal(b.len, sizeof(mem));
    assert_int_equal(elo_rec_node_parse(elo_buf_slice(&b), &node), ELO_OK);
    assert_true(elo_slice_eq(node.invited, r.invited));
    assert_true(elo_slice_eq(node.facets, r.facets));
    for (size_t len = 0; len < b.len; len += len < 64 ? 1 : 31) {
        assert_int_equal(elo_rec_node_parse(elo_slice(mem, len), &node),
                         ELO_ECORRUPT);
    }
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
        { "version 0", 9, 0 },
        { "stated beyond the table", 14, ELO_REACH_COUNT },
        { "effective is not what is stated", 14, ELO_REACH_COMMONS },
        { "a draft that is not private", 15, ELO_NODE_DRAFT },
        { "forgotten, and no tombstone", 15, ELO_NODE_FORGOTTEN },
        { "life beyond the table", 15, ELO_NODE_LIVES },
        { "a flag that rows don't have", 16, ELO_NODE_IS_BARE },
        { "a tombstone with lists", 16, ELO_NODE_IS_TOMB },
        { "made before all time", 17, 0x80 },
        { "changed before all time", 25, 0x80 },
        { "due before all time", 33, 0x80 },
        { "more references than may be", 42, ELO_CONTENT_BLOBS_MAX + 1 },
        { "more invited than may be", 43, 0xff },
        { "more facets than may be", 45, 0xff },
        { "invited twice", 47 + 31, 2 },
        { "invited out of order", 47, 9 },
        { "a facet that isn't a text's", 47 + 64, ELO_NODE_OWNER },
        { "a facet of no dimension", 47 + 64, 99 },
        { "facets out of order", 47 + 64 + 8, 9 },
    };
    static const uint8_t tail[2 * ELO_AGENT_LEN + 2 * ELO_NODE_FACET] = {
        [31] = 1, [63] = 2, [64] = ELO_NODE_TAG, [72] = 1, [73] = ELO_NODE_TAG,
        [81] = 2,
    };
    elo_rec_node_t r = { .reach = ELO_REACH_LOCAL,
                         .stated = ELO_REACH_LOCAL,
                         .life = ELO_NODE_PUBLISHED,
                         .current = 7,
                         .n_invited = 2,
                         .n_facets = 2,
                         .invited = elo_slice(tail, 64),
                         .facets = elo_slice(tail + 64, 18) };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        static uint8_t mem[ELO_NODE_REC_MAX * 2];
        elo_buf_t b;

        memset(mem, 0, sizeof(mem));
        elo_buf_init_fixed(&b, mem, sizeof(mem));
        elo_rec_node_encode(&r, &b);
        assert_int_equal(elo_rec_node_parse(elo_slice(mem, b.len), &node),
                         ELO_OK);
        mem[cases[i].at] = cases[i].value;
        if (elo_rec_node_parse(elo_slice(mem, b.len), &node) != ELO_ECORRUPT) {
            fail_msg("%s", cases[i].name);
        }
        /* and where the bytes for it are there */
        for (size_t more = 1; more < sizeof(mem) - b.len; more++) {
            if (elo_rec_node_parse(elo_slice(mem, b.len + more), &node)
                == ELO_OK) {
                fail_msg("%s, longer", cases[i].name);
            }
        }
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
    assert_int_equal(node.flags, ELO_NODE_IS_BARE);
    assert_int_equal(node.life, ELO_NODE_PUBLISHED);
    assert_int_equal(node.stated, ELO_REACH_COMMONS);
    assert_int_equal(node.current, 9);
    assert_int_equal(node.n_refs, 2);
    assert_int_equal(node.refs[1].b[31], 63);
    elo_buf_dispose(&b);
}


/* Rows of version 2 have an owner, but nothing tells a draft from what is private:
   it is its owner's alone, as a draft. */
static void
test_node_version_2(void **state)
{
    uint8_t row[] = {
        2, ELO_REACH_PRIVATE, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0
    };
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, INPUT_MAX);
    elo_buf_put(&b, row, sizeof(row));
    assert_int_equal(elo_rec_node_parse(elo_buf_slice(&b), &node), ELO_OK);
    assert_int_equal(node.owner, 5);
    assert_int_equal(node.flags, ELO_NODE_IS_BARE);
    assert_int_equal(node.life, ELO_NODE_DRAFT);
    assert_int_equal(node.n_invited, 0);
    elo_buf_dispose(&b);
}


/* What stands for "of nobody in particular" is no owner. */
static void
test_node_owner(void **state)
{
    elo_rec_node_t r = { .current = 7, .owner = UINT32_MAX };
    uint8_t mem[100];
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
        uint8_t rank;
        const char *id;
    } cases[] = {
        { 1, 0, "" },        { 1, 0, "0" },
        { 1, 0, "id" },      { 1, 7, "" },
        { 1, 7, "0" },       { 1, ELO_REF_RANK_DRAFT, "a" },
        { 1, 9, "" },        { 2, 0, "" },
        { 2, 0, "a" },       { 255, 0, "" },
        { 256, 0, "" },      { 256, 0, "z" },
        { 1u << 31, 0, "" }, { UINT32_MAX - 1, 8, "z" },
        { 0, 0, "" },        { 0, 0, "0" },
        { 0, 8, "id" },
    };
    elo_digest_t d = { { 1, 2, 3 } }, got;
    uint8_t mem[2][ELO_REF_KEY_MAX], longest[ELO_CONTENT_ID_MAX], rank = 77;
    elo_slice_t key, before = { NULL, 0 }, id;
    uint32_t owner = 77;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        size_t n;

        key = elo_ref_key(&d, cases[i].owner, cases[i].rank,
                          elo_slice_str(cases[i].id), mem[i % 2]);
        n = ELO_MIN(key.len, before.len);
        if (i > 0) {
            int cmp = memcmp(before.p, key.p, n);

            assert_true(cmp < 0 || (cmp == 0 && before.len < key.len));
        }
        before = key;
        if (cases[i].id[0] == '\0') {
            assert_int_equal(elo_ref_key_parse(key, &got, &owner, &rank, &id),
                             ELO_ECORRUPT);
            continue;
        }
        assert_int_equal(elo_ref_key_parse(key, &got, &owner, &rank, &id),
                         ELO_OK);
        assert_memory_equal(got.b, d.b, ELO_SHA256_LEN);
        assert_int_equal(owner, cases[i].owner);
        assert_int_equal(rank, cases[i].rank);
        assert_true(elo_slice_eq(id, elo_slice_str(cases[i].id)));
        for (size_t len = 0; len < key.len - id.len + 1; len++) {
            assert_int_equal(elo_ref_key_parse(elo_slice(key.p, len), &got,
                                               &owner, &rank, &id),
                             ELO_ECORRUPT);
        }
    }
    memset(longest, 'a', sizeof(longest));
    for (uint32_t o = 0; o < 2; o++) {
        key =
            elo_ref_key(&d, o, 0, elo_slice(longest, sizeof(longest)), mem[0]);
        assert_true(key.len <= sizeof(mem[0]));
        assert_int_equal(elo_ref_key_parse(key, &got, &owner, &rank, &id),
                         ELO_OK);
    }
    /* a rank that there isn't, an owner that is nobody, and what is no id */
    key = elo_ref_key(&d, 1, ELO_REF_RANKS, ELO_SLICE("a"), mem[0]);
    assert_int_equal(elo_ref_key_parse(key, &got, &owner, &rank, &id),
                     ELO_ECORRUPT);
    key = elo_ref_key(&d, UINT32_MAX, 0, ELO_SLICE("a"), mem[0]);
    assert_int_equal(elo_ref_key_parse(key, &got, &owner, &rank, &id),
                     ELO_ECORRUPT);
    key = elo_ref_key(&d, 0, 0, ELO_SLICE("/"), mem[0]);
    assert_int_equal(elo_ref_key_parse(key, &got, &owner, &rank, &id),
                     ELO_ECORRUPT);
}


static void
test_nodex_keys(void **state)
{
    uint8_t mem[ELO_NODEX_KEY_MAX], longest[ELO_CONTENT_ID_MAX];
    elo_node_dim_t dim;
    elo_slice_t key, id;
    uint64_t value;

    (void) state;
    memset(longest, 'a', sizeof(longest));
    key = elo_nodex_key(ELO_NODE_DUE, UINT64_MAX - 1,
                        elo_slice(longest, sizeof(longest)), mem);
    assert_int_equal(elo_nodex_key_parse(key, &dim, &value, &id), ELO_OK);
    assert_int_equal(dim, ELO_NODE_DUE);
    assert_true(value == UINT64_MAX - 1);
    assert_int_equal(id.len, sizeof(longest));
    for (size_t len = 0; len <= ELO_NODEX_PREFIX; len++) {
        assert_int_equal(
            elo_nodex_key_parse(elo_slice(key.p, len), &dim, &value, &id),
            ELO_ECORRUPT);
    }
    for (uint32_t no = 0; no < 256; no++) {
        mem[0] = (uint8_t) no;
        assert_int_equal(
            elo_nodex_key_parse(key, &dim, &value, &id),
            no >= ELO_NODE_OWNER && no <= ELO_NODE_DUE ? ELO_OK : ELO_ECORRUPT);
    }
    key = elo_nodex_key(ELO_NODE_TAG, 1, ELO_SLICE("../x"), mem);
    assert_int_equal(elo_nodex_key_parse(key, &dim, &value, &id), ELO_ECORRUPT);
}


static void
test_orphan_keys(void **state)
{
    elo_digest_t d = { { 1, 2, 3 } }, got;
    uint8_t back[ELO_ORPHAN_BACK], orphan[ELO_ORPHAN_KEY];
    elo_slice_t key;
    uint32_t agent = 0;
    int64_t due = 0;

    (void) state;
    key = elo_orphan_key(77, &d, 5, orphan);
    assert_int_equal(elo_orphan_key_parse(key, &due, &got, &agent), ELO_OK);
    assert_int_equal(due, 77);
    assert_int_equal(agent, 5);
    assert_memory_equal(got.b, d.b, ELO_SHA256_LEN);
    for (size_t len = 0; len < key.len; len++) {
        assert_int_equal(
            elo_orphan_key_parse(elo_slice(key.p, len), &due, &got, &agent),
            len == key.len - 4 ? ELO_OK : ELO_ECORRUPT);
    }
    assert_int_equal(agent, UINT32_MAX); /* the older form */
    orphan[0] = 0xff;                    /* a time before all time */
    assert_int_equal(elo_orphan_key_parse(key, &due, &got, &agent),
                     ELO_ECORRUPT);
    /* the way back sorts behind whatever is due, ever */
    key = elo_orphan_key(INT64_MAX, &d, 0, orphan);
    assert_true(memcmp(elo_orphan_back(&d, 0, back).p, key.p, ELO_ORPHAN_BACK)
                > 0);
    key = elo_orphan_back(&d, 0x01020304, back);
    assert_int_equal(elo_orphan_key_parse(key, &due, &got, &agent),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_orphan_back_parse(key, &d, &agent), ELO_OK);
    assert_int_equal(agent, 0x01020304);
    got.b[0] ^= 1;
    assert_int_equal(elo_orphan_back_parse(key, &got, &agent), ELO_ENOTFOUND);
    key.len -= 4; /* the older form */
    assert_int_equal(elo_orphan_key_parse(key, &due, &got, &agent),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_orphan_back_parse(key, &d, &agent), ELO_ENOTFOUND);
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
        cmocka_unit_test(test_nodex_keys),
        cmocka_unit_test(test_orphan_keys),
        cmocka_unit_test(test_node_facets),
        cmocka_unit_test(test_node_version_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
