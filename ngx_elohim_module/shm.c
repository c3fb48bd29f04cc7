/* SPDX-License-Identifier: BSD-2-Clause */
/* shm: the shared-memory zone: answers of the daemon by key, in the order of
   their last use, for all workers. It holds whole wire messages and the stamp
   that says whether one still holds; it judges nothing.

   (I1) Every change happens under the slab's mutex with the dirty mark set. A
   worker that dies in there leaves the mark, nginx frees the mutex, and the
   next one to lock finds the mark and starts over with an empty zone. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_SHM_EVICT  64 /* evictions that one answer may cost */
#define NGX_HTTP_ELOHIM_SHM_SHARE  8  /* part of the zone one answer may take */


typedef struct {
    ngx_rbtree_t       rbtree;
    ngx_rbtree_node_t  sentinel;
    ngx_queue_t        lru;      /* latest use first */
    ngx_atomic_t       away;     /* one bit a backend */
    ngx_atomic_t       dirty;
} ngx_http_elohim_shm_t;


typedef struct {
    ngx_rbtree_node_t        node;
    ngx_queue_t              queue;
    time_t                   expires;
    ngx_http_elohim_stamp_t  stamp;
    size_t                   key_len;
    size_t                   msg_len;
    u_char                   data[1]; /* key, message */
} ngx_http_elohim_node_t;


static ngx_http_elohim_shm_t *ngx_http_elohim_shm_fresh(
    ngx_slab_pool_t *shpool);
static ngx_http_elohim_shm_t *ngx_http_elohim_shm_lock(ngx_shm_zone_t *zone);
static void ngx_http_elohim_shm_unlock(ngx_shm_zone_t *zone,
    ngx_http_elohim_shm_t *sh);
static ngx_http_elohim_node_t *ngx_http_elohim_shm_find(
    ngx_http_elohim_shm_t *sh, uint32_t hash,
    const ngx_http_elohim_key_t *key);
static void ngx_http_elohim_shm_remove(ngx_slab_pool_t *shpool,
    ngx_http_elohim_shm_t *sh, ngx_http_elohim_node_t *n);
static ngx_http_elohim_node_t *ngx_http_elohim_shm_alloc(
    ngx_slab_pool_t *shpool, ngx_http_elohim_shm_t *sh, size_t size);
static void ngx_http_elohim_shm_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);


ngx_int_t
ngx_http_elohim_shm_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    zone->data = shpool;

    if (data != NULL || zone->shm.exists) {
        /* a reload: what the zone holds stays true */
        return NGX_OK;
    }

    return ngx_http_elohim_shm_fresh(shpool) ? NGX_OK : NGX_ERROR;
}


static ngx_http_elohim_shm_t *
ngx_http_elohim_shm_fresh(ngx_slab_pool_t *shpool)
{
    ngx_http_elohim_shm_t  *sh;

    sh = ngx_slab_alloc_locked(shpool, sizeof(ngx_http_elohim_shm_t));
    if (sh == NULL) {
        return NULL;
    }

    ngx_rbtree_init(&sh->rbtree, &sh->sentinel, ngx_http_elohim_shm_insert);
    ngx_queue_init(&sh->lru);
    sh->away = 0;
    sh->dirty = 0;

    /* a full zone is its usual state */
    shpool->log_nomem = 0;
    shpool->data = sh;

    return sh;
}


static ngx_http_elohim_shm_t *
ngx_http_elohim_shm_lock(ngx_shm_zone_t *zone)
{
    ngx_atomic_uint_t       away;
    ngx_slab_pool_t        *shpool;
    ngx_http_elohim_shm_t  *sh;

    shpool = zone->data;

    ngx_shmtx_lock(&shpool->mutex);

    sh = shpool->data;

    if (sh == NULL || sh->dirty) {
        away = sh ? sh->away : 0;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "elohim zone \"%V\" was left in the middle of a change, "
                      "it is emptied", &zone->shm.name);

        shpool->data = NULL;
        ngx_slab_init(shpool);

        sh = ngx_http_elohim_shm_fresh(shpool);
        if (sh == NULL) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NULL;
        }

        sh->away = away;
    }

    sh->dirty = 1;
    ngx_memory_barrier();

    return sh;
}


