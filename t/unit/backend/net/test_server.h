/* SPDX-License-Identifier: BSD-2-Clause */
/* test_server: a real server on a real socket in a process of its own, for the
   tests of the server and of the client. Its end is a test too: it must drain
   and exit with 0, which a leak or a sanitizer's report prevents. Routes:
   test_handler.h. */
#ifndef T_UNIT_NET_TEST_SERVER_H
#define T_UNIT_NET_TEST_SERVER_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/net/http_server.h"
#include "t/unit/backend/net/test_handler.h"

#define TEST_MIN_RATE 100u /* bytes a second */

typedef struct {
    char dir[64];
    char path[128];
    pid_t pid;
} test_server_t;

static elo_http_server_t *ts_server;


static inline void
ts_on_drained(void *ctx)
{
    (void) ctx;
    elo_loop_drop_signals(ts_loop);
}


static inline void
ts_on_term(void *ctx, int signum)
{
    (void) ctx;
    (void) signum;
    if (ts_server == NULL) {
        return; /* the second signal */
    }
    elo_http_server_drain(&ts_server, 2000, ts_on_drained, NULL);
}


static inline int
ts_run(const char *path, uint32_t idle_ms, uint32_t max_conns, int ready)
{
    elo_http_handler_t handler = { ts_on_request };
    elo_http_cfg_t cfg = { .path = path,
                           .mode = 0600,
                           .group = -1,
                           .max_conns = max_conns,
                           .idle_ms = idle_ms,
                           .max_head = 4096,
                           .min_rate = TEST_MIN_RATE };

    (void) signal(SIGPIPE, SIG_IGN);
    if (elo_loop_create(&ts_loop) != ELO_OK
        || elo_http_server_create(ts_loop, &cfg, &handler, &ts_server) != ELO_OK
        || elo_loop_on_signal(ts_loop, SIGTERM, ts_on_term, NULL) != ELO_OK
        || write(ready, "r", 1) != 1)
    {
        return 1;
    }
    (void) close(ready);
    elo_loop_run(ts_loop);
    elo_loop_free(&ts_loop);
    return 0;
}


/* Aborts when the server does not come up. */
static inline void
test_server_start(test_server_t *s, uint32_t idle_ms, uint32_t max_conns)
{
    int ready[2];
    char byte;

    (void) snprintf(s->dir, sizeof(s->dir), "/tmp/elo_net_XXXXXX");
    if (mkdtemp(s->dir) == NULL || pipe(ready) != 0) {
        abort();
    }
    (void) snprintf(s->path, sizeof(s->path), "%s/s", s->dir);
    s->pid = fork();
    if (s->pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG,
                     SIGKILL); /* a failed test stops nobody */
        (void) close(ready[0]);
        exit(ts_run(s->path, idle_ms, max_conns, ready[1]));
    }
    (void) close(ready[1]);
    if (s->pid < 0 || read(ready[0], &byte, 1) != 1) {
        abort();
    }
    (void) close(ready[0]);
}


/* Waits for its end: the exit status; -1 for a death by signal. */
static inline int
test_server_wait(test_server_t *s)
{
    int status = 0;

    if (waitpid(s->pid, &status, 0) != s->pid) {
        return -1;
    }
    (void) rmdir(s->dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}


/* The same behind SIGTERM, which was not sent yet. */
static inline int
test_server_stop(test_server_t *s)
{
    (void) kill(s->pid, SIGTERM);
    return test_server_wait(s);
}

#endif
