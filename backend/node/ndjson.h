/* SPDX-License-Identifier: BSD-2-Clause */
/* ndjson: lines of a text that comes in pieces, each of bounded length. What is in a
   line is not looked at. Pure.

   The caller keeps what has come and not been taken; where a piece ends makes no
   difference to the lines. A line ends with LF, or CR LF; the last one needn't. Lines
   of nothing but blanks are counted and left out. Spec: ndjson.org. */
#ifndef ELO_NODE_NDJSON_H
#define ELO_NODE_NDJSON_H

#include "common/base/slice.h"

typedef enum {
    ELO_NDJSON_MORE, /* what is left is no whole line; of a text that has ended
                           nothing is left */
    ELO_NDJSON_LINE, /* this one, without its end */
    ELO_NDJSON_TOO_LONG /* a line of more than max bytes: told once, and skipped */
} elo_ndjson_step_t;

typedef struct {
    size_t max;
    uint64_t line;     /* number of the one that was told last, from 1 */
    bool _is_skipping; /* to the end of one that was too long */
} elo_ndjson_t;

/* Takes the next line off *in; it borrows from there. is_end: nothing follows what
   is in *in. What MORE leaves there is at most max + 1 bytes, and begins what is
   given next. */
elo_ndjson_step_t elo_ndjson_next(elo_ndjson_t *n, elo_slice_t *in, bool is_end,
                                  elo_slice_t *line);

#endif
