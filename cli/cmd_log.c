/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim log: the signed records of agents: listed, shown in words, and an agent's
   chain checked here, without trust in who keeps it. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/record.h"
#include "cli/subcommands.h"
#include "common/auth/agent_text.h"
#include "common/base/base64.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define PAGE       200u
#define TARGET_MAX 256
#define WORDS_MAX  ((size_t) 16 << 10)
#define WHY_MAX    512u
#define DOC_MAX    ((size_t) 1 << 30)

#define TEXT(s) (int) (s).len, (const char *) (s).p

/* A record as the daemon gave it; r borrows from bytes. */
typedef struct {
    uint64_t number;
    const elo_json_t *json;
    elo_slice_t bytes;
    elo_rec_t r;
    elo_err_t err; /* of taking it apart */
    const char *why;
} item_t;

/* False: that is enough. */
typedef bool (*item_fn)(void *ctx, const item_t *item);

typedef struct {
    elo_cli_t *cli;
    const char *agent; /* NULL: all; else 64 hex digits */
    const char *kind;  /* NULL: all */
    uint64_t from;
    uint64_t left;
    item_fn fn;
    void *ctx;
    bool is_over;
} walk_t;


/* ---- pages of records ---- */

static bool
take_item(walk_t *k, const elo_json_t *j)
{
    uint8_t bytes[ELO_RECORD_MAX];
    item_t item = { .json = j, .number = elo_member_u64(j, "number") };
    size_t len = 0;

    item.err = elo_base64url_decode(elo_member_str(j, "record"), bytes,
                                    sizeof(bytes), &len);
    item.bytes = elo_slice(bytes, len);
    if (item.err == ELO_OK) {
        item.err = elo_rec_parse(item.bytes, &item.r, &item.why);
    }
    return k->fn(k->ctx, &item);
}


