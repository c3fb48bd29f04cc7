/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/passphrase. */
#include "keys_dir.h"

#include <errno.h>
#include <fcntl.h>

#include "backend/keys/passphrase.h"
#include "common/base/num.h"

static char longest[ELO_PASSPHRASE_MAX + 4];


static void
test_files(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        elo_err_t rc;
        const char *want;
    } rows[] = {
        { "secret", 6, ELO_OK, "secret" },
        { "secret\n", 7, ELO_OK, "secret" },
        { "secret\r\n", 8, ELO_OK, "secret" },
        { " two words \n", 12, ELO_OK, " two words " },
        { "", 0, ELO_EINVAL, NULL },
        { "\n", 1, ELO_EINVAL, NULL },
        { "\r\n", 2, ELO_EINVAL, NULL },
        { "a\n\n", 3, ELO_EINVAL, NULL },
        { "a\nb", 3, ELO_EINVAL, NULL },
        { "a\0b", 3, ELO_EINVAL, NULL },
        { longest, ELO_PASSPHRASE_MAX, ELO_OK, longest },
        { longest, ELO_PASSPHRASE_MAX + 1, ELO_ETOOBIG, NULL },
        { longest, ELO_PASSPHRASE_MAX + 3, ELO_ETOOBIG, NULL },
    };
    keys_dir_t d;

    (void) state;
    keys_dir_init(&d);
    memset(longest, 'x', sizeof(longest) - 1);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_passphrase_t p = { 0 };
        int fd = open(d.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_int_equal(write(fd, rows[i].bytes, rows[i].len), rows[i].len);
        close(fd);
        assert_int_equal(elo_passphrase_read(d.path, &p), rows[i].rc);
        if (rows[i].want != NULL) {
            assert_memory_equal(p.s.p, rows[i].want, p.s.len);
            assert_true(p.s.len == strlen(rows[i].want)
                        || p.s.len == ELO_PASSPHRASE_MAX);
        }
        elo_passphrase_dispose(&p);
        assert_null(p.s.p);
        elo_passphrase_dispose(&p);
    }
    keys_dir_dispose(&d);
}


static void
test_what_is_no_file(void **state)
{
    elo_passphrase_t p = { 0 };
    char path[32];
    int fds[2];

    (void) state;
    assert_int_equal(elo_passphrase_read("/nonexistent", &p), ENOENT);
    assert_int_equal(elo_passphrase_read("/tmp", &p), EISDIR);
    assert_int_equal(elo_passphrase_read("/dev/zero", &p), ELO_ETOOBIG);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "piped\n", 6), 6);
    close(fds[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
    assert_int_equal(elo_passphrase_read(path, &p), 0);
    assert_int_equal(p.s.len, 5);
    assert_memory_equal(p.s.p, "piped", 5);
    elo_passphrase_dispose(&p);
    close(fds[0]);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_what_is_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
