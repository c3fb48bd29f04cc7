/* SPDX-License-Identifier: BSD-2-Clause */
/* names: what operands mean: addresses and content ids, request targets, byte
   ranges, and sizes for people. Pure. */
#ifndef ELO_CLI_NAMES_H
#define ELO_CLI_NAMES_H

#include "common/base/buf.h"
#include "common/base/cid.h"

typedef enum { ELO_NAME_ADDR, ELO_NAME_ID } elo_name_kind_t;

typedef struct {
    elo_name_kind_t kind;
    elo_digest_t digest;               /* of an address */
    char text[ELO_CONTENT_ID_MAX + 1]; /* canonical address, or the id */
} elo_name_t;

/* An address in any text form, or a content id. Else ELO_EINVAL. */
elo_err_t elo_name_parse(const char *s, elo_name_t *out) ELO_MUST_USE;

/* Appends s percent-encoded for a query value. */
void elo_query_escape(elo_buf_t *b, elo_slice_t s);

/* "a-b", "a-" or "-n" as --range takes it, inclusive as in HTTP; appends the
   header line "Range: bytes=…\r\n". */
elo_err_t elo_range_header(const char *s, elo_buf_t *b) ELO_MUST_USE;

/* "90", "90s", "30m", "12h", "7d" or "1y" (365 days) to seconds; 1 to ten years.
   Else ELO_EINVAL. */
elo_err_t elo_duration_parse(const char *s, int64_t *out) ELO_MUST_USE;

/* Appends "2026-05-01T12:00:00Z"; "never" for 0. */
void elo_time_text(elo_buf_t *b, int64_t unix_s);

/* Appends "1.4 GiB" and the like; exact below 1 KiB. */
void elo_size_text(elo_buf_t *b, uint64_t bytes);

/* Appends s for a terminal or a line of a list: control bytes become "?". */
void elo_plain_text(elo_buf_t *b, elo_slice_t s);

#endif
