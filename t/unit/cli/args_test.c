/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cli/args. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "cli/args.h"
#include "cli/exit.h"
#include "common/base/num.h"

static const elo_opt_t put_opts[] = {
    { "type", 't', "MIME", "media type" },
    { "tag", 0, "TAG", "may be repeated" },
    { "count", 0, "N", "a number" },
    { "force", 'f', NULL, "a switch" },
    { NULL, 0, NULL, NULL },
};

static const elo_cmd_t cmd_put = { .name = "put",
                                   .operands = "FILE…",
                                   .summary = "puts",
                                   .details = "Details.\n",
                                   .opts = put_opts,
                                   .min_operands = 1,
                                   .max_operands = 2 };
static const elo_cmd_t cmd_ls = { .name = "ls",
                                  .operands = "",
                                  .summary = "lists" };
static const elo_cmd_t *const cmds[] = { &cmd_put, &cmd_ls, NULL };

#define WORDS_MAX 12

typedef struct {
    const char *words; /* separated by blanks */
    elo_err_t rc;
    const char *cmd;      /* NULL: none */
    const char *operands; /* joined by blanks */
    const char *given;    /* "name=value " of each */
    const char *why;      /* part of it */
} case_t;

static const case_t table[] = {
    { "put a b", 0, "put", "a b ", "", "" },
    { "put -t x/y a", 0, "put", "a ", "type=x/y ", "" },
    { "put a -tx/y", 0, "put", "a ", "type=x/y ", "" },
    { "put --type=x/y a -f", 0, "put", "a ", "type=x/y force= ", "" },
    { "put --type x/y a", 0, "put", "a ", "type=x/y ", "" },
    { "put --type= a", 0, "put", "a ", "type= ", "" },
    { "--socket /s put a", 0, "put", "a ", "socket=/s ", "" },
    { "--socket=/s --json put a", 0, "put", "a ", "socket=/s json= ", "" },
    { "put a --json -q", 0, "put", "a ", "json= quiet= ", "" },
    { "put -", 0, "put", "- ", "", "" },
    { "put -- -f --tag", 0, "put", "-f --tag ", "", "" },
    { "put --tag a --tag b c", 0, "put", "c ", "tag=a tag=b ", "" },
    { "--socket put put x", 0, "put", "x ", "socket=put ", "" },
    { "--help", 0, NULL, "", "help= ", "" },
    { "", 0, NULL, "", "", "" },
    { "put -t", ELO_EINVAL, "put", "", "", "-t needs a value" },
    { "put a --tag", ELO_EINVAL, "put", "a ", "", "--tag needs a value" },
    { "put --force=1 a", ELO_EINVAL, "put", "", "", "takes no value" },
    { "put --nope", ELO_EINVAL, "put", "", "", "no option --nope" },
    { "put --typ x", ELO_EINVAL, "put", "", "", "no option --typ" },
    { "put -x", ELO_EINVAL, "put", "", "", "no option -x" },
    { "put -fx", ELO_EINVAL, "put", "", "", "no option -fx" },
    { "ls --type x", ELO_EINVAL, "ls", "", "", "no option --type" },
    { "fly away", ELO_EINVAL, NULL, "away ", "", "no command \"fly\"" },
    { "-- put a", 0, NULL, "put a ", "", "" },
};


static int
split(char *text, char *argv[WORDS_MAX])
{
    int argc = 1;

    argv[0] = text + strlen(text);
    for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " ")) {
        argv[argc++] = w;
    }
    argv[argc] = NULL;
    return argc;
}


static void
test_table(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        const case_t *c = &table[i];
        char text[128], operands[128] = "", given[128] = "";
        char *argv[WORDS_MAX];
        elo_args_t a;
        elo_buf_t why;

        snprintf(text, sizeof(text), "%s", c->words);
        elo_buf_init(&why, 4096);
        if (elo_args_parse(split(text, argv), argv, cmds, &a, &why) != c->rc) {
            fail_msg("\"%s\": wrong result", c->words);
        }
        for (unsigned k = 0; k < a.n_operands; k++) {
            strcat(strcat(operands, a.operands[k]), " ");
        }
        for (unsigned k = 0; k < a.n_given; k++) {
            snprintf(given + strlen(given), sizeof(given) - strlen(given),
                     "%s=%s ", a.given[k].opt->name, a.given[k].value);
        }
        if (strcmp(operands, c->operands) != 0 || strcmp(given, c->given) != 0)
        {
            fail_msg("\"%s\": operands \"%s\", options \"%s\"", c->words,
                     operands, given);
        }
        assert_string_equal(a.cmd != NULL ? a.cmd->name : "none",
                            c->cmd != NULL ? c->cmd : "none");
        assert_non_null(strstr(elo_buf_cstr(&why), c->why));
        assert_int_equal(why.len > 0, c->rc != ELO_OK);
        elo_args_dispose(&a);
        elo_buf_dispose(&why);
    }
}


