/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: a second store directory with what an open one holds, while it goes on
   taking writes. Everything that was acknowledged before the call is in it. What
   never changes any more (segments that are sealed, files of blobs) gets a second
   name there where the file system allows it, else it is copied.

   A directory with a file "incomplete" is a backup that was interrupted: no daemon
   starts on it. That file goes last, when everything else is durable. */
#ifndef ELO_STORE_BACKUP_H
#define ELO_STORE_BACKUP_H

#include <stdatomic.h>

#include "backend/store/store.h"

#define ELO_BACKUP_MARK "incomplete"

typedef struct {
    uint64_t segments;
    uint64_t files;  /* of blobs, media indexes and uploads */
    uint64_t linked; /* of both, that share their bytes with the store */
    uint64_t bytes;  /* copied */
    bool has_keyring;
} elo_backup_t;

/* [work] dir: made when only its last component is missing; ELO_EEXISTS when it
   isn't empty, or would be in the store. may_link: else all is copied. ELO_EINVAL: no
   absolute path. On failure the directory stays as it is, marked.

   must_end: any thread may set it, and then this ends soon with ECANCELED; it is
   looked at before each file and each piece (1 MiB) of one. The call waits for a
   file's sync all the same. NULL: nobody ends it. */
elo_err_t elo_store_backup(elo_store_t *s, const char *dir, bool may_link,
                           atomic_bool *must_end,
                           elo_backup_t *out) ELO_MUST_USE;

#endif
