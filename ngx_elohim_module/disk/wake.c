/* SPDX-License-Identifier: BSD-2-Clause */
/* wake: how a worker tells others that there is something to look at: eventfds that
   the master makes when the zone is made, before any worker is. Each worker listens
   to that of its process slot, which no other that lives has: during a reload old
   and new workers have different ones. There are fewer eventfds than process slots;
   who shares one is woken once too often, which costs a look.

   Each write is an edge, which each epoll reports that finds the counter above zero by
   then: so nobody may empty it, who shares it would miss the write. At one write a
   nanosecond it is full after 500 years. Other event methods see a level, which is
   why it is read with them; who misses a write so looks by himself. */

#include "ngx_http_elohim_fill.h"

#include <sys/eventfd.h>


static void ngx_http_elohim_wake_handler(ngx_event_t *rev);


/* Not of nginx's connections: it needs none of its limits, and is open as long as
   the process lives. */
static ngx_connection_t  ngx_http_elohim_wake_connection;
static ngx_event_t       ngx_http_elohim_wake_read;
static ngx_event_t       ngx_http_elohim_wake_write;
static void            (*ngx_http_elohim_woken)(void);


/* What can't be made costs speed only: who waits also looks by himself. */

void
ngx_http_elohim_wake_open(int *fds, ngx_log_t *log)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_ELOHIM_WAKES; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fds[i] == -1) {
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                          "elohim: eventfd() failed, workers will hear late "
                          "of each other's fills");
            break;
        }
    }

    for (i++; i < NGX_HTTP_ELOHIM_WAKES; i++) {
        fds[i] = -1;
    }
}


ngx_int_t
ngx_http_elohim_wake_listen(ngx_cycle_t *cycle, const int *fds,
    void (*handler)(void))
{
    ngx_connection_t  *c;

    c = &ngx_http_elohim_wake_connection;

    if (c->read) {
        return NGX_OK;
    }

    c->fd = fds[ngx_process_slot % NGX_HTTP_ELOHIM_WAKES];

    if (c->fd == -1) {
        return NGX_OK;
    }

    c->read = &ngx_http_elohim_wake_read;
    c->write = &ngx_http_elohim_wake_write;
    c->log = cycle->log;

    c->read->data = c;
    c->read->handler = ngx_http_elohim_wake_handler;
    c->read->log = cycle->log;
    c->write->data = c;
    c->write->log = cycle->log;
    c->write->write = 1;

    ngx_http_elohim_woken = handler;

    return ngx_add_event(c->read, NGX_READ_EVENT,
                         (ngx_event_flags & NGX_USE_CLEAR_EVENT)
                         ? NGX_CLEAR_EVENT : NGX_LEVEL_EVENT);
}


static void
ngx_http_elohim_wake_handler(ngx_event_t *rev)
{
    uint64_t           n;
    ngx_connection_t  *c;

    c = rev->data;

    if (!(ngx_event_flags & NGX_USE_CLEAR_EVENT)
        && read(c->fd, &n, sizeof(uint64_t)) == -1
        && ngx_errno != NGX_EAGAIN)
    {
        ngx_log_error(NGX_LOG_ALERT, rev->log, ngx_errno,
                      "elohim: read() of an eventfd failed");
    }

    ngx_http_elohim_woken();
}


void
ngx_http_elohim_wake(const int *fds, const uint64_t *words)
{
    uint64_t    word, one;
    uint32_t    which;
    ngx_uint_t  i;

    which = 0;
    one = 1;

    for (i = 0; i < NGX_HTTP_ELOHIM_WAIT_WORDS; i++) {
        for (word = words[i]; word; word &= word - 1) {
            which |= (uint32_t) 1
                     << ((i * 64 + __builtin_ctzll(word))
                         % NGX_HTTP_ELOHIM_WAKES);
        }
    }

    for ( /* void */ ; which; which &= which - 1) {
        i = __builtin_ctz(which);

        /* full is as good as written */

        if (fds[i] != -1 && write(fds[i], &one, sizeof(uint64_t)) == -1
            && ngx_errno != NGX_EAGAIN)
        {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                          "elohim: write() to an eventfd failed");
        }
    }
}
