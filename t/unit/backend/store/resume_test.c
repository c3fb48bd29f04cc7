/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/resume, resume_make, resume_end and resume_rows: uploads in
   parts, their lengths, their ends, and whatever a client may do wrong. Each runs in
   the clear and sealed. */
#include "t/unit/backend/store/upload_dir.h"

#include "backend/store/agent.h"

static const elo_reach_t reaches[] = { ELO_REACH_COMMONS, ELO_REACH_PRIVATE };

#define EACH_REACH(i) for (size_t i = 0; i < ELO_COUNT(reaches); i++)


/* All lengths about which something changes, in parts that end anywhere, with and
   without a restart between them. */
static void
test_parts(void **state)
{
    static const uint64_t lens[] = {
        0,         1,     1000,      DIR_INLINE, DIR_INLINE + 1,
        CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK,  2 * CHUNK + 70000,
    };
    dir_t *d = *state;
    uint32_t seed = 1;

    EACH_REACH(r)
    {
        for (size_t i = 0; i < ELO_COUNT(lens); i++) {
            for (uint64_t parts = 1; parts <= 4; parts++, seed++) {
                elo_slice_t all = bytes_of(lens[i], seed);
                elo_upload_stat_t st = up_create(d->s, reaches[r], lens[i]);

                assert_int_equal(side_totals(d->s).uploads, 1);
                for (uint64_t k = 1; k < parts; k++) {
                    up_part(d->s, &st, all, all.len * k / parts, 70001);
                    if (parts > 2) {
                        parts == 3 ? dir_reopen(d) : side_rebuild(d);
                    }
                }
                if (up_finish(d->s, &st, all, NULL) != ELO_OK) {
                    fail_msg("length %u, %u parts", (unsigned) lens[i],
                             (unsigned) parts);
                }
                up_is_final(d, &st, all);
                bytes_free(all);
            }
        }
    }
}


/* What was not synced is gone with the process, and nothing else. */
static void
test_unsynced(void **state)
{
    dir_t *d = *state;

    EACH_REACH(r)
    {
        elo_slice_t all = bytes_of(3 * CHUNK + 5, (uint32_t) r);
        elo_upload_stat_t st = up_create(d->s, reaches[r], all.len);
        elo_upload_t *u = up_open(d->s, &st);

        assert_int_equal(up_write(u, all, CHUNK + 7, CHUNK), ELO_OK);
        assert_int_equal(up_offset(d->s, &st), 0);
        assert_int_equal(elo_upload_sync(u), ELO_OK);
        assert_int_equal(elo_upload_sync(u), ELO_OK);
        assert_int_equal(up_offset(d->s, &st), CHUNK + 7);
        assert_int_equal(up_write(u, all, 2 * CHUNK + 9, CHUNK), ELO_OK);
        assert_int_equal(up_offset(d->s, &st), CHUNK + 7);
        assert_int_equal(elo_upload_offset(u), 2 * CHUNK + 9);
        /* closing keeps what it can */
        elo_upload_close(&u);
        assert_int_equal(up_offset(d->s, &st), 2 * CHUNK + 9);
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
        up_is_final(d, &st, all);
        bytes_free(all);
    }
}


