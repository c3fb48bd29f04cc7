/* SPDX-License-Identifier: BSD-2-Clause */
/* content_fields: the vocabulary of content nodes, shared by the file that
   judges texts (content_make.c) and the one that reads them (content_node.c). */
#ifndef ELO_NODE_CONTENT_FIELDS_H
#define ELO_NODE_CONTENT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

/* Each ends with NULL; the order is that of the enums in content_node.h. */
extern const char *const elo_content_lifecycles[];
extern const char *const elo_content_roles[];
extern const char *const elo_content_formats[];
extern const char *const elo_content_embeds[];

/* ---- what a member may be: the rows that content_make.c judges by ---- */

typedef enum {
    ELO_RULE_SERVER, /* the server's own: what a text says there is ignored */
    ELO_RULE_TEXT,   /* of min to max characters, without control characters */
    ELO_RULE_LINES,  /* the same with line ends and tabs */
    ELO_RULE_SHAPED, /* of that pattern */
    ELO_RULE_WORD,   /* of words */
    ELO_RULE_REACH,
    ELO_RULE_INTEGER, /* from min to max */
    ELO_RULE_NUMBER,
    ELO_RULE_OBJECT,    /* any */
    ELO_RULE_BODY,      /* an object or a string */
    ELO_RULE_TEXTS,     /* at most n_max of them, each as TEXT */
    ELO_RULE_URLS,      /* at most n_max */
    ELO_RULE_DURATIONS, /* names to seconds, at most n_max */
    ELO_RULE_HASH,
    ELO_RULE_ID,
    ELO_RULE_BLOBS, /* objects of ELO_RULES_BLOB, at most n_max */
    ELO_RULE_RELATIONS
} elo_rule_kind_t;

typedef struct {
    const char *name;
    elo_rule_kind_t kind;
    bool is_required;
    double min, max;
    size_t n_max;
    const char *const *words; /* ends with NULL */
    const char *hint;
    const char *pattern;
} elo_content_rule_t;

typedef enum { ELO_RULES_NODE, ELO_RULES_BLOB, ELO_RULES_RELATION } elo_rules_t;

/* Row i, from 0; false past the last. */
bool elo_content_rule(elo_rules_t of, size_t i, elo_content_rule_t *out);

#define ELO_CONTENT_SECONDS_MAX  1e9 /* of a duration */
#define ELO_CONTENT_DURATION_KEY 32  /* characters of a duration's name */

/* What shape.c takes, in ECMA 262; of times also those that no calendar has. */
#define ELO_PATTERN_LANGUAGE "^(?=.{2,35}$)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
#define ELO_PATTERN_DURATION                                                   \
    "^P(?=.*[1-9])(?=.)([0-9]{1,9}Y)?([0-9]{1,9}M)?([0-9]{1,9}W)?"             \
    "([0-9]{1,9}D)?(T(?=.)([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}S)?)?$"
#define ELO_PATTERN_TIME                                                       \
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]"                   \
    "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?"                \
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
#define ELO_PATTERN_MIME                                                       \
    "^(?=.{3,127}$)[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/"                          \
    "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"                                         \
    "([ \\t]*;[ \\t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+="                             \
    "([A-Za-z0-9!#$%&'*+.^_`|~-]+|\"([ !#-\\[\\]-~]|\\\\[ -~])*\"))*$"

#endif
