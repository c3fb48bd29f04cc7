/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/small and accept: whole small blobs, one and many at a
   time, of several agents; what is refused, and that quota and queue hold exactly. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/store/agent.h"
#include "backend/store/task.h"

#define HELLO ELO_SLICE("hello")
#define MANY  200u


static void
test_clear(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    elo_digest_t want = digest_of(HELLO), found;
    elo_blob_stat_t st, again;
    uint64_t gen = gen_of(d->s, elo_digest_slice(&want));
    bool existed;
    elo_blob_t *b;
    uint8_t got[5];

    assert_int_equal(small_put(d->s, &opt, HELLO, &st, &existed), ELO_OK);
    assert_false(existed);
    assert_memory_equal(st.digest.b, want.b, ELO_SHA256_LEN);
    assert_int_equal(st.size, 5);
    assert_int_equal(st.reach, ELO_REACH_COMMONS);
    assert_false(st.is_sealed);
    assert_string_equal(st.content_type, "text/plain");
    assert_true(gen_of(d->s, elo_digest_slice(&want)) > gen);
    /* What is answered leads to the bytes, at once and later. */
    assert_int_equal(elo_blob_open(d->s, &st, &b), ELO_OK);
    assert_int_equal(elo_blob_read(b, 0, got, 5), ELO_OK);
    elo_blob_close(&b);
    assert_memory_equal(got, "hello", 5);
    assert_int_equal(elo_store_stat(d->s, &want, NULL, &again), ELO_OK);
    assert_string_equal(st.name, again.name);
    assert_int_equal(st.offset, again.offset);
    assert_int_equal(st.created_at, again.created_at);

    assert_int_equal(small_put(d->s, &opt, HELLO, &again, &existed), ELO_OK);
    assert_true(existed);
    assert_int_equal(again.offset, st.offset);
    assert_int_equal(small_put(d->s, &opt, ELO_SLICE(""), &st, &existed),
                     ELO_OK);
    found = digest_of(ELO_SLICE(""));
    assert_memory_equal(st.digest.b, found.b, ELO_SHA256_LEN);
    totals_are(d->s, 2, 5);
    dir_reopen(d);
    assert_true(reads_back(d->s, HELLO));
    assert_true(reads_back(d->s, ELO_SLICE("")));
    totals_are(d->s, 2, 5);
}


/* True when no file of the store has the bytes in it. */
static elo_slice_t needle;
static bool is_found;


static int
search_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    (void) ftw;
    if (type == FTW_F && sb->st_size > 0) {
        int fd = open(path, O_RDONLY);
        uint8_t *p = malloc((size_t) sb->st_size);
        ssize_t n = read(fd, p, (size_t) sb->st_size);

        is_found |=
            n > 0 && memmem(p, (size_t) n, needle.p, needle.len) != NULL;
        free(p);
        close(fd);
    }
    return 0;
}


static bool
is_on_disk(const dir_t *d, elo_slice_t bytes)
{
    needle = bytes;
    is_found = false;
    nftw(d->root, search_one, 16, FTW_PHYS);
    return is_found;
}


/* Neither the plaintext nor its digest is anywhere in the store. */
static void
test_sealed(void **state)
{
    elo_slice_t text = ELO_SLICE("what is told to nobody, in so many words");
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_PRIVATE, 0);
    elo_digest_t dig = digest_of(text);
    elo_store_totals_t t;
    elo_blob_stat_t st;
    bool existed;

    assert_int_equal(small_put(d->s, &opt, text, &st, &existed), ELO_OK);
    assert_false(existed);
    assert_true(st.is_sealed);
    assert_string_equal(st.name, "");
    assert_int_equal(st.size, text.len);
    assert_memory_equal(st.digest.b, dig.b, ELO_SHA256_LEN);
    assert_true(reads_back(d->s, text));
    assert_int_equal(small_put(d->s, &opt, text, &st, &existed), ELO_OK);
    assert_true(existed);
    elo_store_totals(d->s, &t);
    assert_int_equal(t.blobs, 1);
    assert_int_equal(t.sealed, 1);
    assert_int_equal(t.bytes, text.len);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 1);
    assert_int_equal(rows_of(d->s, ELO_T_TASK), 1);
    assert_false(is_on_disk(d, text));
    assert_false(is_on_disk(d, elo_digest_slice(&dig)));
    dir_reopen(d);
    assert_true(reads_back(d->s, text));
    assert_false(is_on_disk(d, text));
    assert_false(is_on_disk(d, elo_digest_slice(&dig)));
    /* The search does find what is there. */
    opt.reach = ELO_REACH_COMMONS;
    opt.agent = agent_of(1);
    assert_int_equal(small_put(d->s, &opt, text, &st, &existed), ELO_OK);
    assert_true(is_on_disk(d, text));
    assert_true(is_on_disk(d, elo_digest_slice(&dig)));
}


