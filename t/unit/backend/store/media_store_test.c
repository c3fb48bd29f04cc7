/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/media_store: indexes in the log and in files, in the place
   of each other, with their blob, and through restarts. */
#include "t/unit/backend/store/side_dir.h"

#include "common/http/wire.h"

#define ID ELO_SLICE("blob")


static void
stat_is(elo_store_t *s, uint8_t status, uint64_t size, const char *reason)
{
    elo_digest_t d = digest_of(ID);
    uint8_t got_status = 0;
    uint64_t got_size = 1;
    elo_buf_t why;

    elo_buf_init(&why, 2 * ELO_REASON_MAX);
    assert_int_equal(elo_store_media_stat(s, &d, &got_status, &got_size, &why),
                     ELO_OK);
    assert_int_equal(got_status, status);
    assert_int_equal(got_size, size);
    assert_true(elo_slice_eq(elo_buf_slice(&why), elo_slice_str(reason)));
    elo_buf_dispose(&why);
}


static bool
reads(elo_store_t *s, uint64_t off, elo_slice_t want)
{
    elo_digest_t d = digest_of(ID);
    elo_buf_t got;
    bool same;

    elo_buf_init(&got, 1u << 20);
    same = elo_store_media_read(s, &d, off, want.len, &got) == ELO_OK
           && elo_slice_eq(elo_buf_slice(&got), want);
    elo_buf_dispose(&got);
    return same;
}


/* Each case in the place of the one before. */
static void
test_places(void **state)
{
    static const struct {
        size_t len;
        size_t files;
    } cases[] = {
        { 0, 0 },      { 1, 0 },  { DIR_INLINE, 0 }, { DIR_INLINE + 1, 1 },
        { 100000, 1 }, { 70, 0 }, { 300000, 1 },     { 0, 0 },
    };
    dir_t *d = *state;
    elo_digest_t digest = digest_of(ID);

    assert_int_equal(put_bytes(d->s, ID, NULL, NULL), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t index = bytes_of(cases[i].len, (uint32_t) i);
        bool has = cases[i].len > 0;
        uint8_t status = has ? ELO_MEDIA_READY : ELO_MEDIA_NONE;
        uint64_t gen = gen_of(d->s, elo_digest_slice(&digest));

        assert_int_equal(
            elo_store_media_put(d->s, &digest, status, index, ELO_SLICE("why")),
            ELO_OK);
        assert_true(gen_of(d->s, elo_digest_slice(&digest)) > gen);
        for (int again = 0; again < 3; again++) {
            stat_is(d->s, status, cases[i].len, "why");
            assert_true(reads(d->s, 0, index));
            if (has) {
                assert_true(reads(d->s, index.len / 2,
                                  elo_slice(index.p + index.len / 2,
                                            index.len - index.len / 2)));
                assert_true(reads(d->s, index.len, elo_slice("", 0)));
            }
            assert_int_equal(dir_count(d, "media"), cases[i].files);
            if (again == 0) {
                dir_reopen(d);
            } else if (again == 1) {
                side_rebuild(d);
            }
        }
        bytes_free(index);
    }
}


static void
test_refusals(void **state)
{
    dir_t *d = *state;
    elo_digest_t digest = digest_of(ID), object;
    elo_slice_t sealed = ELO_SLICE("narrow");
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    char why[ELO_REASON_MAX + 50];
    elo_blob_stat_t st;
    uint64_t size;
    uint8_t status;
    elo_buf_t got;

    memset(why, 'w', sizeof(why));
    why[sizeof(why) - 1] = '\0';
    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY,
                                         ELO_SLICE("index"), ELO_SLICE("")),
                     ELO_ENOTFOUND); /* the blob isn't here */
    assert_int_equal(elo_store_media_stat(d->s, &digest, &status, &size, NULL),
                     ELO_ENOTFOUND);
    assert_int_equal(put_bytes(d->s, ID, NULL, NULL), ELO_OK);
    assert_int_equal(elo_store_media_stat(d->s, &digest, &status, &size, NULL),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY,
                                         ELO_SLICE(""), ELO_SLICE("")),
                     ELO_EINVAL);
    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_NONE,
                                         ELO_SLICE("index"), ELO_SLICE("")),
                     ELO_EINVAL);
    /* a reason that is too long is cut */
    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_NONE,
                                         ELO_SLICE(""), elo_slice_str(why)),
                     ELO_OK);
    why[ELO_REASON_MAX] = '\0';
    stat_is(d->s, ELO_MEDIA_NONE, 0, why);

    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY,
                                         ELO_SLICE("index"), ELO_SLICE("")),
                     ELO_OK);
    elo_buf_init(&got, 64);
    assert_int_equal(elo_store_media_read(d->s, &digest, 6, 0, &got),
                     ELO_ERANGE);
    assert_int_equal(elo_store_media_read(d->s, &digest, 5, 1, &got),
                     ELO_ERANGE);
    assert_int_equal(elo_store_media_read(d->s, &digest, 1, UINT64_MAX, &got),
                     ELO_ERANGE);
    assert_int_equal(got.len, 0);
    elo_buf_dispose(&got);

    /* what is sealed has none, by either of its digests */
    assert_int_equal(put_opt(d->s, &opt, sealed, 0, &st, NULL), ELO_OK);
    assert_true(st.is_sealed);
    digest = digest_of(sealed);
    object = st._object;
    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY,
                                         ELO_SLICE("index"), ELO_SLICE("")),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_store_media_put(d->s, &object, ELO_MEDIA_READY,
                                         ELO_SLICE("index"), ELO_SLICE("")),
                     ELO_ENOTFOUND);
}


