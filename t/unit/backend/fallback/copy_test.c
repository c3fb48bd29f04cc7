/* SPDX-License-Identifier: BSD-2-Clause */
/* copy: only verified bytes come in, plaintext never reaches the file, room is made by
   the oldest, and what had to go comes back chunk by chunk. */
#include "t/unit/backend/store/store_dir.c"

#include <dirent.h>

#include "backend/fallback/copy.h"

#define CHUNK  ((size_t) ELO_TREE_CHUNK)
#define BUDGET (3 * CHUNK)

static const elo_agent_t alice = { { 1 } }, bob = { { 2 } };


static elo_copies_t *
copies(dir_t *d, uint64_t budget, uint32_t max)
{
    elo_copies_cfg_t cfg = { .root = d->root,
                             .max_bytes = budget,
                             .max_copies = max };
    elo_copies_t *c = NULL;

    assert_int_equal(elo_copies_create(&cfg, &c), ELO_OK);
    return c;
}


/* Bytes that don't repeat, the same for a seed. */
static uint8_t *
noise(size_t len, uint32_t seed)
{
    uint64_t x = 0x9e3779b97f4a7c15u ^ seed;
    uint8_t *p = malloc(len + 1);

    assert_non_null(p);
    for (size_t i = 0; i < len; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t) (x >> 56);
    }
    return p;
}


static elo_digest_t
sha_of(const uint8_t *p, size_t len)
{
    elo_digest_t d;

    assert_int_equal(elo_sha256(elo_slice(p, len), &d), ELO_OK);
    return d;
}


/* Writes it in pieces of odd sizes. */
static elo_err_t
make(elo_copies_t *c, const elo_digest_t *d, const elo_agent_t *owner,
     const uint8_t *p, size_t len, elo_copy_t **out)
{
    elo_copy_maker_t *m = NULL;
    elo_err_t rc = ELO_OK;

    assert_int_equal(elo_copy_begin(c, d, owner, &m), ELO_OK);
    for (size_t at = 0, n = 1; at < len && rc == ELO_OK; at += n) {
        n = (at * 7 + 77777) % (2 * CHUNK + 3) + 1;
        n = n < len - at ? n : len - at;
        rc = elo_copy_write(m, elo_slice(p + at, n));
    }
    if (rc != ELO_OK) {
        elo_copy_abort(&m);
        assert_null(m);
        return rc;
    }
    return elo_copy_commit(&m, out);
}


static uint64_t
held_by(elo_copies_t *c)
{
    elo_copies_stat_t st;

    elo_copies_stat(c, &st);
    return st.bytes;
}


static void
is_all(elo_copy_t *copy, const uint8_t *p, size_t len)
{
    uint8_t *room = malloc(CHUNK);

    assert_int_equal(elo_copy_size(copy), len);
    for (uint32_t i = 0; i * CHUNK < len; i++) {
        size_t n = elo_copy_chunk_len(copy, i);

        assert_int_equal(n, len - i * CHUNK < CHUNK ? len - i * CHUNK : CHUNK);
        assert_true(elo_copy_has(copy, i));
        assert_int_equal(elo_copy_read(copy, i, room), ELO_OK);
        assert_memory_equal(room, p + i * CHUNK, n);
    }
    assert_false(elo_copy_has(copy, (uint32_t) (len / CHUNK + 1)));
    free(room);
}


static void
test_make(void **state)
{
    static const size_t sizes[] = { 0,         1,         CHUNK - 1, CHUNK,
                                    CHUNK + 1, 2 * CHUNK, BUDGET };
    dir_t *d = *state;
    elo_copies_t *c = copies(d, BUDGET, 64);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        uint8_t *p = noise(sizes[i], (uint32_t) i);
        elo_digest_t id = sha_of(p, sizes[i]), other = id;
        elo_copy_t *copy = NULL, *again;

        other.b[31] ^= 1;
        assert_int_equal(make(c, &other, &alice, p, sizes[i], &copy),
                         ELO_EHASH);
        assert_null(elo_copies_find(c, &other, &alice, NULL));
        assert_int_equal(make(c, &id, &alice, p, sizes[i], &copy), ELO_OK);
        is_all(copy, p, sizes[i]);
        again = elo_copies_find(c, &id, &alice, NULL);
        assert_ptr_equal(again, copy);
        elo_copy_release(&again);
        assert_null(again);
        /* another owner's contents don't find it */
        assert_null(elo_copies_find(c, &id, &bob, NULL));
        elo_copy_release(&copy);
        free(p);
    }
    elo_copies_free(&c);
}


