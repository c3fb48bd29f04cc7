/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/resume_seal and resume_sync: of sealed uploads no plaintext
   is on disk at any time, and no chunk is ever sealed twice with one nonce,
   whatever is interrupted, taken back or sent again otherwise. */
#include "t/unit/backend/store/copy_dir.h"
#include "t/unit/backend/store/upload_dir.h"

#include "backend/store/backup.h"
#include "backend/store/seal.h"

#define SECRET "a sentence that nobody else may ever read in any file"


/* ---- what is on disk ---- */

/* nftw passes no context */
static uint32_t n_found;
static elo_slice_t sought;


static int
search_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char *p;
    FILE *f;

    (void) ftw;
    if (type != FTW_F || st->st_size == 0) {
        return 0;
    }
    f = fopen(path, "r");
    p = malloc((size_t) st->st_size);
    if (f != NULL && p != NULL) {
        size_t n = fread(p, 1, (size_t) st->st_size, f);

        n_found += memmem(p, n, sought.p, sought.len) != NULL;
    }
    free(p);
    if (f != NULL) {
        fclose(f);
    }
    return 0;
}


static uint32_t
on_disk(const dir_t *d, elo_slice_t what)
{
    n_found = 0;
    sought = what;
    nftw(d->root, search_one, 16, FTW_PHYS);
    return n_found;
}


static uint32_t
secrets_on_disk(const dir_t *d)
{
    return on_disk(d, ELO_SLICE(SECRET));
}


/* Bytes in which the sentence stands every now and then. */
static elo_slice_t
secret_bytes(size_t len, uint32_t seed)
{
    elo_slice_t s = bytes_of(len, seed);
    uint8_t *p = (uint8_t *) (uintptr_t) s.p;

    for (size_t i = 0; i + sizeof(SECRET) <= len; i += 10007) {
        memcpy(p + i, SECRET, sizeof(SECRET) - 1);
    }
    return s;
}


/* ---- chunks as they have been on disk, by file, which is by key ---- */

#define KEYS_MAX   16
#define CHUNKS_MAX 8

typedef struct {
    bool is_there[KEYS_MAX][CHUNKS_MAX];
    elo_digest_t chunk[KEYS_MAX][CHUNKS_MAX];
} seen_t;


/* A chunk that was seen before under the same key is the same (U3). */
static void
look(const dir_t *d, const elo_upload_stat_t *st, seen_t *seen)
{
    static uint8_t buf[CHUNK];
    char name[ELO_STORE_NAME_MAX + 1];
    uint8_t id[ELO_UPLOAD_ID];

    assert_int_equal(elo_upload_id_parse(up_id(st), id), ELO_OK);
    for (uint32_t key = 0; key < KEYS_MAX; key++) {
        int fd;

        elo_upload_file(id, key, name);
        if ((fd = open(dir_path(d, name), O_RDONLY)) == -1) {
            continue;
        }
        for (uint32_t i = 0; i < CHUNKS_MAX; i++) {
            elo_digest_t is;

            if (pread(fd, buf, CHUNK, (off_t) i * CHUNK) != CHUNK) {
                break;
            }
            is = digest_of(elo_slice(buf, CHUNK));
            if (seen->is_there[key][i]) {
                assert_memory_equal(is.b, seen->chunk[key][i].b,
                                    ELO_SHA256_LEN);
            }
            seen->is_there[key][i] = true;
            seen->chunk[key][i] = is;
        }
        close(fd);
    }
    assert_int_equal(secrets_on_disk(d), 0);
}


static uint32_t
key_no(const dir_t *d, const elo_upload_stat_t *st)
{
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_state_t is;
    elo_kv_view_t v;

    assert_int_equal(elo_upload_id_parse(up_id(st), id), ELO_OK);
    assert_int_equal(elo_kv_view_begin(d->s->kv, &v), ELO_OK);
    assert_int_equal(elo_upload_state_get(&v, id, &is), ELO_OK);
    elo_kv_view_end(&v);
    return is.key_no;
}


/* The process ends here, with u (may be NULL) as it is: d goes on as its own copy. */
static void
crash(dir_t *d, elo_upload_t *u)
{
    elo_keyring_t *k = d->keyring;
    dir_t copy;

    copy_dir(d, &copy);
    elo_upload_close(&u);
    d->keyring = NULL;
    dir_end(d);
    *d = copy;
    d->cfg.root = d->root;
    d->keyring = k;
    dir_open(d);
}


