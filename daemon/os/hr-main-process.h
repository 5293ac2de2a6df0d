/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-main-process.h: a process that an instance named as its main process (MAINPID=), in the place of the one that was
 * started: its leader.
 *
 * Nothing is believed: it must run, and be of the instance. It is held by a pidfd from then on, so that nobody else is
 * ever meant by its number.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HrMainProcessFunc:
 * @user_data: what was given to hr_main_process_new()
 *
 * Called from the main loop when it has ended. May free it.
 */
typedef void (*HrMainProcessFunc) (gpointer user_data);

typedef struct _HrMainProcess HrMainProcess;

HrMainProcess *hr_main_process_new (GPid pid, GPid leader, const char *instance, HrMainProcessFunc ended,
                                    gpointer user_data);
void hr_main_process_free (HrMainProcess *self);
GPid hr_main_process_get_pid (HrMainProcess *self);
int hr_main_process_get_pidfd (HrMainProcess *self);
void hr_main_process_signal (HrMainProcess *self, int signal_number);
gboolean hr_main_process_get_status (HrMainProcess *self, int *wait_status);

G_END_DECLS
