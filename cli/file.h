/* SPDX-License-Identifier: BSD-2-Clause */
/* file: the files that the program reads and writes. A written file appears
   under its name only when it is whole. Blocking. */
#ifndef ELO_CLI_FILE_H
#define ELO_CLI_FILE_H

#include <stdbool.h>

#include "common/base/cid.h"
#include "common/base/err.h"

/* ---- reading ---- */

typedef struct {
    int fd;
    int64_t size; /* -1: unknown (a pipe) */
} elo_source_t;

/* path "-" is standard input. A folder is EISDIR. */
elo_err_t elo_source_open(const char *path, elo_source_t *out) ELO_MUST_USE;
void elo_source_close(elo_source_t *s);

/* At most max bytes to p; *n = 0 at the end. */
elo_err_t elo_source_read(elo_source_t *s, uint8_t *p, size_t max,
                          size_t *n) ELO_MUST_USE;

/* SHA-256 of a file from its start; then the file is at its start again. A pipe
   can't be read twice: ELO_EUNSUPPORTED. step (may be NULL) hears of progress:
   bytes read so far. */
elo_err_t elo_source_hash(elo_source_t *s, elo_digest_t *out,
                          void (*step)(void *ctx, uint64_t done),
                          void *ctx) ELO_MUST_USE;

/* ---- writing ---- */

typedef struct {
    int fd;
    char *temp; /* NULL: written directly (a pipe, a device, "-") */
    char *path;
} elo_target_t;

/* path "-" is standard output. A regular or missing file is written beside its
   name and renamed at the end; anything else is written directly. */
elo_err_t elo_target_open(const char *path, elo_target_t *out) ELO_MUST_USE;

elo_err_t elo_target_write(elo_target_t *t, elo_slice_t bytes) ELO_MUST_USE;

/* Syncs and gives the file its name. Ends *t whatever the result. */
elo_err_t elo_target_commit(elo_target_t *t) ELO_MUST_USE;

/* Leaves no new file behind. Safe after commit. */
void elo_target_abort(elo_target_t *t);

/* Removes a target that is being written when SIGINT, SIGTERM or SIGHUP ends the
   program. */
void elo_file_on_signals(void);

#endif
