/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-screen.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Rows taken for a terminal that does not tell. */
#define ROWS_DEFAULT 24

/* The other screen, no cursor, lines that are too long are cut; and all that back. */
static const char enter_sequence[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
static const char leave_sequence[] = "\033[?7h\033[?25h\033[?1049l";

static struct termios before;
static volatile sig_atomic_t entered;

static void
restore (void)
{
  if (!entered)
    return;
  entered = 0;
  /* Both may be called from a signal handler. */
  if (write (STDOUT_FILENO, leave_sequence, sizeof leave_sequence - 1) < 0)
    return;
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
}

/* Of signals by which the process ends without coming back to the main loop. */
static void
restore_and_die (int signal_number)
{
  restore ();
  signal (signal_number, SIG_DFL);
  raise (signal_number);
}

/**
 * hr_screen_is_possible:
 *
 * Returns: whether there is a terminal to show on and to read keys from
 */
gboolean
hr_screen_is_possible (void)
{
  const char *term = g_getenv ("TERM");

  return isatty (STDIN_FILENO) == 1 && isatty (STDOUT_FILENO) == 1 && term != NULL && *term != '\0'
         && !g_str_equal (term, "dumb");
}

/**
 * hr_screen_enter:
 *
 * Takes the terminal: keys come at once, are not shown, and none of them is a signal.
 *
 * Returns: whether that could be done
 */
gboolean
hr_screen_enter (void)
{
  static const int deadly[] = { SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPIPE };
  struct termios raw;

  if (tcgetattr (STDIN_FILENO, &before) != 0)
    return FALSE;
  raw = before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
  raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  for (guint i = 0; i < G_N_ELEMENTS (deadly); i++)
    signal (deadly[i], restore_and_die);
  if (tcsetattr (STDIN_FILENO, TCSAFLUSH, &raw) != 0)
    return FALSE;
  entered = 1;
  fputs (enter_sequence, stdout);
  fflush (stdout);
  return TRUE;
}

/**
 * hr_screen_leave:
 *
 * Gives the terminal back as it was. Nothing happens when it was not taken.
 */
void
hr_screen_leave (void)
{
  fflush (stdout);
  restore ();
}

/**
 * hr_screen_suspend:
 *
 * Gives the terminal back, stops this process as Ctrl-Z does, and takes the terminal again when it goes on.
 */
void
hr_screen_suspend (void)
{
  hr_screen_leave ();
  raise (SIGSTOP);
  hr_screen_enter ();
}

/**
 * hr_screen_get_rows:
 *
 * Returns: how many lines the terminal has
 */
guint
hr_screen_get_rows (void)
{
  struct winsize size;

  return ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
}

/**
 * hr_screen_draw:
 * @text: lines; as many are shown as there are rows
 *
 * Writes over what is shown, without flicker.
 */
void
hr_screen_draw (const char *text)
{
  guint rows = hr_screen_get_rows ();
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  fputs ("\033[H", stdout);
  for (guint i = 0; i < rows && lines[i] != NULL; i++)
    printf ("%s%s\033[K", i > 0 ? "\r\n" : "", lines[i]);
  fputs ("\033[J", stdout);
  fflush (stdout);
}
