/* SPDX-License-Identifier: BSD-2-Clause */
/* options: reading them; see the header. */
#include "backend/daemon/options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "backend/daemon/options_internal.h"
#include "backend/os/file.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define FILE_MAX_LEN (1u << 20)

const elo_option_row_t elo_option_rows[ELO_OPTION_ROWS] = {
#define ELO_OPTION(name, kind, def, least, most, when, help)                   \
    { #name,           ELO_KIND_##kind, offsetof(elo_options_t, name),         \
      (def),           (least),         (most),                                \
      ELO_WHEN_##when, (help) },
#include "backend/daemon/options.def"
#undef ELO_OPTION
};

typedef struct {
    const char *suffix;
    uint64_t factor;
} unit_t;

static const unit_t size_units[] = { { "", 1 },           { "k", 1ull << 10 },
                                     { "m", 1ull << 20 }, { "g", 1ull << 30 },
                                     { "t", 1ull << 40 }, { NULL, 0 } };

/* A time without a unit would be read as seconds by some, so it is refused. */
static const unit_t time_units[] = { { "ms", 1 },       { "s", 1000 },
                                     { "m", 60000 },    { "h", 3600000 },
                                     { "d", 86400000 }, { NULL, 0 } };


/* ---- values: each returns NULL, or what is wrong ---- */

static const char *
read_units(elo_slice_t s, const unit_t *units, const char *wrong, uint64_t *out)
{
    elo_slice_t digits = { s.p, 0 };
    elo_slice_t suffix;
    uint64_t v;

    while (digits.len < s.len && s.p[digits.len] >= '0'
           && s.p[digits.len] <= '9') {
        digits.len++;
    }
    suffix = elo_slice(s.p + digits.len, s.len - digits.len);
    if (!elo_slice_u64(digits, &v)) {
        return wrong;
    }
    for (; units->suffix != NULL; units++) {
        if (elo_slice_ieq(suffix, elo_slice_str(units->suffix))) {
            return elo_mul_u64(v, units->factor, out) ? NULL : wrong;
        }
    }
    return wrong;
}


static const char *
read_mode(elo_slice_t s, uint64_t *out)
{
    static const char wrong[] = "is not an octal mode such as 0660";
    uint64_t v = 0;
    size_t i;

    if (s.len == 0 || s.len > 5) {
        return wrong;
    }
    for (i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '7') {
            return wrong;
        }
        v = v * 8 + (uint64_t) (s.p[i] - '0');
    }
    *out = v;
    return NULL;
}


static const char *
read_level(elo_slice_t s, uint64_t *out)
{
    char name[16];
    int level;

    if (s.len < sizeof(name)) {
        (void) memcpy(name, s.p, s.len);
        name[s.len] = '\0';
        level = elo_log_level_parse(name);
        if (level >= 0) {
            *out = (uint64_t) level;
            return NULL;
        }
    }
    return "is not one of debug, info, notice, warn, error, crit, alert";
}


static const char *
read_flag(elo_slice_t s, uint64_t *out)
{
    if (elo_slice_eq(s, ELO_SLICE("on"))) {
        *out = 1;
        return NULL;
    }
    if (elo_slice_eq(s, ELO_SLICE("off"))) {
        *out = 0;
        return NULL;
    }
    return "is neither on nor off";
}


static const char *
read_number(elo_kind_t kind, elo_slice_t s, uint64_t *out)
{
    switch (kind) {
    case ELO_KIND_SIZE:
        return read_units(s, size_units,
                          "is not a size such as 4096, 64k, 10m or 2g", out);
    case ELO_KIND_TIME:
        return read_units(s, time_units,
                          "is not a time such as 250ms, 10s, 5m, 1h or 7d",
                          out);
    case ELO_KIND_MODE:
        return read_mode(s, out);
    case ELO_KIND_LEVEL:
        return read_level(s, out);
    case ELO_KIND_FLAG:
        return read_flag(s, out);
    default:
        return elo_slice_u64(s, out) ? NULL : "is not a number";
    }
}


static const char *
read_text(const elo_option_row_t *row, elo_slice_t s, char *out)
{
    size_t i;

    if (s.len < row->least) {
        return "is empty";
    }
    if (s.len > row->most) {
        return "is too long";
    }
    for (i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] == 0x7f) {
            return "holds a control byte";
        }
    }
    /* The rest stays zero, so that values compare as memory. */
    (void) memset(out, 0, ELO_OPTION_TEXT_MAX + 1);
    (void) memcpy(out, s.p, s.len);
    return NULL;
}


static const char *
set_value(elo_options_t *o, const elo_option_row_t *row, elo_slice_t s)
{
    char *field = (char *) o + row->off;
    const char *wrong;
    uint64_t v = 0;

    if (row->kind == ELO_KIND_TEXT) {
        return read_text(row, s, field);
    }
    if ((wrong = read_number(row->kind, s, &v)) != NULL) {
        return wrong;
    }
    if (v < row->least || v > row->most) {
        return "is out of range";
    }
    (void) memcpy(field, &v, sizeof(v));
    return NULL;
}