static void
test_stat(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 7);
    char meta[ELO_UPLOAD_META_MAX + 2];
    elo_upload_stat_t st, got;

    memset(meta, 'm', sizeof(meta));
    assert_int_equal(elo_upload_create(d->s, &opt, 5,
                                       elo_slice(meta, ELO_UPLOAD_META_MAX + 1),
                                       &st),
                     ELO_ETOOBIG);
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE("a\0b"), &st),
                     ELO_EINVAL);
    assert_int_equal(elo_upload_create(d->s, &opt, (uint64_t) INT64_MAX + 1,
                                       ELO_SLICE(""), &st),
                     ELO_ETOOBIG);
    opt.content_type = ELO_SLICE("text/plain\r\nX: y");
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &st),
                     ELO_EINVAL);
    opt.content_type = ELO_SLICE("video/mp4");
    opt.reach = (elo_reach_t) ELO_REACH_COUNT;
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &st),
                     ELO_EINVAL);
    opt.reach = ELO_REACH_COMMONS;
    opt.n_invited = ELO_CONTENT_INVITED_MAX + 1;
    assert_int_not_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &st),
                         ELO_OK);
    opt.n_invited = 0;
    assert_int_equal(side_rows(d->s, ELO_T_UPLOAD), 0);

    assert_int_equal(elo_upload_create(d->s, &opt, NO_LENGTH,
                                       elo_slice(meta, ELO_UPLOAD_META_MAX),
                                       &st),
                     ELO_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_OK);
        assert_string_equal(got.id, st.id);
        assert_int_equal(got.length, NO_LENGTH);
        assert_int_equal(got.offset, 0);
        assert_int_equal(got.expires_at, got.created_at + 24 * 60 * 60);
        assert_int_equal(strlen(got.meta), ELO_UPLOAD_META_MAX);
        assert_false(got.is_final);
        side_rebuild(d);
    }
}


/* Names of another shape are no uploads, and nothing is looked up for them. */
static void
test_ids(void **state)
{
    static const char *const bad[] = {
        "",
        "0",
        "0123456789abcdef0123456789abcde",
        "0123456789abcdef0123456789abcdef0",
        "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcdeg",
        "../uploads/456789abcdef012345678",
        "0123456789abcdef0123456789abcdef", /* one that was never made */
    };
    dir_t *d = *state;
    elo_upload_stat_t st;
    elo_upload_t *u;

    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        elo_slice_t id = elo_slice_str(bad[i]);

        assert_int_equal(elo_upload_stat(d->s, id, &st), ELO_ENOTFOUND);
        assert_int_equal(elo_upload_open(d->s, id, &u), ELO_ENOTFOUND);
        assert_int_equal(elo_upload_remove(d->s, id), ELO_ENOTFOUND);
    }
    assert_int_equal(
        elo_upload_stat(d->s, ELO_SLICE("0123456789abcdef0123456789abcde\0"),
                        &st),
        ELO_ENOTFOUND);
}


static void
test_lengths(void **state)
{
    dir_t *d = *state;

    EACH_REACH(r)
    {
        elo_slice_t all = bytes_of(100, (uint32_t) r + 40);
        elo_upload_stat_t st = up_create(d->s, reaches[r], 100);
        elo_upload_t *u = up_open(d->s, &st);
        elo_blob_stat_t blob;
        bool existed;

        assert_int_equal(elo_upload_write(u, elo_slice("", 0)), ELO_OK);
        assert_int_equal(up_write(u, all, 60, 60), ELO_OK);
        assert_int_equal(elo_upload_write(u, elo_slice(all.p, 41)),
                         ELO_ETOOBIG);
        assert_int_equal(elo_upload_offset(u), 60);
        assert_int_equal(elo_upload_finish(u, &blob, &existed), ELO_EINVAL);
        assert_int_equal(elo_upload_set_length(u, 100), ELO_OK);
        assert_int_equal(elo_upload_set_length(u, 99), ELO_EEXISTS);
        assert_int_equal(up_write(u, all, 100, 60), ELO_OK);
        assert_int_equal(elo_upload_write(u, elo_slice(all.p, 1)), ELO_ETOOBIG);
        assert_int_equal(elo_upload_finish(u, &blob, &existed), ELO_OK);
        assert_false(existed);
        elo_upload_close(&u);
        up_is_final(d, &st, all);

        /* told later */
        st = up_create(d->s, reaches[r], NO_LENGTH);
        u = up_open(d->s, &st);
        assert_int_equal(up_write(u, all, 60, 60), ELO_OK);
        assert_int_equal(elo_upload_set_length(u, 59), ELO_EINVAL);
        assert_int_equal(elo_upload_set_length(u, NO_LENGTH), ELO_ETOOBIG);
        assert_int_equal(elo_upload_set_length(u, 100), ELO_OK);
        elo_upload_close(&u);
        dir_reopen(d);
        u = up_open(d->s, &st);
        assert_int_equal(elo_upload_offset(u), 60);
        assert_int_equal(elo_upload_set_length(u, 101), ELO_EEXISTS);
        assert_int_equal(up_write(u, all, 100, 60), ELO_OK);
        assert_int_equal(elo_upload_finish(u, &blob, &existed), ELO_OK);
        assert_true(existed); /* as the one above */
        elo_upload_close(&u);
        up_is_final(d, &st, all);

        /* never told: it is what came */
        st = up_create(d->s, reaches[r], NO_LENGTH);
        assert_int_equal(up_finish(d->s, &st, elo_slice(all.p, 33), NULL),
                         ELO_OK);
        up_is_final(d, &st, elo_slice(all.p, 33));
        bytes_free(all);
    }
}


