/*
 * The C interface of FMI 3.0, declared from the text of the standard (FMI 3.0.2, sections 2.2, 2.3, 3.2, 4.2 and 5.2).
 *
 * Every function has a type `<name>TYPE`, for those who look the function up in a library, and is declared with that
 * type, so that a definition that differs from the standard does not compile.
 */
#ifndef TB_FMI3_H
#define TB_FMI3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define FMI3_EXPORT __declspec(dllexport)
#else
#define FMI3_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* -- Types (2.2.2) ------------------------------------------------------------------------------------------------- */

typedef void *fmi3Instance;            /* an instance, as the FMU knows it */
typedef void *fmi3InstanceEnvironment; /* an instance, as the importer knows it */
typedef void *fmi3FMUState;
typedef uint32_t fmi3ValueReference;
typedef float fmi3Float32;
typedef double fmi3Float64;
typedef int8_t fmi3Int8;
typedef uint8_t fmi3UInt8;
typedef int16_t fmi3Int16;
typedef uint16_t fmi3UInt16;
typedef int32_t fmi3Int32;
typedef uint32_t fmi3UInt32;
typedef int64_t fmi3Int64;
typedef uint64_t fmi3UInt64;
typedef bool fmi3Boolean;
typedef char fmi3Char; /* UTF-8 */
typedef const fmi3Char *fmi3String;
typedef uint8_t fmi3Byte;
typedef const fmi3Byte *fmi3Binary;
typedef bool fmi3Clock;

#define fmi3Version "3.0"
#define fmi3True true
#define fmi3False false
#define fmi3ClockActive true
#define fmi3ClockInactive false

/* -- Enumerations (2.2.3, 2.2.10, 2.2.9) ----------------------------------------------------------------------------- */

typedef enum { fmi3OK, fmi3Warning, fmi3Discard, fmi3Error, fmi3Fatal } fmi3Status;
typedef enum {
  fmi3Independent,
  fmi3Constant,
  fmi3Fixed,
  fmi3Tunable,
  fmi3Discrete,
  fmi3Dependent
} fmi3DependencyKind;
typedef enum { fmi3IntervalNotYetKnown, fmi3IntervalUnchanged, fmi3IntervalChanged } fmi3IntervalQualifier;

/* -- Callbacks (2.3.1, 4.2.2, 5.2.2) ---------------------------------------------------------------------------------- */

typedef void (*fmi3LogMessageCallback)(fmi3InstanceEnvironment environment, fmi3Status status, fmi3String category,
                                       fmi3String message);
typedef void (*fmi3ClockUpdateCallback)(fmi3InstanceEnvironment environment);
typedef void (*fmi3IntermediateUpdateCallback)(fmi3InstanceEnvironment environment, fmi3Float64 time,
                                               fmi3Boolean setRequested, fmi3Boolean getAllowed,
                                               fmi3Boolean stepFinished, fmi3Boolean canReturnEarly,
                                               fmi3Boolean *earlyReturnRequested, fmi3Float64 *earlyReturnTime);
typedef void (*fmi3LockPreemptionCallback)(void);
typedef void (*fmi3UnlockPreemptionCallback)(void);

/* -- Common functions (2.2, 2.3) --------------------------------------------------------------------------------------- */

typedef const char *fmi3GetVersionTYPE(void);
typedef fmi3Status fmi3SetDebugLoggingTYPE(fmi3Instance instance, fmi3Boolean loggingOn, size_t nCategories,
                                           const fmi3String categories[]);

typedef fmi3Instance fmi3InstantiateModelExchangeTYPE(fmi3String instanceName, fmi3String instantiationToken,
                                                      fmi3String resourcePath, fmi3Boolean visible,
                                                      fmi3Boolean loggingOn, fmi3InstanceEnvironment environment,
                                                      fmi3LogMessageCallback logMessage);
typedef fmi3Instance fmi3InstantiateCoSimulationTYPE(
    fmi3String instanceName, fmi3String instantiationToken, fmi3String resourcePath, fmi3Boolean visible,
    fmi3Boolean loggingOn, fmi3Boolean eventModeUsed, fmi3Boolean earlyReturnAllowed,
    const fmi3ValueReference requiredIntermediateVariables[], size_t nRequiredIntermediateVariables,
    fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage,
    fmi3IntermediateUpdateCallback intermediateUpdate);
typedef fmi3Instance fmi3InstantiateScheduledExecutionTYPE(
    fmi3String instanceName, fmi3String instantiationToken, fmi3String resourcePath, fmi3Boolean visible,
    fmi3Boolean loggingOn, fmi3InstanceEnvironment environment, fmi3LogMessageCallback logMessage,
    fmi3ClockUpdateCallback clockUpdate, fmi3LockPreemptionCallback lockPreemption,
    fmi3UnlockPreemptionCallback unlockPreemption);
