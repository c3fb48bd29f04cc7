/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim rm: removes a content node, or a blob that no node refers to. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"

#define TARGET_MAX 256


static elo_exit_t
run(elo_cli_t *cli)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "DELETE", .target = target };
    elo_json_writer_t w;
    elo_name_t name;
    elo_buf_t b;
    bool is_all = elo_args_has(&cli->args, "all");
    elo_exit_t status = elo_call_name(cli, cli->args.operands[0], &name);

    if (status != ELO_EXIT_OK) {
        return status;
    }
    ask.what = name.text;
    if (is_all && name.kind != ELO_NAME_ADDR) {
        return elo_out_usage(cli, "--all: \"%s\" is no blob's address",
                             name.text);
    }
    snprintf(target, sizeof(target), "/api/%s/%s%s",
             name.kind == ELO_NAME_ADDR ? "blob" : "content", name.text,
             is_all ? "?all=1" : "");
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    status = elo_ask(cli, &ask, &b);
    if (status == ELO_EXIT_OK) {
        elo_buf_clear(&b);
        elo_json_writer_init(&w, &b);
        elo_json_put_object(&w, NULL);
        elo_json_put_cstr(&w, "removed", name.text);
        elo_json_end_object(&w);
        elo_out_json(cli, elo_buf_slice(&b));
        elo_out_line(cli, "removed %s", name.text);
    }
    elo_buf_dispose(&b);
    return status;
}

static const elo_opt_t opts[] = {
    { "all", 'a', NULL, "a blob: also what agents have of it" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_rm = {
    .name = "rm",
    .operands = "ADDR|ID",
    .summary = "remove a blob, or a content node",
    .details =
        "A blob is removed from what the operator has put in; it stays "
        "while an agent has\nit too. A blob that content refers to stays "
        "(status 5). Removing a "
        "content node leaves\nits blobs, which nobody can read through "
        "it any more.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
