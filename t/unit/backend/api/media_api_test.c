/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api: the indexing of blobs (media_jobs), and what the Doorway
   is told of streaming (media_api, media_set). The indexer is a child of this
   very program: main behaves as one when it is called like one, and what a blob
   starts with tells it how to end. Media are made by ffmpeg. */
#include "t/unit/backend/api/api_client.h"

#include <fcntl.h>
#include <time.h>

#include "backend/api/media_set.h"
#include "backend/media/index_child.h"
#include "backend/media/indexer.h"
#include "backend/os/child.h"
#include "common/base/num.h"
#include "common/http/wire.h"

#define TRIES_FILE "/tmp/elo-media-tries-%ld"
#define TRIES      2000 /* of 5 ms */


/* ---- the child ---- */

static uint8_t *
read_input(size_t *len)
{
    struct stat st;
    uint8_t *p;

    if (fstat(ELO_CHILD_IN_FD, &st) != 0) {
        _exit(9);
    }
    *len = (size_t) st.st_size;
    p = malloc(*len + 1);
    if (pread(ELO_CHILD_IN_FD, p, *len, 0) != (ssize_t) *len) {
        _exit(9);
    }
    return p;
}


static void
say(const void *p, size_t len)
{
    while (len != 0) {
        ssize_t n = write(ELO_CHILD_OUT_FD, p, len);

        if (n <= 0) {
            _exit(9);
        }
        p = (const uint8_t *) p + n;
        len -= (size_t) n;
    }
}


static void
index_for_real(elo_slice_t file, const char *target_ms)
{
    elo_indexer_cfg_t cfg = { .target_ms = (uint32_t) atoi(target_ms) };
    const char *reason = NULL;
    size_t room = 32u << 20;
    void *mem = malloc(room);
    elo_buf_t out;

    elo_buf_init(&out, 32u << 20);
    elo_buf_put_u8(&out, ELO_MEDIA_READY);
    if (elo_indexer_run(file, &cfg, mem, room, &out, &reason) != ELO_OK) {
        elo_buf_clear(&out);
        elo_buf_put_u8(&out, ELO_MEDIA_NONE);
        elo_buf_put_str(&out, reason);
    }
    say(out.p, out.len);
}


static bool
starts(elo_slice_t s, const char *word)
{
    return elo_slice_has_prefix(s, elo_slice_str(word));
}


/* Leaves a byte for each try in a file that goes by the test's process. */
static void
count_try(void)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), TRIES_FILE, (long) getppid());
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(fd, "x", 1) != 1) {
        _exit(9);
    }
    close(fd);
}


static int
child_main(char **argv)
{
    elo_slice_t file;
    size_t len;

    file.p = read_input(&len);
    file.len = len;
    if (starts(file, "DIE")) {
        raise(SIGKILL);
    } else if (starts(file, "TERM")) {
        count_try();
        raise(SIGTERM);
    } else if (starts(file, "HANG")) {
        for (;;) {
            pause();
        }
    } else if (starts(file, "EXIT")) {
        _exit(3);
    } else if (starts(file, "WHY ")) {
        say("\x03", 1);
        say(file.p + 4, file.len - 4);
    } else if (starts(file, "LIE")) {
        say("\x01"
            "ELMX and what is no index",
            26);
    } else if (starts(file, "ESCAPE")) {
        say("\x03\x1b[31mred", 9);
    } else if (starts(file, "SILENT")) {
        _exit(0);
    } else {
        index_for_real(file, argv[2]);
    }
    _exit(0);
}


/* ---- helpers ---- */

typedef struct {
    answer_t r;
    elo_media_desc_t d;
} media_t;


static int
ask_media(const api_t *a, const char *id, media_t *m)
{
    char target[128];

    snprintf(target, sizeof(target), "/internal/v1/media/%s", id);
    m->r = api_get(a, target, "");
    if (m->r.status == 200) {
        assert_string_equal(header_of(&m->r, "Content-Type"), ELO_WIRE_TYPE);
        assert_int_equal(
            elo_wire_get_media(elo_slice(m->r.body, m->r.len), &m->d), ELO_OK);
    }
    return m->r.status;
}


