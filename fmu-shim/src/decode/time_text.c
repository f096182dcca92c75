#include "time_text.h"

#include <string.h>

static inline bool is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

static const int64_t NS_PER_S = 1000000000;

/* `count` digits; -1: there is something else. */
static int number_at(const uint8_t *text, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/* Days from 1970-01-01 in the Gregorian calendar. Years are counted from March, so that a leap day ends its year. */
static int64_t days_since_1970(int year, int month, int day) {
  int y = month <= 2 ? year - 1 : year, months_since_march = (month + 9) % 12;
  int64_t days_before_year = 365ll * y + y / 4 - y / 100 + y / 400;
  return days_before_year + (153 * months_since_march + 2) / 5 + day - 1 - 719468; /* 0000-03-01 to 1970-01-01 */
}

static int days_in_month(int year, int month) {
  if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool read_day(const uint8_t *text, tb_known_day *known) {
  if (memcmp(text, known->text, sizeof known->text) == 0) return true;
  int year = number_at(text, 4), month = number_at(text + 5, 2), day = number_at(text + 8, 2);
  if (text[4] != '-' || text[7] != '-' || year < 1700 || year > 2199 || month < 1 || month > 12) return false;
  if (day < 1 || day > days_in_month(year, month)) return false;
  memcpy(known->text, text, sizeof known->text);
  known->seconds = days_since_1970(year, month, day) * 86400;
  return true;
}

/* Z, or +hh:mm, +hhmm and the same with a minus, up to `end`. */
static bool read_zone(const uint8_t *p, const uint8_t *end, int64_t *offset_s) {
  *offset_s = 0;
  if (end - p == 1) return *p == 'Z' || *p == 'z';
  bool colon = end - p == 6 && p[3] == ':';
  if (!colon && end - p != 5) return false;
  if (*p != '+' && *p != '-') return false;
  int hours = number_at(p + 1, 2), minutes = number_at(p + (colon ? 4 : 3), 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  *offset_s = (*p == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

bool tb_read_rfc3339(const uint8_t *text, const uint8_t *end, bool utc_without_zone, tb_known_day *day, int64_t *ns) {
  enum { UP_TO_SECONDS = 19 /* YYYY-MM-DDThh:mm:ss */ };
  if (end - text < UP_TO_SECONDS || !read_day(text, day)) return false;
  if ((text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':') return false;
  int hour = number_at(text + 11, 2), minute = number_at(text + 14, 2), second = number_at(text + 17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;

  const uint8_t *p = text + UP_TO_SECONDS;
  int64_t fraction = 0, unit = NS_PER_S / 10;
  if (p < end && (*p == '.' || *p == ',')) {
    const uint8_t *first = ++p;
    for (; p < end && is_digit(*p); p++, unit /= 10) fraction += (*p - '0') * unit; /* the unit ends at 0 */
    if (p == first) return false;
  }
  int64_t offset_s = 0;
  if (p == end ? !utc_without_zone : !read_zone(p, end, &offset_s)) return false;
  *ns = (day->seconds + hour * 3600 + minute * 60 + second - offset_s) * NS_PER_S + fraction;
  return true;
}

bool tb_read_epoch(const uint8_t **at, const uint8_t *end, int decimals, int64_t *ns) {
  enum { MOST_DIGITS = 19 /* a time of today in ns; more may not fit into 64 bits */ };
  const uint8_t *p = *at;
  bool negative = p < end && *p == '-';
  p += negative;
  const uint8_t *first = p;
  uint64_t value = 0;
  while (p < end && is_digit(*p) && p - first < MOST_DIGITS) value = value * 10 + (uint64_t)(*p++ - '0');
  int digits = (int)(p - first), missing = 9 - decimals;
  if (digits == 0 || (digits > 1 && *first == '0') || digits + missing > MOST_DIGITS) return false;
  if (p < end && *p == '.') {
    const uint8_t *fraction = ++p;
    for (; p < end && is_digit(*p); p++) {
      if (missing == 0) continue;
      value = value * 10 + (uint64_t)(*p - '0');
      missing--;
    }
    if (p == fraction) return false;
  }
  if (p < end && (is_digit(*p) || *p == 'e' || *p == 'E')) return false;
  for (; missing > 0; missing--) value *= 10;
  if (value > INT64_MAX) return false;
  *ns = negative ? -(int64_t)value : (int64_t)value;
  *at = p;
  return true;
}
