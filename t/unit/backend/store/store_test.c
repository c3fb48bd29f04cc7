/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/store: opening, and what is answered when files or
   records are not what they were. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/os/log.h"
#include "backend/store/txn.h"
#include "common/http/wire.h"

#define HELLO ELO_SLICE("hello")


static void
write_file(const dir_t *d, const char *name, const char *text)
{
    FILE *f = fopen(dir_path(d, name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static elo_err_t
try_open(dir_t *d)
{
    elo_store_t *s = NULL;
    elo_err_t rc = elo_store_open(&d->cfg, &s);

    if (rc == ELO_OK) {
        elo_store_close(&s);
    }
    return rc;
}


/* A second one is kept out, and does the first no harm. */
static void
test_lock(void **state)
{
    dir_t *d = *state;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    assert_int_equal(try_open(d), ELO_EBUSY);
    assert_true(reads_back(d->s, HELLO));
    assert_int_equal(put_bytes(d->s, ELO_SLICE("x"), NULL, NULL), ELO_OK);
    dir_reopen(d);
    totals_are(d->s, 2, 6);
}


static void
test_format(void **state)
{
    static const char *const bad[] = {
        "", "elohim-store 2\nid 0123456789abcdef\n",
        "elohim-store 1\nid 0123456789abcdef\n", /* of another store */
        "something else"
    };
    dir_t *d = *state;
    char kept[64] = "";
    FILE *f;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    elo_store_close(&d->s);
    f = fopen(dir_path(d, "format"), "r");
    assert_non_null(f);
    assert_true(fread(kept, 1, sizeof(kept) - 1, f) > 0);
    fclose(f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(d, "format", bad[i]);
        assert_int_equal(try_open(d), ELO_ECORRUPT);
    }
    assert_int_equal(unlink(dir_path(d, "format")), 0);
    assert_int_equal(try_open(d), ELO_ECORRUPT); /* it held blobs */
    write_file(d, "format", kept);
    dir_open(d);
    assert_true(reads_back(d->s, HELLO));
}


/* A directory with somebody's files in it is not made a store. */
static void
test_foreign(void **state)
{
    dir_t d;

    (void) state;
    dir_make_root(&d);
    write_file(&d, "thesis.odt", "precious");
    assert_int_equal(try_open(&d), ELO_ECORRUPT);
    assert_int_equal(access(dir_path(&d, "index"), F_OK), -1);
    assert_int_equal(access(dir_path(&d, "thesis.odt"), F_OK), 0);
    dir_end(&d);
}


static void
test_file_damage(void **state)
{
    static const struct {
        const char *name;
        int len; /* -1: no file */
    } cases[] = {
        { "cut", 3 }, { "emptied", 0 }, { "grown", 9 }, { "gone", -1 }
    };
    dir_t *d = *state;
    elo_digest_t dig = digest_of(HELLO);
    elo_blob_stat_t st;
    bool existed;
    int fd;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(put_bytes(d->s, HELLO, &st, &existed), ELO_OK);
        assert_int_equal(cases[i].len < 0
                             ? unlink(dir_path(d, st.name))
                             : truncate(dir_path(d, st.name), cases[i].len),
                         0);
        dir_reopen(d);
        if (elo_store_open_blob(d->s, &dig, &fd, &st) != ELO_ECORRUPT) {
            fail_msg("a file that is %s is opened", cases[i].name);
        }
        /* it is put again, and is whole then */
        assert_int_equal(put_bytes(d->s, HELLO, &st, &existed), ELO_OK);
        assert_false(existed);
        assert_true(reads_back(d->s, HELLO));
        totals_are(d->s, 1, 5);
        assert_int_equal(dir_count(d, "blobs"), 1);
    }
}


/* Changes one byte of a record's value. */
static void
spoil(dir_t *d, int db, elo_slice_t key, size_t off)
{
    uint8_t mem[2048];
    elo_slice_t v;
    elo_wtxn_t w;

    assert_int_equal(elo_wtxn_begin(d->s, &w), ELO_OK);
    assert_int_equal(elo_db_get(d->s, w.txn, db, key, &v), ELO_OK);
    assert_true(v.len <= sizeof(mem) && off < v.len);
    memcpy(mem, v.p, v.len);
    mem[off] ^= 0x10;
    assert_int_equal(elo_db_put(&w, db, key, elo_slice(mem, v.len)), ELO_OK);
    assert_int_equal(elo_wtxn_commit(&w, NULL), ELO_OK);
}


static bool
go_on(void *ctx, const elo_blob_stat_t *st)
{
    (void) ctx;
    (void) st;
    return true;
}


static void
test_record_damage(void **state)
{
    dir_t *d = *state;
    elo_digest_t dig = digest_of(HELLO);
    elo_slice_t key = elo_slice(dig.b, sizeof(dig.b));
    elo_blob_stat_t st;
    elo_buf_t json;
    int fd;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_COMMONS, &dig, "{}"),
                     ELO_OK);
    spoil(d, ELO_DB_BLOB, key, 12);
    assert_int_equal(elo_store_stat(d->s, &dig, &st), ELO_ECORRUPT);
    assert_int_equal(elo_store_open_blob(d->s, &dig, &fd, &st), ELO_ECORRUPT);
    assert_int_equal(elo_store_each(d->s, NULL, go_on, NULL), ELO_ECORRUPT);
    spoil(d, ELO_DB_BLOB, key, 12); /* as it was */
    assert_true(reads_back(d->s, HELLO));

    /* a node that can't be believed opens nothing to anybody */
    spoil(d, ELO_DB_NODE, ELO_SLICE("n"), 1);
    assert_int_equal(elo_store_blob_reach(d->s, &dig), ELO_REACH_PRIVATE);
    elo_buf_init(&json, 64);
    assert_int_equal(
        elo_store_node_get(d->s, ELO_SLICE("n"), 0, &json, NULL, NULL),
        ELO_ECORRUPT);
    elo_buf_dispose(&json);
    assert_int_equal(elo_store_remove(d->s, &dig), ELO_EBUSY);
}