static void
test_busy(void **state)
{
    dir_t *d = *state;
    elo_upload_stat_t st = up_create(d->s, ELO_REACH_COMMONS, 10);
    elo_upload_t *u = up_open(d->s, &st), *v;
    uint32_t n;

    assert_int_equal(elo_upload_open(d->s, up_id(&st), &v), ELO_EBUSY);
    assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_EBUSY);
    assert_int_equal(elo_upload_expire(d->s, INT64_MAX, &n), ELO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(up_offset(d->s, &st), 0);
    elo_upload_close(&u);
    u = up_open(d->s, &st);
    elo_upload_close(&u);
    elo_upload_close(&u); /* of nothing */
}


static void
test_remove(void **state)
{
    dir_t *d = *state;
    elo_upload_t *u;
    uint32_t n;

    EACH_REACH(r)
    {
        elo_slice_t all = bytes_of(CHUNK + 10, (uint32_t) r);
        elo_upload_stat_t st = up_create(d->s, reaches[r], all.len), got;

        up_part(d->s, &st, all, CHUNK + 5, CHUNK);
        assert_int_equal(dir_count(d, "uploads"), 1);
        if (r == 0) {
            dir_reopen(d);
        }
        assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_OK);
        assert_int_equal(dir_count(d, "uploads"), 0);
        assert_int_equal(side_totals(d->s).uploads, 0);
        assert_int_equal(side_rows(d->s, ELO_T_UPLOAD), 1); /* tombstone */
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_EGONE);
        assert_int_equal(elo_upload_open(d->s, up_id(&st), &u), ELO_EGONE);
        assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_EGONE);
        side_rebuild(d);
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_EGONE);
        assert_int_equal(elo_upload_expire(d->s, INT64_MAX / 2, &n), ELO_OK);
        assert_int_equal(n, 0);
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got),
                         ELO_ENOTFOUND);
        bytes_free(all);
    }
    assert_int_equal(side_rows(d->s, ELO_T_UPLOAD), 0);
}