static bool
is_current(const api_t *a, const elo_wire_head_t *h)
{
    return elo_gen_load(elo_store_gen(a->store), h->slot) == h->generation;
}


/* Asks until the answer is not "pending" any more. As long as it is, it may be
   kept by the Doorway only until it is revoked. */
static void
wait_media(const api_t *a, const char *id, media_t *m)
{
    for (int i = 0; i < TRIES; i++) {
        elo_wire_head_t head;

        assert_int_equal(ask_media(a, id, m), 200);
        if (m->d.status != ELO_MEDIA_PENDING) {
            return;
        }
        head = m->d.head;
        answer_free(&m->r);
        for (; i < TRIES && is_current(a, &head); i++) {
            api_sleep_ms(5);
        }
    }
    fail_msg("%s stays pending", id);
}


static void
put_node(const api_t *a, const char *id, const char *blobs)
{
    char json[2048], target[128];
    answer_t r;

    snprintf(json, sizeof(json),
             "{\"title\":\"A film\",\"reach\":\"commons\",\"blobs\":[%s]}",
             blobs);
    snprintf(target, sizeof(target), "/api/content/%s", id);
    r = api_post(a, "PUT", target, json);
    assert_true(r.status == 201 || r.status == 200);
    answer_free(&r);
}


static void
put_film(const api_t *a, const char *id, const void *p, size_t len)
{
    char blob[256];

    snprintf(blob, sizeof(blob), "{\"hash\":\"%s\"}",
             api_put(a, "video/mp4", p, len));
    put_node(a, id, blob);
}


/* ---- tests ---- */

static void
test_failures(void **state)
{
    static const struct {
        const char *blob;
        const char *reason;
    } cases[] = {
        { "DIE", "the indexer died (signal 9)" },
        { "EXIT", "the indexer failed (status 3)" },
        { "HANG", "indexing it took longer than 1 seconds" },
        { "WHY it is no MP4 file", "it is no MP4 file" },
        { "LIE", "the indexer made nothing that can be used" },
        { "ESCAPE", "the indexer made nothing that can be used" },
        { "SILENT", "the indexer said nothing" },
    };
    const api_t *a = *state;
    char id[32], want[128], target[160];
    const char *canon;
    media_t m;
    answer_t r;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        snprintf(id, sizeof(id), "film%zu", i);
        put_film(a, id, cases[i].blob, strlen(cases[i].blob));
    }
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        snprintf(id, sizeof(id), "film%zu", i);
        canon = canon_of(cases[i].blob, strlen(cases[i].blob));
        snprintf(want, sizeof(want), "%.15s: %s", canon, cases[i].reason);
        wait_media(a, id, &m);
        assert_int_equal(m.d.status, ELO_MEDIA_NONE);
        if (!elo_slice_eq(m.d.reason, elo_slice_str(want))) {
            fail_msg("%s: %.*s", cases[i].blob, (int) m.d.reason.len,
                     (const char *) m.d.reason.p);
        }
        answer_free(&m.r);
        /* the bytes are served all the same */
        snprintf(target, sizeof(target), "/api/blob/%s", canon);
        assert_int_equal(api_status(a, "GET", target, ""), 200);
        snprintf(target, sizeof(target), "/api/blob/%s/status", canon);
        r = api_get(a, target, "");
        assert_true(body_has(&r, cases[i].reason));
        assert_true(body_has(&r, "\"status\":\"none\""));
        answer_free(&r);
    }
}


