/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim cache: what the Doorways of a daemon keep: takes it out of them, and has them
   take in what will be asked for. */
#include <stdio.h>

#include "cli/call.h"
#include "cli/subcommands.h"
#include "common/base/num.h"

#define LINE_MAX   512
#define TARGET_MAX 2048
#define LIST_MAX   ((size_t) 2 << 20) /* of names that are sent */
#define READ_ROOM  65536

static const char *const selectors[] = { "address", "content", "prefix",
                                         "tag",     "reach",   "all" };


/* ---- purge ---- */

/* Which option says what; NULL: none, or more than one. */
static const char *
selector(const elo_cli_t *cli)
{
    const char *found = NULL;

    for (size_t i = 0; i < ELO_COUNT(selectors); i++) {
        if (elo_args_has(&cli->args, selectors[i])) {
            if (found != NULL || elo_args_nth(&cli->args, selectors[i], 1)) {
                return NULL;
            }
            found = selectors[i];
        }
    }
    return found;
}


static void
print_purged(const elo_cli_t *cli, const elo_json_t *doc)
{
    const elo_json_t *n = elo_json_get(doc, "purged");
    bool is_all = false;

    elo_ignore(!elo_json_bool(elo_json_get(doc, "everything"), &is_all));
    elo_out_line(cli, "%s%llu contents, %llu blobs: every Doorway obeys",
                 is_all ? "everything: " : "",
                 (unsigned long long) elo_member_u64(n, "contents"),
                 (unsigned long long) elo_member_u64(n, "blobs"));
}


/* One exchange whose answer is printed. */
static elo_exit_t
ask_and_print(elo_cli_t *cli, const elo_ask_t *ask,
              void (*print)(const elo_cli_t *cli, const elo_json_t *doc))
{
    elo_json_t *doc = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, ask, &answer, &doc);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, elo_slice_trim(elo_buf_slice(&answer)));
        print(cli, doc);
    }
    elo_json_free(&doc);
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
run_purge(elo_cli_t *cli)
{
    const char *by = selector(cli);
    const char *value = by == NULL ? NULL : elo_args_get(&cli->args, by);
    elo_exit_t status = ELO_EXIT_OK;
    elo_buf_t target;
    elo_ask_t ask = { .method = "POST", .what = "purge" };

    if (by == NULL || cli->args.n_operands != 1) {
        return elo_out_usage(cli, "purge takes one of --address, --content, "
                                  "--prefix, --tag, --reach and --all");
    }
    elo_buf_init(&target, TARGET_MAX);
    elo_buf_put_str(&target, "/api/cache/purge?");
    elo_buf_put_str(&target, by);
    elo_buf_put_u8(&target, '=');
    elo_query_escape(&target,
                     elo_slice_str(strcmp(by, "all") == 0 ? "1" : value));
    if (elo_buf_err(&target) != ELO_OK) {
        status = elo_out_usage(cli, "--%s is too long", by);
    } else {
        ask.target = elo_buf_cstr(&target);
        status = ask_and_print(cli, &ask, print_purged);
    }
    elo_buf_dispose(&target);
    return status;
}


/* ---- warm ---- */

/* "10g" and the like: bytes, in powers of 1024; at least 1. */
static bool
size_of(const char *text, uint64_t *out)
{
    static const char units[] = "kmgt";
    elo_slice_t s = elo_slice_str(text);
    unsigned shift = 0;
    const char *unit;

    if (s.len > 1 && (unit = strchr(units, s.p[s.len - 1] | 0x20)) != NULL) {
        shift = 10 * (unsigned) (unit - units + 1);
        s.len--;
    }
    if (!elo_slice_u64(s, out) || *out == 0 || *out > UINT64_MAX >> shift) {
        return false;
    }
    *out <<= shift;
    return true;
}


