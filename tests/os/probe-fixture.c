/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "probe-fixture.h"

#include <unistd.h>

#include "check-fixture.h"
#include "hr-error.h"

void
probe_set_up (ProbeFixture *f, gconstpointer data)
{
  static const char *const environment[] = { "PATH=/usr/bin:/bin", "OWN=value", NULL };

  f->prober = hr_local_prober_new ();
  f->cancellable = g_cancellable_new ();
  f->spec = g_atomic_rc_box_new0 (HrServiceSpec);
  f->spec->name = (char *)"web";
  f->spec->probe_status = hr_probe_status_parse ("", NULL);
  f->request = (HrProbeRequest){
    .spec = f->spec, .timeout = PROBE_LONG, .pid = getpid (), .instance = "none", .environment = environment
  };
}

void
probe_tear_down (ProbeFixture *f, gconstpointer data)
{
  g_array_unref (f->spec->probe_status);
  g_atomic_rc_box_release (f->spec);
  g_clear_object (&f->request.source);
  g_clear_object (&f->cancellable);
  g_assert_finalize_object (f->prober);
}

static void
ended (GObject *source, GAsyncResult *result, gpointer data)
{
  ProbeFixture *f = data;

  f->result = g_object_ref (result);
}

static gboolean
too_late (gpointer data)
{
  g_error ("the probe does not end");
  return G_SOURCE_REMOVE;
}

gboolean
probe_ask_once (ProbeFixture *f, const HrProbeSpec *spec, GError **error)
{
  guint deadline = g_timeout_add_seconds (60, too_late, NULL);
  gboolean well;

  f->request.probe = spec;
  hr_prober_probe_async (f->prober, &f->request, f->cancellable, ended, f);
  while (f->result == NULL)
    g_main_context_iteration (NULL, TRUE);
  well = hr_prober_probe_finish (f->prober, f->result, error);
  g_clear_object (&f->result);
  g_source_remove (deadline);
  /* Connections are closed from the main loop. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return well;
}

gboolean
probe_ask (ProbeFixture *f, const char *text, GError **error)
{
  g_autoptr (HrProbeSpec) spec = hr_probe_spec_parse (text, error);

  return probe_ask_once (f, spec, error);
}

void
probe_expect_well (ProbeFixture *f, const char *text)
{
  g_autoptr (GError) error = NULL;

  probe_ask (f, text, &error);
  g_assert_no_error (error);
}

/* The message names the probe, and what came instead of what was wanted. */
void
probe_expect_ill (ProbeFixture *f, const char *text, const char *words)
{
  g_autofree char *begin = g_strdup_printf ("Probe '%s': ", text);
  g_autoptr (GError) error = NULL;

  g_assert_false (probe_ask (f, text, &error));
  g_assert_error (error, HR_ERROR, HR_ERROR_NOT_HEALTHY);
  g_test_message ("%s", error->message);
  check_assert_contains (error->message, begin);
  check_assert_contains (error->message, words);
}
