/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/store/task.h"
#include "t/unit/backend/care/care_dir.h"


/* Flips a byte in the middle of what is stored for a blob. */
static void
spoil(care_t *c, const elo_blob_stat_t *st)
{
    const char *path = dir_path(&c->dir, st->name);
    off_t at = (off_t) (st->offset + st->size / 2);
    int fd = open(path, O_RDWR);
    uint8_t b;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &b, 1, at), 1);
    b ^= 0x20;
    assert_int_equal(pwrite(fd, &b, 1, at), 1);
    close(fd);
}


static void
test_all_is_fine(void **state)
{
    care_t *c = *state;
    elo_put_opt_t sealed = opt_of(ELO_REACH_PRIVATE, 0);
    elo_slice_t small = bytes_of(100, 1), large = bytes_of(3u << 20, 2);
    elo_care_run_t r;

    assert_int_equal(put_bytes(c->dir.s, small, NULL, NULL), ELO_OK);
    assert_int_equal(put_bytes(c->dir.s, large, NULL, NULL), ELO_OK);
    assert_int_equal(put_opt(c->dir.s, &sealed, small, 0, NULL, NULL), ELO_OK);
    r = care_whole(c, elo_care_step_scrub);
    assert_true(r.items >= 2);
    assert_true(r.bytes >= small.len + large.len);
    assert_int_equal(r.found, 0);
    assert_true(r.keep_cursor);
    bytes_free(small);
    bytes_free(large);
}


static void
test_rotten_is_quarantined_and_healed(void **state)
{
    care_t *c = *state;
    static const size_t sizes[] = { 200, 3u << 20 }; /* in the log, in a file */

    for (uint32_t i = 0; i < 2; i++) {
        elo_slice_t bytes = bytes_of(sizes[i], 10 + i);
        elo_digest_t d = digest_of(bytes);
        elo_blob_stat_t st;
        elo_care_run_t r;
        elo_task_t task;
        elo_blob_t *b;
        uint64_t gen;

        assert_int_equal(put_bytes(c->dir.s, bytes, &st, NULL), ELO_OK);
        spoil(c, &st);
        gen = gen_of(c->dir.s, elo_digest_slice(&d));
        r = care_whole(c, elo_care_step_scrub);
        assert_int_equal(r.found, 1);
        assert_true(gen_of(c->dir.s, elo_digest_slice(&d)) > gen);
        assert_int_equal(elo_store_stat(c->dir.s, &d, NULL, &st), ELO_OK);
        assert_true(st.is_bad);
        assert_int_equal(elo_blob_open(c->dir.s, &st, &b), ELO_ECORRUPT);
        assert_int_equal(elo_task_get(c->dir.s, ELO_TASK_REPAIR, &d, &task),
                         ELO_OK);
        r = care_whole(c, elo_care_step_scrub); /* known: not found again */
        assert_int_equal(r.found, 0);

        assert_int_equal(put_bytes(c->dir.s, bytes, &st, NULL), ELO_OK);
        assert_false(st.is_bad);
        assert_true(reads_back(c->dir.s, bytes));
        assert_int_equal(elo_task_get(c->dir.s, ELO_TASK_REPAIR, &d, &task),
                         ELO_ENOTFOUND);
        assert_int_equal(elo_store_remove(c->dir.s, &d, NULL), ELO_OK);
        bytes_free(bytes);
    }
}


/* A file that is gone is damage like any other. */
static void
test_missing_file(void **state)
{
    care_t *c = *state;
    elo_slice_t bytes = bytes_of(2u << 20, 3);
    elo_blob_stat_t st;
    elo_care_run_t r;

    assert_int_equal(put_bytes(c->dir.s, bytes, &st, NULL), ELO_OK);
    assert_int_equal(unlink(dir_path(&c->dir, st.name)), 0);
    r = care_whole(c, elo_care_step_scrub);
    assert_int_equal(r.found, 1);
    bytes_free(bytes);
}


/* Steps of no time at all still come to the end, a blob in many of them; the rate
   asks for pauses. */
static void
test_goes_on_where_it_was(void **state)
{
    care_t *c = *state;
    elo_slice_t bytes = bytes_of(4u << 20, 4);
    elo_care_run_t r;
    bool more = true;

    assert_int_equal(put_bytes(c->dir.s, bytes, NULL, NULL), ELO_OK);
    c->cfg.scrub_bytes_s = 1u << 20;
    r = care_run(c, false);
    r.until_ns = elo_clock_mono_ns() + 100 * 1000;
    assert_int_equal(elo_care_step_scrub(&r, &more), ELO_OK);
    assert_true(more);
    assert_true(r.bytes == 0 || r.wait_ms > 0);
    assert_int_equal(care_finish(&r, elo_care_step_scrub, 50 * 1000), ELO_OK);
    assert_int_equal(r.bytes, bytes.len);
    assert_int_equal(r.items, 1);
    bytes_free(bytes);
}


/* Rotten bytes are being read, and meanwhile the blob goes, or goes and comes back
   whole: what is there then is not marked for what was there before. */
static void
test_replaced_while_it_is_read(void **state)
{
    care_t *c = *state;

    for (int comes_back = 0; comes_back < 2; comes_back++) {
        elo_slice_t bytes = bytes_of(6u << 20, 5);
        elo_blob_stat_t st;
        elo_care_run_t r;
        bool more = true;

        assert_int_equal(put_bytes(c->dir.s, bytes, &st, NULL), ELO_OK);
        spoil(c, &st);
        r = care_run(c, false);
        while (r.bytes == 0 && more) {
            r.until_ns = elo_clock_mono_ns() + 20 * 1000;
            assert_int_equal(elo_care_step_scrub(&r, &more), ELO_OK);
        }
        assert_true(more && r.items == 0 && r.bytes < bytes.len);
        assert_int_equal(elo_store_remove(c->dir.s, &st.digest, NULL), ELO_OK);
        if (comes_back) {
            assert_int_equal(put_bytes(c->dir.s, bytes, NULL, NULL), ELO_OK);
        }
        assert_int_equal(
            care_finish(&r, elo_care_step_scrub, UINT64_C(1000000000)), ELO_OK);
        assert_int_equal(r.found, 0);
        assert_int_equal(r.items, comes_back);
        assert_int_equal(reads_back(c->dir.s, bytes), comes_back);
        bytes_free(bytes);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_is_fine, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_rotten_is_quarantined_and_healed,
                                        care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_missing_file, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_goes_on_where_it_was, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_replaced_while_it_is_read,
                                        care_setup, care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
