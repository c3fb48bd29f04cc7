/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/envelope. */
#include "keys_dir.h"

#include "backend/keys/envelope.h"
#include "common/base/limits.h"
#include "common/base/num.h"

#define ENVELOPE_MAX (256u << 10)

static keys_dir_t dir;
static elo_keyring_t *ring;
static elo_content_key_t content;


static int
set_up(void **state)
{
    (void) state;
    keys_dir_init(&dir);
    ring = keys_open(&dir, NULL);
    content.cipher = ELO_CIPHER_AES256_GCM;
    elo_keys_random(content.key, sizeof(content.key));
    elo_keys_random(content.plain.b, sizeof(content.plain.b));
    content.size = 0x0123456789abcdef;
    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    elo_keyring_close(&ring);
    keys_dir_dispose(&dir);
    return 0;
}


/* An agent by number, and its seed. */
static elo_agent_t
agent(uint32_t i, uint8_t seed[32])
{
    uint8_t s[32] = { (uint8_t) i, (uint8_t) (i >> 8), 77 };
    elo_agent_t a;

    elo_agent_of_seed(s, &a);
    if (seed != NULL) {
        memcpy(seed, s, sizeof(s));
    }
    return a;
}


static void
seal(elo_keyring_t *k, elo_reach_t reach, const elo_agent_t *owner,
     const elo_agent_t *invited, uint32_t n, elo_buf_t *out)
{
    elo_buf_init(out, ENVELOPE_MAX);
    assert_int_equal(
        elo_envelope_seal(k, &content, reach, owner, invited, n, out), 0);
}


static void
assert_opens(elo_keyring_t *k, elo_slice_t e)
{
    elo_content_key_t ck;

    assert_int_equal(elo_envelope_open(k, e, &ck), 0);
    assert_int_equal(ck.cipher, content.cipher);
    assert_int_equal(ck.size, content.size);
    assert_memory_equal(ck.key, content.key, sizeof(ck.key));
    assert_memory_equal(ck.plain.b, content.plain.b, sizeof(ck.plain.b));
}


static void
test_private(void **state)
{
    elo_agent_t zero = { 0 }, owner, other = agent(1, NULL);
    elo_keyring_t *stranger;
    elo_content_key_t ck;
    keys_dir_t d;
    elo_buf_t e;

    (void) state;
    elo_keyring_owner(ring, &owner);
    seal(ring, ELO_REACH_PRIVATE, &zero, &other, 1, &e);
    assert_int_equal(e.len, 8 + 80 + 113 + 32);
    assert_opens(ring, elo_buf_slice(&e));
    assert_true(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                        ELO_REACH_PRIVATE, &zero, NULL, 0));
    assert_true(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                        ELO_REACH_PRIVATE, &owner, NULL, 0));
    assert_false(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                         ELO_REACH_PRIVATE, &other, NULL, 0));
    assert_false(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                         ELO_REACH_LOCAL, &zero, NULL, 0));
    assert_false(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                         ELO_REACH_INVITED, &zero, &other, 1));
    keys_dir_init(&d);
    stranger = keys_open(&d, NULL);
    assert_int_equal(elo_envelope_open(stranger, elo_buf_slice(&e), &ck),
                     ELO_ENOKEY);
    elo_keyring_close(&stranger);
    keys_dir_dispose(&d);
    elo_buf_dispose(&e);
}


/* Of a guest: his host opens it, he does where he lives, and nobody else. The host has
   no wrap where somebody lives here who has one. */
static void
test_guest(void **state)
{
    elo_agent_t zero = { 0 }, guest, list[1];
    elo_keyring_t *home, *stranger;
    keys_dir_t at_home, elsewhere;
    elo_content_key_t ck;
    uint8_t seed[32];
    elo_buf_t e;

    (void) state;
    guest = agent(7, seed);
    keys_dir_init(&at_home);
    keys_dir_init(&elsewhere);
    home = keys_open(&at_home, NULL);
    stranger = keys_open(&elsewhere, NULL);
    assert_int_equal(elo_keyring_add(home, seed, ELO_SLICE("g"), false), 0);
    seal(ring, ELO_REACH_PRIVATE, &guest, NULL, 0, &e);
    assert_int_equal(e.len, 8 + 80 + 2 * 113 + 32);
    assert_opens(ring, elo_buf_slice(&e));
    assert_opens(home, elo_buf_slice(&e));
    assert_int_equal(elo_envelope_open(stranger, elo_buf_slice(&e), &ck),
                     ELO_ENOKEY);
    assert_true(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                        ELO_REACH_PRIVATE, &guest, NULL, 0));
    elo_buf_dispose(&e);
    list[0] = zero;
    seal(ring, ELO_REACH_INVITED, &guest, list, 1, &e);
    assert_int_equal(e.len, 8 + 80 + 2 * 113 + 32); /* he is on the list */
    elo_buf_dispose(&e);
    seal(home, ELO_REACH_PRIVATE, &guest, NULL, 0, &e);
    assert_int_equal(e.len, 8 + 80 + 113 + 32); /* he lives there */
    elo_buf_dispose(&e);
    elo_keyring_close(&home);
    elo_keyring_close(&stranger);
    keys_dir_dispose(&at_home);
    keys_dir_dispose(&elsewhere);
}