static void
test_refused(void **state)
{
    static const uint8_t big[DIR_INLINE + 1];
    static char type[ELO_MIME_MAX + 1];
    dir_t *d = *state;
    elo_put_opt_t fine = opt_of(ELO_REACH_COMMONS, 0), opt;
    bool existed;

    opt = fine;
    opt.has_expect = true;
    opt.expect = digest_of(ELO_SLICE("other"));
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_EHASH);
    opt = fine;
    opt.content_type = ELO_SLICE("text/html\r\nX-Evil: 1");
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_EINVAL);
    memset(type, 'a', sizeof(type));
    opt.content_type = elo_slice(type, sizeof(type));
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_EINVAL);
    opt = fine;
    opt.reach = (elo_reach_t) ELO_REACH_COUNT;
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_EINVAL);
    opt = fine;
    opt.n_invited = ELO_CONTENT_INVITED_MAX + 1;
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_EINVAL);
    opt = fine;
    opt.reach = ELO_REACH_LOCAL; /* there is no keyring */
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_ENOKEY);
    assert_int_equal(
        small_put(d->s, &fine, elo_slice(big, sizeof(big)), NULL, NULL),
        ELO_ETOOBIG);
    totals_are(d->s, 0, 0);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 0);
    fine.has_expect = true;
    fine.expect = digest_of(HELLO);
    assert_int_equal(small_put(d->s, &fine, HELLO, NULL, &existed), ELO_OK);
    elo_kv_set_readonly(elo_store_kv(d->s));
    assert_int_equal(small_put(d->s, &fine, ELO_SLICE("x"), NULL, NULL),
                     ELO_EREADONLY);
}


/* The caller's digest is believed: he hashes many at a time. */
static void
test_hashed(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    small_t p = { .small.is_hashed = true };

    assert_int_equal(elo_mutex_init(&p.mtx), ELO_OK);
    assert_int_equal(elo_cond_init(&p.cond), ELO_OK);
    p.small.opt = opt;
    p.small.bytes = HELLO;
    p.small.stat.digest = digest_of(HELLO);
    p.small.done = small_done_cb;
    elo_store_put_small(d->s, &p.small);
    assert_int_equal(small_wait(&p), ELO_OK);
    assert_true(reads_back(d->s, HELLO));
}


/* Many at once, each twice: one copy of each, told of to one of the two. */
static void
test_many(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    small_t *p = calloc(2 * MANY, sizeof(*p));
    elo_slice_t *bytes = calloc(MANY, sizeof(*bytes));

    for (uint32_t i = 0; i < MANY; i++) {
        bytes[i] = bytes_of(100 + i * 37 % 4000, i);
    }
    for (uint32_t i = 0; i < 2 * MANY; i++) {
        small_start(d->s, &p[i], &opt, bytes[i % MANY]);
    }
    for (uint32_t i = 0; i < 2 * MANY; i++) {
        assert_int_equal(small_wait(&p[i]), ELO_OK);
        assert_int_equal(p[i].small.existed, i >= MANY);
        assert_true(reads_back(d->s, bytes[i % MANY]));
    }
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), MANY);
    assert_int_equal(rows_of(d->s, ELO_T_TASK), MANY);
    dir_reopen(d);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(reads_back(d->s, bytes[i]));
        bytes_free(bytes[i]);
    }
    free(bytes);
    free(p);
}


