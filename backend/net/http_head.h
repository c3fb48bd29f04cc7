/* SPDX-License-Identifier: BSD-2-Clause */
/* http_head: the head of a request, judged strictly. Pure. What another reader of
   the same bytes might understand differently (request smuggling) is refused.
   Spec: RFC 9112, 2 to 6. */
#ifndef ELO_NET_HTTP_HEAD_H
#define ELO_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

/* Browsers send some 20 fields and nginx adds a few. */
#define ELO_HTTP_FIELDS_MAX 64

typedef struct {
    elo_slice_t name;
    elo_slice_t value;
} elo_http_field_t;

/* Slices borrow from the parsed bytes. */
typedef struct {
    elo_slice_t method;
    elo_slice_t path;
    elo_slice_t query; /* p == NULL without a question mark */
    int64_t body_len;  /* -1: chunked */
    bool is_http10;
    bool is_head;
    bool keep_alive;
    bool expects_continue;
    bool has_conditions; /* If-… or Range */
    uint32_t n_fields;
    elo_http_field_t fields[ELO_HTTP_FIELDS_MAX];
} elo_http_head_t;

/* Length of the head that bytes begin with, its empty line included, or 0 when
   that has not come. *scanned is where the search is to go on: 0 at first. */
size_t elo_http_head_len(elo_slice_t bytes, size_t *scanned);

/* Parses a head of exactly that length. Returns 0, or the status to refuse it
   with, *why then being a static sentence. */
int elo_http_head_parse(elo_slice_t bytes, elo_http_head_t *out,
                        const char **why);

/* First field of that name; p == NULL when absent. */
elo_slice_t elo_http_head_field(const elo_http_head_t *head, elo_slice_t name);

#endif
