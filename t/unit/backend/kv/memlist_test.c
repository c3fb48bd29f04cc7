/* SPDX-License-Identifier: BSD-2-Clause */
/* memlist: what is added in any order, in pieces of any size, is in order when it's
   asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "backend/kv/memlist.h"

#define NODES 500u


static elo_mem_node_t *
node_new(uint64_t key, uint64_t seq, unsigned height)
{
    size_t links = height * sizeof(elo_mem_node_t *);
    elo_mem_node_t *n = malloc(sizeof(*n) + links + sizeof(key));
    elo_slice_t slice;

    key = __builtin_bswap64(key);
    slice = elo_slice(&key, sizeof(key));
    *n = (elo_mem_node_t){ .seq = seq,
                           .prefix = elo_mem_prefix(slice),
                           .key_len = sizeof(key),
                           .height = (uint8_t) (height & 15) };
    memset(n->next, 0xee, links);
    memcpy((uint8_t *) (n->next + height), &key, sizeof(key));
    return n;
}


static uint64_t
number_of(const elo_mem_node_t *n)
{
    return n->prefix;
}


/* In order of keys; of one key the last written first. On each level, too. */
static void
check(const elo_mem_list_t *list, uint32_t want)
{
    const elo_mem_node_t *n, *next;
    uint32_t count = 0;

    for (unsigned level = 0; level < list->height; level++) {
        for (n = list->head[level]; n != NULL; n = next) {
            next = n->next[level];
            assert_true(n->height > level);
            count += level == 0;
            assert_true(
                next == NULL || number_of(n) < number_of(next)
                || (number_of(n) == number_of(next) && n->seq > next->seq));
        }
    }
    assert_int_equal(count, want);
}


/* How the i-th key comes about. */
typedef uint64_t (*key_fn)(uint32_t i);

static uint64_t
up(uint32_t i)
{
    return i;
}


static uint64_t
down(uint32_t i)
{
    return NODES - i;
}


static uint64_t
same(uint32_t i)
{
    (void) i;
    return 7;
}


static uint64_t
mixed(uint32_t i)
{
    return i * 2654435761u % 97;
}


static void
test_orders(void **state)
{
    static const key_fn keys[] = { up, down, same, mixed };
    static const uint32_t pieces[] = { 1, 2, 7, 8, 9, 100, NODES };
    static elo_mem_node_t *nodes[NODES];
    elo_mem_list_t list;
    elo_mutex_t order;
    unsigned seed = 3, height;
    uint32_t done;

    (void) state;
    assert_int_equal(elo_mutex_init(&order), ELO_OK);
    for (size_t k = 0; k < ELO_COUNT(keys); k++) {
        for (size_t p = 0; p < ELO_COUNT(pieces); p++) {
            list = (elo_mem_list_t){ .height = 1 };
            for (done = 0; done < NODES; done++) {
                for (height = 1;
                     height < ELO_MEM_HEIGHT_MAX && rand_r(&seed) % 4 == 0;) {
                    height++;
                }
                nodes[done] = node_new(keys[k](done), done + 1, height);
                elo_mem_add(&list, nodes[done]);
                if (done % pieces[p] == 0) {
                    elo_mem_order(&list, &order);
                    check(&list, done + 1);
                }
            }
            elo_mem_order(&list, &order);
            elo_mem_order(&list, &order);
            check(&list, NODES);
            while (done > 0) {
                free(nodes[--done]);
            }
        }
    }
    elo_mutex_dispose(&order);
}


static void
test_find(void **state)
{
    static const uint64_t keys[] = { 10, 20, 20, 30 };
    static const struct {
        uint64_t key;
        bool past;
        uint64_t want; /* 0: none */
        uint64_t seq;
    } cases[] = {
        { 0, false, 10, 1 }, { 0, true, 10, 1 },   { 10, false, 10, 1 },
        { 10, true, 20, 3 }, { 15, false, 20, 3 }, { 20, false, 20, 3 },
        { 20, true, 30, 4 }, { 30, false, 30, 4 }, { 30, true, 0, 0 },
        { 31, false, 0, 0 },
    };
    elo_mem_node_t *nodes[ELO_COUNT(keys)], *n;
    elo_mem_list_t list = { .height = 1 };
    elo_mutex_t order;
    uint64_t key;

    (void) state;
    assert_int_equal(elo_mutex_init(&order), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(keys); i++) {
        nodes[i] = node_new(keys[i], i + 1, 1 + (unsigned) i % 3);
        elo_mem_add(&list, nodes[i]);
    }
    elo_mem_order(&list, &order);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        key = __builtin_bswap64(cases[i].key);
        n = elo_mem_find(&list, cases[i].key, elo_slice(&key, sizeof(key)),
                         cases[i].past);
        assert_int_equal(n == NULL ? 0 : number_of(n), cases[i].want);
        assert_int_equal(n == NULL ? 0 : n->seq, cases[i].seq);
    }
    for (size_t i = 0; i < ELO_COUNT(keys); i++) {
        free(nodes[i]);
    }
    elo_mutex_dispose(&order);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
