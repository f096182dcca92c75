/* Windows. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT)
#define _WIN32_WINNT 0x0602 /* Windows 8 */
#endif
#define PSAPI_VERSION 2     /* in kernel32 */
#include "platform.h"

#include <windows.h>
/* after windows.h */
#include <psapi.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_M_ARM64) || defined(__aarch64__)
#define PROCESSOR_NAME "aarch64"
#else
#define PROCESSOR_NAME "x86_64"
#endif

const char tb_program_suffix[] = ".exe";
const char tb_platform_tuple[] = PROCESSOR_NAME "-windows";

enum { LONGEST_PATH = 4096, CONNECT_TIMEOUT_MS = 30000, PIPE_BYTES = 65536 };

static HANDLE as_handle(tb_handle handle) { return (HANDLE)handle; }

/* -- UTF-8 and the system's UTF-16 ---------------------------------------------------------------------------------- */

static bool to_wide(const char *text, WCHAR *wide, int room) {
  return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, room) > 0;
}

static bool of_wide(const WCHAR *wide, char *text, size_t room) {
  return WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)room, NULL, NULL) > 0;
}

static void describe_error(DWORD code, char *text, size_t size) {
  WCHAR wide[256];
  DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0, wide,
                                sizeof wide / sizeof *wide, NULL);
  while (length > 0 && (wide[length - 1] == L'\n' || wide[length - 1] == L'\r' || wide[length - 1] == L'.'))
    wide[--length] = L'\0';
  if (length == 0 || !of_wide(wide, text, size)) snprintf(text, size, "error %lu", (unsigned long)code);
}

/* -- Clocks --------------------------------------------------------------------------------------------------------- */

int64_t tb_monotonic_ns(void) {
  static _Atomic int64_t known_frequency;
  LARGE_INTEGER now;
  int64_t frequency = atomic_load_explicit(&known_frequency, memory_order_relaxed);
  if (frequency == 0) {
    QueryPerformanceFrequency(&now);
    frequency = now.QuadPart;
    atomic_store_explicit(&known_frequency, frequency, memory_order_relaxed);
  }
  QueryPerformanceCounter(&now);
  return now.QuadPart / frequency * 1000000000 + now.QuadPart % frequency * 1000000000 / frequency;
}

int64_t tb_wall_ns(void) {
  FILETIME time; /* 100 ns since 1601 */
  GetSystemTimePreciseAsFileTime(&time);
  uint64_t ticks = (uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime;
  return ((int64_t)ticks - INT64_C(116444736000000000)) * 100;
}

/* Of a duration or of what is left, rounded up: to wake a little early would be to look again for nothing. */
static DWORD whole_ms(int64_t ns) {
  int64_t ms = ns <= 0 ? 0 : ns / 1000000 + (ns % 1000000 != 0);
  return ms > 1000000 ? 1000000 : (DWORD)ms;
}

void tb_yield(void) { SwitchToThread(); }

void tb_sleep_ns(int64_t duration_ns) { Sleep(whole_ms(duration_ns)); }

/* -- Memory --------------------------------------------------------------------------------------------------------- */

bool tb_shm_create(uint64_t size, tb_handle *handle, void **memory) {
  HANDLE section =
      CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, (DWORD)(size >> 32), (DWORD)size, NULL);
  if (section == NULL) return false;
  *memory = tb_shm_map((tb_handle)section, size);
  if (*memory == NULL) {
    CloseHandle(section);
    return false;
  }
  *handle = (tb_handle)section;
  return true;
}

void *tb_shm_map(tb_handle handle, uint64_t size) {
  volatile unsigned char *memory = MapViewOfFile(as_handle(handle), FILE_MAP_ALL_ACCESS, 0, 0, (SIZE_T)size);
  /* A first touch of each page in the middle of a step would cost it a microsecond. */
  for (uint64_t at = 0; memory != NULL && at < size; at += 4096) (void)memory[at];
  return (void *)memory;
}

