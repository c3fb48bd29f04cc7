/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim export: what a daemon holds, as an archive that any version imports:
     elohim-export.json    {"format":"elohim-export","version":1,…}, the first file
     blobs/sha256-….json   hash, size, contentType, reach, createdAt; before
     blobs/sha256-…        the bytes
     content/{id}.json     the current version of a node; after all blobs
   What is private, invited or local is left out unless it is asked for, since it
   comes out in the clear. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/subcommands.h"
#include "cli/tar.h"
#include "common/auth/reach.h"
#include "common/base/crypto.h"
#include "common/base/num.h"

#define PAGE       "500"
#define TARGET_MAX 1024
#define NAME_ROOM  512
#define DOC_MAX    4096

typedef struct {
    elo_cli_t *cli;
    elo_tar_writer_t *tar;
    elo_sha256_t *sha;
    bool with_narrow;
    uint64_t blobs, bytes, nodes, left_out, unreadable;
    int64_t now;
    /* of the blob that is being read */
    const elo_json_t *item;
    uint64_t done;
    bool is_begun;
    elo_err_t err; /* of the archive, apart from the transport's */
} export_t;


static bool
is_narrow(const elo_json_t *j)
{
    return elo_reach_or_private(elo_member_str(j, "reach")) <= ELO_REACH_LOCAL;
}


static elo_err_t
put_text(export_t *x, const char *name, elo_slice_t text)
{
    elo_err_t rc = elo_tar_begin(x->tar, name, text.len, x->now);

    return rc != ELO_OK ? rc : elo_tar_write(x->tar, text);
}


static elo_err_t
put_head(export_t *x)
{
    elo_json_writer_t w;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init(&b, DOC_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "format", "elohim-export");
    elo_json_put_u64(&w, "version", 1);
    elo_json_put_cstr(&w, "program", "elohim " ELO_VERSION);
    elo_json_put_u64(&w, "exportedAt", (uint64_t) x->now);
    elo_json_put_bool(&w, "withNarrow", x->with_narrow);
    elo_json_end_object(&w);
    elo_buf_put_u8(&b, '\n');
    rc = elo_buf_err(&b);
    if (rc == ELO_OK) {
        rc = put_text(x, "elohim-export.json", elo_buf_slice(&b));
    }
    elo_buf_dispose(&b);
    return rc;
}


/* ---- blobs ---- */

static elo_err_t
begin_blob(export_t *x)
{
    static const char *const members[] = { "hash", "size", "contentType",
                                           "reach", "createdAt" };
    elo_slice_t hash = elo_member_str(x->item, "hash");
    char name[NAME_ROOM];
    elo_json_writer_t w;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init(&b, DOC_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        elo_json_put_value(&w, members[i], elo_json_get(x->item, members[i]));
    }
    elo_json_end_object(&w);
    elo_buf_put_u8(&b, '\n');
    snprintf(name, sizeof(name), "blobs/%.*s.json", (int) hash.len,
             (const char *) hash.p);
    if ((rc = elo_buf_err(&b)) == ELO_OK) {
        rc = put_text(x, name, elo_buf_slice(&b));
    }
    elo_buf_dispose(&b);
    if (rc != ELO_OK) {
        return rc;
    }
    snprintf(name, sizeof(name), "blobs/%.*s", (int) hash.len,
             (const char *) hash.p);
    x->is_begun = true;
    return elo_tar_begin(x->tar, name, elo_member_u64(x->item, "size"), x->now);
}


static elo_err_t
take(void *ctx, elo_slice_t bytes)
{
    export_t *x = ctx;

    if (!x->is_begun) {
        x->err = begin_blob(x);
    }
    if (x->err == ELO_OK) {
        x->err = elo_tar_write(x->tar, bytes);
    }
    if (x->err == ELO_OK) {
        x->err = elo_sha256_update(x->sha, bytes);
    }
    x->done += bytes.len;
    return x->err;
}


