/* SPDX-License-Identifier: BSD-2-Clause */
/* file: whole small files. Not the store's I/O. */
#ifndef ELO_OS_FILE_H
#define ELO_OS_FILE_H

#include "common/base/buf.h"

/* Appends what path holds to out. ELO_ETOOBIG when that is more than max bytes;
   EISDIR and the like when it is no file. */
elo_err_t elo_file_read(const char *path, size_t max,
                        elo_buf_t *out) ELO_MUST_USE;

#endif
