/* SPDX-License-Identifier: BSD-2-Clause */
/* log: the form of a line, levels, reopening, and forged lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/os/file.h"
#include "backend/os/log.h"

static char dir[] = "/tmp/elo_log_XXXXXX";
static char path[64];
static char moved[64];


static char *
contents(const char *name)
{
    static elo_buf_t b;

    elo_buf_dispose(&b);
    elo_buf_init(&b, 1u << 20);
    assert_int_equal(elo_file_read(name, 1u << 20, &b), ELO_OK);
    return (char *) (uintptr_t) elo_buf_cstr(&b);
}


static void
test_line(void **state)
{
    char *text;
    int n = 0;

    (void) state;
    assert_int_equal(elo_log_open(path, ELO_LOG_WARN), ELO_OK);
    elo_log(ELO_LOG_NOTICE, "not seen");
    elo_log(ELO_LOG_ERROR, "blob \"%s\" lost", "ab");
    text = contents(path);
    assert_int_equal(sscanf(text, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &n),
                     0);
    assert_int_equal(n, 25);
    assert_string_equal(text + n, "error blob \"ab\" lost\n");
}


static void
test_forgery(void **state)
{
    char *text;

    (void) state;
    assert_int_equal(truncate(path, 0), 0);
    elo_log(ELO_LOG_ALERT, "%s", "a\nb\r\x1b[2J\x7f");
    text = contents(path);
    assert_string_equal(text + 25, "alert a\\x0ab\\x0d\\x1b[2J\\x7f\n");
}


static void
test_long_line(void **state)
{
    char big[20000];
    char *text;

    (void) state;
    assert_int_equal(truncate(path, 0), 0);
    (void) memset(big, '\n', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    elo_log(ELO_LOG_ALERT, "%s", big);
    text = contents(path);
    assert_true(strlen(text) <= 4096);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}


static void
test_reopen(void **state)
{
    (void) state;
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(rename(path, moved), 0);
    elo_log(ELO_LOG_ERROR, "first");
    assert_int_equal(elo_log_open(path, ELO_LOG_DEBUG), ELO_OK);
    elo_log(ELO_LOG_DEBUG, "second");
    /* A log that can't be opened leaves the old one. */
    assert_int_equal(elo_log_open("/nonexistent/log", ELO_LOG_INFO), ENOENT);
    elo_log(ELO_LOG_DEBUG, "third");
    assert_non_null(strstr(contents(moved), "error first\n"));
    assert_null(strstr(contents(moved), "second"));
    assert_non_null(strstr(contents(path), "debug second\n"));
    assert_non_null(strstr(contents(path), "debug third\n"));
    assert_int_equal(elo_log_open(NULL, ELO_LOG_INFO), ELO_OK);
}


static void
test_levels(void **state)
{
    (void) state;
    assert_int_equal(elo_log_level_parse("debug"), ELO_LOG_DEBUG);
    assert_int_equal(elo_log_level_parse("alert"), ELO_LOG_ALERT);
    assert_int_equal(elo_log_level_parse("Alert"), -1);
    assert_int_equal(elo_log_level_parse(""), -1);
}


static int
set_up(void **state)
{
    (void) state;
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    (void) snprintf(path, sizeof(path), "%s/log", dir);
    (void) snprintf(moved, sizeof(moved), "%s/log.1", dir);
    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    return unlink(path) != 0 || unlink(moved) != 0 || rmdir(dir) != 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),      cmocka_unit_test(test_forgery),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_levels),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
