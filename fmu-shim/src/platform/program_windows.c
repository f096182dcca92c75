/* Windows. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT)
#define _WIN32_WINNT 0x0602 /* Windows 8 */
#endif
#include "command_line.h"
#include "program.h"

#include <windows.h>
/* after windows.h */
#include <shellapi.h>
#include <tlhelp32.h>

#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PATH = 4096, LONGEST_LINE = 32768 };

static HANDLE as_handle(tb_handle handle) { return (HANDLE)handle; }

static char *of_wide(const WCHAR *wide) {
  const int size = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
  char *text = size > 0 ? malloc((size_t)size) : NULL;
  if (text != NULL) WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, size, NULL, NULL);
  return text;
}

char **tb_program_arguments(int argc, char **argv, int *n) {
  (void)argc;
  (void)argv;
  WCHAR **wide = CommandLineToArgvW(GetCommandLineW(), n);
  char **arguments = wide == NULL ? NULL : calloc((size_t)*n + 1, sizeof *arguments);
  for (int k = 0; arguments != NULL && k < *n; k++)
    if ((arguments[k] = of_wide(wide[k])) == NULL) return NULL;
  if (wide != NULL) LocalFree(wide);
  return arguments;
}

bool tb_program_path(char *path, size_t size) {
  WCHAR wide[LONGEST_PATH];
  const DWORD length = GetModuleFileNameW(NULL, wide, LONGEST_PATH);
  if (length == 0 || length >= LONGEST_PATH || WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)size, NULL, NULL) == 0)
    return false;
  for (char *at = path; *at != '\0'; at++)
    if (*at == '\\') *at = '/';
  return true;
}

char *tb_take_environment(const char *name) {
  char value[LONGEST_PATH];
  WCHAR wide[128];
  if (!tb_environment(name, value, sizeof value)) return NULL;
  if (MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, sizeof wide / sizeof *wide) > 0) {
    _wputenv_s(wide, L"");
    SetEnvironmentVariableW(wide, NULL);
  }
  return _strdup(value);
}

/* -- Standard output ------------------------------------------------------------------------------------------------------------- */

tb_handle tb_take_stdout(void) {
  HANDLE copy = NULL, out = GetStdHandle(STD_OUTPUT_HANDLE), self = GetCurrentProcess();
  /* No window that asks what to do about a crash: whoever started it is to know at once. */
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
  _set_abort_behavior(0, _WRITE_ABORT_MSG | _CALL_REPORTFAULT);
  if (out == NULL || out == INVALID_HANDLE_VALUE ||
      !DuplicateHandle(self, out, self, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
    copy = NULL;
  SetStdHandle(STD_OUTPUT_HANDLE, GetStdHandle(STD_ERROR_HANDLE));
  _dup2(2, 1);
  setvbuf(stdout, NULL, _IONBF, 0);
  return copy == NULL ? TB_NO_HANDLE : (tb_handle)copy;
}

bool tb_announce(tb_handle out, const char *line) {
  DWORD written;
  return out != TB_NO_HANDLE && WriteFile(as_handle(out), line, (DWORD)strlen(line), &written, NULL);
}

/* The process that has started this one; NULL: it is not known, or gone, and another has its number. */
static HANDLE open_parent(void) {
  PROCESSENTRY32W entry = {.dwSize = sizeof entry};
  const HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
  HANDLE parent = NULL;
  if (all == INVALID_HANDLE_VALUE) return NULL;
  for (BOOL found = Process32FirstW(all, &entry); found && parent == NULL; found = Process32NextW(all, &entry)) {
    if (entry.th32ProcessID != GetCurrentProcessId()) continue;
    parent = OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, entry.th32ParentProcessID);
    break;
  }
  CloseHandle(all);
  FILETIME its, ours, unused;
  if (parent != NULL && GetProcessTimes(parent, &its, &unused, &unused, &unused) &&
      GetProcessTimes(GetCurrentProcess(), &ours, &unused, &unused, &unused) && CompareFileTime(&its, &ours) <= 0)
    return parent;
  if (parent != NULL) CloseHandle(parent);
  return NULL;
}

bool tb_wait_unread(tb_handle out, int64_t deadline_ns) {
  static HANDLE parent;
  (void)out;
  if (parent == NULL) parent = open_parent();
  for (;;) {
    const int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - tb_monotonic_ns();
    const DWORD ms = left <= 0 ? 0 : left > INT64_C(1000000000000) ? 1000000 : (DWORD)(left / 1000000 + 1);
    if (parent == NULL) Sleep(ms);
    else if (WaitForSingleObject(parent, ms) == WAIT_OBJECT_0) return true;
    if (deadline_ns != INT64_MAX && tb_monotonic_ns() >= deadline_ns) return false;
  }
}

/* -- Ends ------------------------------------------------------------------------------------------------------------------------- */

void tb_end_program(int code) {
  TerminateProcess(GetCurrentProcess(), (UINT)code);
  abort();
}

void tb_leave_program(int code) {
  fflush(NULL);
  TerminateProcess(GetCurrentProcess(), (UINT)code);
  abort();
}

static void (*when_crashed)(const char *);
static DWORD catching_thread;

static LONG WINAPI crashed(EXCEPTION_POINTERS *what) {
  switch (what->ExceptionRecord->ExceptionCode) {
    case EXCEPTION_ACCESS_VIOLATION: when_crashed("access violation"); break;
    case EXCEPTION_STACK_OVERFLOW: when_crashed("stack overflow"); break;
    case EXCEPTION_ILLEGAL_INSTRUCTION: when_crashed("illegal instruction"); break;
    case EXCEPTION_INT_DIVIDE_BY_ZERO:
    case EXCEPTION_FLT_DIVIDE_BY_ZERO: when_crashed("division by zero"); break;
    default: when_crashed("exception");
  }
  return EXCEPTION_CONTINUE_SEARCH;
}

void tb_catch_crash(void (*call)(const char *what)) {
  when_crashed = call;
  catching_thread = GetCurrentThreadId();
  SetUnhandledExceptionFilter(crashed);
}

bool tb_is_catching_thread(void) { return GetCurrentThreadId() == catching_thread; }

/* -- A helper --------------------------------------------------------------------------------------------------------------------- */

static bool start(const char *const *arguments, HANDLE input, HANDLE output, PROCESS_INFORMATION *started, char *error,
                  size_t error_size) {
  WCHAR *line = calloc(LONGEST_LINE, sizeof *line);
  size_t used = 0;
  bool ok = line != NULL;
  for (const char *const *at = arguments; ok && *at != NULL; at++) ok = tb_append_argument(line, LONGEST_LINE, &used, *at);
  STARTUPINFOW info = {.cb = sizeof info,
                       .dwFlags = STARTF_USESTDHANDLES,
                       .hStdInput = input,
                       .hStdOutput = output,
                       .hStdError = GetStdHandle(STD_ERROR_HANDLE)};
  ok = ok && CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &info, started);
  if (!ok) snprintf(error, error_size, "cannot start %s: error %lu", arguments[0], (unsigned long)GetLastError());
  free(line);
  return ok;
}

