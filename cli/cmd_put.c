/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim put: files become blobs. The daemon hashes them while they arrive. */
#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/mime.h"
#include "cli/subcommands.h"
#include "common/auth/reach.h"

#define NAME_MAX_LEN (64u << 10)        /* longer than any path that opens */
#define DOC_MAX      ((size_t) 1 << 30) /* as many files as a command line takes */


static bool
is_durable(const elo_json_t *blob)
{
    return elo_slice_eq(elo_member_str(blob, "ack"), ELO_SLICE("durable"));
}


static elo_exit_t
put_one(elo_cli_t *cli, const char *path, const elo_digest_t *expect,
        elo_json_writer_t *w)
{
    const char *type = elo_args_get(&cli->args, "type");
    const char *label = strcmp(path, "-") == 0 ? "standard input" : path;
    elo_json_t *blob = NULL;
    elo_source_t source;
    elo_buf_t answer;
    elo_err_t rc = elo_source_open(path, &source);
    elo_exit_t status;

    if (rc != ELO_OK) {
        return elo_out_failed(cli, label, rc);
    }
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_upload(
        cli, &source,
        &(elo_upload_ask_t){ .label = label,
                             .type = type != NULL ? type : elo_mime_guess(path),
                             .reach = elo_args_get(&cli->args, "reach"),
                             .is_durable = elo_args_has(&cli->args, "durable"),
                             .expect = expect },
        &answer);
    elo_source_close(&source);
    if (status == ELO_EXIT_OK
        && elo_json_parse(elo_buf_slice(&answer), ELO_CALL_JSON_MAX, &blob,
                          NULL)
               != ELO_OK)
    {
        status = elo_out_failed(cli, label, ELO_EINTERNAL);
    }
    if (status == ELO_EXIT_OK) {
        elo_slice_t hash = elo_member_str(blob, "hash");
        bool existed = false;
        elo_buf_t name;

        elo_ignore(!elo_json_bool(elo_json_get(blob, "existed"), &existed));
        /* absent: a new one */
        elo_json_put_value(w, NULL, blob);
        elo_buf_init(&name, NAME_MAX_LEN);
        elo_plain_text(&name, elo_slice_str(path));
        elo_out_line(cli, "%.*s  %s%s%s", (int) hash.len, (const char *) hash.p,
                     elo_buf_cstr(&name), existed ? "  (was here already)" : "",
                     elo_args_has(&cli->args, "durable") && !is_durable(blob)
                         ? "  (not durable yet)"
                         : "");
        elo_buf_dispose(&name);
    }
    elo_json_free(&blob);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *expect = elo_args_get(&cli->args, "expect");
    const char *type = elo_args_get(&cli->args, "type");
    const char *reach = elo_args_get(&cli->args, "reach");
    elo_reach_t parsed;
    elo_exit_t status = ELO_EXIT_OK;
    elo_digest_t digest;
    elo_json_writer_t w;
    elo_buf_t doc;

    if (reach != NULL && !elo_reach_parse(elo_slice_str(reach), &parsed)) {
        return elo_out_usage(cli, "--reach must be private, invited, local, "
                                  "neighborhood, municipal, bioregional, "
                                  "regional or commons");
    }
    if (type != NULL && !elo_mime_ok(elo_slice_str(type))) {
        return elo_out_usage(cli, "--type must be a media type as video/mp4");
    }
    if (expect != NULL) {
        if (cli->args.n_operands != 1) {
            return elo_out_usage(cli, "--expect goes with one file");
        }
        if (elo_addr_parse(elo_slice_str(expect), &digest) != ELO_OK) {
            return elo_out_usage(cli, "--expect must be a blob's address");
        }
    }
    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_array(&w, "items");
    for (unsigned i = 0; i < cli->args.n_operands && status == ELO_EXIT_OK; i++)
    {
        status = put_one(cli, cli->args.operands[i],
                         expect != NULL ? &digest : NULL, &w);
    }
    elo_json_end_array(&w);
    elo_json_end_object(&w);
    elo_out_json(cli, elo_buf_slice(&doc));
    elo_buf_dispose(&doc);
    return status;
}


static const elo_opt_t opts[] = {
    { "type", 't', "MIME", "media type (default: by the file's name)" },
    { "reach", 0, "REACH",
      "who it is for, from private (the default) to commons (everyone); "
      "private, invited and local are encrypted at rest" },
    { "durable", 0, NULL,
      "wait until enough nodes hold it, but half a minute at most" },
    { "expect", 0, "ADDR", "refuse bytes that have another hash" },
    { "progress", 0, NULL, "tell of progress though there is no terminal" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_put = {
    .name = "put",
    .operands = "FILE…",
    .summary = "put files in and print their addresses",
    .details = "FILE - is standard input. A blob is seen by this socket alone "
               "until content\nrefers to it: see \"elohim publish\". The first "
               "failure ends it; what was put\nbefore that stays.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = ~0u,
    .run = run,
};
