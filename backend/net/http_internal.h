/* SPDX-License-Identifier: BSD-2-Clause */
/* http_internal: the connection, shared by http_server.c (listening, timeouts,
   draining), http_conn.c (exchanges), http_body.c (reading) and http_res.c
   (answering).

   An elo_http_req_t is its connection: there is one exchange at a time.

     HEAD ── head complete ──► EXCHANGE ── response done ──► HEAD
      │                          ├─ body left, keeps alive ─► DRAIN ──► HEAD
      │ refused                  └─ must close ─┐
      └─────────────────────────────────────────┴──► LAST ── flushed ──► LINGER

   In LAST the response is being written; in
   LINGER our half is shut, and what the client still sends is thrown away until
   it has read the answer and closes. Beside the state, is_closed says that the
   handle is (being) closed; an exchange may outlive that. (I1) hbuf is not moved
   while an exchange runs: its head and a piece of its body lie there. (I2) A
   handler's callback runs from the loop, never inside a call of the handler. */
#ifndef ELO_NET_HTTP_INTERNAL_H
#define ELO_NET_HTTP_INTERNAL_H

#include <uv.h>

#include "backend/net/http_chunk.h"
#include "backend/net/http_head.h"
#include "backend/net/http_server.h"

#define ELO_HTTP_PIECE          ELO_HTTP_WHOLE_MAX /* read at once of a body */
#define ELO_HTTP_DRAIN_MAX      (1u << 20) /* unread body that is worth reading */
#define ELO_HTTP_CORK_MAX       (64u << 10) /* answers kept back to be sent at once */
#define ELO_HTTP_TURN_MAX       (512u << 10) /* the same, of all connections */
#define ELO_HTTP_RESERVE        8    /* one of so many isn't for slow bodies */
#define ELO_HTTP_SHED_MS        500u /* what comes may be on its way */
#define ELO_HTTP_SHED_TELL_MS   10000u /* between two lines of the log */
#define ELO_HTTP_LINGER_MS      5000u  /* for a client to notice our answer */
#define ELO_HTTP_LINGER_MAX     (256u << 20) /* what it may send meanwhile */
#define ELO_HTTP_FIELDS_LEN_MAX (64u << 10)  /* of a response */
#define ELO_HTTP_SPARE_BUFS     16           /* piece buffers kept for reuse */
#define ELO_HTTP_TRASH_LEN      (64u << 10)
#define ELO_HTTP_DATE_FIELD_LEN 37 /* "Date: …" CR LF */
#define ELO_HTTP_CHUNK_HEAD_LEN 20 /* 16 digits, CR LF, NUL */
#define ELO_HTTP_MAGIC          0x48545450u

typedef enum {
    ELO_CONN_HEAD,
    ELO_CONN_EXCHANGE,
    ELO_CONN_DRAIN,
    ELO_CONN_LAST,
    ELO_CONN_LINGER
} elo_conn_state_t;

/* A socket of either kind; all that isn't said of one kind is said of stream. */
typedef union {
    uv_stream_t stream;
    uv_pipe_t pipe;
    uv_tcp_t tcp;
} elo_http_uv_t;

struct elo_http_server_s {
    elo_http_cfg_t cfg;
    char *path;     /* NULL: TCP */
    uint64_t inode; /* of the socket's name: another's is not unlinked */
    elo_loop_t *loop;
    elo_http_handler_t *handler;
    elo_http_uv_t listener;
    uv_timer_t tick; /* looks for timeouts */
    uv_idle_t idle;  /* runs the kicked connections */
    unsigned n_handles;
    uint32_t n_conns;
    elo_http_req_t *conns;
    elo_http_req_t *kicked_first;
    elo_http_req_t *kicked_last;
    size_t corked;     /* bytes that leave when the loop's turn is over */
    bool is_turn_over; /* they are leaving */
    bool has_waiting;  /* a connection waits to be accepted */
    uint64_t shed_ms;  /* when a body was last cut that is still going, or 0 */
    uint64_t shed_told_ms; /* when the log heard of it last; 0: never */
    bool is_draining;
    bool is_ending;
    uint64_t cut_at_ms; /* when draining ends by force */
    void (*done)(void *ctx);
    void *done_ctx;
    uint8_t *spare[ELO_HTTP_SPARE_BUFS];
    uint32_t n_spare;
    uint8_t *trash; /* where thrown-away bytes are read to */
    int64_t date_s; /* the second that date was made for */
    char date[ELO_HTTP_DATE_FIELD_LEN + 1];
};

