/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-store-words.h: what a message at $NOTIFY_SOCKET says of stored descriptors, see sd_notify(3).
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of a descriptor's name. */
#define HR_FD_NAME_MAX 255
/* What is stored without a name has this. */
#define HR_FD_NAME_DEFAULT "stored"

/**
 * HrStoreWords:
 * @stores: FDSTORE=1: what came along is to be stored
 * @removes: FDSTOREREMOVE=1 with a name: what has it is to be let go of; before anything is stored
 * @polls: whether what is stored goes when nothing can come of it any more; not so with FDPOLL=0
 * @name: FDNAME, or %HR_FD_NAME_DEFAULT
 * @refused: (nullable): a name that is none, and does not count
 *
 * The strings are the message's.
 */
typedef struct {
  gboolean stores;
  gboolean removes;
  gboolean polls;
  const char *name;
  const char *refused;
} HrStoreWords;

gboolean hr_fd_name_is_valid (const char *name);
HrStoreWords hr_store_words_read (const char *const *assignments);

G_END_DECLS
