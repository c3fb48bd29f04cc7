/* SPDX-License-Identifier: BSD-2-Clause */
/* options_print: --help, conf/elohimd.conf and docs/config.md from the table. */
#include "backend/daemon/options_internal.h"

#define COLUMNS 78

static const char *const kind_names[] = {
    [ELO_KIND_TEXT] = "text",       [ELO_KIND_NUMBER] = "number",
    [ELO_KIND_SIZE] = "size",       [ELO_KIND_TIME] = "time",
    [ELO_KIND_MODE] = "octal mode", [ELO_KIND_LEVEL] = "level",
    [ELO_KIND_FLAG] = "on or off",
};


/* Breaks text at blanks; every line begins with prefix. */
static void
put_wrapped(elo_buf_t *b, const char *prefix, const char *text)
{
    size_t room = COLUMNS - strlen(prefix);
    elo_slice_t s = elo_slice_str(text);

    while (s.len != 0) {
        size_t n = s.len;

        if (n > room) {
            n = room;
            while (n > 1 && s.p[n] != ' ') {
                n--;
            }
        }
        elo_buf_put_str(b, prefix);
        elo_buf_put(b, s.p, n);
        elo_buf_put_u8(b, '\n');
        while (n < s.len && s.p[n] == ' ') {
            n++;
        }
        s = elo_slice(s.p + n, s.len - n);
    }
}


static void
put_amount(elo_buf_t *b, elo_kind_t kind, uint64_t v)
{
    static const struct {
        uint64_t factor;
        const char *suffix;
    } sizes[] = { { 1ull << 40, "t" },
                  { 1ull << 30, "g" },
                  { 1ull << 20, "m" },
                  { 1ull << 10, "k" } },
      times[] = { { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
    size_t i;

    for (i = 0; kind == ELO_KIND_SIZE && v != 0 && i < 4; i++) {
        if (v % sizes[i].factor == 0) {
            elo_buf_printf(b, "%llu%s",
                           (unsigned long long) (v / sizes[i].factor),
                           sizes[i].suffix);
            return;
        }
    }
    for (i = 0; kind == ELO_KIND_TIME && v != 0 && i < 3; i++) {
        if (v % times[i].factor == 0) {
            elo_buf_printf(b, "%llu%s",
                           (unsigned long long) (v / times[i].factor),
                           times[i].suffix);
            return;
        }
    }
    if (kind == ELO_KIND_MODE) {
        elo_buf_printf(b, "%04llo", (unsigned long long) v);
        return;
    }
    elo_buf_printf(b, "%llu%s", (unsigned long long) v,
                   kind == ELO_KIND_TIME ? "ms" : "");
}


static bool
has_range(const elo_option_row_t *row)
{
    return row->kind == ELO_KIND_NUMBER || row->kind == ELO_KIND_SIZE
           || row->kind == ELO_KIND_TIME || row->kind == ELO_KIND_MODE;
}


static void
put_bounds(elo_buf_t *b, const elo_option_row_t *row)
{
    elo_buf_put_str(b, kind_names[row->kind]);
    if (has_range(row)) {
        elo_buf_put_str(b, ", ");
        put_amount(b, row->kind, row->least);
        elo_buf_put_str(b, " to ");
        put_amount(b, row->kind, row->most);
    }
}


static const char *
when_text(const elo_option_row_t *row)
{
    return row->when == ELO_WHEN_RELOAD ? "reload" : "restart";
}


void
elo_options_put_help(elo_buf_t *b)
{
    size_t i;

    elo_buf_put_str(
        b,
        "usage: elohimd [--config FILE] [--OPTION=VALUE]...\n\n"
        "The storage daemon of Elohim Doorway. It runs in the foreground.\n\n"
        "  --config FILE\n"
        "      Read options from FILE instead of " ELO_OPTIONS_FILE ".\n"
        "  --check\n"
        "      Check the options, and end.\n"
        "  --version, --help\n"
        "      Say so, and end.\n\n"
        "Options, also as lines \"option = value\" of the file:\n\n");
    for (i = 0; i < ELO_OPTION_ROWS; i++) {
        const elo_option_row_t *row = &elo_option_rows[i];

        elo_buf_printf(b, "  --%s  (", row->name);
        put_bounds(b, row);
        elo_buf_printf(b, "; default %s)\n",
                       row->def[0] == '\0' ? "empty" : row->def);
        put_wrapped(b, "      ", row->help);
    }
    elo_buf_put_str(
        b, "\nSignals: SIGTERM and SIGINT end it in order (a second one at "
           "once), SIGHUP\nreads the file again and reopens the log.\n"
           "Exit status: 0 ended in order, 1 could not run, 2 wrong options, "
           "3 ended by\na second signal.\n");
}


void
elo_options_put_conf(elo_buf_t *b)
{
    size_t i;

    elo_buf_put_str(
        b, "# Configuration of elohimd: every option with its default.\n"
           "# Made from the option table; see docs/config.md.\n");
    for (i = 0; i < ELO_OPTION_ROWS; i++) {
        const elo_option_row_t *row = &elo_option_rows[i];

        elo_buf_put_u8(b, '\n');
        put_wrapped(b, "# ", row->help);
        elo_buf_put_str(b, "# (");
        put_bounds(b, row);
        elo_buf_printf(b, "; a change needs a %s)\n#%s =%s%s\n", when_text(row),
                       row->name, row->def[0] == '\0' ? "" : " ", row->def);
    }
}


void
elo_options_put_markdown(elo_buf_t *b)
{
    size_t i;

    elo_buf_put_str(
        b, "# Configuration of elohimd\n\n"
           "Made from `backend/daemon/options.def` by `tools/gen-docs`.\n\n"
           "Options stand as `key = value` in `" ELO_OPTIONS_FILE
           "` (or the file that `--config` names), `#` begins a comment; or on "
           "the command line as `--key=value`, which wins. Unknown or repeated "
           "keys and values out of range are errors, and nothing is started. "
           "Sizes take `k`, `m`, `g`, `t` (powers of 1024), times `ms`, `s`, "
           "`m`, `h`. *reload*: SIGHUP applies a change; *restart*: it says "
           "that a restart is needed.\n\n"
           "| option | value | default | change | meaning |\n"
           "|---|---|---|---|---|\n");
    for (i = 0; i < ELO_OPTION_ROWS; i++) {
        const elo_option_row_t *row = &elo_option_rows[i];

        elo_buf_printf(b, "| `%s` | ", row->name);
        put_bounds(b, row);
        if (row->def[0] == '\0') {
            elo_buf_put_str(b, " | *empty*");
        } else {
            elo_buf_printf(b, " | `%s`", row->def);
        }
        elo_buf_printf(b, " | %s | %s |\n", when_text(row), row->help);
    }
}
