/* SPDX-License-Identifier: BSD-2-Clause */
/* source: a node elsewhere that has blobs of any size without storing them, and
   counts what is fetched: bytes are made when they are asked for.

     source RATE FOLDER SIZE…

   RATE: bytes a second of all connections together, 0: as fast as it goes. FOLDER:
   where hashes and trees of blobs are kept for the next time. Prints a line
   "number hash root size" a blob (hex; the number by which they are told apart),
   then "port N". Serves on 127.0.0.1:

     GET /api/blob/sha256-<hash>               with Range: bytes=a-b or a-
     GET /api/blob/sha256-<hash>/tree?layer=1  32 bytes a chunk
     GET /stats                                "number requests bytes most" a blob:
                                               most: times that some 64 KiB of it
                                               began to be sent */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/lib/tool.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/hash_tree.h"

#define CONNS_MAX  2048u
#define BLOBS_MAX  64u
#define HEAD_MAX   4096u
#define NOISE      ((size_t) 1 << 20)
#define MARKED     4096u /* each so many bytes begin with blob and offset */
#define BLOCK      (64u << 10)
#define PIECE      (256u << 10)
#define SLOW_PIECE (16u << 10) /* of a source with a rate */
#define TICK_MS    4

typedef struct {
    uint64_t size;
    char hash[2 * ELO_SHA256_LEN + 1], root[2 * ELO_SHA256_LEN + 1];
    elo_buf_t layer;
    uint64_t requests, bytes;
    uint16_t *times; /* of each block */
} blob_t;

typedef struct {
    char head[HEAD_MAX];
    size_t head_len;
    char out[HEAD_MAX]; /* the head of an answer, or a whole short one */
    size_t out_at, out_len;
    const uint8_t *fixed; /* a body that lies somewhere; NULL: of blob */
    blob_t *blob;
    uint64_t at, end; /* of the body */
} conn_t;

static struct {
    blob_t blobs[BLOBS_MAX];
    uint32_t n_blobs;
    uint64_t rate;
    uint8_t noise[NOISE + PIECE];
    conn_t *conns[CONNS_MAX]; /* beside fds, whose first is the listener */
    struct pollfd fds[CONNS_MAX];
    uint32_t n;
    double credit;
    uint64_t filled_ns;
} run;


/* ---- bytes ---- */

static void
noise_make(void)
{
    uint64_t x = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < sizeof(run.noise); i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        run.noise[i] = (uint8_t) (x >> 32);
    }
    memcpy(run.noise + NOISE, run.noise, PIECE);
}


/* At most PIECE bytes of a blob. */
static void
bytes_make(const blob_t *b, uint64_t off, uint8_t *out, size_t len)
{
    uint64_t number = (uint64_t) (b - run.blobs);
    uint64_t end = off + len;

    memcpy(out, run.noise + off % NOISE, len);
    for (uint64_t m = off / MARKED * MARKED; m < end; m += MARKED) {
        uint8_t mark[16];

        memcpy(mark, &number, sizeof(number));
        memcpy(mark + 8, &m, sizeof(m));
        for (uint64_t at = m < off ? off : m; at < m + 16 && at < end; at++) {
            out[at - off] = mark[at - m];
        }
    }
}


static void
blob_hash(blob_t *b)
{
    static uint8_t piece[PIECE];
    elo_digest_t d;
    elo_sha256_t *h;
    elo_tree_t *t;
    bool has_root;

    if (elo_sha256_create(&h) != ELO_OK || elo_tree_create(&t) != ELO_OK) {
        die("memory");
    }
    for (uint64_t off = 0; off < b->size; off += PIECE) {
        size_t len = b->size - off < PIECE ? (size_t) (b->size - off) : PIECE;

        bytes_make(b, off, piece, len);
        if (elo_sha256_update(h, elo_slice(piece, len)) != ELO_OK
            || elo_tree_update(t, elo_slice(piece, len)) != ELO_OK)
        {
            die("sha256");
        }
    }
    if (elo_sha256_final(h, &d) != ELO_OK) {
        die("sha256");
    }
    elo_hex_encode(d.b, sizeof(d.b), b->hash);
    if (elo_tree_final(t, &d, &has_root, &b->layer) != ELO_OK || !has_root) {
        die("tree");
    }
    elo_hex_encode(d.b, sizeof(d.b), b->root);
    elo_sha256_free(&h);
    elo_tree_free(&t);
}


