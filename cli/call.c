/* SPDX-License-Identifier: BSD-2-Clause */
/* call: exchanges with the daemon. */
#include "cli/call.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/num.h"

#define TEXT_MAX 4096 /* of one complaint */

/* What a person can do about a refusal, by machine code. */
static const struct {
    const char *code;
    const char *hint;
} hints[] = {
    { "HASH_MISMATCH", "the bytes are not those of that address" },
    { "IN_USE", "remove the content that refers to it first" },
    { "STORAGE_FULL", "free space on the store's disk, or raise its limit" },
    { "QUOTA_EXCEEDED", "remove something of that agent, or raise its quota" },
    { "QUEUE_FULL", "see \"elohim queue ls\", and try again later" },
    { "KEY_MISSING", "import the key (elohim key import) and send SIGHUP" },
    { "STORE_READ_ONLY", "look into the daemon's log, then restart it" },
    { "PRECONDITION_FAILED", "it was changed meanwhile; try again" },
};


elo_err_t
elo_call(elo_cli_t *cli, const elo_client_req_t *req, elo_client_res_t *res)
{
    elo_err_t rc;

    *res = (elo_client_res_t){ 0 };
    if (cli->client == NULL) {
        rc = elo_client_open(cli->socket, &cli->client);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return elo_client_do(cli->client, req, res);
}


static elo_exit_t
complain_transport(const elo_cli_t *cli, const char *what, elo_err_t rc)
{
    char text[TEXT_MAX];
    elo_complaint_t c = { .exit = elo_exit_of_err(rc),
                          .code = rc > 0 ? "SYSTEM" : elo_err_code(rc),
                          .detail = text };

    switch (rc) {
    case ELO_EUNAVAIL:
    case ENOENT:
    case ECONNREFUSED:
        c.exit = ELO_EXIT_AWAY;
        snprintf(text, sizeof(text),
                 "no daemon answers at %s: start elohimd, or name its socket "
                 "with --socket",
                 cli->socket);
        break;
    case EACCES:
    case EPERM:
        c.exit = ELO_EXIT_AWAY;
        snprintf(text, sizeof(text),
                 "you may not use the socket %s: ask for membership of its "
                 "group, or become root",
                 cli->socket);
        break;
    case ELO_ECLOSED:
    case EPIPE:
    case ECONNRESET:
        c.exit = ELO_EXIT_AWAY;
        snprintf(text, sizeof(text),
                 "%s: the daemon broke the connection off; try again", what);
        break;
    default:
        snprintf(text, sizeof(text), "%s: %s", what, elo_strerror(rc));
    }
    return elo_out_complain(cli, &c);
}


elo_slice_t
elo_member_str(const elo_json_t *j, const char *name)
{
    elo_slice_t s = ELO_SLICE("");

    elo_ignore(!elo_json_string(elo_json_get(j, name), &s)); /* stays empty */
    return s;
}


uint64_t
elo_member_u64(const elo_json_t *j, const char *name)
{
    int64_t v = 0;

    return elo_json_integer(elo_json_get(j, name), &v) && v > 0 ? (uint64_t) v
                                                                : 0;
}


static const char *
hint_of(elo_slice_t code)
{
    for (size_t i = 0; i < ELO_COUNT(hints); i++) {
        if (elo_slice_eq(code, elo_slice_str(hints[i].code))) {
            return hints[i].hint;
        }
    }
    return NULL;
}


static elo_exit_t
complain_status(const elo_cli_t *cli, const char *what,
                const elo_client_res_t *res)
{
    char text[TEXT_MAX], code[64] = "REFUSED";
    elo_json_t *problem = NULL;
    elo_slice_t detail, machine, field;
    const char *hint;
    elo_exit_t status = elo_exit_of_status(res->status);

    /* without a problem document the status has to do */
    elo_ignore(elo_json_parse(elo_buf_slice(&res->error), ELO_CALL_JSON_MAX,
                              &problem, NULL));
    detail = elo_member_str(problem, "detail");
    if (detail.len == 0) {
        detail = elo_member_str(problem, "error");
    }
    machine = elo_member_str(problem, "code");
    field = elo_member_str(problem, "field");
    if (machine.len > 0) {
        snprintf(code, sizeof(code), "%.*s", (int) ELO_MIN(machine.len, 63u),
                 (const char *) machine.p);
    }
    hint = hint_of(machine);
    if (detail.len == 0) {
        snprintf(text, sizeof(text), "%s: the daemon answered %d", what,
                 res->status);
    } else {
        snprintf(text, sizeof(text), "%s: %.*s%s%s", what,
                 (int) ELO_MIN(detail.len, 2048u), (const char *) detail.p,
                 hint != NULL ? ": " : "", hint != NULL ? hint : "");
    }
    status = elo_out_complain(cli, &(elo_complaint_t){ .exit = status,
                                                       .code = code,
                                                       .detail = text,
                                                       .field = field,
                                                       .status = res->status });
    elo_json_free(&problem);
    return status;
}


elo_exit_t
elo_call_complain(const elo_cli_t *cli, const char *what, elo_err_t rc,
                  const elo_client_res_t *res)
{
    return rc != ELO_OK ? complain_transport(cli, what, rc)
                        : complain_status(cli, what, res);
}


static elo_err_t
append(void *ctx, elo_slice_t bytes)
{
    elo_buf_put_slice(ctx, bytes);
    return elo_buf_err(ctx);
}


static elo_err_t
take_from_slice(void *ctx, uint8_t *p, size_t max, size_t *n)
{
    elo_slice_t *left = ctx;
    size_t len = ELO_MIN(left->len, max);

    if (len > 0) {
        memcpy(p, left->p, len);
        *left = elo_slice(left->p + len, left->len - len);
    }
    *n = len;
    return ELO_OK;
}


elo_exit_t
elo_ask(elo_cli_t *cli, const elo_ask_t *ask, elo_buf_t *answer)
{
    elo_slice_t left = ask->body;
    elo_client_req_t req = { .method = ask->method,
                             .target = ask->target,
                             .headers = ask->headers,
                             .body_len = (int64_t) ask->body.len,
                             .source = take_from_slice,
                             .source_ctx = &left,
                             .sink = append,
                             .sink_ctx = answer };
    elo_client_res_t res;
    elo_err_t rc = elo_call(cli, &req, &res);
    elo_exit_t status = ELO_EXIT_OK;

    if (rc == ELO_OK && res.status == 404 && ask->may_miss) {
        status = ELO_EXIT_NOTFOUND;
    } else if (rc != ELO_OK || res.status / 100 != 2) {
        status = elo_call_complain(cli, ask->what, rc, &res);
    }
    elo_client_res_dispose(&res);
    return status;
}


elo_exit_t
elo_ask_json(elo_cli_t *cli, const elo_ask_t *ask, elo_buf_t *answer,
             elo_json_t **out)
{
    elo_exit_t status = elo_ask(cli, ask, answer);

    if (status == ELO_EXIT_OK
        && elo_json_parse(elo_buf_slice(answer), ELO_CALL_JSON_MAX, out, NULL)
               != ELO_OK)
    {
        status = elo_out_complain(
            cli, &(elo_complaint_t){ .exit = ELO_EXIT_FAILED,
                                     .code = "BAD_ANSWER",
                                     .detail = "the daemon's answer is not "
                                               "JSON: is that elohimd's "
                                               "socket?" });
    }
    return status;
}


elo_exit_t
elo_call_name(const elo_cli_t *cli, const char *s, elo_name_t *out)
{
    if (elo_name_parse(s, out) != ELO_OK) {
        return elo_out_usage(cli,
                             "\"%s\" is neither an address nor a content "
                             "id",
                             s);
    }
    return ELO_EXIT_OK;
}


typedef struct {
    elo_source_t *source;
    elo_progress_t progress;
    uint64_t done;
    elo_err_t err; /* of the file, apart from the transport's */
} upload_t;


static elo_err_t
take_from_file(void *ctx, uint8_t *p, size_t max, size_t *n)
{
    upload_t *u = ctx;

    u->err = elo_source_read(u->source, p, max, n);
    if (u->err == ELO_OK) {
        u->done += *n;
        elo_progress_step(&u->progress, u->done);
        /* the length was announced: a file that shrinks can't be sent */
        if (*n == 0 && u->source->size >= 0
            && u->done < (uint64_t) u->source->size) {
            u->err = EIO;
        }
    }
    return u->err;
}


elo_exit_t
elo_upload(elo_cli_t *cli, elo_source_t *s, const elo_upload_ask_t *ask,
           elo_buf_t *answer)
{
    char target[64 + ELO_ADDR_CANON_LEN] = "/api/blob";
    char headers[128 + ELO_MIME_MAX];
    upload_t u = { .source = s };
    elo_client_req_t req = { .method = "POST",
                             .target = target,
                             .headers = headers,
                             .body_len = s->size,
                             .source = take_from_file,
                             .source_ctx = &u,
                             .sink = append,
                             .sink_ctx = answer };
    elo_client_res_t res;
    elo_exit_t status = ELO_EXIT_OK;
    elo_err_t rc;

    if (ask->expect != NULL) {
        char addr[ELO_ADDR_CANON_LEN + 1];

        elo_addr_canon(ask->expect, addr);
        snprintf(target, sizeof(target), "/api/blob/%s", addr);
        req.method = "PUT";
    }
    snprintf(headers, sizeof(headers), "Content-Type: %s\r\n%s%s%s%s",
             ask->type, ask->reach != NULL ? "X-Elohim-Reach: " : "",
             ask->reach != NULL ? ask->reach : "",
             ask->reach != NULL ? "\r\n" : "",
             ask->is_durable ? "Prefer: wait=durable\r\n" : "");
    elo_progress_begin(&u.progress, cli, ask->label, s->size);
    rc = elo_call(cli, &req, &res);
    elo_progress_end(&u.progress);
    if (u.err != ELO_OK) {
        status = elo_out_failed(cli, ask->label, u.err);
    } else if (rc != ELO_OK || res.status / 100 != 2) {
        status = elo_call_complain(cli, ask->label, rc, &res);
    }
    elo_client_res_dispose(&res);
    return status;
}
