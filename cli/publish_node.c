/* SPDX-License-Identifier: BSD-2-Clause */
/* publish_node: writing content nodes. */
#include "cli/publish_node.h"

#include "backend/json/json_write.h"
#include "cli/mime.h"


static bool
type_begins(const elo_publish_blob_t *b, const char *prefix)
{
    return strncasecmp(b->type, prefix, strlen(prefix)) == 0;
}


const char *
elo_publish_role(const elo_publish_t *p, unsigned i)
{
    const elo_publish_blob_t *b = &p->blobs[i];

    if (b->is_variant) {
        return "variant";
    }
    if (i == 0) {
        return "original";
    }
    if (type_begins(b, "text/vtt") || type_begins(b, "application/x-subrip")) {
        return "subtitle";
    }
    if (type_begins(b, "audio/") && type_begins(&p->blobs[0], "video/")) {
        return "audio";
    }
    return "variant";
}


typedef struct {
    const elo_publish_t *p;
    elo_json_writer_t *w;
} keep_t;


/* The server's own members are left out: it sets them anew. */
static bool
is_replaced(const elo_publish_t *p, elo_slice_t name)
{
    static const char *const servers[] = { "id",           "version",
                                           "createdAt",    "updatedAt",
                                           "blobs",        "contentFormat",
                                           "embedStrategy" };
    const struct {
        const char *name;
        bool is_set;
    } ours[] = {
        { "title", p->title != NULL },
        { "description", p->description != NULL },
        { "reach", p->reach != NULL },
        { "tags", p->n_tags > 0 },
    };

    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        if (elo_slice_eq(name, elo_slice_str(servers[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (elo_slice_eq(name, elo_slice_str(ours[i].name))) {
            return ours[i].is_set;
        }
    }
    return false;
}


static bool
keep_member(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    const keep_t *k = ctx;
    char text[64];

    if (name.len < sizeof(text) && !is_replaced(k->p, name)) {
        memcpy(text, name.p, name.len);
        text[name.len] = '\0';
        elo_json_put_value(k->w, text, value);
    }
    return true;
}


static void
put_blobs(const elo_publish_t *p, elo_json_writer_t *w)
{
    elo_json_put_array(w, "blobs");
    for (unsigned i = 0; i < p->n_blobs; i++) {
        elo_json_put_object(w, NULL);
        elo_json_put_cstr(w, "hash", p->blobs[i].hash);
        elo_json_put_u64(w, "sizeBytes", p->blobs[i].size);
        elo_json_put_cstr(w, "mimeType", p->blobs[i].type);
        elo_json_put_cstr(w, "role", elo_publish_role(p, i));
        elo_json_end_object(w);
    }
    elo_json_end_array(w);
}


void
elo_publish_node(const elo_publish_t *p, const elo_json_t *current,
                 elo_buf_t *out)
{
    elo_slice_t type = elo_slice_str(p->n_blobs > 0 ? p->blobs[0].type : NULL);
    const char *strategy = elo_mime_strategy(type);
    elo_json_writer_t w;
    const struct {
        const char *name;
        const char *value;
    } members[] = {
        { "title", p->title },
        { "description", p->description },
        { "reach", p->reach },
        { "contentFormat",
          p->format != NULL ? p->format : elo_mime_format(type) },
        { "embedStrategy", strategy },
    };

    elo_json_writer_init(&w, out);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "id", p->id);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].value != NULL) {
            elo_json_put_cstr(&w, members[i].name, members[i].value);
        }
    }
    put_blobs(p, &w);
    if (p->n_tags > 0) {
        elo_json_put_array(&w, "tags");
        for (unsigned i = 0; i < p->n_tags; i++) {
            elo_json_put_cstr(&w, NULL, p->tags[i]);
        }
        elo_json_end_array(&w);
    }
    elo_json_each(current, keep_member, &(keep_t){ .p = p, .w = &w });
    elo_json_end_object(&w);
}
