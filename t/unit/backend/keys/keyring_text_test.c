/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/keyring_text: body, file, armour, and what is made to
   break them. */
#include "keys_dir.h"

#include "../../guard.h"
#include "common/base/crypto.h"
#include "common/base/num.h"

#define HEAD 44u

static elo_ring_t *ring; /* two keys, two agents */
static uint8_t mem[ELO_RING_FILE_MAX];


static int
set_up(void **state)
{
    elo_ring_key_t key;
    elo_ring_agent_t a;
    uint8_t seed[32] = { 9 };

    memset(&key, 0, sizeof(key)); /* rings are compared with their padding */
    memset(&a, 0, sizeof(a));
    key.epoch = 1;
    key.created_at = 100;
    key.key[0] = 1;
    a.created_at = 200;
    a.label_len = 3;
    memcpy(a.label, "Ada", 3);
    (void) state;
    if (elo_keys_init() != ELO_OK || (ring = elo_ring_alloc(2, 2)) == NULL) {
        return 1;
    }
    ring->has_node = true;
    ring->node[0] = 7;
    elo_ring_put_key(ring, &key);
    key.epoch = 2;
    elo_ring_put_key(ring, &key);
    elo_ring_set_seed(&a, seed);
    elo_ring_put_agent(ring, &a, false);
    seed[0] = 10;
    a.label_len = 0;
    memset(a.label, 0, 3);
    elo_ring_set_seed(&a, seed);
    elo_ring_put_agent(ring, &a, false);
    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    elo_ring_free(&ring);
    return 0;
}


static elo_slice_t
body(void)
{
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_ring_body_put(&b, ring, NULL);
    assert_int_equal(elo_buf_err(&b), 0);
    return elo_buf_slice(&b);
}


static elo_slice_t
file(const char *passphrase)
{
    elo_ring_lock_t lock;
    elo_buf_t b;

    assert_int_equal(
        elo_ring_lock_make(&lock, elo_slice_str(passphrase), KDF_OPS, KDF_MEM),
        0);
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    assert_int_equal(elo_ring_file_put(&b, ring, &lock, NULL), 0);
    return elo_buf_slice(&b);
}


static void
assert_same_ring(const elo_ring_t *r)
{
    assert_int_equal(r->has_node, ring->has_node);
    assert_memory_equal(r->node, ring->node, sizeof(r->node));
    assert_int_equal(r->n_keys, ring->n_keys);
    assert_memory_equal(r->keys, ring->keys, r->n_keys * sizeof(r->keys[0]));
    assert_int_equal(r->n_agents, ring->n_agents);
    assert_memory_equal(r->agents, ring->agents,
                        r->n_agents * sizeof(r->agents[0]));
}


static void
test_body(void **state)
{
    elo_slice_t s = body();
    elo_ring_t *r = NULL;
    guard_t g;

    (void) state;
    assert_int_equal(s.len, 35 + 2 * 47 + 46 + 43);
    guard_init(&g, 4096);
    assert_int_equal(elo_ring_body_get(guard_put(&g, s), &r), 0);
    assert_same_ring(r);
    elo_ring_free(&r);
    for (size_t n = 0; n < s.len; n++) { /* every prefix */
        elo_err_t rc = elo_ring_body_get(guard_put(&g, elo_slice(s.p, n)), &r);

        assert_true(rc == ELO_OK || rc == ELO_ECORRUPT);
        if (rc == ELO_OK) { /* it ends with an item: less, but well-formed */
            assert_false(r->n_agents == ring->n_agents);
            elo_ring_free(&r);
        }
    }
    guard_dispose(&g);
}


static void
test_one_agent(void **state)
{
    elo_ring_t *r = NULL;
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_ring_body_put(&b, ring, &ring->agents[1].agent);
    assert_int_equal(elo_ring_body_get(elo_buf_slice(&b), &r), 0);
    assert_false(r->has_node);
    assert_int_equal(r->n_keys, 0);
    assert_int_equal(r->n_agents, 1);
    assert_memory_equal(&r->agents[0], &ring->agents[1], sizeof(r->agents[0]));
    elo_ring_free(&r);
}