static void
test_no_plaintext(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_PRIVATE, ELO_REACH_INVITED,
                                           ELO_REACH_LOCAL };
    static const size_t lens[] = { 2000, 50000, CHUNK, 2 * CHUNK + 30000 };
    dir_t *d = *state;

    for (size_t r = 0; r < ELO_COUNT(reaches); r++) {
        for (size_t i = 0; i < ELO_COUNT(lens); i++) {
            elo_slice_t all =
                secret_bytes(lens[i], (uint32_t) (r * 10 + i + 1));
            elo_upload_stat_t st = up_create(d->s, reaches[r], lens[i]);
            seen_t seen = { 0 };

            for (uint64_t k = 1; k <= 3; k++) {
                up_part(d->s, &st, all, lens[i] * k / 3, 100000);
                look(d, &st, &seen);
            }
            dir_reopen(d);
            look(d, &st, &seen);
            assert_int_equal(key_no(d, &st), 0); /* all was in order */
            assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
            up_is_final(d, &st, all);
            look(d, &st, &seen);
            bytes_free(all);
        }
    }
    /* and it would be found, were it there */
    assert_int_equal(put_bytes(d->s, ELO_SLICE(SECRET), NULL, NULL), ELO_OK);
    assert_true(secrets_on_disk(d) > 0);
}


/* The process ends in the midst of a part, and the client then sends other bytes. */
static void
test_crash(void **state)
{
    static const struct {
        uint64_t synced, written;
        bool is_rekeyed;
    } cases[] = {
        { 0, 1000, false },     /* nothing was sealed */
        { 1000, CHUNK, false }, /* a chunk that may be the last */
        { 1000, CHUNK + 1, true },
        { CHUNK, CHUNK + 1, true },
        { CHUNK + 1, 2 * CHUNK, false },
        { CHUNK + 1, 3 * CHUNK, true },
        { 2 * CHUNK + 5, 2 * CHUNK + 9, false },
    };
    dir_t *d = *state;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        uint32_t seed = (uint32_t) (10 + i);
        elo_slice_t all = secret_bytes(4 * CHUNK + 77, seed);
        elo_slice_t bad = secret_bytes(4 * CHUNK + 77, 500 + seed);
        elo_upload_stat_t st = up_create(d->s, ELO_REACH_PRIVATE, all.len);
        elo_upload_t *u = up_open(d->s, &st);
        seen_t seen = { 0 };
        uint32_t key;

        assert_int_equal(up_write(u, all, cases[i].synced, CHUNK), ELO_OK);
        assert_int_equal(elo_upload_sync(u), ELO_OK);
        look(d, &st, &seen);
        assert_int_equal(up_write(u, bad, cases[i].written, CHUNK), ELO_OK);
        assert_int_equal(elo_put_sync(u->put, &(elo_put_at_t){ 0 }), ELO_OK);
        look(d, &st, &seen);
        key = key_no(d, &st);
        crash(d, u);
        assert_int_equal(up_offset(d->s, &st), cases[i].synced);
        look(d, &st, &seen);
        u = up_open(d->s, &st);
        assert_int_equal(elo_upload_offset(u), cases[i].synced);
        look(d, &st, &seen);
        assert_int_equal(key_no(d, &st), key + cases[i].is_rekeyed);
        assert_int_equal(dir_count(d, "uploads"), 1);
        assert_int_equal(up_write(u, all, 3 * CHUNK + 1, 333333), ELO_OK);
        look(d, &st, &seen);
        elo_upload_close(&u);
        look(d, &st, &seen);
        crash(d, NULL);
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
        up_is_final(d, &st, all);
        bytes_free(all);
        bytes_free(bad);
    }
}


