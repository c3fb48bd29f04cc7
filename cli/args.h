/* SPDX-License-Identifier: BSD-2-Clause */
/* args: the command line: global options, one verb, its options and operands.
   Pure: options come from tables, which also print --help. Global options may
   stand anywhere, a verb's own after it; "--" ends options; "-" is an operand.
   Everything borrows from argv. */
#ifndef ELO_CLI_ARGS_H
#define ELO_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/exit.h"
#include "common/base/buf.h"

typedef struct {
    const char *name;  /* without the dashes; NULL ends a table */
    char letter;       /* 0: no short form */
    const char *value; /* what it takes, for --help; NULL: a switch */
    const char *help;
} elo_opt_t;

typedef struct elo_cli_s elo_cli_t; /* a run of the program: cli/out.h */

/* A verb: its text, its options, how many operands it takes, and what it does. */
typedef struct {
    const char *name;
    const char *operands; /* for --help: "FILE…" */
    const char *summary;  /* one line */
    const char *details;  /* further lines of --help, or NULL */
    const elo_opt_t *opts;
    unsigned min_operands;
    unsigned max_operands;
    elo_exit_t (*run)(elo_cli_t *cli);
} elo_cmd_t;

typedef struct {
    const elo_opt_t *opt;
    const char *value; /* "" for a switch */
} elo_given_t;

typedef struct {
    const elo_cmd_t *cmd; /* NULL when no verb was given */
    const char **operands;
    unsigned n_operands;
    elo_given_t *given;
    unsigned n_given;
} elo_args_t;

extern const elo_opt_t elo_global_opts[];

/* Reads argv[1] to argv[argc - 1] against the NULL-ended table of verbs. On
   ELO_EINVAL why has a sentence for a person (and out->cmd the verb, if it was
   understood). Dispose of out whatever the result. */
elo_err_t elo_args_parse(int argc, char **argv, const elo_cmd_t *const *cmds,
                         elo_args_t *out, elo_buf_t *why) ELO_MUST_USE;
void elo_args_dispose(elo_args_t *a);

/* ELO_EINVAL, with the reason in why, when the verb's operands are too few or
   too many. Apart from parsing, for --help needs none. */
elo_err_t elo_args_check(const elo_args_t *a, elo_buf_t *why) ELO_MUST_USE;

/* Value of the option given last under that name; NULL when absent. */
const char *elo_args_get(const elo_args_t *a, const char *name);
bool elo_args_has(const elo_args_t *a, const char *name);

/* The i-th value (from 0) of an option that may be repeated; NULL past them. */
const char *elo_args_nth(const elo_args_t *a, const char *name, unsigned i);

/* Value of a decimal option within [min, max]; fallback when absent. */
elo_err_t elo_args_u64(const elo_args_t *a, const char *name, uint64_t fallback,
                       uint64_t min, uint64_t max, uint64_t *out,
                       elo_buf_t *why) ELO_MUST_USE;

/* Help of the program (cmd NULL), or of one verb. */
void elo_args_help(const elo_cmd_t *cmd, const elo_cmd_t *const *cmds,
                   elo_buf_t *out);

#endif
