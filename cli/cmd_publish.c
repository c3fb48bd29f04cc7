/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim publish: files become a content node that people can open: puts those
   that aren't there, creates or updates the node, and can wait until its media
   may be streamed. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "backend/json/json_write.h"
#include "cli/call.h"
#include "cli/mime.h"
#include "cli/publish_node.h"
#include "cli/subcommands.h"
#include "common/auth/reach.h"

#define TARGET_MAX  256
#define REACH_ROOM  16
#define WHY_MAX     4096
#define WAIT_S      600 /* default of --timeout: indexing reads the file once */
#define POLL_MIN_MS 50
#define POLL_MAX_MS 1000
#define DAY_S       86400


static void
hash_step(void *ctx, uint64_t done)
{
    elo_progress_step(ctx, done);
}


/* A blob that is held: its type and size come from its manifest. */
static elo_exit_t
take_held(elo_cli_t *cli, const elo_digest_t *digest, elo_publish_blob_t *b)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = b->hash };
    elo_json_t *manifest = NULL;
    elo_slice_t type;
    elo_exit_t status;
    elo_buf_t answer;

    elo_addr_canon(digest, b->hash);
    snprintf(target, sizeof(target), "/manifest/%s", b->hash);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &manifest);
    if (status == ELO_EXIT_OK) {
        type = elo_member_str(manifest, "mime_type");
        if (type.len == 0 || type.len > ELO_MIME_MAX) {
            type = ELO_SLICE("application/octet-stream");
        }
        memcpy(b->type, type.p, type.len);
        b->size = elo_member_u64(manifest, "total_size");
    }
    elo_json_free(&manifest);
    elo_buf_dispose(&answer);
    return status;
}


/* Hashes the file to learn whether it must be sent at all. */
static elo_exit_t
is_held(elo_cli_t *cli, elo_source_t *s, const char *path, elo_digest_t *digest,
        bool *held)
{
    char target[TARGET_MAX], addr[ELO_ADDR_CANON_LEN + 1];
    elo_ask_t ask = {
        .method = "GET", .target = target, .what = path, .may_miss = true
    };
    elo_progress_t progress;
    elo_exit_t status;
    elo_buf_t answer;
    elo_err_t rc;

    elo_progress_begin(&progress, cli, path, s->size);
    rc = elo_source_hash(s, digest, hash_step, &progress);
    elo_progress_end(&progress);
    if (rc != ELO_OK) {
        return elo_out_failed(cli, path, rc);
    }
    elo_addr_canon(digest, addr);
    snprintf(target, sizeof(target), "/api/blob/%s/status", addr);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask(cli, &ask, &answer);
    elo_buf_dispose(&answer);
    *held = status == ELO_EXIT_OK;
    return status == ELO_EXIT_NOTFOUND ? ELO_EXIT_OK : status;
}


static elo_exit_t
take_answer(const elo_cli_t *cli, const char *path, elo_slice_t answer,
            elo_publish_blob_t *b)
{
    elo_exit_t status = ELO_EXIT_OK;
    elo_json_t *blob = NULL;
    elo_digest_t digest;

    if (elo_json_parse(answer, ELO_CALL_JSON_MAX, &blob, NULL) != ELO_OK
        || elo_addr_parse(elo_member_str(blob, "hash"), &digest) != ELO_OK)
    {
        status = elo_out_failed(cli, path, ELO_EINTERNAL);
    } else {
        elo_addr_canon(&digest, b->hash);
        b->size = elo_member_u64(blob, "size");
    }
    elo_json_free(&blob);
    return status;
}


