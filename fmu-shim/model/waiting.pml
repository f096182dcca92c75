/*
 * A step that waits for a sample, a consumer that waits for a free row, their deadlines, deaths and end: bridge.c
 * (wait_for_backend), producer.c (have_row, hand_over, tb_producer_set_link), queue.h (tb_raise_flag, tb_must_wake).
 *
 * Each access to shared memory is a step. Stores wait in a buffer of their processor, first in, first out, and reach
 * memory whenever that likes (x86-TSO: Owens, Sarkar, Sewell 2009); a full fence waits until the buffer is empty. With
 * -DSC they reach memory at once.
 *
 * -DPATIENT: steps have no deadline, so that a wake-up that is lost shows: as a deadlock.
 * -DBACKEND_DIES, -DIMPORTER_DIES: at any moment, or never.
 * -DTIMER: a consumer that waits for a free row also looks again by itself, as it does.
 * -DMUTANT=n: a fault that must show:
 *   1 no fence behind the flag of who goes to sleep   2 no fence before the look at the other's flag
 *   3 the flag is raised after the last look          4 no look after the flag is raised
 *   5 the deadline starts anew at each wake-up        6 who sleeps does not see the other side end
 *   7 a full ring overwrites                          8 the consumer does not look again after its flag is raised
 *   9 the backend does not notice that the importer is gone
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef SAMPLES
#define SAMPLES 3
#endif
#define STEPS SAMPLES
#define ROWS 1
#define PATIENCE 2 /* ticks */

/* -- Memory --------------------------------------------------------------------------------------------------------- */

mtype = { WRITTEN, FREED, READER_WAITING, WRITER_WAITING, BACKEND, SHIM, CLOSE, CLOSED };
byte written, freed, reader_waiting, writer_waiting;
chan backend_stores = [4] of { mtype, byte };
chan shim_stores = [4] of { mtype, byte };

inline to_memory(place, value) {
  if
  :: place == WRITTEN -> written = value
  :: place == FREED -> freed = value
  :: place == READER_WAITING -> reader_waiting = value
  :: place == WRITER_WAITING -> writer_waiting = value
  fi
}

inline store(buffer, place, value) {
#ifdef SC
  d_step { to_memory(place, value) }
#else
  buffer!place,value
#endif
}

#define full_fence(buffer) (len(buffer) == 0)

/* A locked exchange empties the buffer, too. */
inline exchange(buffer, place, old) {
  atomic { full_fence(buffer); old = place; place = 0 }
}

proctype processor(chan buffer) {
  mtype place;
  byte value;
end:
  do
  :: atomic { buffer?place,value -> to_memory(place, value) }
  od
}

/* -- Between the processes ------------------------------------------------------------------------------------------ */

byte wake_bytes, notify_bytes; /* in the two pipes, which hold many: a few stand for all */
chan control = [1] of { mtype };
chan replies = [1] of { mtype };
bool backend_ended, shim_ended; /* and its ends of the pipes are closed */
bool gone;                      /* the thread that waits for the backend's end has seen it */
bool kill_backend, kill_importer;

inline write_byte(pipe) {
  d_step {
    if
    :: pipe < 2 -> pipe++
    :: else
    fi
  }
}

inline must_wake(buffer, flag, pipe) {
#if MUTANT != 2
  full_fence(buffer);
#endif
  raised = flag;
  if
  :: raised ->
     exchange(buffer, flag, raised);
     if
     :: raised -> write_byte(pipe)
     :: else
     fi
  :: else
  fi
}

/* -- The backend ---------------------------------------------------------------------------------------------------- */

