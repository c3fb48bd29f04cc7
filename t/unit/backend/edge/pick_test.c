/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/edge/pick: which contents and blobs a selector means, in steps of any
   size, against a plain look at all of them. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/edge/pick.h"
#include "common/base/num.h"

#define NODES  400u
#define MANY   (ELO_PICK_CONTENTS_MAX + 1)
#define OWNERS 3u
#define TAGS   4u
#define BLOBS  50u
#define STEPS  100000

typedef struct {
    char id[16];
    elo_reach_t reach;
    uint8_t owner;
    uint32_t tag, n_refs;
    uint32_t refs[3];
    bool is_draft;
} made_t;

static made_t made[NODES];
static const char *const tags[TAGS] = { "a", "aa", "news", "Ünïcode" };


static elo_digest_t
blob_of(uint32_t i)
{
    return digest_of(elo_slice(&i, sizeof(i)));
}


static uint32_t
next(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}


static elo_err_t
put_made(elo_store_t *s, const made_t *m)
{
    elo_node_facet_t tag = { .dim = ELO_NODE_TAG,
                             .text = elo_slice_str(tags[m->tag]) };
    elo_digest_t refs[3];
    elo_node_t n = { .id = elo_slice_str(m->id),
                     .version = 1,
                     .reach = m->is_draft ? ELO_REACH_PRIVATE : m->reach,
                     .stated = m->reach,
                     .life = m->is_draft ? ELO_NODE_DRAFT : ELO_NODE_PUBLISHED,
                     .owner = agent_of(m->owner),
                     .refs = refs,
                     .n_refs = m->n_refs,
                     .facets = &tag,
                     .n_facets = 1,
                     .json = ELO_SLICE("{}") };

    for (uint32_t i = 0; i < m->n_refs; i++) {
        refs[i] = blob_of(m->refs[i]);
    }
    return elo_store_node_put(s, &n, 0, false);
}


static int
setup(void **state)
{
    uint32_t seed = 20260501;

    assert_int_equal(dir_setup(state), 0);
    for (uint32_t i = 0; i < NODES; i++) {
        made_t *m = &made[i];

        *m = (made_t){ .reach = (elo_reach_t) next(&seed, ELO_REACH_COUNT),
                       .owner = (uint8_t) next(&seed, OWNERS),
                       .tag = next(&seed, TAGS),
                       .n_refs = next(&seed, 4),
                       .is_draft = next(&seed, 10) == 0 };
        snprintf(m->id, sizeof(m->id), "%s-%u", next(&seed, 2) ? "film" : "fi",
                 i);
        for (uint32_t k = 0; k < m->n_refs; k++) {
            m->refs[k] = next(&seed, BLOBS);
        }
        assert_int_equal(put_made(((dir_t *) *state)->s, m), ELO_OK);
    }
    return 0;
}


static bool
is_meant(const elo_pick_ask_t *ask, const made_t *m)
{
    elo_agent_t owner = agent_of(m->owner);

    if (ask->is_ones && !elo_agent_eq(&owner, &ask->owner)) {
        return false;
    }
    switch (ask->by) {
    case ELO_PICK_CONTENT:
        return strcmp(m->id, ask->text) == 0;
    case ELO_PICK_PREFIX:
        return strncmp(m->id, ask->text, strlen(ask->text)) == 0;
    case ELO_PICK_TAG:
        return strcmp(tags[m->tag], ask->text) == 0;
    default:
        return m->reach == ask->reach;
    }
}


static bool
has_slot(const elo_pick_t *p, elo_slice_t key)
{
    uint32_t slot = elo_gen_slot(key);

    return (p->slots.set[slot / 64] >> slot % 64 & 1) != 0;
}


static bool
has_blob(const elo_pick_t *p, const elo_digest_t *d)
{
    for (uint32_t i = 0; i < p->n_digests; i++) {
        if (memcmp(p->digests[i].b, d->b, sizeof(d->b)) == 0) {
            return true;
        }
    }
    return false;
}


/* As a look at all of them says: contents, blobs each once, slots of all. */
static void
compare(const elo_pick_t *p)
{
    bool is_wide[BLOBS] = { false };
    uint32_t n = 0, n_wide = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        const made_t *m = &made[i];

        if (!is_meant(&p->ask, m)) {
            continue;
        }
        n++;
        assert_true(has_slot(p, elo_slice_str(m->id)));
        for (uint32_t k = 0; k < m->n_refs; k++) {
            elo_digest_t d = blob_of(m->refs[k]);

            if (m->is_draft || m->reach <= ELO_REACH_LOCAL) {
                assert_true(has_slot(p, elo_digest_slice(&d)));
            } else {
                is_wide[m->refs[k]] = true;
            }
        }
    }
    for (uint32_t i = 0; i < BLOBS; i++) {
        elo_digest_t d = blob_of(i);

        n_wide += is_wide[i];
        assert_int_equal(has_blob(p, &d), is_wide[i]);
    }
    assert_int_equal(p->n_contents, n);
    assert_int_equal(p->n_digests, n_wide);
}


