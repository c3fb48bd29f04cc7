/* SPDX-License-Identifier: BSD-2-Clause */
/* json_write: JSON texts into a buffer, member by member, without a tree. Output
   is compact, one value a writer. The buffer's sticky error tells at the end
   whether all of it fitted. Spec: RFC 8259. */
#ifndef ELO_JSON_JSON_WRITE_H
#define ELO_JSON_JSON_WRITE_H

#include "backend/json/json.h"
#include "common/base/buf.h"

typedef struct {
    elo_buf_t *_b;
    bool _needs_comma;
} elo_json_writer_t;

/* Writes behind what is in b already. The buffer stays the caller's. */
void elo_json_writer_init(elo_json_writer_t *w, elo_buf_t *b);

/* In all of these, name is the member's within an object, NULL within an array
   or for the top value. Opens and closes must pair. */
void elo_json_put_object(elo_json_writer_t *w, const char *name);
void elo_json_end_object(elo_json_writer_t *w);
void elo_json_put_array(elo_json_writer_t *w, const char *name);
void elo_json_end_array(elo_json_writer_t *w);
/* Bytes that are not UTF-8 become U+FFFD. */
void elo_json_put_string(elo_json_writer_t *w, const char *name, elo_slice_t v);
void elo_json_put_cstr(elo_json_writer_t *w, const char *name, const char *v);
void elo_json_put_u64(elo_json_writer_t *w, const char *name, uint64_t v);
/* The shortest text that reads back as v; null when v is not finite. */
void elo_json_put_number(elo_json_writer_t *w, const char *name, double v);
void elo_json_put_bool(elo_json_writer_t *w, const char *name, bool v);
void elo_json_put_null(elo_json_writer_t *w, const char *name);
/* A JSON text made elsewhere, as it is. */
void elo_json_put_raw(elo_json_writer_t *w, const char *name, elo_slice_t json);
/* A parsed value, written anew. */
void elo_json_put_value(elo_json_writer_t *w, const char *name,
                        const elo_json_t *v);

/* The quoted and escaped string alone. */
void elo_json_quote(elo_buf_t *b, elo_slice_t s);

#endif
