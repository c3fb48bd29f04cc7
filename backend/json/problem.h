/* SPDX-License-Identifier: BSD-2-Clause */
/* problem: problem documents, the body of every error answer.
   Spec: RFC 9457, with three members of our own: error (the detail, where older
   clients look for it), code (for machines) and field (the JSON path of what is
   wrong in a request's body). */
#ifndef ELO_JSON_PROBLEM_H
#define ELO_JSON_PROBLEM_H

#include "common/base/buf.h"

#define ELO_PROBLEM_TYPE "application/problem+json"

typedef struct {
    int status;
    const char *code;   /* "HASH_MISMATCH" */
    const char *detail; /* a sentence for a person */
    const char *field;  /* "blobs[1].hash", or NULL */
} elo_problem_t;

/* Appends the document and a line feed. */
void elo_problem_put(elo_buf_t *b, const elo_problem_t *p);

/* Reason phrase of a status ("Not Found"); "Error" for one without. */
const char *elo_problem_title(int status);

#endif