/* Appends ?name=… or &name=…, if the option is there. */
static elo_exit_t
put_size(const elo_cli_t *cli, const char *name, elo_buf_t *target,
         bool *has_any)
{
    const char *text = elo_args_get(&cli->args, name);
    char line[LINE_MAX];
    uint64_t n;

    if (text == NULL) {
        return ELO_EXIT_OK;
    }
    if (!size_of(text, &n)) {
        return elo_out_usage(cli, "--%s is a number of bytes, such as 500m",
                             name);
    }
    snprintf(line, sizeof(line), "%c%s=%llu", *has_any ? '&' : '?', name,
             (unsigned long long) n);
    elo_buf_put_str(target, line);
    *has_any = true;
    return ELO_EXIT_OK;
}


static elo_exit_t
read_list(const elo_cli_t *cli, const char *path, elo_buf_t *out)
{
    uint8_t room[READ_ROOM];
    elo_source_t s;
    size_t n;
    elo_err_t rc = elo_source_open(path, &s);

    if (rc != ELO_OK) {
        return elo_out_failed(cli, path, rc);
    }
    do {
        rc = elo_source_read(&s, room, sizeof(room), &n);
        if (rc == ELO_OK) {
            elo_buf_put(out, room, n);
        }
    } while (rc == ELO_OK && n > 0 && elo_buf_err(out) == ELO_OK);
    elo_source_close(&s);
    if (rc == ELO_OK && (rc = elo_buf_err(out)) == ELO_OK) {
        elo_buf_put_u8(out, '\n');
    }
    return rc == ELO_OK ? ELO_EXIT_OK : elo_out_failed(cli, path, rc);
}


/* The operands: "-" and what has a slash or a dot-slash are files, of names one a
   line; the others are names. */
static elo_exit_t
put_names(const elo_cli_t *cli, elo_buf_t *out)
{
    elo_exit_t status = ELO_EXIT_OK;
    elo_name_t name;

    for (unsigned i = 1; i < cli->args.n_operands && status == ELO_EXIT_OK; i++)
    {
        const char *s = cli->args.operands[i];

        if (strcmp(s, "-") == 0 || strchr(s, '/') != NULL) {
            status = read_list(cli, s, out);
            continue;
        }
        status = elo_call_name(cli, s, &name);
        if (status == ELO_EXIT_OK) {
            elo_buf_put_str(out, name.text);
            elo_buf_put_u8(out, '\n');
        }
    }
    if (status == ELO_EXIT_OK && elo_buf_err(out) != ELO_OK) {
        status = elo_out_failed(cli, "warm", elo_buf_err(out));
    }
    return status;
}


static void
print_taken(const elo_cli_t *cli, const elo_json_t *doc)
{
    elo_buf_t size;

    elo_buf_init(&size, LINE_MAX);
    elo_size_text(&size, elo_member_u64(doc, "bytes"));
    elo_out_line(cli,
                 "%llu blobs, %s, will be taken in; %llu names are left "
                 "out",
                 (unsigned long long) elo_member_u64(doc, "blobs"),
                 elo_buf_cstr(&size),
                 (unsigned long long) (elo_member_u64(doc, "missing")
                                       + elo_member_u64(doc, "unfit")
                                       + elo_member_u64(doc, "past")));
    elo_buf_dispose(&size);
}


static void
print_progress(const elo_cli_t *cli, const elo_json_t *doc)
{
    elo_buf_t done, left;

    elo_buf_init(&done, LINE_MAX);
    elo_buf_init(&left, LINE_MAX);
    elo_size_text(&done, elo_member_u64(doc, "doneBytes"));
    elo_size_text(&left, elo_member_u64(doc, "leftBytes"));
    elo_out_line(
        cli, "handed out: %llu blobs, %s; left: %llu blobs, %s",
        (unsigned long long) elo_member_u64(doc, "done"), elo_buf_cstr(&done),
        (unsigned long long) elo_member_u64(doc, "left"), elo_buf_cstr(&left));
    elo_buf_dispose(&done);
    elo_buf_dispose(&left);
}


