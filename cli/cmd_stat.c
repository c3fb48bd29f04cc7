/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim stat: what is known of a blob (its manifest and status), or of a
   content node (the node, and how far the media of its blobs are). */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"

#define TARGET_MAX 256
#define TEXT_MAX   (64u << 10)

typedef struct {
    elo_cli_t *cli;
    elo_json_writer_t w;
} stat_t;


static void
line(const elo_cli_t *cli, const char *name, elo_slice_t value)
{
    elo_buf_t b;

    if (value.len == 0) {
        return;
    }
    elo_buf_init(&b, TEXT_MAX);
    elo_plain_text(&b, value);
    elo_out_line(cli, "%-9s %s", name, elo_buf_cstr(&b));
    elo_buf_dispose(&b);
}


static void
size_line(const elo_cli_t *cli, uint64_t bytes)
{
    elo_buf_t b;

    elo_buf_init(&b, TEXT_MAX);
    elo_size_text(&b, bytes);
    elo_out_line(cli, "%-9s %llu bytes (%s)", "size",
                 (unsigned long long) bytes, elo_buf_cstr(&b));
    elo_buf_dispose(&b);
}


static void
media_line(const elo_cli_t *cli, const elo_json_t *status)
{
    const elo_json_t *media = elo_json_get(status, "media");
    elo_slice_t state = elo_member_str(media, "status");
    elo_slice_t reason = elo_member_str(media, "reason");
    elo_buf_t b;

    elo_buf_init(&b, TEXT_MAX);
    elo_buf_put_slice(&b, state);
    if (reason.len > 0) {
        elo_buf_put_str(&b, " (");
        elo_plain_text(&b, reason);
        elo_buf_put_str(&b, ")");
    }
    line(cli, "media", elo_buf_slice(&b));
    elo_buf_dispose(&b);
}


static bool
is_true(const elo_json_t *j, const char *name)
{
    bool v = false;

    elo_ignore(!elo_json_bool(elo_json_get(j, name), &v)); /* absent: no */
    return v;
}


/* "durable (reduced: 1 of 10 holders)" */
static void
ack_line(const elo_cli_t *cli, const elo_json_t *status)
{
    elo_slice_t ack = elo_member_str(status, "ack");
    elo_slice_t why = elo_member_str(elo_json_get(status, "task"), "why");
    elo_buf_t b;

    elo_buf_init(&b, TEXT_MAX);
    elo_buf_put_slice(&b, ack);
    elo_buf_printf(&b, " (%s%llu of %llu holders)",
                   is_true(status, "reduced") ? "reduced: " : "",
                   (unsigned long long) elo_member_u64(status, "holders"),
                   (unsigned long long) elo_member_u64(status, "wanted"));
    line(cli, "ack", elo_buf_slice(&b));
    line(cli, "", why);
    elo_buf_dispose(&b);
}


static elo_exit_t
ask(stat_t *s, const char *prefix, elo_slice_t name, const char *suffix,
    bool may_miss, elo_json_t **out)
{
    char target[TARGET_MAX], what[ELO_CONTENT_ID_MAX + 1];
    elo_ask_t q = {
        .method = "GET", .target = target, .what = what, .may_miss = may_miss
    };
    elo_exit_t status;
    elo_buf_t b;

    snprintf(what, sizeof(what), "%.*s", (int) name.len, (const char *) name.p);
    snprintf(target, sizeof(target), "%s%s%s", prefix, what, suffix);
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    status = elo_ask_json(s->cli, &q, &b, out);
    elo_buf_dispose(&b);
    return status;
}


