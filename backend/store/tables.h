/* SPDX-License-Identifier: BSD-2-Clause */
/* tables: what the store keeps in the engine. The numbers are format; byte tables:
   docs/formats/store.md. "derived" entries have no record in the log. */
#ifndef ELO_STORE_TABLES_H
#define ELO_STORE_TABLES_H

/* ELO_TABLE(name, number, text, key -> value) */
#define ELO_STORE_TABLES(T)                                                    \
    T(BLOB, 1, "blob") /* digest -> blob; data: the bytes of a small one */    \
    T(SEALED, 2, "sealed") /* blind 32, agent no 4 -> object, envelope, … */ \
    T(AGENT, 3, "agent")   /* agent 32 -> number, quota */                     \
    T(AGENTNO, 4, "agentno") /* number -> agent 32; derived */                 \
    T(OWN, 5, "own")         /* digest, agent no -> size: further senders */   \
    T(FILE, 6, "file")    /* id of a file that is undecided or dead -> kind */ \
    T(NODE, 7, "node")    /* id -> version, owner, reach, life, facets */      \
    T(NODEV, 8, "nodev")  /* id, 0, version -> reach, JSON */                  \
    T(REF, 9, "ref")      /* digest, owner, rank, id -> nothing; derived */    \
    T(MEDIA, 10, "media") /* digest -> status, file, size, reason */           \
    T(TREE, 11, "tree")   /* digest of what is stored -> root; data: layer */  \
    T(UPLOAD, 12, "upload") /* id 16 -> offset, length, options, … */        \
    T(TASK, 13, "task")     /* order key -> task */                            \
    T(WAIT, 14, "wait") /* kind, digest -> due: tasks not in plain order */    \
    T(PIN, 15, "pin")   /* digest -> since */                                  \
    T(ORPHAN, 16, "orphan")   /* due 8, digest, agent no -> nothing */         \
    T(BAD, 17, "bad")         /* digest of what is stored -> when, why */      \
    T(USE, 18, "use")         /* digest -> day of last use */                  \
    T(CARE, 19, "care")       /* name -> where a job of care is */             \
    T(RECORD, 20, "record")   /* number -> record: append-only */              \
    T(AUDIT, 21, "audit")     /* number -> chained entry: append-only */       \
    T(SETTING, 22, "setting") /* name -> what a part of the daemon keeps */    \
    T(NODEX, 23, "nodex")     /* dimension, value, id -> nothing; derived */   \
    T(ORIGIN, 24, "origin")   /* SHA-256 of a URL -> what is known of it */    \
    T(PURGE, 25, "purge")     /* number modulo 1024 -> what edges forget */

enum {
#define T(name, number, text) ELO_T_##name = (number),
    ELO_STORE_TABLES(T)
#undef T
        ELO_T_COUNT = 26
};

/* Spaces of counters. */
enum {
    ELO_SUM_TOTAL = 1,       /* id: ELO_TOTAL_… */
    ELO_SUM_AGENT_BYTES = 2, /* id: agent number; 0 is the operator */
    ELO_SUM_AGENT_BLOBS = 3,
    ELO_SUM_AGENT_KEPT = 4,    /* bytes kept of its open uploads */
    ELO_SUM_AGENT_UPLOADS = 5, /* open uploads */
};

enum {
    ELO_TOTAL_BLOBS = 1, /* clear blobs and sealed ones, not their objects */
    ELO_TOTAL_BYTES,
    ELO_TOTAL_SEALED,
    ELO_TOTAL_NODES,
    ELO_TOTAL_UPLOADS,
    ELO_TOTAL_TASKS,
    ELO_TOTAL_WAITING,
    ELO_TOTAL_BAD,
    ELO_TOTAL_AGENTS,  /* the highest number that an agent was given */
    ELO_TOTAL_RECORDS, /* of these two too */
    ELO_TOTAL_AUDIT,
};

#endif
