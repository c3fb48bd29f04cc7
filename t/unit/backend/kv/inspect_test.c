/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/kv/kv_dir.c"

#include "backend/kv/index.h"
#include "backend/kv/inspect.h"
#include "common/base/num.h"

typedef struct {
    unsigned n[4]; /* by elo_inspect_what_t */
    unsigned n_sums;
    char key[64]; /* of the last finding with one */
    uint64_t segment;
    elo_inspect_log_t log;
    elo_kv_recovery_t found;
} seen_t;


static elo_err_t
on_finding(void *ctx, const elo_inspect_finding_t *f)
{
    seen_t *s = ctx;

    s->n[f->what]++;
    s->segment = f->segment;
    if (f->key.len != 0) {
        snprintf(s->key, sizeof(s->key), "%.*s", (int) f->key.len,
                 (const char *) f->key.p);
    }
    return ELO_OK;
}


static void
on_sum(void *ctx, uint8_t space, uint64_t id, int64_t is, int64_t should)
{
    seen_t *s = ctx;

    (void) space;
    (void) id;
    assert_true(is != should);
    s->n_sums++;
}


/* The engine must be closed, or a copy of one that is open. */
static elo_err_t
look(kvd_t *d, const char *scratch, seen_t *s)
{
    elo_kv_t *kv = NULL;
    elo_err_t rc;

    memset(s, 0, sizeof(*s));
    if ((rc = elo_inspect_open(&d->cfg, scratch, &kv, &s->found)) != ELO_OK) {
        return rc;
    }
    assert_int_equal(elo_inspect_log(kv, on_finding, s, &s->log), ELO_OK);
    assert_int_equal(elo_inspect_sums(kv, on_sum, s), ELO_OK);
    elo_inspect_close(&kv);
    return ELO_OK;
}


static void
is_clean(const seen_t *s)
{
    for (size_t i = 0; i < ELO_COUNT(s->n); i++) {
        assert_int_equal(s->n[i], 0);
    }
    assert_int_equal(s->n_sums, 0);
    assert_int_equal(s->log.damaged, 0);
}


/* Rows of each kind: put, put again, deleted, derived, with data. */
static void
fill(kvd_t *d)
{
    char key[16];

    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "key%02d", i);
        assert_int_equal(kvd_put(d, T_ONE, key, "v1"), ELO_OK);
        assert_int_equal(
            kvd_put_data(d, T_OTHER, key, "x", ELO_SLICE("some bytes of data")),
            ELO_OK);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof(key), "key%02d", i);
        assert_int_equal(i < 10 ? kvd_put(d, T_ONE, key, "v2")
                                : kvd_del(d, T_ONE, key),
                         ELO_OK);
    }
}


static void
patch(const kvd_t *d, const char *name, off_t off, uint8_t xor)
{
    char path[256];
    uint8_t b;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", d->root, name);
    assert_true((fd = open(path, O_RDWR)) >= 0);
    assert_int_equal(pread(fd, &b, 1, off), 1);
    b ^= xor;
    assert_int_equal(pwrite(fd, &b, 1, off), 1);
    close(fd);
}


static void
test_a_whole_one(void **state)
{
    kvd_t *d = *state, copy;
    seen_t s;

    fill(d);
    kvd_copy(d, &copy); /* nothing of it is in the index */
    assert_int_equal(look(&copy, NULL, &s), ELO_OK);
    is_clean(&s);
    assert_int_equal(s.found.records, 120);
    assert_int_equal(s.log.records, 120);
    /* and it is as it was */
    assert_int_equal(look(&copy, NULL, &s), ELO_OK);
    assert_int_equal(s.found.records, 120);
    kvd_open(&copy);
    kvd_check(&copy, T_ONE, "key00", "v2");
    kvd_end(&copy);

    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    kvd_copy(d, &copy);
    assert_int_equal(look(&copy, NULL, &s), ELO_OK);
    is_clean(&s);
    assert_int_equal(s.found.records, 0);
    kvd_end(&copy);
}