/* Nobody learns from a put what others have sent; all share one clear copy. */
static void
test_agents(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t a = opt_of(ELO_REACH_COMMONS, 1);
    elo_put_opt_t b = opt_of(ELO_REACH_MUNICIPAL, 2);
    elo_agent_stat_t st;
    bool existed;

    assert_int_equal(small_put(d->s, &a, HELLO, NULL, &existed), ELO_OK);
    assert_false(existed);
    assert_int_equal(small_put(d->s, &b, HELLO, NULL, &existed), ELO_OK);
    assert_false(existed);
    assert_int_equal(small_put(d->s, &b, HELLO, NULL, &existed), ELO_OK);
    assert_true(existed);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 1);
    assert_int_equal(rows_of(d->s, ELO_T_TASK), 1);
    totals_are(d->s, 1, 5);
    for (uint8_t i = 0; i < 3; i++) {
        elo_agent_t agent = agent_of(i);

        assert_int_equal(elo_store_agent(d->s, &agent, &st), ELO_OK);
        assert_int_equal(st.blobs, i != 0);
        assert_int_equal(st.bytes, i != 0 ? 5 : 0);
    }
}


/* The same bytes, sealed of two agents and in the clear of a third: three copies,
   and each reads his own. */
static void
test_narrow_dedupe(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t a = opt_of(ELO_REACH_PRIVATE, 1);
    elo_put_opt_t b = opt_of(ELO_REACH_LOCAL, 2);
    elo_put_opt_t c = opt_of(ELO_REACH_COMMONS, 3);
    elo_blob_stat_t st = { .size = 0 };
    bool existed;

    assert_int_equal(small_put(d->s, &a, HELLO, NULL, &existed), ELO_OK);
    assert_false(existed);
    assert_int_equal(small_put(d->s, &b, HELLO, &st, &existed), ELO_OK);
    assert_false(existed);
    assert_true(reads_back_as(d->s, HELLO, &b.agent)); /* by the cluster key */
    assert_int_equal(small_put(d->s, &c, HELLO, &st, &existed), ELO_OK);
    assert_false(existed);
    assert_false(st.is_sealed);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 3);
    assert_int_equal(rows_of(d->s, ELO_T_SEALED), 2);
    totals_are(d->s, 3, 15);
    /* He who sent it in the clear has nothing to hide. */
    c.reach = ELO_REACH_PRIVATE;
    assert_int_equal(small_put(d->s, &c, HELLO, &st, &existed), ELO_OK);
    assert_true(existed);
    assert_false(st.is_sealed);
    assert_int_equal(rows_of(d->s, ELO_T_SEALED), 2);
}


/* A ciphertext object that somebody sends as what it is: his in the clear, and
   still the object. */
static void
test_object_in_clear(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t a = opt_of(ELO_REACH_PRIVATE, 0);
    elo_put_opt_t b = opt_of(ELO_REACH_COMMONS, 1);
    elo_blob_stat_t st, obj;
    uint8_t bytes[5 + ELO_AEAD_TAG_LEN];
    elo_slice_t sent = elo_slice(bytes, sizeof(bytes));
    bool existed;

    assert_int_equal(small_put(d->s, &a, HELLO, &st, NULL), ELO_OK);
    assert_int_equal(elo_store_stat(d->s, &st._object, NULL, &obj),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_kv_read(elo_store_kv(d->s), st._segment, st._offset,
                                 bytes, sizeof(bytes)),
                     ELO_OK);
    assert_int_equal(small_put(d->s, &b, sent, &obj, &existed), ELO_OK);
    assert_false(existed);
    assert_memory_equal(obj.digest.b, st._object.b, ELO_SHA256_LEN);
    assert_true(reads_back(d->s, sent));
    assert_true(reads_back(d->s, HELLO));
    assert_int_equal(small_put(d->s, &b, sent, &obj, &existed), ELO_OK);
    assert_true(existed);
    /* Either may go without the other. */
    assert_int_equal(elo_store_remove(d->s, &obj.digest, &b.agent), ELO_OK);
    assert_false(reads_back(d->s, sent));
    assert_true(reads_back(d->s, HELLO));
    assert_int_equal(small_put(d->s, &b, sent, &obj, &existed), ELO_OK);
    assert_false(existed);
    assert_int_equal(elo_store_remove(d->s, &st.digest, NULL), ELO_OK);
    assert_false(reads_back(d->s, HELLO));
    assert_true(reads_back(d->s, sent));
}


