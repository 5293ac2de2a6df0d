/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test-program-sight.c: programs as they are found and built, and what is made of their files before they run.
 */
#include "hr-program-sight.h"

#include <elf.h>
#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hr-exec-command.h"
#include "hr-fs.h"

#define PROGRAM TEST_PROGRAM_DIR "/passed-program"
#define STATIC PROGRAM "-static"
#define GO PROGRAM "-go"
#define ASAN TEST_PROGRAM_DIR "/asan-program"
/* Nobody: some user that is not the one who runs this. */
#define SOMEBODY 65534

typedef struct {
  char *dir;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = g_dir_make_tmp ("hotreload-XXXXXX", NULL);
  g_assert_cmpint (chmod (fixture->dir, 0755), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hr_fs_remove_tree (fixture->dir, NULL);
  g_free (fixture->dir);
}

static gboolean
skip_without (const char *program)
{
  g_autofree char *message = g_strdup_printf ("not run here: %s is not built", program);

  if (g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
    return FALSE;
  g_test_skip (message);
  return TRUE;
}

static HrUnseen
look_in (Fixture *fixture, HrView *view, const char *const *argv)
{
  g_autofree char *path = g_strdup_printf ("PATH=/no/such/directory:%s/bin:/usr/bin:/bin", fixture->dir);
  const char *environment[] = { path, NULL };

  return hr_program_sight_look (argv, environment, fixture->dir, view).unseen;
}

static HrUnseen
look (Fixture *fixture, const char *program)
{
  const char *argv[] = { program, "argument", NULL };

  return look_in (fixture, NULL, argv);
}

static char *
put (Fixture *fixture, const char *name, const char *text, gssize size)
{
  g_autofree char *path = g_build_filename (fixture->dir, name, NULL);
  g_autofree char *dir = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (dir, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, size, NULL));
  g_assert_cmpint (chmod (path, 0755), ==, 0);
  return g_steal_pointer (&path);
}

static char *
copy (Fixture *fixture, const char *program, const char *name)
{
  g_autofree char *text = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (program, &text, &size, NULL));
  return put (fixture, name, text, (gssize)size);
}

static void
test_seen (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (look (fixture, PROGRAM), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (look (fixture, "/bin/sh"), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (look (fixture, "sh"), ==, HR_UNSEEN_NOT);
}

static void
test_file (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (look (fixture, GO), ==, HR_UNSEEN_GO);
  if (!skip_without (STATIC))
    g_assert_cmpint (look (fixture, STATIC), ==, HR_UNSEEN_STATIC);
}

/* By hand: a static program with Go's note, as Go writes it when it uses no C library. */
static void
test_by_hand (Fixture *fixture, gconstpointer data)
{
  struct {
    Elf64_Ehdr file;
    Elf64_Phdr headers[2];
    struct {
      Elf64_Nhdr head;
      char name[4];
      char data[4];
    } note;
  } elf = {
    .headers = { { .p_type = PT_LOAD, .p_filesz = sizeof elf }, { .p_type = PT_NOTE, .p_filesz = sizeof elf.note } },
    .note = { { .n_namesz = 4, .n_descsz = 4, .n_type = 4 }, "Go\0", "id" },
  };
  g_autofree char *own = NULL;
  g_autofree char *path = NULL;

  if (sizeof (void *) != 8)
    {
      g_test_skip ("not run here: it is a 64-bit file that is made");
      return;
    }
  g_assert_true (g_file_get_contents ("/proc/self/exe", &own, NULL, NULL));
  memcpy (&elf.file, own, sizeof elf.file);
  elf.file.e_phoff = G_STRUCT_OFFSET (__typeof__ (elf), headers);
  elf.file.e_phnum = 2;
  elf.headers[1].p_offset = G_STRUCT_OFFSET (__typeof__ (elf), note);
  path = put (fixture, "go", (const char *)&elf, sizeof elf);
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_GO);
  elf.file.e_phnum = 1;
  g_free (put (fixture, "go", (const char *)&elf, sizeof elf));
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_STATIC);
  /* Nonsense is no reason to fall. */
  elf.file.e_phnum = 2;
  elf.headers[1].p_filesz = G_MAXUINT64;
  elf.note.head.n_namesz = G_MAXUINT32;
  g_free (put (fixture, "go", (const char *)&elf, sizeof elf));
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_STATIC);
  elf.file.e_phoff = G_MAXINT64;
  g_free (put (fixture, "go", (const char *)&elf, sizeof elf));
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_NOT);
}

