/* SPDX-License-Identifier: BSD-2-Clause */
/* tus: connections that break, clients that come again, a daemon that starts
   again. */
#include "t/unit/backend/api/tus_client.h"


/* Begins a PATCH of len bytes and sends part of them. */
static int
begin_patch(const api_t *a, const char *url, uint64_t offset,
            const char *headers, const uint8_t *p, size_t len, size_t part)
{
    char head[512];
    int fd = api_connect(a);

    snprintf(head, sizeof(head),
             "PATCH %s HTTP/1.1\r\nHost: x\r\n" TUS BYTES
             "Upload-Offset: %llu\r\nContent-Length: %zu\r\n%s\r\n",
             url, (unsigned long long) offset, len, headers);
    assert_true(api_send(fd, head, strlen(head)));
    assert_true(api_send(fd, p, part));
    return fd;
}


/* The client goes: what came is kept, and it goes on from there. */
static void
test_broken(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    uint64_t offset = 0;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    for (size_t part = 1; part < BIG - offset; part = part * 4 + 50000) {
        size_t left = (size_t) (BIG - offset);
        uint64_t now;

        close(begin_patch(a, url, offset, "", p + offset, left, part));
        now = offset_of(a, url);
        assert_true(now >= offset && now <= offset + part);
        offset = now;
    }
    assert_int_equal(
        patch_status(a, url, offset, "", p + offset, (size_t) (BIG - offset)),
        204);
    check_blob(a, p, BIG);
    free(p);
}


/* Every byte that came is kept, however the connection ended. */
static void
test_kept(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    elo_upload_stat_t st;
    char url[128];

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    close(begin_patch(a, url, 0, "", p, BIG, 3333333));
    do {
        api_sleep_ms(2);
        assert_int_equal(
            elo_upload_stat(a->store,
                            elo_slice_str(url + strlen("/api/upload/")), &st),
            ELO_OK);
    } while (st.offset == 0);
    assert_int_equal(st.offset, 3333333);
    assert_int_equal(offset_of(a, url), 3333333);
    free(p);
}


/* With a checksum a part counts for nothing. */
static void
test_broken_checksum(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(400000);
    char url[128], field[200];

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 400000\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", p, 1000), 204);
    snprintf(field, sizeof(field), "%s", checksum("sha1", p + 1000, 399000));
    close(begin_patch(a, url, 1000, field, p + 1000, 399000, 300000));
    assert_int_equal(offset_of(a, url), 1000);
    assert_int_equal(patch_status(a, url, 1000, field, p + 1000, 399000), 204);
    check_blob(a, p, 400000);
    free(p);
}


/* A client that comes again while its old connection hangs takes over. */
static void
test_take_over(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    uint64_t offset;
    int fd[2];
    char byte;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    fd[0] = begin_patch(a, url, 0, "", p, BIG, 3000000);
    offset = offset_of(a, url); /* has cut the first off */
    assert_true(offset <= 3000000);
    assert_true(recv(fd[0], &byte, 1, 0) <= 0);
    fd[1] = begin_patch(a, url, offset, "", p + offset, (size_t) (BIG - offset),
                        100000);
    do {
        /* until the second one is the one that goes */
        assert_int_equal(patch_status(a, url, 0, "", p, 0),
                         offset == 0 ? 204 : 409);
    } while (recv(fd[1], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    offset = offset_of(a, url);
    assert_int_equal(
        patch_status(a, url, offset, "", p + offset, (size_t) (BIG - offset)),
        204);
    check_blob(a, p, BIG);
    close(fd[0]);
    close(fd[1]);
    /* ended while it is written to */
    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    fd[0] = begin_patch(a, url, 0, "", p, BIG, 1000000);
    assert_int_equal(api_status(a, "DELETE", url, TUS), 204);
    assert_int_equal(api_status(a, "HEAD", url, TUS), 410);
    close(fd[0]);
    free(p);
}


/* The daemon ends and starts again in the midst of it. */
static void
test_restart(void **state)
{
    api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    int fd;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", p, 1234567), 204);
    api_stop(a);
    api_start(a);
    assert_int_equal(offset_of(a, url), 1234567);
    assert_int_equal(patch_status(a, url, 1234567, "", p + 1234567, 1000000),
                     204);
    fd = begin_patch(a, url, 2234567, "", p + 2234567, BIG - 2234567, 500000);
    close(fd);
    api_stop(a);
    api_start(a);
    uint64_t offset = offset_of(a, url);

    assert_true(offset >= 2234567 && offset <= 2734567);
    assert_int_equal(
        patch_status(a, url, offset, "", p + offset, (size_t) (BIG - offset)),
        204);
    check_blob(a, p, BIG);
    api_stop(a);
    api_start(a);
    assert_int_equal(offset_of(a, url), BIG);
    free(p);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_broken),    TEST(test_kept),    TEST(test_broken_checksum),
        TEST(test_take_over), TEST(test_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
