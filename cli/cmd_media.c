/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim media report: contents whose media age: obsolete codecs, and classes of devices
   that can't play them. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"

#define TARGET_MAX 256
#define DOC_MAX    ((size_t) 1 << 30)

typedef struct {
    elo_cli_t *cli;
    elo_json_writer_t w;
    char after[ELO_CONTENT_ID_MAX + 1];
    bool has_more;
    uint64_t looked, told;
} report_t;


static void
print_item(const elo_cli_t *cli, const elo_json_t *item)
{
    const elo_json_t *obsolete = elo_json_get(item, "obsolete");
    const elo_json_t *unfit = elo_json_get(item, "unfit");
    elo_slice_t id = elo_member_str(item, "id");
    elo_slice_t name;

    for (size_t i = 0; i < elo_json_len(obsolete); i++) {
        const elo_json_t *o = elo_json_at(obsolete, i);
        elo_slice_t codec = elo_member_str(o, "codec");
        elo_slice_t hash = elo_member_str(o, "hash");

        elo_out_line(cli, "%.*s: %.*s is obsolete (%.*s)", (int) id.len,
                     (const char *) id.p, (int) codec.len,
                     (const char *) codec.p, (int) hash.len,
                     (const char *) hash.p);
    }
    for (size_t i = 0; i < elo_json_len(unfit); i++) {
        if (elo_json_string(elo_json_at(unfit, i), &name)) {
            elo_out_line(cli, "%.*s: nothing of it fits %.*s", (int) id.len,
                         (const char *) id.p, (int) name.len,
                         (const char *) name.p);
        }
    }
}


static elo_exit_t
report_page(report_t *r)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = "report" };
    const elo_json_t *items;
    elo_json_t *page = NULL;
    elo_exit_t status;
    elo_buf_t answer;
    elo_slice_t next;

    snprintf(target, sizeof(target), "/api/media/report%s%s",
             r->after[0] != '\0' ? "?after=" : "", r->after);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(r->cli, &ask, &answer, &page);
    items = elo_json_get(page, "items");
    for (size_t i = 0; i < elo_json_len(items); i++, r->told++) {
        elo_json_put_value(&r->w, NULL, elo_json_at(items, i));
        print_item(r->cli, elo_json_at(items, i));
    }
    r->looked += elo_member_u64(page, "looked");
    next = elo_member_str(page, "next");
    r->has_more = elo_content_id_ok(next);
    if (r->has_more) {
        memcpy(r->after, next.p, next.len);
        r->after[next.len] = '\0';
    }
    elo_json_free(&page);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    report_t r = { .cli = cli };
    elo_exit_t status;
    elo_buf_t doc;

    if (strcmp(cli->args.operands[0], "report") != 0) {
        return elo_out_usage(cli, "media knows report");
    }
    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&r.w, &doc);
    elo_json_put_object(&r.w, NULL);
    elo_json_put_array(&r.w, "items");
    do {
        status = report_page(&r);
    } while (status == ELO_EXIT_OK && r.has_more && ferror(stdout) == 0);
    elo_json_end_array(&r.w);
    elo_json_put_u64(&r.w, "looked", r.looked);
    elo_json_end_object(&r.w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(cli, "report", elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_buf_slice(&doc));
        elo_out_line(cli, "%llu of %llu contents", (unsigned long long) r.told,
                     (unsigned long long) r.looked);
    }
    elo_buf_dispose(&doc);
    return status;
}


static const elo_opt_t opts[] = {
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_media = {
    .name = "media",
    .operands = "report",
    .summary = "contents whose media age",
    .details =
        "Lists tracks of a codec that obsolete_codecs names, and classes of "
        "devices\n(device_classes) that no variant of a content fits. "
        "Judged is what is indexed.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
