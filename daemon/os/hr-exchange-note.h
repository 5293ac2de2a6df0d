/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-exchange-note.h: what is written beside the state files of an instance, for a daemon that finds them later.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * HrExchangeNote:
 * @release: what the instance ran, 0: it is not known
 * @state_version: State.Version then, 0: it is not known
 * @this_boot: whether it was started since the machine was
 */
typedef struct {
  guint64 release;
  guint state_version;
  gboolean this_boot;
} HrExchangeNote;

gboolean hr_exchange_note_write (const char *dir, guint64 release, guint state_version, GError **error);
HrExchangeNote hr_exchange_note_read (const char *dir);

G_END_DECLS
