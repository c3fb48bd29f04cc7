/* SPDX-License-Identifier: BSD-2-Clause */
/* offline: verbs that work on a store's directory itself, without its daemon. */
#ifndef ELO_CLI_OFFLINE_H
#define ELO_CLI_OFFLINE_H

#include "cli/out.h"

/* Run by root, the program goes on as the owner of dir, so that what it makes
   there is the daemon's. Before anything is opened; a dir that isn't there is left
   to whoever opens it. */
elo_err_t elo_offline_as_owner(const char *dir) ELO_MUST_USE;

#endif
