/* SPDX-License-Identifier: BSD-2-Clause */
/* log: one line an event to a file or standard error. Thread-safe; a line is one
   write(2). Levels say who must act: debug the developer, info lifecycle, notice
   changed by an operator, warn degraded but self-healing, error one request or
   blob lost, crit the store or a disk, alert a bug of ours. */
#ifndef ELO_OS_LOG_H
#define ELO_OS_LOG_H

#include "common/base/err.h"

typedef enum {
    ELO_LOG_DEBUG,
    ELO_LOG_INFO,
    ELO_LOG_NOTICE,
    ELO_LOG_WARN,
    ELO_LOG_ERROR,
    ELO_LOG_CRIT,
    ELO_LOG_ALERT
} elo_log_level_t;

/* path NULL or "": standard error. Called again (SIGHUP) it reopens the file;
   on failure the old one goes on. */
elo_err_t elo_log_open(const char *path, elo_log_level_t min) ELO_MUST_USE;

/* "debug" … "alert"; -1 for anything else. */
int elo_log_level_parse(const char *name);

/* Line: "2026-11-21T04:05:06.789Z warn message". Control bytes in the result
   are escaped, so that input can't forge a line. */
void elo_log(elo_log_level_t level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
