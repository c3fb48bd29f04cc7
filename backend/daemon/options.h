/* SPDX-License-Identifier: BSD-2-Clause */
/* options: the settings of elohimd: one table (options.def), from which come the
   parser of file and command line, --help, conf/elohimd.conf and docs/config.md.
   The file has lines "key = value"; # begins a comment at the start of a line or
   after a blank. Command line: --key=value or --key value, dashes or underscores
   alike; it wins over the file, the file over the default. */
#ifndef ELO_DAEMON_OPTIONS_H
#define ELO_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

#define ELO_OPTIONS_FILE    "/etc/elohim/elohimd.conf" /* read when it exists */
#define ELO_OPTION_TEXT_MAX 4000

typedef struct {
    char p[ELO_OPTION_TEXT_MAX + 1];
} elo_option_text_t;

#define ELO_TYPE_TEXT   elo_option_text_t
#define ELO_TYPE_NUMBER uint64_t
#define ELO_TYPE_SIZE   uint64_t
#define ELO_TYPE_TIME   uint64_t
#define ELO_TYPE_MODE   uint64_t
#define ELO_TYPE_LEVEL  uint64_t
#define ELO_TYPE_FLAG   uint64_t

/* One field per row of the table, named as the option. */
typedef struct {
#define ELO_OPTION(name, kind, def, least, most, when, help)                   \
    ELO_TYPE_##kind name;
#include "backend/daemon/options.def"
#undef ELO_OPTION
} elo_options_t;

typedef enum {
    ELO_ACTION_RUN,
    ELO_ACTION_HELP,
    ELO_ACTION_VERSION,
    ELO_ACTION_CHECK,
    ELO_ACTION_DUMP_CONF,
    ELO_ACTION_DUMP_MD
} elo_action_t;

void elo_options_defaults(elo_options_t *o);

/* Applies the text of a configuration file to o. On ELO_EINVAL a sentence with
   file and line is appended to why. */
elo_err_t elo_options_parse(elo_options_t *o, elo_slice_t text,
                            const char *file, elo_buf_t *why) ELO_MUST_USE;

/* Defaults, then the file (that of --config, else ELO_OPTIONS_FILE if it
   exists), then the arguments. Errors as above. */
elo_err_t elo_options_load(int argc, char **argv, elo_options_t *out,
                           elo_action_t *action, elo_buf_t *why) ELO_MUST_USE;

/* Takes over into o what a reload can change, and appends to held, separated by
   blanks, the names of the options that differ but need a restart. True when
   something was taken over. */
bool elo_options_reload(elo_options_t *o, const elo_options_t *fresh,
                        elo_buf_t *held);

void elo_options_put_help(elo_buf_t *out);
void elo_options_put_conf(elo_buf_t *out);
void elo_options_put_markdown(elo_buf_t *out);

#endif
