/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim backup: a second store directory. The running daemon writes it, while it
   goes on; with --store, and no daemon, this program does. */
#include "backend/store/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/json/json_write.h"
#include "backend/os/log.h"
#include "cli/call.h"
#include "cli/offline.h"
#include "cli/subcommands.h"

#define DIR_MAX    4096
#define TARGET_MAX (3 * DIR_MAX + 64)
#define DOC_MAX    (2 * DIR_MAX)
#define MAP_BYTES  (UINT64_C(16) << 30) /* address space, not disk */


/* An absolute path: the daemon has another working directory. */
static elo_err_t
absolute(const char *dir, char out[DIR_MAX])
{
    char cwd[DIR_MAX] = "";
    int n;

    out[0] = '\0';
    if (dir[0] != '/' && getcwd(cwd, sizeof(cwd)) == NULL) {
        return errno != 0 ? errno : EIO;
    }
    n = snprintf(out, DIR_MAX, "%s%s%s", cwd, dir[0] == '/' ? "" : "/", dir);
    return n < 0 || n >= DIR_MAX ? ENAMETOOLONG : ELO_OK;
}


static void
print(const elo_cli_t *cli, const char *dir, const elo_backup_t *b)
{
    elo_out_line(cli,
                 "%s: %" PRIu64 " segments and %" PRIu64 " files, %" PRIu64
                 " of them shared with the store; %" PRIu64 " bytes copied",
                 dir, b->segments, b->files, b->linked, b->bytes);
    if (!b->has_keyring) {
        elo_out_line(cli, "the keyring is not in the store: keep a copy of it, "
                          "or what is encrypted can't be read");
    }
}


/* ---- by the daemon ---- */

static void
put_encoded(elo_buf_t *b, const char *s)
{
    for (; *s != '\0'; s++) {
        if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')
            || (*s >= '0' && *s <= '9') || strchr("/-._~", *s) != NULL)
        {
            elo_buf_put_u8(b, (uint8_t) *s);
        } else {
            elo_buf_printf(b, "%%%02X", (uint8_t) *s);
        }
    }
}


static elo_exit_t
by_daemon(elo_cli_t *cli, const char *dir)
{
    elo_ask_t ask = { .method = "POST", .what = dir };
    elo_json_t *doc = NULL;
    elo_buf_t target, answer;
    elo_backup_t b;
    elo_exit_t status;

    elo_buf_init(&target, TARGET_MAX);
    elo_buf_put_str(&target, "/api/backup?dir=");
    put_encoded(&target, dir);
    if (elo_args_has(&cli->args, "copy")) {
        elo_buf_put_str(&target, "&copy=1");
    }
    ask.target = elo_buf_cstr(&target);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &doc);
    if (status == ELO_EXIT_OK) {
        b = (elo_backup_t){ .segments = elo_member_u64(doc, "segments"),
                            .files = elo_member_u64(doc, "files"),
                            .linked = elo_member_u64(doc, "linked"),
                            .bytes = elo_member_u64(doc, "copiedBytes") };
        elo_ignore(!elo_json_bool(elo_json_get(doc, "keyring"),
                                  &b.has_keyring)); /* else false */
        elo_out_json(cli, elo_slice_trim(elo_buf_slice(&answer)));
        print(cli, dir, &b);
    }
    elo_json_free(&doc);
    elo_buf_dispose(&answer);
    elo_buf_dispose(&target);
    return status;
}


/* ---- by this program ---- */

static elo_exit_t
complain(const elo_cli_t *cli, const char *root, const char *dir, elo_err_t rc)
{
    char detail[DIR_MAX + 128];
    elo_complaint_t c = { .exit = elo_exit_of_err(rc),
                          .code = elo_err_code(rc),
                          .detail = detail };

    if (rc == ELO_EBUSY) {
        snprintf(detail, sizeof(detail),
                 "%s: a daemon has the store: ask it, without --store", root);
    } else if (rc == ELO_EEXISTS) {
        c.exit = ELO_EXIT_CONFLICT;
        snprintf(detail, sizeof(detail), "%s: the directory is not empty", dir);
    } else {
        return elo_out_failed(cli, dir, rc);
    }
    return elo_out_complain(cli, &c);
}


static void
print_json(const elo_cli_t *cli, const char *dir, const elo_backup_t *b)
{
    elo_json_writer_t w;
    elo_buf_t doc;

    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "dir", dir);
    elo_json_put_u64(&w, "segments", b->segments);
    elo_json_put_u64(&w, "files", b->files);
    elo_json_put_u64(&w, "linked", b->linked);
    elo_json_put_u64(&w, "copiedBytes", b->bytes);
    elo_json_put_bool(&w, "keyring", b->has_keyring);
    elo_json_end_object(&w);
    elo_out_json(cli, elo_buf_slice(&doc));
    elo_buf_dispose(&doc);
}


/* Nothing is made where there is no store. */
static elo_err_t
store_open(const char *root, elo_store_t **out)
{
    elo_store_cfg_t cfg = { .root = root, .map_bytes = MAP_BYTES, .group = -1 };
    char format[DIR_MAX];
    int n = snprintf(format, sizeof(format), "%s/format", root);
    elo_err_t rc;

    if (n < 0 || (size_t) n >= sizeof(format)) {
        return ENAMETOOLONG;
    }
    if (access(format, R_OK) != 0) {
        return errno;
    }
    if ((rc = elo_offline_as_owner(root)) != ELO_OK) {
        return rc;
    }
    return elo_store_open(&cfg, out, NULL);
}


static elo_exit_t
by_hand(elo_cli_t *cli, const char *root, const char *dir)
{
    elo_store_t *s = NULL;
    elo_backup_t b;
    elo_err_t rc;

    elo_ignore(elo_log_open("", ELO_LOG_WARN)); /* standard error can't fail */
    if ((rc = store_open(root, &s)) != ELO_OK) {
        return rc == ELO_EBUSY ? complain(cli, root, dir, rc)
                               : elo_out_failed(cli, root, rc);
    }
    rc = elo_store_backup(s, dir, !elo_args_has(&cli->args, "copy"), NULL, &b);
    elo_store_close(&s);
    if (rc != ELO_OK) {
        return complain(cli, root, dir, rc);
    }
    print_json(cli, dir, &b);
    print(cli, dir, &b);
    return ELO_EXIT_OK;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *store = elo_args_get(&cli->args, "store");
    char dir[DIR_MAX];
    elo_err_t rc = absolute(cli->args.operands[0], dir);

    if (rc != ELO_OK) {
        return elo_out_failed(cli, cli->args.operands[0], rc);
    }
    return store != NULL ? by_hand(cli, store, dir) : by_daemon(cli, dir);
}


static const elo_opt_t opts[] = {
    { "store", 0, "DIR", "back up this store, which no daemon has open" },
    { "copy", 0, NULL, "share no files with the store: copy all" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_backup = {
    .name = "backup",
    .operands = "DIR",
    .summary = "a copy of the store, while it is in use",
    .details = "DIR, which must be empty or missing, becomes a store that "
               "elohimd starts on, with\neverything that was acknowledged "
               "before. The daemon writes it: DIR is a directory\nof its "
               "machine, which it may write to. On the same file system what "
               "never changes is\nshared: that guards against mistakes, and "
               "not against the loss of the disk.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