/* All bytes have come; are they those that the address says? */
static elo_exit_t
end_blob(export_t *x, const char *addr)
{
    elo_digest_t is, want;
    elo_err_t rc = ELO_OK;

    if (!x->is_begun) {
        rc = begin_blob(x); /* an empty one */
    }
    if (rc == ELO_OK) {
        rc = elo_sha256_final(x->sha, &is);
    }
    if (rc != ELO_OK) {
        return elo_out_failed(x->cli, addr, rc);
    }
    if (x->done != elo_member_u64(x->item, "size")
        || elo_addr_parse(elo_slice_str(addr), &want) != ELO_OK
        || memcmp(&is, &want, sizeof(is)) != 0)
    {
        return elo_out_failed(x->cli, addr, ELO_ECORRUPT);
    }
    x->blobs++;
    x->bytes += x->done;
    return ELO_EXIT_OK;
}


static elo_exit_t
export_blob(export_t *x, const elo_json_t *item)
{
    elo_slice_t hash = elo_member_str(item, "hash");
    char target[TARGET_MAX], addr[ELO_ADDR_CANON_LEN + 1];
    elo_client_req_t req = {
        .method = "GET", .target = target, .sink = take, .sink_ctx = x
    };
    elo_exit_t status = ELO_EXIT_OK;
    elo_client_res_t res;
    elo_err_t rc;

    if (is_narrow(item) && !x->with_narrow) {
        x->left_out++;
        return ELO_EXIT_OK;
    }
    snprintf(addr, sizeof(addr), "%.*s", (int) hash.len, (const char *) hash.p);
    snprintf(target, sizeof(target), "/api/blob/%s", addr);
    x->item = item;
    x->done = 0;
    x->is_begun = false;
    x->err = ELO_OK;
    if ((rc = elo_sha256_reset(x->sha)) != ELO_OK) {
        return elo_out_failed(x->cli, addr, rc);
    }
    rc = elo_call(x->cli, &req, &res);
    if (x->err != ELO_OK) {
        status = elo_out_failed(x->cli, "archive", x->err);
    } else if (rc != ELO_OK) {
        status = elo_call_complain(x->cli, addr, rc, &res);
    } else if (res.status == 404) {
        status = ELO_EXIT_OK; /* removed meanwhile */
    } else if (res.status != 200) {
        elo_ignore(elo_call_complain(x->cli, addr, rc, &res)); /* go on */
        x->unreadable++;
    } else {
        status = end_blob(x, addr);
    }
    elo_client_res_dispose(&res);
    return status;
}


/* ---- content ---- */

static elo_exit_t
export_node(export_t *x, const elo_json_t *item)
{
    elo_slice_t id = elo_member_str(item, "id");
    char name[NAME_ROOM];
    elo_json_writer_t w;
    elo_buf_t b;
    elo_err_t rc;

    if (is_narrow(item) && !x->with_narrow) {
        x->left_out++;
        return ELO_EXIT_OK;
    }
    if (!elo_content_id_ok(id)) {
        return elo_out_failed(x->cli, "content", ELO_ECORRUPT);
    }
    snprintf(name, sizeof(name), "content/%.*s.json", (int) id.len,
             (const char *) id.p);
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_value(&w, NULL, item);
    elo_buf_put_u8(&b, '\n');
    if ((rc = elo_buf_err(&b)) == ELO_OK) {
        rc = put_text(x, name, elo_buf_slice(&b));
    }
    elo_buf_dispose(&b);
    if (rc != ELO_OK) {
        return elo_out_failed(x->cli, "archive", rc);
    }
    x->nodes++;
    return ELO_EXIT_OK;
}


/* ---- pages ---- */

typedef elo_exit_t (*item_fn)(export_t *x, const elo_json_t *item);

/* A listing, and the parameter that takes what its "next" was. */
typedef struct {
    const char *path, *by;
    item_fn fn;
} listing_t;


static elo_exit_t
export_page(export_t *x, const listing_t *l, char after[NAME_ROOM])
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = l->path };
    const elo_json_t *items;
    elo_json_t *page = NULL;
    elo_exit_t status;
    elo_slice_t next;
    elo_buf_t answer;

    snprintf(target, sizeof(target), "%s?limit=" PAGE, l->path);
    if (after[0] != '\0') {
        snprintf(target, sizeof(target), "%s?limit=" PAGE "&%s=%s", l->path,
                 l->by, after);
    }
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(x->cli, &ask, &answer, &page);
    items = elo_json_get(page, "items");
    for (size_t i = 0; i < elo_json_len(items) && status == ELO_EXIT_OK; i++) {
        status = l->fn(x, elo_json_at(items, i));
    }
    next = elo_member_str(page, "next");
    if (next.len >= NAME_ROOM || elo_slice_eq(next, elo_slice_str(after))) {
        next.len = 0; /* one that stands still would never end */
    }
    snprintf(after, NAME_ROOM, "%.*s", (int) next.len, (const char *) next.p);
    elo_json_free(&page);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
