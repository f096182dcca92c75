/*
 * Numbers as decimal digits. A double gets the fewest digits that read back as the same double, of these the nearest to
 * it, laid out as JavaScript does (ECMA-262, Number::toString), but for the sign of zero, which is kept: "-0".
 */
#ifndef TB_DECIMAL_H
#define TB_DECIMAL_H

#include <stdint.h>

/* A number has at most so many characters: "-0.0000012345678901234567"; */
enum { TB_NUMBER_LENGTH = 25 };
/* and so many bytes may be written while it is made: digits are moved in larger pieces than there are. */
enum { TB_NUMBER_ROOM = 40 };

/* Each writes to `to` and returns where the number ends; no NUL. */
char *tb_write_double(char *to, double value);
char *tb_write_int64(char *to, int64_t value);
char *tb_write_uint64(char *to, uint64_t value);

#endif
