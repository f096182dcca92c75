/*
 * The C interface of FMI 2.0 for Co-Simulation, declared from the text of the standard (FMI 2.0.4, sections 2.1 and 4.2).
 *
 * Every function has a type `<name>TYPE`, for those who look the function up in a library, and is declared with that
 * type, so that a definition that differs from the standard does not compile.
 */
#ifndef TB_FMI2_H
#define TB_FMI2_H

#include <stddef.h>

#if defined(_WIN32)
#define FMI2_EXPORT __declspec(dllexport)
#else
#define FMI2_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* -- Types (2.1.2) ------------------------------------------------------------------------------------------------- */

typedef void *fmi2Component;            /* an instance, as the FMU knows it */
typedef void *fmi2ComponentEnvironment; /* an instance, as the importer knows it */
typedef void *fmi2FMUstate;
typedef unsigned int fmi2ValueReference;
typedef double fmi2Real;
typedef int fmi2Integer;
typedef int fmi2Boolean;
typedef char fmi2Char; /* UTF-8 */
typedef const fmi2Char *fmi2String;
typedef char fmi2Byte;

#define fmi2TypesPlatform "default"
#define fmi2Version "2.0"
#define fmi2True 1
#define fmi2False 0

/* -- Enumerations (2.1.3, 2.1.5, 4.2.3) ------------------------------------------------------------------------------ */

typedef enum { fmi2OK, fmi2Warning, fmi2Discard, fmi2Error, fmi2Fatal, fmi2Pending } fmi2Status;
typedef enum { fmi2ModelExchange, fmi2CoSimulation } fmi2Type;
typedef enum { fmi2DoStepStatus, fmi2PendingStatus, fmi2LastSuccessfulTime, fmi2Terminated } fmi2StatusKind;

/* -- Callbacks (2.1.5) ------------------------------------------------------------------------------------------------ */

typedef void (*fmi2CallbackLogger)(fmi2ComponentEnvironment environment, fmi2String instanceName, fmi2Status status,
                                   fmi2String category, fmi2String message, ...);
typedef void *(*fmi2CallbackAllocateMemory)(size_t count, size_t size);
typedef void (*fmi2CallbackFreeMemory)(void *memory);
typedef void (*fmi2StepFinished)(fmi2ComponentEnvironment environment, fmi2Status status);

typedef struct {
  fmi2CallbackLogger logger;
  fmi2CallbackAllocateMemory allocateMemory; /* zeroes, like calloc */
  fmi2CallbackFreeMemory freeMemory;
  fmi2StepFinished stepFinished; /* may be NULL: steps are synchronous then */
  fmi2ComponentEnvironment componentEnvironment;
} fmi2CallbackFunctions;

/* -- Types of the functions -------------------------------------------------------------------------------------------- */

typedef const char *fmi2GetTypesPlatformTYPE(void);
typedef const char *fmi2GetVersionTYPE(void);
typedef fmi2Status fmi2SetDebugLoggingTYPE(fmi2Component c, fmi2Boolean loggingOn, size_t nCategories,
                                           const fmi2String categories[]);

typedef fmi2Component fmi2InstantiateTYPE(fmi2String instanceName, fmi2Type fmuType, fmi2String fmuGUID,
                                          fmi2String fmuResourceLocation, const fmi2CallbackFunctions *functions,
                                          fmi2Boolean visible, fmi2Boolean loggingOn);
typedef void fmi2FreeInstanceTYPE(fmi2Component c);

typedef fmi2Status fmi2SetupExperimentTYPE(fmi2Component c, fmi2Boolean toleranceDefined, fmi2Real tolerance,
                                           fmi2Real startTime, fmi2Boolean stopTimeDefined, fmi2Real stopTime);
typedef fmi2Status fmi2EnterInitializationModeTYPE(fmi2Component c);
typedef fmi2Status fmi2ExitInitializationModeTYPE(fmi2Component c);
typedef fmi2Status fmi2TerminateTYPE(fmi2Component c);
typedef fmi2Status fmi2ResetTYPE(fmi2Component c);

typedef fmi2Status fmi2GetRealTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2Real value[]);
typedef fmi2Status fmi2GetIntegerTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2Integer value[]);
typedef fmi2Status fmi2GetBooleanTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2Boolean value[]);
typedef fmi2Status fmi2GetStringTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, fmi2String value[]);
typedef fmi2Status fmi2SetRealTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr, const fmi2Real value[]);
typedef fmi2Status fmi2SetIntegerTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                      const fmi2Integer value[]);
typedef fmi2Status fmi2SetBooleanTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                      const fmi2Boolean value[]);
typedef fmi2Status fmi2SetStringTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                     const fmi2String value[]);

typedef fmi2Status fmi2GetFMUstateTYPE(fmi2Component c, fmi2FMUstate *state);
typedef fmi2Status fmi2SetFMUstateTYPE(fmi2Component c, fmi2FMUstate state);
typedef fmi2Status fmi2FreeFMUstateTYPE(fmi2Component c, fmi2FMUstate *state);
typedef fmi2Status fmi2SerializedFMUstateSizeTYPE(fmi2Component c, fmi2FMUstate state, size_t *size);
typedef fmi2Status fmi2SerializeFMUstateTYPE(fmi2Component c, fmi2FMUstate state, fmi2Byte serialized[], size_t size);
typedef fmi2Status fmi2DeSerializeFMUstateTYPE(fmi2Component c, const fmi2Byte serialized[], size_t size,
                                               fmi2FMUstate *state);