static void
test_room(void **state)
{
    dir_t *d = *state;
    elo_copies_t *c = copies(d, BUDGET, 64);
    uint8_t *p = noise(2 * CHUNK + 5, 1), *q = noise(BUDGET + 1, 2);
    elo_digest_t a = sha_of(p, 2 * CHUNK + 5), b = sha_of(q, CHUNK),
                 big = sha_of(q, BUDGET + 1);
    elo_copy_t *one = NULL, *two = NULL;
    uint8_t *room = malloc(CHUNK);

    assert_int_equal(make(c, &a, &alice, p, 2 * CHUNK + 5, &one), ELO_OK);
    assert_int_equal(held_by(c), 2 * CHUNK + 5);
    /* it is being read: nothing may take its place */
    assert_int_equal(make(c, &b, &alice, q, CHUNK, &two), ELO_ENOSPC);
    assert_int_equal(held_by(c), 2 * CHUNK + 5);
    is_all(one, p, 2 * CHUNK + 5);
    elo_copy_release(&one);
    assert_int_equal(make(c, &b, &alice, q, CHUNK, &two), ELO_OK);
    assert_int_equal(held_by(c), CHUNK);
    elo_copy_release(&two);

    /* its tree stays */
    one = elo_copies_find(c, &a, &alice, NULL);
    assert_non_null(one);
    assert_int_equal(elo_copy_size(one), 2 * CHUNK + 5);
    for (uint32_t i = 0; i < 3; i++) {
        assert_false(elo_copy_has(one, i));
        assert_int_equal(elo_copy_read(one, i, room), ELO_ENOTFOUND);
    }
    /* and knows chunks */
    assert_int_equal(elo_copy_put(one, 1, elo_slice(p, CHUNK)), ELO_EHASH);
    assert_int_equal(elo_copy_put(one, 1, elo_slice(p + CHUNK, CHUNK - 1)),
                     ELO_EHASH);
    assert_int_equal(elo_copy_put(one, 2, elo_slice(p + 2 * CHUNK, 6)),
                     ELO_EHASH);
    assert_int_equal(elo_copy_put(one, 3, elo_slice(p, CHUNK)), ELO_EHASH);
    p[CHUNK + 9] ^= 1;
    assert_int_equal(elo_copy_put(one, 1, elo_slice(p + CHUNK, CHUNK)),
                     ELO_EHASH);
    p[CHUNK + 9] ^= 1;
    assert_int_equal(elo_copy_put(one, 1, elo_slice(p + CHUNK, CHUNK)), ELO_OK);
    assert_int_equal(elo_copy_put(one, 1, elo_slice(p + CHUNK, CHUNK)), ELO_OK);
    assert_int_equal(elo_copy_read(one, 1, room), ELO_OK);
    assert_memory_equal(room, p + CHUNK, CHUNK);
    assert_int_equal(held_by(c), 2 * CHUNK);
    assert_int_equal(elo_copy_put(one, 2, elo_slice(p + 2 * CHUNK, 5)), ELO_OK);
    assert_int_equal(elo_copy_put(one, 0, elo_slice(p, CHUNK)), ELO_OK);
    is_all(one, p, 2 * CHUNK + 5);
    elo_copy_release(&one);

    /* more than there ever is room for leaves nothing */
    assert_int_equal(make(c, &big, &alice, q, BUDGET + 1, &two), ELO_ENOSPC);
    assert_null(elo_copies_find(c, &big, &alice, NULL));
    assert_true(held_by(c) <= BUDGET);
    free(room);
    free(p);
    free(q);
    elo_copies_free(&c);
}


