/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim health, elohim version: is the daemon there, and which one is it. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"

typedef struct {
    const elo_cli_t *cli;
} print_t;


static bool
print_member(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    const print_t *p = ctx;
    elo_json_writer_t w;
    elo_slice_t text;
    elo_buf_t b;

    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    if (elo_json_string(value, &text)) {
        elo_plain_text(&b, text);
    } else {
        elo_json_writer_init(&w, &b);
        elo_json_put_value(&w, NULL, value);
    }
    elo_out_line(p->cli, "%.*s: %s", (int) name.len, (const char *) name.p,
                 elo_buf_cstr(&b));
    elo_buf_dispose(&b);
    return true;
}


static elo_exit_t
show(elo_cli_t *cli, const char *target, bool with_client)
{
    elo_ask_t ask = { .method = "GET", .target = target, .what = target };
    elo_json_t *answer = NULL;
    elo_json_writer_t w;
    elo_buf_t b, doc;
    elo_exit_t status;

    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &b, &answer);
    if (status == ELO_EXIT_OK) {
        elo_buf_init(&doc, ELO_CALL_JSON_MAX);
        elo_json_writer_init(&w, &doc);
        if (with_client) {
            elo_json_put_object(&w, NULL);
            elo_json_put_cstr(&w, "client", ELO_VERSION);
            elo_json_put_value(&w, "daemon", answer);
            elo_json_end_object(&w);
            elo_out_line(cli, "client: %s", ELO_VERSION);
        } else {
            elo_json_put_value(&w, NULL, answer);
        }
        elo_out_json(cli, elo_buf_slice(&doc));
        elo_json_each(answer, print_member, &(print_t){ .cli = cli });
        elo_buf_dispose(&doc);
    }
    elo_json_free(&answer);
    elo_buf_dispose(&b);
    return status;
}


static elo_exit_t
run_health(elo_cli_t *cli)
{
    return show(cli, "/health", false);
}


static elo_exit_t
run_version(elo_cli_t *cli)
{
    return show(cli, "/version", true);
}

const elo_cmd_t elo_cmd_health = {
    .name = "health",
    .operands = "",
    .summary = "is the daemon there, and how is it",
    .run = run_health,
};

const elo_cmd_t elo_cmd_version = {
    .name = "version",
    .operands = "",
    .summary = "versions of this program and of the daemon",
    .run = run_version,
};
