/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs of care as operators see them, and that reads over the API are noted as uses
   of what is stored. */
#include "t/unit/backend/api/api_client.h"

#include "backend/care/use.h"
#include "backend/os/clock.h"
#include "backend/repl/ack.h"
#include "common/base/num.h"

#define WAIT_MS 20000
#define DAY_S   86400


static int
setup(void **state)
{
    return api_setup_with(state, true, NULL);
}


/* ---- jobs ---- */

static void
run_job(const api_t *a, const char *name)
{
    char target[64];

    snprintf(target, sizeof(target), "/api/care/%s", name);
    assert_int_equal(api_status(a, "POST", target, ""), 202);
    for (int i = 0;; i++) {
        answer_t r = api_get(a, target, "");
        bool is_done = body_has(&r, "\"state\":\"idle\"")
                       && !body_has(&r, "\"endedAt\":null")
                       && body_has(&r, "\"due\":null"); /* not asked for */

        assert_int_equal(r.status, 200);
        answer_free(&r);
        if (is_done) {
            return;
        }
        assert_true(i < WAIT_MS);
        api_sleep_ms(1);
    }
}


static void
test_jobs(void **state)
{
    const api_t *a = *state;
    answer_t r = api_get(a, "/api/care", "");

    assert_int_equal(r.status, 200);
    for (int i = 0; i < ELO_CARE_COUNT; i++) {
        char want[64];

        snprintf(want, sizeof(want), "\"name\":\"%s\",\"state\":\"idle\"",
                 elo_care_name((elo_care_job_t) i));
        assert_true(body_has(&r, want));
    }
    answer_free(&r);
    (void) api_put(a, "text/plain", "abc", 3);
    run_job(a, "scrub");
    r = api_get(a, "/api/care/scrub", "");
    assert_true(body_has(&r, "\"items\":1,\"bytes\":3,"));
    assert_true(body_has(&r, "\"found\":0,\"error\":null}"));
    answer_free(&r);
    assert_int_equal(api_status(a, "GET", "/api/care/sleep", ""), 404);
    assert_int_equal(api_status(a, "POST", "/api/care/sleep", ""), 404);
    assert_int_equal(api_status(a, "POST", "/api/care/scrub?force=x", ""), 400);
    assert_int_equal(api_status(a, "PUT", "/api/care/scrub", ""), 405);
}


/* ---- uses ---- */

typedef struct {
    const char *what;
    size_t len;
    const char *reach;                   /* as a field; private gets sealed */
    const char *method, *before, *after; /* the address */
    bool is_use;
} row_t;


static bool
is_noted(const api_t *a, const elo_digest_t *d)
{
    int64_t today = elo_clock_unix_s() / DAY_S;
    elo_blob_stat_t st;
    elo_kv_view_t v;
    uint32_t day;

    assert_int_equal(elo_store_stat(a->store, d, NULL, &st), ELO_OK);
    assert_int_equal(elo_kv_view_begin(elo_store_kv(a->store), &v), ELO_OK);
    assert_int_equal(elo_care_use_day(&v, elo_ack_object(&st), &day), ELO_OK);
    elo_kv_view_end(&v);
    assert_true(day == 0 || day == today || day == today - 1); /* midnight */
    return day != 0;
}


/* Puts bytes that no other row has; what is asked is asked twice. */
static void
try_row(const api_t *a, const row_t *row, uint8_t seed)
{
    uint8_t *p = calloc(1, row->len);
    char target[256], headers[64];
    elo_digest_t d;
    answer_t r;

    p[0] = seed;
    snprintf(headers, sizeof(headers), "X-Elohim-Reach: %s\r\n", row->reach);
    r = api_call(a, "POST", "/api/blob", headers, p, (ssize_t) row->len);
    assert_int_equal(r.status, 201);
    answer_free(&r);
    assert_int_equal(elo_sha256(elo_slice(p, row->len), &d), ELO_OK);
    snprintf(target, sizeof(target), "%s%s%s", row->before,
             canon_of(p, row->len), row->after);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(api_status(a, row->method, target, "") / 100, 2);
    }
    run_job(a, "evict");
    if (is_noted(a, &d) != row->is_use) {
        fail_msg("%s", row->what);
    }
    if (row->is_use) {
        free(p);
        return;
    }
    /* a read after that is one */
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of(p, row->len));
    assert_int_equal(api_status(a, "GET", target, ""), 200);
    run_job(a, "evict");
    if (!is_noted(a, &d)) {
        fail_msg("%s, then read", row->what);
    }
    free(p);
}


#define FILE_LEN (API_INLINE * 2)

/* clang-format off */
static const row_t rows[] = {
    { "small", 100, "commons", "GET", "/api/blob/", "", true },
    { "its head", 100, "commons", "HEAD", "/api/blob/", "", true },
    { "a file", FILE_LEN, "commons", "GET", "/api/blob/", "", true },
    { "small, sealed", 100, "private", "GET", "/api/blob/", "", true },
    { "a file, sealed", FILE_LEN, "private", "GET", "/api/blob/", "", true },
    { "a chunk", FILE_LEN, "commons", "GET", "/api/blob/", "/0", true },
    { "a grant", 100, "commons", "GET", "/internal/v1/grant/", "", true },
    { "its status", 100, "commons", "GET", "/api/blob/", "/status", false },
    { "its tree", 100, "commons", "GET", "/api/blob/", "/tree", false },
};
/* clang-format on */


static void
test_uses(void **state)
{
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        try_row(*state, &rows[i], (uint8_t) (i + 1));
    }
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_jobs),
        TEST(test_uses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