bool tb_helper_start(tb_helper *helper, const char *const *arguments, char *error, size_t error_size) {
  SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
  HANDLE input = NULL, input_end = NULL, output = NULL, output_end = NULL;
  PROCESS_INFORMATION started;
  bool ok = CreatePipe(&input_end, &input, &inherit, 0) && CreatePipe(&output, &output_end, &inherit, 65536) &&
            SetHandleInformation(input, HANDLE_FLAG_INHERIT, 0) && SetHandleInformation(output, HANDLE_FLAG_INHERIT, 0);
  if (!ok) snprintf(error, error_size, "cannot start %s: error %lu", arguments[0], (unsigned long)GetLastError());
  ok = ok && start(arguments, input_end, output_end, &started, error, error_size);
  if (input_end != NULL) CloseHandle(input_end);
  if (output_end != NULL) CloseHandle(output_end);
  if (!ok) {
    if (input != NULL) CloseHandle(input);
    if (output != NULL) CloseHandle(output);
    return false;
  }
  CloseHandle(started.hThread);
  *helper = (tb_helper){(tb_handle)input, (tb_handle)output, (tb_handle)started.hProcess, (int64_t)started.dwProcessId};
  return true;
}

size_t tb_helper_read(const tb_helper *helper, char *bytes, size_t size) {
  DWORD n = 0;
  return ReadFile(as_handle(helper->output), bytes, (DWORD)size, &n, NULL) ? n : 0;
}

int tb_helper_end(tb_helper *helper) {
  DWORD code = 0;
  tb_handle_close(helper->input);
  tb_handle_close(helper->output);
  WaitForSingleObject(as_handle(helper->process), INFINITE);
  const BOOL known = GetExitCodeProcess(as_handle(helper->process), &code);
  tb_handle_close(helper->process);
  *helper = (tb_helper){TB_NO_HANDLE, TB_NO_HANDLE, TB_NO_HANDLE, 0};
  return known ? (int)code : -1;
}

void tb_become(const char *const *arguments, char *error, size_t error_size) {
  PROCESS_INFORMATION started;
  DWORD code = 1;
  if (!start(arguments, GetStdHandle(STD_INPUT_HANDLE), GetStdHandle(STD_OUTPUT_HANDLE), &started, error, error_size))
    return;
  WaitForSingleObject(started.hProcess, INFINITE);
  GetExitCodeProcess(started.hProcess, &code);
  ExitProcess(code);
}

/* -- Limits ----------------------------------------------------------------------------------------------------------------------- */

bool tb_limit_program(const tb_limits *l, char *error, size_t error_size) {
  const char *option = l->user != NULL          ? "--user"
                       : l->no_new_privileges   ? "--no-new-privileges"
                       : l->max_memory > 0      ? "--max-memory"
                       : l->max_cpu > 0         ? "--max-cpu"
                       : l->max_files > 0       ? "--max-files"
                       : l->max_processes > 0   ? "--max-processes"
                                                : NULL;
  if (option == NULL) return true;
  snprintf(error, error_size, "%s: on Windows FMUs cannot be restricted; run this program as a user with few rights", option);
  return false;
}
#endif