/* The seed of a reader is enough, whose node it may be. */
static void
test_invited(void **state)
{
    elo_agent_t zero = { 0 }, list[4];
    elo_keyring_t *reader;
    elo_content_key_t ck;
    uint8_t seed[32];
    keys_dir_t d;
    elo_buf_t e;

    (void) state;
    list[0] = agent(3, NULL);
    list[1] = agent(2, seed);
    list[2] = agent(3, NULL); /* twice */
    list[3] = zero;           /* the operator, who is the owner too */
    seal(ring, ELO_REACH_INVITED, &zero, list, 4, &e);
    assert_int_equal(e.len, 8 + 80 + 3 * 113 + 32);
    assert_opens(ring, elo_buf_slice(&e));
    assert_true(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                        ELO_REACH_INVITED, &zero, list, 2));
    assert_false(elo_envelope_is_current(ring, elo_buf_slice(&e),
                                         ELO_REACH_INVITED, &zero, list, 1));
    keys_dir_init(&d);
    reader = keys_open(&d, NULL);
    assert_int_equal(elo_envelope_open(reader, elo_buf_slice(&e), &ck),
                     ELO_ENOKEY);
    assert_int_equal(elo_keyring_add(reader, seed, ELO_SLICE("r"), false), 0);
    assert_opens(reader, elo_buf_slice(&e));
    elo_keyring_close(&reader);
    keys_dir_dispose(&d);
    elo_buf_dispose(&e);
}


static void
test_most_readers(void **state)
{
    elo_agent_t zero = { 0 }, guest,
                *list = calloc(ELO_CONTENT_INVITED_MAX + 1, sizeof(*list));
    elo_envelope_t view;
    elo_buf_t e;

    (void) state;
    assert_non_null(list);
    for (uint32_t i = 0; i <= ELO_CONTENT_INVITED_MAX; i++) {
        list[i] = agent(i, NULL);
    }
    guest = agent(ELO_CONTENT_INVITED_MAX + 1, NULL);
    seal(ring, ELO_REACH_INVITED, &guest, list, ELO_CONTENT_INVITED_MAX, &e);
    assert_int_equal(elo_envelope_parse(elo_buf_slice(&e), &view), 0);
    assert_int_equal(view.n_agents, ELO_WRAPS_MAX);
    assert_opens(ring, elo_buf_slice(&e));
    elo_buf_clear(&e);
    assert_int_equal(elo_envelope_seal(ring, &content, ELO_REACH_INVITED, &zero,
                                       list, ELO_CONTENT_INVITED_MAX + 1, &e),
                     ELO_ETOOBIG);
    assert_int_equal(e.len, 0);
    elo_buf_dispose(&e);
    free(list);
}