struct elo_http_req_s {
    elo_http_uv_t uv; /* first: the handle is the connection */
    uint32_t magic;
    uint32_t refs; /* handle, exchange, kick, running: each one */
    elo_http_server_t *srv;
    elo_http_req_t *prev;
    elo_http_req_t *next;
    elo_http_req_t *next_kicked;
    elo_conn_state_t state;
    bool is_closed;
    bool is_kicked;
    bool is_running; /* inside conn_run */
    bool is_reading;
    bool has_eof;

    /* what came in and isn't used yet: hbuf[hpos, hlen) */
    uint8_t *hbuf;
    size_t hlen;
    size_t hpos;
    size_t hscan;       /* see elo_http_head_len */
    uint64_t since_ms;  /* of the wait that a timeout limits */
    size_t last_queued; /* by the last tick: bytes not yet written */
    uint64_t lingered;
    uint8_t peer[16]; /* address of the client, of a TCP connection */
    size_t peer_len;

    /* request */
    elo_http_head_t head;
    uint64_t begin_ms;
    size_t body_off;    /* in hbuf */
    uint64_t body_left; /* with a Content-Length */
    uint64_t drained;
    elo_http_chunk_t chunk;
    uint64_t body_ms;    /* that it was waited for lately, */
    uint64_t body_bytes; /* and what came meanwhile */
    bool is_body_done;
    bool is_body_read;  /* the read in progress goes to bbuf */
    bool is_whole;      /* all of the body is asked for */
    bool is_whole_long; /* it doesn't fit into hbuf, and goes to bbuf */
    size_t whole_len;   /* what bbuf has of it */
    bool owes_continue;
    uint8_t *bbuf;
    uint8_t *room; /* the handler's, in its place; NULL: none */
    size_t room_cap;
    elo_http_body_cb read_cb;
    void *read_ctx;

    /* response */
    int status;
    elo_buf_t fields;
    elo_buf_t standing; /* fields of any answer to this request */
    elo_buf_t out;      /* answers, or the head of one, to be written */
    elo_buf_t flight;   /* what libuv is writing */
    bool is_writing;    /* flight, or a piece, is libuv's until write is done */
    bool is_streaming;
    bool is_open;       /* streaming without a length */
    bool is_chunked;    /* and in chunks */
    bool is_head_alone; /* out is but a head that waits for its first piece */
    bool must_close;
    bool has_piece; /* between elo_http_res_write and its done */
    bool is_piece_sent;
    elo_slice_t piece; /* the handler's */
    size_t room_at;    /* what out had before elo_http_res_room */
    char chunk_head[ELO_HTTP_CHUNK_HEAD_LEN];
    uint64_t res_left;
    elo_http_diverted_cb diverted_cb; /* NULL: the client gets it */
    elo_http_written_cb written_cb;
    void *diverted_ctx, *written_ctx;
    uv_write_t write;
    uv_write_t write_continue;
    uv_shutdown_t shutdown;
};

/* http_conn.c */
elo_err_t elo_conn_open(elo_http_server_t *s) ELO_MUST_USE;
void elo_conn_close(elo_http_req_t *c);
void elo_conn_unref(elo_http_req_t *c);
void elo_conn_service(elo_http_req_t *c); /* of a kick */
/* Goes on with whatever the connection's state lets it do. */
void elo_conn_run(elo_http_req_t *c);
/* The response is complete in out or on its way: ends the exchange. */
void elo_conn_exchange_end(elo_http_req_t *c);
void elo_conn_tick(elo_http_req_t *c, uint64_t now);
/* Of a body that is waited for: how long lately, and what came. False: it isn't. */
bool elo_conn_body_pace(const elo_http_req_t *c, uint64_t now, uint64_t *ms,
                        uint64_t *bytes);

/* http_body.c */
void elo_conn_start_reading(elo_http_req_t *c);
void elo_conn_service_body(elo_http_req_t *c);
void elo_conn_drain_body(elo_http_req_t *c); /* then goes on to HEAD or LAST */

/* http_server.c */
void elo_http_kick(elo_http_req_t *c);
void elo_http_conn_gone(elo_http_server_t *s);
const char *elo_http_date_field(elo_http_server_t *s);
uint8_t *elo_http_take_piece_buf(elo_http_server_t *s);
void elo_http_put_piece_buf(elo_http_server_t *s, uint8_t *buf);

/* http_res.c */
/* Writes what is in out, and the piece that waits: at once, or with is_writing
   set until it is done. */
void elo_res_flush(elo_http_req_t *c);
/* No body goes out: HEAD, 204, 304. */
bool elo_res_is_bare(const elo_http_req_t *c);
/* Ends the write of a piece: tells the handler. */
void elo_res_piece_done(elo_http_req_t *c, elo_err_t err);
/* Answers in the server's own name and closes. */
void elo_res_refuse(elo_http_req_t *c, int status, const char *why);

#endif
