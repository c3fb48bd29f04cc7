/* SPDX-License-Identifier: BSD-2-Clause */
/* replay: what each policy misses on whole traces, to the very request, and that
   narrower classes change nothing for wider ones, request by request. On a generated
   trace always; on real ones where ELO_TRACES names a directory of *.csv.zst. Counts
   that change are a change of a policy: look at bench/cachesim before you pin them
   anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bench/lib/sim.h"
#include "common/base/num.h"
#include "common/cache/tier.h"

#define WHOLE (-1)

typedef struct {
    int tier;
    sim_policy_t policy;
    uint32_t misses[3]; /* at 0.1, 1 and 10 % of the bytes */
} pin_t;


static uint32_t
misses(const sim_trace_t *t, sim_policy_t policy, unsigned per_mille)
{
    sim_cache_t *c = sim_ours(
        policy, t, sim_trace_footprint(t) / 1000 * per_mille, t->n_objects);
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n_requests; i++) {
        n += !c->ask(c, t->requests[i]);
    }
    assert_true(elo_tier_check(sim_tier(c)));
    c->free(c);
    return n;
}


static void
check_pins(const sim_trace_t *t, const pin_t *pins, size_t n)
{
    static const unsigned per_mille[] = { 1, 10, 100 };

    for (size_t i = 0; i < n; i++) {
        sim_trace_t part;

        sim_trace_part(t, pins[i].tier, 0, &part);
        for (size_t s = 0; s < ELO_COUNT(per_mille); s++) {
            uint32_t got = misses(&part, pins[i].policy, per_mille[s]);

            if (got != pins[i].misses[s]) {
                print_message("tier %d, policy %d, %u per mille: %u\n",
                              pins[i].tier, (int) pins[i].policy, per_mille[s],
                              got);
            }
            assert_int_equal(got, pins[i].misses[s]);
        }
        sim_trace_free(&part);
    }
}


/* Replays all, then only what is as wide as reach: the same hits. */
static void
check_isolation(const sim_trace_t *t, sim_policy_t policy, unsigned reach,
                uint32_t floor_pm)
{
    uint64_t capacity = sim_trace_footprint(t) / 50;
    uint32_t most = t->n_objects / 20; /* entries run out, too */
    sim_cache_t *all = sim_ladder(policy, t, capacity, most, floor_pm);
    sim_cache_t *wide = sim_ladder(policy, t, capacity, most, floor_pm);
    uint32_t n_hits = 0, n_narrow = 0;

    for (uint32_t i = 0; i < t->n_requests; i++) {
        bool is_hit = all->ask(all, t->requests[i]);

        if (t->objects[t->requests[i]].reach < reach) {
            n_narrow += is_hit;
            continue;
        }
        assert_int_equal(is_hit, wide->ask(wide, t->requests[i]));
        n_hits += is_hit;
    }
    assert_true(n_hits > t->n_requests / 100);
    assert_true(floor_pm == 0 || n_narrow > t->n_requests / 1000);
    assert_true(elo_tier_check(sim_tier(all)));
    assert_true(elo_tier_check(sim_tier(wide)));
    all->free(all);
    wide->free(wide);
}


static void
check_ladder(const sim_trace_t *t)
{
    for (sim_policy_t p = SIM_LRU; p <= SIM_QGF; p++) {
        check_isolation(t, p, ELO_REACH_COMMONS, 0);
        check_isolation(t, p, ELO_REACH_COMMONS, 20);
        check_isolation(t, p, ELO_REACH_NEIGHBORHOOD, 50);
    }
}


