/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what backend/store does without memory: the n-th allocation of a write
   fails, on the writer's thread; it fails or succeeds as a whole, and the store
   goes on. Nothing to do under a sanitizer, which has an allocator of its own. */
#include "t/unit/backend/store/store_dir.c"

#include <errno.h>

#include "backend/os/log.h"

#define MIB (1u << 20)

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HAS_FAULT 1

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static __thread unsigned fail_at; /* 0: never */
static __thread unsigned count;


static bool
fails(void)
{
    if (fail_at == 0 || ++count != fail_at) {
        return false;
    }
    errno = ENOMEM;
    return true;
}


void *
malloc(size_t n)
{
    return fails() ? NULL : __libc_malloc(n);
}


void *
calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t n)
{
    return fails() ? NULL : __libc_realloc(p, n);
}

#else
#define HAS_FAULT 0

static unsigned fail_at, count;
#endif

typedef struct {
    size_t len;
    elo_reach_t reach;
    bool is_small; /* by elo_store_put_small */
} what_t;

static const what_t whats[] = {
    { 100, ELO_REACH_COMMONS, true },
    { 100, ELO_REACH_INVITED, true },
    { 100, ELO_REACH_COMMONS, false },
    { 100, ELO_REACH_INVITED, false },
    { 2 * MIB + 5, ELO_REACH_COMMONS, false },
    { 2 * MIB + 5, ELO_REACH_INVITED, false },
};


static elo_err_t
put_what(elo_store_t *s, const what_t *w, elo_slice_t bytes)
{
    elo_agent_t invited[] = { agent_of(1), agent_of(2) };
    elo_put_opt_t opt = opt_of(w->reach, 0);
    elo_blob_stat_t st;
    elo_put_t *p;
    bool existed;
    elo_err_t rc;

    opt.invited = invited;
    opt.n_invited = 2;
    if (w->is_small) {
        return small_put(s, &opt, bytes, NULL, NULL);
    }
    if ((rc = elo_put_begin(s, &opt, &p)) != ELO_OK) {
        return rc;
    }
    for (size_t at = 0; at < bytes.len; at += MIB) {
        size_t n = bytes.len - at < MIB ? bytes.len - at : MIB;

        if ((rc = elo_put_write(p, elo_slice(bytes.p + at, n))) != ELO_OK) {
            elo_put_abort(&p);
            return rc;
        }
    }
    return elo_put_commit(&p, &st, &existed);
}


static void
test_put(void **state)
{
    (void) state;
    for (size_t k = 0; k < sizeof(whats) / sizeof(whats[0]); k++) {
        const what_t *w = &whats[k];
        elo_slice_t bytes = bytes_of(w->len, (uint32_t) k);
        elo_digest_t dig = digest_of(bytes);
        unsigned n = 1;
        elo_err_t rc;
        dir_t d;

        dir_make_root(&d);
        dir_keyring(&d);
        dir_open(&d);
        for (;; n++) {
            count = 0;
            fail_at = n;
            rc = put_what(d.s, w, bytes);
            fail_at = 0;
            if (count < n) {
                break; /* there is no n-th one */
            }
            if (rc != ELO_OK) {
                totals_are(d.s, 0, 0);
                assert_int_equal(dir_count(&d, "blobs"), 0);
                assert_int_equal(dir_count(&d, "tmp"), 0);
            } else {
                assert_true(reads_back(d.s, bytes));
                assert_int_equal(elo_store_remove(d.s, &dig, NULL), ELO_OK);
            }
            assert_false(elo_store_is_readonly(d.s));
        }
        assert_int_equal(rc, ELO_OK);
        assert_true(!HAS_FAULT || w->is_small || n > 3);
        dir_reopen(&d);
        assert_true(reads_back(d.s, bytes));
        totals_are(d.s, 1, bytes.len);
        assert_int_equal(rows_of(d.s, ELO_T_FILE), 0);
        assert_int_equal(dir_count(&d, "blobs"), w->len > MIB);
        dir_end(&d);
        bytes_free(bytes);
    }
}


static void
test_open(void **state)
{
    elo_err_t rc;
    dir_t d;

    (void) state;
    dir_make_root(&d);
    dir_open(&d);
    assert_int_equal(put_bytes(d.s, ELO_SLICE("kept"), NULL, NULL), ELO_OK);
    elo_store_close(&d.s);
    for (unsigned n = 1;; n++) {
        count = 0;
        fail_at = n;
        rc = elo_store_open(&d.cfg, &d.s, NULL);
        fail_at = 0;
        if (rc == ELO_OK) {
            elo_store_close(&d.s);
        } else {
            assert_null(d.s);
        }
        if (count < n) {
            break;
        }
    }
    assert_int_equal(rc, ELO_OK);
    dir_open(&d);
    assert_true(reads_back(d.s, ELO_SLICE("kept")));
    dir_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_open),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_ALERT)); /* loud on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
