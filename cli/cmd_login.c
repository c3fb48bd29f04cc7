/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim login: proves an agent's key to a daemon and gets a token for it. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/call.h"
#include "cli/key.h"
#include "cli/subcommands.h"
#include "common/auth/agent_text.h"
#include "common/base/base64.h"

#define NONCE_MAX  64u
#define SIGNED_MAX 512u /* the text, the audience, the nonce, the agent */
#define BODY_MAX   2048u

typedef struct {
    elo_cli_t *cli;
    elo_agent_t agent;
    uint8_t nonce[NONCE_MAX];
    size_t nonce_len;
    elo_buf_t text; /* what is signed */
    uint8_t sig[ELO_SIG_LEN];
} login_t;


static elo_exit_t
strange_answer(const elo_cli_t *cli, const char *what)
{
    const elo_complaint_t c = { .exit = ELO_EXIT_FAILED,
                                .code = elo_err_code(ELO_EINTERNAL),
                                .detail = what };

    return elo_out_complain(cli, &c);
}


/* ---- the challenge ---- */

/* What is signed: see backend/ctl/ctl.h. */
static bool
read_challenge(login_t *l, const elo_json_t *j)
{
    elo_slice_t nonce = elo_member_str(j, "nonce");

    if (elo_base64url_decode(nonce, l->nonce, sizeof(l->nonce), &l->nonce_len)
        != ELO_OK)
    {
        return false;
    }
    elo_buf_put_slice(&l->text, elo_member_str(j, "text"));
    elo_buf_put_u8(&l->text, 0);
    elo_buf_put_slice(&l->text, elo_member_str(j, "audience"));
    elo_buf_put_u8(&l->text, 0);
    elo_buf_put(&l->text, l->nonce, l->nonce_len);
    elo_buf_put(&l->text, l->agent.b, sizeof(l->agent.b));
    return elo_buf_err(&l->text) == ELO_OK;
}


static elo_exit_t
challenge(login_t *l)
{
    char hex[ELO_AGENT_TEXT_MAX], body[BODY_MAX];
    elo_ask_t ask = { .method = "POST",
                      .target = "/api/auth/challenge",
                      .what = "login" };
    elo_json_t *j = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    elo_agent_text_write(&l->agent, ELO_AGENT_HEX, hex);
    snprintf(body, sizeof(body), "{\"agent\":\"%s\"}", hex);
    ask.body = elo_slice_str(body);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(l->cli, &ask, &answer, &j);
    if (status == ELO_EXIT_OK && !read_challenge(l, j)) {
        status = strange_answer(l->cli, "the daemon's challenge is none");
    }
    elo_json_free(&j);
    elo_buf_dispose(&answer);
    return status;
}


/* ---- the proof ---- */

static elo_err_t
sign(void *ctx, const uint8_t seed[ELO_SEED_LEN])
{
    login_t *l = ctx;

    elo_sign(seed, elo_buf_slice(&l->text), l->sig);
    return ELO_OK;
}


static void
put_wishes(const login_t *l, elo_json_writer_t *w)
{
    static const char *const names[] = { "scope", "reach" };
    const char *life = elo_args_get(&l->cli->args, "lifetime");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = elo_args_get(&l->cli->args, names[i]);

        if (value != NULL) {
            elo_json_put_cstr(w, names[i], value);
        }
    }
    if (life != NULL) {
        elo_json_put_u64(w, "lifetime", strtoull(life, NULL, 10));
    }
}


/* The token alone goes to standard output, for $(elohim login). */
static elo_exit_t
prove(login_t *l)
{
    char hex[ELO_AGENT_TEXT_MAX], sig[ELO_BASE64URL_LEN(ELO_SIG_LEN) + 1];
    char nonce[ELO_BASE64URL_LEN(NONCE_MAX) + 1];
    elo_ask_t ask = { .method = "POST",
                      .target = "/api/auth/token",
                      .what = "login" };
    elo_json_t *j = NULL;
    elo_json_writer_t w;
    elo_buf_t body, answer;
    elo_exit_t status;
    elo_slice_t token;

    elo_agent_text_write(&l->agent, ELO_AGENT_HEX, hex);
    elo_base64url_encode(l->nonce, l->nonce_len, nonce);
    elo_base64url_encode(l->sig, sizeof(l->sig), sig);
    elo_buf_init(&body, BODY_MAX);
    elo_json_writer_init(&w, &body);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "agent", hex);
    elo_json_put_cstr(&w, "nonce", nonce);
    elo_json_put_cstr(&w, "signature", sig);
    put_wishes(l, &w);
    elo_json_end_object(&w);
    ask.body = elo_buf_slice(&body);
    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(l->cli, &ask, &answer, &j);
    if (status == ELO_EXIT_OK) {
        token = elo_member_str(j, "token");
        elo_out_line(l->cli, "%.*s", (int) token.len, (const char *) token.p);
        elo_out_json(l->cli, elo_buf_slice(&answer));
    }
    elo_json_free(&j);
    elo_buf_dispose(&answer);
    elo_buf_dispose(&body);
    return status;
}


static elo_exit_t
with_ring(elo_key_job_t *job, login_t *l)
{
    elo_exit_t status = elo_key_settle(job);
    elo_err_t rc;

    if (status != ELO_EXIT_OK || (status = elo_key_open(job)) != ELO_EXIT_OK) {
        return status;
    }
    if (l->cli->args.n_operands == 0) {
        elo_keyring_owner(job->ring, &l->agent);
    }
    if ((status = challenge(l)) != ELO_EXIT_OK) {
        return status;
    }
    rc = elo_keyring_use(job->ring, &l->agent, sign, l);
    if (rc != ELO_OK) {
        return rc == ELO_ENOKEY ? elo_out_usage(
                   l->cli, "the keyring \"%s\" has no such agent", job->path)
                                : elo_out_failed(l->cli, job->path, rc);
    }
    return prove(l);
}


static elo_exit_t
run(elo_cli_t *cli)
{
    elo_key_job_t job = { .cli = cli };
    login_t l = { .cli = cli };
    elo_exit_t status;

    if (elo_keys_init() != ELO_OK) {
        return elo_out_failed(cli, "libsodium", ELO_EINTERNAL);
    }
    if (cli->args.n_operands > 0
        && elo_agent_text_parse(elo_slice_str(cli->args.operands[0]), &l.agent)
               != ELO_OK)
    {
        return elo_out_usage(cli, "\"%s\" is no agent", cli->args.operands[0]);
    }
    elo_buf_init(&l.text, SIGNED_MAX);
    status = with_ring(&job, &l);
    elo_keyring_close(&job.ring);
    elo_passphrase_dispose(&job.passphrase);
    elo_buf_dispose(&l.text);
    return status;
}

static const elo_opt_t opts[] = {
    { "keyring", 'k', "PATH",
      "where the key is (or ELOHIM_KEYRING; default /var/lib/elohim/keyring)" },
    { "passphrase-file", 'p', "FILE", "its passphrase; \"-\": standard input" },
    { "scope", 0, "WORDS", "of read, write, publish, purge, admin" },
    { "reach", 0, "REACH", "the widest reach that the token is for" },
    { "lifetime", 0, "SECONDS", "at most the daemon's token_life" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_login = {
    .name = "login",
    .operands = "[AGENT]",
    .summary = "prove a key, and get a token",
    .details = "Prints the token; whoever has it is that agent until it ends.\n"
               "Without AGENT, the operator's own.\n",
    .opts = opts,
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
