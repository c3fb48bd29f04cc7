/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/node/content_row.h"
#include "common/auth/agent_text.h"

#define TEXT_ROOM 4096


static void
test_row(void **state)
{
    static const struct {
        const char *life;
        elo_node_life_t is;
        elo_reach_t reach;
    } lives[] = {
        { "draft", ELO_NODE_DRAFT, ELO_REACH_PRIVATE },
        { "published", ELO_NODE_PUBLISHED, ELO_REACH_INVITED },
        { "stale", ELO_NODE_STALE, ELO_REACH_INVITED },
        { "deprecated", ELO_NODE_DEPRECATED, ELO_REACH_INVITED },
        { "archived", ELO_NODE_ARCHIVED, ELO_REACH_INVITED },
        { "forgotten", ELO_NODE_FORGOTTEN, ELO_REACH_PRIVATE },
    };
    static const uint8_t seed[ELO_SEED_LEN] = { 3 };
    elo_agent_t owner = { { 9 } }, in;
    char agent[ELO_AGENT_TEXT_MAX], text[TEXT_ROOM];
    elo_content_row_t row;
    elo_content_t n;

    (void) state;
    elo_agent_of_seed(seed, &in);
    elo_agent_text_write(&in, ELO_AGENT_HEX, agent);
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        snprintf(
            text, sizeof(text),
            "{\"id\":\"a\",\"version\":4,\"title\":\"t\","
            "\"contentFormat\":\"epub\",\"reach\":\"invited\","
            "\"invited\":[\"nobody\",\"%s\"],\"lifecycle\":\"%s\","
            "\"blobs\":[{\"hash\":\"sha256-%064x\",\"role\":\"original\"}],"
            "\"tags\":[\"x\",\"y\"],"
            "\"relations\":[{\"type\":\"part\",\"target\":\"b\"},7],"
            "\"createdAt\":\"1970-01-01T00:00:05Z\","
            "\"updatedAt\":\"1970-01-01T00:00:07Z\"}",
            agent, lives[i].life, 5);
        assert_int_equal(elo_content_load(elo_slice_str(text), &n), ELO_OK);
        assert_int_equal(
            elo_content_row_make(&n, &owner, elo_slice_str(text), &row),
            ELO_OK);
        assert_true(elo_slice_eq(row.node.id, ELO_SLICE("a")));
        assert_int_equal(row.node.version, 4);
        assert_int_equal(row.node.life, lives[i].is);
        assert_int_equal(row.node.reach, lives[i].reach);
        assert_int_equal(row.node.stated, ELO_REACH_INVITED);
        assert_true(elo_agent_eq(&row.node.owner, &owner));
        assert_int_equal(row.node.created_at, 5);
        assert_int_equal(row.node.updated_at, 7);
        assert_int_equal(row.node.n_refs, 1);
        assert_int_equal(row.node.n_invited, 1);
        assert_true(elo_agent_eq(&row.node.invited[0], &in));
        assert_int_equal(row.node.n_facets, 4);
        assert_int_equal(row.node.facets[0].dim, ELO_NODE_FORMAT);
        assert_true(elo_slice_eq(row.node.facets[0].text, ELO_SLICE("epub")));
        assert_int_equal(row.node.facets[2].dim, ELO_NODE_TAG);
        assert_true(elo_slice_eq(row.node.facets[2].text, ELO_SLICE("y")));
        assert_int_equal(row.node.facets[3].dim, ELO_NODE_RELATED);
        assert_true(elo_slice_eq(row.node.facets[3].text, ELO_SLICE("b")));
        elo_content_row_dispose(&row);
        elo_content_row_dispose(&row);
        elo_content_dispose(&n);
    }
}


/* More than the store takes, of a text that nobody judged. */
static void
test_too_much(void **state)
{
    elo_agent_t owner = { { 0 } };
    elo_content_row_t row;
    elo_content_t n;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 1u << 20);
    for (uint32_t over = 0; over < 2; over++) {
        elo_buf_clear(&b);
        elo_buf_put_str(&b, "{\"id\":\"a\",\"version\":1,\"title\":\"t\","
                            "\"contentFormat\":\"html\",\"blobs\":[],"
                            "\"lifecycle\":\"draft\","
                            "\"createdAt\":\"1970-01-01T00:00:05Z\","
                            "\"tags\":[\"x\"");
        for (uint32_t i = 0; i < ELO_NODE_FACETS_MAX - 2 + over; i++) {
            elo_buf_put_str(&b, ",\"x\"");
        }
        elo_buf_put_str(&b, "]}");
        assert_int_equal(elo_content_load(elo_buf_slice(&b), &n), ELO_OK);
        assert_int_equal(
            elo_content_row_make(&n, &owner, elo_buf_slice(&b), &row),
            over ? ELO_ETOOBIG : ELO_OK);
        if (over == 0) {
            assert_int_equal(row.node.n_facets, ELO_NODE_FACETS_MAX);
            assert_int_equal(row.node.updated_at, 0);
            elo_content_row_dispose(&row);
        }
        elo_content_dispose(&n);
    }
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