/* Taken back by the client: a checksum was wrong. */
static void
test_rewind(void **state)
{
    static const struct {
        uint64_t synced, written, to;
        uint32_t keys;
    } cases[] = {
        { 500, 800, 600, 0 },
        { CHUNK, CHUNK + 800, CHUNK, 1 }, /* it may yet be the last chunk */
        { CHUNK + 5, CHUNK + 800, CHUNK + 5, 0 },
        { CHUNK + 5, 2 * CHUNK, 2 * CHUNK - 1, 0 },
        { CHUNK + 5, 2 * CHUNK + 1, 2 * CHUNK - 1, 1 },
        { 5, 3 * CHUNK, CHUNK + 9, 1 },
        { 0, 3 * CHUNK, 0, 1 },
    };
    dir_t *d = *state;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        uint32_t seed = (uint32_t) (30 + i);
        elo_slice_t all = secret_bytes(3 * CHUNK + 77, seed);
        elo_slice_t bad = secret_bytes(3 * CHUNK + 77, 700 + seed);
        elo_upload_stat_t st = up_create(d->s, ELO_REACH_LOCAL, all.len);
        elo_upload_t *u = up_open(d->s, &st);
        seen_t seen = { 0 };

        assert_int_equal(up_write(u, all, cases[i].synced, CHUNK), ELO_OK);
        assert_int_equal(elo_upload_sync(u), ELO_OK);
        assert_int_equal(up_write(u, all, cases[i].to, CHUNK), ELO_OK);
        assert_int_equal(up_write(u, bad, cases[i].written, CHUNK), ELO_OK);
        assert_int_equal(elo_put_sync(u->put, &(elo_put_at_t){ 0 }), ELO_OK);
        look(d, &st, &seen);
        assert_int_equal(elo_upload_rewind(u, cases[i].to), ELO_OK);
        look(d, &st, &seen);
        assert_int_equal(key_no(d, &st), cases[i].keys);
        assert_int_equal(up_write(u, all, 2 * CHUNK + 500, 99999), ELO_OK);
        assert_int_equal(elo_upload_sync(u), ELO_OK);
        look(d, &st, &seen);
        elo_upload_close(&u);
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
        up_is_final(d, &st, all);
        bytes_free(all);
        bytes_free(bad);
    }
}


/* Many small parts: their pieces are joined, and go with their chunk. */
static void
test_pieces(void **state)
{
    dir_t *d = *state;
    elo_slice_t all = secret_bytes(CHUNK + 40000, 5);
    elo_upload_stat_t st = up_create(d->s, ELO_REACH_PRIVATE, all.len);
    uint32_t most = 0;

    for (uint64_t to = 9000; to < all.len; to += 9000) {
        up_part(d->s, &st, all, to, 9000);
        most = ELO_MAX(most, side_rows(d->s, ELO_T_UPLOAD));
        if (to % 27 == 0) {
            dir_reopen(d);
        }
    }
    assert_true(most > 20 && most <= 3 + ELO_UPLOAD_PIECES_MAX);
    assert_true(side_rows(d->s, ELO_T_UPLOAD) < 3 + 16);
    assert_int_equal(secrets_on_disk(d), 0);
    assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
    up_is_final(d, &st, all);
    assert_int_equal(side_rows(d->s, ELO_T_UPLOAD),
                     3); /* state, form and key */
    bytes_free(all);
}


/* Without its key an upload says so, and goes on when the key is back. */
static void
test_lost_key(void **state)
{
    dir_t *d = *state;
    elo_slice_t all = secret_bytes(CHUNK + 40000, 5);
    elo_upload_stat_t st = up_create(d->s, ELO_REACH_PRIVATE, all.len), other,
                      got;
    elo_put_opt_t opt = opt_of(ELO_REACH_LOCAL, 0);
    elo_keyring_cfg_t k = { .path = dir_path(d, "other"), .may_create = true };
    elo_keyring_t *ring = NULL;
    elo_upload_t *u;

    up_part(d->s, &st, all, CHUNK + 5, CHUNK);
    assert_int_equal(elo_keyring_open(&k, &ring), ELO_OK);
    for (int i = 0; i < 2; i++) {
        elo_store_close(&d->s);
        d->cfg.keyring = i == 0 ? ring : NULL;
        dir_open(d);
        assert_int_equal(elo_upload_open(d->s, up_id(&st), &u), ELO_ENOKEY);
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_ENOKEY);
    }
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &other),
                     ELO_ENOKEY);
    elo_store_close(&d->s);
    elo_keyring_close(&ring);
    d->cfg.keyring = d->keyring;
    dir_open(d);
    assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
    up_is_final(d, &st, all);
    bytes_free(all);
}