void tb_shm_unmap(void *memory, uint64_t size) {
  (void)size;
  UnmapViewOfFile(memory);
}

void *tb_aligned_alloc(size_t alignment, size_t size) {
  void *memory = _aligned_malloc(size, alignment);
  return memory == NULL ? NULL : memset(memory, 0, size);
}

void tb_aligned_free(void *memory) { _aligned_free(memory); }

/* -- Waiting: for something, or for the end of a process, until a deadline ------------------------------------------- */

static tb_wait wait_for(HANDLE what, HANDLE process, int64_t deadline_ns) {
  const HANDLE both[] = {what, process};
  for (;;) {
    int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - tb_monotonic_ns();
    switch (WaitForMultipleObjects(2, both, FALSE, whole_ms(left))) {
      case WAIT_OBJECT_0: return TB_WOKEN;
      case WAIT_TIMEOUT:
        if (deadline_ns == INT64_MAX || tb_monotonic_ns() < deadline_ns) continue;
        return TB_DEADLINE_PASSED;
      default: return TB_OTHER_SIDE_GONE;
    }
  }
}

/* -- Wake-ups: an event, which resets itself -------------------------------------------------------------------------- */

bool tb_wake_create(tb_handle *wait_end, tb_handle *signal_end) {
  HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL), copy;
  if (event == NULL) return false;
  if (!DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
    CloseHandle(event);
    return false;
  }
  *wait_end = (tb_handle)event;
  *signal_end = (tb_handle)copy;
  return true;
}

tb_wait tb_wake_wait(tb_handle wait_end, tb_handle backend, int64_t deadline_ns) {
  return wait_for(as_handle(wait_end), as_handle(backend), deadline_ns);
}

void tb_wake_signal(tb_handle signal_end) { SetEvent(as_handle(signal_end)); }

void tb_handle_close(tb_handle handle) {
  if (handle != TB_NO_HANDLE) CloseHandle(as_handle(handle));
}

/* -- Named pipes: what an event loop can read ------------------------------------------------------------------------- */

static void pipe_path(uint64_t number, WCHAR *path, int room) {
  swprintf(path, (size_t)room, L"\\\\.\\pipe\\twinbridge-%lu-%llx", (unsigned long)GetCurrentProcessId(),
           (unsigned long long)number);
}

/* A pipe for one client on this machine. By default only this user may connect. INVALID_HANDLE_VALUE: it failed. */
static HANDLE create_pipe(uint64_t *number, DWORD mode) {
  static _Atomic uint32_t count;
  WCHAR path[80];
  *number = (uint64_t)tb_monotonic_ns() << 16 ^ atomic_fetch_add(&count, 1);
  pipe_path(*number, path, sizeof path / sizeof *path);
  return CreateNamedPipeW(path, PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE | mode,
                          PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, PIPE_BYTES,
                          PIPE_BYTES, 0, NULL);
}

/* The listening end is the pipe's number: the backend opens it by its name. */
bool tb_notification_create(tb_notification *notification) {
  uint64_t number;
  HANDLE pipe = create_pipe(&number, 0);
  if (pipe == INVALID_HANDLE_VALUE) return false;
  *notification = (tb_notification){(tb_handle)pipe, (tb_handle)number};
  return true;
}

void tb_notify(tb_handle notify_end) {
  /* Never blocks: the backend raises a flag for each byte that it wants, and the pipe has room for many. */
  DWORD written;
  WriteFile(as_handle(notify_end), "", 1, &written, NULL);
}

void tb_notification_close(tb_notification *notification) {
  tb_handle_close(notification->notify_end);
  *notification = (tb_notification){TB_NO_HANDLE, TB_NO_HANDLE};
}

/* -- The control stream: overlapped, so that waiting for it can end ---------------------------------------------------- */

