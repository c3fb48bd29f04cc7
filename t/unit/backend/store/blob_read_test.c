/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/blob_read: ranges of clear and sealed blobs, what moves
   while it is read, damage, and trees. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/kv/kv_care.h"
#include "common/base/hash_tree.h"

#define MIB (1u << 20)

static const elo_reach_t reaches[] = { ELO_REACH_COMMONS, ELO_REACH_PRIVATE };
static const size_t sizes[] = { 0,   1,         DIR_INLINE,  DIR_INLINE + 1,
                                MIB, MIB + 100, 3 * MIB + 5, 3 * MIB };


static void
test_ranges(void **state)
{
    dir_t *d = *state;
    uint8_t *got = malloc(4 * MIB);

    for (size_t i = 0; i < 16; i++) {
        size_t len = sizes[i / 2];
        elo_slice_t bytes = bytes_of(len, (uint32_t) i);
        elo_put_opt_t opt = opt_of(reaches[i % 2], 0);
        const uint64_t cuts[] = { 0,   1,       len / 2,     MIB - 1,
                                  MIB, MIB + 1, 2 * MIB + 3, len };
        elo_blob_stat_t st;
        elo_blob_t *b;

        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, NULL), ELO_OK);
        assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_OK);
        assert_int_equal(elo_blob_fd(b) == -1, st.is_sealed);
        for (size_t k = 0; k < 64; k++) {
            uint64_t from = cuts[k / 8], to = cuts[k % 8];

            if (from > to || to > len) {
                continue;
            }
            memset(got, 0, (size_t) (to - from));
            assert_int_equal(elo_blob_read(b, from, got, (size_t) (to - from)),
                             ELO_OK);
            assert_memory_equal(got, bytes.p + from, to - from);
        }
        assert_int_equal(elo_blob_read(b, len, got, 1), ELO_ERANGE);
        assert_int_equal(elo_blob_read(b, UINT64_MAX, got, 2), ELO_ERANGE);
        assert_int_equal(elo_blob_read(b, 0, got, len + 1), ELO_ERANGE);
        elo_blob_close(&b);
        elo_blob_close(&b);
        bytes_free(bytes);
    }
    free(got);
}


/* The fast path says the same, or that it doesn't know at once. */
static void
test_now(void **state)
{
    dir_t *d = *state;
    elo_slice_t small = bytes_of(5000, 1), large = bytes_of(2 * MIB, 1);
    elo_put_opt_t narrow = opt_of(ELO_REACH_LOCAL, 0);
    uint8_t got[5000];
    elo_blob_stat_t st;
    elo_err_t rc;

    assert_int_equal(put_bytes(d->s, small, &st, NULL), ELO_OK);
    rc = elo_blob_read_now(d->s, &st, 1, got, 4999);
    if (rc == ELO_OK) {
        assert_memory_equal(got, small.p + 1, 4999);
    } else {
        assert_int_equal(rc, ELO_EAGAIN);
    }
    assert_int_equal(elo_blob_read_now(d->s, &st, 5000, got, 0), ELO_OK);
    assert_int_equal(elo_blob_read_now(d->s, &st, 5000, got, 1), ELO_ERANGE);
    st.is_bad = true;
    assert_int_equal(elo_blob_read_now(d->s, &st, 0, got, 1), ELO_ECORRUPT);
    assert_int_equal(put_bytes(d->s, large, &st, NULL), ELO_OK);
    assert_int_equal(elo_blob_read_now(d->s, &st, 0, got, 1), ELO_EAGAIN);
    assert_int_equal(put_opt(d->s, &narrow, small, 0, &st, NULL), ELO_OK);
    assert_true(st.is_sealed || st._segment != 0);
    st.is_sealed = true;
    assert_int_equal(elo_blob_read_now(d->s, &st, 0, got, 1), ELO_EAGAIN);
    bytes_free(small);
    bytes_free(large);
}


typedef struct {
    uint64_t all[16];
    size_t n;
} segments_t;


