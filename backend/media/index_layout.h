/* SPDX-License-Identifier: BSD-2-Clause */
/* index_layout: byte offsets of a media index, for its writer and its reader.
   The table with meanings is docs/formats/media-index.md. */
#ifndef ELO_MEDIA_INDEX_LAYOUT_H
#define ELO_MEDIA_INDEX_LAYOUT_H

#include "common/base/slice.h"

#define ELO_INDEX_MAGIC   "ELMX"
#define ELO_INDEX_VERSION 1

/* header */
#define ELO_INDEX_OFF_VERSION  4
#define ELO_INDEX_OFF_N_TRACKS 6
#define ELO_INDEX_OFF_HEAD_LEN 8
#define ELO_INDEX_OFF_CRC      12
#define ELO_INDEX_OFF_TOTAL    16 /* the checksum covers from here on */
#define ELO_INDEX_OFF_SOURCE   24
#define ELO_INDEX_OFF_DURATION 32
#define ELO_INDEX_OFF_RESERVED 40
#define ELO_INDEX_HEADER_LEN   48

/* track */
#define ELO_INDEX_TRACK_KIND         0
#define ELO_INDEX_TRACK_CODEC_LEN    1
#define ELO_INDEX_TRACK_LANGUAGE_LEN 2
#define ELO_INDEX_TRACK_RESERVED     3
#define ELO_INDEX_TRACK_CODEC        4
#define ELO_INDEX_TRACK_LANGUAGE     52
#define ELO_INDEX_TRACK_WIDTH        88
#define ELO_INDEX_TRACK_HEIGHT       90
#define ELO_INDEX_TRACK_FPS_NUM      92
#define ELO_INDEX_TRACK_FPS_DEN      96
#define ELO_INDEX_TRACK_SAMPLE_RATE  100
#define ELO_INDEX_TRACK_CHANNELS     104
#define ELO_INDEX_TRACK_RESERVED2    106
#define ELO_INDEX_TRACK_TIMESCALE    108
#define ELO_INDEX_TRACK_AVG_BPS      112
#define ELO_INDEX_TRACK_PEAK_BPS     116
#define ELO_INDEX_TRACK_START        120
#define ELO_INDEX_TRACK_N_SEGMENTS   128
#define ELO_INDEX_TRACK_TABLE_OFF    132
#define ELO_INDEX_TRACK_INIT_OFF     136
#define ELO_INDEX_TRACK_INIT_LEN     144
#define ELO_INDEX_TRACK_RESERVED3    148
#define ELO_INDEX_TRACK_LEN          152

#define ELO_INDEX_CODEC_MAX    48
#define ELO_INDEX_LANGUAGE_MAX 36

/* segment table: n durations, then n places of recipes */
#define ELO_INDEX_DURATION_LEN 4
#define ELO_INDEX_PLACE_LEN    12 /* offset 8, length 4 */
#define ELO_INDEX_SEGMENT_LEN  (ELO_INDEX_DURATION_LEN + ELO_INDEX_PLACE_LEN)

/* recipe: prefix_len 4, prefix, n_extents 4, extents */
#define ELO_INDEX_EXTENT_LEN 16
#define ELO_INDEX_RECIPE_MIN 8

/* CRC-32 as in Ethernet and zlib (reflected 0xEDB88320): against bit rot and
   half-written files, not against malice. */
uint32_t elo_index_crc(elo_slice_t s);

#endif
