/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/hash_tree, against a tree that is built the plain way:
   all leaves in memory, padded with zero hashes to a power of two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/hash_tree.h"
#include "common/base/num.h"

#define KIB       1024u
#define MIB       (1024u * KIB)
#define BYTES_MAX (9 * MIB + 1)
#define NODES_MAX 1024u /* of 16 MiB */

static uint8_t *bytes;


static void
fill(void)
{
    uint32_t x = 1;

    bytes = malloc(BYTES_MAX);
    assert_non_null(bytes);
    for (size_t i = 0; i < BYTES_MAX; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t) (x >> 24);
    }
}


static int
set_up(void **state)
{
    (void) state;
    fill();
    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    free(bytes);
    return 0;
}


/* The root over n nodes padded to width (a power of two) with pad; the nodes are
   overwritten. */
static elo_digest_t
plain_root(elo_digest_t *nodes, size_t n, size_t width, elo_digest_t pad)
{
    while (n < width) {
        nodes[n++] = pad;
    }
    for (; n > 1; n /= 2) {
        for (size_t i = 0; i < n / 2; i++) {
            elo_digest_t both[2] = { nodes[2 * i], nodes[2 * i + 1] };

            assert_int_equal(elo_sha256(elo_slice(both, 64), &nodes[i]), 0);
        }
    }
    return nodes[0];
}


static size_t
leaves_of(elo_slice_t s, elo_digest_t *out)
{
    size_t n = 0;

    while (s.len > 0) {
        size_t k = ELO_MIN(s.len, (size_t) ELO_TREE_LEAF);

        assert_int_equal(elo_sha256(elo_slice(s.p, k), &out[n++]), 0);
        s = elo_slice(s.p + k, s.len - k);
    }
    return n;
}


static size_t
power_of_two(size_t n)
{
    size_t p = 1;

    while (p < n) {
        p *= 2;
    }
    return p;
}


static void
assert_same(const elo_digest_t *a, const elo_digest_t *b)
{
    assert_memory_equal(a->b, b->b, sizeof(a->b));
}


static void
check_layer(elo_slice_t s, elo_slice_t layer, const elo_digest_t *root)
{
    elo_digest_t d, want;

    if (s.len <= ELO_TREE_CHUNK) {
        assert_int_equal(layer.len, 0);
        return;
    }
    assert_int_equal(layer.len, 32 * elo_tree_chunks(s.len));
    for (size_t i = 0; i < layer.len / 32; i++) {
        size_t off = i * ELO_TREE_CHUNK;
        size_t n = ELO_MIN(s.len - off, (size_t) ELO_TREE_CHUNK);

        assert_int_equal(elo_tree_chunk(elo_slice(s.p + off, n), &d), 0);
        memcpy(want.b, layer.p + 32 * i, 32);
        assert_same(&d, &want);
    }
    assert_int_equal(elo_tree_root(layer, &d), 0);
    assert_same(&d, root);
}


static void
check(elo_tree_t *t, size_t size, size_t piece)
{
    static elo_digest_t nodes[NODES_MAX];
    elo_slice_t s = elo_slice(bytes, size);
    elo_digest_t root, want, zero = { 0 };
    bool has_root = false;
    elo_buf_t layer;
    size_t n;

    elo_buf_init(&layer, 1 << 20);
    assert_int_equal(elo_tree_reset(t), 0);
    for (size_t off = 0; off < size; off += piece) {
        assert_int_equal(
            elo_tree_update(t,
                            elo_slice(s.p + off, ELO_MIN(piece, size - off))),
            0);
    }
    assert_int_equal(elo_tree_final(t, &root, &has_root, &layer), 0);
    assert_int_equal(has_root, size > 0);
    if (size > 0) {
        n = leaves_of(s, nodes);
        want = plain_root(nodes, n, power_of_two(n), zero);
        if (memcmp(root.b, want.b, 32) != 0) {
            fail_msg("%zu bytes in pieces of %zu", size, piece);
        }
        check_layer(s, elo_buf_slice(&layer), &root);
    }
    elo_buf_dispose(&layer);
}


static const size_t sizes[] = { 0,
                                1,
                                64,
                                16 * KIB - 1,
                                16 * KIB,
                                16 * KIB + 1,
                                48 * KIB,
                                256 * KIB - 1,
                                256 * KIB,
                                256 * KIB + 1,
                                512 * KIB + 77,
                                MIB - 16 * KIB,
                                MIB - 1,
                                MIB,
                                MIB + 1,
                                MIB + 256 * KIB,
                                2 * MIB - 1,
                                2 * MIB,
                                2 * MIB + 16 * KIB,
                                3 * MIB,
                                5 * MIB + 12345,
                                8 * MIB,
                                9 * MIB + 1 };


