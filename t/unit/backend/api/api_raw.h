/* SPDX-License-Identifier: BSD-2-Clause */
/* api_raw: one exchange on the socket of an api_server, bytes as they are. For
   tests only. */
#ifndef ELO_T_UNIT_API_RAW_H
#define ELO_T_UNIT_API_RAW_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "t/unit/backend/api/api_server.h"

typedef struct {
    int status;
    char *head; /* with its NUL */
    uint8_t *body;
    size_t len;
    bool is_cut; /* the connection ended before the body */
    uint8_t *_all;
} answer_t;


static inline int
api_connect(const api_t *a)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", a->socket);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    return fd;
}


/* False when the server does not take all of it. */
static inline bool
api_send(int fd, const void *p, size_t len)
{
    const uint8_t *from = p;

    while (len != 0) {
        ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        from += n;
        len -= (size_t) n;
    }
    return true;
}


/* Value of a header of the answer, "" when absent; valid until the next call. */
static inline const char *
header_of(const answer_t *r, const char *name)
{
    static __thread char value[1024];
    const char *at = r->head;
    size_t len = strlen(name);

    while ((at = strstr(at, "\r\n")) != NULL) {
        at += 2;
        if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
            at += len + 1;
            at += strspn(at, " ");
            snprintf(value, sizeof(value), "%.*s", (int) strcspn(at, "\r"), at);
            return value;
        }
    }
    return "";
}


/* Reads the answer to the connection's end, and closes. */
static inline answer_t
api_receive(int fd, bool has_body)
{
    answer_t r = { 0 };
    size_t cap = 1u << 16;
    size_t n = 0;
    char *end;

    r._all = malloc(cap + 1);
    for (;;) {
        ssize_t got;

        if (n == cap) {
            cap *= 2;
            r._all = realloc(r._all, cap + 1);
        }
        got = recv(fd, r._all + n, cap - n, 0);
        if (got < 0 && errno == EINTR) {
            continue; /* SIGCHLD; a socket with a time limit isn't restarted */
        }
        if (got <= 0) {
            assert_true(got == 0); /* not the time limit */
            break;
        }
        n += (size_t) got;
    }
    close(fd);
    r._all[n] = '\0';
    r.head = (char *) r._all;
    end = strstr(r.head, "\r\n\r\n");
    assert_non_null(end);
    end[2] = '\0';
    assert_int_equal(sscanf(r.head, "HTTP/1.1 %d ", &r.status), 1);
    r.body = (uint8_t *) end + 4;
    r.len = n - (size_t) (r.body - r._all);
    r.is_cut = has_body
               && (size_t) strtoull(header_of(&r, "Content-Length"), NULL, 10)
                      != r.len;
    return r;
}


static inline void
answer_free(answer_t *r)
{
    free(r->_all);
    *r = (answer_t){ 0 };
}

#endif
