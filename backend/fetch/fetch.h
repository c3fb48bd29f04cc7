/* SPDX-License-Identifier: BSD-2-Clause */
/* fetch: bytes of a URL that somebody has named, over libcurl. The URL is hostile:
   it goes only where the policy lets it, and that is looked at again for each
   redirect and, on the address itself right before each connect, for each
   resolution. No credentials, cookies, proxies, .netrc or Referer; nothing is
   decompressed. Not on the loop: calls wait for the network. */
#ifndef ELO_FETCH_FETCH_H
#define ELO_FETCH_FETCH_H

#include <stdatomic.h>

#include "backend/fetch/policy.h"

/* One thread's, with its kept connections. */
typedef struct elo_fetch_s elo_fetch_t;

typedef enum {
    ELO_FETCH_DONE,
    ELO_FETCH_REFUSED,  /* by the policy: scheme, port, address, too many
                           redirects, an encoding */
    ELO_FETCH_FAILED,   /* not resolved, not connected, TLS, cut, too slow */
    ELO_FETCH_STATUS,   /* an answer, but not the bytes */
    ELO_FETCH_NO_RANGE, /* a range was asked for and the whole came */
    ELO_FETCH_TOO_BIG,
    ELO_FETCH_STOPPED /* the caller's body, or stop, ended it */
} elo_fetch_why_t;

typedef struct {
    const char *url;
    uint64_t off; /* bytes from there on */
    uint64_t len; /* 0: to the end */
    /* Largest whole of which it may be a part; 0: the policy's max_bytes, which is
       that of what comes, too. */
    uint64_t max_total;
    bool
        may_skip; /* when a server knows no ranges: what is before off is thrown
                      away; else ELO_FETCH_NO_RANGE */
    /* Of the bytes asked for, in order. Anything but ELO_OK ends it. */
    elo_err_t (*body)(void *ctx, elo_slice_t bytes);
    void *ctx;
    const atomic_bool *stop; /* looked at now and then; may be NULL */
} elo_fetch_ask_t;

typedef struct {
    elo_fetch_why_t why;
    int status;   /* the last answer's; 0: there was none */
    uint64_t got; /* bytes that body has had */
    bool has_total;
    uint64_t total;         /* size of the whole, as the server says */
    uint32_t retry_after_s; /* as the server asks; 0: it doesn't */
    char note[128];         /* for the log and the operator */
} elo_fetch_result_t;

/* Once a process, before any thread; ELO_EINTERNAL. */
elo_err_t elo_fetch_setup(void) ELO_MUST_USE;

/* policy is borrowed. ELO_ENOMEM. */
elo_err_t elo_fetch_create(const elo_fetch_policy_t *policy,
                           elo_fetch_t **out) ELO_MUST_USE;
void elo_fetch_free(elo_fetch_t **f);

/* result is always filled; true when it is ELO_FETCH_DONE: all bytes that were asked
   for have come. */
bool elo_fetch_get(elo_fetch_t *f, const elo_fetch_ask_t *ask,
                   elo_fetch_result_t *result);

/* Would the URL be refused before anything is asked? NULL: no; else why, static. */
const char *elo_fetch_refuses(const elo_fetch_policy_t *policy,
                              const char *url);

#endif