/* Waits for what was begun on `pipe`; answers the bytes moved, 0: it failed, or the deadline passed. */
static DWORD finish(HANDLE pipe, OVERLAPPED *o, BOOL begun, HANDLE process, int64_t deadline_ns) {
  DWORD moved = 0;
  if (!begun && GetLastError() != ERROR_IO_PENDING) return 0;
  bool done = begun || wait_for(o->hEvent, process, deadline_ns) == TB_WOKEN;
  if (!done) CancelIoEx(pipe, o);
  /* Also after cancelling: until then the system may write to what lies on our stack. */
  return GetOverlappedResult(pipe, o, &moved, TRUE) ? moved : 0;
}

bool tb_process_send(const tb_process *process, const void *bytes, size_t size) {
  OVERLAPPED o = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  const char *at = bytes;
  bool ok = o.hEvent != NULL && process->control != TB_NO_HANDLE;
  while (ok && size > 0) {
    DWORD take = size > PIPE_BYTES ? PIPE_BYTES : (DWORD)size;
    BOOL begun = WriteFile(as_handle(process->control), at, take, NULL, &o);
    DWORD n = finish(as_handle(process->control), &o, begun, as_handle(process->process), INT64_MAX);
    ok = n > 0;
    at += n;
    size -= n;
  }
  if (o.hEvent != NULL) CloseHandle(o.hEvent);
  return ok;
}

bool tb_process_receive(const tb_process *process, void *bytes, size_t size, int64_t deadline_ns) {
  OVERLAPPED o = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  char *at = bytes;
  bool ok = o.hEvent != NULL && process->control != TB_NO_HANDLE;
  while (ok && size > 0) {
    DWORD take = size > PIPE_BYTES ? PIPE_BYTES : (DWORD)size;
    BOOL begun = ReadFile(as_handle(process->control), at, take, NULL, &o);
    DWORD n = finish(as_handle(process->control), &o, begun, as_handle(process->process), deadline_ns);
    ok = n > 0;
    at += n;
    size -= n;
  }
  if (o.hEvent != NULL) CloseHandle(o.hEvent);
  return ok;
}

/* -- The backend process -------------------------------------------------------------------------------------------- */

/* Adds an argument in quotes, so that the C runtime's rules give it back as it is: backslashes count before a quote. */
static size_t append_argument(WCHAR *line, size_t at, size_t room, const WCHAR *argument) {
#define PUT(c)                        \
  do {                                \
    if (at + 1 < room) line[at] = (c); \
    at++;                             \
  } while (0)
  if (at > 0) PUT(L' ');
  PUT(L'"');
  for (size_t backslashes = 0;; argument++) {
    if (*argument == L'\\') {
      backslashes++;
      PUT(L'\\');
      continue;
    }
    if (*argument == L'"' || *argument == L'\0')
      for (; backslashes > 0; backslashes--) PUT(L'\\');
    backslashes = 0;
    if (*argument == L'\0') break;
    if (*argument == L'"') PUT(L'\\');
    PUT(*argument);
  }
  PUT(L'"');
#undef PUT
  if (room > 0) line[at < room ? at : room - 1] = L'\0';
  return at;
}

/* A copy of the importer's standard error, or of NUL, that the child inherits. */
static HANDLE inheritable_stderr(void) {
  HANDLE copy, ours = GetStdHandle(STD_ERROR_HANDLE);
  if (ours != NULL && ours != INVALID_HANDLE_VALUE &&
      DuplicateHandle(GetCurrentProcess(), ours, GetCurrentProcess(), &copy, 0, TRUE, DUPLICATE_SAME_ACCESS))
    return copy;
  SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
  return CreateFileW(L"NUL", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0, NULL);
}

