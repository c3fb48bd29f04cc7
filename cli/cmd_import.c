/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim import: puts what `elohim export` wrote into a daemon's store. The daemon
   checks every hash. What is there already stays as it is, so that an import which
   was interrupted is simply run again. The archive may come from anywhere: names
   are parsed, sizes are bounded, and nothing is written to this machine. */
#include <inttypes.h>
#include <stdio.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "cli/tar.h"
#include "common/auth/reach.h"

#define TEXT_MAX_LEN ((size_t) 4 << 20) /* a JSON file of an archive */
#define TARGET_MAX   1024
#define HEADERS_MAX  512
#define DOC_MAX      4096
#define FORMAT_MAX   1 /* the version that this program reads */

typedef struct {
    elo_cli_t *cli;
    elo_tar_reader_t *tar;
    bool is_headed;
    uint64_t blobs, bytes, nodes;  /* put in */
    uint64_t had_blobs, had_nodes; /* that were there */
    uint64_t strange, failed;
    /* of the last blobs/….json */
    elo_digest_t digest;
    bool has_digest;
    elo_reach_t reach;
    char type[ELO_MIME_MAX + 1];
    /* of the blob that is being sent */
    uint64_t left;
    elo_err_t err; /* of the archive, apart from the transport's */
} import_t;


/* ---- reading ---- */

static elo_exit_t
archive_failed(const import_t *m, elo_err_t rc)
{
    const elo_complaint_t c = { .exit = ELO_EXIT_FAILED,
                                .code = "BAD_ARCHIVE",
                                .detail = "the archive is damaged, cut off, or "
                                          "none that elohim export wrote" };

    return rc == ELO_ECORRUPT ? elo_out_complain(m->cli, &c)
                              : elo_out_failed(m->cli, "archive", rc);
}


static elo_err_t
read_text(import_t *m, uint64_t size, elo_buf_t *out)
{
    size_t n = 1;
    uint8_t *p;
    elo_err_t rc = ELO_OK;

    if (size == 0 || size > TEXT_MAX_LEN) {
        return ELO_ECORRUPT;
    }
    if ((p = elo_buf_extend(out, (size_t) size)) == NULL) {
        return elo_buf_err(out);
    }
    for (size_t off = 0; off < size && rc == ELO_OK; off += n) {
        rc = elo_tar_read(m->tar, p + off, (size_t) size - off, &n);
        if (rc == ELO_OK && n == 0) {
            rc = ELO_ECORRUPT;
        }
    }
    return rc;
}


static elo_err_t
read_json(import_t *m, uint64_t size, elo_buf_t *text, elo_json_t **out)
{
    elo_err_t rc;

    elo_buf_init(text, TEXT_MAX_LEN);
    if ((rc = read_text(m, size, text)) != ELO_OK) {
        return rc;
    }
    return elo_json_parse(elo_buf_slice(text), TEXT_MAX_LEN, out, NULL)
                   == ELO_OK
               ? ELO_OK
               : ELO_ECORRUPT;
}


/* ---- the first file ---- */

static elo_exit_t
import_head(import_t *m, uint64_t size)
{
    const elo_complaint_t later = { .exit = ELO_EXIT_FAILED,
                                    .code = "BAD_ARCHIVE",
                                    .detail = "the archive is of a later "
                                              "version: import it with that" };
    elo_exit_t status = ELO_EXIT_OK;
    elo_json_t *doc = NULL;
    elo_buf_t text;
    elo_err_t rc = read_json(m, size, &text, &doc);

    if (rc == ELO_OK
        && !elo_slice_eq(elo_member_str(doc, "format"),
                         ELO_SLICE("elohim-export")))
    {
        rc = ELO_ECORRUPT;
    }
    if (rc != ELO_OK) {
        status = archive_failed(m, rc);
    } else if (elo_member_u64(doc, "version") > FORMAT_MAX) {
        status = elo_out_complain(m->cli, &later);
    }
    m->is_headed = true;
    elo_json_free(&doc);
    elo_buf_dispose(&text);
    return status;
}


/* ---- blobs ---- */

/* Letters that a media type has: what goes into a header field. */
static bool
is_type(elo_slice_t s)
{
    if (s.len == 0 || s.len > ELO_MIME_MAX) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) {
            return false;
        }
    }
    return true;
}


