#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char tb_options_help[] =
    "proxyfmu: serves one instance of an FMU (FMI 1.0, 2.0, 3.0) to libcosim, twinbridge and others that speak proxyfmu's Thrift\n"
    "\n"
    "  proxyfmu --fmu FILE.fmu --instanceName NAME   as libcosim starts it for proxyfmu://localhost?file=…\n"
    "  proxyfmu --opened RECORD --instanceName NAME  as twinbridge's servers start it\n"
    "  proxyfmu boot --port N [OPTION…]              the booter, for proxyfmu://HOST:N?file=…; see boot --help\n"
    "  proxyfmu -v, --version\n"
    "\n"
    "Prints '[proxyfmu] port=N' when the FMU is opened. Ends with the client's freeInstance, when nobody reads its standard\n"
    "output any more, or after nobody has been connected for some time.\n"
    "\n"
    "  --address A           to listen at (127.0.0.1). An FMU is native code, and whoever reaches it drives it: for any other\n"
    "                        address there have to be --allow or a token\n"
    "  --port N              (0: any)\n"
    "  --once                serve one connection, and end with it\n"
    "  --idle SECONDS        end after nobody has been connected for so long (600; 0: never)\n"
    "  --allow CIDR,…        who may connect: 192.168.0.0/16,::1\n"
    "  --logging             show the FMU's debug messages, too\n"
    "  --outlive-fmu         after a crash of the FMU, answer calls by what has happened until the client leaves, as with --fmu\n"
    "\n"
    "What the FMU may do (Linux, macOS):\n"
    "  --user NAME           run it as this user (as root only)\n"
    "  --no-new-privileges   no program that it starts gets more rights than it has (Linux)\n"
    "  --max-memory BYTES    of address space\n"
    "  --max-cpu SECONDS     of processor time\n"
    "  --max-files N         open at the same time\n"
    "  --max-processes N     of its user, threads counted\n"
    "\n"
    "Environment: TWINBRIDGE_PROXY_TOKEN, a token that clients have to know (tb_authenticate). TWINBRIDGE_NODE, the Node.js that\n"
    "unpacks FMUs that are not in the cache yet. Exit codes: 0 in order, 2 usage, 3 the FMU cannot be opened.\n";

/* -- Numbers and networks -------------------------------------------------------------------------------------------------------- */

static bool whole(const char *text, uint64_t most, uint64_t *value) {
  uint64_t number = 0;
  if (*text == '\0') return false;
  for (; *text != '\0'; text++) {
    const uint64_t digit = (uint64_t)(*text - '0');
    if (*text < '0' || *text > '9' || number > (most - digit) / 10) return false;
    number = number * 10 + digit;
  }
  *value = number;
  return true;
}

static bool seconds(const char *text, double *value) {
  char *end;
  const double number = strtod(text, &end);
  if (end == text || *end != '\0' || !isfinite(number) || number < 0 || number > 1e9) return false;
  *value = number;
  return true;
}

/* "10.0.0.0/8", "::1" */
static bool network(const char *text, size_t size, tb_network *to) {
  char address[TB_ADDRESS_TEXT];
  const char *slash = memchr(text, '/', size);
  const size_t length = slash == NULL ? size : (size_t)(slash - text);
  bool is_v4;
  if (length >= sizeof address) return false;
  memcpy(address, text, length);
  address[length] = '\0';
  if (!tb_address_read(address, &to->address, &is_v4)) return false;
  uint64_t bits = is_v4 ? 32 : 128;
  if (slash != NULL) {
    char number[8];
    const size_t digits = size - length - 1;
    if (digits >= sizeof number) return false;
    memcpy(number, slash + 1, digits);
    number[digits] = '\0';
    if (!whole(number, bits, &bits)) return false;
  }
  to->bits = (unsigned)bits + (is_v4 ? 96 : 0);
  return true;
}

static bool networks(const char *text, tb_options *options) {
  for (;;) {
    const size_t size = strcspn(text, ",");
    if (options->n_networks == TB_MAX_NETWORKS || !network(text, size, &options->networks[options->n_networks])) return false;
    options->n_networks++;
    if (text[size] == '\0') return true;
    text += size + 1;
  }
}

