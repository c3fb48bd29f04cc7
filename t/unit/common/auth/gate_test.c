/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/gate: the table as people read it, a row a caller; and
   what must hold of every input there is, of which there are 125 million. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/auth/gate.h"
#include "common/base/num.h"

#define N_FACTS 4096u /* subsets */
#define N_BITS  12u
#define PROVED  ELO_FACT_PROVED
#define MEMBER  (ELO_FACT_PROVED | ELO_FACT_ADMITTED)

/* What elo_gate_decide says with all scopes, of everything. */
static uint8_t said[ELO_OP_COUNT][ELO_STAGE_COUNT][ELO_REACH_COUNT]
                   [ELO_REACH_COUNT][N_FACTS];

/* By reach and ceiling. */
typedef const uint8_t (*plane_t)[ELO_REACH_COUNT][N_FACTS];


static elo_rule_t
decide(unsigned op, unsigned stage, unsigned reach, unsigned ceiling,
       uint32_t facts, uint32_t scopes)
{
    elo_gate_t g = { .facts = facts,
                     .scopes = scopes,
                     .reach = (elo_reach_t) reach,
                     .ceiling = (elo_reach_t) ceiling,
                     .stage = (elo_stage_t) stage,
                     .op = (elo_op_t) op };

    return elo_gate_decide(&g);
}


static bool
allows(uint8_t rule)
{
    return elo_rule_allows((elo_rule_t) rule);
}


static int
set_up(void **state)
{
    (void) state;
    for (unsigned op = 0; op < ELO_OP_COUNT; op++) {
        for (unsigned s = 0; s < ELO_STAGE_COUNT; s++) {
            for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
                for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
                    for (uint32_t f = 0; f < N_FACTS; f++) {
                        said[op][s][r][c][f] =
                            (uint8_t) decide(op, s, r, c, f, ELO_SCOPES_ALL);
                    }
                }
            }
        }
    }
    return 0;
}


/* Runs check on each operation and stage. */
static void
each_plane(void (*check)(plane_t p, unsigned op, unsigned stage))
{
    for (unsigned op = 0; op < ELO_OP_COUNT; op++) {
        for (unsigned s = 0; s < ELO_STAGE_COUNT; s++) {
            check((plane_t) said[op][s], op, s);
        }
    }
}


/* ---- the table ---- */

/* Callers, and by which rule each reads: private, invited, local, neighborhood,
   municipal, bioregional, regional, commons. */
static const struct {
    const char *who;
    uint32_t facts;
    const char *rules; /* a letter a reach, see below */
} readers[] = {
    { "anonymous", 0, "????????" },
    { "a key of his own making", PROVED, "!!!!!!!!" },
    { "admitted", MEMBER, "-iraaaa*" },
    { "admin", MEMBER | ELO_FACT_ADMIN, "-iraaaa*" },
    { "admin that isn't admitted", PROVED | ELO_FACT_ADMIN, "!!!!!!!!" },
    { "owner", MEMBER | ELO_FACT_OWNER, "OOOOOOO*" },
    { "owner no more admitted", PROVED | ELO_FACT_OWNER, "OOOOOOO*" },
    { "on the list", MEMBER | ELO_FACT_INVITED, "-IIIIII*" },
    { "on the list, stranger", PROVED | ELO_FACT_INVITED, "!IIIIII*" },
    { "household", MEMBER | ELO_FACT_HOUSEHOLD, "-iHHHHH*" },
    { "family", MEMBER | ELO_FACT_FAMILY, "-iFFFFF*" },
    { "extended", MEMBER | ELO_FACT_EXTENDED, "-iraaaa*" },
    { "community", MEMBER | ELO_FACT_COMMUNITY, "-iraaaa*" },
    { "granted", MEMBER | ELO_FACT_GRANT, "GGGaaaa*" },
    { "emergency", MEMBER | ELO_FACT_EMERGENCY, "EEEaaaa*" },
    { "granted, emergency", MEMBER | ELO_FACT_GRANT | ELO_FACT_EMERGENCY,
      "GGGaaaa*" },
    { "granted, family", MEMBER | ELO_FACT_GRANT | ELO_FACT_FAMILY,
      "GGFFFFF*" },
    { "operator", ELO_FACT_OPERATOR, "PPPPPPP*" },
    { "operator with a grant", MEMBER | ELO_FACT_OPERATOR | ELO_FACT_GRANT,
      "PPPaaaa*" },
    { "everything", N_FACTS - 1, "OOOOOOO*" },
    { "everything but a proof and the socket",
      (N_FACTS - 1) & ~(uint32_t) (PROVED | ELO_FACT_OPERATOR), "????????" },
    { "everything but a proof", (N_FACTS - 1) & ~(uint32_t) PROVED,
      "PPPPPPP*" },
};