/* A failure is kept, not repeated, until the content is published again. */
static void
test_no_retry(void **state)
{
    const api_t *a = *state;
    media_t m;

    put_film(a, "film", "DIE", 3);
    wait_media(a, "film", &m);
    answer_free(&m.r);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_media(a, "film", &m), 200);
        assert_int_equal(m.d.status, ELO_MEDIA_NONE);
        answer_free(&m.r);
    }
    put_film(a, "film", "DIE", 3);
    assert_false(is_current(a, &m.d.head));
    wait_media(a, "film", &m);
    assert_int_equal(m.d.status, ELO_MEDIA_NONE);
    answer_free(&m.r);
}


static uint64_t
n_tries(void)
{
    char path[160];
    struct stat st;

    snprintf(path, sizeof(path), TRIES_FILE, (long) getpid());
    return stat(path, &st) == 0 ? (uint64_t) st.st_size : 0;
}


static void
drop_tries(void)
{
    char path[64];

    snprintf(path, sizeof(path), TRIES_FILE, (long) getpid());
    unlink(path);
}


static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


/* An indexer that was ended from outside, as with its daemon by a terminal or a
   service manager, says nothing of the blob: that is tried again, but not for
   every question at once. */
static void
test_tried_again(void **state)
{
    const api_t *a = *state;
    uint64_t began = now_ms();
    uint64_t tries, size;
    elo_digest_t d;
    uint8_t status;
    media_t m;

    put_film(a, "film", "TERM", 4);
    assert_int_equal(elo_addr_parse(elo_slice_str(canon_of("TERM", 4)), &d),
                     ELO_OK);
    for (int i = 0; i < TRIES && n_tries() < 3; i++) {
        assert_int_equal(ask_media(a, "film", &m), 200);
        assert_int_equal(m.d.status, ELO_MEDIA_PENDING);
        answer_free(&m.r);
        tries = n_tries();
        assert_true(tries <= 1 + (now_ms() - began) / API_RETRY_MS);
        api_sleep_ms(5);
    }
    assert_true(n_tries() >= 3);
    drop_tries();
    assert_int_equal(elo_store_media_stat(a->store, &d, &status, &size, NULL),
                     ELO_ENOTFOUND);
}


static void
test_not_streamable(void **state)
{
    const api_t *a = *state;
    char blob[256];
    media_t m;

    assert_int_equal(ask_media(a, "unknown", &m), 404);
    answer_free(&m.r);
    put_node(a, "empty", "");
    assert_int_equal(ask_media(a, "empty", &m), 404); /* a draft */
    answer_free(&m.r);

    snprintf(blob, sizeof(blob), "{\"hash\":\"%s\"}",
             api_put(a, "text/plain", "abc", 3));
    put_node(a, "text", blob);
    assert_int_equal(ask_media(a, "text", &m), 200);
    assert_int_equal(m.d.status, ELO_MEDIA_NONE);
    assert_true(elo_slice_eq(m.d.reason,
                             ELO_SLICE("none of its blobs is an MP4 file")));
    answer_free(&m.r);

    put_node(a, "away",
             "{\"hash\":\"00000000000000000000000000000000000000000000000000000"
             "00000000000\",\"mimeType\":\"video/mp4\"}");
    assert_int_equal(ask_media(a, "away", &m), 200);
    assert_int_equal(m.d.status, ELO_MEDIA_NONE);
    assert_true(elo_slice_eq(m.d.reason,
                             ELO_SLICE("sha256-00000000: is not held here")));
    answer_free(&m.r);
}


/* A blob that comes after its node is found by the first question; and a daemon
   that is stopped while it indexes leaves nothing undone for ever. */
static void
test_nothing_is_lost(void **state)
{
    api_t *a = *state;
    char blob[256];
    media_t m;

    snprintf(blob, sizeof(blob), "{\"hash\":\"%s\",\"mimeType\":\"video/mp4\"}",
             canon_of("WHY late", 8));
    put_node(a, "late", blob);
    (void) api_put(a, "video/mp4", "WHY late", 8);
    wait_media(a, "late", &m);
    assert_true(elo_slice_eq(elo_slice(m.d.reason.p + m.d.reason.len - 4, 4),
                             ELO_SLICE("late")));
    answer_free(&m.r);

    for (char c = '0'; c < '6'; c++) {
        char body[] = { 'H', 'A', 'N', 'G', c };
        char id[] = { 'h', c, '\0' };

        put_film(a, id, body, sizeof(body));
    }
    api_stop(a);
    api_start(a);
    assert_int_equal(ask_media(a, "h5", &m), 200);
    assert_int_equal(m.d.status, ELO_MEDIA_PENDING);
    answer_free(&m.r);
}


