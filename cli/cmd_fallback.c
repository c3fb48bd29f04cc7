/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim fallback: the URLs that blobs are fetched from which aren't held here, how they
   do, and which contents are about to be lost. */
#include "cli/call.h"
#include "cli/subcommands.h"

#define LINE_MAX 4096


static void
print_url(const elo_cli_t *cli, const elo_json_t *j)
{
    elo_slice_t state = elo_member_str(j, "state");
    elo_slice_t next = elo_member_str(j, "nextAt");
    elo_buf_t url, why;

    elo_buf_init(&url, LINE_MAX);
    elo_buf_init(&why, LINE_MAX);
    elo_plain_text(&url, elo_member_str(j, "url"));
    elo_plain_text(&why, elo_member_str(j, "why"));
    if (next.len == 0) {
        next = ELO_SLICE("now");
    }
    elo_out_line(cli, "%-4.*s  %4llu  %3llu  %-20.*s  %s  %s", (int) state.len,
                 (const char *) state.p,
                 (unsigned long long) elo_member_u64(j, "failures"),
                 (unsigned long long) elo_member_u64(j, "status"),
                 (int) next.len, (const char *) next.p, elo_buf_cstr(&url),
                 elo_buf_cstr(&why));
    elo_buf_dispose(&why);
    elo_buf_dispose(&url);
}


static void
print_content(const elo_cli_t *cli, const elo_json_t *j)
{
    elo_slice_t id = elo_member_str(j, "id");
    elo_slice_t hash = elo_member_str(j, "hash");

    elo_out_line(cli, "endangered  %llu of %llu  %.*s  %.*s",
                 (unsigned long long) elo_member_u64(j, "live"),
                 (unsigned long long) elo_member_u64(j, "urls"), (int) id.len,
                 (const char *) id.p, (int) hash.len, (const char *) hash.p);
}


static elo_exit_t
list(elo_cli_t *cli)
{
    elo_ask_t ask = { .method = "GET",
                      .target = "/api/fallback",
                      .what = "fallback" };
    const elo_json_t *urls, *contents;
    elo_json_t *doc = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &doc);
    if (status == ELO_EXIT_OK) {
        urls = elo_json_get(doc, "sources");
        contents = elo_json_get(doc, "endangered");
        elo_out_json(cli, elo_slice_trim(elo_buf_slice(&answer)));
        for (size_t i = 0; i < elo_json_len(urls); i++) {
            print_url(cli, elo_json_at(urls, i));
        }
        for (size_t i = 0; i < elo_json_len(contents); i++) {
            print_content(cli, elo_json_at(contents, i));
        }
    }
    elo_json_free(&doc);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
probe(elo_cli_t *cli)
{
    elo_ask_t ask = { .method = "POST",
                      .target = "/api/fallback",
                      .what = "fallback" };
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask(cli, &ask, &answer);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, ELO_SLICE("{\"probing\":true}"));
        elo_out_line(cli, "all of them are being looked at");
    }
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *what = cli->args.operands[0];

    if (strcmp(what, "ls") == 0) {
        return list(cli);
    }
    return strcmp(what, "probe") == 0
               ? probe(cli)
               : elo_out_usage(cli, "fallback knows ls and probe");
}


static const elo_opt_t opts[] = {
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_fallback = {
    .name = "fallback",
    .operands = "ls | probe",
    .summary = "URLs of contents whose blobs live elsewhere",
    .details =
        "ls lists the URLs that were tried: live, dead, or bad (it gave "
        "other bytes),\nfailures in a row, last status, when it is "
        "tried again, why it failed; then the\ncontents of which at most "
        "one URL works. probe looks at all URLs now.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
