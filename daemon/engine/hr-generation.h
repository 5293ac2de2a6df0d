/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-generation.h: one instance of a release, from its start to its end: readiness, state files, stop and kill.
 *
 * Knows nothing of the other instances of its service. Signals, each at most once but the last four:
 *
 * - "ready" (): it is ready by the rule of Ready
 * - "state-opened" (): it opens HOTRELOAD_STATE_IN and waits for hr_generation_give_state()
 * - "exited" (): its main process has ended, or counts as that, see hr_generation_get_stuck(); nothing but "gone" comes
 *   after it
 * - "gone" (): what only counted as ended has
 * - "status" (): its STATUS= text or what it said of itself changed
 * - "watchdog" (gboolean well): it reported to its watchdog, any number of times
 * - "main-changed" (): it named another process as its main one
 * - "watchdog-due" (gint64 usec, gboolean extend): its next report is due after this; with @extend, not before this
 */
#pragma once

#include "hr-ends.h"
#include "hr-generation-plan.h"

G_BEGIN_DECLS

/* What is expected to open HOTRELOAD_STATE_IN has so long for it after it has shown another sign of being ready. */
#define HR_STATE_OPEN_WAIT_USEC (5 * G_USEC_PER_SEC)
/* When others wait for its end, this long it may go on answering before it is told to stop. */
#define HR_HANDOVER_FINISH_USEC (1 * G_USEC_PER_SEC)
/* From sockets of its own a retired one goes on accepting for so long, and longer while something waits in them, looked
 * at this often. */
#define HR_LINGER_USEC (1 * G_USEC_PER_SEC)
#define HR_LINGER_STEP_USEC (50 * G_TIME_SPAN_MILLISECOND)
/* When it has accepted nothing for so long of what waits in them, it hangs: who waits there is handed on, if anybody can be
 * given it. */
#define HR_LINGER_STALL_USEC (500 * G_TIME_SPAN_MILLISECOND)
/* What was killed and has not ended after this waits in the kernel for something that does not come, a dead disk for one.
 * It runs nothing of its program any more, and counts as ended: nobody waits for it. */
#define HR_KILL_WAIT_USEC (5 * G_USEC_PER_SEC)
/* A program that asks to be waited for (EXTEND_TIMEOUT_USEC) is so for this time at most: for its start, for its end. */
#define HR_EXTEND_MAX_USEC G_TIME_SPAN_HOUR
/* What a program may ask for as the interval of its watchdog (WATCHDOG_USEC); what is less or more is not heard. */
#define HR_WATCHDOG_MIN_USEC G_TIME_SPAN_MILLISECOND
#define HR_WATCHDOG_MAX_USEC G_TIME_SPAN_DAY
/* A program's STATUS= text is cut at this, in bytes. */
#define HR_STATUS_TEXT_MAX 1024
/* Of a program that failed, this much of its output is shown: bytes and lines. */
#define HR_LAST_WORDS_SIZE 2048
#define HR_LAST_WORDS_LINES 10

#define HR_TYPE_GENERATION (hr_generation_get_type ())
G_DECLARE_FINAL_TYPE (HrGeneration, hr_generation, HR, GENERATION, GObject)

HrGeneration *hr_generation_new (HrPlatform *platform, const HrGenerationPlan *plan);
gboolean hr_generation_take_over (HrGeneration *self, const HrRunProcess *process, GError **error);
HrRunProcess *hr_generation_describe (HrGeneration *self);
HrSlot hr_generation_recorded_slot (int slot);
GVariant *hr_generation_carry_end (HrGeneration *self);
HrGeneration *hr_generation_new_ended (HrPlatform *platform, const HrGenerationPlan *plan, GVariant *carried);
gboolean hr_generation_start (HrGeneration *self, GBytes *state, gboolean barrier, GError **error);
void hr_generation_retire (HrGeneration *self);
void hr_generation_hand_over (HrGeneration *self, gint64 timeout_usec);
void hr_generation_stop (HrGeneration *self, gint64 timeout_usec);
void hr_generation_kill (HrGeneration *self);
void hr_generation_give_up (HrGeneration *self);
void hr_generation_abort (HrGeneration *self, const char *why);
void hr_generation_set_ready (HrGeneration *self);
void hr_generation_forgo_state (HrGeneration *self);
gboolean hr_generation_write_state (HrGeneration *self, GBytes *data, GError **error);
gboolean hr_generation_give_state (HrGeneration *self, GBytes *data, GError **error);

