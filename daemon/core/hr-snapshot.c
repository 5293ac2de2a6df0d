/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-snapshot.h"

#include <string.h>

#include "hr-error.h"

G_DEFINE_BOXED_TYPE (HrSnapshot, hr_snapshot, hr_snapshot_copy, hr_snapshot_free)

/* The end of the year 9999, where GDateTime ends, in seconds since 1970. */
#define TIME_MAX G_GINT64_CONSTANT (253402300799)

/* What hr_snapshot_to_bytes() puts behind the data. */
#define DOCUMENT_TAIL "}\n"

enum { MEMBER_SERVICE, MEMBER_TIME, MEMBER_RELEASE, MEMBER_VERSION, MEMBER_CHECKSUM, MEMBER_DATA, N_MEMBERS };

static const struct {
  const char *name;
  HrJsonToken type; /* HR_JSON_END: any */
  guint64 max;      /* of a number */
} members[N_MEMBERS] = {
  [MEMBER_SERVICE] = { "serviceName", HR_JSON_STRING, 0 },
  [MEMBER_TIME] = { "timestamp", HR_JSON_NUMBER, G_MAXINT32 *(guint64)1000 },
  [MEMBER_RELEASE] = { "release", HR_JSON_NUMBER, G_MAXINT64 },
  [MEMBER_VERSION] = { "version", HR_JSON_NUMBER, G_MAXUINT },
  [MEMBER_CHECKSUM] = { "checksum", HR_JSON_STRING, 0 },
  [MEMBER_DATA] = { "data", HR_JSON_END, 0 },
};

/* What was found of a document. */
typedef struct {
  gboolean seen[N_MEMBERS];
  char *text[N_MEMBERS];
  guint64 number[N_MEMBERS];
  gsize begin, end;             /* of the data with the white space around them */
  gsize tight_begin, tight_end; /* of the data alone */
} Fields;

static void
fields_clear (Fields *fields)
{
  for (int i = 0; i < N_MEMBERS; i++)
    g_clear_pointer (&fields->text[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fields, fields_clear)

static char *
make_checksum (const char *data, gsize size)
{
  g_autofree char *hex = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)data, size);

  return g_strconcat ("sha256:", hex, NULL);
}

/**
 * hr_snapshot_make_id:
 * @time_usec: microseconds since 1970
 * @release: number of the release
 *
 * Returns: (transfer full): an id, "20261120T155012Z-000123-r7"; those of later times sort behind
 */
char *
hr_snapshot_make_id (gint64 time_usec, guint64 release)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (time_usec / G_USEC_PER_SEC);
  g_autofree char *second = NULL;

  g_return_val_if_fail (time != NULL, NULL);
  second = g_date_time_format (time, "%Y%m%dT%H%M%SZ");
  return g_strdup_printf ("%s-%06d-r%" G_GUINT64_FORMAT, second, (int)(time_usec % G_USEC_PER_SEC), release);
}

static gboolean
all_digits (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isdigit (text[i]))
      return FALSE;
  return TRUE;
}

static int
number_at (const char *text, int length)
{
  int value = 0;

  for (int i = 0; i < length; i++)
    value = value * 10 + (text[i] - '0');
  return value;
}

/**
 * hr_snapshot_id_time:
 * @id: a string
 *
 * Returns: the time in @id in microseconds since 1970; -1 when @id is none of hr_snapshot_make_id()
 */
gint64
hr_snapshot_id_time (const char *id)
{
  g_autoptr (GDateTime) time = NULL;
  gsize length = strlen (id);

  /*      0       8 9     15 17     24
   *      20261120T155012Z-000123-r7 */
  if (length < 26 || length > 44 || !all_digits (id, 8) || id[8] != 'T' || !all_digits (id + 9, 6) || id[15] != 'Z'
      || id[16] != '-' || !all_digits (id + 17, 6) || id[23] != '-' || id[24] != 'r'
      || !all_digits (id + 25, length - 25))
    return -1;
  time = g_date_time_new_utc (number_at (id, 4), number_at (id + 4, 2), number_at (id + 6, 2), number_at (id + 9, 2),
                              number_at (id + 11, 2), number_at (id + 13, 2));
  if (time == NULL)
    return -1;
  return g_date_time_to_unix (time) * G_USEC_PER_SEC + number_at (id + 17, 6);
}

static gboolean
check_size (gsize size, GError **error)
{
  if (size <= HR_STATE_SIZE_MAX)
    return TRUE;
  g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED,
               "the state has %" G_GSIZE_FORMAT " bytes; more than %d are not kept", size, HR_STATE_SIZE_MAX);
  return FALSE;
}

/**
 * hr_snapshot_new:
 * @service: whose
 * @time_sec: seconds since 1970
 * @release: number of the release that wrote @data
 * @version: State.Version then
 * @data: JSON, at most %HR_STATE_SIZE_MAX bytes; kept as they are
 * @error: return location
 *
 * The id is made from @time_sec; who stores more than one a second gives it another.
 *
 * Returns: (transfer full): the snapshot; %NULL with %HR_ERROR_STATE_FAILED that says what is wrong with @data
 */
