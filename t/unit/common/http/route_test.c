/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/route. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/http/route.h"
#include "t/unit/guard.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CID "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define V0  "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG"
#define VER "00112233aabbccdd"
#define M   "/api/manifest/"
#define UP  "00112233445566778899aabbccddeeff"

typedef struct {
    const char *path;
    elo_route_kind_t kind;
    const char *id;
    const char *version;
    const char *track;
    uint32_t number;
} row_t;

static const row_t good[] = {
    { "/api/blob/" HEX, ELO_ROUTE_BLOB, HEX, "", "", 0 },
    { "/api/blob/sha256-" HEX, ELO_ROUTE_BLOB, "sha256-" HEX, "", "", 0 },
    { "/api/blob/" CID, ELO_ROUTE_BLOB, CID, "", "", 0 },
    { "/api/blob/" V0, ELO_ROUTE_BLOB, V0, "", "", 0 },
    { "/api/blob/intro", ELO_ROUTE_BLOB, "intro", "", "", 0 },
    { "/blob/" HEX, ELO_ROUTE_BLOB, HEX, "", "", 0 },
    { "/store/" HEX, ELO_ROUTE_BLOB, HEX, "", "", 0 },
    { "/store/intro", ELO_ROUTE_BLOB, "intro", "", "", 0 },
    { "/api/blob", ELO_ROUTE_BLOB_NEW, "", "", "", 0 },
    { "/blob", ELO_ROUTE_BLOB_NEW, "", "", "", 0 },
    { "/blob/", ELO_ROUTE_BLOB_NEW, "", "", "", 0 },
    { "/api/blob/" HEX "/status", ELO_ROUTE_BLOB_STATUS, HEX, "", "", 0 },
    { "/api/blob/sha256-" HEX "/tree", ELO_ROUTE_BLOB_TREE, "sha256-" HEX, "",
      "", 0 },
    { "/api/blob/" HEX "/0", ELO_ROUTE_CHUNK, HEX, "", "", 0 },
    { "/api/blob/" CID "/17", ELO_ROUTE_CHUNK, CID, "", "", 17 },
    { "/api/blob/intro/4294967295", ELO_ROUTE_CHUNK, "intro", "", "",
      4294967295 },
    { "/api/stream/chunk/" HEX "/3", ELO_ROUTE_CHUNK, HEX, "", "", 3 },
    { "/api/upload", ELO_ROUTE_UPLOAD_NEW, "", "", "", 0 },
    { "/api/upload/", ELO_ROUTE_UPLOAD_NEW, "", "", "", 0 },
    { "/api/upload/" UP, ELO_ROUTE_UPLOAD, UP, "", "", 0 },
    { "/manifest/sha256-" HEX, ELO_ROUTE_MANIFEST, "sha256-" HEX, "", "", 0 },
    { "/api/content", ELO_ROUTE_CONTENT_LIST, "", "", "", 0 },
    { "/api/content/intro", ELO_ROUTE_CONTENT, "intro", "", "", 0 },
    { "/api/content/intro/lifecycle", ELO_ROUTE_CONTENT_LIFECYCLE, "intro", "",
      "", 0 },
    { "/api/content/intro/reach", ELO_ROUTE_CONTENT_REACH, "intro", "", "", 0 },
    { "/api/content/lifecycle/invite", ELO_ROUTE_CONTENT_INVITE, "lifecycle",
      "", "", 0 },
    { M "intro/hls.m3u8", ELO_ROUTE_HLS_MASTER, "intro", "", "", 0 },
    { "/api/stream/hls/intro", ELO_ROUTE_HLS_MASTER, "intro", "", "", 0 },
    { M "intro/v0.m3u8", ELO_ROUTE_HLS_MEDIA, "intro", "", "v0", 0 },
    { M "hls.m3u8/a12.m3u8", ELO_ROUTE_HLS_MEDIA, "hls.m3u8", "", "a12", 0 },
    { M "intro/dash.mpd", ELO_ROUTE_DASH, "intro", "", "", 0 },
    { "/api/stream/dash/intro", ELO_ROUTE_DASH, "intro", "", "", 0 },
    { M "intro/" VER "/v0/init.mp4", ELO_ROUTE_INIT, "intro", VER, "v0", 0 },
    { M "intro/" VER "/v0/1.m4s", ELO_ROUTE_SEGMENT, "intro", VER, "v0", 1 },
    { M "intro/" VER "/a3/65536.m4s", ELO_ROUTE_SEGMENT, "intro", VER, "a3",
      65536 },
    { "/health", ELO_ROUTE_HEALTH, "", "", "", 0 },
    { "/api/schema", ELO_ROUTE_SCHEMA, "", "", "", 0 },
    { "/api/import", ELO_ROUTE_IMPORT, "", "", "", 0 },
    { "/api/import/", ELO_ROUTE_UNKNOWN, "", "", "", 0 },
    { "/api/cache", ELO_ROUTE_UNKNOWN, "", "", "", 0 },
    { "/api/cache/purge", ELO_ROUTE_CACHE_PURGE, "", "", "", 0 },
    { "/api/cache/purge/", ELO_ROUTE_UNKNOWN, "", "", "", 0 },
    { "/api/cache/warm", ELO_ROUTE_CACHE_WARM, "", "", "", 0 },
    { "/api/cache/warm/x", ELO_ROUTE_UNKNOWN, "", "", "", 0 },
    { "/api/records", ELO_ROUTE_RECORDS, "", "", "", 0 },
    { "/api/audit", ELO_ROUTE_AUDIT, "", "", "", 0 },
    { "/api/explain", ELO_ROUTE_EXPLAIN, "", "", "", 0 },
    { "/api/audit/", ELO_ROUTE_UNKNOWN, "", "", "", 0 },
    { "/api/auth/challenge", ELO_ROUTE_AUTH_CHALLENGE, "", "", "", 0 },
    { "/api/auth/token", ELO_ROUTE_AUTH_TOKEN, "", "", "", 0 },
    { "/api/auth/session", ELO_ROUTE_AUTH_SESSION, "", "", "", 0 },
    { "/api/auth/logout", ELO_ROUTE_AUTH_LOGOUT, "", "", "", 0 },
    { "/api/auth/keys", ELO_ROUTE_AUTH_KEYS, "", "", "", 0 },
    { "/.well-known/doorway-keys", ELO_ROUTE_AUTH_KEYS, "", "", "", 0 },
    { "/version", ELO_ROUTE_VERSION, "", "", "", 0 },
    { "/.well-known/jwks.json", ELO_ROUTE_AUTH_KEYS, "", "", "", 0 },
    { "/healthz", ELO_ROUTE_HEALTH, "", "", "", 0 },
    { "/ready", ELO_ROUTE_READY, "", "", "", 0 },
    { "/readyz", ELO_ROUTE_READY, "", "", "", 0 },
    { "/status", ELO_ROUTE_STATUS, "", "", "", 0 },
    { "/p2p/status", ELO_ROUTE_P2P_STATUS, "", "", "", 0 },
    { "/auth/me", ELO_ROUTE_ME, "", "", "", 0 },
    { "/.well-known/did.json", ELO_ROUTE_DID, "", "", "", 0 },
    { "/identity/did", ELO_ROUTE_DID, "", "", "", 0 },
    { "/identity/did.json", ELO_ROUTE_DID, "", "", "", 0 },
    { "/session", ELO_ROUTE_HANDOFF, "", "", "", 0 },
    { "/shard/" HEX, ELO_ROUTE_SHARD, HEX, "", "", 0 },
    { "/shard/sha256-" HEX, ELO_ROUTE_SHARD, "sha256-" HEX, "", "", 0 },
    { "/shard/" CID, ELO_ROUTE_SHARD, CID, "", "", 0 },
    { "/shard/" V0, ELO_ROUTE_SHARD, V0, "", "", 0 },
    { "/api/blob/verify", ELO_ROUTE_VERIFY, "", "", "", 0 },
    { "/api/blob/verify/1", ELO_ROUTE_CHUNK, "verify", "", "", 1 },
    { "/store/verify", ELO_ROUTE_BLOB, "verify", "", "", 0 },
    { "/api/custodian/blob/" HEX, ELO_ROUTE_CUSTODIANS, HEX, "", "", 0 },
    { "/api/v1/cache/Content", ELO_ROUTE_CACHE_LIST, "", "", "", 0 },
    { "/api/v1/cache/Content/intro", ELO_ROUTE_CACHE, "intro", "", "", 0 },
    { "/api/v1/cache/cache/cache", ELO_ROUTE_CACHE, "cache", "", "", 0 },
    { "/api/v1/lamad/content_store/get_content", ELO_ROUTE_ZOME, "", "", "",
      0 },
};