/* Not more than so many, the oldest going first. */
static void
test_count(void **state)
{
    dir_t *d = *state;
    elo_copies_t *c = copies(d, BUDGET, 3);
    elo_digest_t ids[5];
    elo_copies_stat_t st;
    elo_copy_t *copy;

    for (uint8_t i = 0; i < 5; i++) {
        ids[i] = sha_of(&i, 1);
        assert_int_equal(make(c, &ids[i], &alice, &i, 1, &copy), ELO_OK);
        elo_copy_release(&copy);
        copy = elo_copies_find(c, &ids[0], &alice, NULL); /* used all along */
        elo_copy_release(&copy);
    }
    elo_copies_stat(c, &st);
    assert_int_equal(st.copies, 3);
    assert_int_equal(st.bytes, 3);
    for (uint32_t i = 0; i < 5; i++) {
        copy = elo_copies_find(c, &ids[i], &alice, NULL);
        assert_int_equal(copy != NULL, i == 0 || i >= 3);
        elo_copy_release(&copy);
    }
    elo_copies_free(&c);
}


/* What lies on the disk is neither the plaintext nor the same twice. */
static void
test_sealed(void **state)
{
    static const char mark[] = "a mark that would be found";
    dir_t *d = *state;
    elo_copies_t *c = copies(d, BUDGET, 8);
    uint8_t *p = noise(4096, 1), *seen[2] = { NULL, NULL };
    elo_digest_t id;
    elo_copy_t *copy[2];

    memcpy(p + 100, mark, sizeof(mark));
    id = sha_of(p, 4096);
    assert_int_equal(make(c, &id, &alice, p, 4096, &copy[0]), ELO_OK);
    assert_int_equal(make(c, &id, &bob, p, 4096, &copy[1]), ELO_OK);
    for (int fd = 3, n = 0; fd < 256 && n < 2; fd++) {
        struct stat st;

        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 0
            || st.st_size != 4096)
        {
            continue;
        }
        seen[n] = malloc(4096);
        assert_int_equal(pread(fd, seen[n], 4096, 0), 4096);
        assert_null(memmem(seen[n], 4096, mark, sizeof(mark) - 1));
        n++;
    }
    assert_non_null(seen[1]);
    assert_memory_not_equal(seen[0], seen[1], 4096);
    free(seen[0]);
    free(seen[1]);
    free(p);
    elo_copy_release(&copy[0]);
    elo_copy_release(&copy[1]);
    elo_copies_free(&c);
}


/* ---- from a tree that was stated ---- */

static elo_copy_tree_t
tree_of(const uint8_t *p, size_t len, elo_buf_t *layer)
{
    elo_copy_tree_t t = { .digest = sha_of(p, len),
                          .owner = alice,
                          .size = len };
    elo_tree_t *tree = NULL;
    bool has_root = false;

    elo_buf_init(layer, 1u << 20);
    assert_int_equal(elo_tree_create(&tree), ELO_OK);
    assert_int_equal(elo_tree_update(tree, elo_slice(p, len)), ELO_OK);
    assert_int_equal(elo_tree_final(tree, &t.root, &has_root, layer), ELO_OK);
    elo_tree_free(&tree);
    return t;
}


static void
test_layer_len(void **state)
{
    (void) state;
    assert_int_equal(elo_copy_layer_len(0), 0);
    assert_int_equal(elo_copy_layer_len(1), 0);
    assert_int_equal(elo_copy_layer_len(CHUNK), 0);
    assert_int_equal(elo_copy_layer_len(CHUNK + 1), 64);
    assert_int_equal(elo_copy_layer_len(UINT64_C(128) << 30),
                     ELO_COPY_LAYER_MAX);
    assert_int_equal(elo_copy_layer_len((UINT64_C(128) << 30) + 1), 0);
    assert_int_equal(elo_copy_layer_len(UINT64_MAX), 0);
}