static void
test_count_of_operands(void **state)
{
    static const struct {
        const char *words;
        elo_err_t rc;
    } counts[] = { { "put", ELO_EINVAL }, { "put a", ELO_OK },
                   { "put a b", ELO_OK }, { "put a b c", ELO_EINVAL },
                   { "ls", ELO_OK },      { "ls x", ELO_EINVAL } };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(counts); i++) {
        char text[64];
        char *argv[WORDS_MAX];
        elo_args_t a;
        elo_buf_t why;

        snprintf(text, sizeof(text), "%s", counts[i].words);
        elo_buf_init(&why, 4096);
        assert_int_equal(
            elo_args_parse(split(text, argv), argv, cmds, &a, &why), 0);
        assert_int_equal(elo_args_check(&a, &why), counts[i].rc);
        assert_int_equal(why.len > 0, counts[i].rc != ELO_OK);
        elo_args_dispose(&a);
        elo_buf_dispose(&why);
    }
}


static void
test_values(void **state)
{
    static const struct {
        const char *value;
        elo_err_t rc;
        uint64_t n;
    } numbers[] = {
        { "5", ELO_OK, 5 },      { "9", ELO_OK, 9 },
        { "4", ELO_EINVAL, 0 },  { "10", ELO_EINVAL, 0 },
        { "", ELO_EINVAL, 0 },   { "-5", ELO_EINVAL, 0 },
        { "5x", ELO_EINVAL, 0 }, { "18446744073709551621", ELO_EINVAL, 0 }
    };
    char put[] = "put", tag1[] = "--tag=one", tag2[] = "--tag=two";
    char text[64];
    char *argv[] = { put, put, tag1, tag2, text, NULL };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(numbers); i++) {
        uint64_t n = 0;
        elo_args_t a;
        elo_buf_t why;

        snprintf(text, sizeof(text), "--count=%s", numbers[i].value);
        elo_buf_init(&why, 4096);
        assert_int_equal(elo_args_parse(5, argv, cmds, &a, &why), 0);
        assert_int_equal(elo_args_u64(&a, "count", 1, 5, 9, &n, &why),
                         numbers[i].rc);
        assert_int_equal(n, numbers[i].n);
        assert_int_equal(elo_args_u64(&a, "absent", 7, 5, 9, &n, &why), 0);
        assert_int_equal(n, 7);
        assert_string_equal(elo_args_get(&a, "tag"), "two");
        assert_string_equal(elo_args_nth(&a, "tag", 0), "one");
        assert_string_equal(elo_args_nth(&a, "tag", 1), "two");
        assert_null(elo_args_nth(&a, "tag", 2));
        assert_null(elo_args_get(&a, "type"));
        assert_false(elo_args_has(&a, "force"));
        elo_args_dispose(&a);
        elo_buf_dispose(&why);
    }
}


static void
test_help_names_everything(void **state)
{
    static const char *const all[] = { "put",    "ls",          "--socket PATH",
                                       "--json", "-q, --quiet", "Exit status" };
    static const char *const one[] = { "elohim put [OPTION…] FILE…",
                                       "Details.",
                                       "-t, --type MIME",
                                       "-f, --force",
                                       "--json",
                                       "5  conflict" };
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 64 << 10);
    elo_args_help(NULL, cmds, &b);
    for (size_t i = 0; i < ELO_COUNT(all); i++) {
        assert_non_null(strstr(elo_buf_cstr(&b), all[i]));
    }
    elo_buf_clear(&b);
    elo_args_help(&cmd_put, cmds, &b);
    for (size_t i = 0; i < ELO_COUNT(one); i++) {
        assert_non_null(strstr(elo_buf_cstr(&b), one[i]));
    }
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_count_of_operands),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_help_names_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
