/* Types of signals, shared by the ring, the decoder and the TypeScript side (src/bridge/signals.ts: the same order). */
#ifndef TB_TYPES_H
#define TB_TYPES_H

typedef enum { TB_REAL, TB_INTEGER, TB_BOOLEAN, TB_STRING } tb_type;

#endif
