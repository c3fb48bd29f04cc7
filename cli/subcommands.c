/* SPDX-License-Identifier: BSD-2-Clause */
/* subcommands: the table of verbs. */
#include "cli/subcommands.h"

#include <stddef.h>

const elo_cmd_t *const elo_subcommands[] = {
    &elo_cmd_put,     &elo_cmd_get,      &elo_cmd_stat,  &elo_cmd_ls,
    &elo_cmd_publish, &elo_cmd_rm,       &elo_cmd_pin,   &elo_cmd_unpin,
    &elo_cmd_queue,   &elo_cmd_fallback, &elo_cmd_cache, &elo_cmd_key,
    &elo_cmd_login,   &elo_cmd_agent,    &elo_cmd_log,   &elo_cmd_audit,
    &elo_cmd_explain, &elo_cmd_sign_url, &elo_cmd_fsck,  &elo_cmd_backup,
    &elo_cmd_export,  &elo_cmd_import,   &elo_cmd_bulk,  &elo_cmd_media,
    &elo_cmd_health,  &elo_cmd_version,  NULL,
};