/* What was computed once lies in a file: hash, root, layer. */
static void
blob_open(const char *folder, blob_t *b)
{
    size_t hex = 2 * ELO_SHA256_LEN, layer_len;
    char name[4096];
    FILE *f;

    layer_len = b->size > ELO_TREE_CHUNK
                    ? (size_t) elo_tree_chunks(b->size) * ELO_SHA256_LEN
                    : 0;
    elo_buf_init(&b->layer, layer_len + 1);
    b->times = calloc(b->size / BLOCK + 1, sizeof(*b->times));
    if (b->times == NULL) {
        die("memory");
    }
    snprintf(name, sizeof(name), "%s/source-%u-%" PRIu64, folder,
             (unsigned) (b - run.blobs), b->size);
    f = fopen(name, "r");
    if (f != NULL) {
        uint8_t *p = elo_buf_extend(&b->layer, layer_len);
        bool ok = fread(b->hash, 1, hex, f) == hex
                  && fread(b->root, 1, hex, f) == hex
                  && (layer_len == 0 || fread(p, 1, layer_len, f) == layer_len);

        fclose(f);
        if (ok) {
            return;
        }
        elo_buf_clear(&b->layer);
    }
    blob_hash(b);
    f = fopen(name, "w");
    if (f == NULL || fwrite(b->hash, 1, hex, f) != hex
        || fwrite(b->root, 1, hex, f) != hex
        || fwrite(b->layer.p, 1, layer_len, f) != layer_len || fclose(f) != 0)
    {
        die(name);
    }
}


/* ---- answers ---- */

static void
answer_text(conn_t *c, const char *status, const char *body)
{
    c->out_len = (size_t) snprintf(c->out, sizeof(c->out),
                                   "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
                                   "Content-Length: %zu\r\n\r\n%s",
                                   status, strlen(body), body);
}


static void
answer_stats(conn_t *c)
{
    char body[HEAD_MAX - 256];
    size_t at = 0;

    for (uint32_t i = 0; i < run.n_blobs && at < sizeof(body); i++) {
        const blob_t *b = &run.blobs[i];
        unsigned most = 0;

        for (uint64_t k = 0; k <= b->size / BLOCK; k++) {
            most = b->times[k] > most ? b->times[k] : most;
        }
        at += (size_t) snprintf(body + at, sizeof(body) - at,
                                "%u %" PRIu64 " %" PRIu64 " %u\n", i,
                                b->requests, b->bytes, most);
    }
    answer_text(c, "200 OK", body);
}


/* "bytes=a-b", "bytes=a-"; anything else is the whole. */
static bool
range_of(const conn_t *c, uint64_t *from, uint64_t *end)
{
    const char *p = strcasestr(c->head, "\r\nRange: bytes=");
    uint64_t a, z = *end;
    char *e;

    if (p == NULL) {
        return false;
    }
    a = strtoull(p + 15, &e, 10);
    if (*e != '-' || a >= *end) {
        return false;
    }
    if (e[1] >= '0' && e[1] <= '9') {
        z = strtoull(e + 1, NULL, 10) + 1;
    }
    *from = a;
    *end = z < *end ? z : *end;
    return true;
}