export_list(export_t *x, const listing_t *l)
{
    char after[NAME_ROOM] = "";
    elo_exit_t status;

    do {
        status = export_page(x, l, after);
    } while (status == ELO_EXIT_OK && after[0] != '\0');
    return status;
}


/* ---- the verb ---- */

static void
report(const export_t *x, const char *path)
{
    elo_json_writer_t w;
    elo_buf_t b;

    if (strcmp(path, "-") == 0) {
        return; /* standard output has the archive */
    }
    elo_buf_init(&b, DOC_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_u64(&w, "blobs", x->blobs);
    elo_json_put_u64(&w, "bytes", x->bytes);
    elo_json_put_u64(&w, "content", x->nodes);
    elo_json_put_u64(&w, "leftOut", x->left_out);
    elo_json_put_u64(&w, "unreadable", x->unreadable);
    elo_json_end_object(&w);
    elo_out_json(x->cli, elo_buf_slice(&b));
    elo_buf_dispose(&b);
    elo_out_line(x->cli,
                 "%" PRIu64 " blobs of %" PRIu64 " bytes, %" PRIu64
                 " content nodes",
                 x->blobs, x->bytes, x->nodes);
    if (x->left_out > 0) {
        elo_out_line(x->cli,
                     "%" PRIu64 " were left out: they are private, invited or "
                     "local (--with-narrow)",
                     x->left_out);
    }
}


static const listing_t listings[] = {
    { "/api/blob", "after", export_blob },
    { "/api/content", "cursor", export_node },
};


static elo_exit_t
work(export_t *x, const char *path)
{
    elo_exit_t status = ELO_EXIT_OK;
    elo_err_t rc;

    if ((rc = elo_tar_create(path, &x->tar)) != ELO_OK
        || (rc = put_head(x)) != ELO_OK)
    {
        return elo_out_failed(x->cli, path, rc);
    }
    for (size_t i = 0; i < ELO_COUNT(listings) && status == ELO_EXIT_OK; i++) {
        status = export_list(x, &listings[i]);
    }
    if (status == ELO_EXIT_OK && (rc = elo_tar_commit(x->tar)) != ELO_OK) {
        status = elo_out_failed(x->cli, path, rc);
    }
    if (status == ELO_EXIT_OK) {
        report(x, path);
    }
    return status == ELO_EXIT_OK && x->unreadable > 0 ? ELO_EXIT_FAILED
                                                      : status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *path = cli->args.operands[0];
    export_t x = { .cli = cli,
                   .with_narrow = elo_args_has(&cli->args, "with-narrow"),
                   .now = (int64_t) time(NULL) };
    elo_exit_t status;
    elo_err_t rc;

    if (strcmp(path, "-") == 0 && (cli->json || elo_out_is_tty(false))) {
        return elo_out_usage(cli, cli->json ? "with --json the archive needs "
                                              "a file"
                                            : "an archive is not for a "
                                              "terminal");
    }
    if ((rc = elo_sha256_create(&x.sha)) != ELO_OK) {
        return elo_out_failed(cli, path, rc);
    }
    if (x.with_narrow && !cli->quiet) {
        fprintf(stderr, "elohim: the archive holds private, invited and local "
                        "content in the clear: keep it as such\n");
    }
    status = work(&x, path);
    elo_tar_free(&x.tar);
    elo_sha256_free(&x.sha);
    return status;
}


static const elo_opt_t opts[] = {
    { "with-narrow", 0, NULL,
      "with what is private, invited or local, in the clear" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_export = {
    .name = "export",
    .operands = "FILE.tar|-",
    .summary = "everything a daemon holds, as an archive",
    .details = "Blobs and the current versions of content nodes, which "
               "`elohim import` of any version\nputs into any store. Keys, "
               "older versions, pins and the queue are not in it.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