static void
test_tree(void **state)
{
    dir_t *d = *state;
    elo_copies_t *c = copies(d, 16 * CHUNK, 64);
    size_t len = 3 * CHUNK + 5;
    uint8_t *p = noise(len, 1), *room = malloc(CHUNK);
    elo_copy_t *copy = NULL, *again = NULL;
    elo_buf_t layer;
    elo_copy_tree_t t = tree_of(p, len, &layer), other = t;
    elo_slice_t l = elo_buf_slice(&layer);

    /* layers that aren't: cut, longer, of another root, of another size */
    for (size_t n = 0; n < l.len; n++) {
        assert_int_equal(elo_copy_of_tree(c, &t, elo_slice(l.p, n), &copy),
                         ELO_EHASH);
    }
    other.root.b[0] ^= 1;
    assert_int_equal(elo_copy_of_tree(c, &other, l, &copy), ELO_EHASH);
    other = t;
    other.size += CHUNK;
    assert_int_equal(elo_copy_of_tree(c, &other, l, &copy), ELO_EHASH);
    layer.p[40] ^= 1;
    assert_int_equal(elo_copy_of_tree(c, &t, l, &copy), ELO_EHASH);
    layer.p[40] ^= 1;
    assert_null(copy);

    assert_int_equal(elo_copy_of_tree(c, &t, l, &copy), ELO_OK);
    assert_int_equal(elo_copy_size(copy), len);
    assert_int_equal(held_by(c), 0);
    assert_true(elo_copy_fits(copy));
    /* another one is in use */
    assert_int_equal(elo_copy_of_tree(c, &t, l, &again), ELO_EBUSY);

    /* found by that root alone (I2) */
    assert_null(elo_copies_find(c, &t.digest, &alice, NULL));
    assert_null(elo_copies_find(c, &t.digest, &bob, &t.root));
    other.root.b[0] ^= 1;
    assert_null(elo_copies_find(c, &t.digest, &alice, &other.root));
    again = elo_copies_find(c, &t.digest, &alice, &t.root);
    assert_ptr_equal(again, copy);
    elo_copy_release(&again);

    /* chunks in any order, none but the right ones */
    for (uint32_t i = 4; i-- > 0;) {
        size_t n = elo_copy_chunk_len(copy, i);

        p[i * CHUNK] ^= 1;
        assert_int_equal(elo_copy_put(copy, i, elo_slice(p + i * CHUNK, n)),
                         ELO_EHASH);
        p[i * CHUNK] ^= 1;
        assert_int_equal(elo_copy_put(copy, i, elo_slice(p + i * CHUNK, n - 1)),
                         ELO_EHASH);
        assert_int_equal(elo_copy_put(copy, i, elo_slice(p + i * CHUNK, n)),
                         ELO_OK);
        assert_int_equal(elo_copy_read(copy, i, room), ELO_OK);
        assert_memory_equal(room, p + i * CHUNK, n);
    }
    is_all(copy, p, len);
    assert_int_equal(held_by(c), len);
    elo_copy_release(&copy);

    /* the whole is another one */
    assert_int_equal(make(c, &t.digest, &alice, p, len, &copy), ELO_OK);
    again = elo_copies_find(c, &t.digest, &alice, &t.root);
    assert_ptr_not_equal(again, copy);
    elo_copy_release(&again);
    elo_copy_release(&copy);
    elo_copies_free(&c);
    elo_buf_dispose(&layer);
    free(room);
    free(p);
}


/* The blob is larger than all the room: half of it is taken, the rest is checked and
   not kept, and what is to come as a whole comes. */
