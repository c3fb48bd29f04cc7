/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim: the operator's hands. Talks to elohimd over its unix socket; every
   verb is a file of its own (cmd_*.c), the table of verbs is subcommands.c. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/file.h"
#include "cli/out.h"
#include "cli/subcommands.h"

#define DEFAULT_SOCKET "/run/elohim/elohimd.sock"
#define HELP_MAX       (64u << 10)


static int
print_help(const elo_cmd_t *cmd)
{
    elo_buf_t b;

    elo_buf_init(&b, HELP_MAX);
    elo_args_help(cmd, elo_subcommands, &b);
    fputs(elo_buf_cstr(&b), stdout);
    elo_buf_dispose(&b);
    return ELO_EXIT_OK;
}


static void
settle(elo_cli_t *cli)
{
    const char *env = getenv("ELOHIM_SOCKET");
    const char *given = elo_args_get(&cli->args, "socket");

    cli->socket = given != NULL                   ? given
                  : env != NULL && env[0] != '\0' ? env
                                                  : DEFAULT_SOCKET;
    cli->json = elo_args_has(&cli->args, "json");
    cli->quiet = elo_args_has(&cli->args, "quiet");
    cli->progress = elo_args_has(&cli->args, "progress")
                    || (elo_out_is_tty(true) && !cli->json && !cli->quiet);
}


static int
run(elo_cli_t *cli, elo_err_t parsed, elo_buf_t *why)
{
    const elo_args_t *args = &cli->args;

    if (parsed == ELO_ENOMEM) {
        return elo_out_failed(cli, "command line", parsed);
    }
    if (parsed != ELO_OK) {
        return elo_out_usage(cli, "%s", elo_buf_cstr(why));
    }
    if (elo_args_has(args, "help")) {
        return print_help(args->cmd);
    }
    if (elo_args_has(args, "version")) {
        puts("elohim " ELO_VERSION);
        return ELO_EXIT_OK;
    }
    if (args->cmd == NULL) {
        return elo_out_usage(cli, "say what to do");
    }
    if (elo_args_check(args, why) != ELO_OK) {
        return elo_out_usage(cli, "%s", elo_buf_cstr(why));
    }
    return args->cmd->run(cli);
}


int
main(int argc, char **argv)
{
    elo_cli_t cli = { 0 };
    elo_buf_t why;
    int status, end;

    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN); /* a broken pipe is an error to tell of */
    elo_file_on_signals();
    elo_buf_init(&why, HELP_MAX);
    elo_err_t parsed =
        elo_args_parse(argc, argv, elo_subcommands, &cli.args, &why);
    settle(&cli);
    status = run(&cli, parsed, &why);
    end = elo_out_end(&cli);
    elo_client_close(&cli.client);
    elo_args_dispose(&cli.args);
    elo_buf_dispose(&why);
    return status != ELO_EXIT_OK ? status : end;
}
