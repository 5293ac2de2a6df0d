/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-log-find.h: the logs of a service's last instances, by their names: NAME.RELEASE-INSTANCE.log.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrLogFile:
 * @path: of the log
 * @release: that its instance ran, 0: the service has none
 * @instance: ID of the instance
 * @label: what lines of it are known by
 * @birth: when it was made, in microseconds since 1970
 */
typedef struct {
  char *path;
  guint64 release;
  char *instance;
  char *label;
  gint64 birth;
} HrLogFile;

void hr_log_file_free (HrLogFile *self);
GPtrArray *hr_log_find (const char *link, const char *service, GError **error);
char *hr_log_describe_releases (GPtrArray *logs);

G_END_DECLS
