/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/keyring: opening, questions, changes. */
#include "keys_dir.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "common/base/num.h"


static void
test_first_start(void **state)
{
    elo_keyring_cfg_t cfg;
    elo_agent_t owner, again, zero = { 0 };
    elo_digest_t plain = { .b = { 1 } }, a, b;
    elo_keyring_t *k = NULL;
    struct stat st;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    cfg = keys_cfg(&d, NULL);
    cfg.may_create = false;
    assert_int_equal(elo_keyring_open(&cfg, &k), ELO_ENOTFOUND);
    k = keys_open(&d, NULL);
    assert_int_equal(stat(d.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(elo_keyring_is_protected(k));
    assert_int_equal(elo_keyring_epoch(k), 1);
    elo_keyring_owner(k, &owner);
    assert_true(elo_keyring_has(k, &owner));
    assert_true(elo_keyring_has(k, &zero));
    assert_int_equal(elo_keyring_blind(k, &plain, &a), 0);
    elo_keyring_close(&k);
    assert_null(k);
    elo_keyring_close(&k);

    assert_int_equal(elo_keyring_open(&cfg, &k), 0); /* the same again */
    elo_keyring_owner(k, &again);
    assert_true(elo_agent_eq(&owner, &again));
    assert_int_equal(elo_keyring_blind(k, &plain, &b), 0);
    assert_memory_equal(a.b, b.b, 32);
    plain.b[31] = 1;
    assert_int_equal(elo_keyring_blind(k, &plain, &b), 0);
    assert_memory_not_equal(a.b, b.b, 32);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_passphrase(void **state)
{
    static const struct {
        const char *has, *given;
        elo_err_t rc;
    } rows[] = {
        { "right", "right", ELO_OK },  { "right", "wrong", ELO_ENOKEY },
        { "right", NULL, ELO_ENOKEY }, { "right", "right\n", ELO_ENOKEY },
        { NULL, NULL, ELO_OK },        { NULL, "any", ELO_ENOKEY }
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_keyring_cfg_t cfg;
        elo_keyring_t *k = NULL;
        keys_dir_t d;

        keys_dir_init(&d);
        k = keys_open(&d, rows[i].has);
        assert_int_equal(elo_keyring_is_protected(k), rows[i].has != NULL);
        elo_keyring_close(&k);
        cfg = keys_cfg(&d, rows[i].given);
        assert_int_equal(elo_keyring_open(&cfg, &k), rows[i].rc);
        elo_keyring_close(&k);
        keys_dir_dispose(&d);
    }
}


typedef struct {
    unsigned n;
    elo_agent_t first;
    char labels[256];
} seen_t;


static bool
see(void *ctx, const elo_agent_t *a, int64_t created_at, elo_slice_t label)
{
    seen_t *s = ctx;

    assert_true(created_at > 1700000000);
    if (s->n++ == 0) {
        s->first = *a;
    }
    strncat(s->labels, (const char *) label.p, label.len);
    strcat(s->labels, ",");
    return true;
}


static bool
see_one(void *ctx, const elo_agent_t *a, int64_t created_at, elo_slice_t label)
{
    see(ctx, a, created_at, label);
    return false;
}


static void
test_add(void **state)
{
    uint8_t seed[32] = { 1 }, other[32] = { 2 };
    elo_agent_t a, b, owner;
    seen_t seen = { 0 };
    elo_keyring_t *k;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, "pass");
    elo_agent_of_seed(seed, &a);
    elo_agent_of_seed(other, &b);
    assert_false(elo_keyring_has(k, &a));
    assert_int_equal(elo_keyring_add(k, seed, ELO_SLICE("Ada"), false), 0);
    assert_true(elo_keyring_has(k, &a));
    assert_int_equal(elo_keyring_add(k, seed, ELO_SLICE("Ada"), false),
                     ELO_EEXISTS);
    assert_int_equal(elo_keyring_add(k, other, ELO_SLICE("Bo"), true), 0);
    elo_keyring_owner(k, &owner);
    assert_true(elo_agent_eq(&owner, &b));
    /* a known one moves to the front, and keeps its label */
    assert_int_equal(elo_keyring_add(k, seed, ELO_SLICE("new"), true), 0);
    elo_keyring_owner(k, &owner);
    assert_true(elo_agent_eq(&owner, &a));
    elo_keyring_close(&k);

    k = keys_open(&d, "pass");
    elo_keyring_each(k, see, &seen);
    assert_int_equal(seen.n, 3);
    assert_true(elo_agent_eq(&seen.first, &a));
    assert_string_equal(seen.labels, "Ada,Bo,,");
    seen = (seen_t){ 0 };
    elo_keyring_each(k, see_one, &seen);
    assert_int_equal(seen.n, 1);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_labels(void **state)
{
    static const struct {
        const char *label;
        elo_err_t rc;
    } rows[] = {
        { "\xc3\x84nne", ELO_OK },
        { "a\nb", ELO_EINVAL },
        { "\x1b[2J", ELO_EINVAL },
        { "\x7f", ELO_EINVAL },
        { "\xc2\x9b", ELO_EINVAL },
        { "\xff", ELO_EINVAL },
        { "\xc3", ELO_EINVAL },
        { "0123456789012345678901234567890123456789012345678901234567890123",
          ELO_OK },
        { "01234567890123456789012345678901234567890123456789012345678901234",
          ELO_EINVAL },
    };
    uint8_t seed[32] = { 0 };
    elo_keyring_t *k;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, NULL);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        seed[0]++;
        assert_int_equal(
            elo_keyring_add(k, seed, elo_slice_str(rows[i].label), false),
            rows[i].rc);
    }
    elo_keyring_close(&k);
    k = keys_open(&d, NULL);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_full(void **state)
{
    uint8_t seed[32] = { 0 };
    elo_keyring_t *k;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, NULL);
    for (unsigned i = 1; i < ELO_RING_AGENTS_MAX; i++) {
        seed[0] = (uint8_t) i;
        seed[1] = (uint8_t) (i >> 8);
        assert_int_equal(
            elo_keyring_add(k, seed,
                            ELO_SLICE("0123456789012345678901234567890123456"
                                      "789012345678901234567890123"),
                            false),
            0);
    }
    seed[2] = 1;
    assert_int_equal(elo_keyring_add(k, seed, ELO_SLICE(""), false),
                     ELO_ETOOBIG);
    for (unsigned i = 1; i < ELO_RING_KEYS_MAX; i++) {
        assert_int_equal(elo_keyring_rotate_cluster(k), 0);
    }
    assert_int_equal(elo_keyring_rotate_cluster(k), ELO_ETOOBIG);
    elo_keyring_close(&k);
    k = keys_open(&d, NULL); /* the largest ring there is opens */
    assert_int_equal(elo_keyring_epoch(k), ELO_RING_KEYS_MAX);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_repass(void **state)
{
    static const char *const ways[] = { "one", "two", NULL, "three" };
    elo_keyring_cfg_t cfg;
    elo_keyring_t *k;
    elo_agent_t owner, now;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, ways[0]);
    elo_keyring_owner(k, &owner);
    for (size_t i = 1; i < ELO_COUNT(ways); i++) {
        assert_int_equal(elo_keyring_repass(k, elo_slice_str(ways[i])), 0);
        assert_int_equal(elo_keyring_is_protected(k), ways[i] != NULL);
        elo_keyring_close(&k);
        cfg = keys_cfg(&d, ways[i - 1]);
        assert_int_equal(elo_keyring_open(&cfg, &k), ELO_ENOKEY);
        k = keys_open(&d, ways[i]);
        elo_keyring_owner(k, &now);
        assert_true(elo_agent_eq(&owner, &now));
    }
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


/* Two processes with one file. */
static void
test_reload_and_races(void **state)
{
    elo_keyring_cfg_t cfg;
    elo_keyring_t *daemon, *cli;
    int lock = -1;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    daemon = keys_open(&d, "pass");
    cli = keys_open(&d, "pass");
    assert_int_equal(elo_keyring_rotate_cluster(cli), 0);
    assert_int_equal(elo_keyring_epoch(daemon), 1);
    /* what was read before somebody's change may not overwrite it */
    assert_int_equal(elo_keyring_rotate_cluster(daemon), ELO_EPRECOND);
    assert_int_equal(elo_keyring_epoch(daemon), 1);
    cfg = keys_cfg(&d, "wrong");
    assert_int_equal(elo_keyring_reload(daemon, &cfg), ELO_ENOKEY);
    assert_int_equal(elo_keyring_epoch(daemon), 1);
    cfg = keys_cfg(&d, "pass");
    assert_int_equal(elo_keyring_reload(daemon, &cfg), 0);
    assert_int_equal(elo_keyring_epoch(daemon), 2);
    assert_int_equal(elo_keyring_rotate_cluster(daemon), 0);

    assert_int_equal(elo_ring_lock_file(elo_vfs_posix(), d.path, &lock), 0);
    assert_int_equal(elo_keyring_rotate_cluster(daemon), ELO_EBUSY);
    elo_vfs_posix()->close(elo_vfs_posix(), lock);
    assert_int_equal(elo_keyring_rotate_cluster(daemon), 0);

    assert_int_equal(unlink(d.path), 0);
    assert_int_equal(elo_keyring_rotate_cluster(daemon), ELO_EPRECOND);
    assert_int_equal(elo_keyring_reload(daemon, &cfg), ELO_ENOTFOUND);
    assert_int_equal(elo_keyring_epoch(daemon), 4);
    elo_keyring_close(&daemon);
    elo_keyring_close(&cli);
    keys_dir_dispose(&d);
}


/* Every file operation of a change fails once; the ring is then the old one, in
   memory and on disk, or the new one on disk, and always opens. */
static void
test_failures(void **state)
{
    bool fired = true;

    (void) state;
    for (unsigned at = 1; fired; at++) {
        elo_keyring_cfg_t cfg;
        elo_keyring_t *k = NULL;
        keys_vfs_t v;
        elo_err_t rc;
        uint32_t epoch;
        keys_dir_t d;

        keys_dir_init(&d);
        keys_vfs_init(&v, EIO);
        cfg = keys_cfg(&d, "pass");
        cfg.vfs = &v.v;
        assert_int_equal(elo_keyring_open(&cfg, &k), 0);
        v.count = 0;
        v.at = at;
        rc = elo_keyring_rotate_cluster(k);
        fired = v.count >= at;
        epoch = elo_keyring_epoch(k);
        /* a failure to remove what isn't there, or to close, may not matter */
        assert_int_equal(epoch, rc == ELO_OK ? 2 : 1);
        assert_int_equal(rc, fired ? EIO : ELO_OK);
        elo_keyring_close(&k);
        k = keys_open(&d, "pass");
        assert_true(elo_keyring_epoch(k) >= epoch);
        assert_int_equal(elo_keyring_rotate_cluster(k), 0);
        elo_keyring_close(&k);
        keys_dir_dispose(&d);
    }
}


static void
test_open_failures(void **state)
{
    bool fired = true;

    (void) state;
    for (unsigned at = 1; fired; at++) {
        elo_keyring_cfg_t cfg;
        elo_keyring_t *k = NULL;
        keys_vfs_t v;
        elo_err_t rc;
        keys_dir_t d;

        keys_dir_init(&d);
        keys_vfs_init(&v, ENOSPC);
        v.at = at;
        cfg = keys_cfg(&d, NULL);
        cfg.vfs = &v.v;
        rc = elo_keyring_open(&cfg, &k);
        fired = v.count >= at;
        assert_int_equal(rc, fired ? ENOSPC : ELO_OK);
        elo_keyring_close(&k);
        k = keys_open(&d, NULL);
        elo_keyring_close(&k);
        keys_dir_dispose(&d);
    }
}


static void
test_short_io(void **state)
{
    elo_keyring_cfg_t cfg;
    elo_keyring_t *k = NULL;
    keys_vfs_t v;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    keys_vfs_init(&v, EIO);
    v.is_short = true;
    cfg = keys_cfg(&d, "pass");
    cfg.vfs = &v.v;
    assert_int_equal(elo_keyring_open(&cfg, &k), 0);
    elo_keyring_close(&k);
    assert_int_equal(elo_keyring_open(&cfg, &k), 0);
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


/* ---- threads ---- */

typedef struct {
    elo_keyring_t *k;
    elo_keyring_cfg_t cfg;
    elo_digest_t blind;
} shared_t;


static void *
reader(void *ctx)
{
    const shared_t *s = ctx;
    elo_digest_t plain = { .b = { 5 } }, d;
    elo_agent_t owner;

    for (unsigned i = 0; i < 500; i++) {
        elo_keyring_owner(s->k, &owner);
        assert_int_equal(elo_keyring_blind(s->k, &plain, &d), 0);
        assert_memory_equal(d.b, s->blind.b, 32);
    }
    return NULL;
}


static void *
writer(void *ctx)
{
    const shared_t *s = ctx;

    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(elo_keyring_rotate_cluster(s->k), 0);
        assert_int_equal(elo_keyring_reload(s->k, &s->cfg), 0);
    }
    return NULL;
}


/* What derive is to be, spelt out. */
static void
test_derive(void **state)
{
    static const uint8_t in[] = "elohim-token-key\0\1\2\3\4\5\6\7\10";
    uint8_t out[ELO_SECRET_LEN], other[ELO_SECRET_LEN];
    elo_keyring_t *k;
    elo_slice_t text = elo_slice(in, 25);
    elo_ring_t *r;
    elo_digest_t want;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, NULL);
    r = elo_keyring_hold(k);
    elo_hmac_any(elo_slice(r->node, ELO_SECRET_LEN), &text, 1, &want);
    elo_keyring_drop(k, r);
    assert_int_equal(elo_keyring_derive(k, "elohim-token-key",
                                        UINT64_C(0x0102030405060708), out),
                     0);
    assert_memory_equal(out, want.b, sizeof(out));
    assert_int_equal(elo_keyring_derive(k, "elohim-token-key", 9, other), 0);
    assert_memory_not_equal(out, other, sizeof(out));
    assert_int_equal(elo_keyring_derive(k, "elohim-token-kez",
                                        UINT64_C(0x0102030405060708), other),
                     0);
    assert_memory_not_equal(out, other, sizeof(out));

    assert_int_equal(elo_keyring_rotate_cluster(k), 0); /* another ring */
    elo_keyring_close(&k);
    k = keys_open(&d, NULL);
    assert_int_equal(elo_keyring_derive(k, "elohim-token-key",
                                        UINT64_C(0x0102030405060708), other),
                     0);
    assert_memory_equal(out, other, sizeof(out));
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static elo_err_t
note_agent(void *ctx, const uint8_t seed[ELO_SEED_LEN])
{
    elo_agent_of_seed(seed, ctx);
    return ELO_EBUSY; /* is handed on */
}


static void
test_use(void **state)
{
    uint8_t seed[ELO_SEED_LEN] = { 7 };
    elo_agent_t owner, guest, seen = { 0 }, zero = { 0 };
    elo_keyring_t *k;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    k = keys_open(&d, NULL);
    elo_keyring_owner(k, &owner);
    elo_agent_of_seed(seed, &guest);
    assert_int_equal(elo_keyring_use(k, &guest, note_agent, &seen), ELO_ENOKEY);
    assert_int_equal(elo_keyring_use(k, &zero, note_agent, &seen), ELO_ENOKEY);
    assert_true(elo_agent_is_zero(&seen));
    assert_int_equal(elo_keyring_use(k, &owner, note_agent, &seen), ELO_EBUSY);
    assert_true(elo_agent_eq(&seen, &owner));
    assert_int_equal(elo_keyring_add(k, seed, ELO_SLICE("guest"), false), 0);
    assert_int_equal(elo_keyring_use(k, &guest, note_agent, &seen), ELO_EBUSY);
    assert_true(elo_agent_eq(&seen, &guest));
    elo_keyring_close(&k);
    keys_dir_dispose(&d);
}


static void
test_threads(void **state)
{
    elo_digest_t plain = { .b = { 5 } };
    pthread_t threads[4];
    shared_t s;
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    s.k = keys_open(&d, NULL);
    s.cfg = keys_cfg(&d, NULL);
    assert_int_equal(elo_keyring_blind(s.k, &plain, &s.blind), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < 2 ? reader : writer, &s), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(elo_keyring_epoch(s.k), 21);
    elo_keyring_close(&s.k);
    keys_dir_dispose(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_start),
        cmocka_unit_test(test_passphrase),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_repass),
        cmocka_unit_test(test_reload_and_races),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_open_failures),
        cmocka_unit_test(test_short_io),
        cmocka_unit_test(test_derive),
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