const char *hr_generation_get_id (HrGeneration *self);
HrServiceSpec *hr_generation_get_spec (HrGeneration *self);
const HrGenerationPlan *hr_generation_get_plan (HrGeneration *self);
guint64 hr_generation_get_release (HrGeneration *self);
HrSlot hr_generation_get_slot (HrGeneration *self);
const char *hr_generation_get_log_file (HrGeneration *self);
HrView *hr_generation_get_view (HrGeneration *self);
GPid hr_generation_get_pid (HrGeneration *self);
gboolean hr_generation_is_alive (HrGeneration *self);
gboolean hr_generation_is_ready (HrGeneration *self);
gboolean hr_generation_counts_as_serving (HrGeneration *self);
gboolean hr_generation_is_serving (HrGeneration *self);
gboolean hr_generation_is_stopping (HrGeneration *self);
gboolean hr_generation_is_lingering (HrGeneration *self);
gboolean hr_generation_was_killed (HrGeneration *self);
gboolean hr_generation_missed_state (HrGeneration *self);
gboolean hr_generation_has_opened_state (HrGeneration *self);
gboolean hr_generation_can_wait (HrGeneration *self);
gboolean hr_generation_has_ended (HrGeneration *self);
gint64 hr_generation_get_ended_at (HrGeneration *self);
gboolean hr_generation_may_accept (HrGeneration *self);
void hr_generation_measure_wait (HrGeneration *self, gboolean measure);
gint64 hr_generation_get_wait (HrGeneration *self);
gboolean hr_generation_is_watched (HrGeneration *self);
GInetAddress *hr_generation_probe_source (HrGeneration *self);
gboolean hr_generation_has_notified (HrGeneration *self);
gboolean hr_generation_is_reloading_itself (HrGeneration *self);
gboolean hr_generation_says_stopping (HrGeneration *self);
gint64 hr_generation_get_extension (HrGeneration *self);
gint64 hr_generation_get_watchdog_interval (HrGeneration *self);
gint64 hr_generation_get_started_at (HrGeneration *self);
gint64 hr_generation_get_started_real (HrGeneration *self);
gint64 hr_generation_get_reported_at (HrGeneration *self);
gboolean hr_generation_ended_well (HrGeneration *self);
gboolean hr_generation_was_refused (HrGeneration *self);
const char *hr_generation_get_cgroup (HrGeneration *self);
const char *hr_generation_get_stuck (HrGeneration *self);
char *hr_generation_describe_end (HrGeneration *self);
char *hr_generation_describe_wait (HrGeneration *self);
char *hr_generation_last_words (HrGeneration *self);
HrEnd *hr_generation_get_end (HrGeneration *self);
const GError *hr_generation_get_start_error (HrGeneration *self);
const char *hr_generation_get_status_text (HrGeneration *self);
char *hr_generation_describe_stranded (HrGeneration *self);
HrUnseen hr_generation_get_unseen (HrGeneration *self);
void hr_generation_look_async (HrGeneration *self, GAsyncReadyCallback callback, gpointer user_data);
gboolean hr_generation_misses_listener (HrGeneration *self);
guint16 hr_generation_get_port (HrGeneration *self);
char **hr_generation_dup_environment (HrGeneration *self);
HrProbeSpec *hr_generation_expand_probe (HrGeneration *self, const HrProbeSpec *probe, GError **error);

G_END_DECLS