/* Puts that are decided upon together can't overdraw a quota together. */
static void
test_quota(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 1);
    small_t *p = calloc(MANY, sizeof(*p));
    elo_slice_t *bytes = calloc(MANY, sizeof(*bytes));
    elo_agent_stat_t st;
    uint32_t n = 0;

    elo_store_close(&d->s);
    d->cfg.quota_bytes = 10 * 1000 + 999;
    dir_open(d);
    for (uint32_t i = 0; i < MANY; i++) {
        bytes[i] = bytes_of(1000, i);
        small_start(d->s, &p[i], &opt, bytes[i]);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        elo_err_t rc = small_wait(&p[i]);

        assert_true(rc == ELO_OK || rc == ELO_EQUOTA);
        n += rc == ELO_OK;
    }
    assert_int_equal(n, 10);
    assert_int_equal(elo_store_agent(d->s, &opt.agent, &st), ELO_OK);
    assert_int_equal(st.bytes, 10000);
    /* What he has may come again; and another has his own quota. */
    assert_int_equal(small_put(d->s, &opt, bytes[0], NULL, NULL), ELO_OK);
    opt.agent = agent_of(2);
    assert_int_equal(small_put(d->s, &opt, bytes[0], NULL, NULL), ELO_OK);
    /* Also the operator is an agent. */
    opt.agent = agent_of(0);
    assert_int_equal(elo_store_set_quota(d->s, &opt.agent, 4), ELO_OK);
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_EQUOTA);
    assert_int_equal(elo_store_set_quota(d->s, &opt.agent, 5), ELO_OK);
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        bytes_free(bytes[i]);
    }
    free(bytes);
    free(p);
}


/* A full queue refuses what it can't promise, and nothing else. */
static void
test_queue(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    bool existed;

    elo_store_close(&d->s);
    d->cfg.queue_max = 2;
    dir_open(d);
    assert_int_equal(small_put(d->s, &opt, ELO_SLICE("1"), NULL, NULL), ELO_OK);
    assert_int_equal(small_put(d->s, &opt, ELO_SLICE("2"), NULL, NULL), ELO_OK);
    assert_int_equal(small_put(d->s, &opt, ELO_SLICE("3"), NULL, NULL),
                     ELO_EQUEUEFULL);
    assert_int_equal(put_bytes(d->s, ELO_SLICE("4"), NULL, NULL),
                     ELO_EQUEUEFULL);
    assert_int_equal(small_put(d->s, &opt, ELO_SLICE("1"), NULL, &existed),
                     ELO_OK);
    assert_true(existed);
    totals_are(d->s, 2, 2);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), 2);
}


static void
test_floor(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    elo_put_t *p;

    elo_store_close(&d->s);
    d->cfg.min_free_bytes = (uint64_t) 1 << 60;
    dir_open(d);
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_ENOSPC);
    assert_int_equal(elo_put_begin(d->s, &opt, &p), ELO_ENOSPC);
    assert_false(elo_store_is_readonly(d->s));
    totals_are(d->s, 0, 0);
}


/* A node was there before its blob: what was answered for it is no longer so. */
static void
test_referrer(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 0);
    elo_digest_t dig = digest_of(HELLO);
    uint64_t gen;

    assert_int_equal(put_node(d->s, "n", 1, ELO_REACH_COMMONS, &dig, "{}"),
                     ELO_OK);
    gen = gen_of(d->s, ELO_SLICE("n"));
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_OK);
    assert_true(gen_of(d->s, ELO_SLICE("n")) > gen);
    gen = gen_of(d->s, ELO_SLICE("n"));
    assert_int_equal(small_put(d->s, &opt, HELLO, NULL, NULL), ELO_OK);
    assert_int_equal(gen_of(d->s, ELO_SLICE("n")), gen);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clear, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_sealed, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_hashed, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_many, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_agents, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_narrow_dedupe, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_object_in_clear, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_quota, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_queue, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_floor, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_referrer, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
