/*
 * TB_API marks the functions that the library exports; all others are hidden (-fvisibility=hidden).
 */
#ifndef TB_API_H
#define TB_API_H

#if defined(_WIN32)
#define TB_API __declspec(dllexport)
#else
#define TB_API __attribute__((visibility("default")))
#endif

#endif