static const struct {
    char letter;
    elo_rule_t rule;
} letters[] = {
    { '*', ELO_RULE_EVERYONE },     { 'O', ELO_RULE_OWNER },
    { 'P', ELO_RULE_OPERATOR },     { 'I', ELO_RULE_INVITED },
    { 'H', ELO_RULE_HOUSEHOLD },    { 'F', ELO_RULE_FAMILY },
    { 'a', ELO_RULE_ADMITTED },     { 'G', ELO_RULE_GRANT },
    { 'E', ELO_RULE_EMERGENCY },    { '?', ELO_RULE_ANONYMOUS },
    { '!', ELO_RULE_NOT_ADMITTED }, { '-', ELO_RULE_NOT_OWNER },
    { 'i', ELO_RULE_NOT_INVITED },  { 'r', ELO_RULE_NO_RELATION },
};


static elo_rule_t
rule_of(char letter, unsigned reach)
{
    if (reach == ELO_REACH_COMMONS) {
        return ELO_RULE_EVERYONE;
    }
    for (size_t i = 0; i < ELO_COUNT(letters); i++) {
        if (letters[i].letter == letter) {
            return letters[i].rule;
        }
    }
    fail_msg("no rule: %c", letter);
    return ELO_RULE_NONE;
}


/* A ceiling is as if the content had that reach; where its own would let him
   in, that is said. */
static void
test_readers(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(readers); i++) {
        assert_int_equal(strlen(readers[i].rules), ELO_REACH_COUNT);
        for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
            elo_rule_t own = rule_of(readers[i].rules[r], r);

            for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
                unsigned least = r < c ? r : c;
                elo_rule_t want = rule_of(readers[i].rules[least], least);
                elo_rule_t got =
                    said[ELO_OP_READ][ELO_STAGE_SERVED][r][c][readers[i].facts];

                if (!elo_rule_allows(want) && elo_rule_allows(own)) {
                    want = ELO_RULE_CEILING;
                }
                if (got != want) {
                    fail_msg("%s, %s below %s: %s, not %s", readers[i].who,
                             elo_reach_name((elo_reach_t) r),
                             elo_reach_name((elo_reach_t) c),
                             elo_rule_name(got), elo_rule_name(want));
                }
            }
        }
    }
}


/* One fact after the other, of the least power first. */
static const uint32_t order[] = { ELO_FACT_OWNER,     ELO_FACT_INVITED,
                                  ELO_FACT_HOUSEHOLD, ELO_FACT_FAMILY,
                                  ELO_FACT_ADMITTED,  ELO_FACT_OPERATOR,
                                  ELO_FACT_GRANT,     ELO_FACT_EMERGENCY };


/* Of several facts that each would let him in alone, the reason is the first's;
   and where none alone does, all together don't. */
static void
test_least_power(void **state)
{
    plane_t p = (plane_t) said[ELO_OP_READ][ELO_STAGE_SERVED];

    (void) state;
    for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
        for (uint32_t f = 0; f < N_FACTS; f++) {
            uint8_t want = 0;

            for (size_t i = 0; i < ELO_COUNT(order) && want == 0; i++) {
                uint8_t alone = p[r][7][order[i] | (f & PROVED)];

                want = (f & order[i]) != 0 && allows(alone) ? alone : 0;
            }
            if (r == ELO_REACH_COMMONS) {
                want = ELO_RULE_EVERYONE;
            }
            if (want != 0 ? p[r][7][f] != want : allows(p[r][7][f])) {
                fail_msg("reach %u, facts %03x: %s", r, f,
                         elo_rule_name((elo_rule_t) p[r][7][f]));
            }
        }
    }
}


/* ---- whatever comes in ---- */

static void
fact_never_removes(plane_t p, unsigned op, unsigned stage)
{
    for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
        for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
            for (uint32_t f = 0; f < N_FACTS; f++) {
                if (!allows(p[r][c][f])) {
                    continue;
                }
                for (unsigned b = 0; b < N_BITS; b++) {
                    if (!allows(p[r][c][f | 1u << b])) {
                        fail_msg(
                            "op %u stage %u reach %u ceiling %u: %03x may, "
                            "with fact %u he may not",
                            op, stage, r, c, f, b);
                    }
                }
            }
        }
    }
}