static elo_exit_t
take_source(elo_cli_t *cli, elo_source_t *s, const char *path,
            const char *reach, elo_publish_blob_t *b)
{
    elo_exit_t status = ELO_EXIT_OK;
    elo_digest_t digest;
    bool held = false;
    elo_buf_t answer;

    if (s->size >= 0) {
        status = is_held(cli, s, path, &digest, &held);
    }
    if (status != ELO_EXIT_OK) {
        return status;
    }
    if (held) {
        elo_addr_canon(&digest, b->hash);
        b->size = (uint64_t) s->size;
        return ELO_EXIT_OK;
    }
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_upload(
        cli, s,
        &(elo_upload_ask_t){ .label = path,
                             .type = b->type,
                             .reach = reach,
                             .expect = s->size >= 0 ? &digest : NULL },
        &answer);
    if (status == ELO_EXIT_OK) {
        status = take_answer(cli, path, elo_buf_slice(&answer), b);
    }
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
take_file(elo_cli_t *cli, const char *path, bool is_variant, const char *reach,
          elo_publish_t *p)
{
    elo_publish_blob_t *b = &p->blobs[p->n_blobs];
    elo_digest_t digest;
    elo_source_t source;
    elo_exit_t status;
    elo_err_t rc;

    if (p->n_blobs == ELO_CONTENT_BLOBS_MAX) {
        return elo_out_usage(cli, "a content takes at most %d files",
                             ELO_CONTENT_BLOBS_MAX);
    }
    *b = (elo_publish_blob_t){ .is_variant = is_variant };
    rc = elo_source_open(path, &source);
    if (rc == ENOENT && elo_addr_parse(elo_slice_str(path), &digest) == ELO_OK)
    {
        status = take_held(cli, &digest, b);
    } else if (rc != ELO_OK) {
        return elo_out_failed(cli, path, rc);
    } else {
        snprintf(b->type, sizeof(b->type), "%s", elo_mime_guess(path));
        status = take_source(cli, &source, path, reach, b);
        elo_source_close(&source);
    }
    if (status == ELO_EXIT_OK) {
        p->n_blobs++;
    }
    return status;
}


/* The reach that the content will have: as asked for, or as it stands. Files are
   sent with it, so that what is for everyone isn't encrypted first. */
static elo_exit_t
find_reach(elo_cli_t *cli, const elo_publish_t *p, char room[REACH_ROOM])
{
    char target[TARGET_MAX];
    elo_ask_t ask = {
        .method = "GET", .target = target, .what = p->id, .may_miss = true
    };
    elo_json_t *current = NULL;
    elo_slice_t reach;
    elo_reach_t parsed;
    elo_exit_t status = ELO_EXIT_OK;
    elo_buf_t answer;

    snprintf(room, REACH_ROOM, "%s", p->reach != NULL ? p->reach : "private");
    if (p->reach != NULL) {
        return ELO_EXIT_OK;
    }
    snprintf(target, sizeof(target), "/api/content/%s", p->id);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &current);
    reach = elo_member_str(current, "reach");
    if (elo_reach_parse(reach, &parsed)) {
        snprintf(room, REACH_ROOM, "%s", elo_reach_name(parsed));
    }
    elo_json_free(&current);
    elo_buf_dispose(&answer);
    return status == ELO_EXIT_NOTFOUND ? ELO_EXIT_OK : status;
}


static elo_exit_t
take_files(elo_cli_t *cli, elo_publish_t *p)
{
    char reach[REACH_ROOM];
    elo_exit_t status = find_reach(cli, p, reach);
    const char *variant;

    for (unsigned i = 0; i < cli->args.n_operands && status == ELO_EXIT_OK; i++)
    {
        status = take_file(cli, cli->args.operands[i], false, reach, p);
    }
    for (unsigned i = 0;
         status == ELO_EXIT_OK
         && (variant = elo_args_nth(&cli->args, "variant", i)) != NULL;
         i++)
    {
        status = take_file(cli, variant, true, reach, p);
    }
    return status;
}


/* Creates the node, or changes the version that stands; somebody else's change
   in between is a conflict. answer gets the node as the server has it now. */
static elo_exit_t
send_node(elo_cli_t *cli, const elo_publish_t *p, elo_buf_t *answer)
{
    char target[TARGET_MAX], headers[128];
    elo_ask_t ask = { .method = "GET",
                      .target = target,
                      .headers = headers,
                      .what = p->id,
                      .may_miss = true };
    elo_json_t *current = NULL;
    elo_exit_t status;
    elo_buf_t node;

    snprintf(target, sizeof(target), "/api/content/%s", p->id);
    headers[0] = '\0';
    status = elo_ask_json(cli, &ask, answer, &current);
    elo_buf_clear(answer);
    if (status != ELO_EXIT_OK && status != ELO_EXIT_NOTFOUND) {
        return status;
    }
    if (current == NULL && p->title == NULL) {
        return elo_out_usage(cli, "\"%s\" is not there yet: give it a --title",
                             p->id);
    }
    elo_buf_init(&node, ELO_CALL_JSON_MAX);
    elo_publish_node(p, current, &node);
    ask.body = elo_buf_slice(&node);
    ask.may_miss = false;
    if (current == NULL) {
        ask.method = "POST";
        snprintf(target, sizeof(target), "/api/content");
        snprintf(headers, sizeof(headers),
                 "Content-Type: application/json\r\n");
    } else {
        ask.method = "PUT";
        snprintf(headers, sizeof(headers),
                 "Content-Type: application/json\r\nIf-Match: \"%llu\"\r\n",
                 (unsigned long long) elo_member_u64(current, "version"));
    }
    status = elo_buf_err(&node) != ELO_OK
                 ? elo_out_failed(cli, p->id, elo_buf_err(&node))
                 : elo_ask(cli, &ask, answer);
    elo_json_free(&current);
    elo_buf_dispose(&node);
    return status;
}


