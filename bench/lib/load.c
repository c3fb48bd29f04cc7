/* SPDX-License-Identifier: BSD-2-Clause */
/* load: a closed loop of N connections against a server on a unix socket: each
   has one request outstanding, of 64 there are 64. One thread; prints what was
   answered in the time, and the latency.

     load PROTO SOCKET OP SIZE CONNECTIONS SECONDS FIRST COUNT

   PROTO http (elohimd), redis, pg (SOCKET is a connection string), file (GET of
   /<number>, the bare peer of get). OP put: blobs FIRST, FIRST + 1, … until the
   time is over or, with COUNT, that many. OP get: random ones of the COUNT
   blobs from FIRST on. Blob i is the number i (8 bytes) and noise.
   Prints: answered, seconds, p50 and p99 in microseconds, next number. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/lib/tool.h"
#include "common/base/cid.h"
#include "common/base/sha256_many.h"

#define GROUP    16u /* bodies that are hashed at a time */
#define ROOM     (64u << 10)
#define US_MAX   2000000u
#define HEAD_MAX 512u

typedef enum { HTTP, REDIS, PG, FILE_SERVER } proto_t;

typedef struct {
    int fd;
    PGconn *pg;
    uint8_t *body;  /* of a put */
    size_t got;     /* bytes of the answer so far */
    uint64_t since; /* ns */
    uint8_t in[ROOM];
} conn_t;

static struct {
    proto_t proto;
    bool is_put;
    size_t size;
    uint64_t first, count, next, answered;
    double seconds;
    uint8_t *noise;
    elo_digest_t *digests; /* of all the blobs that a get may ask for */
    uint32_t *latency;     /* histogram, a microsecond a slot */
} run;


static uint64_t
noise64(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15u;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}


static void
blob_set(uint8_t *body, uint64_t i)
{
    for (int k = 0; k < 8; k++) {
        body[k] = (uint8_t) (i >> (56 - 8 * k));
    }
}


/* Before the clock starts, and of each blob: what a cache can keep of a sample
   is not what it can keep of all. */
static void
digests_make(void)
{
    uint8_t *bodies = malloc(GROUP * run.size);
    elo_slice_t in[GROUP];

    run.digests = malloc(run.count * sizeof(*run.digests));
    if (bodies == NULL || run.digests == NULL || run.count == 0) {
        die("memory");
    }
    for (uint32_t k = 0; k < GROUP; k++) {
        in[k] = elo_slice(bodies + k * run.size, run.size);
        memcpy(bodies + k * run.size, run.noise, run.size);
    }
    for (uint64_t i = 0; i < run.count; i += GROUP) {
        uint32_t n = run.count - i < GROUP ? (uint32_t) (run.count - i) : GROUP;

        for (uint32_t k = 0; k < n; k++) {
            blob_set(bodies + k * run.size, run.first + i + k);
        }
        if (elo_sha256_many(in, n, run.digests + i) != ELO_OK) {
            die("sha256");
        }
    }
    free(bodies);
}


static void
connect_to(conn_t *c, const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(a.sun_path)) {
        die("path");
    }
    memcpy(a.sun_path, path, strlen(path) + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd == -1 || connect(c->fd, (struct sockaddr *) &a, sizeof(a)) != 0) {
        die(path);
    }
}


static void
connect_pg(conn_t *c, const char *how)
{
    PGresult *r;

    c->pg = PQconnectdb(how);
    if (PQstatus(c->pg) != CONNECTION_OK) {
        fprintf(stderr, "load: %s", PQerrorMessage(c->pg));
        exit(1);
    }
    r = PQprepare(c->pg, "put",
                  "INSERT INTO blob VALUES (sha256($1), $1)"
                  " ON CONFLICT DO NOTHING",
                  1, NULL);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        fprintf(stderr, "load: %s", PQerrorMessage(c->pg));
        exit(1);
    }
    PQclear(r);
    c->fd = PQsocket(c->pg);
}


