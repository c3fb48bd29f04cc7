/* SPDX-License-Identifier: BSD-2-Clause */
/* POST /api/backup: what it answers, and that it ends when nobody waits for it. */
#include "t/unit/backend/api/api_client.h"

#include "backend/store/backup.h"
#include "common/base/num.h"

#define WAIT_MS 20000
#define HUGE    (UINT64_C(1) << 60)

/* The real file operations. While it is endless, the first file that a backup copies
   has no end: holes, a piece a millisecond. */
typedef struct {
    elo_vfs_t v; /* first */
    atomic_bool is_endless;
    atomic_int from; /* that file, -1: none */
    atomic_uint n_pieces, n_closed;
} slow_t;

static slow_t slow;


static elo_err_t
slow_own_like(const elo_vfs_t *v, int fd, int like)
{
    struct stat st;

    if (atomic_load(&slow.is_endless) && fstat(like, &st) == 0
        && S_ISREG(st.st_mode))
    {
        atomic_store(&slow.from, like);
    }
    v = elo_vfs_posix();
    return v->own_like(v, fd, like);
}


static elo_err_t
slow_size(const elo_vfs_t *v, int fd, uint64_t *size)
{
    if (fd == atomic_load(&slow.from)) {
        *size = HUGE;
        return ELO_OK;
    }
    v = elo_vfs_posix();
    return v->size(v, fd, size);
}


static elo_err_t
slow_truncate(const elo_vfs_t *v, int fd, uint64_t size)
{
    v = elo_vfs_posix();
    return size == HUGE ? ELO_OK : v->truncate(v, fd, size);
}


static elo_err_t
slow_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
           size_t *n)
{
    if (fd == atomic_load(&slow.from)) {
        memset(p, 0, len);
        *n = len;
        atomic_fetch_add(&slow.n_pieces, 1);
        api_sleep_ms(1);
        return ELO_OK;
    }
    v = elo_vfs_posix();
    return v->pread(v, fd, p, len, off, n);
}


static void
slow_close(const elo_vfs_t *v, int fd)
{
    int from = fd;

    if (atomic_compare_exchange_strong(&slow.from, &from, -1)) {
        atomic_fetch_add(&slow.n_closed, 1);
    }
    v = elo_vfs_posix();
    v->close(v, fd);
}


static int
setup(void **state)
{
    slow.v = *elo_vfs_posix();
    slow.v.own_like = slow_own_like;
    slow.v.size = slow_size;
    slow.v.truncate = slow_truncate;
    slow.v.pread = slow_pread;
    slow.v.close = slow_close;
    atomic_store(&slow.is_endless, false);
    atomic_store(&slow.from, -1);
    atomic_store(&slow.n_pieces, 0);
    atomic_store(&slow.n_closed, 0);
    return api_setup_with(state, false, &slow.v);
}


static void
wait_until(const atomic_uint *n, unsigned least)
{
    for (int i = 0; atomic_load((atomic_uint *) (uintptr_t) n) < least; i++) {
        assert_true(i < WAIT_MS);
        api_sleep_ms(1);
    }
}


/* ---- a place for backups ---- */

typedef struct {
    char base[64];
    char dir[96];
    char target[160];
} place_t;


static void
place_init(place_t *p, const char *more)
{
    strcpy(p->base, "/tmp/elo-backup-XXXXXX");
    assert_non_null(mkdtemp(p->base));
    snprintf(p->dir, sizeof(p->dir), "%s/copy", p->base);
    snprintf(p->target, sizeof(p->target), "/api/backup?dir=%s%s", p->dir,
             more);
}