static void
test_generated(void **state)
{
    static const pin_t pins[] = {
        { WHOLE, SIM_LRU, { 259589, 246356, 150874 } },
        { WHOLE, SIM_LSZ, { 250497, 233097, 127928 } },
        { WHOLE, SIM_LSZ_BYTES, { 260753, 237818, 140307 } },
        { WHOLE, SIM_QGF, { 206103, 139115, 89298 } },
        { 0, SIM_LSZ, { 137732, 121441, 68176 } },
        { 1, SIM_QGF, { 49783, 34659, 20998 } },
        { 2, SIM_LSZ_BYTES, { 62503, 60221, 39447 } },
    };
    sim_trace_t t;

    (void) state;
    sim_trace_make(SIM_GEN_REQUESTS, &t);
    check_pins(&t, pins, ELO_COUNT(pins));
    sim_trace_free(&t);
}


static void
test_generated_ladder(void **state)
{
    sim_trace_t t;

    (void) state;
    sim_trace_make(SIM_GEN_REQUESTS, &t);
    check_ladder(&t);
    sim_trace_free(&t);
}


/* False: it isn't there. */
static bool
read_shared(const char *name, sim_trace_t *out)
{
    const char *dir = getenv("ELO_TRACES");
    char command[4096];
    FILE *in;

    if (dir == NULL) {
        return false;
    }
    snprintf(command, sizeof(command), "zstd -qdc '%s/%s.csv.zst'", dir, name);
    in = popen(command, "r"); /* NOLINT(cert-env33-c): of a developer */
    assert_non_null(in);
    sim_trace_read(in, name, out);
    assert_int_equal(pclose(in), 0);
    return true;
}


static void
test_shared(void **state)
{
    static const pin_t adaptsize[] = {
        { WHOLE, SIM_QGF, { 52211, 44433, 38770 } },
        { WHOLE, SIM_LSZ, { 54009, 46712, 40400 } },
        { WHOLE, SIM_LSZ_BYTES, { 55225, 48595, 40975 } },
    };
    static const pin_t apache[] = {
        { WHOLE, SIM_QGF, { 4469, 2367, 1389 } },
        { WHOLE, SIM_LSZ, { 4218, 2649, 1471 } },
        { WHOLE, SIM_LSZ_BYTES, { 5134, 3473, 3802 } },
    };
    static const pin_t download[] = {
        { WHOLE, SIM_QGF, { 105656, 54876, 40640 } },
        { WHOLE, SIM_LSZ_BYTES, { 172753, 87514, 52270 } },
    };
    static const pin_t tiered[][3] = {
        { { 0, SIM_LSZ, { 390737, 302602, 182644 } },
          { 1, SIM_QGF, { 88423, 42529, 16001 } },
          { 2, SIM_LSZ_BYTES, { 136404, 126967, 87407 } } },
        { { 0, SIM_LSZ, { 98680, 95659, 92032 } },
          { 2, SIM_LSZ_BYTES, { 648920, 578734, 383002 } },
          { 2, SIM_QGF, { 646956, 548839, 372128 } } },
        { { 0, SIM_LSZ, { 467025, 263230, 134072 } },
          { 1, SIM_QGF, { 170037, 87204, 45585 } },
          { 2, SIM_LSZ_BYTES, { 75451, 41789, 23144 } } },
    };
    static const struct {
        const char *name;
        const pin_t *pins;
        size_t n;
    } rows[] = {
        { "real-web-adaptsize", adaptsize, ELO_COUNT(adaptsize) },
        { "real-web-apache-site", apache, ELO_COUNT(apache) },
        { "model-cdn-download", download, ELO_COUNT(download) },
        { "syn-thrash", tiered[0], 3 },
        { "syn-vodlive", tiered[1], 3 },
        { "syn-reachflood", tiered[2], 3 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        sim_trace_t t;

        if (read_shared(rows[i].name, &t)) {
            check_pins(&t, rows[i].pins, rows[i].n);
            sim_trace_free(&t);
        }
    }
}


static void
test_shared_ladder(void **state)
{
    sim_trace_t t;

    (void) state;
    if (read_shared("syn-reachflood", &t)) {
        check_ladder(&t);
        sim_trace_free(&t);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_generated_ladder),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_shared_ladder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
