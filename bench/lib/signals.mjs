/**
 * What the measured bridges carry: 117 values as a UR5e tells of itself (106 Real, 11 Integer), and a field robot's 5.
 *
 * The first Real of the 117 carries the instant at which a message was published; the first Integer is its number.
 */

const numbered = (name, count) => Array.from({ length: count }, (_, i) => `${name}_${i}`);

const UR5E_REALS = [
  'published_at',
  'timestamp',
  ...['target_q', 'target_qd', 'target_qdd', 'target_current', 'target_moment'].flatMap((name) => numbered(name, 6)),
  ...['actual_q', 'actual_qd', 'actual_current', 'joint_control_output'].flatMap((name) => numbered(name, 6)),
  ...['actual_TCP_pose', 'actual_TCP_speed', 'actual_TCP_force'].flatMap((name) => numbered(name, 6)),
  ...['target_TCP_pose', 'target_TCP_speed'].flatMap((name) => numbered(name, 6)),
  ...['joint_temperatures', 'actual_joint_voltage'].flatMap((name) => numbered(name, 6)),
  'actual_execution_time',
  'speed_scaling',
  'target_speed_fraction',
  'actual_momentum',
  'actual_main_voltage',
  'actual_robot_voltage',
  'actual_robot_current',
  'tcp_force_scalar',
];

const UR5E_INTEGERS = ['seqno', 'aligned', 'robot_mode', 'safety_mode', 'runtime_state', ...numbered('joint_mode', 6)];

/** Names by shape; outputs of the bridge, in this order. */
export const SHAPES = {
  117: { reals: UR5E_REALS, integers: UR5E_INTEGERS },
  5: { reals: ['x', 'y', 'obstacle_x', 'obstacle_y'], integers: ['seqno'] },
};

/** `outputs` of a bridge.yaml. */
export function outputsOf({ reals, integers }) {
  return Object.fromEntries([...reals.map((name) => [name, 'Real']), ...integers.map((name) => [name, 'Integer'])]);
}

/** Bodies that differ in their values: more than caches and branch predictors learn by heart, made beforehand. */
const VARIANTS = 256;

/**
 * A maker of message bodies: `(seqno, timeMs, publishedAtUs) => Buffer`. Values have 6 significant decimals, the time is
 * RFC 3339. Only what differs from message to message is rendered when it is asked for, so that a feeder costs little.
 */
export function messageMaker({ reals, integers }) {
  const carriesInstant = reals[0] === 'published_at';
  const tails = Array.from({ length: VARIANTS }, (_, variant) => {
    const parts = [
      ...reals.slice(carriesInstant ? 1 : 0).map((name, i) => `"${name}":${wave(variant, i)}`),
      ...integers.slice(1).map((name, i) => `"${name}":${(variant + i) % 8}`),
    ];
    return `,${parts.join(',')}}`;
  });
  return (seqno, timeMs, publishedAtUs) => {
    const instant = carriesInstant ? `,"published_at":${publishedAtUs}` : '';
    const head = `{"time":"${new Date(timeMs).toISOString()}","seqno":${seqno}${instant}`;
    return Buffer.from(head + tails[seqno % VARIANTS], 'latin1');
  };
}

function wave(variant, signal) {
  return (Math.sin((2 * Math.PI * variant) / VARIANTS + signal) * 10 ** (signal % 3)).toPrecision(6);
}