static elo_exit_t
import_about(import_t *m, const elo_digest_t *d, uint64_t size)
{
    elo_json_t *doc = NULL;
    elo_slice_t type;
    elo_buf_t text;
    elo_err_t rc = read_json(m, size, &text, &doc);

    if (rc == ELO_OK) {
        m->digest = *d;
        m->has_digest = true;
        m->reach = elo_reach_or_private(elo_member_str(doc, "reach"));
        type = elo_member_str(doc, "contentType");
        snprintf(m->type, sizeof(m->type), "%.*s",
                 is_type(type) ? (int) type.len : 0, (const char *) type.p);
    }
    elo_json_free(&doc);
    elo_buf_dispose(&text);
    return rc == ELO_OK ? ELO_EXIT_OK : archive_failed(m, rc);
}


static elo_err_t
take(void *ctx, uint8_t *p, size_t max, size_t *n)
{
    import_t *m = ctx;

    m->err = elo_tar_read(m->tar, p, max, n);
    if (m->err == ELO_OK && *n == 0 && m->left > 0) {
        m->err = ELO_ECORRUPT;
    }
    m->left -= m->err == ELO_OK ? *n : 0;
    return m->err;
}


static elo_err_t
ignore_bytes(void *ctx, elo_slice_t bytes)
{
    (void) ctx;
    (void) bytes;
    return ELO_OK;
}


/* True in *out when the store has it, to be read by everybody alike: of what is
   narrow, each has his own. */
static elo_exit_t
is_held(import_t *m, const char *addr, bool *out)
{
    char target[TARGET_MAX];
    elo_client_req_t req = { .method = "HEAD", .target = target };
    elo_exit_t status = ELO_EXIT_OK;
    elo_client_res_t res;
    elo_err_t rc;

    *out = false;
    if (m->reach <= ELO_REACH_LOCAL) {
        return ELO_EXIT_OK;
    }
    snprintf(target, sizeof(target), "/api/blob/%s", addr);
    req.sink = ignore_bytes;
    rc = elo_call(m->cli, &req, &res);
    if (rc != ELO_OK) {
        status = elo_call_complain(m->cli, addr, rc, &res);
    } else {
        *out = res.status == 200;
    }
    elo_client_res_dispose(&res);
    return status;
}


static elo_exit_t
send_blob(import_t *m, const char *addr, uint64_t size)
{
    char target[TARGET_MAX], headers[HEADERS_MAX];
    elo_client_req_t req = { .method = "PUT",
                             .target = target,
                             .headers = headers,
                             .body_len = (int64_t) size,
                             .source = take,
                             .source_ctx = m,
                             .sink = ignore_bytes };
    elo_exit_t status = ELO_EXIT_OK;
    elo_client_res_t res;
    elo_err_t rc;

    /* whom it was for isn't in the archive */
    if (m->reach == ELO_REACH_INVITED) {
        m->reach = ELO_REACH_PRIVATE;
    }
    snprintf(target, sizeof(target), "/api/blob/%s", addr);
    snprintf(headers, sizeof(headers), "%s%s%sX-Elohim-Reach: %s\r\n",
             m->type[0] != '\0' ? "Content-Type: " : "", m->type,
             m->type[0] != '\0' ? "\r\n" : "", elo_reach_name(m->reach));
    m->left = size;
    m->err = ELO_OK;
    rc = elo_call(m->cli, &req, &res);
    if (m->err != ELO_OK) {
        status = archive_failed(m, m->err);
    } else if (rc == ELO_OK && res.status == 201) {
        m->blobs++;
        m->bytes += size;
    } else if (rc == ELO_OK && res.status / 100 == 2) {
        m->had_blobs++;
    } else if (rc == ELO_OK && res.status / 100 == 4) {
        elo_ignore(elo_call_complain(m->cli, addr, rc, &res)); /* go on */
        m->failed++;
    } else {
        status = elo_call_complain(m->cli, addr, rc, &res);
    }
    elo_client_res_dispose(&res);
    return status;
}


static elo_exit_t
import_blob(import_t *m, const elo_digest_t *d, uint64_t size)
{
    char addr[ELO_ADDR_CANON_LEN + 1];
    elo_exit_t status;
    bool has;

    if (!m->has_digest || memcmp(&m->digest, d, sizeof(*d)) != 0) {
        m->reach = ELO_REACH_PRIVATE; /* nothing is said of it */
        m->type[0] = '\0';
    }
    m->has_digest = false;
    elo_addr_canon(d, addr);
    status = is_held(m, addr, &has);
    if (status == ELO_EXIT_OK && has) {
        m->had_blobs++;
        return status;
    }
    return status == ELO_EXIT_OK ? send_blob(m, addr, size) : status;
}


