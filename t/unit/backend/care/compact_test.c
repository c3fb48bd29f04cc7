/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend/kv/kv_care.h"
#include "t/unit/backend/care/care_dir.h"

#define BLOBS 600u
#define SIZE  8192u


static void
put_one(care_t *c, uint32_t i, elo_digest_t *d)
{
    elo_slice_t b = bytes_of(SIZE, i);

    *d = digest_of(b);
    assert_int_equal(put_bytes(c->dir.s, b, NULL, NULL), ELO_OK);
    bytes_free(b);
}


/* Four of five blobs go; what is left keeps its bytes, its grants are revoked, and
   the log shrinks to not much more than what is live. */
static void
test_churn_is_given_back(void **state)
{
    care_t *c = *state;
    static elo_digest_t d[BLOBS];
    elo_kv_stats_t before, after;
    elo_care_run_t r;
    uint64_t gen, live = 0;

    for (uint32_t i = 0; i < BLOBS; i++) {
        put_one(c, i, &d[i]);
    }
    for (uint32_t i = 0; i < BLOBS; i++) {
        if (i % 5 != 0) {
            assert_int_equal(elo_store_remove(c->dir.s, &d[i], NULL), ELO_OK);
        } else {
            live += SIZE;
        }
    }
    assert_int_equal(elo_kv_seal(elo_store_kv(c->dir.s)), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(elo_store_kv(c->dir.s)), ELO_OK);
    elo_kv_stats(elo_store_kv(c->dir.s), &before);
    gen = gen_of(c->dir.s, elo_digest_slice(&d[0]));
    r = care_whole(c, elo_care_step_compact);
    assert_true(r.items > 0);
    assert_true(gen_of(c->dir.s, elo_digest_slice(&d[0])) > gen);

    /* what compaction wrote is in the last segments: settled, it is looked at too */
    assert_int_equal(elo_kv_seal(elo_store_kv(c->dir.s)), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(elo_store_kv(c->dir.s)), ELO_OK);
    (void) care_whole(c, elo_care_step_compact);
    elo_kv_stats(elo_store_kv(c->dir.s), &after);
    assert_true(after.log_size < before.log_size);
    assert_true(dir_count(&c->dir, "log")
                <= 2 + live * 13 / 10 / (1u << 20) + 1);

    dir_reopen(&c->dir);
    for (uint32_t i = 0; i < BLOBS; i++) {
        elo_slice_t b = bytes_of(SIZE, i);

        assert_int_equal(reads_back(c->dir.s, b), i % 5 == 0);
        bytes_free(b);
    }
}


/* A damaged segment is left as it is, once a run, and the others are compacted. */
static void
test_damaged_is_left_out(void **state)
{
    care_t *c = *state;
    static elo_digest_t d[BLOBS];
    elo_blob_stat_t st;
    elo_care_run_t r;
    uint8_t b;
    int fd;

    for (uint32_t i = 0; i < BLOBS; i++) {
        put_one(c, i, &d[i]);
    }
    for (uint32_t i = 0; i < BLOBS; i++) {
        if (i % 5 != 0) {
            assert_int_equal(elo_store_remove(c->dir.s, &d[i], NULL), ELO_OK);
        }
    }
    assert_int_equal(elo_kv_seal(elo_store_kv(c->dir.s)), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(elo_store_kv(c->dir.s)), ELO_OK);
    assert_int_equal(elo_store_stat(c->dir.s, &d[0], NULL, &st), ELO_OK);
    fd = open(dir_path(&c->dir, st.name), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &b, 1, (off_t) st.offset + 9), 1);
    b ^= 1;
    assert_int_equal(pwrite(fd, &b, 1, (off_t) st.offset + 9), 1);
    close(fd);
    r = care_whole(c, elo_care_step_compact);
    assert_int_equal(r.found, 1);
    assert_true(r.items > 0);
    for (uint32_t i = 5; i < BLOBS; i += 5) {
        elo_slice_t bytes = bytes_of(SIZE, i);

        assert_true(reads_back(c->dir.s, bytes));
        bytes_free(bytes);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_churn_is_given_back, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_is_left_out, care_setup,
                                        care_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
