/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim queue: what waits to be replicated, in the order in which it is taken, and
   what can be done about a task. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/base/num.h"

#define PAGE       500
#define TARGET_MAX 512
#define LINE_MAX   1024
#define DOC_MAX    ((size_t) 1 << 30)

typedef struct {
    elo_cli_t *cli;
    elo_json_writer_t w;
    uint64_t left;
    uint64_t skip;
    bool has_more;
} list_t;


static const char *
kind_of(const elo_cli_t *cli)
{
    const char *kind = elo_args_get(&cli->args, "kind");

    return kind != NULL ? kind : "replicate";
}


static void
print_task(const elo_cli_t *cli, const elo_json_t *task)
{
    elo_slice_t kind = elo_member_str(task, "kind");
    elo_slice_t hash = elo_member_str(task, "hash");
    elo_slice_t reach = elo_member_str(task, "reach");
    elo_slice_t due = elo_member_str(task, "due");
    bool is_dropped = false;
    elo_buf_t why;

    elo_ignore(!elo_json_bool(elo_json_get(task, "dropped"), &is_dropped));
    if (is_dropped) {
        due = ELO_SLICE("dropped");
    } else if (due.len == 0) {
        due = ELO_SLICE("now");
    }
    elo_buf_init(&why, LINE_MAX);
    elo_plain_text(&why, elo_member_str(task, "why"));
    elo_out_line(cli, "%-9.*s  %.*s  %-12.*s  %-20.*s  %4llu  %s",
                 (int) kind.len, (const char *) kind.p, (int) hash.len,
                 (const char *) hash.p, (int) reach.len, (const char *) reach.p,
                 (int) due.len, (const char *) due.p,
                 (unsigned long long) elo_member_u64(task, "attempts"),
                 elo_buf_cstr(&why));
    elo_buf_dispose(&why);
}


/* ---- ls ---- */

static elo_exit_t
list_page(list_t *l)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = "queue" };
    const elo_json_t *items;
    elo_json_t *page = NULL;
    elo_exit_t status;
    elo_buf_t answer;
    uint64_t next;

    if (l->skip == 0) {
        snprintf(target, sizeof(target), "/api/queue?limit=%u",
                 (unsigned) ELO_MIN(l->left, (uint64_t) PAGE));
    } else {
        snprintf(target, sizeof(target), "/api/queue?limit=%u&skip=%llu",
                 (unsigned) ELO_MIN(l->left, (uint64_t) PAGE),
                 (unsigned long long) l->skip);
    }
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(l->cli, &ask, &answer, &page);
    items = elo_json_get(page, "items");
    for (size_t i = 0; i < elo_json_len(items) && l->left > 0; i++, l->left--) {
        elo_json_put_value(&l->w, NULL, elo_json_at(items, i));
        print_task(l->cli, elo_json_at(items, i));
    }
    next = elo_member_u64(page, "next");
    l->has_more = next > l->skip; /* one that stands still would never end */
    l->skip = next;
    elo_json_free(&page);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
list(elo_cli_t *cli, uint64_t limit)
{
    list_t l = { .cli = cli, .left = limit };
    elo_exit_t status;
    elo_buf_t doc;

    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&l.w, &doc);
    elo_json_put_object(&l.w, NULL);
    elo_json_put_array(&l.w, "items");
    do {
        status = list_page(&l);
    } while (status == ELO_EXIT_OK && l.has_more && l.left > 0
             && ferror(stdout) == 0);
    elo_json_end_array(&l.w);
    elo_json_end_object(&l.w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(cli, "queue", elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_buf_slice(&doc));
    }
    elo_buf_dispose(&doc);
    return status;
}


/* ---- one task ---- */

static elo_exit_t
show(elo_cli_t *cli, const char *addr)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = addr };
    elo_json_t *task = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    snprintf(target, sizeof(target), "/api/queue/%s/%s", kind_of(cli), addr);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &task);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_slice_trim(elo_buf_slice(&answer)));
        print_task(cli, task);
    }
    elo_json_free(&task);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
change(elo_cli_t *cli, const char *what, const char *addr)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "POST", .target = target, .what = addr };
    bool is_drop = strcmp(what, "drop") == 0;
    elo_json_writer_t w;
    elo_exit_t status;
    elo_buf_t b;

    snprintf(target, sizeof(target), "/api/queue/%s/%s/%s", kind_of(cli), addr,
             what);
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    status = elo_ask(cli, &ask, &b);
    if (status == ELO_EXIT_OK) {
        elo_buf_clear(&b);
        elo_json_writer_init(&w, &b);
        elo_json_put_object(&w, NULL);
        elo_json_put_cstr(&w, is_drop ? "dropped" : "retried", addr);
        elo_json_end_object(&w);
        elo_out_json(cli, elo_buf_slice(&b));
        elo_out_line(cli,
                     is_drop ? "%s is given up until a retry" : "%s is due now",
                     addr);
    }
    elo_buf_dispose(&b);
    return status;
}


/* ---- the verb ---- */

static elo_exit_t
run_ls(elo_cli_t *cli)
{
    elo_exit_t status;
    uint64_t limit;
    elo_buf_t why;

    elo_buf_init(&why, LINE_MAX);
    if (elo_args_u64(&cli->args, "limit", UINT64_MAX, 1, UINT64_MAX, &limit,
                     &why)
        != ELO_OK)
    {
        status = elo_out_usage(cli, "%s", elo_buf_cstr(&why));
    } else {
        status = list(cli, limit);
    }
    elo_buf_dispose(&why);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *what = cli->args.operands[0];
    bool is_ls = strcmp(what, "ls") == 0;
    bool is_show = strcmp(what, "show") == 0;
    elo_name_t name;
    elo_exit_t status;

    if (!is_ls && !is_show && strcmp(what, "retry") != 0
        && strcmp(what, "drop") != 0)
    {
        return elo_out_usage(cli, "queue knows ls, show, retry and drop");
    }
    if (strcmp(kind_of(cli), "replicate") != 0
        && strcmp(kind_of(cli), "repair") != 0)
    {
        return elo_out_usage(cli, "--kind is replicate or repair");
    }
    if (cli->args.n_operands != (is_ls ? 1u : 2u)) {
        return elo_out_usage(cli, is_ls ? "queue ls takes nothing more"
                                        : "say which: a blob's address");
    }
    if (is_ls) {
        return run_ls(cli);
    }
    status = elo_call_name(cli, cli->args.operands[1], &name);
    if (status != ELO_EXIT_OK) {
        return status;
    }
    if (name.kind != ELO_NAME_ADDR) {
        return elo_out_usage(cli, "\"%s\" is no blob's address", name.text);
    }
    return is_show ? show(cli, name.text) : change(cli, what, name.text);
}


static const elo_opt_t opts[] = {
    { "kind", 'k', "KIND", "replicate (the default) or repair" },
    { "limit", 'n', "N", "ls: at most N of them" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_queue = {
    .name = "queue",
    .operands = "ls | show ADDR | retry ADDR | drop ADDR",
    .summary = "the replication queue",
    .details = "ls lists tasks in the order in which they are taken: kind, "
               "address of what is\nstored, reach, when due, attempts, last "
               "failure. retry makes a task due at once,\ndrop gives it up "
               "until a retry: the blob stays, but at the tier that it is.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
