/* SPDX-License-Identifier: BSD-2-Clause */
/* report: contents whose blobs live elsewhere, and nearly nowhere: at most one of their
   URLs still works. Any thread. */
#ifndef ELO_FALLBACK_REPORT_H
#define ELO_FALLBACK_REPORT_H

#include "backend/fallback/want.h"

#define ELO_REPORT_MAX 1024u /* contents; further ones are only logged */

typedef struct elo_report_s elo_report_t;

typedef struct {
    elo_digest_t digest;
    char id[ELO_CONTENT_ID_MAX + 1];
    uint32_t urls, live;
    int64_t since; /* Unix seconds */
} elo_report_row_t;

elo_err_t elo_report_create(elo_report_t **out) ELO_MUST_USE;
void elo_report_free(elo_report_t **r);

/* So many of its URLs work. Logged when it becomes one of several, or none. */
void elo_report_note(elo_report_t *r, const elo_want_t *want, uint32_t live,
                     int64_t now);

/* It is held, or nothing any more. */
void elo_report_clear(elo_report_t *r, const elo_want_t *want);

/* Row i; false past the last. */
bool elo_report_get(elo_report_t *r, uint32_t i, elo_report_row_t *out);

#endif
