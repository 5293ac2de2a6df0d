/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-fake-gate.h"

typedef struct {
  GTask *task;
  HrFakeAnswer answer;
  GError *failure;
} Call;

static void
call_free (gpointer data)
{
  Call *call = data;

  g_object_unref (call->task);
  g_clear_error (&call->failure);
  g_free (call);
}

static gboolean
call_answer (gpointer data)
{
  Call *call = data;

  if (g_task_return_error_if_cancelled (call->task))
    return G_SOURCE_REMOVE;
  if (call->failure != NULL)
    g_task_return_error (call->task, g_steal_pointer (&call->failure));
  else
    call->answer (call->task);
  return G_SOURCE_REMOVE;
}

/**
 * hr_fake_gate_pass:
 * @self: the gate
 * @task: (transfer full): a call
 * @answer: what answers it
 */
void
hr_fake_gate_pass (HrFakeGate *self, GTask *task, HrFakeAnswer answer)
{
  Call *call = g_new0 (Call, 1);

  self->calls++;
  call->task = task;
  call->answer = answer;
  call->failure = g_steal_pointer (&self->failure);
  if (self->holding)
    g_queue_push_tail (&self->held, call);
  else
    g_idle_add_full (G_PRIORITY_DEFAULT, call_answer, call, call_free);
}

/**
 * hr_fake_gate_fail_next:
 * @self: the gate
 * @domain: of the error
 * @code: of the error
 * @message: of the error
 *
 * The next call fails with this.
 */
void
hr_fake_gate_fail_next (HrFakeGate *self, GQuark domain, int code, const char *message)
{
  g_clear_error (&self->failure);
  self->failure = g_error_new_literal (domain, code, message);
}

/**
 * hr_fake_gate_hold:
 * @self: the gate
 *
 * Calls are not answered from now on.
 */
void
hr_fake_gate_hold (HrFakeGate *self)
{
  self->holding = TRUE;
}

/**
 * hr_fake_gate_release:
 * @self: the gate
 *
 * Answers what was held, from the main loop, and later calls as usual.
 */
void
hr_fake_gate_release (HrFakeGate *self)
{
  Call *call;

  self->holding = FALSE;
  while ((call = g_queue_pop_head (&self->held)) != NULL)
    g_idle_add_full (G_PRIORITY_DEFAULT, call_answer, call, call_free);
}

/**
 * hr_fake_gate_clear:
 * @self: the gate of a fake that goes away: nothing is held then, for a held call keeps its fake
 */
void
hr_fake_gate_clear (HrFakeGate *self)
{
  g_assert_cmpuint (g_queue_get_length (&self->held), ==, 0);
  g_clear_error (&self->failure);
}
