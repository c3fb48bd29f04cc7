/* SPDX-License-Identifier: BSD-2-Clause */
/* backup_api: POST /api/backup?dir=…: a second store directory on this machine,
   for operators. Answered when it is whole and durable. It ends before that, and
   leaves what it has with its mark, when the client has gone, and when the daemon
   ends: nobody would learn of it, and it holds up compaction. */
#include "backend/api/calls.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/os/log.h"
#include "backend/store/backup.h"

#define DIR_MAX    4096
#define ANSWER_MAX (2 * DIR_MAX)
#define LOOK_MS    250 /* how often it is looked whether the client is there */

typedef struct elo_backup_job_s backup_t;

struct elo_backup_job_s {
    elo_job_t job; /* first */
    elo_store_t *store;
    bool is_copy;
    char dir[DIR_MAX];

    /* loop */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_timer_t *look;
    const char *why; /* it was told to end; NULL: it wasn't */
    backup_t *next;
    backup_t **at;

    /* worker, then loop */
    elo_backup_t result;
    elo_err_t err;

    /* shared */
    atomic_bool must_end;
};


/* ---- its end before time ---- */

static void
end_early(backup_t *b, const char *why)
{
    b->why = b->why != NULL ? b->why : why;
    atomic_store(&b->must_end, true);
}


static void
on_look(void *ctx)
{
    backup_t *b = ctx;

    if (elo_http_req_is_closed(b->req)) {
        end_early(b, "who asked for it has gone");
    }
}


void
elo_backups_end(elo_api_t *a)
{
    for (backup_t *b = a->backups; b != NULL; b = b->next) {
        end_early(b, "the daemon ends");
    }
}


/* ---- its run ---- */

/* pool */
static void
work(elo_job_t *job)
{
    backup_t *b = (backup_t *) job;

    b->err = elo_store_backup(b->store, b->dir, !b->is_copy, &b->must_end,
                              &b->result);
    if (b->err == ELO_OK) {
        elo_log(ELO_LOG_NOTICE, "backup written to \"%s\"", b->dir);
    } else if (b->err != ECANCELED) { /* why is known to the loop */
        elo_log(ELO_LOG_ERROR, "backup to \"%s\" failed: %s", b->dir,
                elo_strerror(b->err));
    }
}


static void
reply(const backup_t *b)
{
    elo_json_writer_t w;
    elo_buf_t text;

    elo_buf_init(&text, ANSWER_MAX);
    elo_json_writer_init(&w, &text);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "dir", b->dir);
    elo_json_put_u64(&w, "segments", b->result.segments);
    elo_json_put_u64(&w, "files", b->result.files);
    elo_json_put_u64(&w, "linked", b->result.linked);
    elo_json_put_u64(&w, "copiedBytes", b->result.bytes);
    elo_json_put_bool(&w, "keyring", b->result.has_keyring);
    elo_json_end_object(&w);
    elo_reply_json(b->req, 200, &text);
    elo_buf_dispose(&text);
}


static void
free_backup(backup_t *b)
{
    if (b->at != NULL) {
        *b->at = b->next;
        if (b->next != NULL) {
            b->next->at = b->at;
        }
    }
    elo_timer_free(&b->look);
    free(b);
}


static void
after(elo_job_t *job)
{
    backup_t *b = (backup_t *) job;
    const char *why;

    switch (b->err) {
    case ELO_OK:
        reply(b);
        break;
    case ELO_EEXISTS:
        elo_reply_err(b->req, b->err, "the directory is not empty");
        break;
    case ELO_EINVAL:
        elo_reply_err(b->req, b->err, "dir is an absolute path");
        break;
    case ECANCELED:
        why = b->why != NULL ? b->why : elo_strerror(b->err);
        elo_log(ELO_LOG_WARN, "backup to \"%s\" ended early, incomplete: %s",
                b->dir, why);
        elo_reply_err(b->req, ELO_EUNAVAIL, why);
        break;
    default:
        elo_reply_err(b->req, b->err, elo_strerror(b->err));
    }
    free_backup(b);
}


static elo_err_t
start(backup_t *b)
{
    elo_api_t *a = b->api;
    elo_err_t rc =
        elo_timer_create(a->cfg.loop, LOOK_MS, LOOK_MS, on_look, b, &b->look);

    if (rc != ELO_OK) {
        return rc;
    }
    b->at = &a->backups;
    b->next = a->backups;
    if (b->next != NULL) {
        b->next->at = &b->next;
    }
    a->backups = b;
    b->job.work = work;
    b->job.after = after;
    elo_loop_work(a->cfg.loop, &b->job);
    return ELO_OK;
}


void
elo_call_backup(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req), dir;
    backup_t *b = calloc(1, sizeof(*b));
    uint32_t copy = 0;
    elo_err_t rc;

    if (b == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    if (elo_query_text(query, "dir", b->dir, sizeof(b->dir) - 1, &dir) != ELO_OK
        || dir.len == 0 || memchr(dir.p, 0, dir.len) != NULL
        || elo_query_number(query, "copy", 0, 1, &copy) != ELO_OK)
    {
        free(b);
        elo_reply_err(c->req, ELO_EINVAL,
                      "dir is an absolute path, copy is 1 or left out");
        return;
    }
    b->dir[dir.len] = '\0';
    b->api = c->api;
    b->store = c->api->cfg.store;
    b->req = c->req;
    b->is_copy = copy == 1;
    atomic_init(&b->must_end, false);
    rc = c->api->is_draining ? ELO_EUNAVAIL : start(b);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        free(b);
    }
}