proctype backend() {
  byte n, raised, room;
  bool waits; /* for a free row */
  byte says = 1; /* changes of the link's state, which wake without a sample */
  {
    do
    :: n < SAMPLES && !waits ->
       room = freed + ROWS - n;
       if
       :: room == 0 ->
          store(backend_stores, WRITER_WAITING, 1);
          full_fence(backend_stores);
#if MUTANT != 8
          room = freed + ROWS - n;
#endif
          if
#if MUTANT == 7
          :: room == 0 -> room = 1
#else
          :: room == 0 -> waits = true
#endif
          :: else -> store(backend_stores, WRITER_WAITING, 0)
          fi
       :: else
       fi;
       if
       :: !waits ->
          assert(n - freed < ROWS); /* else it overwrites what the shim has not given back */
          n++;
          store(backend_stores, WRITTEN, n);
          must_wake(backend_stores, reader_waiting, wake_bytes)
       :: else
       fi
    :: says > 0 ->
       says--;
       must_wake(backend_stores, reader_waiting, wake_bytes)
    :: waits && notify_bytes > 0 ->
       atomic { notify_bytes = 0; waits = false }
#ifdef TIMER
    :: waits -> waits = false
#endif
    :: control?CLOSE ->
       replies!CLOSED;
       break
#if MUTANT != 9
    :: shim_ended && empty(control) -> break
#endif
    od
  } unless { kill_backend };
  backend_ended = true
}

/* The thread in the importer that waits for the backend's end. */
proctype watcher() {
  backend_ended -> gone = true
}

/* -- The shim ------------------------------------------------------------------------------------------------------- */

bool waiting;      /* a step does not have its sample yet … */
bool has_deadline; /* … and has begun to wait for it */
byte left;         /* ticks until its deadline, as the step reckons … */
byte promised;     /* … and as was promised, from when it began to wait */
bool asleep;       /* in poll */

/* Time passes whatever anyone does, but who sleeps is woken in time. */
proctype time() {
end:
  do
  :: atomic {
       !(asleep && left == 0) ->
       assert(!(asleep && promised == 0));
       if
       :: left > 0 -> left--
       :: else
       fi;
       if
       :: promised > 0 -> promised--
       :: else
       fi
     }
  od
}

proctype shim() {
  byte step, consumed, seen, raised;
  bool broken;
  {
    do
    :: step == STEPS || broken -> break
    :: else ->
       waiting = true;
       broken = gone;
       seen = written; /* tb_selection_pull */
       do
       :: broken -> break
       :: !broken && seen > consumed ->
          consumed++;
          store(shim_stores, FREED, consumed); /* tb_selection_release */
          break
       :: else ->
          must_wake(shim_stores, writer_waiting, notify_bytes);
#if MUTANT == 3
          seen = written;
          store(shim_stores, READER_WAITING, 1);
          full_fence(shim_stores);
#else
          store(shim_stores, READER_WAITING, 1);
#if MUTANT != 1
          full_fence(shim_stores);
#endif
#if MUTANT != 4
          seen = written;
#endif
#endif
          if
          :: seen > consumed -> store(shim_stores, READER_WAITING, 0)
          :: else ->
             broken = gone;
             if
             :: broken
             :: else ->
#ifndef PATIENT
                atomic {
                  if
                  :: !has_deadline -> has_deadline = true; left = PATIENCE; promised = PATIENCE
#if MUTANT == 5
                  :: has_deadline -> left = PATIENCE
#endif
                  :: else
                  fi
                };
                asleep = true;
#endif
                if
                :: atomic { wake_bytes > 0 -> wake_bytes = 0; asleep = false };
                   seen = written;
                   broken = gone
#if MUTANT != 6
                :: atomic { backend_ended -> broken = true; asleep = false }
#endif
#ifndef PATIENT
                :: atomic { left == 0 -> asleep = false }; break
#endif
                fi
             fi
          fi
       od;
       atomic { waiting = false; has_deadline = false; left = 0; promised = 0; step++ }
    od;

    /* close_backend: it answers, or has ended; else it is given up after a time. */
    control!CLOSE;
    do
    :: replies?CLOSED -> break
    :: backend_ended -> break
#ifndef PATIENT
    :: true -> break
#endif
    od
  } unless { kill_importer };
  atomic { shim_ended = true; asleep = false; waiting = false }
}

init {
  atomic {
#ifndef SC
    run processor(backend_stores);
    run processor(shim_stores);
#endif
    run backend();
    run watcher();
    run shim();
#ifndef PATIENT
    run time();
#endif
  }
#ifdef BACKEND_DIES
  if
  :: kill_backend = true
  :: skip
  fi
#endif
#ifdef IMPORTER_DIES
  if
  :: kill_importer = true
  :: skip
  fi
#endif
}

/* A step that waits ends, and so does everything in the end. */
ltl deadline_honoured { [] (waiting -> <> !waiting) }
ltl ends { <> (backend_ended && shim_ended) }
