/* SPDX-License-Identifier: BSD-2-Clause */
/* err: result codes. 0 is success, > 0 an errno, < 0 a code of errors.def. */
#ifndef ELO_BASE_ERR_H
#define ELO_BASE_ERR_H

typedef int elo_err_t;

enum elo_err_e {
    ELO_OK = 0,
#define ELO_ERR(name, number, status, code, text) ELO_##name = (number),
#include "common/base/errors.def"
#undef ELO_ERR
};

#define ELO_MUST_USE __attribute__((warn_unused_result))

/* Drops a result on purpose; the reason stands beside it as a comment. */
#define elo_ignore(call)                                                       \
    do {                                                                       \
        if (call) {                                                            \
        }                                                                      \
    } while (0)

/* Text for the log. Never NULL; static for our codes, thread-safe for errno. */
const char *elo_strerror(elo_err_t err);

/* HTTP status that a client is to see for err; 200 for ELO_OK. ENOSPC and
   EDQUOT from the system map to 507, an unknown errno to 500. */
int elo_err_status(elo_err_t err);

/* Machine-readable code ("HASH_MISMATCH"); static, never NULL. */
const char *elo_err_code(elo_err_t err);

/* Text that may leave this machine: the table's words for our codes, nothing
   of an errno. Static, never NULL. */
const char *elo_err_public(elo_err_t err);

#endif
