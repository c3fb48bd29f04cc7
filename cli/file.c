/* SPDX-License-Identifier: BSD-2-Clause */
/* file: reading sources, and writing targets that appear whole or not at all. */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/crypto.h"

#define HASH_PIECE (1u << 20) /* past this a larger read saves nothing */

/* The temporary file of the one target that a program run writes at a time. */
static char *volatile temp_to_remove;


static void
on_signal(int signum)
{
    char *temp = temp_to_remove;

    if (temp != NULL) {
        unlink(temp);
    }
    signal(signum, SIG_DFL);
    raise(signum);
}


void
elo_file_on_signals(void)
{
    static const int signums[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on_signal };

    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof(signums) / sizeof(signums[0]); i++) {
        struct sigaction old;

        /* nohup's choice stands */
        if (sigaction(signums[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        {
            sigaction(signums[i], &sa, NULL);
        }
    }
}


elo_err_t
elo_source_open(const char *path, elo_source_t *out)
{
    elo_source_t s = { .fd = STDIN_FILENO, .size = -1 };
    struct stat st;

    if (strcmp(path, "-") != 0) {
        s.fd = open(path, O_RDONLY | O_CLOEXEC);
        if (s.fd == -1) {
            return errno;
        }
    }
    if (fstat(s.fd, &st) == -1 || S_ISDIR(st.st_mode)) {
        elo_err_t rc = S_ISDIR(st.st_mode) ? EISDIR : errno;

        elo_source_close(&s);
        return rc;
    }
    /* standard input may be a file that was read in part */
    if (S_ISREG(st.st_mode) && lseek(s.fd, 0, SEEK_CUR) == 0) {
        s.size = st.st_size;
        elo_ignore(posix_fadvise(s.fd, 0, 0, POSIX_FADV_SEQUENTIAL));
        /* only advice */
    }
    *out = s;
    return ELO_OK;
}


void
elo_source_close(elo_source_t *s)
{
    if (s->fd > STDIN_FILENO) {
        close(s->fd);
    }
    s->fd = -1;
}


elo_err_t
elo_source_read(elo_source_t *s, uint8_t *p, size_t max, size_t *n)
{
    ssize_t got;

    do {
        got = read(s->fd, p, max);
    } while (got == -1 && errno == EINTR);
    if (got == -1) {
        return errno;
    }
    *n = (size_t) got;
    return ELO_OK;
}


static elo_err_t
hash_all(elo_source_t *s, elo_sha256_t *sha, uint8_t *piece,
         void (*step)(void *ctx, uint64_t done), void *ctx)
{
    uint64_t done = 0;
    elo_err_t rc;

    for (;;) {
        size_t n = 0;

        rc = elo_source_read(s, piece, HASH_PIECE, &n);
        if (rc != ELO_OK || n == 0) {
            return rc;
        }
        rc = elo_sha256_update(sha, elo_slice(piece, n));
        if (rc != ELO_OK) {
            return rc;
        }
        done += n;
        if (step != NULL) {
            step(ctx, done);
        }
    }
}


elo_err_t
elo_source_hash(elo_source_t *s, elo_digest_t *out,
                void (*step)(void *ctx, uint64_t done), void *ctx)
{
    elo_sha256_t *sha = NULL;
    uint8_t *piece = NULL;
    elo_err_t rc;

    if (s->size < 0) {
        return ELO_EUNSUPPORTED;
    }
    rc = elo_sha256_create(&sha);
    if (rc != ELO_OK) {
        return rc;
    }
    piece = malloc(HASH_PIECE);
    if (piece == NULL) {
        rc = ELO_ENOMEM;
        goto done;
    }
    rc = hash_all(s, sha, piece, step, ctx);
    if (rc != ELO_OK) {
        goto done;
    }
    rc = elo_sha256_final(sha, out);
    if (rc == ELO_OK && lseek(s->fd, 0, SEEK_SET) == -1) {
        rc = errno;
    }

done:
    free(piece);
    elo_sha256_free(&sha);
    return rc;
}


/* A new file beside path, with the permission bits of an ordinary one. */
static elo_err_t
open_temp(const char *path, elo_target_t *t)
{
    const char *slash = strrchr(path, '/');
    int dir_len = slash != NULL ? (int) (slash - path + 1) : 0;
    mode_t mask = umask(0);

    umask(mask);
    t->path = strdup(path);
    if (t->path == NULL
        || asprintf(&t->temp, "%.*s.%s.XXXXXX", dir_len, path, path + dir_len)
               == -1)
    {
        t->temp = NULL;
        return ELO_ENOMEM;
    }
    t->fd = mkostemp(t->temp, O_CLOEXEC);
    if (t->fd == -1) {
        return errno;
    }
    temp_to_remove = t->temp;
    if (fchmod(t->fd, 0666 & ~mask) == -1) {
        return errno;
    }
    return ELO_OK;
}


elo_err_t
elo_target_open(const char *path, elo_target_t *out)
{
    elo_target_t t = { .fd = -1 };
    struct stat st;
    elo_err_t rc = ELO_OK;

    if (strcmp(path, "-") == 0) {
        t.fd = STDOUT_FILENO;
    } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        t.fd = open(path, O_WRONLY | O_CLOEXEC);
        rc = t.fd == -1 ? errno : ELO_OK;
    } else {
        rc = open_temp(path, &t);
        if (rc != ELO_OK) {
            elo_target_abort(&t);
        }
    }
    if (rc == ELO_OK) {
        *out = t;
    }
    return rc;
}


elo_err_t
elo_target_write(elo_target_t *t, elo_slice_t bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(t->fd, bytes.p, bytes.len);

        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return errno;
        }
        bytes.p += n;
        bytes.len -= (size_t) n;
    }
    return ELO_OK;
}


elo_err_t
elo_target_commit(elo_target_t *t)
{
    elo_err_t rc = ELO_OK;

    if (t->temp != NULL) {
        if (fsync(t->fd) == -1 || rename(t->temp, t->path) == -1) {
            rc = errno;
        } else {
            temp_to_remove = NULL;
            free(t->temp);
            t->temp = NULL;
        }
    }
    elo_target_abort(t); /* closes; removes the temporary file of a failure */
    return rc;
}


void
elo_target_abort(elo_target_t *t)
{
    if (t->fd > STDERR_FILENO) {
        close(t->fd);
    }
    if (t->temp != NULL) {
        unlink(t->temp);
        temp_to_remove = NULL;
    }
    free(t->temp);
    free(t->path);
    *t = (elo_target_t){ .fd = -1 };
}
