/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/keyring_port: export, import, restore. */
#include "keys_dir.h"

#include "common/base/num.h"

static keys_dir_t dir_a, dir_b;
static elo_keyring_t *a, *b;
static elo_buf_t text;


static int
set_up(void **state)
{
    (void) state;
    keys_dir_init(&dir_a);
    keys_dir_init(&dir_b);
    a = keys_open(&dir_a, "pass a");
    b = keys_open(&dir_b, NULL);
    elo_buf_init(&text, ELO_RING_TEXT_MAX);
    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    elo_keyring_close(&a);
    elo_keyring_close(&b);
    keys_dir_dispose(&dir_a);
    keys_dir_dispose(&dir_b);
    elo_buf_dispose(&text);
    return 0;
}


static const elo_slice_t paper = { (const uint8_t *) "on paper", 8 };


static void
test_one_agent(void **state)
{
    elo_agent_t owner, zero = { 0 }, unknown = { .b = { 3 } };
    uint32_t n = 77, epoch = elo_keyring_epoch(b);

    (void) state;
    elo_keyring_owner(a, &owner);
    assert_int_equal(elo_keyring_export(a, &unknown, paper, &text),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_keyring_export(a, &zero, elo_slice(NULL, 0), &text),
                     ELO_EINVAL);
    assert_int_equal(text.len, 0);
    assert_int_equal(elo_keyring_export(a, &zero, paper, &text), 0);
    assert_int_equal(
        elo_keyring_import(b, elo_buf_slice(&text), ELO_SLICE("wrong"), &n),
        ELO_ENOKEY);
    assert_int_equal(
        elo_keyring_import(b, elo_buf_slice(&text), elo_slice(NULL, 0), &n),
        ELO_ENOKEY);
    assert_int_equal(n, 77);
    assert_false(elo_keyring_has(b, &owner));
    assert_int_equal(elo_keyring_import(b, elo_buf_slice(&text), paper, &n), 0);
    assert_int_equal(n, 1);
    assert_true(elo_keyring_has(b, &owner));
    assert_int_equal(elo_keyring_epoch(b), epoch);
    assert_int_equal(elo_keyring_import(b, elo_buf_slice(&text), paper, &n), 0);
    assert_int_equal(n, 0); /* it is there */
    elo_keyring_close(&b);
    b = keys_open(&dir_b, NULL); /* and on disk */
    assert_true(elo_keyring_has(b, &owner));
}


/* Another household's ring: agents and cluster keys come, the node secret
   stays; what is sealed by either cluster opens at both. */