typedef void fmi3FreeInstanceTYPE(fmi3Instance instance);

typedef fmi3Status fmi3EnterInitializationModeTYPE(fmi3Instance instance, fmi3Boolean toleranceDefined,
                                                   fmi3Float64 tolerance, fmi3Float64 startTime,
                                                   fmi3Boolean stopTimeDefined, fmi3Float64 stopTime);
typedef fmi3Status fmi3ExitInitializationModeTYPE(fmi3Instance instance);
typedef fmi3Status fmi3EnterEventModeTYPE(fmi3Instance instance);
typedef fmi3Status fmi3TerminateTYPE(fmi3Instance instance);
typedef fmi3Status fmi3ResetTYPE(fmi3Instance instance);
typedef fmi3Status fmi3EnterConfigurationModeTYPE(fmi3Instance instance);
typedef fmi3Status fmi3ExitConfigurationModeTYPE(fmi3Instance instance);

/* Getters and setters that differ in their type only. */
#define FMI3_EACH_VALUE_TYPE(each) \
  each(Float32) each(Float64) each(Int8) each(UInt8) each(Int16) each(UInt16) each(Int32) each(UInt32) each(Int64) \
      each(UInt64) each(Boolean) each(String)

#define FMI3_DECLARE_TYPES(type)                                                                                     \
  typedef fmi3Status fmi3Get##type##TYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,           \
                                         fmi3##type values[], size_t nValues);                                       \
  typedef fmi3Status fmi3Set##type##TYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,           \
                                         const fmi3##type values[], size_t nValues);
FMI3_EACH_VALUE_TYPE(FMI3_DECLARE_TYPES)
#undef FMI3_DECLARE_TYPES

typedef fmi3Status fmi3GetBinaryTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr, size_t sizes[],
                                     fmi3Binary values[], size_t nValues);
typedef fmi3Status fmi3SetBinaryTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                     const size_t sizes[], const fmi3Binary values[], size_t nValues);
typedef fmi3Status fmi3GetClockTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                    fmi3Clock values[]);
typedef fmi3Status fmi3SetClockTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                    const fmi3Clock values[]);

typedef fmi3Status fmi3GetNumberOfVariableDependenciesTYPE(fmi3Instance instance, fmi3ValueReference vr,
                                                           size_t *nDependencies);
typedef fmi3Status fmi3GetVariableDependenciesTYPE(fmi3Instance instance, fmi3ValueReference dependent,
                                                   size_t elementIndicesOfDependent[],
                                                   fmi3ValueReference independents[],
                                                   size_t elementIndicesOfIndependents[],
                                                   fmi3DependencyKind dependencyKinds[], size_t nDependencies);

typedef fmi3Status fmi3GetFMUStateTYPE(fmi3Instance instance, fmi3FMUState *state);
typedef fmi3Status fmi3SetFMUStateTYPE(fmi3Instance instance, fmi3FMUState state);
typedef fmi3Status fmi3FreeFMUStateTYPE(fmi3Instance instance, fmi3FMUState *state);
typedef fmi3Status fmi3SerializedFMUStateSizeTYPE(fmi3Instance instance, fmi3FMUState state, size_t *size);
typedef fmi3Status fmi3SerializeFMUStateTYPE(fmi3Instance instance, fmi3FMUState state, fmi3Byte serialized[],
                                             size_t size);
typedef fmi3Status fmi3DeserializeFMUStateTYPE(fmi3Instance instance, const fmi3Byte serialized[], size_t size,
                                               fmi3FMUState *state);

typedef fmi3Status fmi3GetDirectionalDerivativeTYPE(fmi3Instance instance, const fmi3ValueReference unknowns[],
                                                    size_t nUnknowns, const fmi3ValueReference knowns[],
                                                    size_t nKnowns, const fmi3Float64 seed[], size_t nSeed,
                                                    fmi3Float64 sensitivity[], size_t nSensitivity);
typedef fmi3GetDirectionalDerivativeTYPE fmi3GetAdjointDerivativeTYPE;

/* -- Clocks and discrete states (2.2.9, 2.3.5) -------------------------------------------------------------------------- */

typedef fmi3Status fmi3GetIntervalDecimalTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                              fmi3Float64 intervals[], fmi3IntervalQualifier qualifiers[]);
typedef fmi3Status fmi3GetIntervalFractionTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                               fmi3UInt64 counters[], fmi3UInt64 resolutions[],
                                               fmi3IntervalQualifier qualifiers[]);
