/* SPDX-License-Identifier: BSD-2-Clause */
/* index_child: main of the child process that indexes one media file. Arguments
   and output: backend/media/index_child.h. */
#ifndef ELO_DAEMON_INDEX_CHILD_H
#define ELO_DAEMON_INDEX_CHILD_H

/* Does not return when the arguments are right; else an exit status. */
int elo_index_child_main(int argc, char **argv);

#endif
