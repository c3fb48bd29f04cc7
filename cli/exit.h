/* SPDX-License-Identifier: BSD-2-Clause */
/* exit: what the program's exit status says. Scripts read these numbers. */
#ifndef ELO_CLI_EXIT_H
#define ELO_CLI_EXIT_H

#include "common/base/err.h"

typedef enum {
    ELO_EXIT_OK = 0,
    ELO_EXIT_FAILED = 1,
    ELO_EXIT_USAGE = 2,
    ELO_EXIT_NOTFOUND = 3,
    ELO_EXIT_AWAY = 4,     /* no daemon at the socket, or it broke off */
    ELO_EXIT_CONFLICT = 5, /* hash mismatch, in use, changed meanwhile */
    ELO_EXIT_NOSPACE = 6
} elo_exit_t;

/* The text of --help about exit status; several lines, ends with one. */
extern const char elo_exit_help[];

/* For an HTTP status that isn't 2xx. */
elo_exit_t elo_exit_of_status(int status);

/* For an error on this side: of files or of the transport. */
elo_exit_t elo_exit_of_err(elo_err_t err);

#endif