static const char *const unknown[] = {
    "",
    "/",
    "health",
    "/health/",
    "//health",
    "/HEALTH",
    "/api",
    "/api/",
    "/api/blob/",
    "/api/blob//",
    "/api/blob/.",
    "/api/blob/..",
    "/api/blob/../blob/intro",
    "/api/blob/intro/",
    "/api/blob/intro/status",
    "/api/blob/intro/tree",
    "/api/blob/" HEX "/tree/",
    "/api/blob/" HEX "/00",
    "/api/blob/" HEX "/01",
    "/api/blob/" HEX "/-1",
    "/api/blob/" HEX "/+1",
    "/api/blob/" HEX "/1/",
    "/api/blob/" HEX "/1.0",
    "/api/blob/" HEX "/4294967296",
    "/api/blob/" HEX "/99999999999999999999",
    "/api/blob/" HEX "/",
    "/api/blob/" HEX "/pin", /* the daemon's own */
    "/api/blob//1",
    "/api/stream/chunk/intro/1",
    "/api/stream/chunk/" HEX,
    "/api/stream/chunk/" HEX "/",
    "/api/upload/" UP "/",
    "/api/upload/" UP "0",
    "/api/upload/0011",
    "/api/upload/00112233445566778899AABBCCDDEEFF",
    "/api/upload/../" UP,
    "/api/queue",
    "/api/auth",
    "/api/auth/",
    "/api/auth/token/",
    "/api/auth/session/",
    "/api/auth/logout/x",
    "/api/auth/keys/x",
    "/api/agents",
    "/api/care",
    "/api/blob/a b",
    "/api/blob/a%2fb",
    "/api/blob/a\x01",
    "/api/blob/a\x7f",
    "/api/blob/a\r\nX: y",
    "/api/blob/\xc3\xa9",
    "/api/blob/" HEX "/",
    "/api/blob/" HEX "/statu",
    "/api/blob/" HEX "/status/",
    "/api/blob/" HEX "/status/x",
    "/api/blob/sha256-" HEX "/../../etc/passwd",
    "/api/blobs",
    "/blob/" HEX "/status",
    "/store",
    "/store/",
    "/shard",
    "/shard/",
    "/shard/intro",
    "/shard/" HEX "/",
    "/shard/../" HEX,
    "/shard//etc/passwd",
    "/shard/" HEX "/status",
    "/session/",
    "/session/all",
    "/status/",
    "/p2p",
    "/auth/login",
    "/auth/me/",
    "/.well-known/",
    "/.well-known/did.jsonx",
    "/identity/",
    "/api/blob/verify/",
    "/api/blob/Verify/x",
    "/api/custodian/blob/",
    "/api/custodian/blob/intro",
    "/api/custodian/blob/" HEX "/best",
    "/api/v1",
    "/api/v1/",
    "/api/v1/cache",
    "/api/v1/cache/",
    "/api/v1/cache//intro",
    "/api/v1/cache/Content/",
    "/api/v1/cache/Content/..",
    "/api/v1/cache/Content/" HEX,
    "/api/v1/cache/Content/intro/related",
    "/api/v1/cache/a.b",
    "/api/v1/a/b",
    "/api/v1/a/b/c/d",
    "/api/v1/a//c",
    "/api/v1/../b/c",
    "/api/v1/a/b/c:d",
    "/api/v1/a/b/" HEX "x", /* longer than a name */
    "/manifest/",
    "/manifest/intro",
    "/manifest/" HEX "/",
    "/api/content/",
    "/api/content/" HEX,
    "/api/content/intro/",
    "/api/content/intro/x",
    "/api/content/intro/lifecycle/",
    "/api/content/intro/Lifecycle",
    "/api/content/intro/reach/x",
    "/api/content/" HEX "/lifecycle",
    "/api/content//lifecycle",
    "/api/content/..",
    M,
    M "intro",
    M "intro/",
    M "/hls.m3u8",
    M "../hls.m3u8",
    M HEX "/hls.m3u8",
    M "intro/.m3u8",
    M "intro/v.m3u8",
    M "intro/0.m3u8",
    M "intro/V0.m3u8",
    M "intro/vv0.m3u8",
    M "intro/v00000.m3u8",
    M "intro/v0.m3u8/",
    M "intro/HLS.m3u8",
    M "intro/dash.mpd/x",
    M "intro/" VER,
    M "intro/" VER "/v0",
    M "intro/" VER "/v0/",
    M "intro/" VER "/v0/0.m4s",
    M "intro/" VER "/v0/01.m4s",
    M "intro/" VER "/v0/-1.m4s",
    M "intro/" VER "/v0/+1.m4s",
    M "intro/" VER "/v0/1.m4s/",
    M "intro/" VER "/v0/1.m4s/x",
    M "intro/" VER "/v0/.m4s",
    M "intro/" VER "/v0/1.M4S",
    M "intro/" VER "/v0/65537.m4s",
    M "intro/" VER "/v0/4294967297.m4s",
    M "intro/" VER "/v0/18446744073709551617.m4s",
    M "intro/" VER "/../1.m4s",
    M "intro/" VER "/v0/init.mp4x",
    M "intro/" VER "0/v0/1.m4s",
    M "intro/00112233AABBCCDD/v0/1.m4s",
    M "intro/0011/v0/1.m4s",
    M "intro//v0/1.m4s",
    "/api/stream/hls/",
    "/api/stream/hls",
    "/api/stream/hls/intro/",
    "/api/stream/hds/intro",
    "/api/stream/hls/" HEX,
};