/* Names, types and expected hashes of what is sealed are as private as its bytes. */
static void
test_form(void **state)
{
    static const elo_reach_t reaches[] = { ELO_REACH_PRIVATE, ELO_REACH_INVITED,
                                           ELO_REACH_LOCAL };
    static const char *const types[] = { "text/x.first-secret",
                                         "text/x.second-secret",
                                         "text/x.third-secret" };
    elo_agent_t invited[2] = { agent_of(3), agent_of(4) };
    elo_slice_t all = bytes_of(2 * CHUNK + 9, 5);
    dir_t *d = *state;
    elo_upload_stat_t st, got;
    elo_blob_stat_t blob;
    elo_upload_t *u;

    /* what is to be found nowhere begins with the sentence */
    memcpy(invited[0].b, SECRET, ELO_AGENT_LEN);
    for (size_t i = 0; i < ELO_COUNT(reaches); i++) {
        elo_put_opt_t opt = opt_of(reaches[i], 7);

        opt.content_type = elo_slice_str(types[i]); /* a blob shows its type */
        if (reaches[i] == ELO_REACH_INVITED) {
            opt.invited = invited;
            opt.n_invited = 2;
        }
        opt.has_expect = true;
        opt.expect = digest_of(all);
        assert_int_equal(
            elo_upload_create(d->s, &opt, all.len, ELO_SLICE(SECRET), &st),
            ELO_OK);
        assert_string_equal(st.meta, SECRET);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_OK);
            assert_string_equal(got.meta, SECRET);
            assert_int_equal(on_disk(d, ELO_SLICE(SECRET)), 0);
            assert_int_equal(on_disk(d, elo_slice(SECRET, ELO_AGENT_LEN)), 0);
            assert_int_equal(on_disk(d, opt.content_type), 0);
            assert_int_equal(on_disk(d, elo_slice(opt.expect.b, 32)), 0);
            side_rebuild(d);
        }
        /* a fresh key takes the form with it */
        u = up_open(d->s, &st);
        assert_int_equal(up_write(u, all, 2 * CHUNK, CHUNK), ELO_OK);
        assert_int_equal(elo_upload_rewind(u, 500), ELO_OK);
        elo_upload_close(&u);
        assert_int_equal(key_no(d, &st), 1);
        dir_reopen(d);
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_OK);
        assert_string_equal(got.meta, SECRET);
        if (reaches[i] == ELO_REACH_INVITED) {
            continue; /* no agents to whom a key could be sealed */
        }
        assert_int_equal(up_finish(d->s, &st, all, &blob), ELO_OK);
        assert_true(
            elo_slice_eq(elo_slice_str(blob.content_type), opt.content_type));
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_OK);
        assert_string_equal(got.meta, SECRET); /* of a final one too */
        assert_int_equal(on_disk(d, ELO_SLICE(SECRET)), 0);
        bytes_free(all);
        all = bytes_of(2 * CHUNK + 9, (uint32_t) (60 + i));
    }
    bytes_free(all);
    /* in the clear all of this may be read */
    (void) up_create(d->s, ELO_REACH_COMMONS, 5);
    assert_true(on_disk(d, ELO_SLICE("name dGVzdA==")) > 0);
}


/* The rows of one upload don't open another's. */
static void
test_form_moved(void **state)
{
    uint8_t id[ELO_UPLOAD_ID] = { 1 }, other[ELO_UPLOAD_ID] = { 2 };
    elo_put_opt_t opt = opt_of(ELO_REACH_LOCAL, 7);
    elo_content_key_t key, wrong;
    elo_upload_form_t form;
    elo_buf_t row, mem;

    (void) state;
    elo_content_key_fresh(&key);
    elo_content_key_fresh(&wrong);
    elo_buf_init(&row, ELO_UPLOAD_FORM_MAX);
    elo_buf_init(&mem, ELO_UPLOAD_FORM_MAX);
    assert_int_equal(elo_upload_form_wrap(id, &key, &opt, ELO_SLICE("m"), &row),
                     ELO_OK);
#define OPEN(id, k)                                                            \
    elo_upload_form_open(id, k, elo_buf_slice(&row), &mem, &form)
    assert_int_equal(OPEN(id, &key), ELO_OK);
    assert_true(elo_slice_eq(form.meta, ELO_SLICE("m")));
    assert_int_equal(OPEN(other, &key), ELO_ECORRUPT);
    assert_int_equal(OPEN(id, &wrong), ELO_ECORRUPT);
    assert_int_equal(OPEN(id, NULL), ELO_ECORRUPT);
    row.p[2] = ELO_REACH_PRIVATE; /* another reach without */
    assert_int_equal(OPEN(id, &key), ELO_ECORRUPT);
    row.p[2] = ELO_REACH_LOCAL;
    row.p[3] ^= 1; /* another agent */
    assert_int_equal(OPEN(id, &key), ELO_ECORRUPT);
    row.p[3] ^= 1;
    row.p[row.len - 1] ^= 1;
    assert_int_equal(OPEN(id, &key), ELO_ECORRUPT);
    elo_buf_dispose(&row);
    elo_buf_dispose(&mem);
}


