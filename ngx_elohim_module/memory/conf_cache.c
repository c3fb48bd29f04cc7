/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_cache: directives of the cache in shared memory: its size, how long what it holds
   is good, who goes first. */

#include "ngx_http_elohim_module.h"


/* Bytes beyond which sendfile is cheaper; pages and bytes of a zone; per cent of all
   floors that are stated, to which those that aren't come. */
#define NGX_HTTP_ELOHIM_BODY_MOST    (64 * 1024)
#define NGX_HTTP_ELOHIM_SIZE_LEAST   32
#define NGX_HTTP_ELOHIM_SIZE_MOST    ((off_t) 64 << 30)
#define NGX_HTTP_ELOHIM_FLOORS_MOST  80


typedef struct {
    const char  *name;
    ngx_int_t    value;
} ngx_http_elohim_word_t;


static const ngx_http_elohim_word_t  ngx_http_elohim_tier_words[] = {
    { "metadata", NGX_HTTP_ELOHIM_METADATA },
    { "complete", NGX_HTTP_ELOHIM_COMPLETE },
    { "chunk", NGX_HTTP_ELOHIM_CHUNK },
    { NULL, 0 }
};

static const ngx_http_elohim_word_t  ngx_http_elohim_policy_words[] = {
    { "lru", ELO_CACHE_LRU },
    { "lsz", ELO_CACHE_LSZ },
    { "qgf", ELO_CACHE_QGF },
    { NULL, 0 }
};

static const ngx_http_elohim_word_t  ngx_http_elohim_ttl_words[] = {
    { "content", NGX_HTTP_ELOHIM_TTL_CONTENT },
    { "lists", NGX_HTTP_ELOHIM_TTL_LISTS },
    { "agent", NGX_HTTP_ELOHIM_TTL_AGENT },
    { "unknown", NGX_HTTP_ELOHIM_TTL_UNKNOWN },
    { NULL, 0 }
};

static const ngx_http_elohim_word_t  ngx_http_elohim_stale_words[] = {
    { "updating", NGX_HTTP_ELOHIM_WHILE_UPDATING },
    { "error", NGX_HTTP_ELOHIM_WHILE_AWAY },
    { NULL, 0 }
};

static const ngx_http_elohim_word_t  ngx_http_elohim_floor_words[] = {
    { "private", ELO_CACHE_PRIVATE },
    { "community", ELO_CACHE_COMMUNITY },
    { NULL, 0 }
};

static const time_t  ngx_http_elohim_ttls[NGX_HTTP_ELOHIM_TTLS] = {
    3600, 300, 60, 1 /* seconds; a generation ends it before */
};

static const time_t  ngx_http_elohim_stales[NGX_HTTP_ELOHIM_WHILES] = {
    60, 3600 /* seconds; a generation ends it before */
};

static const ngx_int_t  ngx_http_elohim_floors[ELO_CACHE_CLASSES] = {
    50, 100, 0 /* per mille */
};


void
ngx_http_elohim_create_cache_conf(ngx_http_elohim_cache_conf_t *c)
{
    ngx_uint_t  i;

    c->max_body = -1;

    for (i = 0; i < NGX_HTTP_ELOHIM_TTLS; i++) {
        c->ttl[i] = -1;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_WHILES; i++) {
        c->stale[i] = -1;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_TIERS; i++) {
        c->policy[i] = -1;
    }

    for (i = 0; i < ELO_CACHE_CLASSES; i++) {
        c->floor_pm[i] = -1;
    }
}


void
ngx_http_elohim_init_cache_conf(ngx_http_elohim_cache_conf_t *c)
{
    ngx_uint_t  i;

    if (c->size == 0) {
        ngx_str_set(&c->name, "elohim");
        c->size = NGX_HTTP_ELOHIM_ZONE_SIZE;
    }

    if (c->max_body < 0) {
        c->max_body = NGX_HTTP_ELOHIM_MAX_BODY;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_TTLS; i++) {
        if (c->ttl[i] < 0) {
            c->ttl[i] = ngx_http_elohim_ttls[i];
        }
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_WHILES; i++) {
        if (c->stale[i] < 0) {
            c->stale[i] = ngx_http_elohim_stales[i];
        }
    }

    for (i = 0; i < ELO_CACHE_CLASSES; i++) {
        if (c->floor_pm[i] < 0) {
            c->floor_pm[i] = ngx_http_elohim_floors[i];
        }
    }
}


