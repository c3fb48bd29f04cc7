/* SPDX-License-Identifier: BSD-2-Clause */
/* fixture: one description of two video renditions and two languages, for the
   tests of the printers. */
#ifndef ELO_T_UNIT_MANIFEST_FIXTURE_H
#define ELO_T_UNIT_MANIFEST_FIXTURE_H

#include "common/manifest/model.h"

/* 90000 units a second: 6 s, 6 s, 6 s, 1.5 s */
static const uint8_t video_durations[] = { 0, 8, 0x3d, 0x60, 0, 8, 0x3d, 0x60,
                                           0, 8, 0x3d, 0x60, 0, 2, 0x0f, 0x58 };

/* 48000 units a second: 288768, 287744, 288768, 69632 (AAC frames of 1024) */
static const uint8_t audio_durations[] = { 0, 4, 0x68, 0, 0, 4, 0x64, 0,
                                           0, 4, 0x68, 0, 0, 1, 0x10, 0 };

static inline elo_media_track_t
fixture_video(const char *id, uint16_t w, uint16_t h, uint32_t bps)
{
    return (elo_media_track_t){
        .kind = ELO_TRACK_VIDEO,
        .id = elo_slice_str(id),
        .codec = ELO_SLICE("avc1.64001f"),
        .width = w,
        .height = h,
        .frame_rate_num = 30000,
        .frame_rate_den = 1001,
        .timescale = 90000,
        .avg_bps = bps / 2,
        .peak_bps = bps,
        .n_segments = 4,
        .durations = video_durations,
    };
}


static inline elo_media_track_t
fixture_audio(const char *id, const char *language, const char *name)
{
    return (elo_media_track_t){
        .kind = ELO_TRACK_AUDIO,
        .id = elo_slice_str(id),
        .codec = ELO_SLICE("mp4a.40.2"),
        .language = elo_slice_str(language),
        .name = elo_slice_str(name),
        .sample_rate = 48000,
        .channels = 2,
        .timescale = 48000,
        .avg_bps = 96000,
        .peak_bps = 128000,
        .n_segments = 4,
        .durations = audio_durations,
    };
}


static inline elo_media_t
fixture_media(void)
{
    elo_media_t m = {
        .title = ELO_SLICE("Bees"),
        .version = ELO_SLICE("00112233aabbccdd"),
        .duration_ms = 19500,
        .n_tracks = 4,
    };

    m.tracks[0] = fixture_video("v0", 1280, 720, 3000000);
    m.tracks[1] = fixture_video("v1", 640, 360, 800000);
    m.tracks[2] = fixture_audio("a0", "en", "English");
    m.tracks[3] = fixture_audio("a1", "de", "");
    return m;
}

#endif
