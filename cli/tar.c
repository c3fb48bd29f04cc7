/* SPDX-License-Identifier: BSD-2-Clause */
/* tar: see the header. */
#include "cli/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#define PIECE     (256u << 10)
#define FILE_MODE 0644

struct elo_tar_writer_s {
    elo_target_t target;
    struct archive *a;
    elo_err_t err; /* of the file: nothing more is written to it */
};

struct elo_tar_reader_s {
    elo_source_t source;
    struct archive *a;
    elo_err_t err;
    uint8_t piece[PIECE];
};


/* What libarchive says, when the file itself says nothing. */
static elo_err_t
result(struct archive *a, elo_err_t file, elo_err_t other)
{
    int err = archive_errno(a);

    if (file != ELO_OK) {
        return file;
    }
    return err == ENOMEM ? ELO_ENOMEM : other;
}


/* ---- writing ---- */

static la_ssize_t
put_bytes(struct archive *a, void *ctx, const void *p, size_t len)
{
    elo_tar_writer_t *w = ctx;

    (void) a;
    if (w->err == ELO_OK) {
        w->err = elo_target_write(&w->target, elo_slice(p, len));
    }
    /* a writer that has failed can't be freed without a leak: see w->err */
    return (la_ssize_t) len;
}


elo_err_t
elo_tar_create(const char *path, elo_tar_writer_t **out)
{
    elo_tar_writer_t *w = calloc(1, sizeof(*w));
    elo_err_t rc;

    if (w == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_target_open(path, &w->target)) != ELO_OK) {
        free(w);
        return rc;
    }
    if ((w->a = archive_write_new()) == NULL) {
        elo_tar_free(&w);
        return ELO_ENOMEM;
    }
    if (archive_write_set_format_pax_restricted(w->a) != ARCHIVE_OK
        || archive_write_set_bytes_in_last_block(w->a, 1) != ARCHIVE_OK
        || archive_write_open(w->a, w, NULL, put_bytes, NULL) != ARCHIVE_OK)
    {
        rc = result(w->a, w->err, ELO_EINTERNAL);
        elo_tar_free(&w);
        return rc;
    }
    *out = w;
    return ELO_OK;
}


elo_err_t
elo_tar_begin(elo_tar_writer_t *w, const char *name, uint64_t size,
              int64_t mtime)
{
    struct archive_entry *e = archive_entry_new2(w->a);
    int rc;

    if (e == NULL || size > INT64_MAX) {
        archive_entry_free(e);
        return e == NULL ? ELO_ENOMEM : ELO_ETOOBIG;
    }
    archive_entry_set_pathname(e, name);
    archive_entry_set_size(e, (la_int64_t) size);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, FILE_MODE);
    archive_entry_set_mtime(e, (time_t) mtime, 0);
    rc = archive_write_header(w->a, e);
    archive_entry_free(e);
    return rc == ARCHIVE_OK ? w->err : result(w->a, w->err, ELO_EINTERNAL);
}


elo_err_t
elo_tar_write(elo_tar_writer_t *w, elo_slice_t bytes)
{
    la_ssize_t n = archive_write_data(w->a, bytes.p, bytes.len);

    return n == (la_ssize_t) bytes.len
               ? w->err
               : result(w->a, w->err, n < 0 ? ELO_EINTERNAL : ELO_ETOOBIG);
}


elo_err_t
elo_tar_commit(elo_tar_writer_t *w)
{
    if (archive_write_close(w->a) != ARCHIVE_OK || w->err != ELO_OK) {
        return result(w->a, w->err, ELO_EINTERNAL);
    }
    return elo_target_commit(&w->target);
}


void
elo_tar_free(elo_tar_writer_t **wp)
{
    elo_tar_writer_t *w = *wp;

    *wp = NULL;
    if (w == NULL) {
        return;
    }
    if (w->a != NULL) {
        w->err = w->err == ELO_OK ? ECANCELED : w->err;
        archive_write_free(w->a);
    }
    elo_target_abort(&w->target);
    free(w);
}


/* ---- reading ---- */

static la_ssize_t
take_bytes(struct archive *a, void *ctx, const void **p)
{
    elo_tar_reader_t *r = ctx;
    size_t n = 0;

    r->err = elo_source_read(&r->source, r->piece, sizeof(r->piece), &n);
    if (r->err != ELO_OK) {
        archive_set_error(a, EIO, "read");
        return -1;
    }
    *p = r->piece;
    return (la_ssize_t) n;
}


elo_err_t
elo_tar_open(const char *path, elo_tar_reader_t **out)
{
    elo_tar_reader_t *r = calloc(1, sizeof(*r));
    elo_err_t rc;

    if (r == NULL) {
        return ELO_ENOMEM;
    }
    r->source.fd = -1;
    if ((rc = elo_source_open(path, &r->source)) != ELO_OK) {
        free(r);
        return rc;
    }
    if ((r->a = archive_read_new()) == NULL) {
        elo_tar_close(&r);
        return ELO_ENOMEM;
    }
    /* ARCHIVE_WARN: by another program, which isn't wanted */
    if (archive_read_support_format_tar(r->a) != ARCHIVE_OK
        || archive_read_support_filter_gzip(r->a) != ARCHIVE_OK
        || archive_read_support_filter_zstd(r->a) != ARCHIVE_OK
        || archive_read_open(r->a, r, NULL, take_bytes, NULL) != ARCHIVE_OK)
    {
        rc = result(r->a, r->err, ELO_ECORRUPT);
        elo_tar_close(&r);
        return rc;
    }
    *out = r;
    return ELO_OK;
}


void
elo_tar_close(elo_tar_reader_t **rp)
{
    elo_tar_reader_t *r = *rp;

    *rp = NULL;
    if (r == NULL) {
        return;
    }
    if (r->a != NULL) {
        archive_read_free(r->a);
    }
    elo_source_close(&r->source);
    free(r);
}


elo_err_t
elo_tar_next(elo_tar_reader_t *r, const char **name, uint64_t *size)
{
    struct archive_entry *e;
    la_int64_t len;
    int rc;

    do {
        rc = archive_read_next_header(r->a, &e);
        if (rc == ARCHIVE_EOF) {
            return ELO_ENOTFOUND;
        }
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
            return result(r->a, r->err, ELO_ECORRUPT);
        }
    } while (archive_entry_filetype(e) != AE_IFREG
             || archive_entry_hardlink(e) != NULL
             || archive_entry_pathname(e) == NULL);
    len = archive_entry_size(e);
    if (len < 0) {
        return ELO_ECORRUPT;
    }
    *name = archive_entry_pathname(e);
    *size = (uint64_t) len;
    return ELO_OK;
}


elo_err_t
elo_tar_read(elo_tar_reader_t *r, uint8_t *p, size_t max, size_t *n)
{
    la_ssize_t len = archive_read_data(r->a, p, max);

    if (len < 0) {
        return result(r->a, r->err, ELO_ECORRUPT);
    }
    *n = (size_t) len;
    return ELO_OK;
}