/* Its number, or NGX_ERROR, and the log says which words there are. */

static ngx_int_t
ngx_http_elohim_word(ngx_conf_t *cf, const ngx_http_elohim_word_t *words,
    const ngx_str_t *text)
{
    u_char                         buf[128], *p, *last;
    const ngx_http_elohim_word_t  *w;

    p = buf;
    last = buf + sizeof(buf);

    for (w = words; w->name; w++) {
        if (ngx_strlen(w->name) == text->len
            && ngx_strncmp(w->name, text->data, text->len) == 0)
        {
            return w->value;
        }

        p = ngx_slprintf(p, last, "%s\"%s\"", w == words ? "" : ", ", w->name);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid word \"%V\": there are %*s", text,
                       (size_t) (p - buf), buf);

    return NGX_ERROR;
}


/* "name=value" in two. */

static ngx_int_t
ngx_http_elohim_pair(ngx_conf_t *cf, const ngx_str_t *text, ngx_str_t *name,
    ngx_str_t *value)
{
    u_char  *p;

    p = ngx_strlchr(text->data, text->data + text->len, '=');

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no \"name=value\"", text);
        return NGX_ERROR;
    }

    name->data = text->data;
    name->len = p - text->data;
    value->data = p + 1;
    value->len = text->data + text->len - value->data;

    return NGX_OK;
}


/* elohim_cache_zone name:size [metadata=size] [complete=size] [max_body=size]
   [entries=number] */

