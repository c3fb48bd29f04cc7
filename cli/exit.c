/* SPDX-License-Identifier: BSD-2-Clause */
/* exit: from errors and HTTP statuses to exit statuses. Pure. */
#include "cli/exit.h"

#include <errno.h>

const char elo_exit_help[] =
    "Exit status:\n"
    "  0  done\n"
    "  1  failed\n"
    "  2  usage error\n"
    "  3  not found\n"
    "  4  the daemon cannot be reached\n"
    "  5  conflict: hash mismatch, in use, or changed meanwhile\n"
    "  6  no space left\n";


elo_exit_t
elo_exit_of_status(int status)
{
    switch (status) {
    case 404:
    case 410:
        return ELO_EXIT_NOTFOUND;
    case 409:
    case 412:
        return ELO_EXIT_CONFLICT;
    case 507:
        return ELO_EXIT_NOSPACE;
    default:
        return ELO_EXIT_FAILED;
    }
}


elo_exit_t
elo_exit_of_err(elo_err_t err)
{
    switch (err) {
    case ELO_OK:
        return ELO_EXIT_OK;
    case ELO_ENOTFOUND:
        return ELO_EXIT_NOTFOUND;
    case ELO_EUNAVAIL:
    case ELO_ECLOSED:
    case ELO_ETIMEDOUT:
        return ELO_EXIT_AWAY;
    case ELO_EHASH:
    case ELO_EEXISTS:
    case ELO_EPRECOND:
    case ELO_EBUSY:
        return ELO_EXIT_CONFLICT;
    case ELO_ENOSPC:
    case ENOSPC:
    case EDQUOT:
        return ELO_EXIT_NOSPACE;
    default:
        return ELO_EXIT_FAILED;
    }
}