static void
test_local_and_rotation(void **state)
{
    elo_agent_t far = agent(9, NULL); /* its seed is elsewhere */
    elo_keyring_t *k;
    keys_dir_t d;
    elo_buf_t e;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, NULL);
    seal(k, ELO_REACH_LOCAL, &far, NULL, 0, &e);
    assert_int_equal(e.len, 8 + 80 + 77 + 113 + 32);
    assert_opens(k, elo_buf_slice(&e));
    assert_true(elo_envelope_is_current(k, elo_buf_slice(&e), ELO_REACH_LOCAL,
                                        &far, NULL, 0));
    assert_int_equal(elo_keyring_rotate_cluster(k), 0);
    assert_opens(k, elo_buf_slice(&e)); /* old epochs still open */
    assert_false(elo_envelope_is_current(k, elo_buf_slice(&e), ELO_REACH_LOCAL,
                                         &far, NULL, 0));
    elo_buf_dispose(&e);
    seal(k, ELO_REACH_LOCAL, &far, NULL, 0, &e);
    assert_true(elo_envelope_is_current(k, elo_buf_slice(&e), ELO_REACH_LOCAL,
                                        &far, NULL, 0));
    elo_keyring_close(&k);

    /* a new operator: what was wrapped for the old one isn't current */
    k = keys_open(&d, NULL);
    elo_buf_dispose(&e);
    {
        elo_agent_t zero = { 0 };
        uint8_t seed[32];

        seal(k, ELO_REACH_PRIVATE, &zero, NULL, 0, &e);
        agent(10, seed);
        assert_int_equal(elo_keyring_add(k, seed, ELO_SLICE("n"), true), 0);
        assert_opens(k, elo_buf_slice(&e));
        assert_false(elo_envelope_is_current(
            k, elo_buf_slice(&e), ELO_REACH_PRIVATE, &zero, NULL, 0));
    }
    elo_buf_dispose(&e);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_refusals(void **state)
{
    elo_agent_t zero = { 0 }, bad = { .b = { 1 } };
    elo_content_key_t odd = content;
    elo_buf_t e, full;
    uint8_t mem[100];

    (void) state;
    elo_buf_init(&e, ENVELOPE_MAX);
    elo_buf_put_str(&e, "kept");
    for (unsigned r = ELO_REACH_NEIGHBORHOOD; r <= ELO_REACH_COMMONS + 1; r++) {
        assert_int_equal(elo_envelope_seal(ring, &content, (elo_reach_t) r,
                                           &zero, NULL, 0, &e),
                         ELO_EINVAL);
    }
    assert_int_equal(
        elo_envelope_seal(ring, &content, ELO_REACH_PRIVATE, &bad, NULL, 0, &e),
        ELO_EINVAL);
    odd.cipher = (elo_cipher_t) 9;
    assert_int_equal(
        elo_envelope_seal(ring, &odd, ELO_REACH_PRIVATE, &zero, NULL, 0, &e),
        ELO_EUNSUPPORTED);
    assert_int_equal(e.len, 4);
    elo_buf_dispose(&e);
    elo_buf_init_fixed(&full, mem, sizeof(mem));
    assert_int_equal(elo_envelope_seal(ring, &content, ELO_REACH_PRIVATE, &zero,
                                       NULL, 0, &full),
                     ELO_ETOOBIG);
}


/* No changed bit passes, wherever it is. */
static void
test_every_bit(void **state)
{
    elo_agent_t zero = { 0 };
    elo_content_key_t ck;
    elo_buf_t e;

    (void) state;
    seal(ring, ELO_REACH_LOCAL, &zero, NULL, 0, &e);
    for (size_t i = 0; i < e.len; i++) {
        e.p[i] ^= (uint8_t) (1u << i % 8);
        ck.size = 5;
        assert_int_not_equal(elo_envelope_open(ring, elo_buf_slice(&e), &ck),
                             ELO_OK);
        assert_int_equal(ck.size, 5);
        e.p[i] ^= (uint8_t) (1u << i % 8);
    }
    assert_opens(ring, elo_buf_slice(&e));
    elo_buf_dispose(&e);
}


/* Damage of the wrap that is ours is told apart from a key that isn't there. */
static void
test_damage_is_no_lost_key(void **state)
{
    elo_agent_t zero = { 0 };
    elo_content_key_t ck;
    elo_buf_t e;

    (void) state;
    seal(ring, ELO_REACH_PRIVATE, &zero, NULL, 0, &e);
    e.p[8 + 80 + 33 + 40] ^= 1;
    assert_int_equal(elo_envelope_open(ring, elo_buf_slice(&e), &ck),
                     ELO_ECORRUPT);
    elo_buf_dispose(&e);
}


/* Each seal is new: nothing tells that two envelopes hold one key. */
static void
test_no_two_alike(void **state)
{
    elo_agent_t zero = { 0 };
    elo_buf_t a, b;

    (void) state;
    seal(ring, ELO_REACH_LOCAL, &zero, NULL, 0, &a);
    seal(ring, ELO_REACH_LOCAL, &zero, NULL, 0, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.p + 8, b.p + 8, 80);
    assert_memory_not_equal(a.p + a.len - 32, b.p + b.len - 32, 32);
    elo_buf_dispose(&a);
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_guest),
        cmocka_unit_test(test_invited),
        cmocka_unit_test(test_most_readers),
        cmocka_unit_test(test_local_and_rotation),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_damage_is_no_lost_key),
        cmocka_unit_test(test_no_two_alike),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