static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static void
nap(unsigned ms)
{
    struct timespec ts = { .tv_sec = ms / 1000,
                           .tv_nsec = (long) (ms % 1000) * 1000000 };

    nanosleep(&ts, NULL);
}


/* Asks until the media index of b is there, or is known not to come. Writes the
   status to w. */
static elo_exit_t
wait_for(elo_cli_t *cli, const elo_publish_blob_t *b, uint64_t until_ms,
         elo_json_writer_t *w)
{
    unsigned pause = POLL_MIN_MS;
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = b->hash };

    snprintf(target, sizeof(target), "/api/blob/%s/status", b->hash);
    for (;;) {
        elo_json_t *answer = NULL;
        const elo_json_t *media;
        elo_exit_t status;
        bool pending;
        elo_buf_t text;

        elo_buf_init(&text, ELO_CALL_JSON_MAX);
        status = elo_ask_json(cli, &ask, &text, &answer);
        media = elo_json_get(answer, "media");
        pending =
            elo_slice_eq(elo_member_str(media, "status"), ELO_SLICE("pending"));
        if (status == ELO_EXIT_OK && !pending) {
            elo_slice_t reason = elo_member_str(media, "reason");

            elo_json_put_value(w, NULL, answer);
            if (reason.len > 0) {
                elo_out_line(cli, "not streamable: %.*s", (int) reason.len,
                             (const char *) reason.p);
            }
        }
        elo_json_free(&answer);
        elo_buf_dispose(&text);
        if (status != ELO_EXIT_OK || !pending) {
            return status;
        }
        if (now_ms() >= until_ms) {
            return elo_out_failed(cli, "waiting for the media index",
                                  ELO_ETIMEDOUT);
        }
        nap(pause);
        pause = pause * 2 > POLL_MAX_MS ? POLL_MAX_MS : pause * 2;
    }
}


static elo_exit_t
wait_all(elo_cli_t *cli, const elo_publish_t *p, uint64_t timeout_s,
         elo_json_writer_t *w)
{
    uint64_t until_ms = now_ms() + timeout_s * 1000;
    elo_exit_t status = ELO_EXIT_OK;

    elo_json_put_array(w, "status");
    for (unsigned i = 0; i < p->n_blobs && status == ELO_EXIT_OK; i++) {
        if (elo_mime_is_streamable(elo_slice_str(p->blobs[i].type))) {
            status = wait_for(cli, &p->blobs[i], until_ms, w);
        }
    }
    elo_json_end_array(w);
    return status;
}


static void
put_paths(const elo_cli_t *cli, const elo_publish_t *p, elo_json_writer_t *w)
{
    static const struct {
        const char *name;
        const char *prefix;
        const char *suffix;
        bool is_stream;
    } paths[] = {
        { "play", "/play/", "", false },
        { "file", "/api/blob/", "", false },
        { "hls", "/api/manifest/", "/hls.m3u8", true },
        { "dash", "/api/manifest/", "/dash.mpd", true },
    };
    bool streams = elo_mime_is_streamable(elo_slice_str(p->blobs[0].type));

    elo_json_put_object(w, "paths");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char path[TARGET_MAX];

        if (paths[i].is_stream && !streams) {
            continue;
        }
        snprintf(path, sizeof(path), "%s%s%s", paths[i].prefix, p->id,
                 paths[i].suffix);
        elo_json_put_cstr(w, paths[i].name, path);
        elo_out_line(cli, "%-5s %s", paths[i].name, path);
    }
    elo_json_end_object(w);
}


