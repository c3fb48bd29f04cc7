/* SPDX-License-Identifier: BSD-2-Clause */
/* hls: prints HTTP Live Streaming playlists (RFC 8216 and its successor draft,
   protocol version 7, fMP4 segments). URIs are relative to
   /api/manifest/{content-id}/: "hls.m3u8" is the multivariant playlist,
   "{track}.m3u8" a media playlist, "{version}/{track}/init.mp4" and
   "{version}/{track}/{n}.m4s" (n from 1) its parts. */
#ifndef ELO_MANIFEST_HLS_H
#define ELO_MANIFEST_HLS_H

#include "common/base/buf.h"
#include "common/manifest/model.h"

/* Appends the multivariant playlist: each video with the audio group, or the
   audio alone when there is no video; several audios are languages to choose
   from, never variants. ELO_EINVAL when m has no track. */
elo_err_t elo_hls_master(const elo_media_t *m, elo_buf_t *out) ELO_MUST_USE;

/* Appends the media playlist of one track (VOD, closed by ENDLIST). The printed
   durations add up to the rounded duration of the whole track. ELO_EINVAL when
   its timescale is 0. */
elo_err_t elo_hls_media(const elo_media_t *m, const elo_media_track_t *t,
                        elo_buf_t *out) ELO_MUST_USE;

#endif