static void
answer_blob(conn_t *c, blob_t *b)
{
    uint64_t size = b->size;
    bool is_part;
    int n;

    c->at = 0;
    c->end = size;
    c->blob = b;
    c->fixed = NULL;
    b->requests++;
    is_part = range_of(c, &c->at, &c->end);
    n = snprintf(c->out, sizeof(c->out),
                 "HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\n"
                 "ETag: \"%s\"\r\nAccept-Ranges: bytes\r\n"
                 "Content-Length: %" PRIu64 "\r\n",
                 is_part ? "206 Partial Content" : "200 OK", b->hash,
                 c->end - c->at);
    if (is_part) {
        n += snprintf(c->out + n, sizeof(c->out) - (size_t) n,
                      "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
                      "\r\n",
                      c->at, c->end - 1, size);
    }
    n += snprintf(c->out + n, sizeof(c->out) - (size_t) n, "\r\n");
    c->out_len = (size_t) n;
}


static void
answer_tree(conn_t *c, const blob_t *b)
{
    c->fixed = b->layer.p;
    c->at = 0;
    c->end = b->layer.len;
    c->out_len = (size_t) snprintf(c->out, sizeof(c->out),
                                   "HTTP/1.1 200 OK\r\n"
                                   "Content-Type: application/octet-stream\r\n"
                                   "Content-Length: %" PRIu64 "\r\n\r\n",
                                   c->end);
}


static void
answer(conn_t *c)
{
    static const char place[] = "GET /api/blob/sha256-";
    size_t n = sizeof(place) - 1, hex = 2 * ELO_SHA256_LEN;

    c->out_at = 0;
    c->at = c->end = 0;
    if (strncmp(c->head, "GET /stats ", 11) == 0) {
        answer_stats(c);
        return;
    }
    for (uint32_t i = 0; i < run.n_blobs; i++) {
        blob_t *b = &run.blobs[i];

        if (strncmp(c->head, place, n) != 0
            || strncmp(c->head + n, b->hash, hex) != 0) {
            continue;
        }
        if (c->head[n + hex] == ' ') {
            answer_blob(c, b);
            return;
        }
        if (strncmp(c->head + n + hex, "/tree?layer=1", 13) == 0) {
            answer_tree(c, b);
            return;
        }
    }
    answer_text(c, "404 Not Found", "no such blob\n");
}


/* ---- connections ---- */

static bool
is_busy(const conn_t *c)
{
    return c->out_at < c->out_len || c->at < c->end;
}


static void
conn_close(uint32_t i)
{
    close(run.fds[i].fd);
    free(run.conns[i]);
    run.n--;
    run.fds[i] = run.fds[run.n];
    run.conns[i] = run.conns[run.n];
}


static void
conn_accept(void)
{
    int fd = accept4(run.fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd == -1) {
        return;
    }
    if (run.n == CONNS_MAX
        || (run.conns[run.n] = calloc(1, sizeof(conn_t))) == NULL)
    {
        close(fd);
        return;
    }
    run.fds[run.n++] = (struct pollfd){ .fd = fd };
}


/* Takes the next head, if it is there whole. */
static void
conn_next(conn_t *c)
{
    char *end;
    size_t len;

    c->head[c->head_len] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (end == NULL) {
        return;
    }
    end[2] = '\0';
    answer(c);
    len = (size_t) (end + 4 - c->head);
    memmove(c->head, c->head + len, c->head_len - len);
    c->head_len -= len;
}


/* False: it is over. */
static bool
conn_read(uint32_t i)
{
    conn_t *c = run.conns[i];
    ssize_t n = recv(run.fds[i].fd, c->head + c->head_len,
                     HEAD_MAX - 1 - c->head_len, 0);

    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    c->head_len += (size_t) n;
    return c->head_len < HEAD_MAX - 1;
}


/* How much of a body may go now: a rate is kept in pieces, not byte by byte. */
static size_t
share(const conn_t *c)
{
    uint64_t left = c->end - c->at;
    uint64_t most = run.rate == 0 ? PIECE : SLOW_PIECE;
    uint64_t len = left < most ? left : most;

    return run.rate != 0 && run.credit < (double) len ? 0 : (size_t) len;
}


