/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hrctl-reader.h: an hrctl that goes on until it is told to end, and what it has printed until now.
 */
#pragma once

#include "hrctl-fixture.h"

G_BEGIN_DECLS

typedef struct {
  GString *text;
  const char *wanted;
  GSubprocess *process;
  GInputStream *stream;
  char buffer[4096];
  gboolean ended;
} HrctlReader;

HrctlReader *hrctl_reader_new (HrctlFixture *f, const char *const *words);
void hrctl_reader_free (HrctlReader *self);
void hrctl_reader_wait_for (HrctlReader *self, const char *wanted);
gboolean hrctl_reader_has_ended (gpointer self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrctlReader, hrctl_reader_free)

G_END_DECLS