static elo_exit_t
send_list(elo_cli_t *cli, bool is_contract)
{
    elo_buf_t target, names;
    elo_ask_t ask = { .method = "POST",
                      .headers = "Content-Type: text/plain\r\n",
                      .what = "warm" };
    bool has_any = is_contract;
    elo_exit_t status;

    elo_buf_init(&target, TARGET_MAX);
    elo_buf_init(&names, LIST_MAX);
    elo_buf_put_str(&target, is_contract ? "/api/cache/warm?contract=1"
                                         : "/api/cache/warm");
    status = put_size(cli, "budget", &target, &has_any);
    if (status == ELO_EXIT_OK) {
        status = put_size(cli, "rate", &target, &has_any);
    }
    if (status == ELO_EXIT_OK && !is_contract) {
        status = put_names(cli, &names);
    }
    if (status == ELO_EXIT_OK) {
        ask.target = elo_buf_cstr(&target);
        ask.body = elo_buf_slice(&names);
        status = ask_and_print(cli, &ask, print_taken);
    }
    elo_buf_dispose(&names);
    elo_buf_dispose(&target);
    return status;
}


static elo_exit_t
stop(elo_cli_t *cli)
{
    elo_ask_t ask = { .method = "DELETE",
                      .target = "/api/cache/warm",
                      .what = "warm" };
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask(cli, &ask, &answer);
    if (status == ELO_EXIT_OK) {
        elo_out_json(cli, ELO_SLICE("{\"stopped\":true}"));
        elo_out_line(cli, "nothing more is handed out");
    }
    elo_buf_dispose(&answer);
    return status;
}


static elo_exit_t
run_warm(elo_cli_t *cli)
{
    bool is_status = elo_args_has(&cli->args, "status");
    bool is_stop = elo_args_has(&cli->args, "stop");
    bool is_contract = elo_args_has(&cli->args, "contract");
    bool has_names = cli->args.n_operands > 1;
    elo_ask_t ask = { .method = "GET",
                      .target = "/api/cache/warm",
                      .what = "warm" };

    if (is_status + is_stop + is_contract + has_names != 1) {
        return elo_out_usage(cli, "warm takes names or files of names, or one "
                                  "of --contract, --status and --stop");
    }
    if (is_status) {
        return ask_and_print(cli, &ask, print_progress);
    }
    return is_stop ? stop(cli) : send_list(cli, is_contract);
}


/* ---- the verb ---- */

static elo_exit_t
run(elo_cli_t *cli)
{
    const char *what = cli->args.operands[0];

    if (strcmp(what, "purge") == 0) {
        return run_purge(cli);
    }
    return strcmp(what, "warm") == 0
               ? run_warm(cli)
               : elo_out_usage(cli, "cache knows purge and warm");
}


static const elo_opt_t opts[] = {
    { "address", 0, "ADDR", "purge: this blob" },
    { "content", 0, "ID", "purge: this content, and its blobs" },
    { "prefix", 0, "TEXT", "purge: contents whose id begins so" },
    { "tag", 0, "TAG", "purge: contents that have this tag" },
    { "reach", 0, "REACH", "purge: contents of this reach" },
    { "all", 0, NULL, "purge: everything" },
    { "budget", 0, "BYTES", "warm: no more than so much, such as 10g" },
    { "rate", 0, "BYTES", "warm: no more than so much a second" },
    { "contract", 0, NULL, "warm: what this node has promised to cache" },
    { "status", 0, NULL, "warm: how far it is" },
    { "stop", 0, NULL, "warm: no more of it" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_cache = {
    .name = "cache",
    .operands = "purge | warm [ID | ADDR | FILE | -]…",
    .summary = "what Doorways keep: take it out, or have it taken in",
    .details =
        "purge takes out of the caches of all Doorways of this daemon what "
        "one of its options\nsays, and returns when they obey. warm has them "
        "take in contents and blobs: names, or\nfiles of names, one a line (a "
        "file is what has a slash; - is standard input).\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 10000,
    .run = run,
};