/* ---- content ---- */

static elo_err_t
take_slice(void *ctx, uint8_t *p, size_t max, size_t *n)
{
    elo_slice_t *left = ctx;

    *n = left->len < max ? left->len : max;
    if (*n > 0) {
        memcpy(p, left->p, *n);
        *left = elo_slice(left->p + *n, left->len - *n);
    }
    return ELO_OK;
}


/* Is what is there just what an import that was interrupted has left? */
static bool
is_unfinished(import_t *m, const char *target)
{
    elo_ask_t ask = {
        .method = "GET", .target = target, .what = target, .may_miss = true
    };
    elo_json_t *doc = NULL;
    elo_buf_t answer;
    bool is_it;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    is_it = elo_ask_json(m->cli, &ask, &answer, &doc) == ELO_EXIT_OK
            && elo_member_u64(doc, "version") == 1
            && elo_json_get(doc, "hold") == NULL;
    elo_json_free(&doc);
    elo_buf_dispose(&answer);
    return is_it;
}


/* A hold is no part of what can be put: it is said again, by who imports it. */
static elo_exit_t
import_hold(import_t *m, const char *node, const elo_json_t *hold)
{
    char target[TARGET_MAX + 16];
    elo_ask_t ask = { .method = "POST",
                      .target = target,
                      .headers = "Content-Type: application/json\r\n",
                      .what = node };
    elo_slice_t reason = elo_member_str(hold, "reason");
    elo_json_writer_t w;
    elo_buf_t body, answer;
    elo_exit_t status;

    snprintf(target, sizeof(target), "%s/lifecycle", node);
    elo_buf_init(&body, DOC_MAX);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    elo_json_writer_init(&w, &body);
    elo_json_put_object(&w, NULL);
    elo_json_put_bool(&w, "hold", true);
    if (reason.len > 0) {
        elo_json_put_string(&w, "reason", reason);
    }
    elo_json_end_object(&w);
    ask.body = elo_buf_slice(&body);
    status = elo_ask(m->cli, &ask, &answer);
    elo_buf_dispose(&answer);
    elo_buf_dispose(&body);
    return status;
}


/* The text as it is; the server's members in it are passed over there. */
static elo_exit_t
put_node(import_t *m, const char *target, elo_slice_t left,
         const elo_json_t *hold)
{
    elo_client_req_t req = { .method = "PUT",
                             .target = target,
                             .headers = "Content-Type: application/json\r\n"
                                        "If-None-Match: *\r\n",
                             .source = take_slice,
                             .source_ctx = &left,
                             .sink = ignore_bytes,
                             .body_len = (int64_t) left.len };
    elo_exit_t status = ELO_EXIT_OK;
    elo_client_res_t res;
    bool is_there;
    elo_err_t rc;

    if (elo_args_has(&m->cli->args, "replace")) {
        req.headers = "Content-Type: application/json\r\n";
    }
    rc = elo_call(m->cli, &req, &res);
    is_there = rc == ELO_OK && res.status == 412;
    if (rc != ELO_OK) {
        status = elo_call_complain(m->cli, target, rc, &res);
    } else if (res.status / 100 == 2) {
        m->nodes++;
    } else if (res.status == 412) {
        m->had_nodes++;
    } else {
        status = elo_call_complain(m->cli, target, rc, &res);
        if (res.status / 100 == 4) {
            m->failed++;
            status = ELO_EXIT_OK; /* go on */
        }
        hold = NULL;
    }
    elo_client_res_dispose(&res);
    if (status == ELO_EXIT_OK && hold != NULL
        && (!is_there || is_unfinished(m, target)))
    {
        status = import_hold(m, target, hold);
    }
    return status;
}


static elo_exit_t
import_node(import_t *m, elo_slice_t id, uint64_t size)
{
    char target[TARGET_MAX];
    elo_json_t *doc = NULL;
    elo_exit_t status;
    elo_buf_t text;
    elo_err_t rc = read_json(m, size, &text, &doc);

    if (rc == ELO_OK) {
        snprintf(target, sizeof(target), "/api/content/%.*s", (int) id.len,
                 (const char *) id.p);
        status = put_node(m, target, elo_buf_slice(&text),
                          elo_json_get(doc, "hold"));
    } else {
        status = archive_failed(m, rc);
    }
    elo_json_free(&doc);
    elo_buf_dispose(&text);
    return status;
}


