/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim get: a blob becomes a file. Whole reads are checked against the
   SHA-256; the file appears only when it is whole and right. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/base/crypto.h"

#define HEADERS_MAX 128
#define TARGET_MAX  256
#define DOC_MAX     (64u << 10)

typedef struct {
    elo_target_t target;
    elo_sha256_t *sha; /* NULL: a range, which has no hash */
    const elo_client_res_t *res;
    elo_progress_t progress;
    uint64_t done;
    elo_err_t err; /* of the file, apart from the transport's */
} get_t;


static elo_err_t
take(void *ctx, elo_slice_t bytes)
{
    get_t *g = ctx;

    if (g->done == 0) {
        g->progress.total = g->res->content_length;
    }
    g->err = elo_target_write(&g->target, bytes);
    if (g->err == ELO_OK && g->sha != NULL) {
        g->err = elo_sha256_update(g->sha, bytes);
    }
    g->done += bytes.len;
    elo_progress_step(&g->progress, g->done);
    return g->err;
}


/* What the bytes must hash to: the address asked for, or for a content id the
   one that the daemon's entity tag names. */
static bool
expected(const elo_name_t *name, const elo_client_res_t *res, elo_digest_t *out)
{
    elo_slice_t tag = elo_client_res_header(res, "etag");

    if (name->kind == ELO_NAME_ADDR) {
        *out = name->digest;
        return true;
    }
    return tag.len > 2 && tag.p[0] == '"'
           && elo_addr_parse(elo_slice(tag.p + 1, tag.len - 2), out) == ELO_OK;
}


static elo_exit_t
check(elo_cli_t *cli, get_t *g, const elo_name_t *name,
      const elo_client_res_t *res)
{
    elo_digest_t want, have;
    elo_err_t rc;

    if (!expected(name, res, &want)) {
        return elo_out_complain(
            cli, &(elo_complaint_t){ .exit = ELO_EXIT_FAILED,
                                     .code = "UNVERIFIED",
                                     .detail = "the daemon does not say what "
                                               "the hash is, so the bytes "
                                               "can't be checked" });
    }
    rc = elo_sha256_final(g->sha, &have);
    if (rc != ELO_OK) {
        return elo_out_failed(cli, name->text, rc);
    }
    if (memcmp(&want, &have, sizeof(want)) != 0) {
        return elo_out_complain(
            cli, &(elo_complaint_t){ .exit = ELO_EXIT_CONFLICT,
                                     .code = "HASH_MISMATCH",
                                     .detail = "the bytes that came do not "
                                               "match their hash; nothing "
                                               "was written under the "
                                               "file's name" });
    }
    return ELO_EXIT_OK;
}


static void
report(const elo_cli_t *cli, const get_t *g, const elo_name_t *name,
       const char *path)
{
    elo_json_writer_t w;
    elo_buf_t doc;

    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "name", name->text);
    elo_json_put_cstr(&w, "file", path);
    elo_json_put_u64(&w, "size", g->done);
    elo_json_put_bool(&w, "verified", g->sha != NULL);
    elo_json_end_object(&w);
    elo_out_json(cli, elo_buf_slice(&doc));
    elo_buf_dispose(&doc);
    if (strcmp(path, "-") != 0) {
        elo_buf_init(&doc, DOC_MAX);
        elo_plain_text(&doc, elo_slice_str(path));
        elo_buf_put_str(&doc, "  ");
        elo_size_text(&doc, g->done);
        elo_out_line(cli, "%s%s", elo_buf_cstr(&doc),
                     g->sha != NULL ? "  verified" : "");
        elo_buf_dispose(&doc);
    }
}


static elo_exit_t
fetch(elo_cli_t *cli, get_t *g, const elo_name_t *name, const char *headers)
{
    char target[TARGET_MAX];
    elo_client_res_t res;
    elo_client_req_t req = { .method = "GET",
                             .target = target,
                             .headers = headers,
                             .sink = take,
                             .sink_ctx = g };
    elo_exit_t status = ELO_EXIT_OK;
    elo_err_t rc;

    snprintf(target, sizeof(target), "/api/blob/%s", name->text);
    g->res = &res;
    elo_progress_begin(&g->progress, cli, name->text, -1);
    rc = elo_call(cli, &req, &res);
    elo_progress_end(&g->progress);
    if (g->err != ELO_OK) {
        status = elo_out_failed(cli, "output", g->err);
    } else if (rc != ELO_OK || res.status / 100 != 2) {
        status = elo_call_complain(cli, name->text, rc, &res);
    } else if (g->sha != NULL) {
        status = check(cli, g, name, &res);
    } else if (res.status != 206) {
        status = elo_out_complain(
            cli, &(elo_complaint_t){ .exit = ELO_EXIT_FAILED,
                                     .code = "NO_RANGE",
                                     .detail = "the daemon did not answer "
                                               "with a range" });
    }
    elo_client_res_dispose(&res);
    return status;
}


static elo_exit_t
get(elo_cli_t *cli, const elo_name_t *name, const char *path,
    const char *headers)
{
    get_t g = { .target.fd = -1 };
    elo_exit_t status;
    elo_err_t rc;

    if (headers == NULL) {
        rc = elo_sha256_create(&g.sha);
        if (rc != ELO_OK) {
            return elo_out_failed(cli, name->text, rc);
        }
    }
    rc = elo_target_open(path, &g.target);
    if (rc != ELO_OK) {
        status = elo_out_failed(cli, path, rc);
        goto done;
    }
    status = fetch(cli, &g, name, headers);
    if (status == ELO_EXIT_OK) {
        rc = elo_target_commit(&g.target);
        if (rc != ELO_OK) {
            status = elo_out_failed(cli, path, rc);
        } else {
            report(cli, &g, name, path);
        }
    }

done:
    elo_target_abort(&g.target);
    elo_sha256_free(&g.sha);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *path = elo_args_get(&cli->args, "output");
    const char *range = elo_args_get(&cli->args, "range");
    char headers[HEADERS_MAX];
    elo_name_t name;
    elo_buf_t b;

    if (elo_call_name(cli, cli->args.operands[0], &name) != ELO_EXIT_OK) {
        return ELO_EXIT_USAGE;
    }
    elo_buf_init_fixed(&b, headers, sizeof(headers) - 1);
    if (range != NULL && elo_range_header(range, &b) != ELO_OK) {
        return elo_out_usage(cli, "--range must be as 0-99, 100- or -100");
    }
    headers[b.len] = '\0';
    if (path == NULL && elo_out_is_tty(false)) {
        return elo_out_usage(cli, "say where to with -o FILE; -o - writes to "
                                  "the terminal");
    }
    if (path == NULL) {
        path = "-";
    }
    if (cli->json && strcmp(path, "-") == 0) {
        return elo_out_usage(cli, "with --json the bytes need -o FILE");
    }
    return get(cli, &name, path, range != NULL ? headers : NULL);
}


static const elo_opt_t opts[] = {
    { "output", 'o', "FILE", "where to; - (the default) is standard output" },
    { "range", 0, "A-B", "bytes A to B alone, both included" },
    { "progress", 0, NULL, "tell of progress though there is no terminal" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_get = {
    .name = "get",
    .operands = "ADDR|ID",
    .summary = "get a blob, checked against its hash",
    .details = "A file appears under its name when it is whole and its hash is "
               "right. What goes\nto standard output is checked too, but by "
               "then it is out: mind the exit status.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
