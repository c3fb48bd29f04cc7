/* SPDX-License-Identifier: BSD-2-Clause */
/* replay: what a start verifies again, and what it makes of marks and journals that
   somebody has written to who hasn't got the node's secret. */
#include "ctl_dir.c"

#include "backend/store/setting.h"

#define MARK     "records-verified"
#define MARK_LEN 72u
#define EVERY    1024u


/* n relations of the owner, in the journal, without anybody having looked at them. */
static void
fill(plane_t *p, person_t *by, unsigned n)
{
    person_t ada = person(1);
    bytes_t b;

    for (unsigned i = 0; i < n; i++) {
        elo_rec_t r = { .kind = ELO_REC_LIFECYCLE,
                        .body = { .has_content = true,
                                  .content = ELO_SLICE("a-thing"),
                                  .version = 1 } };

        sign_next(by, i % 1000 == 0 ? admission(&ada, ELO_LEVEL_ADMIN, 0) : r,
                  START, &b);
        assert_int_equal(elo_store_journal_append(p->dir.s, ELO_JOURNAL_RECORD,
                                                  slice_of(&b), NULL),
                         ELO_OK);
    }
}


static uint64_t
last_of(const plane_t *p)
{
    return elo_store_journal_last(p->dir.s, ELO_JOURNAL_RECORD);
}


/* Opens a control plane over what is in the store, and says how it went. */
static elo_err_t
start(plane_t *p)
{
    elo_ctl_close(&p->c);
    return elo_ctl_open(&p->cfg, &p->c);
}


static void
get_mark(const plane_t *p, uint8_t out[MARK_LEN])
{
    elo_buf_t b;

    elo_buf_init_fixed(&b, out, MARK_LEN);
    assert_int_equal(elo_store_setting_get(p->dir.s, MARK, &b), ELO_OK);
    assert_int_equal(b.len, MARK_LEN);
}


static void
put_mark(const plane_t *p, const uint8_t *mark, size_t len)
{
    assert_int_equal(
        elo_store_setting_put(p->dir.s, MARK, elo_slice(mark, len)), ELO_OK);
}


/* A record whose signature is wrong: found where it is verified, and only there. */
static void
put_bad(plane_t *p, person_t *by)
{
    person_t eve = person(9);
    bytes_t b;

    sign_next(by, admission(&eve, ELO_LEVEL_ADMIN, 0), START, &b);
    b.b[b.len - 1] ^= 1;
    assert_int_equal(elo_store_journal_append(p->dir.s, ELO_JOURNAL_RECORD,
                                              slice_of(&b), NULL),
                     ELO_OK);
}


static void
test_mark_at_start(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    uint8_t mark[MARK_LEN], again[MARK_LEN];
    elo_buf_t none;

    fill(p, &owner, EVERY - 1);
    assert_int_equal(start(p), ELO_OK);
    assert_int_equal(p->c->taken.number, EVERY - 1);
    elo_buf_init_fixed(&none, mark, sizeof(mark));
    assert_int_equal(elo_store_setting_get(p->dir.s, MARK, &none),
                     ELO_ENOTFOUND);
    fill(p, &owner, 1);
    assert_int_equal(start(p), ELO_OK);
    assert_int_equal(p->c->marked, EVERY);
    get_mark(p, mark);
    assert_int_equal(mark[6] << 8 | mark[7], EVERY);
    plane_reopen(p);
    assert_int_equal(p->c->marked, EVERY);
    assert_int_equal(facts_of(p, &ada) & ELO_FACT_ADMIN, ELO_FACT_ADMIN);
    get_mark(p, again);
    assert_memory_equal(mark, again, MARK_LEN);
    /* what comes behind the mark is verified */
    put_bad(p, &owner);
    assert_int_equal(start(p), ELO_ECORRUPT);
}


/* Kept by the way of writing, too. */
static void
test_mark_on_the_way(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), bob = person(2);
    uint8_t mark[MARK_LEN];

    fill(p, &owner, EVERY - 2);
    assert_int_equal(start(p), ELO_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(p->c->marked, 0);
        must_tell(p, &owner, admission(&bob, ELO_LEVEL_AUTHENTICATED, 0));
    }
    assert_int_equal(p->c->marked, EVERY);
    get_mark(p, mark);
    assert_int_equal(mark[6] << 8 | mark[7], EVERY);
    plane_reopen(p);
    assert_int_equal(p->c->marked, EVERY);
    assert_int_equal(p->c->taken.number, EVERY + 1);
}


/* A mark that isn't this node's, and one of other records: nothing is believed, and all
   is verified. */
static void
test_forged(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p);
    uint8_t mark[MARK_LEN], bad[MARK_LEN];

    fill(p, &owner, EVERY);
    assert_int_equal(start(p), ELO_OK);
    get_mark(p, mark);
    for (size_t i = 0; i < 8 * MARK_LEN; i += 13) {
        memcpy(bad, mark, MARK_LEN);
        bad[i / 8] ^= (uint8_t) (1u << i % 8);
        put_mark(p, bad, MARK_LEN);
        if (i % 91 == 0) { /* each start takes its time */
            assert_int_equal(start(p), ELO_OK);
            assert_int_equal(p->c->marked, EVERY); /* kept anew */
        }
    }
    put_bad(p, &owner);
    put_mark(p, mark, MARK_LEN - 1);
    assert_int_equal(start(p), ELO_ECORRUPT);
    /* a forged one that covers the bad record */
    memcpy(bad, mark, MARK_LEN);
    bad[7]++;
    put_mark(p, bad, MARK_LEN);
    assert_int_equal(start(p), ELO_ECORRUPT);
    put_mark(p, mark, MARK_LEN); /* a good one doesn't cover it */
    assert_int_equal(start(p), ELO_ECORRUPT);
}


/* A good mark, brought to another journal: longer than it, and of other records. */
static void
test_other_journal(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), fresh, eve = person(9);
    uint8_t mark[MARK_LEN];
    dir_t old;

    fresh = owner;
    fill(p, &owner, EVERY);
    assert_int_equal(start(p), ELO_OK);
    get_mark(p, mark);
    plane_close(p);
    elo_store_close(&p->dir.s);

    old = p->dir; /* another store, of the same secret */
    dir_make_root(&p->dir);
    p->dir.keyring = old.keyring;
    dir_open(&p->dir);
    put_mark(p, mark, MARK_LEN);
    plane_open(p);
    assert_int_equal(p->c->marked, 0);
    assert_int_equal(last_of(p), 0);
    owner = fresh;
    must_tell(p, &owner, admission(&eve, ELO_LEVEL_AUTHENTICATED, 0));
    fill(p, &owner, EVERY - 2);
    put_bad(p, &owner); /* as many as the mark says */
    assert_int_equal(last_of(p), EVERY);
    put_mark(p, mark, MARK_LEN);
    assert_int_equal(start(p), ELO_ECORRUPT);
    nftw(old.root, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


int
main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = {
        T(test_mark_at_start),
        T(test_mark_on_the_way),
        T(test_forged),
        T(test_other_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
