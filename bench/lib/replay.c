/* SPDX-License-Identifier: BSD-2-Clause */
/* replay: asks for what a file lists, in its order, over some connections: one that
   has its answer takes the next line.

     replay PORT FILE CONNECTIONS

   A line: "class path first last", class a number below 16, the range left out by
   first > last. Prints a line a class: "class requests hits bytes failed", a hit
   being an answer whose X-Cache begins with HIT; then "status N" of the last one
   that was neither 200 nor 206. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/lib/tool.h"

#define CLASSES  16u
#define HEAD_MAX 4096u
#define ROOM     (1u << 20)
#define WAIT_MS  60000

typedef struct {
    int fd;
    unsigned class;
    char head[HEAD_MAX];
    size_t head_len;
    uint64_t left; /* of the body */
    bool has_head;
} conn_t;

static struct {
    FILE *list;
    uint16_t port;
    int ep;
    uint32_t busy;
    int status;
    uint64_t requests[CLASSES], hits[CLASSES], bytes[CLASSES], failed[CLASSES];
} run;


static void
conn_open(conn_t *c)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(run.port) };
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd == -1 || connect(c->fd, (struct sockaddr *) &a, sizeof(a)) != 0
        || epoll_ctl(run.ep, EPOLL_CTL_ADD, c->fd, &ev) != 0)
    {
        die("connect");
    }
}


/* "class path first last" into its parts. */
static bool
line_parse(char *line, unsigned *class, char **path, uint64_t *first,
           uint64_t *last)
{
    char *p = line, *end;

    *class = (unsigned) strtoul(p, &end, 10);
    if (end == p || *end != ' ' || *class >= CLASSES) {
        return false;
    }
    *path = end + 1;
    p = strchr(*path, ' ');
    if (p == NULL) {
        return false;
    }
    *p++ = '\0';
    *first = strtoull(p, &end, 10);
    if (end == p || *end != ' ') {
        return false;
    }
    p = end + 1;
    *last = strtoull(p, &end, 10);
    return end != p;
}


/* False when the list is over. */
static bool
ask_next(conn_t *c)
{
    char line[1024], head[2048], *path;
    uint64_t first, last;
    int len;

    if (fgets(line, sizeof(line), run.list) == NULL) {
        return false;
    }
    if (!line_parse(line, &c->class, &path, &first, &last)) {
        errno = EINVAL;
        die(line);
    }
    len = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: localhost\r\n",
                   path);
    if (first <= last) {
        len +=
            snprintf(head + len, sizeof(head) - (size_t) len,
                     "Range: bytes=%" PRIu64 "-%" PRIu64 "\r\n", first, last);
    }
    len += snprintf(head + len, sizeof(head) - (size_t) len, "\r\n");
    c->head_len = 0;
    c->has_head = false;
    run.requests[c->class]++;
    if (send(c->fd, head, (size_t) len, MSG_NOSIGNAL) != len) {
        die("send");
    }
    return true;
}


/* The connection is of no use any more. */
static void
fail(conn_t *c)
{
    run.failed[c->class]++;
    close(c->fd);
    conn_open(c);
    c->left = 0;
    c->has_head = true;
}


static void
take_head(conn_t *c)
{
    char *body, *len, *cache;
    size_t extra;
    int status;

    c->head[c->head_len] = '\0';
    body = strstr(c->head, "\r\n\r\n");
    if (body == NULL) {
        if (c->head_len == HEAD_MAX - 1) {
            fail(c);
        }
        return;
    }
    body += 4;
    status = (int) strtol(c->head + 9, NULL, 10);
    len = strcasestr(c->head, "\r\nContent-Length:");
    cache = strcasestr(c->head, "\r\nX-Cache: HIT");
    if (len == NULL || len > body) {
        run.status = status;
        fail(c);
        return;
    }
    extra = c->head_len - (size_t) (body - c->head);
    c->has_head = true;
    c->left = strtoull(len + 17, NULL, 10);
    c->left -= extra < c->left ? extra : c->left;
    if (status != 200 && status != 206) {
        run.status = status;
        run.failed[c->class]++;
        return;
    }
    run.hits[c->class] += cache != NULL && cache < body ? 1 : 0;
    run.bytes[c->class] += strtoull(len + 17, NULL, 10);
}


static void
receive(conn_t *c)
{
    ssize_t n;

    if (!c->has_head) {
        n = recv(c->fd, c->head + c->head_len, HEAD_MAX - 1 - c->head_len,
                 MSG_DONTWAIT);
    } else { /* it isn't copied: tcp(7), MSG_TRUNC */
        n = recv(c->fd, NULL, c->left < ROOM ? (size_t) c->left : ROOM,
                 MSG_DONTWAIT | MSG_TRUNC);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        fail(c);
    } else if (!c->has_head) {
        c->head_len += (size_t) n;
        take_head(c);
    } else {
        c->left -= (uint64_t) n;
    }
    if (c->has_head && c->left == 0 && !ask_next(c)) {
        run.busy--;
        (void) epoll_ctl(run.ep, EPOLL_CTL_DEL, c->fd, NULL);
        close(c->fd);
    }
}


static void
print(void)
{
    for (unsigned k = 0; k < CLASSES; k++) {
        if (run.requests[k] != 0) {
            printf("%u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", k,
                   run.requests[k], run.hits[k], run.bytes[k], run.failed[k]);
        }
    }
    printf("status %d\n", run.status);
}


int
main(int argc, char **argv)
{
    struct epoll_event evs[256];
    conn_t *conns;
    uint32_t n = 0;

    if (argc != 4 || (n = (uint32_t) strtoul(argv[3], NULL, 10)) == 0) {
        fprintf(stderr, "replay: see the comment at its top\n");
        return 2;
    }
    run.port = (uint16_t) strtoul(argv[1], NULL, 10);
    run.list = fopen(argv[2], "r");
    conns = calloc(n, sizeof(*conns));
    run.ep = epoll_create1(EPOLL_CLOEXEC);
    if (run.list == NULL || conns == NULL || run.ep == -1) {
        die(argv[2]);
    }
    for (uint32_t i = 0; i < n; i++) {
        conn_open(&conns[i]);
    }
    for (uint32_t i = 0; i < n && ask_next(&conns[i]); i++) {
        run.busy++;
    }
    while (run.busy > 0) {
        int got = epoll_wait(run.ep, evs, 256, WAIT_MS);

        if (got == 0) {
            errno = ETIMEDOUT;
            die("no answer");
        }
        for (int i = 0; i < got; i++) {
            receive(evs[i].data.ptr);
        }
    }
    print();
    free(conns);
    (void) fclose(run.list);
    return 0;
}
