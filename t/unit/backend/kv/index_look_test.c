/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/kv/kv_dir.c"

#include "backend/kv/index_look.h"
#include "backend/os/probe.h"

#define PAGE 4096


static void
fill(kvd_t *d)
{
    char key[16];

    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "key%06d", i);
        assert_int_equal(kvd_put(d, T_OTHER, key, "a value of some length"),
                         ELO_OK);
        if (i % 500 == 0) {
            assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
        }
    }
    elo_kv_close(&d->kv);
}


static int
walk(void *ctx)
{
    return elo_index_walk(ctx) == ELO_OK ? 0 : 1;
}


static void
test_what_is_there(void **state)
{
    kvd_t *d = *state;
    elo_index_read_t *r;
    elo_index_t *ix;
    elo_kv_row_t row;
    char path[256];

    fill(d);
    assert_int_equal(elo_index_walk(&d->cfg), ELO_OK);
    assert_int_equal(elo_index_look(&d->cfg, &ix), ELO_OK);
    assert_int_equal(elo_index_read_begin(ix, &r), ELO_OK);
    assert_int_equal(elo_index_get(r, T_OTHER, ELO_SLICE("key000700"), &row),
                     ELO_OK);
    elo_index_read_end(&r);
    elo_index_close(&ix);
    snprintf(path, sizeof(path), "%s/data.mdb", d->index);
    assert_int_equal(truncate(path, 5 * PAGE), 0);
    assert_int_equal(elo_index_walk(&d->cfg), ELO_ECORRUPT);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(elo_index_look(&d->cfg, &ix), ELO_ENOTFOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(elo_index_look(&d->cfg, &ix), ELO_ENOTFOUND);
    assert_int_equal(access(path, F_OK), -1);
}


/* Whatever page is overwritten: either it was a free one, or it is seen. */
static void
test_damaged_pages(void **state)
{
    kvd_t *d = *state, copy;
    uint8_t page[PAGE];
    struct stat st;
    char path[256];
    int fd, status, n_seen = 0, n_pages;

    fill(d);
    snprintf(path, sizeof(path), "%s/data.mdb", d->index);
    assert_int_equal(stat(path, &st), 0);
    n_pages = (int) (st.st_size / PAGE);
    for (int i = 2; i < n_pages; i += 3) {
        kvd_copy(d, &copy);
        snprintf(path, sizeof(path), "%s/data.mdb", copy.index);
        assert_true((fd = open(path, O_RDWR)) >= 0);
        memset(page, i % 2 == 0 ? 0 : 0xff, sizeof(page));
        assert_int_equal(pwrite(fd, page, PAGE, (off_t) i * PAGE), PAGE);
        close(fd);
        assert_int_equal(elo_probe(walk, &copy.cfg, &status), ELO_OK);
        n_seen += status != 0;
        kvd_end(&copy);
    }
    print_message("%d pages, of a third of them %d were seen\n", n_pages,
                  n_seen);
    assert_true(n_seen > 3);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, kvd_setup, kvd_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_there),
        TEST(test_damaged_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