static void
test_expire(void **state)
{
    enum { N = 150 };
    dir_t *d = *state;
    elo_slice_t all = bytes_of(1000, 3);
    elo_upload_stat_t st[N], done, got;
    elo_upload_t *u;
    int64_t now;
    uint32_t n;

    for (int i = 0; i < N; i++) {
        st[i] = up_create(d->s, reaches[i % 2], 1000);
        if (i % 10 == 0) {
            up_part(d->s, &st[i], all, 500, 500);
        }
    }
    done = up_create(d->s, ELO_REACH_COMMONS, 1000);
    assert_int_equal(up_finish(d->s, &done, all, NULL), ELO_OK);
    now = done.expires_at + 5;
    u = up_open(d->s, &st[7]);
    assert_int_equal(elo_upload_expire(d->s, now - 1000, &n), ELO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(elo_upload_expire(d->s, now, &n), ELO_OK);
    assert_int_equal(n, N - 1); /* but for the one in use */
    assert_int_equal(side_totals(d->s).uploads, 1);
    assert_int_equal(dir_count(d, "uploads"), 1);
    assert_int_equal(elo_upload_stat(d->s, up_id(&st[0]), &got), ELO_EGONE);
    /* the final one has said its digest long enough */
    assert_int_equal(elo_upload_stat(d->s, up_id(&done), &got), ELO_ENOTFOUND);
    assert_true(reads_back(d->s, all));
    elo_upload_close(&u);
    assert_int_equal(elo_upload_expire(d->s, now, &n), ELO_OK);
    assert_int_equal(n, 1);
    assert_int_equal(elo_upload_expire(d->s, now, &n), ELO_OK);
    assert_int_equal(n, 0); /* tombstones stand */
    assert_int_equal(side_rows(d->s, ELO_T_UPLOAD), N);
    assert_int_equal(elo_upload_expire(d->s, now + 24 * 60 * 60, &n), ELO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(side_rows(d->s, ELO_T_UPLOAD), 0);
    bytes_free(all);
}


/* An upload whose rows are damaged keeps no other from its end. */
static void
test_expire_damaged(void **state)
{
    enum { N = 6 };
    dir_t *d = *state;
    elo_upload_stat_t st[N];
    elo_upload_t u = { .s = d->s };
    elo_upload_change_t c = { .u = &u, .form = ELO_SLICE("no form") };
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_stat_t got;
    elo_kv_view_t v;
    uint32_t n;

    for (int i = 0; i < N; i++) {
        st[i] = up_create(d->s, reaches[i % 2], 1000);
        assert_int_equal(elo_upload_id_parse(up_id(&st[i]), id), ELO_OK);
        memcpy(u.id, id, sizeof(id));
        assert_int_equal(elo_kv_view_begin(d->s->kv, &v), ELO_OK);
        assert_int_equal(elo_upload_state_get(&v, id, &u.st), ELO_OK);
        elo_kv_view_end(&v);
        c.is = u.st;
        assert_int_equal(elo_upload_change(&c), ELO_OK);
        assert_int_equal(elo_upload_stat(d->s, up_id(&st[i]), &got),
                         ELO_ECORRUPT);
    }
    assert_int_equal(elo_upload_remove(d->s, up_id(&st[0])), ELO_OK);
    assert_int_equal(elo_upload_expire(d->s, st[0].expires_at + 60, &n),
                     ELO_OK);
    assert_int_equal(n, N - 1);
    assert_int_equal(side_totals(d->s).uploads, 0);
}


/* Past its time, and not yet swept up: it is gone all the same; a sync in time gives
   it another day. */
static void
test_keep(void **state)
{
    dir_t *d = *state;
    elo_slice_t all = bytes_of(1000, 3);
    elo_upload_stat_t st, later, got;
    elo_upload_t *u;

    elo_store_close(&d->s);
    d->cfg.upload_keep_s = 3600;
    dir_open(d);
    st = up_create(d->s, ELO_REACH_COMMONS, 1000);
    assert_int_equal(st.expires_at, st.created_at + 3600);
    up_part(d->s, &st, all, 500, 500);
    assert_int_equal(elo_upload_stat(d->s, up_id(&st), &later), ELO_OK);
    assert_true(later.expires_at >= st.expires_at);

    u = up_open(d->s, &st);
    u->st.expires_at = 1;
    assert_int_equal(
        elo_upload_change(&(elo_upload_change_t){ .u = u, .is = u->st }),
        ELO_OK);
    elo_upload_close(&u);
    assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_EGONE);
    assert_int_equal(elo_upload_open(d->s, up_id(&st), &u), ELO_EGONE);
    bytes_free(all);
}


static void
test_expect(void **state)
{
    dir_t *d = *state;

    EACH_REACH(r)
    {
        elo_slice_t all = bytes_of(CHUNK + 50, 60 + (uint32_t) r);
        elo_put_opt_t opt = opt_of(reaches[r], 0);
        elo_upload_stat_t st, got;

        opt.has_expect = true;
        opt.expect = digest_of(all);
        assert_int_equal(
            elo_upload_create(d->s, &opt, all.len, ELO_SLICE(""), &st), ELO_OK);
        dir_reopen(d);
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
        up_is_final(d, &st, all);

        opt.expect.b[3] ^= 1;
        assert_int_equal(
            elo_upload_create(d->s, &opt, all.len, ELO_SLICE(""), &st), ELO_OK);
        up_part(d->s, &st, all, CHUNK, CHUNK);
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_EHASH);
        assert_int_equal(elo_upload_stat(d->s, up_id(&st), &got), ELO_EGONE);
        assert_int_equal(dir_count(d, "uploads"), 0);
        assert_int_equal(side_totals(d->s).uploads, 0);
        bytes_free(all);
    }
    assert_int_equal(side_totals(d->s).blobs, 2);
}


