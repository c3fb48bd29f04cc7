/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim key export, import. */
#include "cli/file.h"
#include "cli/key.h"

#define TEXT_MAX (128u << 10)


/* The passphrase of an export, which has to be there. */
static elo_exit_t
read_text_passphrase(const elo_key_job_t *j, elo_passphrase_t *out)
{
    if (!elo_args_has(&j->cli->args, "text-passphrase-file")) {
        return elo_out_usage(j->cli, "give --text-passphrase-file: the text "
                                     "is encrypted");
    }
    return elo_key_passphrase(j, "text-passphrase-file", out);
}


static elo_exit_t
write_text(const elo_key_job_t *j, const char *path, elo_slice_t text)
{
    elo_target_t t;
    elo_err_t rc = elo_target_open(path, &t);

    if (rc == ELO_OK) {
        rc = elo_target_write(&t, text);
        if (rc == ELO_OK) {
            rc = elo_target_commit(&t);
        }
        elo_target_abort(&t);
    }
    return rc == ELO_OK ? ELO_EXIT_OK : elo_out_failed(j->cli, path, rc);
}


static elo_exit_t
export_to(elo_key_job_t *j, const elo_agent_t *which, const char *to)
{
    elo_passphrase_t p = { 0 };
    elo_exit_t status = read_text_passphrase(j, &p);
    elo_buf_t text;
    elo_err_t rc;

    elo_buf_init(&text, TEXT_MAX);
    if (status == ELO_EXIT_OK) {
        status = elo_key_open(j);
    }
    if (status == ELO_EXIT_OK) {
        rc = elo_keyring_export(j->ring, which, p.s, &text);
        if (rc == ELO_ENOTFOUND) {
            status = elo_out_failed(j->cli, j->operand, rc);
        } else if (rc != ELO_OK) {
            status = elo_key_failed(j, rc);
        } else {
            status = write_text(j, to, elo_buf_slice(&text));
        }
    }
    elo_passphrase_dispose(&p);
    elo_buf_dispose(&text);
    return status;
}


elo_exit_t
elo_key_export(elo_key_job_t *j)
{
    const char *to = elo_args_get(&j->cli->args, "output");
    elo_agent_t agent = { 0 };
    bool is_one = j->operand != NULL;
    elo_exit_t status;

    if (is_one && strcmp(j->operand, "operator") != 0
        && (elo_agent_parse(elo_slice_str(j->operand), &agent) != ELO_OK
            || elo_agent_is_zero(&agent)))
    {
        return elo_out_usage(j->cli,
                             "\"%s\" is no agent: 64 hex digits, or "
                             "\"operator\"",
                             j->operand);
    }
    if (j->cli->json && (to == NULL || strcmp(to, "-") == 0)) {
        return elo_out_usage(j->cli, "--json needs --output FILE");
    }
    status = export_to(j, is_one ? &agent : NULL, to != NULL ? to : "-");
    if (status == ELO_EXIT_OK) {
        elo_json_put_cstr(&j->w, "exported", is_one ? j->operand : "all");
        if (to != NULL) {
            elo_json_put_cstr(&j->w, "file", to);
        }
    }
    return status;
}


static elo_exit_t
read_text(const elo_key_job_t *j, elo_buf_t *text)
{
    elo_source_t s;
    size_t n = 1;
    elo_err_t rc = elo_source_open(j->operand, &s);

    if (rc != ELO_OK) {
        return elo_out_failed(j->cli, j->operand, rc);
    }
    while (rc == ELO_OK && n > 0) {
        uint8_t piece[4096];

        rc = elo_source_read(&s, piece, sizeof(piece), &n);
        if (rc == ELO_OK) {
            elo_buf_put(text, piece, n);
            rc = elo_buf_err(text);
        }
    }
    elo_source_close(&s);
    return rc == ELO_OK ? ELO_EXIT_OK : elo_out_failed(j->cli, j->operand, rc);
}


/* Into the ring that is there; or, where there is none, as the ring. */
static elo_exit_t
import_text(elo_key_job_t *j, elo_slice_t text, elo_slice_t pass)
{
    elo_err_t rc = elo_keyring_open(&j->cfg, &j->ring);
    bool is_restored = rc == ELO_ENOTFOUND;
    uint32_t n = 0;

    if (rc != ELO_OK && !is_restored) {
        return elo_key_failed(j, rc);
    }
    rc = is_restored ? elo_keyring_restore(&j->cfg, text, pass, &j->ring)
                     : elo_keyring_import(j->ring, text, pass, &n);
    if (rc == ELO_EINVAL) {
        return elo_out_usage(j->cli, "\"%s\" is no exported key%s", j->operand,
                             is_restored ? "ring" : "");
    }
    if (rc == ELO_ENOKEY) {
        const elo_complaint_t c = {
            .exit = ELO_EXIT_FAILED,
            .code = elo_err_code(rc),
            .detail = "the passphrase does not open the exported text"
        };

        return elo_out_complain(j->cli, &c);
    }
    if (rc != ELO_OK) {
        return elo_key_failed(j, rc);
    }
    elo_json_put_u64(&j->w, "added", n);
    elo_json_put_bool(&j->w, "isRestored", is_restored);
    if (is_restored) {
        elo_out_line(j->cli, "restored \"%s\"", j->path);
        elo_key_say_unprotected(j);
    } else {
        elo_out_line(j->cli, "%u new", (unsigned) n);
        if (n > 0) {
            elo_key_say_reload(j);
        }
    }
    return ELO_EXIT_OK;
}


elo_exit_t
elo_key_import(elo_key_job_t *j)
{
    elo_passphrase_t p = { 0 };
    elo_exit_t status = read_text_passphrase(j, &p);
    elo_buf_t text;

    elo_buf_init(&text, TEXT_MAX);
    if (status == ELO_EXIT_OK) {
        status = read_text(j, &text);
    }
    if (status == ELO_EXIT_OK) {
        status = import_text(j, elo_buf_slice(&text), p.s);
    }
    elo_passphrase_dispose(&p);
    elo_buf_dispose(&text);
    return status;
}