static void
test_sizes(void **state)
{
    elo_tree_t *t = NULL;

    (void) state;
    assert_int_equal(elo_tree_create(&t), 0);
    for (size_t i = 0; i < ELO_COUNT(sizes); i++) {
        check(t, sizes[i], ELO_MAX(sizes[i], (size_t) 1));
    }
    elo_tree_free(&t);
    assert_null(t);
    elo_tree_free(&t);
}


static void
test_pieces(void **state)
{
    static const size_t pieces[] = { 4093,          16 * KIB,      100000,
                                     256 * KIB - 1, 256 * KIB + 1, 700001 };
    elo_tree_t *t = NULL;

    (void) state;
    assert_int_equal(elo_tree_create(&t), 0);
    for (size_t i = 0; i < ELO_COUNT(pieces); i++) {
        check(t, MIB, pieces[i]);
        check(t, 2 * MIB + 5, pieces[i]);
    }
    elo_tree_free(&t);
}


/* Roots of zero bytes, made by another program after BEP 52. */
static void
test_vectors(void **state)
{
    static const struct {
        size_t size;
        const char *root;
    } rows[] = {
        { 1,
          "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
        { 16 * KIB,
          "4fe7b59af6de3b665b67788cc2f99892ab827efae3a467342b3bb4e3bc8e5bfe" },
        { 16 * KIB + 1,
          "477e14ff3453ec4ec3855f8753cb07288aade5618a473ccc2ab1208886e460ec" },
        { MIB,
          "515ea9181744b817744ded9d2e8e9dc6a8450c0b0c52e24b5077f302ffbd9008" },
        { MIB + 1,
          "7b2f6d495450f7f843041552fc4d6c8e51cf50760d206333b906ce066dc9073a" },
        { 3 * MIB,
          "188c13df48a01ca0872349b41ba0a4e17914b38296db381e09b4127d0ca72c49" },
    };
    uint8_t *zeros = calloc(1, 3 * (size_t) MIB);

    (void) state;
    assert_non_null(zeros);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        char text[65];
        elo_tree_t *t = NULL;
        elo_digest_t root;
        bool has_root;

        assert_int_equal(elo_tree_create(&t), 0);
        assert_int_equal(elo_tree_update(t, elo_slice(zeros, rows[i].size)), 0);
        assert_int_equal(elo_tree_final(t, &root, &has_root, NULL), 0);
        elo_hex_encode(root.b, 32, text);
        assert_string_equal(text, rows[i].root);
        elo_tree_free(&t);
    }
    free(zeros);
}


static void
test_bad_input(void **state)
{
    elo_digest_t d;

    (void) state;
    assert_int_equal(elo_tree_chunk(elo_slice(bytes, 0), &d), ELO_EINVAL);
    assert_int_equal(elo_tree_chunk(elo_slice(bytes, MIB + 1), &d), ELO_EINVAL);
    assert_int_equal(elo_tree_root(elo_slice(bytes, 0), &d), ELO_EINVAL);
    assert_int_equal(elo_tree_root(elo_slice(bytes, 32), &d), ELO_EINVAL);
    assert_int_equal(elo_tree_root(elo_slice(bytes, 65), &d), ELO_EINVAL);
    assert_int_equal(elo_tree_root(elo_slice(bytes, 64), &d), ELO_OK);
}


/* The layer of a blob is capped by the caller's buffer. */
static void
test_layer_too_long(void **state)
{
    elo_tree_t *t = NULL;
    elo_digest_t root;
    bool has_root;
    uint8_t mem[32];
    elo_buf_t layer;

    (void) state;
    elo_buf_init_fixed(&layer, mem, sizeof(mem));
    assert_int_equal(elo_tree_create(&t), 0);
    assert_int_equal(elo_tree_update(t, elo_slice(bytes, 2 * MIB)), 0);
    assert_int_equal(elo_tree_final(t, &root, &has_root, &layer), ELO_ETOOBIG);
    elo_tree_free(&t);
}


static void
test_chunks(void **state)
{
    static const struct {
        uint64_t size, n;
    } rows[] = { { 0, 0 },
                 { 1, 1 },
                 { MIB, 1 },
                 { MIB + 1, 2 },
                 { UINT64_MAX, UINT64_MAX / MIB + 1 } };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_tree_chunks(rows[i].size), rows[i].n);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_layer_too_long), cmocka_unit_test(test_chunks),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
