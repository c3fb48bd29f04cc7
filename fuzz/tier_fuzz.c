/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/cache/tier: the first byte chooses the policy, each four that follow are
   a call: what, which object, how large. After each of them the tier must be sound. */
#include <stdlib.h>
#include <string.h>

#include "common/cache/tier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define PENDING 8u

static _Alignas(64) uint8_t memory[64 << 10];


static void
step(elo_tier_t *t, const uint8_t *p, uint32_t pending[PENDING])
{
    elo_cache_key_t key = { { p[1] % 64 } };
    elo_cache_class_t klass = (elo_cache_class_t) (p[0] / 16 % 3);
    uint64_t size = (uint64_t) p[2] << p[3] % 40;
    uint32_t *slot = &pending[p[3] / 40];
    elo_tier_item_t item = { .ref = p[1] };
    bool is_held = elo_tier_get(t, &key, &item);

    if (p[0] % 8 == 0 && is_held && !elo_tier_drop(t, &item, NULL)) {
        abort();
    } else if (p[0] % 8 == 1 && *slot != UINT32_MAX) {
        elo_tier_cancel(t, *slot);
        *slot = UINT32_MAX;
    } else if (p[0] % 8 == 2 && *slot != UINT32_MAX) {
        (void) elo_tier_publish(t, *slot, &item);
        *slot = UINT32_MAX;
    } else if (p[0] % 8 > 2 && is_held) {
        elo_tier_hit(t, &key, &item);
    } else if (p[0] % 8 > 2 && *slot == UINT32_MAX) {
        elo_tier_miss(t, &key, klass);
        if (elo_tier_reserve(t, &key, klass, size, NULL, slot) != ELO_OK) {
            *slot = UINT32_MAX;
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_tier_conf_t conf = { .policy =
                                 (elo_cache_policy_t) (len ? data[0] % 3 : 0),
                             .capacity = 5000,
                             .max_entries = 24,
                             .max_object = 4000,
                             .window_pct = 10,
                             .by_bytes = len && data[0] / 4 % 2,
                             .floor_pm = { 100, len ? data[0] % 200 : 0, 0 } };
    uint32_t pending[PENDING];
    elo_tier_t *t;

    memset(pending, 0xff, sizeof(pending));
    if (elo_tier_bytes(&conf) > sizeof(memory)
        || elo_tier_init(memory, &conf, len, &t) != ELO_OK)
    {
        abort();
    }
    for (size_t i = 1; i + 4 <= len; i += 4) {
        step(t, data + i, pending);
        if (!elo_tier_check(t)) {
            abort();
        }
    }
    return 0;
}
