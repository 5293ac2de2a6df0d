/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-listen-spec.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "hr-error.h"
#include "hr-words.h"

#define HOST_MAX 253
#define LETTERS_DIGITS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
#define EXAMPLES                                                                                                       \
  "write NAME=ADDRESS, and ADDRESS as tcp:HOST:PORT, udp:HOST:PORT or unix:PATH, as in 'http=tcp:127.0.0.1:8080'"

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, HR_ERROR, HR_ERROR_INVALID_CONFIGURATION, message);
  return FALSE;
}

static gboolean
consists_of (const char *text, const char *set)
{
  return text[strspn (text, set)] == '\0';
}

static gboolean
parse_host (HrListenSpec *self, const char *text, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);
  gsize length = strlen (text);

  if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
    {
      self->host = g_strndup (text + 1, length - 2);
      if (strchr (self->host, ':') == NULL || !g_hostname_is_ip_address (self->host))
        return fail (error, "%s holds no IPv6 address", quoted);
      return TRUE;
    }
  if (strchr (text, ':') != NULL)
    return fail (error, "%s is not a host: an IPv6 address stands in brackets, as in tcp:[::1]:8080", quoted);
  if (length > HOST_MAX || !consists_of (text, LETTERS_DIGITS "-._"))
    return fail (error, "%s is not a host: write an address, a name, or nothing for every address", quoted);
  if (length > 0 && consists_of (text, G_CSET_DIGITS ".") && !g_hostname_is_ip_address (text))
    return fail (error, "%s is not an IPv4 address", quoted);
  self->host = g_strdup (text);
  return TRUE;
}

static gboolean
parse_host_port (HrListenSpec *self, const char *text, GError **error)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *quoted = hr_words_quote (text);
  g_autofree char *host = NULL;
  guint64 port;

  if (colon == NULL)
    return fail (error, "%s lacks the port: write HOST:PORT; port 0 picks a free one", quoted);
  if (!g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    return fail (error, "the port of %s is not a number from 0 to 65535", quoted);
  self->port = (guint16)port;
  host = g_strndup (text, (gsize)(colon - text));
  return parse_host (self, host, error);
}

static gboolean
parse_path (HrListenSpec *self, const char *text, GError **error)
{
  g_autofree char *quoted = hr_words_quote (text);
  gsize longest = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;

  if (*text == '\0' || g_str_equal (text, "@"))
    return fail (error, "the path after 'unix:' is missing");
  if (*text != '/' && *text != '@')
    return fail (error,
                 "%s is a relative path, and there is no directory that it is relative to: write an absolute one",
                 quoted);
  if (g_str_has_suffix (text, "/"))
    return fail (error, "%s is a directory: write the path of a socket in it", quoted);
  self->path = *text == '@' ? g_strdup (text) : g_canonicalize_filename (text, "/");
  if (strlen (self->path) > longest)
    return fail (error, "%s is too long for a Unix socket: its path may have %" G_GSIZE_FORMAT " bytes", quoted,
                 longest);
  return TRUE;
}

static gboolean
parse_address (HrListenSpec *self, const char *text, GError **error)
{
  g_autofree char *quoted = NULL;

  if (g_str_has_prefix (text, "tcp:"))
    {
      self->kind = HR_LISTEN_TCP;
      return parse_host_port (self, text + strlen ("tcp:"), error);
    }
  if (g_str_has_prefix (text, "udp:"))
    {
      self->kind = HR_LISTEN_UDP;
      return parse_host_port (self, text + strlen ("udp:"), error);
    }
  if (g_str_has_prefix (text, "unix:"))
    {
      self->kind = HR_LISTEN_UNIX;
      return parse_path (self, text + strlen ("unix:"), error);
    }
  quoted = hr_words_quote (text);
  return fail (error, "%s is not an address: " EXAMPLES, quoted);
}

/**
 * hr_listen_spec_parse:
 * @text: NAME=ADDRESS
 * @error: return location
 *
 * Returns: (transfer full): the listener, or %NULL with %HR_ERROR_INVALID_CONFIGURATION set
 */
