/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim fsck: is a store whole? Offline: the store's lock keeps a daemon out while
   it is looked at. Its exit status is that of fsck(8)'s kind: 0 whole, 1 not, 2 it
   could not be looked at. */
#include "backend/store/fsck.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/os/log.h"
#include "cli/offline.h"
#include "cli/subcommands.h"

#define DOC_MAX      (1u << 20)
#define EXIT_NO_RUN  ((elo_exit_t) 2)
#define EXIT_TROUBLE ((elo_exit_t) 1)

typedef struct {
    elo_cli_t *cli;
    elo_json_writer_t w; /* the answer for --json, within its object */
} run_t;


/* ---- the report ---- */

static void
print_kind(const elo_cli_t *cli, const elo_fsck_report_t *r, int kind)
{
    const elo_fsck_info_t *info = &elo_fsck_infos[kind];

    elo_out_line(cli, "%s %s: %" PRIu64 " (%s)",
                 info->is_problem ? "PROBLEM" : "note   ", info->name,
                 r->kinds[kind].n, info->text);
    for (uint32_t i = 0; i < r->kinds[kind].n_named; i++) {
        elo_out_line(cli, "          %s", r->kinds[kind].named[i]);
    }
    if (r->kinds[kind].n_named == ELO_FSCK_NAMED) {
        elo_out_line(cli, "          and so on");
    }
}


static void
print_report(const elo_cli_t *cli, const elo_fsck_report_t *r)
{
    for (int i = 0; i < ELO_FSCK_COUNT; i++) {
        if (r->kinds[i].n > 0) {
            print_kind(cli, r, i);
        }
    }
    elo_out_line(cli,
                 "%" PRIu64 " segments, %" PRIu64 " records, %" PRIu64
                 " bytes of log; %" PRIu64 " clear and %" PRIu64
                 " sealed blobs, %" PRIu64 " files, %" PRIu64 " nodes, %" PRIu64
                 " tasks",
                 r->segments, r->records, r->bytes, r->blobs, r->sealed,
                 r->files, r->nodes, r->tasks);
    if (r->is_cut) {
        elo_out_line(cli, "the check ended early: what was found stands in the "
                          "way of the rest");
    }
}


static void
put_report(elo_json_writer_t *w, const char *name, const elo_fsck_report_t *r)
{
    elo_json_put_object(w, name);
    elo_json_put_bool(w, "clean", r->problems == 0);
    elo_json_put_u64(w, "problems", r->problems);
    elo_json_put_bool(w, "complete", !r->is_cut);
    elo_json_put_array(w, "found");
    for (int i = 0; i < ELO_FSCK_COUNT; i++) {
        if (r->kinds[i].n == 0) {
            continue;
        }
        elo_json_put_object(w, NULL);
        elo_json_put_cstr(w, "kind", elo_fsck_infos[i].name);
        elo_json_put_bool(w, "problem", elo_fsck_infos[i].is_problem);
        elo_json_put_cstr(w, "text", elo_fsck_infos[i].text);
        elo_json_put_u64(w, "count", r->kinds[i].n);
        elo_json_put_array(w, "first");
        for (uint32_t n = 0; n < r->kinds[i].n_named; n++) {
            elo_json_put_cstr(w, NULL, r->kinds[i].named[n]);
        }
        elo_json_end_array(w);
        elo_json_end_object(w);
    }
    elo_json_end_array(w);
    elo_json_put_u64(w, "segments", r->segments);
    elo_json_put_u64(w, "records", r->records);
    elo_json_put_u64(w, "logBytes", r->bytes);
    elo_json_put_u64(w, "blobs", r->blobs);
    elo_json_put_u64(w, "sealed", r->sealed);
    elo_json_put_u64(w, "files", r->files);
    elo_json_put_u64(w, "nodes", r->nodes);
    elo_json_put_u64(w, "uploads", r->uploads);
    elo_json_put_u64(w, "tasks", r->tasks);
    elo_json_put_u64(w, "hashedBytes", r->hashed_bytes);
    elo_json_end_object(w);
}


/* ---- the verb ---- */

