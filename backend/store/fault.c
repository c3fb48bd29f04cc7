/* SPDX-License-Identifier: BSD-2-Clause */
/* fault: what an error of the system means for the store (S7). A full disk is
   weather: the write fails and the store goes on. An I/O error, or a sync that
   failed, leaves unknown what is on disk: no further write until a reopen, which
   reads what is really there. */
#include "backend/store/store_internal.h"

#include <errno.h>

#include "backend/os/log.h"
#include "common/base/num.h"


static void
set_readonly(elo_store_t *s, elo_err_t rc, const char *what)
{
    if (!elo_store_is_readonly(s)) {
        elo_log(ELO_LOG_CRIT, "store is read-only: %s failed: %s", what,
                elo_strerror(rc));
        if (s->kv != NULL) {
            elo_kv_set_readonly(s->kv);
        }
    }
}


elo_err_t
elo_store_fail(elo_store_t *s, elo_err_t rc, const char *what)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
        return ELO_ENOSPC;
    case EFBIG:
        return ELO_ETOOBIG;
    case ENOMEM:
        return ELO_ENOMEM;
    case EIO:
    case EROFS:
    case EUCLEAN:
    case ESTALE:
    case ENODEV:
    case ENXIO:
        set_readonly(s, rc, what);
        return ELO_EREADONLY;
    default:
        return rc;
    }
}


elo_err_t
elo_store_fail_sync(elo_store_t *s, elo_err_t rc, const char *what)
{
    if (rc == ELO_OK) {
        return ELO_OK;
    }
    set_readonly(s, rc, what);
    return ELO_EREADONLY;
}


elo_err_t
elo_space_check(elo_store_t *s, uint64_t want)
{
    uint64_t have, need;
    elo_err_t rc = s->vfs->free_space(s->vfs, s->root_fd, &have);

    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "statvfs");
    }
    if (!elo_add_u64(want, s->min_free, &need) || have < need) {
        return ELO_ENOSPC;
    }
    return ELO_OK;
}
