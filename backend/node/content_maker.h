/* SPDX-License-Identifier: BSD-2-Clause */
/* content_maker: what the files that judge the text of a content node share: a row of
   the tables is a member, with the function that judges and writes it. */
#ifndef ELO_NODE_CONTENT_MAKER_H
#define ELO_NODE_CONTENT_MAKER_H

#include "backend/json/json_write.h"
#include "backend/node/content_fields.h"
#include "backend/node/content_node.h"

/* Of one content. */
#define ELO_CONTENT_TAGS_MAX      256
#define ELO_CONTENT_DURATIONS_MAX 16

typedef struct elo_field_s elo_field_t;

typedef struct {
    elo_json_writer_t w;
    const elo_content_env_t *env;
    const elo_json_t *top;
    elo_content_fault_t *fault;
    char prefix[32]; /* "blobs[1]." or "" */
    elo_digest_t seen[ELO_CONTENT_BLOBS_MAX];
    uint32_t n_seen;
} elo_maker_t;

/* Judges v (NULL when the member is absent or null) and writes what stands for
   it, if anything. False with the fault set. */
typedef bool (*elo_put_fn)(elo_maker_t *m, const elo_field_t *f,
                           const elo_json_t *v);

struct elo_field_s {
    const char *name;
    elo_put_fn put;
    double min, max;          /* of a number, or of characters */
    const char *const *words; /* of an enumeration */
    bool (*shape)(elo_slice_t s);
    const char *hint;    /* what a member of that shape is */
    const char *pattern; /* the same for machines: ECMA 262 */
};

/* Sets the fault; false. */
bool elo_maker_bad(elo_maker_t *m, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool elo_maker_bad_kind(elo_maker_t *m, const char *name, const char *wanted,
                        const elo_json_t *v);

/* Of simple kinds. */
bool elo_put_text(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_title(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_lines(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_shaped(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_maker_is_time(elo_slice_t s);
bool elo_put_embed(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_role(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_lifecycle(elo_maker_t *m, const elo_field_t *f,
                       const elo_json_t *v);
bool elo_put_format(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_reach(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_integer(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_number(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_object(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_body(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);

/* Lists. array_ok: an array of at most max. */
bool elo_maker_array_ok(elo_maker_t *m, const char *name, const elo_json_t *v,
                        size_t max);
bool elo_put_tags(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_invited(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_urls(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v);
bool elo_put_durations(elo_maker_t *m, const elo_field_t *f,
                       const elo_json_t *v);

#endif
