/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim key show, new, rotate, passphrase. */
#include "cli/key.h"

#include <time.h>


static void
put_agent(elo_json_writer_t *w, const char *name, const elo_agent_t *a)
{
    char text[2 * ELO_AGENT_LEN + 1];

    elo_agent_text(a, text);
    elo_json_put_cstr(w, name, text);
}


static void
say_agent(const elo_key_job_t *j, const char *what, const elo_agent_t *a)
{
    char text[2 * ELO_AGENT_LEN + 1];

    elo_agent_text(a, text);
    if (j->is_bare) {
        elo_out_line(j->cli, "%s", text);
    } else {
        elo_out_line(j->cli, "%s  %s", what, text);
    }
}


/* ---- show ---- */

typedef struct {
    elo_key_job_t *j;
    unsigned n;
} show_t;


static bool
show_agent(void *ctx, const elo_agent_t *a, int64_t created_at,
           elo_slice_t label)
{
    char date[32] = "", text[2 * ELO_AGENT_LEN + 1];
    time_t at = (time_t) created_at;
    elo_json_writer_t *w;
    show_t *s = ctx;
    struct tm tm;

    w = &s->j->w;
    if (gmtime_r(&at, &tm) != NULL) {
        elo_ignore(strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm)
                   == 0); /* a year past 9999 is shown as none */
    }
    elo_agent_text(a, text);
    elo_json_put_object(w, NULL);
    elo_json_put_cstr(w, "agent", text);
    elo_json_put_cstr(w, "createdAt", date);
    elo_json_put_string(w, "label", label);
    elo_json_put_bool(w, "isOperator", s->n == 0);
    elo_json_end_object(w);
    elo_out_line(s->j->cli, "%s  %s%s%.*s%s", text, date,
                 label.len > 0 ? "  " : "", (int) label.len,
                 label.len > 0 ? (const char *) label.p : "",
                 s->n++ == 0 ? "  (operator)" : "");
    return true;
}


elo_exit_t
elo_key_show(elo_key_job_t *j)
{
    show_t s = { .j = j };
    elo_exit_t status = elo_key_open(j);
    bool is_protected;

    if (status != ELO_EXIT_OK) {
        return status;
    }
    is_protected = elo_keyring_is_protected(j->ring);
    elo_json_put_cstr(&j->w, "keyring", j->path);
    elo_json_put_bool(&j->w, "isProtected", is_protected);
    elo_json_put_u64(&j->w, "epoch", elo_keyring_epoch(j->ring));
    elo_json_put_array(&j->w, "agents");
    elo_keyring_each(j->ring, show_agent, &s);
    elo_json_end_array(&j->w);
    elo_out_line(j->cli, "cluster epoch %u, %s",
                 (unsigned) elo_keyring_epoch(j->ring),
                 is_protected ? "with a passphrase" : "without a passphrase");
    return ELO_EXIT_OK;
}


/* ---- new, rotate, passphrase ---- */

static elo_exit_t
add_agent(elo_key_job_t *j, elo_slice_t label, bool is_owner)
{
    uint8_t seed[ELO_SEED_LEN];
    elo_agent_t agent;
    elo_err_t rc;

    elo_keys_random(seed, sizeof(seed));
    elo_agent_of_seed(seed, &agent);
    rc = elo_keyring_add(j->ring, seed, label, is_owner);
    elo_wipe(seed, sizeof(seed));
    if (rc == ELO_EINVAL) {
        return elo_out_usage(j->cli, "a label is text of at most 64 bytes");
    }
    if (rc != ELO_OK) {
        return elo_key_failed(j, rc);
    }
    put_agent(&j->w, "agent", &agent);
    say_agent(j, is_owner ? "operator" : "agent", &agent);
    elo_key_say_reload(j);
    return ELO_EXIT_OK;
}


static elo_exit_t
new_ring(elo_key_job_t *j)
{
    elo_exit_t status;
    elo_agent_t owner;

    j->cfg.may_create = true;
    status = elo_key_open(j);
    if (status != ELO_EXIT_OK) {
        return status;
    }
    elo_keyring_owner(j->ring, &owner);
    put_agent(&j->w, "agent", &owner);
    say_agent(j, "operator", &owner);
    elo_key_say_unprotected(j);
    return ELO_EXIT_OK;
}


elo_exit_t
elo_key_new(elo_key_job_t *j)
{
    const elo_args_t *args = &j->cli->args;
    elo_err_t rc = elo_keyring_open(&j->cfg, &j->ring);

    if (rc == ELO_ENOTFOUND && !elo_args_has(args, "label")
        && !elo_args_has(args, "operator"))
    {
        return new_ring(j);
    }
    if (rc != ELO_OK) {
        return elo_key_failed(j, rc);
    }
    return add_agent(j, elo_slice_str(elo_args_get(args, "label")),
                     elo_args_has(args, "operator"));
}


elo_exit_t
elo_key_rotate(elo_key_job_t *j)
{
    const char *what = j->operand != NULL ? j->operand : "cluster";
    elo_exit_t status;
    elo_err_t rc;

    if (strcmp(what, "cluster") != 0 && strcmp(what, "operator") != 0) {
        return elo_out_usage(j->cli, "\"%s\" is neither cluster nor operator",
                             what);
    }
    status = elo_key_open(j);
    if (status != ELO_EXIT_OK) {
        return status;
    }
    if (what[0] == 'o') {
        return add_agent(j, elo_slice(NULL, 0), true);
    }
    if ((rc = elo_keyring_rotate_cluster(j->ring)) != ELO_OK) {
        return elo_key_failed(j, rc);
    }
    elo_json_put_u64(&j->w, "epoch", elo_keyring_epoch(j->ring));
    elo_out_line(j->cli, "cluster epoch %u",
                 (unsigned) elo_keyring_epoch(j->ring));
    elo_key_say_reload(j);
    return ELO_EXIT_OK;
}


elo_exit_t
elo_key_repass(elo_key_job_t *j)
{
    bool none = elo_args_has(&j->cli->args, "none");
    elo_passphrase_t next = { 0 };
    elo_exit_t status;
    elo_err_t rc;

    if (none == elo_args_has(&j->cli->args, "new-passphrase-file")) {
        return elo_out_usage(j->cli, "give either --new-passphrase-file or "
                                     "--none");
    }
    status = elo_key_passphrase(j, "new-passphrase-file", &next);
    if (status == ELO_EXIT_OK) {
        status = elo_key_open(j);
    }
    if (status == ELO_EXIT_OK) {
        rc = elo_keyring_repass(j->ring, next.s);
        status = rc == ELO_OK ? ELO_EXIT_OK : elo_key_failed(j, rc);
    }
    elo_passphrase_dispose(&next);
    if (status == ELO_EXIT_OK) {
        elo_json_put_bool(&j->w, "isProtected", !none);
        elo_out_line(j->cli,
                     none ? "without a passphrase" : "with the new passphrase");
    }
    return status;
}
