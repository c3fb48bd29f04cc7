/* SPDX-License-Identifier: BSD-2-Clause */
/* api_client: requests to an api_server, and what tests ask of the answers. For
   tests only. */
#ifndef ELO_T_UNIT_API_CLIENT_H
#define ELO_T_UNIT_API_CLIENT_H

#include <time.h>

#include "common/base/crypto.h"
#include "t/unit/backend/api/api_raw.h"

/* headers: lines that end in CR LF, or "". len < 0: no body. */
static inline answer_t
api_call(const api_t *a, const char *method, const char *target,
         const char *headers, const void *body, ssize_t len)
{
    char head[4096];
    int fd = api_connect(a);
    bool has_body;
    answer_t r;
    int n;

    n = snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method,
                 target, headers);
    if (len >= 0) {
        n += snprintf(head + n, sizeof(head) - (size_t) n,
                      "Content-Length: %zd\r\n", len);
    }
    n += snprintf(head + n, sizeof(head) - (size_t) n, "\r\n");
    assert_true((size_t) n < sizeof(head));
    assert_true(api_send(fd, head, (size_t) n));
    if (len > 0) {
        (void) api_send(fd, body, (size_t) len); /* it may answer before */
    }
    r = api_receive(fd, true);
    has_body =
        strcmp(method, "HEAD") != 0 && r.status != 204 && r.status != 304;
    r.is_cut = r.is_cut && has_body;
    return r;
}


static inline answer_t
api_get(const api_t *a, const char *target, const char *headers)
{
    return api_call(a, "GET", target, headers, NULL, -1);
}


static inline answer_t
api_post(const api_t *a, const char *method, const char *target,
         const char *json)
{
    return api_call(a, method, target, "Content-Type: application/json\r\n",
                    json, (ssize_t) strlen(json));
}


/* The status alone. */
static inline int
api_status(const api_t *a, const char *method, const char *target,
           const char *headers)
{
    answer_t r = api_call(a, method, target, headers, NULL, -1);
    int status = r.status;

    answer_free(&r);
    return status;
}


static inline bool
body_has(const answer_t *r, const char *text)
{
    return strstr((const char *) r->body, text) != NULL;
}


static inline void
api_sleep_ms(long ms)
{
    struct timespec t = { .tv_sec = 0, .tv_nsec = ms * 1000000 };

    nanosleep(&t, NULL);
}


static inline const char *
canon_of(const void *p, size_t len)
{
    static char text[ELO_ADDR_CANON_LEN + 1];
    elo_digest_t d;

    assert_int_equal(elo_sha256(elo_slice(p, len), &d), ELO_OK);
    elo_addr_canon(&d, text);
    return text;
}


/* Puts a blob for everyone, by POST; its address is valid until the next
   canon_of. */
static inline const char *
api_put(const api_t *a, const char *type, const void *p, size_t len)
{
    char headers[256];
    answer_t r;

    snprintf(headers, sizeof(headers),
             "Content-Type: %s\r\nX-Elohim-Reach: commons\r\n", type);
    r = api_call(a, "POST", "/api/blob", headers, p, (ssize_t) len);
    assert_true(r.status == 201 || r.status == 200);
    answer_free(&r);
    return canon_of(p, len);
}

#endif
