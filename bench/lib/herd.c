/* SPDX-License-Identifier: BSD-2-Clause */
/* herd: many clients that ask for the same at once, each over a connection that it
   has already.

     herd PORT PATH CLIENTS SECONDS FILE

   The first one's body goes to FILE; of the others it is only counted. Prints
   milliseconds from the question to the first byte of a body (least, median, most),
   the same to its last byte, and how many clients did not get all of it in that
   time, with the last status of those that wasn't 200. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/lib/tool.h"

#define HEAD_MAX 4096u
#define ROOM     (256u << 10)

typedef struct {
    int fd;
    char head[HEAD_MAX];
    size_t head_len;
    uint64_t left; /* of the body */
    bool has_head, is_over;
    double first_ms, done_ms; /* < 0: not yet */
} client_t;

static struct {
    client_t *clients;
    uint32_t n, left, failed;
    int status; /* of the last one that was refused */
    int file;
    int ep;
    uint64_t begin_ns;
} run;


static double
ms_now(void)
{
    return (double) (now_ns() - run.begin_ns) / 1e6;
}


static void
end(client_t *c, bool is_good)
{
    c->is_over = true;
    run.left--;
    if (is_good) {
        c->done_ms = ms_now();
    } else {
        run.failed++;
    }
    (void) epoll_ctl(run.ep, EPOLL_CTL_DEL, c->fd, NULL);
    close(c->fd);
}


static void
keep(const client_t *c, const char *p, size_t len)
{
    if (c == run.clients && write(run.file, p, len) != (ssize_t) len) {
        die("write");
    }
}


/* What came with the head is the body's. */
static void
take_head(client_t *c)
{
    char *body, *len;
    size_t extra;

    c->head[c->head_len] = '\0';
    body = strstr(c->head, "\r\n\r\n");
    if (body == NULL) {
        if (c->head_len == HEAD_MAX - 1) {
            end(c, false);
        }
        return;
    }
    body += 4;
    len = strcasestr(c->head, "\r\nContent-Length:");
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 || len == NULL) {
        run.status = (int) strtol(c->head + 9, NULL, 10);
        end(c, false);
        return;
    }
    c->has_head = true;
    c->left = strtoull(len + 17, NULL, 10);
    extra = c->head_len - (size_t) (body - c->head);
    if (extra > 0) {
        c->first_ms = ms_now();
        keep(c, body, extra);
    }
    c->left -= extra < c->left ? extra : c->left;
    if (c->left == 0) {
        end(c, true);
    }
}


static void
receive(client_t *c)
{
    static char room[ROOM];
    bool is_kept = c == run.clients;
    ssize_t n;

    if (!c->has_head) {
        n = recv(c->fd, c->head + c->head_len, HEAD_MAX - 1 - c->head_len,
                 MSG_DONTWAIT);
    } else {
        /* what isn't kept isn't copied either: tcp(7), MSG_TRUNC */
        n = recv(c->fd, room, ROOM, MSG_DONTWAIT | (is_kept ? 0 : MSG_TRUNC));
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        end(c, false);
        return;
    }
    if (!c->has_head) {
        c->head_len += (size_t) n;
        take_head(c);
        return;
    }
    if (c->first_ms < 0) {
        c->first_ms = ms_now();
    }
    keep(c, room, (size_t) n);
    c->left -= (size_t) n < c->left ? (size_t) n : c->left;
    if (c->left == 0) {
        end(c, true);
    }
}


static void
connect_all(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(port) };

    for (uint32_t i = 0; i < run.n; i++) {
        client_t *c = &run.clients[i];
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

        c->first_ms = c->done_ms = -1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd == -1
            || connect(c->fd, (struct sockaddr *) &a, sizeof(a)) != 0
            || epoll_ctl(run.ep, EPOLL_CTL_ADD, c->fd, &ev) != 0)
        {
            die("connect");
        }
    }
}


static int
by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static void
print(bool is_done)
{
    double *v = calloc((size_t) run.n + 1, sizeof(*v));
    uint32_t n = 0;

    if (v == NULL) {
        die("memory");
    }
    for (uint32_t i = 0; i < run.n; i++) {
        const client_t *c = &run.clients[i];
        double ms = is_done ? c->done_ms : c->first_ms;

        if (ms >= 0) {
            v[n++] = ms;
        }
    }
    qsort(v, n, sizeof(*v), by_value);
    printf("%.1f %.1f %.1f ", n ? v[0] : -1, n ? v[n / 2] : -1,
           n ? v[n - 1] : -1);
    free(v);
}


int
main(int argc, char **argv)
{
    struct epoll_event evs[256];
    char head[1024];
    unsigned long n = 0;
    double most_ms;
    int len;

    if (argc != 6 || (n = strtoul(argv[3], NULL, 10)) == 0 || n > UINT16_MAX) {
        fprintf(stderr, "herd: see the comment at its top\n");
        return 2;
    }
    run.n = run.left = (uint32_t) n;
    most_ms = strtod(argv[4], NULL) * 1000;
    run.clients = calloc(run.n, sizeof(*run.clients));
    run.file = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    run.ep = epoll_create1(EPOLL_CLOEXEC);
    if (run.clients == NULL || run.file == -1 || run.ep == -1) {
        die(argv[5]);
    }
    connect_all((uint16_t) strtoul(argv[1], NULL, 10));
    len = snprintf(head, sizeof(head),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", argv[2]);
    run.begin_ns = now_ns();
    for (uint32_t i = 0; i < run.n; i++) {
        if (send(run.clients[i].fd, head, (size_t) len, MSG_NOSIGNAL) != len) {
            die("send");
        }
    }
    while (run.left > 0 && ms_now() < most_ms) {
        int got = epoll_wait(run.ep, evs, 256, 100);

        for (int i = 0; i < got; i++) {
            receive(evs[i].data.ptr);
        }
    }
    print(false);
    print(true);
    printf("%u %d\n", run.failed + run.left, run.status);
    return 0;
}