static void
write_all(int fd, struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t w = writev(fd, v, n);

        if (w < 0) {
            if (errno == EINTR) {
                continue;
            }
            die("write");
        }
        while (n > 0 && (size_t) w >= v->iov_len) {
            w -= (ssize_t) v->iov_len;
            v++;
            n--;
        }
        if (n > 0) {
            v->iov_base = (uint8_t *) v->iov_base + w;
            v->iov_len -= (size_t) w;
        }
    }
}


static void
send_put(conn_t *c)
{
    char head[HEAD_MAX];
    struct iovec v[3];
    int n;

    blob_set(c->body, run.next);
    if (run.proto == PG) {
        const char *values[1] = { (const char *) c->body };
        int lens[1] = { (int) run.size }, formats[1] = { 1 };

        if (PQsendQueryPrepared(c->pg, "put", 1, values, lens, formats, 1) != 1
            || PQflush(c->pg) != 0)
        {
            die("postgres");
        }
        run.next++;
        return;
    }
    if (run.proto == REDIS) {
        n = snprintf(head, sizeof(head),
                     "*3\r\n$3\r\nSET\r\n$16\r\n%016" PRIx64 "\r\n$%zu\r\n",
                     run.next, run.size);
    } else {
        n = snprintf(head, sizeof(head),
                     "POST /api/blob HTTP/1.1\r\nHost: localhost\r\n"
                     "X-Elohim-Reach: commons\r\n"
                     "Content-Type: application/octet-stream\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     run.size);
    }
    v[0] = (struct iovec){ head, (size_t) n };
    v[1] = (struct iovec){ c->body, run.size };
    v[2] = (struct iovec){ "\r\n", 2 };
    write_all(c->fd, v, run.proto == REDIS ? 3 : 2);
    run.next++;
}


static void
send_get(conn_t *c)
{
    uint64_t i = noise64() % run.count;
    char head[HEAD_MAX], address[ELO_ADDR_CANON_LEN + 1];
    struct iovec v;
    int n;

    if (run.proto == FILE_SERVER) {
        n = snprintf(head, sizeof(head),
                     "GET /%" PRIu64 " HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     run.first + i);
    } else {
        elo_addr_canon(&run.digests[i], address);
        n = snprintf(head, sizeof(head),
                     "GET /api/blob/%s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     address);
    }
    v = (struct iovec){ head, (size_t) n };
    write_all(c->fd, &v, 1);
}


static void
send_next(conn_t *c)
{
    c->got = 0;
    c->since = now_ns();
    if (run.is_put) {
        send_put(c);
    } else {
        send_get(c);
    }
}


/* True when the whole answer is there. */
static bool
is_whole(conn_t *c)
{
    char *end, *len;

    c->in[c->got] = '\0';
    if (run.proto == REDIS) {
        if (c->got >= 5 && memcmp(c->in, "+OK\r\n", 5) != 0) {
            fprintf(stderr, "load: %s\n", (char *) c->in);
            exit(1);
        }
        return c->got >= 5;
    }
    end = strstr((char *) c->in, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    len = strcasestr((char *) c->in, "content-length:");
    if (memcmp(c->in, "HTTP/1.1 20", 11) != 0 || len == NULL) {
        fprintf(stderr, "load: %s\n", (char *) c->in);
        exit(1);
    }
    return c->got
           >= (size_t) (end + 4 - (char *) c->in) + strtoul(len + 15, NULL, 10);
}


static bool
receive_pg(conn_t *c)
{
    PGresult *r;

    if (PQconsumeInput(c->pg) != 1) {
        die("postgres");
    }
    if (PQisBusy(c->pg)) {
        return false;
    }
    while ((r = PQgetResult(c->pg)) != NULL) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK) {
            fprintf(stderr, "load: %s", PQerrorMessage(c->pg));
            exit(1);
        }
        PQclear(r);
    }
    return true;
}


static bool
receive(conn_t *c)
{
    ssize_t n;

    if (run.proto == PG) {
        return receive_pg(c);
    }
    n = recv(c->fd, c->in + c->got, ROOM - 1 - c->got, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        die("connection closed");
    }
    c->got += n > 0 ? (size_t) n : 0;
    return is_whole(c);
}


static void
account(const conn_t *c)
{
    uint64_t us = (now_ns() - c->since) / 1000;

    run.answered++;
    run.latency[us < US_MAX ? us : US_MAX - 1]++;
}


static uint32_t
percentile(double p)
{
    uint64_t want = (uint64_t) ((double) run.answered * p), seen = 0;

    for (uint32_t i = 0; i < US_MAX; i++) {
        seen += run.latency[i];
        if (seen > want) {
            return i;
        }
    }
    return US_MAX;
}


static double
loop(conn_t *conns, uint32_t n)
{
    struct epoll_event ev, evs[256];
    int ep = epoll_create1(0);
    uint64_t start, end;
    uint32_t busy = 0;

    for (uint32_t i = 0; i < n; i++) {
        ev = (struct epoll_event){ .events = EPOLLIN, .data.ptr = &conns[i] };
        if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev) != 0) {
            die("epoll");
        }
    }
    start = now_ns();
    end = start + (uint64_t) (run.seconds * 1e9);
    for (uint32_t i = 0; i < n; i++) {
        if (!run.is_put || run.count == 0 || run.next - run.first < run.count) {
            send_next(&conns[i]);
            busy++;
        }
    }
    while (busy > 0) {
        int got = epoll_wait(ep, evs, 256, 30000);

        if (got == 0) {
            fprintf(stderr, "load: no answer for 30 s\n");
            exit(1);
        }
        for (int i = 0; i < got; i++) {
            conn_t *c = evs[i].data.ptr;

            if (!receive(c)) {
                continue;
            }
            account(c);
            if (now_ns() < end
                && (!run.is_put || run.count == 0
                    || run.next - run.first < run.count))
            {
                send_next(c);
            } else {
                busy--;
            }
        }
    }
    return (double) (now_ns() - start) / 1e9;
}