static void
account(conn_t *c, size_t n)
{
    uint64_t first = (c->at + BLOCK - 1) / BLOCK;

    if (c->fixed == NULL) {
        for (uint64_t k = first; k * BLOCK < c->at + n; k++) {
            c->blob->times[k]++;
        }
        c->blob->bytes += n;
    }
    c->at += n;
    run.credit -= (double) n;
}


/* False: it is over. */
static bool
conn_write(uint32_t i)
{
    static uint8_t piece[PIECE];
    conn_t *c = run.conns[i];
    int fd = run.fds[i].fd;
    const uint8_t *p = piece;
    size_t len;
    ssize_t n;

    while (c->out_at < c->out_len) {
        n = send(fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN;
        }
        c->out_at += (size_t) n;
    }
    len = share(c);
    if (len == 0) {
        return true;
    }
    if (c->fixed != NULL) {
        p = c->fixed + c->at;
    } else {
        bytes_make(c->blob, c->at, piece, len);
    }
    n = send(fd, p, len, MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN;
    }
    account(c, (size_t) n);
    return true;
}


static void
refill(void)
{
    uint64_t now = now_ns();

    if (run.rate != 0) {
        double most = (double) run.rate / 20; /* a pause saves up so much */

        run.credit += (double) (now - run.filled_ns) / 1e9 * (double) run.rate;
        run.credit = run.credit < most ? run.credit : most;
    }
    run.filled_ns = now;
}


/* Those that wait for credit aren't asked whether they could be written to. */
static int
wait_ms(void)
{
    int ms = -1;

    for (uint32_t i = 1; i < run.n; i++) {
        conn_t *c = run.conns[i];
        bool broke = c->out_at == c->out_len && c->at < c->end && share(c) == 0;

        run.fds[i].events = (short) (!is_busy(c) ? POLLIN
                                     : broke     ? 0
                                                 : POLLOUT);
        ms = broke ? TICK_MS : ms;
    }
    return ms;
}


static void
turn(uint32_t first)
{
    uint32_t i = 1, n = run.n;

    if (run.fds[0].revents != 0) {
        conn_accept();
    }
    while (i < n && i < run.n) {
        uint32_t k = 1 + (first + i) % (n - 1);
        bool ok = true;

        i++;
        if (k >= run.n || run.fds[k].revents == 0) {
            continue;
        }
        if (is_busy(run.conns[k])) {
            ok = (run.fds[k].revents & (POLLERR | POLLHUP)) == 0
                 && conn_write(k);
        } else {
            ok = conn_read(k);
        }
        if (ok && !is_busy(run.conns[k])) {
            conn_next(run.conns[k]);
        }
        if (!ok) {
            conn_close(k);
            return; /* places have changed: look again */
        }
    }
}


static uint16_t
listen_open(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1 || bind(fd, (struct sockaddr *) &a, sizeof(a)) != 0
        || listen(fd, 4096) != 0
        || getsockname(fd, (struct sockaddr *) &a, &len) != 0)
    {
        die("listen");
    }
    run.fds[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
    run.n = 1;
    return ntohs(a.sin_port);
}


int
main(int argc, char **argv)
{
    uint32_t first = 0;

    if (argc < 4 || argc - 3 > (int) BLOBS_MAX) {
        fprintf(stderr, "source: see the comment at its top\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    run.rate = strtoull(argv[1], NULL, 10);
    noise_make();
    for (int i = 3; i < argc; i++) {
        blob_t *b = &run.blobs[run.n_blobs++];

        b->size = strtoull(argv[i], NULL, 10);
        if (b->size == 0) {
            errno = EINVAL;
            die(argv[i]);
        }
        blob_open(argv[2], b);
        printf("%d %.64s %.64s %" PRIu64 "\n", i - 3, b->hash, b->root,
               b->size);
    }
    printf("port %u\n", listen_open());
    fflush(stdout);
    refill();
    for (;;) {
        if (poll(run.fds, run.n, wait_ms()) < 0 && errno != EINTR) {
            die("poll");
        }
        refill();
        turn(first++);
    }
}
