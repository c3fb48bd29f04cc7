/* SPDX-License-Identifier: BSD-2-Clause */
/* tar: archives as they are written (pax) and read (any tar, also compressed by
   gzip or zstd). The one door to libarchive. Blocking. */
#ifndef ELO_CLI_TAR_H
#define ELO_CLI_TAR_H

#include "cli/file.h"
#include "common/base/slice.h"

/* ---- writing ---- */

typedef struct elo_tar_writer_s elo_tar_writer_t;

/* path as elo_target_open has it: the file is there when it is whole. */
elo_err_t elo_tar_create(const char *path, elo_tar_writer_t **out) ELO_MUST_USE;

/* Begins a file of exactly size bytes, which follow by elo_tar_write. */
elo_err_t elo_tar_begin(elo_tar_writer_t *w, const char *name, uint64_t size,
                        int64_t mtime) ELO_MUST_USE;
elo_err_t elo_tar_write(elo_tar_writer_t *w, elo_slice_t bytes) ELO_MUST_USE;

/* The end of the archive; durable. Then elo_tar_free, as after any failure, which
   leaves no file behind. */
elo_err_t elo_tar_commit(elo_tar_writer_t *w) ELO_MUST_USE;
void elo_tar_free(elo_tar_writer_t **w);

/* ---- reading ---- */

typedef struct elo_tar_reader_s elo_tar_reader_t;

elo_err_t elo_tar_open(const char *path, elo_tar_reader_t **out) ELO_MUST_USE;
void elo_tar_close(elo_tar_reader_t **r);

/* The next file; what isn't one (directories, links, devices) is passed over.
   name is borrowed until the next call. ELO_ENOTFOUND at the end; ELO_ECORRUPT: no
   archive, or one that is cut off. */
elo_err_t elo_tar_next(elo_tar_reader_t *r, const char **name,
                       uint64_t *size) ELO_MUST_USE;

/* At most max bytes of it; *n = 0 at its end. */
elo_err_t elo_tar_read(elo_tar_reader_t *r, uint8_t *p, size_t max,
                       size_t *n) ELO_MUST_USE;

#endif
