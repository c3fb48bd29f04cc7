/* SPDX-License-Identifier: BSD-2-Clause */
/* options: file, command line, precedence, and every way to get them wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/daemon/options.h"
#include "common/base/num.h"

static elo_options_t o;


static elo_err_t
parse(const char *text, elo_buf_t *why)
{
    elo_buf_init(why, 8192);
    elo_options_defaults(&o);
    return elo_options_parse(&o, elo_slice_str(text), "f", why);
}


static void
test_defaults(void **state)
{
    (void) state;
    elo_options_defaults(&o);
    assert_string_equal(o.store.p, "/var/lib/elohim");
    assert_string_equal(o.listen.p, "/run/elohim/elohimd.sock");
    assert_string_equal(o.group.p, "");
    assert_int_equal(o.socket_mode, 0660);
    assert_int_equal(o.log_level, 1);
    assert_int_equal(o.min_free, 256u << 20);
    assert_int_equal(o.index_map_size, 16ull << 30);
    assert_int_equal(o.max_blob, 0);
    assert_int_equal(o.segment_target, 6000);
    assert_int_equal(o.index_timeout, 120000);
    assert_int_equal(o.indexer_jobs, 1);
    assert_int_equal(o.core_dumps, 0);
}


static void
test_good_file(void **state)
{
    elo_buf_t why;

    (void) state;
    assert_int_equal(parse("# a comment\n"
                           "\n"
                           "  store =  /a b/c#d   # blanks and a hash\n"
                           "listen=/s\n"
                           "min_free = 64K\n"
                           "max_blob = 10g\n"
                           "idle_timeout = 1500ms\n"
                           "drain_timeout = 2m\n"
                           "socket_mode = 777\n"
                           "log_level = alert\n"
                           "core_dumps = on\n"
                           "group =\n"
                           "\tindexer_jobs = 3",
                           &why),
                     ELO_OK);
    assert_string_equal(o.store.p, "/a b/c#d");
    assert_string_equal(o.listen.p, "/s");
    assert_int_equal(o.min_free, 65536);
    assert_int_equal(o.max_blob, 10ull << 30);
    assert_int_equal(o.idle_timeout, 1500);
    assert_int_equal(o.drain_timeout, 120000);
    assert_int_equal(o.socket_mode, 0777);
    assert_int_equal(o.log_level, 6);
    assert_int_equal(o.core_dumps, 1);
    assert_string_equal(o.group.p, "");
    assert_int_equal(o.indexer_jobs, 3);
    elo_buf_dispose(&why);
}


static const struct {
    const char *text;
    const char *why;
} bad[] = {
    { "stroe = /x", "f:1: unknown key \"stroe\"" },
    { "\n\nmin-free = 1", "f:3: unknown key \"min-free\"" },
    { "store /x", "f:1: a line is \"key = value\"" },
    { "= /x", "f:1: unknown key \"\"" },
    { "store = /x\n# c\nstore = /x", "f:3: store was set on line 1 already" },
    { "store =", "f:1: store: \"\" is empty" },
    { "store = a\x01z", "f:1: store: \"a?z\" holds a control byte" },
    { "listen = /s\r\n", "f:1: listen: \"/s?\" holds a control byte" },
    { "min_free = 1x", "f:1: min_free: \"1x\" is not a size such as 4096, "
                       "64k, 10m or 2g (0 to 1125899906842624)" },
    { "min_free = 1 k", "is not a size" },
    { "min_free = -1", "is not a size" },
    { "min_free = 99999999999999999999", "is not a size" },
    { "min_free = 18014398509481985k", "is not a size" }, /* 2^64 + 1k */
    { "min_free = 1025t", "is out of range" },
    { "min_free = k", "is not a size" },
    { "idle_timeout = 10", "is not a time such as" }, /* of what? */
    { "idle_timeout = 999ms", "is out of range (1000 to 3600000 ms)" },
    { "idle_timeout = 10w", "is not a time" },
    { "max_connections = 0", "is out of range (1 to 65536)" },
    { "max_connections = 1k", "is not a number" },
    { "max_connections = 1.5", "is not a number" },
    { "socket_mode = 0888", "is not an octal mode" },
    { "socket_mode = 1777", "is out of range" },
    { "socket_mode =", "is not an octal mode" },
    { "log_level = loud", "is not one of debug" },
    { "log_level = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "is not one of" },
    { "core_dumps = 1", "is neither on nor off" },
    { "group = "
      "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg",
      "is too long" },
};


static void
test_bad_file(void **state)
{
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(bad); i++) {
        elo_buf_t why;

        if (parse(bad[i].text, &why) != ELO_EINVAL
            || strstr(elo_buf_cstr(&why), bad[i].why) == NULL)
        {
            fail_msg("%s: %s", bad[i].text, elo_buf_cstr(&why));
        }
        elo_buf_dispose(&why);
    }
}


/* Every prefix of a good file is read without a fault. */
static void
test_prefixes(void **state)
{
    static const char text[] = "store = /x # y\nmin_free = 10m\nlog_level=warn";
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(text); i++) {
        char *copy = malloc(i + 1);
        elo_buf_t why;

        elo_buf_init(&why, 8192);
        elo_options_defaults(&o);
        (void) memcpy(copy, text, i);
        elo_ignore(elo_options_parse(&o, elo_slice(copy, i), "f", &why));
        elo_buf_dispose(&why);
        free(copy);
    }
}


#define ARGS(...)                                                              \
    (char *[])                                                                 \
    {                                                                          \
        (char *) (uintptr_t) "elohimd", __VA_ARGS__, NULL                      \
    }


