/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim key: the keyring of a node, offline: the file itself is read and
   replaced, under a lock. Secrets come from files and go to files, encrypted;
   none is ever an argument or a line of output. */
#include <stdlib.h>

#include "cli/key.h"
#include "cli/subcommands.h"
#include "common/base/num.h"

#define DEFAULT_KEYRING "/var/lib/elohim/keyring"
#define DOC_MAX         (256u << 10) /* 256 agents with their labels */
#define WHY_MAX         4096u


elo_exit_t
elo_key_failed(const elo_key_job_t *j, elo_err_t rc)
{
    if (rc == ELO_ENOKEY) {
        const elo_complaint_t c = {
            .exit = ELO_EXIT_FAILED,
            .code = elo_err_code(rc),
            .detail = j->passphrase.s.len > 0
                          ? "the passphrase does not open the keyring"
                          : "the keyring has a passphrase: give "
                            "--passphrase-file"
        };

        return elo_out_complain(j->cli, &c);
    }
    return elo_out_failed(j->cli, j->path, rc);
}


elo_exit_t
elo_key_passphrase(const elo_key_job_t *j, const char *option,
                   elo_passphrase_t *out)
{
    const char *path = elo_args_get(&j->cli->args, option);
    elo_err_t rc;

    if (path == NULL) {
        return ELO_EXIT_OK;
    }
    rc = elo_passphrase_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, out);
    if (rc == ELO_EINVAL) {
        return elo_out_usage(j->cli, "%s: a passphrase is one line", path);
    }
    return rc == ELO_OK ? ELO_EXIT_OK : elo_out_failed(j->cli, path, rc);
}


elo_exit_t
elo_key_open(elo_key_job_t *j)
{
    elo_err_t rc = elo_keyring_open(&j->cfg, &j->ring);

    return rc == ELO_OK ? ELO_EXIT_OK : elo_key_failed(j, rc);
}


void
elo_key_say_reload(const elo_key_job_t *j)
{
    elo_out_note(j->cli, "a running elohimd takes it over on SIGHUP");
}


void
elo_key_say_unprotected(const elo_key_job_t *j)
{
    if (!elo_keyring_is_protected(j->ring)) {
        elo_out_note(j->cli,
                     "without a passphrase: whoever reads \"%s\" has the keys",
                     j->path);
    }
}


/* ---- the verb ---- */

static const struct {
    const char *name;
    unsigned min, max;   /* operands behind it */
    const char *opts[5]; /* besides those of all */
    elo_exit_t (*run)(elo_key_job_t *j);
} verbs[] = {
    { "show", 0, 0, { NULL }, elo_key_show },
    { "new",
      0,
      0,
      { "label", "operator", "kdf-passes", "kdf-memory" },
      elo_key_new },
    { "export",
      0,
      1,
      { "output", "text-passphrase-file", "kdf-passes", "kdf-memory" },
      elo_key_export },
    { "import",
      1,
      1,
      { "text-passphrase-file", "kdf-passes", "kdf-memory" },
      elo_key_import },
    { "rotate", 0, 1, { NULL }, elo_key_rotate },
    { "passphrase",
      0,
      0,
      { "new-passphrase-file", "none", "kdf-passes", "kdf-memory" },
      elo_key_repass },
};

static const elo_opt_t opts[] = {
    { "keyring", 'k', "PATH",
      "the file (or ELOHIM_KEYRING; default " DEFAULT_KEYRING ")" },
    { "passphrase-file", 'p', "FILE", "its passphrase; \"-\": standard input" },
    { "label", 0, "TEXT", "new: a name for the agent, kept in the ring" },
    { "operator", 0, NULL, "new: it becomes the operator's own" },
    { "output", 'o', "FILE", "export: write here" },
    { "text-passphrase-file", 0, "FILE",
      "export, import: the passphrase of the text" },
    { "new-passphrase-file", 0, "FILE", "passphrase: the next one" },
    { "none", 0, NULL, "passphrase: take it away" },
    { "kdf-passes", 0, "N", "passes of Argon2id for a new passphrase (3)" },
    { "kdf-memory", 0, "MIB", "and its memory (256)" },
    { NULL, 0, NULL, NULL },
};