static void
test_foreign (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *path = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (PROGRAM, &text, &size, NULL));
  text[EI_CLASS] = text[EI_CLASS] == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64;
  path = put (fixture, "foreign", text, (gssize)size);
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_FOREIGN);
}

/* Exec names what runs another. */
static void
test_scripts (Fixture *fixture, gconstpointer data)
{
  g_autofree char *file = put (fixture, "bin/tool", "#!" GO " -x\n", -1);
  g_autofree char *second = put (fixture, "second", "#!/usr/bin/env tool\n", -1);
  g_autofree char *loop = g_strdup_printf ("#!%s/loop\n", fixture->dir);
  g_autofree char *endless = put (fixture, "loop", loop, -1);
  const char *by_env[] = { "env", "NAME=value", "tool", NULL };
  const char *with_options[] = { "env", "-i", "tool", NULL };

  g_assert_cmpint (look (fixture, file), ==, HR_UNSEEN_GO);
  g_assert_cmpint (look (fixture, "tool"), ==, HR_UNSEEN_GO);
  g_assert_cmpint (look (fixture, second), ==, HR_UNSEEN_GO);
  g_assert_cmpint (look (fixture, "./second"), ==, HR_UNSEEN_GO);
  g_assert_cmpint (look_in (fixture, NULL, by_env), ==, HR_UNSEEN_GO);
  g_assert_cmpint (look_in (fixture, NULL, with_options), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (look (fixture, endless), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (look (fixture, "./no-such-file"), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (look (fixture, fixture->dir), ==, HR_UNSEEN_NOT);
}

/* The slot's file is looked at, not the developer's. */
static void
test_view (Fixture *fixture, gconstpointer data)
{
  g_autofree char *source = g_build_filename (fixture->dir, "source", NULL);
  g_autofree char *slot = g_build_filename (fixture->dir, "slot", NULL);
  g_autofree char *seen = g_build_filename (source, "program", NULL);
  g_autofree char *developers = copy (fixture, PROGRAM, "source/program");
  g_autofree char *placed = copy (fixture, GO, "slot/program");
  g_autofree char *shared = copy (fixture, GO, "source/vendor/program");
  g_autoptr (HrView) view = hr_view_new (source, slot, "/run/real", NULL, NULL);
  const char *relative[] = { "./program", NULL };
  const char *absolute[] = { seen, NULL };
  const char *in_share[] = { "vendor/program", NULL };

  g_assert_cmpint (hr_program_sight_look (absolute, NULL, source, view).unseen, ==, HR_UNSEEN_GO);
  g_assert_cmpint (hr_program_sight_look (relative, NULL, source, view).unseen, ==, HR_UNSEEN_GO);
  g_assert_cmpint (hr_program_sight_look (in_share, NULL, source, view).unseen, ==, HR_UNSEEN_GO);
  g_assert_cmpint (hr_program_sight_look (absolute, NULL, source, NULL).unseen, ==, HR_UNSEEN_NOT);
}

static void
test_setuid (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = copy (fixture, PROGRAM, "program");
  g_autofree char *script = put (fixture, "script", "#!/bin/sh\n", -1);

  /* One's own rights are no more than one has. */
  g_assert_cmpint (chmod (path, 04755), ==, 0);
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_NOT);
  if (chown (path, SOMEBODY, SOMEBODY) < 0 || chmod (path, 04755) < 0)
    {
      g_test_skip ("not run here: who runs this cannot give files away");
      return;
    }
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_SETID);
  g_assert_cmpint (chmod (path, 02755), ==, 0);
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_SETID);
  /* The kernel heeds neither without the group's execute bit, nor on scripts. */
  g_assert_cmpint (chmod (path, 02745), ==, 0);
  g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (chown (script, SOMEBODY, SOMEBODY), ==, 0);
  g_assert_cmpint (chmod (script, 06755), ==, 0);
  g_assert_cmpint (look (fixture, script), ==, HR_UNSEEN_NOT);
}