static void
ngx_http_elohim_shm_unlock(ngx_shm_zone_t *zone, ngx_http_elohim_shm_t *sh)
{
    ngx_slab_pool_t  *shpool;

    shpool = zone->data;

    ngx_memory_barrier();
    sh->dirty = 0;

    ngx_shmtx_unlock(&shpool->mutex);
}


static ngx_inline uint32_t
ngx_http_elohim_shm_hash(const ngx_http_elohim_key_t *key)
{
    return ngx_crc32_long((u_char *) key->data, key->len);
}


/* Copies the message into buf, or into the pool when it is longer. NGX_DECLINED
   when there is none. */

ngx_int_t
ngx_http_elohim_shm_get(ngx_shm_zone_t *zone, const ngx_http_elohim_key_t *key,
    ngx_pool_t *pool, u_char *buf, size_t buf_len, ngx_str_t *msg,
    ngx_http_elohim_stamp_t *stamp)
{
    size_t                   need;
    uint32_t                 hash;
    ngx_http_elohim_shm_t   *sh;
    ngx_http_elohim_node_t  *n;

    hash = ngx_http_elohim_shm_hash(key);

    for ( ;; ) {
        sh = ngx_http_elohim_shm_lock(zone);
        if (sh == NULL) {
            return NGX_DECLINED;
        }

        n = ngx_http_elohim_shm_find(sh, hash, key);

        if (n && n->expires < ngx_time()) {
            ngx_http_elohim_shm_remove(zone->data, sh, n);
            n = NULL;
        }

        if (n == NULL) {
            ngx_http_elohim_shm_unlock(zone, sh);
            return NGX_DECLINED;
        }

        need = n->msg_len;

        if (need <= buf_len) {
            ngx_memcpy(buf, n->data + n->key_len, need);
            *stamp = n->stamp;

            if (ngx_queue_head(&sh->lru) != &n->queue) {
                ngx_queue_remove(&n->queue);
                ngx_queue_insert_head(&sh->lru, &n->queue);
            }

            ngx_http_elohim_shm_unlock(zone, sh);

            msg->data = buf;
            msg->len = need;
            return NGX_OK;
        }

        ngx_http_elohim_shm_unlock(zone, sh);

        /* the lock is never held across an allocation */

        buf = ngx_pnalloc(pool, need);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        buf_len = need;
    }
}


void
ngx_http_elohim_shm_put(ngx_shm_zone_t *zone, const ngx_http_elohim_key_t *key,
    const ngx_str_t *msg, const ngx_http_elohim_stamp_t *stamp, time_t ttl)
{
    size_t                   size;
    uint32_t                 hash;
    ngx_slab_pool_t         *shpool;
    ngx_http_elohim_shm_t   *sh;
    ngx_http_elohim_node_t  *n;

    if (msg->len > zone->shm.size / NGX_HTTP_ELOHIM_SHM_SHARE) {
        return;
    }

    shpool = zone->data;
    hash = ngx_http_elohim_shm_hash(key);
    size = offsetof(ngx_http_elohim_node_t, data) + key->len + msg->len;

    sh = ngx_http_elohim_shm_lock(zone);
    if (sh == NULL) {
        return;
    }

    n = ngx_http_elohim_shm_find(sh, hash, key);
    if (n) {
        ngx_http_elohim_shm_remove(shpool, sh, n);
    }

    n = ngx_http_elohim_shm_alloc(shpool, sh, size);
    if (n) {
        n->node.key = hash;
        n->expires = ngx_time() + ttl;
        n->stamp = *stamp;
        n->key_len = key->len;
        n->msg_len = msg->len;
        ngx_memcpy(n->data, key->data, key->len);
        ngx_memcpy(n->data + key->len, msg->data, msg->len);

        ngx_rbtree_insert(&sh->rbtree, &n->node);
        ngx_queue_insert_head(&sh->lru, &n->queue);
    }

    ngx_http_elohim_shm_unlock(zone, sh);
}


