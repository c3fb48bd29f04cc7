/* SPDX-License-Identifier: BSD-2-Clause */
/* upload_dir: small verbs over resumable uploads. For tests of backend/store only. */
#ifndef ELO_T_UNIT_UPLOAD_DIR_H
#define ELO_T_UNIT_UPLOAD_DIR_H

#include "t/unit/backend/store/side_dir.h"

#include "backend/store/upload.h"

#define CHUNK     (1u << 20)
#define NO_LENGTH UINT64_MAX


static inline elo_slice_t
up_id(const elo_upload_stat_t *st)
{
    return elo_slice_str(st->id);
}


static inline elo_upload_stat_t
up_create(elo_store_t *s, elo_reach_t reach, uint64_t length)
{
    elo_put_opt_t opt = opt_of(reach, 0);
    elo_upload_stat_t st;

    assert_int_equal(
        elo_upload_create(s, &opt, length, ELO_SLICE("name dGVzdA=="), &st),
        ELO_OK);
    return st;
}


static inline elo_upload_t *
up_open(elo_store_t *s, const elo_upload_stat_t *st)
{
    elo_upload_t *u = NULL;

    assert_int_equal(elo_upload_open(s, up_id(st), &u), ELO_OK);
    return u;
}


/* Durable offset. */
static inline uint64_t
up_offset(elo_store_t *s, const elo_upload_stat_t *st)
{
    elo_upload_stat_t now;

    assert_int_equal(elo_upload_stat(s, up_id(st), &now), ELO_OK);
    return now.offset;
}


/* Writes bytes of all up to offset `to`, in pieces. */
static inline elo_err_t
up_write(elo_upload_t *u, elo_slice_t all, uint64_t to, size_t piece)
{
    elo_err_t rc = ELO_OK;
    uint64_t at;

    while (rc == ELO_OK && (at = elo_upload_offset(u)) < to) {
        size_t n = (size_t) ELO_MIN(to - at, piece);

        rc = elo_upload_write(u, elo_slice(all.p + at, n));
    }
    return rc;
}


/* One part: from where it is up to `to`, then synced and closed. */
static inline void
up_part(elo_store_t *s, const elo_upload_stat_t *st, elo_slice_t all,
        uint64_t to, size_t piece)
{
    elo_upload_t *u = up_open(s, st);

    assert_int_equal(up_write(u, all, to, piece), ELO_OK);
    assert_int_equal(elo_upload_sync(u), ELO_OK);
    elo_upload_close(&u);
    assert_null(u);
    assert_int_equal(up_offset(s, st), to);
}


static inline elo_err_t
up_finish(elo_store_t *s, const elo_upload_stat_t *st, elo_slice_t all,
          elo_blob_stat_t *out)
{
    elo_upload_t *u = up_open(s, st);
    elo_blob_stat_t blob;
    bool existed;
    elo_err_t rc = up_write(u, all, all.len, 300000);

    if (rc == ELO_OK) {
        rc = elo_upload_finish(u, out != NULL ? out : &blob, &existed);
    }
    elo_upload_close(&u);
    return rc;
}


/* The blob is there, the upload says so, and nothing else is left of it. */
static inline void
up_is_final(dir_t *d, const elo_upload_stat_t *st, elo_slice_t all)
{
    elo_digest_t digest = digest_of(all);
    elo_upload_stat_t now;

    assert_int_equal(elo_upload_stat(d->s, up_id(st), &now), ELO_OK);
    assert_true(now.is_final);
    assert_int_equal(now.offset, all.len);
    assert_int_equal(now.length, all.len);
    assert_int_equal(now.size, all.len);
    assert_memory_equal(now.digest.b, digest.b, ELO_SHA256_LEN);
    assert_true(reads_back(d->s, all));
    assert_int_equal(dir_count(d, "uploads"), 0);
    assert_int_equal(side_rows(d->s, ELO_T_FILE), 0);
    assert_int_equal(side_totals(d->s).uploads, 0);
}

#endif
