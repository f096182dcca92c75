/* The command line of proxyfmu. */
#ifndef TB_OPTIONS_H
#define TB_OPTIONS_H

#include "../src/platform/program.h"
#include "../src/platform/socket.h"

/* Addresses that share their first bits. */
typedef struct {
  tb_address address;
  unsigned bits;
} tb_network;

enum { TB_MAX_NETWORKS = 64 };

typedef struct {
  const char *fmu;    /* an archive, to be opened here; or */
  const char *opened; /* the record of one that is opened already */
  const char *name;   /* of the instance; NULL: that of the FMU */
  const char *address;
  uint16_t port;
  bool once;
  bool logging;
  bool outlives; /* the FMU: after its crash calls are answered by what has happened */
  double idle_s; /* 0: for ever */
  tb_network networks[TB_MAX_NETWORKS];
  unsigned n_networks; /* 0: anybody who reaches the address */
  tb_limits limits;
} tb_options;

typedef enum { TB_OPTIONS_RUN, TB_OPTIONS_HELP, TB_OPTIONS_VERSION, TB_OPTIONS_BOOT, TB_OPTIONS_WRONG } tb_options_read;

/* TB_OPTIONS_WRONG: what is wrong is in `error`. TB_OPTIONS_BOOT: the arguments from the second on are another program's. */
tb_options_read tb_read_options(int n, char **arguments, tb_options *options, char *error, size_t error_size);
extern const char tb_options_help[];

bool tb_is_allowed(const tb_options *options, const tb_address *address);

#endif
