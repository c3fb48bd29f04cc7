/* SPDX-License-Identifier: BSD-2-Clause */
/* options_internal: the option table as data, for options.c (reading) and
   options_print.c (help and documents). */
#ifndef ELO_DAEMON_OPTIONS_INTERNAL_H
#define ELO_DAEMON_OPTIONS_INTERNAL_H

#include <stddef.h>

#include "backend/daemon/options.h"

typedef enum {
    ELO_KIND_TEXT,
    ELO_KIND_NUMBER,
    ELO_KIND_SIZE,
    ELO_KIND_TIME,
    ELO_KIND_MODE,
    ELO_KIND_LEVEL,
    ELO_KIND_FLAG
} elo_kind_t;

typedef enum { ELO_WHEN_RELOAD, ELO_WHEN_RESTART } elo_when_t;

typedef struct {
    const char *name;
    elo_kind_t kind;
    size_t off; /* of the field in elo_options_t */
    const char *def;
    uint64_t least;
    uint64_t most;
    elo_when_t when;
    const char *help;
} elo_option_row_t;

enum {
#define ELO_OPTION(name, kind, def, least, most, when, help) ELO_ROW_##name,
#include "backend/daemon/options.def"
#undef ELO_OPTION
    ELO_OPTION_ROWS
};

extern const elo_option_row_t elo_option_rows[ELO_OPTION_ROWS];

#endif
