/* SPDX-License-Identifier: BSD-2-Clause */
/* next: the segments that a player asks for next. Who asks for segment n soon after
   somebody asked for n - 1 of the same track is taken for watching it: then the recipe
   of n + 1 is in the zone before he comes for it, and the disk has been asked for its
   bytes. Each segment once in a while, for all who watch and all workers: what was asked
   for is marked in shared memory, a word a mark, without a lock. A mark that another
   one overwrites costs a question, or a stall; nothing else. */

#include "ngx_http_elohim_warm.h"


#define NGX_HTTP_ELOHIM_NEXT_S     60  /* that a mark is good; 1 to 2^24 - 1 */
#define NGX_HTTP_ELOHIM_NEXT_MOST  32  /* at a time, of a worker */
#define NGX_HTTP_ELOHIM_NEXT_POOL  1024
#define NGX_HTTP_ELOHIM_NEXT_GAP   (256 * 1024) /* is read, too */
#define NGX_HTTP_ELOHIM_NEXT_BYTES (32 * 1024 * 1024) /* of a segment */
#define NGX_HTTP_ELOHIM_NEXT_TIME  0xffffff

#define NGX_HTTP_ELOHIM_ASKED_FOR  0
#define NGX_HTTP_ELOHIM_TAKEN_IN   1


static ngx_atomic_t                 *ngx_http_elohim_next_marks;
static ngx_http_elohim_main_conf_t  *ngx_http_elohim_next_conf;
static ngx_uint_t                    ngx_http_elohim_next_n;


void
ngx_http_elohim_next_start(ngx_atomic_t *marks,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_http_elohim_next_marks = marks;
    ngx_http_elohim_next_conf = emcf;
}


/* ---- marks: 40 bits of what is marked, 24 of the time, in seconds ---- */

static uint64_t
ngx_http_elohim_mix(uint64_t h, uint32_t number, ngx_uint_t kind)
{
    /* the finalizer of splitmix64 */

    h += ((uint64_t) number << 1 | kind) * 0x9e3779b97f4a7c15;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
    h = (h ^ (h >> 27)) * 0x94d049bb133111eb;

    return h ^ (h >> 31);
}


static ngx_uint_t
ngx_http_elohim_is_marked(uint64_t word, uint64_t h, uint32_t now)
{
    return word != 0 && word >> 24 == h >> 24
           && ((now - (uint32_t) word) & NGX_HTTP_ELOHIM_NEXT_TIME)
              <= NGX_HTTP_ELOHIM_NEXT_S;
}


static ngx_inline uint64_t
ngx_http_elohim_mark_now(uint64_t h)
{
    return (h & ~(uint64_t) NGX_HTTP_ELOHIM_NEXT_TIME)
           | (ngx_http_elohim_zone_now() & NGX_HTTP_ELOHIM_NEXT_TIME);
}


static void
ngx_http_elohim_mark(uint64_t h)
{
    ngx_http_elohim_next_marks[h % NGX_HTTP_ELOHIM_MARKS] =
        ngx_http_elohim_mark_now(h);
}


/* 1: it wasn't set, or no longer. Of many who do so at once one is told so. */

static ngx_uint_t
ngx_http_elohim_mark_once(uint64_t h)
{
    ngx_atomic_t       *mark;
    ngx_atomic_uint_t   was;

    mark = &ngx_http_elohim_next_marks[h % NGX_HTTP_ELOHIM_MARKS];
    was = *mark;

    return !ngx_http_elohim_is_marked(was, h, ngx_http_elohim_zone_now())
           && ngx_atomic_cmp_set(mark, was, ngx_http_elohim_mark_now(h));
}


static ngx_uint_t
ngx_http_elohim_has_mark(uint64_t h)
{
    return ngx_http_elohim_is_marked(
        ngx_http_elohim_next_marks[h % NGX_HTTP_ELOHIM_MARKS], h,
        ngx_http_elohim_zone_now());
}


/* ---- what is taken in ---- */

/* Extents that lie close together are one part. */

