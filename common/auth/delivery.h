/* SPDX-License-Identifier: BSD-2-Clause */
/* delivery: what media a client is offered, by the reach of the content and the class
   of his connection. Pure. Thresholds and table: docs/architecture.md, "Delivery".
   Spec: Network Information API (WICG), 5 (Downlink, ECT); Save Data API (WICG), 2;
   RFC 8942. */
#ifndef ELO_AUTH_DELIVERY_H
#define ELO_AUTH_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/auth/reach.h"
#include "common/base/slice.h"

/* Ordered: a faster class is a larger number. */
typedef enum {
    ELO_CLASS_UNKNOWN = 0, /* nothing is known: nothing is held back */
    ELO_CLASS_LOW = 1,
    ELO_CLASS_MEDIUM = 2,
    ELO_CLASS_HIGH = 3,
    ELO_CLASS_ULTRA = 4
} elo_class_t;

#define ELO_CLASS_COUNT 5

/* Static lower-case name; NULL for UNKNOWN and for a number that is none. */
const char *elo_class_name(elo_class_t c);

/* Exact lower-case name; UNKNOWN for anything else. */
elo_class_t elo_class_parse(elo_slice_t name);

/* The lower of two, of which UNKNOWN says nothing: that of the client and that of the
   source, or what was declared and what was measured. */
elo_class_t elo_class_lower(elo_class_t a, elo_class_t b);

/* The slowest class that is offered as much as fits: of 2, 6, 25 Mbit/s and more. */
elo_class_t elo_class_of(uint64_t bps);

/* What a request says of its connection; empty: nothing. */
typedef struct {
    elo_slice_t bw;        /* ?bw=: a class, or Mbit/s as Downlink has them */
    elo_slice_t downlink;  /* Mbit/s, a decimal */
    elo_slice_t ect;       /* slow-2g, 2g, 3g, 4g */
    elo_slice_t save_data; /* on */
} elo_declared_t;

/* bw, which is put there on purpose, else the lowest of the others; what is not
   well-formed says nothing. */
elo_class_t elo_class_declared(const elo_declared_t *d);

typedef struct {
    bool is_refused;
    uint32_t max_height; /* lines of a video; 0: any */
    uint64_t max_bps;    /* of video and audio together, bit/s; 0: any */
} elo_delivery_t;

/* Nothing is refused to UNKNOWN, and nothing held back. A class that was measured may
   bound what is offered; only one that was declared may refuse. */
elo_delivery_t elo_delivery(elo_reach_t reach, elo_class_t c);

/* Is it sound or moving pictures, to which alone the table applies? */
bool elo_delivery_is_media(elo_slice_t content_type);

#endif