/* A record of a media index is derived: damage must not tie the blob down. */
static void
test_media_damage(void **state)
{
    dir_t *d = *state;
    elo_digest_t dig = digest_of(HELLO);
    elo_slice_t key = elo_slice(dig.b, sizeof(dig.b));
    uint8_t status;
    uint64_t size;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(elo_store_media_put(d->s, &dig, ELO_MEDIA_READY,
                                             ELO_SLICE("index"), ELO_SLICE("")),
                         ELO_OK);
        spoil(d, ELO_DB_MEDIA, key, 5);
        assert_int_equal(elo_store_media_stat(d->s, &dig, &status, &size, NULL),
                         ELO_ECORRUPT);
    }
    assert_int_equal(elo_store_remove(d->s, &dig), ELO_OK);
    assert_int_equal(elo_store_media_stat(d->s, &dig, &status, &size, NULL),
                     ELO_ENOTFOUND);
    totals_are(d->s, 0, 0);
    assert_int_equal(dir_count(d, "blobs"), 0);
}


/* What an interrupted write left is removed; what is named stays. */
static void
test_sweep(void **state)
{
    dir_t *d = *state;

    assert_int_equal(put_bytes(d->s, HELLO, NULL, NULL), ELO_OK);
    write_file(d, "tmp/0000000000000007", "half an upload");
    write_file(d, "blobs/05/0000000000000005", "linked, not committed");
    write_file(d, "media/06/0000000000000006", "the same");
    dir_reopen(d);
    assert_true(reads_back(d->s, HELLO));
    assert_int_equal(dir_count(d, "tmp"), 0);
    assert_int_equal(dir_count(d, "blobs"), 1);
    assert_int_equal(dir_count(d, "media"), 0);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lock),          cmocka_unit_test(test_foreign),
        TEST(test_format),        TEST(test_file_damage),
        TEST(test_record_damage), TEST(test_media_damage),
        TEST(test_sweep),
    };

    elo_ignore(elo_log_open("/dev/null", ELO_LOG_ALERT));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