/* Is an option given that this sub-verb has no use for? */
static const char *
find_stray(const elo_args_t *args, const char *const allowed[5])
{
    for (const elo_opt_t *o = &opts[2]; o->name != NULL; o++) {
        bool is_allowed = false;

        for (unsigned i = 0; i < 5 && allowed[i] != NULL; i++) {
            is_allowed = is_allowed || strcmp(allowed[i], o->name) == 0;
        }
        if (!is_allowed && elo_args_has(args, o->name)) {
            return o->name;
        }
    }
    return NULL;
}


elo_exit_t
elo_key_settle(elo_key_job_t *j)
{
    const elo_args_t *args = &j->cli->args;
    const char *env = getenv("ELOHIM_KEYRING");
    const char *given = elo_args_get(args, "keyring");
    elo_exit_t status;
    uint64_t mib;
    elo_buf_t why;

    j->path = given != NULL                   ? given
              : env != NULL && env[0] != '\0' ? env
                                              : DEFAULT_KEYRING;
    elo_buf_init(&why, WHY_MAX);
    if (elo_args_u64(args, "kdf-passes", 0, ELO_KDF_OPS_MIN, ELO_KDF_OPS_MAX,
                     &j->cfg.kdf_ops, &why)
            != ELO_OK
        || elo_args_u64(args, "kdf-memory", 0, 1, ELO_KDF_MEM_MAX >> 20, &mib,
                        &why)
               != ELO_OK)
    {
        status = elo_out_usage(j->cli, "%s", elo_buf_cstr(&why));
        elo_buf_dispose(&why);
        return status;
    }
    j->cfg.kdf_mem = mib << 20;
    status = elo_key_passphrase(j, "passphrase-file", &j->passphrase);
    j->cfg.path = j->path;
    j->cfg.passphrase = j->passphrase.s;
    return status;
}


static elo_exit_t
run_verb(elo_key_job_t *j, size_t v)
{
    elo_exit_t status;
    elo_buf_t doc;

    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&j->w, &doc);
    elo_json_put_object(&j->w, NULL);
    status = elo_key_settle(j);
    if (status == ELO_EXIT_OK) {
        status = verbs[v].run(j);
    }
    elo_json_end_object(&j->w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(j->cli, j->path, elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(j->cli, elo_buf_slice(&doc));
    }
    elo_keyring_close(&j->ring);
    elo_passphrase_dispose(&j->passphrase);
    elo_buf_dispose(&doc);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const elo_args_t *args = &cli->args;
    const char *name = args->operands[0], *stray;
    elo_key_job_t j = { .cli = cli };

    if (elo_keys_init() != ELO_OK) {
        return elo_out_failed(cli, "libsodium", ELO_EINTERNAL);
    }
    for (size_t i = 0; i < ELO_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) != 0) {
            continue;
        }
        if (args->n_operands - 1 < verbs[i].min
            || args->n_operands - 1 > verbs[i].max) {
            return elo_out_usage(cli,
                                 verbs[i].min > 0 ? "key %s needs a file"
                                                  : "key %s: too much",
                                 name);
        }
        if ((stray = find_stray(args, verbs[i].opts)) != NULL) {
            return elo_out_usage(cli, "key %s takes no --%s", name, stray);
        }
        j.operand = args->n_operands > 1 ? args->operands[1] : NULL;
        return run_verb(&j, i);
    }
    return elo_out_usage(cli, "key: there is no \"%s\"", name);
}

const elo_cmd_t elo_cmd_key = {
    .name = "key",
    .operands = "show|new|export|import|rotate|passphrase [WHAT]",
    .summary = "make, show, move and rotate the keys of a node",
    .details =
        "  show              agents, the operator's own first, and the epoch\n"
        "  new               a keyring, or, where there is one, an agent more\n"
        "  export [AGENT]    everything, or one agent (\"operator\" is one), "
        "as "
        "text\n"
        "  import FILE       adds what the text holds; where there is no "
        "keyring, a text\n"
        "                    of everything becomes it\n"
        "  rotate [WHAT]     a new cluster key, or with \"operator\" a new "
        "operator's\n"
        "                    agent; what was wrapped by the old one still "
        "opens\n"
        "  passphrase        sets, changes or takes away the passphrase\n"
        "\n"
        "Works on the file, offline. An elohimd that runs takes changes over "
        "on "
        "SIGHUP.\n"
        "Whoever loses the keyring and every export loses all narrow "
        "content.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
