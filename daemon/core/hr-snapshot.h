/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-snapshot.h: the state of a service at one moment, as a document.
 *
 * The document's form is that of the contract: {"serviceName", "timestamp", "release", "version", "checksum", "data"}.
 * The data are kept byte for byte; parsing only checks. Any JSON value may be the data, with the white space around
 * it. They stand last and directly behind their colon, so that the head of a document tells all but them.
 */
#pragma once

#include <glib-object.h>

#include "hr-json.h"

G_BEGIN_DECLS

/* A program's state above this is refused, in bytes. */
#define HR_STATE_SIZE_MAX (256 * 1024 * 1024)
/* Deeper nested JSON is refused. */
#define HR_STATE_DEPTH_MAX 100000
/* A larger document is none, in bytes. */
#define HR_SNAPSHOT_DOCUMENT_MAX (HR_STATE_SIZE_MAX + 64 * 1024)
/* So much of a document's beginning is enough for hr_snapshot_parse_head(), in bytes. */
#define HR_SNAPSHOT_HEAD_SIZE 4096

typedef struct _HrSnapshot HrSnapshot;

/**
 * HrSnapshot:
 * @id: file name without ".json"; sorts by time
 * @service: whose
 * @time_sec: seconds since 1970
 * @release: number of the release that wrote it
 * @version: State.Version then
 * @checksum: "sha256:" and hex over the data's bytes
 * @data: (nullable): the data; %NULL in a list
 * @size: of the data, in bytes
 */
struct _HrSnapshot {
  char *id;
  char *service;
  gint64 time_sec;
  guint64 release;
  guint version;
  char *checksum;
  GBytes *data;
  gsize size;
};

#define HR_TYPE_SNAPSHOT (hr_snapshot_get_type ())
GType hr_snapshot_get_type (void);

HrSnapshot *hr_snapshot_new (const char *service, gint64 time_sec, guint64 release, guint version, GBytes *data,
                             GError **error);
HrSnapshot *hr_snapshot_parse (GBytes *document, GError **error);
HrSnapshot *hr_snapshot_parse_head (const char *text, gsize size, guint64 document_size, GError **error);
GBytes *hr_snapshot_to_bytes (const HrSnapshot *self);
HrSnapshot *hr_snapshot_copy (const HrSnapshot *self);
void hr_snapshot_free (HrSnapshot *self);

char *hr_snapshot_make_id (gint64 time_usec, guint64 release);
gint64 hr_snapshot_id_time (const char *id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSnapshot, hr_snapshot_free)

G_END_DECLS
