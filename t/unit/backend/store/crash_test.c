/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store against kill -9: a child puts blobs and nodes and says
   what has been acknowledged; it is killed at a random moment; the next child
   opens the store, and everything acknowledged so far must be there, whole, and
   nothing else on the disk. */
#include "t/unit/backend/store/store_dir.c"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS   30
#define BLOB_MAX (96u << 10)
#define MAX_ACKS 200000u

/* Blob number n is made of n alone, so that an acknowledgement is a number. */
static elo_slice_t
blob_of(uint32_t n)
{
    static uint8_t bytes[BLOB_MAX];
    uint32_t len = n * 2654435761u % BLOB_MAX + 4;

    len = len > BLOB_MAX ? BLOB_MAX : len;
    memset(bytes, (int) (n & 0xff), len);
    memcpy(bytes, &n, sizeof(n));
    return elo_slice(bytes, len);
}


static void
acknowledge(int fd, uint32_t n)
{
    if (write(fd, &n, sizeof(n)) != (ssize_t) sizeof(n)) {
        _exit(2);
    }
}


/* Every third blob is removed again, so that removals are cut short too: it is
   acknowledged only when it is kept. */
static void
child(const elo_store_cfg_t *cfg, uint32_t from, int fd)
{
    elo_store_t *s;

    if (elo_store_open(cfg, &s) != ELO_OK) {
        _exit(3);
    }
    for (uint32_t n = from;; n++) {
        elo_slice_t bytes = blob_of(n);
        elo_digest_t d = digest_of(bytes);
        char id[16];

        if (put_bytes(s, bytes, NULL, NULL) != ELO_OK) {
            _exit(4);
        }
        if (n % 3 == 0) {
            if (elo_store_remove(s, &d) != ELO_OK) {
                _exit(5);
            }
            continue;
        }
        snprintf(id, sizeof(id), "n%u", n);
        if (put_node(s, id, 1, ELO_REACH_COMMONS, &d, "{}") != ELO_OK) {
            _exit(6);
        }
        acknowledge(fd, n);
    }
}


static uint32_t acks[MAX_ACKS];
static uint32_t n_acks;


/* Reads what the child says until it has gone; kills it after `after` words. */
static void
listen_to(pid_t pid, int fd, uint32_t after)
{
    uint32_t n, heard = 0;
    int status;

    while (read(fd, &n, sizeof(n)) == (ssize_t) sizeof(n)) {
        assert_true(n_acks < MAX_ACKS);
        acks[n_acks++] = n;
        if (++heard == after) {
            kill(pid, SIGKILL);
        }
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}


static void
check_all(dir_t *d)
{
    uint64_t blobs, bytes;
    char id[16];

    dir_open(d);
    for (uint32_t i = 0; i < n_acks; i++) {
        elo_slice_t want = blob_of(acks[i]);
        elo_digest_t dig = digest_of(want);

        if (!reads_back(d->s, want)
            || elo_store_blob_reach(d->s, &dig) != ELO_REACH_COMMONS)
        {
            fail_msg("blob %u was acknowledged and is lost", acks[i]);
        }
        snprintf(id, sizeof(id), "n%u", acks[i]);
        assert_int_equal(
            elo_store_node_get(d->s, elo_slice_str(id), 0, NULL, NULL, NULL),
            ELO_OK);
    }
    elo_store_totals(d->s, &blobs, &bytes);
    assert_true(blobs >= n_acks);
    assert_int_equal(dir_count(d, "blobs"), blobs);
    assert_int_equal(dir_count(d, "tmp"), 0);
    elo_store_close(&d->s);
}


static void
test_kill(void **state)
{
    unsigned seed = 20;
    dir_t d;

    (void) state;
    dir_make_root(&d);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t from = round * (MAX_ACKS / ROUNDS);
        int ends[2];
        pid_t pid;

        assert_int_equal(pipe(ends), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            child(&d.cfg, from, ends[1]);
        }
        close(ends[1]);
        listen_to(pid, ends[0], (uint32_t) rand_r(&seed) % 12 + 1);
        close(ends[0]);
        check_all(&d);
    }
    dir_open(&d);
    dir_end(&d);
}


int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kill) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