static elo_exit_t
stat_blob(stat_t *s, elo_slice_t addr)
{
    elo_json_t *manifest = NULL, *st = NULL;
    elo_exit_t status = ask(s, "/manifest/", addr, "", false, &manifest);

    if (status == ELO_EXIT_OK) {
        status = ask(s, "/api/blob/", addr, "/status", false, &st);
    }
    if (status == ELO_EXIT_OK) {
        elo_json_put_cstr(&s->w, "kind", "blob");
        elo_json_put_value(&s->w, "manifest", manifest);
        elo_json_put_value(&s->w, "status", st);
        line(s->cli, "blob", elo_member_str(manifest, "blob_hash"));
        line(s->cli, "cid", elo_member_str(manifest, "blob_cid"));
        size_line(s->cli, elo_member_u64(manifest, "total_size"));
        line(s->cli, "type", elo_member_str(manifest, "mime_type"));
        line(s->cli, "reach", elo_member_str(manifest, "reach"));
        line(s->cli, "created", elo_member_str(manifest, "created_at"));
        ack_line(s->cli, st);
        line(s->cli, "at rest",
             is_true(st, "sealed") ? ELO_SLICE("encrypted")
                                   : ELO_SLICE("clear"));
        if (is_true(st, "pinned")) {
            line(s->cli, "pinned", ELO_SLICE("yes"));
        }
        if (is_true(st, "bad")) {
            line(s->cli, "damaged", ELO_SLICE("yes, waiting for repair"));
        }
        media_line(s->cli, st);
    }
    elo_json_free(&manifest);
    elo_json_free(&st);
    return status;
}


/* Status of each blob of a node; a blob that isn't held is told of, not an
   error: a node may refer to bytes that are elsewhere. */
static elo_exit_t
stat_node_blobs(stat_t *s, const elo_json_t *node)
{
    const elo_json_t *blobs = elo_json_get(node, "blobs");
    elo_exit_t status = ELO_EXIT_OK;

    elo_json_put_array(&s->w, "status");
    for (size_t i = 0; i < elo_json_len(blobs) && status == ELO_EXIT_OK; i++) {
        const elo_json_t *blob = elo_json_at(blobs, i);
        elo_slice_t hash = elo_member_str(blob, "hash");
        elo_slice_t role = elo_member_str(blob, "role");
        elo_json_t *st = NULL;

        elo_out_line(s->cli, "%-9s %.*s  %.*s", "blob", (int) hash.len,
                     (const char *) hash.p, (int) role.len,
                     (const char *) role.p);
        status = ask(s, "/api/blob/", hash, "/status", true, &st);
        if (status == ELO_EXIT_NOTFOUND) {
            elo_out_line(s->cli, "%-9s %s", "", "not held here");
            elo_json_put_null(&s->w, NULL);
            status = ELO_EXIT_OK;
        } else if (status == ELO_EXIT_OK) {
            elo_json_put_value(&s->w, NULL, st);
            size_line(s->cli, elo_member_u64(st, "size"));
            media_line(s->cli, st);
        }
        elo_json_free(&st);
    }
    elo_json_end_array(&s->w);
    return status;
}


static elo_exit_t
stat_node(stat_t *s, elo_slice_t id)
{
    elo_json_t *node = NULL;
    elo_exit_t status = ask(s, "/api/content/", id, "", false, &node);

    if (status == ELO_EXIT_OK) {
        elo_json_put_cstr(&s->w, "kind", "content");
        elo_json_put_value(&s->w, "node", node);
        line(s->cli, "content", elo_member_str(node, "id"));
        line(s->cli, "title", elo_member_str(node, "title"));
        line(s->cli, "format", elo_member_str(node, "contentFormat"));
        line(s->cli, "reach", elo_member_str(node, "reach"));
        line(s->cli, "lifecycle", elo_member_str(node, "lifecycle"));
        elo_out_line(s->cli, "%-9s %llu", "version",
                     (unsigned long long) elo_member_u64(node, "version"));
        line(s->cli, "updated", elo_member_str(node, "updatedAt"));
        status = stat_node_blobs(s, node);
    }
    elo_json_free(&node);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    stat_t s = { .cli = cli };
    elo_exit_t status;
    elo_name_t name;
    elo_buf_t doc;

    status = elo_call_name(cli, cli->args.operands[0], &name);
    if (status != ELO_EXIT_OK) {
        return status;
    }
    elo_buf_init(&doc, ELO_CALL_JSON_MAX);
    elo_json_writer_init(&s.w, &doc);
    elo_json_put_object(&s.w, NULL);
    status = name.kind == ELO_NAME_ADDR
                 ? stat_blob(&s, elo_slice_str(name.text))
                 : stat_node(&s, elo_slice_str(name.text));
    elo_json_end_object(&s.w);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_buf_slice(&doc));
    }
    elo_buf_dispose(&doc);
    return status;
}

const elo_cmd_t elo_cmd_stat = {
    .name = "stat",
    .operands = "ADDR|ID",
    .summary = "what is known of a blob, or of a content node",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
