/* SPDX-License-Identifier: BSD-2-Clause */
/* content_schema: what content nodes are, as a JSON Schema, made of the rows by which
   texts are judged (content_make.c). Spec: JSON Schema, draft 2020-12. */
#ifndef ELO_NODE_CONTENT_SCHEMA_H
#define ELO_NODE_CONTENT_SCHEMA_H

#include "common/base/buf.h"

#define ELO_CONTENT_SCHEMA_MAX (64u << 10)

/* Appends the schema. At its top are the nodes that POST and PUT take, and lines of an
   import; below $defs the bodies of changes: lifecycle, reach, invite. What it can't
   say: that a calendar has a date, that no blob is listed twice, that an id is no
   blob's address, and how large the whole may be. */
void elo_content_schema_put(elo_buf_t *b);

#endif