static void
test_hostile_bodies(void **state)
{
    static const struct {
        const char *name;
        const char *bytes; /* kind, length; the value is zeros */
        size_t head, total;
    } rows[] = {
        { "kind 0", "\0\0\0", 3, 3 },
        { "kind 4", "\4\0\0", 3, 3 },
        { "short node secret", "\1\0\37", 3, 34 },
        { "long node secret", "\1\0\41", 3, 36 },
        { "value past the end", "\1\0\40", 3, 34 },
        { "length past the end", "\1\0", 2, 2 },
        { "kinds fall", "\3\0\50", 3, 43 + 47 },
        { "epoch 0", "\2\0\54", 3, 47 },
        { "agent without a seed", "\3\0\47", 3, 42 },
        { "label too long", "\3\0\151", 3, 108 },
        { "label of NULs", "\3\0\51", 3, 44 },
        { "largest length", "\3\377\377", 3, 60 },
    };
    static uint8_t bytes[256u * 128u];
    elo_ring_t *r = NULL;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        memset(bytes, 0, rows[i].total);
        memcpy(bytes, rows[i].bytes, rows[i].head);
        memcpy(bytes + 43, "\2\0\54\0\0\0\1", 7);
        if (elo_ring_body_get(elo_slice(bytes, rows[i].total), &r)
            != ELO_ECORRUPT) {
            fail_msg("%s", rows[i].name);
        }
    }
    memset(bytes, 0, sizeof(bytes));
    bytes[0] = bytes[35] = 1; /* two node secrets */
    bytes[2] = bytes[37] = 32;
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 70), &r), ELO_ECORRUPT);
    bytes[0] = bytes[43] = 3; /* an agent twice */
    bytes[2] = bytes[45] = 40;
    bytes[35] = bytes[37] = 0;
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 86), &r), ELO_ECORRUPT);
    bytes[85] = 1; /* two agents */
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 86), &r), ELO_OK);
    elo_ring_free(&r);
    for (size_t i = 0; i < 257; i++) { /* one agent too many */
        bytes[43 * i] = 3;
        bytes[43 * i + 1] = 0;
        bytes[43 * i + 2] = 40;
    }
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 43 * 257), &r),
                     ELO_ECORRUPT);
    for (size_t i = 0; i < 257; i++) { /* one cluster key too many */
        memset(bytes + 47 * i, 0, 47);
        bytes[47 * i] = 2;
        bytes[47 * i + 2] = 44;
        bytes[47 * i + 6] = 1;
    }
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 47 * 257), &r),
                     ELO_ECORRUPT);
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 47 * 256), &r), ELO_OK);
    elo_ring_free(&r);
    bytes[6] = 2; /* epochs fall */
    assert_int_equal(elo_ring_body_get(elo_slice(bytes, 94), &r), ELO_ECORRUPT);
    assert_null(r);
}


static void
test_file(void **state)
{
    static const char *const passphrases[] = { NULL, "a passphrase" };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(passphrases); i++) {
        elo_slice_t s = file(passphrases[i]);
        elo_ring_file_t f;
        elo_ring_t *r = NULL;

        assert_int_equal(elo_ring_file_get(s, &f), 0);
        assert_int_equal(f.lock.is_protected, i > 0);
        assert_int_equal(elo_ring_lock_key(&f.lock, ELO_SLICE("wrong")),
                         i > 0 ? ELO_OK : ELO_ENOKEY);
        if (i > 0) {
            assert_int_equal(elo_ring_file_open(&f, &r), ELO_ENOKEY);
            assert_int_equal(elo_ring_lock_key(&f.lock, elo_slice(NULL, 0)),
                             ELO_ENOKEY);
        }
        assert_int_equal(
            elo_ring_lock_key(&f.lock, elo_slice_str(passphrases[i])), 0);
        assert_int_equal(elo_ring_file_open(&f, &r), 0);
        assert_same_ring(r);
        assert_int_equal(r->lock.is_protected, i > 0);
        elo_ring_free(&r);
        for (size_t n = 0; n < s.len; n++) {
            assert_int_equal(elo_ring_file_get(elo_slice(s.p, n), &f),
                             ELO_ECORRUPT);
        }
        for (size_t n = 0; n < s.len; n++) { /* (K1) */
            mem[n] ^= 0x20;
            assert_int_equal(elo_ring_file_get(s, &f),
                             n == 4 ? ELO_EUNSUPPORTED : ELO_ECORRUPT);
            mem[n] ^= 0x20;
        }
        mem[s.len] = 0;
        assert_int_equal(elo_ring_file_get(elo_slice(s.p, s.len + 1), &f),
                         ELO_ECORRUPT);
    }
}


