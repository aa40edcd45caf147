/* SPDX-License-Identifier: Apache-2.0 */
/* The subject of unnamed.py: switches of every sort, floating-point constants, literals, initial values of locals. */
#include <stddef.h>
#include <string.h>

volatile int sink;
volatile double total;

int dense(int k) {
  switch (k) {
    case 0:
      return 11;
    case 1:
      sink = 4;
      return 7;
    case 2:
      return sink + 5;
    case 3:
      sink = 9;
      return 2;
    case 4:
      return sink * 3;
    case 5:
      return 90;
    default:
      return -1;
  }
}

const char* from_a_character(unsigned char c) {
  switch (c) {
    case 'a':
      return "alpha";
    case 'b':
      sink = 1;
      return "beta";
    case 'c':
      return "gamma";
    case 'd':
      sink = 2;
      return "delta";
    case 'f':
      return "phi";
    case 'h':
      sink = 3;
      return "eta";
    default:
      return "none";
  }
}

/* The table's address may be kept in a register outside the loop. */
int interpreter(const unsigned char* code, size_t length) {
  int stack[16] = {0}, top = 0;
  for (size_t i = 0; i < length; ++i) {
    switch (code[i]) {
      case 10:
        stack[top++ & 15] = (int)i;
        break;
      case 11:
        top--;
        break;
      case 12:
        stack[top & 15] += stack[(top - 1) & 15];
        break;
      case 13:
        stack[top & 15] *= 3;
        break;
      case 14:
        sink = stack[top & 15];
        break;
      case 15:
        top = 0;
        break;
      case 16:
        if (stack[top & 15]) i += 2;
        break;
      case 17:
        stack[top & 15] ^= 0x55;
        break;
      default:
        return -1;
    }
  }
  return stack[0];
}

/* Nobody checks the index: the extent cannot be told. */
int unchecked(unsigned k) {
  switch (k & 7) {
    case 0:
      sink = 1;
      return 4;
    case 1:
      return sink;
    case 2:
      sink = 3;
      return 9;
    case 3:
      return sink + 7;
    case 4:
      sink = 5;
      return 1;
    case 5:
      return sink * 9;
    case 6:
      sink = 7;
      return 3;
    default:
      return sink - 1;
  }
}

/* Two switches, one in the other. */
int nested(long a, short b) {
  switch (a) {
    case 100:
      return 1;
    case 101:
      sink = 2;
      break;
    case 102:
      return 3;
    case 103:
      sink = 5;
      break;
    case 104:
      switch (b) {
        case -3:
          return 8;
        case -2:
          sink = 13;
          break;
        case -1:
          return 21;
        case 0:
          sink = 34;
          break;
        case 1:
          return 55;
        case 2:
          sink = 89;
          break;
      }
      break;
    case 105:
      return sink;
  }
  return 0;
}

void far(int* where, int which);
int in_memory(int* where) {
  far(where, 3);
  switch (where[2]) {
    case 3:
      return 1;
    case 4:
      far(where, 1);
      return 2;
    case 5:
      return where[0];
    case 6:
      far(where, 2);
      return where[1];
    case 7:
      return 5;
    case 8:
      far(where, 9);
      return 6;
  }
  return 0;
}
__attribute__((noinline)) void far(int* where, int which) { where[which & 3] = which; }

double scaled(double x, float y) {
  total = x * 3.25 + 0.1;
  if (y > 1.5f) total += y * 0.7f;
  return x < 2.75 ? -x : __builtin_fabs(x) / 7.5;
}

int initialised(int k) {
  int values[40] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6,
                    7, 8, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6};
  double numbers[5] = {1.5, 2.5, 3.5, 4.5, 5.5};
  values[k] += (int)numbers[k & 3];
  return values[k + 1];
}

const char* texts(int k) {
  static const char* const table[] = {"first", "second", "third"};
  sink = memcmp(table[k], "in\0side", 8);
  return k == 0 ? "a NUL \0 inside" : k == 1 ? table[2] : "plain";
}
