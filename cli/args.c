/* SPDX-License-Identifier: BSD-2-Clause */
/* args: table-driven command line. */
#include "cli/args.h"

#include <stdlib.h>


#define HELP_COLUMN 22 /* where the help of an option begins */

const elo_opt_t elo_global_opts[] = {
    { "socket", 0, "PATH",
      "the daemon's socket (or ELOHIM_SOCKET; default "
      "/run/elohim/elohimd.sock)" },
    { "json", 0, NULL, "one JSON document on standard output, errors as JSON" },
    { "quiet", 'q', NULL, "print nothing but errors" },
    { "help", 'h', NULL, "this text" },
    { "version", 'V', NULL, "version of this program" },
    { NULL, 0, NULL, NULL },
};


static const elo_opt_t *
find_long(const elo_opt_t *table, elo_slice_t name)
{
    for (; table != NULL && table->name != NULL; table++) {
        if (elo_slice_eq(elo_slice_str(table->name), name)) {
            return table;
        }
    }
    return NULL;
}


static const elo_opt_t *
find_short(const elo_opt_t *table, char letter)
{
    for (; table != NULL && table->name != NULL; table++) {
        if (table->letter != 0 && table->letter == letter) {
            return table;
        }
    }
    return NULL;
}


static const elo_cmd_t *
find_cmd(const elo_cmd_t *const *cmds, const char *name)
{
    for (; *cmds != NULL; cmds++) {
        if (strcmp((*cmds)->name, name) == 0) {
            return *cmds;
        }
    }
    return NULL;
}


/* The verb is the first operand; before it only global options can stand, of
   which those with a value have long names. */
static const elo_cmd_t *
find_verb(int argc, char **argv, const elo_cmd_t *const *cmds, int *at)
{
    for (int i = 1; i < argc; i++) {
        const char *s = argv[i];

        if (strcmp(s, "--") == 0) {
            break;
        }
        if (s[0] != '-' || s[1] == '\0') {
            *at = i;
            return find_cmd(cmds, s);
        }
        if (s[1] == '-' && strchr(s, '=') == NULL) {
            const elo_opt_t *o =
                find_long(elo_global_opts, elo_slice_str(s + 2));

            i += o != NULL && o->value != NULL;
        }
    }
    *at = 0;
    return NULL;
}


static void
add_given(elo_args_t *a, const elo_opt_t *opt, const char *value)
{
    a->given[a->n_given++] = (elo_given_t){ opt, value };
}


/* Reads the long option argv[*i]; steps over a value of its own. */
static elo_err_t
take_long(elo_args_t *a, int argc, char **argv, int *i, elo_buf_t *why)
{
    const char *s = argv[*i] + 2;
    const char *eq = strchr(s, '=');
    elo_slice_t name = elo_slice(s, eq != NULL ? (size_t) (eq - s) : strlen(s));
    const elo_opt_t *opt = find_long(elo_global_opts, name);

    if (opt == NULL && a->cmd != NULL) {
        opt = find_long(a->cmd->opts, name);
    }
    if (opt == NULL) {
        elo_buf_printf(why, "there is no option --%.*s", (int) name.len, s);
        return ELO_EINVAL;
    }
    if (opt->value == NULL) {
        if (eq != NULL) {
            elo_buf_printf(why, "--%s takes no value", opt->name);
            return ELO_EINVAL;
        }
        add_given(a, opt, "");
        return ELO_OK;
    }
    if (eq != NULL) {
        add_given(a, opt, eq + 1);
        return ELO_OK;
    }
    if (*i + 1 >= argc) {
        elo_buf_printf(why, "--%s needs a value: %s", opt->name, opt->value);
        return ELO_EINVAL;
    }
    add_given(a, opt, argv[++*i]);
    return ELO_OK;
}


/* Reads -x, -x VALUE or -xVALUE; switches don't combine. */
static elo_err_t
take_short(elo_args_t *a, int argc, char **argv, int *i, elo_buf_t *why)
{
    const char *s = argv[*i];
    const elo_opt_t *opt = find_short(elo_global_opts, s[1]);

    if (opt == NULL && a->cmd != NULL) {
        opt = find_short(a->cmd->opts, s[1]);
    }
    if (opt == NULL || (opt->value == NULL && s[2] != '\0')) {
        elo_buf_printf(why, "there is no option %s", s);
        return ELO_EINVAL;
    }
    if (opt->value == NULL) {
        add_given(a, opt, "");
    } else if (s[2] != '\0') {
        add_given(a, opt, s + 2);
    } else if (*i + 1 < argc) {
        add_given(a, opt, argv[++*i]);
    } else {
        elo_buf_printf(why, "-%c needs a value: %s", opt->letter, opt->value);
        return ELO_EINVAL;
    }
    return ELO_OK;
}


