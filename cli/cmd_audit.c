/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim audit: what grants and emergencies were used for, and what was refused. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/base/num.h"

#define PAGE       500u
#define TARGET_MAX 128
#define WHY_MAX    512u
#define DOC_MAX    ((size_t) 1 << 30)

#define TEXT(s) (int) (s).len, (const char *) (s).p

typedef struct {
    elo_cli_t *cli;
    elo_json_writer_t w;
    uint64_t left;
    uint64_t from;
    bool has_more;
} list_t;


static void
print_entry(const elo_cli_t *cli, const elo_json_t *e)
{
    elo_slice_t class = elo_member_str(e, "class");
    elo_slice_t rule = elo_member_str(e, "rule");
    elo_slice_t agent = elo_member_str(e, "agent");
    elo_slice_t owner = elo_member_str(e, "owner");
    elo_slice_t content = elo_member_str(e, "content");
    elo_slice_t record = elo_member_str(e, "record");
    elo_slice_t op = elo_member_str(e, "op");
    elo_slice_t via = elo_member_str(e, "via");
    elo_slice_t nobody = ELO_SLICE("-");
    elo_buf_t time;

    elo_buf_init(&time, WHY_MAX);
    elo_time_text(&time, (int64_t) elo_member_u64(e, "time"));
    elo_out_line(
        cli, "%6llu  %s  %llux  %.*s %.*s %.*s/%.*s  %.*s  of %.*s  %.*s  %.*s",
        (unsigned long long) elo_member_u64(e, "number"), elo_buf_cstr(&time),
        (unsigned long long) elo_member_u64(e, "count"), TEXT(class),
        TEXT(rule), TEXT(op), TEXT(via), TEXT(agent.len > 0 ? agent : nobody),
        TEXT(owner.len > 0 ? owner : nobody),
        TEXT(content.len > 0 ? content : nobody),
        TEXT(record.len > 0 ? record : nobody));
    elo_buf_dispose(&time);
}


/* ---- ls ---- */

static elo_exit_t
list_page(list_t *l)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = "audit" };
    const elo_json_t *items;
    elo_json_t *page = NULL;
    elo_exit_t status;
    elo_buf_t answer;
    uint64_t next;

    snprintf(target, sizeof(target), "/api/audit?limit=%u&from=%llu",
             (unsigned) ELO_MIN(l->left, (uint64_t) PAGE),
             (unsigned long long) l->from);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(l->cli, &ask, &answer, &page);
    items = elo_json_get(page, "items");
    for (size_t i = 0; i < elo_json_len(items) && l->left > 0; i++, l->left--) {
        elo_json_put_value(&l->w, NULL, elo_json_at(items, i));
        print_entry(l->cli, elo_json_at(items, i));
    }
    next = elo_member_u64(page, "next");
    l->has_more = next > l->from; /* one that stands still would never end */
    l->from = next;
    elo_json_free(&page);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
list(list_t *l)
{
    elo_exit_t status;
    elo_buf_t doc;

    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&l->w, &doc);
    elo_json_put_object(&l->w, NULL);
    elo_json_put_array(&l->w, "items");
    do {
        status = list_page(l);
    } while (status == ELO_EXIT_OK && l->has_more && l->left > 0
             && ferror(stdout) == 0);
    elo_json_end_array(&l->w);
    elo_json_end_object(&l->w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(l->cli, "audit", elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(l->cli, elo_buf_slice(&doc));
    }
    elo_buf_dispose(&doc);
    return status;
}


static elo_exit_t
run_ls(elo_cli_t *cli)
{
    list_t l = { .cli = cli };
    elo_exit_t status;
    elo_buf_t why;

    elo_buf_init(&why, WHY_MAX);
    if (elo_args_u64(&cli->args, "limit", UINT64_MAX, 1, UINT64_MAX, &l.left,
                     &why)
            != ELO_OK
        || elo_args_u64(&cli->args, "from", 0, 1, INT64_MAX, &l.from, &why)
               != ELO_OK)
    {
        status = elo_out_usage(cli, "%s", elo_buf_cstr(&why));
    } else {
        status = list(&l);
    }
    elo_buf_dispose(&why);
    return status;
}


/* ---- verify ---- */

static elo_exit_t
tell_verdict(const elo_cli_t *cli, const elo_json_t *j)
{
    const elo_json_t *broken = elo_json_get(j, "broken");
    elo_slice_t head = elo_member_str(j, "head");
    elo_slice_t what = elo_member_str(broken, "what");
    bool is_whole = false;

    elo_ignore(!elo_json_bool(elo_json_get(j, "whole"), &is_whole));
    if (is_whole) {
        elo_out_line(cli, "whole: %llu entries, head %.*s",
                     (unsigned long long) elo_member_u64(j, "entries"),
                     TEXT(head));
        return ELO_EXIT_OK;
    }
    elo_out_line(cli, "broken at entry %llu (%.*s); head before it %.*s",
                 (unsigned long long) elo_member_u64(broken, "number"),
                 TEXT(what), TEXT(head));
    return ELO_EXIT_CONFLICT;
}


static elo_exit_t
run_verify(elo_cli_t *cli)
{
    elo_ask_t ask = { .method = "GET",
                      .target = "/api/audit/verify",
                      .what = "audit" };
    elo_json_t *j = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &j);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_slice_trim(elo_buf_slice(&answer)));
        status = tell_verdict(cli, j);
    }
    elo_json_free(&j);
    elo_buf_dispose(&answer);
    return status;
}


/* ---- the verb ---- */

static elo_exit_t
run(elo_cli_t *cli)
{
    const char *what = cli->args.operands[0];

    if (strcmp(what, "ls") == 0) {
        return run_ls(cli);
    }
    if (strcmp(what, "verify") != 0) {
        return elo_out_usage(cli, "audit knows ls and verify");
    }
    if (elo_args_has(&cli->args, "from") || elo_args_has(&cli->args, "limit")) {
        return elo_out_usage(cli, "audit verify takes no --from or --limit");
    }
    return run_verify(cli);
}

static const elo_opt_t opts[] = {
    { "from", 0, "NUMBER", "ls: from that entry on" },
    { "limit", 'n', "N", "ls: at most N of them" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_audit = {
    .name = "audit",
    .operands = "ls | verify",
    .summary = "what grants were used for, and what was refused",
    .details =
        "ls: number, time, how often, class and rule, operation and route, "
        "agent, owner, content,\nand the record that it stood on. verify: is "
        "the chain of hashes whole (status 5: it is\nnot)? Keep the head that "
        "it prints: whoever changes an entry before it has to change it.\n"
        "Offline, elohim fsck looks at the same.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