static void
test_all(void **state)
{
    elo_content_key_t ck = { .cipher = ELO_CIPHER_AES256_GCM, .size = 9 }, got;
    elo_digest_t plain = { .b = { 1 } }, before, after;
    elo_agent_t owner_a, owner_b, zero = { 0 };
    elo_buf_t of_a, of_b;
    uint32_t n = 0;

    (void) state;
    elo_buf_init(&of_a, 4096);
    elo_buf_init(&of_b, 4096);
    elo_keyring_owner(a, &owner_a);
    elo_keyring_owner(b, &owner_b);
    assert_int_equal(
        elo_envelope_seal(a, &ck, ELO_REACH_LOCAL, &zero, NULL, 0, &of_a), 0);
    assert_int_equal(
        elo_envelope_seal(b, &ck, ELO_REACH_LOCAL, &zero, NULL, 0, &of_b), 0);
    assert_int_equal(elo_envelope_open(b, elo_buf_slice(&of_a), &got),
                     ELO_ENOKEY); /* the same epoch, another key */
    assert_int_equal(elo_keyring_blind(b, &plain, &before), 0);
    assert_int_equal(elo_keyring_export(a, NULL, paper, &text), 0);
    assert_int_equal(elo_keyring_import(b, elo_buf_slice(&text), paper, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(elo_keyring_blind(b, &plain, &after), 0);
    assert_memory_equal(before.b, after.b, 32);
    elo_keyring_owner(b, &owner_a);
    assert_true(elo_agent_eq(&owner_a, &owner_b));
    assert_int_equal(elo_envelope_open(b, elo_buf_slice(&of_a), &got), 0);
    assert_int_equal(elo_envelope_open(b, elo_buf_slice(&of_b), &got), 0);
    elo_buf_dispose(&of_a);
    elo_buf_dispose(&of_b);
}


static void
test_restore(void **state)
{
    elo_digest_t plain = { .b = { 1 } }, was, is;
    elo_agent_t owner, again, zero = { 0 };
    elo_keyring_t *k = NULL;
    elo_keyring_cfg_t cfg;
    keys_dir_t d;

    (void) state;
    elo_keyring_owner(a, &owner);
    assert_int_equal(elo_keyring_blind(a, &plain, &was), 0);
    assert_int_equal(elo_keyring_export(a, &zero, paper, &text), 0);
    keys_dir_init(&d);
    cfg = keys_cfg(&d, "new");
    assert_int_equal(elo_keyring_restore(&cfg, elo_buf_slice(&text), paper, &k),
                     ELO_EINVAL); /* one agent is no ring */
    elo_buf_clear(&text);
    assert_int_equal(elo_keyring_export(a, NULL, paper, &text), 0);
    assert_int_equal(
        elo_keyring_restore(&cfg, elo_buf_slice(&text), ELO_SLICE("wrong"), &k),
        ELO_ENOKEY);
    assert_int_equal(elo_keyring_restore(&cfg, elo_buf_slice(&text), paper, &k),
                     0);
    elo_keyring_close(&k);
    assert_int_equal(elo_keyring_restore(&cfg, elo_buf_slice(&text), paper, &k),
                     ELO_EEXISTS);
    k = keys_open(&d, "new");
    elo_keyring_owner(k, &again);
    assert_true(elo_agent_eq(&owner, &again));
    assert_int_equal(elo_keyring_blind(k, &plain, &is), 0);
    assert_memory_equal(was.b, is.b, 32);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_hostile_texts(void **state)
{
    uint8_t *big = malloc(ELO_RING_TEXT_MAX + 1);
    elo_ring_lock_t none = { 0 };
    elo_ring_t *r = elo_keyring_hold(a);
    elo_buf_t file;
    uint32_t n = 0;

    (void) state;
    assert_non_null(big);
    memset(big, 'a', ELO_RING_TEXT_MAX + 1);
    assert_int_equal(
        elo_keyring_import(b, elo_slice(big, ELO_RING_TEXT_MAX + 1), paper, &n),
        ELO_EINVAL);
    assert_int_equal(
        elo_keyring_import(b, elo_slice(big, ELO_RING_TEXT_MAX), paper, &n),
        ELO_EINVAL);
    assert_int_equal(elo_keyring_import(b, elo_slice(NULL, 0), paper, &n),
                     ELO_EINVAL);
    /* a file without a passphrase is no export */
    elo_buf_init_fixed(&file, big, ELO_RING_FILE_MAX);
    assert_int_equal(elo_ring_file_put(&file, r, &none, NULL), 0);
    elo_ring_armour(&text, elo_buf_slice(&file));
    assert_int_equal(
        elo_keyring_import(b, elo_buf_slice(&text), elo_slice(NULL, 0), &n),
        ELO_EINVAL);
    elo_keyring_drop(a, r);
    free(big);
}


static void
test_full(void **state)
{
    uint32_t n = 5;

    (void) state;
    for (unsigned i = 1; i < ELO_RING_KEYS_MAX; i++) {
        assert_int_equal(elo_keyring_rotate_cluster(a), 0);
    }
    assert_int_equal(elo_keyring_export(a, NULL, paper, &text), 0);
    assert_int_equal(elo_keyring_import(b, elo_buf_slice(&text), paper, &n),
                     ELO_ETOOBIG);
    assert_int_equal(n, 5);
    assert_int_equal(elo_keyring_epoch(b), 1);
}


#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_one_agent),     CASE(test_all),  CASE(test_restore),
        CASE(test_hostile_texts), CASE(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