static void
place_dispose(place_t *p)
{
    nftw(p->base, api_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


/* Does a store open on it, with that blob? The server rests meanwhile: libuv closes
   its sockets past ThreadSanitizer, which would take their numbers, used again here,
   for a race. */
static elo_err_t
open_copy(api_t *a, const place_t *p, const char *text)
{
    elo_store_cfg_t cfg = { .root = p->dir,
                            .map_bytes = 64u << 20,
                            .inline_bytes = API_INLINE,
                            .segment_bytes = 8u << 20,
                            .group = -1 };
    elo_store_t *s = NULL;
    elo_blob_stat_t st;
    elo_digest_t d;
    elo_err_t rc;

    api_stop(a);
    rc = elo_store_open(&cfg, &s, NULL);
    if (rc == ELO_OK) {
        assert_int_equal(elo_sha256(elo_slice_str(text), &d), ELO_OK);
        rc = elo_store_stat(s, &d, NULL, &st);
        elo_store_close(&s);
    }
    api_start(a);
    return rc;
}


/* Asks, and returns when the endless file is being copied. */
static int
begin_endless(const api_t *a, const place_t *p)
{
    char head[256];
    int fd = api_connect(a);
    int n = snprintf(head, sizeof(head),
                     "POST %s HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 0\r\n\r\n",
                     p->target);

    atomic_store(&slow.is_endless, true);
    assert_true(api_send(fd, head, (size_t) n));
    wait_until(&slow.n_pieces, 3);
    return fd;
}


/* ---- tests ---- */

static void
test_answers(void **state)
{
    static const struct {
        const char *method, *target, *headers;
        int status;
    } rows[] = {
        { "POST", "/api/backup", "", 400 },
        { "POST", "/api/backup?dir=", "", 400 },
        { "POST", "/api/backup?dir=here", "", 400 },
        { "POST", "/api/backup?dir=/tmp/x%00y", "", 400 },
        { "POST", "/api/backup?dir=/tmp/x&copy=y", "", 400 },
        { "POST", "/api/backup?dir=/tmp/x&copy=0", "", 400 },
        { "POST", "/api/backup?dir=/tmp", "", 409 },
        { "POST", "/api/backup?dir=/tmp/x", "X-Elohim-Caller: anonymous\r\n",
          404 },
        { "GET", "/api/backup?dir=/tmp/x", "", 405 },
    };
    const api_t *a = *state;

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        int status =
            api_status(a, rows[i].method, rows[i].target, rows[i].headers);

        if (status != rows[i].status) {
            fail_msg("%s %s: %d", rows[i].method, rows[i].target, status);
        }
    }
    assert_int_equal(
        api_status(a, "POST", "/api/backup?dir=/nowhere/at/all", ""), 500);
}


static void
test_whole(void **state)
{
    static const char *const more[] = { "", "&copy=1" };
    api_t *a = *state;
    uint8_t *large = calloc(1, API_INLINE * 2);
    char want[128];

    (void) api_put(a, "text/plain", "abc", 3);
    (void) api_put(a, "video/mp4", large, API_INLINE * 2);
    for (size_t i = 0; i < ELO_COUNT(more); i++) {
        place_t p;
        answer_t r;

        place_init(&p, more[i]);
        r = api_call(a, "POST", p.target, "", NULL, -1);
        assert_int_equal(r.status, 200);
        snprintf(want, sizeof(want), "{\"dir\":\"%s\",\"segments\":", p.dir);
        assert_true(body_has(&r, want));
        assert_true(body_has(&r, "\"files\":1,"));
        assert_true(body_has(&r, "\"keyring\":true}"));
        assert_int_equal(body_has(&r, "\"linked\":0,"), i == 1);
        answer_free(&r);
        assert_int_equal(api_status(a, "POST", p.target, ""), 409);
        assert_int_equal(open_copy(a, &p, "abc"), ELO_OK);
        assert_int_equal(open_copy(a, &p, "abcd"), ELO_ENOTFOUND);
        place_dispose(&p);
    }
    free(large);
}


/* What was left is no store, and the next backup isn't held up. */
static void
is_over(api_t *a, place_t *p)
{
    place_t next;

    wait_until(&slow.n_closed, 1);
    assert_int_equal(api_count_files(p->dir, ELO_BACKUP_MARK), 1);
    assert_int_equal(open_copy(a, p, "abc"), ELO_ECORRUPT);
    atomic_store(&slow.is_endless, false);
    place_init(&next, "&copy=1");
    assert_int_equal(api_status(a, "POST", next.target, ""), 200);
    assert_int_equal(open_copy(a, &next, "abc"), ELO_OK);
    place_dispose(&next);
    place_dispose(p);
}


static void
test_client_gone(void **state)
{
    api_t *a = *state;
    place_t p;

    (void) api_put(a, "text/plain", "abc", 3);
    place_init(&p, "&copy=1");
    close(begin_endless(a, &p));
    is_over(a, &p);
}


/* One that has only ended its half waits for the answer. */
static void
test_half_closed(void **state)
{
    api_t *a = *state;
    unsigned n;
    place_t p;
    int fd;

    (void) api_put(a, "text/plain", "abc", 3);
    place_init(&p, "&copy=1");
    fd = begin_endless(a, &p);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    n = atomic_load(&slow.n_pieces);
    wait_until(&slow.n_pieces, n + 400); /* several looks */
    assert_int_equal(atomic_load(&slow.n_closed), 0);
    api_stop(a);
    close(fd);
    api_start(a);
    is_over(a, &p);
}


static void
test_drain(void **state)
{
    api_t *a = *state;
    answer_t r;
    place_t p;
    int fd;

    (void) api_put(a, "text/plain", "abc", 3);
    place_init(&p, "&copy=1");
    fd = begin_endless(a, &p);
    api_stop(a);
    r = api_receive(fd, true);
    assert_int_equal(r.status, 503);
    assert_true(body_has(&r, "\"code\":\"UNAVAILABLE\""));
    assert_true(body_has(&r, "the daemon ends"));
    answer_free(&r);
    api_start(a);
    is_over(a, &p);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answers),     TEST(test_whole), TEST(test_client_gone),
        TEST(test_half_closed), TEST(test_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
