/* SPDX-License-Identifier: BSD-2-Clause */
/* tree: which URLs are another node's, and where the tree is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/fallback/fallback_internal.h"
#include "common/base/num.h"

#define HEX   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OTHER "ca7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define CANON "sha256-" HEX
#define TREE  "/api/blob/" CANON "/tree?layer=1"


static elo_digest_t
digest(void)
{
    elo_digest_t d;

    assert_int_equal(elo_addr_parse(ELO_SLICE(CANON), &d), ELO_OK);
    return d;
}


static void
test_urls(void **state)
{
    static const struct {
        const char *url;
        const char *want; /* NULL: no node's */
    } rows[] = {
        { "https://a.example/api/blob/" CANON, "https://a.example" TREE },
        { "https://a.example/api/blob/" HEX, "https://a.example" TREE },
        { "https://a.example/store/" HEX, "https://a.example" TREE },
        { "https://a.example/blob/" CANON, "https://a.example" TREE },
        { "http://a.example:8443/api/blob/" CANON,
          "http://a.example:8443" TREE },
        { "http://[::1]:80/store/" CANON, "http://[::1]:80" TREE },
        { "https://a.example/node/7/api/blob/" CANON,
          "https://a.example/node/7" TREE },
        { "https://a.example/api/blob/" CANON "?token=a%26b",
          "https://a.example" TREE "&token=a%26b" },
        { "https://a.example/api/blob/" CANON "?", "https://a.example" TREE },
        { "https://a.example/api/blob/" CANON "#x", "https://a.example" TREE },
        { "https://a.example/api/blob/" CANON "?a#x",
          "https://a.example" TREE "&a" },
        /* another blob, or none */
        { "https://a.example/api/blob/sha256-" OTHER, NULL },
        { "https://a.example/api/blob/" CANON "/tree", NULL },
        { "https://a.example/api/blob/" CANON "/", NULL },
        { "https://a.example/api/blob/" CANON "/0", NULL },
        { "https://a.example/api/blob/intro", NULL },
        { "https://a.example/api/blob/", NULL },
        { "https://a.example/" CANON, NULL },
        { "https://a.example/files/" CANON, NULL },
        { "https://a.example/files?x=/api/blob/" CANON, NULL },
        { "https://a.example/files#/api/blob/" CANON, NULL },
        { "https://a.example/xblob/" CANON, NULL },
        { CANON, NULL },
        { "/", NULL },
        { "", NULL },
    };
    elo_digest_t d = digest();
    char out[ELO_FETCH_URL_MAX + 1];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        bool is = elo_fallback_tree_url(rows[i].url, &d, out);

        if (is != (rows[i].want != NULL)) {
            fail_msg("%s", rows[i].url);
        }
        if (is) {
            assert_string_equal(out, rows[i].want);
        }
    }
}


/* A URL that has room becomes one that has none. */
static void
test_length(void **state)
{
    static const char head[] = "https://a.example/api/blob/" CANON "?";
    char url[ELO_FETCH_URL_MAX + 2], out[ELO_FETCH_URL_MAX + 1];
    elo_digest_t d = digest();
    size_t longest = 0;

    (void) state;
    memset(url, 'q', sizeof(url));
    memcpy(url, head, sizeof(head) - 1);
    for (size_t len = sizeof(head); len < sizeof(url); len++) {
        url[len] = '\0';
        memset(out, 'x', sizeof(out));
        if (elo_fallback_tree_url(url, &d, out)) {
            assert_in_range(strlen(out), 1, ELO_FETCH_URL_MAX);
            longest = len;
        }
        url[len] = 'q';
    }
    assert_int_equal(longest, ELO_FETCH_URL_MAX - strlen("/tree?layer=1"));
}


static void
test_host(void **state)
{
    static const struct {
        const char *url, *host;
    } rows[] = {
        { "https://A.Example:443/x", "a.example:443" },
        { "http://b.example?x", "b.example" },
        { "http://[2001:DB8::1]/", "[2001:db8::1]" },
        { "nothing", "nothing" },
        { "", "" },
    };
    char out[ELO_FALLBACK_HOST_MAX], url[2 * ELO_FALLBACK_HOST_MAX];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_fallback_host(rows[i].url, out);
        assert_string_equal(out, rows[i].host);
    }
    memset(url, 'h', sizeof(url));
    url[sizeof(url) - 1] = '\0';
    elo_fallback_host(url, out);
    assert_int_equal(strlen(out), ELO_FALLBACK_HOST_MAX - 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