static void
check(const row_t *row, const elo_route_t *r)
{
    if (r->kind != row->kind || !elo_slice_eq(r->id, elo_slice_str(row->id))
        || !elo_slice_eq(r->version, elo_slice_str(row->version))
        || !elo_slice_eq(r->track, elo_slice_str(row->track))
        || r->number != row->number)
    {
        fail_msg("%s: kind %d", row->path, (int) r->kind);
    }
}


/* What only some routes have. */
static void
test_compat(void **state)
{
    static const struct {
        const char *path;
        const char *name;
        bool is_compat;
    } rows[] = {
        { "/blob/" HEX, "", true },
        { "/blob/intro", "", true },
        { "/blob", "", true },
        { "/blob/", "", true },
        { "/api/blob/" HEX, "", false },
        { "/api/blob", "", false },
        { "/store/" HEX, "", false },
        { "/blob/..", "", false }, /* nothing of what was tried is kept */
        { "/api/v1/cache/Content", "Content", false },
        { "/api/v1/cache/Content/intro", "Content", false },
        { "/api/v1/cache/Content/..", "", false },
        { "/api/v1/a/b/get_content", "get_content", false },
        { "/api/v1/a/b/" HEX, HEX, false },
    };
    elo_route_t r;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_route_parse(elo_slice_str(rows[i].path), &r);
        if (!elo_slice_eq(r.name, elo_slice_str(rows[i].name))
            || r.is_compat != rows[i].is_compat)
        {
            fail_msg("%s", rows[i].path);
        }
    }
}


