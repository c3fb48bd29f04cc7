/* SPDX-License-Identifier: BSD-2-Clause */
/* precond: conditional requests. Pure. Spec: RFC 9110, 13 (precedence: 13.2.2),
   HTTP dates: RFC 9110, 5.6.7 (all three forms). */
#ifndef ELO_HTTP_PRECOND_H
#define ELO_HTTP_PRECOND_H

#include <stdint.h>

#include "common/base/slice.h"

#define ELO_HTTP_DATE_LEN 29

/* Field values as sent; p == NULL when the field is absent. Several lines of a
   list field are joined with "," by the caller. */
typedef struct {
    elo_slice_t if_match;
    elo_slice_t if_none_match;
    elo_slice_t if_modified_since;
    elo_slice_t if_unmodified_since;
    elo_slice_t if_range;
} elo_precond_t;

typedef enum {
    ELO_PRECOND_GO,           /* carry out the method */
    ELO_PRECOND_NOT_MODIFIED, /* 304 */
    ELO_PRECOND_FAILED        /* 412 */
} elo_precond_verdict_t;

/* Judges the fields against the current representation. etag is the strong
   entity tag with its quotes, empty when there is no representation; mtime in
   Unix seconds. is_read: the method is GET or HEAD. An unreadable date is
   ignored. */
elo_precond_verdict_t elo_precond_eval(const elo_precond_t *c, bool is_read,
                                       elo_slice_t etag, int64_t mtime);

/* May Range be applied? True when If-Range is absent, or matches strongly (the
   tag, or exactly the Last-Modified date). */
bool elo_precond_range_ok(const elo_precond_t *c, elo_slice_t etag,
                          int64_t mtime);

/* Any of the three forms; false otherwise, *out untouched. */
bool elo_http_date_parse(elo_slice_t s, int64_t *out);

/* Writes "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL. t is clamped to the years
   1970–9999. */
void elo_http_date_format(int64_t t, char out[ELO_HTTP_DATE_LEN + 1]);

#endif
