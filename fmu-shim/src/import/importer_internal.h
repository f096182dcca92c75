/* What the versions of FMI have to offer to importer.c, and what they share. */
#ifndef TB_IMPORTER_INTERNAL_H
#define TB_IMPORTER_INTERNAL_H

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../platform/loader.h"
#include "importer.h"

/* The functions of a version; those that it does not have are NULL. */
typedef struct {
  void *(*create)(tb_instance *, const tb_instantiation *);
  void (*free)(tb_instance *);
  int (*debug_logging)(tb_instance *, int on, uint32_t n, const char *const categories[]);
  int (*configuration_mode)(tb_instance *, int enter);
  int (*enter_initialization)(tb_instance *);
  int (*exit_initialization)(tb_instance *);
  int (*terminate)(tb_instance *);
  int (*reset)(tb_instance *);
  int (*step)(tb_instance *, double time, double size, int may_go_back, tb_step_result *);
  int (*last_successful_time)(tb_instance *, double *);
  int (*terminated)(tb_instance *, int *);
  int (*max_step_size)(tb_instance *, double *);
  int (*enter_event_mode)(tb_instance *);
  int (*enter_step_mode)(tb_instance *);
  int (*update_discrete_states)(tb_instance *, int *needs_update, int *terminate, double *next_event);
  int (*intervals)(tb_instance *, const uint32_t *, uint32_t, double *, int32_t *);
  int (*shifts)(tb_instance *, const uint32_t *, uint32_t, double *);
  int (*directional_derivative)(tb_instance *, const tb_derivative *);
  int (*get_state)(tb_instance *, void **);
  int (*set_state)(tb_instance *, void *);
  int (*free_state)(tb_instance *, void **);
  int (*state_size)(tb_instance *, void *, size_t *);
  int (*serialize_state)(tb_instance *, void *, uint8_t *, size_t);
  int (*deserialize_state)(tb_instance *, const uint8_t *, size_t, void **);
} tb_adapter;

/*
 * The functions that get or set values, by storage, as addresses: they differ in the type of what their pointers point
 * to and in nothing that matters to a call. NULL: the version has no such type.
 */
typedef int tb_access(void *component, const uint32_t *vrs, size_t n, void *values);                        /* 1.0, 2.0 */
typedef int tb_access_array(void *component, const uint32_t *vrs, size_t n, void *values, size_t n_values); /* 3.0 */
typedef int tb_access_bytes(void *component, const uint32_t *vrs, size_t n, size_t *sizes, void *values, size_t n_values);

typedef struct {
  void *get, *set;
  const char *get_name, *set_name;
} tb_accessor;

typedef struct tb_far tb_far;

struct tb_library {
  void *handle;
  tb_fmi fmi;
  const tb_adapter *adapter;
  tb_accessor accessors[TB_STORAGES];
  void *functions; /* the version's own table */
  char identifier[256];
  tb_far *far;     /* where it is loaded (far/far.h); NULL: in this process */
  char *doing;     /* in such a process: where the importer sees which function is being called; else NULL */
};

struct tb_instance {
  const tb_library *library;
  const tb_adapter *adapter;
  void *component; /* the FMU's */
  tb_host_environment *host;
  const char *last_call;
  char *name;
  /* The experiment: FMI 1.0 takes it only when the initialisation is over. */
  double start, stop, tolerance;
  bool has_stop, has_tolerance;
  bool event_mode, early_return;
  void *own; /* of the version */
};

/* What the names of the version's functions begin with. */
static inline const char *tb_fmi_prefix(tb_fmi fmi) { return fmi == TB_FMI1 ? "fmi" : fmi == TB_FMI2 ? "fmi2" : "fmi3"; }

/* Notes which function is called next: of TB_DOING_BYTES at most. */
static inline void tb_calling(tb_instance *i, const char *name) {
  i->last_call = name;
  if (__builtin_expect(i->library->doing != NULL, 0)) strcpy(i->library->doing, name == NULL ? "" : name);
}

/* Looks a function up; notes its name in `missing` (of `size`) if it is not there and `required`. */
void tb_find_function(tb_library *library, const char *prefix, const char *name, void *pointer, bool required,
                      char *missing, size_t size);

/* Each: fills accessors and functions, sets the adapter; what is missing is appended to `missing`. */
void tb_bind_fmi1(tb_library *library, char *missing, size_t size);
void tb_bind_fmi2(tb_library *library, char *missing, size_t size);
void tb_bind_fmi3(tb_library *library, char *missing, size_t size);

/* Each: the names of the accessors only. */
void tb_name_fmi1(tb_library *library);
void tb_name_fmi2(tb_library *library);
void tb_name_fmi3(tb_library *library);

/* fmi2DoStep of an instance that may be called without detours; NULL: of another version. */
void *tb_fmi2_step_function(const tb_instance *instance);
/* Waits for a step that was left pending; answers its status. */
int tb_fmi2_await_step(tb_instance *instance);

/* How long a pending step sleeps between two questions. */
enum { TB_POLL_NS = 1000000 };

#endif
