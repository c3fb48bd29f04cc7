/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim pin, unpin: a pinned blob is kept, whatever refers to it. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"

#define TARGET_MAX 256


static elo_exit_t
pin_one(elo_cli_t *cli, const char *operand, bool is_pinned,
        elo_json_writer_t *w)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = is_pinned ? "PUT" : "DELETE",
                      .target = target };
    elo_name_t name;
    elo_buf_t answer;
    elo_exit_t status = elo_call_name(cli, operand, &name);

    if (status != ELO_EXIT_OK) {
        return status;
    }
    if (name.kind != ELO_NAME_ADDR) {
        return elo_out_usage(cli, "\"%s\" is no blob's address", operand);
    }
    ask.what = name.text;
    snprintf(target, sizeof(target), "/api/blob/%s/pin", name.text);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask(cli, &ask, &answer);
    elo_buf_dispose(&answer);
    if (status == ELO_EXIT_OK) {
        elo_json_put_cstr(w, NULL, name.text);
        elo_out_line(cli, "%s %s", is_pinned ? "pinned" : "unpinned",
                     name.text);
    }
    return status;
}


static elo_exit_t
pin_all(elo_cli_t *cli, bool is_pinned)
{
    elo_exit_t status = ELO_EXIT_OK;
    elo_json_writer_t w;
    elo_buf_t doc;

    elo_buf_init(&doc, ELO_CALL_JSON_MAX);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_array(&w, is_pinned ? "pinned" : "unpinned");
    for (unsigned i = 0; i < cli->args.n_operands && status == ELO_EXIT_OK; i++)
    {
        status = pin_one(cli, cli->args.operands[i], is_pinned, &w);
    }
    elo_json_end_array(&w);
    elo_json_end_object(&w);
    elo_out_json(cli, elo_buf_slice(&doc));
    elo_buf_dispose(&doc);
    return status;
}


static elo_exit_t
run_pin(elo_cli_t *cli)
{
    return pin_all(cli, true);
}


static elo_exit_t
run_unpin(elo_cli_t *cli)
{
    return pin_all(cli, false);
}

const elo_cmd_t elo_cmd_pin = {
    .name = "pin",
    .operands = "ADDR…",
    .summary = "keep blobs, whatever refers to them",
    .details = "A pinned blob is neither collected nor removed.\n",
    .min_operands = 1,
    .max_operands = ~0u,
    .run = run_pin,
};

const elo_cmd_t elo_cmd_unpin = {
    .name = "unpin",
    .operands = "ADDR…",
    .summary = "take pins away",
    .min_operands = 1,
    .max_operands = ~0u,
    .run = run_unpin,
};