elo_err_t
elo_args_parse(int argc, char **argv, const elo_cmd_t *const *cmds,
               elo_args_t *out, elo_buf_t *why)
{
    bool options = true;
    int verb_at = 0;
    elo_err_t rc;

    *out = (elo_args_t){ 0 };
    out->operands = calloc((size_t) argc + 1, sizeof(*out->operands));
    out->given = calloc((size_t) argc + 1, sizeof(*out->given));
    if (out->operands == NULL || out->given == NULL) {
        return ELO_ENOMEM;
    }
    out->cmd = find_verb(argc, argv, cmds, &verb_at);
    for (int i = 1; i < argc; i++) {
        const char *s = argv[i];

        if (i == verb_at) {
            continue;
        }
        rc = ELO_OK;
        if (options && strcmp(s, "--") == 0) {
            options = false;
        } else if (options && s[0] == '-' && s[1] == '-') {
            rc = take_long(out, argc, argv, &i, why);
        } else if (options && s[0] == '-' && s[1] != '\0') {
            rc = take_short(out, argc, argv, &i, why);
        } else {
            out->operands[out->n_operands++] = s;
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
    if (out->cmd == NULL && verb_at != 0) {
        elo_buf_printf(why, "there is no command \"%s\"", argv[verb_at]);
        return ELO_EINVAL;
    }
    return ELO_OK;
}


void
elo_args_dispose(elo_args_t *a)
{
    free(a->operands);
    free(a->given);
    *a = (elo_args_t){ 0 };
}


elo_err_t
elo_args_check(const elo_args_t *a, elo_buf_t *why)
{
    if (a->n_operands < a->cmd->min_operands) {
        elo_buf_printf(why, "%s needs %s", a->cmd->name, a->cmd->operands);
        return ELO_EINVAL;
    }
    if (a->n_operands > a->cmd->max_operands) {
        elo_buf_printf(why, "%s does not know what to do with \"%s\"",
                       a->cmd->name, a->operands[a->cmd->max_operands]);
        return ELO_EINVAL;
    }
    return ELO_OK;
}


const char *
elo_args_get(const elo_args_t *a, const char *name)
{
    for (unsigned i = a->n_given; i > 0; i--) {
        if (strcmp(a->given[i - 1].opt->name, name) == 0) {
            return a->given[i - 1].value;
        }
    }
    return NULL;
}


bool
elo_args_has(const elo_args_t *a, const char *name)
{
    return elo_args_get(a, name) != NULL;
}


const char *
elo_args_nth(const elo_args_t *a, const char *name, unsigned i)
{
    for (unsigned j = 0; j < a->n_given; j++) {
        if (strcmp(a->given[j].opt->name, name) == 0 && i-- == 0) {
            return a->given[j].value;
        }
    }
    return NULL;
}


elo_err_t
elo_args_u64(const elo_args_t *a, const char *name, uint64_t fallback,
             uint64_t min, uint64_t max, uint64_t *out, elo_buf_t *why)
{
    const char *text = elo_args_get(a, name);
    uint64_t v = fallback;

    if (text != NULL
        && (!elo_slice_u64(elo_slice_str(text), &v) || v < min || v > max))
    {
        elo_buf_printf(why, "--%s must be a number from %llu to %llu", name,
                       (unsigned long long) min, (unsigned long long) max);
        return ELO_EINVAL;
    }
    *out = v;
    return ELO_OK;
}


static void
help_opts(const elo_opt_t *o, elo_buf_t *out)
{
    for (; o != NULL && o->name != NULL; o++) {
        size_t from = out->len;

        elo_buf_put_str(out, "  ");
        if (o->letter != 0) {
            elo_buf_printf(out, "-%c, ", o->letter);
        }
        elo_buf_printf(out, "--%s", o->name);
        if (o->value != NULL) {
            elo_buf_printf(out, " %s", o->value);
        }
        if (out->len - from >= HELP_COLUMN) {
            elo_buf_put_str(out, "\n");
            from = out->len;
        }
        elo_buf_printf(out, "%*s%s\n", (int) (HELP_COLUMN - (out->len - from)),
                       "", o->help);
    }
}


void
elo_args_help(const elo_cmd_t *cmd, const elo_cmd_t *const *cmds,
              elo_buf_t *out)
{
    if (cmd == NULL) {
        elo_buf_put_str(out, "Usage: elohim [OPTION…] COMMAND [ARGUMENT…]\n"
                             "Puts media into the storage daemon, and gets it "
                             "out.\n\nCommands:\n");
        for (; *cmds != NULL; cmds++) {
            elo_buf_printf(out, "  %-20s%s\n", (*cmds)->name, (*cmds)->summary);
        }
        elo_buf_put_str(out, "\n\"elohim COMMAND --help\" tells more.\n");
    } else {
        elo_buf_printf(out, "Usage: elohim %s%s%s%s\n%s\n", cmd->name,
                       cmd->opts != NULL ? " [OPTION…]" : "",
                       cmd->operands[0] != '\0' ? " " : "", cmd->operands,
                       cmd->summary);
        if (cmd->details != NULL) {
            elo_buf_printf(out, "\n%s", cmd->details);
        }
        if (cmd->opts != NULL) {
            elo_buf_put_str(out, "\nOptions:\n");
            help_opts(cmd->opts, out);
        }
    }
    elo_buf_put_str(out, "\nGlobal options:\n");
    help_opts(elo_global_opts, out);
    elo_buf_printf(out, "\n%s", elo_exit_help);
}
