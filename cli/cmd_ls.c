/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim ls: lists blobs, or content nodes. Follows the server's cursor, so that
   memory holds one page at a time (with --json, the document). */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/base/num.h"

#define PAGE       500
#define TARGET_MAX 2048
#define DOC_MAX    ((size_t) 1 << 30) /* ten million blobs */
#define LINE_MAX   4096

typedef struct {
    elo_cli_t *cli;
    bool content;
    uint64_t left;    /* how many more */
    elo_buf_t cursor; /* empty: from the start */
    elo_json_writer_t w;
} list_t;


/* "1 h ago" helps nobody in a script, so dates are as the server writes them. */
static void
print_blob(const elo_cli_t *cli, const elo_json_t *item)
{
    elo_slice_t hash = elo_member_str(item, "hash");
    elo_slice_t type = elo_member_str(item, "contentType");
    char size[32], text[256];
    elo_buf_t b, t;

    elo_buf_init_fixed(&b, size, sizeof(size) - 1);
    elo_buf_init_fixed(&t, text, sizeof(text) - 1);
    elo_size_text(&b, elo_member_u64(item, "size"));
    elo_plain_text(&t, elo_slice(type.p, ELO_MIN(type.len, 200u)));
    elo_out_line(cli, "%.*s  %10.*s  %.*s", (int) hash.len,
                 (const char *) hash.p, (int) b.len, size, (int) t.len, text);
}


static void
print_node(const elo_cli_t *cli, const elo_json_t *item)
{
    elo_slice_t id = elo_member_str(item, "id");
    elo_slice_t reach = elo_member_str(item, "reach");
    elo_slice_t state = elo_member_str(item, "lifecycle");
    elo_buf_t b;

    elo_buf_init(&b, LINE_MAX);
    elo_plain_text(&b, elo_member_str(item, "title"));
    elo_out_line(cli, "%-24.*s  %-12.*s  %-10.*s  %s", (int) id.len,
                 (const char *) id.p, (int) reach.len, (const char *) reach.p,
                 (int) state.len, (const char *) state.p, elo_buf_cstr(&b));
    elo_buf_dispose(&b);
}


static elo_exit_t
print_page(list_t *l, const elo_json_t *page)
{
    const elo_json_t *items = elo_json_get(page, "items");
    elo_slice_t next = elo_member_str(page, "next");
    size_t n = elo_json_len(items);

    for (size_t i = 0; i < n && l->left > 0; i++, l->left--) {
        const elo_json_t *item = elo_json_at(items, i);

        if (l->cli->json) {
            elo_json_put_value(&l->w, NULL, item);
        } else if (l->content) {
            print_node(l->cli, item);
        } else {
            print_blob(l->cli, item);
        }
    }
    if (next.len > 0 && elo_slice_eq(next, elo_buf_slice(&l->cursor))) {
        /* a cursor that stands still would never end */
        return elo_out_failed(l->cli, "list", ELO_EINTERNAL);
    }
    elo_buf_clear(&l->cursor);
    elo_buf_put_slice(&l->cursor, next);
    return ELO_EXIT_OK;
}


static elo_exit_t
list(list_t *l)
{
    elo_exit_t status = ELO_EXIT_OK;

    do {
        char target[TARGET_MAX];
        elo_ask_t ask = { .method = "GET", .target = target, .what = "list" };
        elo_json_t *page = NULL;
        elo_buf_t t, answer;

        elo_buf_init_fixed(&t, target, sizeof(target) - 1);
        elo_buf_printf(&t, "/api/%s?limit=%u", l->content ? "content" : "blob",
                       (unsigned) ELO_MIN(l->left, (uint64_t) PAGE));
        if (l->cursor.len > 0) {
            elo_buf_put_str(&t, l->content ? "&cursor=" : "&after=");
            elo_query_escape(&t, elo_buf_slice(&l->cursor));
        }
        if (elo_buf_err(&t) != ELO_OK) {
            return elo_out_failed(l->cli, "list", elo_buf_err(&t));
        }
        target[t.len] = '\0';
        elo_buf_init(&answer, ELO_CALL_JSON_MAX);
        status = elo_ask_json(l->cli, &ask, &answer, &page);
        if (status == ELO_EXIT_OK) {
            status = print_page(l, page);
        }
        elo_json_free(&page);
        elo_buf_dispose(&answer);
    } while (status == ELO_EXIT_OK && l->left > 0 && l->cursor.len > 0
             && ferror(stdout) == 0);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    list_t l = { .cli = cli, .content = elo_args_has(&cli->args, "content") };
    elo_exit_t status;
    elo_buf_t doc, why;

    elo_buf_init(&why, LINE_MAX);
    if (elo_args_u64(&cli->args, "limit", UINT64_MAX, 1, UINT64_MAX, &l.left,
                     &why)
        != ELO_OK)
    {
        status = elo_out_usage(cli, "%s", elo_buf_cstr(&why));
        elo_buf_dispose(&why);
        return status;
    }
    elo_buf_init(&l.cursor, TARGET_MAX);
    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&l.w, &doc);
    elo_json_put_object(&l.w, NULL);
    elo_json_put_array(&l.w, "items");
    status = list(&l);
    elo_json_end_array(&l.w);
    if (l.cursor.len > 0) {
        elo_json_put_string(&l.w, "next", elo_buf_slice(&l.cursor));
    } else {
        elo_json_put_null(&l.w, "next");
    }
    elo_json_end_object(&l.w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(cli, "list", elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_buf_slice(&doc));
    }
    elo_buf_dispose(&doc);
    elo_buf_dispose(&l.cursor);
    return status;
}


static const elo_opt_t opts[] = {
    { "content", 'c', NULL, "list content nodes instead of blobs" },
    { "limit", 'n', "N", "at most N of them" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_ls = {
    .name = "ls",
    .operands = "",
    .summary = "list blobs, or content with --content",
    .opts = opts,
    .run = run,
};
