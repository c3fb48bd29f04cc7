/* SPDX-License-Identifier: BSD-2-Clause */
/* out: standard output and standard error. */
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "backend/json/json_write.h"
#include "cli/names.h"

#define MESSAGE_MAX (64u << 10) /* one error; a server's detail is shorter */
#define REDRAW_MS   100         /* ten times a second looks smooth */
#define BAR_COLUMNS 24
#define LABEL_MAX   28


void
elo_out_line(const elo_cli_t *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->json || cli->quiet) {
        return;
    }
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}


void
elo_out_note(const elo_cli_t *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->json || cli->quiet) {
        return;
    }
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}


void
elo_out_json(const elo_cli_t *cli, elo_slice_t doc)
{
    if (cli->json && !cli->quiet) {
        fwrite(doc.p, 1, doc.len, stdout);
        putchar('\n');
    }
}


elo_exit_t
elo_out_complain(const elo_cli_t *cli, const elo_complaint_t *c)
{
    elo_buf_t b;

    elo_buf_init(&b, MESSAGE_MAX);
    if (cli->json) {
        elo_json_writer_t w;

        elo_json_writer_init(&w, &b);
        elo_json_put_object(&w, NULL);
        elo_json_put_cstr(&w, "error", c->detail);
        elo_json_put_cstr(&w, "code", c->code);
        if (c->field.len > 0) {
            elo_json_put_string(&w, "field", c->field);
        }
        if (c->status > 0) {
            elo_json_put_u64(&w, "status", (uint64_t) c->status);
        }
        elo_json_put_u64(&w, "exit", (uint64_t) c->exit);
        elo_json_end_object(&w);
    } else {
        elo_buf_put_str(&b, "elohim: ");
        elo_plain_text(&b, elo_slice_str(c->detail));
    }
    fprintf(stderr, "%s\n", elo_buf_cstr(&b));
    elo_buf_dispose(&b);
    return c->exit;
}


elo_exit_t
elo_out_usage(const elo_cli_t *cli, const char *fmt, ...)
{
    elo_complaint_t c = { .exit = ELO_EXIT_USAGE, .code = "USAGE" };
    elo_buf_t b;
    va_list ap;

    elo_buf_init(&b, MESSAGE_MAX);
    va_start(ap, fmt);
    elo_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (cli->args.cmd != NULL) {
        elo_buf_printf(&b, " (see \"elohim %s --help\")", cli->args.cmd->name);
    } else {
        elo_buf_put_str(&b, " (see \"elohim --help\")");
    }
    c.detail = elo_buf_cstr(&b);
    elo_out_complain(cli, &c);
    elo_buf_dispose(&b);
    return ELO_EXIT_USAGE;
}


elo_exit_t
elo_out_failed(const elo_cli_t *cli, const char *what, elo_err_t err)
{
    elo_complaint_t c = { .exit = elo_exit_of_err(err),
                          .code = err > 0 ? "SYSTEM" : elo_err_code(err) };
    elo_buf_t b;

    elo_buf_init(&b, MESSAGE_MAX);
    elo_buf_printf(&b, "%s: %s", what, elo_strerror(err));
    c.detail = elo_buf_cstr(&b);
    elo_out_complain(cli, &c);
    elo_buf_dispose(&b);
    return c.exit;
}


elo_exit_t
elo_out_end(const elo_cli_t *cli)
{
    static const elo_complaint_t lost = {
        .exit = ELO_EXIT_FAILED,
        .code = "OUTPUT",
        .detail = "standard output could not be written"
    };

    if (fflush(stdout) != 0 || ferror(stdout)) {
        return elo_out_complain(cli, &lost);
    }
    return ELO_EXIT_OK;
}


bool
elo_out_is_tty(bool is_stderr)
{
    return isatty(is_stderr ? STDERR_FILENO : STDOUT_FILENO) == 1;
}


static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


void
elo_progress_begin(elo_progress_t *p, const elo_cli_t *cli, const char *label,
                   int64_t total)
{
    const char *slash = strrchr(label, '/');

    *p =
        (elo_progress_t){ .cli = cli,
                          .label = slash != NULL && slash[1] != '\0' ? slash + 1
                                                                     : label,
                          .total = total,
                          .began_ms = now_ms(),
                          .is_tty = elo_out_is_tty(true) };
}


/* "film.mp4  [=======>      ]  52%  1.2 GiB  310.0 MiB/s" */
static void
draw(elo_progress_t *p, uint64_t done, uint64_t now)
{
    uint64_t ms = now - p->began_ms;
    elo_buf_t b;

    elo_buf_init(&b, 4096);
    elo_plain_text(&b, elo_slice(p->label, strnlen(p->label, LABEL_MAX)));
    elo_buf_put_str(&b, "  ");
    if (p->total > 0) {
        uint64_t total = (uint64_t) p->total;
        unsigned part = done >= total
                            ? 100
                            : (unsigned) ((double) done * 100 / (double) total);
        unsigned filled = part * BAR_COLUMNS / 100;

        elo_buf_put_u8(&b, '[');
        for (unsigned i = 0; i < BAR_COLUMNS; i++) {
            elo_buf_put_u8(&b, i < filled ? '=' : i == filled ? '>' : ' ');
        }
        elo_buf_printf(&b, "] %3u%%  ", part);
    }
    elo_size_text(&b, done);
    if (ms > 0) {
        elo_buf_put_str(&b, "  ");
        elo_size_text(&b, (uint64_t) ((double) done * 1000 / (double) ms));
        elo_buf_put_str(&b, "/s");
    }
    if (p->is_tty) {
        fprintf(stderr, "\r\033[K%s", elo_buf_cstr(&b));
    } else {
        fprintf(stderr, "%s\n", elo_buf_cstr(&b));
    }
    fflush(stderr);
    p->drawn = true;
    p->drawn_ms = now;
    elo_buf_dispose(&b);
}


void
elo_progress_step(elo_progress_t *p, uint64_t done)
{
    uint64_t now;

    if (!p->cli->progress) {
        return;
    }
    now = now_ms();
    if (p->is_tty) {
        if (now - p->drawn_ms >= REDRAW_MS) {
            draw(p, done, now);
        }
    } else if (p->total > 0) {
        int tenth = (int) ((double) done * 10 / (double) p->total);

        if (tenth > p->tenth) {
            p->tenth = tenth;
            draw(p, done, now);
        }
    }
}


void
elo_progress_end(elo_progress_t *p)
{
    if (p->drawn && p->is_tty) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    p->drawn = false;
}