static uint8_t *
make_media(const api_t *a, const char *args, size_t *len)
{
    char command[1024], path[160];
    uint8_t *p;
    FILE *f;

    snprintf(path, sizeof(path), "%s/made.mp4", a->root);
    snprintf(command, sizeof(command),
             "ffmpeg -v error -nostdin -y %s -threads 1 %s", args, path);
    assert_int_equal(system(command), 0);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *len = (size_t) ftell(f);
    rewind(f);
    p = malloc(*len);
    assert_int_equal(fread(p, 1, *len, f), *len);
    fclose(f);
    remove(path);
    return p;
}


static int
ask_recipe(const api_t *a, const char *id, const char *version,
           const char *track, const char *n, answer_t *r, elo_recipe_t *out)
{
    char target[256];

    snprintf(target, sizeof(target), "/internal/v1/recipe/%s/%s/%s/%s", id,
             version, track, n);
    *r = api_get(a, target, "");
    if (r->status == 200) {
        assert_int_equal(elo_wire_get_recipe(elo_slice(r->body, r->len), out),
                         ELO_OK);
    }
    return r->status;
}


/* Every segment of a track, and none past its end. */
static void
check_track(const api_t *a, const char *id, const char *version,
            const elo_media_track_t *t)
{
    char track[8], n[16];
    elo_recipe_t rec;
    answer_t r;

    snprintf(track, sizeof(track), "%.*s", (int) t->id.len,
             (const char *) t->id.p);
    assert_int_equal(ask_recipe(a, id, version, track, "init", &r, &rec), 200);
    assert_int_equal(rec.n_extents, 0);
    assert_memory_equal(rec.prefix.p + 4, "ftyp", 4);
    answer_free(&r);
    for (uint32_t i = 1; i <= t->n_segments; i++) {
        snprintf(n, sizeof(n), "%u", i);
        assert_int_equal(ask_recipe(a, id, version, track, n, &r, &rec), 200);
        assert_memory_equal(&rec.digest, &t->blob, sizeof(rec.digest));
        assert_true(rec.n_extents > 0);
        assert_true(elo_recipe_len(&rec) > rec.prefix.len);
        assert_true(
            elo_slice_eq(rec.content_type, t->kind == ELO_TRACK_VIDEO
                                               ? ELO_SLICE("video/mp4")
                                               : ELO_SLICE("audio/mp4")));
        assert_int_equal(rec.head.reach, ELO_REACH_COMMONS);
        answer_free(&r);
    }
    snprintf(n, sizeof(n), "%u", t->n_segments + 1);
    assert_int_equal(ask_recipe(a, id, version, track, n, &r, &rec), 404);
    answer_free(&r);
}


#define PICTURE(size) "-f lavfi -i testsrc=s=" size ":r=10:d=3 "
#define TONE(hz)      "-f lavfi -i sine=f=" hz ":d=3 "
#define AVC           "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 10 "


