/* SPDX-License-Identifier: BSD-2-Clause */
/* token_keys: which keys count, over rotations and starts. */
#include "ctl_tokens.c"

#include "backend/store/setting.h"


static void
test_kid(void **state)
{
    plane_t *p = *state;
    elo_token_key_t k;
    elo_digest_t d;
    char hex[17];

    assert_int_equal(elo_ctl_keys(p->c, &k, 1), 1);
    assert_int_equal(elo_sha256(elo_slice(k.key, 32), &d), ELO_OK);
    elo_hex_encode(d.b, 8, hex);
    assert_string_equal(k.kid, hex);
    assert_int_equal(k.until, 0);
    assert_int_equal(k.alg, ELO_ALG_EDDSA);
}


static void
test_rotation(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    elo_token_key_t keys[ELO_CTL_KEYS_MAX], again[ELO_CTL_KEYS_MAX];
    text_t first = token_of(p, &owner), second;
    elo_ctl_session_t s;

    atomic_store(&p->now, START + 100);
    first = token_of(p, &owner);
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
    second = token_of(p, &owner);
    assert_int_equal(elo_ctl_keys(p->c, keys, ELO_CTL_KEYS_MAX), 2);
    assert_string_not_equal(keys[0].kid, keys[1].kid);
    assert_int_equal(keys[0].until, 0);
    assert_int_equal(keys[1].until, START + 100 + LIFE + ELO_TOKEN_LEEWAY_S);
    assert_int_equal(elo_ctl_keys(p->c, again, 1), 1);
    assert_string_equal(again[0].kid, keys[0].kid);

    plane_reopen(p); /* the same keys, with the same ends */
    assert_int_equal(elo_ctl_keys(p->c, again, ELO_CTL_KEYS_MAX), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(keys[i].kid, again[i].kid);
        assert_memory_equal(keys[i].key, again[i].key, 32);
        assert_int_equal(keys[i].until, again[i].until);
    }
    assert_int_equal(session(p, &first).verdict, ELO_TOKEN_OK);
    assert_int_equal(session(p, &second).verdict, ELO_TOKEN_OK);

    /* up to its own end the old one holds */
    atomic_store(&p->now, START + 100 + LIFE + ELO_TOKEN_LEEWAY_S - 1);
    assert_int_equal(session(p, &first).facts, ADMIN);
    atomic_store(&p->now, START + 100 + LIFE + ELO_TOKEN_LEEWAY_S);
    s = session(p, &first);
    is_refused(&s, ELO_TOKEN_UNKNOWN_KEY);
    assert_int_equal(elo_ctl_keys(p->c, again, ELO_CTL_KEYS_MAX), 1);
    assert_string_equal(again[0].kid, keys[0].kid);
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK); /* which drops the first */
    plane_reopen(p);
    assert_int_equal(p->c->n_keys, 2);
    assert_string_equal(p->c->keys[1].kid, keys[0].kid);
}


static void
test_many_rotations(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    text_t first = token_of(p, &owner);

    for (unsigned i = 1; i < ELO_CTL_KEYS_MAX; i++) {
        assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
        assert_int_equal(session(p, &first).facts, ADMIN);
    }
    assert_int_equal(elo_ctl_rotate(p->c), ELO_EBUSY);
    plane_reopen(p);
    assert_int_equal(p->c->n_keys, ELO_CTL_KEYS_MAX);
    assert_int_equal(session(p, &first).facts, ADMIN);
    atomic_store(&p->now, START - 1000); /* the clock goes back */
    assert_int_equal(elo_ctl_rotate(p->c), ELO_EBUSY);
    atomic_store(&p->now, START + LIFE + ELO_TOKEN_LEEWAY_S);
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
    assert_int_equal(p->c->n_keys, 2);
    atomic_store(&p->now, START);
    assert_int_equal(elo_ctl_rotate(p->c), ELO_OK);
    plane_reopen(p); /* still in order */
    assert_int_equal(p->c->n_keys, 3);
}


static void
test_readonly(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    text_t t;

    elo_kv_set_readonly(elo_store_kv(p->dir.s));
    assert_int_equal(elo_ctl_rotate(p->c), ELO_EREADONLY);
    t = token_of(p, &owner); /* as before */
    assert_int_equal(session(p, &t).facts, ADMIN);
    assert_int_equal(p->c->n_keys, 1);
}


static void
test_damaged_keys(void **state)
{
    static const uint8_t good[] = { 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0,
                                    0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0,
                                    0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8 };
    plane_t *p = *state;
    elo_ctl_t *c = NULL;
    uint8_t bad[sizeof(good) + 1] = { 0 };

    elo_ctl_close(&p->c);
    for (size_t n = 0; n <= sizeof(bad); n++) {
        memcpy(bad, good, sizeof(good));
        assert_int_equal(
            elo_store_setting_put(p->dir.s, "token-keys", elo_slice(bad, n)),
            ELO_OK);
        assert_int_equal(elo_ctl_open(&p->cfg, &c),
                         n == sizeof(good) ? ELO_OK : ELO_ECORRUPT);
        elo_ctl_close(&c);
    }
    for (size_t i = 0; i < 3; i++) { /* count 0, order of numbers, of times */
        static const struct {
            size_t at;
            uint8_t v;
        } rows[] = { { 0, 0 }, { 24, 2 }, { 32, 10 } };

        memcpy(bad, good, sizeof(good));
        bad[rows[i].at] = rows[i].v;
        assert_int_equal(elo_store_setting_put(p->dir.s, "token-keys",
                                               elo_slice(bad, sizeof(good))),
                         ELO_OK);
        assert_int_equal(elo_ctl_open(&p->cfg, &c), ELO_ECORRUPT);
    }
    assert_int_equal(elo_store_setting_put(p->dir.s, "token-keys",
                                           elo_slice(good, sizeof(good))),
                     ELO_OK);
    assert_int_equal(elo_ctl_open(&p->cfg, &p->c), ELO_OK);
}


typedef struct {
    plane_t *p;
    unsigned n;
} turner_t;


static void
turn(void *arg)
{
    turner_t *t = arg;

    for (unsigned i = 0; i < 8; i++) {
        t->n += elo_ctl_rotate(t->p->c) == ELO_OK;
    }
}


/* Rotations of two pool threads, while the loop signs and judges. */
static void
test_threads(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    turner_t turners[2] = { { p, 0 }, { p, 0 } };
    elo_thread_t threads[2];
    text_t t;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            elo_thread_create(&threads[i], "turner", turn, &turners[i]),
            ELO_OK);
    }
    for (unsigned i = 0; i < 200; i++) {
        t = token_of(p, &owner);
        assert_int_equal(session(p, &t).facts, ADMIN);
    }
    for (unsigned i = 0; i < 2; i++) {
        elo_thread_join(&threads[i]);
    }
    assert_int_equal(turners[0].n + turners[1].n, ELO_CTL_KEYS_MAX - 1);
    assert_int_equal(session(p, &t).facts, ADMIN);
}


int
main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = {
        T(test_kid),      T(test_rotation),     T(test_many_rotations),
        T(test_readonly), T(test_damaged_keys), T(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