static void
test_capabilities (Fixture *fixture, gconstpointer data)
{
  /* CAP_NET_BIND_SERVICE, permitted and effective, in revision 2 of the attribute. */
  static const guint8 capability[] = { 1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  g_autofree char *path = copy (fixture, PROGRAM, "program");
  uid_t own = geteuid ();
  HrUnseen unseen;

  if (setxattr (path, "security.capability", capability, sizeof capability, 0) < 0)
    {
      g_test_skip ("not run here: who runs this cannot give capabilities to files");
      return;
    }
  if (own == 0)
    g_assert_cmpint (look (fixture, path), ==, HR_UNSEEN_NOT);
  g_assert_cmpint (seteuid (SOMEBODY), ==, 0);
  unseen = look (fixture, path);
  g_assert_cmpint (seteuid (own), ==, 0);
  g_assert_cmpint (unseen, ==, HR_UNSEEN_CAPABLE);
}

static void
test_asan (Fixture *fixture, gconstpointer data)
{
  const char *with[] = { ASAN, NULL };
  const char *without[] = { PROGRAM, NULL };

  g_assert_false (hr_program_sight_look (without, NULL, fixture->dir, NULL).needs_asan);
  if (!skip_without (ASAN))
    g_assert_true (hr_program_sight_look (with, NULL, fixture->dir, NULL).needs_asan);
}

/* What the service file says of it stands. */
static void
test_asan_options (Fixture *fixture, gconstpointer data)
{
  static const char *const values[][2] = {
    { NULL, "verify_asan_link_order=0" },
    { "detect_leaks=0", "detect_leaks=0:verify_asan_link_order=0" },
    { "verify_asan_link_order=1", "verify_asan_link_order=1" },
  };
  const char *with[] = { ASAN, NULL };
  const char *without[] = { PROGRAM, NULL };

  if (skip_without (ASAN))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *own = g_strdup_printf ("ASAN_OPTIONS=%s", values[i][0] != NULL ? values[i][0] : "");
      const char *environment[] = { values[i][0] != NULL ? own : NULL, NULL };
      HrLaunch launch = { .id = "id", .argv = with, .environment = environment, .stdout_fd = -1, .stderr_fd = -1 };
      g_autoptr (HrExecCommand) command = hr_exec_command_new (&launch, "@notify", "@adopt", NULL, NULL, 9);
      g_autoptr (HrExecCommand) unwatched = hr_exec_command_new (&launch, "@notify", NULL, NULL, NULL, 9);
      g_autoptr (HrExecCommand) ordinary = NULL;

      launch.argv = without;
      ordinary = hr_exec_command_new (&launch, "@notify", "@adopt", NULL, NULL, 9);
      g_assert_cmpstr (g_environ_getenv (command->environment, "ASAN_OPTIONS"), ==, values[i][1]);
      g_assert_cmpstr (g_environ_getenv (unwatched->environment, "ASAN_OPTIONS"), ==, values[i][0]);
      g_assert_cmpstr (g_environ_getenv (ordinary->environment, "ASAN_OPTIONS"), ==, values[i][0]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/program-sight/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("ordinary-programs-are-seen", test_seen);
  ADD ("static-and-go-are-not", test_file);
  ADD ("a-file-made-by-hand", test_by_hand);
  ADD ("another-word-size", test_foreign);
  ADD ("interpreters-are-followed", test_scripts);
  ADD ("the-file-of-the-view-counts", test_view);
  ADD ("set-user-id", test_setuid);
  ADD ("file-capabilities", test_capabilities);
  ADD ("address-sanitizer", test_asan);
  ADD ("address-sanitizer-options-of-the-service-file-stand", test_asan_options);
  return g_test_run ();
}