static void
test_facts(void **state)
{
    (void) state;
    each_plane(fact_never_removes);
}


static void
ceiling_never_adds(plane_t p, unsigned op, unsigned stage)
{
    for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
        for (unsigned c = 1; c < ELO_REACH_COUNT; c++) {
            for (uint32_t f = 0; f < N_FACTS; f++) {
                if (allows(p[r][c - 1][f]) && !allows(p[r][c][f])) {
                    fail_msg("op %u stage %u reach %u facts %03x: ceiling %u "
                             "adds",
                             op, stage, r, f, c - 1);
                }
                /* one that isn't below the reach is none */
                if (c > r) {
                    assert_int_equal(p[r][c][f], p[r][c - 1][f]);
                }
            }
        }
    }
}


static void
test_ceiling(void **state)
{
    (void) state;
    each_plane(ceiling_never_adds);
}


static void
test_widening(void **state)
{
    (void) state;
    for (unsigned s = 0; s < ELO_STAGE_COUNT; s++) {
        plane_t p = (plane_t) said[ELO_OP_READ][s];

        for (unsigned r = 1; r < ELO_REACH_COUNT; r++) {
            for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
                for (uint32_t f = 0; f < N_FACTS; f++) {
                    if (allows(p[r - 1][c][f]) && !allows(p[r][c][f])) {
                        fail_msg("stage %u ceiling %u facts %03x: no reader of "
                                 "%u any more",
                                 s, c, f, r);
                    }
                }
            }
        }
    }
}


/* Who isn't the operator has nothing without a proof but to read commons; and
   to do anything he is admitted. */
static void
closed(plane_t p, unsigned op, unsigned stage)
{
    for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
        for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
            for (uint32_t f = 0; f < ELO_FACT_OPERATOR; f++) {
                bool is_open = op == ELO_OP_READ && stage == ELO_STAGE_SERVED
                               && r == ELO_REACH_COMMONS
                               && c == ELO_REACH_COMMONS;
                bool may = is_open
                           || (op == ELO_OP_READ ? (f & PROVED) != 0
                                                 : (f & MEMBER) == MEMBER);

                if (allows(p[r][c][f]) && !may) {
                    fail_msg("op %u stage %u reach %u ceiling %u facts %03x",
                             op, stage, r, c, f);
                }
            }
        }
    }
}


static void
test_closed(void **state)
{
    (void) state;
    each_plane(closed);
}


/* Neither admin nor extended nor community changes what anyone reads. */
static void
test_no_readers(void **state)
{
    static const uint32_t none =
        ELO_FACT_ADMIN | ELO_FACT_EXTENDED | ELO_FACT_COMMUNITY;

    (void) state;
    for (unsigned s = 0; s < ELO_STAGE_COUNT; s++) {
        plane_t p = (plane_t) said[ELO_OP_READ][s];

        for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
            for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
                for (uint32_t f = 0; f < N_FACTS; f++) {
                    assert_int_equal(p[r][c][f], p[r][c][f & ~none]);
                }
            }
        }
    }
}


/* What isn't served: the owner and the operator, of whatever reach. */
static void
test_unserved(void **state)
{
    static const uint8_t stages[] = { ELO_STAGE_DRAFT, ELO_STAGE_FORGOTTEN };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(stages); i++) {
        plane_t p = (plane_t) said[ELO_OP_READ][stages[i]];

        for (unsigned r = 0; r < ELO_REACH_COUNT; r++) {
            for (unsigned c = 0; c < ELO_REACH_COUNT; c++) {
                for (uint32_t f = 0; f < N_FACTS; f++) {
                    bool is_owner = (f & PROVED) && (f & ELO_FACT_OWNER);
                    elo_rule_t want = is_owner ? ELO_RULE_OWNER
                                      : (f & ELO_FACT_OPERATOR)
                                          ? ELO_RULE_OPERATOR
                                          : ELO_RULE_UNSERVED;

                    assert_int_equal(p[r][c][f], want);
                }
            }
        }
    }
}


/* ---- what isn't reading ---- */

