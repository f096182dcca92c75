/*
 * What version managers for Windows put in Node's place: starts the program that REAL_NODE names with the same arguments,
 * as a child without this process's handles, and waits for it.
 */
#include <windows.h>

int main(void) {
  WCHAR program[4096], line[32768] = L"node";
  const WCHAR *arguments = GetCommandLineW();
  BOOL quoted = *arguments == L'"';
  for (arguments++; *arguments != L'\0' && *arguments != (quoted ? L'"' : L' '); arguments++) {
  }
  if (quoted) arguments++;
  if (GetEnvironmentVariableW(L"REAL_NODE", program, 4096) == 0) return 2;
  lstrcatW(line, arguments);
  STARTUPINFOW info = {.cb = sizeof info};
  PROCESS_INFORMATION started;
  if (!CreateProcessW(program, line, NULL, NULL, FALSE, 0, NULL, NULL, &info, &started)) return 3;
  WaitForSingleObject(started.hProcess, INFINITE);
  DWORD code = 1;
  GetExitCodeProcess(started.hProcess, &code);
  return (int)code;
}