static elo_exit_t
walk_page(walk_t *k)
{
    char target[TARGET_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = "log" };
    const elo_json_t *items;
    elo_json_t *page = NULL;
    elo_exit_t status;
    elo_buf_t answer;
    uint64_t next;

    snprintf(target, sizeof(target), "/api/records?limit=%u&from=%llu%s%s%s%s",
             (unsigned) ELO_MIN(k->left, (uint64_t) PAGE),
             (unsigned long long) k->from, k->agent != NULL ? "&agent=" : "",
             k->agent != NULL ? k->agent : "", k->kind != NULL ? "&kind=" : "",
             k->kind != NULL ? k->kind : "");
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(k->cli, &ask, &answer, &page);
    items = elo_json_get(page, "items");
    for (size_t i = 0; i < elo_json_len(items) && k->left > 0 && !k->is_over;
         i++, k->left--)
    {
        k->is_over = !take_item(k, elo_json_at(items, i));
    }
    next = elo_member_u64(page, "next");
    k->is_over = k->is_over || next <= k->from; /* or it would never end */
    k->from = next;
    elo_json_free(&page);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
walk(walk_t *k)
{
    elo_exit_t status;

    do {
        status = walk_page(k);
    } while (status == ELO_EXIT_OK && !k->is_over && k->left > 0
             && ferror(stdout) == 0);
    return status;
}


/* ---- ls ---- */

typedef struct {
    elo_cli_t *cli;
    elo_json_writer_t w;
} list_t;


static void
put_words(elo_buf_t *b, const item_t *item)
{
    if (item->err == ELO_OK) {
        elo_record_words(b, &item->r);
    } else {
        elo_buf_printf(b, "can't be believed: %s",
                       item->why != NULL ? item->why : elo_strerror(item->err));
    }
}


static void
print_line(const elo_cli_t *cli, const item_t *item)
{
    elo_slice_t agent = elo_member_str(item->json, "agent");
    elo_slice_t kind = elo_member_str(item->json, "kind");
    elo_slice_t id = elo_member_str(item->json, "id");
    elo_buf_t b;

    elo_buf_init(&b, WHY_MAX);
    elo_time_text(&b, (int64_t) (elo_member_u64(item->json, "time") / 1000));
    elo_out_line(cli, "%6llu  %s  %.*s  %.*s  %.*s",
                 (unsigned long long) item->number, elo_buf_cstr(&b), TEXT(id),
                 TEXT(agent), TEXT(kind));
    elo_buf_dispose(&b);
}


static bool
list_item(void *ctx, const item_t *item)
{
    list_t *l = ctx;

    print_line(l->cli, item);
    elo_json_put_value(&l->w, NULL, item->json);
    return true;
}


static elo_exit_t
list(walk_t *k)
{
    list_t l = { .cli = k->cli };
    elo_exit_t status;
    elo_buf_t doc;

    k->fn = list_item;
    k->ctx = &l;
    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&l.w, &doc);
    elo_json_put_object(&l.w, NULL);
    elo_json_put_array(&l.w, "items");
    status = walk(k);
    elo_json_end_array(&l.w);
    elo_json_end_object(&l.w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(k->cli, "log", elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(k->cli, elo_buf_slice(&doc));
    }
    k->ctx = NULL;
    elo_buf_dispose(&doc);
    return status;
}


static elo_exit_t
run_ls(elo_cli_t *cli)
{
    const char *agent = elo_args_get(&cli->args, "agent");
    char hex[ELO_AGENT_TEXT_MAX];
    walk_t k = { .cli = cli, .kind = elo_args_get(&cli->args, "kind") };
    elo_exit_t status = ELO_EXIT_OK;
    elo_agent_t of;
    elo_buf_t why;

    if (agent != NULL) {
        if ((status = elo_record_agent(cli, agent, &of)) != ELO_EXIT_OK) {
            return status;
        }
        elo_agent_text_write(&of, ELO_AGENT_HEX, hex);
        k.agent = hex;
    }
    if (k.kind != NULL
        && strspn(k.kind, "abcdefghijklmnopqrstuvwxyz-") != strlen(k.kind))
    {
        return elo_out_usage(cli, "\"%s\" is no kind of record", k.kind);
    }
    elo_buf_init(&why, WHY_MAX);
    if (elo_args_u64(&cli->args, "limit", UINT64_MAX, 1, UINT64_MAX, &k.left,
                     &why)
        != ELO_OK)
    {
        status = elo_out_usage(cli, "%s", elo_buf_cstr(&why));
    } else {
        status = list(&k);
    }
    elo_buf_dispose(&why);
    return status;
}


/* ---- show ---- */

typedef struct {
    elo_cli_t *cli;
    bool is_by_id;
    elo_digest_t id;
    uint64_t number;
    bool is_found, is_good;
} show_t;


static void
print_item(show_t *s, const item_t *item)
{
    elo_json_writer_t w;
    elo_buf_t words, doc;

    elo_buf_init(&words, WORDS_MAX);
    elo_buf_init(&doc, ELO_CALL_JSON_MAX);
    put_words(&words, item);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_value(&w, "item", item->json);
    elo_json_put_bool(&w, "valid", item->err == ELO_OK);
    elo_json_put_cstr(&w, "words", elo_buf_cstr(&words));
    elo_json_end_object(&w);
    print_line(s->cli, item);
    elo_out_line(s->cli, "%s", elo_buf_cstr(&words));
    elo_out_json(s->cli, elo_buf_slice(&doc));
    elo_buf_dispose(&doc);
    elo_buf_dispose(&words);
}


static bool
show_item(void *ctx, const item_t *item)
{
    show_t *s = ctx;

    if (s->is_by_id) {
        s->is_found = item->err == ELO_OK
                      && memcmp(item->r.id.b, s->id.b, sizeof(s->id.b)) == 0;
    } else {
        s->is_found = item->number == s->number;
        if (item->number > s->number) {
            return false;
        }
    }
    if (s->is_found) {
        s->is_good = item->err == ELO_OK;
        print_item(s, item);
    }
    return !s->is_found;
}


static elo_exit_t
run_show(elo_cli_t *cli, const char *which)
{
    show_t s = { .cli = cli };
    walk_t k = { .cli = cli, .left = UINT64_MAX, .fn = show_item, .ctx = &s };
    elo_exit_t status = ELO_EXIT_OK;

    if (elo_slice_u64(elo_slice_str(which), &s.number) && s.number <= INT64_MAX)
    {
        k.from = s.number;
    } else {
        s.is_by_id = true;
        status = elo_record_id(cli, which, &s.id);
    }
    if (status == ELO_EXIT_OK) {
        status = walk(&k);
    }
    if (status == ELO_EXIT_OK && !s.is_found) {
        return elo_out_failed(cli, which, ELO_ENOTFOUND);
    }
    return status == ELO_EXIT_OK && !s.is_good ? ELO_EXIT_CONFLICT : status;
}


/* ---- verify ---- */

typedef struct {
    elo_agent_t agent;
    uint64_t n;
    elo_digest_t last;
    int64_t time_ms;
    uint64_t number;   /* of the one that is wrong */
    const char *wrong; /* NULL: nothing */
} verify_t;


static const char *
fault_of(const verify_t *v, const item_t *item)
{
    char hex[2 * ELO_SHA256_LEN + 1];
    const elo_rec_t *r = &item->r;

    if (item->err == ELO_ECORRUPT) {
        return "its signature is wrong";
    }
    if (item->err != ELO_OK) {
        return item->why != NULL ? item->why : "it is none";
    }
    elo_hex_encode(r->id.b, sizeof(r->id.b), hex);
    if (!elo_slice_eq(elo_member_str(item->json, "id"), elo_slice_str(hex))) {
        return "it has another id than the daemon says";
    }
    if (!elo_agent_eq(&r->author, &v->agent)) {
        return "it is another agent's";
    }
    if (r->seq != v->n) {
        return "one before it is missing";
    }
    if (v->n > 0 && memcmp(r->prev.b, v->last.b, sizeof(v->last.b)) != 0) {
        return "it doesn't name the one before";
    }
    return r->time_ms < v->time_ms ? "it is earlier than the one before" : NULL;
}


static bool
verify_item(void *ctx, const item_t *item)
{
    verify_t *v = ctx;

    v->wrong = fault_of(v, item);
    v->number = item->number;
    if (v->wrong == NULL) {
        v->n++;
        v->last = item->r.id;
        v->time_ms = item->r.time_ms;
    }
    return v->wrong == NULL;
}


/* What the daemon takes for the chain's end is where it ended. */
static elo_exit_t
check_head(elo_cli_t *cli, const char *hex, verify_t *v)
{
    char target[TARGET_MAX], last[2 * ELO_SHA256_LEN + 1];
    elo_ask_t ask = { .method = "GET", .target = target, .what = hex };
    elo_json_t *j = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    snprintf(target, sizeof(target), "/api/records/head/%s", hex);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &j);
    elo_hex_encode(v->last.b, sizeof(v->last.b), last);
    if (status == ELO_EXIT_OK && v->wrong == NULL
        && (elo_member_u64(j, "seq") != v->n
            || (v->n > 0
                && !elo_slice_eq(elo_member_str(j, "previous"),
                                 elo_slice_str(last)))))
    {
        v->wrong = "the daemon names another head than the last record";
    }
    elo_json_free(&j);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
tell_verdict(const elo_cli_t *cli, const verify_t *v)
{
    char hex[2 * ELO_SHA256_LEN + 1];
    elo_json_writer_t w;
    elo_buf_t doc;

    elo_hex_encode(v->last.b, sizeof(v->last.b), hex);
    elo_buf_init(&doc, ELO_CALL_JSON_MAX);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_bool(&w, "whole", v->wrong == NULL);
    elo_json_put_u64(&w, "records", v->n);
    if (v->n > 0) {
        elo_json_put_cstr(&w, "head", hex);
    } else {
        elo_json_put_null(&w, "head");
    }
    if (v->wrong != NULL) {
        elo_json_put_u64(&w, "number", v->number);
        elo_json_put_cstr(&w, "wrong", v->wrong);
    }
    elo_json_end_object(&w);
    elo_out_json(cli, elo_buf_slice(&doc));
    elo_buf_dispose(&doc);
    if (v->wrong != NULL) {
        elo_out_line(cli, "broken after %llu records, at number %llu: %s",
                     (unsigned long long) v->n, (unsigned long long) v->number,
                     v->wrong);
        return ELO_EXIT_CONFLICT;
    }
    elo_out_line(cli, "whole: %llu records, head %s", (unsigned long long) v->n,
                 v->n > 0 ? hex : "-");
    return ELO_EXIT_OK;
}


static elo_exit_t
run_verify(elo_cli_t *cli, const char *agent)
{
    char hex[ELO_AGENT_TEXT_MAX];
    verify_t v = { 0 };
    walk_t k = { .cli = cli,
                 .agent = hex,
                 .left = UINT64_MAX,
                 .fn = verify_item,
                 .ctx = &v };
    elo_exit_t status = elo_record_agent(cli, agent, &v.agent);

    if (status == ELO_EXIT_OK) {
        elo_agent_text_write(&v.agent, ELO_AGENT_HEX, hex);
        status = walk(&k);
    }
    if (status == ELO_EXIT_OK) {
        status = check_head(cli, hex, &v);
    }
    return status == ELO_EXIT_OK ? tell_verdict(cli, &v) : status;
}


/* ---- the verb ---- */

static elo_exit_t
run(elo_cli_t *cli)
{
    const elo_args_t *args = &cli->args;
    bool is_ls = strcmp(args->operands[0], "ls") == 0;
    bool is_show = strcmp(args->operands[0], "show") == 0;

    if (elo_keys_init() != ELO_OK) {
        return elo_out_failed(cli, "libsodium", ELO_EINTERNAL);
    }
    if (!is_ls && !is_show && strcmp(args->operands[0], "verify") != 0) {
        return elo_out_usage(cli, "log knows ls, show and verify");
    }
    if (args->n_operands != (is_ls ? 1u : 2u)) {
        return elo_out_usage(cli, is_ls     ? "log ls takes options alone"
                                  : is_show ? "say which: a number or an id"
                                            : "say whose: an agent");
    }
    if (!is_ls
        && (elo_args_has(args, "agent") || elo_args_has(args, "kind")
            || elo_args_has(args, "limit")))
    {
        return elo_out_usage(cli, "these options are for log ls");
    }
    return is_ls     ? run_ls(cli)
           : is_show ? run_show(cli, args->operands[1])
                     : run_verify(cli, args->operands[1]);
}

static const elo_opt_t opts[] = {
    { "agent", 'a', "AGENT", "ls: of his alone" },
    { "kind", 0, "KIND", "ls: admission, relationship, grant, …" },
    { "limit", 'n', "N", "ls: at most N of them" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_log = {
    .name = "log",
    .operands = "ls | show RECORD | verify AGENT",
    .summary = "the signed records of agents",
    .details =
        "ls: number, time, id, author and kind. show: one, by its number or "
        "its "
        "id, in words.\nverify fetches all records of an agent and checks here "
        "that each is signed by him, and\nthat none is missing, changed or out "
        "of its place (status 5: something is).\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
