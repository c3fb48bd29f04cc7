/* SPDX-License-Identifier: BSD-2-Clause */
/* resource: what the Doorway has, and how it is answered: a row for each kind of
   route. A route without a row is not for the Doorway. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_READS  "GET, HEAD, OPTIONS"


static const ngx_http_elohim_resource_t  ngx_http_elohim_resources[] = {

    { ELO_ROUTE_BLOB, ELO_WIRE_GRANT, 0, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_PUT|NGX_HTTP_DELETE,
      ngx_string("GET, HEAD, PUT, DELETE, OPTIONS") },

    { ELO_ROUTE_BLOB_NEW, 0, 1, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_PUT|NGX_HTTP_POST,
      ngx_string("GET, HEAD, PUT, POST, OPTIONS") },

    { ELO_ROUTE_BLOB_STATUS, ELO_WIRE_GRANT, 1, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_BLOB_TREE, ELO_WIRE_GRANT, 1, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_CHUNK, ELO_WIRE_GRANT, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_MANIFEST, ELO_WIRE_GRANT, 1, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    /* POST to one of them is for X-HTTP-Method-Override */

    { ELO_ROUTE_UPLOAD_NEW, 0, 0, 0,
      0, NGX_HTTP_POST,
      ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_UPLOAD, 0, 0, 0,
      0, NGX_HTTP_HEAD|NGX_HTTP_PATCH|NGX_HTTP_POST|NGX_HTTP_DELETE,
      ngx_string("HEAD, PATCH, DELETE, OPTIONS") },

    { ELO_ROUTE_CONTENT_LIST, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_POST,
      ngx_string("GET, HEAD, POST, OPTIONS") },

    { ELO_ROUTE_CONTENT, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_PUT|NGX_HTTP_DELETE,
      ngx_string("GET, HEAD, PUT, DELETE, OPTIONS") },

    { ELO_ROUTE_CONTENT_LIFECYCLE, 0, 0, 0,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_CONTENT_REACH, 0, 0, 0,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_CONTENT_INVITE, 0, 0, 0,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_SCHEMA, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_IMPORT, 0, 0, 0,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_HLS_MASTER, ELO_WIRE_MEDIA, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_HLS_MEDIA, ELO_WIRE_MEDIA, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_DASH, ELO_WIRE_MEDIA, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_INIT, ELO_WIRE_RECIPE, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_SEGMENT, ELO_WIRE_RECIPE, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_AUTH_CHALLENGE, 0, 0, 1,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_AUTH_TOKEN, 0, 0, 1,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_AUTH_SESSION, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    /* also with a cookie that is no good any more */

    { ELO_ROUTE_AUTH_LOGOUT, 0, 0, 1,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_AUTH_KEYS, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_RECORDS, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_POST,
      ngx_string("GET, HEAD, POST, OPTIONS") },

    { ELO_ROUTE_RECORD_HEAD, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_AUDIT, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_EXPLAIN, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_CACHE_PURGE, 0, 0, 0,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_CACHE_WARM, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_POST|NGX_HTTP_DELETE,
      ngx_string("GET, HEAD, POST, DELETE, OPTIONS") },

    { ELO_ROUTE_HEALTH, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_VERSION, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_SHARD, ELO_WIRE_GRANT, 0, 0,
      NGX_HTTP_ELOHIM_READ, NGX_HTTP_PUT,
      ngx_string("GET, HEAD, PUT, OPTIONS") },

    { ELO_ROUTE_VERIFY, 0, 0, 1,
      0, NGX_HTTP_POST, ngx_string("POST, OPTIONS") },

    { ELO_ROUTE_CUSTODIANS, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_CACHE_LIST, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_CACHE, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_ZOME, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_ME, 0, 0, 0,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_DID, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_READY, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_STATUS, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_P2P_STATUS, 0, 0, 1,
      NGX_HTTP_ELOHIM_READ, 0, ngx_string(NGX_HTTP_ELOHIM_READS) },

    { ELO_ROUTE_UNKNOWN, 0, 0, 0, 0, 0, ngx_null_string }
};


/* NULL: there is no such thing here. */

const ngx_http_elohim_resource_t *
ngx_http_elohim_resource(elo_route_kind_t kind)
{
    const ngx_http_elohim_resource_t  *res;

    for (res = ngx_http_elohim_resources; res->kind; res++) {
        if (res->kind == kind) {
            return res;
        }
    }

    return NULL;
}


u_char
ngx_http_elohim_wire_type(elo_route_kind_t kind)
{
    const ngx_http_elohim_resource_t  *res;

    res = ngx_http_elohim_resource(kind);

    return res ? res->wire : 0;
}
