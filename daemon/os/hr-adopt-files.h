/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-adopt-files.h: looking up the files of Unix sockets as the processes of one instance see them.
 *
 * What is found on the way is theirs: a mount that nobody serves any more holds up whoever looks for as long as it is
 * there. So it is done in threads, with a deadline, and a few at a time.
 */
#pragma once

#include <sys/socket.h>

#include "hr-adopt-protocol.h"
#include "hr-socket-file.h"

G_BEGIN_DECLS

/* Threads of an instance, with those whose outcome nobody waits for any more; what is one too many is not found. */
#define HR_ADOPT_FILES_MAX 4
/* What a look takes at most; after it the file was not found. The library waits for longer. */
#define HR_ADOPT_FILES_MSEC 2000

typedef struct _HrAdoptFiles HrAdoptFiles;

HrAdoptFiles *hr_adopt_files_new (void);
void hr_adopt_files_free (HrAdoptFiles *self);
void hr_adopt_files_find_async (HrAdoptFiles *self, const HrAdoptRequest *request, const char *path,
                                const struct ucred *sender, GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data);
HrSocketFile *hr_adopt_files_find_finish (GAsyncResult *result, GError **error);

G_END_DECLS
