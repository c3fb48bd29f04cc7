/* SPDX-License-Identifier: BSD-2-Clause */
/* content_fields: the vocabulary of content nodes, shared by the file that
   judges texts (content_make.c) and the one that reads them (content_node.c). */
#ifndef ELO_NODE_CONTENT_FIELDS_H
#define ELO_NODE_CONTENT_FIELDS_H

/* Each ends with NULL; the order is that of the enums in content_node.h. */
extern const char *const elo_content_lifecycles[];
extern const char *const elo_content_roles[];
extern const char *const elo_content_formats[];
extern const char *const elo_content_embeds[];

#endif