/* Starts it with those three handles and no others, and out of reach of Ctrl-C, which is for the importer. */
static bool create_process(const WCHAR *program, WCHAR *line, PROCESS_INFORMATION *started) {
  SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
  HANDLE inherited[2] = {
      CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0, NULL),
      inheritable_stderr()};
  STARTUPINFOEXW info = {.StartupInfo = {.cb = sizeof info,
                                         .dwFlags = STARTF_USESTDHANDLES,
                                         .hStdInput = inherited[0],
                                         /* The importer's stdout carries the importer's data. */
                                         .hStdOutput = inherited[1],
                                         .hStdError = inherited[1]}};
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(NULL, 1, 0, &size);
  info.lpAttributeList = malloc(size);
  bool listed = info.lpAttributeList != NULL && InitializeProcThreadAttributeList(info.lpAttributeList, 1, 0, &size);
  bool ok = listed &&
            UpdateProcThreadAttribute(info.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                      sizeof inherited, NULL, NULL) &&
            CreateProcessW(program, line, NULL, NULL, TRUE,
                           CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP | EXTENDED_STARTUPINFO_PRESENT, NULL, NULL,
                           &info.StartupInfo, started);
  DWORD why = GetLastError();
  if (listed) DeleteProcThreadAttributeList(info.lpAttributeList);
  free(info.lpAttributeList);
  for (int i = 0; i < 2; i++)
    if (inherited[i] != INVALID_HANDLE_VALUE) CloseHandle(inherited[i]);
  SetLastError(why);
  return ok;
}

/*
 * Version managers put a small program in Node's place that starts the real one: the process that counts is the one at
 * the other end of the pipe.
 */
