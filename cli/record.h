/* SPDX-License-Identifier: BSD-2-Clause */
/* record: signed records of agents, made here and sent to the daemon; and told in
   words. */
#ifndef ELO_CLI_RECORD_H
#define ELO_CLI_RECORD_H

#include "backend/ctl/record.h"
#include "cli/call.h"
#include "cli/key.h"

/* Agent by its text, or, of NULL, the ring's owner; complains. The ring is opened
   when it isn't. */
elo_exit_t elo_record_author(elo_key_job_t *job, const char *text,
                             elo_agent_t *out);

/* Makes r, of which kind and body are read, at the head of the agent's chain, with
   his key in the job's ring, and sends it. Prints its id, which is r->id then. */
elo_exit_t elo_record_say(elo_key_job_t *job, const elo_agent_t *as,
                          elo_rec_t *r);

/* An operand that is an agent, or 64 hex digits of a record; complains. */
elo_exit_t elo_record_agent(const elo_cli_t *cli, const char *text,
                            elo_agent_t *out);
elo_exit_t elo_record_id(const elo_cli_t *cli, const char *text,
                         elo_digest_t *out);

/* ---- manifest.c ---- */

typedef struct {
    elo_digest_t blob, root;
    uint64_t size; /* not 0 */
} elo_manifest_t;

/* Of the operands FILE, or HASH SIZE ROOT; complains. */
elo_exit_t elo_manifest_of(const elo_cli_t *cli, const char *const *operand,
                           unsigned n, elo_manifest_t *out);

/* Appends what a record says, in words, on one line. Pure. */
void elo_record_words(elo_buf_t *b, const elo_rec_t *r);

#endif
