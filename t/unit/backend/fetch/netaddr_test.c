/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/fetch/netaddr: each row of the registries, its first and last
   address, and the ones beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/fetch/netaddr.h"
#include "common/base/num.h"
#include "t/unit/guard.h"


static elo_netaddr_t
addr(const char *text)
{
    elo_netaddr_t a;

    if (elo_netaddr_read(elo_slice_str(text), &a) != ELO_OK) {
        fail_msg("\"%s\" isn't read", text);
    }
    return a;
}


static const struct {
    const char *text;
    const char *what; /* NULL: public */
} special[] = {
    /* RFC 6890 and the registry of IPv4 */
    { "0.0.0.0", "this host" },
    { "0.255.255.255", "this host" },
    { "1.0.0.0", NULL },
    { "9.255.255.255", NULL },
    { "10.0.0.0", "private" },
    { "10.255.255.255", "private" },
    { "11.0.0.0", NULL },
    { "100.63.255.255", NULL },
    { "100.64.0.0", "shared (CGNAT)" },
    { "100.100.100.200", "shared (CGNAT)" }, /* a metadata service */
    { "100.127.255.255", "shared (CGNAT)" },
    { "100.128.0.0", NULL },
    { "126.255.255.255", NULL },
    { "127.0.0.0", "loopback" },
    { "127.0.0.1", "loopback" },
    { "127.255.255.255", "loopback" },
    { "128.0.0.0", NULL },
    { "168.63.129.15", NULL },
    { "168.63.129.16", "metadata service" },
    { "168.63.129.17", NULL },
    { "169.253.255.255", NULL },
    { "169.254.0.0", "link-local" },
    { "169.254.169.254", "link-local" }, /* metadata of most clouds */
    { "169.254.255.255", "link-local" },
    { "169.255.0.0", NULL },
    { "172.15.255.255", NULL },
    { "172.16.0.0", "private" },
    { "172.31.255.255", "private" },
    { "172.32.0.0", NULL },
    { "191.255.255.255", NULL },
    { "192.0.0.0", "protocol assignment" },
    { "192.0.0.192", "protocol assignment" }, /* a metadata service */
    { "192.0.0.255", "protocol assignment" },
    { "192.0.1.0", NULL },
    { "192.0.2.0", "documentation" },
    { "192.0.2.255", "documentation" },
    { "192.0.3.0", NULL },
    { "192.88.98.255", NULL },
    { "192.88.99.0", "6to4 relay" },
    { "192.88.99.255", "6to4 relay" },
    { "192.88.100.0", NULL },
    { "192.167.255.255", NULL },
    { "192.168.0.0", "private" },
    { "192.168.255.255", "private" },
    { "192.169.0.0", NULL },
    { "198.17.255.255", NULL },
    { "198.18.0.0", "benchmarking" },
    { "198.19.255.255", "benchmarking" },
    { "198.20.0.0", NULL },
    { "198.51.99.255", NULL },
    { "198.51.100.0", "documentation" },
    { "198.51.100.255", "documentation" },
    { "198.51.101.0", NULL },
    { "203.0.112.255", NULL },
    { "203.0.113.0", "documentation" },
    { "203.0.113.255", "documentation" },
    { "203.0.114.0", NULL },
    { "223.255.255.255", NULL },
    { "224.0.0.0", "multicast" },
    { "239.255.255.255", "multicast" },
    { "240.0.0.0", "reserved" },
    { "255.255.255.255", "reserved" },
    /* of IPv6 */
    { "::", "unspecified" },
    { "::1", "loopback" },
    { "::2", "IPv4-compatible" },
    { "::127.0.0.1", "IPv4-compatible" },
    { "::8.8.8.8", "IPv4-compatible" },
    { "64:ff9b:1::", "local NAT64" },
    { "64:ff9b:1:ffff::8.8.8.8", "local NAT64" },
    { "100::", "discard" },
    { "100::1", "discard" },
    { "100:0:0:1::", "reserved" },
    { "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved" },
    { "2000::", NULL },
    { "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2001::", "protocol assignment" }, /* Teredo */
    { "2001:0:7f00:1::", "protocol assignment" },
    { "2001:20::", "protocol assignment" }, /* ORCHIDv2 */
    { "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignment" },
    { "2001:200::", NULL },
    { "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "2001:db8::", "documentation" },
    { "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation" },
    { "2001:db9::", NULL },
    { "2002::", "6to4" },
    { "2002:7f00:1::1", "6to4" },
    { "2002:808:808::1", "6to4" },
    { "2003::", NULL },
    { "2606:4700:4700::1111", NULL },
    { "2620:4f:8000::", NULL }, /* AS112: reachable */
    { "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
    { "3fff::", "documentation" },
    { "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation" },
    { "3fff:1000::", NULL },
    { "4000::", "reserved" },
    { "5f00::", "segment routing" },
    { "fbff::", "reserved" },
    { "fc00::", "private" },
    { "fd00:ec2::254", "private" }, /* a metadata service */
    { "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private" },
    { "fe00::", "reserved" },
    { "fe80::", "link-local" },
    { "fe80::1", "link-local" },
    { "febf:ffff::", "link-local" },
    { "fec0::", "site-local" },
    { "feff::", "site-local" },
    { "ff00::", "multicast" },
    { "ff02::1", "multicast" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast" },
    /* IPv4 within IPv6 */
    { "::ffff:127.0.0.1", "loopback" },
    { "::ffff:7f00:1", "loopback" },
    { "::ffff:10.1.2.3", "private" },
    { "::ffff:169.254.169.254", "link-local" },
    { "::ffff:0.0.0.0", "this host" },
    { "::ffff:8.8.8.8", NULL },
    { "::ffff:0:127.0.0.1", "reserved" }, /* RFC 2765's translated form */
    { "::fffe:8.8.8.8", "reserved" },
    { "64:ff9b::127.0.0.1", "loopback" },
    { "64:ff9b::192.168.0.1", "private" },
    { "64:ff9b::169.254.169.254", "link-local" },
    { "64:ff9b::8.8.8.8", NULL },
    { "64:ff9b::1:8.8.8.8", "reserved" },
};


static void
test_special(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(special); i++) {
        elo_netaddr_t a = addr(special[i].text);
        const char *what = elo_netaddr_special(&a);

        if (special[i].what == NULL
                ? what != NULL
                : what == NULL || strcmp(what, special[i].what) != 0)
        {
            fail_msg("%s: %s, not %s", special[i].text,
                     what != NULL ? what : "public",
                     special[i].what != NULL ? special[i].what : "public");
        }
    }
}


static void
test_read(void **state)
{
    static const struct {
        const char *text;
        const char *full; /* NULL: it is none */
    } rows[] = {
        { "1.2.3.4", "00000000000000000000ffff01020304" },
        { "255.255.255.255", "00000000000000000000ffffffffffff" },
        { "::", "00000000000000000000000000000000" },
        { "::1", "00000000000000000000000000000001" },
        { "1::", "00010000000000000000000000000000" },
        { "1:2:3:4:5:6:7:8", "00010002000300040005000600070008" },
        { "1:2:3:4:5:6:7::", "00010002000300040005000600070000" },
        { "::2:3:4:5:6:7:8", "00000002000300040005000600070008" },
        { "1:2::7:8", "00010002000000000000000000070008" },
        { "ABCD:ef01::", "abcdef01000000000000000000000000" },
        { "1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304" },
        { "::1.2.3.4", "00000000000000000000000001020304" },
        { "", NULL },
        { "1", NULL },
        { "1.2.3", NULL },
        { "1.2.3.4.", NULL },
        { "1.2.3.4.5", NULL },
        { ".1.2.3", NULL },
        { "1..2.3", NULL },
        { "256.1.1.1", NULL },
        { "1.2.3.0004", NULL },
        { "01.2.3.4", NULL }, /* octal to some */
        { "0x7f.0.0.1", NULL },
        { "2130706433", NULL },
        { " 1.2.3.4", NULL },
        { "1.2.3.4 ", NULL },
        { ":", NULL },
        { ":::", NULL },
        { "1:", NULL },
        { ":1", NULL },
        { "::1::", NULL },
        { "1:2:3:4:5:6:7", NULL },
        { "1:2:3:4:5:6:7:8:9", NULL },
        { "1:2:3:4:5:6:7:8::", NULL },
        { "::1:2:3:4:5:6:7:8", NULL },
        { "1:2:3:4::5:6:7:8", NULL },
        { "12345::", NULL },
        { "g::", NULL },
        { "1:2:3:4:5:6:7:1.2.3.4", NULL },
        { "1.2.3.4::", NULL },
        { "::1.2.3", NULL },
        { "fe80::1%eth0", NULL },
        { "[::1]", NULL },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t text = elo_slice_str(rows[i].text);
        char hex[33] = "";
        elo_netaddr_t a;
        elo_err_t rc = elo_netaddr_read(text, &a);

        for (size_t k = 0; rc == ELO_OK && k < sizeof(a.b); k++) {
            snprintf(hex + 2 * k, 3, "%02x", a.b[k]);
        }
        if (rows[i].full == NULL ? rc != ELO_EINVAL
                                 : strcmp(hex, rows[i].full) != 0) {
            fail_msg("\"%s\": %d %s", rows[i].text, rc, hex);
        }
    }
}


/* Nothing is read behind the end: each prefix of each text at a guarded page. */
static void
test_prefixes(void **state)
{
    static const char *const texts[] = {
        "255.255.255.255", "1:22:333:4444:5:6:7:8", "1:2:3:4:5:6:10.20.30.40",
        "::ffff:10.20.30.40", "10.0.0.0/8, public fd00::/8"
    };

    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(texts); i++) {
        for (size_t n = 0; n <= strlen(texts[i]); n++) {
            elo_slice_t in = guard_put(&g, elo_slice(texts[i], n));
            elo_netaddr_rule_t rule;
            elo_slice_t wrong;
            elo_netaddr_t a;

            elo_ignore(elo_netaddr_read(in, &a)); /* not to crash is all */
            elo_ignore(elo_netaddr_rule_read(in, &rule, &wrong));
        }
    }
    guard_dispose(&g);
}


static void
test_rules(void **state)
{
    static const struct {
        const char *rule;
        const char *addr;
        bool allows;
    } rows[] = {
        { "public", "8.8.8.8", true },
        { "public", "2606:4700::1", true },
        { "public", "127.0.0.1", false },
        { "public", "::1", false },
        { "", "8.8.8.8", false },
        { "10.0.0.0/8", "10.255.0.1", true },
        { "10.0.0.0/8", "11.0.0.1", false },
        { "10.0.0.0/8", "8.8.8.8", false },
        { "public 10.0.0.0/8", "8.8.8.8", true },
        { "public,10.0.0.0/8", "10.0.0.1", true },
        { "public, 10.0.0.0/8", "192.168.0.1", false },
        { "10.0.0.0/8", "::ffff:10.0.0.1", true },
        { "10.0.0.0/8", "64:ff9b::10.0.0.1", true },
        { "10.0.0.0/8", "2002:a00:1::", false },
        { "127.0.0.1", "127.0.0.1", true },
        { "127.0.0.1/32", "127.0.0.2", false },
        { "fd12::/16", "fd12:3::4", true },
        { "fd12::/16", "fd13::", false },
        { "::1", "::1", true },
        { "::1/128", "::2", false },
        { "192.168.4.0/22", "192.168.7.255", true },
        { "192.168.4.0/22", "192.168.8.0", false },
        { "0.0.0.0/0", "127.0.0.1", true },
        { "0.0.0.0/0", "::1", false },
        { "::/0", "127.0.0.1", true },
    };
    static const char *const bad[] = {
        "Public",     "10.0.0.0/33",  "10.0.0.1/8",        "10.0.0.0/",
        "10.0.0.0/a", "::/129",       "fd00::1/8",         "localhost",
        "/8",         "10.0.0.0/8/8", "10.0.0.0-10.0.0.9",
    };
    elo_netaddr_rule_t rule;
    char many[ELO_NETADDR_RULE_MAX * 8 + 16] = "";
    elo_slice_t wrong;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_netaddr_t a = addr(rows[i].addr);
        const char *why = NULL;

        assert_int_equal(
            elo_netaddr_rule_read(elo_slice_str(rows[i].rule), &rule, &wrong),
            ELO_OK);
        if (elo_netaddr_allows(&rule, &a, &why) != rows[i].allows
            || (!rows[i].allows && why == NULL))
        {
            fail_msg("\"%s\": %s", rows[i].rule, rows[i].addr);
        }
    }
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        char text[64];

        snprintf(text, sizeof(text), "public %s 8.8.8.8", bad[i]);
        if (elo_netaddr_rule_read(elo_slice_str(text), &rule, &wrong)
                != ELO_EINVAL
            || !elo_slice_eq(wrong, elo_slice_str(bad[i])))
        {
            fail_msg("\"%s\"", bad[i]);
        }
    }
    for (uint32_t i = 0; i <= ELO_NETADDR_RULE_MAX; i++) {
        assert_int_equal(
            elo_netaddr_rule_read(elo_slice_str(many), &rule, &wrong), ELO_OK);
        strcat(many, "1.1.1.1 ");
    }
    assert_int_equal(elo_netaddr_rule_read(elo_slice_str(many), &rule, &wrong),
                     ELO_ETOOBIG);
}


/* Whatever the address: what isn't within 2000::/3 and holds no IPv4 address is never
   public; and the mapped form of an IPv4 address is judged as that. */
static void
test_random(void **state)
{
    uint64_t x = 0x9e3779b97f4a7c15u;

    (void) state;
    for (int i = 0; i < 200000; i++) {
        elo_netaddr_t a, nat = { { 0x00, 0x64, 0xff, 0x9b } };
        uint8_t v4[4];
        const char *what;

        for (size_t k = 0; k < sizeof(a.b); k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            a.b[k] = (uint8_t) (x >> 56);
        }
        if ((a.b[0] & 0xe0) != 0x20) {
            assert_non_null(elo_netaddr_special(&a));
        }
        memcpy(v4, a.b, sizeof(v4));
        memcpy(nat.b + 12, v4, sizeof(v4));
        elo_netaddr_from4(v4, &a);
        what = elo_netaddr_special(&a);
        assert_ptr_equal(elo_netaddr_special(&nat), what);
        if (v4[0] == 10 || v4[0] == 127 || v4[0] == 0 || v4[0] >= 224) {
            assert_non_null(what);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special),  cmocka_unit_test(test_read),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_rules),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