static void find_real_process(tb_process *process) {
  ULONG pid;
  if (!GetNamedPipeClientProcessId(as_handle(process->control), &pid) || pid == (ULONG)process->pid) return;
  HANDLE real = OpenProcess(
      SYNCHRONIZE | PROCESS_DUP_HANDLE | PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
  if (real == NULL) return;
  CloseHandle(as_handle(process->process));
  process->process = (tb_handle)real;
  process->pid = (int64_t)pid;
}

bool tb_process_spawn(tb_process *process, const char *program, const char *script, const char *library, char *error,
                      size_t error_size) {
  uint64_t number;
  HANDLE pipe = create_pipe(&number, FILE_FLAG_OVERLAPPED);
  if (pipe == INVALID_HANDLE_VALUE) {
    char why[200];
    describe_error(GetLastError(), why, sizeof why);
    snprintf(error, error_size, "cannot create a pipe: %s", why);
    return false;
  }
  WCHAR control[80], importer[24];
  pipe_path(number, control, sizeof control / sizeof *control);
  swprintf(importer, sizeof importer / sizeof *importer, L"%lu", (unsigned long)GetCurrentProcessId());

  const size_t room = 32768; /* the longest command line there is */
  WCHAR *line = calloc(room, sizeof *line), path[LONGEST_PATH], wide[LONGEST_PATH];
  PROCESS_INFORMATION started;
  bool ok = line != NULL && to_wide(program, path, LONGEST_PATH);
  size_t at = ok ? append_argument(line, 0, room, path) : 0;
  if (ok && (ok = to_wide(script, wide, LONGEST_PATH))) at = append_argument(line, at, room, wide);
  if (ok && (ok = to_wide(library, wide, LONGEST_PATH))) at = append_argument(line, at, room, wide);
  if (ok) {
    at = append_argument(line, at, room, control);
    at = append_argument(line, at, room, importer);
    ok = at < room;
  }
  if (!ok) SetLastError(ERROR_FILENAME_EXCED_RANGE);
  ok = ok && create_process(path, line, &started);
  DWORD failed = GetLastError();
  free(line);
  if (!ok) {
    char why[200];
    describe_error(failed, why, sizeof why);
    snprintf(error, error_size, "cannot start '%.250s': %s", program, why);
    CloseHandle(pipe);
    return false;
  }
  CloseHandle(started.hThread);
  *process = (tb_process){.pid = (int64_t)started.dwProcessId,
                          .process = (tb_handle)started.hProcess,
                          .control = (tb_handle)pipe,
                          .handles = TB_NO_HANDLE};
  /* One that ends before it connects is no failure here: the first request to it tells. */
  OVERLAPPED o = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
  BOOL connected = ConnectNamedPipe(pipe, &o);
  if (!connected && GetLastError() != ERROR_PIPE_CONNECTED)
    finish(pipe, &o, connected, started.hProcess, tb_monotonic_ns() + CONNECT_TIMEOUT_MS * INT64_C(1000000));
  if (o.hEvent != NULL) CloseHandle(o.hEvent);
  find_real_process(process);
  return true;
}

bool tb_process_give_handles(const tb_process *process, tb_handle shm, tb_handle signal_end,
                             const tb_notification *notification, char text[TB_HANDLES_TEXT]) {
  const tb_handle ours[] = {shm, signal_end};
  HANDLE theirs[2];
  for (int i = 0; i < 2; i++)
    if (!DuplicateHandle(GetCurrentProcess(), as_handle(ours[i]), as_handle(process->process), &theirs[i], 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
      return false;
  WCHAR wide[80];
  char path[120];
  pipe_path((uint64_t)notification->listen_end, wide, sizeof wide / sizeof *wide);
  return of_wide(wide, path, sizeof path) &&
         snprintf(text, TB_HANDLES_TEXT, "%llu %llu %s", (unsigned long long)(uintptr_t)theirs[0],
                  (unsigned long long)(uintptr_t)theirs[1], path) < TB_HANDLES_TEXT;
}

void tb_process_wait_end(const tb_process *process) { WaitForSingleObject(as_handle(process->process), INFINITE); }

void tb_process_hang_up(tb_process *process) {
  tb_handle_close(process->control);
  process->control = TB_NO_HANDLE;
}

void tb_process_kill(const tb_process *process) { TerminateProcess(as_handle(process->process), 1); }

void tb_process_reap(const tb_process *process, char *how, size_t how_size) {
  DWORD code;
  if (GetExitCodeProcess(as_handle(process->process), &code))
    snprintf(how, how_size, code > 255 ? "ended with code 0x%lx" : "exited with code %lu", (unsigned long)code);
  else
    snprintf(how, how_size, "is gone");
}

void tb_process_close(tb_process *process) {
  tb_handle_close(process->control);
  tb_handle_close(process->process);
  process->control = process->process = TB_NO_HANDLE;
}

/* -- In the backend --------------------------------------------------------------------------------------------------- */

bool tb_take_handles(int64_t importer, const char *text, tb_handle *shm, tb_handle *signal_end,
                     char listen[TB_HANDLES_TEXT]) {
  (void)importer;
  unsigned long long handles[2];
  char path[120];
  if (sscanf(text, "%llu %llu %119s", &handles[0], &handles[1], path) != 3) return false;
  *shm = (tb_handle)handles[0];
  *signal_end = (tb_handle)handles[1];
  snprintf(listen, TB_HANDLES_TEXT, "%s", path);
  return true;
}

/* Not by a job object, which would end this process at once: what the importer handed over is to be published first. */
bool tb_importer_wait_end(int64_t importer) {
  HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)importer);
  if (process == NULL) return GetLastError() == ERROR_INVALID_PARAMETER; /* there is no such process any more */
  WaitForSingleObject(process, INFINITE);
  CloseHandle(process);
  return true;
}

/* -- Files and environment -------------------------------------------------------------------------------------------- */

bool tb_file_exists(const char *path) {
  WCHAR wide[LONGEST_PATH];
  if (!to_wide(path, wide, LONGEST_PATH)) return false;
  DWORD attributes = GetFileAttributesW(wide);
  return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

bool tb_make_executable(const char *path) { return tb_file_exists(path); }

bool tb_environment(const char *name, char *value, size_t size) {
  WCHAR wide_name[64], wide[LONGEST_PATH];
  if (!to_wide(name, wide_name, sizeof wide_name / sizeof *wide_name)) return false;
  DWORD length = GetEnvironmentVariableW(wide_name, wide, LONGEST_PATH);
  return length > 0 && length < LONGEST_PATH && of_wide(wide, value, size);
}

bool tb_find_in_path(const char *program, char *path, size_t size) {
  const DWORD room = 32768; /* the longest value there is */
  WCHAR name[LONGEST_PATH], found[LONGEST_PATH], *folders = calloc(room, sizeof *folders);
  bool ok = folders != NULL && to_wide(program, name, LONGEST_PATH);
  DWORD length = ok ? GetEnvironmentVariableW(L"PATH", folders, room) : 0;
  /* In these folders only: not where the importer happens to be. */
  DWORD written = length > 0 && length < room ? SearchPathW(folders, name, L".exe", LONGEST_PATH, found, NULL) : 0;
  free(folders);
  return written > 0 && written < LONGEST_PATH && of_wide(found, path, size);
}

/* -- Threads and libraries -------------------------------------------------------------------------------------------- */

struct tb_thread {
  HANDLE thread;
  void (*run)(void *);
  void *argument;
};

static DWORD WINAPI thread_main(void *data) {
  tb_thread *thread = data;
  thread->run(thread->argument);
  return 0;
}

tb_thread *tb_thread_start(void (*run)(void *), void *argument) {
  tb_thread *thread = malloc(sizeof *thread);
  if (thread == NULL) return NULL;
  *thread = (tb_thread){.run = run, .argument = argument};
  thread->thread = CreateThread(NULL, 0, thread_main, thread, 0, NULL);
  if (thread->thread != NULL) return thread;
  free(thread);
  return NULL;
}

void tb_thread_join(tb_thread *thread) {
  if (thread == NULL) return;
  WaitForSingleObject(thread->thread, INFINITE);
  CloseHandle(thread->thread);
  free(thread);
}

struct tb_mutex {
  SRWLOCK lock;
};

tb_mutex *tb_process_mutex(void) {
  static tb_mutex mutex = {SRWLOCK_INIT};
  return &mutex;
}

tb_mutex *tb_mutex_create(void) {
  tb_mutex *mutex = malloc(sizeof *mutex);
  if (mutex != NULL) InitializeSRWLock(&mutex->lock);
  return mutex;
}

void tb_mutex_destroy(tb_mutex *mutex) { free(mutex); }

void tb_lock(tb_mutex *mutex) { AcquireSRWLockExclusive(&mutex->lock); }
void tb_unlock(tb_mutex *mutex) { ReleaseSRWLockExclusive(&mutex->lock); }

int64_t tb_current_process(void) { return (int64_t)GetCurrentProcessId(); }

static const char here = 0;

bool tb_own_path(char *path, size_t size) {
  HMODULE module;
  WCHAR wide[LONGEST_PATH];
  if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                          (LPCWSTR)(const void *)&here, &module))
    return false;
  DWORD length = GetModuleFileNameW(module, wide, LONGEST_PATH);
  if (length == 0 || length >= LONGEST_PATH || !of_wide(wide, path, size)) return false;
  for (char *at = path; *at != '\0'; at++)
    if (*at == '\\') *at = '/';
  return true;
}

void tb_stay_loaded(void) {
  HMODULE module;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     (LPCWSTR)(const void *)&here, &module);
}

void tb_each_library_with(const char *symbol, bool (*visit)(void *, void *), void *context) {
  DWORD needed = 0;
  EnumProcessModules(GetCurrentProcess(), NULL, 0, &needed);
  needed += 16 * sizeof(HMODULE); /* some may be loaded meanwhile */
  HMODULE *modules = malloc(needed);
  DWORD room = needed;
  if (modules != NULL && EnumProcessModules(GetCurrentProcess(), modules, room, &needed)) {
    DWORD count = (needed < room ? needed : room) / sizeof *modules;
    for (DWORD i = 0; i < count; i++) {
      FARPROC found = GetProcAddress(modules[i], symbol);
      void *address;
      memcpy(&address, &found, sizeof address);
      if (address != NULL && visit(address, context)) break;
    }
  }
  free(modules);
}
#endif