/* A final upload takes nothing more; its blob has what was asked for. */
static void
test_final(void **state)
{
    dir_t *d = *state;
    elo_agent_t invited[2] = { agent_of(3), agent_of(4) };
    elo_slice_t all = bytes_of(70000, 9);
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 5);
    elo_upload_stat_t st;
    elo_blob_stat_t blob;
    elo_upload_t *u;

    opt.content_type = ELO_SLICE("video/mp4");
    opt.invited = invited;
    opt.n_invited = 2;
    assert_int_equal(elo_upload_create(d->s, &opt, all.len, ELO_SLICE(""), &st),
                     ELO_OK);
    assert_int_equal(up_finish(d->s, &st, all, &blob), ELO_OK);
    assert_int_equal(blob.size, all.len);
    assert_string_equal(blob.content_type, "video/mp4");
    assert_int_equal(blob.reach, ELO_REACH_COMMONS);
    assert_false(blob.is_sealed);
    assert_int_equal(elo_upload_open(d->s, up_id(&st), &u), ELO_EEXISTS);
    dir_reopen(d);
    up_is_final(d, &st, all);
    assert_int_equal(elo_upload_open(d->s, up_id(&st), &u), ELO_EEXISTS);
    /* terminated: the upload is forgotten, the blob stays */
    assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_OK);
    assert_true(reads_back(d->s, all));
    assert_int_equal(side_totals(d->s).tasks, 1);
    bytes_free(all);
}


static void
test_rewind(void **state)
{
    static const struct {
        uint64_t synced, written, to;
        elo_err_t want;
    } cases[] = {
        { 0, 1000, 0, ELO_OK },
        { 0, 1000, 1000, ELO_OK },
        { 0, 1000, 1001, ELO_EINVAL },
        { 500, 1000, 499, ELO_EINVAL },
        { 500, 1000, 500, ELO_OK },
        { 500, CHUNK, 700, ELO_OK },
        { 500, CHUNK + 1, CHUNK, ELO_OK },
        { 500, CHUNK + 1, 500, ELO_OK },
        { CHUNK, 2 * CHUNK, CHUNK, ELO_OK },
        { CHUNK + 500, 3 * CHUNK, CHUNK + 600, ELO_OK },
        { CHUNK + 500, CHUNK + 900, CHUNK + 600, ELO_OK },
        { 2 * CHUNK + 5, 3 * CHUNK, 2 * CHUNK + 5, ELO_OK },
        { CHUNK, 3 * CHUNK, 2 * CHUNK, ELO_OK },
        { 0, 3 * CHUNK, 0, ELO_OK },
    };
    dir_t *d = *state;

    EACH_REACH(r)
    {
        for (size_t i = 0; i < ELO_COUNT(cases); i++) {
            uint32_t seed = (uint32_t) (100 + 2 * i + r);
            elo_slice_t all = bytes_of(3 * CHUNK + 17, seed);
            elo_slice_t bad = bytes_of(3 * CHUNK + 17, 1000 + seed);
            elo_upload_stat_t st = up_create(d->s, reaches[r], all.len);
            elo_upload_t *u = up_open(d->s, &st);
            uint64_t at;

            assert_int_equal(up_write(u, all, cases[i].synced, CHUNK), ELO_OK);
            assert_int_equal(elo_upload_sync(u), ELO_OK);
            /* right as far as it will be kept, then wrong */
            at = ELO_MAX(cases[i].synced,
                         ELO_MIN(cases[i].to, cases[i].written));
            assert_int_equal(up_write(u, all, at, CHUNK), ELO_OK);
            assert_int_equal(up_write(u, bad, cases[i].written, CHUNK), ELO_OK);
            assert_int_equal(elo_upload_rewind(u, cases[i].to), cases[i].want);
            assert_int_equal(elo_upload_offset(u), cases[i].want == ELO_OK
                                                       ? cases[i].to
                                                       : cases[i].written);
            elo_upload_close(&u);
            if (cases[i].want == ELO_OK) {
                if (i % 2 == 0) {
                    dir_reopen(d);
                }
                assert_int_equal(up_offset(d->s, &st), cases[i].to);
                assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
                up_is_final(d, &st, all);
            } else {
                assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_OK);
            }
            bytes_free(all);
            bytes_free(bad);
        }
    }
}


