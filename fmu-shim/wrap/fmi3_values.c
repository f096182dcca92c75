/* Values and clocks of FMI 3.0 (FMI 3.0.2, sections 2.2.7 and 2.2.9). */
#include "instance3.h"

#define GET(type, storage)                                                                                                  \
  fmi3Status fmi3Get##type(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3##type values[],                  \
                           size_t nValues) {                                                                                \
    tb_fmi3_instance *m = c;                                                                                                \
    REQUIRE(m, ANY, "fmi3Get" #type);                                                                                       \
    return (fmi3Status)TB_ASK(m->behind, "fmi3Get" #type,                                                                   \
                              tb_behind_get(m->behind, storage, vr, nvr, values, nValues, NULL));                           \
  }

#define SET(type, storage)                                                                                                  \
  fmi3Status fmi3Set##type(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3##type values[],            \
                           size_t nValues) {                                                                                \
    tb_fmi3_instance *m = c;                                                                                                \
    REQUIRE(m, SETTABLE, "fmi3Set" #type);                                                                                  \
    return (fmi3Status)TB_ASK(m->behind, "fmi3Set" #type,                                                                   \
                              tb_behind_set(m->behind, storage, vr, nvr, values, nValues, NULL, m->state & RUNNING));       \
  }

#define ACCESS(type, storage) GET(type, storage) SET(type, storage)
ACCESS(Float32, TB_F32)
ACCESS(Float64, TB_F64)
ACCESS(Int8, TB_I8)
ACCESS(UInt8, TB_U8)
ACCESS(Int16, TB_I16)
ACCESS(UInt16, TB_U16)
ACCESS(Int32, TB_I32)
ACCESS(UInt32, TB_U32)
ACCESS(Int64, TB_I64)
ACCESS(UInt64, TB_U64)
ACCESS(Boolean, TB_B8)
ACCESS(String, TB_TEXT)

fmi3Status fmi3GetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, size_t sizes[], fmi3Binary values[],
                         size_t nValues) {
  tb_fmi3_instance *m = c;
  REQUIRE(m, ANY, "fmi3GetBinary");
  if (nValues > 0 && sizes == NULL) return tb_fmi3_refuse(m, "fmi3GetBinary", "an array is missing");
  return (fmi3Status)TB_ASK(m->behind, "fmi3GetBinary",
                            tb_behind_get(m->behind, TB_BYTES, vr, nvr, values, nValues, sizes));
}

fmi3Status fmi3SetBinary(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const size_t sizes[],
                         const fmi3Binary values[], size_t nValues) {
  tb_fmi3_instance *m = c;
  REQUIRE(m, SETTABLE, "fmi3SetBinary");
  if (nValues > 0 && sizes == NULL) return tb_fmi3_refuse(m, "fmi3SetBinary", "an array is missing");
  return (fmi3Status)TB_ASK(m->behind, "fmi3SetBinary",
                            tb_behind_set(m->behind, TB_BYTES, vr, nvr, values, nValues, sizes, m->state & RUNNING));
}

/* -- Clocks ------------------------------------------------------------------------------------------------------------------ */

fmi3Status fmi3GetClock(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Clock values[]) {
  tb_fmi3_instance *m = c;
  REQUIRE(m, ANY, "fmi3GetClock");
  return (fmi3Status)TB_ASK(m->behind, "fmi3GetClock", tb_behind_get(m->behind, TB_CLOCK, vr, nvr, values, nvr, NULL));
}

fmi3Status fmi3SetClock(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, const fmi3Clock values[]) {
  tb_fmi3_instance *m = c;
  REQUIRE(m, INITIALIZATION | EVENT, "fmi3SetClock");
  return (fmi3Status)TB_ASK(m->behind, "fmi3SetClock",
                            tb_behind_set(m->behind, TB_CLOCK, vr, nvr, values, nvr, NULL, m->state & RUNNING));
}

fmi3Status fmi3GetIntervalDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 intervals[],
                                  fmi3IntervalQualifier qualifiers[]) {
  tb_fmi3_instance *m = c;
  REQUIRE(m, ANY, "fmi3GetIntervalDecimal");
  if (nvr > 0 && (vr == NULL || intervals == NULL || qualifiers == NULL))
    return tb_fmi3_refuse(m, "fmi3GetIntervalDecimal", "an array is missing");
  _Static_assert(sizeof *qualifiers == sizeof(int32_t), "qualifiers are of 32 bits");
  return (fmi3Status)TB_ASK(m->behind, "fmi3GetIntervalDecimal",
                            nvr == 0 ? TB_OK
                                     : tb_instance_intervals(m->behind->instance, vr, (uint32_t)nvr, intervals,
                                                             (int32_t *)qualifiers));
}

fmi3Status fmi3GetShiftDecimal(fmi3Instance c, const fmi3ValueReference vr[], size_t nvr, fmi3Float64 shifts[]) {
  tb_fmi3_instance *m = c;
  REQUIRE(m, ANY, "fmi3GetShiftDecimal");
  if (nvr > 0 && (vr == NULL || shifts == NULL)) return tb_fmi3_refuse(m, "fmi3GetShiftDecimal", "an array is missing");
  return (fmi3Status)TB_ASK(m->behind, "fmi3GetShiftDecimal",
                            nvr == 0 ? TB_OK : tb_instance_shifts(m->behind->instance, vr, (uint32_t)nvr, shifts));
}