typedef fmi3Status fmi3GetShiftDecimalTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                           fmi3Float64 shifts[]);
typedef fmi3Status fmi3GetShiftFractionTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                            fmi3UInt64 counters[], fmi3UInt64 resolutions[]);
typedef fmi3Status fmi3SetIntervalDecimalTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                              const fmi3Float64 intervals[]);
typedef fmi3Status fmi3SetIntervalFractionTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                               const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]);
typedef fmi3Status fmi3SetShiftDecimalTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                           const fmi3Float64 shifts[]);
typedef fmi3Status fmi3SetShiftFractionTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                            const fmi3UInt64 counters[], const fmi3UInt64 resolutions[]);
typedef fmi3Status fmi3EvaluateDiscreteStatesTYPE(fmi3Instance instance);
typedef fmi3Status fmi3UpdateDiscreteStatesTYPE(fmi3Instance instance, fmi3Boolean *discreteStatesNeedUpdate,
                                                fmi3Boolean *terminateSimulation,
                                                fmi3Boolean *nominalsOfContinuousStatesChanged,
                                                fmi3Boolean *valuesOfContinuousStatesChanged,
                                                fmi3Boolean *nextEventTimeDefined, fmi3Float64 *nextEventTime);

/* -- Model exchange (3.2) ------------------------------------------------------------------------------------------------ */

typedef fmi3Status fmi3EnterContinuousTimeModeTYPE(fmi3Instance instance);
typedef fmi3Status fmi3CompletedIntegratorStepTYPE(fmi3Instance instance, fmi3Boolean noSetFMUStatePriorToCurrentPoint,
                                                   fmi3Boolean *enterEventMode, fmi3Boolean *terminateSimulation);
typedef fmi3Status fmi3SetTimeTYPE(fmi3Instance instance, fmi3Float64 time);
typedef fmi3Status fmi3SetContinuousStatesTYPE(fmi3Instance instance, const fmi3Float64 states[], size_t nStates);
typedef fmi3Status fmi3GetContinuousStateDerivativesTYPE(fmi3Instance instance, fmi3Float64 derivatives[],
                                                         size_t nStates);
typedef fmi3Status fmi3GetEventIndicatorsTYPE(fmi3Instance instance, fmi3Float64 indicators[], size_t nIndicators);
typedef fmi3Status fmi3GetContinuousStatesTYPE(fmi3Instance instance, fmi3Float64 states[], size_t nStates);
typedef fmi3Status fmi3GetNominalsOfContinuousStatesTYPE(fmi3Instance instance, fmi3Float64 nominals[],
                                                         size_t nStates);
typedef fmi3Status fmi3GetNumberOfEventIndicatorsTYPE(fmi3Instance instance, size_t *nIndicators);
typedef fmi3Status fmi3GetNumberOfContinuousStatesTYPE(fmi3Instance instance, size_t *nStates);

/* -- Co-simulation (4.2) and scheduled execution (5.2) --------------------------------------------------------------------- */

typedef fmi3Status fmi3EnterStepModeTYPE(fmi3Instance instance);
typedef fmi3Status fmi3GetOutputDerivativesTYPE(fmi3Instance instance, const fmi3ValueReference vr[], size_t nvr,
                                                const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues);
typedef fmi3Status fmi3DoStepTYPE(fmi3Instance instance, fmi3Float64 currentCommunicationPoint,
                                  fmi3Float64 communicationStepSize, fmi3Boolean noSetFMUStatePriorToCurrentPoint,
                                  fmi3Boolean *eventHandlingNeeded, fmi3Boolean *terminateSimulation,
                                  fmi3Boolean *earlyReturn, fmi3Float64 *lastSuccessfulTime);
typedef fmi3Status fmi3ActivateModelPartitionTYPE(fmi3Instance instance, fmi3ValueReference clockReference,
                                                  fmi3Float64 activationTime);

/* -- The functions ---------------------------------------------------------------------------------------------------------- */

#define FMI3_DECLARE_ACCESS(type)                      \
  FMI3_EXPORT fmi3Get##type##TYPE fmi3Get##type;       \
  FMI3_EXPORT fmi3Set##type##TYPE fmi3Set##type;
FMI3_EACH_VALUE_TYPE(FMI3_DECLARE_ACCESS)
FMI3_DECLARE_ACCESS(Binary)
FMI3_DECLARE_ACCESS(Clock)
#undef FMI3_DECLARE_ACCESS

