/* Windows. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT)
#define _WIN32_WINNT 0x0602 /* Windows 8 */
#endif
#include "child.h"
#include "command_line.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

enum { LONGEST_PATH = 4096, N_INHERITED = TB_CHILD_HANDLES + 3 };

static HANDLE as_handle(tb_handle handle) { return (HANDLE)handle; }

static bool inheritable(HANDLE handle, DWORD access, HANDLE *copy) {
  HANDLE self = GetCurrentProcess();
  return DuplicateHandle(self, handle, self, copy, access, TRUE, access == 0 ? DUPLICATE_SAME_ACCESS : 0) != 0;
}

/* Its last handle is ours: the kernel ends the child when it closes. What the child starts is not meant. */
static HANDLE create_job(void) {
  HANDLE job = CreateJobObjectW(NULL, NULL);
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
      .BasicLimitInformation = {.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK}};
  if (job != NULL && SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits)) return job;
  if (job != NULL) CloseHandle(job);
  return NULL;
}

static bool create_process(WCHAR *line, const WCHAR *program, HANDLE inherited[], int n_inherited, WCHAR *environment,
                           HANDLE job, PROCESS_INFORMATION *started) {
  STARTUPINFOEXW info = {.StartupInfo = {.cb = sizeof info,
                                         .dwFlags = STARTF_USESTDHANDLES,
                                         .hStdInput = inherited[0],
                                         /* An FMU that prints must not print into the importer's data. */
                                         .hStdOutput = inherited[1],
                                         .hStdError = inherited[1]}};
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(NULL, 1, 0, &size);
  info.lpAttributeList = malloc(size);
  bool listed = info.lpAttributeList != NULL && InitializeProcThreadAttributeList(info.lpAttributeList, 1, 0, &size);
  const DWORD how = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED |
                    CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
  bool ok = listed &&
            UpdateProcThreadAttribute(info.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                      (size_t)n_inherited * sizeof *inherited, NULL, NULL) &&
            CreateProcessW(program, line, NULL, NULL, TRUE, how, environment, NULL, &info.StartupInfo, started);
  DWORD why = GetLastError();
  if (listed) DeleteProcThreadAttributeList(info.lpAttributeList);
  free(info.lpAttributeList);
  if (ok && !AssignProcessToJobObject(job, started->hProcess)) {
    why = GetLastError();
    TerminateProcess(started->hProcess, 1);
    CloseHandle(started->hThread);
    CloseHandle(started->hProcess);
    ok = false;
  }
  if (ok) ResumeThread(started->hThread);
  SetLastError(why);
  return ok;
}

/* This process's environment with one variable more, to be freed; NULL: there is no memory. */
static WCHAR *with_variable(const char *variable) {
  WCHAR wide[1024], *own = GetEnvironmentStringsW(), *all = NULL;
  size_t n = 0;
  if (own != NULL && MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, variable, -1, wide, 1024) > 0) {
    while (own[n] != L'\0') n += wcslen(own + n) + 1;
    const size_t added = wcslen(wide) + 1;
    all = calloc(n + added + 1, sizeof *all);
    if (all != NULL) {
      memcpy(all, wide, added * sizeof *all);
      memcpy(all + added, own, n * sizeof *all);
    }
  }
  if (own != NULL) FreeEnvironmentStringsW(own);
  return all;
}

