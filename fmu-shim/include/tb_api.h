/*
 * TB_API marks the functions that the library exports; all others are hidden (-fvisibility=hidden). TB_HIDDEN: none of them
 * is exported, in the library of wrapped FMUs.
 */
#ifndef TB_API_H
#define TB_API_H

#if defined(TB_HIDDEN)
#define TB_API
#elif defined(_WIN32)
#define TB_API __declspec(dllexport)
#else
#define TB_API __attribute__((visibility("default")))
#endif

#endif