HrListenSpec *
hr_listen_spec_parse (const char *text, GError **error)
{
  g_autoptr (HrListenSpec) self = g_new0 (HrListenSpec, 1);
  g_autofree char *quoted = NULL;
  const char *equals;

  g_return_val_if_fail (text != NULL, NULL);

  quoted = hr_words_quote (text);
  equals = strchr (text, '=');
  if (equals == NULL)
    {
      fail (error, "%s has no name: " EXAMPLES, quoted);
      return NULL;
    }
  self->name = g_strndup (text, (gsize)(equals - text));
  /* A colon separates the names in LISTEN_FDNAMES. */
  if (*self->name == '\0' || strlen (self->name) > HR_LISTEN_NAME_MAX
      || !consists_of (self->name, LETTERS_DIGITS "-._"))
    {
      fail (error, "the name of %s is not one to %d letters, digits, '-', '.' or '_'", quoted, HR_LISTEN_NAME_MAX);
      return NULL;
    }
  return parse_address (self, equals + 1, error) ? g_steal_pointer (&self) : NULL;
}

/**
 * hr_listen_spec_free:
 * @self: (transfer full) (nullable): a listener
 */
void
hr_listen_spec_free (HrListenSpec *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->host);
  g_free (self->path);
  g_free (self);
}

/* An address as IPv6 has it, IPv4 mapped into it (RFC 4291, 2.5.5.2), so that however it is written it is the same. Returns
 * FALSE for what is no number. */
static gboolean
read_host (const char *host, struct in6_addr *address)
{
  const guint8 prefix[12] = { [10] = 0xff, [11] = 0xff };
  gsize length = strlen (host);
  g_autofree char *plain =
      length > 2 && host[0] == '[' && host[length - 1] == ']' ? g_strndup (host + 1, length - 2) : g_strdup (host);
  struct in_addr four;

  if (g_str_equal (plain, "") || g_str_equal (plain, "*"))
    *address = in6addr_any;
  else if (inet_pton (AF_INET, g_str_equal (plain, "localhost") ? "127.0.0.1" : plain, &four) == 1)
    {
      memcpy (address->s6_addr, prefix, sizeof prefix);
      memcpy (address->s6_addr + sizeof prefix, &four, sizeof four);
    }
  else
    return inet_pton (AF_INET6, plain, address) == 1;
  return TRUE;
}

/* Whether it takes every address that @other could be: those of IPv4 as well, for a socket of IPv6 is bound for both. */
static gboolean
covers (const struct in6_addr *address, const struct in6_addr *other)
{
  const guint8 every_four[16] = { [10] = 0xff, [11] = 0xff };

  return IN6_IS_ADDR_UNSPECIFIED (address)
         || (memcmp (address->s6_addr, every_four, sizeof every_four) == 0 && IN6_IS_ADDR_V4MAPPED (other));
}

/**
 * hr_listen_spec_is_ipv6_only:
 * @self: a listener
 *
 * Returns: whether it is of TCP or UDP, and no client with an IPv4 address can come in
 */
gboolean
hr_listen_spec_is_ipv6_only (const HrListenSpec *self)
{
  struct in6_addr address;

  g_return_val_if_fail (self != NULL, FALSE);
  return self->kind != HR_LISTEN_UNIX && read_host (self->host, &address) && !IN6_IS_ADDR_UNSPECIFIED (&address)
         && !IN6_IS_ADDR_V4MAPPED (&address);
}

/**
 * hr_listen_spec_collides:
 * @self: a listener
 * @other: another
 *
 * Returns: whether only one of them could be bound, as they have one address, or one takes every address and that of the
 *   other with it; port 0 is never the same
 */
gboolean
hr_listen_spec_collides (const HrListenSpec *self, const HrListenSpec *other)
{
  struct in6_addr here, there;

  g_return_val_if_fail (self != NULL && other != NULL, FALSE);

  if (self->kind != other->kind)
    return FALSE;
  if (self->kind == HR_LISTEN_UNIX)
    return g_str_equal (self->path, other->path);
  if (self->port == 0 || self->port != other->port)
    return FALSE;
  if (!read_host (self->host, &here) || !read_host (other->host, &there))
    return g_ascii_strcasecmp (self->host, other->host) == 0;
  return IN6_ARE_ADDR_EQUAL (&here, &there) || covers (&here, &there) || covers (&there, &here);
}
