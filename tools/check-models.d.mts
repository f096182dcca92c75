export interface ModelCheck {
  readonly name: string;
  readonly model: string;
  readonly defines: readonly string[];
  readonly holds: boolean;
  readonly property?: string;
}
export const checks: readonly ModelCheck[];
export function spinAvailable(): Promise<boolean>;
export function check(model: ModelCheck): Promise<{ holds: boolean; states: number; found: string | undefined }>;
