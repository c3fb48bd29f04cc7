/* SPDX-License-Identifier: BSD-2-Clause */
/* why: each fact of an agent has the record that gives it, and together they are the
   facts that decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/ctl/why.h"

#include "t/unit/backend/ctl/world.h"

#define REASONS_MAX 64u
#define ALL_REACHES ((1u << ELO_REACH_COUNT) - 1)
#define HOUR        3600

static world_t w;
static elo_ctl_reason_t reasons[REASONS_MAX];
static uint32_t n_reasons;


static int
setup(void **state)
{
    (void) state;
    world_init(&w, 1000);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_ctl_state_free(&w.s);
    return 0;
}


static elo_digest_t
take(unsigned who, elo_rec_kind_t kind, elo_rec_body_t body)
{
    elo_rec_t r = world_rec(&w, who, kind, body);

    assert_int_equal(world_take(&w, &r), ELO_OK);
    return r.id;
}


static void
on_reason(void *ctx, const elo_ctl_reason_t *r)
{
    (void) ctx;
    assert_true(n_reasons < REASONS_MAX);
    reasons[n_reasons++] = *r;
}


static uint32_t
why(unsigned who, unsigned owner, const char *content, elo_reach_t reach)
{
    elo_agent_t a = agent(who), o = agent(owner);
    uint32_t facts = 0;

    n_reasons = 0;
    elo_ctl_why(w.s, &a, &o, elo_slice_str(content), reach, w.now, on_reason,
                NULL);
    for (uint32_t i = 0; i < n_reasons; i++) {
        facts |= reasons[i].fact;
    }
    return facts;
}


/* The one reason of a fact. */
static const elo_ctl_reason_t *
reason_of(uint32_t fact)
{
    const elo_ctl_reason_t *found = NULL;

    for (uint32_t i = 0; i < n_reasons; i++) {
        if (reasons[i].fact == fact) {
            assert_null(found);
            found = &reasons[i];
        }
    }
    assert_non_null(found);
    return found;
}


static void
assert_by(uint32_t fact, const elo_digest_t *record, unsigned author,
          int64_t until)
{
    const elo_ctl_reason_t *r = reason_of(fact);
    elo_agent_t a = agent(author);

    assert_true(r->has_record);
    assert_memory_equal(r->record.b, record->b, sizeof(record->b));
    assert_true(elo_agent_eq(&r->author, &a));
    assert_true(r->until == until);
}


static elo_digest_t
admit(unsigned who, unsigned whom, uint32_t level, int64_t until)
{
    return take(who, ELO_REC_ADMISSION,
                (elo_rec_body_t){
                    .agent = agent(whom), .sort = level, .until = until });
}


static elo_digest_t
relate(unsigned who, unsigned whom, uint32_t kind)
{
    return take(who, ELO_REC_RELATIONSHIP,
                (elo_rec_body_t){ .agent = agent(whom), .sort = kind });
}


static elo_rec_body_t
grant_to(unsigned whom, uint32_t kind, const char *content)
{
    return (elo_rec_body_t){ .agent = agent(whom),
                             .sort = kind,
                             .reaches = ALL_REACHES,
                             .has_content = content != NULL,
                             .content = content != NULL ? elo_slice_str(content)
                                                        : elo_slice(NULL, 0) };
}


/* ---- tests ---- */

static void
test_owner_and_nobody(void **state)
{
    elo_agent_t zero = { { 0 } }, one = agent(1);

    (void) state;
    assert_int_equal(why(0, 1, "c", ELO_REACH_PRIVATE),
                     ELO_FACT_ADMITTED | ELO_FACT_ADMIN);
    assert_false(reason_of(ELO_FACT_ADMIN)->has_record);
    assert_true(reason_of(ELO_FACT_ADMIN)->until == 0);
    assert_int_equal(why(1, 1, "c", ELO_REACH_PRIVATE), ELO_FACT_OWNER);
    assert_false(reason_of(ELO_FACT_OWNER)->has_record);
    assert_int_equal(why(1, 2, "c", ELO_REACH_PRIVATE), 0);
    elo_ctl_why(w.s, &zero, &one, ELO_SLICE("c"), ELO_REACH_PRIVATE, w.now,
                on_reason, NULL);
    assert_int_equal(n_reasons, 0);
    elo_ctl_why(w.s, &one, &one, ELO_SLICE("c"), (elo_reach_t) ELO_REACH_COUNT,
                w.now, on_reason, NULL);
    assert_int_equal(n_reasons, 0);
}


/* Of several the one that lasts; a fact ends with what it stands on. */
static void
test_admitted(void **state)
{
    elo_digest_t first, longer, related;

    (void) state;
    first = admit(0, 1, ELO_LEVEL_ADMIN, w.now + HOUR);
    why(1, 2, "c", ELO_REACH_PRIVATE);
    assert_by(ELO_FACT_ADMITTED, &first, 0, w.now + HOUR);
    assert_by(ELO_FACT_ADMIN, &first, 0, w.now + HOUR);
    longer = admit(0, 1, ELO_LEVEL_AUTHENTICATED, w.now + 2 * HOUR);
    why(1, 2, "c", ELO_REACH_PRIVATE);
    assert_by(ELO_FACT_ADMITTED, &longer, 0, w.now + 2 * HOUR);
    assert_by(ELO_FACT_ADMIN, &first, 0, w.now + HOUR);
    related = relate(1, 3, ELO_REL_EXTENDED);
    why(3, 2, "c", ELO_REACH_PRIVATE);
    assert_by(ELO_FACT_ADMITTED, &related, 1, w.now + 2 * HOUR);
    w.now += HOUR;
    assert_int_equal(why(1, 2, "c", ELO_REACH_PRIVATE), ELO_FACT_ADMITTED);
    w.now += HOUR;
    assert_int_equal(why(1, 2, "c", ELO_REACH_PRIVATE), 0);
    assert_int_equal(why(3, 2, "c", ELO_REACH_PRIVATE), 0);
}


