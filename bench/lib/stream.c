/* SPDX-License-Identifier: BSD-2-Clause */
/* stream: puts one large blob through the daemon's socket: the same mebibyte of
   noise again and again, begun with a number that makes the blob a new one.

     stream SOCKET SIZE NUMBER

   Prints the seconds from the first byte sent to the answer, and the address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/lib/tool.h"

#define PIECE (1u << 20)


static void
send_all(int fd, const void *p, size_t len)
{
    const char *at = p;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n <= 0) {
            die("write");
        }
        at += n;
        len -= (size_t) n;
    }
}


static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


int
main(int argc, char **argv)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    static char piece[PIECE], answer[64u << 10];
    unsigned long long size, left;
    size_t got = 0;
    char *hash, *end;
    double start;
    ssize_t n;
    int fd;

    if (argc != 4 || strlen(argv[1]) >= sizeof(a.sun_path)) {
        return 2;
    }
    memcpy(a.sun_path, argv[1], strlen(argv[1]) + 1);
    size = left = strtoull(argv[2], NULL, 10);
    for (size_t i = 0; i < PIECE; i++) {
        piece[i] = (char) ((unsigned) i * 2654435761u >> 23);
    }
    snprintf(piece, 32, "%s", argv[3]);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd == -1 || connect(fd, (struct sockaddr *) &a, sizeof(a)) != 0) {
        die("connect");
    }
    start = now();
    dprintf(fd,
            "POST /api/blob HTTP/1.1\r\nHost: localhost\r\nX-Elohim-Reach: "
            "commons\r\nConnection: close\r\nContent-Length: %llu\r\n\r\n",
            size);
    while (left > 0) {
        size_t len = left < PIECE ? (size_t) left : PIECE;

        send_all(fd, piece, len);
        left -= len;
    }
    while ((n = read(fd, answer + got, sizeof(answer) - 1 - got)) > 0) {
        got += (size_t) n;
        if (strstr(answer, "\"ack\"") != NULL) {
            break;
        }
    }
    hash = strstr(answer, "sha256-");
    if (strncmp(answer, "HTTP/1.1 201", 12) != 0 || hash == NULL) {
        fprintf(stderr, "stream: %s\n", answer);
        return 1;
    }
    end = hash + strcspn(hash, "\"\r\n");
    printf("%.6f %.*s\n", now() - start, (int) (end - hash), hash);
    return 0;
}