/* Everything after the options have been judged. */
static elo_exit_t
publish(elo_cli_t *cli, elo_publish_t *p, uint64_t timeout_s)
{
    elo_exit_t status;
    elo_json_writer_t w;
    elo_buf_t node, doc;

    elo_buf_init(&node, ELO_CALL_JSON_MAX);
    elo_buf_init(&doc, 2 * (size_t) ELO_CALL_JSON_MAX);
    elo_json_writer_init(&w, &doc);
    status = take_files(cli, p);
    if (status == ELO_EXIT_OK) {
        status = send_node(cli, p, &node);
    }
    if (status == ELO_EXIT_OK) {
        elo_json_put_object(&w, NULL);
        elo_json_put_raw(&w, "node", elo_slice_trim(elo_buf_slice(&node)));
        put_paths(cli, p, &w);
        if (elo_args_has(&cli->args, "wait")) {
            status = wait_all(cli, p, timeout_s, &w);
        }
        elo_json_end_object(&w);
        elo_out_json(cli, elo_buf_slice(&doc));
    }
    elo_buf_dispose(&node);
    elo_buf_dispose(&doc);
    return status;
}


static elo_exit_t
read_options(elo_cli_t *cli, elo_publish_t *p, uint64_t *timeout_s)
{
    const elo_args_t *args = &cli->args;
    elo_exit_t status = ELO_EXIT_OK;
    elo_reach_t reach;
    elo_buf_t why;
    const char *tag;

    p->id = elo_args_get(args, "id");
    p->title = elo_args_get(args, "title");
    p->description = elo_args_get(args, "description");
    p->reach = elo_args_get(args, "reach");
    p->format = elo_args_get(args, "format");
    while ((tag = elo_args_nth(args, "tag", p->n_tags)) != NULL) {
        if (p->n_tags == ELO_PUBLISH_TAGS_MAX) {
            return elo_out_usage(cli, "at most %d --tag", ELO_PUBLISH_TAGS_MAX);
        }
        p->tags[p->n_tags++] = tag;
    }
    if (p->id == NULL || !elo_content_id_ok(elo_slice_str(p->id))) {
        return elo_out_usage(cli,
                             "give it an --id of up to %d letters, "
                             "digits and . _ ~ : -",
                             ELO_CONTENT_ID_MAX);
    }
    if (p->reach != NULL && !elo_reach_parse(elo_slice_str(p->reach), &reach)) {
        return elo_out_usage(cli, "--reach must be private, invited, local, "
                                  "neighborhood, municipal, bioregional, "
                                  "regional or commons");
    }
    elo_buf_init(&why, WHY_MAX);
    if (elo_args_u64(args, "timeout", WAIT_S, 1, DAY_S, timeout_s, &why)
        != ELO_OK) {
        status = elo_out_usage(cli, "%s", elo_buf_cstr(&why));
    }
    elo_buf_dispose(&why);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    elo_publish_t p = { 0 };
    uint64_t timeout_s = 0;
    elo_exit_t status = read_options(cli, &p, &timeout_s);

    return status != ELO_EXIT_OK ? status : publish(cli, &p, timeout_s);
}


static const elo_opt_t opts[] = {
    { "id", 0, "ID", "the content's id, part of its URLs" },
    { "title", 0, "TEXT", "title; needed when the content is not there yet" },
    { "description", 0, "TEXT", "some sentences about it" },
    { "reach", 0, "REACH",
      "who may see it, from private (the default) to "
      "commons (everyone)" },
    { "format", 0, "FORMAT",
      "as video-file, audio-file, document (default: "
      "by the first file's type)" },
    { "variant", 0, "FILE", "another rendition of the same; may be repeated" },
    { "tag", 0, "TAG", "may be repeated" },
    { "wait", 'w', NULL, "wait until the media can be streamed" },
    { "timeout", 0, "SECONDS", "how long --wait waits (default 600)" },
    { "progress", 0, NULL, "tell of progress though there is no terminal" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_publish = {
    .name = "publish",
    .operands = "FILE…",
    .summary = "put files in and make them a content that can be opened",
    .details =
        "The first FILE is the original, further ones are its audio, subtitles "
        "or variants\nby their type. In place of a FILE the address of a blob "
        "that is held will do.\nFiles that are held already are not sent "
        "again. Content of that id is updated:\nwhat no option names stays as "
        "it is. Prints the paths below a Doorway's URL.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = ELO_CONTENT_BLOBS_MAX,
    .run = run,
};