/* Upload, change, purge, manage; a reach within the ceiling, then past it. */
static const struct {
    const char *who;
    uint32_t facts;
    elo_rule_t within[4];
    elo_rule_t past[4];
} doers[] = {
#define ALL(x)                                                                 \
    {                                                                          \
        x, x, x, x                                                             \
    }
    { "anonymous", 0, ALL(ELO_RULE_ANONYMOUS), ALL(ELO_RULE_ANONYMOUS) },
    { "a key of his own making", PROVED, ALL(ELO_RULE_NOT_ADMITTED),
      ALL(ELO_RULE_NOT_ADMITTED) },
    { "invited, granted, in need, household",
      PROVED | ELO_FACT_INVITED | ELO_FACT_GRANT | ELO_FACT_EMERGENCY
          | ELO_FACT_HOUSEHOLD,
      ALL(ELO_RULE_NOT_ADMITTED), ALL(ELO_RULE_NOT_ADMITTED) },
    { "owner and admin that isn't admitted",
      PROVED | ELO_FACT_OWNER | ELO_FACT_ADMIN, ALL(ELO_RULE_NOT_ADMITTED),
      ALL(ELO_RULE_NOT_ADMITTED) },
    { "admitted, and all that relates",
      MEMBER | ELO_FACT_INVITED | ELO_FACT_GRANT | ELO_FACT_EMERGENCY
          | ELO_FACT_HOUSEHOLD | ELO_FACT_FAMILY,
      { ELO_RULE_ADMITTED, ELO_RULE_NOT_OWNER, ELO_RULE_NOT_OWNER,
        ELO_RULE_NOT_ADMIN },
      { ELO_RULE_CEILING, ELO_RULE_NOT_OWNER, ELO_RULE_NOT_OWNER,
        ELO_RULE_NOT_ADMIN } },
    { "owner",
      MEMBER | ELO_FACT_OWNER,
      { ELO_RULE_ADMITTED, ELO_RULE_OWNER, ELO_RULE_OWNER, ELO_RULE_NOT_ADMIN },
      { ELO_RULE_CEILING, ELO_RULE_CEILING, ELO_RULE_OWNER,
        ELO_RULE_NOT_ADMIN } },
    { "admin",
      MEMBER | ELO_FACT_ADMIN,
      { ELO_RULE_ADMITTED, ELO_RULE_NOT_OWNER, ELO_RULE_ADMIN, ELO_RULE_ADMIN },
      { ELO_RULE_CEILING, ELO_RULE_NOT_OWNER, ELO_RULE_ADMIN,
        ELO_RULE_ADMIN } },
    { "operator", ELO_FACT_OPERATOR, ALL(ELO_RULE_OPERATOR),
      ALL(ELO_RULE_OPERATOR) },
    { "all of them",
      N_FACTS - 1,
      { ELO_RULE_ADMITTED, ELO_RULE_OWNER, ELO_RULE_OWNER, ELO_RULE_ADMIN },
      { ELO_RULE_OPERATOR, ELO_RULE_OPERATOR, ELO_RULE_OWNER,
        ELO_RULE_ADMIN } },
#undef ALL
};


static void
test_doers(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(doers); i++) {
        for (unsigned k = 0; k < 4 * ELO_STAGE_COUNT * 64; k++) {
            unsigned op = 1 + k % 4, s = k / 4 % ELO_STAGE_COUNT;
            unsigned r = k / 4 / ELO_STAGE_COUNT % 8;
            unsigned c = k / 4 / ELO_STAGE_COUNT / 8;
            elo_rule_t want = (r > c ? doers[i].past : doers[i].within)[op - 1];

            if (said[op][s][r][c][doers[i].facts] != want) {
                fail_msg("%s, op %u stage %u reach %u ceiling %u: %s",
                         doers[i].who, op, s, r, c,
                         elo_rule_name(
                             (elo_rule_t) said[op][s][r][c][doers[i].facts]));
            }
        }
    }
}


/* ---- scopes ---- */

static const uint32_t needed[ELO_OP_COUNT][ELO_STAGE_COUNT] = {
    { ELO_SCOPE_READ, ELO_SCOPE_READ, ELO_SCOPE_READ },
    { ELO_SCOPE_WRITE, ELO_SCOPE_WRITE | ELO_SCOPE_PUBLISH, ELO_SCOPE_WRITE },
    { ELO_SCOPE_WRITE, ELO_SCOPE_PUBLISH, ELO_SCOPE_WRITE },
    { ELO_SCOPE_PURGE, ELO_SCOPE_PURGE, ELO_SCOPE_PURGE },
    { ELO_SCOPE_ADMIN, ELO_SCOPE_ADMIN, ELO_SCOPE_ADMIN },
};


/* A scope that lacks takes a permission, and changes no other answer; one that
   isn't asked for does nothing. */
