/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim bulk: content nodes by the line (application/x-ndjson), all in one request:
   what was refused is told as it is heard. */
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/base/num.h"

#define TARGET_MAX 128
#define LINE_MAX   (64u << 10) /* of an answer */
#define TEXT_MAX   4096
#define DOC_MAX    ((size_t) 1 << 30)

typedef struct {
    elo_cli_t *cli;
    elo_source_t source;
    elo_progress_t progress;
    uint64_t sent;
    elo_buf_t line;      /* of the answer, as far as it has come */
    elo_json_writer_t w; /* of the document */
    bool has_sum;        /* the last line was heard */
    uint64_t created, changed, failed;
} bulk_t;


static elo_err_t
read_source(void *ctx, uint8_t *p, size_t max, size_t *n)
{
    bulk_t *b = ctx;
    elo_err_t rc = elo_source_read(&b->source, p, max, n);

    if (rc == ELO_OK) {
        b->sent += *n;
        elo_progress_step(&b->progress, b->sent);
    }
    return rc;
}


/* ---- answers ---- */

static void
tell_failure(bulk_t *b, const elo_json_t *j)
{
    elo_slice_t code = elo_member_str(j, "code");
    elo_buf_t text;

    elo_json_put_value(&b->w, NULL, j);
    elo_buf_init(&text, TEXT_MAX);
    elo_plain_text(&text, elo_member_str(j, "error"));
    elo_progress_end(&b->progress);
    elo_out_line(b->cli, "line %llu: %.*s: %s",
                 (unsigned long long) elo_member_u64(j, "line"), (int) code.len,
                 (const char *) code.p, elo_buf_cstr(&text));
    elo_buf_dispose(&text);
}


/* A line of the answer: a refused one, or the sum of all, which is the last. */
static elo_err_t
take_line(bulk_t *b, elo_slice_t line)
{
    elo_json_t *j = NULL;

    if (elo_json_parse(line, LINE_MAX, &j, NULL) != ELO_OK || b->has_sum) {
        elo_json_free(&j);
        return ELO_EINVAL;
    }
    if (elo_json_get(j, "line") != NULL) {
        tell_failure(b, j);
    } else {
        b->has_sum = true;
        b->created = elo_member_u64(j, "created");
        b->changed = elo_member_u64(j, "changed");
        b->failed = elo_member_u64(j, "failed");
    }
    elo_json_free(&j);
    return ELO_OK;
}


static elo_err_t
take_answer(void *ctx, elo_slice_t bytes)
{
    bulk_t *b = ctx;

    while (bytes.len > 0) {
        const uint8_t *lf = memchr(bytes.p, '\n', bytes.len);
        size_t n = lf == NULL ? bytes.len : (size_t) (lf - bytes.p);
        elo_err_t rc;

        elo_buf_put(&b->line, bytes.p, n);
        if ((rc = elo_buf_err(&b->line)) != ELO_OK) {
            return rc;
        }
        if (lf == NULL) {
            return ELO_OK;
        }
        if ((rc = take_line(b, elo_buf_slice(&b->line))) != ELO_OK) {
            return rc;
        }
        elo_buf_clear(&b->line);
        bytes = elo_slice(lf + 1, bytes.len - n - 1);
    }
    return ELO_OK;
}


/* ---- the request ---- */

static elo_exit_t
send_all(bulk_t *b, const char *what)
{
    const elo_args_t *args = &b->cli->args;
    bool is_new = elo_args_has(args, "new");
    char target[TARGET_MAX];
    elo_client_req_t req = {
        .method = "POST",
        .target = target,
        .headers = is_new ? "Content-Type: application/x-ndjson\r\n"
                            "If-None-Match: *\r\n"
                          : "Content-Type: application/x-ndjson\r\n",
        .body_len = b->source.size,
        .source = read_source,
        .source_ctx = b,
        .is_duplex = true,
        .sink = take_answer,
        .sink_ctx = b,
    };
    elo_client_res_t res;
    elo_exit_t status = ELO_EXIT_OK;
    elo_err_t rc;

    snprintf(target, sizeof(target), "/api/import?report=failures%s",
             elo_args_has(args, "versions") ? "&precondition=version" : "");
    elo_progress_begin(&b->progress, b->cli, what, b->source.size);
    rc = elo_call(b->cli, &req, &res);
    elo_progress_end(&b->progress);
    if (rc != ELO_OK || res.status != 200) {
        status = elo_call_complain(b->cli, what, rc, &res);
    } else if (!b->has_sum) {
        status = elo_call_complain(b->cli, what, ELO_ECLOSED, &res);
    }
    elo_client_res_dispose(&res);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *what = cli->args.operands[0];
    bulk_t b = { .cli = cli };
    elo_exit_t status;
    elo_buf_t doc;
    elo_err_t rc;

    if ((rc = elo_source_open(what, &b.source)) != ELO_OK) {
        return elo_out_failed(cli, what, rc);
    }
    elo_buf_init(&b.line, LINE_MAX);
    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&b.w, &doc);
    elo_json_put_object(&b.w, NULL);
    elo_json_put_array(&b.w, "failures");
    status = send_all(&b, what);
    elo_json_end_array(&b.w);
    elo_json_put_u64(&b.w, "created", b.created);
    elo_json_put_u64(&b.w, "changed", b.changed);
    elo_json_put_u64(&b.w, "failed", b.failed);
    elo_json_end_object(&b.w);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_buf_slice(&doc));
        elo_out_line(cli, "%llu created, %llu changed, %llu refused",
                     (unsigned long long) b.created,
                     (unsigned long long) b.changed,
                     (unsigned long long) b.failed);
    }
    elo_buf_dispose(&doc);
    elo_buf_dispose(&b.line);
    elo_source_close(&b.source);
    return status == ELO_EXIT_OK && b.failed > 0 ? ELO_EXIT_FAILED : status;
}


static const elo_opt_t opts[] = {
    { "new", 0, NULL, "leave alone what is there" },
    { "versions", 0, NULL,
      "a line's version must be the current one, 0: there is none" },
    { "progress", 0, NULL, "tell of progress though there is no terminal" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_bulk = {
    .name = "bulk",
    .operands = "FILE.ndjson|-",
    .summary = "create and change content nodes, one a line",
    .details = "Each line is a node in JSON, taken or refused by itself. "
               "Prints those that were\nrefused; then the exit status is 1. An "
               "interrupted run is simply run again.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
