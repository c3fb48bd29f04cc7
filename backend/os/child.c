/* SPDX-License-Identifier: BSD-2-Clause */
/* child: see the header. Two things must come before done: the exit status and
   the end of the pipe; then the handles are closed. */
#include "backend/os/child.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "common/base/num.h"

#define READ_LEN (64u << 10)
#define N_FDS    5

#if defined(__SANITIZE_ADDRESS__)
#define ERROR_FLAGS UV_INHERIT_FD /* reports must reach somebody */
#else
#define ERROR_FLAGS UV_IGNORE
#endif

struct elo_child_s {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    unsigned n_open; /* handles whose close callback is still to come */
    bool has_exited;
    bool has_eof;
    elo_child_done_cb done;
    void *ctx;
    elo_child_result_t res;
    char piece[READ_LEN];
};


static void
on_closed(uv_handle_t *h)
{
    elo_child_t *c = h->data;

    if (--c->n_open != 0) {
        return;
    }
    if (c->done != NULL) {
        c->done(c->ctx, &c->res);
    }
    elo_buf_dispose(&c->res.output);
    free(c);
}


static void
close_handle(uv_handle_t *h)
{
    if (!uv_is_closing(h)) {
        uv_close(h, on_closed);
    }
}


/* The first reason counts: what follows is but its consequence. */
static void
kill_for(elo_child_t *c, elo_err_t reason)
{
    if (c->res.err == ELO_OK) {
        c->res.err = reason;
    }
    if (!c->has_exited) {
        (void) uv_process_kill(&c->process, SIGKILL);
    }
}


static void
end_if_done(elo_child_t *c)
{
    if (!c->has_exited || !c->has_eof) {
        return;
    }
    if (c->res.err == ELO_OK && (c->res.exit_status != 0 || c->res.signal != 0))
    {
        c->res.err = ELO_EINTERNAL;
    }
    close_handle((uv_handle_t *) &c->process);
    close_handle((uv_handle_t *) &c->pipe);
    close_handle((uv_handle_t *) &c->timer);
}


static void
on_exit_status(uv_process_t *p, int64_t status, int signum)
{
    elo_child_t *c = p->data;

    c->has_exited = true;
    c->res.exit_status = (int) status;
    c->res.signal = signum;
    end_if_done(c);
}


static void
on_alloc(uv_handle_t *h, size_t wish, uv_buf_t *buf)
{
    elo_child_t *c = h->data;

    (void) wish;
    *buf = uv_buf_init(c->piece, READ_LEN);
}


static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    elo_child_t *c = s->data;
    elo_err_t rc;

    (void) buf;
    if (n == 0) {
        return;
    }
    if (n < 0) {
        if (n != UV_EOF) {
            kill_for(c, (elo_err_t) -n);
        }
        (void) uv_read_stop(s);
        c->has_eof = true;
        end_if_done(c);
        return;
    }
    elo_buf_put(&c->res.output, c->piece, (size_t) n);
    if ((rc = elo_buf_err(&c->res.output)) != ELO_OK) {
        kill_for(c, rc);
    }
}


static void
on_timeout(uv_timer_t *t)
{
    kill_for(t->data, ELO_ETIMEDOUT);
}


static int
start(elo_child_t *c, uv_loop_t *uv, const elo_child_cfg_t *cfg)
{
    char *args[ELO_CHILD_MAX_ARGS + 2] = { (char *) (uintptr_t) cfg->name };
    char *env[] = { NULL };
    uv_stdio_container_t stdio[N_FDS] = {
        { .flags = UV_IGNORE },
        { .flags = UV_IGNORE },
        { .flags = ERROR_FLAGS, .data.fd = 2 },
        { .flags = UV_INHERIT_FD, .data.fd = cfg->input_fd },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
          .data.stream = (uv_stream_t *) &c->pipe }
    };
    uv_process_options_t opts = { .exit_cb = on_exit_status,
                                  .file = "/proc/self/exe",
                                  .args = args,
                                  .env = env,
                                  .cwd = "/",
                                  .stdio = stdio,
                                  .stdio_count = N_FDS };
    size_t i;

    for (i = 0; i < ELO_CHILD_MAX_ARGS && cfg->args[i] != NULL; i++) {
        args[i + 1] = (char *) (uintptr_t) cfg->args[i]; /* only read */
    }
    return uv_spawn(uv, &c->process, &opts);
}


elo_err_t
elo_child_run(elo_loop_t *loop, const elo_child_cfg_t *cfg,
              elo_child_done_cb done, void *ctx, elo_child_t **out)
{
    uv_loop_t *uv = elo_loop_uv(loop);
    elo_child_t *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    c->ctx = ctx;
    c->process.data = c->pipe.data = c->timer.data = c;
    elo_buf_init(&c->res.output,
                 (size_t) ELO_MIN(cfg->max_output, SIZE_MAX / 2));
    (void) uv_pipe_init(uv, &c->pipe, 0);
    (void) uv_timer_init(uv, &c->timer);
    c->n_open = 3;
    rc = start(c, uv, cfg);
    if (rc == 0) {
        rc = uv_read_start((uv_stream_t *) &c->pipe, on_alloc, on_read);
    }
    if (rc != 0) {
        /* done stays NULL: only the handles are cleaned up. */
        if (uv_is_active((uv_handle_t *) &c->process)) {
            (void) uv_process_kill(&c->process, SIGKILL);
        }
        close_handle((uv_handle_t *) &c->process);
        close_handle((uv_handle_t *) &c->pipe);
        close_handle((uv_handle_t *) &c->timer);
        return -rc;
    }
    uv_update_time(uv);
    (void) uv_timer_start(&c->timer, on_timeout, cfg->timeout_ms, 0);
    c->done = done;
    if (out != NULL) {
        *out = c;
    }
    return ELO_OK;
}


void
elo_child_kill(elo_child_t *c)
{
    kill_for(c, ELO_ECLOSED);
}


bool
elo_child_was_ended(const elo_child_result_t *res)
{
    return res->signal == SIGTERM || res->signal == SIGINT
           || res->signal == SIGHUP || res->signal == SIGQUIT;
}
