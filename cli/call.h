/* SPDX-License-Identifier: BSD-2-Clause */
/* call: questions to the daemon, and its refusals told to a person. */
#ifndef ELO_CLI_CALL_H
#define ELO_CLI_CALL_H

#include "backend/json/json.h"
#include "cli/file.h"
#include "cli/names.h"
#include "cli/out.h"

/* Largest JSON answer that is taken: a list page, or a content node. */
#define ELO_CALL_JSON_MAX (8u << 20)

/* One exchange; opens the connection when there is none. */
elo_err_t elo_call(elo_cli_t *cli, const elo_client_req_t *req,
                   elo_client_res_t *res) ELO_MUST_USE;

/* Complains of an exchange that failed in transport (rc) or was refused
   (res->status); what is its object: "film.mp4". */
elo_exit_t elo_call_complain(const elo_cli_t *cli, const char *what,
                             elo_err_t rc, const elo_client_res_t *res);

typedef struct {
    const char *method;
    const char *target;
    const char *headers; /* NULL: none */
    elo_slice_t body;    /* JSON; empty: none */
    const char *what;    /* for complaints */
    bool may_miss;       /* 404 is ELO_EXIT_NOTFOUND without a word */
} elo_ask_t;

/* One exchange with small bodies. The answer's text is appended to answer, which
   the caller has initialised with a cap of ELO_CALL_JSON_MAX. */
elo_exit_t elo_ask(elo_cli_t *cli, const elo_ask_t *ask, elo_buf_t *answer);

/* The same, parsed; *out is freed by the caller with elo_json_free. */
elo_exit_t elo_ask_json(elo_cli_t *cli, const elo_ask_t *ask, elo_buf_t *answer,
                        elo_json_t **out);

/* Parses an operand that names a blob or a content; complains if it can't. */
elo_exit_t elo_call_name(const elo_cli_t *cli, const char *s, elo_name_t *out);

/* Puts a file in: PUT under expect, or POST when that is NULL; appends the
   daemon's answer. s is at its start. */
typedef struct {
    const char *label; /* for progress and complaints */
    const char *type;
    const char *reach; /* NULL: private */
    bool is_durable;   /* answered when it is, or after a while */
    const elo_digest_t *expect;
} elo_upload_ask_t;
elo_exit_t elo_upload(elo_cli_t *cli, elo_source_t *s,
                      const elo_upload_ask_t *ask, elo_buf_t *answer);

/* Member of an object as text: "" when absent or of another kind. Borrowed. */
elo_slice_t elo_member_str(const elo_json_t *j, const char *name);
uint64_t elo_member_u64(const elo_json_t *j, const char *name);

#endif