/* After the ring was replaced, uploads end all the same, theirs and others'. */
static void
test_lost_key_ends(void **state)
{
    dir_t *d = *state;
    elo_keyring_cfg_t k = { .path = dir_path(d, "other"), .may_create = true };
    elo_slice_t all = secret_bytes(CHUNK + 40000, 5);
    elo_keyring_t *ring = NULL;
    elo_upload_stat_t st[6], got;
    uint32_t n;

    for (size_t i = 0; i < ELO_COUNT(st); i++) {
        st[i] = up_create(
            d->s, i % 2 == 0 ? ELO_REACH_PRIVATE : ELO_REACH_COMMONS, all.len);
        up_part(d->s, &st[i], all, CHUNK + 5, CHUNK);
    }
    assert_int_equal(elo_keyring_open(&k, &ring), ELO_OK);
    elo_store_close(&d->s);
    d->cfg.keyring = ring;
    dir_open(d);
    assert_int_equal(elo_upload_remove(d->s, up_id(&st[0])), ELO_OK);
    assert_int_equal(elo_upload_stat(d->s, up_id(&st[0]), &got), ELO_EGONE);
    assert_int_equal(dir_count(d, "uploads"), 5);
    assert_int_equal(elo_upload_expire(d->s, st[5].expires_at + 60, &n),
                     ELO_OK);
    assert_int_equal(n, 5);
    assert_int_equal(dir_count(d, "uploads"), 0);
    assert_int_equal(side_totals(d->s).uploads, 0);
    elo_store_close(&d->s);
    elo_keyring_close(&ring);
    d->cfg.keyring = d->keyring;
    dir_open(d);
    bytes_free(all);
}


/* A backup holds the keys of open uploads: what goes on in both stores goes on with
   fresh ones in the copy. */
static void
test_backup(void **state)
{
    static const uint64_t kept[] = { 0, 500, CHUNK, CHUNK + 5, 2 * CHUNK + 5 };
    dir_t *d = *state;
    elo_slice_t all = secret_bytes(3 * CHUNK + 77, 5);
    elo_slice_t other = secret_bytes(3 * CHUNK + 77, 6);
    elo_upload_stat_t st[ELO_COUNT(kept)], clear;
    elo_backup_t b;
    elo_upload_t *u;
    dir_t copy;

    for (size_t i = 0; i < ELO_COUNT(kept); i++) {
        st[i] = up_create(d->s, ELO_REACH_PRIVATE, all.len);
        up_part(d->s, &st[i], all, kept[i], CHUNK);
    }
    clear = up_create(d->s, ELO_REACH_COMMONS, all.len);
    up_part(d->s, &clear, all, CHUNK + 5, CHUNK);
    dir_make_root(&copy);
    copy.cfg.keyring = d->cfg.keyring;
    assert_int_equal(elo_store_backup(d->s, copy.root, true, NULL, &b), ELO_OK);
    dir_open(&copy);
    for (size_t i = 0; i < ELO_COUNT(kept); i++) {
        memcpy((uint8_t *) (uintptr_t) other.p, all.p, kept[i]);
        assert_int_equal(up_offset(copy.s, &st[i]), kept[i]);
        u = up_open(copy.s, &st[i]);
        assert_int_equal(key_no(&copy, &st[i]), 1);
        elo_upload_close(&u);
        dir_reopen(&copy);
        u = up_open(copy.s, &st[i]);
        assert_int_equal(key_no(&copy, &st[i]), 1); /* and no more */
        elo_upload_close(&u);
        assert_int_equal(up_finish(copy.s, &st[i], other, NULL), ELO_OK);
        assert_true(reads_back(copy.s, other));
        u = up_open(d->s, &st[i]);
        assert_int_equal(key_no(d, &st[i]), 0);
        elo_upload_close(&u);
        assert_int_equal(up_finish(d->s, &st[i], all, NULL), ELO_OK);
    }
    assert_int_equal(up_finish(copy.s, &clear, all, NULL), ELO_OK);
    assert_int_equal(dir_count(&copy, "uploads"), 0);
    bytes_free(all);
    bytes_free(other);
    dir_end(&copy);
}


int
main(void)
{
#define TEST(fn)                                                               \
    cmocka_unit_test_setup_teardown(fn, dir_setup_keys, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_no_plaintext), TEST(test_crash),         TEST(test_rewind),
        TEST(test_pieces),       TEST(test_lost_key),      TEST(test_form),
        TEST(test_form_moved),   TEST(test_lost_key_ends), TEST(test_backup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