/* It goes with its blob, and comes back with neither bytes nor reason. */
static void
test_removal(void **state)
{
    dir_t *d = *state;
    elo_digest_t digest = digest_of(ID);
    elo_slice_t index = bytes_of(50000, 1);
    uint64_t size;
    uint8_t status;

    for (int again = 0; again < 2; again++) {
        assert_int_equal(put_bytes(d->s, ID, NULL, NULL), ELO_OK);
        assert_int_equal(
            elo_store_media_stat(d->s, &digest, &status, &size, NULL),
            ELO_ENOTFOUND);
        assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY,
                                             index, ELO_SLICE("")),
                         ELO_OK);
        assert_int_equal(dir_count(d, "media"), 1);
        assert_int_equal(elo_store_remove(d->s, &digest, NULL), ELO_OK);
        assert_int_equal(dir_count(d, "media"), 0);
        assert_int_equal(side_rows(d->s, ELO_T_MEDIA), 0);
        assert_int_equal(side_rows(d->s, ELO_T_FILE), 0);
    }
    bytes_free(index);
}


/* A file that is cut or gone is said to be damaged; a fresh index takes its
   place. */
static void
test_damage(void **state)
{
    dir_t *d = *state;
    elo_digest_t digest = digest_of(ID);
    elo_slice_t index = bytes_of(50000, 1);
    char name[ELO_STORE_NAME_MAX + 1];
    elo_rec_media_t rec;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_buf_t got;

    elo_buf_init(&got, 1u << 20);
    assert_int_equal(put_bytes(d->s, ID, NULL, NULL), ELO_OK);
    for (int is_gone = 0; is_gone < 2; is_gone++) {
        assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY,
                                             index, ELO_SLICE("")),
                         ELO_OK);
        assert_true(reads(d->s, 0, index));
        assert_int_equal(elo_kv_view_begin(d->s->kv, &v), ELO_OK);
        assert_int_equal(
            elo_kv_get(&v, ELO_T_MEDIA, elo_digest_slice(&digest), &e), ELO_OK);
        assert_int_equal(elo_rec_media_parse(e.value, e.data_len, &rec),
                         ELO_OK);
        elo_file_name(ELO_FILE_MEDIA, rec.file, name);
        elo_kv_view_end(&v);
        assert_int_equal(is_gone ? unlink(dir_path(d, name))
                                 : truncate(dir_path(d, name), 40000),
                         0);
        assert_int_equal(
            elo_store_media_read(d->s, &digest, 0, index.len, &got),
            ELO_ECORRUPT);
        assert_int_equal(got.len, 0);
    }
    assert_int_equal(elo_store_media_put(d->s, &digest, ELO_MEDIA_READY, index,
                                         ELO_SLICE("")),
                     ELO_OK);
    assert_true(reads(d->s, 0, index));
    dir_reopen(d);
    assert_true(reads(d->s, 0, index));
    elo_buf_dispose(&got);
    bytes_free(index);
}


int
main(void)
{
#define TEST(fn)                                                               \
    cmocka_unit_test_setup_teardown(fn, dir_setup_keys, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_places),
        TEST(test_refusals),
        TEST(test_removal),
        TEST(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
