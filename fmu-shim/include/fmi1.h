/*
 * The C interface of FMI 1.0 for Co-Simulation, declared from the text of the standard (FMI for Co-Simulation 1.0, 12
 * October 2010).
 *
 * In a library the name of each function starts with the FMU's modelIdentifier, `bouncingBall_fmiDoStep`, so no function
 * is declared here. Every one has a type `<name>TYPE`, for those who look it up; an FMU declares its own, with these
 * types, by FMI1_DECLARE_FUNCTIONS, so that a definition that differs from the standard does not compile.
 */
#ifndef TB_FMI1_H
#define TB_FMI1_H

#include <stddef.h>

#if defined(_WIN32)
#define FMI1_EXPORT __declspec(dllexport)
#else
#define FMI1_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* -- Types: fmiPlatformTypes.h ------------------------------------------------------------------------------------- */

typedef void *fmiComponent; /* an instance, as the FMU knows it; the importer has no such handle of its own */
typedef unsigned int fmiValueReference;
typedef double fmiReal;
typedef int fmiInteger;
typedef char fmiBoolean; /* one byte, unlike that of FMI 2.0 */
typedef const char *fmiString;

#define fmiPlatform "standard32"
#define fmiVersion "1.0"
#define fmiTrue 1
#define fmiFalse 0
#define fmiUndefinedValueReference ((fmiValueReference)-1)

/* -- Enumerations ---------------------------------------------------------------------------------------------------- */

typedef enum { fmiOK, fmiWarning, fmiDiscard, fmiError, fmiFatal, fmiPending } fmiStatus;
typedef enum { fmiDoStepStatus, fmiPendingStatus, fmiLastSuccessfulTime } fmiStatusKind;

/* -- Callbacks ------------------------------------------------------------------------------------------------------- */

typedef void (*fmiCallbackLogger)(fmiComponent c, fmiString instanceName, fmiStatus status, fmiString category,
                                  fmiString message, ...);
typedef void *(*fmiCallbackAllocateMemory)(size_t count, size_t size);
typedef void (*fmiCallbackFreeMemory)(void *memory);
typedef void (*fmiStepFinished)(fmiComponent c, fmiStatus status);

/* Handed over by value, so that the FMU keeps a copy. */
typedef struct {
  fmiCallbackLogger logger;
  fmiCallbackAllocateMemory allocateMemory; /* zeroes, like calloc */
  fmiCallbackFreeMemory freeMemory;
  fmiStepFinished stepFinished; /* may be NULL: steps are synchronous then */
} fmiCallbackFunctions;

/* -- Types of the functions -------------------------------------------------------------------------------------------- */

typedef const char *fmiGetTypesPlatformTYPE(void);
typedef const char *fmiGetVersionTYPE(void);

/* `mimeType`: application/x-fmu-sharedlibrary, or that of the tool; `timeout` in ms, 0 for ever. */
typedef fmiComponent fmiInstantiateSlaveTYPE(fmiString instanceName, fmiString fmuGUID, fmiString fmuLocation,
                                             fmiString mimeType, fmiReal timeout, fmiBoolean visible,
                                             fmiBoolean interactive, fmiCallbackFunctions functions,
                                             fmiBoolean loggingOn);
typedef fmiStatus fmiInitializeSlaveTYPE(fmiComponent c, fmiReal tStart, fmiBoolean StopTimeDefined, fmiReal tStop);
typedef fmiStatus fmiTerminateSlaveTYPE(fmiComponent c);
typedef fmiStatus fmiResetSlaveTYPE(fmiComponent c);
typedef void fmiFreeSlaveInstanceTYPE(fmiComponent c);
typedef fmiStatus fmiSetDebugLoggingTYPE(fmiComponent c, fmiBoolean loggingOn);

typedef fmiStatus fmiGetRealTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, fmiReal value[]);
typedef fmiStatus fmiGetIntegerTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, fmiInteger value[]);
typedef fmiStatus fmiGetBooleanTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, fmiBoolean value[]);
typedef fmiStatus fmiGetStringTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, fmiString value[]);
typedef fmiStatus fmiSetRealTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, const fmiReal value[]);
typedef fmiStatus fmiSetIntegerTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, const fmiInteger value[]);
typedef fmiStatus fmiSetBooleanTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, const fmiBoolean value[]);
typedef fmiStatus fmiSetStringTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr, const fmiString value[]);
typedef fmiStatus fmiSetRealInputDerivativesTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr,
                                                 const fmiInteger order[], const fmiReal value[]);
