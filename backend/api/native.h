/* SPDX-License-Identifier: BSD-2-Clause */
/* native: the API for programs of this machine that come past the Doorway, on
   loopback TCP. It finds out who asks (bearer.h), and keeps pages of other sites
   out, which a browser on this machine would carry here: a request must name this
   listener as its Host (else a name that was bound anew to 127.0.0.1 would do), and
   one that has an Origin from elsewhere may not write, nor read what it gets.
   Spec: Fetch standard, CORS protocol; RFC 9110, 7.2. */
#ifndef ELO_API_NATIVE_H
#define ELO_API_NATIVE_H

#include "backend/api/api_internal.h"
#include "common/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct elo_native_s elo_native_t;

void elo_native_free(elo_native_t **n);

/* Serves a request of this listener from its beginning, when what it needs in the audit
   log is there (audit_hold.c). */
void elo_native_serve_recorded(elo_api_t *a, elo_http_req_t *req);

/* Does a Host name this listener? own: its address in numbers. Pure. */
bool elo_native_host_ok(elo_slice_t host, const char *own, uint16_t port);

/* Is an Origin of this machine, or on the list (with commas)? "null" is nobody's.
   Pure. */
bool elo_native_origin_ok(elo_slice_t origin, elo_slice_t list);

#endif
