/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim explain: may this agent do that with a content, and why? */
#include <stdio.h>

#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/auth/agent_text.h"

#define TARGET_MAX 1024u
#define WHY_MAX    64u

#define TEXT(s) (int) (s).len, (const char *) (s).p


static void
print_reason(const elo_cli_t *cli, const elo_json_t *r)
{
    elo_slice_t fact = elo_member_str(r, "fact");
    elo_slice_t record = elo_member_str(r, "record");
    elo_slice_t kind = elo_member_str(r, "kind");
    elo_slice_t author = elo_member_str(r, "author");
    uint64_t until = elo_member_u64(r, "until");
    elo_buf_t end;

    elo_buf_init(&end, WHY_MAX);
    if (until != 0) {
        elo_buf_put_str(&end, ", until ");
        elo_time_text(&end, (int64_t) until);
    }
    if (author.len > 0) {
        elo_out_line(cli, "  %-10.*s  %.*s %.*s of %.*s%s", TEXT(fact),
                     TEXT(kind), TEXT(record), TEXT(author),
                     elo_buf_cstr(&end));
    } else if (record.len > 0) {
        elo_out_line(cli, "  %-10.*s  record %.*s", TEXT(fact), TEXT(record));
    } else {
        elo_out_line(cli, "  %-10.*s  by itself%s", TEXT(fact),
                     elo_buf_cstr(&end));
    }
    elo_buf_dispose(&end);
}


static void
print(const elo_cli_t *cli, const elo_json_t *j, const char *op)
{
    const elo_json_t *reasons = elo_json_get(j, "reasons");
    elo_slice_t rule = elo_member_str(j, "rule");
    elo_slice_t reach = elo_member_str(j, "reach");
    elo_slice_t stage = elo_member_str(j, "stage");
    elo_slice_t ceiling = elo_member_str(j, "ceiling");
    elo_slice_t owner = elo_member_str(j, "owner");
    bool is_allowed = false, is_audited = false;

    elo_ignore(!elo_json_bool(elo_json_get(j, "allowed"), &is_allowed));
    elo_ignore(!elo_json_bool(elo_json_get(j, "audited"), &is_audited));
    elo_out_line(cli, "%s %s: %.*s%s", is_allowed ? "may" : "may not", op,
                 TEXT(rule), is_audited ? " (each use is written down)" : "");
    if (reach.len > 0) {
        elo_out_line(cli, "  %-10s  %.*s, %.*s", "reach", TEXT(reach),
                     TEXT(stage));
        elo_out_line(cli, "  %-10s  %.*s", "owned by", TEXT(owner));
    }
    if (!elo_slice_eq(ceiling, ELO_SLICE("commons"))) {
        elo_out_line(cli, "  %-10s  %.*s", "ceiling", TEXT(ceiling));
    }
    for (size_t i = 0; i < elo_json_len(reasons); i++) {
        print_reason(cli, elo_json_at(reasons, i));
    }
}


static elo_exit_t
ask(elo_cli_t *cli, const char *agent, const char *content)
{
    const char *op = elo_args_get(&cli->args, "op");
    const char *ceiling = elo_args_get(&cli->args, "ceiling");
    elo_ask_t a = { .method = "GET", .what = content };
    elo_json_t *j = NULL;
    elo_buf_t target, b;
    elo_exit_t status;

    op = op != NULL ? op : "read";
    elo_buf_init(&target, TARGET_MAX);
    elo_buf_put_str(&target, "/api/explain?op=");
    elo_query_escape(&target, elo_slice_str(op));
    if (agent != NULL) {
        elo_buf_put_str(&target, "&agent=");
        elo_query_escape(&target, elo_slice_str(agent));
    }
    if (content != NULL) {
        elo_buf_put_str(&target, "&content=");
        elo_query_escape(&target, elo_slice_str(content));
    }
    if (ceiling != NULL) {
        elo_buf_put_str(&target, "&ceiling=");
        elo_query_escape(&target, elo_slice_str(ceiling));
    }
    if (elo_buf_err(&target) != ELO_OK) {
        elo_buf_dispose(&target);
        return elo_out_usage(cli, "that is too long");
    }
    a.target = elo_buf_cstr(&target);
    a.what = content != NULL ? content : op;
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &a, &b, &j);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_slice_trim(elo_buf_slice(&b)));
        print(cli, j, op);
    }
    elo_json_free(&j);
    elo_buf_dispose(&b);
    elo_buf_dispose(&target);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *agent = cli->args.operands[0];
    const char *content =
        cli->args.n_operands > 1 ? cli->args.operands[1] : NULL;
    elo_agent_t unused;
    elo_name_t name;
    elo_exit_t status;

    if (strcmp(agent, "anonymous") == 0) {
        agent = NULL;
    } else if (elo_agent_text_parse(elo_slice_str(agent), &unused) != ELO_OK) {
        return elo_out_usage(cli, "\"%s\" is no agent, nor \"anonymous\"",
                             agent);
    }
    if (content != NULL
        && (status = elo_call_name(cli, content, &name)) != ELO_EXIT_OK)
    {
        return status;
    }
    return ask(cli, agent, content);
}

static const elo_opt_t opts[] = {
    { "op", 0, "OP", "read (the default), upload, change, purge or manage" },
    { "ceiling", 0, "REACH", "as if his token were for that reach at most" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_explain = {
    .name = "explain",
    .operands = "AGENT|anonymous [CONTENT]",
    .summary = "may an agent do that, and why",
    .details =
        "First the verdict with the rule that decides, then what is known of "
        "the content and\nof the agent, each with the record that it stands "
        "on (elohim log show). To upload or\nmanage needs no CONTENT.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
