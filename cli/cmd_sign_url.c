/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim sign-url: a path that needs no token: signed here, with an agent's key. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "cli/record.h"
#include "cli/subcommands.h"
#include "common/auth/path_prefix.h"
#include "common/auth/signed_url.h"
#include "common/base/num.h"

#define DEFAULT_S 3600
#define DOC_MAX   4096u

typedef struct {
    elo_signed_url_t url;
    elo_buf_t segment;
} made_t;


/* ---- what it is good for ---- */

/* "10.1.0.0/16", "2001:db8::/32", or one address. Bits past the prefix are cut. */
static bool
read_client(const char *text, elo_addr_prefix_t *out)
{
    const char *slash = strchr(text, '/');
    char addr[INET6_ADDRSTRLEN];
    size_t len = slash != NULL ? (size_t) (slash - text) : strlen(text);
    uint64_t bits;
    size_t n;

    if (len >= sizeof(addr)) {
        return false;
    }
    memcpy(addr, text, len);
    addr[len] = '\0';
    *out = (elo_addr_prefix_t){ 0 };
    if (inet_pton(AF_INET, addr, out->addr) == 1) {
        out->family = 4;
        n = 4;
    } else if (inet_pton(AF_INET6, addr, out->addr) == 1) {
        out->family = 6;
        n = 16;
    } else {
        return false;
    }
    bits = 8 * n;
    if (slash != NULL
        && (!elo_slice_u64(elo_slice_str(slash + 1), &bits) || bits > 8 * n))
    {
        return false;
    }
    out->bits = (uint8_t) bits;
    for (size_t i = 0; i < 8 * n; i++) {
        if (i >= bits) {
            out->addr[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
        }
    }
    return true;
}


/* Of a path, or, as a playlist needs it, of all that is beside it. */
static elo_slice_t
prefix_of(const char *path, bool is_folder)
{
    elo_slice_t s = elo_slice_str(path);

    while (is_folder && s.len > 0 && s.p[s.len - 1] != '/') {
        s.len--;
    }
    return s;
}


static elo_exit_t
read_bounds(const elo_cli_t *cli, elo_signed_url_t *u)
{
    const char *path = cli->args.operands[0];
    const char *expires = elo_args_get(&cli->args, "expires");
    const char *client = elo_args_get(&cli->args, "client");
    const char *reach = elo_args_get(&cli->args, "reach");
    int64_t seconds = DEFAULT_S;

    u->scopes = ELO_SCOPE_READ;
    u->ceiling = ELO_REACH_COMMONS;
    u->prefix = prefix_of(path, elo_args_has(&cli->args, "prefix"));
    if (!elo_path_prefix_ok(elo_slice_str(path)) || u->prefix.len < 2
        || strchr(path, '?') != NULL || strchr(path, '%') != NULL)
    {
        return elo_out_usage(cli,
                             "\"%s\" is no path to sign: /api/…, without "
                             "a query and without escapes",
                             path);
    }
    if (u->prefix.len > ELO_URL_PREFIX_MAX) {
        return elo_out_usage(cli, "the path is longer than %u bytes",
                             ELO_URL_PREFIX_MAX);
    }
    if (expires != NULL && elo_duration_parse(expires, &seconds) != ELO_OK) {
        return elo_out_usage(cli, "--expires is a time from now: 90s, 30m, "
                                  "12h, 7d, 1y");
    }
    if (client != NULL && !read_client(client, &u->from)) {
        return elo_out_usage(cli, "\"%s\" is no address, nor a block of them",
                             client);
    }
    if (reach != NULL && !elo_reach_parse(elo_slice_str(reach), &u->ceiling)) {
        return elo_out_usage(cli, "\"%s\" is no reach", reach);
    }
    u->exp = elo_clock_unix_s() + seconds;
    return ELO_EXIT_OK;
}


/* ---- signing ---- */

static elo_err_t
sign(void *ctx, const uint8_t seed[ELO_SEED_LEN])
{
    made_t *m = ctx;

    return elo_signed_url_make(&m->url, seed, &m->segment);
}


static elo_exit_t
print_url(elo_key_job_t *job, const made_t *m)
{
    const char *path = job->cli->args.operands[0];
    elo_exit_t status = ELO_EXIT_OK;
    elo_json_writer_t w;
    elo_buf_t url, doc;

    elo_buf_init(&url, DOC_MAX);
    elo_buf_init(&doc, DOC_MAX);
    elo_buf_put_str(&url, "/s/");
    elo_buf_put_slice(&url, elo_buf_slice(&m->segment));
    elo_buf_put_str(&url, path);
    elo_json_writer_init(&w, &doc);
    elo_json_put_object(&w, NULL);
    elo_json_put_string(&w, "url", elo_buf_slice(&url));
    elo_json_put_string(&w, "prefix", m->url.prefix);
    elo_json_put_u64(&w, "expires", (uint64_t) m->url.exp);
    elo_json_end_object(&w);
    if (elo_buf_err(&url) != ELO_OK || elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(job->cli, "sign-url", ELO_ETOOBIG);
    } else {
        elo_out_line(job->cli, "%s", elo_buf_cstr(&url));
        elo_out_json(job->cli, elo_buf_slice(&doc));
    }
    elo_buf_dispose(&doc);
    elo_buf_dispose(&url);
    return status;
}


static elo_exit_t
run_signed(elo_key_job_t *job, made_t *m)
{
    elo_agent_t as;
    elo_exit_t status = elo_key_settle(job);
    elo_err_t rc;

    if (status == ELO_EXIT_OK) {
        status =
            elo_record_author(job, elo_args_get(&job->cli->args, "as"), &as);
    }
    if (status == ELO_EXIT_OK) {
        status = read_bounds(job->cli, &m->url);
    }
    if (status != ELO_EXIT_OK) {
        return status;
    }
    m->url.agent = as;
    rc = elo_keyring_use(job->ring, &as, sign, m);
    if (rc == ELO_ENOKEY) {
        return elo_out_usage(job->cli, "the keyring \"%s\" has no such agent",
                             job->path);
    }
    return rc == ELO_OK ? print_url(job, m)
                        : elo_out_failed(job->cli, "sign-url", rc);
}


static elo_exit_t
run(elo_cli_t *cli)
{
    elo_key_job_t job = { .cli = cli };
    elo_exit_t status;
    made_t m = { 0 };

    if (elo_keys_init() != ELO_OK) {
        return elo_out_failed(cli, "libsodium", ELO_EINTERNAL);
    }
    elo_buf_init(&m.segment, ELO_URL_TEXT_MAX);
    status = run_signed(&job, &m);
    elo_buf_dispose(&m.segment);
    elo_keyring_close(&job.ring);
    elo_passphrase_dispose(&job.passphrase);
    return status;
}

static const elo_opt_t opts[] = {
    { "keyring", 'k', "PATH",
      "where the key is (or ELOHIM_KEYRING; default /var/lib/elohim/keyring)" },
    { "passphrase-file", 'p', "FILE", "its passphrase; \"-\": standard input" },
    { "as", 0, "AGENT", "whose right it is; without, the ring's own" },
    { "expires", 'e', "TIME", "90s, 30m, 12h, 7d, 1y (1h)" },
    { "prefix", 0, NULL,
      "for all in the folder of PATH, as a playlist needs it" },
    { "client", 0, "CIDR", "only from there: 192.0.2.0/24, 2001:db8::/32" },
    { "reach", 0, "REACH", "nothing narrower than a wider reach than this" },
    { NULL, 0, NULL, NULL },
};

const elo_cmd_t elo_cmd_sign_url = {
    .name = "sign-url",
    .operands = "PATH",
    .summary = "a URL that needs no token",
    .details =
        "Prints PATH with a signature before it. Whoever has it reads there "
        "what the agent\nmay read, until it expires: it can't be taken back "
        "but by ending the agent's key\n(elohim agent revoke of what admitted "
        "it). PATH covers what is below it, too.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