static void
scopes_only_take(plane_t p, unsigned op, unsigned stage)
{
    uint32_t need = needed[op][stage];

    for (unsigned k = 0; k < 64; k++) {
        for (uint32_t f = 0; f < N_FACTS; f++) {
            uint8_t all = p[k / 8][k % 8][f];

            for (uint32_t has = 0; has <= ELO_SCOPES_ALL; has++) {
                elo_rule_t want = allows(all) && (has & need) != need
                                      ? ELO_RULE_SCOPE
                                      : (elo_rule_t) all;

                if (decide(op, stage, k / 8, k % 8, f, has) != want) {
                    fail_msg("op %u stage %u reach %u ceiling %u facts %03x "
                             "scopes %02x",
                             op, stage, k / 8, k % 8, f, has);
                }
            }
        }
    }
}


static void
test_scopes(void **state)
{
    (void) state;
    each_plane(scopes_only_take);
}


/* ---- what is no input, and names ---- */

static void
test_unknown(void **state)
{
    static const unsigned bad[] = { 8, 9, 255, 256, 0x7fffffff, 0xffffffff };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        for (uint32_t f = 0; f < N_FACTS; f++) {
            unsigned b = bad[i];

            assert_int_equal(decide(0, 1, b, 7, f, ELO_SCOPES_ALL), 0);
            assert_int_equal(decide(0, 1, 7, b, f, ELO_SCOPES_ALL), 0);
            assert_int_equal(decide(0, b, 7, 7, f, ELO_SCOPES_ALL), 0);
            assert_int_equal(decide(b, 1, 7, 7, f, ELO_SCOPES_ALL), 0);
        }
    }
    assert_int_equal(decide(0, ELO_STAGE_COUNT, 7, 7, 0xfff, 0x1f), 0);
    assert_int_equal(decide(ELO_OP_COUNT, 1, 7, 7, 0xfff, 0x1f), 0);
    /* facts and scopes that nobody knows give nothing */
    assert_int_equal(decide(0, 1, 6, 7, ~(uint32_t) 0xfff, ~(uint32_t) 0),
                     ELO_RULE_ANONYMOUS);
    assert_int_equal(decide(0, 1, 7, 7, 0, ~(uint32_t) 0x1f), ELO_RULE_SCOPE);
}


/* They stand in audit logs. */
static void
test_rules(void **state)
{
    static const struct {
        unsigned number;
        const char *name;
        bool allows, is_audited;
    } rules[] = {
        { 0, "none", false, false },
        { 1, "everyone", true, false },
        { 2, "owner", true, false },
        { 3, "operator", true, false },
        { 4, "invited", true, false },
        { 5, "household", true, false },
        { 6, "family", true, false },
        { 7, "admitted", true, false },
        { 8, "grant", true, true },
        { 9, "emergency", true, true },
        { 10, "admin", true, false },
        { 32, "anonymous", false, false },
        { 33, "not-admitted", false, false },
        { 34, "not-invited", false, false },
        { 35, "no-relation", false, false },
        { 36, "not-owner", false, false },
        { 37, "scope", false, false },
        { 38, "ceiling", false, false },
        { 39, "unserved", false, false },
        { 40, "not-admin", false, false },
        { 41, "none", false, false },
        { 0xffffffff, "none", false, false },
    };
    const uint8_t *all = &said[0][0][0][0][0];
    bool is_used[256] = { false };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rules); i++) {
        elo_rule_t rule = (elo_rule_t) rules[i].number;

        assert_string_equal(elo_rule_name(rule), rules[i].name);
        assert_int_equal(elo_rule_allows(rule), rules[i].allows);
        assert_int_equal(elo_rule_is_audited(rule), rules[i].is_audited);
    }
    for (unsigned n = 11; n < 32; n++) {
        assert_string_equal(elo_rule_name((elo_rule_t) n), "none");
    }
    /* each has its use, and there is no other */
    for (size_t i = 0; i < sizeof(said); i++) {
        is_used[all[i]] = true;
    }
    is_used[ELO_RULE_SCOPE] = true; /* test_scopes */
    for (unsigned n = 1; n < 256; n++) {
        assert_int_equal(is_used[n],
                         strcmp(elo_rule_name((elo_rule_t) n), "none") != 0);
    }
    assert_false(is_used[ELO_RULE_NONE]);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers),    cmocka_unit_test(test_least_power),
        cmocka_unit_test(test_facts),      cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_widening),   cmocka_unit_test(test_closed),
        cmocka_unit_test(test_no_readers), cmocka_unit_test(test_unserved),
        cmocka_unit_test(test_doers),      cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_unknown),    cmocka_unit_test(test_rules),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