static void
ngx_http_elohim_next_parts(const elo_recipe_t *recipe,
    ngx_http_elohim_load_t *l)
{
    uint32_t       i;
    uint64_t       end, bytes;
    elo_extent_t   e, *part;

    bytes = 0;

    for (i = 0; i < recipe->n_extents; i++) {
        e = elo_recipe_extent(recipe, i);
        part = l->n ? &l->parts[l->n - 1] : NULL;
        end = part ? part->offset + part->len : 0;

        if (part && e.offset >= part->offset
            && e.offset <= end + NGX_HTTP_ELOHIM_NEXT_GAP)
        {
            end = ngx_max(end, e.offset + e.len);
            bytes += end - (part->offset + part->len);
            part->len = end - part->offset;

        } else if (l->n < NGX_HTTP_ELOHIM_LOAD_PARTS) {
            bytes += e.len;
            l->parts[l->n++] = e;
        }

        if (bytes >= NGX_HTTP_ELOHIM_NEXT_BYTES) {
            return;
        }
    }
}


static void
ngx_http_elohim_next_loaded(ngx_http_elohim_load_t *l)
{
    ngx_http_elohim_next_n--;
    ngx_http_elohim_load_free(l);
}


/* There is a recipe, or none; the end of it in any case. */

static void
ngx_http_elohim_next_have(ngx_http_elohim_ahead_t *a)
{
    elo_recipe_t             recipe;
    ngx_http_elohim_load_t  *l;

    l = NULL;

    if (a->msg.len
        && elo_wire_get_recipe(elo_slice(a->msg.data, a->msg.len), &recipe)
           == ELO_OK
        && recipe.n_extents)
    {
        l = ngx_http_elohim_load_create(a->elcf->store, recipe.name, 0);
    }

    if (l) {
        l->handler = ngx_http_elohim_next_loaded;
        ngx_http_elohim_next_parts(&recipe, l);
    }

    ngx_destroy_pool(a->pool);

    if (l == NULL) {
        ngx_http_elohim_next_n--;

    } else if (ngx_http_elohim_load(l) != NGX_AGAIN) {
        ngx_http_elohim_next_loaded(l);
    }
}


static void
ngx_http_elohim_next_take(ngx_http_elohim_loc_conf_t *elcf,
    const elo_route_t *route)
{
    ngx_int_t                 rc;
    ngx_pool_t               *pool;
    ngx_http_elohim_ahead_t  *a;

    pool = ngx_create_pool(NGX_HTTP_ELOHIM_NEXT_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    a = ngx_pcalloc(pool, sizeof(ngx_http_elohim_ahead_t));
    if (a == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    a->handler = ngx_http_elohim_next_have;
    a->elcf = elcf;
    a->pool = pool;

    ngx_http_elohim_next_n++;
    rc = ngx_http_elohim_ahead(a, route);

    if (rc != NGX_AGAIN) {
        ngx_http_elohim_next_have(a);
    }
}


void
ngx_http_elohim_next(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const elo_wire_head_t *head)
{
    size_t                       len;
    uint64_t                     h;
    ngx_int_t                    i;
    elo_route_t                  route;
    elo_cache_key_t              id;
    ngx_http_elohim_key_t        key;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (elcf->warm_segments == 0 || ngx_http_elohim_next_marks == NULL
        || ctx->route.kind != ELO_ROUTE_SEGMENT || r->method != NGX_HTTP_GET
        || elo_cache_class(head->reach) == ELO_CACHE_PRIVATE
        || elo_wire_life(head) >= ELO_WIRE_DEPRECATED)
    {
        return;
    }

    /* the key of the recipe without its number is the track's */

    for (len = ctx->key.len; len && ctx->key.data[len - 1] != '/'; len--) {
        /* void */
    }

    key.len = len;
    ngx_memcpy(key.data, ctx->key.data, len);
    ngx_http_elohim_zone_key(ngx_http_elohim_next_conf->zone->data, &key, &id);
    ngx_memcpy(&h, id.b, sizeof(uint64_t));

    route = ctx->route;

    ngx_http_elohim_mark(
        ngx_http_elohim_mix(h, route.number, NGX_HTTP_ELOHIM_ASKED_FOR));

    if (route.number == 0
        || !ngx_http_elohim_has_mark(ngx_http_elohim_mix(
               h, route.number - 1, NGX_HTTP_ELOHIM_ASKED_FOR)))
    {
        return;
    }

    for (i = 0; i < elcf->warm_segments; i++) {

        if (++route.number == 0
            || ngx_http_elohim_next_n >= NGX_HTTP_ELOHIM_NEXT_MOST)
        {
            return;
        }

        if (ngx_http_elohim_mark_once(ngx_http_elohim_mix(
                h, route.number, NGX_HTTP_ELOHIM_TAKEN_IN)))
        {
            ngx_http_elohim_next_take(elcf, &route);
        }
    }
}
