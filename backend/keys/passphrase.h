/* SPDX-License-Identifier: BSD-2-Clause */
/* passphrase: a passphrase from a file, for a keyring or an export. */
#ifndef ELO_KEYS_PASSPHRASE_H
#define ELO_KEYS_PASSPHRASE_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_PASSPHRASE_MAX 1024u

typedef struct {
    elo_slice_t s; /* in secret memory; p NULL: none */
} elo_passphrase_t;

/* What the file holds, without the end of its line. Pipes and devices will do.
   ELO_EINVAL: nothing, more than one line, or a NUL; ELO_ETOOBIG; errno. The path
   may be logged, what it holds may not. */
elo_err_t elo_passphrase_read(const char *path,
                              elo_passphrase_t *out) ELO_MUST_USE;

/* Wipes it. Safe on a zero one. */
void elo_passphrase_dispose(elo_passphrase_t *p);

#endif
