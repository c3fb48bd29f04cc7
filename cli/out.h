/* SPDX-License-Identifier: BSD-2-Clause */
/* out: what the program prints: lines for people, one JSON document for scripts,
   errors for both, and progress. */
#ifndef ELO_CLI_OUT_H
#define ELO_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/net/http_client.h"
#include "cli/args.h"
#include "cli/exit.h"

/* One run of the program. */
struct elo_cli_s {
    elo_args_t args;
    const char *socket; /* borrowed */
    bool json;
    bool quiet;
    bool progress;        /* tell of long steps on standard error */
    elo_client_t *client; /* NULL until the first question */
};

/* A line on standard output, for people: nothing with --json or --quiet. */
void elo_out_line(const elo_cli_t *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What is good to know beside the result, on standard error: whoever takes the output
   into a script doesn't get it. */
void elo_out_note(const elo_cli_t *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The document on standard output with --json, unless --quiet. */
void elo_out_json(const elo_cli_t *cli, elo_slice_t doc);

typedef struct {
    elo_exit_t exit;
    const char *code;   /* machine code, "USAGE" */
    const char *detail; /* what is wrong and what to do, one sentence */
    elo_slice_t field;  /* of the request's body; may be empty */
    int status;         /* HTTP, 0: none */
} elo_complaint_t;

/* One line (or one JSON document) on standard error; returns c->exit. */
elo_exit_t elo_out_complain(const elo_cli_t *cli, const elo_complaint_t *c);

/* The same for a usage error. */
elo_exit_t elo_out_usage(const elo_cli_t *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for an error on this side, of a file say: "what: text". */
elo_exit_t elo_out_failed(const elo_cli_t *cli, const char *what,
                          elo_err_t err);

/* Flushes standard output; ELO_EXIT_FAILED when a write has failed. */
elo_exit_t elo_out_end(const elo_cli_t *cli);

/* True when standard error, or output, is a terminal. */
bool elo_out_is_tty(bool is_stderr);

/* ---- progress of one long step ---- */

typedef struct {
    const elo_cli_t *cli;
    const char *label;
    int64_t total; /* -1: unknown */
    uint64_t began_ms;
    uint64_t drawn_ms;
    int tenth; /* last printed, where there is no terminal */
    bool is_tty;
    bool drawn;
} elo_progress_t;

void elo_progress_begin(elo_progress_t *p, const elo_cli_t *cli,
                        const char *label, int64_t total);
void elo_progress_step(elo_progress_t *p, uint64_t done);
/* Removes the bar, so that a line can follow. */
void elo_progress_end(elo_progress_t *p);

#endif
