/* SPDX-License-Identifier: BSD-2-Clause */
/* keys: where the daemon finds its keyring, and what opens it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/daemon/keys.h"
#include "backend/os/log.h"

static char dir[64];
static elo_options_t opt;
static elo_buf_t why;


static void
put_file(const char *name, const char *text)
{
    char path[160];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}


static void
name_passphrase(const char *name)
{
    snprintf(opt.passphrase_file.p, sizeof(opt.passphrase_file.p), "%s/%s", dir,
             name);
}


static int
setup(void **state)
{
    (void) state;
    strcpy(dir, "/tmp/elo-keys-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(elo_log_open("/dev/null", ELO_LOG_ALERT), ELO_OK);
    assert_int_equal(elo_keys_init(), ELO_OK);
    elo_options_defaults(&opt);
    snprintf(opt.store.p, sizeof(opt.store.p), "%s/store", dir);
    elo_buf_init(&why, 4096);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    return 0;
}


static int
rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}


static int
teardown(void **state)
{
    (void) state;
    elo_buf_dispose(&why);
    return nftw(dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}


/* The first start makes one, in the store's directory, for its owner alone. */
static void
test_fresh(void **state)
{
    elo_keyring_t *k = NULL;
    elo_agent_t first, again;
    char path[160];
    struct stat st;

    (void) state;
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_OK);
    assert_false(elo_keyring_is_protected(k));
    elo_keyring_owner(k, &first);
    assert_int_equal(elo_daemon_keys_reload(&opt, k, &why), ELO_OK);
    elo_keyring_close(&k);
    snprintf(path, sizeof(path), "%s/store/keyring", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_OK);
    elo_keyring_owner(k, &again);
    assert_true(elo_agent_eq(&first, &again));
    elo_keyring_close(&k);
    assert_int_equal(why.len, 0);
    /* a passphrase where there is none */
    put_file("pass", "secret\n");
    name_passphrase("pass");
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_ENOKEY);
    assert_non_null(strstr(elo_buf_cstr(&why), "/store/keyring"));
}


/* One with a passphrase opens with it, from a file or from a credential. */
static void
test_passphrase(void **state)
{
    elo_keyring_t *k = NULL;

    (void) state;
    put_file("pass", "a long secret\n");
    name_passphrase("pass");
    snprintf(opt.keyring.p, sizeof(opt.keyring.p), "%s/ring", dir);
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_OK);
    assert_true(elo_keyring_is_protected(k));
    put_file("pass", "another\n");
    assert_int_equal(elo_daemon_keys_reload(&opt, k, &why), ELO_ENOKEY);
    assert_non_null(strstr(elo_buf_cstr(&why), "does not open it"));
    assert_true(elo_keyring_is_protected(k));
    elo_keyring_close(&k);

    elo_buf_clear(&why);
    opt.passphrase_file.p[0] = '\0';
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_ENOKEY);
    assert_non_null(strstr(elo_buf_cstr(&why), "needs a passphrase"));
    put_file(ELO_KEYS_CREDENTIAL, "a long secret");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_OK);
    elo_keyring_close(&k);
}


static void
test_bad_files(void **state)
{
    char text[5000];
    elo_keyring_t *k = NULL;

    (void) state;
    name_passphrase("missing");
    assert_int_not_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_OK);
    assert_non_null(strstr(elo_buf_cstr(&why), "/missing"));
    elo_buf_clear(&why);
    put_file("pass", "first line\nsecond line\n");
    name_passphrase("pass");
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_EINVAL);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put_file("pass", text);
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_ETOOBIG);
    opt.passphrase_file.p[0] = '\0';
    elo_buf_clear(&why);
    put_file("ring", "this is no keyring");
    snprintf(opt.keyring.p, sizeof(opt.keyring.p), "%s/ring", dir);
    assert_int_equal(elo_daemon_keys_open(&opt, &k, &why), ELO_ECORRUPT);
    assert_non_null(strstr(elo_buf_cstr(&why), "is damaged"));
    assert_null(k);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passphrase, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