static bool
settled(void *ctx, const elo_kv_segment_t *s)
{
    segments_t *l = ctx;

    if (s->is_settled && l->n < 16) {
        l->all[l->n++] = s->segment;
    }
    return true;
}


/* Takes every segment away that was there. */
static void
compact_all(elo_store_t *s)
{
    elo_kv_t *kv = elo_store_kv(s);
    segments_t l = { .n = 0 };
    bool is_gone;

    assert_int_equal(elo_kv_seal(kv), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(kv), ELO_OK);
    assert_int_equal(elo_kv_segments(kv, settled, &l), ELO_OK);
    assert_true(l.n > 0);
    for (size_t i = 0; i < l.n; i++) {
        is_gone = false;
        for (int k = 0; k < 1000 && !is_gone; k++) {
            assert_int_equal(
                elo_kv_compact(kv, l.all[i], MIB, NULL, NULL, &is_gone),
                ELO_OK);
        }
        assert_true(is_gone);
    }
}


/* Compaction moves what a stat says lies elsewhere: the way is found again. */
static void
test_moved(void **state)
{
    dir_t *d = *state;

    for (size_t i = 0; i < 2; i++) {
        elo_slice_t bytes = bytes_of(DIR_INLINE - 1, 1);
        elo_put_opt_t opt = opt_of(reaches[i], 0);
        uint8_t got[DIR_INLINE];
        elo_blob_stat_t old, st;
        elo_blob_t *b, *early;

        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &old, NULL), ELO_OK);
        assert_int_equal(elo_blob_open(d->s, &old, &early), ELO_OK);
        compact_all(d->s);
        assert_int_equal(elo_store_stat(d->s, &old.digest, NULL, &st), ELO_OK);
        assert_int_not_equal(st._segment, old._segment);
        /* opened before, opened by the old stat, and by the new one */
        assert_int_equal(elo_blob_read(early, 0, got, bytes.len), ELO_OK);
        assert_memory_equal(got, bytes.p, bytes.len);
        elo_blob_close(&early);
        assert_int_equal(elo_blob_open(d->s, &old, &b), ELO_OK);
        assert_int_equal(elo_blob_read(b, 0, got, bytes.len), ELO_OK);
        assert_memory_equal(got, bytes.p, bytes.len);
        elo_blob_close(&b);
        assert_true(reads_back(d->s, bytes));
        if (i == 0) {
            assert_int_equal(elo_blob_read_now(d->s, &old, 0, got, 1),
                             ELO_EAGAIN);
        }
        assert_int_equal(elo_store_remove(d->s, &st.digest, NULL), ELO_OK);
        assert_int_equal(elo_blob_open(d->s, &old, &b), ELO_ENOTFOUND);
        bytes_free(bytes);
    }
    dir_reopen(d);
    totals_are(d->s, 0, 0);
}


static void
flip(const dir_t *d, const elo_blob_stat_t *st, uint64_t at)
{
    char name[ELO_STORE_NAME_MAX + 1];
    uint8_t byte;
    int fd;

    elo_file_name(ELO_FILE_BLOB, st->_file, name);
    fd = open(dir_path(d, name), O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t) at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) at), 1);
    close(fd);
}


/* One chunk of a sealed blob is damaged: the others still read. */
static void
test_sealed_damage(void **state)
{
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(3 * MIB, 1);
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    elo_blob_stat_t st;
    elo_blob_t *b;
    uint8_t got[16];

    assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, NULL), ELO_OK);
    flip(d, &st, MIB + 5);
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_OK);
    assert_int_equal(elo_blob_read(b, 100, got, sizeof(got)), ELO_OK);
    assert_memory_equal(got, bytes.p + 100, sizeof(got));
    assert_int_equal(elo_blob_read(b, MIB + 500, got, sizeof(got)),
                     ELO_ECORRUPT);
    assert_int_equal(elo_blob_read(b, MIB - 8, got, sizeof(got)), ELO_ECORRUPT);
    assert_int_equal(elo_blob_read(b, 2 * MIB, got, sizeof(got)), ELO_OK);
    assert_memory_equal(got, bytes.p + 2 * MIB, sizeof(got));
    flip(d, &st, MIB + 5);
    assert_int_equal(elo_blob_read(b, MIB - 8, got, sizeof(got)), ELO_OK);
    assert_memory_equal(got, bytes.p + MIB - 8, sizeof(got));
    elo_blob_close(&b);
    flip(d, &st, st.size + 3); /* the first tag */
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_OK);
    assert_int_equal(elo_blob_read(b, 0, got, 1), ELO_ECORRUPT);
    elo_blob_close(&b);
    bytes_free(bytes);
}