FMI3_EXPORT fmi3GetVersionTYPE fmi3GetVersion;
FMI3_EXPORT fmi3SetDebugLoggingTYPE fmi3SetDebugLogging;
FMI3_EXPORT fmi3InstantiateModelExchangeTYPE fmi3InstantiateModelExchange;
FMI3_EXPORT fmi3InstantiateCoSimulationTYPE fmi3InstantiateCoSimulation;
FMI3_EXPORT fmi3InstantiateScheduledExecutionTYPE fmi3InstantiateScheduledExecution;
FMI3_EXPORT fmi3FreeInstanceTYPE fmi3FreeInstance;
FMI3_EXPORT fmi3EnterInitializationModeTYPE fmi3EnterInitializationMode;
FMI3_EXPORT fmi3ExitInitializationModeTYPE fmi3ExitInitializationMode;
FMI3_EXPORT fmi3EnterEventModeTYPE fmi3EnterEventMode;
FMI3_EXPORT fmi3TerminateTYPE fmi3Terminate;
FMI3_EXPORT fmi3ResetTYPE fmi3Reset;
FMI3_EXPORT fmi3EnterConfigurationModeTYPE fmi3EnterConfigurationMode;
FMI3_EXPORT fmi3ExitConfigurationModeTYPE fmi3ExitConfigurationMode;
FMI3_EXPORT fmi3GetNumberOfVariableDependenciesTYPE fmi3GetNumberOfVariableDependencies;
FMI3_EXPORT fmi3GetVariableDependenciesTYPE fmi3GetVariableDependencies;
FMI3_EXPORT fmi3GetFMUStateTYPE fmi3GetFMUState;
FMI3_EXPORT fmi3SetFMUStateTYPE fmi3SetFMUState;
FMI3_EXPORT fmi3FreeFMUStateTYPE fmi3FreeFMUState;
FMI3_EXPORT fmi3SerializedFMUStateSizeTYPE fmi3SerializedFMUStateSize;
FMI3_EXPORT fmi3SerializeFMUStateTYPE fmi3SerializeFMUState;
FMI3_EXPORT fmi3DeserializeFMUStateTYPE fmi3DeserializeFMUState;
FMI3_EXPORT fmi3GetDirectionalDerivativeTYPE fmi3GetDirectionalDerivative;
FMI3_EXPORT fmi3GetAdjointDerivativeTYPE fmi3GetAdjointDerivative;
FMI3_EXPORT fmi3GetIntervalDecimalTYPE fmi3GetIntervalDecimal;
FMI3_EXPORT fmi3GetIntervalFractionTYPE fmi3GetIntervalFraction;
FMI3_EXPORT fmi3GetShiftDecimalTYPE fmi3GetShiftDecimal;
FMI3_EXPORT fmi3GetShiftFractionTYPE fmi3GetShiftFraction;
FMI3_EXPORT fmi3SetIntervalDecimalTYPE fmi3SetIntervalDecimal;
FMI3_EXPORT fmi3SetIntervalFractionTYPE fmi3SetIntervalFraction;
FMI3_EXPORT fmi3SetShiftDecimalTYPE fmi3SetShiftDecimal;
FMI3_EXPORT fmi3SetShiftFractionTYPE fmi3SetShiftFraction;
FMI3_EXPORT fmi3EvaluateDiscreteStatesTYPE fmi3EvaluateDiscreteStates;
FMI3_EXPORT fmi3UpdateDiscreteStatesTYPE fmi3UpdateDiscreteStates;
FMI3_EXPORT fmi3EnterContinuousTimeModeTYPE fmi3EnterContinuousTimeMode;
FMI3_EXPORT fmi3CompletedIntegratorStepTYPE fmi3CompletedIntegratorStep;
FMI3_EXPORT fmi3SetTimeTYPE fmi3SetTime;
FMI3_EXPORT fmi3SetContinuousStatesTYPE fmi3SetContinuousStates;
FMI3_EXPORT fmi3GetContinuousStateDerivativesTYPE fmi3GetContinuousStateDerivatives;
FMI3_EXPORT fmi3GetEventIndicatorsTYPE fmi3GetEventIndicators;
FMI3_EXPORT fmi3GetContinuousStatesTYPE fmi3GetContinuousStates;
FMI3_EXPORT fmi3GetNominalsOfContinuousStatesTYPE fmi3GetNominalsOfContinuousStates;
FMI3_EXPORT fmi3GetNumberOfEventIndicatorsTYPE fmi3GetNumberOfEventIndicators;
FMI3_EXPORT fmi3GetNumberOfContinuousStatesTYPE fmi3GetNumberOfContinuousStates;
FMI3_EXPORT fmi3EnterStepModeTYPE fmi3EnterStepMode;
FMI3_EXPORT fmi3GetOutputDerivativesTYPE fmi3GetOutputDerivatives;
FMI3_EXPORT fmi3DoStepTYPE fmi3DoStep;
FMI3_EXPORT fmi3ActivateModelPartitionTYPE fmi3ActivateModelPartition;

#ifdef __cplusplus
}
#endif

#endif