bool tb_child_start(tb_child *child, const tb_child_command *command, char *error, size_t error_size) {
  enum { LONGEST_LINE = 3 * LONGEST_PATH };
  WCHAR path[LONGEST_PATH], *line = calloc(LONGEST_LINE, sizeof *line);
  WCHAR *environment = command->variable == NULL ? NULL : with_variable(command->variable);
  const bool has_handles = command->handles != NULL;
  const int n_inherited = has_handles ? N_INHERITED : 2;
  HANDLE inherited[N_INHERITED] = {NULL}, output = NULL, output_end = NULL, job = create_job();
  SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
  PROCESS_INFORMATION started;
  bool ok = line != NULL && job != NULL && (environment != NULL || command->variable == NULL) &&
            CreatePipe(&output, &output_end, NULL, 65536) &&
            MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, command->program, -1, path, LONGEST_PATH) > 0;
  HANDLE nothing = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0, NULL);
  inherited[0] = nothing == INVALID_HANDLE_VALUE ? NULL : nothing;
  ok = ok && inherited[0] != NULL && inheritable(output_end, 0, &inherited[1]);
  for (int i = 0; ok && has_handles && i < TB_CHILD_HANDLES; i++)
    ok = inheritable(as_handle(command->handles[i]), 0, &inherited[2 + i]);
  if (has_handles) ok = ok && inheritable(GetCurrentProcess(), SYNCHRONIZE, &inherited[N_INHERITED - 1]);
  if (ok) {
    for (WCHAR *at = path; *at != L'\0'; at++)
      if (*at == L'/') *at = L'\\';
    /* A program's path has no quotes and ends in no backslash. */
    int at = swprintf(line, LONGEST_LINE, L"\"%ls\"", path);
    for (int i = 2; i < n_inherited; i++)
      at += swprintf(line + at, (size_t)(LONGEST_LINE - at), L" %llu", (unsigned long long)(uintptr_t)inherited[i]);
    size_t used = (size_t)at;
    for (const char *const *argument = command->arguments; ok && argument != NULL && *argument != NULL; argument++)
      ok = tb_append_argument(line, LONGEST_LINE, &used, *argument);
    ok = ok && create_process(line, path, inherited, n_inherited, environment, job, &started);
  }
  DWORD failed = GetLastError();
  for (int i = 0; i < N_INHERITED; i++)
    if (inherited[i] != NULL) CloseHandle(inherited[i]);
  if (output_end != NULL) CloseHandle(output_end);
  free(line);
  free(environment);
  if (!ok) {
    snprintf(error, error_size, "cannot start '%s': error %lu", command->program, (unsigned long)failed);
    if (output != NULL) CloseHandle(output);
    if (job != NULL) CloseHandle(job);
    return false;
  }
  CloseHandle(started.hThread);
  *child = (tb_child){.pid = (int64_t)started.dwProcessId,
                      .process = (tb_handle)started.hProcess,
                      .leash = (tb_handle)job,
                      .output = (tb_handle)output,
                      .stop_reading = TB_NO_HANDLE,
                      .stopped_reading = TB_NO_HANDLE};
  return true;
}

size_t tb_child_read_output(const tb_child *child, char *bytes, size_t size) {
  DWORD n = 0;
  return ReadFile(as_handle(child->output), bytes, (DWORD)size, &n, NULL) ? n : 0;
}

void tb_child_stop_output(const tb_child *child) { CancelIoEx(as_handle(child->output), NULL); }

bool tb_child_is_gone(const tb_child *child) { return WaitForSingleObject(as_handle(child->process), 0) == WAIT_OBJECT_0; }

void tb_child_kill(const tb_child *child) { TerminateProcess(as_handle(child->process), 1); }

bool tb_child_reap(const tb_child *child, int64_t deadline_ns, tb_child_end *end) {
  *end = (tb_child_end){0};
  int64_t left = deadline_ns - tb_monotonic_ns();
  DWORD ms = left <= 0 ? 0 : (DWORD)(left / 1000000 + 1);
  if (WaitForSingleObject(as_handle(child->process), ms) != WAIT_OBJECT_0) return false;
  DWORD code;
  if (GetExitCodeProcess(as_handle(child->process), &code)) *end = (tb_child_end){true, 0, (int64_t)code};
  return true;
}

void tb_child_close(tb_child *child) {
  tb_handle_close(child->leash);
  tb_handle_close(child->output);
  tb_handle_close(child->process);
  child->leash = child->output = child->process = TB_NO_HANDLE;
}

/* -- In the child -------------------------------------------------------------------------------------------------------- */

int tb_child_keep(char **argv) {
  (void)argv;
  return EXIT_FAILURE; /* nobody asks for it: the job ends any child with its parent */
}

bool tb_child_take_handles(int argc, char **argv, tb_handle handles[TB_CHILD_HANDLES], tb_handle *parent) {
  if (argc != TB_CHILD_HANDLES + 2) return false;
  /* No window that asks what to do about a crash: whoever started it is to know at once. */
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
  _set_abort_behavior(0, _WRITE_ABORT_MSG | _CALL_REPORTFAULT);
  for (int i = 0; i <= TB_CHILD_HANDLES; i++) {
    char *end;
    HANDLE handle = (HANDLE)(uintptr_t)strtoull(argv[1 + i], &end, 10);
    if (*end != '\0' || !SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0)) return false;
    if (i < TB_CHILD_HANDLES) handles[i] = (tb_handle)handle;
    else *parent = (tb_handle)handle;
  }
  return true; /* the job ends it with its parent */
}

/* -- Both ---------------------------------------------------------------------------------------------------------------- */

void tb_write_stderr(const char *bytes, size_t size) {
  HANDLE to = GetStdHandle(STD_ERROR_HANDLE);
  DWORD written;
  if (to != NULL && to != INVALID_HANDLE_VALUE) WriteFile(to, bytes, (DWORD)size, &written, NULL);
}
#endif
