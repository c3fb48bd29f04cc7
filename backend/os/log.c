/* SPDX-License-Identifier: BSD-2-Clause */
/* log: lines to a file or standard error. Not a logging framework: no rotation
   (SIGHUP reopens), no targets, no categories. */
#include "backend/os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/num.h"

#define LINE_MAX_LEN 4096 /* a write(2) that is never torn on a pipe */
#define TEXT_MAX     2048 /* of the message before escaping */

static const char *const names[] = { "debug", "info", "notice", "warn",
                                     "error", "crit", "alert" };

static pthread_mutex_t mtx = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDERR_FILENO; /* shared: mtx */
static int log_min = ELO_LOG_INFO; /* atomic */


elo_err_t
elo_log_open(const char *path, elo_log_level_t min)
{
    int fd = STDERR_FILENO;
    int old;

    if (path != NULL && path[0] != '\0') {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0) {
            return errno;
        }
    }
    (void) pthread_mutex_lock(&mtx);
    old = log_fd;
    log_fd = fd;
    (void) pthread_mutex_unlock(&mtx);
    __atomic_store_n(&log_min, (int) min, __ATOMIC_RELAXED);
    if (old != STDERR_FILENO) {
        (void) close(old);
    }
    return ELO_OK;
}


int
elo_log_level_parse(const char *name)
{
    size_t i;

    for (i = 0; i < ELO_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (int) i;
        }
    }
    return -1;
}


static size_t
put_prefix(char *line, size_t cap, elo_log_level_t level)
{
    struct timespec ts;
    struct tm tm;
    int n;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    (void) gmtime_r(&ts.tv_sec, &tm);
    n = snprintf(line, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s ",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000, names[level]);
    return n < 0 ? 0 : (size_t) n;
}


/* Copies text with control bytes as \xNN; leaves room for the
   line's end. */
static size_t
put_escaped(char *line, size_t len, size_t cap, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *) text;

    for (; *p != '\0'; p++) {
        if (*p >= 0x20 && *p != 0x7f) {
            if (cap - len < 2) {
                break;
            }
            line[len++] = (char) *p;
            continue;
        }
        if (cap - len < 5) {
            break;
        }
        line[len++] = '\\';
        line[len++] = 'x';
        line[len++] = hex[*p >> 4];
        line[len++] = hex[*p & 15];
    }
    return len;
}


void
elo_log(elo_log_level_t level, const char *fmt, ...)
{
    char text[TEXT_MAX];
    char line[LINE_MAX_LEN];
    va_list ap;
    size_t len;

    if ((int) level < __atomic_load_n(&log_min, __ATOMIC_RELAXED)) {
        return;
    }
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0) {
        text[0] = '\0';
    }
    va_end(ap);
    len = put_prefix(line, sizeof(line), level);
    len = put_escaped(line, len, sizeof(line), text);
    line[len++] = '\n';

    (void) pthread_mutex_lock(&mtx);
    /* There is nowhere left to report that a log can't be written. */
    elo_ignore(write(log_fd, line, len) < 0);
    (void) pthread_mutex_unlock(&mtx);
}