HrSnapshot *
hr_snapshot_new (const char *service, gint64 time_sec, guint64 release, guint version, GBytes *data, GError **error)
{
  HrSnapshot *self;
  const char *text;
  gsize size;

  g_return_val_if_fail (service != NULL && time_sec >= 0 && time_sec <= TIME_MAX && data != NULL, NULL);

  text = g_bytes_get_data (data, &size);
  if (!check_size (size, error) || !hr_json_check (text, size, HR_STATE_DEPTH_MAX, error))
    return NULL;

  self = g_new0 (HrSnapshot, 1);
  self->id = hr_snapshot_make_id (time_sec * G_USEC_PER_SEC, release);
  self->service = g_strdup (service);
  self->time_sec = time_sec;
  self->release = release;
  self->version = version;
  self->checksum = make_checksum (text, size);
  self->data = g_bytes_ref (data);
  self->size = size;
  return self;
}

static int
find_member (const char *name)
{
  for (int i = 0; i < N_MEMBERS && name != NULL; i++)
    if (g_str_equal (members[i].name, name))
      return i;
  return -1;
}

static gboolean
fail (GError **error, const char *name, const char *what)
{
  g_set_error (error, HR_ERROR, HR_ERROR_STATE_FAILED, "not a snapshot: '%s' %s", name, what);
  return FALSE;
}

/* Scans the value of the member @index and takes what it says. */
static gboolean
read_member (HrJsonScan *scan, int index, Fields *fields, GError **error)
{
  const char *name = members[index].name;
  gsize full = scan->next, begin, end;
  HrJsonToken token = hr_json_scan_value (scan, &begin, &end, error);

  if (token == HR_JSON_ERROR)
    return FALSE;
  if (fields->seen[index])
    return fail (error, name, "is there twice");
  fields->seen[index] = TRUE;

  if (index == MEMBER_DATA)
    {
      fields->begin = full;
      fields->tight_begin = begin;
      fields->tight_end = end;
      while (end < scan->size && hr_json_is_space (scan->text[end]))
        end++;
      fields->end = end;
      return TRUE;
    }
  if (token != members[index].type)
    return fail (error, name, members[index].type == HR_JSON_STRING ? "is not a string" : "is not a number");
  if (token == HR_JSON_STRING)
    {
      fields->text[index] = hr_json_unquote (scan->text + begin, end - begin);
      return fields->text[index] != NULL || fail (error, name, "is not a string of characters");
    }
  else
    {
      g_autofree char *digits = g_strndup (scan->text + begin, MIN (end - begin, 32));

      if (!g_ascii_string_to_unsigned (digits, 10, 0, members[index].max, &fields->number[index], NULL))
        return fail (error, name, "is not a whole number in its range");
      return TRUE;
    }
}

/* Members of the document up to its end, or with @head up to the beginning of the data. */
static gboolean
read_members (HrJsonScan *scan, gboolean head, Fields *fields, GError **error)
{
  HrJsonToken token = hr_json_scan_next (scan, error);

  if (token != HR_JSON_ERROR && token != HR_JSON_OBJECT)
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_STATE_FAILED, "not a snapshot: not a JSON object");
      return FALSE;
    }
  while (token != HR_JSON_ERROR && (token = hr_json_scan_next (scan, error)) == HR_JSON_NAME)
    {
      g_autofree char *name = hr_json_unquote (scan->text + scan->start, scan->end - scan->start);
      int index = find_member (name);
      gsize begin, end;

      if (head && index == MEMBER_DATA)
        {
          fields->begin = scan->next;
          fields->seen[MEMBER_DATA] = TRUE;
          return TRUE;
        }
      if (index >= 0 && !read_member (scan, index, fields, error))
        return FALSE;
      if (index < 0)
        token = hr_json_scan_value (scan, &begin, &end, error);
    }
  return token == HR_JSON_OBJECT_END && hr_json_scan_next (scan, error) == HR_JSON_END;
}

static HrSnapshot *
from_fields (Fields *fields, GError **error)
{
  HrSnapshot *self;

  for (int i = 0; i < N_MEMBERS; i++)
    if (!fields->seen[i])
      {
        fail (error, members[i].name, "is missing");
        return NULL;
      }
  self = g_new0 (HrSnapshot, 1);
  self->time_sec = (gint64)fields->number[MEMBER_TIME];
  self->release = fields->number[MEMBER_RELEASE];
  self->version = (guint)fields->number[MEMBER_VERSION];
  self->id = hr_snapshot_make_id (self->time_sec * G_USEC_PER_SEC, self->release);
  self->service = g_steal_pointer (&fields->text[MEMBER_SERVICE]);
  self->checksum = g_steal_pointer (&fields->text[MEMBER_CHECKSUM]);
  return self;
}