/* ---- the verb ---- */

/* "sha256-…" exactly. */
static bool
is_addr(elo_slice_t s, elo_digest_t *d)
{
    return s.len == ELO_ADDR_CANON_LEN && elo_addr_parse(s, d) == ELO_OK;
}


static elo_exit_t
import_file(import_t *m, const char *name, uint64_t size)
{
    elo_slice_t s = elo_slice_str(name), blob = ELO_SLICE("blobs/"),
                node = ELO_SLICE("content/"), json = ELO_SLICE(".json");
    bool is_json = s.len > json.len
                   && memcmp(s.p + s.len - json.len, json.p, json.len) == 0;
    elo_digest_t d;

    if (elo_slice_eq(s, ELO_SLICE("elohim-export.json"))) {
        return import_head(m, size);
    }
    if (!m->is_headed) {
        return archive_failed(m, ELO_ECORRUPT);
    }
    if (is_json) {
        s.len -= json.len;
    }
    if (elo_slice_has_prefix(s, blob)) {
        s = elo_slice(s.p + blob.len, s.len - blob.len);
        if (is_addr(s, &d)) {
            return is_json ? import_about(m, &d, size)
                           : import_blob(m, &d, size);
        }
    } else if (is_json && elo_slice_has_prefix(s, node)) {
        s = elo_slice(s.p + node.len, s.len - node.len);
        if (elo_content_id_ok(s)) {
            return import_node(m, s, size);
        }
    }
    m->strange++;
    return ELO_EXIT_OK;
}


static void
report(const import_t *m)
{
    elo_json_writer_t w;
    elo_buf_t b;

    elo_buf_init(&b, DOC_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_u64(&w, "blobs", m->blobs);
    elo_json_put_u64(&w, "bytes", m->bytes);
    elo_json_put_u64(&w, "content", m->nodes);
    elo_json_put_u64(&w, "hadBlobs", m->had_blobs);
    elo_json_put_u64(&w, "hadContent", m->had_nodes);
    elo_json_put_u64(&w, "passedOver", m->strange);
    elo_json_put_u64(&w, "failed", m->failed);
    elo_json_end_object(&w);
    elo_out_json(m->cli, elo_buf_slice(&b));
    elo_buf_dispose(&b);
    elo_out_line(m->cli,
                 "%" PRIu64 " blobs of %" PRIu64 " bytes and %" PRIu64
                 " content nodes put in",
                 m->blobs, m->bytes, m->nodes);
    elo_out_line(m->cli,
                 "%" PRIu64 " blobs and %" PRIu64 " content nodes were there",
                 m->had_blobs, m->had_nodes);
    if (m->strange + m->failed > 0) {
        elo_out_line(m->cli,
                     "%" PRIu64 " files passed over, %" PRIu64 " refused",
                     m->strange, m->failed);
    }
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *path = cli->args.operands[0];
    import_t m = { .cli = cli };
    elo_exit_t status = ELO_EXIT_OK;
    const char *name;
    uint64_t size;
    elo_err_t rc = elo_tar_open(path, &m.tar);

    if (rc != ELO_OK) {
        return rc == ELO_ECORRUPT ? archive_failed(&m, rc)
                                  : elo_out_failed(cli, path, rc);
    }
    while (status == ELO_EXIT_OK
           && (rc = elo_tar_next(m.tar, &name, &size)) == ELO_OK)
    {
        status = import_file(&m, name, size);
    }
    if (status == ELO_EXIT_OK && (rc != ELO_ENOTFOUND || !m.is_headed)) {
        status = archive_failed(&m, rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc);
    }
    elo_tar_close(&m.tar);
    if (status == ELO_EXIT_OK) {
        report(&m);
    }
    return status == ELO_EXIT_OK && m.failed > 0 ? ELO_EXIT_FAILED : status;
}


static const elo_opt_t opts[] = {
    { "replace", 0, NULL,
      "content nodes that are there get a version more, instead of staying" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_import = {
    .name = "import",
    .operands = "FILE.tar|-",
    .summary = "put in what `elohim export` wrote",
    .details = "Hashes are checked, what is there stays, and an import that "
               "was interrupted is\nrun again. Everything becomes the "
               "operator's; what was for invited agents is\nprivate until it "
               "is shared again.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
