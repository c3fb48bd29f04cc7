/* SPDX-License-Identifier: BSD-2-Clause */
/* key: one run of `elohim key`, shared by its sub-verbs. */
#ifndef ELO_CLI_KEY_H
#define ELO_CLI_KEY_H

#include "backend/json/json_write.h"
#include "backend/keys/keyring.h"
#include "backend/keys/passphrase.h"
#include "cli/out.h"

typedef struct {
    elo_cli_t *cli;
    const char *path;
    elo_passphrase_t passphrase; /* of the ring */
    elo_keyring_cfg_t cfg;
    elo_keyring_t *ring; /* NULL until it is opened */
    bool is_bare;        /* a new key is printed without a word */
    const char *operand; /* behind the sub-verb; NULL: none */
    elo_json_writer_t w; /* the answer for --json, within its object */
} elo_key_job_t;

/* Complains of an error with the ring. */
elo_exit_t elo_key_failed(const elo_key_job_t *j, elo_err_t rc);

/* Fills the job from the options --keyring and --passphrase-file, and those of new
   rings. The passphrase is the caller's to dispose of. */
elo_exit_t elo_key_settle(elo_key_job_t *j);

/* Opens the ring of the job, or complains. */
elo_exit_t elo_key_open(elo_key_job_t *j);

/* The passphrase in the file that an option names; nothing when it isn't given.
   Dispose of out whatever the result. */
elo_exit_t elo_key_passphrase(const elo_key_job_t *j, const char *option,
                              elo_passphrase_t *out);

/* Whoever changed a ring that a daemon uses has one more thing to do. */
void elo_key_say_reload(const elo_key_job_t *j);

/* Whoever has a ring without a passphrase is to know it. */
void elo_key_say_unprotected(const elo_key_job_t *j);

/* The sub-verbs: key_ring.c, key_text.c. */
elo_exit_t elo_key_show(elo_key_job_t *j);
elo_exit_t elo_key_new(elo_key_job_t *j);
elo_exit_t elo_key_rotate(elo_key_job_t *j);
elo_exit_t elo_key_repass(elo_key_job_t *j);
elo_exit_t elo_key_export(elo_key_job_t *j);
elo_exit_t elo_key_import(elo_key_job_t *j);

#endif