static void
test_towards(void **state)
{
    elo_digest_t related, invited, all, one, may, running;

    (void) state;
    related = relate(1, 2, ELO_REL_FAMILY);
    invited = take(1, ELO_REC_INVITATION,
                   (elo_rec_body_t){ .has_content = true,
                                     .content = ELO_SLICE("c"),
                                     .agent = agent(2) });
    one = take(1, ELO_REC_GRANT, grant_to(2, ELO_GRANT_READ, "c"));
    assert_int_equal(why(2, 1, "c", ELO_REACH_PRIVATE),
                     ELO_FACT_FAMILY | ELO_FACT_INVITED | ELO_FACT_GRANT);
    assert_by(ELO_FACT_FAMILY, &related, 1, 0);
    assert_by(ELO_FACT_INVITED, &invited, 1, 0);
    assert_by(ELO_FACT_GRANT, &one, 1, 0);
    assert_int_equal(why(2, 1, "d", ELO_REACH_PRIVATE), ELO_FACT_FAMILY);
    assert_int_equal(why(1, 2, "c", ELO_REACH_PRIVATE), 0); /* not back */

    all = take(1, ELO_REC_GRANT, grant_to(3, ELO_GRANT_READ, NULL));
    why(3, 1, "", ELO_REACH_PRIVATE);
    assert_by(ELO_FACT_GRANT, &all, 1, 0);
    take(1, ELO_REC_GRANT, grant_to(4, ELO_GRANT_HOLD, NULL));
    assert_int_equal(why(4, 1, "c", ELO_REACH_PRIVATE), 0); /* not to read */

    may = take(1, ELO_REC_GRANT, grant_to(5, ELO_GRANT_EMERGENCY, NULL));
    assert_int_equal(why(5, 1, "c", ELO_REACH_PRIVATE), 0);
    running = take(5, ELO_REC_ESCALATION,
                   (elo_rec_body_t){ .agent = agent(1),
                                     .ref = may,
                                     .text = ELO_SLICE("flood"),
                                     .until = w.now + HOUR });
    why(5, 1, "c", ELO_REACH_PRIVATE);
    assert_by(ELO_FACT_EMERGENCY, &running, 5, w.now + HOUR);
    assert_memory_equal(reason_of(ELO_FACT_EMERGENCY)->stands_on.b, may.b,
                        sizeof(may.b));
    w.now += HOUR;
    assert_int_equal(why(5, 1, "c", ELO_REACH_PRIVATE), 0);
}


/* Random worlds: what is explained is what decides. */
static void
test_same_as_facts(void **state)
{
    uint32_t x = 20;

    (void) state;
    for (int round = 0; round < 400; round++) {
        unsigned who, whom;
        elo_rec_t r;

        x = x * 1664525u + 1013904223u;
        who = x >> 8 & 7;
        whom = x >> 11 & 7;
        switch (x >> 14 & 3) {
        case 0:
            r = world_rec(&w, who, ELO_REC_ADMISSION,
                          (elo_rec_body_t){
                              .agent = agent(whom),
                              .sort = 1 + (x >> 17 & 1),
                              .until = (x >> 18 & 1) != 0 ? w.now + 50 : 0 });
            break;
        case 1:
            r = world_rec(&w, who, ELO_REC_RELATIONSHIP,
                          (elo_rec_body_t){ .agent = agent(whom),
                                            .sort = 1 + (x >> 17 & 3) });
            break;
        case 2:
            r = world_rec(&w, who, ELO_REC_GRANT,
                          grant_to(whom, 1 + (x >> 17 & 1),
                                   (x >> 18 & 1) != 0 ? "c" : NULL));
            break;
        default:
            r = world_rec(
                &w, who, ELO_REC_REVOCATION,
                (elo_rec_body_t){ .ref = digest(1 + x % (w.n_made + 1)) });
            break;
        }
        elo_ignore(world_take(&w, &r)); /* many aren't */
        w.now++;
        for (unsigned a = 0; a < WORLD_AGENTS; a++) {
            elo_agent_t is = agent(a), o = agent(whom);
            uint32_t facts =
                elo_ctl_facts_of(w.s, &is, w.now)
                | elo_ctl_facts_towards(w.s, &is, &o, ELO_SLICE("c"),
                                        ELO_REACH_PRIVATE, w.now, NULL);

            assert_int_equal(why(a, whom, "c", ELO_REACH_PRIVATE),
                             facts & ~(uint32_t) ELO_FACT_PROVED);
        }
    }
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_owner_and_nobody),
        TEST(test_admitted),
        TEST(test_towards),
        TEST(test_same_as_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
