/* SPDX-License-Identifier: BSD-2-Clause */
/* verify_api: POST /api/blob/verify: have these bytes that hash?

     {"expected_hash" | "expectedHash", "data_base64" | "dataBase64"}
       -> {"is_valid", "computed_hash", "expected_hash", "size_bytes",
           "duration_ms", "error"?}, and each of them in camelCase beside it

   It looks at what it is sent and at nothing else: neither does it fetch an address
   that a caller names (that would be ours to be used against others), nor does its
   answer depend on what is held here. Bytes are hashed on the pool. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/os/clock.h"
#include "common/base/base64.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"

#define DATA_MAX   (4u << 20)
#define BODY_MAX   (ELO_BASE64_LEN(DATA_MAX) + 4096u)
#define AT_ONCE    4u /* some 16 MiB each, at most */
#define NS_PER_MS  1000000u
#define ANSWER_MAX 1024u

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_json_t *json; /* data borrows from it */
    elo_slice_t data;
    char expected[ELO_ADDR_TEXT_MAX + 1];
    elo_digest_t want;
    uint64_t began_ns;

    /* worker */
    elo_digest_t sum;
    size_t len;
    elo_err_t err;
} verify_t;


static void
end(verify_t *v)
{
    v->api->n_verifies--;
    elo_json_free(&v->json);
    free(v);
}


/* pool */
static void
work(elo_job_t *job)
{
    verify_t *v = (verify_t *) job;
    uint8_t *room = malloc(v->data.len + 1);

    if (room == NULL) {
        v->err = ELO_ENOMEM;
        return;
    }
    v->err = elo_base64_decode(v->data, room, DATA_MAX, &v->len);
    if (v->err == ELO_OK) {
        v->err = elo_sha256(elo_slice(room, v->len), &v->sum);
    }
    free(room);
}


static void
put_both(elo_json_writer_t *w, const char *snake, const char *camel,
         const char *value)
{
    elo_json_put_cstr(w, snake, value);
    elo_json_put_cstr(w, camel, value);
}


static void
put_both_u64(elo_json_writer_t *w, const char *snake, const char *camel,
             uint64_t value)
{
    elo_json_put_u64(w, snake, value);
    elo_json_put_u64(w, camel, value);
}


static void
after(elo_job_t *job)
{
    verify_t *v = (verify_t *) job;
    char hex[2 * sizeof(v->sum.b) + 1] = "";
    bool is_valid =
        v->err == ELO_OK && memcmp(v->sum.b, v->want.b, sizeof(v->sum.b)) == 0;
    elo_json_writer_t w;
    char mem[ANSWER_MAX];
    elo_buf_t b;

    if (v->err != ELO_OK && v->err != ELO_EINVAL && v->err != ELO_ETOOBIG) {
        elo_reply_err(v->req, v->err, NULL);
        end(v);
        return;
    }
    if (v->err == ELO_OK) {
        elo_hex_encode(v->sum.b, sizeof(v->sum.b), hex);
    }
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_bool(&w, "is_valid", is_valid);
    elo_json_put_bool(&w, "isValid", is_valid);
    put_both(&w, "computed_hash", "computedHash", hex);
    put_both(&w, "expected_hash", "expectedHash", v->expected);
    put_both_u64(&w, "size_bytes", "sizeBytes", v->len);
    put_both_u64(&w, "duration_ms", "durationMs",
                 (elo_clock_mono_ns() - v->began_ns) / NS_PER_MS);
    if (v->err == ELO_ETOOBIG) {
        elo_json_put_cstr(&w, "error", "the data is longer than 4 MiB");
    } else if (v->err != ELO_OK) {
        elo_json_put_cstr(&w, "error", "data_base64 is not base64");
    } else if (!is_valid) {
        elo_json_put_cstr(&w, "error", "the data has another hash");
    }
    elo_json_end_object(&w);
    elo_http_res_header(v->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(v->req, 200, &b);
    end(v);
}


/* ---- reading ---- */

static const elo_json_t *
member(const elo_json_t *j, const char *snake, const char *camel)
{
    const elo_json_t *m = elo_json_get(j, snake);

    return m != NULL ? m : elo_json_get(j, camel);
}


/* Hex digits of either case, as existing clients send them. */
static bool
take_expected(verify_t *v, const elo_json_t *j)
{
    elo_slice_t text;

    if (!elo_json_string(member(j, "expected_hash", "expectedHash"), &text)
        || text.len == 0 || text.len > ELO_ADDR_TEXT_MAX)
    {
        return false;
    }
    memcpy(v->expected, text.p, text.len);
    v->expected[text.len] = '\0';
    if (elo_addr_parse(text, &v->want) == ELO_OK) {
        return true;
    }
    for (size_t i = 0; i < text.len; i++) {
        char ch = v->expected[i];

        v->expected[i] = ch >= 'A' && ch <= 'Z' ? (char) (ch + 32) : ch;
    }
    return elo_addr_parse(elo_slice_str(v->expected), &v->want) == ELO_OK;
}


/* What is wrong with it, or NULL. */
static const char *
take(verify_t *v, const elo_json_t *j)
{
    if (member(j, "fetch_url", "fetchUrl") != NULL) {
        return "this node fetches nothing for others: send data_base64";
    }
    if (!take_expected(v, j)) {
        return "expected_hash is \"sha256-\" and 64 hex digits, 64 hex digits, "
               "or a CIDv1 of raw bytes";
    }
    if (!elo_json_string(member(j, "data_base64", "dataBase64"), &v->data)) {
        return "data_base64 is what is looked at";
    }
    return NULL;
}


static void
on_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    verify_t *v = ctx;
    elo_json_fault_t fault;
    const char *wrong = NULL;

    if (err == ELO_OK) {
        err = elo_json_parse(body, BODY_MAX, &v->json, &fault);
        wrong = err == ELO_EINVAL ? fault.what : NULL;
    }
    if (err == ELO_OK && (wrong = take(v, v->json)) != NULL) {
        err = ELO_EINVAL;
    }
    if (err != ELO_OK) {
        elo_reply_err(v->req, err, wrong);
        end(v);
        return;
    }
    v->began_ns = elo_clock_mono_ns();
    v->job.work = work;
    v->job.after = after;
    elo_loop_work(v->api->cfg.loop, &v->job);
}


void
elo_call_verify(elo_call_t *c)
{
    verify_t *v;

    if (c->api->n_verifies >= AT_ONCE) {
        elo_reply_err(c->req, ELO_ERATE, NULL);
        return;
    }
    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    v->api = c->api;
    v->req = c->req;
    c->api->n_verifies++;
    elo_body_collect(c->req, BODY_MAX, on_body, v);
}