static void
test_without_an_index(void **state)
{
    kvd_t *d = *state;
    char scratch[] = "/tmp/elo-inspect-XXXXXX", path[256];
    seen_t s;

    fill(d);
    elo_kv_close(&d->kv);
    kvd_drop_index(d);
    assert_int_equal(look(d, NULL, &s), ELO_ENOTFOUND);
    assert_non_null(mkdtemp(scratch));
    assert_int_equal(look(d, scratch, &s), ELO_OK);
    is_clean(&s);
    assert_int_equal(s.found.records, 120);
    snprintf(path, sizeof(path), "%s/data.mdb", d->index);
    assert_int_equal(access(path, F_OK), -1);
    nftw(scratch, kvd_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


static void
test_damaged_records(void **state)
{
    static const struct {
        const char *name;
        off_t off; /* in the second record */
        unsigned lost;
    } table[] = {
        { "the magic", 0, 1 }, { "the lsn", 20, 1 },      { "the key", 49, 1 },
        { "the data", 60, 1 }, { "the checksum", 44, 1 },
    };
    kvd_t *d = *state, copy;
    seen_t s;

    fill(d);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        print_message("%s\n", table[i].name);
        kvd_copy(d, &copy);
        /* head 64; the first record: 48, key 5, value 2: 56 */
        patch(&copy, "log/0000000000000001", 64 + 56 + table[i].off, 0x40);
        assert_int_equal(look(&copy, NULL, &s), ELO_OK);
        assert_int_equal(s.n[ELO_INSPECT_DAMAGED], 1);
        assert_int_equal(s.n[ELO_INSPECT_LOST], table[i].lost);
        assert_string_equal(s.key, "key00");
        assert_int_equal(s.log.damaged, 1);
        kvd_end(&copy);
    }
    kvd_copy(d, &copy);
    patch(&copy, "log/0000000000000001", 10, 0x01);
    assert_int_equal(look(&copy, NULL, &s), ELO_OK);
    assert_int_equal(s.n[ELO_INSPECT_HEAD], 1);
    kvd_end(&copy);
}


/* An index that says something else than the log. */
static void
test_an_index_that_lies(void **state)
{
    static const struct {
        const char *name, *del; /* a row that is taken away */
        bool is_counter, is_back;
        unsigned lacks, sums;
    } table[] = {
        { "a row is missing", "key30", false, false, 1, 1 },
        { "a counter", NULL, true, false, 0, 1 },
    };
    kvd_t *d = *state;
    elo_index_write_t *w;
    elo_index_t *ix;
    seen_t s;

    fill(d);
    elo_kv_close(&d->kv);
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        kvd_t copy;

        print_message("%s\n", table[i].name);
        kvd_copy(d, &copy);
        assert_int_equal(elo_index_open(&copy.cfg, &ix), ELO_OK);
        assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
        if (table[i].del != NULL) {
            assert_int_equal(
                elo_index_del(w, T_ONE, elo_slice_str(table[i].del)), ELO_OK);
        }
        if (table[i].is_counter) {
            assert_int_equal(elo_index_put_counter(w, SUM_KEYS, 5, 1000),
                             ELO_OK);
        }
        assert_int_equal(elo_index_commit(&w), ELO_OK);
        elo_index_close(&ix);
        assert_int_equal(look(&copy, NULL, &s), ELO_OK);
        assert_int_equal(s.n[ELO_INSPECT_LACKS], table[i].lacks);
        assert_int_equal(s.n[ELO_INSPECT_LOST], 0);
        assert_true(s.n_sums >= table[i].sums);
        kvd_end(&copy);
    }
}


static void
test_heads(void **state)
{
    kvd_t *d = *state;
    uint64_t id = 0;
    char cmd[400];

    fill(d);
    elo_kv_close(&d->kv);
    snprintf(cmd, sizeof(cmd),
             "cd %s/log && cp 0000000000000001 00000000000000ff && "
             "head -c 64 /dev/zero >00000000000000fe && echo x >notes",
             d->root);
    assert_int_equal(system(cmd), 0);
    assert_int_equal(
        elo_inspect_head(d->cfg.vfs, d->fd, "0000000000000001", &id), ELO_OK);
    assert_int_equal(id, 77);
    assert_int_equal(
        elo_inspect_head(d->cfg.vfs, d->fd, "00000000000000ff", &id),
        ELO_EINVAL);
    assert_int_equal(
        elo_inspect_head(d->cfg.vfs, d->fd, "00000000000000fe", &id),
        ELO_ENOTFOUND);
    assert_int_equal(elo_inspect_head(d->cfg.vfs, d->fd, "notes", &id),
                     ELO_ENOTFOUND);
    patch(d, "log/0000000000000001", 30, 1);
    assert_int_equal(
        elo_inspect_head(d->cfg.vfs, d->fd, "0000000000000001", &id),
        ELO_ECORRUPT);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, kvd_setup, kvd_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_one),     TEST(test_without_an_index),
        TEST(test_damaged_records), TEST(test_an_index_that_lies),
        TEST(test_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