int
main(int argc, char **argv)
{
    static const char *const protos[] = { "http", "redis", "pg", "file" };
    conn_t *conns;
    uint32_t n;
    double took;

    if (argc != 9) {
        fprintf(stderr, "load: see the comment at its top\n");
        return 2;
    }
    while (run.proto <= FILE_SERVER && strcmp(argv[1], protos[run.proto]) != 0)
    {
        run.proto++;
    }
    run.is_put = strcmp(argv[3], "put") == 0;
    run.size = strtoul(argv[4], NULL, 10);
    n = (uint32_t) strtoul(argv[5], NULL, 10);
    run.seconds = strtod(argv[6], NULL);
    run.first = run.next = strtoull(argv[7], NULL, 10);
    run.count = strtoull(argv[8], NULL, 10);
    run.noise = malloc(run.size);
    run.latency = calloc(US_MAX, sizeof(*run.latency));
    conns = calloc(n, sizeof(*conns));
    if (run.noise == NULL || run.latency == NULL || conns == NULL
        || run.proto > FILE_SERVER || run.size < 8)
    {
        die("arguments");
    }
    for (size_t i = 0; i < run.size; i++) {
        run.noise[i] = (uint8_t) (noise64() >> 32);
    }
    if (!run.is_put) {
        digests_make();
    }
    for (uint32_t i = 0; i < n; i++) {
        conns[i].body = malloc(run.size);
        if (conns[i].body == NULL) {
            die("memory");
        }
        memcpy(conns[i].body, run.noise, run.size);
        if (run.proto == PG) {
            connect_pg(&conns[i], argv[2]);
        } else {
            connect_to(&conns[i], argv[2]);
        }
    }
    took = loop(conns, n);
    printf("%" PRIu64 " %.6f %u %u %" PRIu64 "\n", run.answered, took,
           percentile(0.5), percentile(0.99), run.next);
    return 0;
}
