/* SPDX-License-Identifier: BSD-2-Clause */
/* native: which names and which pages the listener on loopback takes for its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/api/native.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define LIST "tauri://localhost, https://app.example,,http://a.b:1"


static void
test_hosts(void **state)
{
    static const struct {
        const char *host;
        const char *own;
        uint16_t port;
        bool is_ours;
    } rows[] = {
        { "127.0.0.1:8090", "127.0.0.1", 8090, true },
        { "localhost:8090", "127.0.0.1", 8090, true },
        { "LOCALHOST:8090", "127.0.0.1", 8090, true },
        { "[::1]:8090", "127.0.0.1", 8090, true },
        { "127.0.0.5:8090", "127.0.0.5", 8090, true },
        { "localhost", "127.0.0.1", 80, true },
        { "127.0.0.5:8090", "127.0.0.1", 8090, false },
        { "localhost", "127.0.0.1", 8090, false },
        { "localhost:80", "127.0.0.1", 8090, false },
        { "localhost:8090x", "127.0.0.1", 8090, false },
        { "localhost:", "127.0.0.1", 8090, false },
        { "localhost:+8090", "127.0.0.1", 8090, false },
        { "localhost:73626", "127.0.0.1", 8090, false }, /* 2^16 more */
        { "localhost:18446744073709559706", "127.0.0.1", 8090, false },
        { "localhost.:8090", "127.0.0.1", 8090, false },
        { "localhost.evil:8090", "127.0.0.1", 8090, false },
        { "evil.localhost:8090", "127.0.0.1", 8090, false },
        { "evil:8090", "127.0.0.1", 8090, false },
        { "localhost@evil:8090", "127.0.0.1", 8090, false },
        { "localhost :8090", "127.0.0.1", 8090, false },
        { "127.0.0.1", "127.0.0.1", 8090, false },
        { "", "127.0.0.1", 8090, false },
        { ":8090", "127.0.0.1", 8090, false },
    };

    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t host = guard_put(&g, elo_slice_str(rows[i].host));

        if (elo_native_host_ok(host, rows[i].own, rows[i].port)
            != rows[i].is_ours) {
            fail_msg("\"%s\"", rows[i].host);
        }
    }
    guard_dispose(&g);
}


static void
test_origins(void **state)
{
    static const struct {
        const char *origin;
        const char *list;
        bool is_ours;
    } rows[] = {
        { "http://localhost", "", true },
        { "http://localhost:4200", "", true },
        { "https://localhost:1", "", true },
        { "http://127.0.0.1:65535", "", true },
        { "http://[::1]:3000", "", true },
        { "HTTP://LOCALHOST", "", true },
        { "tauri://localhost", LIST, true },
        { "https://app.example", LIST, true },
        { "http://a.b:1", LIST, true },
        { "tauri://localhost", "", false },
        { "tauri://localhost", "tauri://localhos", false },
        { "https://app.example.evil", LIST, false },
        { "https://app.exampl", LIST, false },
        { "http://a.b", LIST, false },
        { "null", "", false },
        { "null", LIST, false },
        { "", "", false },
        { "", LIST, false }, /* which has an empty place */
        { "http://", "", false },
        { "http://localhost:", "", false },
        { "http://localhost:65536", "", false },
        { "http://localhost:80/", "", false },
        { "http://localhost/", "", false },
        { "http://localhost.", "", false },
        { "http://localhost.evil", "", false },
        { "http://evil", "", false },
        { "http://localhost@evil", "", false },
        { "http://127.0.0.1.evil", "", false },
        { "http://127.0.0.2", "", false },
        { "ws://localhost", "", false },
        { "file://", "", false },
    };

    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t origin = guard_put(&g, elo_slice_str(rows[i].origin));

        if (elo_native_origin_ok(origin, elo_slice_str(rows[i].list))
            != rows[i].is_ours)
        {
            fail_msg("\"%s\" of \"%s\"", rows[i].origin, rows[i].list);
        }
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
