/* SPDX-License-Identifier: BSD-2-Clause */
/* query: pages of the journal, whole and by author and kind. */
#include "ctl_dir.c"

typedef struct {
    uint64_t numbers[16];
    unsigned n, max;
} page_t;


static bool
on_page(void *ctx, uint64_t number, const elo_rec_t *r, elo_slice_t bytes)
{
    page_t *g = ctx;
    elo_rec_t again;

    assert_int_equal(elo_rec_parse(bytes, &again, NULL), ELO_OK);
    assert_memory_equal(again.id.b, r->id.b, sizeof(r->id.b));
    g->numbers[g->n++] = number;
    return g->n < g->max;
}


static void
test_query(void **state)
{
    static const struct {
        int author;
        elo_rec_kind_t kind;
        uint64_t from;
        uint32_t budget;
        unsigned max, n;
        uint64_t first, last, next;
    } rows[] = {
        { -1, 0, 0, 100, 16, 8, 1, 8, 0 },
        { -1, 0, 1, 100, 16, 8, 1, 8, 0 },
        { -1, 0, 3, 2, 16, 2, 3, 4, 5 },
        { -1, 0, 3, 100, 2, 2, 3, 4, 5 },
        { -1, 0, 7, 2, 16, 2, 7, 8, 0 },
        { -1, 0, 8, 100, 1, 1, 8, 8, 0 },
        { -1, 0, 9, 100, 16, 0, 0, 0, 0 },
        { -1, 0, 5, 0, 16, 0, 0, 0, 5 },
        { 0, 0, 0, 100, 16, 4, 1, 7, 0 },
        { 1, 0, 0, 100, 16, 4, 2, 8, 0 },
        { 1, 0, 0, 3, 16, 1, 2, 2, 4 },
        { 2, 0, 0, 100, 16, 0, 0, 0, 0 },
        { -1, ELO_REC_ADMISSION, 0, 100, 16, 1, 1, 1, 0 },
        { 0, ELO_REC_RELATIONSHIP, 0, 100, 16, 3, 3, 7, 0 },
        { 1, ELO_REC_ADMISSION, 0, 100, 16, 0, 0, 0, 0 },
    };
    plane_t *p = *state;
    person_t who[3] = { owner_of(p), person(1), person(2) };

    must_tell(p, &who[0], admission(&who[1], ELO_LEVEL_AUTHENTICATED, 0));
    for (unsigned i = 1; i < 8; i++) {
        must_tell(p, &who[i % 2], relation(&who[2], ELO_REL_FAMILY));
    }
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        page_t g = { .max = rows[i].max };
        uint64_t next = 77;

        assert_int_equal(
            elo_ctl_query(
                p->c, rows[i].author < 0 ? NULL : &who[rows[i].author].id,
                rows[i].kind, rows[i].from, rows[i].budget, on_page, &g, &next),
            ELO_OK);
        assert_int_equal(g.n, rows[i].n);
        assert_int_equal(next, rows[i].next);
        if (g.n > 0) {
            assert_int_equal(g.numbers[0], rows[i].first);
            assert_int_equal(g.numbers[g.n - 1], rows[i].last);
        }
    }
}


static void
test_damaged(void **state)
{
    plane_t *p = *state;
    page_t g = { .max = 16 };
    uint64_t next = 77;

    assert_int_equal(elo_store_journal_append(p->dir.s, ELO_JOURNAL_RECORD,
                                              ELO_SLICE("none"), NULL),
                     ELO_OK);
    assert_int_equal(elo_ctl_query(p->c, NULL, 0, 0, 100, on_page, &g, &next),
                     ELO_ECORRUPT);
    assert_int_equal(
        elo_ctl_query(p->c, &p->c->owner, 0, 0, 100, on_page, &g, &next),
        ELO_ECORRUPT);
    assert_int_equal(g.n, 0);
    assert_int_equal(next, 77);
}


/* A record of which only the signature is wrong: whoever is shown it is told, whoever
   asks for others isn't held up by it. */
static void
test_wrong_signature(void **state)
{
    plane_t *p = *state;
    person_t owner = owner_of(p), ada = person(1);
    page_t g = { .max = 16 };
    uint64_t next = 77;
    bytes_t b;

    must_tell(p, &owner, admission(&ada, ELO_LEVEL_AUTHENTICATED, 0));
    sign_next(&ada, relation(&owner, ELO_REL_FAMILY), START, &b);
    b.b[b.len - 1] ^= 1;
    assert_int_equal(elo_store_journal_append(p->dir.s, ELO_JOURNAL_RECORD,
                                              slice_of(&b), NULL),
                     ELO_OK);
    assert_int_equal(
        elo_ctl_query(p->c, &owner.id, 0, 0, 100, on_page, &g, &next), ELO_OK);
    assert_int_equal(elo_ctl_query(p->c, NULL, ELO_REC_ADMISSION, 0, 100,
                                   on_page, &g, &next),
                     ELO_OK);
    assert_int_equal(g.n, 2);
    assert_int_equal(next, 0);
    assert_int_equal(
        elo_ctl_query(p->c, &ada.id, 0, 0, 100, on_page, &g, &next),
        ELO_ECORRUPT);
    assert_int_equal(elo_ctl_query(p->c, NULL, ELO_REC_RELATIONSHIP, 0, 100,
                                   on_page, &g, &next),
                     ELO_ECORRUPT);
    assert_int_equal(g.n, 2);
}


#define LARGE 1200

static bool
count(void *ctx, uint64_t number, const elo_rec_t *r, elo_slice_t bytes)
{
    (void) r;
    (void) bytes;
    assert_int_equal(number, ++*(uint64_t *) ctx);
    return true;
}


/* A call looks at so many bytes at most, over several views; what it answers goes on
   without a gap, whether anything was shown or not. */
static void
test_bytes(void **state)
{
    static uint8_t raw[8000] = { 0xa1, 0x00, 0x59, 7995 >> 8, 7995 & 0xff };
    plane_t *p = *state;
    person_t ada = person(1), bob = person(2);
    bytes_t *b = malloc(sizeof(*b));
    uint64_t next = 0, n = 0;
    unsigned calls = 0;

    for (unsigned i = 0; i < LARGE; i++) {
        elo_rec_t r = { .kind = ELO_REC_MANIFEST,
                        .body.raw = elo_slice(raw, sizeof(raw)) };

        sign_next(&ada, r, START, b);
        assert_int_equal(elo_store_journal_append(p->dir.s, ELO_JOURNAL_RECORD,
                                                  slice_of(b), NULL),
                         ELO_OK);
    }
    do {
        assert_int_equal(
            elo_ctl_query(p->c, NULL, 0, next, LARGE, count, &n, &next),
            ELO_OK);
        calls++;
        assert_int_equal(next, n < LARGE ? n + 1 : 0);
    } while (next != 0);
    assert_int_equal(n, LARGE);
    assert_int_equal(calls, LARGE * b->len / ELO_CTL_QUERY_BYTES + 1);
    n = 0;
    for (next = 1; next != 0; calls--) {
        assert_int_equal(
            elo_ctl_query(p->c, &bob.id, 0, next, LARGE, count, &n, &next),
            ELO_OK);
    }
    assert_int_equal(n, 0);
    assert_int_equal(calls, 0);
    free(b);
}


int
main(void)
{
#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plane_setup, plane_teardown)
    const struct CMUnitTest tests[] = { T(test_query), T(test_damaged),
                                        T(test_wrong_signature),
                                        T(test_bytes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
