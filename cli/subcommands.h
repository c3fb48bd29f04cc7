/* SPDX-License-Identifier: BSD-2-Clause */
/* subcommands: every verb of the program, once. */
#ifndef ELO_CLI_SUBCOMMANDS_H
#define ELO_CLI_SUBCOMMANDS_H

#include "cli/args.h"

extern const elo_cmd_t elo_cmd_put;
extern const elo_cmd_t elo_cmd_get;
extern const elo_cmd_t elo_cmd_stat;
extern const elo_cmd_t elo_cmd_ls;
extern const elo_cmd_t elo_cmd_publish;
extern const elo_cmd_t elo_cmd_rm;
extern const elo_cmd_t elo_cmd_key;
extern const elo_cmd_t elo_cmd_login;
extern const elo_cmd_t elo_cmd_agent;
extern const elo_cmd_t elo_cmd_log;
extern const elo_cmd_t elo_cmd_sign_url;
extern const elo_cmd_t elo_cmd_explain;
extern const elo_cmd_t elo_cmd_audit;
extern const elo_cmd_t elo_cmd_pin;
extern const elo_cmd_t elo_cmd_unpin;
extern const elo_cmd_t elo_cmd_queue;
extern const elo_cmd_t elo_cmd_fallback;
extern const elo_cmd_t elo_cmd_cache;
extern const elo_cmd_t elo_cmd_fsck;
extern const elo_cmd_t elo_cmd_backup;
extern const elo_cmd_t elo_cmd_export;
extern const elo_cmd_t elo_cmd_import;
extern const elo_cmd_t elo_cmd_bulk;
extern const elo_cmd_t elo_cmd_media;
extern const elo_cmd_t elo_cmd_health;
extern const elo_cmd_t elo_cmd_version;

/* In the order of --help; ends with NULL. */
extern const elo_cmd_t *const elo_subcommands[];

#endif