/* Hostile headers, with a checksum that is right. */
static void
test_hostile_headers(void **state)
{
    static const struct {
        const char *name;
        const char *passphrase;
        size_t at;
        const char *bytes;
        size_t n;
    } rows[] = {
        { "protection 2", "p", 5, "\2", 1 },
        { "reserved byte", "p", 6, "\1", 1 },
        { "reserved byte", "p", 7, "\1", 1 },
        { "no passes", "p", 8, "\0\0\0\0\0\0\0\0", 8 },
        { "17 passes", "p", 8, "\0\0\0\0\0\0\0\21", 8 },
        { "2^63 passes", "p", 8, "\200\0\0\0\0\0\0\0", 8 },
        { "no memory", "p", 16, "\0\0\0\0\0\0\0\0", 8 },
        { "100 GB of memory", "p", 16, "\0\0\0\27\110\166\350\0", 8 },
        { "1 GiB and a byte", "p", 16, "\0\0\0\0\100\0\0\1", 8 },
        { "unprotected, with passes", NULL, 15, "\1", 1 },
        { "unprotected, with memory", NULL, 23, "\1", 1 },
        { "unprotected, with salt", NULL, 39, "\1", 1 },
        { "longer body", NULL, 43, "\377", 1 },
        { "length of 4 GiB", "p", 40, "\377\377\377\377", 4 },
        { "shorter body", NULL, 40, "\0\0\0\0", 4 },
        { "protection taken off", "p", 5, "\0", 1 },
        { "protection put on", NULL, 5, "\1", 1 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = file(rows[i].passphrase);
        elo_ring_file_t f;
        elo_digest_t sum;

        memcpy(mem + rows[i].at, rows[i].bytes, rows[i].n);
        assert_int_equal(elo_sha256(elo_slice(mem, s.len - 32), &sum), 0);
        memcpy(mem + s.len - 32, sum.b, 32);
        if (elo_ring_file_get(s, &f) != ELO_ECORRUPT) {
            fail_msg("%s", rows[i].name);
        }
    }
}


/* Cost and salt are authenticated with the body: changed, they give no ring. */
static void
test_header_is_sealed(void **state)
{
    elo_slice_t s = file("p");
    elo_ring_t *r = NULL;
    elo_ring_file_t f;
    elo_digest_t sum;

    (void) state;
    mem[24] ^= 1;
    assert_int_equal(elo_sha256(elo_slice(mem, s.len - 32), &sum), 0);
    memcpy(mem + s.len - 32, sum.b, 32);
    assert_int_equal(elo_ring_file_get(s, &f), 0);
    assert_int_equal(elo_ring_lock_key(&f.lock, ELO_SLICE("p")), 0);
    assert_int_equal(elo_ring_file_open(&f, &r), ELO_ENOKEY);
}


static void
test_file_too_small_for_it(void **state)
{
    elo_ring_lock_t lock = { 0 };
    uint8_t small[100];
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, small, sizeof(small));
    assert_int_equal(elo_ring_file_put(&b, ring, &lock, NULL), ELO_ETOOBIG);
    assert_int_equal(elo_ring_lock_make(&lock, ELO_SLICE("p"), 100, KDF_MEM),
                     ELO_EINVAL);
}


static void
test_armour(void **state)
{
    (void) state;
    for (size_t n = 0; n <= 130; n++) {
        elo_buf_t text, back;

        elo_buf_init(&text, ELO_RING_TEXT_MAX);
        elo_buf_init(&back, ELO_RING_FILE_MAX);
        for (size_t i = 0; i < n; i++) {
            mem[i] = (uint8_t) (i * 37 + n);
        }
        elo_ring_armour(&text, elo_slice(mem, n));
        assert_int_equal(elo_ring_unarmour(elo_buf_slice(&text), &back), 0);
        assert_int_equal(back.len, n);
        assert_memory_equal(n > 0 ? back.p : mem, mem, n);
        elo_buf_dispose(&text);
        elo_buf_dispose(&back);
    }
}


#define BEGIN "-----BEGIN ELOHIM KEY-----\n"
#define END   "-----END ELOHIM KEY-----\n"
#define FULL                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
#define LONGER                                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"

static void
test_texts(void **state)
{
    static const struct {
        const char *text;
        elo_err_t rc;
        size_t len;
    } rows[] = {
        { BEGIN "mfra\n" END, ELO_OK, 2 },
        { BEGIN "MFRA\n" END, ELO_OK, 2 },
        { "Dear Ada,\r\n\r\n  " BEGIN " mfra \r\n\t" END "Yours", ELO_OK, 2 },
        { BEGIN FULL FULL "mfra\n" END, ELO_OK, 82 },
        { BEGIN END, ELO_OK, 0 },
        { "", ELO_EINVAL, 0 },
        { BEGIN, ELO_EINVAL, 0 },
        { END, ELO_EINVAL, 0 },
        { BEGIN "mfra\n", ELO_EINVAL, 0 },
        { "-----BEGIN ELOHIM KEY----\nmfra\n" END, ELO_EINVAL, 0 },
        { BEGIN "mf1a\n" END, ELO_EINVAL, 0 },
        { BEGIN "mfrb\n" END, ELO_EINVAL, 0 }, /* bits left over */
        { BEGIN "mfra\nmfra\n" END, ELO_EINVAL, 0 },
        { BEGIN "\nmfra\n" END, ELO_EINVAL, 0 },
        { BEGIN LONGER END, ELO_EINVAL, 0 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_buf_t b;

        elo_buf_init(&b, ELO_RING_FILE_MAX);
        if (elo_ring_unarmour(elo_slice_str(rows[i].text), &b) != rows[i].rc
            || (rows[i].rc == ELO_OK && b.len != rows[i].len))
        {
            fail_msg("\"%s\"", rows[i].text);
        }
        elo_buf_dispose(&b);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_one_agent),
        cmocka_unit_test(test_hostile_bodies),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_header_is_sealed),
        cmocka_unit_test(test_file_too_small_for_it),
        cmocka_unit_test(test_armour),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