static elo_err_t
load(char **argv, elo_action_t *action, elo_buf_t *why)
{
    int argc = 0;

    while (argv[argc] != NULL) {
        argc++;
    }
    elo_buf_init(why, 8192);
    return elo_options_load(argc, argv, &o, action, why);
}


static void
test_command_line(void **state)
{
    char path[] = "/tmp/elo_options_XXXXXX";
    static const char text[] = "store = /file\nindexer_jobs = 2\n";
    int fd = mkstemp(path);
    elo_action_t action;
    elo_buf_t why;

    (void) state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    (void) close(fd);

    assert_int_equal(load(ARGS("--store=/arg", "--config", path,
                               "--index-memory", "64m", "--max_blob=1k"),
                          &action, &why),
                     ELO_OK);
    assert_int_equal(action, ELO_ACTION_RUN);
    assert_string_equal(o.store.p, "/arg"); /* wins over the file */
    assert_int_equal(o.indexer_jobs, 2);
    assert_int_equal(o.index_memory, 64u << 20);
    assert_int_equal(o.max_blob, 1024);
    elo_buf_dispose(&why);

    assert_int_equal(load(ARGS("--check", "--config", path), &action, &why),
                     ELO_OK);
    assert_int_equal(action, ELO_ACTION_CHECK);
    assert_string_equal(o.store.p, "/file");
    elo_buf_dispose(&why);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(load(ARGS("--config", path), &action, &why), 2);
    assert_non_null(
        strstr(elo_buf_cstr(&why), path)); /* asked for, not there */
    elo_buf_dispose(&why);

    assert_int_equal(load(ARGS("--version"), &action, &why), ELO_OK);
    assert_int_equal(action, ELO_ACTION_VERSION);
    elo_buf_dispose(&why);
}


static void
test_bad_command_line(void **state)
{
    static const struct {
        const char *arg;
        const char *why;
    } cases[] = {
        { "store", "what is \"store\"?" },
        { "-s", "what is \"-s\"?" },
        { "--", "what is \"--\"?" },
        { "--=x", "what is \"--=x\"?" },
        { "--nope=1", "unknown option \"--nope=1\"" },
        { "--help=1", "unknown option" },
        { "--store", "--store needs a value" },
        { "--store=", "store: \"\" is empty" },
        { "--idle-timeout=7", "idle_timeout: \"7\" is not a time" },
    };
    elo_action_t action;
    elo_buf_t why;
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(cases); i++) {
        if (load(ARGS((char *) (uintptr_t) cases[i].arg), &action, &why)
                != ELO_EINVAL
            || strstr(elo_buf_cstr(&why), cases[i].why) == NULL)
        {
            fail_msg("%s: %s", cases[i].arg, elo_buf_cstr(&why));
        }
        elo_buf_dispose(&why);
    }
    assert_int_equal(load(ARGS("--store=/a", "--store=/a"), &action, &why),
                     ELO_EINVAL);
    assert_string_equal(elo_buf_cstr(&why), "--store is given twice");
    elo_buf_dispose(&why);
}


static void
test_reload(void **state)
{
    static elo_options_t fresh;
    elo_buf_t held;

    (void) state;
    elo_buf_init(&held, 1024);
    elo_options_defaults(&o);
    elo_options_defaults(&fresh);
    assert_false(elo_options_reload(&o, &fresh, &held));
    assert_int_equal(held.len, 0);

    (void) snprintf(fresh.log.p, sizeof(fresh.log.p), "/l");
    fresh.log_level = 3;
    (void) snprintf(fresh.store.p, sizeof(fresh.store.p), "/other");
    fresh.max_blob = 7;
    assert_true(elo_options_reload(&o, &fresh, &held));
    assert_string_equal(elo_buf_cstr(&held), "store max_blob");
    assert_string_equal(o.log.p, "/l");
    assert_int_equal(o.log_level, 3);
    assert_string_equal(o.store.p, "/var/lib/elohim");
    assert_int_equal(o.max_blob, 0);
    elo_buf_dispose(&held);
}


/* The generated file holds only comments, and without the leading # of its
   settings it parses to the defaults. */
static void
test_generated_file(void **state)
{
    static elo_options_t defaults;
    elo_buf_t text;
    elo_buf_t why;
    size_t i;

    (void) state;
    elo_buf_init(&text, 1u << 20);
    elo_options_put_conf(&text);
    assert_int_equal(parse(elo_buf_cstr(&text), &why), ELO_OK);
    elo_buf_dispose(&why);
    for (i = 0; i + 1 < text.len; i++) {
        bool at_start = i == 0 || text.p[i - 1] == '\n';

        if (at_start && text.p[i] == '#' && text.p[i + 1] != ' ') {
            text.p[i] = ' ';
        }
    }
    assert_int_equal(parse(elo_buf_cstr(&text), &why), ELO_OK);
    elo_options_defaults(&defaults);
    assert_memory_equal(&o, &defaults, sizeof(o));
    assert_non_null(strstr(elo_buf_cstr(&text), "indexer_jobs = 1"));
    elo_buf_dispose(&why);

    elo_buf_clear(&text);
    elo_options_put_help(&text);
    elo_options_put_markdown(&text);
    assert_int_equal(elo_buf_err(&text), ELO_OK);
    assert_non_null(strstr(elo_buf_cstr(&text), "--drain_timeout  (time, 0ms"));
    assert_non_null(strstr(elo_buf_cstr(&text), "| `store` | text |"));
    elo_buf_dispose(&text);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_good_file),
        cmocka_unit_test(test_bad_file),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_bad_command_line),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_generated_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