void
ngx_http_elohim_shm_drop(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key)
{
    ngx_http_elohim_shm_t   *sh;
    ngx_http_elohim_node_t  *n;

    sh = ngx_http_elohim_shm_lock(zone);
    if (sh == NULL) {
        return;
    }

    n = ngx_http_elohim_shm_find(sh, ngx_http_elohim_shm_hash(key), key);
    if (n) {
        ngx_http_elohim_shm_remove(zone->data, sh, n);
    }

    ngx_http_elohim_shm_unlock(zone, sh);
}


ngx_uint_t
ngx_http_elohim_shm_away(ngx_shm_zone_t *zone, ngx_uint_t backend,
    ngx_uint_t away)
{
    ngx_uint_t              changed;
    ngx_atomic_uint_t       bit;
    ngx_slab_pool_t        *shpool;
    ngx_http_elohim_shm_t  *sh;

    bit = (ngx_atomic_uint_t) 1 << backend;

    /* The usual case, read without the lock: nothing changes. */

    shpool = zone->data;
    sh = shpool->data;

    if (sh != NULL && ((sh->away & bit) != 0) == (away != 0)) {
        return 0;
    }

    sh = ngx_http_elohim_shm_lock(zone);
    if (sh == NULL) {
        return 0;
    }

    changed = ((sh->away & bit) != 0) != (away != 0);

    if (changed) {
        sh->away ^= bit;
    }

    ngx_http_elohim_shm_unlock(zone, sh);

    return changed;
}


static ngx_http_elohim_node_t *
ngx_http_elohim_shm_alloc(ngx_slab_pool_t *shpool, ngx_http_elohim_shm_t *sh,
    size_t size)
{
    ngx_uint_t               i;
    ngx_queue_t             *q;
    ngx_http_elohim_node_t  *n;

    for (i = 0; i <= NGX_HTTP_ELOHIM_SHM_EVICT; i++) {
        n = ngx_slab_alloc_locked(shpool, size);
        if (n != NULL || ngx_queue_empty(&sh->lru)) {
            return n;
        }

        q = ngx_queue_last(&sh->lru);
        ngx_http_elohim_shm_remove(
            shpool, sh, ngx_queue_data(q, ngx_http_elohim_node_t, queue));
    }

    return NULL;
}


static void
ngx_http_elohim_shm_remove(ngx_slab_pool_t *shpool, ngx_http_elohim_shm_t *sh,
    ngx_http_elohim_node_t *n)
{
    ngx_queue_remove(&n->queue);
    ngx_rbtree_delete(&sh->rbtree, &n->node);
    ngx_slab_free_locked(shpool, n);
}


static ngx_int_t
ngx_http_elohim_shm_cmp(const u_char *a, size_t a_len, const u_char *b,
    size_t b_len)
{
    if (a_len != b_len) {
        return a_len < b_len ? -1 : 1;
    }

    return ngx_memcmp(a, b, a_len);
}


static ngx_http_elohim_node_t *
ngx_http_elohim_shm_find(ngx_http_elohim_shm_t *sh, uint32_t hash,
    const ngx_http_elohim_key_t *key)
{
    ngx_int_t                rc;
    ngx_rbtree_node_t       *node, *sentinel;
    ngx_http_elohim_node_t  *n;

    node = sh->rbtree.root;
    sentinel = sh->rbtree.sentinel;

    while (node != sentinel) {

        if (hash != node->key) {
            node = hash < node->key ? node->left : node->right;
            continue;
        }

        n = (ngx_http_elohim_node_t *) node;

        rc = ngx_http_elohim_shm_cmp(key->data, key->len, n->data, n->key_len);
        if (rc == 0) {
            return n;
        }

        node = rc < 0 ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_http_elohim_shm_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_int_t                rc;
    ngx_rbtree_node_t      **p;
    ngx_http_elohim_node_t  *n, *t;

    n = (ngx_http_elohim_node_t *) node;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = node->key < temp->key ? &temp->left : &temp->right;

        } else {
            t = (ngx_http_elohim_node_t *) temp;
            rc = ngx_http_elohim_shm_cmp(n->data, n->key_len, t->data,
                                         t->key_len);
            p = rc < 0 ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}