static void
test_tree_room(void **state)
{
    dir_t *d = *state;
    elo_copies_t *c = copies(d, 4 * CHUNK, 64);
    size_t len = 9 * CHUNK;
    uint8_t *p = noise(len, 1), *q = noise(2 * CHUNK, 2);
    elo_digest_t id = sha_of(q, 2 * CHUNK);
    elo_copy_t *copy = NULL, *whole = NULL;
    elo_buf_t layer;
    elo_copy_tree_t t = tree_of(p, len, &layer);

    assert_int_equal(elo_copy_of_tree(c, &t, elo_buf_slice(&layer), &copy),
                     ELO_OK);
    assert_false(elo_copy_fits(copy));
    for (uint32_t i = 0; i < 9; i++) {
        elo_slice_t s = elo_slice(p + i * CHUNK, CHUNK);

        assert_int_equal(elo_copy_put(copy, i, s), i < 2 ? ELO_OK : ELO_ENOSPC);
        assert_int_equal(elo_copy_has(copy, i), i < 2);
        p[i * CHUNK] ^= 1;
        assert_int_equal(elo_copy_put(copy, i, s), ELO_EHASH);
    }
    assert_int_equal(held_by(c), 2 * CHUNK);
    assert_int_equal(make(c, &id, &alice, q, 2 * CHUNK, &whole), ELO_OK);
    is_all(whole, q, 2 * CHUNK);
    assert_int_equal(held_by(c), 4 * CHUNK);
    elo_copy_release(&whole);
    elo_copy_release(&copy);

    /* nobody reads it: another of its kind takes its room */
    t.root.b[0] ^= 1;
    assert_int_equal(elo_copy_of_tree(c, &t, elo_buf_slice(&layer), &copy),
                     ELO_EHASH);
    t.root.b[0] ^= 1;
    t.owner = bob;
    p[5 * CHUNK] ^= 1;
    assert_int_equal(elo_copy_of_tree(c, &t, elo_buf_slice(&layer), &copy),
                     ELO_OK);
    assert_int_equal(elo_copy_put(copy, 5, elo_slice(p + 5 * CHUNK, CHUNK)),
                     ELO_OK);
    assert_int_equal(held_by(c), 3 * CHUNK); /* the whole, and that one */
    elo_copy_release(&copy);
    elo_copies_free(&c);
    elo_buf_dispose(&layer);
    free(p);
    free(q);
}


/* Trees in memory end somewhere: 4 MiB each, the oldest go; those in use stay. */
static void
test_tree_memory(void **state)
{
    enum { N = 40, HELD = 9 };
    dir_t *d = *state;
    elo_copies_t *c = copies(d, 4 * CHUNK, 1000);
    elo_copy_tree_t t = { .owner = alice, .size = UINT64_C(128) << 30 };
    elo_copy_t *held[HELD] = { NULL }, *copy = NULL;
    elo_slice_t layer;
    elo_copies_stat_t st;
    uint32_t n_held = 0;
    uint8_t *p = noise(ELO_COPY_LAYER_MAX, 3);
    elo_err_t rc = ELO_OK;

    layer = elo_slice(p, ELO_COPY_LAYER_MAX);
    assert_int_equal(elo_tree_root(layer, &t.root), ELO_OK);
    for (uint32_t i = 0; i < N; i++) {
        t.digest.b[0] = (uint8_t) i;
        assert_int_equal(elo_copy_of_tree(c, &t, layer, &copy), ELO_OK);
        elo_copy_release(&copy);
    }
    elo_copies_stat(c, &st);
    assert_in_range(st.copies, 2, 16);
    while (n_held < HELD) {
        t.digest.b[1]++;
        rc = elo_copy_of_tree(c, &t, layer, &held[n_held]);
        if (rc != ELO_OK) {
            break;
        }
        n_held++;
    }
    assert_in_range(n_held, 2, 16);
    assert_int_equal(rc, n_held < HELD ? ELO_EBUSY : ELO_OK);
    for (uint32_t i = 0; i < n_held; i++) {
        elo_copy_release(&held[i]);
    }
    elo_copies_free(&c);
    free(p);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_make, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_room, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_count, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_sealed, dir_setup, dir_teardown),
        cmocka_unit_test(test_layer_len),
        cmocka_unit_test_setup_teardown(test_tree, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_tree_room, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_tree_memory, dir_setup,
                                        dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
