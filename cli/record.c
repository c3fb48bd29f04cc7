/* SPDX-License-Identifier: BSD-2-Clause */
/* record: see the header. */
#include "cli/record.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "common/auth/agent_text.h"
#include "common/base/enc.h"

#define TARGET_MAX 128
#define HEX_LEN    (2 * ELO_SHA256_LEN)

typedef struct {
    elo_rec_t *r;
    elo_buf_t bytes;
    const char *why;
} made_t;


elo_exit_t
elo_record_agent(const elo_cli_t *cli, const char *text, elo_agent_t *out)
{
    return elo_agent_text_parse(elo_slice_str(text), out) == ELO_OK
               ? ELO_EXIT_OK
               : elo_out_usage(cli, "\"%s\" is no agent", text);
}


elo_exit_t
elo_record_id(const elo_cli_t *cli, const char *text, elo_digest_t *out)
{
    elo_slice_t hex = elo_slice_str(text);

    return hex.len == HEX_LEN
                   && elo_hex_decode(hex, out->b, sizeof(out->b)) == ELO_OK
               ? ELO_EXIT_OK
               : elo_out_usage(cli, "\"%s\" is no record: 64 hex digits", text);
}


elo_exit_t
elo_record_author(elo_key_job_t *job, const char *text, elo_agent_t *out)
{
    elo_exit_t status = ELO_EXIT_OK;

    if (text != NULL) {
        status = elo_record_agent(job->cli, text, out);
    }
    if (status == ELO_EXIT_OK && job->ring == NULL) {
        status = elo_key_open(job);
    }
    if (status == ELO_EXIT_OK && text == NULL) {
        elo_keyring_owner(job->ring, out);
    }
    return status;
}


/* ---- saying ---- */

static elo_exit_t
find_head(elo_cli_t *cli, const elo_agent_t *as, elo_rec_t *r)
{
    char target[TARGET_MAX], hex[ELO_AGENT_TEXT_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = hex };
    elo_json_t *j = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    elo_agent_text_write(as, ELO_AGENT_HEX, hex);
    snprintf(target, sizeof(target), "/api/records/head/%s", hex);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(cli, &ask, &answer, &j);
    if (status == ELO_EXIT_OK) {
        elo_slice_t prev = elo_member_str(j, "previous");

        r->seq = elo_member_u64(j, "seq");
        if ((prev.len > 0 || r->seq > 0)
            && (prev.len != 2 * ELO_SHA256_LEN
                || elo_hex_decode(prev, r->prev.b, sizeof(r->prev.b))
                       != ELO_OK))
        {
            status = elo_out_failed(cli, "the daemon's answer", ELO_EINTERNAL);
        }
    }
    elo_json_free(&j);
    elo_buf_dispose(&answer);
    return status;
}


static elo_err_t
make(void *ctx, const uint8_t seed[ELO_SEED_LEN])
{
    made_t *m = ctx;

    return elo_rec_make(m->r, seed, &m->bytes, &m->why);
}


static elo_exit_t
send_record(const elo_key_job_t *job, elo_slice_t bytes)
{
    elo_ask_t ask = { .method = "POST",
                      .target = "/api/records",
                      .body = bytes,
                      .what = "record" };
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask(job->cli, &ask, &answer);
    elo_buf_dispose(&answer);
    return status;
}


elo_exit_t
elo_record_say(elo_key_job_t *job, const elo_agent_t *as, elo_rec_t *r)
{
    made_t m = { .r = r, .why = NULL };
    char id[2 * ELO_SHA256_LEN + 1];
    elo_exit_t status = find_head(job->cli, as, r);
    elo_err_t rc;

    if (status != ELO_EXIT_OK) {
        return status;
    }
    r->time_ms = (int64_t) (elo_clock_unix_us() / 1000);
    elo_buf_init(&m.bytes, ELO_RECORD_MAX);
    rc = elo_keyring_use(job->ring, as, make, &m);
    if (rc == ELO_EINVAL && m.why != NULL) {
        status = elo_out_usage(job->cli, "%s", m.why);
    } else if (rc == ELO_ENOKEY) {
        status = elo_out_usage(job->cli, "the keyring \"%s\" has no such agent",
                               job->path);
    } else if (rc != ELO_OK) {
        status = elo_out_failed(job->cli, job->path, rc);
    } else {
        status = send_record(job, elo_buf_slice(&m.bytes));
    }
    elo_buf_dispose(&m.bytes);
    if (status == ELO_EXIT_OK) {
        elo_hex_encode(r->id.b, sizeof(r->id.b), id);
        elo_json_put_cstr(&job->w, "id", id);
        elo_out_line(job->cli, "%s", id);
    }
    return status;
}
