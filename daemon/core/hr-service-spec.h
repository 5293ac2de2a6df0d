/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-service-spec.h: what a service file says, validated, and never changed after that.
 *
 * Pure: takes the file's text, opens nothing. That Source exists is checked by the daemon, see hr-config-dir.h.
 * The meaning of each member is that of the key of the same name in hotreload.service(5). Durations are in
 * microseconds. Strings and arrays belong to the spec; an absent string is NULL; arrays are never NULL, an absent list
 * is empty.
 */
#pragma once

#include <glib-object.h>

#include "hr-isolation.h"
#include "hr-listen-spec.h"
#include "hr-metric-spec.h"
#include "hr-probe-spec.h"
#include "hr-spec-file.h"

G_BEGIN_DECLS

/* More listeners are refused. What else a file may be at most is in hr-spec-file.h. */
#define HR_SPEC_LISTENERS_MAX 64
/* More instances of one release are refused. */
#define HR_SPEC_INSTANCES_MAX 64
/* More stored descriptors of a service are refused: their names go to its program in one argument. */
#define HR_SPEC_FD_STORE_MAX 256
/* Steps of a canary's share, where the file names none. */
#define HR_SPEC_CANARY_STEPS_DEFAULT 10

typedef enum { HR_SLOTS_AUTO, HR_SLOTS_YES, HR_SLOTS_NO } HrSlotsMode;
typedef enum { HR_VIEW_AUTO, HR_VIEW_SOURCE, HR_VIEW_SLOT } HrViewMode;
typedef enum { HR_SOCKETS_AUTO, HR_SOCKETS_PASS, HR_SOCKETS_ADOPT, HR_SOCKETS_NONE } HrSocketsMode;
typedef enum { HR_READY_AUTO, HR_READY_NOTIFY, HR_READY_LISTEN, HR_READY_PROBE, HR_READY_DELAY } HrReadyMode;
typedef enum { HR_HANDOVER_OVERLAP, HR_HANDOVER_SEQUENTIAL } HrHandoverMode;
typedef enum { HR_RESTART_ON_FAILURE, HR_RESTART_ALWAYS, HR_RESTART_NO } HrRestartMode;
typedef enum { HR_ACTION_RELOAD, HR_ACTION_IGNORE } HrAction;

typedef struct {
  char *glob;
  HrAction action;
} HrActionRule;

typedef struct _HrServiceSpec HrServiceSpec;

/* Of a longer text no copy is kept, in bytes. */
#define HR_SPEC_TEXT_MAX (32 * 1024)

struct _HrServiceSpec {
  char *name;
  char *file;     /* the service file, absolute; for messages and for relative paths */
  char *checksum; /* hex SHA-256 over the keys in force and the profile: differs when the configuration does */
  char *text; /* the keys in force as a service file, which says the same under this profile; NULL: too long to keep */

  /* Service */
  char **exec; /* at least one word; % not yet expanded */
  char *description;
  char *version;
  char *source; /* absolute, NULL: nothing is watched or recorded */
  HrSlotsMode slots;
  gboolean share_auto; /* no: Share=no, nothing is shared beyond @share */
  char **share;        /* below source, relative, normalised */
  HrViewMode view;
  char *working_directory;  /* NULL: the source as the program sees it, or / without one */
  char **environment;       /* KEY=VALUE */
  char **environment_files; /* absolute; a leading '-' means it may be missing */
  GPtrArray *listen;        /* HrListenSpec */
  HrSocketsMode sockets;
  HrReadyMode ready;
  gint64 ready_delay;
  HrHandoverMode handover;
  gint64 start_timeout;
  gint64 stop_timeout;
  gint64 drain_timeout;
  int stop_signal;
  HrRestartMode restart;
  GArray *success_exit_status;  /* int exit codes besides 0 */
  GArray *success_exit_signals; /* int signals besides those of a clean end */
  gint64 restart_delay;
  gint64 restart_delay_max;
  guint restart_limit; /* 0: no limit */
  gint64 restart_window;
  guint64 log_max; /* bytes, 0: no limit */
  gboolean journal;
  guint fd_store_max; /* 0: none is stored */
  guint instances;    /* above 1: @preserve is FALSE, @handover overlap, @sockets not none */
  HrIsolation isolation;

  /* Watch */
  gboolean watch_enabled;
  char **watch_paths;      /* relative to source, normalised; "." is all of it */
  char **watch_extensions; /* without the dot; empty: any */
  char **watch_ignore;     /* globs of the file, after the defaults of hr_ignore_defaults() */
  gboolean watch_recursive;
  gboolean watch_gitignore;
  gint64 settle; /* -1: auto */
  gint64 max_wait;

  /* Actions */
  GPtrArray *actions; /* HrActionRule, in the order of the file */

  /* Check */
  gboolean validate;
  char **build;    /* argv or empty */
  char **precheck; /* argv or empty */
  char **forbid;   /* regular expressions, compiled once by the parser to prove them valid */
  gint64 check_timeout;

  /* State */
  gboolean preserve;
  guint state_version;
  guint state_keep;

  /* Health */
  HrProbeSpec *probe;       /* NULL: none */
  HrProbeSpec *start_probe; /* until its first success, NULL: the same */
  GArray *probe_status;     /* HrProbeStatus: what HTTP answers a healthy service gives */
  char *probe_text;         /* what such an answer must contain, NULL: anything */
  gint64 probe_interval;
  gint64 probe_timeout;
  guint probe_failures;

  /* PostCheck */
  gint64 rollback_after;
  double error_rate;          /* in percent, negative: no limit */
  double success_rate;        /* in percent, negative: no limit */
  char **post_command;        /* argv or empty */
  HrMetricSpec *error_metric; /* NULL: none; as are the next two */
  HrMetricSpec *success_metric;
  HrMetricSpec *total_metric; /* set: the metrics count; else they are rates in percent */
  gboolean baseline;
  gint64 post_interval;
  gint64 post_timeout;

  /* Canary; shares in permyriad, see hr-canary-plan.h */
  guint canary_from;      /* Percentage, 0: there is no canary */
  guint canary_to;        /* RampTo */
  gint64 canary_duration; /* RampDuration, 0: the share does not rise by itself */
  guint canary_steps;
  gboolean canary_sticky;
};

#define HR_TYPE_SERVICE_SPEC (hr_service_spec_get_type ())
GType hr_service_spec_get_type (void);

gboolean hr_service_name_is_valid (const char *name);
gboolean hr_profile_is_valid (const char *profile);

HrServiceSpec *hr_service_spec_parse (const char *name, const HrSpecSource *sources, gsize n_sources,
                                      const char *profile, GError **error);
HrServiceSpec *hr_service_spec_ref (HrServiceSpec *self);
void hr_service_spec_unref (HrServiceSpec *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrServiceSpec, hr_service_spec_unref)

G_END_DECLS
