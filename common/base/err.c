/* SPDX-License-Identifier: BSD-2-Clause */
/* err: the table of errors.def as code. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrordesc_np; nginx's compiler line lacks it */
#endif

#include "common/base/err.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    elo_err_t err;
    int status;
    const char *code;
    const char *text;
} row_t;

static const row_t rows[] = {
#define ELO_ERR(name, number, status, code, text)                              \
    { (number), (status), (code), (text) },
#include "common/base/errors.def"
#undef ELO_ERR
};


static const row_t *
row_of(elo_err_t err)
{
    size_t i;

    if (err == ENOSPC || err == EDQUOT) {
        err = ELO_ENOSPC;
    } else if (err > 0) {
        err = ELO_EINTERNAL;
    }
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].err == err) {
            return &rows[i];
        }
    }
    return NULL;
}


const char *
elo_strerror(elo_err_t err)
{
    const row_t *row;
    const char *text;

    if (err == ELO_OK) {
        return "ok";
    }
    if (err > 0) {
        text = strerrordesc_np(err);
        return text != NULL ? text : "unknown system error";
    }
    row = row_of(err);
    return row != NULL ? row->text : "unknown error";
}


int
elo_err_status(elo_err_t err)
{
    const row_t *row = row_of(err);

    if (err == ELO_OK) {
        return 200;
    }
    return row != NULL ? row->status : 500;
}


const char *
elo_err_code(elo_err_t err)
{
    const row_t *row = row_of(err);

    if (err == ELO_OK) {
        return "OK";
    }
    return row != NULL ? row->code : "INTERNAL";
}


const char *
elo_err_public(elo_err_t err)
{
    const row_t *row = row_of(err);

    if (err == ELO_OK) {
        return "ok";
    }
    return row != NULL ? row->text : "internal error";
}