static void
on_did(void *ctx, const char *line)
{
    run_t *r = ctx;

    elo_out_line(r->cli, "repair  %s", line);
    elo_json_put_cstr(&r->w, NULL, line);
}


static elo_exit_t
no_run(const elo_cli_t *cli, const char *dir, elo_err_t rc)
{
    elo_complaint_t c = { .exit = EXIT_NO_RUN,
                          .code = elo_err_code(rc),
                          .detail = elo_strerror(rc) };
    char detail[512];

    if (rc == ELO_EBUSY) {
        snprintf(detail, sizeof(detail),
                 "%s: a daemon has the store open: stop it first", dir);
    } else if (rc == ELO_ENOTFOUND) {
        snprintf(detail, sizeof(detail), "%s: there is no store", dir);
    } else if (rc == ELO_EUNSUPPORTED) {
        snprintf(detail, sizeof(detail), "%s: a store of another version", dir);
    } else {
        snprintf(detail, sizeof(detail), "%s: %s", dir, elo_strerror(rc));
    }
    c.detail = detail;
    return elo_out_complain(cli, &c);
}


static elo_err_t
work(run_t *r, const elo_fsck_cfg_t *cfg, bool is_repair, bool *is_clean)
{
    elo_fsck_report_t *before = calloc(2, sizeof(*before)), *after;
    elo_err_t rc;

    if (before == NULL) {
        return ELO_ENOMEM;
    }
    after = before + 1;
    elo_json_put_object(&r->w, NULL);
    if (!is_repair) {
        if ((rc = elo_fsck_check(cfg, after)) == ELO_OK) {
            print_report(r->cli, after);
        }
    } else {
        elo_json_put_array(&r->w, "repaired");
        rc = elo_fsck_repair(cfg, before, after);
        elo_json_end_array(&r->w);
        if (rc == ELO_OK && before->problems > 0) {
            elo_out_line(r->cli, "before:");
            print_report(r->cli, before);
            elo_out_line(r->cli, "after:");
            put_report(&r->w, "before", before);
        }
        if (rc == ELO_OK) {
            print_report(r->cli, after);
        }
    }
    put_report(&r->w, "report", after);
    elo_json_end_object(&r->w);
    *is_clean = after->problems == 0;
    free(before);
    return rc;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const char *dir = cli->args.operands[0];
    run_t r = { .cli = cli };
    elo_fsck_cfg_t cfg = { .root = dir,
                           .deep = elo_args_has(&cli->args, "deep"),
                           .did = on_did,
                           .ctx = &r };
    bool is_clean = false;
    elo_buf_t doc;
    elo_err_t rc;

    /* only what is in the way of the check itself */
    elo_ignore(elo_log_open("", ELO_LOG_ERROR)); /* standard error can't fail */
    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&r.w, &doc);
    rc = elo_offline_as_owner(dir);
    if (rc == ELO_OK) {
        rc = work(&r, &cfg, elo_args_has(&cli->args, "repair"), &is_clean);
    }
    if (rc == ELO_OK) {
        rc = elo_buf_err(&doc);
    }
    if (rc == ELO_OK) {
        elo_out_json(cli, elo_buf_slice(&doc));
        elo_out_line(cli, is_clean ? "%s: clean" : "%s: not clean", dir);
    }
    elo_buf_dispose(&doc);
    if (rc != ELO_OK) {
        return no_run(cli, dir, rc);
    }
    return is_clean ? ELO_EXIT_OK : EXIT_TROUBLE;
}


static const elo_opt_t opts[] = {
    { "repair", 0, NULL, "repair what can be repaired" },
    { "deep", 0, NULL, "hash every blob, too" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_fsck = {
    .name = "fsck",
    .operands = "DIR",
    .summary = "check a store that no daemon has open",
    .details = "Reads the log, the index and the list of files, and holds them "
               "against each other;\nchanges nothing. --repair moves what has "
               "no place in the store to quarantine/,\nmakes a damaged index "
               "anew, and marks damaged blobs, which then wait for repair.\n"
               "Exit status: 0 the store is whole (now), 1 it is not, 2 it "
               "could not be checked.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