typedef fmi2Status fmi2GetDirectionalDerivativeTYPE(fmi2Component c, const fmi2ValueReference vUnknown[],
                                                    size_t nUnknown, const fmi2ValueReference vKnown[], size_t nKnown,
                                                    const fmi2Real dvKnown[], fmi2Real dvUnknown[]);

typedef fmi2Status fmi2SetRealInputDerivativesTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                                   const fmi2Integer order[], const fmi2Real value[]);
typedef fmi2Status fmi2GetRealOutputDerivativesTYPE(fmi2Component c, const fmi2ValueReference vr[], size_t nvr,
                                                    const fmi2Integer order[], fmi2Real value[]);
typedef fmi2Status fmi2DoStepTYPE(fmi2Component c, fmi2Real currentCommunicationPoint, fmi2Real communicationStepSize,
                                  fmi2Boolean noSetFMUStatePriorToCurrentPoint);
typedef fmi2Status fmi2CancelStepTYPE(fmi2Component c);
typedef fmi2Status fmi2GetStatusTYPE(fmi2Component c, fmi2StatusKind kind, fmi2Status *value);
typedef fmi2Status fmi2GetRealStatusTYPE(fmi2Component c, fmi2StatusKind kind, fmi2Real *value);
typedef fmi2Status fmi2GetIntegerStatusTYPE(fmi2Component c, fmi2StatusKind kind, fmi2Integer *value);
typedef fmi2Status fmi2GetBooleanStatusTYPE(fmi2Component c, fmi2StatusKind kind, fmi2Boolean *value);
typedef fmi2Status fmi2GetStringStatusTYPE(fmi2Component c, fmi2StatusKind kind, fmi2String *value);

/* -- Functions: common (2.1) -------------------------------------------------------------------------------------------- */

FMI2_EXPORT fmi2GetTypesPlatformTYPE fmi2GetTypesPlatform;
FMI2_EXPORT fmi2GetVersionTYPE fmi2GetVersion;
FMI2_EXPORT fmi2SetDebugLoggingTYPE fmi2SetDebugLogging;
FMI2_EXPORT fmi2InstantiateTYPE fmi2Instantiate;
FMI2_EXPORT fmi2FreeInstanceTYPE fmi2FreeInstance;
FMI2_EXPORT fmi2SetupExperimentTYPE fmi2SetupExperiment;
FMI2_EXPORT fmi2EnterInitializationModeTYPE fmi2EnterInitializationMode;
FMI2_EXPORT fmi2ExitInitializationModeTYPE fmi2ExitInitializationMode;
FMI2_EXPORT fmi2TerminateTYPE fmi2Terminate;
FMI2_EXPORT fmi2ResetTYPE fmi2Reset;
FMI2_EXPORT fmi2GetRealTYPE fmi2GetReal;
FMI2_EXPORT fmi2GetIntegerTYPE fmi2GetInteger;
FMI2_EXPORT fmi2GetBooleanTYPE fmi2GetBoolean;
FMI2_EXPORT fmi2GetStringTYPE fmi2GetString;
FMI2_EXPORT fmi2SetRealTYPE fmi2SetReal;
FMI2_EXPORT fmi2SetIntegerTYPE fmi2SetInteger;
FMI2_EXPORT fmi2SetBooleanTYPE fmi2SetBoolean;
FMI2_EXPORT fmi2SetStringTYPE fmi2SetString;
FMI2_EXPORT fmi2GetFMUstateTYPE fmi2GetFMUstate;
FMI2_EXPORT fmi2SetFMUstateTYPE fmi2SetFMUstate;
FMI2_EXPORT fmi2FreeFMUstateTYPE fmi2FreeFMUstate;
FMI2_EXPORT fmi2SerializedFMUstateSizeTYPE fmi2SerializedFMUstateSize;
FMI2_EXPORT fmi2SerializeFMUstateTYPE fmi2SerializeFMUstate;
FMI2_EXPORT fmi2DeSerializeFMUstateTYPE fmi2DeSerializeFMUstate;
FMI2_EXPORT fmi2GetDirectionalDerivativeTYPE fmi2GetDirectionalDerivative;

/* -- Functions: co-simulation (4.2) -------------------------------------------------------------------------------------- */

FMI2_EXPORT fmi2SetRealInputDerivativesTYPE fmi2SetRealInputDerivatives;
FMI2_EXPORT fmi2GetRealOutputDerivativesTYPE fmi2GetRealOutputDerivatives;
FMI2_EXPORT fmi2DoStepTYPE fmi2DoStep;
FMI2_EXPORT fmi2CancelStepTYPE fmi2CancelStep;
FMI2_EXPORT fmi2GetStatusTYPE fmi2GetStatus;
FMI2_EXPORT fmi2GetRealStatusTYPE fmi2GetRealStatus;
FMI2_EXPORT fmi2GetIntegerStatusTYPE fmi2GetIntegerStatus;
FMI2_EXPORT fmi2GetBooleanStatusTYPE fmi2GetBooleanStatus;
FMI2_EXPORT fmi2GetStringStatusTYPE fmi2GetStringStatus;

/* An extension of INTO-CPS, which masters with variable steps ask for: the longest step that makes sense now, s. */
typedef fmi2Status fmi2GetMaxStepsizeTYPE(fmi2Component c, fmi2Real *size);
FMI2_EXPORT fmi2GetMaxStepsizeTYPE fmi2GetMaxStepsize;

#ifdef __cplusplus
}
#endif

#endif
