/* SPDX-License-Identifier: BSD-2-Clause */
/* pread_server: the peer of get_small: the daemon's own HTTP server with nothing
   behind it but one pread: GET /<n> answers record n of a file.

     pread_server SOCKET FILE SIZE */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/net/http_server.h"

#define SIZE_MAX_ALLOWED (64u << 10)

typedef struct {
    elo_http_handler_t handler; /* first */
    int fd;
    size_t size;
    uint8_t room[SIZE_MAX_ALLOWED];
} files_t;


static void
on_request(elo_http_handler_t *self, elo_http_req_t *req)
{
    files_t *f = (files_t *) self;
    elo_slice_t path = elo_http_req_path(req);
    uint64_t n = 0;

    for (size_t i = 1; i < path.len; i++) {
        n = n * 10 + (uint64_t) (path.p[i] - '0');
    }
    if (pread(f->fd, f->room, f->size, (off_t) (n * f->size))
        != (ssize_t) f->size) {
        elo_http_res_status(req, 404);
        elo_http_res_send(req, elo_slice(NULL, 0));
        return;
    }
    elo_http_res_status(req, 200);
    elo_http_res_header(req, "Content-Type",
                        ELO_SLICE("application/octet-stream"));
    elo_http_res_send(req, elo_slice(f->room, f->size));
}


static void
on_signal(void *ctx, int signum)
{
    (void) ctx;
    _exit(signum == SIGTERM ? 0 : 1);
}


int
main(int argc, char **argv)
{
    static files_t f = { .handler = { on_request } };
    elo_http_cfg_t cfg = { .mode = 0600,
                           .group = -1,
                           .max_conns = 1024,
                           .idle_ms = 60000,
                           .max_head = 32u << 10 };
    elo_http_server_t *server;
    elo_loop_t *loop;

    if (argc != 4) {
        return 2;
    }
    cfg.path = argv[1];
    f.fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    f.size = strtoul(argv[3], NULL, 10);
    if (f.fd == -1 || f.size == 0 || f.size > SIZE_MAX_ALLOWED
        || elo_loop_create(&loop) != ELO_OK
        || elo_loop_on_signal(loop, SIGTERM, on_signal, NULL) != ELO_OK
        || elo_http_server_create(loop, &cfg, &f.handler, &server) != ELO_OK)
    {
        perror("pread_server");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    elo_loop_run(loop);
    return 0;
}