/* What the store can't take now can be finished later. */
static void
test_refused_finish(void **state)
{
    dir_t *d = *state;
    elo_task_t t[4];
    uint64_t due;
    uint32_t n;

    elo_store_close(&d->s);
    d->cfg.queue_max = 1;
    dir_open(d);
    assert_int_equal(put_bytes(d->s, ELO_SLICE("first"), NULL, NULL), ELO_OK);
    EACH_REACH(r)
    {
        elo_slice_t all = bytes_of(r == 0 ? 100 : 2 * CHUNK, (uint32_t) r + 70);
        elo_upload_stat_t st = up_create(d->s, reaches[r], all.len);

        up_part(d->s, &st, all, all.len, CHUNK);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_EQUEUEFULL);
            assert_int_equal(up_offset(d->s, &st), all.len);
            dir_reopen(d);
        }
        assert_int_equal(elo_task_take(d->s, 1, t, 4, &n, &due), ELO_OK);
        assert_int_equal(n, 1);
        assert_int_equal(elo_task_done(d->s, t, 1), ELO_OK);
        assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_OK);
        up_is_final(d, &st, all);
        bytes_free(all);
    }
}


static void
test_quota(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 5);
    elo_slice_t all = bytes_of(3000, 1);
    elo_upload_stat_t st;
    elo_upload_t *u;

    elo_store_close(&d->s);
    d->cfg.quota_bytes = 2000;
    dir_open(d);
    assert_int_equal(elo_upload_create(d->s, &opt, 2001, ELO_SLICE(""), &st),
                     ELO_EQUOTA);
    assert_int_equal(
        elo_upload_create(d->s, &opt, NO_LENGTH, ELO_SLICE(""), &st), ELO_OK);
    u = up_open(d->s, &st);
    assert_int_equal(elo_upload_set_length(u, 2001), ELO_EQUOTA);
    elo_upload_close(&u);
    /* without a length told it is the end that refuses */
    assert_int_equal(up_finish(d->s, &st, all, NULL), ELO_EQUOTA);
    assert_int_equal(side_totals(d->s).blobs, 0);
    bytes_free(all);
}


