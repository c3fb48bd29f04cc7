/* SPDX-License-Identifier: BSD-2-Clause */
/* unix_socket: see the header. Spec: unix(7). */
#include "backend/os/unix_socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


static elo_err_t
make_addr(const char *path, struct sockaddr_un *addr)
{
    *addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (path[0] == '\0') {
        return ELO_EINVAL;
    }
    if (strlen(path) >= sizeof(addr->sun_path)) {
        return ENAMETOOLONG;
    }
    (void) memcpy(addr->sun_path, path, strlen(path));
    return ELO_OK;
}


static elo_err_t
clear_name(const struct sockaddr_un *addr)
{
    struct stat st;
    elo_err_t rc = ELO_EBUSY;
    int fd;

    if (lstat(addr->sun_path, &st) != 0) {
        return errno == ENOENT ? ELO_OK : errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return EEXIST;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, (const struct sockaddr *) addr, sizeof(*addr)) != 0
        && errno == ECONNREFUSED)
    {
        rc = unlink(addr->sun_path) == 0 || errno == ENOENT ? ELO_OK : errno;
    }
    (void) close(fd);
    return rc;
}


static elo_err_t
set_rights(const char *path, int mode, int group, uint64_t *inode)
{
    struct stat st;

    if (chmod(path, (mode_t) mode) != 0) {
        return errno;
    }
    if (group >= 0 && chown(path, (uid_t) -1, (gid_t) group) != 0) {
        return errno;
    }
    if (lstat(path, &st) != 0) {
        return errno;
    }
    *inode = st.st_ino;
    return ELO_OK;
}


/* Nobody can connect before mode and group are as wanted, for connections are
   refused until listen(2). */
elo_err_t
elo_unix_bind(const char *path, int mode, int group, elo_unix_bound_t *out)
{
    struct sockaddr_un addr;
    uint64_t inode = 0;
    elo_err_t rc;
    int fd;

    if ((rc = make_addr(path, &addr)) != ELO_OK
        || (rc = clear_name(&addr)) != ELO_OK)
    {
        return rc;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (bind(fd, (struct sockaddr *) &addr, sizeof(addr)) != 0) {
        rc = errno == EADDRINUSE ? ELO_EBUSY : errno;
        (void) close(fd);
        return rc;
    }
    if ((rc = set_rights(path, mode, group, &inode)) != ELO_OK) {
        (void) unlink(path);
        (void) close(fd);
        return rc;
    }
    *out = (elo_unix_bound_t){ .fd = fd, .inode = inode };
    return ELO_OK;
}


void
elo_unix_unlink(const char *path, uint64_t inode)
{
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_ino == inode) {
        (void) unlink(path);
    }
}


elo_err_t
elo_unix_connect(const char *path, int *out)
{
    struct sockaddr_un addr;
    elo_err_t rc;
    int fd;

    if ((rc = make_addr(path, &addr)) != ELO_OK) {
        return rc;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, (struct sockaddr *) &addr, sizeof(addr)) != 0) {
        rc = errno;
        (void) close(fd);
        return rc == ENOENT || rc == ECONNREFUSED ? ELO_EUNAVAIL : rc;
    }
    *out = fd;
    return ELO_OK;
}


bool
elo_unix_is_hung_up(int fd)
{
    struct pollfd p = { .fd = fd };

    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}


bool
elo_unix_is_readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}


elo_err_t
elo_unix_wait(int fd, bool for_write, bool *can_read, bool *can_write)
{
    struct pollfd p = { .fd = fd };

    p.events = POLLIN;
    if (for_write) {
        p.events = POLLIN | POLLOUT;
    }
    while (poll(&p, 1, -1) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    *can_read = (p.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
    *can_write = (p.revents & POLLOUT) != 0;
    return ELO_OK;
}


elo_err_t
elo_unix_send(int fd, const void *p, size_t len, size_t *n)
{
    ssize_t sent;

    do {
        sent = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN) {
        return errno == EPIPE || errno == ECONNRESET ? ELO_ECLOSED : errno;
    }
    *n = sent < 0 ? 0 : (size_t) sent;
    return ELO_OK;
}


elo_err_t
elo_unix_recv(int fd, void *p, size_t max, size_t *n)
{
    ssize_t got;

    do {
        got = recv(fd, p, max, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == ECONNRESET ? ELO_ECLOSED : errno;
    }
    *n = (size_t) got;
    return ELO_OK;
}


void
elo_unix_close(int fd)
{
    (void) close(fd);
}
