/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-keeper-private.h: the inside of HrKeeper, shared by its files: hr-keeper.c (what is stored and taken),
 * hr-keeper-process.c (its process and the connection to it).
 */
#pragma once

#include "hr-keeper.h"

G_BEGIN_DECLS

/* Its socket is where those of instances are. */
#define HR_KEEPER_SOCKET_NAME "daemon"
#define HR_KEEPER_SOCKET_SUFFIX "keeper"

/* What is to be kept. */
typedef struct {
  char *data;
  int fd;
} HrKeeperEntry;

struct _HrKeeper {
  GObject parent_instance;

  char *runtime_dir;
  char *address;       /* NULL: this daemon has not started it */
  GHashTable *entries; /* key to HrKeeperEntry */
  GHashTable *unsent;  /* keys of which the keeper has not been told */
  GHashTable *kept;    /* key to HrKept: of an earlier daemon, and taken by nobody yet */
  GHashTable *taken;   /* keys of those that were, until it is settled which of them stay */
  int fd;              /* -1: none runs */
  guint source;
  guint send_source; /* while the keeper has too much to read */
  guint start_timer;
  gint64 started_at; /* monotonic; 0: never */
  gboolean found;    /* an earlier daemon's */
  gboolean closed;   /* the daemon ends */
  GPid pid;          /* 0: not known */
  int pidfd;         /* of one that is a child of this process */
  guint pidfd_source;
};

/* hr-keeper.c */
void hr_keeper_send_unsent (HrKeeper *self);

/* hr-keeper-process.c */
gboolean hr_keeper_connect (HrKeeper *self);
void hr_keeper_watch (HrKeeper *self);
void hr_keeper_disconnect (HrKeeper *self);
void hr_keeper_start (HrKeeper *self);

G_END_DECLS