bool tb_is_allowed(const tb_options *options, const tb_address *address) {
  if (options->n_networks == 0) return true;
  for (unsigned k = 0; k < options->n_networks; k++) {
    const tb_network *one = &options->networks[k];
    const unsigned bytes = one->bits / 8, rest = one->bits % 8;
    const uint8_t mask = (uint8_t)(0xff00u >> rest);
    if (memcmp(one->address.bytes, address->bytes, bytes) != 0) continue;
    if (rest == 0 || ((one->address.bytes[bytes] ^ address->bytes[bytes]) & mask) == 0) return true;
  }
  return false;
}

/* -- Options ---------------------------------------------------------------------------------------------------------------------- */

typedef enum { FMU, OPENED, NAME, ADDRESS, PORT, IDLE, ALLOW, USER, MEMORY, CPU, FILES, PROCESSES, N_VALUES } valued;
static const char *const VALUED[N_VALUES] = {"--fmu",   "--opened", "--instanceName", "--address", "--port",      "--idle",
                                             "--allow", "--user",   "--max-memory",   "--max-cpu", "--max-files", "--max-processes"};

static bool take_value(tb_options *o, valued option, const char *value) {
  uint64_t number = 0;
  switch (option) {
    case FMU: o->fmu = value; return *value != '\0';
    case OPENED: o->opened = value; return *value != '\0';
    case NAME: o->name = value; return true;
    case ADDRESS: o->address = value; return *value != '\0';
    case IDLE: return seconds(value, &o->idle_s);
    case ALLOW: return networks(value, o);
    case USER: o->limits.user = value; return *value != '\0';
    case PORT:
      if (!whole(value, UINT16_MAX, &number)) return false;
      o->port = (uint16_t)number;
      return true;
    default: break;
  }
  if (!whole(value, INT64_MAX, &number) || number == 0) return false;
  if (option == MEMORY) o->limits.max_memory = number;
  else if (option == CPU) o->limits.max_cpu = number;
  else if (option == FILES) o->limits.max_files = number;
  else o->limits.max_processes = number;
  return true;
}

static bool take_flag(tb_options *o, const char *argument) {
  if (strcmp(argument, "--once") == 0) o->once = true;
  else if (strcmp(argument, "--logging") == 0) o->logging = true;
  else if (strcmp(argument, "--outlive-fmu") == 0) o->outlives = true;
  else if (strcmp(argument, "--no-new-privileges") == 0) o->limits.no_new_privileges = true;
  else return false;
  return true;
}

/* Which option it is, and its value, if it stands behind an '='. */
static valued find_option(const char *argument, const char **value) {
  for (unsigned k = 0; k < N_VALUES; k++) {
    const size_t length = strlen(VALUED[k]);
    if (strncmp(argument, VALUED[k], length) != 0 || (argument[length] != '\0' && argument[length] != '=')) continue;
    *value = argument[length] == '=' ? argument + length + 1 : NULL;
    return (valued)k;
  }
  return N_VALUES;
}

tb_options_read tb_read_options(int n, char **arguments, tb_options *o, char *error, size_t error_size) {
  *o = (tb_options){.address = "127.0.0.1", .idle_s = 600};
  if (n > 1 && strcmp(arguments[1], "boot") == 0) return TB_OPTIONS_BOOT;
  for (int k = 1; k < n; k++) {
    const char *argument = arguments[k], *value = NULL;
    if (strcmp(argument, "-v") == 0 || strcmp(argument, "--version") == 0) return TB_OPTIONS_VERSION;
    if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) return TB_OPTIONS_HELP;
    if (take_flag(o, argument)) continue;
    const valued option = find_option(argument, &value);
    if (option == N_VALUES) {
      snprintf(error, error_size, "there is no option '%s'", argument);
      return TB_OPTIONS_WRONG;
    }
    if (value == NULL && ++k < n) value = arguments[k];
    if (value != NULL && take_value(o, option, value)) continue;
    if (value == NULL) snprintf(error, error_size, "%s wants a value", VALUED[option]);
    else snprintf(error, error_size, "%s cannot be '%s'", VALUED[option], value);
    return TB_OPTIONS_WRONG;
  }
  if (o->fmu != NULL) o->outlives = true; /* libcosim would end its host */
  if ((o->fmu == NULL) == (o->opened == NULL)) {
    snprintf(error, error_size, o->fmu == NULL ? "--fmu FILE.fmu is missing" : "--fmu and --opened exclude one another");
    return TB_OPTIONS_WRONG;
  }
  return TB_OPTIONS_RUN;
}
