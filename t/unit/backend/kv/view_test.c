/* SPDX-License-Identifier: BSD-2-Clause */
/* view: consistent states, beside a writer and checkpoints. */
#include "t/unit/backend/kv/kv_dir.c"

#include "backend/os/thread.h"

#define KEYS    8
#define ROUNDS  400
#define READERS 3

typedef struct {
    elo_kv_op_t op;
    unsigned round;
} round_t;

typedef struct {
    kvd_t *d;
    bool is_done;  /* atomic */
    unsigned seen; /* rounds that a reader saw grow */
} reader_t;


/* Every key gets the round's number; every third round all go, and their number
   says so in another table. */
static elo_err_t
round_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    round_t *r = (round_t *) op;
    char key[16], value[16];
    elo_err_t rc = ELO_OK;

    snprintf(value, sizeof(value), "v%u", r->round);
    for (unsigned i = 0; i < KEYS && rc == ELO_OK; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        rc = r->round % 3 == 0 ? elo_kv_tx_del(tx, T_ONE, elo_slice_str(key))
                               : elo_kv_tx_put(tx, T_ONE, elo_slice_str(key),
                                               elo_slice_str(value), NULL, 0);
    }
    return rc != ELO_OK ? rc
                        : elo_kv_tx_put(tx, T_OTHER, ELO_SLICE("round"),
                                        elo_slice_str(value), NULL, 0);
}


static unsigned
number_of(elo_slice_t value)
{
    char text[16] = "";

    memcpy(text, value.p, value.len < 15 ? value.len : 15);
    return (unsigned) strtoul(text + 1, NULL, 10);
}


static unsigned
rows(elo_kv_view_t *v, uint8_t table, unsigned round)
{
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    unsigned n = 0;

    assert_int_equal(elo_kv_cursor_open(v, table, ELO_SLICE(""), &c), ELO_OK);
    for (; elo_kv_cursor_next(c, &key, &e) == ELO_OK; n++) {
        assert_int_equal(number_of(table == T_ONE ? e.value : key), round);
    }
    elo_kv_cursor_close(&c);
    return n;
}


static void
reader_main(void *arg)
{
    reader_t *r = arg;
    unsigned round = 0, was = 0, want;
    elo_kv_entry_t e;
    elo_kv_view_t v;

    while (!__atomic_load_n(&r->is_done, __ATOMIC_ACQUIRE)) {
        assert_int_equal(elo_kv_view_begin(r->d->kv, &v), ELO_OK);
        round = 0;
        if (elo_kv_get(&v, T_OTHER, ELO_SLICE("round"), &e) == ELO_OK) {
            round = number_of(e.value);
        }
        assert_true(round >= was); /* never back */
        r->seen += round > was;
        was = round;
        want = round % 3 == 0 ? 0 : KEYS;
        assert_int_equal(rows(&v, T_ONE, round), want);
        assert_int_equal(rows(&v, T_BACK, round), want);
        assert_int_equal(elo_kv_get(&v, T_ONE, ELO_SLICE("k3"), &e),
                         want == 0 ? ELO_ENOTFOUND : ELO_OK);
        elo_kv_view_end(&v);
    }
}


static void
test_beside_writer(void **state)
{
    kvd_t *d = *state;
    reader_t readers[READERS] = { { .d = d }, { .d = d }, { .d = d } };
    elo_thread_t th[READERS];
    round_t r = { .op.run = round_run };

    for (int i = 0; i < READERS; i++) {
        assert_int_equal(
            elo_thread_create(&th[i], "reader", reader_main, &readers[i]),
            ELO_OK);
    }
    for (r.round = 1; r.round <= ROUNDS; r.round++) {
        assert_int_equal(elo_kv_exec(d->kv, &r.op), ELO_OK);
        if (r.round % 20 == 0) {
            assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
        }
    }
    for (int i = 0; i < READERS; i++) {
        __atomic_store_n(&readers[i].is_done, true, __ATOMIC_RELEASE);
        elo_thread_join(&th[i]);
    }
}


/* Views within views, more than are kept for reuse, in any order of ending. */
static void
test_many(void **state)
{
    enum { VIEWS = 200 };
    static elo_kv_view_t v[VIEWS];
    kvd_t *d = *state;
    elo_kv_entry_t e;
    char value[16];

    for (unsigned i = 0; i < VIEWS; i++) {
        snprintf(value, sizeof(value), "v%u", i);
        assert_int_equal(kvd_put(d, T_ONE, "k", value), ELO_OK);
        assert_int_equal(elo_kv_view_begin(d->kv, &v[i]), ELO_OK);
        if (i % 50 == 49) {
            assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
        }
    }
    for (unsigned i = 0; i < VIEWS; i++) {
        unsigned at = i * 7 % VIEWS;

        assert_int_equal(elo_kv_get(&v[at], T_ONE, ELO_SLICE("k"), &e), ELO_OK);
        assert_int_equal(number_of(e.value), at);
        elo_kv_view_end(&v[at]);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_beside_writer, kvd_setup,
                                        kvd_teardown),
        cmocka_unit_test_setup_teardown(test_many, kvd_setup, kvd_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