typedef fmiStatus fmiGetRealOutputDerivativesTYPE(fmiComponent c, const fmiValueReference vr[], size_t nvr,
                                                  const fmiInteger order[], fmiReal value[]);

/* `newStep` is false when the step before is done again, with another size. */
typedef fmiStatus fmiDoStepTYPE(fmiComponent c, fmiReal currentCommunicationPoint, fmiReal communicationStepSize,
                                fmiBoolean newStep);
typedef fmiStatus fmiCancelStepTYPE(fmiComponent c);
typedef fmiStatus fmiGetStatusTYPE(fmiComponent c, fmiStatusKind kind, fmiStatus *value);
typedef fmiStatus fmiGetRealStatusTYPE(fmiComponent c, fmiStatusKind kind, fmiReal *value);
typedef fmiStatus fmiGetIntegerStatusTYPE(fmiComponent c, fmiStatusKind kind, fmiInteger *value);
typedef fmiStatus fmiGetBooleanStatusTYPE(fmiComponent c, fmiStatusKind kind, fmiBoolean *value);
typedef fmiStatus fmiGetStringStatusTYPE(fmiComponent c, fmiStatusKind kind, fmiString *value);

/* -- Names in a library -------------------------------------------------------------------------------------------------- */

/* `FMI1_NAME(ball, fmiDoStep)` is `ball_fmiDoStep`; the identifier may itself be a macro. */
#define FMI1_NAME(modelIdentifier, function) FMI1_JOIN(modelIdentifier, function)
#define FMI1_JOIN(modelIdentifier, function) modelIdentifier##_##function

#define FMI1_DECLARE_FUNCTIONS(modelIdentifier)               \
  FMI1_DECLARE(modelIdentifier, fmiGetTypesPlatform)          \
  FMI1_DECLARE(modelIdentifier, fmiGetVersion)                \
  FMI1_DECLARE(modelIdentifier, fmiInstantiateSlave)          \
  FMI1_DECLARE(modelIdentifier, fmiInitializeSlave)           \
  FMI1_DECLARE(modelIdentifier, fmiTerminateSlave)            \
  FMI1_DECLARE(modelIdentifier, fmiResetSlave)                \
  FMI1_DECLARE(modelIdentifier, fmiFreeSlaveInstance)         \
  FMI1_DECLARE(modelIdentifier, fmiSetDebugLogging)           \
  FMI1_DECLARE(modelIdentifier, fmiGetReal)                   \
  FMI1_DECLARE(modelIdentifier, fmiGetInteger)                \
  FMI1_DECLARE(modelIdentifier, fmiGetBoolean)                \
  FMI1_DECLARE(modelIdentifier, fmiGetString)                 \
  FMI1_DECLARE(modelIdentifier, fmiSetReal)                   \
  FMI1_DECLARE(modelIdentifier, fmiSetInteger)                \
  FMI1_DECLARE(modelIdentifier, fmiSetBoolean)                \
  FMI1_DECLARE(modelIdentifier, fmiSetString)                 \
  FMI1_DECLARE(modelIdentifier, fmiSetRealInputDerivatives)   \
  FMI1_DECLARE(modelIdentifier, fmiGetRealOutputDerivatives)  \
  FMI1_DECLARE(modelIdentifier, fmiDoStep)                    \
  FMI1_DECLARE(modelIdentifier, fmiCancelStep)                \
  FMI1_DECLARE(modelIdentifier, fmiGetStatus)                 \
  FMI1_DECLARE(modelIdentifier, fmiGetRealStatus)             \
  FMI1_DECLARE(modelIdentifier, fmiGetIntegerStatus)          \
  FMI1_DECLARE(modelIdentifier, fmiGetBooleanStatus)          \
  FMI1_DECLARE(modelIdentifier, fmiGetStringStatus)
#define FMI1_DECLARE(modelIdentifier, function) FMI1_EXPORT function##TYPE FMI1_NAME(modelIdentifier, function);

#ifdef __cplusplus
}
#endif

#endif