/**
 * hr_snapshot_parse:
 * @document: what a snapshot's file holds
 * @error: return location
 *
 * Members it does not know are skipped. The data are checked and their checksum verified: with the white space around
 * them, or else without, so that a document that was laid out by another program is read too.
 *
 * Returns: (transfer full): the snapshot, with an id made from its time, and its data a part of @document; %NULL with
 *   %HR_ERROR_STATE_FAILED that says what is wrong
 */
HrSnapshot *
hr_snapshot_parse (GBytes *document, GError **error)
{
  g_autoptr (HrSnapshot) self = NULL;
  g_auto (HrJsonScan) scan = { 0 };
  g_auto (Fields) fields = { 0 };
  g_autofree char *full = NULL;
  const char *text;
  gsize size;

  g_return_val_if_fail (document != NULL, NULL);

  text = g_bytes_get_data (document, &size);
  hr_json_scan_init (&scan, text, size, HR_STATE_DEPTH_MAX + 1);
  if (!read_members (&scan, FALSE, &fields, error))
    return NULL;
  self = from_fields (&fields, error);
  if (self == NULL || !check_size (fields.end - fields.begin, error))
    return NULL;

  full = make_checksum (text + fields.begin, fields.end - fields.begin);
  if (!g_str_equal (full, self->checksum))
    {
      g_autofree char *tight = make_checksum (text + fields.tight_begin, fields.tight_end - fields.tight_begin);

      if (!g_str_equal (tight, self->checksum))
        {
          fail (error, members[MEMBER_CHECKSUM].name, "does not match the data");
          return NULL;
        }
      fields.begin = fields.tight_begin;
      fields.end = fields.tight_end;
    }
  self->size = fields.end - fields.begin;
  self->data = g_bytes_new_from_bytes (document, fields.begin, self->size);
  return g_steal_pointer (&self);
}

/**
 * hr_snapshot_parse_head:
 * @text: (array length=size): the beginning of a document, %HR_SNAPSHOT_HEAD_SIZE bytes of it or all
 * @size: in bytes
 * @document_size: of all of it, in bytes
 * @error: return location
 *
 * For lists: reads what stands before the data, as hr_snapshot_to_bytes() lays it out. Neither data nor checksum are
 * looked at.
 *
 * Returns: (transfer full): the snapshot without data; %NULL with %HR_ERROR_STATE_FAILED, also for a document of
 *   another layout
 */
HrSnapshot *
hr_snapshot_parse_head (const char *text, gsize size, guint64 document_size, GError **error)
{
  g_auto (HrJsonScan) scan = { 0 };
  g_auto (Fields) fields = { 0 };
  HrSnapshot *self;

  hr_json_scan_init (&scan, text, size, HR_STATE_DEPTH_MAX + 1);
  if (!read_members (&scan, TRUE, &fields, error))
    return NULL;
  self = from_fields (&fields, error);
  if (self != NULL && document_size >= fields.begin + strlen (DOCUMENT_TAIL))
    self->size = document_size - fields.begin - strlen (DOCUMENT_TAIL);
  return self;
}

/**
 * hr_snapshot_to_bytes:
 * @self: a snapshot with data
 *
 * Returns: (transfer full): the document
 */
GBytes *
hr_snapshot_to_bytes (const HrSnapshot *self)
{
  g_autofree char *service = NULL, *checksum = NULL, *head = NULL;
  const char *data;
  char *document;
  gsize head_size, data_size, tail_size = strlen (DOCUMENT_TAIL);

  g_return_val_if_fail (self != NULL && self->data != NULL, NULL);

  service = hr_json_quote (self->service);
  checksum = hr_json_quote (self->checksum);
  head = g_strdup_printf ("{\"serviceName\": %s, \"timestamp\": %" G_GINT64_FORMAT ", \"release\": %" G_GUINT64_FORMAT
                          ", \"version\": %u, \"checksum\": %s, \"data\":",
                          service, self->time_sec, self->release, self->version, checksum);
  head_size = strlen (head);
  data = g_bytes_get_data (self->data, &data_size);
  document = g_malloc (head_size + data_size + tail_size);
  memcpy (document, head, head_size);
  memcpy (document + head_size, data, data_size);
  memcpy (document + head_size + data_size, DOCUMENT_TAIL, tail_size);
  return g_bytes_new_take (document, head_size + data_size + tail_size);
}

/**
 * hr_snapshot_copy:
 * @self: a snapshot
 *
 * Returns: (transfer full): a copy that shares the data
 */
HrSnapshot *
hr_snapshot_copy (const HrSnapshot *self)
{
  HrSnapshot *copy = g_new (HrSnapshot, 1);

  *copy = *self;
  copy->id = g_strdup (self->id);
  copy->service = g_strdup (self->service);
  copy->checksum = g_strdup (self->checksum);
  copy->data = self->data != NULL ? g_bytes_ref (self->data) : NULL;
  return copy;
}

/**
 * hr_snapshot_free:
 * @self: a snapshot
 */
void
hr_snapshot_free (HrSnapshot *self)
{
  g_free (self->id);
  g_free (self->service);
  g_free (self->checksum);
  g_clear_pointer (&self->data, g_bytes_unref);
  g_free (self);
}