/* The key isn't here: a clear error, and the bytes come back with the key. */
static void
test_lost_key(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 3);
    elo_slice_t text = ELO_SLICE("for agent three");
    uint8_t seed[ELO_SEED_LEN] = { 3 };
    elo_blob_stat_t st;
    elo_blob_t *b;

    assert_int_equal(put_opt(d->s, &opt, text, 0, &st, NULL), ELO_OK);
    assert_true(reads_back(d->s, text)); /* by his host */
    dir_become_stranger(d);
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_ENOKEY);
    assert_int_equal(
        elo_keyring_add(d->keyring, seed, ELO_SLICE("three"), false), ELO_OK);
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_OK);
    elo_blob_close(&b);
    elo_store_close(&d->s);
    d->cfg.keyring = NULL;
    dir_open(d);
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_ENOKEY);
}


/* Root and layer are those of what is stored, by row or made on the spot. */
static void
test_tree(void **state)
{
    dir_t *d = *state;

    for (size_t i = 0; i < 16; i++) {
        elo_slice_t bytes = bytes_of(sizes[i / 2], (uint32_t) i), what = bytes;
        elo_put_opt_t opt = opt_of(reaches[i % 2], 0);
        bool has_root = false, has_want = false;
        elo_digest_t root, want;
        elo_buf_t layer, lwant;
        elo_blob_stat_t st;
        elo_tree_t *t;
        uint8_t *obj = NULL;

        assert_int_equal(put_opt(d->s, &opt, bytes, 1000000, &st, NULL),
                         ELO_OK);
        if (st.is_sealed) {
            elo_blob_stat_t raw = st;
            elo_blob_t *b;

            obj = malloc(st._stored);
            raw.is_sealed = false; /* ciphertext as it is */
            raw.size = st._stored;
            assert_int_equal(elo_blob_open(d->s, &raw, &b), ELO_OK);
            assert_int_equal(elo_blob_read(b, 0, obj, st._stored), ELO_OK);
            elo_blob_close(&b);
            what = elo_slice(obj, st._stored);
            want = digest_of(what);
            assert_memory_equal(want.b, st._object.b, ELO_SHA256_LEN);
        }
        elo_buf_init(&layer, MIB);
        elo_buf_init(&lwant, MIB);
        assert_int_equal(elo_tree_create(&t), ELO_OK);
        assert_int_equal(elo_tree_update(t, what), ELO_OK);
        assert_int_equal(elo_tree_final(t, &want, &has_want, &lwant), ELO_OK);
        elo_tree_free(&t);
        assert_int_equal(elo_store_tree(d->s, &st, &root, &has_root, &layer),
                         ELO_OK);
        assert_int_equal(has_root, has_want);
        assert_int_equal(layer.len, lwant.len);
        if (has_root) {
            assert_memory_equal(root.b, want.b, ELO_SHA256_LEN);
        }
        if (layer.len > 0) {
            assert_memory_equal(layer.p, lwant.p, layer.len);
        }
        assert_int_equal(elo_store_tree(d->s, &st, &root, &has_root, NULL),
                         ELO_OK);
        elo_buf_dispose(&layer);
        elo_buf_dispose(&lwant);
        free(obj);
        bytes_free(bytes);
    }
    /* an object of 1 MiB and a tag is longer than a chunk */
    assert_int_equal(rows_of(d->s, ELO_T_TREE), 7);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_now, dir_setup_keys, dir_teardown),
        cmocka_unit_test_setup_teardown(test_moved, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_sealed_damage, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_lost_key, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_tree, dir_setup_keys,
                                        dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
