/* SPDX-License-Identifier: BSD-2-Clause */
/* unix_socket: stream sockets with a name in the file system. */
#ifndef ELO_OS_UNIX_SOCKET_H
#define ELO_OS_UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

typedef struct {
    int fd;         /* bound, not listening yet; not blocking */
    uint64_t inode; /* of the name, for elo_unix_unlink */
} elo_unix_bound_t;

/* Binds path with those permission bits and that group (-1: leave it). A socket
   there that nobody listens on is replaced; ELO_EBUSY when somebody does, EEXIST
   when it is no socket. */
elo_err_t elo_unix_bind(const char *path, int mode, int group,
                        elo_unix_bound_t *out) ELO_MUST_USE;

/* Removes the name if it still is the one that was bound. */
void elo_unix_unlink(const char *path, uint64_t inode);

/* A blocking connection. ELO_EUNAVAIL when nobody listens there. */
elo_err_t elo_unix_connect(const char *path, int *fd) ELO_MUST_USE;

/* True when the other side has closed both directions; false when it has only
   ended its own. */
bool elo_unix_is_hung_up(int fd);

/* True when a read would not block: bytes, the end, or an error. */
bool elo_unix_is_readable(int fd);

/* Waits until fd can be read or, when asked, written. */
elo_err_t elo_unix_wait(int fd, bool for_write, bool *can_read,
                        bool *can_write) ELO_MUST_USE;

/* Writes what can be written now: *n bytes, maybe 0. ELO_ECLOSED when the other
   side has gone. No signal is raised. */
elo_err_t elo_unix_send(int fd, const void *p, size_t len,
                        size_t *n) ELO_MUST_USE;

/* Reads at least a byte, waiting for it; *n is 0 at the end of the stream. */
elo_err_t elo_unix_recv(int fd, void *p, size_t max, size_t *n) ELO_MUST_USE;

void elo_unix_close(int fd);

#endif
