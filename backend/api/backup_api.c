/* SPDX-License-Identifier: BSD-2-Clause */
/* backup_api: POST /api/backup?dir=…: a second store directory on this machine,
   for operators. Answered when it is whole and durable. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/os/log.h"
#include "backend/store/backup.h"

#define DIR_MAX    4096
#define ANSWER_MAX (2 * DIR_MAX)

typedef struct {
    elo_job_t job; /* first */
    elo_store_t *store;
    elo_http_req_t *req;
    bool is_copy;
    elo_backup_t result;
    elo_err_t err;
    char dir[DIR_MAX];
} backup_t;


/* pool */
static void
work(elo_job_t *job)
{
    backup_t *b = (backup_t *) job;

    b->err = elo_store_backup(b->store, b->dir, !b->is_copy, &b->result);
    if (b->err == ELO_OK) {
        elo_log(ELO_LOG_NOTICE, "backup written to \"%s\"", b->dir);
    } else {
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
after(elo_job_t *job)
{
    backup_t *b = (backup_t *) job;

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
    default:
        elo_reply_err(b->req, b->err, elo_strerror(b->err));
    }
    free(b);
}


void
elo_call_backup(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req), dir;
    backup_t *b = calloc(1, sizeof(*b));
    uint32_t copy = 0;

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
    b->job = (elo_job_t){ .work = work, .after = after };
    b->store = c->api->cfg.store;
    b->req = c->req;
    b->is_copy = copy == 1;
    elo_loop_work(c->api->cfg.loop, &b->job);
}
