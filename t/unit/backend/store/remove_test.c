/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/remove: who may take what away, and that nothing of it
   stays. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/store/agent.h"
#include "common/http/wire.h"

#define MIB (1u << 20)

static const size_t sizes[] = { 0, 100, 3 * MIB };


/* No row of any table of blobs is left. */
static void
nothing_of(const dir_t *d)
{
    static const uint8_t tables[] = { ELO_T_BLOB, ELO_T_SEALED, ELO_T_OWN,
                                      ELO_T_TREE, ELO_T_TASK,   ELO_T_MEDIA,
                                      ELO_T_BAD,  ELO_T_ORPHAN, ELO_T_USE };

    for (size_t i = 0; i < sizeof(tables); i++) {
        if (rows_of(d->s, tables[i]) != 0) {
            fail_msg("table %d has rows", tables[i]);
        }
    }
    assert_int_equal(dir_count(d, "blobs"), 0);
    assert_int_equal(dir_count(d, "media"), 0);
    totals_are(d->s, 0, 0);
}


static void
test_all_of_it(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_PRIVATE };
    dir_t *d = *state;

    for (size_t i = 0; i < 6; i++) {
        elo_put_opt_t opt = opt_of(reaches[i % 2], 0);
        elo_slice_t bytes = bytes_of(sizes[i / 2], 1);
        elo_slice_t index = bytes_of(sizes[2], 2);
        elo_digest_t dig = digest_of(bytes);
        uint64_t gen;

        assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_ENOTFOUND);
        assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, NULL), ELO_OK);
        if (opt.reach == ELO_REACH_COMMONS) {
            assert_int_equal(elo_store_media_put(d->s, &dig, ELO_MEDIA_READY,
                                                 index, ELO_SLICE("")),
                             ELO_OK);
        }
        gen = gen_of(d->s, elo_digest_slice(&dig));
        assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_OK);
        assert_true(gen_of(d->s, elo_digest_slice(&dig)) > gen);
        assert_false(reads_back(d->s, bytes));
        nothing_of(d);
        assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_ENOTFOUND);
        bytes_free(index);
        bytes_free(bytes);
    }
    dir_reopen(d);
    nothing_of(d);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
}


/* What one agent removes is another's as long as he has it; the first sender too
   may be the one who goes. */
static void
test_possession(void **state)
{
    static const uint8_t orders[][3] = {
        { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 },
        { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 },
    };
    dir_t *d = *state;

    for (size_t i = 0; i < 12; i++) {
        elo_slice_t bytes = bytes_of(sizes[1 + i % 2], 7);
        elo_digest_t dig = digest_of(bytes);
        elo_agent_stat_t st;
        elo_agent_t stranger = agent_of(9);

        for (uint8_t a = 1; a <= 3; a++) {
            elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, a);

            assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, NULL), ELO_OK);
        }
        assert_int_equal(elo_store_remove(d->s, &dig, &stranger),
                         ELO_ENOTFOUND);
        for (size_t k = 0; k < 3; k++) {
            elo_agent_t a = agent_of(orders[i / 2][k]);
            elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, orders[i / 2][k]);
            bool existed;

            assert_true(reads_back(d->s, bytes));
            assert_int_equal(elo_store_agent(d->s, &a, &st), ELO_OK);
            assert_int_equal(st.bytes, bytes.len);
            assert_int_equal(elo_store_remove(d->s, &dig, &a), ELO_OK);
            assert_int_equal(elo_store_remove(d->s, &dig, &a), ELO_ENOTFOUND);
            assert_int_equal(elo_store_agent(d->s, &a, &st), ELO_OK);
            assert_int_equal(st.bytes, 0);
            assert_int_equal(st.blobs, 0);
            if (k == 0) { /* he changes his mind, twice */
                assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, &existed),
                                 ELO_OK);
                assert_false(existed);
                assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, &existed),
                                 ELO_OK);
                assert_true(existed);
                assert_int_equal(elo_store_remove(d->s, &dig, &a), ELO_OK);
            }
        }
        assert_false(reads_back(d->s, bytes));
        nothing_of(d);
        bytes_free(bytes);
    }
}