/* What is kept of unfinished uploads is on their agent's account, until they end. */
static void
test_quota_kept(void **state)
{
    dir_t *d = *state;
    elo_slice_t all = bytes_of(CHUNK, 1);
    elo_upload_stat_t st[20], got;
    elo_agent_stat_t agent;
    elo_blob_stat_t blob;
    elo_upload_t *u;
    uint32_t n;

    elo_store_close(&d->s);
    d->cfg.quota_bytes = CHUNK + 100000;
    dir_open(d);
    EACH_REACH(r)
    {
        elo_put_opt_t opt = opt_of(reaches[r], (uint8_t) (5 + r));

        for (size_t i = 0; i < ELO_COUNT(st); i++) {
            opt.has_expect = false;
            assert_int_equal(elo_upload_create(d->s, &opt,
                                               i % 2 == 0 ? CHUNK : NO_LENGTH,
                                               ELO_SLICE(""), &st[i]),
                             ELO_OK);
        }
        /* some of the first, then the others have what is left */
        up_part(d->s, &st[0], all, 500000, CHUNK);
        up_part(d->s, &st[1], all, 500000, CHUNK);
        for (size_t i = 2; i < ELO_COUNT(st); i++) {
            elo_err_t rc = elo_upload_open(d->s, up_id(&st[i]), &u);

            if (rc == ELO_OK) {
                rc = up_write(u, all, 500000, CHUNK);
                rc = rc == ELO_OK ? elo_upload_sync(u) : rc;
                elo_upload_close(&u);
            }
            assert_int_equal(rc, ELO_EQUOTA);
        }
        assert_int_equal(
            elo_upload_create(d->s, &opt, CHUNK, ELO_SLICE(""), &got),
            ELO_EQUOTA);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(elo_store_agent(d->s, &opt.agent, &agent), ELO_OK);
            assert_int_equal(agent.kept, 1000000);
            assert_int_equal(agent.bytes, 0);
            side_rebuild(d);
        }
        /* its own bytes don't stand in the way of the one that goes on */
        assert_int_equal(elo_upload_remove(d->s, up_id(&st[1])), ELO_OK);
        up_part(d->s, &st[0], all, 900000, CHUNK);
        dir_reopen(d);
        assert_int_equal(up_finish(d->s, &st[0], all, &blob), ELO_OK);
        assert_int_equal(elo_store_agent(d->s, &opt.agent, &agent), ELO_OK);
        assert_int_equal(agent.kept, 0);
        assert_int_equal(agent.bytes, CHUNK);
        assert_int_equal(agent.blobs, 1);
        for (size_t i = 2; i < ELO_COUNT(st); i++) {
            assert_int_equal(elo_upload_remove(d->s, up_id(&st[i])), ELO_OK);
        }
    }
    assert_int_equal(elo_upload_expire(d->s, INT64_MAX / 2, &n), ELO_OK);
    assert_int_equal(side_totals(d->s).uploads, 0);
    bytes_free(all);
}


/* One agent's open uploads are bounded, and keep no other out. */
static void
test_many(void **state)
{
    dir_t *d = *state;
    elo_put_opt_t opt = opt_of(ELO_REACH_COMMONS, 5);
    elo_upload_stat_t st, more;

    for (uint32_t i = 0; i < ELO_UPLOADS_AGENT_MAX; i++) {
        assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &st),
                         ELO_OK);
    }
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &more),
                     ELO_EQUOTA);
    opt.agent = agent_of(6);
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &more),
                     ELO_OK);
    assert_int_equal(elo_upload_remove(d->s, up_id(&st)), ELO_OK);
    opt.agent = agent_of(5);
    assert_int_equal(elo_upload_create(d->s, &opt, 5, ELO_SLICE(""), &more),
                     ELO_OK);
}


int
main(void)
{
#define TEST(fn)                                                               \
    cmocka_unit_test_setup_teardown(fn, dir_setup_keys, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_parts),          TEST(test_unsynced),
        TEST(test_stat),           TEST(test_ids),
        TEST(test_lengths),        TEST(test_busy),
        TEST(test_remove),         TEST(test_expire),
        TEST(test_expire_damaged), TEST(test_keep),
        TEST(test_expect),         TEST(test_final),
        TEST(test_rewind),         TEST(test_refused_finish),
        TEST(test_quota),          TEST(test_quota_kept),
        TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
