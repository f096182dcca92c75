/**
 * A kinematic field robot: drives from waypoint to waypoint at constant speed, and brakes to a stand when told to stop.
 * Lengths in m, times in s, speeds in m/s.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Field {
  readonly waypoints: readonly Point[];
  readonly obstacles: readonly Point[];
}

const CRUISE_SPEED = 1.2;
const BRAKING = 3; // m/s²

/** Obstacles are passed at this distance; more than the 2 m at which the monitor of the example stops the robot. */
const CLEARANCE = 3;
const LEG = 5;

/**
 * A slalom between obstacles, then straight at one that stands in the way. A robot that nobody stops reaches it about
 * when `duration` ends.
 */
export function slalom(duration: number): Field {
  const length = CRUISE_SPEED * duration;
  const waypoints: Point[] = [{ x: 0, y: 0 }];
  const obstacles: Point[] = [];
  let travelled = 0;
  let side = 1;
  for (let at = waypoints[0] as Point; travelled + 2 * LEG < length * 0.6; side = -side) {
    const next = { x: at.x + LEG, y: at.y + side };
    obstacles.push({ x: next.x, y: next.y + side * CLEARANCE });
    travelled += Math.hypot(next.x - at.x, next.y - at.y);
    waypoints.push(next);
    at = next;
  }
  const last = waypoints[waypoints.length - 1] as Point;
  const inTheWay = { x: last.x + Math.max(length * 0.97 - travelled, CLEARANCE + 1), y: last.y };
  return { waypoints: [...waypoints, inTheWay], obstacles: [...obstacles, inTheWay] };
}

export class FieldRobot {
  readonly #field: Field;
  #position: Point;
  #target = 1;
  #speed = CRUISE_SPEED;
  #braking = false;

  constructor(field: Field) {
    this.#field = field;
    this.#position = field.waypoints[0] as Point;
  }

  get position(): Point {
    return this.#position;
  }

  get speed(): number {
    return this.#speed;
  }

  brake(): void {
    this.#braking = true;
  }

  /** The obstacle closest to the robot. */
  nearestObstacle(): Point {
    return this.#field.obstacles.reduce((best, each) =>
      this.#distanceTo(each) < this.#distanceTo(best) ? each : best,
    );
  }

  distanceToNearest(): number {
    return this.#distanceTo(this.nearestObstacle());
  }

  /** Moves on by `dt`. */
  advance(dt: number): void {
    if (this.#braking) this.#speed = Math.max(0, this.#speed - BRAKING * dt);
    let way = this.#speed * dt;
    while (way > 0) {
      const goal = this.#field.waypoints[this.#target];
      if (goal === undefined) {
        this.#speed = 0;
        return;
      }
      const distance = this.#distanceTo(goal);
      const part = Math.min(way, distance);
      if (distance > 0) {
        const { x, y } = this.#position;
        this.#position = { x: x + ((goal.x - x) * part) / distance, y: y + ((goal.y - y) * part) / distance };
      }
      if (part === distance) this.#target++;
      way -= part;
      if (part === 0 && way <= 0) return;
    }
  }

  #distanceTo(point: Point): number {
    return Math.hypot(point.x - this.#position.x, point.y - this.#position.y);
  }
}