void
elo_options_defaults(elo_options_t *o)
{
    size_t i;

    (void) memset(o, 0, sizeof(*o));
    for (i = 0; i < ELO_OPTION_ROWS; i++) {
        const elo_option_row_t *row = &elo_option_rows[i];
        const char *wrong = set_value(o, row, elo_slice_str(row->def));

        assert(wrong == NULL); /* a bad default in the table */
    }
}


/* ---- names ---- */

static int
row_of(elo_slice_t name)
{
    int i;

    for (i = 0; i < ELO_OPTION_ROWS; i++) {
        if (elo_slice_eq(name, elo_slice_str(elo_option_rows[i].name))) {
            return i;
        }
    }
    return -1;
}


/* For messages: no control byte, not too long. */
static void
put_quoted(elo_buf_t *b, elo_slice_t s)
{
    size_t i;

    elo_buf_put_u8(b, '"');
    for (i = 0; i < s.len && i < 80; i++) {
        elo_buf_put_u8(b, s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
    }
    elo_buf_put_str(b, i < s.len ? "…\"" : "\"");
}


static void
put_range(elo_buf_t *b, const elo_option_row_t *row)
{
    if (row->kind == ELO_KIND_TIME) {
        elo_buf_printf(b, " (%llu to %llu ms)", (unsigned long long) row->least,
                       (unsigned long long) row->most);
    } else if (row->kind == ELO_KIND_NUMBER || row->kind == ELO_KIND_SIZE) {
        elo_buf_printf(b, " (%llu to %llu)", (unsigned long long) row->least,
                       (unsigned long long) row->most);
    }
}


static elo_err_t
set_named(elo_options_t *o, int i, elo_slice_t value, elo_buf_t *why)
{
    const elo_option_row_t *row = &elo_option_rows[i];
    const char *wrong = set_value(o, row, value);

    if (wrong == NULL) {
        return ELO_OK;
    }
    elo_buf_printf(why, "%s: ", row->name);
    put_quoted(why, value);
    elo_buf_printf(why, " %s", wrong);
    put_range(why, row);
    return ELO_EINVAL;
}


/* ---- the file ---- */

static elo_slice_t
without_comment(elo_slice_t line)
{
    size_t i;

    for (i = 0; i < line.len; i++) {
        if (line.p[i] == '#'
            && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
        {
            line.len = i;
        }
    }
    return elo_slice_trim(line);
}


static elo_err_t
parse_line(elo_options_t *o, elo_slice_t line, unsigned *seen, unsigned n,
           elo_buf_t *why)
{
    const uint8_t *eq;
    elo_slice_t name;
    elo_slice_t value;
    int i;

    line = without_comment(line);
    if (line.len == 0) {
        return ELO_OK;
    }
    eq = memchr(line.p, '=', line.len);
    if (eq == NULL) {
        elo_buf_put_str(why, "a line is \"key = value\"");
        return ELO_EINVAL;
    }
    name = elo_slice_trim(elo_slice(line.p, (size_t) (eq - line.p)));
    value = elo_slice_trim(
        elo_slice(eq + 1, (size_t) (line.p + line.len - eq - 1)));
    i = row_of(name);
    if (i < 0) {
        elo_buf_put_str(why, "unknown key ");
        put_quoted(why, name);
        return ELO_EINVAL;
    }
    if (seen[i] != 0) {
        elo_buf_printf(why, "%s was set on line %u already",
                       elo_option_rows[i].name, seen[i]);
        return ELO_EINVAL;
    }
    seen[i] = n;
    return set_named(o, i, value, why);
}


elo_err_t
elo_options_parse(elo_options_t *o, elo_slice_t text, const char *file,
                  elo_buf_t *why)
{
    unsigned seen[ELO_OPTION_ROWS] = { 0 };
    elo_buf_t what;
    unsigned n = 0;
    elo_err_t rc = ELO_OK;

    elo_buf_init(&what, 4096);
    while (text.len != 0 && rc == ELO_OK) {
        const uint8_t *lf = memchr(text.p, '\n', text.len);
        size_t len = lf == NULL ? text.len : (size_t) (lf - text.p);
        size_t next = lf == NULL ? len : len + 1;

        n++;
        rc = parse_line(o, elo_slice(text.p, len), seen, n, &what);
        text = elo_slice(text.p + next, text.len - next);
    }
    if (rc != ELO_OK) {
        elo_buf_printf(why, "%s:%u: %s", file, n, elo_buf_cstr(&what));
    }
    elo_buf_dispose(&what);
    return rc;
}


static elo_err_t
load_file(elo_options_t *o, const char *path, elo_buf_t *why)
{
    const char *file = path != NULL ? path : ELO_OPTIONS_FILE;
    elo_buf_t text;
    elo_err_t rc;

    elo_buf_init(&text, FILE_MAX_LEN);
    rc = elo_file_read(file, FILE_MAX_LEN, &text);
    if (rc == ELO_OK) {
        rc = elo_options_parse(o, elo_buf_slice(&text), file, why);
    } else if (rc == ENOENT && path == NULL) {
        rc = ELO_OK;
    } else {
        elo_buf_printf(why, "%s: %s", file, elo_strerror(rc));
    }
    elo_buf_dispose(&text);
    return rc;
}


/* ---- the command line ---- */

typedef struct {
    char name[64]; /* without dashes in front, underscores inside */
    const char *value;
} arg_t;


/* Splits --name=value; value is NULL when it is in the next argument, or there
   is none. */
static bool
split_arg(const char *text, arg_t *out)
{
    const char *eq;
    size_t len;
    size_t i;

    if (text[0] != '-' || text[1] != '-' || text[2] == '\0') {
        return false;
    }
    text += 2;
    eq = strchr(text, '=');
    len = eq != NULL ? (size_t) (eq - text) : strlen(text);
    if (len == 0 || len >= sizeof(out->name)) {
        return false;
    }
    for (i = 0; i < len; i++) {
        out->name[i] = text[i];
        if (text[i] == '-') {
            out->name[i] = '_';
        }
    }
    out->name[len] = '\0';
    out->value = eq != NULL ? eq + 1 : NULL;
    return true;
}


static bool
is_action(const arg_t *arg, elo_action_t *action)
{
    static const struct {
        const char *name;
        elo_action_t action;
    } actions[] = { { "help", ELO_ACTION_HELP },
                    { "version", ELO_ACTION_VERSION },
                    { "check", ELO_ACTION_CHECK },
                    { "dump_config", ELO_ACTION_DUMP_CONF },
                    { "dump_config_md", ELO_ACTION_DUMP_MD } };
    size_t i;

    for (i = 0; arg->value == NULL && i < ELO_COUNT(actions); i++) {
        if (strcmp(arg->name, actions[i].name) == 0) {
            *action = actions[i].action;
            return true;
        }
    }
    return false;
}


/* Walks the arguments. o NULL: looks for --config and the action only. */
static elo_err_t
walk_args(int argc, char **argv, elo_options_t *o, const char **config,
          elo_action_t *action, elo_buf_t *why)
{
    unsigned seen[ELO_OPTION_ROWS] = { 0 };
    elo_err_t rc;
    arg_t arg;
    int row;
    int i;

    for (i = 1; i < argc; i++) {
        bool is_config;

        if (!split_arg(argv[i], &arg)) {
            elo_buf_put_str(why, "what is ");
            put_quoted(why, elo_slice_str(argv[i]));
            elo_buf_put_str(why, "? try --help");
            return ELO_EINVAL;
        }
        if (is_action(&arg, action)) {
            continue;
        }
        is_config = strcmp(arg.name, "config") == 0;
        row = row_of(elo_slice_str(arg.name));
        if (!is_config && row < 0) {
            elo_buf_put_str(why, "unknown option ");
            put_quoted(why, elo_slice_str(argv[i]));
            elo_buf_put_str(why, "; try --help");
            return ELO_EINVAL;
        }
        if (arg.value == NULL) {
            if (i + 1 == argc) {
                elo_buf_printf(why, "--%s needs a value", arg.name);
                return ELO_EINVAL;
            }
            arg.value = argv[++i];
        }
        if (is_config) {
            *config = arg.value;
            continue;
        }
        if (seen[row]++ != 0) {
            elo_buf_printf(why, "--%s is given twice", arg.name);
            return ELO_EINVAL;
        }
        rc = o != NULL ? set_named(o, row, elo_slice_str(arg.value), why)
                       : ELO_OK;
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_options_load(int argc, char **argv, elo_options_t *out,
                 elo_action_t *action, elo_buf_t *why)
{
    const char *config = NULL;
    elo_err_t rc;

    *action = ELO_ACTION_RUN;
    elo_options_defaults(out);
    rc = walk_args(argc, argv, NULL, &config, action, why);
    if (rc != ELO_OK
        || (*action != ELO_ACTION_RUN && *action != ELO_ACTION_CHECK)) {
        return rc;
    }
    if ((rc = load_file(out, config, why)) != ELO_OK) {
        return rc;
    }
    return walk_args(argc, argv, out, &config, action, why);
}


bool
elo_options_reload(elo_options_t *o, const elo_options_t *fresh,
                   elo_buf_t *held)
{
    bool is_changed = false;
    size_t i;

    for (i = 0; i < ELO_OPTION_ROWS; i++) {
        const elo_option_row_t *row = &elo_option_rows[i];
        size_t len = row->kind == ELO_KIND_TEXT ? sizeof(elo_option_text_t)
                                                : sizeof(uint64_t);
        char *field = (char *) o + row->off;
        const char *other = (const char *) fresh + row->off;

        if (memcmp(field, other, len) == 0) {
            continue;
        }
        if (row->when == ELO_WHEN_RELOAD) {
            (void) memcpy(field, other, len);
            is_changed = true;
            continue;
        }
        elo_buf_printf(held, "%s%s", held->len == 0 ? "" : " ", row->name);
    }
    return is_changed;
}