/* Sealed ones are each his own; the operator may take all at once. */
static void
test_sealed(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(2 * MIB, 1);
    elo_digest_t dig = digest_of(bytes);
    elo_agent_t one = agent_of(1), two = agent_of(2);

    for (uint8_t a = 1; a <= 3; a++) {
        elo_put_opt_t opt =
            opt_of(a == 3 ? ELO_REACH_COMMONS : ELO_REACH_LOCAL, a);

        assert_int_equal(put_opt(d->s, &opt, bytes, 0, NULL, NULL), ELO_OK);
    }
    assert_int_equal(dir_count(d, "blobs"), 3);
    assert_int_equal(elo_store_remove(d->s, &dig, &one), ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &dig, &one), ELO_ENOTFOUND);
    assert_int_equal(dir_count(d, "blobs"), 2);
    assert_int_equal(rows_of(d->s, ELO_T_SEALED), 1);
    assert_true(reads_back_as(d->s, bytes, &two));
    assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_OK);
    nothing_of(d);
    bytes_free(bytes);
}


/* References and pins hold it, whoever asks; the last one gone, it may go. */
static void
test_held(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = ELO_SLICE("referred to");
    elo_digest_t dig = digest_of(bytes), none = digest_of(ELO_SLICE("none"));
    elo_agent_t op = agent_of(0), stranger = agent_of(9);
    elo_put_opt_t other = opt_of(ELO_REACH_COMMONS, 3);

    assert_int_equal(elo_store_pin(d->s, &none, true), ELO_ENOTFOUND);
    assert_int_equal(elo_store_pin(d->s, &none, false), ELO_OK);
    assert_int_equal(put_bytes(d->s, bytes, NULL, NULL), ELO_OK);
    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_COMMONS, &dig, "{}"),
                     ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_EBUSY);
    assert_int_equal(elo_store_remove(d->s, &dig, &op), ELO_EBUSY);
    /* whose it isn't, learns nothing of it */
    assert_int_equal(elo_store_remove(d->s, &dig, &stranger), ELO_ENOTFOUND);
    assert_int_equal(put_opt(d->s, &other, bytes, 0, NULL, NULL), ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &dig, &stranger), ELO_ENOTFOUND);
    assert_false(elo_store_is_pinned(d->s, &dig));
    assert_int_equal(elo_store_pin(d->s, &dig, true), ELO_OK);
    assert_int_equal(elo_store_pin(d->s, &dig, true), ELO_OK);
    assert_true(elo_store_is_pinned(d->s, &dig));
    assert_int_equal(elo_store_node_remove(d->s, ELO_SLICE("n"), 0), ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_EBUSY);
    dir_reopen(d);
    assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_EBUSY);
    assert_true(reads_back(d->s, bytes));
    assert_int_equal(elo_store_pin(d->s, &dig, false), ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &dig, NULL), ELO_OK);
    nothing_of(d);
}


/* A reader that has it open reads on. */
static void
test_open_reader(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(2 * MIB, 1);
    uint8_t *got = malloc(bytes.len);
    elo_blob_stat_t st;
    elo_blob_t *b;

    assert_int_equal(put_bytes(d->s, bytes, &st, NULL), ELO_OK);
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_OK);
    assert_int_equal(elo_store_remove(d->s, &st.digest, NULL), ELO_OK);
    assert_int_equal(elo_blob_read(b, 0, got, bytes.len), ELO_OK);
    assert_memory_equal(got, bytes.p, bytes.len);
    elo_blob_close(&b);
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_ENOTFOUND);
    free(got);
    bytes_free(bytes);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_of_it, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_possession, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_sealed, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_held, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_open_reader, dir_setup,
                                        dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