static void
test_good(void **state)
{
    elo_route_t r;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ELO_COUNT(good); i++) {
        memset(&r, 0xee, sizeof(r));
        elo_route_parse(guard_put(&g, elo_slice_str(good[i].path)), &r);
        check(&good[i], &r);
    }
    guard_dispose(&g);
}


static void
test_unknown(void **state)
{
    static const row_t none = { "", ELO_ROUTE_UNKNOWN, "", "", "", 0 };
    elo_route_t r;
    row_t row;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(unknown); i++) {
        row = none;
        row.path = unknown[i];
        elo_route_parse(elo_slice_str(unknown[i]), &r);
        check(&row, &r);
    }
    elo_route_parse(elo_slice("/health\0", 8), &r);
    assert_int_equal(r.kind, ELO_ROUTE_UNKNOWN);
    elo_route_parse(elo_slice("/api/blob/a\0b", 13), &r);
    assert_int_equal(r.kind, ELO_ROUTE_UNKNOWN);
    elo_route_parse(elo_slice(NULL, 0), &r);
    assert_int_equal(r.kind, ELO_ROUTE_UNKNOWN);
}


/* Slices lie in the path, and an id is never empty where one is due. */
static void
test_prefixes(void **state)
{
    elo_route_t r;
    elo_slice_t s;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ELO_COUNT(good); i++) {
        for (size_t n = 0; n < strlen(good[i].path); n++) {
            s = guard_put(&g, elo_slice(good[i].path, n));
            elo_route_parse(s, &r);
            if (r.id.len > 0) {
                assert_true(r.id.p >= s.p);
                assert_true(r.id.p + r.id.len <= s.p + s.len);
            }
            if (r.kind == ELO_ROUTE_BLOB || r.kind == ELO_ROUTE_CONTENT) {
                assert_true(r.id.len > 0);
            }
        }
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_compat),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
