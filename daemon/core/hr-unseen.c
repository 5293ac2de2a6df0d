/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-unseen.h"

#define REMEDY "name its address in Listen and take LISTEN_FDS"

static const char *
describe (HrUnseen unseen)
{
  static const char *const words[] = {
    [HR_UNSEEN_NOT] = "its program can be seen",
    [HR_UNSEEN_STATIC] = "its program is linked statically",
    [HR_UNSEEN_GO] = "its program is written in Go",
    [HR_UNSEEN_SETID] = "its program gets the rights of its file's owner or group",
    [HR_UNSEEN_CAPABLE] = "its program gets capabilities from its file",
    [HR_UNSEEN_FOREIGN] = "its program is made for another processor or word size than hotreload",
    [HR_UNSEEN_RUNNING] = "a process of it that listens does not load the preload library",
  };

  return words[unseen];
}

static gboolean
binds_for_itself (const HrServiceSpec *spec)
{
  return spec->sockets == HR_SOCKETS_AUTO || spec->sockets == HR_SOCKETS_ADOPT;
}

/* Whether the program's bind() would meet the daemon's own socket: that of Listen where none is passed, or that of an
 * instance before which could be seen. */
static gboolean
meets_daemon (const HrServiceSpec *spec, const HrUnseenCase *what)
{
  if (what->candidate == HR_UNSEEN_NOT)
    return FALSE;
  return spec->listen->len > 0 ? spec->sockets == HR_SOCKETS_ADOPT : what->holds_found;
}

/* Whether it would meet the socket of the running instance. */
static gboolean
meets_previous (const HrServiceSpec *spec, const HrUnseenCase *what)
{
  if (!what->has_previous || what->sequential)
    return FALSE;
  /* One that has just been started may be about to bind. */
  return what->previous_binds
         || (spec->listen->len == 0 && what->candidate != HR_UNSEEN_NOT && what->previous != HR_UNSEEN_NOT
             && what->previous_age < HR_UNSEEN_BINDS_WITHIN_USEC);
}

/**
 * hr_unseen_judge:
 * @spec: the service
 * @what: what is known of its programs
 *
 * Returns: whether the candidate can be started: beside the running instance, only after its end, or not at all
 *   because the address would be taken whatever is done
 */
HrUnseenVerdict
hr_unseen_judge (const HrServiceSpec *spec, const HrUnseenCase *what)
{
  if (!binds_for_itself (spec))
    return HR_UNSEEN_GOES;
  if (meets_daemon (spec, what))
    return HR_UNSEEN_CANNOT;
  if (!meets_previous (spec, what))
    return HR_UNSEEN_GOES;
  return spec->sockets == HR_SOCKETS_ADOPT ? HR_UNSEEN_CANNOT : HR_UNSEEN_NEEDS_SEQUENTIAL;
}

static const char *
describe_case (const HrUnseenCase *what)
{
  return describe (what->candidate != HR_UNSEEN_NOT ? what->candidate : what->previous);
}

/**
 * hr_unseen_describe_sequential:
 * @spec: the service
 * @what: what hr_unseen_judge() said %HR_UNSEEN_NEEDS_SEQUENTIAL of
 *
 * Returns: (transfer full): for people: why the running instance ends first, and what to do
 */
char *
hr_unseen_describe_sequential (const HrServiceSpec *spec, const HrUnseenCase *what)
{
  return g_strdup_printf ("%s, so that what it binds cannot be handed over, and a new one beside it would find the "
                          "address in use; connections can be refused meanwhile; to avoid that, %s",
                          describe_case (what), spec->listen->len > 0 ? "take LISTEN_FDS" : REMEDY);
}

/**
 * hr_unseen_describe_refusal:
 * @spec: the service
 * @what: what hr_unseen_judge() said %HR_UNSEEN_CANNOT of
 *
 * Returns: (transfer full): for people: why, and what to do
 */
char *
hr_unseen_describe_refusal (const HrServiceSpec *spec, const HrUnseenCase *what)
{
  const char *why = describe_case (what);

  if (spec->listen->len > 0 && meets_daemon (spec, what))
    return g_strdup_printf ("%s, so that its bind() cannot be answered with the socket of Listen, and would find the "
                            "address in use; take LISTEN_FDS and write Sockets=pass",
                            why);
  if (meets_daemon (spec, what))
    return g_strdup_printf ("%s, so that its bind() cannot be answered with the socket that the daemon keeps from the "
                            "one before, and would find the address in use; " REMEDY
                            ", or write Sockets=none (connections can then be refused during a reload)",
                            why);
  return g_strdup_printf ("%s, so that what it binds cannot be handed over, and a new one beside it would find the "
                          "address in use; " REMEDY
                          " (Sockets=pass), or write Handover=sequential (connections can then be refused)",
                          why);
}

/**
 * hr_unseen_advise:
 * @spec: the service
 * @unseen: of its program
 *
 * Returns: (transfer full) (nullable): for people: what cannot be done for its sockets, and what to do instead;
 *   %NULL where there is nothing to say
 */
char *
hr_unseen_advise (const HrServiceSpec *spec, HrUnseen unseen)
{
  if (unseen == HR_UNSEEN_NOT || spec->sockets == HR_SOCKETS_NONE)
    return NULL;
  if (spec->listen->len > 0 && spec->sockets == HR_SOCKETS_ADOPT)
    return g_strdup_printf ("%s: its bind() cannot be answered with the socket of Listen; take LISTEN_FDS and write "
                            "Sockets=pass",
                            describe (unseen));
  if (spec->listen->len > 0 && unseen != HR_UNSEEN_RUNNING)
    return g_strdup_printf ("%s: it must take LISTEN_FDS, and say READY=1 or be probed, because it is not seen to "
                            "listen; an old one is told to stop at once and must finish by itself",
                            describe (unseen));
  if (spec->sockets == HR_SOCKETS_PASS)
    return NULL;
  if (spec->sockets == HR_SOCKETS_ADOPT && spec->handover != HR_HANDOVER_SEQUENTIAL)
    return g_strdup_printf ("%s: what it binds cannot be handed over, and a reload is refused; " REMEDY
                            " (Sockets=pass), or write Handover=sequential",
                            describe (unseen));
  return g_strdup_printf (
      "%s: what it binds cannot be handed over, and connections can be refused during a reload; " REMEDY,
      describe (unseen));
}