static ngx_int_t
ngx_http_elohim_zone_option(ngx_conf_t *cf, ngx_http_elohim_cache_conf_t *c,
    const ngx_str_t *text)
{
    off_t      n;
    ngx_int_t  what;
    ngx_str_t  name, value;

    enum { METADATA = 0, COMPLETE, MAX_BODY, ENTRIES };

    static const ngx_http_elohim_word_t  options[] = {
        { "metadata", METADATA },
        { "complete", COMPLETE },
        { "max_body", MAX_BODY },
        { "entries", ENTRIES },
        { NULL, 0 }
    };

    if (ngx_http_elohim_pair(cf, text, &name, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    what = ngx_http_elohim_word(cf, options, &name);
    if (what == NGX_ERROR) {
        return NGX_ERROR;
    }

    n = what == ENTRIES ? ngx_atoi(value.data, value.len)
                        : ngx_parse_offset(&value);

    if (n < 0 || n > NGX_HTTP_ELOHIM_SIZE_MOST
        || (n == 0 && what != MAX_BODY)
        || (what == MAX_BODY && n > NGX_HTTP_ELOHIM_BODY_MOST)
        || (what == ENTRIES && n > INT32_MAX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is out of range%s",
                           text, what == MAX_BODY ? ": from 0 to 64k" : "");
        return NGX_ERROR;
    }

    switch (what) {
    case MAX_BODY:
        c->max_body = n;
        break;

    case ENTRIES:
        c->entries = n;
        break;

    default:
        c->shelf_size[what == METADATA ? NGX_HTTP_ELOHIM_METADATA
                                       : NGX_HTTP_ELOHIM_COMPLETE] = n;
    }

    return NGX_OK;
}


char *
ngx_http_elohim_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_main_conf_t  *emcf = conf;

    off_t                          size;
    u_char                        *p;
    ngx_str_t                     *value, s;
    ngx_uint_t                     i;
    ngx_http_elohim_cache_conf_t  *c;

    c = &emcf->cache;

    if (c->size) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');
    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no zone: write \"name:size\", such as "
                           "\"elohim:16m\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    c->name.data = value[1].data;
    c->name.len = p - value[1].data;
    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_offset(&s);

    if (size < (off_t) (NGX_HTTP_ELOHIM_SIZE_LEAST * ngx_pagesize)
        || size > NGX_HTTP_ELOHIM_SIZE_MOST)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" needs a size of %uz bytes at least, "
                           "such as \"16m\", and 64g at most", &c->name,
                           (size_t) (NGX_HTTP_ELOHIM_SIZE_LEAST
                                     * ngx_pagesize));
        return NGX_CONF_ERROR;
    }

    c->size = size;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_elohim_zone_option(cf, c, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Times by their names. */

static char *
ngx_http_elohim_set_times(ngx_conf_t *cf, const ngx_http_elohim_word_t *words,
    time_t *times)
{
    time_t       t;
    ngx_int_t    what;
    ngx_str_t   *value, name, text;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_elohim_pair(cf, &value[i], &name, &text) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        what = ngx_http_elohim_word(cf, words, &name);
        if (what == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (times[what] >= 0) {
            return "is duplicate";
        }

        t = ngx_parse_time(&text, 1);

        if (t == (time_t) NGX_ERROR || t > INT32_MAX / 2) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no time: write such as \"60s\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        times[what] = t;
    }

    return NGX_CONF_OK;
}


/* elohim_cache_ttl content=1h lists=300s agent=60s unknown=1s */

char *
ngx_http_elohim_set_cache_ttl(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_main_conf_t  *emcf = conf;

    return ngx_http_elohim_set_times(cf, ngx_http_elohim_ttl_words,
                                     emcf->cache.ttl);
}


/* elohim_cache_stale updating=60s error=1h */

char *
ngx_http_elohim_set_cache_stale(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_main_conf_t  *emcf = conf;

    return ngx_http_elohim_set_times(cf, ngx_http_elohim_stale_words,
                                     emcf->cache.stale);
}


/* elohim_cache_policy metadata|complete|chunk lru|lsz|qgf */

char *
ngx_http_elohim_set_cache_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_elohim_main_conf_t  *emcf = conf;

    ngx_int_t   tier, policy;
    ngx_str_t  *value;

    value = cf->args->elts;

    tier = ngx_http_elohim_word(cf, ngx_http_elohim_tier_words, &value[1]);
    policy = tier == NGX_ERROR
             ? NGX_ERROR
             : ngx_http_elohim_word(cf, ngx_http_elohim_policy_words,
                                    &value[2]);

    if (policy == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (emcf->cache.policy[tier] >= 0) {
        return "is duplicate";
    }

    emcf->cache.policy[tier] = policy;

    return NGX_CONF_OK;
}


/* elohim_cache_floors private=5% community=10%, in tenths of a per cent at best */

char *
ngx_http_elohim_set_cache_floors(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_elohim_main_conf_t  *emcf = conf;

    ngx_int_t    what, pm, sum;
    ngx_str_t   *value, name, text;
    ngx_uint_t   i;

    value = cf->args->elts;
    sum = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_elohim_pair(cf, &value[i], &name, &text) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        what = ngx_http_elohim_word(cf, ngx_http_elohim_floor_words, &name);
        if (what == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (emcf->cache.floor_pm[what] >= 0) {
            return "is duplicate";
        }

        pm = text.len > 1 && text.data[text.len - 1] == '%'
             ? ngx_atofp(text.data, text.len - 1, 1) : NGX_ERROR;
        sum += pm;

        if (pm == NGX_ERROR || sum > NGX_HTTP_ELOHIM_FLOORS_MOST * 10) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no floor: write such as \"5%%\"; "
                               "all together are %d%% at most", &value[i],
                               NGX_HTTP_ELOHIM_FLOORS_MOST);
            return NGX_CONF_ERROR;
        }

        emcf->cache.floor_pm[what] = pm;
    }

    return NGX_CONF_OK;
}