static void
test_ready(void **state)
{
    static const char *const names[] = {
        "v0", "144p", "v1", "96p", "a0", "English", "a1", "Portuguese (pt-BR)"
    };
    const api_t *a = *state;
    uint8_t *big, *small, *voice;
    size_t big_len, small_len, voice_len;
    char blobs[1024], version[17];
    elo_recipe_t rec;
    answer_t r;
    media_t m;
    int n;

    big = make_media(a,
                     PICTURE("256x144") TONE("440") AVC
                     "-c:a aac -metadata:s:a:0 language=eng",
                     &big_len);
    small = make_media(a,
                       PICTURE("160x96") TONE("440") AVC
                       "-c:a aac -metadata:s:a:0 language=eng",
                       &small_len);
    voice = make_media(a, TONE("880") "-c:a aac", &voice_len);
    n = snprintf(blobs, sizeof(blobs), "{\"hash\":\"%s\"}",
                 api_put(a, "video/mp4", big, big_len));
    put_node(a, "film", blobs);
    wait_media(a, "film", &m);
    assert_int_equal(m.d.status, ELO_MEDIA_READY);
    assert_int_equal(m.d.media.n_tracks, 2);
    snprintf(version, sizeof(version), "%.16s",
             (const char *) m.d.media.version.p);
    answer_free(&m.r);

    n += snprintf(blobs + n, sizeof(blobs) - (size_t) n,
                  ",{\"hash\":\"%s\",\"role\":\"variant\"}",
                  api_put(a, "video/mp4", small, small_len));
    snprintf(blobs + n, sizeof(blobs) - (size_t) n,
             ",{\"hash\":\"%s\",\"role\":\"audio\",\"language\":\"pt-BR\"}",
             api_put(a, "audio/mp4", voice, voice_len));
    put_node(a, "film", blobs);
    wait_media(a, "film", &m);
    assert_int_equal(m.d.status, ELO_MEDIA_READY);
    assert_true(elo_slice_eq(m.d.media.title, ELO_SLICE("A film")));
    assert_int_equal(m.d.reason.len, 0);
    assert_true(m.d.media.duration_ms >= 2900 && m.d.media.duration_ms <= 3300);
    assert_int_equal(m.d.media.n_tracks, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const elo_media_track_t *t = &m.d.media.tracks[i];

        assert_true(elo_slice_eq(t->id, elo_slice_str(names[2 * i])));
        assert_true(elo_slice_eq(t->name, elo_slice_str(names[2 * i + 1])));
        assert_int_equal(t->kind, i < 2 ? ELO_TRACK_VIDEO : ELO_TRACK_AUDIO);
        assert_true(t->n_segments >= 3);
    }

    /* other blobs, another version; and of the old one no segment */
    assert_memory_not_equal(m.d.media.version.p, version, 16);
    assert_int_equal(ask_recipe(a, "film", version, "v0", "1", &r, &rec), 404);
    answer_free(&r);
    snprintf(version, sizeof(version), "%.16s",
             (const char *) m.d.media.version.p);
    for (uint32_t i = 0; i < 4; i++) {
        check_track(a, "film", version, &m.d.media.tracks[i]);
    }
    assert_int_equal(ask_recipe(a, "film", version, "v2", "1", &r, &rec), 404);
    answer_free(&r);
    assert_int_equal(ask_recipe(a, "other", version, "v0", "1", &r, &rec), 404);
    answer_free(&r);
    answer_free(&m.r);
    free(voice);
    free(small);
    free(big);
}


static void
test_language_names(void **state)
{
    static const struct {
        const char *tag;
        const char *name;
    } cases[] = {
        { "", "Audio" },     { "en", "English" },
        { "EN", "English" }, { "pt-BR", "Portuguese (pt-BR)" },
        { "tlh", "tlh" },    { "e", "e" },
        { "-", "-" },
    };
    char name[ELO_MEDIA_NAME_MAX + 1];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_media_language_name(elo_slice_str(cases[i].tag), name);
        assert_string_equal(name, cases[i].name);
    }
}


int
main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_failures),
        TEST(test_no_retry),
        TEST(test_tried_again),
        TEST(test_not_streamable),
        TEST(test_nothing_is_lost),
        TEST(test_ready),
        cmocka_unit_test(test_language_names),
    };

    if (argc == 4 && strcmp(argv[1], ELO_INDEX_CHILD_ARG) == 0) {
        return child_main(argv);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