static void
pick_all(elo_store_t *s, const elo_pick_ask_t *ask, uint32_t budget)
{
    elo_pick_t p;
    int steps = 0;

    elo_pick_init(&p, ask);
    while (!p.is_end) {
        assert_int_equal(elo_pick_step(&p, s, budget), ELO_OK);
        assert_true(++steps < STEPS);
    }
    compare(&p);
    elo_pick_dispose(&p);
}


static void
test_selectors(void **state)
{
    static const uint32_t budgets[] = { 1, 7, 100, 100000 };
    static const elo_pick_ask_t asks[] = {
        { .by = ELO_PICK_CONTENT, .text = "none" },
        { .by = ELO_PICK_PREFIX, .text = "f" },
        { .by = ELO_PICK_PREFIX, .text = "fi" },
        { .by = ELO_PICK_PREFIX, .text = "film-1" },
        { .by = ELO_PICK_PREFIX, .text = "a" },
        { .by = ELO_PICK_PREFIX, .text = "z" },
        { .by = ELO_PICK_TAG, .text = "a" },
        { .by = ELO_PICK_TAG, .text = "Ünïcode" },
        { .by = ELO_PICK_TAG, .text = "NEWS" },
        { .by = ELO_PICK_REACH, .reach = ELO_REACH_COMMONS },
        { .by = ELO_PICK_REACH, .reach = ELO_REACH_PRIVATE },
        { .by = ELO_PICK_REACH, .reach = ELO_REACH_NEIGHBORHOOD },
    };
    dir_t *d = *state;

    for (size_t i = 0; i < ELO_COUNT(asks); i++) {
        for (size_t k = 0; k < ELO_COUNT(budgets); k++) {
            elo_pick_ask_t ask = asks[i];

            pick_all(d->s, &ask, budgets[k]);
            ask.is_ones = true;
            for (uint8_t o = 0; o <= OWNERS; o++) {
                ask.owner = agent_of(o); /* the last has nothing */
                pick_all(d->s, &ask, budgets[k]);
            }
        }
    }
    for (uint32_t i = 0; i < NODES; i += 37) {
        elo_pick_ask_t ask = { .by = ELO_PICK_CONTENT };

        memcpy(ask.text, made[i].id, sizeof(made[i].id));
        pick_all(d->s, &ask, 1);
    }
}


static void
test_address(void **state)
{
    dir_t *d = *state;

    for (uint32_t i = 0; i < BLOBS + 1; i++) { /* the last is nobody's */
        elo_pick_ask_t ask = { .by = ELO_PICK_ADDRESS, .digest = blob_of(i) };
        uint32_t n = 0;
        elo_pick_t p;

        elo_pick_init(&p, &ask);
        assert_int_equal(elo_pick_step(&p, d->s, 1), ELO_OK);
        assert_true(p.is_end);
        for (uint32_t k = 0; k < NODES; k++) {
            bool refers = false;

            for (uint32_t r = 0; r < made[k].n_refs; r++) {
                refers = refers || made[k].refs[r] == i;
            }
            n += refers;
            assert_true(!refers || has_slot(&p, elo_slice_str(made[k].id)));
        }
        assert_int_equal(p.n_contents, n);
        assert_int_equal(p.n_digests, 1);
        assert_true(has_blob(&p, &ask.digest));
        elo_pick_dispose(&p);
    }
}


/* A blob that is sealed isn't written down by its digest. */
static void
test_sealed(void **state)
{
    elo_pick_ask_t ask = { .by = ELO_PICK_ADDRESS,
                           .digest = digest_of(ELO_SLICE("narrow")) };
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 1);
    dir_t *d = *state;
    elo_pick_t p;

    assert_int_equal(put_opt(d->s, &opt, ELO_SLICE("narrow"), 0, NULL, NULL),
                     ELO_OK);
    elo_pick_init(&p, &ask);
    assert_int_equal(elo_pick_step(&p, d->s, 1), ELO_OK);
    assert_int_equal(p.n_digests, 0);
    assert_true(has_slot(&p, elo_digest_slice(&ask.digest)));
    elo_pick_dispose(&p);
}


static void
test_too_many(void **state)
{
    elo_pick_ask_t ask = { .by = ELO_PICK_PREFIX, .text = "many" };
    dir_t *d = *state;
    elo_pick_t p;
    elo_err_t rc;
    char id[16];

    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "many-%05u", i);
        assert_int_equal(put_node(d->s, id, 1, ELO_REACH_COMMONS, NULL, "{}"),
                         ELO_OK);
        if (i < MANY - 2) {
            continue;
        }
        elo_pick_init(&p, &ask);
        do {
            rc = elo_pick_step(&p, d->s, 1000);
        } while (rc == ELO_OK && !p.is_end);
        assert_int_equal(rc, i == MANY - 1 ? ELO_ERANGE : ELO_OK);
        elo_pick_dispose(&p);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_selectors, setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_address, setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_sealed, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_too_many, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
